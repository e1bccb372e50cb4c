//! The fold: facts and an observation give facts.

use std::time::Duration;

use crate::{
    Attempts, Charge, IssueFacts, LatestRun, Observation, ObservationKind, PendingInput, Policy,
    PrState, PullRequest, Question, RunId, RunOutcome, Slot, Ticket, Timestamp, Versioned,
};

/// What an observation did to the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Evolved {
    /// These are the facts now; the observation belongs in the log.
    Changed(Box<IssueFacts>),
    /// It says nothing new: older than what is known, equal to it, or about something that is over. It is not logged.
    Unchanged,
}

/// Folds one observation into the facts. Pure and total; every order of the same states ends in the same facts.
///
/// Occurrences count once, and the store knows which are in the log: only new ones may be passed in.
pub fn evolve(policy: &Policy, facts: &IssueFacts, observation: &Observation) -> Evolved {
    let mut new = facts.clone();
    let changed = match &observation.kind {
        ObservationKind::SessionOpened { session, prompt, author } => {
            if new.sessions.contains(session) {
                false
            } else {
                new.sessions.push(session.clone());
                new.session = Some(session.clone());
                if let Some(text) = prompt.as_ref().filter(|text| !text.trim().is_empty()) {
                    // Words in a new session answer what was asked; the next run carries them.
                    new.question.take_if(|question| question.asked.is_some());
                    add_input(&mut new, observation.at, text, author.clone());
                }
                true
            }
        }
        ObservationKind::TicketRead { version, ticket } => read_ticket(&mut new, *version, ticket),
        ObservationKind::PullRequestRead { version, pull_request } => {
            read_pull_request(&mut new, *version, pull_request)
        }
        ObservationKind::RunClaimed { run, run_type, epoch, branch, worktree, consumes } => {
            let (inputs, pending) =
                new.pending.into_iter().partition(|input| consumes.contains(&input.seq));
            new.pending = pending;
            new.slot = Some(Slot {
                run: run.clone(),
                run_type: *run_type,
                epoch: *epoch,
                since: observation.at,
                inputs,
            });
            new.branch = Some(branch.clone());
            new.worktree = Some(worktree.clone());
            new.backoff_until = None;
            true
        }
        ObservationKind::RunSettled { run, result, charge, continuations } => {
            settle(policy, &mut new, observation.at, run, result, *charge, *continuations)
        }
        ObservationKind::Asked { question } => {
            let asked = Question { text: question.clone(), asked: Some(observation.at) };
            let is_new = new.question.as_ref().is_none_or(|known| known.asked.is_none());
            if is_new {
                new.question = Some(asked);
            }
            is_new
        }
        ObservationKind::Escalated { reason } => {
            let is_new = new.escalated.is_none();
            if is_new {
                new.escalated = Some(reason.clone());
            }
            is_new
        }
    };
    if !changed {
        return Evolved::Unchanged;
    }
    new.updated = observation.at;
    Evolved::Changed(Box::new(new))
}

/// The most inputs that wait at once (D12). The oldest is the one that the work is already about.
const MAX_PENDING: usize = 64;

fn add_input(facts: &mut IssueFacts, at: Timestamp, text: &str, author: Option<String>) {
    facts.pending.push(PendingInput { seq: facts.next_input, at, text: text.to_owned(), author });
    facts.next_input += 1;
    if MAX_PENDING < facts.pending.len() {
        facts.pending.remove(0);
    }
}

/// Whether a state says nothing new: it is older than what is known, or the very same. An equal value of a newer version
/// counts, because without its version an older one that comes later would pass for news.
fn is_known<T: PartialEq>(known: &Versioned<T>, version: Timestamp, value: &T) -> bool {
    version < known.version || (version == known.version && known.value == *value)
}

fn read_ticket(facts: &mut IssueFacts, version: Timestamp, ticket: &Ticket) -> bool {
    match &facts.ticket {
        Some(known) if is_known(known, version, ticket) => return false,
        Some(known) if known.value.delegated != ticket.delegated => {
            facts.epoch += 1;
            if ticket.delegated {
                begin_again(facts);
            }
        }
        None if ticket.delegated => facts.epoch += 1,
        Some(_) | None => {}
    }
    facts.ticket = Some(Versioned { version, value: ticket.clone() });
    true
}

/// Delegating once more is how a human says "try again": what was spent and given up counts no longer. A question
/// stays open, because that is no answer to it (N27).
fn begin_again(facts: &mut IssueFacts) {
    facts.escalated = None;
    facts.backoff_until = None;
    facts.outages = 0;
    facts.no_change_needed = None;
    facts.attempts =
        Attempts { continuations: facts.attempts.continuations, ..Attempts::default() };
}

