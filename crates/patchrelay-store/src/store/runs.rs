//! Runs: how they stand, and which of them nobody looks after any more.

use patchrelay_domain::{FeedEntry, IssueId, RunId, RunState, Timestamp};
use patchrelay_ports::{Lease, RunRecord, StoreError, Worker};

use super::{begin, failed, leases, log, millis};
use crate::{
    database::Database,
    query::query,
    record::{RunRow, read_all, to_json},
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
