//! The numbers and names of a project that decisions need.

use std::time::Duration;

use crate::{
    Budgets, CheckStatus, GatePolicy, IssueFacts, Project, RepoSlug, Spending, Timestamp,
    TrustedActors, facts::Spent, prompt::Publisher,
};

/// How old what was read of an issue may be when a run is started on it. Between a read and the claim lie some seconds at
/// most; webhooks that were lost lie further back.
pub const FRESH_FOR: Duration = Duration::from_secs(10);

/// How long a webhook may be under way. What is found earlier by looking would only be told a second time.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Whether a change of then counts as one that nobody will tell us of. `are_told`: whether webhooks come at all.
pub fn is_untold(now: Timestamp, changed: Timestamp, are_told: bool) -> bool {
    !are_told || TOLD_WITHIN <= now.since(changed)
}

/// The numbers and names of a project that decisions need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether the project is in the configuration. What is known of issues of one that was taken out stays, and nothing
    /// is started for it.
    pub is_configured: bool,
    /// Its repository on the forge, if it is known.
    pub repo: Option<RepoSlug>,
    /// What our branches begin with.
    pub branch_prefix: String,
    /// How often things may be tried.
    pub budgets: Budgets,
    /// How much may be spent.
    pub limits: Limits,
    /// What only a human may release.
    pub gate: GatePolicy,
    /// Whether pull requests are opened as drafts.
    pub draft: bool,
    /// Who brings the work to the forge.
    pub publisher: Publisher,
    /// The names of the checks that decide whether a pull request may be merged.
    pub gate_checks: Vec<String>,
    /// The name of the check in which the merge queue says that it refused a pull request.
    pub merge_queue_check: String,
    /// Who may instruct us (D36).
    pub trusted: TrustedActors,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            is_configured: true,
            repo: None,
            branch_prefix: "patchrelay".to_owned(),
            budgets: Budgets::default(),
            limits: Limits::default(),
            gate: GatePolicy::default(),
            draft: false,
            publisher: Publisher::Harness,
            gate_checks: vec!["Tests".to_owned(), "verify".to_owned()],
            merge_queue_check: "merge-steward/queue".to_owned(),
            trusted: TrustedActors::default(),
        }
    }
}

impl Policy {
    /// The policy of a configured project.
    pub fn of(project: &Project) -> Self {
        Self {
            repo: Some(project.repo.clone()),
            branch_prefix: project.branch_prefix.clone(),
            budgets: project.budgets,
            limits: project.limits,
            gate: GatePolicy {
                protected_paths: project.protected_paths.clone(),
                ..GatePolicy::default()
            },
            publisher: project.publisher,
            draft: project.draft,
            gate_checks: project.gate_checks.clone(),
            merge_queue_check: project.merge_queue_check.clone(),
            trusted: project.trusted.clone(),
            ..Self::default()
        }
    }

    /// The policy for an issue whose project was taken out of the configuration: nothing is started, and what is known
    /// is kept.
    pub fn of_removed_project() -> Self {
        Self { is_configured: false, ..Self::default() }
    }

    /// Whether a check of this name is one of the gate. Names are compared trimmed, whole and without regard to case.
    pub fn is_gate_check(&self, name: &str) -> bool {
        self.gate_checks.iter().any(|gate| gate.trim().eq_ignore_ascii_case(name.trim()))
    }

    /// Whether a check of this name is the merge queue's.
    pub fn is_queue_check(&self, name: &str) -> bool {
        self.merge_queue_check.trim().eq_ignore_ascii_case(name.trim())
    }
}

/// How much may be spent: per run, per issue, and per issue and day (D10). Zero is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// By one run.
    pub run: Limit,
    /// By all runs of an issue since a human last said that it may go on.
    pub issue: Limit,
    /// By all runs of an issue on one day, UTC.
    pub day: Limit,
}

