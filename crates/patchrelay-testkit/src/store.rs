//! The store in memory: what the port promises, without a database.

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

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

use self::{inbox::Delivered, issues::Issue, nodes::Node, outbox::Report};

/// A [`Store`] that is gone with its process. It is for tests and for whoever embeds the engine and keeps nothing: it
/// gives the answers that the databases give, in the same order, and judges leases by the time that is bound.
///
/// Whoever asks it lets others go first, as with a database, so that a loop that does nothing else stops nobody. Without
/// threads, it does the same things in the same order each time.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// A store with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for a turn and takes it. Each verb has one, so it is one transaction, and one that is dropped before its
    /// turn did not happen.
    async fn turn(&self) -> MutexGuard<'_, State> {
        tokio::task::yield_now().await;
        // No verb gives up in the middle of its changes, so there is no half of one to be afraid of.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that is stored. Maps are in the order in which the databases list: ids as texts, numbers by their size.
#[derive(Debug, Default)]
struct State {
    /// By their ids as texts: in the order of the parts of an id, another one could come first.
    issues: BTreeMap<String, Issue>,
    runs: BTreeMap<RunId, RunRecord>,
    /// What was said in which run, by its number.
    texts: BTreeMap<i64, (RunId, RunText)>,
    inbox: BTreeMap<i64, Delivered>,
    outbox: BTreeMap<i64, Report>,
    /// Until when nothing is sent to a target.
    pauses: HashMap<String, Timestamp>,
    feed: BTreeMap<i64, StoredFeedEntry>,
    nodes: BTreeMap<NodeId, Node>,
    roles: HashMap<Role, Hold>,
    last: Last,
}

/// The last numbers that were given, so that none is given twice, whatever is forgotten.
#[derive(Debug, Default)]
struct Last {
    delivery: i64,
    report: i64,
    line: i64,
    text: i64,
}

/// Something that is somebody's for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hold {
    holder: String,
    until: Timestamp,
}

/// Whether nobody has what this is the hold of.
fn is_free(hold: Option<&Hold>, now: Timestamp) -> bool {
    hold.is_none_or(|hold| hold.until <= now)
}

