//! The store: everything that must survive a crash.

mod data;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, FeedEntry, IssueId, NodeId, ObservationKind, PrNumber, ProjectId, ReadyIssue,
    RunId, RunState, Timestamp,
};
use thiserror::Error;

pub use self::data::{
    Beat, Census, Commit, Committed, DeadDeliveries, DeadDelivery, Delivery, Expired, FeedFilter,
    FeedPart, Guard, InboxRow, IssueFilter, Lease, NewOrder, NewRun, OrderId, OutboxRow, Pulse,
    Received, Role, RunRecord, RunText, RunTextKind, SettledIssue, Source, Stored, StoredFeedEntry,
    StoredObservation, Urgency, Waits, Worker,
};
use crate::Cause;

/// Why the store could not do something.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database did not do it, and may do it later. Whether it was done is unknown.
    #[error("the database failed to {operation}")]
    Unavailable {
        /// What was attempted.
        operation: &'static str,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// A stored value cannot be read. Nothing is guessed in its place.
    #[error("the stored {what} `{id}` cannot be read")]
    Corrupt {
        /// What it should be.
        what: &'static str,
        /// Which one.
        id: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
}

/// The store. Every method is one transaction: after a crash it happened or it did not.
#[async_trait]
pub trait Store: Send + Sync {
    /// Whether a change could be stored now. It costs a flush of the disk and takes its turn among the changes, so one
    /// answer should serve everybody who asks within some seconds. It may be dropped at any time.
    async fn check_writable(&self) -> Result<(), StoreError>;

    /// Stores a delivery, once per (source, id) and once per (source, body).
    async fn receive(&self, delivery: &Delivery) -> Result<Received, StoreError>;

    /// The oldest deliveries of these sources that are due and not done.
    async fn inbox_due(
        &self,
        now: Timestamp,
        sources: &[Source],
        limit: u32,
    ) -> Result<Vec<InboxRow>, StoreError>;

    /// Ends deliveries that say nothing to any issue.
    async fn inbox_done(&self, rows: &[i64], now: Timestamp) -> Result<(), StoreError>;

    /// Puts a delivery off, or with `due: None` aside as dead, and keeps the error.
    async fn inbox_failed(
        &self,
        row: i64,
        due: Option<Timestamp>,
        error: &str,
    ) -> Result<(), StoreError>;

    /// The deliveries that were put aside as dead, of whatever source: how many, and the newest of them.
    async fn inbox_dead(&self, limit: u32) -> Result<DeadDeliveries, StoreError>;

    /// An issue.
    async fn load(&self, issue: &IssueId) -> Result<Option<Stored>, StoreError>;

    /// Issues, newest change first.
    async fn list(&self, filter: &IssueFilter) -> Result<Vec<Stored>, StoreError>;

    /// The issue of a project whose work is published as this branch, or whose pull request has this number.
    async fn find_by_pull_request(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        number: PrNumber,
    ) -> Result<Option<IssueId>, StoreError>;

    /// Which of these occurrences are in the issue's log already: those must not be appended again.
    async fn known_occurrences(
        &self,
        issue: &IssueId,
        kinds: &[ObservationKind],
    ) -> Result<Vec<bool>, StoreError>;

    /// Changes an issue.
    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError>;

    /// Makes this process the node that it says. An earlier process that was this node is gone, as whoever calls this
    /// has seen to it: what it held is free at once.
    async fn register(&self, worker: &Worker, now: Timestamp) -> Result<(), StoreError>;

    /// Says that this node is there, and tells who else is.
    async fn beat(&self, worker: &Worker, now: Timestamp) -> Result<Beat, StoreError>;

    /// Forgets other nodes that are gone, frees the reports that they held, and tells how many they were. One that comes
    /// back is known again with its next beat.
    async fn bury(&self, worker: &Worker, now: Timestamp) -> Result<usize, StoreError>;

    /// For how long nothing was heard of a node, by the store's clock; `None` when nobody knows it.
    async fn silence(&self, node: &NodeId, now: Timestamp) -> Result<Option<Duration>, StoreError>;

    /// Takes a role that nobody has, or keeps one that this node has. `false`: another node has it.
    async fn hold_role(
        &self,
        role: Role,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError>;

    /// Gives a role back. Does nothing when this node does not have it.
    async fn release_role(&self, role: Role, worker: &Worker) -> Result<(), StoreError>;

    /// How much was ever stored.
    async fn pulse(&self) -> Result<Pulse, StoreError>;

    /// The issues whose `NextColumns` have a run type and a due time that is not after `now`, that no lease holds, and
    /// whose home is this worker's node, nowhere, or gone.
    async fn ready(
        &self,
        worker: &Worker,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReadyIssue>, StoreError>;

    /// Issues that were settled before a time and still are, the first settled ones first; with `after`, those that come
    /// after this one in that order.
    async fn settled(
        &self,
        before: Timestamp,
        after: Option<&SettledIssue>,
        limit: u32,
    ) -> Result<Vec<SettledIssue>, StoreError>;

    /// When the earliest issue that waits for a time after `now` is due.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// How many runs of each project were started after this time, whatever became of them.
    async fn starts_since(&self, since: Timestamp)
    -> Result<HashMap<ProjectId, usize>, StoreError>;

    /// Takes the lease of an issue, with a higher token than ever before, if nobody holds it and its home is this
    /// worker's node, nowhere, or gone.
    async fn acquire(
        &self,
        issue: &IssueId,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError>;

    /// Extends a lease that is still ours and tells until when; `None` when it is not ours any more.
    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Gives a lease back. Does nothing when it is not ours any more.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Stores how a run stands, with the feed line of it. `false`: the lease is not ours any more, or the run is
    /// settled, and nothing was stored.
    async fn advance(
        &self,
        lease: &Lease,
        run: &RunId,
        state: &RunState,
        feed: Option<&FeedEntry>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Keeps what was said in a run. `false`: the lease is not ours any more, or the run is settled, and nothing was
    /// stored.
    async fn keep_texts(
        &self,
        lease: &Lease,
        run: &RunId,
        texts: &[RunText],
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The last of what was said in a run, oldest first.
    async fn texts_of(&self, run: &RunId, limit: u32) -> Result<Vec<RunText>, StoreError>;

    /// A run.
    async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError>;

    /// The runs of an issue, oldest first.
    async fn runs_of(&self, issue: &IssueId) -> Result<Vec<RunRecord>, StoreError>;

    /// Runs that are not settled and whose issue's lease nobody holds: their owner is gone. Those of issues whose home is
    /// another node that is there are left to it.
    async fn orphaned_runs(
        &self,
        worker: &Worker,
        now: Timestamp,
    ) -> Result<Vec<RunRecord>, StoreError>;

    /// Takes reports that are due, first things first: at most one per lane, urgent ones before others, none whose
    /// target is paused. They are the taker's until `now + ttl`. Superseded ones are due at any time: they only have to
    /// be ended.
    async fn outbox_take(
        &self,
        taker: &str,
        now: Timestamp,
        ttl: Duration,
        urgency: Urgency,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError>;

    /// Ends a report: sent, or with an error refused, expired or superseded. The feed gets the line.
    async fn outbox_done(
        &self,
        row: &OutboxRow,
        error: Option<&str>,
        feed: &FeedEntry,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Puts a report off until `due`, or everything to its target, and keeps the error. Does nothing to a report that
    /// is not its taker's any more.
    async fn outbox_failed(
        &self,
        row: &OutboxRow,
        due: Timestamp,
        waits: Waits,
        error: &str,
    ) -> Result<(), StoreError>;

    /// How many reports are not done.
    async fn outbox_pending(&self) -> Result<u64, StoreError>;

    /// How much of everything there is, for whoever watches from outside. Nothing is looked at row by row that grows for
    /// ever but an index.
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError>;

    /// An issue's log, oldest first, at most the newest `limit`.
    async fn observations(
        &self,
        issue: &IssueId,
        limit: u32,
    ) -> Result<Vec<StoredObservation>, StoreError>;

    /// Lines of the feed, oldest first.
    async fn feed(&self, filter: &FeedFilter) -> Result<Vec<StoredFeedEntry>, StoreError>;

    /// Forgets what was over before a time, the oldest first and at most so much of it, and tells how much.
    async fn forget(&self, what: Expired, before: Timestamp, limit: u32)
    -> Result<u64, StoreError>;
}