/// How much may be spent of each. Zero is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Tokens, as the agent's threads count them.
    pub max_tokens: u64,
    /// Turns of the agent that are over: the last one may come to its end.
    pub max_turns: u32,
    /// Minutes in which an agent was at work.
    pub max_minutes: u32,
}

impl Limit {
    /// What is spent of this limit, if it is all of it, in words.
    fn reached(&self, spent: &Spent) -> Option<String> {
        let minutes = Duration::from_secs(60).saturating_mul(self.max_minutes);
        if 0 < self.max_tokens && self.max_tokens <= spent.tokens {
            Some(format!("{} of {} tokens", spent.tokens, self.max_tokens))
        } else if 0 < self.max_turns && self.max_turns <= spent.turns {
            Some(format!("{} of {} turns", spent.turns, self.max_turns))
        } else if !minutes.is_zero() && minutes <= spent.time() {
            Some(format!("{} of {} minutes", spent.time().as_secs() / 60, self.max_minutes))
        } else {
            None
        }
    }
}

impl Limits {
    /// The question that a reached limit of the issue or of the day puts to a human, before another run starts.
    pub(crate) fn exceeded(&self, now: Timestamp, spending: &Spending) -> Option<String> {
        let of_issue = Self { run: Limit::default(), ..*self };
        of_issue.reached(now, spending, &Spent::default())?;
        Some(of_issue.question(now, spending, &Spent::default()))
    }

    /// The question that a reached limit puts to a human.
    pub(crate) fn question(&self, now: Timestamp, spending: &Spending, run: &Spent) -> String {
        // What the run spent is in the account already when it is over.
        let reached = self
            .run
            .reached(run)
            .map(|what| format!("{what} by one run"))
            .or_else(|| self.reached(now, spending, &Spent::default()))
            .unwrap_or_else(|| "as much as I may".to_owned());
        format!("I have spent {reached}. Should I go on? Answer yes or no.")
    }

    /// Which limit an issue has reached together with a run of it that is under way, in words.
    pub(crate) fn reached(
        &self,
        now: Timestamp,
        spending: &Spending,
        run: &Spent,
    ) -> Option<String> {
        let with_run = |spent: Spent| spent.plus(run);
        let reached = |limit: &Limit, spent: Spent, by: &str| {
            limit.reached(&spent).map(|what| format!("{what} {by}"))
        };
        reached(&self.run, *run, "by one run")
            .or_else(|| reached(&self.issue, with_run(spending.total), "for this ticket"))
            .or_else(|| reached(&self.day, with_run(spending.on_day(now)), "for this ticket today"))
    }
}

/// How the gate of a pull request stands on its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateStatus {
    /// No check of the gate has reported on this head.
    Unknown,
    /// A check of the gate is not over, so nothing is settled.
    Pending,
    /// All checks of the gate that reported have passed.
    Green,
    /// All are over, and at least one did not pass.
    Red,
}

impl GateStatus {
    /// The name in the API; `None` when nothing is known.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Pending => Some("pending"),
            Self::Green => Some("success"),
            Self::Red => Some("failure"),
        }
    }
}

/// How the gate stands on the current head. A check that is not of the gate never matters (N52, S71).
pub fn gate_status(policy: &Policy, facts: &IssueFacts) -> GateStatus {
    let mut statuses = facts
        .checks
        .iter()
        .filter(|check| policy.is_gate_check(&check.name))
        .map(|check| check.status)
        .peekable();
    if statuses.peek().is_none() {
        return GateStatus::Unknown;
    }
    statuses.fold(GateStatus::Green, |gate, status| match (gate, status) {
        (GateStatus::Pending, _) | (_, CheckStatus::Pending) => GateStatus::Pending,
        (GateStatus::Red, _) | (_, CheckStatus::Failure) => GateStatus::Red,
        (gate, CheckStatus::Success) => gate,
    })
}

#[cfg(test)]
mod tests;
