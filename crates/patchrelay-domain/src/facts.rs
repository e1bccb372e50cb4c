//! Facts: everything known about one issue, as the fold of its observations.

mod questions;
mod spending;
mod tries;

use serde::{Deserialize, Deserializer, Serialize};

pub use self::{
    spending::{Spending, Spent},
    tries::{Attempts, RepairTrail},
};
use crate::{
    Actor, BranchName, Check, CommitSha, GateHit, IssueId, MergeState, NodeId, PendingInput,
    PrNumber, ProjectId, PullRequest, Report, Review, RunId, RunOutcome, RunType, SessionId,
    ThreadId, Ticket, Timestamp, TreeId, WakeReason,
};

/// The version of [`IssueFacts`] that this program writes. It reads all from the first on.
pub const FACTS_VERSION: u32 = 3;

/// Everything known about one issue. [`evolve`](crate::evolve) is the only function that changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueFacts {
    /// Which issue.
    pub issue: IssueId,
    /// The project it was routed to.
    pub project: ProjectId,
    /// When we first heard of it.
    pub first_seen: Timestamp,
    /// When these facts last changed.
    pub updated: Timestamp,

    /// The ticket, once it was read.
    pub ticket: Option<Versioned<Ticket>>,
    /// When the ticket was removed from the tracker, by the tracker's clock. A newer read of it takes that back.
    #[serde(default)]
    pub removed: Option<Timestamp>,
    /// The newest agent session on it.
    pub session: Option<SessionId>,
    /// When that opened.
    #[serde(default)]
    pub session_opened: Timestamp,
    /// The agent sessions that opened on it, at most the last 64 that we heard of.
    pub sessions: Vec<SessionId>,
    /// The comments that those grew out of: what is said below one of them is said in a session too. At most the last
    /// 128.
    #[serde(default)]
    pub threads_of_sessions: Vec<String>,
    /// How often delegation changed, as far as we were told. A run remembers the epoch it was started in.
    pub epoch: u32,

    /// What humans said and no run has taken up yet, in the order in which it was said.
    pub pending: Vec<PendingInput>,
    /// The number of the next pending input.
    pub next_input: u64,
    /// The texts that read otherwise than at first, in the order in which they were edited, at most the newest 64.
    #[serde(default)]
    pub edits: Vec<Edit>,
    /// The orders to stop that were not taken back, in the order in which they were given, at most the newest 64.
    #[serde(default, alias = "stop", deserialize_with = "stored_stops")]
    pub stops: Vec<Stop>,
    /// When a human last gave us something to do, by its source's clock; what they said that no run has taken up is not in
    /// it, because they may still take that back.
    #[serde(default)]
    pub go: Timestamp,
    /// That a human closed the issue here.
    #[serde(default)]
    pub closed: Option<Closed>,
    /// The run type that an operator wants next.
    #[serde(default)]
    pub wanted: Option<RunType>,
    /// What we need to know from a human.
    pub question: Option<Question>,
    /// Why we gave up.
    pub escalated: Option<Escalation>,

    /// The branch its work is published as, once a run was started.
    pub branch: Option<BranchName>,
    /// How many branch names before this one were taken or are over.
    pub branch_generation: u32,
    /// Whether the branch and its pull request were made by somebody else and attached to the ticket, as of the last run.
    #[serde(default)]
    pub is_adopted: bool,
    /// The pull request, once there is one.
    pub pull_request: Option<Versioned<PullRequest>>,
    /// A pull request that is attached to the ticket and cannot be seen by us.
    #[serde(default)]
    pub missing_link: Option<PrNumber>,
    /// The reviews of the pull request that say yes or no, in the order in which they were submitted.
    #[serde(default)]
    pub reviews: Vec<Review>,
    /// The checks of the gate on the current head, ordered by name.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The merge queue's word on the current head.
    #[serde(default)]
    pub queue: Option<Check>,
    /// Whether the current head could be merged.
    #[serde(default)]
    pub merge: Option<Versioned<MergeState>>,
    /// The newest commit of the base branch on which a check of the gate was seen.
    #[serde(default)]
    pub base_tip: Option<CommitSha>,
    /// The checks of the gate on that, ordered by name.
    #[serde(default)]
    pub base_checks: Vec<Check>,

    /// The node that has its directory, once a run was started.
    #[serde(default)]
    pub home: Option<NodeId>,
    /// The directory it is worked on in, once a run was started there.
    pub worktree: Option<String>,
    /// The run that has the issue.
    pub slot: Option<Slot>,
    /// The run that had it last.
    pub latest_run: Option<LatestRun>,
    /// When runs were started lately, oldest first.
    #[serde(default)]
    pub starts: Vec<Timestamp>,
    /// A thread that an unfinished run left and the next one may resume.
    pub thread: Option<ThreadId>,
    /// The newest thread, whatever became of its run.
    #[serde(default)]
    pub newest_thread: Option<ThreadId>,
    /// How many threads there were.
    #[serde(default)]
    pub threads: u32,
    /// What was tried.
    pub attempts: Attempts,
    /// What it cost.
    #[serde(default)]
    pub spending: Spending,
    /// How many runs in a row found a service unavailable. They cost nothing, and the next ones wait longer.
    pub outages: u32,
    /// Before this, no run is started.
    pub backoff_until: Option<Timestamp>,
    /// A publication that waits for a human's word.
    #[serde(default)]
    pub held: Option<Held>,
    /// Failures in which a run found nothing to repair: they start no other run.
    #[serde(default)]
    pub handled: Vec<Handled>,
    /// The agent's reason why nothing has to change, when that was its verified result.
    pub no_change_needed: Option<String>,
}

