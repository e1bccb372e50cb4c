//! A worktree goes only when everything in it is somewhere else.

use std::fs;

use patchrelay_domain::RunId;
use patchrelay_ports::{Removed, WorkspaceError, Workspaces};

use super::world::{World, issue};

async fn remove(world: &World, run: &str) -> Removed {
    let path = world.worktree().display().to_string();
    let run = RunId::new(run);
    let removed = world.workspaces.remove(&world.project, &issue(), &run, &path).await;
    removed.expect("it can be removed")
}

/// What we still know of it, in our clone and beside it.
fn traces(world: &World) -> Vec<String> {
    let list = |place: std::path::PathBuf| fs::read_dir(place).into_iter().flatten();
    let records = list(world.data().join("worktrees").join(world.project.id.as_str()));
    let admin = list(world.clone().join("worktrees"));
    records.chain(admin).map(|entry| entry.unwrap().path().display().to_string()).collect()
}

#[tokio::test]
async fn edits_are_kept_in_a_rescue_ref_before_their_worktree_goes() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("src/lib.rs", "fn edited() {}\n");
    world.write("deep/new", "New.\n");
    let rescue = "refs/patchrelay/rescue/ticket-1/run-1";
    assert_eq!(remove(&world, "run-1").await, Removed::Gone { rescue: Some(rescue.to_owned()) });
    assert!(!world.worktree().exists());
    assert_eq!(traces(&world), [""; 0]);
    assert_eq!(world.content(rescue, "src/lib.rs").await, "fn edited() {}");
    assert_eq!(world.content(rescue, "deep/new").await, "New.");
    assert_eq!(remove(&world, "run-1").await, Removed::Absent);
    let again = world.prepare("run-2").await;
    assert!(world.inspect(&again).await.is_clean, "it is made anew when it is needed");
}

#[tokio::test]
async fn a_worktree_without_edits_goes_without_a_trace() {
    let world = World::new().await;
    world.prepare("run-1").await;
    assert_eq!(remove(&world, "run-1").await, Removed::Gone { rescue: None });
    assert_eq!(traces(&world), [""; 0]);
    assert_eq!(world.rescue("run-1").await, None);
}

#[tokio::test]
async fn a_worktree_with_something_that_cannot_be_kept_stays() {
    let world = World::new().await;
    world.prepare("run-1").await;
    world.write("src/lib.rs", "fn edited() {}\n");
    world.write("nested/.git/HEAD", "ref: refs/heads/main\n");
    world.write("nested/file", "in a repository of its own\n");
    let stays = remove(&world, "run-1").await;
    assert!(matches!(stays, Removed::Stays { .. }), "{stays:?}");
    assert!(world.worktree().join("nested/file").exists());
}

#[tokio::test]
async fn a_removal_that_was_cut_is_finished_by_the_next() {
    let world = World::new().await;
    world.prepare("run-1").await;
    let record = world
        .data()
        .join("worktrees")
        .join(world.project.id.as_str())
        .join(world.worktree().file_name().unwrap())
        .with_extension("json");
    let whole = fs::read_to_string(&record).unwrap();
    fs::write(&record, whole.replace("true", "false")).unwrap();
    fs::remove_file(world.worktree().join("README")).unwrap();
    assert_eq!(remove(&world, "run-1").await, Removed::Gone { rescue: None });
    assert_eq!(traces(&world), [""; 0]);
    world.prepare("run-2").await;
    fs::remove_dir_all(world.worktree()).unwrap();
    assert_eq!(remove(&world, "run-2").await, Removed::Gone { rescue: None });
}

#[tokio::test]
async fn somebody_else_s_directory_is_left_alone() {
    let world = World::new().await;
    fs::create_dir_all(world.worktree()).unwrap();
    world.write("theirs", "not ours\n");
    let path = world.worktree().display().to_string();
    let refused =
        world.workspaces.remove(&world.project, &issue(), &RunId::new("run-1"), &path).await;
    assert!(matches!(refused, Err(WorkspaceError::Foreign { .. })), "{refused:?}");
    assert!(world.worktree().join("theirs").exists());
}
