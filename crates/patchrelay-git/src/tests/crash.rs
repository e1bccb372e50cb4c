//! What a new process makes of what an old one left, wherever that was when it died.

use std::{fs, time::Duration};

use patchrelay_domain::{BranchName, CommitSha, RunId};
use patchrelay_ports::{Pushed, RemoteBranch, Workspaces};
use patchrelay_process::Command;
use tokio::time::timeout;

use super::world::{World, changed, git};
use crate::{config::GitConfig, git::Git, place::Place, record::Record};

#[tokio::test]
async fn a_new_process_finds_the_work_of_the_old_one() {
    let world = World::new().await;
    let first = world.prepare("run-1").await;
    world.write("new", "New.\n");
    let tree = world.inspect(&first).await.tree;
    let order = world.commit_order(&first, &tree, "run-1");
    let commit = world.workspaces.commit(&order).await.expect("it is made");
    let world = world.restarted();
    assert_eq!(world.inspect(&first).await.tree, tree);
    assert_eq!(world.workspaces.commit(&order).await.expect("it is made again"), commit);
    assert_eq!(world.push(&commit, "bot/APP-1", None).await.expect("it answers"), Pushed::Accepted);
    // It dies before it has stored that.
    let world = world.restarted();
    assert_eq!(world.push(&commit, "bot/APP-1", None).await.expect("it answers"), Pushed::Accepted);
    let branch =
        world.workspaces.remote_branch(&world.project, &first.branch).await.expect("it answers");
    assert_eq!(
        branch,
        Some(RemoteBranch {
            tree: world.tree(&commit).await,
            head: commit,
            run: Some(RunId::new("run-1"))
        })
    );
}

#[tokio::test]
async fn a_half_made_worktree_is_made_again() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let config: GitConfig = super::world::config(world.dir.path(), remote(&world));
    let place = Place::of(&config, &world.project, &worktree.path).expect("it is a place");
    Record { base: worktree.base.clone(), merge: None, is_own_repository: false, is_whole: false }
        .store(&place)
        .await
        .expect("written");
    fs::remove_file(world.worktree().join("README")).expect("removed");
    fs::write(place.admin().join("locked"), "initializing").expect("written");
    let world = world.restarted();
    assert_eq!(world.rescue("run-2").await, None);
    let again = world.prepare("run-2").await;
    assert_eq!(again, worktree);
    assert!(world.inspect(&again).await.is_clean);
}

#[tokio::test]
async fn preparing_may_be_cut_at_any_time() {
    let mut world = World::new().await;
    for cut in 0..40_u64 {
        let order = world.order("run-1");
        // The future is dropped wherever it is then, and with it the git that runs for it.
        drop(timeout(Duration::from_millis(cut * 7), world.workspaces.prepare(&order)).await);
        if cut % 10 == 9 {
            world = world.restarted();
            let worktree = world.prepare("run-1").await;
            assert!(world.inspect(&worktree).await.is_clean);
            assert_eq!(
                fs::read_to_string(world.worktree().join("README")).expect("it is there"),
                "An app.\n"
            );
            // From scratch, or with another base to go to.
            if cut % 20 == 9 {
                fs::remove_dir_all(world.data()).expect("removed");
                fs::remove_dir_all(world.worktree()).expect("removed");
            } else {
                world.human_pushes("trunk", "moved").await;
            }
        }
    }
}

#[tokio::test]
async fn edits_survive_a_cut_at_any_time() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    world.human_pushes("trunk", "moved").await;
    for cut in 0..20_u64 {
        let order = world.order("run-2");
        drop(timeout(Duration::from_millis(cut * 15), world.workspaces.prepare(&order)).await);
        assert_eq!(
            fs::read_to_string(world.worktree().join("new")).expect("it is there"),
            "New.\n"
        );
    }
    let worktree = world.prepare("run-2").await;
    assert_eq!(changed(&world.inspect(&worktree).await), ["new"]);
}

#[tokio::test]
async fn locks_of_a_killed_git_are_removed() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("new", "New.\n");
    fs::write(world.clone().join("packed-refs.lock"), "").expect("written");
    fs::write(world.clone().join("config.lock"), "").expect("written");
    fs::write(world.clone().join("refs/remotes/origin/trunk.lock"), "").expect("written");
    fs::write(world.data().join("worktrees/app/APP-1.index.lock"), "").expect("written");
    fs::write(world.clone().join("worktrees/APP-1/index.lock"), "").expect("written");
    fs::write(world.clone().join("worktrees/APP-1/HEAD.lock"), "").expect("written");
    for kind in ["publish/ticket-1/run-1", "rescue/ticket-1/run-2"] {
        let lock = world.clone().join(format!("refs/patchrelay/{kind}.lock"));
        fs::create_dir_all(lock.parent().expect("it is below the clone")).expect("made");
        fs::write(lock, "").expect("written");
    }
    let moved = world.human_pushes("trunk", "moved").await;
    let world = world.restarted();
    let again = world.prepare("run-2").await;
    assert_eq!(again.base, moved);
    let commit = world.publish(&again, "run-1", None).await;
    assert_eq!(world.prepare("run-3").await.base, commit);
}

