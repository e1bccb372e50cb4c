//! Repositories of the agent's own, for agents that publish by themselves.

use std::fs;

use patchrelay_domain::{CommitSha, prompt::Publisher};
use patchrelay_ports::{PrepareOrder, WorkspaceError, Workspaces};

use super::world::{World, changed, git, hits};

/// A world whose agent publishes.
async fn world() -> World {
    let mut world = World::new().await;
    world.project.publisher = Publisher::Agent;
    world
}

/// The agent commits everything.
async fn commits(world: &World) -> CommitSha {
    let here = world.worktree();
    git(&here, &["add", "--all"]).await;
    git(&here, &["commit", "-m", "Work"]).await;
    CommitSha::new(git(&here, &["rev-parse", "HEAD"]).await)
}

/// The agent commits everything and pushes it.
async fn publishes(world: &World) -> CommitSha {
    let commit = commits(world).await;
    git(&world.worktree(), &["push", "--quiet"]).await;
    commit
}

#[tokio::test]
async fn an_agent_that_publishes_commits_and_pushes_from_its_own_repository() {
    let world = world().await;
    let worktree = world.prepare("run-1").await;
    let here = world.worktree();
    assert_eq!(
        git(&here, &["status", "--porcelain", "--branch"]).await,
        "## bot/APP-1...origin/bot/APP-1 [gone]"
    );
    assert_eq!(git(&here, &["rev-parse", "origin/trunk"]).await, worktree.base.as_str());
    assert_eq!(git(&here, &["config", "user.email"]).await, "relay@example.com");

    world.write("new", "New.\n");
    let commit = publishes(&world).await;
    let state = world.inspect(&worktree).await;
    assert_eq!((changed(&state), hits(&state)), (vec!["new"], vec![]));
    let remote = world.workspaces.remote_branch(&world.project, &worktree.branch).await;
    let remote = remote.expect("it answers").expect("it is there");
    assert_eq!((remote.head, remote.tree, remote.run), (commit, state.tree, None));
}

#[tokio::test]
async fn what_was_published_is_gone_on_with_and_what_was_not_is_kept() {
    let world = world().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    let published = publishes(&world).await;
    // It has no pull request yet, and the directory tells whose branch it is.
    let second = world.prepare("run-2").await;
    assert_eq!((&second.base, second.is_behind), (&published, false));
    world.write("newer", "Newer.\n");
    let local = commits(&world).await;
    let third = world.prepare("run-3").await;
    assert_eq!(git(&world.worktree(), &["rev-parse", "HEAD"]).await, local.as_str());
    assert_eq!(changed(&world.inspect(&third).await), ["newer"]);

    git(&world.worktree(), &["pack-refs", "--all"]).await;
    let afresh = PrepareOrder { keep_edits: false, ..world.order("run-4") };
    world.workspaces.prepare(&afresh).await.expect("it is made anew");
    assert!(!world.worktree().join("newer").exists());
    assert_eq!(world.content("refs/patchrelay/rescue/ticket-1/run-4", "newer").await, "Newer.");
    let aside = world.worktree().with_file_name("APP-1-run-4.git");
    assert_eq!(git(&aside, &["rev-parse", "bot/APP-1"]).await, local.as_str());
}

/// What is on the remote needs no second place.
#[tokio::test]
async fn a_repository_is_kept_aside_only_for_commits_that_are_nowhere_else() {
    let world = world().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    publishes(&world).await;
    world.prepare("run-2").await;
    let afresh = PrepareOrder { keep_edits: false, ..world.order("run-3") };
    world.workspaces.prepare(&afresh).await.expect("it is made anew");
    assert!(!world.worktree().with_file_name("APP-1-run-3.git").exists());
    world.write("newer", "Newer.\n");
    let local = commits(&world).await;
    git(&world.worktree(), &["pack-refs", "--all"]).await;
    // Not where the branch is, but where its agent stands.
    git(&world.worktree(), &["checkout", "--quiet", "--detach"]).await;
    git(&world.worktree(), &["branch", "--force", "bot/APP-1", "origin/trunk"]).await;
    let path = world.worktree().display().to_string();
    let run = patchrelay_domain::RunId::new("run-4");
    let removed =
        world.workspaces.remove(&world.project, &super::world::issue(), &run, &path).await;
    assert!(
        matches!(removed, Ok(patchrelay_ports::Removed::Gone { rescue: Some(_) })),
        "{removed:?}"
    );
    let aside = world.worktree().with_file_name("APP-1-run-4.git");
    assert_eq!(git(&aside, &["rev-parse", "HEAD"]).await, local.as_str());
}

