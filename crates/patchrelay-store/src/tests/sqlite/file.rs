//! Who may use a file, what opening it does, and what it is like inside.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use patchrelay_domain::RunId;
use patchrelay_ports::{Commit, Expired, FeedFilter, Role, Store, StoreError, Urgency};
use sqlx::{
    AssertSqlSafe, Executor as _, SqlSafeStr as _, SqlitePool, sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;

use super::Database;
use crate::{
    OpenError, SqlStore, sql,
    sqlite::MIGRATIONS,
    tests::{
        cut::cut_commits,
        fixtures::{
            NOW, TTL, asked, change, delivery, facts, issue, later, leased, line, of_node, stored,
            thought, with_run, worker,
        },
    },
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_file_has_one_store_at_a_time() {
    let database = Database::open().await;
    let refused = SqlStore::sqlite(&database.path()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused:?}");
    assert!(refused.to_string().starts_with("another serve uses the database"), "{refused}");
    let database = database.reopen().await;
    let path = database.path();
    drop(database.store);
    SqlStore::sqlite(&path).await.expect("dropping a store lets go of its file");
}

#[tokio::test]
async fn only_its_owner_may_read_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("state/patchrelay/store.sqlite");
    let store = SqlStore::sqlite(&path).await.unwrap();
    stored(&store, &change(0, facts("a"))).await;
    for made in [path.parent().unwrap(), path.parent().unwrap().parent().unwrap()] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
    let files: Vec<_> =
        fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "database, lock, WAL and its index: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await.unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    SqlStore::sqlite(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600, "a file that others could read is closed to them");
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_kept() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    fs::write(&path, "my only copy of a novel\n".repeat(100)).unwrap();
    let refused = SqlStore::sqlite(&path).await.unwrap_err();
    assert!(matches!(refused, OpenError::Database { .. }), "{refused:?}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("my only copy"));
    let below_a_file = SqlStore::sqlite(&path.join("store.sqlite")).await.unwrap_err();
    assert!(matches!(below_a_file, OpenError::Files { .. }), "{below_a_file:?}");
}

#[tokio::test]
async fn the_database_of_a_newer_program_is_refused() {
    let database = Database::open().await;
    database.tamper("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
    database.store.close().await.unwrap();
    let refused = SqlStore::sqlite(&database.path()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { migration: 9999, .. }), "{refused:?}");
}

#[tokio::test]
async fn opening_ends_the_leases_of_an_earlier_store() {
    let database = Database::open().await;
    let old = with_run(&*database.store, "a", "w1", "r1").await;
    let orders = vec![thought("1")];
    stored(&*database.store, &Commit { orders, ..change(2, facts("a")) }).await;
    assert_eq!(
        database.store.outbox_take("sender", NOW, TTL, Urgency::Any, 10).await.unwrap().len(),
        1
    );
    assert_eq!(database.store.orphaned_runs(&worker("w2"), NOW).await.unwrap().len(), 0);

    assert!(database.store.hold_role(Role::Intake, &worker("w1"), NOW, TTL).await.unwrap());

    let database = database.reopen().await;
    let store = &database.store;
    assert_eq!(store.orphaned_runs(&worker("w2"), NOW).await.unwrap()[0].id, RunId::new("r1"));
    assert_eq!(store.outbox_take("sender", NOW, TTL, Urgency::Any, 10).await.unwrap().len(), 1);
    assert!(store.hold_role(Role::Intake, &of_node("w2", "moved"), NOW, TTL).await.unwrap());
    assert_eq!(store.renew(&old, NOW, TTL).await.unwrap(), None);
    let new = leased(&**store, "a", "w1", NOW).await;
    assert!(old.token < new.token, "a token is never given twice");
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let database = Database::open().await;
    let commit = Commit {
        observations: vec![asked("why?")],
        orders: vec![thought("1")],
        feed: vec![line("asked")],
        ..change(0, facts("a"))
    };
    stored(&*database.store, &commit).await;
    let database = database.reopen().await;
    let store = &database.store;
    assert_eq!(store.load(&issue("a")).await.unwrap().unwrap().facts, commit.facts);
    assert_eq!(
        store.observations(&issue("a"), 10).await.unwrap()[0].observation,
        Some(asked("why?"))
    );
    assert_eq!(store.outbox_pending().await.unwrap(), 1);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap()[0].entry, line("asked"));
}

#[tokio::test]
async fn a_closed_store_refuses_to_work() {
    let database = Database::open().await;
    database.store.close().await.unwrap();
    let error = database.store.load(&issue("a")).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unavailable { operation: "load an issue", .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let database = Database::open().await;
    for (name, statement) in sql::ALL {
        if let Err(error) = database.file().writer.prepare(statement.sqlite.into_sql_str()).await {
            panic!("{name}: {error}");
        }
    }
}

#[tokio::test]
async fn what_waits_for_nobody_is_not_looked_at() {
    let database = Database::open().await;
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql::INBOX_DUE.sqlite)))
            .fetch_all(&database.file().reader)
            .await
            .unwrap();
    let steps: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
    assert_eq!(steps, ["SEARCH inbox USING INDEX inbox_waiting_by_source (source=?)"]);
}

