//! A transaction whose connection is used again only when it is certain how it ended.
//!
//! SQLite rolls a transaction back by itself when the disk is full or fails. The library's own transactions count
//! how deep they are and do not learn of that, so their connection would refuse every later one; and a connection
//! that was made while the file system was read-only stays so. Hence nothing is counted here: a connection goes back
//! to its pool after a `COMMIT` or `ROLLBACK` that succeeded, and after anything else it is closed, which ends
//! whatever was open, and the pool makes a new one for whoever comes next.

use std::ops::{Deref, DerefMut};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tracing::debug;

use crate::sql;

/// A transaction. What was not committed when it is dropped did not happen.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: PoolConnection<Sqlite>,
    is_over: bool,
}

impl Transaction {
    /// Begins one that writes.
    pub(crate) async fn begin(writer: &SqlitePool) -> sqlx::Result<Self> {
        Self::begin_with(writer, sql::BEGIN).await
    }

    /// Begins one that reads the same state from its first statement to its last.
    pub(crate) async fn begin_reading(reader: &SqlitePool) -> sqlx::Result<Self> {
        Self::begin_with(reader, sql::BEGIN_READING).await
    }

    async fn begin_with(pool: &SqlitePool, statement: &'static str) -> sqlx::Result<Self> {
        let connection = pool.acquire().await?;
        // Made before it begins, since it may begin without us hearing of it.
        let mut begun = Self { connection, is_over: false };
        sqlx::query(statement).execute(&mut *begun).await?;
        Ok(begun)
    }

    /// Makes it happen. After an error it may have happened or not.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        self.end(sql::COMMIT).await
    }

    /// Undoes it, which dropping it does too, at the price of a new connection.
    pub(crate) async fn roll_back(self) -> sqlx::Result<()> {
        self.end(sql::ROLLBACK).await
    }

    async fn end(mut self, statement: &'static str) -> sqlx::Result<()> {
        sqlx::query(statement).execute(&mut *self).await?;
        self.is_over = true;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_over {
            debug!("a transaction did not end as meant: its connection is replaced");
            self.connection.close_on_drop();
        }
    }
}
