use std::sync::Arc;

use patchrelay_domain::{NextStep, RunId, Settled};
use patchrelay_ports::{
    Commit, Expired, FeedFilter, OutboxRow, Received, RunText, RunTextKind, Store, Urgency,
};

use crate::tests::fixtures::{
    BOTH, NOW, TTL, change, delivery, facts, later, line, move_ticket, stored, text, thought,
    with_run,
};

type Shared = Arc<dyn Store>;

async fn forget(store: &Shared, what: Expired, before: u64, limit: u32) -> u64 {
    store.forget(what, later(before), limit).await.unwrap()
}

/// Stores a delivery that is done this long after it came.
async fn done(store: &Shared, id: &str, seconds: u64) {
    assert_eq!(store.receive(&delivery(id, id.as_bytes())).await.unwrap(), Received::Accepted);
    let due = store.inbox_due(NOW, &BOTH, 10).await.unwrap();
    let row = due.iter().find(|row| row.delivery.delivery_id == id).unwrap();
    store.inbox_done(&[row.id], later(seconds)).await.unwrap();
}

pub(in crate::tests) async fn what_a_delivery_says_is_forgotten_before_that_it_came(store: Shared) {
    for seconds in 1..=3 {
        done(&store, &format!("d{seconds}"), seconds).await;
    }
    assert_eq!(forget(&store, Expired::Payloads, 3, 1).await, 1);
    assert_eq!(forget(&store, Expired::Payloads, 3, 10).await, 1);
    assert_eq!(forget(&store, Expired::Payloads, 3, 10).await, 0, "the third was done later");
    for id in ["d1", "d2", "d3"] {
        let by_id = delivery(id, b"another body");
        assert_eq!(store.receive(&by_id).await.unwrap(), Received::Duplicate);
        let by_body = delivery("another id", id.as_bytes());
        assert_eq!(store.receive(&by_body).await.unwrap(), Received::Duplicate);
    }
    assert_eq!(forget(&store, Expired::Deliveries, 0, 10).await, 0, "they came no earlier");
    assert_eq!(forget(&store, Expired::Deliveries, 1, 2).await, 2);
    assert_eq!(forget(&store, Expired::Deliveries, 1, 10).await, 1);
    assert_eq!(store.receive(&delivery("d1", b"d1")).await.unwrap(), Received::Accepted);
}

pub(in crate::tests) async fn what_waits_is_never_forgotten(store: Shared) {
    for id in ["due", "put off", "dead"] {
        assert_eq!(store.receive(&delivery(id, id.as_bytes())).await.unwrap(), Received::Accepted);
    }
    let rows = store.inbox_due(NOW, &BOTH, 10).await.unwrap();
    store.inbox_failed(rows[1].id, Some(later(5)), "not now").await.unwrap();
    store.inbox_failed(rows[2].id, None, "never").await.unwrap();
    assert_eq!(forget(&store, Expired::Payloads, 1_000, 10).await, 0);
    assert_eq!(forget(&store, Expired::Deliveries, 1_000, 10).await, 1, "the dead one");
    assert_eq!(store.inbox_dead(10).await.unwrap().count, 0);
    assert_eq!(store.inbox_due(later(5), &BOTH, 10).await.unwrap().len(), 2);
}

async fn end(store: &Shared, row: &OutboxRow) {
    store.outbox_done(row, None, &line("sent"), later(1)).await.unwrap();
}

pub(in crate::tests) async fn reports_of_settled_issues_are_forgotten_when_they_are_done(
    store: Shared,
) {
    let orders = || vec![thought("1"), move_ticket("2")];
    stored(&*store, &Commit { orders: orders(), ..change(0, facts("open")) }).await;
    let settled = NextStep::Settled(Settled::Merged);
    let over = Commit { orders: orders(), next: settled, ..change(0, facts("over")) };
    stored(&*store, &over).await;
    let reports = store.outbox_take("sender", NOW, TTL, Urgency::Any, 10).await.unwrap();
    assert_eq!(reports.len(), 4);
    for report in reports.iter().filter(|report| report.entity_id == "1") {
        end(&store, report).await;
    }
    assert_eq!(forget(&store, Expired::Reports, 1, 10).await, 0, "it was not done before");
    assert_eq!(forget(&store, Expired::Reports, 2, 10).await, 1);
    assert_eq!(store.outbox_pending().await.unwrap(), 2);
    for report in reports.iter().filter(|report| report.entity_id == "2") {
        end(&store, report).await;
    }
    assert_eq!(forget(&store, Expired::Reports, 2, 10).await, 1);
}

pub(in crate::tests) async fn what_was_said_in_runs_is_forgotten_by_its_age(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    let run = RunId::new("r1");
    for seconds in 0..3 {
        let said = RunText { at: later(seconds), ..text(RunTextKind::Event, "hm") };
        assert!(store.keep_texts(&lease, &run, &[said], NOW).await.unwrap());
    }
    assert_eq!(forget(&store, Expired::RunTexts, 2, 1).await, 1);
    assert_eq!(forget(&store, Expired::RunTexts, 2, 10).await, 1);
    let kept = store.texts_of(&run, 10).await.unwrap();
    assert_eq!(kept.iter().map(|text| text.at).collect::<Vec<_>>(), [later(2)]);
}

pub(in crate::tests) async fn old_lines_of_the_feed_are_forgotten_and_no_cursor_comes_again(
    store: Shared,
) {
    for seconds in 0..3 {
        let feed = vec![line(&seconds.to_string())];
        stored(&*store, &Commit { feed, at: later(seconds), ..change(seconds, facts("a")) }).await;
    }
    let before = store.feed(&FeedFilter::after(0, 10)).await.unwrap();
    assert_eq!(forget(&store, Expired::Feed, 2, 1).await, 1);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap(), before[1..]);
    assert_eq!(forget(&store, Expired::Feed, 1_000, 10).await, 2);
    stored(&*store, &Commit { feed: vec![line("new")], ..change(3, facts("a")) }).await;
    assert!(before[2].cursor < store.feed(&FeedFilter::after(0, 10)).await.unwrap()[0].cursor);
}
