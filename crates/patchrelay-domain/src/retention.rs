//! What is forgotten, and when (D12).

use std::time::Duration;

use crate::{IssueFacts, NextStep, NodeId, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the id of a delivery is kept, so that the same one is recognised when it comes again: longer than any sender
/// tries.
pub const DELIVERY_IDS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long what is over is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What a delivery says, after it was dealt with.
    pub inbox: Duration,
    /// Lines of the feed, what was said in runs, and reports of settled issues after they were sent or refused.
    pub feed: Duration,
    /// The directory of a settled issue, after its last change.
    pub worktrees: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { inbox: 14 * DAY, feed: 30 * DAY, worktrees: DAY }
    }
}

/// What is older than these is forgotten. What is not dealt with is never old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// What deliveries say that were done before this.
    pub payloads: Timestamp,
    /// Deliveries that came before this, and with them those that were put aside as dead.
    pub deliveries: Timestamp,
    /// Reports of settled issues that were done before this.
    pub reports: Timestamp,
    /// Lines of the feed, and what was said in runs, from before this.
    pub feed: Timestamp,
}

impl Retention {
    /// What is old at this time.
    pub fn cuts(&self, now: Timestamp) -> Cuts {
        let feed = now.minus(self.feed);
        Cuts {
            payloads: now.minus(self.inbox),
            deliveries: now.minus(self.inbox.max(DELIVERY_IDS)),
            reports: feed,
            feed,
        }
    }

    /// Whether an issue, of which this comes next, needs its directory on this node no more: it is here, it has been over
    /// for long, no run has it, and nobody is asked what to do with what is in it.
    pub fn lets_go_of_worktree(
        &self,
        now: Timestamp,
        node: &NodeId,
        facts: &IssueFacts,
        next: &NextStep,
    ) -> bool {
        matches!(next, NextStep::Settled(_))
            && facts.worktree.is_some()
            && facts.home.as_ref().is_none_or(|home| home == node)
            && facts.slot.is_none()
            && facts.held.is_none()
            && self.worktrees <= now.since(facts.updated)
    }
}

#[cfg(test)]
mod tests;
