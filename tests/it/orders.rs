//! What operators order with the command line, and what the gate holds until somebody releases it.

use patchrelay_testkit::{
    agent::{Script, Step},
    linear::{FakeIssue, Speaker},
};
use serde_json::Value;

use crate::world::{REPO, World, changes, client, git, small_change};

const WORKFLOW: &str = ".github/workflows/ci.yml";
const BRANCH: &str = "app/APP-1-change-it";

fn write(path: &str, content: &str) -> Step {
    Step::Write { path: path.to_owned(), content: content.to_owned() }
}

async fn delegated(script: &Script) -> (World, FakeIssue) {
    let mut world = World::new(script).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    (world, ticket)
}

/// A ticket whose work touches a protected path, and is held. Tells the tree, too.
async fn held() -> (World, FakeIssue, String) {
    held_with("").await
}

/// The same with these further lines about the project.
async fn held_with(project: &str) -> (World, FakeIssue, String) {
    let first = vec![write(WORKFLOW, "on: push\n"), write("a.txt", "two\n")];
    let script = changes(vec![first, vec![write("b.txt", "four\n")]]);
    let mut world = World::new(&script).await;
    world.configure(project);
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| issue["state"] == "awaiting_input").await;
    world
        .until("a human is asked", || said(&world, &ticket.key, "elicitation", WORKFLOW) == 1)
        .await;
    let explained = world.get(&format!("/api/issues/{}/explain", ticket.key)).await;
    let tree = explained["facts"]["held"]["tree"].as_str().unwrap().to_owned();
    (world, ticket, tree)
}

fn said(world: &World, key: &str, kind: &str, text: &str) -> usize {
    let activities = world.linear.activities(key).into_iter();
    activities.filter(|said| said.kind == kind && said.text().contains(text)).count()
}

async fn assert_nothing_published(world: &World) {
    assert_eq!(world.github.branch_head(REPO, BRANCH).await.unwrap(), None);
    assert!(world.github.pull_requests(REPO).await.unwrap().is_empty());
}

/// That the pull request has exactly this tree.
async fn assert_published(world: &World, key: &str, tree: &str) {
    let pr = world.pull_request(key).await;
    assert_eq!(pr.head_branch, BRANCH);
    let remote = world.github.remote_path(REPO).await.unwrap();
    let published = git(&remote, &["rev-parse", &format!("{}^{{tree}}", pr.head)]).await;
    assert_eq!(published.trim(), tree);
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
}

/// The exit code of a command, and what it said.
async fn run(world: &World, args: &[&str]) -> (i32, String) {
    let output = world.ask(args).await;
    let text = String::from_utf8(output.stdout).unwrap() + &output.stderr;
    (output.status.code().unwrap(), text)
}

