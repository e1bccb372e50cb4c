//! Reports: in the order of their lane, each with one sender at a time.

use std::{cmp::Reverse, time::Duration};

use patchrelay_domain::{FeedEntry, IssueId, OutboxOrder, Timestamp};
use patchrelay_ports::{OutboxRow, StoreError};

use super::{begin, bounded, failed, log, millis, write};
use crate::{
    database::Database,
    query::query,
    record::{OutboxRecord, corrupt, read_all},
    sql,
};

/// Nothing stays taken when one of the reports cannot be read: the error would otherwise hide the others until their
/// holds expire.
pub(super) async fn take(
    database: &Database,
    owner: &str,
    now: Timestamp,
    ttl: Duration,
    limit: u32,
) -> Result<Vec<OutboxRow>, StoreError> {
    const OPERATION: &str = "take reports";
    let mut tx = begin(database, OPERATION).await?;
    let mut rows: Vec<OutboxRecord> = query(sql::OUTBOX_TAKE)
        .bind(owner)
        .bind(millis(ttl))
        .bind(now.millis())
        .bind(i64::from(limit))
        .fetch_all(&mut tx)
        .await
        .map_err(failed(OPERATION))?;
    rows.sort_by_key(|row| (Reverse(row.urgent), row.id));
    let taken = read_all(rows)?;
    tx.commit().await.map_err(failed(OPERATION))?;
    Ok(taken)
}

/// A report ends once: whoever comes later changes nothing and gets no line in the feed.
pub(super) async fn done(
    database: &Database,
    row: &OutboxRow,
    error: Option<&str>,
    feed: &FeedEntry,
    now: Timestamp,
) -> Result<(), StoreError> {
    const OPERATION: &str = "end a report";
    let mut tx = begin(database, OPERATION).await?;
    let ended = query(sql::OUTBOX_DONE)
        .bind(row.id.0)
        .bind(now.millis())
        .bind(error.map(bounded))
        .execute(&mut tx)
        .await
        .map_err(failed(OPERATION))?;
    if ended == 1 {
        log::append_feed(&mut tx, now, &row.issue, feed).await?;
    }
    tx.commit().await.map_err(failed(OPERATION))
}

pub(super) async fn put_off(
    database: &Database,
    row: &OutboxRow,
    due: Timestamp,
    error: &str,
) -> Result<(), StoreError> {
    let statement =
        query(sql::OUTBOX_FAILED).bind(row.id.0).bind(due.millis()).bind(bounded(error));
    write(database, "put a report off", statement).await.map(drop)
}

pub(super) async fn pending(database: &Database) -> Result<u64, StoreError> {
    let (count,): (i64,) =
        query(sql::OUTBOX_PENDING).read_one(database).await.map_err(failed("count the reports"))?;
    u64::try_from(count).map_err(|error| corrupt("count of", "reports")(error.into()))
}

/// Which reports must not overtake each other: those into one session, and those that move the ticket.
pub(super) fn lane(issue: &IssueId, order: &OutboxOrder) -> String {
    match order {
        OutboxOrder::Activity { session, .. } => format!("{issue}#session/{session}"),
        OutboxOrder::MoveTicket { .. } => format!("{issue}#ticket"),
    }
}

/// Whether it overtakes the others of its lane.
pub(super) fn is_urgent(order: &OutboxOrder) -> bool {
    match order {
        OutboxOrder::Activity { urgent, .. } => *urgent,
        OutboxOrder::MoveTicket { .. } => false,
    }
}