#[tokio::test]
async fn what_is_over_is_found_without_looking_at_what_is_not() {
    let database = Database::open().await;
    for (statement, index) in [
        (sql::FORGET_PAYLOADS, "INDEX inbox_payloads (done_ms<?)"),
        (sql::FORGET_DELIVERIES, "INDEX inbox_over (received_ms<?)"),
        (sql::FORGET_REPORTS, "INDEX outbox_done (done_ms<?)"),
        (sql::FORGET_FEED, "INDEX feed_by_age (at_ms<?)"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.sqlite)))
                .fetch_all(&database.file().reader)
                .await
                .unwrap();
        assert!(plan.iter().any(|(.., step)| step.contains(index)), "{plan:?}");
        assert!(plan.iter().all(|(.., step)| !step.starts_with("SCAN")), "{plan:?}");
    }
}

#[tokio::test]
async fn what_a_delivery_says_takes_no_room_any_more() {
    let database = Database::open().await;
    database.store.receive(&delivery("d1", &[7; 100_000])).await.unwrap();
    database.store.inbox_done(&[1], NOW).await.unwrap();
    assert_eq!(database.store.forget(Expired::Payloads, later(1), 10).await.unwrap(), 1);
    let left: i64 = sqlx::query_scalar("SELECT SUM(length(body)) FROM inbox")
        .fetch_one(&database.file().reader)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn every_migration_applies_over_the_ones_before() {
    let directory = TempDir::new().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(directory.path().join("store.sqlite"))
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite"))
        .unwrap()
        .count();
    assert_eq!(MIGRATIONS.iter().count(), files, "every file is a migration");
    for migration in MIGRATIONS.iter() {
        MIGRATIONS.run_to(migration.version, &pool).await.unwrap();
    }
    MIGRATIONS.run(&pool).await.expect("running them again changes nothing");
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE '%sql%' ORDER BY name",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let expected = [
        "feed",
        "inbox",
        "issues",
        "nodes",
        "observations",
        "outbox",
        "outbox_pauses",
        "roles",
        "run_texts",
        "runs",
    ]
    .map(|name| (name.to_owned(), true));
    assert_eq!(tables, expected);
}

#[tokio::test]
async fn a_committed_change_survives_a_loss_of_power() {
    // Which is SQLite's promise, if it is asked for it this way.
    let database = Database::open().await;
    let pragma = async |text: &'static str| {
        sqlx::query_scalar::<_, String>(text).fetch_one(&database.file().writer).await.unwrap()
    };
    assert_eq!(pragma("PRAGMA journal_mode").await, "wal");
    let full = 2;
    let synchronous: i64 =
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(&database.file().writer).await.unwrap();
    assert_eq!(synchronous, full);
    let foreign_keys: i64 =
        sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&database.file().writer).await.unwrap();
    assert_eq!(foreign_keys, 1);
}

#[tokio::test]
async fn readers_cannot_write() {
    let database = Database::open().await;
    let error =
        sqlx::query(sql::VOID_LEASES.sqlite).execute(&database.file().reader).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn a_dropped_commit_happened_whole_or_not_at_all() {
    let database = Database::open().await;
    let store = &database.store;
    // The one connection is free again when what was cut is over.
    cut_commits(store, async || store.inbox_done(&[], later(1)).await.unwrap()).await;
}
