//! A project that names a checkout of the operator's.

use std::path::PathBuf;

use serde_json::Value;

use crate::world::{World, git, small_change};

/// A world whose project has a checkout, and nothing else that says where its remote is.
async fn with_checkout() -> (World, PathBuf) {
    let world = World::new(&small_change()).await;
    let config = std::fs::read_to_string(world.path("patchrelay.toml")).unwrap();
    let line = config.lines().find(|line| line.starts_with("remote_url = ")).unwrap();
    let remote = line.trim_start_matches("remote_url = ").trim_matches(['"', '\'']);
    git(&world.path(""), &["clone", "--quiet", remote, "mine"]).await;
    let path = world.path("mine");
    let named = format!("path = {:?}", path.display().to_string());
    std::fs::write(world.path("patchrelay.toml"), config.replace(line, &named)).unwrap();
    (world, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_worked_on_beside_the_checkout_that_its_project_names() {
    let (mut world, path) = with_checkout().await;
    std::fs::write(path.join("a.txt"), "mine\n").unwrap();
    let state = async || {
        let refs = git(&path, &["for-each-ref"]).await;
        let worktrees = git(&path, &["worktree", "list"]).await;
        [refs, worktrees, std::fs::read_to_string(path.join("a.txt")).unwrap()]
    };
    let before = state().await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let pull_request = world.pull_request(&ticket.key).await;
    assert_eq!(pull_request.head_branch, "app/APP-1-change-it");
    world.stop().await;
    assert_eq!(state().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_of_each_checkout_whether_it_can_be_used() {
    let (world, path) = with_checkout().await;
    let found = async || {
        let output = world.run(&["--json", "doctor"]).await;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = told["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["check"] == "project.path").unwrap()
    };
    assert_eq!(found().await["result"], "pass");
    git(&path, &["remote", "set-url", "origin", "https://github.com/acme/other.git"]).await;
    let check = found().await;
    assert_eq!(check["result"], "fail");
    assert!(check["detail"].as_str().unwrap().contains("no remote for acme/app"), "{check}");
}
