//! The log of each issue, and the feed that people follow.

use patchrelay_domain::{FeedEntry, IssueId, ObservationKind, Timestamp};
use patchrelay_ports::{FeedFilter, FeedPart, StoreError, StoredFeedEntry, StoredObservation};

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
    filter: &FeedFilter,
) -> Result<Vec<StoredFeedEntry>, StoreError> {
    let limit = i64::from(filter.limit);
    let issue = filter.issue.as_ref().map(IssueId::to_string);
    let (statement, is_reversed) = match (filter.part, issue) {
        (FeedPart::After(cursor), None) => (query(sql::FEED).bind(cursor).bind(limit), false),
        (FeedPart::After(cursor), Some(issue)) => {
            (query(sql::FEED_OF_ISSUE).bind(cursor).bind(limit).bind(issue), false)
        }
        (FeedPart::Newest, None) => (query(sql::NEWEST_FEED).bind(limit), true),
        (FeedPart::Newest, Some(issue)) => {
            (query(sql::NEWEST_FEED_OF_ISSUE).bind(limit).bind(issue), true)
        }
    };
    let mut rows: Vec<FeedRecord> =
        statement.read_all(database).await.map_err(failed("read the feed"))?;
    if is_reversed {
        rows.reverse();
    }
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
