//! Leases: who may work on an issue. The token is the issue's and only grows, whoever holds it.

use std::time::Duration;

use patchrelay_domain::{IssueId, Timestamp};
use patchrelay_ports::{Lease, StoreError};
use sqlx::{SqliteConnection, SqlitePool};

use super::{begin, failed, write};
use crate::sql;

pub(super) async fn acquire(
    writer: &SqlitePool,
    issue: &IssueId,
    owner: &str,
    now: Timestamp,
    ttl: Duration,
) -> Result<Option<Lease>, StoreError> {
    const OPERATION: &str = "acquire a lease";
    let expires = now.plus(ttl);
    // By itself, a statement that answers with a row answers before it is committed.
    let mut tx = begin(writer, OPERATION).await?;
    let row: Option<(i64,)> = sqlx::query_as(sql::ACQUIRE)
        .bind(issue.to_string())
        .bind(owner)
        .bind(expires.millis())
        .bind(now.millis())
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed(OPERATION))?;
    tx.commit().await.map_err(failed(OPERATION))?;
    Ok(row.map(|(token,)| Lease { issue: issue.clone(), owner: owner.to_owned(), token, expires }))
}

/// An expired lease is not renewed, even if nobody took it: its holder may have been seen as gone.
pub(super) async fn renew(
    writer: &SqlitePool,
    lease: &Lease,
    now: Timestamp,
    ttl: Duration,
) -> Result<Option<Timestamp>, StoreError> {
    let expires = now.plus(ttl);
    let statement = sqlx::query(sql::RENEW)
        .bind(lease.issue.to_string())
        .bind(&lease.owner)
        .bind(lease.token)
        .bind(now.millis())
        .bind(expires.millis());
    let renewed = write(writer, "renew a lease", statement).await?;
    Ok((renewed == 1).then_some(expires))
}

pub(super) async fn release(writer: &SqlitePool, lease: &Lease) -> Result<(), StoreError> {
    let statement = sqlx::query(sql::RELEASE)
        .bind(lease.issue.to_string())
        .bind(&lease.owner)
        .bind(lease.token);
    write(writer, "release a lease", statement).await.map(drop)
}

/// Whether a lease is still its holder's, inside a transaction that has the write lock.
pub(super) async fn is_held(
    conn: &mut SqliteConnection,
    lease: &Lease,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sqlx::query(sql::IS_HELD)
        .bind(lease.issue.to_string())
        .bind(&lease.owner)
        .bind(lease.token)
        .bind(now.millis())
        .fetch_optional(conn)
        .await
        .map(|row| row.is_some())
        .map_err(failed("check a lease"))
}
