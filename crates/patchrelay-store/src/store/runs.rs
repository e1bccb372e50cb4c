//! Runs: how they stand, and which of them nobody looks after any more.

use patchrelay_domain::{FeedEntry, IssueId, RunId, RunState, Timestamp};
use patchrelay_ports::{Lease, RunRecord, RunText, StoreError, Worker};

use super::{begin, failed, leases, log, millis};
use crate::{
    database::Database,
    query::query,
    record::{RunRow, RunTextRecord, read_all, to_json},
    sql,
};

pub(super) async fn advance(
    database: &Database,
    lease: &Lease,
    run: &RunId,
    state: &RunState,
    feed: Option<&FeedEntry>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const OPERATION: &str = "store how a run stands";
    let mut tx = begin(database, OPERATION).await?;
    let advanced = leases::is_held(&mut tx, lease, now).await?
        && query(sql::ADVANCE_RUN)
            .bind(run.as_str())
            .bind(lease.issue.to_string())
            .bind(to_json(state))
            .execute(&mut tx)
            .await
            .map_err(failed(OPERATION))?
            == 1;
    if !advanced {
        tx.roll_back().await.map_err(failed(OPERATION))?;
        return Ok(false);
    }
    if let Some(entry) = feed {
        log::append_feed(&mut tx, now, &lease.issue, entry).await?;
    }
    tx.commit().await.map_err(failed(OPERATION))?;
    Ok(true)
}

pub(super) async fn keep_texts(
    database: &Database,
    lease: &Lease,
    run: &RunId,
    texts: &[RunText],
    now: Timestamp,
) -> Result<bool, StoreError> {
    const OPERATION: &str = "keep what was said in a run";
    let mut tx = begin(database, OPERATION).await?;
    let row: Option<(Option<i64>,)> = query(sql::RUN_ENDED)
        .bind(run.as_str())
        .bind(lease.issue.to_string())
        .fetch_optional(&mut tx)
        .await
        .map_err(failed(OPERATION))?;
    if row != Some((None,)) || !leases::is_held(&mut tx, lease, now).await? {
        tx.roll_back().await.map_err(failed(OPERATION))?;
        return Ok(false);
    }
    for text in texts {
        query(sql::KEEP_TEXT)
            .bind(run.as_str())
            .bind(text.at.millis())
            .bind(text.kind.as_str())
            .bind(&text.text)
            .execute(&mut tx)
            .await
            .map_err(failed(OPERATION))?;
    }
    tx.commit().await.map_err(failed(OPERATION))?;
    Ok(true)
}

pub(super) async fn texts_of(
    database: &Database,
    run: &RunId,
    limit: u32,
) -> Result<Vec<RunText>, StoreError> {
    let mut rows: Vec<RunTextRecord> = query(sql::TEXTS_OF)
        .bind(run.as_str())
        .bind(i64::from(limit))
        .read_all(database)
        .await
        .map_err(failed("read what was said in a run"))?;
    rows.reverse();
    read_all(rows)
}

pub(super) async fn run(database: &Database, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
    let row: Option<RunRow> = query(sql::RUN)
        .bind(run.as_str())
        .read_optional(database)
        .await
        .map_err(failed("load a run"))?;
    row.map(RunRecord::try_from).transpose()
}

pub(super) async fn of_issue(
    database: &Database,
    issue: &IssueId,
) -> Result<Vec<RunRecord>, StoreError> {
    let rows: Vec<RunRow> = query(sql::RUNS_OF)
        .bind(issue.to_string())
        .read_all(database)
        .await
        .map_err(failed("list the runs of an issue"))?;
    read_all(rows)
}

pub(super) async fn orphaned(
    database: &Database,
    worker: &Worker,
    now: Timestamp,
) -> Result<Vec<RunRecord>, StoreError> {
    let rows: Vec<RunRow> = query(sql::ORPHANED_RUNS)
        .bind(now.millis())
        .bind(worker.node.as_str())
        .bind(millis(worker.gone_after))
        .read_all(database)
        .await
        .map_err(failed("list orphaned runs"))?;
    read_all(rows)
}
