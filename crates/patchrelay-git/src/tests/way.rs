//! The way of a run's work from the base branch to a branch of the remote.

use std::{fs, os::unix::fs::PermissionsExt};

use patchrelay_domain::{BranchName, RunId};
use patchrelay_ports::{PrepareOrder, Pushed, RemoteBranch, WorkspaceError, Workspaces};

use super::world::{World, changed, git, hits};

#[tokio::test]
async fn work_goes_from_the_base_branch_to_a_branch_of_the_remote() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    assert_eq!(worktree.base, world.tip("trunk").await);
    assert_eq!(
        fs::read_to_string(world.worktree().join("src/lib.rs")).expect("it is there"),
        "fn one() {}\n"
    );
    assert!(world.inspect(&worktree).await.is_clean);

    world.write("src/lib.rs", "fn two() {}\n");
    world.write("docs/new file.md", "New.\n");
    fs::remove_file(world.worktree().join("README")).expect("removed");
    let state = world.inspect(&worktree).await;
    assert!(!state.is_clean);
    assert_eq!(changed(&state), ["README", "docs/new file.md", "src/lib.rs"]);
    assert_eq!(hits(&state), []);

    let commit = world.publish(&worktree, "run-1", None).await;
    assert_eq!(world.tip("bot/APP-1").await, commit);
    assert_eq!(world.paths(commit.as_str()).await, ["docs/new file.md", "src/lib.rs"]);
    let who =
        git(&world.remote(), &["log", "-1", "--format=%an <%ae> %cn %at %P", "bot/APP-1"]).await;
    assert_eq!(who, format!("Relay <relay@example.com> Relay 1700000000 {}", worktree.base));
    let branch =
        world.workspaces.remote_branch(&world.project, &worktree.branch).await.expect("it answers");
    assert_eq!(
        branch,
        Some(RemoteBranch {
            tree: world.tree(&commit).await,
            head: commit.clone(),
            run: Some(RunId::new("run-1"))
        })
    );
    let diff =
        world.workspaces.diff(&world.project, &worktree.base, &commit).await.expect("it is shown");
    assert!(diff.contains("+fn two() {}"), "{diff}");
}

#[tokio::test]
async fn the_same_order_gives_the_same_commit() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let tree = world.inspect(&worktree).await.tree;
    let order = world.commit_order(&worktree, &tree, "run-1");
    let commit = world.workspaces.commit(&order).await.expect("it is made");
    assert_eq!(world.workspaces.commit(&order).await.expect("it is made again"), commit);
    assert_eq!(
        git(&world.clone(), &["rev-parse", "refs/patchrelay/publish/ticket-1/run-1"]).await,
        commit.as_str()
    );
}

#[tokio::test]
async fn every_kind_of_change_is_staged() {
    let world = World::new().await;
    fs::write(world.human().join("becomes-dir"), "file\n").expect("written");
    fs::create_dir(world.human().join("becomes-file")).expect("made");
    fs::write(world.human().join("becomes-file/inner"), "inner\n").expect("written");
    fs::write(world.human().join("script"), "#!/bin/sh\n").expect("written");
    world.human_pushes("trunk", "more").await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    fs::remove_file(path.join("becomes-dir")).expect("removed");
    world.write("becomes-dir/inner", "now a directory\n");
    fs::remove_dir_all(path.join("becomes-file")).expect("removed");
    world.write("becomes-file", "now a file\n");
    fs::set_permissions(path.join("script"), fs::Permissions::from_mode(0o755))
        .expect("executable");
    std::os::unix::fs::symlink("README", path.join("link")).expect("linked");
    world.write("line\nbreak", "odd name\n");
    fs::rename(path.join("README"), path.join("README.md")).expect("renamed");
    let state = world.inspect(&worktree).await;
    assert_eq!(
        changed(&state),
        [
            "README",
            "README.md",
            "becomes-dir",
            "becomes-dir/inner",
            "becomes-file",
            "becomes-file/inner",
            "line\nbreak",
            "link",
            "script"
        ]
    );
    let listing = git(
        &world.clone(),
        &["ls-tree", "-r", "--format=%(objectmode) %(path)", state.tree.as_str()],
    )
    .await;
    let expected = "100644 README.md\n100644 becomes-dir/inner\n100644 becomes-file\n100644 \"line\\nbreak\"\n\
                    120000 link\n100755 script\n100644 src/lib.rs";
    assert_eq!(listing, expected);
}

