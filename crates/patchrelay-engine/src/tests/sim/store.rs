//! The store, which can be told to fail. It is a real database, in front of which time stands, or one in memory.

use std::{collections::HashMap, future::Future, sync::Arc, sync::mpsc, time::Duration};

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, FeedEntry, IssueId, NodeId, ObservationKind, PrNumber, ProjectId, ReadyIssue,
    RunId, RunState, Timestamp,
};
use patchrelay_ports::{
    Beat, Census, Commit, Committed, DeadDeliveries, Delivery, Expired, FeedFilter, Guard,
    InboxRow, IssueFilter, Lease, OutboxRow, Pulse, Received, Role, RunRecord, RunText,
    SettledIssue, Source, Store, StoreError, Stored, StoredFeedEntry, StoredObservation, Urgency,
    Waits, Worker,
};
use patchrelay_store::SqlStore;
use patchrelay_testkit::MemoryStore;
use tempfile::TempDir;

use super::Sim;

/// Where the world keeps what outlives an engine.
pub(super) enum Kept {
    /// In a database in a directory of its own, as the product does.
    InFile { store: Arc<SqlStore>, directory: TempDir },
    /// In memory, so that no thread has a say in what comes first.
    InMemory(Arc<MemoryStore>),
}

impl Kept {
    pub(super) async fn in_file() -> Self {
        let directory = TempDir::new().expect("there is room for it");
        let store = open(&directory).await;
        Self::InFile { store, directory }
    }

    pub(super) fn store(&self) -> &dyn Store {
        match self {
            Self::InFile { store, .. } => &**store,
            Self::InMemory(store) => &**store,
        }
    }

    /// The store as an engine gets it.
    pub(super) fn port(&self, sim: &Arc<Sim>) -> Arc<dyn Store> {
        let (inner, has_threads): (Arc<dyn Store>, _) = match self {
            Self::InFile { store, .. } => (store.clone(), true),
            Self::InMemory(store) => (store.clone(), false),
        };
        Arc::new(SimStore { inner, has_threads, sim: sim.clone() })
    }

    /// Whether an engine has it.
    pub(super) fn is_in_use(&self) -> bool {
        match self {
            Self::InFile { store, .. } => 1 < Arc::strong_count(store),
            Self::InMemory(store) => 1 < Arc::strong_count(store),
        }
    }

    /// Closes a database and opens it as the next process does. What is in memory is what several nodes share: there
    /// is nothing to open, and the next process says that it takes the place of the one before.
    pub(super) async fn reopen(&mut self) {
        match self {
            Self::InFile { store, directory } => {
                standing(store.close()).await.expect("it is closed");
                *store = open(directory).await;
            }
            Self::InMemory(_) => {}
        }
    }

    /// Waits for what it was asked.
    pub(super) async fn ask<T>(&self, work: impl Future<Output = T>) -> T {
        match self {
            Self::InFile { .. } => standing(work).await,
            Self::InMemory(_) => work.await,
        }
    }
}

async fn open(directory: &TempDir) -> Arc<SqlStore> {
    let path = directory.path().join("db");
    Arc::new(standing(SqlStore::sqlite(&path)).await.expect("it opens"))
}

/// The way to the store, on which things go wrong.
struct SimStore {
    inner: Arc<dyn Store>,
    /// Whether it has threads that tokio does not know.
    has_threads: bool,
    sim: Arc<Sim>,
}

/// Keeps tokio's paused clock where it is while a thread that tokio does not know works for us: it does not jump while
/// a blocking task is under way.
async fn standing<T>(work: impl Future<Output = T>) -> T {
    let (done, until_done) = mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || until_done.recv().is_err());
    let result = work.await;
    drop(done);
    result
}

impl SimStore {
    async fn through<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let call = self.sim.call_within(operation, Duration::ZERO).await;
        let call = call.map_err(|lost| lost.store(operation))?;
        let result = if self.has_threads { standing(work).await } else { work.await }?;
        call.answer(result).await.map_err(|lost| lost.store(operation))
    }
}

#[async_trait]
impl Store for SimStore {
    async fn check_writable(&self) -> Result<(), StoreError> {
        self.inner.check_writable().await
    }

    async fn receive(&self, delivery: &Delivery) -> Result<Received, StoreError> {
        self.through("store.receive", self.inner.receive(delivery)).await
    }

    async fn inbox_due(
        &self,
        now: Timestamp,
        sources: &[Source],
        limit: u32,
    ) -> Result<Vec<InboxRow>, StoreError> {
        self.through("store.inbox_due", self.inner.inbox_due(now, sources, limit)).await
    }

    async fn inbox_done(&self, rows: &[i64], now: Timestamp) -> Result<(), StoreError> {
        self.through("store.inbox_done", self.inner.inbox_done(rows, now)).await
    }

    async fn inbox_failed(
        &self,
        row: i64,
        due: Option<Timestamp>,
        error: &str,
    ) -> Result<(), StoreError> {
        self.through("store.inbox_failed", self.inner.inbox_failed(row, due, error)).await
    }

    async fn inbox_dead(&self, limit: u32) -> Result<DeadDeliveries, StoreError> {
        self.through("store.inbox_dead", self.inner.inbox_dead(limit)).await
    }

    async fn load(&self, issue: &IssueId) -> Result<Option<Stored>, StoreError> {
        self.through("store.load", self.inner.load(issue)).await
    }

    async fn list(&self, filter: &IssueFilter) -> Result<Vec<Stored>, StoreError> {
        self.through("store.list", self.inner.list(filter)).await
    }

