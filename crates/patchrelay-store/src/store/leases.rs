//! Leases: who may work on an issue. The token is the issue's and only grows, whoever holds it.

use std::time::Duration;

use patchrelay_domain::{IssueId, Timestamp};
use patchrelay_ports::{Lease, StoreError, Worker};

use super::{begin, failed, millis, write};
use crate::{database::Database, query::query, sql, transaction::Transaction};

pub(super) async fn acquire(
    database: &Database,
    issue: &IssueId,
    worker: &Worker,
    now: Timestamp,
    ttl: Duration,
) -> Result<Option<Lease>, StoreError> {
    const OPERATION: &str = "acquire a lease";
    // By itself, a statement that answers with a row answers before it is committed.
    let mut tx = begin(database, OPERATION).await?;
    let row: Option<(i64, i64)> = query(sql::ACQUIRE)
        .bind(issue.to_string())
        .bind(&worker.id)
        .bind(now.millis())
        .bind(millis(ttl))
        .bind(worker.node.as_str())
        .bind(millis(worker.gone_after))
        .fetch_optional(&mut tx)
        .await
        .map_err(failed(OPERATION))?;
    tx.commit().await.map_err(failed(OPERATION))?;
    Ok(row.map(|(token, expires)| Lease {
        issue: issue.clone(),
        owner: worker.id.clone(),
        token,
        expires: Timestamp::from_millis(expires),
    }))
}

/// An expired lease is not renewed, even if nobody took it: its holder may have been seen as gone.
pub(super) async fn renew(
    database: &Database,
    lease: &Lease,
    now: Timestamp,
    ttl: Duration,
) -> Result<Option<Timestamp>, StoreError> {
    const OPERATION: &str = "renew a lease";
    let mut tx = begin(database, OPERATION).await?;
    let row: Option<(i64,)> = query(sql::RENEW)
        .bind(lease.issue.to_string())
        .bind(&lease.owner)
        .bind(lease.token)
        .bind(now.millis())
        .bind(millis(ttl))
        .fetch_optional(&mut tx)
        .await
        .map_err(failed(OPERATION))?;
    tx.commit().await.map_err(failed(OPERATION))?;
    Ok(row.map(|(expires,)| Timestamp::from_millis(expires)))
}

pub(super) async fn release(database: &Database, lease: &Lease) -> Result<(), StoreError> {
    let statement =
        query(sql::RELEASE).bind(lease.issue.to_string()).bind(&lease.owner).bind(lease.token);
    write(database, "release a lease", statement).await.map(drop)
}

/// Whether a lease is still its holder's, in a transaction: until that ends, nobody else gets the lease.
pub(super) async fn is_held(
    tx: &mut Transaction,
    lease: &Lease,
    now: Timestamp,
) -> Result<bool, StoreError> {
    query(sql::IS_HELD)
        .bind(lease.issue.to_string())
        .bind(&lease.owner)
        .bind(lease.token)
        .bind(now.millis())
        .exists(tx)
        .await
        .map_err(failed("check a lease"))
}