/// A number of rows, as a length.
fn rows(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[async_trait]
impl Store for MemoryStore {
    async fn check_writable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn receive(&self, delivery: &Delivery) -> Result<Received, StoreError> {
        Ok(self.turn().await.receive(delivery))
    }

    async fn inbox_due(
        &self,
        now: Timestamp,
        sources: &[Source],
        limit: u32,
    ) -> Result<Vec<InboxRow>, StoreError> {
        Ok(self.turn().await.inbox_due(now, sources, limit))
    }

    async fn inbox_done(&self, rows: &[i64], now: Timestamp) -> Result<(), StoreError> {
        self.turn().await.inbox_done(rows, now);
        Ok(())
    }

    async fn inbox_failed(
        &self,
        row: i64,
        due: Option<Timestamp>,
        error: &str,
    ) -> Result<(), StoreError> {
        self.turn().await.inbox_failed(row, due, error);
        Ok(())
    }

    async fn inbox_dead(&self, limit: u32) -> Result<DeadDeliveries, StoreError> {
        Ok(self.turn().await.inbox_dead(limit))
    }

    async fn load(&self, issue: &IssueId) -> Result<Option<Stored>, StoreError> {
        Ok(self.turn().await.load(issue))
    }

    async fn list(&self, filter: &IssueFilter) -> Result<Vec<Stored>, StoreError> {
        Ok(self.turn().await.list(filter))
    }

    async fn find_by_pull_request(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        number: PrNumber,
    ) -> Result<Option<IssueId>, StoreError> {
        Ok(self.turn().await.find_by_pull_request(project, branch, number))
    }

    async fn known_occurrences(
        &self,
        issue: &IssueId,
        kinds: &[ObservationKind],
    ) -> Result<Vec<bool>, StoreError> {
        Ok(self.turn().await.known_occurrences(issue, kinds))
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        self.turn().await.commit(commit)
    }

    async fn register(&self, worker: &Worker, now: Timestamp) -> Result<(), StoreError> {
        self.turn().await.register(worker, now);
        Ok(())
    }

    async fn beat(&self, worker: &Worker, now: Timestamp) -> Result<Beat, StoreError> {
        Ok(self.turn().await.beat(worker, now))
    }

    async fn bury(&self, worker: &Worker, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.turn().await.bury(worker, now))
    }

    async fn silence(&self, node: &NodeId, now: Timestamp) -> Result<Option<Duration>, StoreError> {
        Ok(self.turn().await.silence(node, now))
    }

    async fn hold_role(
        &self,
        role: Role,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        Ok(self.turn().await.hold_role(role, worker, now, ttl))
    }

    async fn release_role(&self, role: Role, worker: &Worker) -> Result<(), StoreError> {
        self.turn().await.release_role(role, worker);
        Ok(())
    }

    async fn pulse(&self) -> Result<Pulse, StoreError> {
        Ok(self.turn().await.pulse())
    }

    async fn ready(
        &self,
        worker: &Worker,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReadyIssue>, StoreError> {
        Ok(self.turn().await.ready(worker, now, limit))
    }

    async fn settled(
        &self,
        before: Timestamp,
        after: Option<&SettledIssue>,
        limit: u32,
    ) -> Result<Vec<SettledIssue>, StoreError> {
        Ok(self.turn().await.settled(before, after, limit))
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.turn().await.next_due(now))
    }

    async fn starts_since(
        &self,
        since: Timestamp,
    ) -> Result<HashMap<ProjectId, usize>, StoreError> {
        Ok(self.turn().await.starts_since(since))
    }

    async fn acquire(
        &self,
        issue: &IssueId,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        Ok(self.turn().await.acquire(issue, worker, now, ttl))
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.turn().await.renew(lease, now, ttl))
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.turn().await.release(lease);
        Ok(())
    }

    async fn advance(
        &self,
        lease: &Lease,
        run: &RunId,
        state: &RunState,
        feed: Option<&FeedEntry>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.turn().await.advance(lease, run, state, feed, now))
    }

    async fn keep_texts(
        &self,
        lease: &Lease,
        run: &RunId,
        texts: &[RunText],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.turn().await.keep_texts(lease, run, texts, now))
    }

    async fn texts_of(&self, run: &RunId, limit: u32) -> Result<Vec<RunText>, StoreError> {
        Ok(self.turn().await.texts_of(run, limit))
    }

    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.turn().await.run(run))
    }

    async fn runs_of(&self, issue: &IssueId) -> Result<Vec<RunRecord>, StoreError> {
        Ok(self.turn().await.runs_of(issue))
    }

    async fn orphaned_runs(
        &self,
        worker: &Worker,
        now: Timestamp,
    ) -> Result<Vec<RunRecord>, StoreError> {
        Ok(self.turn().await.orphaned_runs(worker, now))
    }

    async fn outbox_take(
        &self,
        taker: &str,
        now: Timestamp,
        ttl: Duration,
        urgency: Urgency,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        Ok(self.turn().await.outbox_take(taker, now, ttl, urgency, limit))
    }

    // What was wrong with a report is not told by the port: in a database it is for people who look into it.
    async fn outbox_done(
        &self,
        row: &OutboxRow,
        _error: Option<&str>,
        feed: &FeedEntry,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.turn().await.outbox_done(row, feed, now);
        Ok(())
    }

    async fn outbox_failed(
        &self,
        row: &OutboxRow,
        due: Timestamp,
        waits: Waits,
        _error: &str,
    ) -> Result<(), StoreError> {
        self.turn().await.outbox_failed(row, due, waits);
        Ok(())
    }

    async fn outbox_pending(&self) -> Result<u64, StoreError> {
        Ok(self.turn().await.outbox_pending())
    }

    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        Ok(self.turn().await.census(now))
    }

    async fn observations(
        &self,
        issue: &IssueId,
        limit: u32,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        Ok(self.turn().await.observations(issue, limit))
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<Vec<StoredFeedEntry>, StoreError> {
        Ok(self.turn().await.feed(filter))
    }

    async fn forget(
        &self,
        what: Expired,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        Ok(self.turn().await.forget(what, before, limit))
    }
}