impl IssueFacts {
    /// An issue of which nothing is known but that it exists.
    pub fn new(issue: IssueId, project: ProjectId, at: Timestamp) -> Self {
        Self {
            issue,
            project,
            first_seen: at,
            updated: at,
            ticket: None,
            removed: None,
            session: None,
            session_opened: Timestamp::default(),
            sessions: Vec::new(),
            threads_of_sessions: Vec::new(),
            epoch: 0,
            pending: Vec::new(),
            next_input: 0,
            edits: Vec::new(),
            stops: Vec::new(),
            go: Timestamp::default(),
            closed: None,
            wanted: None,
            question: None,
            escalated: None,
            branch: None,
            branch_generation: 0,
            is_adopted: false,
            pull_request: None,
            missing_link: None,
            reviews: Vec::new(),
            checks: Vec::new(),
            queue: None,
            merge: None,
            base_tip: None,
            base_checks: Vec::new(),
            home: None,
            worktree: None,
            slot: None,
            latest_run: None,
            starts: Vec::new(),
            thread: None,
            newest_thread: None,
            threads: 0,
            attempts: Attempts::default(),
            spending: Spending::default(),
            outages: 0,
            backoff_until: None,
            held: None,
            handled: Vec::new(),
            no_change_needed: None,
        }
    }
}

/// A value with the version that its source gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The source's own time of the change.
    pub version: Timestamp,
    /// The value.
    pub value: T,
}

/// That a text was edited. An earlier wording of it that is heard of later counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The source's id of the text.
    pub source: String,
    /// When it got its newest wording, by its source's clock.
    pub said: Timestamp,
}

/// An order to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The source's id of the text or the order.
    #[serde(default)]
    pub source: String,
    /// When it was given, by its source's clock.
    pub said: Timestamp,
    /// Who gave it, for people to read.
    pub by: String,
}

/// The first versions kept the newest order only.
fn stored_stops<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Stop>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Newest(Option<Stop>),
        All(Vec<Stop>),
    }
    Ok(match Stored::deserialize(deserializer)? {
        Stored::Newest(newest) => newest.into_iter().collect(),
        Stored::All(all) => all,
    })
}

