//! The port, as a table of contents: each method is a function of the module that its table belongs to.

mod census;
mod commit;
mod inbox;
mod issues;
mod leases;
mod log;
mod nodes;
mod outbox;
mod retention;
mod runs;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, FeedEntry, IssueId, NodeId, ObservationKind, PrNumber, ProjectId, ReadyIssue,
    RunId, RunState, Timestamp,
};
use patchrelay_ports::{
    Beat, Census, Commit, Committed, DeadDeliveries, Delivery, Expired, FeedFilter, InboxRow,
    IssueFilter, Lease, OutboxRow, Pulse, Received, Role, RunRecord, RunText, SettledIssue, Source,
    Store, StoreError, Stored, StoredFeedEntry, StoredObservation, Urgency, Waits, Worker,
};

use crate::{
    SqlStore,
    database::Database,
    query::{Query, query},
    record::corrupt,
    sql,
    transaction::Transaction,
};

#[async_trait]
impl Store for SqlStore {
    // A full disk is not noticed before something is committed, so this commits a change that changes nothing.
    async fn check_writable(&self) -> Result<(), StoreError> {
        write(&self.database, "store a trial change", query(sql::TRY_TO_WRITE)).await.map(drop)
    }

    async fn receive(&self, delivery: &Delivery) -> Result<Received, StoreError> {
        inbox::receive(&self.database, delivery).await
    }

    async fn inbox_due(
        &self,
        now: Timestamp,
        sources: &[Source],
        limit: u32,
    ) -> Result<Vec<InboxRow>, StoreError> {
        inbox::due(&self.database, now, sources, limit).await
    }

    async fn inbox_done(&self, rows: &[i64], now: Timestamp) -> Result<(), StoreError> {
        inbox::done(&self.database, rows, now).await
    }

    async fn inbox_failed(
        &self,
        row: i64,
        due: Option<Timestamp>,
        error: &str,
    ) -> Result<(), StoreError> {
        inbox::put_off(&self.database, row, due, error).await
    }

    async fn inbox_dead(&self, limit: u32) -> Result<DeadDeliveries, StoreError> {
        inbox::dead(&self.database, limit).await
    }

    async fn load(&self, issue: &IssueId) -> Result<Option<Stored>, StoreError> {
        issues::load(&self.database, issue).await
    }

    async fn list(&self, filter: &IssueFilter) -> Result<Vec<Stored>, StoreError> {
        issues::list(&self.database, filter).await
    }

    async fn find_by_pull_request(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        number: PrNumber,
    ) -> Result<Option<IssueId>, StoreError> {
        issues::find_by_pull_request(&self.database, project, branch, number).await
    }

    async fn known_occurrences(
        &self,
        issue: &IssueId,
        kinds: &[ObservationKind],
    ) -> Result<Vec<bool>, StoreError> {
        log::known_occurrences(&self.database, issue, kinds).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        commit::commit(&self.database, commit).await
    }

    async fn register(&self, worker: &Worker, now: Timestamp) -> Result<(), StoreError> {
        nodes::register(&self.database, worker, now).await
    }

    async fn beat(&self, worker: &Worker, now: Timestamp) -> Result<Beat, StoreError> {
        nodes::beat(&self.database, worker, now).await
    }

    async fn bury(&self, worker: &Worker, now: Timestamp) -> Result<usize, StoreError> {
        nodes::bury(&self.database, worker, now).await
    }

    async fn silence(&self, node: &NodeId, now: Timestamp) -> Result<Option<Duration>, StoreError> {
        nodes::silence(&self.database, node, now).await
    }

    async fn hold_role(
        &self,
        role: Role,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        nodes::hold_role(&self.database, role, worker, now, ttl).await
    }

    async fn release_role(&self, role: Role, worker: &Worker) -> Result<(), StoreError> {
        nodes::release_role(&self.database, role, worker).await
    }

    async fn pulse(&self) -> Result<Pulse, StoreError> {
        nodes::pulse(&self.database).await
    }

