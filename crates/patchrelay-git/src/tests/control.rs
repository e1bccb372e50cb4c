//! What the repository says about how to work on it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use patchrelay_domain::BranchName;
use patchrelay_ports::{MAX_CONTROL_FILE, WorkspaceError, Workspaces};

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

const HOOK: &str = ".patchrelay/hooks/prepare-worktree";

async fn hook(world: &World) -> Result<Option<String>, WorkspaceError> {
    world.workspaces.prepare_hook(&world.project, &BranchName::new("trunk")).await
}

/// Lets the base branch have this hook.
async fn push_hook(world: &World, content: &[u8]) {
    let path = world.human().join(HOOK);
    fs::create_dir_all(path.parent().expect("it is below")).expect("made");
    fs::write(path, content).expect("written");
    world.human_pushes("trunk", "hook").await;
}

#[tokio::test]
async fn the_hook_is_that_of_the_base_branch_byte_for_byte_and_out_of_reach() {
    let world = World::new().await;
    world.prepare("run-1").await;
    assert_eq!(hook(&world).await.expect("it can be read"), None);
    let content = b"#!/bin/sh\n# \xff\necho prepared\n";
    push_hook(&world, content).await;
    world.prepare("run-2").await;
    world.write(HOOK, "#!/bin/sh\necho planted\n");
    let path = hook(&world).await.expect("it can be read").expect("there is one");
    assert_eq!(path, world.data().join("hooks/app").display().to_string());
    let mode = |path: &str| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((fs::read(&path).expect("read"), mode(&path)), (content.to_vec(), 0o500));
    // What a crash left half made is made whole, and what was not changed is not written to: it may be running.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("set");
    let made = fs::metadata(&path).expect("there").modified().expect("known");
    hook(&world).await.expect("it can be read");
    assert_eq!(mode(&path), 0o500);
    assert_eq!(fs::metadata(&path).expect("there").modified().expect("known"), made);
    push_hook(&world, b"#!/bin/sh\n").await;
    world.prepare("run-3").await;
    hook(&world).await.expect("it can be read");
    assert_eq!(fs::read(&path).expect("read"), b"#!/bin/sh\n");
}

#[tokio::test]
async fn a_hook_that_cannot_be_used_is_not_passed_over() {
    let world = World::new().await;
    let long = usize::try_from(MAX_CONTROL_FILE).expect("it fits") + 1;
    push_hook(&world, &vec![b'x'; long]).await;
    world.prepare("run-1").await;
    let error = hook(&world).await.expect_err("it is too long");
    assert!(format!("{error:?}").contains("65537 bytes, and at most 65536"), "{error:?}");
    fs::remove_file(world.human().join(HOOK)).expect("removed");
    symlink("/bin/true", world.human().join(HOOK)).expect("linked");
    world.human_pushes("trunk", "a link").await;
    world.prepare("run-2").await;
    let error = hook(&world).await.expect_err("it is a link");
    assert!(format!("{error:?}").contains("it is not a file"), "{error:?}");
}
