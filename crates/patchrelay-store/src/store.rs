//! The port, as a table of contents: each method is a function of the module that its table belongs to.

mod commit;
mod inbox;
mod issues;
mod leases;
mod log;
mod outbox;
mod runs;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, FeedEntry, IssueId, ObservationKind, PrNumber, ProjectId, ReadyIssue, RunId,
    RunState, Timestamp,
};
use patchrelay_ports::{
    Commit, Committed, Delivery, InboxRow, IssueFilter, Lease, OutboxRow, Received, RunRecord,
    Source, Store, StoreError, Stored, StoredFeedEntry, StoredObservation,
};
use sqlx::{Sqlite, SqlitePool, query::Query, sqlite::SqliteArguments};

use crate::{SqliteStore, record::corrupt, sql, transaction::Transaction};

#[async_trait]
impl Store for SqliteStore {
    // A full disk is not noticed before something is committed, so this commits a change that changes nothing.
    async fn check_writable(&self) -> Result<(), StoreError> {
        write(&self.writer, "store a trial change", sqlx::query(sql::TRY_TO_WRITE)).await.map(drop)
    }

    async fn receive(&self, delivery: &Delivery) -> Result<Received, StoreError> {
        inbox::receive(&self.writer, delivery).await
    }

    async fn inbox_due(
        &self,
        now: Timestamp,
        sources: &[Source],
        limit: u32,
    ) -> Result<Vec<InboxRow>, StoreError> {
        inbox::due(&self.reader, now, sources, limit).await
    }

    async fn inbox_done(&self, rows: &[i64], now: Timestamp) -> Result<(), StoreError> {
        inbox::done(&self.writer, rows, now).await
    }

    async fn inbox_failed(
        &self,
        row: i64,
        due: Option<Timestamp>,
        error: &str,
    ) -> Result<(), StoreError> {
        inbox::put_off(&self.writer, row, due, error).await
    }

    async fn load(&self, issue: &IssueId) -> Result<Option<Stored>, StoreError> {
        issues::load(&self.reader, issue).await
    }

    async fn list(&self, filter: &IssueFilter) -> Result<Vec<Stored>, StoreError> {
        issues::list(&self.reader, filter).await
    }

    async fn find_by_pull_request(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        number: PrNumber,
    ) -> Result<Option<IssueId>, StoreError> {
        issues::find_by_pull_request(&self.reader, project, branch, number).await
    }

    async fn known_occurrences(
        &self,
        issue: &IssueId,
        kinds: &[ObservationKind],
    ) -> Result<Vec<bool>, StoreError> {
        log::known_occurrences(&self.reader, issue, kinds).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        commit::commit(&self.writer, commit).await
    }

    async fn ready(&self, now: Timestamp, limit: u32) -> Result<Vec<ReadyIssue>, StoreError> {
        issues::ready(&self.reader, now, limit).await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        issues::next_due(&self.reader, now).await
    }

    async fn starts_since(
        &self,
        since: Timestamp,
    ) -> Result<HashMap<ProjectId, usize>, StoreError> {
        issues::starts_since(&self.reader, since).await
    }

    async fn acquire(
        &self,
        issue: &IssueId,
        owner: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        leases::acquire(&self.writer, issue, owner, now, ttl).await
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Timestamp>, StoreError> {
        leases::renew(&self.writer, lease, now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        leases::release(&self.writer, lease).await
    }

    async fn advance(
        &self,
        lease: &Lease,
        run: &RunId,
        state: &RunState,
        feed: Option<&FeedEntry>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        runs::advance(&self.writer, lease, run, state, feed, now).await
    }

    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        runs::run(&self.reader, run).await
    }

    async fn runs_of(&self, issue: &IssueId) -> Result<Vec<RunRecord>, StoreError> {
        runs::of_issue(&self.reader, issue).await
    }

    async fn orphaned_runs(&self, now: Timestamp) -> Result<Vec<RunRecord>, StoreError> {
        runs::orphaned(&self.reader, now).await
    }

    async fn outbox_take(
        &self,
        owner: &str,
        now: Timestamp,
        ttl: Duration,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        outbox::take(&self.writer, owner, now, ttl, limit).await
    }

    async fn outbox_done(
        &self,
        row: &OutboxRow,
        error: Option<&str>,
        feed: &FeedEntry,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        outbox::done(&self.writer, row, error, feed, now).await
    }

    async fn outbox_failed(
        &self,
        row: &OutboxRow,
        due: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        outbox::put_off(&self.writer, row, due, error).await
    }

    async fn outbox_pending(&self) -> Result<u64, StoreError> {
        outbox::pending(&self.reader).await
    }

    async fn observations(
        &self,
        issue: &IssueId,
        limit: u32,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        log::observations(&self.reader, issue, limit).await
    }

    async fn feed(&self, after: i64, limit: u32) -> Result<Vec<StoredFeedEntry>, StoreError> {
        log::feed(&self.reader, after, limit).await
    }
}

/// The longest error text that is kept with a row, in characters: enough for a chain of causes.
const MAX_ERROR: usize = 4_000;

fn bounded(error: &str) -> String {
    error.chars().take(MAX_ERROR).collect()
}

/// Begins a transaction that writes.
async fn begin(writer: &SqlitePool, operation: &'static str) -> Result<Transaction, StoreError> {
    Transaction::begin(writer).await.map_err(failed(operation))
}

/// Carries out one statement that writes, and tells how many rows it changed.
async fn write(
    writer: &SqlitePool,
    operation: &'static str,
    statement: Query<'_, Sqlite, SqliteArguments>,
) -> Result<u64, StoreError> {
    let mut tx = begin(writer, operation).await?;
    let done = statement.execute(&mut *tx).await.map_err(failed(operation))?;
    tx.commit().await.map_err(failed(operation))?;
    Ok(done.rows_affected())
}

/// What it means that the database did not do this.
fn failed(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| match error {
        // Text that is not UTF-8, and whatever else a column cannot hold unless somebody else wrote it.
        sqlx::Error::ColumnDecode { index, source } => corrupt("column", index)(source),
        error => StoreError::Unavailable { operation, source: error.into() },
    }
}
