use std::sync::Arc;

use patchrelay_domain::{IssueFacts, IssueId, OutboxOrder, Timestamp};
use patchrelay_ports::{Commit, FeedFilter, NewOrder, OutboxRow, Store, Urgency, Waits};

use crate::tests::fixtures::{
    NOW, TTL, acknowledgement, change, facts, issue, later, line, move_ticket, plan, stored,
    thought, with_issue,
};

type Shared = Arc<dyn Store>;

/// Stores reports of one issue, as the next version of it.
async fn order(store: &Shared, name: &str, orders: &[NewOrder]) {
    let expected = store.load(&issue(name)).await.unwrap().map_or(0, |stored| stored.version);
    stored(&**store, &Commit { orders: orders.to_vec(), ..change(expected, facts(name)) }).await;
}

async fn take(store: &Shared, now: Timestamp) -> Vec<OutboxRow> {
    store.outbox_take("sender", now, TTL, Urgency::Any, 100).await.unwrap()
}

async fn done(store: &Shared, row: &OutboxRow) {
    store.outbox_done(row, None, &line("sent"), NOW).await.unwrap();
}

fn ids(rows: &[OutboxRow]) -> Vec<&str> {
    rows.iter().map(|row| row.entity_id.as_str()).collect()
}

pub(in crate::tests) async fn a_lane_goes_in_order(store: Shared) {
    order(&store, "a", &[thought("1"), thought("2")]).await;
    order(&store, "a", &[thought("3")]).await;
    for next in ["1", "2", "3"] {
        let rows = take(&store, NOW).await;
        assert_eq!(ids(&rows), [next]);
        assert_eq!(ids(&take(&store, NOW).await), [""; 0], "the lane waits for the one under way");
        done(&store, &rows[0]).await;
    }
    assert_eq!(store.outbox_pending().await.unwrap(), 0);
}

pub(in crate::tests) async fn lanes_do_not_wait_for_each_other(store: Shared) {
    order(&store, "a", &[thought("a1"), move_ticket("a2"), thought("a3")]).await;
    order(&store, "b", &[thought("b1")]).await;
    assert_eq!(ids(&take(&store, NOW).await), ["a1", "a2", "b1"]);
    assert_eq!(store.outbox_pending().await.unwrap(), 4);
}

pub(in crate::tests) async fn an_urgent_report_overtakes(store: Shared) {
    order(&store, "a", &[thought("1"), thought("2")]).await;
    order(&store, "b", &[thought("other")]).await;
    order(&store, "a", &[acknowledgement("urgent")]).await;
    let rows = take(&store, NOW).await;
    assert_eq!(ids(&rows), ["urgent", "other"], "one of the lane, and the urgent one first");
    done(&store, &rows[0]).await;
    assert_eq!(ids(&take(&store, NOW).await), ["1"]);
    order(&store, "a", &[acknowledgement("urgent again")]).await;
    assert_eq!(ids(&take(&store, NOW).await), ["urgent again"], "even while another is under way");
}

pub(in crate::tests) async fn urgent_reports_keep_their_own_order(store: Shared) {
    order(&store, "a", &[acknowledgement("1"), acknowledgement("2"), thought("3")]).await;
    let rows = take(&store, NOW).await;
    assert_eq!(ids(&rows), ["1"]);
    store.outbox_failed(&rows[0], later(5), Waits::Report, "no answer").await.unwrap();
    assert_eq!(ids(&take(&store, NOW).await), [""; 0]);
    let rows = take(&store, later(5)).await;
    done(&store, &rows[0]).await;
    assert_eq!(ids(&take(&store, later(5)).await), ["2"]);
}

pub(in crate::tests) async fn a_taken_report_comes_back_when_its_hold_expires(store: Shared) {
    order(&store, "a", &[thought("1")]).await;
    assert_eq!(ids(&take(&store, NOW).await), ["1"]);
    assert_eq!(ids(&take(&store, later(29)).await), [""; 0]);
    let rows = take(&store, later(30)).await;
    assert_eq!(ids(&rows), ["1"]);
    assert_eq!(rows[0].attempts, 0, "nobody said that it failed");
}

