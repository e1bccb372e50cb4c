//! What people are shown of an issue. Derived, stored for queries, never read back to decide.

use serde::{Deserialize, Serialize};

use crate::{IssueFacts, NextStep, PrState, RunOutcome, RunType, Settled, Wait, text::single_line};

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
        NextStep::Settled(
            Settled::Merged | Settled::NoChangeNeeded | Settled::CompletedInTracker,
        ) => FactoryState::Done,
        NextStep::Settled(Settled::CanceledInTracker) => FactoryState::Failed,
        NextStep::Escalate { .. } => FactoryState::Escalated,
        NextStep::Ask { .. } => FactoryState::AwaitingInput,
        NextStep::Run(plan) => of_run(plan.run_type),
        NextStep::Wait { reason, .. } => match reason {
            Wait::Escalated => FactoryState::Escalated,
            Wait::Question => FactoryState::AwaitingInput,
            Wait::ActiveRun(run_type) => of_run(*run_type),
            Wait::Undelegated => FactoryState::Paused,
            Wait::PullRequest(_) => FactoryState::PrOpen,
            Wait::TicketUnread => FactoryState::Delegated,
            Wait::Backoff(run_type) => of_run(*run_type),
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
        NextStep::Run(plan) => Some(format!("ready to run {}", spoken(plan.run_type))),
        NextStep::Ask { .. } => Some("about to ask a human".to_owned()),
        NextStep::Escalate { .. } => Some("about to call a human".to_owned()),
        NextStep::Settled(_) => None,
        NextStep::Wait { reason, .. } => Some(match reason {
            Wait::TicketUnread => "waiting to read the ticket from the tracker".to_owned(),
            Wait::ActiveRun(run_type) => format!("running {}", spoken(*run_type)),
            Wait::Undelegated => "paused: the ticket is not delegated to PatchRelay".to_owned(),
            Wait::Question => "waiting for a human's answer".to_owned(),
            Wait::Escalated => "waiting for a human's help".to_owned(),
            Wait::PullRequest(number) => {
                format!("waiting for review and merge of pull request {number}")
            }
            Wait::Backoff(run_type) => format!("waiting before the next {} run", spoken(*run_type)),
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
        NextStep::Settled(Settled::Merged) => "Nothing: it is over.",
        NextStep::Settled(
            Settled::NoChangeNeeded | Settled::CompletedInTracker | Settled::CanceledInTracker,
        ) => "Moving the ticket to an open state, or a new session on it, is looked at again.",
        NextStep::Wait { reason, .. } => match reason {
            Wait::TicketUnread => "The ticket is read as soon as the tracker answers.",
            Wait::ActiveRun(_) => "The run's end, or taking the ticket away from PatchRelay.",
            Wait::Undelegated => "Delegating the ticket to PatchRelay.",
            Wait::Question => "A human's answer.",
            Wait::Escalated => "A human's help.",
            Wait::PullRequest(_) => {
                "Merging or closing the pull request, or taking the ticket away."
            }
            Wait::Backoff(_) => "Time alone.",
        },
    }
}

fn spoken(run_type: RunType) -> String {
    run_type.as_str().replace('_', " ")
}

/// Why the issue is where it is, in one line, when there is more to say than the waiting reason.
pub fn status_note(facts: &IssueFacts) -> Option<String> {
    if let Some(reason) = &facts.escalated {
        return Some(single_line(reason, MAX_NOTE));
    }
    if let Some(question) = &facts.question {
        return Some(single_line(&question.text, MAX_NOTE));
    }
    if let Some(pr) = facts.pull_request.as_ref().map(|pr| &pr.value)
        && pr.state == PrState::Merged
    {
        return Some(format!("pull request {} was merged", pr.number));
    }
    match &facts.latest_run.as_ref()?.result {
        RunOutcome::Published { summary, .. } => Some(single_line(summary, MAX_NOTE)),
        RunOutcome::NoChangeNeeded { reason }
        | RunOutcome::Unavailable { reason, .. }
        | RunOutcome::Failed { reason, .. }
        | RunOutcome::Insufficient { reason } => Some(single_line(reason, MAX_NOTE)),
        RunOutcome::NeedsInput { question } => Some(single_line(question, MAX_NOTE)),
        RunOutcome::Interrupted { .. } => {
            Some("the last run was interrupted; its work is kept".to_owned())
        }
        RunOutcome::BranchTaken => {
            Some("the branch name was taken; another one is used".to_owned())
        }
    }
}

/// The longest note, in characters.
const MAX_NOTE: usize = 300;

#[cfg(test)]
mod tests;
