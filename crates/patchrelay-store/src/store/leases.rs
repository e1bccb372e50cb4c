//! Leases: who may work on an issue. The token is the issue's and only grows, whoever holds it.

use std::time::Duration;

use patchrelay_domain::{IssueId, Timestamp};
use patchrelay_ports::{Lease, StoreError};
use sqlx::{SqliteConnection, SqlitePool};

use super::failed;
use crate::sql;

pub(super) async fn acquire(
    writer: &SqlitePool,
    issue: &IssueId,
    owner: &str,
    now: Timestamp,
    ttl: Duration,
) -> Result<Option<Lease>, StoreError> {
    let expires = now.plus(ttl);
    let row: Option<(i64,)> = sqlx::query_as(sql::ACQUIRE)
        .bind(issue.to_string())
        .bind(owner)
        .bind(expires.millis())
        .bind(now.millis())
        .fetch_optional(writer)
        .await
        .map_err(failed("acquire a lease"))?;
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
    let renewed = sqlx::query(sql::RENEW)
        .bind(lease.issue.to_string())
        .bind(&lease.owner)
        .bind(lease.token)
        .bind(now.millis())
        .bind(expires.millis())
        .execute(writer)
        .await
        .map_err(failed("renew a lease"))?;
    Ok((renewed.rows_affected() == 1).then_some(expires))
}

pub(super) async fn release(writer: &SqlitePool, lease: &Lease) -> Result<(), StoreError> {
    sqlx::query(sql::RELEASE)
        .bind(lease.issue.to_string())
        .bind(&lease.owner)
        .bind(lease.token)
        .execute(writer)
        .await
        .map(drop)
        .map_err(failed("release a lease"))
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
