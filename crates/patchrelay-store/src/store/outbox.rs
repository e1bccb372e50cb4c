//! Reports: in the order of their lane, each with one sender at a time.

use std::{cmp::Reverse, time::Duration};

use patchrelay_domain::{FeedEntry, Timestamp};
use patchrelay_ports::{OutboxRow, StoreError, Urgency, Waits};

use super::{begin, bounded, failed, log, millis};
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
    taker: &str,
    now: Timestamp,
    ttl: Duration,
    urgency: Urgency,
    limit: u32,
) -> Result<Vec<OutboxRow>, StoreError> {
    const OPERATION: &str = "take reports";
    let mut tx = begin(database, OPERATION).await?;
    let mut rows: Vec<OutboxRecord> = query(sql::OUTBOX_TAKE)
        .bind(taker)
        .bind(millis(ttl))
        .bind(now.millis())
        .bind(i64::from(limit))
        .bind(i64::from(urgency == Urgency::Urgent))
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

/// A pause holds whoever has the report now: it is what the target said.
pub(super) async fn put_off(
    database: &Database,
    row: &OutboxRow,
    due: Timestamp,
    waits: Waits,
    error: &str,
) -> Result<(), StoreError> {
    const OPERATION: &str = "put a report off";
    let mut tx = begin(database, OPERATION).await?;
    query(sql::OUTBOX_FAILED)
        .bind(row.id.0)
        .bind(due.millis())
        .bind(bounded(error))
        .bind(&row.taker)
        .bind(row.held_until.millis())
        .execute(&mut tx)
        .await
        .map_err(failed(OPERATION))?;
    if waits == Waits::Target {
        query(sql::OUTBOX_PAUSE)
            .bind(row.id.0)
            .bind(due.millis())
            .bind(bounded(error))
            .execute(&mut tx)
            .await
            .map_err(failed(OPERATION))?;
    }
    tx.commit().await.map_err(failed(OPERATION))
}

pub(super) async fn pending(database: &Database) -> Result<u64, StoreError> {
    let (count,): (i64,) =
        query(sql::OUTBOX_PENDING).read_one(database).await.map_err(failed("count the reports"))?;
    u64::try_from(count).map_err(|error| corrupt("count of", "reports")(error.into()))
}
