//! What operators are shown of issues. The snapshots are the contract with scripts.

use std::{collections::BTreeSet, time::Duration};

use patchrelay_domain::{
    BranchName, CommitSha, Hindrance, IssueId, PrNumber, PrState, PullRequest, RunId, RunOutcome,
    RunState, ThreadId, TrackerStateKind, TurnId, Worktree,
};
use patchrelay_ports::Store;
use serde_json::Value;

use super::world::{NOW, World, escalated, issue, opened, read, read_as};

fn worktree() -> Worktree {
    Worktree {
        path: "/worktrees/APP-1".to_owned(),
        branch: BranchName::new("app/APP-1-wish-a-good-night"),
        base_branch: BranchName::new("main"),
        base: CommitSha::new("0".repeat(40)),
        merge: None,
        is_behind: false,
    }
}

fn pull_request() -> PullRequest {
    PullRequest {
        number: PrNumber(7),
        url: "https://github.test/acme/app/pull/7".to_owned(),
        state: PrState::Open,
        is_draft: false,
        is_from_fork: false,
        ended: None,
        head_branch: BranchName::new("app/APP-1-wish-a-good-night"),
        head: CommitSha::new("1".repeat(40)),
        base_branch: BranchName::new("main"),
        merge_commit: None,
    }
}

fn published() -> RunOutcome {
    RunOutcome::Published {
        commit: CommitSha::new("1".repeat(40)),
        pull_request: pull_request(),
        version: patchrelay_domain::Timestamp::default(),
        summary: "Added the greeting.".to_owned(),
    }
}

/// A delegated issue that nothing was done for.
async fn delegated(world: &World, ticket: &str, key: &str) -> IssueId {
    let issue = issue(ticket);
    world.observe(&issue, vec![opened(ticket, None), read(key)]).await;
    issue
}

/// Issues with the keys APP-1 to APP-n, a second apart, so that APP-n changed last.
async fn many(world: &World, count: u64) {
    for n in 1..=count {
        let at = NOW.plus(Duration::from_secs(n));
        let kinds = vec![opened(&format!("s{n}"), None), read(&format!("APP-{n}"))];
        world.observe_at(at, &issue(&format!("t{n}")), kinds).await;
    }
}

fn keys(list: &Value) -> Vec<String> {
    let issues = list["issues"].as_array().unwrap().iter();
    issues.map(|issue| issue["key"].as_str().unwrap().to_owned()).collect()
}

