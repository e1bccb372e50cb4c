//! What to do next. The one place that may start a run.

use crate::{
    Attempts, BranchName, Budgets, IssueFacts, PrNumber, PrState, Project, RunOutcome, RunType,
    ThreadId, Timestamp, branch_name, worktree_name,
};

/// The numbers and names of a project that decisions need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What our branches begin with.
    pub branch_prefix: String,
    /// How often things may be tried.
    pub budgets: Budgets,
    /// Paths that only a human may release, as globs.
    pub protected_paths: Vec<String>,
    /// Whether pull requests are opened as drafts.
    pub draft: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            branch_prefix: "patchrelay".to_owned(),
            budgets: Budgets::default(),
            protected_paths: Vec::new(),
            draft: false,
        }
    }
}

impl Policy {
    /// The policy of a configured project.
    pub fn of(project: &Project) -> Self {
        Self {
            branch_prefix: project.branch_prefix.clone(),
            budgets: project.budgets,
            protected_paths: project.protected_paths.clone(),
            draft: project.draft,
        }
    }
}

/// The one thing to do next with an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum NextStep {
    /// Start this run.
    Run(RunPlan),
    /// Nothing, for this reason; `until` when time alone may change that.
    Wait {
        /// Why.
        reason: Wait,
        /// When to look again, if not only on new facts.
        until: Option<Timestamp>,
    },
    /// Put this question to a human.
    Ask {
        /// What.
        question: String,
    },
    /// Give up, and tell a human why.
    Escalate {
        /// Why.
        reason: String,
    },
    /// Nothing, ever again, unless the world changes.
    Settled(Settled),
}

/// A next step as it is stored, for the ready list: those with a run type whose time has come (D6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextColumns {
    /// `run`, `wait`, `ask`, `escalate` or `settled`.
    pub kind: &'static str,
    /// What the run is for that starts now, or once `due` is reached.
    pub run_type: Option<RunType>,
    /// When time alone makes it worth deciding again.
    pub due: Option<Timestamp>,
}

impl NextStep {
    /// What the ready list needs of it.
    pub fn columns(&self) -> NextColumns {
        match self {
            Self::Run(plan) => NextColumns {
                kind: "run",
                run_type: Some(plan.run_type),
                due: Some(Timestamp::default()),
            },
            Self::Wait { reason: Wait::Backoff(run_type), until } => {
                NextColumns { kind: "wait", run_type: Some(*run_type), due: *until }
            }
            Self::Wait { until, .. } => NextColumns { kind: "wait", run_type: None, due: *until },
            Self::Ask { .. } => NextColumns { kind: "ask", run_type: None, due: None },
            Self::Escalate { .. } => NextColumns { kind: "escalate", run_type: None, due: None },
            Self::Settled(_) => NextColumns { kind: "settled", run_type: None, due: None },
        }
    }
}

/// Everything that is decided about a run before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlan {
    /// What for.
    pub run_type: RunType,
    /// Under which authority.
    pub epoch: u32,
    /// Where its work is published.
    pub branch: BranchName,
    /// The name of its directory.
    pub worktree_name: String,
    /// The thread to continue, if there is one.
    pub resume: Option<ThreadId>,
    /// Whether what is in the directory is unfinished work, to be kept in place.
    pub keep_edits: bool,
    /// The pending inputs it takes up, by number.
    pub consumes: Vec<u64>,
}

/// Why nothing is done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The ticket was not read yet.
    TicketUnread,
    /// A run has the issue.
    ActiveRun(RunType),
    /// The ticket is not delegated to us.
    Undelegated,
    /// A human was asked.
    Question,
    /// A human was called.
    Escalated,
    /// The pull request waits for review, checks and merge.
    PullRequest(PrNumber),
    /// The last run was lost; the next one, for this, waits a while.
    Backoff(RunType),
}

/// How an issue can be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The pull request was merged.
    Merged,
    /// Nothing had to change.
    NoChangeNeeded,
    /// The ticket was completed in the tracker, and nothing of ours is open.
    CompletedInTracker,
    /// The ticket was cancelled in the tracker, and nothing of ours is open.
    CanceledInTracker,
}

