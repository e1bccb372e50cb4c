//! Facts: everything known about one issue, as the fold of its observations.

use serde::{Deserialize, Serialize};

use crate::{
    BranchName, IssueId, ProjectId, PullRequest, RunId, RunOutcome, RunType, SessionId, ThreadId,
    Ticket, Timestamp,
};

/// The version of [`IssueFacts`] that this program writes.
pub const FACTS_VERSION: u32 = 1;

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
    /// The newest agent session on it.
    pub session: Option<SessionId>,
    /// Every agent session that ever opened on it.
    pub sessions: Vec<SessionId>,
    /// How often delegation changed. A run remembers the epoch it was started in.
    pub epoch: u32,
    /// What humans said and no run has taken up yet, oldest first.
    pub pending: Vec<PendingInput>,
    /// The number of the next pending input.
    pub next_input: u64,
    /// The branch its work is published as, once a run was started.
    pub branch: Option<BranchName>,
    /// How many branch names before this one were taken or are over.
    pub branch_generation: u32,
    /// The directory it is worked on in, once a run was started.
    pub worktree: Option<String>,
    /// The pull request, once there is one.
    pub pull_request: Option<Versioned<PullRequest>>,
    /// The run that has the issue.
    pub slot: Option<Slot>,
    /// The run that had it last.
    pub latest_run: Option<LatestRun>,
    /// A thread that an interrupted run left and the next one may resume.
    pub thread: Option<ThreadId>,
    /// What was tried.
    pub attempts: Attempts,
    /// How many runs in a row found a service unavailable. They cost nothing, and the next ones wait longer.
    pub outages: u32,
    /// Before this, no run is started.
    pub backoff_until: Option<Timestamp>,
    /// What we need to know from a human.
    pub question: Option<Question>,
    /// Why we gave up.
    pub escalated: Option<String>,
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
            session: None,
            sessions: Vec::new(),
            epoch: 0,
            pending: Vec::new(),
            next_input: 0,
            branch: None,
            branch_generation: 0,
            worktree: None,
            pull_request: None,
            slot: None,
            latest_run: None,
            thread: None,
            attempts: Attempts::default(),
            outages: 0,
            backoff_until: None,
            question: None,
            escalated: None,
            no_change_needed: None,
        }
    }

    /// The key people use; the ticket's id until it was read.
    pub fn key(&self) -> &str {
        self.ticket.as_ref().map_or(self.issue.ticket.as_str(), |ticket| &ticket.value.key)
    }

    /// Whether the ticket is delegated to us, as far as known.
    pub fn is_delegated(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| ticket.value.delegated)
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

/// Something a human said that no run has taken up yet (D3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingInput {
    /// Its number within the issue.
    pub seq: u64,
    /// When we learned of it.
    pub at: Timestamp,
    /// What was said.
    pub text: String,
    /// The tracker's id of who said it.
    pub author: Option<String>,
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
}

/// What was tried, as counts (D9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Implementation runs whose work was insufficient.
    pub implementation: u32,
    /// Runs lost to something else since the last progress.
    pub recovery: u32,
    /// Turns that continued unfinished work, over all runs.
    pub continuations: u32,
}

/// What we need to know from a human.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What.
    pub text: String,
    /// When it was put to them; `None` until then.
    pub asked: Option<Timestamp>,
}
