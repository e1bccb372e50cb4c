//! What people are shown of an issue. Derived, stored for queries, never read back to decide.

use serde::{Deserialize, Serialize};

use crate::{
    CheckStatus, IssueFacts, NextStep, PrState, PrWait, RunOutcome, RunType, Settled, Wait,
    text::single_line,
};

/// Where an issue stands in the factory (D8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactoryState {
    /// Ours, and nothing was started yet.
    Delegated,
    /// A run does what the ticket asks for, or is next.
    Implementing,
    /// The pull request waits for review and checks.
    PrOpen,
    /// A run addresses requested changes or brings the branch up to date, or is next.
    ChangesRequested,
    /// A run makes the gate green, or is next.
    RepairingCi,
    /// Nothing of ours is missing: the pull request waits for its merge.
    AwaitingQueue,
    /// A run repairs what the merge queue refused, or is next.
    RepairingQueue,
    /// A human has to answer.
    AwaitingInput,
    /// Not delegated to us.
    Paused,
    /// A human has to help.
    Escalated,
    /// Over, and good.
    Done,
    /// Over, and not good.
    Failed,
}

impl FactoryState {
    /// The name in the API and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Implementing => "implementing",
            Self::PrOpen => "pr_open",
            Self::ChangesRequested => "changes_requested",
            Self::RepairingCi => "repairing_ci",
            Self::AwaitingQueue => "awaiting_queue",
            Self::RepairingQueue => "repairing_queue",
            Self::AwaitingInput => "awaiting_input",
            Self::Paused => "paused",
            Self::Escalated => "escalated",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// Where an issue stands for somebody who follows the agent session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Nothing runs.
    Idle,
    /// A run is active.
    Running,
    /// A human has to answer.
    WaitingInput,
    /// Over, and good.
    Done,
    /// Over or stuck, and not good.
    Failed,
}

