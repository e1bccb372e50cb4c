//! A SQLite file: who may use it, how it is opened and how it is closed.
//!
//! All writes go through one connection, so they never wait for each other inside SQLite, and reads through several
//! that cannot write (D39). With `synchronous=FULL` in WAL mode, what was committed survives a loss of power.

pub(crate) mod copy;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tracing::info;

use crate::{
    SqlStore,
    database::{Database, OpenError},
    query::query,
    sql,
    transaction::Transaction,
};

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

/// The connections to a file, which is this store's alone until it is closed or dropped.
#[derive(Debug)]
pub(crate) struct SqliteFile {
    pub(crate) writer: SqlitePool,
    pub(crate) reader: SqlitePool,
    // Declared last, so that it is dropped after the pools.
    lock: File,
}

impl SqlStore {
    /// Opens the database file, made with its directories if it does not exist: the file for its owner alone (0600),
    /// and directories that are made too (0700). Brings its tables up to date, of which a copy is kept in
    /// [`SqlStore::copies`] if there was anything in them, and ends every lease, every role and every hold on a report that
    /// an earlier store left: whoever had them is gone (D13).
    ///
    /// Reads and writes files on the calling thread, which is meant for the start of a program. A crash in the
    /// middle leaves a database that the next call opens.
    pub async fn sqlite(path: &Path) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        let failed = |operation| OpenError::failed(operation, &name);
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
            .map_err(failed("open"))?;
        copy::before_migrations(path, &writer).await?;
        MIGRATIONS.run(&writer).await.map_err(OpenError::not_migrated(&name))?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options.read_only(true));
        let database = Database::Sqlite(SqliteFile { writer, reader, lock });
        void_leases(&database).await.map_err(failed("free the leases of"))?;
        // The index of the WAL goes away with the last connection and could not be made again on a full disk, where
        // the writer comes and goes. Reading works there because one reader has it open from now on.
        let _pending: (i64,) =
            query(sql::OUTBOX_PENDING).read_one(&database).await.map_err(failed("read"))?;
        info!(database = %name, "store opened");
        Ok(Self { database })
    }

    /// The directory beside a database file that holds what the database was before its tables were changed, a copy
    /// for each such change and only the newest few of them.
    pub fn copies(path: &Path) -> PathBuf {
        copy::directory(path)
    }
}

impl SqliteFile {
    /// Waits for the statements under way, closes the database and lets go of the file.
    pub(crate) async fn close(&self) -> io::Result<()> {
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

async fn void_leases(database: &Database) -> sqlx::Result<()> {
    let mut tx = Transaction::begin(database).await?;
    query(sql::VOID_LEASES).execute(&mut tx).await?;
    query(sql::VOID_OUTBOX_LEASES).execute(&mut tx).await?;
    query(sql::VOID_ROLES).execute(&mut tx).await?;
    tx.commit().await
}