#[tokio::test]
async fn what_is_left_of_another_worktree_disturbs_nobody() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("new", "New.\n");
    // git makes these files one after the other, and refuses much while one of them is empty.
    let other = world.clone().join("worktrees/APP-9");
    let break_off = || {
        fs::create_dir_all(&other).expect("made");
        fs::write(
            other.join("gitdir"),
            format!("{}/trees/APP-9/.git\n", world.dir.path().display()),
        )
        .expect("written");
        fs::write(other.join("commondir"), "").expect("written");
        let record = format!("{{\"base\":\"{}\",\"is_whole\":false}}", worktree.base);
        fs::write(world.data().join("worktrees/app/APP-9.json"), record).expect("written");
    };
    break_off();
    let commit = world.publish(&worktree, "run-1", None).await;
    assert!(world.rescue("run-1").await.is_some());
    let theirs = world.human_pushes("other", "theirs").await;
    let branch = world
        .workspaces
        .remote_branch(&world.project, &BranchName::new("other"))
        .await
        .expect("it answers");
    assert_eq!(branch.map(|branch| branch.head), Some(theirs));
    break_off();
    assert_eq!(world.prepare("run-2").await.base, commit);
}

#[tokio::test]
async fn what_an_old_process_left_running_on_the_worktree_is_killed() {
    let world = World::new().await;
    world.prepare("run-1").await;
    let marker = Git::new(&super::world::config(world.dir.path(), remote(&world)))
        .marker_of(&world.worktree());
    let sleep = Command::new("/bin/sleep", "/").arg("1000").marker(&marker);
    let mut left = sleep.spawn().expect("it starts");
    world.restarted().prepare("run-2").await;
    assert!(!left.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn a_damaged_clone_is_replaced_and_kept_aside() {
    let world = World::new().await;
    world.prepare("run-1").await;
    fs::remove_file(world.clone().join("HEAD")).expect("removed");
    let world = world.restarted();
    world.prepare("run-2").await;
    assert!(world.data().join("repos/app.damaged-1/objects").is_dir());
}

#[tokio::test]
async fn a_foreign_line_in_the_configuration_of_a_clone_has_no_effect() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let canary = world.dir.path().join("canary");
    git(
        &world.clone(),
        &["config", "filter.evil.clean", &format!("touch {}; cat", canary.display())],
    )
    .await;
    git(
        &world.clone(),
        &["config", "filter.evil.smudge", &format!("touch {}; cat", canary.display())],
    )
    .await;
    world.write(".gitattributes", "* filter=evil\n");
    world.write("new", "New.\n");
    world.inspect(&worktree).await;
    let commit = world.publish(&worktree, "run-1", None).await;
    git(
        &world.clone(),
        &["config", "filter.evil.smudge", &format!("touch {}; cat", canary.display())],
    )
    .await;
    let order = patchrelay_ports::PrepareOrder { keep_edits: false, ..world.order("run-2") };
    assert_eq!(world.workspaces.prepare(&order).await.expect("it is made ready").base, commit);
    assert!(!canary.exists(), "something was run");
}

#[tokio::test]
async fn two_worktrees_of_one_project_are_made_at_once() {
    let world = World::new().await;
    let second = patchrelay_ports::PrepareOrder {
        path: world.workspaces.worktree_path(&world.project, "APP-2"),
        ..world.order("run-2")
    };
    let order = world.order("run-1");
    let (one, two) =
        tokio::join!(world.workspaces.prepare(&order), world.workspaces.prepare(&second));
    let (one, two) = (one.expect("it is made ready"), two.expect("it is made ready"));
    let (one, two) = tokio::join!(world.inspect(&one), world.inspect(&two));
    assert!(one.is_clean && two.is_clean);
    let tip: CommitSha = world.tip("trunk").await;
    assert_eq!(world.prepare("run-3").await.base, tip);
}

fn remote(world: &World) -> crate::RemoteConfig {
    crate::RemoteConfig {
        url: world.remote().display().to_string(),
        token: None,
        worktree_root: world.dir.path().join("trees"),
        checkout: None,
    }
}
