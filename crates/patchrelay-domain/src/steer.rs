//! What becomes of a run when facts change under it.

use crate::{Interruption, IssueFacts, PrState, RunId};

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Steer {
    /// It goes on.
    Continue,
    /// It is stopped, and nothing of it is published.
    Interrupt(Interruption),
    /// Its turn may end by itself, and nothing of it is published.
    WithholdPublication(Interruption),
}

/// Says what becomes of this run under these facts. Asked after each change while the run has the issue, and once
/// more right before it publishes.
pub fn steer_run(facts: &IssueFacts, run: &RunId) -> Steer {
    let Some(slot) = facts.slot.as_ref().filter(|slot| slot.run == *run) else {
        return Steer::Interrupt(Interruption::LeaseLost);
    };
    // Undelegation is authoritative, and so is a newer delegation: it gets a run of its own (N11, N27).
    if !facts.is_delegated() || facts.epoch != slot.epoch {
        return Steer::Interrupt(Interruption::Undelegated);
    }
    // The turn may end by itself, as somebody's automation may have moved the ticket; what it made is kept (S41).
    let state = facts.pull_request.as_ref().map(|pr| pr.value.state);
    match state {
        Some(PrState::Merged) => Steer::WithholdPublication(Interruption::PullRequestOver),
        Some(PrState::Open) => Steer::Continue,
        Some(PrState::Closed) | None if is_ticket_over(facts) => {
            Steer::WithholdPublication(Interruption::TicketOver)
        }
        Some(PrState::Closed) | None => Steer::Continue,
    }
}

fn is_ticket_over(facts: &IssueFacts) -> bool {
    facts.ticket.as_ref().is_some_and(|ticket| ticket.value.state.kind.is_final())
}

#[cfg(test)]
mod tests;
