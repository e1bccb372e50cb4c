//! What the store is given, and what it gives.

use std::time::Duration;

use patchrelay_domain::{
    FeedEntry, IssueFacts, IssueId, NextStep, NodeId, Observation, OutboxOrder, ProjectId, RunId,
    RunOutcome, RunState, RunType, Timestamp,
};

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

    /// Whether it tells of tickets.
    pub fn is_tracker(self) -> bool {
        self == Self::Linear
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

/// Something that was said in a run, for people who look into it. Nobody decides by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunText {
    /// When.
    pub at: Timestamp,
    /// By whom, and as what.
    pub kind: RunTextKind,
    /// The text, without secrets of ours.
    pub text: String,
}

/// What a text of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunTextKind {
    /// What the agent was told.
    Prompt,
    /// What it did, in a line.
    Event,
    /// What it answered when it was asked for its report.
    Report,
}

impl RunTextKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Prompt, Self::Event, Self::Report];

    /// The name in storage and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Event => "event",
            Self::Report => "report",
        }
    }
}

/// How much of everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// How many issues of each project are in each factory state, by its name as it was stored with the last change.
    pub issues: Vec<(ProjectId, String, u64)>,
    /// How many of them a run could be started for now.
    pub ready: u64,
    /// How many runs are not settled.
    pub active_runs: u64,
    /// The number of the newest delivery.
    pub newest_delivery: i64,
    /// How many deliveries wait to be applied.
    pub inbox_waiting: u64,
    /// When the oldest of them came.
    pub inbox_oldest: Option<Timestamp>,
    /// How many were put aside as dead.
    pub inbox_dead: u64,
    /// How many reports are not done.
    pub outbox_waiting: u64,
    /// Since when the first of them is due; it may be in the future.
    pub outbox_due: Option<Timestamp>,
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

/// Which lines of the feed to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFilter {
    /// Only those of this issue.
    pub issue: Option<IssueId>,
    /// Where in the feed.
    pub part: FeedPart,
    /// At most this many.
    pub limit: u32,
}

impl FeedFilter {
    /// The lines that follow a cursor.
    pub fn after(cursor: i64, limit: u32) -> Self {
        Self { issue: None, part: FeedPart::After(cursor), limit }
    }
}

/// Where in the feed lines are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedPart {
    /// The first ones after this cursor.
    After(i64),
    /// The last ones.
    Newest,
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
    /// What was said in runs.
    RunTexts,
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