impl SessionState {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::WaitingInput => "waiting_input",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The factory state, from what `decide` says of the facts.
pub fn factory_state(next: &NextStep) -> FactoryState {
    match next {
        NextStep::Settled(settled) if settled.is_success() => FactoryState::Done,
        NextStep::Settled(_) => FactoryState::Failed,
        NextStep::Escalate { .. } => FactoryState::Escalated,
        NextStep::Ask { .. } => FactoryState::AwaitingInput,
        NextStep::Run(plan) => of_run(plan.run_type),
        NextStep::Wait { reason, .. } => match reason {
            Wait::Escalated => FactoryState::Escalated,
            Wait::Question | Wait::Stopped => FactoryState::AwaitingInput,
            Wait::ActiveRun(run_type) | Wait::Backoff(run_type) | Wait::Breaker(run_type) => {
                of_run(*run_type)
            }
            Wait::Undelegated | Wait::ProjectRemoved => FactoryState::Paused,
            Wait::PullRequest(_, wait) => match wait {
                PrWait::Merge => FactoryState::AwaitingQueue,
                PrWait::RedBase | PrWait::Rerun => FactoryState::RepairingCi,
                PrWait::Checks | PrWait::Review | PrWait::ReReview => FactoryState::PrOpen,
                PrWait::Draft => FactoryState::Delegated,
            },
            Wait::TicketUnread | Wait::Blocked(_) | Wait::LinkedPullRequest(_) => {
                FactoryState::Delegated
            }
        },
    }
}

fn of_run(run_type: RunType) -> FactoryState {
    match run_type {
        RunType::Implementation => FactoryState::Implementing,
        RunType::ReviewFix | RunType::BranchUpkeep => FactoryState::ChangesRequested,
        RunType::CiRepair => FactoryState::RepairingCi,
        RunType::QueueRepair => FactoryState::RepairingQueue,
    }
}

/// The session state, from the factory state and the facts.
pub fn session_state(facts: &IssueFacts, state: FactoryState) -> SessionState {
    match state {
        FactoryState::Done => SessionState::Done,
        FactoryState::Failed | FactoryState::Escalated => SessionState::Failed,
        FactoryState::AwaitingInput => SessionState::WaitingInput,
        FactoryState::Delegated
        | FactoryState::Implementing
        | FactoryState::PrOpen
        | FactoryState::ChangesRequested
        | FactoryState::RepairingCi
        | FactoryState::AwaitingQueue
        | FactoryState::RepairingQueue
        | FactoryState::Paused => {
            if facts.slot.is_some() {
                SessionState::Running
            } else {
                SessionState::Idle
            }
        }
    }
}

/// What the issue waits for, in one line; `None` when it waits for nothing.
pub fn waiting_reason(next: &NextStep) -> Option<String> {
    match next {
        NextStep::Run(plan) if plan.release.is_some() => {
            Some("ready to publish what a human released".to_owned())
        }
        NextStep::Run(plan) => Some(format!("ready to run {}", spoken(plan.run_type))),
        NextStep::Ask { .. } => Some("about to ask a human".to_owned()),
        NextStep::Escalate { .. } => Some("about to call a human".to_owned()),
        NextStep::Settled(_) => None,
        NextStep::Wait { reason, .. } => Some(match reason {
            Wait::TicketUnread => "waiting to read the ticket from the tracker".to_owned(),
            Wait::ActiveRun(run_type) => format!("running {}", spoken(*run_type)),
            Wait::ProjectRemoved => "paused: its project is not configured any more".to_owned(),
            Wait::Undelegated => "paused: the ticket is not delegated to PatchRelay".to_owned(),
            Wait::Stopped => "stopped by a human".to_owned(),
            Wait::Question => "waiting for a human's answer".to_owned(),
            Wait::Escalated => "waiting for a human's help".to_owned(),
            Wait::Blocked(keys) => {
                single_line(&format!("blocked by {}", keys.join(", ")), MAX_NOTE)
            }
            Wait::LinkedPullRequest(number) => {
                format!("waiting to read the attached pull request {number}")
            }
            Wait::PullRequest(number, wait) => match wait {
                PrWait::Draft => {
                    format!("waiting for draft pull request {number} to be made ready")
                }
                PrWait::Checks => format!("waiting for the checks of pull request {number}"),
                PrWait::Review => {
                    format!("waiting for review and merge of pull request {number}")
                }
                PrWait::ReReview => format!("waiting for another review of pull request {number}"),
                PrWait::Merge => format!("waiting for the merge of pull request {number}"),
                PrWait::RedBase => format!(
                    "waiting for the base branch, whose checks fail like those of pull request {number}"
                ),
                PrWait::Rerun => {
                    format!(
                        "waiting for the failed checks of pull request {number} to be run again"
                    )
                }
            },
            Wait::Backoff(run_type) => format!("waiting before the next {} run", spoken(*run_type)),
            Wait::Breaker(run_type) => {
                format!("too many runs lately; waiting before the next {} run", spoken(*run_type))
            }
        }),
    }
}

/// What would change the state, in one sentence: an event from outside, or a time.
pub fn way_out(next: &NextStep) -> &'static str {
    match next {
        NextStep::Run(_) => "A free slot starts the run.",
        NextStep::Ask { .. } | NextStep::Escalate { .. } => {
            "It is told to a human at the next change."
        }
        NextStep::Settled(Settled::Merged) => {
            "A new instruction in the agent session, which gets a new pull request."
        }
        NextStep::Settled(
            Settled::NoChangeNeeded | Settled::CompletedInTracker | Settled::CanceledInTracker,
        ) => "A new instruction, delegating the ticket again, or moving it to an open state.",
        NextStep::Settled(Settled::Removed) => "Restoring the ticket in the tracker.",
        NextStep::Settled(Settled::ClosedDone | Settled::ClosedFailed) => {
            "`patchrelay issue retry` opens it again."
        }
        NextStep::Wait { reason, .. } => match reason {
            Wait::TicketUnread => "The ticket is read as soon as the tracker answers.",
            Wait::ActiveRun(_) => "The run's end, or taking the ticket away from PatchRelay.",
            Wait::ProjectRemoved => "Configuring the project again.",
            Wait::Undelegated => "Delegating the ticket to PatchRelay.",
            Wait::Stopped => "A new instruction, or delegating the ticket again.",
            Wait::Question => "A human's answer.",
            Wait::Escalated => {
                "A human's word, a push to the branch, delegating again, or `patchrelay issue retry`."
            }
            Wait::Blocked(_) => "Completing or cancelling what blocks it.",
            Wait::LinkedPullRequest(_) => "It is read as soon as the forge answers.",
            Wait::PullRequest(_, wait) => match wait {
                PrWait::Draft => "Marking it as ready for review, or an instruction.",
                PrWait::Checks => "The end of its checks.",
                PrWait::Review | PrWait::ReReview => {
                    "A review, merging or closing the pull request, or taking the ticket away."
                }
                PrWait::Merge => "Merging or closing the pull request, or taking the ticket away.",
                PrWait::RedBase => "Green checks on the base branch, or a new head.",
                PrWait::Rerun => "Another result of the failed checks, or a new head.",
            },
            Wait::Backoff(_) | Wait::Breaker(_) => "Time alone.",
        },
    }
}