pub(in crate::tests) async fn a_failed_report_comes_back_when_it_is_due_and_holds_its_lane(
    store: Shared,
) {
    order(&store, "a", &[thought("1"), thought("2"), move_ticket("3")]).await;
    let rows = take(&store, NOW).await;
    assert_eq!(ids(&rows), ["1", "3"]);
    store.outbox_failed(&rows[0], later(5), Waits::Report, "no answer").await.unwrap();
    assert_eq!(ids(&take(&store, later(4)).await), [""; 0]);
    let rows = take(&store, later(5)).await;
    assert_eq!((ids(&rows), rows[0].attempts), (vec!["1"], 1));
    assert_eq!(store.outbox_pending().await.unwrap(), 3);
}

pub(in crate::tests) async fn a_refused_report_frees_its_lane(store: Shared) {
    order(&store, "a", &[thought("1"), thought("2")]).await;
    let rows = take(&store, NOW).await;
    store
        .outbox_done(&rows[0], Some("refused: the session is gone"), &line("refused"), NOW)
        .await
        .unwrap();
    assert_eq!(ids(&take(&store, NOW).await), ["2"]);
    assert_eq!(store.outbox_pending().await.unwrap(), 1);
}

pub(in crate::tests) async fn a_report_ends_once(store: Shared) {
    order(&store, "a", &[thought("1")]).await;
    let row = take(&store, NOW).await.remove(0);
    store.outbox_done(&row, None, &line("sent"), later(1)).await.unwrap();
    store.outbox_done(&row, Some("late"), &line("again"), later(2)).await.unwrap();
    store.outbox_failed(&row, later(3), Waits::Report, "late").await.unwrap();
    assert_eq!(ids(&take(&store, later(100)).await), [""; 0]);
    let feed = store.feed(&FeedFilter::after(0, 10)).await.unwrap();
    assert_eq!(feed.len(), 1);
    assert_eq!(
        (feed[0].at, &feed[0].issue, &feed[0].entry),
        (later(1), &issue("a"), &line("sent"))
    );
}

pub(in crate::tests) async fn the_number_of_taken_reports_is_limited(store: Shared) {
    with_issue(&*store, "z").await;
    for name in ["a", "b", "c"] {
        order(&store, name, &[thought(name)]).await;
    }
    order(&store, "z", &[acknowledgement("z")]).await;
    assert_eq!(
        ids(&store.outbox_take("sender", NOW, TTL, Urgency::Any, 2).await.unwrap()),
        ["z", "a"]
    );
    assert_eq!(
        ids(&store.outbox_take("sender", NOW, TTL, Urgency::Any, 2).await.unwrap()),
        ["b", "c"]
    );
}

pub(in crate::tests) async fn reports_round_trip(store: Shared) {
    let orders = [acknowledgement("quotes \" and \u{1F680}\n"), move_ticket("2")];
    order(&store, "a", &orders).await;
    for (row, order) in take(&store, NOW).await.iter().zip(&orders) {
        assert_eq!(
            (&row.order, &row.entity_id, row.expires),
            (&order.order, &order.entity_id, order.expires)
        );
        assert_eq!((&row.issue, row.attempts), (&issue("a"), 0));
    }
}

fn superseded(rows: &[OutboxRow]) -> Vec<(&str, bool)> {
    rows.iter().map(|row| (row.entity_id.as_str(), row.is_superseded)).collect()
}

/// It is said of a report when it is taken, so that a newer one counts however late it came.
pub(in crate::tests) async fn of_a_set_only_the_newest_one_counts(store: Shared) {
    order(&store, "a", &[plan("1"), thought("2"), plan("3")]).await;
    order(&store, "b", &[plan("other")]).await;
    let rows = take(&store, NOW).await;
    assert_eq!(
        superseded(&rows),
        [("1", true), ("other", false)],
        "another issue has another plan"
    );
    done(&store, &rows[0]).await;
    let rows = take(&store, NOW).await;
    assert_eq!(superseded(&rows), [("2", false)], "what is told is told, whatever comes after it");
    done(&store, &rows[0]).await;
    let rows = take(&store, NOW).await;
    assert_eq!(superseded(&rows), [("3", false)]);
    store.outbox_failed(&rows[0], later(5), Waits::Report, "no answer").await.unwrap();
    assert_eq!(superseded(&take(&store, later(4)).await), [], "it waits");
    order(&store, "a", &[plan("4")]).await;
    let rows = take(&store, later(4)).await;
    assert_eq!(superseded(&rows), [("3", true)], "and not any longer, since nobody needs it");
    done(&store, &rows[0]).await;
    assert_eq!(superseded(&take(&store, later(4)).await), [("4", false)]);
}

