//! Runs: what one may be for, how it stands and how it can end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    BranchName, CommitSha, GateHit, PullRequest, Report, ThreadId, Timestamp, TreeId, TurnId,
    prompt::Conflict,
};

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunType {
    /// Do what the ticket asks for.
    Implementation,
    /// Address a review that requested changes.
    ReviewFix,
    /// Make a red gate green.
    CiRepair,
    /// Make a pull request fit for the merge queue that refused it.
    QueueRepair,
    /// Bring the branch up to date with the one it is to be merged into.
    BranchUpkeep,
}

impl RunType {
    /// All of them, in the order in which they go before each other, the last one first (D7).
    pub const ALL: [Self; 5] = [
        Self::Implementation,
        Self::ReviewFix,
        Self::BranchUpkeep,
        Self::CiRepair,
        Self::QueueRepair,
    ];

    /// Whether it mends a pull request, and is not the work itself.
    pub fn is_repair(self) -> bool {
        match self {
            Self::Implementation => false,
            Self::ReviewFix | Self::CiRepair | Self::QueueRepair | Self::BranchUpkeep => true,
        }
    }

    /// The name in the API, in storage and in the run's prompt.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Implementation => "implementation",
            Self::ReviewFix => "review_fix",
            Self::CiRepair => "ci_repair",
            Self::QueueRepair => "queue_repair",
            Self::BranchUpkeep => "branch_upkeep",
        }
    }
}

/// A directory of our own in which one issue is worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// Its absolute path.
    pub path: String,
    /// The branch that its work is published as.
    pub branch: BranchName,
    /// The branch that it is to be merged into.
    pub base_branch: BranchName,
    /// The commit that the work stands on.
    pub base: CommitSha,
    /// The merge of the base branch that we began in it: then the commit that it stands on is that merge as git left it,
    /// and is never published (D30).
    #[serde(default)]
    pub merge: Option<BaseMerge>,
    /// Whether what it should stand on has moved on, and its unpublished edits do not fit onto that.
    #[serde(default)]
    pub is_behind: bool,
}

impl Worktree {
    /// The commits that its work is a child of.
    pub fn parents(&self) -> Vec<CommitSha> {
        match &self.merge {
            None => vec![self.base.clone()],
            Some(merge) => vec![merge.head.clone(), merge.base.clone()],
        }
    }

    /// The paths that the merge begun in it could not settle.
    pub fn conflicts(&self) -> &[Conflict] {
        self.merge.as_ref().map_or(&[], |merge| &merge.conflicts)
    }
}

/// A merge of the base branch into our published work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseMerge {
    /// Our published head.
    pub head: CommitSha,
    /// The tip of the base branch that was merged into it.
    pub base: CommitSha,
    /// The paths that were at odds.
    pub conflicts: Vec<Conflict>,
}

/// How a run stands. Each variant holds exactly what is true there; it is stored before the step that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum RunState {
    /// The worktree and the agent are being made ready. The worktree's place follows from the issue.
    Preparing,
    /// The agent has the worktree. `thread` is known once it was started, `turn` once a turn was.
    Working {
        /// Where.
        worktree: Worktree,
        /// The agent's thread. Stored before its first turn (D22).
        thread: Option<ThreadId>,
        /// The turn under way.
        turn: Option<TurnId>,
        /// How many turns of this run continued earlier ones.
        continuations: u32,
    },
    /// The work turn is over; the agent is asked what it did (D18).
    Reporting {
        /// Where.
        worktree: Worktree,
        /// The agent's thread.
        thread: ThreadId,
        /// How many turns of this run continued earlier ones.
        continuations: u32,
    },
    /// The agent is gone; the commit exists and is on its way to the forge (D27).
    Publishing(Publication),
    /// The forge has the commit and the pull request.
    Published {
        /// What was published.
        publication: Publication,
        /// The pull request that carries it.
        pull_request: PullRequest,
        /// The forge's time of that answer.
        #[serde(default)]
        version: Timestamp,
    },
}

