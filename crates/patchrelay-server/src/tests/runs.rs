//! What operators are shown of runs and of an issue's history.

use patchrelay_domain::{
    BranchName, CommitSha, RunId, RunOutcome, RunState, ThreadId, TurnId, Worktree,
};
use patchrelay_ports::{RunText, RunTextKind, Store};

use super::world::{NOW, World, issue, opened, read};

fn working() -> RunState {
    RunState::Working {
        worktree: Worktree {
            path: "/worktrees/APP-1".to_owned(),
            branch: BranchName::new("app/APP-1-wish-a-good-night"),
            base_branch: BranchName::new("main"),
            base: CommitSha::new("0".repeat(40)),
            merge: None,
            is_behind: false,
        },
        thread: Some(ThreadId::new("thread-1")),
        turn: Some(TurnId::new("turn-1")),
        continuations: 0,
    }
}

/// APP-1 with a run that failed and one that is at work.
async fn with_two_runs() -> World {
    let world = World::new().await;
    let issue = issue("t1");
    world.observe(&issue, vec![opened("s1", None), read("APP-1")]).await;
    let lease = world.claim(&issue, "run-1").await;
    let reason = "the agent went away".to_owned();
    world.settle(&lease, "run-1", RunOutcome::Failed { reason }).await;
    let lease = world.claim(&issue, "run-2").await;
    let run = RunId::new("run-2");
    assert!(world.store.advance(&lease, &run, &working(), None, NOW).await.unwrap());
    let said = [
        (RunTextKind::Prompt, "Wish a good night."),
        (RunTextKind::Event, "it runs `true`"),
        (RunTextKind::Prompt, "What did you do?"),
        (RunTextKind::Report, "{\"outcome\":\"done\"}"),
    ];
    let said = said.map(|(kind, text)| RunText { at: NOW, kind, text: text.to_owned() });
    assert!(world.store.keep_texts(&lease, &run, &said, NOW).await.unwrap());
    world
}

#[tokio::test]
async fn a_run_is_shown_with_what_was_said_in_it() {
    let world = with_two_runs().await;
    insta::assert_json_snapshot!(world.get("/api/runs/run-2").await.json());
}

#[tokio::test]
async fn a_run_of_which_nothing_is_kept_has_every_field() {
    let world = with_two_runs().await;
    let whole = world.get("/api/runs/run-2").await.json();
    let bare = world.get("/api/runs/run-1").await.json();
    let names =
        |run: &serde_json::Value| run.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&bare), names(&whole));
    assert_eq!(bare["failure_reason"], "the agent went away");
    assert_eq!((&bare["prompt"], &bare["report"]), (&().into(), &().into()));
    assert_eq!(bare["events"], serde_json::json!([]));
}

#[tokio::test]
async fn the_runs_of_an_issue_are_listed_oldest_first() {
    let world = with_two_runs().await;
    let runs = world.get("/api/issues/APP-1/runs").await.json();
    let ids: Vec<_> = runs["runs"].as_array().unwrap().iter().map(|run| &run["id"]).collect();
    assert_eq!(ids, ["run-1", "run-2"]);
    let issue = world.get("/api/issues/APP-1").await.json();
    assert_eq!(runs["runs"][1], issue["active_run"]);
    assert_eq!(runs["runs"][0], issue["latest_run"]);
}

#[tokio::test]
async fn the_history_of_an_issue_is_its_newest_part() {
    let world = with_two_runs().await;
    let kinds = async |path: &str| -> Vec<String> {
        let seen = world.get(path).await.json();
        let seen = seen["observations"].as_array().unwrap().iter();
        seen.map(|seen| seen["kind"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["session_opened", "ticket_read", "run_claimed", "run_settled", "run_claimed"];
    assert_eq!(kinds("/api/issues/APP-1/observations").await, all);
    assert_eq!(kinds("/api/issues/APP-1/observations?limit=2").await, all[3..]);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = with_two_runs().await;
    for (path, code) in [
        ("/api/runs/run-3", "run_not_found"),
        ("/api/runs/..%2Frun-1", "run_not_found"),
        ("/api/issues/APP-2/runs", "issue_not_found"),
        ("/api/issues/APP-2/observations", "issue_not_found"),
    ] {
        assert_eq!(world.get(path).await.code(), (404, code.to_owned()), "{path}");
    }
}
