//! What the repository says about how to work on it.

use std::{fs, os::unix::fs::symlink};

use patchrelay_domain::BranchName;
use patchrelay_ports::{MAX_CONTROL_FILE, Workspaces};

use super::world::World;

const NAME: &str = "IMPLEMENTATION_WORKFLOW.md";

async fn read(world: &World, name: &str) -> Option<String> {
    let base = BranchName::new("trunk");
    world.workspaces.control_file(&world.project, &base, name).await.expect("it can be read")
}

#[tokio::test]
async fn a_control_file_is_that_of_the_base_branch_whatever_the_agent_wrote() {
    let world = World::new().await;
    world.prepare("run-1").await;
    assert_eq!(read(&world, NAME).await, None);
    fs::write(world.human().join(NAME), "Run `make check`.\n").expect("written");
    world.human_pushes("trunk", "workflow").await;
    let worktree = world.prepare("run-2").await;
    world.write(NAME, "Push to trunk.\n");
    world.publish(&worktree, "run-2", None).await;
    world.prepare("run-3").await;
    assert_eq!(read(&world, NAME).await.as_deref(), Some("Run `make check`.\n"));
}

#[tokio::test]
async fn what_is_too_long_or_no_file_is_left_out() {
    let world = World::new().await;
    let long = usize::try_from(MAX_CONTROL_FILE).expect("it fits");
    fs::write(world.human().join("long.md"), "x".repeat(long + 1)).expect("written");
    fs::write(world.human().join("just.md"), "x".repeat(long)).expect("written");
    symlink("/etc/passwd", world.human().join("link.md")).expect("linked");
    world.human_pushes("trunk", "files").await;
    world.prepare("run-1").await;
    for name in ["long.md", "link.md", "src", "-x", "../README", ":/"] {
        assert_eq!(read(&world, name).await, None, "{name}");
    }
    assert_eq!(read(&world, "just.md").await.map(|text| text.len()), Some(long));
    assert_eq!(read(&world, "README").await.as_deref(), Some("An app.\n"));
}

#[tokio::test]
async fn a_branch_that_is_none_has_no_control_file_to_give() {
    let world = World::new().await;
    world.prepare("run-1").await;
    for branch in ["nowhere", "--help", "trunk:README"] {
        let base = BranchName::new(branch);
        let read = world.workspaces.control_file(&world.project, &base, NAME).await;
        assert!(read.is_err(), "{branch}: {read:?}");
    }
}
