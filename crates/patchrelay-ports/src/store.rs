//! The store: everything that must survive a crash.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, FeedEntry, IssueFacts, IssueId, NextStep, NodeId, Observation, ObservationKind,
    OutboxOrder, PrNumber, ProjectId, ReadyIssue, RunId, RunOutcome, RunState, RunType, Timestamp,
};
use thiserror::Error;

use crate::Cause;

/// Who sent a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Linear.
    Linear,
    /// GitHub.
    Github,
}

impl Source {
    /// The name in storage and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Github => "github",
        }
    }
}

/// A genuine delivery, to be stored before it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who sent it.
    pub source: Source,
    /// The sender's id of it.
    pub delivery_id: String,
    /// Its event type.
    pub event: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// When it came.
    pub received: Timestamp,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Stored.
    Accepted,
    /// The same id or the same body of this source was stored before; nothing changed.
    Duplicate,
}

/// A stored delivery whose meaning was not derived yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    /// Its number.
    pub id: i64,
    /// The delivery.
    pub delivery: Delivery,
    /// How often it was tried.
    pub attempts: u32,
}

/// A delivery whose meaning could not be derived, and that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadDelivery {
    /// Its number.
    pub id: i64,
    /// Who sent it.
    pub source: Source,
    /// The sender's id of it.
    pub delivery_id: String,
    /// Its event type.
    pub event: String,
    /// When it came.
    pub received: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What was wrong with it.
    pub error: Option<String>,
}

/// What is known of deliveries that were given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadDeliveries {
    /// How many there are.
    pub count: u64,
    /// The newest of them, newest first.
    pub newest: Vec<DeadDelivery>,
}

/// An issue's facts with the version that the compare-and-set compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The facts.
    pub facts: IssueFacts,
    /// How often they changed. 0 is an issue that is not stored.
    pub version: u64,
}

/// A process that takes work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its id: another one for each start.
    pub id: String,
    /// The node that it is: the same for each start. A node is one process at a time.
    pub node: NodeId,
    /// For how long nothing may be heard of another node before its work may be taken.
    pub gone_after: Duration,
}

/// What a node learns when it says that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// No other node is there.
    Alone,
    /// Others are there, and change things too.
    AmongOthers,
    /// Another process is this node now.
    Superseded,
}

/// What one node does for all that share a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reading what the inbox holds, so that what is said of an issue is applied in order.
    Intake,
    /// Reading again what nobody told, so that outside services are asked once.
    Reconcile,
}

impl Role {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Reconcile => "reconcile",
        }
    }
}

/// How much was ever stored: another value means that something is new, whoever stored it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// The newest delivery.
    pub delivery: i64,
    /// The newest line of the feed.
    pub line: i64,
}

/// The right to work on an issue until it expires. The token of an issue only grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which issue.
    pub issue: IssueId,
    /// Whose.
    pub owner: String,
    /// The fencing token.
    pub token: i64,
    /// Until when, by the store's clock.
    pub expires: Timestamp,
}

/// A run to be inserted by a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// What for.
    pub run_type: RunType,
    /// When.
    pub started: Timestamp,
}

/// What must hold for a commit, and what else changes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing but the version: facts may always arrive.
    Version,
    /// The lease is ours.
    Held {
        /// The lease.
        lease: Lease,
    },
    /// The lease is ours; the run is inserted.
    Claim {
        /// The lease.
        lease: Lease,
        /// The run.
        run: NewRun,
    },
    /// The lease is ours and the run is not settled; it ends.
    Settle {
        /// The lease.
        lease: Lease,
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: RunOutcome,
    },
}

/// A report to be sent, with its id fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// The id that the entity in the tracker will have.
    pub entity_id: String,
    /// What to send.
    pub order: OutboxOrder,
    /// After this, sending it would no longer help.
    pub expires: Option<Timestamp>,
}