#[tokio::test]
async fn an_edit_right_after_the_checkout_that_keeps_the_size_is_seen() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("src/lib.rs", "fn 0ne() {}\n");
    assert_eq!(changed(&world.inspect(&worktree).await), ["src/lib.rs"]);
}

#[tokio::test]
async fn what_the_repository_ignores_is_not_published() {
    let world = World::new().await;
    fs::write(world.human().join(".gitignore"), "target/\n*.log\n").expect("written");
    world.human_pushes("trunk", "ignore").await;
    let worktree = world.prepare("run-1").await;
    world.write("target/debug/app", "binary");
    world.write("target/dep/.git/config", "[core]\n");
    world.write("build.log", "log");
    let state = world.inspect(&worktree).await;
    assert!(state.is_clean);
    assert_eq!(hits(&state), []);
}

#[tokio::test]
async fn the_agent_can_ask_git_what_it_changed() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    assert_eq!(git(&world.worktree(), &["status", "--short"]).await, "?? new");
}

#[tokio::test]
async fn the_next_run_stands_on_what_was_published() {
    let world = World::new().await;
    let first = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let commit = world.publish(&first, "run-1", None).await;
    // The worktree still stands on the base, and holds exactly what was published.
    let second = world.prepare("run-2").await;
    assert_eq!(second.base, commit);
    assert!(world.inspect(&second).await.is_clean);
    assert_eq!(git(&world.worktree(), &["status", "--short"]).await, "");
    world.write("newer", "Newer.\n");
    let next = world.publish(&second, "run-2", Some(&commit)).await;
    assert_eq!(world.tip("bot/APP-1").await, next);
}

#[tokio::test]
async fn a_clean_worktree_follows_its_base_branch() {
    let world = World::new().await;
    world.prepare("run-1").await;
    fs::write(world.human().join("README"), "A better app.\n").expect("written");
    let moved = world.human_pushes("trunk", "better").await;
    let worktree = world.prepare("run-2").await;
    assert_eq!(worktree.base, moved);
    assert_eq!(
        fs::read_to_string(world.worktree().join("README")).expect("it is there"),
        "A better app.\n"
    );
    assert!(world.inspect(&worktree).await.is_clean);
}

#[tokio::test]
async fn kept_edits_are_rescued_before_they_are_carried_onto_a_base_that_moved() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("src/lib.rs", "fn edited() {}\n");
    world.write("new", "New.\n");
    let moved = world.human_pushes("trunk", "moved").await;
    let second = world.prepare("run-2").await;
    assert_eq!(second.base, moved);
    assert_eq!(changed(&world.inspect(&second).await), ["new", "src/lib.rs"]);
    assert_eq!(
        world.paths("refs/patchrelay/rescue/ticket-1/run-2").await,
        ["README", "new", "src/lib.rs"]
    );
}

#[tokio::test]
async fn edits_that_are_not_kept_in_place_are_kept_in_a_rescue_ref() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("src/lib.rs", "fn edited() {}\n");
    world.write("deep/new", "New.\n");
    let order = PrepareOrder { keep_edits: false, ..world.order("run-2") };
    let worktree = world.workspaces.prepare(&order).await.expect("it is made ready");
    assert!(world.inspect(&worktree).await.is_clean);
    assert!(!world.worktree().join("deep").exists());
    let rescue = "refs/patchrelay/rescue/ticket-1/run-2";
    assert_eq!(world.content(rescue, "src/lib.rs").await, "fn edited() {}");
    assert_eq!(world.content(rescue, "deep/new").await, "New.");
}

#[tokio::test]
async fn edits_without_a_directory_start_afresh() {
    let world = World::new().await;
    world.prepare("run-1").await;
    fs::remove_dir_all(world.worktree()).expect("removed");
    let worktree = world.prepare("run-2").await;
    assert!(world.inspect(&worktree).await.is_clean);
}

