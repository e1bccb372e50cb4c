//! What is forgotten, and when (D12).

use std::time::Duration;

use crate::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the id of a delivery is kept, so that the same one is recognised when it comes again: longer than any sender
/// tries.
pub const DELIVERY_IDS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long what is over is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What a delivery says, after it was dealt with.
    pub inbox: Duration,
    /// Lines of the feed, and reports of settled issues after they were sent or refused.
    pub feed: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { inbox: 14 * DAY, feed: 30 * DAY }
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
    /// Lines of the feed from before this.
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
}

#[cfg(test)]
mod tests;
