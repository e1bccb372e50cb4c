//! Files of earlier versions: brought up to date, and copied before.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sqlx::{AssertSqlSafe, Executor as _, SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::{
    OpenError, SqlStore,
    sqlite::{MIGRATIONS, copy},
    tests::earlier::{inserts, is_all_there},
};

fn newest() -> i64 {
    MIGRATIONS.iter().next_back().unwrap().version
}

fn before(path: &Path, migration: i64) -> PathBuf {
    SqlStore::copies(path).join(format!("before-{migration}.db"))
}

async fn connect(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqlitePool::connect_with(options).await.unwrap()
}

/// Makes a file that the program of a migration used.
async fn make(path: &Path, migration: i64) {
    let pool = connect(path).await;
    MIGRATIONS.run_to(migration, &pool).await.unwrap();
    for insert in inserts(migration, |hex| format!("X'{hex}'")) {
        if let Err(error) = pool.execute(AssertSqlSafe(insert.clone())).await {
            panic!("{error}: {insert}");
        }
    }
    pool.close().await;
}

async fn open(path: &Path) -> SqlStore {
    SqlStore::sqlite(path).await.unwrap()
}

fn names(directory: &Path) -> BTreeSet<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    fs::read_dir(directory).unwrap().map(|entry| name(entry.unwrap())).collect()
}

#[tokio::test]
async fn what_any_earlier_version_stored_is_read_right() {
    for migration in MIGRATIONS.iter() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("store.sqlite");
        make(&path, migration.version).await;
        is_all_there(&open(&path).await).await;
    }
}

#[tokio::test]
async fn a_copy_of_what_was_stored_is_made_before_it_is_migrated() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    make(&path, 1).await;
    open(&path).await.close().await.unwrap();
    let copy = before(&path, 2);
    assert_eq!(names(&SqlStore::copies(&path)), BTreeSet::from(["before-2.db".to_owned()]));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(copy.parent().unwrap()), mode(&copy)), (0o700, 0o600));

    let pool = connect(&copy).await;
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&pool).await.unwrap();
    assert_eq!(applied, [1], "it is what the earlier program can use");
    let leased: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM issues WHERE lease_owner = 'an-earlier-worker'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(leased, 1, "it was copied before anything was changed");
    pool.close().await;
    is_all_there(&open(&copy).await).await;
}

#[tokio::test]
async fn nothing_is_copied_when_nothing_is_migrated() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    open(&path).await.close().await.unwrap();
    open(&path).await.close().await.unwrap();
    assert!(!SqlStore::copies(&path).exists());
    let used = directory.path().join("used.sqlite");
    make(&used, newest()).await;
    open(&used).await.close().await.unwrap();
    assert!(!SqlStore::copies(&used).exists());
}

#[tokio::test]
async fn the_file_of_a_newer_program_is_refused_and_not_copied() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    make(&path, 1).await;
    let pool = connect(&path).await;
    pool.execute("UPDATE _sqlx_migrations SET version = 9999").await.unwrap();
    pool.close().await;
    let refused = SqlStore::sqlite(&path).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { migration: 9999, .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("belongs to a newer version of this program"), "{text}");
    assert_eq!(text.lines().count(), 1);
    assert!(!SqlStore::copies(&path).exists());
}

#[tokio::test]
async fn the_newest_copies_are_kept_and_nobody_else_s_file_is_removed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    make(&path, 1).await;
    let copies = SqlStore::copies(&path);
    fs::create_dir(&copies).unwrap();
    let left = ["before-1.db", "before--7.db", "before-0.db", "notes.txt", "before-x.db"];
    for name in left.into_iter().chain(["unfinished"]) {
        fs::write(copies.join(name), "left by somebody").unwrap();
    }
    open(&path).await.close().await.unwrap();
    let kept = ["before-0.db", "before-1.db", "before-2.db", "notes.txt", "before-x.db"];
    assert_eq!(names(&copies), kept.map(str::to_owned).into());
}

#[tokio::test]
async fn a_file_that_cannot_be_copied_is_not_migrated() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    make(&path, 1).await;
    // A directory is no file to write to, whoever asks.
    fs::create_dir_all(SqlStore::copies(&path).join("unfinished/x")).unwrap();
    let refused = SqlStore::sqlite(&path).await.unwrap_err();
    assert!(matches!(refused, OpenError::Files { .. }), "{refused:?}");
    fs::remove_dir_all(SqlStore::copies(&path)).unwrap();
    fs::write(SqlStore::copies(&path), "").unwrap();
    let refused = SqlStore::sqlite(&path).await.unwrap_err();
    assert!(matches!(refused, OpenError::Files { .. }), "{refused:?}");
    fs::remove_file(SqlStore::copies(&path)).unwrap();

    let pool = connect(&path).await;
    let applied: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&pool).await.unwrap();
    assert_eq!(applied, 1);
    pool.close().await;
    is_all_there(&open(&path).await).await;
}

#[tokio::test]
async fn a_copy_says_why_it_was_not_made() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    make(&path, 1).await;
    let pool = connect(&path).await;
    let full = copy::write_to(&path, &pool, Path::new("/dev/full")).await.unwrap_err();
    assert!(matches!(full, OpenError::NoRoom { .. }), "{full:?}");
    assert!(full.to_string().contains("the disk has no room for a copy"), "{full}");
    let there = directory.path().join("there");
    fs::write(&there, "somebody's").unwrap();
    fs::set_permissions(&there, Permissions::from_mode(0o600)).unwrap();
    let other = copy::write_to(&path, &pool, &there).await.unwrap_err();
    assert!(matches!(other, OpenError::NotCopied { .. }), "{other:?}");
    assert!(other.to_string().ends_with("nothing was changed"), "{other}");
    assert_eq!(fs::read_to_string(&there).unwrap(), "somebody's");
}