#[tokio::test]
async fn a_rescue_keeps_what_was_rescued_before() {
    let world = World::new().await;
    assert_eq!(world.rescue("run-1").await, None);
    world.prepare("run-1").await;
    assert_eq!(world.rescue("run-1").await, None);
    world.write("first", "1\n");
    let name = world.rescue("run-1").await.expect("there is something to keep");
    let first = git(&world.clone(), &["rev-parse", &name]).await;
    assert_eq!(world.rescue("run-1").await.as_ref(), Some(&name));
    assert_eq!(git(&world.clone(), &["rev-parse", &name]).await, first);
    fs::remove_file(world.worktree().join("first")).expect("removed");
    world.write("second", "2\n");
    assert_eq!(world.rescue("run-1").await.as_ref(), Some(&name));
    assert_eq!(world.content(&name, "second").await, "2");
    assert_eq!(world.content(&format!("{name}^2"), "first").await, "1");
    assert!(world.worktree().join("second").exists());
}

#[tokio::test]
async fn a_branch_with_commits_of_others_is_taken() {
    let world = World::new().await;
    world.human_pushes("bot/APP-1", "mine").await;
    let refused = world.workspaces.prepare(&world.order("run-1")).await;
    assert!(
        matches!(&refused, Err(WorkspaceError::BranchTaken { branch }) if branch.as_str() == "bot/APP-1")
    );
    let order = PrepareOrder { branch: BranchName::new("bot/APP-1-2"), ..world.order("run-1") };
    world.workspaces.prepare(&order).await.expect("another name is free");
}

#[tokio::test]
async fn work_on_a_pull_request_stands_on_what_others_pushed_to_it() {
    let world = World::new().await;
    let theirs = world.human_pushes("bot/APP-1", "mine").await;
    let order = PrepareOrder { has_pull_request: true, ..world.order("run-1") };
    let worktree = world.workspaces.prepare(&order).await.expect("it is made ready");
    assert_eq!(worktree.base, theirs);
    world.write("new", "New.\n");
    let ours = world.publish(&worktree, "run-1", Some(&theirs)).await;
    assert_eq!(world.tip("bot/APP-1").await, ours);
}

#[tokio::test]
async fn a_branch_that_appeared_meanwhile_is_not_overwritten() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let commit = world.commit(&worktree, "run-1").await;
    let theirs = world.human_pushes("bot/APP-1", "mine").await;
    let pushed = world.push(&commit, "bot/APP-1", None).await.expect("it answers");
    assert_eq!(pushed, Pushed::Moved { found: Some(theirs.clone()) });
    assert_eq!(world.tip("bot/APP-1").await, theirs);
    let branch =
        world.workspaces.remote_branch(&world.project, &worktree.branch).await.expect("it answers");
    assert_eq!(
        branch,
        Some(RemoteBranch { tree: world.tree(&theirs).await, head: theirs, run: None })
    );
}

#[tokio::test]
async fn a_branch_that_moved_or_vanished_meanwhile_is_left_alone() {
    let world = World::new().await;
    let first = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let published = world.publish(&first, "run-1", None).await;
    let second = world.prepare("run-2").await;
    world.write("newer", "Newer.\n");
    let commit = world.commit(&second, "run-2").await;
    let theirs = world.human_pushes("bot/APP-1", "mine").await;
    let pushed = world.push(&commit, "bot/APP-1", Some(&published)).await.expect("it answers");
    assert_eq!(pushed, Pushed::Moved { found: Some(theirs) });
    git(&world.remote(), &["update-ref", "-d", "refs/heads/bot/APP-1"]).await;
    let pushed = world.push(&commit, "bot/APP-1", Some(&published)).await.expect("it answers");
    assert_eq!(pushed, Pushed::Moved { found: None });
    assert_eq!(
        world.workspaces.remote_branch(&world.project, &second.branch).await.expect("it answers"),
        None
    );
}

#[tokio::test]
async fn pushing_what_is_there_is_accepted() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let commit = world.publish(&worktree, "run-1", None).await;
    assert_eq!(world.push(&commit, "bot/APP-1", None).await.expect("it answers"), Pushed::Accepted);
}