fn spoken(run_type: RunType) -> String {
    run_type.as_str().replace('_', " ")
}

/// Why the issue is where it is, in one line, when there is more to say than the waiting reason.
///
/// What a human did or has to do comes first, then what is broken, then what the last run left.
pub fn status_note(facts: &IssueFacts, next: &NextStep) -> Option<String> {
    by_people(facts, next)
        .or_else(|| broken(facts))
        .or_else(|| of_the_end(facts))
        .or_else(|| facts.latest_run.as_ref().map(|run| of_run_outcome(&run.result)))
        .map(|note| single_line(&note, MAX_NOTE))
        .filter(|note| !note.is_empty())
}

fn by_people(facts: &IssueFacts, next: &NextStep) -> Option<String> {
    if let Some(closed) = &facts.closed {
        let reason = closed.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        return Some(format!("closed by {}{reason}", closed.by));
    }
    if facts.is_removed() {
        return Some("the ticket was removed from the tracker".to_owned());
    }
    if let Some(stop) = facts.stopped() {
        return Some(format!("stopped by {}", stop.by));
    }
    // What was given up holds back only what it was about.
    let is_given_up = factory_state(next) == FactoryState::Escalated;
    if let Some(escalated) = facts.escalated.as_ref().filter(|_| is_given_up) {
        return Some(escalated.reason.clone());
    }
    facts.question.as_ref().filter(|_| !facts.is_answered()).map(|asked| asked.text.clone())
}

fn broken(facts: &IssueFacts) -> Option<String> {
    if facts.is_evicted() {
        return Some("the merge queue refused the pull request".to_owned());
    }
    let red: Vec<_> = facts
        .checks
        .iter()
        .filter(|check| check.status == CheckStatus::Failure)
        .map(|check| check.name.as_str())
        .collect();
    if !red.is_empty() {
        return Some(format!("{} failed", red.join(", ")));
    }
    facts.is_conflicting().then(|| "the pull request conflicts with its base branch".to_owned())
}

fn of_the_end(facts: &IssueFacts) -> Option<String> {
    let pr = &facts.pull_request.as_ref()?.value;
    match pr.state {
        PrState::Merged => Some(format!("pull request {} was merged", pr.number)),
        // Until a run follows, this is why one will.
        PrState::Closed
            if facts.latest_run.as_ref().is_some_and(|run| {
                matches!(&run.result, RunOutcome::Published { pull_request, .. } if pull_request.number == pr.number)
            }) =>
        {
            Some(format!("pull request {} was closed without a merge", pr.number))
        }
        PrState::Open | PrState::Closed => None,
    }
}

fn of_run_outcome(result: &RunOutcome) -> String {
    match result {
        RunOutcome::Published { summary, .. } => summary.clone(),
        RunOutcome::NoChangeNeeded { reason }
        | RunOutcome::NothingToRepair { reason }
        | RunOutcome::Unavailable { reason, .. }
        | RunOutcome::Failed { reason }
        | RunOutcome::Insufficient { reason } => reason.clone(),
        RunOutcome::NeedsInput { question } => question.clone(),
        RunOutcome::Held { .. } => "its work is ready, and waited for a human's word".to_owned(),
        RunOutcome::Interrupted { .. } => {
            "the last run was interrupted; its work is kept".to_owned()
        }
        RunOutcome::BranchTaken => "the branch name was taken; another one is used".to_owned(),
    }
}

/// The longest note, in characters.
const MAX_NOTE: usize = 300;

#[cfg(test)]
mod tests;
