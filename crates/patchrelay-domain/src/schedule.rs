//! Which of many ready issues starts next (D38).

use std::collections::HashMap;

use crate::{IssueId, ProjectId, RunType, Timestamp};

/// An issue whose next step is a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyIssue {
    /// Which.
    pub issue: IssueId,
    /// Its project.
    pub project: ProjectId,
    /// What the run would be for.
    pub run_type: RunType,
    /// The tracker's priority: 0 none, 1 urgent … 4 low.
    pub priority: u8,
    /// Since when it could start.
    pub since: Timestamp,
}

/// How many runs may be active at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLimits {
    /// In all.
    pub total: usize,
    /// Per project; a project without an entry has only the total.
    pub per_project: HashMap<ProjectId, usize>,
}

/// How many runs are active, per project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningCount(pub HashMap<ProjectId, usize>);

/// The issues to start now, in order. Projects take turns, the one with the fewest active runs first; within a project
/// the more urgent goes first, then the older. So every ready issue starts after a bounded number of free slots.
pub fn schedule(limits: &SlotLimits, running: &RunningCount, ready: &[ReadyIssue]) -> Vec<IssueId> {
    let mut active = running.0.clone();
    let mut free = limits.total.saturating_sub(active.values().sum());
    let mut waiting: Vec<&ReadyIssue> = ready.iter().collect();
    waiting.sort_by_key(|issue| (urgency(issue.priority), issue.since, issue.issue.clone()));

    let mut order = Vec::new();
    while 0 < free {
        let load = |issue: &ReadyIssue| active.get(&issue.project).copied().unwrap_or(0);
        let next = waiting
            .iter()
            .enumerate()
            .filter(|(_, issue)| {
                limits.per_project.get(&issue.project).is_none_or(|limit| load(issue) < *limit)
            })
            .min_by_key(|(place, issue)| (load(issue), *place))
            .map(|(place, _)| place);
        let Some(place) = next else { break };
        let issue = waiting.remove(place);
        *active.entry(issue.project.clone()).or_insert(0) += 1;
        free -= 1;
        order.push(issue.issue.clone());
    }
    order
}

/// Linear's priorities in the order of urgency: "none" stands after "low".
fn urgency(priority: u8) -> u8 {
    if priority == 0 { u8::MAX } else { priority }
}

#[cfg(test)]
mod tests;
