//! What is not taken: too much, odd names, places that are not ours.

use std::{fs, os::unix::fs::symlink};

use patchrelay_domain::{GateHit, ProjectId, RunId};
use patchrelay_ports::{PrepareOrder, WorkspaceError, Workspaces};

use super::world::{World, changed, git, hits, issue, project};

/// What is published without a question, by default.
const MAX_FILE_BYTES: u64 = 5 * 1024 * 1024;

#[tokio::test]
async fn a_large_file_is_a_hit_only_when_it_is_changed() {
    let world = World::new().await;
    let large = usize::try_from(MAX_FILE_BYTES).expect("it fits") + 1;
    fs::write(world.human().join("old.bin"), vec![b'o'; large]).expect("written");
    world.human_pushes("trunk", "large").await;
    let worktree = world.prepare("run-1").await;
    assert_eq!(hits(&world.inspect(&worktree).await), []);
    world.write("at-the-limit.bin", vec![b'l'; large - 1]);
    world.write("new.bin", vec![b'n'; large]);
    let state = world.inspect(&worktree).await;
    assert_eq!(
        hits(&state),
        [GateHit::TooLarge { path: "new.bin".to_owned(), bytes: MAX_FILE_BYTES + 1 }]
    );
    assert_eq!(changed(&state), ["at-the-limit.bin", "new.bin"]);
}

#[tokio::test]
async fn a_file_that_no_forge_takes_is_not_even_staged() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let bytes = 101 * 1024 * 1024;
    // A file with a hole: nothing is written.
    let file = fs::File::create(world.worktree().join("huge.bin")).expect("made");
    file.set_len(bytes).expect("it has a hole");
    let state = world.inspect(&worktree).await;
    assert_eq!(hits(&state), [GateHit::TooLarge { path: "huge.bin".to_owned(), bytes }]);
    assert!(state.is_clean);
}

#[tokio::test]
async fn more_changes_than_anybody_reviews_are_a_hit() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    for n in 0..3_001 {
        world.write(&format!("many/{n}"), "");
    }
    let state = world.inspect(&worktree).await;
    assert_eq!(hits(&state), [GateHit::TooMany { paths: 3_001 }]);
    assert_eq!(state.changes.files.len(), 3_001);
}

