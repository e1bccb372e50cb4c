//! What hangs on a ticket, through the built program: pull requests that people attached, and tickets that block it.

use patchrelay_testkit::{Fault, agent::Step, github::FakePullRequest};
use serde_json::json;

use crate::world::{REPO, World, changes, client, small_change};

/// Somebody opens a pull request of a branch.
pub(crate) async fn begin(world: &World, branch: &str) -> FakePullRequest {
    let url = format!("{}/repos/{REPO}/pulls", world.github.url());
    let body = json!({ "title": "Begin", "head": branch, "base": "main", "body": "" });
    let request = client().post(url).bearer_auth("github-token").json(&body);
    assert_eq!(request.send().await.unwrap().status(), 201);
    world.github.pull_requests(REPO).await.unwrap().remove(0)
}

/// S49: the pull request that somebody attached is the ticket's, and no other is opened beside it.
#[tokio::test(flavor = "multi_thread")]
async fn s49_an_attached_pull_request_is_adopted() {
    let mut world = World::new(&small_change()).await;
    world.github.push_commit(REPO, "ada/begun", &[("a.txt", "two\n")], "Begin").await.unwrap();
    let theirs = begin(&world, "ada/begun").await;
    // The forge does not answer at first.
    world.github.faults().plan("read_pull_request", Fault::Before(502), 1);
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    world.linear.attach(&ticket.key, &format!("https://github.com/{REPO}/pull/{}", theirs.number));
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue = world.issue(&ticket.key, |issue| issue["state"] == "pr_open").await;
    assert_eq!(
        (&issue["pr"]["number"], &issue["pr"]["head_sha"]),
        (&theirs.number.into(), &theirs.head.into())
    );
    assert!(issue["latest_run"].is_null() && issue["active_run"].is_null(), "{issue:#}");
    world.github.merge(REPO, theirs.number).await.unwrap();
    world.issue(&ticket.key, |issue| issue["state"] == "done").await;
    world.stop().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
}

/// Waits until one run more is over and has moved the head of the pull request, and tells what its commit was made on.
async fn pushed_onto(world: &World, key: &str, branch: &str, before: &str) -> Vec<String> {
    world
        .issue(key, |issue| issue["pr"]["head_sha"] != before && issue["active_run"].is_null())
        .await;
    world.github.commits(REPO, branch).await.unwrap().remove(0).parents
}

/// S49: what is asked of it afterwards is built on what its author made.
#[tokio::test(flavor = "multi_thread")]
async fn s49_an_adopted_pull_request_is_gone_on_with() {
    let mut world = World::new(&small_change()).await;
    world.github.push_commit(REPO, "ada/begun", &[("b.txt", "two\n")], "Begin").await.unwrap();
    let theirs = begin(&world, "ada/begun").await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    world.linear.attach(&ticket.key, &format!("https://github.com/{REPO}/pull/{}", theirs.number));
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| issue["state"] == "pr_open").await;
    assert!(world.linear.prompt(&ticket.key, "Change a.txt, too.").send().await);
    let parents = pushed_onto(&world, &ticket.key, &theirs.head_branch, &theirs.head).await;
    assert_eq!(parents, [theirs.head]);
    world.stop().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_colleague_pushed_to_our_pull_request_is_built_on() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let ours = world.pull_request(&ticket.key).await;
    let theirs = world
        .github
        .push_commit(REPO, &ours.head_branch, &[("b.txt", "two\n")], "Help")
        .await
        .unwrap();
    world.issue(&ticket.key, |issue| issue["pr"]["head_sha"] == theirs).await;
    world.follow(&changes(vec![vec![Step::Write {
        path: "c.txt".to_owned(),
        content: "three\n".to_owned(),
    }]]));
    assert!(world.linear.prompt(&ticket.key, "Add c.txt, too.").send().await);
    let parents = pushed_onto(&world, &ticket.key, &ours.head_branch, &theirs).await;
    assert_eq!(parents, [theirs]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attached_pull_request_that_nobody_can_see_is_asked_about() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    world.linear.attach(&ticket.key, &format!("https://github.com/{REPO}/pull/7"));
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| issue["state"] == "awaiting_input").await;
    assert!(world.linear.prompt(&ticket.key, "yes").send().await);
    world.pull_request(&ticket.key).await;
    world.stop().await;
}

/// S52: nothing is begun before the blocker is over, which nobody has to tell.
#[tokio::test(flavor = "multi_thread")]
async fn s52_a_blocked_ticket_waits_until_the_other_one_is_over() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    let blocker = world.linear.create_issue("Before that", "");
    world.linear.block(&ticket.key, &blocker.key);
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue = world.issue(&ticket.key, |issue| issue["blocked_by"] == json!([blocker.key])).await;
    assert!(issue["active_run"].is_null() && issue["next"]["kind"] == "wait", "{issue:#}");
    world.linear.move_issue(&blocker.key, "Done");
    // Who asks is answered from what is so now.
    assert!(world.linear.mention(&ticket.key, "@patchrelay go on").send().await);
    world.pull_request(&ticket.key).await;
    world.stop().await;
}
