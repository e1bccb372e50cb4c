//! Which outward reports a change deserves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Interruption, IssueFacts, Observation, ObservationKind, PrState, PullRequest, RunOutcome,
    RunType, SessionId, text::single_line,
};

/// A report to the tracker, as a complete order: whoever carries it out has nothing left to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum OutboxOrder {
    /// Write an activity into a session.
    Activity {
        /// Which session.
        session: SessionId,
        /// What it says.
        content: ActivityContent,
        /// Whether it answers somebody who is waiting for a first sign of life: it overtakes others (D35).
        urgent: bool,
    },
    /// Move the ticket.
    MoveTicket {
        /// Where to.
        to: TicketTarget,
    },
}

impl OutboxOrder {
    /// How long it helps anybody. A sign of life that comes hours later is none; everything else stays true.
    pub fn useful_for(&self) -> Option<Duration> {
        match self {
            Self::Activity { urgent: true, .. } => Some(ACKNOWLEDGEMENT_HELPS),
            Self::Activity { urgent: false, .. } | Self::MoveTicket { .. } => None,
        }
    }

    /// The name under which it is shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Activity { content, .. } => match content {
                ActivityContent::Thought { .. } => "thought",
                ActivityContent::Action { .. } => "action",
                ActivityContent::Response { .. } => "response",
                ActivityContent::Elicitation { .. } => "elicitation",
                ActivityContent::Error { .. } => "error",
            },
            Self::MoveTicket { .. } => "move_ticket",
        }
    }
}

/// Linear calls a session stale after half an hour without a sign of life, and takes a later one as its recovery.
const ACKNOWLEDGEMENT_HELPS: Duration = Duration::from_secs(60 * 60);

/// What an activity says. Linear's content types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ActivityContent {
    /// A remark.
    Thought {
        /// Markdown.
        body: String,
    },
    /// Something being done.
    Action {
        /// What is done.
        action: String,
        /// To what.
        parameter: String,
    },
    /// The result of the work.
    Response {
        /// Markdown.
        body: String,
    },
    /// A question.
    Elicitation {
        /// Markdown.
        body: String,
    },
    /// A failure.
    Error {
        /// Markdown.
        body: String,
    },
}

/// Where a ticket is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketTarget {
    /// Somebody works on it.
    Started,
    /// It is done.
    Completed,
}

