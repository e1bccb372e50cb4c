//! A project's prepare hook in the built program. Its agent is no codex, so there is nothing to confine a hook with.

use crate::world::{REPO, World, git, small_change};

const HOOK: &str = ".patchrelay/hooks/prepare-worktree";

/// A world whose base branch has this hook.
async fn with_hook(hook: &str) -> World {
    let world = World::new(&small_change()).await;
    world.github.push_commit(REPO, "main", &[(HOOK, hook)], "Prepare").await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_trusted_prepares_the_worktree_without_our_secrets() {
    let mut world = with_hook("#!/bin/sh\nenv > prepared.txt\n").await;
    world.configure("trust_hook = true\n");
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let branch = world.pull_request(&ticket.key).await.head_branch;
    world.stop().await;
    let prepared = world.github.file(REPO, &branch, "prepared.txt").await.unwrap().unwrap();
    let told = [
        "PATCHRELAY_ISSUE_KEY=APP-1".to_owned(),
        format!("PATCHRELAY_BRANCH={branch}"),
        "PATCHRELAY_STAGE=implementation".to_owned(),
    ];
    for line in told {
        assert!(prepared.lines().any(|prepared| prepared == line), "{line}: {prepared}");
    }
    for secret in ["token", "TOKEN", "secret", "SECRET"] {
        assert!(!prepared.contains(secret), "{prepared}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_fails_is_explained_and_costs_no_attempt() {
    let mut world = with_hook("#!/bin/sh\necho no registry >&2\nexit 7\n").await;
    world.configure("trust_hook = true\n");
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let reason = "the prepare hook ended with exit status: 7: no registry";
    let issue =
        world.issue(&ticket.key, |issue| issue["latest_run"]["failure_reason"] == reason).await;
    assert_eq!(issue["attempts"]["implementation"], 0, "{issue:#}");
    let explained = world.ask(&["issue", "explain", &ticket.key]).await;
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains(reason), "{explained}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_nothing_confines_is_refused_with_what_to_do() {
    let mut world = with_hook("#!/bin/sh\necho planted > prepared.txt\n").await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue =
        world.issue(&ticket.key, |issue| issue["latest_run"]["failure_reason"].is_string()).await;
    let reason = issue["latest_run"]["failure_reason"].to_string();
    assert!(reason.contains("no sandbox") && reason.contains("project.trust_hook"), "{reason}");
    world.stop().await;
    let remote = world.github.remote_path(REPO).await.unwrap();
    assert_eq!(git(&remote, &["for-each-ref", "--format=%(refname)"]).await, "refs/heads/main\n");
}
