//! How a database is opened, and what its transactions are like.

use std::error::Error;

use patchrelay_ports::{Delivery, Received, Store, StoreError};
use secrecy::SecretString;
use sqlx::{Executor as _, PgConnection, SqlSafeStr as _};

use super::{in_schema, pool, server};
use crate::{
    OpenError, SqlStore,
    postgres::{DEFAULT_CONNECTIONS, MIGRATIONS},
    query::query,
    sql::{self, Statement},
    sqlite,
    tests::{
        cut::cut_commits,
        fixtures::{
            BOTH, NOW, TTL, change, delivery, facts, issue, leased, stored, with_issue, with_run,
            worker,
        },
    },
    transaction::Transaction,
};

/// The error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn every_statement_can_be_prepared() {
    in_schema(|schema| async move {
        let store = schema.open().await;
        for (name, statement) in sql::ALL {
            if let Err(error) = pool(&store).prepare(statement.postgres.into_sql_str()).await {
                panic!("{name}: {error}");
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn every_migration_applies_over_the_ones_before() {
    in_schema(|schema| async move {
        let mut connection = schema.connection().await;
        for migration in MIGRATIONS.iter() {
            MIGRATIONS.run_to(migration.version, &mut connection).await.unwrap();
        }
        MIGRATIONS.run(&mut connection).await.expect("running them again changes nothing");
    })
    .await;
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |migrations: &sqlx::migrate::Migrator| {
        migrations
            .iter()
            .map(|migration| (migration.version, migration.description.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&MIGRATIONS), names(&sqlite::MIGRATIONS));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn the_database_of_a_newer_program_is_refused() {
    in_schema(|schema| async move {
        let store = schema.open().await;
        pool(&store)
            .execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1")
            .await
            .unwrap();
        let refused = SqlStore::postgres(&SecretString::from(schema.url())).await.unwrap_err();
        assert!(matches!(refused, OpenError::Newer { migration: 9999, .. }), "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains("belongs to a newer version of this program"), "{text}");
        assert_eq!(text.lines().count(), 1);
    })
    .await;
}

#[tokio::test]
async fn no_error_repeats_the_password() {
    for url in [
        "postgres://me:hunter2@127.0.0.1:1/app",
        "postgres://127.0.0.1:1/app?user=me&password=hunter2",
        "postgres://me:hunter2@127.0.0.1:port/app",
        "postgres://me:hunter2@127.0.0.1:1/app?sslmode=maybe",
        "me:hunter2@127.0.0.1",
    ] {
        let error = SqlStore::postgres(&SecretString::from(url)).await.unwrap_err();
        let text = format!("{} {error:?}", chain(&error));
        assert!(!text.contains("hunter2") && !text.contains("me:"), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn neither_the_server_s_refusal_nor_the_store_repeat_the_password() {
    let refused = server().replacen("postgres@", "nobody_of_this_name:hunter2@", 1);
    let error = SqlStore::postgres(&SecretString::from(refused)).await.unwrap_err();
    assert!(!format!("{} {error:?}", chain(&error)).contains("hunter2"), "{error:?}");
    in_schema(|schema| async move {
        let url = schema.url().replacen("postgres@", "postgres:hunter2@", 1);
        let store = SqlStore::postgres(&SecretString::from(url)).await.unwrap();
        let debug = format!("{store:?}");
        assert!(!debug.contains("hunter2"), "{debug}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_server_without_tls_is_refused_when_the_url_demands_it() {
    in_schema(|schema| async move {
        let url = format!("{}&sslmode=require", schema.url());
        let error = SqlStore::postgres(&SecretString::from(url)).await.unwrap_err();
        assert!(matches!(error, OpenError::Database { operation: "open", .. }), "{error:?}");
        assert!(chain(&error).contains("TLS"), "{}", chain(&error));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn nothing_waits_for_ever() {
    in_schema(|schema| async move {
        let store = schema.open().await;
        let setting = async |name: &str| {
            sqlx::query_scalar::<_, String>("SELECT current_setting($1)")
                .bind(name.to_owned())
                .fetch_one(pool(&store))
                .await
                .unwrap()
        };
        assert_eq!(setting("statement_timeout").await, "15s");
        assert_eq!(setting("lock_timeout").await, "10s");
        assert_eq!(setting("idle_in_transaction_session_timeout").await, "15s");
        assert_eq!(setting("application_name").await, "patchrelay");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn opening_leaves_the_leases_of_other_nodes_alone() {
    in_schema(|schema| async move {
        let one = schema.open_timeless().await;
        let lease = with_run(&one, "a", "w1", "r1").await;
        let other = schema.open_timeless().await;
        assert_eq!(other.orphaned_runs(&worker("w2"), NOW).await.unwrap(), []);
        assert_eq!(one.renew(&lease, NOW, TTL).await.unwrap(), Some(NOW.plus(TTL)));
        one.close().await.unwrap();
        assert!(matches!(
            one.load(&issue("a")).await.unwrap_err(),
            StoreError::Unavailable { operation: "load an issue", .. }
        ));
        assert_eq!(other.load(&issue("a")).await.unwrap().unwrap().version, 2);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_transaction_that_is_dropped_did_not_happen() {
    in_schema(|schema| async move {
        let store = schema.open_timeless().await;
        with_issue(&store, "a").await;
        let statement = "DELETE FROM issues";
        let mut dropped = Transaction::begin(&store.database).await.unwrap();
        let remove = Statement { sqlite: statement, postgres: statement };
        assert_eq!(query(remove).execute(&mut dropped).await.unwrap(), 1);
        drop(dropped);
        assert_eq!(stored(&store, &change(1, facts("a"))).await, 2);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_statement_that_fails_ends_its_transaction_and_nothing_else() {
    in_schema(|schema| async move {
        let store = schema.open_timeless().await;
        with_issue(&store, "a").await;
        let statement = "SELECT 1 / 0";
        let fail = Statement { sqlite: statement, postgres: statement };
        for _ in 0..3 * DEFAULT_CONNECTIONS {
            let mut tx = Transaction::begin(&store.database).await.unwrap();
            query(fail).execute(&mut tx).await.unwrap_err();
        }
        assert_eq!(stored(&store, &change(1, facts("a"))).await, 2);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn names_and_errors_with_a_nul_are_stored_without_it() {
    in_schema(|schema| async move {
        let store = schema.open_timeless().await;
        let odd = Delivery { event: "Issue\0".to_owned(), ..delivery("d\0", b"one") };
        assert_eq!(store.receive(&odd).await.unwrap(), Received::Accepted);
        assert_eq!(store.receive(&odd).await.unwrap(), Received::Duplicate);
        let row = store.inbox_due(NOW, &BOTH, 10).await.unwrap().remove(0);
        assert_eq!(row.delivery.event, "Issue\u{FFFD}");
        store.inbox_failed(row.id, Some(NOW), "\0").await.unwrap();
        let lease = {
            with_issue(&store, "a\0").await;
            leased(&store, "a\0", "w\0", NOW).await
        };
        assert_eq!(store.renew(&lease, NOW, TTL).await.unwrap(), Some(NOW.plus(TTL)));
    })
    .await;
}

/// Waits until the server has finished with connections that were cut.
async fn until_nobody_writes(connection: &mut PgConnection) {
    const OTHERS: &str = "
        SELECT COUNT(*) FROM pg_locks
        WHERE locktype = 'relation' AND relation = CAST('issues' AS regclass) AND pid <> pg_backend_pid()";
    while sqlx::query_scalar::<_, i64>(OTHERS).fetch_one(&mut *connection).await.unwrap() != 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_dropped_commit_happened_whole_or_not_at_all() {
    in_schema(|schema| async move {
        let store = schema.open_timeless().await;
        let mut observer = schema.connection().await;
        cut_commits(&store, async || until_nobody_writes(&mut observer).await).await;
    })
    .await;
}
