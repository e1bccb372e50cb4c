//! A transaction whose connection is used again only when it is certain how it ended.
//!
//! SQLite rolls a transaction back by itself when the disk is full or fails. The library's own transactions count
//! how deep they are and do not learn of that, so their connection would refuse every later one; and a connection
//! that was made while the file system was read-only stays so. Hence nothing is counted here: a connection goes back
//! to its pool after a `COMMIT` or `ROLLBACK` that succeeded, and after anything else it is closed, which ends
//! whatever was open, and the pool makes a new one for whoever comes next.
//!
//! On PostgreSQL a `COMMIT` that was sent and then dropped may still happen, even after a read that comes later: the
//! server learns of the closed connection only when it is done. Whoever drops a call does not know what became of it,
//! and the next compare-and-set tells.

use sqlx::{Postgres, Sqlite, pool::PoolConnection};
use tracing::debug;

use crate::{
    database::Database,
    query::query,
    sql::{self, Statement},
};

/// A transaction. What was not committed when it is dropped did not happen.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: Connection,
    is_over: bool,
}

/// A connection of a pool.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Transaction {
    /// Begins one that writes.
    pub(crate) async fn begin(database: &Database) -> sqlx::Result<Self> {
        let connection = match database {
            Database::Sqlite(file) => Connection::Sqlite(file.writer.acquire().await?),
            Database::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        Self::begin_with(connection, sql::BEGIN).await
    }

    /// Begins one that reads the same state from its first statement to its last.
    pub(crate) async fn begin_reading(database: &Database) -> sqlx::Result<Self> {
        let connection = match database {
            Database::Sqlite(file) => Connection::Sqlite(file.reader.acquire().await?),
            Database::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        Self::begin_with(connection, sql::BEGIN_READING).await
    }

    async fn begin_with(connection: Connection, statement: Statement) -> sqlx::Result<Self> {
        // Made before it begins, since it may begin without us hearing of it.
        let mut begun = Self { connection, is_over: false };
        query(statement).execute(&mut begun).await?;
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

    async fn end(mut self, statement: Statement) -> sqlx::Result<()> {
        query(statement).execute(&mut self).await?;
        self.is_over = true;
        Ok(())
    }

    /// Where its statements are carried out.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_over {
            debug!("a transaction did not end as meant: its connection is replaced");
            match &mut self.connection {
                Connection::Sqlite(connection) => connection.close_on_drop(),
                Connection::Postgres(connection) => connection.close_on_drop(),
            }
        }
    }
}
