//! Runs: how they stand, and which of them nobody looks after any more.

use patchrelay_domain::{FeedEntry, IssueId, RunId, RunState, Timestamp};
use patchrelay_ports::{Lease, RunRecord, StoreError};
use sqlx::SqlitePool;

use super::{begin, failed, log};
use crate::{
    record::{RunRow, read_all, to_json},
    sql,
};

pub(super) async fn advance(
    writer: &SqlitePool,
    lease: &Lease,
    run: &RunId,
    state: &RunState,
    feed: Option<&FeedEntry>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const OPERATION: &str = "store how a run stands";
    let mut tx = begin(writer, OPERATION).await?;
    let advanced = sqlx::query(sql::ADVANCE_RUN)
        .bind(lease.issue.to_string())
        .bind(run.as_str())
        .bind(to_json(state))
        .bind(&lease.owner)
        .bind(lease.token)
        .bind(now.millis())
        .execute(&mut *tx)
        .await
        .map_err(failed(OPERATION))?;
    if advanced.rows_affected() == 0 {
        tx.roll_back().await.map_err(failed(OPERATION))?;
        return Ok(false);
    }
    if let Some(entry) = feed {
        log::append_feed(&mut tx, now, &lease.issue, entry).await?;
    }
    tx.commit().await.map_err(failed(OPERATION))?;
    Ok(true)
}

pub(super) async fn run(reader: &SqlitePool, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
    let row: Option<RunRow> = sqlx::query_as(sql::RUN)
        .bind(run.as_str())
        .fetch_optional(reader)
        .await
        .map_err(failed("load a run"))?;
    row.map(RunRecord::try_from).transpose()
}

pub(super) async fn of_issue(
    reader: &SqlitePool,
    issue: &IssueId,
) -> Result<Vec<RunRecord>, StoreError> {
    let rows: Vec<RunRow> = sqlx::query_as(sql::RUNS_OF)
        .bind(issue.to_string())
        .fetch_all(reader)
        .await
        .map_err(failed("list the runs of an issue"))?;
    read_all(rows)
}

pub(super) async fn orphaned(
    reader: &SqlitePool,
    now: Timestamp,
) -> Result<Vec<RunRecord>, StoreError> {
    let rows: Vec<RunRow> = sqlx::query_as(sql::ORPHANED_RUNS)
        .bind(now.millis())
        .fetch_all(reader)
        .await
        .map_err(failed("list orphaned runs"))?;
    read_all(rows)
}
