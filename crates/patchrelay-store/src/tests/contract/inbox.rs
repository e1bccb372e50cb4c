use std::sync::Arc;

use patchrelay_ports::{DeadDeliveries, DeadDelivery, Delivery, InboxRow, Received, Source, Store};

use crate::tests::fixtures::{BOTH, NOW, delivery, later};

type Shared = Arc<dyn Store>;

async fn receive(store: &Shared, delivery: &Delivery) -> Received {
    store.receive(delivery).await.unwrap()
}

async fn due_ids(store: &Shared, now: patchrelay_domain::Timestamp) -> Vec<String> {
    store
        .inbox_due(now, &BOTH, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.delivery.delivery_id)
        .collect()
}

pub(in crate::tests) async fn a_delivery_is_stored_once_per_id(store: Shared) {
    assert_eq!(receive(&store, &delivery("d1", b"one")).await, Received::Accepted);
    assert_eq!(receive(&store, &delivery("d1", b"other")).await, Received::Duplicate);
    assert_eq!(store.inbox_due(NOW, &BOTH, 10).await.unwrap()[0].delivery, delivery("d1", b"one"));
}

pub(in crate::tests) async fn a_delivery_is_stored_once_per_body(store: Shared) {
    assert_eq!(receive(&store, &delivery("d1", b"one")).await, Received::Accepted);
    assert_eq!(receive(&store, &delivery("d2", b"one")).await, Received::Duplicate);
    assert_eq!(due_ids(&store, NOW).await, ["d1"]);
}

pub(in crate::tests) async fn sources_do_not_share_ids_or_bodies(store: Shared) {
    let linear = delivery("d1", b"one");
    let github = Delivery { source: Source::Github, ..linear.clone() };
    assert_eq!(receive(&store, &linear).await, Received::Accepted);
    assert_eq!(receive(&store, &github).await, Received::Accepted);
    let sources: Vec<_> = store
        .inbox_due(NOW, &BOTH, 10)
        .await
        .unwrap()
        .iter()
        .map(|row| row.delivery.source)
        .collect();
    assert_eq!(sources, [Source::Linear, Source::Github]);
}

pub(in crate::tests) async fn bodies_keep_every_byte(store: Shared) {
    let bytes: Vec<u8> = (0..=u8::MAX).rev().chain([0, 0xff, 0]).collect();
    let sent = [delivery("all", &bytes), delivery("none", b""), delivery("nul", b"\0")];
    for delivery in &sent {
        assert_eq!(receive(&store, delivery).await, Received::Accepted);
    }
    let read: Vec<_> = store
        .inbox_due(NOW, &BOTH, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.delivery)
        .collect();
    assert_eq!(read, sent);
}

pub(in crate::tests) async fn due_deliveries_come_oldest_first_and_limited(store: Shared) {
    for id in ["d3", "d1", "d2"] {
        assert_eq!(receive(&store, &delivery(id, id.as_bytes())).await, Received::Accepted);
    }
    assert_eq!(due_ids(&store, NOW).await, ["d3", "d1", "d2"]);
    assert_eq!(store.inbox_due(NOW, &BOTH, 2).await.unwrap().len(), 2);
    let before = patchrelay_domain::Timestamp::from_millis(NOW.millis() - 1);
    assert_eq!(due_ids(&store, before).await, [""; 0]);
}

pub(in crate::tests) async fn sources_that_nobody_reads_are_not_in_the_way(store: Shared) {
    let mut sent = Vec::new();
    for (id, source) in ["d1", "d2", "d3", "d4", "d5"].into_iter().zip(BOTH.into_iter().cycle()) {
        let delivery = Delivery { source, ..delivery(id, id.as_bytes()) };
        assert_eq!(receive(&store, &delivery).await, Received::Accepted);
        sent.push(delivery);
    }
    let due = async |sources: &[Source], limit| {
        let rows = store.inbox_due(NOW, sources, limit).await.unwrap();
        rows.into_iter().map(|row| row.delivery).collect::<Vec<_>>()
    };
    let github = [sent[1].clone(), sent[3].clone()];
    assert_eq!(due(&[Source::Github], 10).await, github);
    assert_eq!(due(&[Source::Github], 1).await, github[..1]);
    assert_eq!(due(&[Source::Github, Source::Linear], 10).await, sent, "in the order they came");
    assert_eq!(due(&[Source::Github, Source::Linear], 3).await, sent[..3]);
    assert_eq!(due(&[Source::Github, Source::Github], 10).await, github);
    assert_eq!(due(&[], 10).await, []);
}

pub(in crate::tests) async fn a_delivery_that_is_done_is_not_due(store: Shared) {
    for id in ["d1", "d2", "d3"] {
        assert_eq!(receive(&store, &delivery(id, id.as_bytes())).await, Received::Accepted);
    }
    let rows = store.inbox_due(NOW, &BOTH, 10).await.unwrap();
    store.inbox_done(&[rows[0].id, rows[2].id], NOW).await.unwrap();
    assert_eq!(due_ids(&store, NOW).await, ["d2"]);
    store.inbox_failed(rows[0].id, Some(NOW), "too late").await.unwrap();
    assert_eq!(due_ids(&store, NOW).await, ["d2"]);
}

pub(in crate::tests) async fn a_delivery_that_failed_comes_back_when_it_is_due(store: Shared) {
    assert_eq!(receive(&store, &delivery("d1", b"one")).await, Received::Accepted);
    let row = store.inbox_due(NOW, &BOTH, 10).await.unwrap().remove(0);
    assert_eq!(row.attempts, 0);
    store.inbox_failed(row.id, Some(later(5)), "the tracker did not answer").await.unwrap();
    assert_eq!(due_ids(&store, later(4)).await, [""; 0]);
    assert_eq!(store.inbox_due(later(5), &BOTH, 10).await.unwrap()[0].attempts, 1);
}

pub(in crate::tests) async fn a_dead_delivery_never_comes_back_and_stays_known(store: Shared) {
    assert_eq!(receive(&store, &delivery("d1", b"one")).await, Received::Accepted);
    let row = store.inbox_due(NOW, &BOTH, 10).await.unwrap().remove(0);
    store.inbox_failed(row.id, None, "it is not JSON").await.unwrap();
    assert_eq!(due_ids(&store, later(1_000_000)).await, [""; 0]);
    assert_eq!(receive(&store, &delivery("d1", b"one")).await, Received::Duplicate);
}

pub(in crate::tests) async fn dead_deliveries_are_told_newest_first(store: Shared) {
    assert_eq!(store.inbox_dead(10).await.unwrap(), DeadDeliveries::default());
    for id in ["d1", "d2", "d3", "d4"] {
        assert_eq!(receive(&store, &delivery(id, id.as_bytes())).await, Received::Accepted);
    }
    let rows = store.inbox_due(NOW, &BOTH, 10).await.unwrap();
    for row in &rows[..3] {
        store.inbox_failed(row.id, None, &format!("what {} says", row.id)).await.unwrap();
    }
    let dead = store.inbox_dead(2).await.unwrap();
    assert_eq!(dead.count, 3);
    let told = |row: &InboxRow| DeadDelivery {
        id: row.id,
        source: Source::Linear,
        delivery_id: row.delivery.delivery_id.clone(),
        event: row.delivery.event.clone(),
        received: NOW,
        attempts: 1,
        error: Some(format!("what {} says", row.id)),
    };
    assert_eq!(dead.newest, [told(&rows[2]), told(&rows[1])]);
}