/// Every page from the first on, as lists of keys.
async fn pages(world: &World, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = world.get(&format!("/api/issues?{query}{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let list = answer.json();
        pages.push(keys(&list));
        match list["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
        assert!(pages.len() < 100, "the pages have no end");
    }
}

#[tokio::test]
async fn who_would_run_is_shown_to_wait_for_space_while_there_is_none() {
    let world = World::new().await;
    delegated(&world, "ticket-1", "APP-1").await;
    let reason = async || world.get("/api/issues/APP-1").await.json()["waiting_reason"].clone();
    assert_eq!(reason().await, "ready to run implementation");
    world.set_hindrance(Some(Hindrance::LittleSpace { free: 1_000_000, needed: 2_000_000 }));
    assert_eq!(
        reason().await,
        "waiting for free disk space: 1 MB are free, and nothing is started below 2 MB"
    );
}

#[tokio::test]
async fn an_issue_with_a_run_is_shown_whole() {
    let world = World::new().await;
    let issue = issue("0a4c0f3e");
    world.observe(&issue, vec![opened("s1", Some("Please hurry.")), read("APP-1")]).await;
    let lease = world.claim(&issue, "run-1").await;
    let working = RunState::Working {
        worktree: worktree(),
        thread: Some(ThreadId::new("thread-1")),
        turn: Some(TurnId::new("turn-1")),
        continuations: 0,
    };
    let advanced = world.store.advance(&lease, &RunId::new("run-1"), &working, None, NOW).await;
    assert!(advanced.unwrap());
    world.observe(&issue, vec![opened("s2", Some("And in French."))]).await;
    insta::assert_json_snapshot!(world.get("/api/issues/APP-1").await.json());
}

#[tokio::test]
async fn an_issue_with_a_pull_request_is_shown_whole() {
    let world = World::new().await;
    let issue = delegated(&world, "0a4c0f3e", "APP-1").await;
    let lost = world.claim(&issue, "run-1").await;
    let reason = "the agent went away".to_owned();
    world.settle(&lost, "run-1", RunOutcome::Failed { reason }).await;
    let lease = world.claim(&issue, "run-2").await;
    world.settle(&lease, "run-2", published()).await;
    insta::assert_json_snapshot!(world.get("/api/issues/APP-1").await.json());
}

#[tokio::test]
async fn an_issue_of_which_little_is_known_has_every_field() {
    let world = World::new().await;
    world.observe(&issue("0a4c0f3e"), vec![opened("s1", None)]).await;
    insta::assert_json_snapshot!(world.get("/api/issues/0a4c0f3e").await.json());
}

#[tokio::test]
async fn an_explanation_tells_facts_decision_and_history() {
    let world = World::new().await;
    let issue = issue("0a4c0f3e");
    world.observe(&issue, vec![opened("s1", Some("Please hurry.")), read("APP-1")]).await;
    let lease = world.claim(&issue, "run-1").await;
    let reason = "the agent went away".to_owned();
    world.settle(&lease, "run-1", RunOutcome::Failed { reason }).await;
    let lease = world.claim(&issue, "run-2").await;
    let reason = "the agent went away again".to_owned();
    world.settle(&lease, "run-2", RunOutcome::Failed { reason }).await;
    insta::assert_json_snapshot!(world.get("/api/issues/APP-1/explain").await.json());
}

#[tokio::test]
async fn a_question_is_explained() {
    let world = World::new().await;
    let issue = delegated(&world, "0a4c0f3e", "APP-1").await;
    let lease = world.claim(&issue, "run-1").await;
    let question = "Which language?".to_owned();
    world.settle(&lease, "run-1", RunOutcome::NeedsInput { question }).await;
    let explained = world.get("/api/issues/APP-1/explain").await.json();
    assert_eq!(explained["issue"]["state"], "awaiting_input");
    assert_eq!(explained["facts"]["question"]["text"], "Which language?");
    assert_eq!(explained["facts"]["question"]["asked_at"], "2026-01-02T03:04:05.000Z");
    assert_eq!(explained["decision"]["detail"], "waiting for a human's answer");
    assert_eq!(explained["until"], Value::Null);
}

/// The log of an issue may be long; what explains it is the end.
#[tokio::test]
async fn an_explanation_shows_the_last_observations() {
    let world = World::new().await;
    let issue = delegated(&world, "t1", "APP-1").await;
    for n in 0..30 {
        world.observe(&issue, vec![opened(&format!("again-{n}"), None)]).await;
    }
    let explained = world.get("/api/issues/APP-1/explain").await.json();
    let observations = explained["observations"].as_array().unwrap();
    assert_eq!(observations.len(), 20);
    assert_eq!(observations[19]["version"], 31);
}

#[tokio::test]
async fn times_are_written_as_rfc_3339_everywhere() {
    fn numbers_of_now(value: &Value) -> usize {
        match value {
            Value::Number(number) => usize::from(number.as_i64() == Some(NOW.millis())),
            Value::Array(items) => items.iter().map(numbers_of_now).sum(),
            Value::Object(fields) => fields.values().map(numbers_of_now).sum(),
            Value::Null | Value::Bool(_) | Value::String(_) => 0,
        }
    }
    let world = World::new().await;
    let issue = delegated(&world, "t1", "APP-1").await;
    let lease = world.claim(&issue, "run-1").await;
    world.settle(&lease, "run-1", published()).await;
    for path in ["/api/issues", "/api/issues/APP-1", "/api/issues/APP-1/explain"] {
        assert_eq!(numbers_of_now(&world.get(path).await.json()), 0, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    let world = World::new().await;
    delegated(&world, "t1", "APP-1").await;
    for path in [
        "/api/issues/APP-2",
        "/api/issues/app-1",
        "/api/issues/APP-1/explain?project=lib",
        "/api/issues/%27%20OR%201%3D1",
    ] {
        assert_eq!(world.get(path).await.code(), (404, "issue_not_found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_key_of_two_projects_asks_which() {
    let world = World::new().await;
    delegated(&world, "t1", "APP-1").await;
    world.observe_in("lib", &issue("t2"), vec![opened("s2", None), read("APP-1")]).await;
    for path in ["/api/issues/APP-1", "/api/issues/APP-1/explain"] {
        let answer = world.get(path).await;
        assert_eq!(answer.code(), (409, "ambiguous_key".to_owned()), "{path}");
        assert_eq!(answer.json()["error"]["projects"], serde_json::json!(["app", "lib"]));
    }
    let one = world.get("/api/issues/APP-1?project=lib").await.json();
    assert_eq!((&one["project"], &one["id"]), (&"lib".into(), &"acme/t2".into()));
    let one = world.get("/api/issues/APP-1/explain?project=app").await.json();
    assert_eq!(one["issue"]["id"], "acme/t1");
}

/// The tracker gives a key away again when a ticket moves; `?project=` could not tell these two apart.
#[tokio::test]
async fn a_key_that_a_project_used_twice_is_the_one_that_changed_last() {
    let world = World::new().await;
    delegated(&world, "t1", "APP-1").await;
    let later = NOW.plus(Duration::from_secs(5));
    world.observe_at(later, &issue("t2"), vec![opened("s2", None), read("APP-1")]).await;
    assert_eq!(world.get("/api/issues/APP-1").await.json()["id"], "acme/t2");
}

#[tokio::test]
async fn a_list_comes_in_pages_newest_change_first() {
    let world = World::new().await;
    many(&world, 7).await;
    let expected =
        [vec!["APP-7", "APP-6", "APP-5"], vec!["APP-4", "APP-3", "APP-2"], vec!["APP-1"]];
    assert_eq!(pages(&world, "limit=3").await, expected);
    // No cursor leads to an empty page.
    assert_eq!(pages(&world, "limit=7").await.len(), 1);
    assert_eq!(pages(&world, "").await.len(), 1);
    assert_eq!(pages(&world, "limit=0").await.len(), 7, "a page has at least one");
    assert_eq!(pages(&world, "limit=4000000000").await.len(), 1);
}

#[tokio::test]
async fn a_list_can_be_of_one_project_and_of_open_issues() {
    let world = World::new().await;
    many(&world, 4).await;
    world.observe_in("lib", &issue("t9"), vec![opened("s9", None), read("APP-9")]).await;
    let later = NOW.plus(Duration::from_secs(60));
    let completed = read_as(later, "APP-2", TrackerStateKind::Completed);
    world.observe(&issue("t2"), vec![completed]).await;
    assert_eq!(pages(&world, "project=lib").await, [["APP-9"]]);
    assert_eq!(pages(&world, "project=none").await, [Vec::<String>::new()]);
    let active = pages(&world, "active").await.concat();
    assert_eq!(active.iter().collect::<BTreeSet<_>>().len(), 4);
    assert!(!active.contains(&"APP-2".to_owned()), "{active:?}");
    assert_eq!(pages(&world, "active=1&limit=2").await.concat(), active);
    assert_eq!(pages(&world, "active=false").await.concat().len(), 5);
    assert_eq!(pages(&world, "active=true&project=app").await.concat().len(), 3);
}

/// Filtered before it is cut into pages: a page is full as long as there are more.
#[tokio::test]
async fn failed_issues_fill_their_pages() {
    let world = World::new().await;
    many(&world, 40).await;
    for n in [3, 5, 20, 38, 39] {
        let at = NOW.plus(Duration::from_secs(n));
        world.observe_at(at, &issue(&format!("t{n}")), escalated()).await;
    }
    let expected = [vec!["APP-39", "APP-38"], vec!["APP-20", "APP-5"], vec!["APP-3"]];
    assert_eq!(pages(&world, "failed&limit=2").await, expected);
    assert_eq!(pages(&world, "failed=true&limit=5").await, [expected.concat()]);
    assert_eq!(pages(&world, "failed&active&limit=1").await.concat(), expected.concat());
    assert_eq!(pages(&world, "failed&project=lib").await, [Vec::<String>::new()]);
    assert_eq!(pages(&world, "failed=0").await.concat().len(), 40);
    let list = world.get("/api/issues?failed&limit=1").await.json();
    assert_eq!(list["issues"][0]["state"], "escalated");
}

/// One request looks at a bounded number of issues. The page it gives may be short, and its cursor goes on.
#[tokio::test]
async fn a_filter_that_finds_little_gives_short_pages_with_a_cursor() {
    let world = World::new().await;
    many(&world, 1_010).await;
    world.observe_at(NOW.plus(Duration::from_secs(1)), &issue("t1"), escalated()).await;
    let pages = pages(&world, "failed&limit=200").await;
    assert_eq!(pages, [vec![], vec!["APP-1".to_owned()]]);
}