/// Everything that publishing needs, so that whoever continues it has nothing to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Where the work was done.
    pub worktree: Worktree,
    /// The tree that was verified.
    pub tree: TreeId,
    /// The commit that carries it.
    pub commit: CommitSha,
    /// The remote branch before the push; `None` means that it must not exist.
    pub expected_remote: Option<CommitSha>,
    /// The pull request's title.
    pub title: String,
    /// The pull request's text.
    pub body: String,
    /// Whether the pull request is opened as a draft.
    pub draft: bool,
    /// What the agent says it did, for the tracker.
    pub summary: String,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum TurnStatus {
    /// The model stopped by itself. That says nothing about the work.
    Completed,
    /// Somebody interrupted it.
    Interrupted,
    /// The model or the way to it gave no answer this time: overloaded, too many requests, not reachable.
    Unavailable {
        /// The runtime's words.
        reason: String,
        /// In how long it answers again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The model answers nobody who uses this login: its quota is used up, or it is not accepted.
    Barred {
        /// The runtime's words.
        reason: String,
        /// In how long it answers again, if it says so.
        retry_after: Option<Duration>,
    },
    /// Its thread has become longer than the model can read.
    ThreadFull {
        /// The runtime's words.
        reason: String,
    },
    /// It was refused for what it is about or how it is set up, and would be refused again.
    Refused {
        /// The runtime's words.
        reason: String,
    },
    /// It failed.
    Failed {
        /// The runtime's words.
        reason: String,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RunOutcome {
    /// The work is on the forge, in this pull request.
    Published {
        /// What was pushed.
        commit: CommitSha,
        /// The pull request as the forge answered it.
        pull_request: PullRequest,
        /// The forge's time of that answer.
        #[serde(default)]
        version: Timestamp,
        /// What the agent says it did.
        summary: String,
    },
    /// The agent found, and the clean tree confirms, that nothing has to change.
    NoChangeNeeded {
        /// The agent's reason.
        reason: String,
    },
    /// The agent found nothing in the pull request that a repair could mend: the check has to run again.
    NothingToRepair {
        /// The agent's reason.
        reason: String,
    },
    /// A human has to answer.
    NeedsInput {
        /// What.
        question: String,
    },
    /// The work is ready, and has something in it that only a human may release (D29).
    Held {
        /// The tree that would be published.
        tree: TreeId,
        /// What is in it.
        hits: Vec<GateHit>,
        /// The agent's report, for the texts of the publication.
        report: Box<Report>,
    },
    /// It was stopped.
    Interrupted {
        /// By what.
        by: Interruption,
    },
    /// A service that it needs gave no answer. Costs nothing, and never ends an issue.
    Unavailable {
        /// Which, with the cause.
        reason: String,
        /// When the service says that it answers again.
        #[serde(default)]
        until: Option<Timestamp>,
    },
    /// It could not start, or could not go on, through no fault of the work.
    Failed {
        /// What failed, with its cause.
        reason: String,
    },
    /// The turn ended and what it left is not enough.
    Insufficient {
        /// What is missing.
        reason: String,
    },
    /// The branch name belongs to somebody else's commits, so the next run takes another one.
    BranchTaken,
}

/// How a run stands for people: the words of the reference (behaviour 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It is under way.
    Running,
    /// Its work was judged, and what came out is a result.
    Completed,
    /// It did not come to a result.
    Failed,
    /// It was stopped.
    Released,
    /// What it repaired was settled without it.
    Superseded,
}

impl RunStatus {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Released => "released",
            Self::Superseded => "superseded",
        }
    }
}

