//! What a process has done since it was started, for whoever watches from outside.

use patchrelay_domain::RunType;

/// What was done since the start of the process. Numbers only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkDone {
    /// How many runs of each type ended, by the name of their outcome.
    pub runs: Vec<(RunType, &'static str, u64)>,
    /// What they cost, in tokens.
    pub tokens: u64,
    /// How many reports were done with, by what became of them.
    pub reports: Vec<(&'static str, u64)>,
    /// How often a change was computed anew because somebody else changed the issue meanwhile.
    pub conflicts: u64,
    /// How often something was tried again because the store had failed.
    pub store_retries: u64,
}

/// Whoever keeps count.
pub trait Tally: Send + Sync {
    /// What was done until now.
    fn work_done(&self) -> WorkDone;
}
