//! Which of many ready issues starts next (D38).

use std::{collections::HashMap, time::Duration};

use crate::{Hindrance, IssueId, ProjectId, RunType, Timestamp};

/// An issue that waited as long goes before all that did not. It is the window of [`SlotLimits::starts_per_hour`] too.
pub const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The usual [`SlotLimits::starts_per_hour`]: one a minute is far more than work needs, and far less than a loop makes.
pub const STARTS_PER_HOUR: usize = 60;

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

/// How many runs may be active at once, and how many may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLimits {
    /// Active in all. From 2 on, implementations may use all but one, so that a repair seldom waits for one of them.
    pub total: usize,
    /// Active per project; a project without an entry has only the total.
    pub per_project: HashMap<ProjectId, usize>,
    /// Starts of one project in an hour, usually [`STARTS_PER_HOUR`]. It stops a project whose runs end as soon as they
    /// start; the runs of one issue have their own bound in [`decide`](crate::decide).
    pub starts_per_hour: usize,
}

/// What is going on and what went on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Active runs. A project without an entry has none.
    pub active: HashMap<ProjectId, ActiveRuns>,
    /// How many runs started in the last hour, whether or not they still go on. A project without an entry has none.
    pub started_last_hour: HashMap<ProjectId, usize>,
    /// What keeps every run from being started, if anything does.
    pub hindrance: Option<Hindrance>,
}

/// The active runs of one project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActiveRuns {
    /// Runs that do what a ticket asks for.
    pub implementations: usize,
    /// All others: each is about a pull request that is open.
    pub repairs: usize,
}

impl ActiveRuns {
    /// Counts one more.
    pub fn add(&mut self, run_type: RunType) {
        let count =
            if run_type.is_repair() { &mut self.repairs } else { &mut self.implementations };
        *count = count.saturating_add(1);
    }

    fn total(self) -> usize {
        self.implementations.saturating_add(self.repairs)
    }
}

impl Load {
    fn active_in(&self, project: &ProjectId) -> usize {
        self.active.get(project).copied().unwrap_or_default().total()
    }

    fn started_in(&self, project: &ProjectId) -> usize {
        self.started_last_hour.get(project).copied().unwrap_or(0)
    }

    fn start(&mut self, issue: &ReadyIssue) {
        self.active.entry(issue.project.clone()).or_default().add(issue.run_type);
        let started = self.started_last_hour.entry(issue.project.clone()).or_insert(0);
        *started = started.saturating_add(1);
    }
}

/// The issues to start now, in order.
///
/// Whoever waited for [`PATIENCE`] goes first, the oldest before the others. Then come repairs, because somebody waits
/// for their pull request. Then projects take turns: the one with the fewest active runs, then the one with the fewest
/// starts in the last hour. Then the more urgent goes first, then the older. A limit that holds one issue back does
/// not hold back those behind it.
///
/// So nobody starves, whatever else keeps arriving. Count the starts that go to others though the limits allow this
/// issue to start: once it has waited for [`PATIENCE`], they are at most as many as the issues that became ready no
/// later than it. Before that they are at most [`SlotLimits::starts_per_hour`] for each project. Together that is the
/// bound of an issue's wait. The slot that is kept for repairs is not among those that an implementation is allowed.
pub fn schedule(
    limits: &SlotLimits,
    load: &Load,
    now: Timestamp,
    ready: &[ReadyIssue],
) -> Vec<IssueId> {
    let mut load = load.clone();
    let mut waiting: Vec<&ReadyIssue> = ready.iter().collect();
    waiting.sort_by_key(|issue| (urgency(issue.priority), issue.since, issue.issue.clone()));

    let mut order = Vec::new();
    loop {
        let next = waiting
            .iter()
            .enumerate()
            .filter(|(_, issue)| may_start(limits, &load, issue))
            .min_by_key(|(place, issue)| (rank(&load, now, issue), *place))
            .map(|(place, _)| place);
        let Some(place) = next else { return order };
        let issue = waiting.remove(place);
        load.start(issue);
        order.push(issue.issue.clone());
    }
}

/// Whether no limit holds the issue back.
fn may_start(limits: &SlotLimits, load: &Load, issue: &ReadyIssue) -> bool {
    let in_all = |count: fn(&ActiveRuns) -> usize| {
        load.active.values().fold(0_usize, |sum, runs| sum.saturating_add(count(runs)))
    };
    let (active, implementations) =
        (in_all(|runs| runs.total()), in_all(|runs| runs.implementations));
    let for_implementations = if 2 <= limits.total { limits.total - 1 } else { limits.total };
    load.hindrance.is_none()
        && active < limits.total
        && (issue.run_type.is_repair() || implementations < for_implementations)
        && limits
            .per_project
            .get(&issue.project)
            .is_none_or(|limit| load.active_in(&issue.project) < *limit)
        && load.started_in(&issue.project) < limits.starts_per_hour
}

/// The order in which issues start, as far as it is not that of urgency and age. The first variant goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Overdue { since: Timestamp },
    Repair { active: usize, started: usize },
    Implementation { active: usize, started: usize },
}

fn rank(load: &Load, now: Timestamp, issue: &ReadyIssue) -> Rank {
    let (active, started) = (load.active_in(&issue.project), load.started_in(&issue.project));
    if PATIENCE <= now.since(issue.since) {
        Rank::Overdue { since: issue.since }
    } else if issue.run_type.is_repair() {
        Rank::Repair { active, started }
    } else {
        Rank::Implementation { active, started }
    }
}

/// Linear's priorities in the order of urgency: "none" stands after "low".
fn urgency(priority: u8) -> u8 {
    if priority == 0 { u8::MAX } else { priority }
}

#[cfg(test)]
mod tests;
