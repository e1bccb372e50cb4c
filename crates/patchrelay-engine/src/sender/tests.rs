use std::sync::atomic::{AtomicUsize, Ordering};

use patchrelay_domain::{IssueId, Timestamp};
use patchrelay_ports::OrderId;

use super::*;

fn row(workspace: &str) -> OutboxRow {
    OutboxRow {
        id: OrderId(1),
        issue: IssueId::new(workspace, "ticket-1"),
        entity_id: "entity-1".to_owned(),
        order: OutboxOrder::Comment { body: "Hm.".to_owned() },
        attempts: 0,
        expires: None,
        is_superseded: false,
        taker: "us".to_owned(),
        held_until: Timestamp::default(),
    }
}

/// D14: a process that was asleep does not write on what somebody else may have taken meanwhile.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_on_a_hold_that_is_not_fresh() {
    let calls = AtomicUsize::new(0);
    let taken = Instant::now();
    let try_now = || {
        let work = async { Ok::<_, CallError>(calls.fetch_add(1, Ordering::Relaxed)) };
        async move { within_hold(&row("acme"), taken, work).await }
    };
    tokio::time::advance(HOLD / 3 - Duration::from_millis(1)).await;
    assert!(try_now().await.is_ok());
    tokio::time::advance(Duration::from_millis(1)).await;
    let refused = try_now().await.unwrap_err();
    assert!(refused.is_retryable(), "{refused}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_gets_no_answer_is_given_up_before_it_can_be_somebody_elses() {
    let taken = Instant::now();
    let never = std::future::pending::<Result<(), CallError>>();
    let error = within_hold(&row("acme"), taken, never).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(taken.elapsed(), HOLD * 2 / 3);
}

#[tokio::test(start_paused = true)]
async fn silence_is_counted_for_each_target_until_it_answers_and_once_for_each_pause() {
    let silences = Silences::default();
    let (ours, other) = (row("acme"), row("other"));
    let taken = Instant::now();
    let count = |row| silences.unanswered(row, Instant::now());
    assert_eq!([count(&ours), count(&ours), count(&other)], [1, 2, 1]);
    tokio::time::advance(Duration::from_secs(1)).await;
    silences.paused(&ours);
    assert_eq!(silences.unanswered(&ours, taken), 2, "it was under way when the pause began");
    assert_eq!(count(&ours), 3);
    silences.answered(&ours);
    assert_eq!([count(&ours), count(&other)], [1, 2]);
}