    async fn find_by_pull_request(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        number: PrNumber,
    ) -> Result<Option<IssueId>, StoreError> {
        let found = self.inner.find_by_pull_request(project, branch, number);
        self.through("store.find_by_pull_request", found).await
    }

    async fn known_occurrences(
        &self,
        issue: &IssueId,
        kinds: &[ObservationKind],
    ) -> Result<Vec<bool>, StoreError> {
        self.through("store.known_occurrences", self.inner.known_occurrences(issue, kinds)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let operation = match commit.guard {
            Guard::Version => "store.observe",
            Guard::Held { .. } => "store.move",
            Guard::Claim { .. } => "store.claim",
            Guard::Settle { .. } => "store.settle",
        };
        self.through(operation, self.inner.commit(commit)).await
    }

    async fn register(&self, worker: &Worker, now: Timestamp) -> Result<(), StoreError> {
        self.through("store.register", self.inner.register(worker, now)).await
    }

    async fn beat(&self, worker: &Worker, now: Timestamp) -> Result<Beat, StoreError> {
        self.through("store.beat", self.inner.beat(worker, now)).await
    }

    async fn bury(&self, worker: &Worker, now: Timestamp) -> Result<usize, StoreError> {
        self.through("store.bury", self.inner.bury(worker, now)).await
    }

    async fn silence(&self, node: &NodeId, now: Timestamp) -> Result<Option<Duration>, StoreError> {
        self.through("store.silence", self.inner.silence(node, now)).await
    }

    async fn hold_role(
        &self,
        role: Role,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        self.through("store.hold_role", self.inner.hold_role(role, worker, now, ttl)).await
    }

    async fn release_role(&self, role: Role, worker: &Worker) -> Result<(), StoreError> {
        self.through("store.release_role", self.inner.release_role(role, worker)).await
    }

    async fn pulse(&self) -> Result<Pulse, StoreError> {
        self.through("store.pulse", self.inner.pulse()).await
    }

    async fn ready(
        &self,
        worker: &Worker,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReadyIssue>, StoreError> {
        self.through("store.ready", self.inner.ready(worker, now, limit)).await
    }

    async fn settled(
        &self,
        before: Timestamp,
        after: Option<&SettledIssue>,
        limit: u32,
    ) -> Result<Vec<SettledIssue>, StoreError> {
        self.through("store.settled", self.inner.settled(before, after, limit)).await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.through("store.next_due", self.inner.next_due(now)).await
    }

    async fn starts_since(
        &self,
        since: Timestamp,
    ) -> Result<HashMap<ProjectId, usize>, StoreError> {
        self.through("store.starts_since", self.inner.starts_since(since)).await
    }

    async fn acquire(
        &self,
        issue: &IssueId,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        self.through("store.acquire", self.inner.acquire(issue, worker, now, ttl)).await
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.through("store.renew", self.inner.renew(lease, now, ttl)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.through("store.release", self.inner.release(lease)).await
    }

    async fn advance(
        &self,
        lease: &Lease,
        run: &RunId,
        state: &RunState,
        feed: Option<&FeedEntry>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.through("store.advance", self.inner.advance(lease, run, state, feed, now)).await
    }

    async fn keep_texts(
        &self,
        lease: &Lease,
        run: &RunId,
        texts: &[RunText],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.through("store.keep_texts", self.inner.keep_texts(lease, run, texts, now)).await
    }

    async fn texts_of(&self, run: &RunId, limit: u32) -> Result<Vec<RunText>, StoreError> {
        self.through("store.texts_of", self.inner.texts_of(run, limit)).await
    }

    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        self.through("store.run", self.inner.run(run)).await
    }

    async fn runs_of(&self, issue: &IssueId) -> Result<Vec<RunRecord>, StoreError> {
        self.through("store.runs_of", self.inner.runs_of(issue)).await
    }

    async fn orphaned_runs(
        &self,
        worker: &Worker,
        now: Timestamp,
    ) -> Result<Vec<RunRecord>, StoreError> {
        self.through("store.orphaned_runs", self.inner.orphaned_runs(worker, now)).await
    }

    async fn outbox_take(
        &self,
        taker: &str,
        now: Timestamp,
        ttl: Duration,
        urgency: Urgency,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let taken = self.inner.outbox_take(taker, now, ttl, urgency, limit);
        self.through("store.outbox_take", taken).await
    }

    async fn outbox_done(
        &self,
        row: &OutboxRow,
        error: Option<&str>,
        feed: &FeedEntry,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.through("store.outbox_done", self.inner.outbox_done(row, error, feed, now)).await
    }

    async fn outbox_failed(
        &self,
        row: &OutboxRow,
        due: Timestamp,
        waits: Waits,
        error: &str,
    ) -> Result<(), StoreError> {
        let failed = self.inner.outbox_failed(row, due, waits, error);
        self.through("store.outbox_failed", failed).await
    }

    async fn outbox_pending(&self) -> Result<u64, StoreError> {
        self.through("store.outbox_pending", self.inner.outbox_pending()).await
    }

    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        self.through("store.census", self.inner.census(now)).await
    }

    async fn observations(
        &self,
        issue: &IssueId,
        limit: u32,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        self.through("store.observations", self.inner.observations(issue, limit)).await
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<Vec<StoredFeedEntry>, StoreError> {
        self.through("store.feed", self.inner.feed(filter)).await
    }

    async fn forget(
        &self,
        what: Expired,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.through("store.forget", self.inner.forget(what, before, limit)).await
    }
}
