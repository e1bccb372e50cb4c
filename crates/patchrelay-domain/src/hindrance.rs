//! What keeps every run from being started, whatever its issue.

use crate::{NextStep, Timestamp, waiting_reason};

/// The free space below which nothing is started, in bytes, unless somebody says otherwise. A run needs room for a
/// worktree, for what is built in it, and for what must still be stored when the disk gets full meanwhile.
pub const FREE_SPACE: u64 = 1024 * 1024 * 1024;

/// Why no run is started at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// A disk is nearly full.
    LittleSpace {
        /// What is free on it, in bytes.
        free: u64,
        /// What has to be free, in bytes.
        needed: u64,
    },
    /// The agent's model answers nobody here before this time.
    ModelBars {
        /// When it is asked again.
        until: Timestamp,
    },
}

impl Hindrance {
    /// What follows from the free space of the disk that has the least of it.
    pub fn of_space(free: u64, needed: u64) -> Option<Self> {
        (free < needed).then_some(Self::LittleSpace { free, needed })
    }

    /// In one line.
    pub fn describe(&self) -> String {
        match self {
            Self::LittleSpace { free, needed } => format!(
                "waiting for free disk space: {} MB are free, and nothing is started below {} MB",
                free / 1_000_000,
                needed.div_ceil(1_000_000)
            ),
            Self::ModelBars { until } => format!(
                "waiting for the agent's model, which answers nobody with this login; it is asked again at {:02}:{:02} UTC",
                minute_of_day(*until) / 60,
                minute_of_day(*until) % 60
            ),
        }
    }
}

/// A pause is never longer than a day, so the time of the day says when.
fn minute_of_day(at: Timestamp) -> i64 {
    at.millis().div_euclid(60_000).rem_euclid(24 * 60)
}

/// What an issue waits for, in one line, when this keeps runs from being started.
pub fn waiting_reason_under(next: &NextStep, hindrance: Option<&Hindrance>) -> Option<String> {
    match (next, hindrance) {
        (NextStep::Run(_), Some(hindrance)) => Some(hindrance.describe()),
        (_, _) => waiting_reason(next),
    }
}

#[cfg(test)]
mod tests;