impl RunOutcome {
    /// The name in the API and in storage.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Published { .. } => "published",
            Self::NoChangeNeeded { .. } => "no_change_needed",
            Self::NothingToRepair { .. } => "nothing_to_repair",
            Self::NeedsInput { .. } => "needs_input",
            Self::Held { .. } => "held",
            Self::Interrupted { .. } => "interrupted",
            Self::Unavailable { .. } => "unavailable",
            Self::Failed { .. } => "failed",
            Self::Insufficient { .. } => "insufficient",
            Self::BranchTaken => "branch_taken",
        }
    }

    /// How a run that ended so stands for people.
    pub fn status(&self) -> RunStatus {
        match self {
            Self::Published { .. }
            | Self::NoChangeNeeded { .. }
            | Self::NothingToRepair { .. }
            | Self::NeedsInput { .. }
            | Self::Held { .. } => RunStatus::Completed,
            Self::Interrupted { by: Interruption::Superseded } => RunStatus::Superseded,
            Self::Interrupted { .. } => RunStatus::Released,
            Self::Unavailable { .. }
            | Self::Failed { .. }
            | Self::Insufficient { .. }
            | Self::BranchTaken => RunStatus::Failed,
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Unavailable { reason, .. }
            | Self::Failed { reason }
            | Self::Insufficient { reason } => Some(reason),
            Self::BranchTaken => Some("the branch name was taken"),
            Self::Published { .. }
            | Self::NoChangeNeeded { .. }
            | Self::NothingToRepair { .. }
            | Self::NeedsInput { .. }
            | Self::Held { .. }
            | Self::Interrupted { .. } => None,
        }
    }

    /// Whether the run's work is unfinished and another run goes on with it, without a word to people.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Failed { .. } | Self::BranchTaken => true,
            Self::Interrupted { by } => match by {
                Interruption::Restart | Interruption::Shutdown | Interruption::LeaseLost => true,
                Interruption::Undelegated
                | Interruption::Stopped
                | Interruption::Closed
                | Interruption::Removed
                | Interruption::Blocked
                | Interruption::Spending
                | Interruption::PullRequestOver
                | Interruption::TicketOver
                | Interruption::Superseded
                | Interruption::HeadMoved => false,
            },
            Self::Published { .. }
            | Self::NoChangeNeeded { .. }
            | Self::NothingToRepair { .. }
            | Self::NeedsInput { .. }
            | Self::Held { .. }
            | Self::Insufficient { .. } => false,
        }
    }
}

/// What stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// The process that ran it is gone.
    Restart,
    /// The service was asked to stop.
    Shutdown,
    /// Its lease could not be kept.
    LeaseLost,
    /// The ticket was taken away from us, or was given to us anew.
    Undelegated,
    /// A human said stop.
    Stopped,
    /// A human closed the issue here.
    Closed,
    /// The ticket was removed from the tracker.
    Removed,
    /// Another ticket has to be over first.
    Blocked,
    /// It has spent all that it may.
    Spending,
    /// The pull request was merged or closed meanwhile.
    PullRequestOver,
    /// The ticket was completed or cancelled in the tracker meanwhile.
    TicketOver,
    /// What it repairs is not broken any more.
    Superseded,
    /// Somebody else's commits lie on the branch now.
    HeadMoved,
}

/// What a run's end costs (D9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// Nothing.
    Nothing,
    /// One of the attempts of its type: the work was judged and found insufficient.
    Attempt,
    /// One recovery: it was lost to something else. Bounded, and forgotten at the next progress.
    Recovery,
}

/// What this end costs. A repair that was published costs nothing yet: see [`RepairTrail`](crate::RepairTrail).
pub fn charge(outcome: &RunOutcome) -> Charge {
    match outcome {
        RunOutcome::Published { .. }
        | RunOutcome::NoChangeNeeded { .. }
        | RunOutcome::NothingToRepair { .. }
        | RunOutcome::NeedsInput { .. }
        | RunOutcome::Held { .. }
        | RunOutcome::Unavailable { .. } => Charge::Nothing,
        RunOutcome::Insufficient { .. } => Charge::Attempt,
        // A taken name is nobody's failure, but without a bound it could go on for ever.
        RunOutcome::Failed { .. } | RunOutcome::BranchTaken => Charge::Recovery,
        RunOutcome::Interrupted { by } => match by {
            Interruption::Restart | Interruption::LeaseLost => Charge::Recovery,
            Interruption::Shutdown
            | Interruption::Undelegated
            | Interruption::Stopped
            | Interruption::Closed
            | Interruption::Removed
            | Interruption::Blocked
            | Interruption::Spending
            | Interruption::PullRequestOver
            | Interruption::TicketOver
            | Interruption::Superseded
            | Interruption::HeadMoved => Charge::Nothing,
        },
    }
}

#[cfg(test)]
mod tests;