    async fn ready(
        &self,
        worker: &Worker,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReadyIssue>, StoreError> {
        issues::ready(&self.database, worker, now, limit).await
    }

    async fn settled(
        &self,
        before: Timestamp,
        after: Option<&SettledIssue>,
        limit: u32,
    ) -> Result<Vec<SettledIssue>, StoreError> {
        issues::settled(&self.database, before, after, limit).await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        issues::next_due(&self.database, now).await
    }

    async fn starts_since(
        &self,
        since: Timestamp,
    ) -> Result<HashMap<ProjectId, usize>, StoreError> {
        issues::starts_since(&self.database, since).await
    }

    async fn acquire(
        &self,
        issue: &IssueId,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        leases::acquire(&self.database, issue, worker, now, ttl).await
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Timestamp>, StoreError> {
        leases::renew(&self.database, lease, now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        leases::release(&self.database, lease).await
    }

    async fn advance(
        &self,
        lease: &Lease,
        run: &RunId,
        state: &RunState,
        feed: Option<&FeedEntry>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        runs::advance(&self.database, lease, run, state, feed, now).await
    }

    async fn keep_texts(
        &self,
        lease: &Lease,
        run: &RunId,
        texts: &[RunText],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        runs::keep_texts(&self.database, lease, run, texts, now).await
    }

    async fn texts_of(&self, run: &RunId, limit: u32) -> Result<Vec<RunText>, StoreError> {
        runs::texts_of(&self.database, run, limit).await
    }

    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        runs::run(&self.database, run).await
    }

    async fn runs_of(&self, issue: &IssueId) -> Result<Vec<RunRecord>, StoreError> {
        runs::of_issue(&self.database, issue).await
    }

    async fn orphaned_runs(
        &self,
        worker: &Worker,
        now: Timestamp,
    ) -> Result<Vec<RunRecord>, StoreError> {
        runs::orphaned(&self.database, worker, now).await
    }

    async fn outbox_take(
        &self,
        taker: &str,
        now: Timestamp,
        ttl: Duration,
        urgency: Urgency,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        outbox::take(&self.database, taker, now, ttl, urgency, limit).await
    }

    async fn outbox_done(
        &self,
        row: &OutboxRow,
        error: Option<&str>,
        feed: &FeedEntry,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        outbox::done(&self.database, row, error, feed, now).await
    }

    async fn outbox_failed(
        &self,
        row: &OutboxRow,
        due: Timestamp,
        waits: Waits,
        error: &str,
    ) -> Result<(), StoreError> {
        outbox::put_off(&self.database, row, due, waits, error).await
    }

    async fn outbox_pending(&self) -> Result<u64, StoreError> {
        outbox::pending(&self.database).await
    }

    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        census::census(&self.database, now).await
    }

    async fn observations(
        &self,
        issue: &IssueId,
        limit: u32,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        log::observations(&self.database, issue, limit).await
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<Vec<StoredFeedEntry>, StoreError> {
        log::feed(&self.database, filter).await
    }

    async fn forget(
        &self,
        what: Expired,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        retention::forget(&self.database, what, before, limit).await
    }
}

/// The longest error text that is kept with a row, in characters: enough for a chain of causes.
const MAX_ERROR: usize = 4_000;

fn bounded(error: &str) -> String {
    error.chars().take(MAX_ERROR).collect()
}

/// How long something lasts, as it is bound. Nothing is held for longer than years, so that the database, which adds
/// it to the time, never gets a sum that is no number.
fn millis(ttl: Duration) -> i64 {
    const MOST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    i64::try_from(ttl.min(MOST).as_millis()).expect("ten years are fewer milliseconds than that")
}

/// Begins a transaction that writes.
async fn begin(database: &Database, operation: &'static str) -> Result<Transaction, StoreError> {
    Transaction::begin(database).await.map_err(failed(operation))
}

/// Carries out one statement that writes, and tells how many rows it changed.
async fn write(
    database: &Database,
    operation: &'static str,
    statement: Query<'_>,
) -> Result<u64, StoreError> {
    let mut tx = begin(database, operation).await?;
    let done = statement.execute(&mut tx).await.map_err(failed(operation))?;
    tx.commit().await.map_err(failed(operation))?;
    Ok(done)
}

/// What it means that the database did not do this.
fn failed(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| match error {
        // Text that is not UTF-8, and whatever else a column cannot hold unless somebody else wrote it.
        sqlx::Error::ColumnDecode { index, source } => corrupt("column", index)(source),
        error => StoreError::Unavailable { operation, source: error.into() },
    }
}
