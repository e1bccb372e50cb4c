//! Issues as they are read: one, many, by pull request, and those that could run.

use std::collections::HashMap;

use patchrelay_domain::{BranchName, IssueId, PrNumber, ProjectId, ReadyIssue, Timestamp};
use patchrelay_ports::{IssueFilter, SettledIssue, StoreError, Stored, Worker};

use super::{failed, millis};
use crate::{
    database::Database,
    query::query,
    record::{IssueRecord, ReadyRecord, issue_id, number, read_all},
    sql,
};

pub(super) async fn load(
    database: &Database,
    issue: &IssueId,
) -> Result<Option<Stored>, StoreError> {
    let row: Option<IssueRecord> = query(sql::LOAD)
        .bind(issue.to_string())
        .read_optional(database)
        .await
        .map_err(failed("load an issue"))?;
    row.map(Stored::try_from).transpose()
}

pub(super) async fn list(
    database: &Database,
    filter: &IssueFilter,
) -> Result<Vec<Stored>, StoreError> {
    let rows: Vec<IssueRecord> = query(sql::LIST)
        .bind(filter.project.as_ref().map(ProjectId::as_str))
        .bind(filter.key.as_deref())
        .bind(i64::from(filter.open))
        .bind(filter.after.as_ref().map(IssueId::to_string))
        .bind(i64::from(filter.limit))
        .read_all(database)
        .await
        .map_err(failed("list issues"))?;
    read_all(rows)
}

pub(super) async fn find_by_pull_request(
    database: &Database,
    project: &ProjectId,
    branch: &BranchName,
    number: PrNumber,
) -> Result<Option<IssueId>, StoreError> {
    let row: Option<(String,)> = query(sql::FIND_BY_PULL_REQUEST)
        .bind(project.as_str())
        .bind(branch.as_str())
        .bind(number_column(number))
        .read_optional(database)
        .await
        .map_err(failed("find the issue of a pull request"))?;
    row.map(|(id,)| issue_id(&id)).transpose()
}

pub(super) async fn ready(
    database: &Database,
    worker: &Worker,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<ReadyIssue>, StoreError> {
    let rows: Vec<ReadyRecord> = query(sql::READY)
        .bind(now.millis())
        .bind(i64::from(limit))
        .bind(worker.node.as_str())
        .bind(millis(worker.gone_after))
        .read_all(database)
        .await
        .map_err(failed("list the ready issues"))?;
    read_all(rows)
}

pub(super) async fn settled(
    database: &Database,
    before: Timestamp,
    after: Option<&SettledIssue>,
    limit: u32,
) -> Result<Vec<SettledIssue>, StoreError> {
    let rows: Vec<(String, i64)> = query(sql::SETTLED)
        .bind(before.millis())
        .bind(after.map_or(i64::MIN, |last| last.since.millis()))
        .bind(after.map_or_else(String::new, |last| last.issue.to_string()))
        .bind(i64::from(limit))
        .read_all(database)
        .await
        .map_err(failed("list what is settled"))?;
    let read = |(id, since): (String, i64)| {
        Ok(SettledIssue { issue: issue_id(&id)?, since: Timestamp::from_millis(since) })
    };
    rows.into_iter().map(read).collect()
}

pub(super) async fn next_due(
    database: &Database,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let (due,): (Option<i64>,) = query(sql::NEXT_DUE)
        .bind(now.millis())
        .read_one(database)
        .await
        .map_err(failed("read when the next issue is due"))?;
    Ok(due.map(Timestamp::from_millis))
}

pub(super) async fn starts_since(
    database: &Database,
    since: Timestamp,
) -> Result<HashMap<ProjectId, usize>, StoreError> {
    let rows: Vec<(String, i64)> = query(sql::STARTS_SINCE)
        .bind(since.millis())
        .read_all(database)
        .await
        .map_err(failed("count the runs that started lately"))?;
    rows.into_iter()
        .map(|(project, starts)| {
            Ok((ProjectId::new(&project), number("starts of project", &project, starts)?))
        })
        .collect()
}

/// The column in which a pull request's number is looked up. The facts hold the number itself; no forge counts as
/// far as the column cannot.
pub(super) fn number_column(number: PrNumber) -> i64 {
    i64::try_from(number.0).unwrap_or(i64::MAX)
}