#[tokio::test]
async fn a_push_is_never_forced() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    world.publish(&worktree, "run-1", None).await;
    // A commit beside the published one, with the right expectation of the remote.
    world.write("new", "Other.\n");
    let tip = world.tip("bot/APP-1").await;
    let beside = world.commit(&worktree, "run-2").await;
    let refused = world.push(&beside, "bot/APP-1", Some(&tip)).await;
    assert!(
        matches!(&refused, Err(WorkspaceError::Refused { reason, .. }) if reason.contains("non-fast-forward"))
    );
    assert_eq!(world.tip("bot/APP-1").await, tip);
}

#[tokio::test]
async fn a_refusal_of_the_remote_is_told_in_its_words() {
    let world = World::new().await;
    let hooks = world.remote().join("hooks");
    fs::create_dir(&hooks).expect("made");
    fs::write(hooks.join("pre-receive"), "#!/bin/sh\necho the branch is protected\nexit 1\n")
        .expect("written");
    fs::set_permissions(hooks.join("pre-receive"), fs::Permissions::from_mode(0o755))
        .expect("executable");
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let commit = world.commit(&worktree, "run-1").await;
    let refused = world.push(&commit, "bot/APP-1", None).await;
    let Err(WorkspaceError::Refused { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(
        reason.contains("hook declined") && reason.contains("the branch is protected"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_remote_that_is_away_can_be_waited_for() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let commit = world.commit(&worktree, "run-1").await;
    fs::rename(world.remote(), world.dir.path().join("away.git")).expect("moved");
    let prepared = world.workspaces.prepare(&world.order("run-2")).await;
    assert!(matches!(prepared, Err(WorkspaceError::Remote { .. })), "{prepared:?}");
    let pushed = world.push(&commit, "bot/APP-1", None).await;
    assert!(matches!(pushed, Err(WorkspaceError::Remote { .. })), "{pushed:?}");
    let branch = world.workspaces.remote_branch(&world.project, &worktree.branch).await;
    assert!(matches!(branch, Err(WorkspaceError::Remote { .. })), "{branch:?}");
    // What is on this machine works on.
    assert!(world.rescue("run-1").await.is_some());
    fs::rename(world.dir.path().join("away.git"), world.remote()).expect("moved");
    assert_eq!(world.push(&commit, "bot/APP-1", None).await.expect("it is back"), Pushed::Accepted);
}

#[tokio::test]
async fn a_base_branch_that_does_not_exist_is_a_refusal() {
    let world = World::new().await;
    let order = PrepareOrder { base_branch: BranchName::new("main"), ..world.order("run-1") };
    let refused = world.workspaces.prepare(&order).await;
    assert!(matches!(refused, Err(WorkspaceError::Refused { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_branch_may_take_the_place_of_a_directory_of_branches() {
    let world = World::new().await;
    world.human_pushes("bot", "in the way").await;
    world.prepare("run-1").await;
    git(&world.remote(), &["update-ref", "-d", "refs/heads/bot"]).await;
    let worktree = world.prepare("run-2").await;
    world.write("new", "New.\n");
    world.publish(&worktree, "run-2", None).await;
    assert_eq!(world.prepare("run-3").await.base, world.tip("bot/APP-1").await);
}

#[tokio::test]
async fn a_repository_with_large_file_storage_is_refused() {
    let world = World::new().await;
    fs::write(world.human().join("src/.gitattributes"), "*.png filter=lfs diff=lfs\n")
        .expect("written");
    world.human_pushes("trunk", "lfs").await;
    let refused = world.workspaces.prepare(&world.order("run-1")).await;
    let Err(WorkspaceError::Local { source, .. }) = refused else { panic!("{refused:?}") };
    assert!(source.to_string().contains("LFS"), "{source}");
}

#[tokio::test]
async fn a_run_is_recognised_by_the_trailer_that_the_domain_writes() {
    let world = World::new().await;
    world.prepare("run-1").await;
    let message = format!(
        "Subject\n\nPatchRelay-Run is named here.\n\n{}",
        patchrelay_domain::run_trailer(&RunId::new("r"))
    );
    world.human_pushes("named", &message).await;
    let branch = world
        .workspaces
        .remote_branch(&world.project, &BranchName::new("named"))
        .await
        .expect("it answers");
    assert_eq!(branch.and_then(|branch| branch.run), Some(RunId::new("r")));
}
