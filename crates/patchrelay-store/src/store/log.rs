//! The log of each issue, and the feed that people follow.

use patchrelay_domain::{FeedEntry, IssueId, ObservationKind, Timestamp};
use patchrelay_ports::{StoreError, StoredFeedEntry, StoredObservation};

use super::failed;
use crate::{
    database::Database,
    query::query,
    record::{FeedRecord, ObservationRecord, read_all, to_json},
    sql,
    transaction::Transaction,
};

pub(super) async fn known_occurrences(
    database: &Database,
    issue: &IssueId,
    kinds: &[ObservationKind],
) -> Result<Vec<bool>, StoreError> {
    let failed = failed("look occurrences up");
    let issue = issue.to_string();
    let mut tx = Transaction::begin_reading(database).await.map_err(&failed)?;
    let mut known = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let is_logged = match kind.occurrence() {
            Some(occurrence) => query(sql::IS_LOGGED)
                .bind(&issue)
                .bind(kind.name())
                .bind(occurrence)
                .exists(&mut tx)
                .await
                .map_err(&failed)?,
            None => false,
        };
        known.push(is_logged);
    }
    tx.commit().await.map_err(&failed)?;
    Ok(known)
}

pub(super) async fn observations(
    database: &Database,
    issue: &IssueId,
    limit: u32,
) -> Result<Vec<StoredObservation>, StoreError> {
    let mut rows: Vec<ObservationRecord> = query(sql::OBSERVATIONS)
        .bind(issue.to_string())
        .bind(i64::from(limit))
        .read_all(database)
        .await
        .map_err(failed("read the log of an issue"))?;
    rows.reverse();
    read_all(rows)
}

pub(super) async fn feed(
    database: &Database,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredFeedEntry>, StoreError> {
    let rows: Vec<FeedRecord> = query(sql::FEED)
        .bind(after)
        .bind(i64::from(limit))
        .read_all(database)
        .await
        .map_err(failed("read the feed"))?;
    read_all(rows)
}

/// Writes a line of the feed, in the transaction of what it tells of.
pub(super) async fn append_feed(
    tx: &mut Transaction,
    at: Timestamp,
    issue: &IssueId,
    entry: &FeedEntry,
) -> Result<(), StoreError> {
    query(sql::APPEND_FEED)
        .bind(at.millis())
        .bind(issue.to_string())
        .bind(to_json(entry))
        .execute(tx)
        .await
        .map(drop)
        .map_err(failed("write the feed"))
}
