//! A connection that failed is not the end of the store: whoever comes next gets another one.

use patchrelay_ports::{Commit, Committed, FeedFilter, Received, Store, StoreError};
use sqlx::SqlitePool;

use super::Database;
use crate::{
    query::query,
    sql::{self, Statement},
    tests::fixtures::{
        BOTH, NOW, TTL, asked, change, delivery, facts, issue, leased, line, stored, thought,
        with_issue,
    },
    transaction::Transaction,
};

/// More than fits into what is left of any page.
const LONG: usize = 100_000;

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>, cause: &str) {
    match answer {
        Err(StoreError::Unavailable { source, .. }) => {
            assert!(source.to_string().contains(cause), "{source}");
        }
        other => panic!("expected it to be unavailable: {other:?}"),
    }
}

/// Tells the connection that writes to let the file grow no more. SQLite answers as it does for a full disk.
async fn fill(database: &Database) {
    sqlx::query("PRAGMA max_page_count = 1").execute(&database.file().writer).await.unwrap();
}

/// Makes the connection that writes what one is that was opened on a file system without writes.
async fn make_read_only(database: &Database) {
    sqlx::query("PRAGMA query_only = 1").execute(&database.file().writer).await.unwrap();
}

/// Marks a connection, and tells by the mark whether it is the same one later.
async fn mark(pool: &SqlitePool) {
    sqlx::query("PRAGMA cache_size = 77").execute(pool).await.unwrap();
}

async fn is_marked(pool: &SqlitePool) -> bool {
    sqlx::query_scalar::<_, i64>("PRAGMA cache_size").fetch_one(pool).await.unwrap() == 77
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    const ROUNDS: usize = 3;
    const FULL: &str = "database or disk is full";
    let database = Database::open().await;
    let store = &database.store;
    with_issue(&**store, "a").await;
    let too_much = Commit {
        observations: vec![asked(&"why?".repeat(LONG))],
        orders: vec![thought("1")],
        feed: vec![line("1")],
        ..change(1, facts("a"))
    };
    let too_long = delivery("d1", &[b'x'; LONG]);
    for _ in 0..ROUNDS {
        fill(&database).await;
        assert_unavailable(store.commit(&too_much).await, FULL);
        fill(&database).await;
        assert_unavailable(store.receive(&too_long).await, FULL);
    }
    assert_eq!(store.load(&issue("a")).await.unwrap().unwrap().version, 1);
    assert_eq!(store.observations(&issue("a"), 10).await.unwrap(), []);
    assert_eq!(store.outbox_pending().await.unwrap(), 0);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap(), []);
    assert_eq!(store.inbox_due(NOW, &BOTH, 10).await.unwrap(), []);

    assert_eq!(stored(&**store, &too_much).await, 2);
    assert_eq!(store.receive(&too_long).await.unwrap(), Received::Accepted);
}

#[tokio::test]
async fn a_connection_that_cannot_write_is_replaced() {
    const READ_ONLY: &str = "readonly";
    let database = Database::open().await;
    let store = &database.store;
    with_issue(&**store, "a").await;
    let lease = leased(&**store, "a", "w1", NOW).await;

    make_read_only(&database).await;
    assert_unavailable(store.renew(&lease, NOW, 2 * TTL).await, READ_ONLY);
    assert_eq!(store.renew(&lease, NOW, 2 * TTL).await.unwrap(), Some(NOW.plus(2 * TTL)));
    make_read_only(&database).await;
    assert_unavailable(store.commit(&change(1, facts("a"))).await, READ_ONLY);
    assert_eq!(stored(&**store, &change(1, facts("a"))).await, 2);
    make_read_only(&database).await;
    assert_unavailable(store.check_writable().await, READ_ONLY);
    store.check_writable().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_dropped_did_not_happen() {
    let database = Database::open().await;
    let store = &database.store;
    with_issue(&**store, "a").await;
    let remove = async |tx: &mut Transaction| {
        let statement = "DELETE FROM issues";
        let remove = Statement { sqlite: statement, postgres: statement };
        query(remove).execute(tx).await.unwrap()
    };
    let mut dropped = Transaction::begin(&store.database).await.unwrap();
    assert_eq!(remove(&mut dropped).await, 1);
    drop(dropped);
    let mut ended_by_sqlite = Transaction::begin(&store.database).await.unwrap();
    assert_eq!(remove(&mut ended_by_sqlite).await, 1);
    query(sql::ROLLBACK).execute(&mut ended_by_sqlite).await.unwrap();
    assert!(ended_by_sqlite.commit().await.unwrap_err().to_string().contains("no transaction"));
    assert_eq!(stored(&**store, &change(1, facts("a"))).await, 2);
}

#[tokio::test]
async fn a_reader_whose_transaction_was_cut_sees_what_is_new() {
    let database = Database::open().await;
    let store = &database.store;
    // All of them, so that none is left that was not cut.
    let mut readers = Vec::new();
    for _ in 0..database.file().reader.options().get_max_connections() {
        let mut reader = Transaction::begin_reading(&store.database).await.unwrap();
        query(sql::OUTBOX_PENDING).exists(&mut reader).await.unwrap();
        readers.push(reader);
    }
    drop(readers);
    stored(&**store, &Commit { observations: vec![asked("why?")], ..change(0, facts("a")) }).await;
    assert_eq!(store.observations(&issue("a"), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_ends_as_meant_keeps_its_connection() {
    let database = Database::open().await;
    let store = &database.store;
    with_issue(&**store, "a").await;
    mark(&database.file().writer).await;
    assert_eq!(stored(&**store, &change(1, facts("a"))).await, 2);
    let refused = store.commit(&change(1, facts("a"))).await.unwrap();
    assert_eq!(refused, Committed::Conflict);
    let lease = leased(&**store, "a", "w1", NOW).await;
    store.release(&lease).await.unwrap();
    store.check_writable().await.unwrap();
    assert!(is_marked(&database.file().writer).await);
    make_read_only(&database).await;
    assert_unavailable(store.check_writable().await, "");
    assert!(
        !is_marked(&database.file().writer).await,
        "a connection that failed is another one afterwards"
    );
}

#[tokio::test]
async fn a_new_connection_is_like_the_first() {
    let database = Database::open().await;
    let writer = &database.file().writer;
    let settings = async || {
        let mut settings = Vec::new();
        for pragma in ["PRAGMA synchronous", "PRAGMA foreign_keys", "PRAGMA busy_timeout"] {
            settings.push(sqlx::query_scalar::<_, i64>(pragma).fetch_one(writer).await.unwrap());
        }
        settings
    };
    let before = settings().await;
    drop(Transaction::begin(&database.store.database).await.unwrap());
    assert_eq!(settings().await, before);
}
