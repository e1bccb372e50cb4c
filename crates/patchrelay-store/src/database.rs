//! The two kinds of database, and what opening either can fail at.

use std::{io, path::PathBuf};

use patchrelay_ports::Cause;
use sqlx::{PgPool, migrate::MigrateError};
use thiserror::Error;

use crate::sqlite::SqliteFile;

/// The store in a SQLite file or in a PostgreSQL database.
#[derive(Debug)]
pub struct SqlStore {
    pub(crate) database: Database,
}

/// Where it keeps everything.
#[derive(Debug)]
pub(crate) enum Database {
    /// A file that is this store's alone.
    Sqlite(SqliteFile),
    /// A database that other nodes may use too.
    Postgres(PgPool),
}

impl SqlStore {
    /// Waits for the statements under way, closes the database and lets go of a SQLite file. Every later call of the
    /// port fails. Dropping the store instead is safe too: what was not committed did not happen.
    pub async fn close(&self) -> io::Result<()> {
        match &self.database {
            Database::Sqlite(file) => file.close().await,
            Database::Postgres(pool) => {
                pool.close().await;
                Ok(())
            }
        }
    }
}

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another store, most likely of another process, has the file open.
    #[error("another serve uses the database `{}`: stop it, or give this one a database of its own", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// A newer program changed its tables in a way that this one does not know.
    #[error(
        "the database `{database}` belongs to a newer version of this program (its migration {migration} is unknown here)"
    )]
    Newer {
        /// The database file, or the address of the database.
        database: String,
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
    /// Its tables have to be changed, and no copy could be made of it before. It is as it was.
    #[error(
        "failed to copy the database `{}` to `{}`, which is done before its tables are changed: nothing was changed",
        path.display(),
        copy.display()
    )]
    NotCopied {
        /// The database file.
        path: PathBuf,
        /// The file that was to hold the copy.
        copy: PathBuf,
        /// What failed.
        #[source]
        source: Cause,
    },
    /// The same, because the disk is full.
    #[error(
        "the disk has no room for a copy of the database `{}` in `{}`, which is made before its tables are changed: \
         make room for as much as it takes up now, and start again; nothing was changed",
        path.display(),
        copy.display()
    )]
    NoRoom {
        /// The database file.
        path: PathBuf,
        /// The file that was to hold the copy.
        copy: PathBuf,
    },
    /// What should be the address of a PostgreSQL database is none. It is not repeated, since it may hold a password.
    #[error("the URL of the PostgreSQL database cannot be read")]
    Url {
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// The database did not do it, or the file is not a database.
    #[error("failed to {operation} the database `{database}`")]
    Database {
        /// What was attempted.
        operation: &'static str,
        /// The database file, or the address of the database.
        database: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
}

impl OpenError {
    /// The database did not do something.
    pub(crate) fn failed(
        operation: &'static str,
        database: &str,
    ) -> impl FnOnce(sqlx::Error) -> Self + use<> {
        let database = database.to_owned();
        move |error| Self::Database { operation, database, source: error.into() }
    }

    /// Its tables could not be brought up to date.
    pub(crate) fn not_migrated(database: &str) -> impl FnOnce(MigrateError) -> Self + use<> {
        let database = database.to_owned();
        move |error| match error {
            MigrateError::VersionMissing(migration) => Self::Newer { database, migration },
            error => Self::Database { operation: "migrate", database, source: error.into() },
        }
    }
}
