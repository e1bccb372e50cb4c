//! The contract on SQLite, and what is true of a SQLite file only.

mod claimers;
mod corrupt;
mod earlier;
mod failing;
mod file;

use std::{path::PathBuf, sync::Arc};

use patchrelay_ports::Store;
use tempfile::TempDir;

use super::contract::{self, for_every_case};
use crate::{SqlStore, database, sqlite::SqliteFile};

/// A store in a directory that goes away with it.
struct Database {
    store: Arc<SqlStore>,
    directory: TempDir,
}

impl Database {
    async fn open() -> Self {
        let directory = TempDir::new().unwrap();
        let store = SqlStore::sqlite(&directory.path().join("store.sqlite")).await.unwrap();
        Self { store: Arc::new(store), directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("store.sqlite")
    }

    fn port(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn file(&self) -> &SqliteFile {
        match &self.store.database {
            database::Database::Sqlite(file) => file,
            database::Database::Postgres(_) => panic!("it was opened as a file"),
        }
    }

    /// Closes the store and opens the file again.
    async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        let store = SqlStore::sqlite(&self.path()).await.unwrap();
        Self { store: Arc::new(store), directory: self.directory }
    }

    /// What nobody but a test does.
    async fn tamper(&self, statement: &'static str) {
        let changed = sqlx::query(statement).execute(&self.file().writer).await.unwrap();
        assert_ne!(changed.rows_affected(), 0, "{statement}");
    }
}

macro_rules! on_sqlite {
    ($($module:ident: $($case:ident),+;)+) => {$(
        mod $module {
            $(
                #[tokio::test]
                async fn $case() {
                    let database = super::Database::open().await;
                    super::contract::$module::$case(database.port()).await;
                }
            )+
        }
    )+};
}

for_every_case!(on_sqlite);
