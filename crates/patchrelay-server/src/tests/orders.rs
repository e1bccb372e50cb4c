//! What operators order.

use patchrelay_domain::{GateHit, IssueId, Report, ReportOutcome, RunOutcome, TreeId};
use patchrelay_ports::Store;
use serde_json::{Value, json};

use super::world::{World, escalated, issue, opened, read};

const TREE: &str = "1111111111111111111111111111111111111111";

/// A delegated issue.
async fn delegated(world: &World) -> IssueId {
    let issue = issue("t1");
    world.observe(&issue, vec![opened("s1", None), read("APP-1")]).await;
    issue
}

/// An issue whose work is held for this.
async fn held(world: &World, hit: GateHit) -> IssueId {
    let issue = delegated(world).await;
    let lease = world.claim(&issue, "run-1").await;
    let report = Report {
        outcome: ReportOutcome::Done,
        summary: "Changed it.".to_owned(),
        commit_subject: "Change it".to_owned(),
        commit_body: String::new(),
        pr_title: "Change it".to_owned(),
        pr_body: String::new(),
        question: String::new(),
        resolved: Vec::new(),
    };
    let outcome =
        RunOutcome::Held { tree: TreeId::new(TREE), hits: vec![hit], report: Box::new(report) };
    world.settle(&lease, "run-1", outcome).await;
    issue
}

fn workflow() -> GateHit {
    GateHit::ProtectedPath { path: ".github/workflows/ci.yml".to_owned() }
}