pub(in crate::tests) async fn sets_of_one_lane_have_nothing_to_do_with_each_other(store: Shared) {
    let comment = |entity_id: &str| NewOrder {
        entity_id: entity_id.to_owned(),
        order: OutboxOrder::Comment { body: String::new() },
        expires: None,
    };
    order(&store, "a", &[move_ticket("1"), comment("2"), comment("3")]).await;
    let rows = take(&store, NOW).await;
    assert_eq!(superseded(&rows), [("1", false)], "a comment moves no ticket");
    done(&store, &rows[0]).await;
    assert_eq!(superseded(&take(&store, NOW).await), [("2", true)]);
}

pub(in crate::tests) async fn a_pause_holds_everything_to_its_target_and_nothing_else(
    store: Shared,
) {
    order(&store, "a", &[thought("1"), move_ticket("2")]).await;
    let rows = take(&store, NOW).await;
    store.outbox_failed(&rows[0], later(5), Waits::Target, "slow down").await.unwrap();
    done(&store, &rows[1]).await;
    order(&store, "b", &[acknowledgement("3")]).await;
    let elsewhere = IssueId::new("other-workspace", "c");
    let facts = IssueFacts { issue: elsewhere, ..facts("c") };
    stored(&*store, &Commit { orders: vec![thought("4")], ..change(0, facts) }).await;
    let rows = take(&store, later(4)).await;
    assert_eq!(ids(&rows), ["4"]);
    assert_eq!(ids(&take(&store, later(5)).await), ["3", "1"]);
}

pub(in crate::tests) async fn a_pause_does_not_become_shorter(store: Shared) {
    order(&store, "a", &[thought("1")]).await;
    order(&store, "b", &[thought("2")]).await;
    let rows = take(&store, NOW).await;
    store.outbox_failed(&rows[0], later(9), Waits::Target, "slow down").await.unwrap();
    store.outbox_failed(&rows[1], later(5), Waits::Target, "slow down").await.unwrap();
    assert_eq!(ids(&take(&store, later(8)).await), [""; 0]);
    assert_eq!(ids(&take(&store, later(9)).await), ["1", "2"]);
}

/// A sender that was away for longer than its hold does not free what another one is sending.
pub(in crate::tests) async fn only_the_taker_puts_a_report_off(store: Shared) {
    order(&store, "a", &[thought("1")]).await;
    let late = take(&store, NOW).await.remove(0);
    let row = store.outbox_take("other", later(30), TTL, Urgency::Any, 1).await.unwrap().remove(0);
    assert_eq!((&*late.taker, &*row.taker), ("sender", "other"));
    assert!(late.held_until < row.held_until);
    store.outbox_failed(&late, later(30), Waits::Report, "late").await.unwrap();
    assert_eq!(ids(&take(&store, later(30)).await), [""; 0]);
    store.outbox_failed(&row, later(31), Waits::Report, "no answer").await.unwrap();
    assert_eq!(take(&store, later(31)).await[0].attempts, 1);
}

pub(in crate::tests) async fn there_is_room_for_urgent_reports_alone(store: Shared) {
    order(&store, "a", &[thought("1")]).await;
    order(&store, "b", &[acknowledgement("2"), thought("3")]).await;
    let rows = store.outbox_take("sender", NOW, TTL, Urgency::Urgent, 10).await.unwrap();
    assert_eq!(ids(&rows), ["2"]);
    assert_eq!(ids(&take(&store, NOW).await), ["1"]);
}
