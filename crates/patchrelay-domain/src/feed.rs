//! The operator feed: what happened, one line each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Charge, Check, CheckStatus, Interruption, Observation, ObservationKind, PrState, ReviewVerdict,
    RunOutcome, RunState, RunType, Rung, text::single_line,
};

/// One line of the operator feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEntry {
    /// What it tells of.
    pub kind: FeedKind,
    /// How much it matters.
    pub level: FeedLevel,
    /// The name of what happened, such as `run_claimed`.
    pub event: String,
    /// The line, without control characters.
    pub text: String,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedKind {
    /// An observation: one line for each.
    Observation,
    /// A phase of a run.
    Run,
    /// A report that was sent, or not.
    Report,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedLevel {
    /// The usual.
    Info,
    /// Something went wrong and is dealt with.
    Warn,
    /// A human is needed.
    Error,
}

/// What somebody did, and why if they said.
fn with_reason(text: String, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{text}: {reason}"),
        None => text,
    }
}

/// The line for an observation.
pub fn describe(observation: &Observation) -> FeedEntry {
    let (level, text) = match &observation.kind {
        ObservationKind::SessionOpened { .. } => {
            (FeedLevel::Info, "the tracker opened an agent session".to_owned())
        }
        ObservationKind::TicketRead { ticket, .. } => {
            let authority =
                if ticket.delegated { "delegated to us" } else { "not delegated to us" };
            (
                FeedLevel::Info,
                format!("ticket \"{}\" is {authority}, state {}", ticket.title, ticket.state.name),
            )
        }
        ObservationKind::PullRequestRead { pull_request, .. } => {
            let state = match pull_request.state {
                PrState::Open => "open",
                PrState::Closed => "closed",
                PrState::Merged => "merged",
            };
            (
                FeedLevel::Info,
                format!(
                    "pull request {} is {state} at {}",
                    pull_request.number,
                    pull_request.head.short()
                ),
            )
        }
        ObservationKind::TicketRemoved { .. } => {
            (FeedLevel::Warn, "the ticket was removed from the tracker".to_owned())
        }
        ObservationKind::HumanInput { author, text, .. } => {
            (FeedLevel::Info, format!("{} said: {text}", author.shown()))
        }
        ObservationKind::StopRequested { by, reason, .. } => {
            (FeedLevel::Warn, with_reason(format!("{} said stop", by.shown()), reason.as_deref()))
        }
        ObservationKind::Retried { by, run_type, reason, .. } => {
            let what = run_type.map_or("another try", RunType::as_str);
            let text = format!("{} ordered {what}", by.shown());
            (FeedLevel::Info, with_reason(text, reason.as_deref()))
        }
        ObservationKind::Closed { by, as_failed, reason, .. } => {
            let how = if *as_failed { "failed" } else { "done" };
            let text = format!("{} closed it as {how}", by.shown());
            (FeedLevel::Warn, with_reason(text, reason.as_deref()))
        }
        ObservationKind::Approved { by, tree, reason, .. } => {
            let text = format!("{} released {tree}", by.shown());
            (FeedLevel::Warn, with_reason(text, reason.as_deref()))
        }
        ObservationKind::PullRequestMissing { number, .. } => {
            (FeedLevel::Warn, format!("pull request {number} cannot be seen"))
        }
        ObservationKind::ReviewRead { review, .. } => {
            let verdict = match review.verdict {
                ReviewVerdict::Approved => "approved",
                ReviewVerdict::ChangesRequested => "asked for changes to",
                ReviewVerdict::Commented => "commented on",
                ReviewVerdict::Dismissed => "does not judge any more",
            };
            let reviewer = review.reviewer.shown();
            (FeedLevel::Info, format!("{reviewer} {verdict} {}", review.head.short()))
        }
        ObservationKind::CheckRead { head, check } => {
            of_check(check, &format!("on {}", head.short()))
        }
        ObservationKind::BaseCheckRead { check, .. } => of_check(check, "on the base branch"),
        ObservationKind::MergeStateRead { state, .. } => {
            let mergeable = match state.is_conflicting {
                Some(true) => "conflicts with",
                Some(false) => "agrees with",
                None => "is being compared with",
            };
            (FeedLevel::Info, format!("{} {mergeable} its base", state.head.short()))
        }
        ObservationKind::InputDelivered { inputs, .. } => (
            FeedLevel::Info,
            format!("the agent was told what humans said ({} texts)", inputs.len()),
        ),
        ObservationKind::RunClaimed { run_type, branch, .. } => {
            (FeedLevel::Info, format!("{} run started for branch {branch}", run_type.as_str()))
        }
        ObservationKind::HomeMoved { from, to } => (
            FeedLevel::Warn,
            format!(
                "node {from} is gone, and its work goes on at node {to} from what was pushed; \
                 edits that were not pushed stay at {from}"
            ),
        ),
        ObservationKind::RunSettled { result, charge, .. } => outcome(result, *charge),
        ObservationKind::WorktreeRemoved { path, rescue } => (
            FeedLevel::Info,
            match rescue {
                Some(rescue) => {
                    format!("removed the worktree {path}; what was in it is in {rescue}")
                }
                None => format!("removed the worktree {path}; nothing was in it but a commit"),
            },
        ),
        ObservationKind::Asked { question, .. } => {
            (FeedLevel::Warn, format!("asked a human: {question}"))
        }
        ObservationKind::Escalated { reason } => {
            (FeedLevel::Error, format!("called a human: {reason}"))
        }
    };
    FeedEntry {
        kind: FeedKind::Observation,
        level,
        event: observation.kind.name().to_owned(),
        text: single_line(&text, MAX_LINE),
    }
}

