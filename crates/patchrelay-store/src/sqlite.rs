//! A database file: who may use it, how it is opened and how it is closed.
//!
//! All writes go through one connection, so they never wait for each other inside SQLite, and reads through several
//! that cannot write (D39). With `synchronous=FULL` in WAL mode, what was committed survives a loss of power.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay_ports::Cause;
use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;
use tracing::info;

use crate::{sql, transaction::Transaction};

/// How many reads may be under way at once. They are short and local; more would only compete for the two or four
/// cores that this usually runs on.
const READERS: u32 = 4;

/// How long a statement waits for a lock. Only somebody from outside, such as a backup or a person with a shell, can
/// hold one: longer than those take, shorter than a lease.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a call waits for its connection. Every statement is short, so one that waits this long waits for a disk
/// that does not answer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);

/// Every migration, in order.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another store, most likely of another process, has it open.
    #[error("another serve uses the database `{}`: stop it, or give this one a database of its own", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// A newer program changed its tables in a way that this one does not know.
    #[error("the database `{}` belongs to a newer version of this program (its migration {migration} is unknown here)", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The first migration that is not known.
        migration: i64,
    },
    /// A file or directory could not be made or changed.
    #[error("failed to make ready the files of the database `{}`", path.display())]
    Files {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The database did not do it, or the file is not a database.
    #[error("failed to {operation} the database `{}`", path.display())]
    Database {
        /// What was attempted.
        operation: &'static str,
        /// The database file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: Cause,
    },
}

/// The store in a SQLite file. The file is its alone until it is closed or dropped.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) writer: SqlitePool,
    pub(crate) reader: SqlitePool,
    // Declared last, so that it is dropped after the pools.
    lock: File,
}

impl SqliteStore {
    /// Opens the database file, made with its directories if it does not exist: the file for its owner alone (0600),
    /// and directories that are made too (0700). Brings its tables up to date, and ends every lease and every hold on
    /// a report that an earlier store left: whoever had them is gone (D13).
    ///
    /// Reads and writes small files on the calling thread, which is meant for the start of a program. A crash in the
    /// middle leaves a database that the next call opens.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |operation| {
            move |source: Cause| OpenError::Database { operation, path: path.to_owned(), source }
        };
        let lock = lock(path)?;
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(
                options
                    .clone()
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full),
            )
            .await
            .map_err(|error| failed("open")(error.into()))?;
        MIGRATIONS.run(&writer).await.map_err(|error| match error {
            MigrateError::VersionMissing(migration) => {
                OpenError::Newer { path: path.to_owned(), migration }
            }
            error => failed("migrate")(error.into()),
        })?;
        void_leases(&writer).await.map_err(|error| failed("free the leases of")(error.into()))?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options.read_only(true));
        // The index of the WAL goes away with the last connection and could not be made again on a full disk, where
        // the writer comes and goes. Reading works there because one reader has it open from now on.
        sqlx::query(sql::OUTBOX_PENDING)
            .execute(&reader)
            .await
            .map_err(|error| failed("read")(error.into()))?;
        info!(database = %path.display(), "store opened");
        Ok(Self { writer, reader, lock })
    }

    /// Waits for the statements under way, closes the database and lets go of the file. Every later call of the port
    /// fails. Dropping the store instead is safe too: what was not committed did not happen.
    pub async fn close(&self) -> io::Result<()> {
        // The last connection to close tidies up the WAL, and only one that can write is able to.
        self.reader.close().await;
        self.writer.close().await;
        self.lock.unlock()
    }
}

/// Takes the lock beside the database. The kernel lets go of it when the process ends, however it ends; the file
/// stays, because removing it would let two processes lock two files of the same name.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let failed = |source| OpenError::Files { path: lock_path.clone(), source };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(|source| OpenError::Files { path: parent.to_owned(), source })?;
    }
    let file = open_private(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes the database file before SQLite does, so that it is never readable for others. SQLite gives the files that
/// it puts beside it the same permissions.
fn make_private(path: &Path) -> Result<(), OpenError> {
    open_private(path)
        .and_then(|_| fs::set_permissions(path, Permissions::from_mode(0o600)))
        .map_err(|source| OpenError::Files { path: path.to_owned(), source })
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

async fn void_leases(writer: &SqlitePool) -> sqlx::Result<()> {
    let mut tx = Transaction::begin(writer).await?;
    sqlx::query(sql::VOID_LEASES).execute(&mut *tx).await?;
    sqlx::query(sql::VOID_OUTBOX_LEASES).execute(&mut *tx).await?;
    tx.commit().await
}