/// That a human closed an issue here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Who, for people to read.
    pub by: String,
    /// Whether as failed.
    pub as_failed: bool,
    /// Why, if they said.
    pub reason: Option<String>,
}

/// What we need to know from a human.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What.
    pub text: String,
    /// What it is about.
    #[serde(default)]
    pub about: About,
    /// When it was put to them; `None` until then.
    pub asked: Option<Timestamp>,
    /// The number of the first input that can be an answer.
    #[serde(default)]
    pub since: u64,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The work itself.
    #[default]
    Work,
    /// A publication that is held.
    Publication,
    /// What was spent.
    Spending,
    /// The pull requests that are attached to the ticket.
    LinkedPullRequests,
}

/// Why we gave up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredEscalation")]
pub struct Escalation {
    /// Why.
    pub reason: String,
    /// When.
    #[serde(default)]
    pub at: Timestamp,
    /// The head on which we did. Somebody else's push is help.
    pub head: Option<CommitSha>,
    /// The number of the first input that can be help.
    pub since: u64,
}

/// The first version kept the reason only.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredEscalation {
    Reason(String),
    Whole {
        reason: String,
        #[serde(default)]
        at: Timestamp,
        head: Option<CommitSha>,
        since: u64,
    },
}

impl From<StoredEscalation> for Escalation {
    fn from(stored: StoredEscalation) -> Self {
        match stored {
            StoredEscalation::Reason(reason) => {
                Self { reason, at: Timestamp::default(), head: None, since: 0 }
            }
            StoredEscalation::Whole { reason, at, head, since } => Self { reason, at, head, since },
        }
    }
}

/// A publication that waits for a human's word (D29).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The run that made it.
    pub run: RunId,
    /// What that was for.
    pub run_type: RunType,
    /// The head of the pull request that it stands on, if there was one.
    #[serde(default)]
    pub head: Option<CommitSha>,
    /// The tree that would be published. An approval releases exactly this one.
    pub tree: TreeId,
    /// Why it is held.
    pub hits: Vec<GateHit>,
    /// The agent's report, for the texts of the publication.
    pub report: Report,
    /// Who released it.
    pub released_by: Option<Actor>,
}

/// A failure in which a run found nothing to repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// What the run was for.
    pub run_type: RunType,
    /// The head it looked at.
    pub head: CommitSha,
    /// The failure.
    pub signature: String,
}

/// The run that has the issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Which.
    pub run: RunId,
    /// What for.
    pub run_type: RunType,
    /// The authority it was started under.
    pub epoch: u32,
    /// Since when.
    pub since: Timestamp,
    /// The head of the pull request that it was started on.
    #[serde(default)]
    pub head: Option<CommitSha>,
    /// The base that it works with, where the repair is about the base.
    #[serde(default)]
    pub base: Option<CommitSha>,
    /// What exactly it repairs.
    #[serde(default)]
    pub signature: Option<String>,
    /// What woke us.
    #[serde(default)]
    pub wake: Option<WakeReason>,
    /// Whether an operator ordered it. The order holds until it is carried out.
    #[serde(default)]
    pub is_ordered: bool,
    /// Whether the ticket or its pull request was over already: then it is about what was said afterwards.
    #[serde(default)]
    pub follows_end: bool,
    /// The inputs it took up. They go back to the waiting ones when it is lost.
    pub inputs: Vec<PendingInput>,
}

/// The run that had the issue last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestRun {
    /// Which.
    pub run: RunId,
    /// What for.
    pub run_type: RunType,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub result: RunOutcome,
    /// The head of the pull request that it was started on.
    #[serde(default)]
    pub head: Option<CommitSha>,
    /// Whether it followed the end of the ticket or of its pull request: then what it asks is not over with that.
    #[serde(default)]
    pub follows_end: bool,
}