fn read_pull_request(facts: &mut IssueFacts, version: Timestamp, read: &PullRequest) -> bool {
    if let Some(known) = &facts.pull_request {
        // Merged is for ever: nothing that arrives later can make it open again (S74).
        let merged = known.value.state == PrState::Merged && known.value.number == read.number;
        // A pull request that replaced this one has a higher number.
        let of_the_past = read.number < known.value.number;
        if merged || of_the_past || is_known(known, version, read) {
            return false;
        }
    } else if facts.branch.as_ref() != Some(&read.head_branch) {
        // We never opened it, and it is not even our branch.
        return false;
    }
    let was_ours_to_merge =
        facts.pull_request.as_ref().is_none_or(|known| known.value.state == PrState::Open);
    facts.pull_request = Some(Versioned { version, value: read.clone() });
    if read.state == PrState::Closed && was_ours_to_merge {
        // A human found the work insufficient, so it costs an attempt: without that, closing and replacing could go on
        // for ever. Its branch is spent, and work that starts again goes to a new one (D27, S50).
        facts.attempts.implementation += 1;
        give_up_branch(facts);
    }
    true
}

fn give_up_branch(facts: &mut IssueFacts) {
    facts.branch = None;
    facts.branch_generation += 1;
}

fn settle(
    policy: &Policy,
    facts: &mut IssueFacts,
    at: Timestamp,
    run: &RunId,
    result: &RunOutcome,
    charge: Charge,
    continuations: u32,
) -> bool {
    let Some(slot) = facts.slot.take_if(|slot| slot.run == *run) else { return false };
    facts.latest_run = Some(LatestRun {
        run: run.clone(),
        run_type: slot.run_type,
        ended: at,
        result: result.clone(),
    });
    facts.attempts.continuations += continuations;
    facts.thread = None;
    facts.outages = match result {
        RunOutcome::Unavailable { .. } => facts.outages + 1,
        RunOutcome::Published { .. }
        | RunOutcome::NoChangeNeeded { .. }
        | RunOutcome::NeedsInput { .. }
        | RunOutcome::Interrupted { .. }
        | RunOutcome::Failed { .. }
        | RunOutcome::Insufficient { .. }
        | RunOutcome::BranchTaken => 0,
    };
    match charge {
        Charge::Nothing => {}
        Charge::Attempt => facts.attempts.implementation += 1,
        Charge::Recovery => {
            facts.backoff_until = recovery_due(policy, at, facts.attempts.recovery);
            facts.attempts.recovery += 1;
        }
    }
    match result {
        RunOutcome::Published { pull_request, .. } => {
            facts.attempts.recovery = 0;
            // What a webhook told meanwhile about this pull request may be newer than what the publisher read.
            if facts
                .pull_request
                .as_ref()
                .is_none_or(|known| known.value.number < pull_request.number)
            {
                facts.pull_request =
                    Some(Versioned { version: Timestamp::default(), value: pull_request.clone() });
                if pull_request.state == PrState::Closed {
                    give_up_branch(facts);
                }
            }
        }
        RunOutcome::NoChangeNeeded { reason } => facts.no_change_needed = Some(reason.clone()),
        RunOutcome::NeedsInput { question } => {
            facts.question = Some(Question { text: question.clone(), asked: None });
        }
        RunOutcome::Interrupted { thread, by: _ } | RunOutcome::Failed { thread, .. } => {
            facts.thread.clone_from(thread);
            return_inputs(facts, slot);
        }
        RunOutcome::Unavailable { thread, .. } => {
            facts.thread.clone_from(thread);
            facts.backoff_until =
                Some(at.plus(backoff(policy, facts.outages - 1).min(MAX_OUTAGE_BACKOFF)));
            return_inputs(facts, slot);
        }
        RunOutcome::Insufficient { .. } => return_inputs(facts, slot),
        RunOutcome::BranchTaken => {
            give_up_branch(facts);
            return_inputs(facts, slot);
        }
    }
    true
}

/// What a lost run had taken up is said before what came later.
fn return_inputs(facts: &mut IssueFacts, slot: Slot) {
    let later = std::mem::replace(&mut facts.pending, slot.inputs);
    facts.pending.extend(later);
}

/// The longest wait for a service that does not answer: when it is back, work goes on soon.
const MAX_OUTAGE_BACKOFF: Duration = Duration::from_secs(600);

/// When a lost run may be followed by another: the first at once, the next ones ever later.
fn recovery_due(policy: &Policy, at: Timestamp, earlier: u32) -> Option<Timestamp> {
    Some(at.plus(backoff(policy, earlier.checked_sub(1)?)))
}

fn backoff(policy: &Policy, doublings: u32) -> Duration {
    policy.budgets.recovery_backoff.saturating_mul(1 << doublings.min(16))
}

#[cfg(test)]
mod tests;