/// As a crash leaves it between moving a repository aside and making the next one, and as an agent may.
#[tokio::test]
async fn a_repository_that_is_gone_is_made_anew_and_its_files_are_rescued() {
    let world = world().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    fs::remove_dir_all(world.worktree().join(".git")).expect("removed");
    let worktree = world.prepare("run-2").await;
    assert_eq!(git(&world.worktree(), &["status", "--porcelain"]).await, "");
    assert_eq!(worktree.base, world.tip("trunk").await);
    assert_eq!(world.content("refs/patchrelay/rescue/ticket-1/run-2", "new").await, "New.");
}

/// One that an agent plants where it does not publish is no work of anybody.
#[tokio::test]
async fn a_planted_repository_is_not_kept() {
    let world = World::new().await;
    world.prepare("run-1").await;
    let here = world.worktree();
    fs::remove_file(here.join(".git")).expect("removed");
    git(&here, &["init", "--quiet", "--template=", "."]).await;
    commits(&world).await;
    let afresh = PrepareOrder { keep_edits: false, ..world.order("run-2") };
    world.workspaces.prepare(&afresh).await.expect("it is made anew");
    assert!(!here.with_file_name("APP-1-run-2.git").exists());
}

#[tokio::test]
async fn a_branch_that_was_others_before_the_agent_came_is_taken() {
    let world = world().await;
    world.human_pushes("bot/APP-1", "mine").await;
    let refused = world.workspaces.prepare(&world.order("run-1")).await;
    assert!(matches!(refused, Err(WorkspaceError::BranchTaken { .. })));
}

/// Whatever it writes into its repository, our clone is not changed by it, and nothing of it is run by us (D25).
#[tokio::test]
async fn what_an_agent_does_to_its_repository_stays_there() {
    let world = world().await;
    let worktree = world.prepare("run-1").await;
    let own = world.worktree().join(".git");
    let mark = world.dir.path().join("it-ran");
    let program = world.dir.path().join("program");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", mark.display())).expect("written");
    let mut config = fs::read_to_string(own.join("config")).expect("read");
    config += &format!(
        "[core]\n\tfsmonitor = {0}\n\thooksPath = {1}\n[filter \"x\"]\n\tclean = {0}\n\tsmudge = {0}\n",
        program.display(),
        world.dir.path().display(),
    );
    fs::write(own.join("config"), config).expect("written");
    world.write(".gitattributes", "* filter=x\n");
    for pack in fs::read_dir(own.join("objects/pack")).expect("it has packs") {
        fs::remove_file(pack.expect("a file").path()).expect("removed");
    }
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state), [".gitattributes"]);
    assert!(!mark.exists());
    let again = PrepareOrder { keep_edits: false, ..world.order("run-2") };
    world.workspaces.prepare(&again).await.expect("it is made anew");
    assert!(!mark.exists());
    assert_eq!(git(&world.worktree(), &["status", "--porcelain"]).await, "");
}

#[tokio::test]
async fn a_worktree_becomes_a_repository_when_the_agent_is_to_publish_and_back() {
    let mut world = World::new().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    for (publisher, run) in [(Publisher::Agent, "run-2"), (Publisher::Harness, "run-3")] {
        world.project.publisher = publisher;
        world.prepare(run).await;
        assert_eq!(world.worktree().join(".git").is_dir(), publisher == Publisher::Agent);
        world.write("new", "New.\n");
    }
    assert_eq!(world.content("refs/patchrelay/rescue/ticket-1/run-2", "new").await, "New.");
}