/// Decides the next step of an issue. Pure and total: the same facts at the same time give the same step.
pub fn decide(policy: &Policy, now: Timestamp, facts: &IssueFacts) -> NextStep {
    // A run that has the issue ends by itself; what happens around it is folded meanwhile (N26).
    if let Some(slot) = &facts.slot {
        return wait(Wait::ActiveRun(slot.run_type));
    }
    let pull_request = facts.pull_request.as_ref().map(|pr| &pr.value);
    if pull_request.is_some_and(|pr| pr.state == PrState::Merged) {
        return NextStep::Settled(Settled::Merged);
    }
    let Some(ticket) = facts.ticket.as_ref().map(|ticket| &ticket.value) else {
        return wait(Wait::TicketUnread);
    };
    let open = pull_request.filter(|pr| pr.state == PrState::Open);
    if open.is_none() {
        if facts.no_change_needed.is_some() {
            return NextStep::Settled(Settled::NoChangeNeeded);
        }
        if ticket.state.kind.is_final() {
            return NextStep::Settled(match ticket.state.kind {
                crate::TrackerStateKind::Completed => Settled::CompletedInTracker,
                crate::TrackerStateKind::Triage
                | crate::TrackerStateKind::Backlog
                | crate::TrackerStateKind::Unstarted
                | crate::TrackerStateKind::Started
                | crate::TrackerStateKind::Canceled
                | crate::TrackerStateKind::Duplicate
                | crate::TrackerStateKind::Other => Settled::CanceledInTracker,
            });
        }
    }
    match &facts.question {
        Some(question) if question.asked.is_none() => {
            return NextStep::Ask { question: question.text.clone() };
        }
        Some(_) => return wait(Wait::Question),
        None => {}
    }
    if facts.escalated.is_some() {
        return wait(Wait::Escalated);
    }
    if !ticket.delegated {
        return wait(Wait::Undelegated);
    }
    if let Some(pr) = open {
        return wait(Wait::PullRequest(pr.number));
    }
    if let Some(reason) = exhausted(&policy.budgets, &facts.attempts) {
        return NextStep::Escalate { reason };
    }
    if let Some(until) = facts.backoff_until.filter(|until| now < *until) {
        return NextStep::Wait {
            reason: Wait::Backoff(RunType::Implementation),
            until: Some(until),
        };
    }
    NextStep::Run(RunPlan {
        run_type: RunType::Implementation,
        epoch: facts.epoch,
        branch: facts.branch.clone().unwrap_or_else(|| {
            branch_name(&policy.branch_prefix, &ticket.key, &ticket.title, facts.branch_generation)
        }),
        worktree_name: worktree_name(&facts.issue, &ticket.key),
        resume: facts.thread.clone(),
        keep_edits: facts.worktree.is_some() && has_unpublished_edits(facts),
        consumes: facts.pending.iter().map(|input| input.seq).collect(),
    })
}

fn wait(reason: Wait) -> NextStep {
    NextStep::Wait { reason, until: None }
}

/// Whether what lies in the directory is work that nobody has seen. What the last run published is on the forge, and
/// work that starts over after it starts from the base.
fn has_unpublished_edits(facts: &IssueFacts) -> bool {
    let last = facts.latest_run.as_ref().map(|run| &run.result);
    !matches!(last, Some(RunOutcome::Published { .. }))
}

/// Why nothing may be tried again, if that is so.
fn exhausted(budgets: &Budgets, attempts: &Attempts) -> Option<String> {
    if budgets.implementation <= attempts.implementation {
        return Some(format!(
            "{} implementation runs ended with insufficient work",
            attempts.implementation
        ));
    }
    if budgets.recovery <= attempts.recovery {
        return Some(format!(
            "{} runs in a row were lost before their work could be judged",
            attempts.recovery
        ));
    }
    None
}

#[cfg(test)]
mod tests;
