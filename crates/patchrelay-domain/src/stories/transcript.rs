//! The words of a transcript.

use crate::{
    CheckStatus, NextStep, OutboxOrder, PrWait, RunOutcome, RunPlan, Settled, TicketTarget,
    Timestamp, Wait,
};

pub(super) fn colour(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pending => "pending",
        CheckStatus::Success => "green",
        CheckStatus::Failure => "red",
    }
}

/// Whether it happens once, and is not a picture of how things stand.
pub(super) fn is_told(order: &OutboxOrder) -> bool {
    matches!(order, OutboxOrder::Activity { .. } | OutboxOrder::MoveTicket { .. })
}

pub(super) fn said(order: &OutboxOrder) -> &'static str {
    match order {
        OutboxOrder::Activity { .. }
        | OutboxOrder::Plan { .. }
        | OutboxOrder::Link { .. }
        | OutboxOrder::Comment { .. } => order.name(),
        OutboxOrder::MoveTicket { to: TicketTarget::Started } => "ticket to started",
        OutboxOrder::MoveTicket { to: TicketTarget::Completed } => "ticket to completed",
    }
}

pub(super) fn outcome_name(outcome: &RunOutcome) -> String {
    match outcome {
        RunOutcome::Published { commit, .. } => {
            format!("published head {}", commit.as_str().chars().next().unwrap_or('?'))
        }
        RunOutcome::NoChangeNeeded { .. } => "no change needed".to_owned(),
        RunOutcome::NothingToRepair { .. } => "nothing to repair".to_owned(),
        RunOutcome::NeedsInput { .. } => "needs input".to_owned(),
        RunOutcome::Held { .. } => "held".to_owned(),
        RunOutcome::Interrupted { by } => format!("interrupted by {by:?}"),
        RunOutcome::Unavailable { .. } => "unavailable".to_owned(),
        RunOutcome::Failed { .. } => "failed".to_owned(),
        RunOutcome::Insufficient { .. } => "insufficient".to_owned(),
        RunOutcome::BranchTaken => "branch taken".to_owned(),
    }
}

/// The next step in one phrase.
pub(super) fn phrase(next: &NextStep, now: Timestamp) -> String {
    match next {
        NextStep::Run(plan) => planned(plan),
        NextStep::Ask { .. } => "asks".to_owned(),
        NextStep::Escalate { .. } => "gives up".to_owned(),
        NextStep::Settled(settled) => match settled {
            Settled::Merged => "over: merged",
            Settled::NoChangeNeeded => "over: no change needed",
            Settled::CompletedInTracker => "over: completed in the tracker",
            Settled::CanceledInTracker => "over: canceled in the tracker",
            Settled::Removed => "over: removed",
            Settled::ClosedDone => "over: closed as done",
            Settled::ClosedFailed => "over: closed as failed",
        }
        .to_owned(),
        NextStep::Wait { reason, until } => match reason {
            Wait::TicketUnread => "waits for the ticket".to_owned(),
            Wait::ActiveRun(run_type) => format!("runs {}", run_type.as_str()),
            Wait::ProjectRemoved => "waits for its project".to_owned(),
            Wait::Undelegated => "waits for delegation".to_owned(),
            Wait::Stopped => "waits for an instruction".to_owned(),
            Wait::Question => "waits for an answer".to_owned(),
            Wait::Escalated => "waits for help".to_owned(),
            Wait::Blocked(keys) => format!("waits for {}", keys.join(", ")),
            Wait::LinkedPullRequest(number) => format!("waits to read {number}"),
            Wait::PullRequest(number, wait) => {
                let what = match wait {
                    PrWait::Draft => "to be ready",
                    PrWait::Checks => "to be checked",
                    PrWait::Review => "to be reviewed",
                    PrWait::ReReview => "to be reviewed again",
                    PrWait::Merge => "to be merged",
                    PrWait::RedBase => "to get a green base",
                    PrWait::Rerun => "to get a rerun",
                };
                format!("waits for {number} {what}")
            }
            Wait::Backoff(run_type) | Wait::Breaker(run_type) => {
                let left = until.expect("time ends it").since(now);
                format!("waits {} s for {}", left.as_secs(), run_type.as_str())
            }
        },
    }
}

fn planned(plan: &RunPlan) -> String {
    let mut text = format!("next {}", plan.run_type.as_str());
    if plan.needs_new_head {
        text.push_str(", needs a new head");
    }
    if plan.keep_edits {
        text.push_str(", keeps edits");
    }
    if let Some(thread) = &plan.resume {
        text.push_str(&format!(", resumes {}", thread.as_str()));
    }
    if let Some(tree) = &plan.release {
        text.push_str(&format!(", publishes {}", tree.as_str()));
    }
    if !plan.consumes.is_empty() {
        text.push_str(&format!(", takes {} inputs", plan.consumes.len()));
    }
    text
}

/// Lines as they stand in a test.
pub(super) fn quoted(lines: &[impl AsRef<str>]) -> String {
    lines.iter().map(|line| format!("        {:?},\n", line.as_ref())).collect()
}
