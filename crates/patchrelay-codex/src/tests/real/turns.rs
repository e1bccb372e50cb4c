//! What the turns of the real codex cost, and how they fail.

use std::time::Duration;

use patchrelay_domain::{RunId, TurnRecord, TurnStatus};
use patchrelay_ports::{AgentEvent, AgentRuntime, AgentSession, ThreadSpec};
use patchrelay_testkit::model::{ModelScript, ModelStep};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{PATIENCE, shell, stage, stage_of, work};
use crate::CodexRuntime;

/// Runs a turn to its end. Answers with the tokens that it cost and its status.
async fn cost(session: &mut Box<dyn AgentSession>) -> (u64, TurnStatus) {
    let mut sum = 0;
    loop {
        match timeout(PATIENCE, session.next_event()).await.expect("the turn ends").unwrap() {
            AgentEvent::Progress { .. } | AgentEvent::Seen(_) | AgentEvent::Heard { .. } => {}
            AgentEvent::Spent { tokens } => sum += tokens,
            AgentEvent::TurnEnded { status, .. } => return (sum, status),
        }
    }
}

/// D10. The stub counts 15 tokens for each request.
#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn each_request_to_the_model_is_counted_once_also_over_a_resume() {
    let turns = vec![vec![shell("true"), shell("true")], vec![shell("true")], vec![]];
    let mut stage = stage(turns).await;
    let thread = stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    stage.session.start_turn(&work("go")).await.unwrap();
    assert_eq!(cost(&mut stage.session).await, (45, TurnStatus::Completed));
    stage.session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(cost(&mut stage.session).await, (30, TurnStatus::Completed));
    drop(stage.session); // SIGKILL

    let runtime = CodexRuntime::new(stage.config);
    runtime.reap(&RunId::new("run-1")).await.unwrap();
    let mut session = runtime.launch(&stage.world.launch()).await.unwrap();
    assert_eq!(
        session.open_thread(&stage.world.work(), ThreadSpec::Resume(thread.clone())).await.unwrap(),
        thread
    );
    session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(cost(&mut session).await, (15, TurnStatus::Completed));
    session.close().await;
}

fn fail(code: &str, message: &str) -> ModelStep {
    ModelStep::Fail { code: code.to_owned(), message: message.to_owned() }
}

/// What a failure means, without its words.
fn kind(status: &TurnStatus) -> &'static str {
    match status {
        TurnStatus::Completed => "completed",
        TurnStatus::Interrupted => "interrupted",
        TurnStatus::Unavailable { .. } => "unavailable",
        TurnStatus::Barred { .. } => "barred",
        TurnStatus::ThreadFull { .. } => "full",
        TurnStatus::Refused { .. } => "refused",
        TurnStatus::Failed { .. } => "failed",
    }
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn every_failure_of_the_model_ends_the_turn_as_what_it_is() {
    let nothing = || Value::Null;
    let limit = json!({ "error": {
        "type": "usage_limit_reached", "message": "used up", "plan_type": "pro", "resets_in_seconds": 3_600,
    } });
    for (step, expected) in [
        (ModelStep::Http(429, limit), "barred"),
        (ModelStep::Http(401, nothing()), "barred"),
        (ModelStep::Http(403, nothing()), "barred"),
        (ModelStep::Http(429, nothing()), "unavailable"),
        (ModelStep::Http(500, nothing()), "unavailable"),
        (ModelStep::Http(503, nothing()), "unavailable"),
        (ModelStep::Http(400, json!({ "error": { "message": "no such thing" } })), "failed"),
        (fail("server_is_overloaded", "full house"), "unavailable"),
        (fail("rate_limit_exceeded", "Please try again in 10ms."), "unavailable"),
        (fail("context_length_exceeded", "too long"), "full"),
        (fail("insufficient_quota", "pay"), "barred"),
        (fail("cyber_policy", "flagged"), "refused"),
        (fail("invalid_prompt", "no"), "failed"),
    ] {
        let mut stage = stage(vec![vec![step.clone(); 20]]).await;
        stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
        stage.session.start_turn(&work("go")).await.unwrap();
        let (_, status) = cost(&mut stage.session).await;
        assert_eq!(kind(&status), expected, "{step:?}: {status:?}");
        if let TurnStatus::Barred { retry_after: Some(after), .. } = &status {
            assert!(*after <= Duration::from_secs(3_660), "{status:?}");
        }
        stage.session.close().await;
    }
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_used_up_quota_is_told_with_how_much_of_it_and_until_when() {
    let later = crate::wire::codex_time().timestamp() + 3_600;
    let limit = json!({ "error": { "type": "usage_limit_reached", "message": "used up" } });
    let turns = vec![vec![shell("true"), ModelStep::Http(429, limit)]];
    let script = ModelScript { turns, quota: Some((100, later)), ..ModelScript::default() };
    let mut stage = stage_of(script).await;
    stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    stage.session.start_turn(&work("go")).await.unwrap();
    let (_, status) = cost(&mut stage.session).await;
    let TurnStatus::Barred { reason, retry_after } = &status else { panic!("{status:?}") };
    assert!(reason.ends_with("used of the quota: 100 % of 300 minutes"), "{reason}");
    assert!(retry_after.is_some_and(|after| 3_000 < after.as_secs()), "{status:?}");
    stage.session.close().await;
}

/// Codex would ask for ever, if it were not told to give up.
#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_model_that_cannot_be_reached_ends_the_turn() {
    let mut stage = stage(vec![]).await;
    stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    drop(stage.model);
    stage.session.start_turn(&work("go")).await.unwrap();
    let (_, status) = cost(&mut stage.session).await;
    assert_eq!(kind(&status), "unavailable", "{status:?}");
    stage.session.close().await;
}

/// Codex waits without a bound for the first byte of an answer. What helps is what is done about a silent agent.
#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_turn_whose_model_never_answers_is_seen_running_and_ends_by_an_interrupt() {
    let mut stage = stage(vec![vec![ModelStep::Hang]]).await;
    stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    let turn = stage.session.start_turn(&work("go")).await.unwrap();
    let asked = async {
        while stage.model.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asked).await.expect("the model is asked");
    assert_eq!(stage.session.look_at_turn(&turn).await.unwrap(), TurnRecord::InProgress);
    stage.session.interrupt().await.unwrap();
    assert_eq!(cost(&mut stage.session).await.1, TurnStatus::Interrupted);
    stage.session.close().await;
}
