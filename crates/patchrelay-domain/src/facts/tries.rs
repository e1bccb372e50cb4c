//! What was tried.

use serde::{Deserialize, Serialize};

use crate::{CommitSha, RunType};

/// What was tried, as counts (D9).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Implementation runs whose work was insufficient.
    pub implementation: u32,
    /// Runs lost to something else since the last progress.
    pub recovery: u32,
    /// Turns that continued unfinished work, over all runs.
    pub continuations: u32,
    /// Repairs, at most one trail for each type.
    #[serde(default)]
    pub repairs: Vec<RepairTrail>,
}

/// Repairs of one type in a row, and the head that they led to.
///
/// Whether a published repair was enough shows only later: when its head needs another repair of this type, it was not.
/// So the count belongs to that head, and is void as soon as somebody else's commits lie on top of it. Counting so needs
/// no memory of what the forge showed in between, which a lost webhook would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairTrail {
    /// What they were for.
    pub run_type: RunType,
    /// The head that the last one left.
    pub head: CommitSha,
    /// The base that the last one worked with, where the repair is about the base: a base that moved on is a new cause.
    pub base: Option<CommitSha>,
    /// How many.
    pub count: u32,
}

impl Attempts {
    /// How many repairs of this type led to this head with this base.
    pub fn repairs_on(&self, run_type: RunType, head: &CommitSha, base: Option<&CommitSha>) -> u32 {
        self.repairs
            .iter()
            .find(|trail| trail.run_type == run_type)
            .filter(|trail| trail.head == *head && trail.base.as_ref() == base)
            .map_or(0, |trail| trail.count)
    }

    /// The count of the last repairs of this type, whatever became of their head. For people to read.
    pub fn latest(&self, run_type: RunType) -> u32 {
        match run_type {
            RunType::Implementation => self.implementation,
            RunType::ReviewFix
            | RunType::CiRepair
            | RunType::QueueRepair
            | RunType::BranchUpkeep => self
                .repairs
                .iter()
                .find(|trail| trail.run_type == run_type)
                .map_or(0, |trail| trail.count),
        }
    }

    /// Sets the trail of a type.
    pub(crate) fn set_trail(&mut self, trail: RepairTrail) {
        self.forget_trail(trail.run_type);
        self.repairs.push(trail);
    }

    /// Forgets the trail of a type: what it repaired is repaired.
    pub(crate) fn forget_trail(&mut self, run_type: RunType) {
        self.repairs.retain(|trail| trail.run_type != run_type);
    }
}
