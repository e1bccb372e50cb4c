//! Leases and holds are judged by the clock of the database, whatever time a node believes it is.

use std::time::Duration;

use patchrelay_domain::{IssueFacts, Timestamp};
use patchrelay_ports::{Beat, Commit, Committed, Role, Store, Urgency};

use super::{in_schema, pool};
use crate::{
    SqlStore,
    tests::fixtures::{
        NOW, TTL, change, claim, facts, issue, of_node, stored, thought, with_issue, worker,
    },
};

const HOUR: Duration = Duration::from_secs(3_600);

/// What the clock of the database says.
async fn database_time(store: &SqlStore) -> Timestamp {
    let now = sqlx::query_scalar("SELECT store_now(0)").fetch_one(pool(store)).await.unwrap();
    Timestamp::from_millis(now)
}

/// Ends every lease and hold, as time does.
async fn let_expire(store: &SqlStore) {
    for statement in [
        "UPDATE issues SET lease_expires_ms = store_now(0) WHERE lease_owner IS NOT NULL",
        "UPDATE outbox SET leased_until_ms = store_now(0) WHERE leased_by IS NOT NULL",
        "UPDATE roles SET expires_ms = store_now(0)",
        "UPDATE nodes SET beat_ms = 0",
    ] {
        sqlx::query(statement).execute(pool(store)).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_node_whose_clock_is_ahead_cannot_steal_a_lease() {
    in_schema(|schema| async move {
        let store = schema.open().await;
        with_issue(&store, "a").await;
        let now = database_time(&store).await;
        let ahead = now.plus(HOUR);
        let held = store.acquire(&issue("a"), &worker("w1"), now, TTL).await.unwrap().unwrap();
        assert!(now.plus(TTL) <= held.expires && held.expires < now.plus(HOUR), "{held:?}");
        assert_eq!(store.acquire(&issue("a"), &worker("w2"), ahead, TTL).await.unwrap(), None);
        let claimed = store.commit(&claim(1, "a", &held, "r1")).await.unwrap();
        assert_eq!(claimed, Committed::Stored(2));
        assert_eq!(
            store.orphaned_runs(&worker("w2"), ahead).await.unwrap(),
            [],
            "it is not seen as gone either"
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_node_whose_clock_is_ahead_cannot_keep_a_lease() {
    in_schema(|schema| async move {
        let store = schema.open().await;
        with_issue(&store, "a").await;
        let now = database_time(&store).await;
        let ahead = now.plus(HOUR);
        let first = store.acquire(&issue("a"), &worker("w1"), ahead, TTL).await.unwrap().unwrap();
        assert!(first.expires < ahead, "an hour is not added to it: {first:?}");
        let renewed = store.renew(&first, ahead, TTL).await.unwrap().unwrap();
        assert!(first.expires <= renewed && renewed < ahead, "{renewed:?}");
        let_expire(&store).await;
        assert_eq!(
            store.renew(&first, NOW, TTL).await.unwrap(),
            None,
            "nor by a clock that is late"
        );
        let late = Commit { at: NOW, ..claim(1, "a", &first, "r1") };
        assert_eq!(store.commit(&late).await.unwrap(), Committed::LeaseLost);
        let second = store.acquire(&issue("a"), &worker("w2"), NOW, TTL).await.unwrap().unwrap();
        assert!(first.token < second.token);
        assert!(now.plus(TTL) <= second.expires, "nor is it shorter for one whose clock is late");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_taken_report_is_held_by_the_clock_of_the_database() {
    in_schema(|schema| async move {
        let store = schema.open().await;
        stored(&store, &Commit { orders: vec![thought("1")], ..change(0, facts("a")) }).await;
        let now = database_time(&store).await;
        let ahead = now.plus(HOUR);
        assert_eq!(store.outbox_take("one", ahead, TTL, Urgency::Any, 10).await.unwrap().len(), 1);
        assert_eq!(store.outbox_take("other", ahead, TTL, Urgency::Any, 10).await.unwrap(), []);
        let_expire(&store).await;
        assert_eq!(store.outbox_take("other", now, TTL, Urgency::Any, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn whether_a_node_is_gone_is_told_by_the_clock_of_the_database() {
    in_schema(|schema| async move {
        let store = schema.open().await;
        let (one, other) = (of_node("w1", "one"), of_node("w2", "other"));
        let now = database_time(&store).await;
        let ahead = now.plus(HOUR);
        let home = Some(one.node.clone());
        stored(&store, &change(0, IssueFacts { home, ..facts("a") })).await;
        store.register(&one, NOW).await.unwrap();
        assert_eq!(store.beat(&other, ahead).await.unwrap(), Beat::AmongOthers);
        assert_eq!(store.bury(&other, ahead).await.unwrap(), 0);
        assert_eq!(store.acquire(&issue("a"), &other, ahead, TTL).await.unwrap(), None);
        let silence = store.silence(&one.node, ahead).await.unwrap().unwrap();
        assert!(silence < TTL, "{silence:?}");
        assert!(store.hold_role(Role::Intake, &one, NOW, TTL).await.unwrap());
        assert!(!store.hold_role(Role::Intake, &other, ahead, TTL).await.unwrap());
        let_expire(&store).await;
        assert!(store.hold_role(Role::Intake, &other, NOW, TTL).await.unwrap());
        assert!(store.acquire(&issue("a"), &other, NOW, TTL).await.unwrap().is_some());
        assert_eq!(store.bury(&other, NOW).await.unwrap(), 1);
    })
    .await;
}
