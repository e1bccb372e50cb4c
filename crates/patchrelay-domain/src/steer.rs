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
    let is_over = facts.pull_request.as_ref().is_some_and(|pr| match pr.value.state {
        PrState::Merged => true,
        PrState::Open | PrState::Closed => false,
    });
    if is_over {
        Steer::WithholdPublication(Interruption::PullRequestOver)
    } else {
        Steer::Continue
    }
}

#[cfg(test)]
mod tests;
