//! Nodes that share a database, and which of them works on what (D15).
//!
//! The directory of an issue, copies of its edits and the files of its thread lie on one node: its home. Who is at home
//! goes on with all of it. Another node has only what was pushed, so it takes an issue only when its home is gone.

use std::time::Duration;

use crate::NodeId;

/// For how many times of a lease nothing may be heard of a node before it counts as gone. Longer than a restart takes: it
/// is worth waiting for the edits that only its home has.
const GONE_AFTER_LEASES: u32 = 4;

/// How often a node says within the time of a lease that it is there.
const BEATS_PER_LEASE: u32 = 3;

/// For how long nothing may be heard of a node before it counts as gone.
pub fn gone_after(lease: Duration) -> Duration {
    lease.saturating_mul(GONE_AFTER_LEASES)
}

/// How often a node says that it is there.
pub fn beat_every(lease: Duration) -> Duration {
    lease / BEATS_PER_LEASE
}

/// What a node may do with an issue that nobody works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is at home there, or nowhere yet.
    Here,
    /// Its home is gone, so it may be given another one.
    Moves {
        /// The home that is gone.
        from: NodeId,
    },
    /// Its home is there, and goes on with it.
    NotOurs,
}

/// What this node may do with an issue that has this home, of which nothing was heard for so long; `None`: nobody knows
/// it any more.
pub fn taking(
    home: Option<&NodeId>,
    node: &NodeId,
    silence: Option<Duration>,
    gone_after: Duration,
) -> Taking {
    match home {
        None => Taking::Here,
        Some(home) if home == node => Taking::Here,
        Some(_) if silence.is_some_and(|silence| silence < gone_after) => Taking::NotOurs,
        Some(home) => Taking::Moves { from: home.clone() },
    }
}

#[cfg(test)]
mod tests;
