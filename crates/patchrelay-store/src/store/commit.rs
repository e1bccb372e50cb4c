//! The one change of an issue: all of it, or nothing.

use patchrelay_domain::{
    FACTS_VERSION, RunId, RunOutcome, RunState, RunType, Timestamp, factory_state,
};
use patchrelay_ports::{Commit, Committed, Guard, NewRun, StoreError};

use super::{begin, failed, issues::number_column, leases, log};
use crate::{
    database::Database,
    query::query,
    record::{corrupt, to_json},
    sql,
    transaction::Transaction,
};

/// What this module does, for errors.
const OPERATION: &str = "change an issue";

pub(super) async fn commit(database: &Database, commit: &Commit) -> Result<Committed, StoreError> {
    let mut tx = begin(database, OPERATION).await?;
    let committed = apply(&mut tx, commit).await?;
    match committed {
        Committed::Stored(_) => tx.commit().await,
        Committed::Conflict | Committed::LeaseLost | Committed::AlreadySettled => {
            tx.roll_back().await
        }
    }
    .map_err(failed(OPERATION))?;
    Ok(committed)
}

/// Writes everything, the compare-and-set first; whatever else than `Stored` it answers is rolled back by the caller.
async fn apply(tx: &mut Transaction, commit: &Commit) -> Result<Committed, StoreError> {
    // A version that the column cannot hold is not the stored one.
    let versions = i64::try_from(commit.expected)
        .ok()
        .and_then(|expected| Some((expected, expected.checked_add(1)?)));
    let Some((expected, stored)) = versions else { return Ok(Committed::Conflict) };
    if !compare_and_set(tx, commit, expected).await? {
        return Ok(Committed::Conflict);
    }
    let refusal = match &commit.guard {
        Guard::Version => None,
        Guard::Held { lease } if lease.issue != commit.facts.issue => Some(Committed::LeaseLost),
        Guard::Held { lease } => {
            let is_held = leases::is_held(tx, lease, commit.at).await?;
            (!is_held).then_some(Committed::LeaseLost)
        }
        Guard::Claim { lease, .. } if lease.issue != commit.facts.issue => {
            Some(Committed::LeaseLost)
        }
        Guard::Claim { lease, run } => {
            if leases::is_held(tx, lease, commit.at).await? {
                insert_run(tx, commit, run).await?
            } else {
                Some(Committed::LeaseLost)
            }
        }
        Guard::Settle { lease, .. } if lease.issue != commit.facts.issue => {
            Some(Committed::LeaseLost)
        }
        Guard::Settle { lease, run, outcome } => {
            let is_held = leases::is_held(tx, lease, commit.at).await?;
            end_run(tx, commit, run, outcome, is_held).await?
        }
    };
    if let Some(refusal) = refusal {
        return Ok(refusal);
    }
    if !append_observations(tx, commit, stored).await? {
        return Ok(Committed::Conflict);
    }
    insert_orders(tx, commit, stored).await?;
    for entry in &commit.feed {
        log::append_feed(tx, commit.at, &commit.facts.issue, entry).await?;
    }
    for delivery in &commit.deliveries {
        query(sql::INBOX_DONE)
            .bind(*delivery)
            .bind(commit.at.millis())
            .execute(tx)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(Committed::Stored(commit.expected + 1))
}

/// Stores the facts and what is derived from them if nobody changed the issue since. `false`: somebody did.
async fn compare_and_set(
    tx: &mut Transaction,
    commit: &Commit,
    expected: i64,
) -> Result<bool, StoreError> {
    let facts = &commit.facts;
    let columns = commit.next.columns();
    let at = commit.at.millis();
    let due = columns.due.map(Timestamp::millis);
    let ready_since = columns.run_type.map(|_| due.map_or(at, |due| due.max(at)));
    let statement = if expected == 0 { sql::INSERT_ISSUE } else { sql::UPDATE_ISSUE };
    let change = query(statement)
        .bind(facts.issue.to_string())
        .bind(i64::from(FACTS_VERSION))
        .bind(to_json(facts))
        .bind(facts.project.as_str())
        .bind(facts.key())
        .bind(facts.branch.as_ref().map(|branch| branch.as_str()))
        .bind(
            facts
                .pull_request
                .as_ref()
                .map(|pull_request| number_column(pull_request.value.number)),
        )
        .bind(i64::from(facts.ticket.as_ref().map_or(0, |ticket| ticket.value.priority)))
        .bind(factory_state(&commit.next).as_str())
        .bind(columns.kind)
        .bind(columns.run_type.map(RunType::as_str))
        .bind(due)
        .bind(ready_since)
        .bind(at)
        .bind(facts.updated.millis())
        .bind(facts.home.as_ref().map(|home| home.as_str()));
    let change = if expected == 0 { change } else { change.bind(expected) };
    let changed = change.execute(tx).await.map_err(failed(OPERATION))?;
    Ok(changed == 1)
}

/// Inserts the run of a claim. An issue with an open run has no room for another, whatever its facts say.
async fn insert_run(
    tx: &mut Transaction,
    commit: &Commit,
    run: &NewRun,
) -> Result<Option<Committed>, StoreError> {
    let inserted = query(sql::INSERT_RUN)
        .bind(run.id.as_str())
        .bind(commit.facts.issue.to_string())
        .bind(run.run_type.as_str())
        .bind(to_json(&RunState::Preparing))
        .bind(run.started.millis())
        .execute(tx)
        .await
        .map_err(failed(OPERATION))?;
    Ok((inserted == 0).then_some(Committed::Conflict))
}

/// Ends the run of a settlement. That it is settled already is the better answer for somebody who also lost the
/// lease: there is nothing left to do.
async fn end_run(
    tx: &mut Transaction,
    commit: &Commit,
    run: &RunId,
    outcome: &RunOutcome,
    is_held: bool,
) -> Result<Option<Committed>, StoreError> {
    let issue = commit.facts.issue.to_string();
    let row: Option<(Option<i64>,)> = query(sql::RUN_ENDED)
        .bind(run.as_str())
        .bind(&issue)
        .fetch_optional(tx)
        .await
        .map_err(failed(OPERATION))?;
    match row {
        None => {
            return Err(corrupt("run", run)(
                format!("issue `{issue}` has no such run to settle").into(),
            ));
        }
        Some((Some(_),)) => return Ok(Some(Committed::AlreadySettled)),
        Some((None,)) if !is_held => return Ok(Some(Committed::LeaseLost)),
        Some((None,)) => {}
    }
    query(sql::END_RUN)
        .bind(run.as_str())
        .bind(&issue)
        .bind(to_json(outcome))
        .bind(commit.at.millis())
        .execute(tx)
        .await
        .map_err(failed(OPERATION))?;
    Ok(None)
}

/// Appends to the log. `false`: an occurrence is in it already, so the facts must not be folded with it again.
async fn append_observations(
    tx: &mut Transaction,
    commit: &Commit,
    version: i64,
) -> Result<bool, StoreError> {
    for (position, observation) in (0_i64..).zip(&commit.observations) {
        let appended = query(sql::APPEND_OBSERVATION)
            .bind(commit.facts.issue.to_string())
            .bind(version)
            .bind(position)
            .bind(observation.at.millis())
            .bind(observation.kind.name())
            .bind(observation.kind.occurrence())
            .bind(&observation.correlation)
            .bind(to_json(observation))
            .execute(tx)
            .await
            .map_err(failed(OPERATION))?;
        if appended == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn insert_orders(
    tx: &mut Transaction,
    commit: &Commit,
    version: i64,
) -> Result<(), StoreError> {
    let issue = &commit.facts.issue;
    for (position, new) in (0_i64..).zip(&commit.orders) {
        query(sql::INSERT_ORDER)
            .bind(issue.to_string())
            .bind(version)
            .bind(position)
            .bind(&new.entity_id)
            .bind(new.order.target(issue))
            .bind(new.order.lane(issue))
            .bind(new.order.set_key())
            .bind(i64::from(new.order.is_urgent()))
            .bind(to_json(&new.order))
            .bind(commit.at.millis())
            .bind(new.expires.map(Timestamp::millis))
            .execute(tx)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(())
}
