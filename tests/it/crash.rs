//! `kill -9` at every step, and what a restart makes of it.

use patchrelay_ports::{Source, Store};
use patchrelay_testkit::agent::Step;

use crate::world::{REPO, World, changes, git, small_change};

/// Lets the service die at this place while it works on a ticket, starts it again, and sees the ticket through.
async fn survives(place: &str) {
    let mut world = World::new(&small_change()).await;
    world.serve_until(place).await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    let delivery = world.linear.open_session(&ticket.key);
    let answer = delivery.send().await;
    world.crashed().await;

    world.serve().await;
    if answer.status != 200 {
        // Whoever got no answer sends it again.
        let mut again = world.linear.delivery(&ticket.key);
        again.body.clone_from(&delivery.body);
        again.headers.clone_from(&delivery.headers);
        assert_eq!(again.send().await.status, 200);
    }
    let pull_request = world.pull_request(&ticket.key).await;
    world.github.merge(REPO, pull_request.number).await.unwrap();
    world.issue(&ticket.key, |issue| issue["state"] == "done").await;
    world
        .until("the ticket is completed", || world.linear.issue(&ticket.key).state == "Done")
        .await;
    world.until("everything is said", || world.linear.activities(&ticket.key).len() == 4).await;
    world.stop().await;

    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1, "one pull request");
    let commits = world.github.commits(REPO, &pull_request.head_branch).await.unwrap();
    let ours = commits.iter().filter(|commit| commit.message.contains("PatchRelay-Run: ")).count();
    assert_eq!(ours, 1, "one commit of ours: {commits:#?}");
    assert_eq!(world.github.file(REPO, "main", "a.txt").await.unwrap().as_deref(), Some("two\n"));
    let said: Vec<_> =
        world.linear.activities(&ticket.key).iter().map(|activity| activity.kind.clone()).collect();
    assert_eq!(said, ["thought", "action", "response", "response"], "each report once, in order");

    let store = world.store().await;
    assert_eq!(store.outbox_pending().await.unwrap(), 0, "nothing is pending");
    let far = patchrelay_domain::Timestamp::from_millis(i64::MAX);
    assert!(
        store.inbox_due(far, &[Source::Linear, Source::Github], 10).await.unwrap().is_empty(),
        "nothing is unread"
    );
    assert!(store.orphaned_runs(far).await.unwrap().is_empty(), "no run is open");
}

macro_rules! survives {
    ($($name:ident: $place:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            survives($place).await;
        }
    )*};
}

survives! {
    a_kill_before_intake: "intake:before";
    a_kill_after_intake: "intake:after";
    a_kill_before_the_claim: "claim:before";
    a_kill_after_the_claim: "claim:after";
    a_kill_before_the_turn: "start_turn:before";
    a_kill_after_the_turn: "end_turn:before";
    a_kill_before_the_commit: "commit:before";
    a_kill_after_the_commit: "commit:after";
    a_kill_before_the_push: "push:before";
    a_kill_after_the_push: "push:after";
    a_kill_before_the_pull_request: "open_pull_request:before";
    a_kill_after_the_pull_request: "open_pull_request:after";
    a_kill_before_settling: "settle:before";
    a_kill_after_settling: "settle:after";
    a_kill_before_a_report: "send_report:before";
    a_kill_after_a_report: "send_report:after";
    a_kill_before_the_last_report: "send_report:before:4";
    a_kill_after_the_last_report: "send_report:after:4";
}

/// S65 and D26: what the agent had edited when the power went is part of the pull request.
#[tokio::test(flavor = "multi_thread")]
async fn edits_in_the_worktree_survive_a_kill() {
    let write = |path: &str| Step::Write { path: path.to_owned(), content: "kept\n".to_owned() };
    let script = changes(vec![vec![write("before.txt"), Step::Hang], vec![write("after.txt")]]);
    let mut world = World::new(&script).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue = world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let worktree = std::path::PathBuf::from(issue["worktree_path"].as_str().unwrap());
    world.until("the agent has edited a file", || worktree.join("before.txt").exists()).await;
    world.kill().await;

    world.serve().await;
    let pull_request = world.pull_request(&ticket.key).await;
    for path in ["before.txt", "after.txt"] {
        let content = world.github.file(REPO, &pull_request.head_branch, path).await.unwrap();
        assert_eq!(content.as_deref(), Some("kept\n"), "{path}");
    }
    world.stop().await;
    let clone = world.path("data/patchrelay/repos/app");
    let rescued =
        git(&clone, &["for-each-ref", "--format=%(refname)", "refs/patchrelay/rescue"]).await;
    assert!(
        rescued.lines().count() >= 1,
        "a copy was kept before anything else touched the directory"
    );
    for name in rescued.lines() {
        let files = git(&clone, &["ls-tree", "--name-only", name]).await;
        assert!(files.lines().any(|file| file == "before.txt"), "{name}: {files}");
    }
}