/// The longest line, in characters.
const MAX_LINE: usize = 300;

fn of_check(check: &Check, place: &str) -> (FeedLevel, String) {
    let (level, status) = match check.status {
        CheckStatus::Pending => (FeedLevel::Info, "is running"),
        CheckStatus::Success => (FeedLevel::Info, "passed"),
        CheckStatus::Failure => (FeedLevel::Warn, "failed"),
    };
    (level, format!("check {} {status} {place}", check.name))
}

fn outcome(result: &RunOutcome, charge: Charge) -> (FeedLevel, String) {
    let (level, text) = match result {
        RunOutcome::Published { commit, pull_request, .. } => (
            FeedLevel::Info,
            format!("run published {} as pull request {}", commit.short(), pull_request.number),
        ),
        RunOutcome::NoChangeNeeded { reason } => {
            (FeedLevel::Info, format!("run found that nothing has to change: {reason}"))
        }
        RunOutcome::NothingToRepair { reason } => {
            (FeedLevel::Info, format!("run found nothing to repair: {reason}"))
        }
        RunOutcome::Held { hits, .. } => (
            FeedLevel::Warn,
            format!("run's work is held for a human's word ({} reasons)", hits.len()),
        ),
        RunOutcome::NeedsInput { question } => {
            (FeedLevel::Warn, format!("run needs an answer: {question}"))
        }
        RunOutcome::Interrupted { by } => (
            FeedLevel::Warn,
            match by {
                Interruption::Restart => "run was lost with the process that ran it",
                Interruption::Shutdown => "run was stopped with the service",
                Interruption::Undelegated => {
                    "run was stopped: the ticket is not delegated to us any more"
                }
                Interruption::Stopped => "run was stopped by a human",
                Interruption::Closed => "run was stopped: the issue was closed here",
                Interruption::Removed => "run was stopped: its ticket was removed",
                Interruption::Blocked => "run was stopped: another ticket has to be over first",
                Interruption::Spending => "run was stopped: it has spent what it may",
                Interruption::Superseded => {
                    "run was ended: what it repaired is not broken any more"
                }
                Interruption::HeadMoved => "run was ended: others pushed to its branch",
                Interruption::PullRequestOver => "run was ended: its pull request is over",
                Interruption::TicketOver => "run was ended: its ticket is over",
                Interruption::LeaseLost => "run was stopped: its lease could not be kept",
            }
            .to_owned(),
        ),
        RunOutcome::Unavailable { reason, .. } => {
            (FeedLevel::Warn, format!("run ended, because a service gave no answer: {reason}"))
        }
        RunOutcome::Failed { reason } => (FeedLevel::Warn, format!("run failed: {reason}")),
        RunOutcome::Insufficient { reason } => {
            (FeedLevel::Warn, format!("run was not enough: {reason}"))
        }
        RunOutcome::BranchTaken => (
            FeedLevel::Warn,
            "run found its branch name taken by commits of somebody else".to_owned(),
        ),
    };
    match charge {
        Charge::Nothing => (level, text),
        Charge::Attempt => (level, format!("{text} (one attempt)")),
        Charge::Recovery => (level, format!("{text} (one recovery)")),
    }
}

/// The line for a phase that a run entered.
pub fn describe_phase(state: &RunState) -> FeedEntry {
    let (event, text) = match state {
        RunState::Preparing => ("preparing", "preparing the worktree".to_owned()),
        RunState::Working { thread: None, worktree, .. } => (
            "worktree_ready",
            format!("worktree ready at {} on {}", worktree.path, worktree.base.short()),
        ),
        RunState::Working { thread: Some(thread), turn: None, .. } => {
            ("thread_open", format!("agent thread {thread} is open"))
        }
        RunState::Working { turn: Some(_), continuations: 0, .. } => {
            ("working", "the agent is working".to_owned())
        }
        RunState::Working { turn: Some(_), continuations, .. } => {
            ("working", format!("the agent is working again (continuation {continuations})"))
        }
        RunState::Reporting { .. } => {
            ("reporting", "the agent was asked for its report".to_owned())
        }
        RunState::Publishing(publication) => (
            "publishing",
            format!("publishing {} to {}", publication.commit.short(), publication.worktree.branch),
        ),
        RunState::Published { pull_request, .. } => {
            ("published", format!("pull request {} is on the forge", pull_request.number))
        }
    };
    FeedEntry {
        kind: FeedKind::Run,
        level: FeedLevel::Info,
        event: event.to_owned(),
        text: single_line(&text, MAX_LINE),
    }
}

/// The line for what is done about an agent that has said nothing for so long.
pub fn describe_rung(rung: Rung, silent: Duration) -> FeedEntry {
    let (level, done) = match rung {
        Rung::Wait => (FeedLevel::Info, "its commands are at work, so it is waited for"),
        Rung::Ask => (FeedLevel::Info, "its thread is asked how the turn stands"),
        Rung::TakeEnd => {
            (FeedLevel::Warn, "by its thread the turn is over: the news of that was lost")
        }
        Rung::Interrupt => (FeedLevel::Warn, "its turn is interrupted"),
        Rung::Resume => {
            (FeedLevel::Warn, "its process is ended, and its thread goes on in another")
        }
        Rung::Fresh => {
            (FeedLevel::Warn, "its process is ended, and a new thread goes on with its edits")
        }
        Rung::GiveUp => (FeedLevel::Warn, "everything was tried, so the run ends"),
    };
    FeedEntry {
        kind: FeedKind::Run,
        level,
        event: rung.as_str().to_owned(),
        text: format!("the agent is silent for {} s; {done}", silent.as_secs()),
    }
}