/// The last observation of a kind, as people read it.
async fn observed(world: &World, key: &str, kind: &str) -> Vec<String> {
    let explained = world.get(&format!("/api/issues/{key}/explain")).await;
    let observations = explained["observations"].as_array().unwrap().iter();
    let of_kind = observations.filter(|seen| seen["kind"] == kind);
    of_kind.map(|seen| seen["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn held_work_is_explained_and_published_when_an_operator_approves_it() {
    let (mut world, ticket, tree) = held().await;
    let (code, explained) = run(&world, &["issue", "explain", &ticket.key]).await;
    assert_eq!(code, 0, "{explained}");
    assert!(explained.contains(&format!("`{WORKFLOW}` is a protected path")), "{explained}");
    assert!(explained.contains(&format!("issue approve APP-1 --tree {tree}")), "{explained}");
    assert_nothing_published(&world).await;

    let other = "0".repeat(40);
    let (code, refused) = run(&world, &["issue", "approve", &ticket.key, "--tree", &other]).await;
    assert_eq!(code, 4, "{refused}");
    assert!(refused.contains(&tree) && refused.lines().count() == 1, "{refused}");
    assert_nothing_published(&world).await;

    let approve =
        ["issue", "approve", &ticket.key, "--tree", &tree, "--reason", "I read the workflow"];
    let (code, approved) = run(&world, &approve).await;
    assert_eq!(code, 0, "{approved}");
    assert_published(&world, &ticket.key, &tree).await;
    let approvals = observed(&world, &ticket.key, "approved").await;
    assert_eq!(approvals.len(), 1);
    assert!(
        approvals[0].ends_with(&format!("released {tree}: I read the workflow")),
        "{approvals:?}"
    );
    let (code, again) = run(&world, &["issue", "approve", &ticket.key]).await;
    assert_eq!(code, 4, "{again}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_work_is_published_when_a_member_says_yes_in_linear() {
    let (mut world, ticket, tree) = held().await;
    assert!(world.linear.prompt_as(&ticket.key, Speaker::Colleague, "Yes, please").send().await);
    assert_published(&world, &ticket.key, &tree).await;
    world
        .until("it is told", || said(&world, &ticket.key, "thought", "Bob released it") == 1)
        .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_yes_releases_nothing() {
    let (mut world, ticket, tree) = held().await;
    for stranger in [Speaker::Stranger, Speaker::OtherApp, Speaker::App] {
        for text in ["yes", "@patchrelay yes", "patchrelay: approve"] {
            let told = world.linear.comment(&ticket.key, stranger, text).1;
            assert_eq!(told.send().await.status, 200);
        }
    }
    // What is sent later is applied later.
    assert!(world.linear.prompt(&ticket.key, "how is it going?").send().await);
    world
        .until("how it stands is told", || said(&world, &ticket.key, "response", "State: ") == 1)
        .await;
    let explained = world.get(&format!("/api/issues/{}/explain", ticket.key)).await;
    assert_eq!(explained["facts"]["held"]["tree"], tree.as_str());
    assert_eq!(explained["facts"]["held"]["released_by"], Value::Null);
    assert_nothing_published(&world).await;

    assert!(world.linear.prompt(&ticket.key, "no").send().await);
    world.until("it stops", || said(&world, &ticket.key, "response", "Stopped") == 1).await;
    assert_nothing_published(&world).await;
    world.stop().await;
}

/// With a list of whom to trust, a member who is not on it is a stranger, also when they stop or ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_is_not_trusted_orders_nothing() {
    let (mut world, ticket, tree) =
        held_with("trusted_actors = { emails = [\"ada@linear.test\"] }\n").await;
    for text in ["yes", "Please count to four, too.", "stop", "how is it going?"] {
        let told = world.linear.prompt_as(&ticket.key, Speaker::Colleague, text);
        assert!(told.send().await);
    }
    assert!(world.linear.prompt(&ticket.key, "how is it going?").send().await);
    world
        .until("how it stands is told", || said(&world, &ticket.key, "response", "State: ") == 1)
        .await;
    let explained = world.get(&format!("/api/issues/{}/explain", ticket.key)).await;
    assert_eq!(explained["facts"]["held"]["released_by"], Value::Null);
    assert!(explained["facts"]["pending"].as_array().unwrap().is_empty(), "{explained:#}");
    assert_eq!(observed(&world, &ticket.key, "human_input").await, ["Ada said: how is it going?"]);
    assert_nothing_published(&world).await;
    assert!(world.linear.prompt(&ticket.key, "yes").send().await);
    assert_published(&world, &ticket.key, &tree).await;
    world.stop().await;
}

/// What was approved is what was looked at: an agent that goes on meanwhile makes another tree.
#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_changed_meanwhile_is_not_released() {
    let (mut world, ticket, tree) = held().await;
    let first = world.get(&format!("/api/issues/{}", ticket.key)).await;
    assert!(world.linear.prompt(&ticket.key, "Please count to four, too.").send().await);
    world
        .issue(&ticket.key, |issue| {
            issue["latest_run"]["id"] != first["latest_run"]["id"]
                && issue["active_run"].is_null()
                && issue["state"] == "awaiting_input"
        })
        .await;
    let explained = world.get(&format!("/api/issues/{}/explain", ticket.key)).await;
    let now = &explained["facts"]["held"];
    assert_ne!(now["tree"], tree.as_str(), "the agent went on");
    let (code, refused) = run(&world, &["issue", "approve", &ticket.key, "--tree", &tree]).await;
    assert_eq!(code, 4, "{refused}");
    assert_nothing_published(&world).await;
    let newer = now["tree"].as_str().unwrap().to_owned();
    let (code, approved) = run(&world, &["issue", "approve", &ticket.key, "--tree", &newer]).await;
    assert_eq!(code, 0, "{approved}");
    assert_published(&world, &ticket.key, &newer).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_stops_a_run_and_lets_it_go_on() {
    let hang = vec![write("a.txt", "two\n"), Step::Hang];
    let (mut world, ticket) = delegated(&changes(vec![hang])).await;
    world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let (code, busy) = run(&world, &["issue", "retry", &ticket.key]).await;
    assert_eq!(code, 4, "{busy}");
    let (code, stopped) =
        run(&world, &["issue", "stop", &ticket.key, "--reason", "too early"]).await;
    assert_eq!(code, 0, "{stopped}");
    let issue = world.issue(&ticket.key, |issue| issue["active_run"].is_null()).await;
    assert_eq!(
        (&issue["state"], &issue["latest_run"]["outcome"]),
        (&"awaiting_input".into(), &"interrupted".into())
    );
    assert_nothing_published(&world).await;
    let stops = observed(&world, &ticket.key, "stop_requested").await;
    assert!(stops[0].ends_with("said stop: too early"), "{stops:?}");
    let (code, twice) = run(&world, &["issue", "stop", &ticket.key]).await;
    assert_eq!(code, 4, "{twice}");

    world.follow(&small_change());
    let (code, told) =
        run(&world, &["issue", "prompt", &ticket.key, "Go on, and mind the docs."]).await;
    assert_eq!(code, 0, "{told}");
    world.pull_request(&ticket.key).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_issue_stays_closed_until_a_retry() {
    let hang = vec![write("a.txt", "two\n"), Step::Hang];
    let (mut world, ticket) = delegated(&changes(vec![hang])).await;
    world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let close = ["--json", "issue", "close", &ticket.key, "--failed", "--reason", "not worth it"];
    let (code, closed) = run(&world, &close).await;
    assert_eq!(code, 0, "{closed}");
    let closed: Value = serde_json::from_str(&closed).unwrap();
    assert_eq!(closed["issue"]["key"], ticket.key.as_str());
    let issue = world.issue(&ticket.key, |issue| issue["state"] == "failed").await;
    assert!(issue["active_run"].is_null());
    assert_nothing_published(&world).await;
    let (code, over) = run(&world, &["issue", "prompt", &ticket.key, "Go on."]).await;
    assert_eq!(code, 4, "{over}");

    world.follow(&small_change());
    let (code, retried) = run(&world, &["issue", "retry", &ticket.key]).await;
    assert_eq!(code, 0, "{retried}");
    world.pull_request(&ticket.key).await;
    world.stop().await;
}

/// S67: what was spent is given back once, by a human's word.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gives_the_budget_back() {
    let (mut world, ticket) = delegated(&small_change()).await;
    for number in 1..=3 {
        world
            .issue(&ticket.key, |issue| {
                issue["pr"]["number"] == number && issue["active_run"].is_null()
            })
            .await;
        world.github.close(REPO, number).await.unwrap();
    }
    world.issue(&ticket.key, |issue| issue["state"] == "escalated").await;
    let (code, retried) = run(&world, &["--json", "issue", "retry", &ticket.key]).await;
    assert_eq!(code, 0, "{retried}");
    let retried: Value = serde_json::from_str(&retried).unwrap();
    for counter in ["implementation", "recovery"] {
        assert_eq!(retried["issue"]["attempts"][counter], 0, "{counter}");
    }
    world
        .issue(&ticket.key, |issue| issue["pr"]["number"] == 4 && issue["active_run"].is_null())
        .await;
    world.stop().await;
}

/// Commands end with the codes that scripts go by.
#[tokio::test(flavor = "multi_thread")]
async fn orders_have_their_exit_codes() {
    let (mut world, ticket) = delegated(&small_change()).await;
    world.pull_request(&ticket.key).await;
    for (args, code) in [
        (vec!["issue", "stop", "APP-99"], 3),
        (vec!["issue", "stop", "../APP-1"], 3),
        (vec!["issue", "stop", "APP-1", "--project", "other"], 3),
        (vec!["issue", "approve", "APP-1"], 4),
        (vec!["issue", "retry", "APP-1", "--run-type", "everything"], 1),
        (vec!["issue", "prompt", "APP-1", " "], 1),
        (vec!["issue", "prompt", "APP-1"], 2),
        (vec!["issue", "stop", "APP-1", "--force"], 2),
    ] {
        let (came, text) = run(&world, &args).await;
        assert_eq!(came, code, "{args:?}: {text}");
    }
    let before = world.get("/api/issues/APP-1").await;
    let url = format!("{}/api/issues/APP-1/stop", world.url());
    assert_eq!(client().get(&url).send().await.unwrap().status(), 405, "looking changes nothing");
    let foreign =
        client().post(&url).header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(world.get("/api/issues/APP-1").await, before);
    world.stop().await;
    assert_eq!(run(&world, &["issue", "stop", "APP-1"]).await.0, 5);
}
