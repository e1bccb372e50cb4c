//! What can come next for an issue.

use crate::{
    About, BranchName, CommitSha, PrNumber, RunType, ThreadId, Timestamp, TreeId, WakeReason,
};

/// The one thing to do next with an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum NextStep {
    /// Start this run.
    Run(RunPlan),
    /// Nothing, for this reason; `until` when time alone may change that.
    Wait {
        /// Why.
        reason: Wait,
        /// When to look again, if not only on new facts.
        until: Option<Timestamp>,
    },
    /// Put this question to a human.
    Ask {
        /// What.
        question: String,
        /// What it is about.
        about: About,
    },
    /// Give up, and tell a human why.
    Escalate {
        /// Why.
        reason: String,
    },
    /// Nothing, ever again, unless the world changes.
    Settled(Settled),
}

/// A next step as it is stored, for the ready list: those with a run type whose time has come (D6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextColumns {
    /// `run`, `wait`, `ask`, `escalate` or `settled`.
    pub kind: &'static str,
    /// What the run is for that starts now, or once `due` is reached.
    pub run_type: Option<RunType>,
    /// When time alone makes it worth deciding again.
    pub due: Option<Timestamp>,
}

impl NextStep {
    /// What the ready list needs of it.
    pub fn columns(&self) -> NextColumns {
        let (kind, run_type, due) = match self {
            Self::Run(plan) => ("run", Some(plan.run_type), Some(Timestamp::default())),
            Self::Wait { reason: Wait::Backoff(run_type) | Wait::Breaker(run_type), until } => {
                ("wait", Some(*run_type), *until)
            }
            Self::Wait { until, .. } => ("wait", None, *until),
            Self::Ask { .. } => ("ask", None, None),
            Self::Escalate { .. } => ("escalate", None, None),
            Self::Settled(_) => ("settled", None, None),
        };
        NextColumns { kind, run_type, due }
    }
}

/// Everything that is decided about a run before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlan {
    /// What for.
    pub run_type: RunType,
    /// What woke us, or `None` if unfinished work just goes on.
    pub wake: Option<WakeReason>,
    /// Under which authority.
    pub epoch: u32,
    /// Where its work is published.
    pub branch: BranchName,
    /// The name of its directory.
    pub worktree_name: String,
    /// The head of the pull request that it works on, if there is one.
    pub head: Option<CommitSha>,
    /// The branch that its pull request asks to be merged into; without one, it is the project's base branch.
    pub base_branch: Option<BranchName>,
    /// What exactly it repairs: the same failure has the same signature, a newer one another (N54).
    pub signature: Option<String>,
    /// The thread to continue, if there is one.
    pub resume: Option<ThreadId>,
    /// The thread that a new one takes the place of, because it has grown too long.
    pub parent: Option<ThreadId>,
    /// Whether what is in the directory is unfinished work, to be kept in place.
    pub keep_edits: bool,
    /// Whether the newest base is to be merged before the agent starts (D30).
    pub merge_base: bool,
    /// Whether the queue takes the pull request only with a head that it has not seen, even if no file changes (S32).
    pub needs_new_head: bool,
    /// The tree that a human released: it is published as it is, and no agent is asked (D29).
    pub release: Option<TreeId>,
    /// The pending inputs it takes up, by number.
    pub consumes: Vec<u64>,
}

/// Why nothing is done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The ticket was not read yet.
    TicketUnread,
    /// A run has the issue.
    ActiveRun(RunType),
    /// Its project is not in the configuration any more.
    ProjectRemoved,
    /// The ticket is not delegated to us.
    Undelegated,
    /// A human told us to stop.
    Stopped,
    /// A human was asked.
    Question,
    /// A human was called.
    Escalated,
    /// Other tickets, by key, have to be over before.
    Blocked(Vec<String>),
    /// A pull request is attached to the ticket and was not read yet.
    LinkedPullRequest(PrNumber),
    /// The pull request waits for something outside.
    PullRequest(PrNumber, PrWait),
    /// The last run was lost; the next one, for this, waits a while.
    Backoff(RunType),
    /// Too many runs were started lately, whatever the reason.
    Breaker(RunType),
}

/// What an open pull request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrWait {
    /// For a human to make it more than a draft.
    Draft,
    /// For its checks.
    Checks,
    /// For a review.
    Review,
    /// For another review, because the last one was of an older head.
    ReReview,
    /// For its merge: nothing else is missing.
    Merge,
    /// For the base branch, whose gate is red by the same checks: repairing the pull request would not help.
    RedBase,
    /// For its red gate to be run again: a run found nothing in it to repair.
    Rerun,
}

/// How an issue can be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The pull request was merged.
    Merged,
    /// Nothing had to change.
    NoChangeNeeded,
    /// The ticket was completed in the tracker, and nothing of ours is open.
    CompletedInTracker,
    /// The ticket was cancelled in the tracker, and nothing of ours is open.
    CanceledInTracker,
    /// The ticket was removed from the tracker.
    Removed,
    /// A human closed it here, as done.
    ClosedDone,
    /// A human closed it here, as failed.
    ClosedFailed,
}

impl Settled {
    /// What happened, in a few words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Merged => "the pull request was merged",
            Self::NoChangeNeeded => "nothing had to change",
            Self::CompletedInTracker => "the ticket was completed in the tracker",
            Self::CanceledInTracker => "the ticket was cancelled in the tracker",
            Self::Removed => "the ticket was removed from the tracker",
            Self::ClosedDone => "it was closed here as done",
            Self::ClosedFailed => "it was closed here as failed",
        }
    }

    /// Whether that is a good end.
    pub fn is_success(self) -> bool {
        match self {
            Self::Merged | Self::NoChangeNeeded | Self::CompletedInTracker | Self::ClosedDone => {
                true
            }
            Self::CanceledInTracker | Self::Removed | Self::ClosedFailed => false,
        }
    }
}

impl Wait {
    /// Which kinds of observation can end this wait, by name. No wait is for ever: where this is empty, the
    /// configuration ends it, and time may end it too, where there is an `until`.
    pub fn ended_by(&self) -> &'static [&'static str] {
        match self {
            Self::ProjectRemoved => &[],
            Self::TicketUnread => &["ticket_read"],
            Self::ActiveRun(_) => &["run_settled"],
            Self::Undelegated => &["ticket_read"],
            Self::Stopped => &["human_input", "session_opened", "ticket_read", "retried"],
            Self::Question => &["human_input", "session_opened", "approved", "retried"],
            Self::Escalated => {
                &["human_input", "session_opened", "ticket_read", "retried", "pull_request_read"]
            }
            Self::Blocked(_) => &["ticket_read"],
            Self::LinkedPullRequest(_) => &["pull_request_read", "pull_request_missing"],
            Self::PullRequest(_, wait) => match wait {
                PrWait::Draft => &["pull_request_read", "human_input"],
                PrWait::Checks => &["check_read", "pull_request_read", "human_input"],
                PrWait::Review | PrWait::ReReview | PrWait::Merge => &[
                    "pull_request_read",
                    "review_read",
                    "check_read",
                    "merge_state_read",
                    "human_input",
                ],
                PrWait::RedBase => {
                    &["base_check_read", "check_read", "pull_request_read", "human_input"]
                }
                PrWait::Rerun => &["check_read", "pull_request_read", "human_input", "retried"],
            },
            Self::Backoff(_) | Self::Breaker(_) => &["retried"],
        }
    }
}