/// One change of one issue: facts, log, reports and deliveries in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The version that the facts were computed from.
    pub expected: u64,
    /// The new facts.
    pub facts: IssueFacts,
    /// What `decide` says of them; stored by its `columns()`, which are the ready list.
    pub next: NextStep,
    /// What happened, in order. May be empty when only deliveries are done.
    pub observations: Vec<Observation>,
    /// The reports that it deserves, in order.
    pub orders: Vec<NewOrder>,
    /// The lines that people see of it.
    pub feed: Vec<FeedEntry>,
    /// The deliveries that it came from, which are done with it.
    pub deliveries: Vec<i64>,
    /// What must hold.
    pub guard: Guard,
    /// Now.
    pub at: Timestamp,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// Stored, with this version.
    Stored(u64),
    /// Somebody changed the issue meanwhile; nothing was stored. Load it and decide again.
    Conflict,
    /// The lease is not ours any more; nothing was stored.
    LeaseLost,
    /// The run was settled before; nothing was stored.
    AlreadySettled,
}

/// A run as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The issue.
    pub issue: IssueId,
    /// What for.
    pub run_type: RunType,
    /// How it stands, or stood last.
    pub state: RunState,
    /// How it ended; `None` while it is open.
    pub outcome: Option<RunOutcome>,
    /// When it was claimed.
    pub started: Timestamp,
    /// When it was settled.
    pub ended: Option<Timestamp>,
}

/// The number of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub i64);

/// A report that is due, leased to the sender that took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number.
    pub id: OrderId,
    /// The issue it reports on.
    pub issue: IssueId,
    /// The id that the entity in the tracker will have.
    pub entity_id: String,
    /// What to send.
    pub order: OutboxOrder,
    /// How often it was tried before.
    pub attempts: u32,
    /// After this, sending it would no longer help.
    pub expires: Option<Timestamp>,
    /// Whether a newer one of its lane has the same `set_key`: then it is not to be sent any more.
    pub is_superseded: bool,
    /// Who took it.
    pub taker: String,
    /// Until when it is theirs, by the store's clock.
    pub held_until: Timestamp,
}

/// Which reports a sender has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// All of them.
    Any,
    /// Only those that overtake others.
    Urgent,
}

/// What waits when a report is put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The report, and its lane with it.
    Report,
    /// Every report with the same target.
    Target,
}

/// An observation as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObservation {
    /// The issue.
    pub issue: IssueId,
    /// The issue's version that it led to.
    pub version: u64,
    /// Its place among those of the same version.
    pub position: u32,
    /// When we learned of it.
    pub at: Timestamp,
    /// The name of its kind, which may be one that this program does not know.
    pub kind: String,
    /// The observation, unless a newer program wrote a kind that this one does not know.
    pub observation: Option<Observation>,
}

/// A feed line as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFeedEntry {
    /// Where it stands in the feed.
    pub cursor: i64,
    /// When.
    pub at: Timestamp,
    /// The issue.
    pub issue: IssueId,
    /// The line.
    pub entry: FeedEntry,
}

/// What the store can forget, because it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// What deliveries say that are done; that they came stays known.
    Payloads,
    /// Deliveries that are done or put aside as dead, by when they came.
    Deliveries,
    /// Reports of settled issues that are done.
    Reports,
    /// Lines of the feed.
    Feed,
}

/// An issue that is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledIssue {
    /// Which.
    pub issue: IssueId,
    /// Since when.
    pub since: Timestamp,
}

/// Which issues to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueFilter {
    /// Only those of this project.
    pub project: Option<ProjectId>,
    /// Only those with this ticket key.
    pub key: Option<String>,
    /// Only those that are not settled.
    pub open: bool,
    /// Only those after this one, in the order of the list.
    pub after: Option<IssueId>,
    /// At most this many.
    pub limit: u32,
}

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

    /// An issue's log, oldest first, at most the newest `limit`.
    async fn observations(
        &self,
        issue: &IssueId,
        limit: u32,
    ) -> Result<Vec<StoredObservation>, StoreError>;

    /// The feed after a cursor, oldest first.
    async fn feed(&self, after: i64, limit: u32) -> Result<Vec<StoredFeedEntry>, StoreError>;

    /// Forgets what was over before a time, the oldest first and at most so much of it, and tells how much.
    async fn forget(&self, what: Expired, before: Timestamp, limit: u32)
    -> Result<u64, StoreError>;
}