/// The last observation of an issue, as its explanation tells it.
async fn last(world: &World) -> (String, String) {
    let explained = world.get("/api/issues/APP-1/explain").await.json();
    let seen = explained["observations"].as_array().unwrap().last().unwrap().clone();
    (seen["kind"].as_str().unwrap().to_owned(), seen["text"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn each_order_is_kept_with_who_gave_it_and_why() {
    for (name, body, kind, text) in [
        (
            "stop",
            json!({ "by": "Olga", "reason": "wrong ticket" }),
            "stop_requested",
            "Olga said stop: wrong ticket",
        ),
        ("stop", Value::Null, "stop_requested", "operator said stop"),
        (
            "close",
            json!({ "by": "Olga", "failed": true, "reason": "no" }),
            "closed",
            "Olga closed it as failed: no",
        ),
        ("close", json!({}), "closed", "operator closed it as done"),
        (
            "retry",
            json!({ "by": "Olga", "reason": "fixed" }),
            "retried",
            "Olga ordered another try: fixed",
        ),
        (
            "retry",
            json!({ "run_type": "implementation" }),
            "retried",
            "operator ordered implementation",
        ),
        (
            "prompt",
            json!({ "by": "Olga", "text": "Mind the docs." }),
            "human_input",
            "Olga said: Mind the docs.",
        ),
    ] {
        let world = World::new().await;
        delegated(&world).await;
        let answer = match body {
            Value::Null => world.post(&format!("/api/issues/APP-1/{name}"), None, "").await,
            body => world.order(&format!("/api/issues/APP-1/{name}"), &body).await,
        };
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        assert_eq!(answer.json()["issue"]["key"], "APP-1");
        assert_eq!(last(&world).await, (kind.to_owned(), text.to_owned()));
    }
}

#[tokio::test]
async fn a_retry_begins_again_where_everything_was_given_up() {
    let world = World::new().await;
    let issue = delegated(&world).await;
    world.observe(&issue, escalated()).await;
    assert_eq!(world.get("/api/issues/APP-1").await.json()["state"], "escalated");
    let ordered = world.order("/api/issues/APP-1/retry", &json!({})).await.json();
    assert_eq!(ordered["issue"]["attempts"]["implementation"], 0);
    assert_eq!(ordered["issue"]["next"]["kind"], "run");
    assert_eq!(world.get("/api/issues/APP-1").await.json(), ordered["issue"]);
}

#[tokio::test]
async fn what_is_held_is_explained_and_released_by_its_tree() {
    let world = World::new().await;
    held(&world, workflow()).await;
    let explained = world.get("/api/issues/APP-1/explain").await.json();
    let expected = json!({
        "run": "run-1",
        "tree": TREE,
        "hits": ["`.github/workflows/ci.yml` is a protected path"],
        "is_releasable": true,
        "released_by": null,
    });
    assert_eq!(explained["facts"]["held"], expected);

    let other = json!({ "tree": "2".repeat(40) });
    let refused = world.order("/api/issues/APP-1/approve", &other).await;
    assert_eq!(refused.code(), (409, "another_tree".to_owned()));
    assert!(refused.text.contains(TREE), "{}", refused.text);
    let body = json!({ "tree": TREE, "by": "Olga", "reason": "I read it" });
    let ordered = world.order("/api/issues/APP-1/approve", &body).await.json();
    assert_eq!(ordered["issue"]["next"]["kind"], "run");
    let (kind, text) = last(&world).await;
    assert_eq!((kind.as_str(), text), ("approved", format!("Olga released {TREE}: I read it")));
    let again = world.order("/api/issues/APP-1/approve", &body).await;
    assert_eq!(again.code(), (409, "released_already".to_owned()));
}

#[tokio::test]
async fn what_nobody_may_release_is_not_released() {
    let world = World::new().await;
    let hit = GateHit::Secret { name: "GITHUB_TOKEN".to_owned(), path: "a.txt".to_owned() };
    held(&world, hit).await;
    let refused = world.order("/api/issues/APP-1/approve", &json!({ "tree": TREE })).await;
    assert_eq!(refused.code(), (409, "not_releasable".to_owned()));
    let explained = world.get("/api/issues/APP-1/explain").await.json();
    assert_eq!(explained["facts"]["held"]["is_releasable"], false);
}

#[tokio::test]
async fn an_order_to_a_key_of_two_projects_asks_which() {
    let world = World::new().await;
    delegated(&world).await;
    world.observe_in("lib", &issue("t2"), vec![opened("s2", None), read("APP-1")]).await;
    for name in ["retry", "stop", "close", "approve"] {
        let answer = world.order(&format!("/api/issues/APP-1/{name}"), &json!({})).await;
        assert_eq!(answer.code(), (409, "ambiguous_key".to_owned()), "{name}");
        assert_eq!(answer.json()["error"]["projects"], json!(["app", "lib"]));
    }
    let stopped = world.order("/api/issues/APP-1/stop?project=lib", &json!({})).await.json();
    assert_eq!(
        (&stopped["issue"]["id"], &stopped["issue"]["state"]),
        (&json!("acme/t2"), &json!("awaiting_input"))
    );
    let other = world.get("/api/issues/APP-1?project=app").await.json();
    assert_eq!(other["next"]["kind"], "run", "the other one goes on");
}

/// What is wrong is named, changes nothing, and is in nobody's way.
#[tokio::test]
async fn bad_orders_change_nothing_and_good_ones_still_count() {
    let world = World::new().await;
    let issue = delegated(&world).await;
    let json_type = Some("application/json");
    let long = |n: usize| "x".repeat(n);
    let field = |name: &str, value: &str| json!({ name: value }).to_string();
    let deep = format!("{{\"by\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let rows: Vec<(&str, Option<&str>, String, u16, &str)> = vec![
        ("APP-2/stop", json_type, "{}".to_owned(), 404, "issue_not_found"),
        ("APP-1/stop?project=lib", json_type, "{}".to_owned(), 404, "issue_not_found"),
        ("APP-1/pause", json_type, "{}".to_owned(), 404, "not_found"),
        ("%FF/stop", json_type, "{}".to_owned(), 400, "invalid_path"),
        ("APP-1/stop", None, "{}".to_owned(), 415, "json_expected"),
        ("APP-1/stop", Some("text/plain"), "{}".to_owned(), 415, "json_expected"),
        (
            "APP-1/stop",
            Some("application/x-www-form-urlencoded"),
            "by=a".to_owned(),
            415,
            "json_expected",
        ),
        ("APP-1/stop", json_type, "{".to_owned(), 400, "invalid_json"),
        ("APP-1/stop", json_type, "\u{0}".to_owned(), 400, "invalid_json"),
        ("APP-1/stop", json_type, deep, 400, "invalid_json"),
        ("APP-1/stop", json_type, "null".to_owned(), 400, "invalid_body"),
        ("APP-1/stop", json_type, "[]".to_owned(), 400, "invalid_body"),
        ("APP-1/stop", json_type, "\"stop\"".to_owned(), 400, "invalid_body"),
        ("APP-1/stop", json_type, "{\"by\":7}".to_owned(), 400, "invalid_body"),
        ("APP-1/stop", json_type, "{\"why\":\"typo\"}".to_owned(), 400, "invalid_body"),
        ("APP-1/stop", json_type, field("by", &long(201)), 400, "invalid_body"),
        ("APP-1/stop", json_type, field("by", "Olga\u{1b}[2J"), 400, "invalid_body"),
        ("APP-1/stop", json_type, field("reason", &long(2_001)), 400, "invalid_body"),
        ("APP-1/stop", json_type, field("reason", &long(200_000)), 413, "body_too_large"),
        ("APP-1/retry", json_type, field("run_type", "everything"), 400, "invalid_body"),
        ("APP-1/retry", json_type, field("run_type", "ci_repair"), 409, "no_pull_request"),
        ("APP-1/close", json_type, "{\"failed\":\"yes\"}".to_owned(), 400, "invalid_body"),
        ("APP-1/prompt", json_type, "{}".to_owned(), 400, "invalid_body"),
        ("APP-1/prompt", json_type, field("text", " \n"), 400, "invalid_body"),
        ("APP-1/prompt", json_type, field("text", &long(20_001)), 400, "invalid_body"),
        ("APP-1/approve", json_type, "{}".to_owned(), 409, "nothing_held"),
        ("APP-1/approve", json_type, field("tree", "HEAD"), 400, "invalid_body"),
        ("APP-1/approve", json_type, field("tree", "--force"), 400, "invalid_body"),
        ("APP-1/approve", json_type, field("tree", TREE), 409, "nothing_held"),
    ];
    let before = world.store.load(&issue).await.unwrap();
    for (path, content_type, body, status, code) in rows {
        let answer = world.post(&format!("/api/issues/{path}"), content_type, body.clone()).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.code(), (status, code.to_owned()), "{path} {shown}: {}", answer.text);
        assert!(answer.text.len() < 1_000, "{path}: nothing long is repeated");
        assert_eq!(world.store.load(&issue).await.unwrap(), before, "{path} {shown}");
    }
    let text = field("text", &long(20_000));
    let good =
        world.post("/api/issues/APP-1/prompt", Some("Application/JSON; charset=utf-8"), text).await;
    assert_eq!(good.status, 200, "{}", good.text);
    assert_eq!(world.order("/api/issues/APP-1/stop", &json!({})).await.status, 200);
    let twice = world.order("/api/issues/APP-1/stop", &json!({})).await;
    assert_eq!(twice.code(), (409, "stopped_already".to_owned()));
}

#[tokio::test]
async fn an_order_that_cannot_be_stored_says_so() {
    let world = World::new().await;
    delegated(&world).await;
    world.break_store().await;
    let answer = world.order("/api/issues/APP-1/stop", &json!({})).await;
    assert_eq!(answer.code(), (503, "store_unavailable".to_owned()));
}