#[tokio::test]
async fn names_and_files_that_git_refuses_do_not_stop_the_rest() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    world.write("a/.GIT/config", "[core]\n");
    world.write("Git~1/config", "[core]\n");
    fs::create_dir(path.join("b")).expect("made");
    symlink("/etc/passwd", path.join("b/.gitmodules")).expect("linked");
    nix::unistd::mkfifo(&path.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    fs::remove_file(path.join("README")).expect("removed");
    nix::unistd::mkfifo(&path.join("README"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    world.write("good", "Good.\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(
        hits(&state),
        [
            GateHit::NestedRepository { path: "Git~1".to_owned() },
            GateHit::NestedRepository { path: "a".to_owned() },
            GateHit::ForeignLink { path: "b/.gitmodules".to_owned() },
        ]
    );
    assert_eq!(changed(&state), ["README", "good"]);
}

#[tokio::test]
async fn a_path_elsewhere_is_not_touched() {
    let world = World::new().await;
    let trees = world.dir.path().join("trees");
    let human = world.human().display().to_string();
    for path in [
        human.clone(),
        format!("{}/../human", trees.display()),
        format!("{}/a/b", trees.display()),
        format!("{}/.hidden", trees.display()),
        format!("{}/-rf", trees.display()),
        trees.display().to_string(),
        "trees/APP-1".to_owned(),
        String::new(),
    ] {
        let refused = world
            .workspaces
            .prepare(&PrepareOrder { path: path.clone(), ..world.order("run-1") })
            .await;
        assert!(matches!(refused, Err(WorkspaceError::Foreign { .. })), "{path}: {refused:?}");
        let refused =
            world.workspaces.rescue(&world.project, &issue(), &RunId::new("run-1"), &path).await;
        assert!(matches!(refused, Err(WorkspaceError::Foreign { .. })), "{path}: {refused:?}");
    }
    assert!(world.human().join("README").exists());
}

#[tokio::test]
async fn a_name_gives_a_path_directly_below_the_root() {
    let world = World::new().await;
    let path = |name| world.workspaces.worktree_path(&world.project, name);
    let root = world.dir.path().join("trees");
    assert_eq!(path("APP-1-0123abcd"), root.join("APP-1-0123abcd").display().to_string());
    assert_eq!(path("../../etc/passwd"), root.join("x------etc-passwd").display().to_string());
    assert_eq!(path(""), root.join("x").display().to_string());
}

#[tokio::test]
async fn a_directory_that_somebody_else_made_is_left_alone() {
    let world = World::new().await;
    fs::create_dir_all(world.worktree()).expect("made");
    world.write("precious", "Theirs.\n");
    let refused =
        world.workspaces.prepare(&PrepareOrder { keep_edits: false, ..world.order("run-1") }).await;
    assert!(matches!(refused, Err(WorkspaceError::Foreign { .. })), "{refused:?}");
    assert_eq!(
        fs::read_to_string(world.worktree().join("precious")).expect("it is there"),
        "Theirs.\n"
    );
}

#[tokio::test]
async fn a_link_in_the_place_of_the_worktree_is_not_followed() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    fs::rename(world.worktree(), world.dir.path().join("moved")).expect("moved");
    symlink(world.human(), world.worktree()).expect("linked");
    let prepared = world.workspaces.prepare(&world.order("run-2")).await;
    assert!(matches!(prepared, Err(WorkspaceError::Foreign { .. })), "{prepared:?}");
    let inspected = world.workspaces.inspect(&world.project, &worktree).await;
    assert!(matches!(inspected, Err(WorkspaceError::Foreign { .. })), "{inspected:?}");
    assert!(world.human().join("README").exists());
}

#[tokio::test]
async fn a_project_without_a_repository_is_named() {
    let world = World::new().await;
    let other = project("other");
    assert_eq!(world.workspaces.worktree_path(&other, "APP-1"), "APP-1");
    let refused =
        world.workspaces.prepare(&PrepareOrder { project: other, ..world.order("run-1") }).await;
    let Err(WorkspaceError::Local { operation, .. }) = refused else { panic!("{refused:?}") };
    assert!(operation.contains(ProjectId::new("other").as_str()), "{operation}");
}

#[tokio::test]
async fn ids_cannot_lead_a_ref_elsewhere() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    let name = world.rescue("../../heads/trunk.lock").await.expect("there is something to keep");
    assert_eq!(name, "refs/patchrelay/rescue/ticket-1/x------heads-trunk-lock");
    assert_eq!(world.content(&name, "new").await, "New.");
    assert_eq!(git(&world.clone(), &["for-each-ref", "refs/heads"]).await, "");
}

#[tokio::test]
async fn what_is_no_branch_or_object_is_no_argument() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let commit = world.commit(&worktree, "run-1").await;
    for branch in
        ["--mirror", "a:refs/heads/trunk", "a b", "a..b", "*", "a/.b", "a.lock", "", "@{-1}", "a/"]
    {
        let pushed = world.push(&commit, branch, None).await;
        assert!(matches!(pushed, Err(WorkspaceError::Local { .. })), "{branch}: {pushed:?}");
    }
    let no_commit = patchrelay_domain::CommitSha::new("--output=/tmp/x");
    let pushed = world.push(&no_commit, "fine", None).await;
    assert!(matches!(pushed, Err(WorkspaceError::Local { .. })), "{pushed:?}");
    assert!(world.workspaces.diff(&world.project, &no_commit, &commit).await.is_err());
}

#[tokio::test]
async fn a_long_difference_is_shown_as_a_list() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("long", "0123456789abcdef\n".repeat(100_000));
    let commit = world.commit(&worktree, "run-1").await;
    let diff =
        world.workspaces.diff(&world.project, &worktree.base, &commit).await.expect("it is shown");
    assert!(diff.contains("long | 100000 +"), "{diff}");
}