/// The reports that this observation deserves, in order. `before` and `after` are the facts around it.
pub fn announce(
    before: &IssueFacts,
    after: &IssueFacts,
    observation: &Observation,
) -> Vec<OutboxOrder> {
    let say = |content| activity(after, content, false);
    match &observation.kind {
        ObservationKind::SessionOpened { session, .. } => vec![OutboxOrder::Activity {
            session: session.clone(),
            content: ActivityContent::Thought { body: acknowledgement(after) },
            urgent: true,
        }],
        // A session that somebody opened by a mention is answered, and is no order to work.
        ObservationKind::TicketRead { ticket, .. } if before.ticket.is_none() && !ticket.delegated => {
            say(ActivityContent::Elicitation {
                body: "This ticket is not delegated to me. Delegate it, and I start.".to_owned(),
            })
        }
        ObservationKind::TicketRead { .. } => Vec::new(),
        ObservationKind::PullRequestRead { pull_request, .. } => {
            let state_before = before.pull_request.as_ref().map(|pr| pr.value.state);
            if state_before == Some(pull_request.state) {
                return Vec::new();
            }
            match pull_request.state {
                PrState::Open => Vec::new(),
                PrState::Merged => merged(after, pull_request),
                PrState::Closed => say(ActivityContent::Thought {
                    body: format!(
                        "Pull request [{}]({}) was closed without a merge.",
                        pull_request.number, pull_request.url
                    ),
                }),
            }
        }
        ObservationKind::RunClaimed { run_type, branch, .. } => {
            // A run that follows a lost one is the same work to people; they were told when it began.
            if before.latest_run.as_ref().is_some_and(|run| is_lost(&run.result)) {
                return Vec::new();
            }
            let mut orders = say(ActivityContent::Action {
                action: doing(*run_type).to_owned(),
                parameter: format!("on branch `{branch}`"),
            });
            if before.latest_run.is_none() {
                orders.push(OutboxOrder::MoveTicket { to: TicketTarget::Started });
            }
            orders
        }
        ObservationKind::RunSettled { result, .. } => match result {
            RunOutcome::Published { pull_request, summary, .. } => {
                let mut orders = say(ActivityContent::Response {
                    body: format!(
                        "Opened pull request [{}]({}).\n\n{}",
                        pull_request.number,
                        pull_request.url,
                        crate::text::quoted(summary, MAX_SUMMARY)
                    ),
                });
                // It may have been merged before its publisher came to say so.
                let was_known = before.pull_request.as_ref().is_some_and(|known| {
                    known.value.number == pull_request.number && known.value.state == PrState::Merged
                });
                if pull_request.state == PrState::Merged && !was_known {
                    orders.extend(merged(after, pull_request));
                }
                orders
            }
            RunOutcome::NoChangeNeeded { reason } => say(ActivityContent::Response {
                body: format!("Nothing has to change.\n\n{}", crate::text::quoted(reason, MAX_SUMMARY)),
            }),
            RunOutcome::Interrupted { by: Interruption::Undelegated, .. } => say(ActivityContent::Response {
                body: "Stopped, because the ticket is no longer delegated to me. What was done so far is kept."
                    .to_owned(),
            }),
            // A lost run is followed by another; a question or an escalation is announced when it is put.
            RunOutcome::Interrupted {
                by:
                    Interruption::Restart
                    | Interruption::Shutdown
                    | Interruption::PullRequestOver
                    | Interruption::TicketOver
                    | Interruption::LeaseLost,
                ..
            }
            | RunOutcome::NeedsInput { .. }
            | RunOutcome::Unavailable { .. }
            | RunOutcome::Failed { .. }
            | RunOutcome::Insufficient { .. }
            | RunOutcome::BranchTaken => Vec::new(),
        },
        ObservationKind::Asked { question } => {
            say(ActivityContent::Elicitation { body: crate::text::capped(question, MAX_SUMMARY) })
        }
        ObservationKind::Escalated { reason } => {
            let last = match after.latest_run.as_ref().map(|run| &run.result) {
                Some(RunOutcome::Failed { reason, .. } | RunOutcome::Insufficient { reason }) => {
                    format!(" The last one: {}.", single_line(reason, 500))
                }
                Some(
                    RunOutcome::Published { .. }
                    | RunOutcome::NoChangeNeeded { .. }
                    | RunOutcome::NeedsInput { .. }
                    | RunOutcome::Interrupted { .. }
                    | RunOutcome::Unavailable { .. }
                    | RunOutcome::BranchTaken,
                )
                | None => String::new(),
            };
            say(ActivityContent::Error { body: format!("I need a human here: {reason}.{last}") })
        }
    }
}

/// What a merge deserves.
fn merged(facts: &IssueFacts, pull_request: &PullRequest) -> Vec<OutboxOrder> {
    let body = format!("Pull request [{}]({}) was merged.", pull_request.number, pull_request.url);
    activity(facts, ActivityContent::Response { body }, false)
        .into_iter()
        .chain([OutboxOrder::MoveTicket { to: TicketTarget::Completed }])
        .collect()
}

/// Whether a run ended without telling people anything, because another one goes on with its work.
fn is_lost(result: &RunOutcome) -> bool {
    match result {
        RunOutcome::Unavailable { .. } | RunOutcome::Failed { .. } | RunOutcome::BranchTaken => {
            true
        }
        RunOutcome::Interrupted { by, .. } => match by {
            Interruption::Restart | Interruption::Shutdown | Interruption::LeaseLost => true,
            Interruption::Undelegated
            | Interruption::PullRequestOver
            | Interruption::TicketOver => false,
        },
        RunOutcome::Published { .. }
        | RunOutcome::NoChangeNeeded { .. }
        | RunOutcome::NeedsInput { .. }
        | RunOutcome::Insufficient { .. } => false,
    }
}

/// The longest text of the agent that is repeated in the tracker, in characters.
const MAX_SUMMARY: usize = 3_000;

fn activity(facts: &IssueFacts, content: ActivityContent, urgent: bool) -> Vec<OutboxOrder> {
    facts
        .session
        .iter()
        .map(|session| OutboxOrder::Activity {
            session: session.clone(),
            content: content.clone(),
            urgent,
        })
        .collect()
}

fn acknowledgement(facts: &IssueFacts) -> String {
    match &facts.slot {
        Some(_) => "I am already working on this.".to_owned(),
        None => "Received. I am reading the ticket.".to_owned(),
    }
}

fn doing(run_type: RunType) -> &'static str {
    match run_type {
        RunType::Implementation => "Implementing the ticket",
        RunType::ReviewFix => "Addressing the review",
        RunType::CiRepair => "Repairing the failed checks",
        RunType::QueueRepair => "Repairing what the merge queue refused",
        RunType::BranchUpkeep => "Bringing the branch up to date",
    }
}

#[cfg(test)]
mod tests;
