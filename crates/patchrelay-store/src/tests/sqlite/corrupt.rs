//! What cannot be read is an error that says what, and never a default.

use std::error::Error;

use patchrelay_ports::{Commit, FeedFilter, Store, StoreError, Urgency};

use super::Database;
use crate::tests::fixtures::{
    BOTH, NOW, TTL, asked, change, delivery, facts, issue, line, move_ticket, opened, stored,
    thought, with_issue, with_run,
};

/// The error with its cause, which must be of a value that cannot be read.
fn text(error: &StoreError) -> String {
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    format!("{error}: {}", error.source().unwrap())
}

#[tokio::test]
async fn facts_that_are_none_are_refused() {
    let database = Database::open().await;
    with_issue(&*database.store, "a").await;
    database.tamper("UPDATE issues SET facts = '{}'").await;
    let error = text(&database.store.load(&issue("a")).await.unwrap_err());
    assert!(
        error.starts_with(
            "the stored facts of issue `acme/a` cannot be read: missing field `issue`"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn facts_of_a_newer_program_are_refused() {
    let database = Database::open().await;
    with_issue(&*database.store, "a").await;
    database.tamper("UPDATE issues SET facts_version = facts_version + 1").await;
    let error = text(&database.store.load(&issue("a")).await.unwrap_err());
    assert!(
        error.contains("they have version 4, and this program reads versions up to 3"),
        "{error}"
    );
    database.tamper("UPDATE issues SET facts_version = 1").await;
    assert!(database.store.load(&issue("a")).await.unwrap().is_some(), "older ones are read");
    database.tamper("UPDATE issues SET facts_version = 0").await;
    assert!(database.store.load(&issue("a")).await.is_err(), "there never was such a version");
}

#[tokio::test]
async fn an_observation_of_a_newer_program_keeps_its_place() {
    let database = Database::open().await;
    let commit =
        Commit { observations: vec![opened("s1"), asked("why?")], ..change(0, facts("a")) };
    stored(&*database.store, &commit).await;
    database.tamper("UPDATE observations SET kind = 'moon_phase', body = '{\"kind\":\"moon_phase\"}' WHERE position = 0").await;
    let log = database.store.observations(&issue("a"), 10).await.unwrap();
    assert_eq!((log[0].kind.as_str(), &log[0].observation), ("moon_phase", &None));
    assert_eq!(log[1].observation, Some(asked("why?")));
}

#[tokio::test]
async fn an_observation_that_lacks_something_is_refused() {
    let database = Database::open().await;
    stored(
        &*database.store,
        &Commit { observations: vec![asked("why?")], ..change(0, facts("a")) },
    )
    .await;
    database.tamper("UPDATE observations SET body = '{\"kind\":\"asked\"}'").await;
    let error = text(&database.store.observations(&issue("a"), 10).await.unwrap_err());
    assert!(error.starts_with("the stored observation `acme/a version 1 position 0`"), "{error}");
}

#[tokio::test]
async fn a_report_that_cannot_be_read_leaves_none_taken() {
    let database = Database::open().await;
    let orders = vec![thought("1"), move_ticket("2")];
    stored(&*database.store, &Commit { orders, ..change(0, facts("a")) }).await;
    database.tamper("UPDATE outbox SET body = '{}' WHERE position = 0").await;
    let error =
        text(&database.store.outbox_take("sender", NOW, TTL, Urgency::Any, 10).await.unwrap_err());
    assert!(error.starts_with("the stored report `1`"), "{error}");
    database.tamper("UPDATE outbox SET done_ms = 0 WHERE position = 0 AND leased_by IS NULL").await;
    assert_eq!(
        database.store.outbox_take("sender", NOW, TTL, Urgency::Any, 10).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn runs_deliveries_and_feed_lines_are_checked_too() {
    let database = Database::open().await;
    let store = &database.store;
    with_run(&**store, "a", "w1", "r1").await;
    database.tamper("UPDATE runs SET run_type = 'dance'").await;
    assert!(
        text(&store.runs_of(&issue("a")).await.unwrap_err())
            .starts_with("the stored type of run `r1`")
    );
    database
        .tamper("UPDATE runs SET run_type = 'implementation', state = '{\"phase\":\"dance\"}'")
        .await;
    assert!(
        text(&store.runs_of(&issue("a")).await.unwrap_err())
            .starts_with("the stored state of run `r1`")
    );

    assert_eq!(
        store.receive(&delivery("d1", b"one")).await.unwrap(),
        patchrelay_ports::Received::Accepted
    );
    database.tamper("UPDATE inbox SET attempts = -1").await;
    assert!(
        text(&store.inbox_due(NOW, &BOTH, 10).await.unwrap_err())
            .starts_with("the stored attempts of delivery `1`")
    );
    database.tamper("UPDATE inbox SET attempts = 0, event = CAST(x'ff' AS TEXT)").await;
    assert!(text(&store.inbox_due(NOW, &BOTH, 10).await.unwrap_err()).contains("event"));

    stored(&**store, &Commit { feed: vec![line("1")], ..change(0, facts("b")) }).await;
    database.tamper("UPDATE feed SET issue_id = 'nobody'").await;
    assert!(
        text(&store.feed(&FeedFilter::after(0, 10)).await.unwrap_err())
            .starts_with("the stored issue id `nobody`")
    );
}
