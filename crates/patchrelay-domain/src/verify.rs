//! What a finished turn is worth: the agent's report against what is really there (D19).

mod conflicts;

use std::time::Duration;

pub use self::conflicts::UnmergedPath;
use crate::{
    ChangeSet, GateHit, GateStatus, IssueFacts, Policy, PrState, Report, ReportOutcome, RunOutcome,
    RunType, Timestamp, TreeId, TurnStatus, gate, policy, prompt::Publisher,
};

/// What is really there after a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the run is for.
    pub run_type: RunType,
    /// How the turn ended.
    pub turn: TurnStatus,
    /// When it is judged.
    pub at: Timestamp,
    /// The tree that would be published.
    pub tree: TreeId,
    /// How it differs from the commit that the worktree stands on, for the gate.
    pub changes: ChangeSet,
    /// Whether we merged the base into it, so that there is something to publish even if no path changed since.
    pub has_merged_base: bool,
    /// The paths that this merge left unmerged, as they are now (D30).
    pub unmerged: Vec<UnmergedPath>,
    /// Whether only a new head will do, even with the same content (S32).
    pub needs_new_head: bool,
    /// What the forge says now.
    pub forge: ForgeNow,
    /// What the agent itself brought to the forge. Looked at only where the agent publishes.
    pub remote: Remote,
}

impl Evidence {
    /// The evidence of a clean tree, after a turn that completed, in a run of this type.
    pub fn clean(run_type: RunType, tree: TreeId) -> Self {
        Self {
            run_type,
            turn: TurnStatus::Completed,
            at: Timestamp::default(),
            tree,
            changes: ChangeSet::default(),
            has_merged_base: false,
            unmerged: Vec::new(),
            needs_new_head: false,
            forge: ForgeNow::default(),
            remote: Remote::default(),
        }
    }
}

/// What the forge says of the pull request when a turn is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgeNow {
    /// How the gate stands.
    pub gate: GateStatus,
    /// Whether the base contradicts the head.
    pub is_conflicting: bool,
    /// Whether the head is approved.
    pub is_approved: bool,
}

impl Default for ForgeNow {
    fn default() -> Self {
        Self { gate: GateStatus::Unknown, is_conflicting: false, is_approved: false }
    }
}

impl ForgeNow {
    /// What is known of it.
    pub fn of(policy: &Policy, facts: &IssueFacts) -> Self {
        Self {
            gate: policy::gate_status(policy, facts),
            is_conflicting: facts.is_conflicting(),
            is_approved: facts.is_approved(),
        }
    }
}

/// What an agent that publishes by itself brought to the forge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// The state of the open or newest pull request from our branch, in our repository.
    pub pull_request: Option<PrState>,
    /// Whether the branch on the forge is past the head that the run started on.
    pub has_advanced: bool,
    /// Whether commits or edits lie in the clone that are not on the forge.
    pub has_unpublished: bool,
}

/// What is done about a finished turn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Publish the tree.
    Publish {
        /// Even if it has the content of its parent.
        allow_empty: bool,
    },
    /// The agent has published it, and the forge confirms that.
    AlreadyPublished,
    /// Start another turn on the same thread, told this.
    Continue {
        /// What is missing, for the agent.
        instruction: String,
    },
    /// Start another turn on a new thread, told of the work so far: the model cannot read the old one any more.
    NewThread,
    /// The run is over.
    Settle(RunOutcome),
}

/// Judges a turn. `report` is `None` when the agent's answer was not a report; `continuations` counts the turns of this
/// run that already continued earlier ones.
pub fn verify(
    policy: &Policy,
    report: Option<&Report>,
    evidence: &Evidence,
    continuations: u32,
) -> Verdict {
    let case = Case { policy, evidence, continuations };
    if let Some(verdict) = case.unfinished() {
        return verdict;
    }
    let Some(report) = report else { return case.without_report() };
    match report.outcome {
        ReportOutcome::NeedsInput | ReportOutcome::Blocked => {
            Verdict::Settle(ask(question_of(report)))
        }
        ReportOutcome::NoChangeNeeded => case.no_change(report),
        ReportOutcome::Done => match policy.publisher {
            Publisher::Harness => case.done(report),
            Publisher::Agent => case.done_by_agent(report),
        },
    }
}

/// Why a tree that a human released is not published after all: something in it that nobody may release. It was not there,
/// or not known, when the tree was held.
pub fn refuse_release(
    policy: &Policy,
    run_type: RunType,
    changes: &ChangeSet,
) -> Option<RunOutcome> {
    let mut hits = gate::gate(&policy.gate, run_type, changes);
    hits.retain(|hit| !gate::is_releasable(hit));
    if hits.is_empty() { None } else { Some(ask(&gate::question(&hits))) }
}

/// A turn that is judged.
struct Case<'a> {
    policy: &'a Policy,
    evidence: &'a Evidence,
    continuations: u32,
}

impl Case<'_> {
    /// A turn that did not end by itself says nothing of the work. What it wrote is kept, and another turn or run goes on
    /// with it.
    fn unfinished(&self) -> Option<Verdict> {
        let at = self.evidence.at;
        let unavailable = |reason: &str, retry_after: &Option<Duration>| RunOutcome::Unavailable {
            reason: format!("the agent's model gave no answer: {reason}"),
            until: retry_after.map(|after| at.plus(after)),
        };
        Some(Verdict::Settle(match &self.evidence.turn {
            TurnStatus::Completed => return None,
            TurnStatus::Interrupted => {
                RunOutcome::Failed { reason: "the turn was interrupted".to_owned() }
            }
            TurnStatus::Unavailable { reason, retry_after }
            | TurnStatus::Barred { reason, retry_after } => unavailable(reason, retry_after),
            TurnStatus::ThreadFull { .. }
                if self.continuations < self.policy.budgets.continuations =>
            {
                return Some(Verdict::NewThread);
            }
            TurnStatus::ThreadFull { reason } => ask(&format!(
                "This work does not fit into what the agent's model can read, also not in parts ({reason}). Should I go on, \
                 and how?"
            )),
            TurnStatus::Refused { reason } => ask(&format!(
                "The agent's model refuses this work: {reason}. Should I try again, and what should be different?"
            )),
            TurnStatus::Failed { reason } => {
                RunOutcome::Failed { reason: format!("the turn failed: {reason}") }
            }
        }))
    }

    fn has_edits(&self) -> bool {
        match self.policy.publisher {
            Publisher::Harness => !self.evidence.changes.files.is_empty(),
            Publisher::Agent => self.evidence.remote.has_unpublished,
        }
    }

    fn without_report(&self) -> Verdict {
        // Once, then a human looks: an agent that cannot report twice will not learn it by trying.
        if self.continuations == 0 {
            return Verdict::Continue { instruction: UNREADABLE.to_owned() };
        }
        Verdict::Settle(if self.has_edits() {
            ask(
                "The agent changed files and gave no readable report of it. Should it go on, and how?",
            )
        } else {
            RunOutcome::Insufficient {
                reason: "the agent changed nothing and gave no readable report".to_owned(),
            }
        })
    }

    fn no_change(&self, report: &Report) -> Verdict {
        let reason = report.summary.trim();
        if self.has_edits() {
            return Verdict::Settle(ask(
                "The agent says that nothing has to change, and yet it changed files. Which of the two is right?",
            ));
        }
        if reason.is_empty() {
            return self.continue_or(NO_REASON.to_owned(), || {
                ask("The agent says that nothing has to change, and gives no reason.")
            });
        }
        let evidence = self.evidence;
        if evidence.has_merged_base || evidence.needs_new_head {
            // The merge, or the new head, is the change.
            return match self.policy.publisher {
                Publisher::Harness => self.publish(report),
                Publisher::Agent => self.done_by_agent(report),
            };
        }
        let reason = reason.to_owned();
        let nothing_to_repair = RunOutcome::NothingToRepair { reason: reason.clone() };
        match evidence.run_type {
            RunType::Implementation => Verdict::Settle(RunOutcome::NoChangeNeeded { reason }),
            RunType::CiRepair => Verdict::Settle(nothing_to_repair),
            RunType::QueueRepair | RunType::BranchUpkeep if evidence.forge.is_conflicting => {
                self.continue_or(STILL_CONFLICTING.to_owned(), || ask(&reason))
            }
            RunType::QueueRepair | RunType::BranchUpkeep => Verdict::Settle(nothing_to_repair),
            RunType::ReviewFix if evidence.forge.is_approved => Verdict::Settle(nothing_to_repair),
            // The same head is not handed to its reviewer a second time (S19).
            RunType::ReviewFix => Verdict::Settle(ask(&format!(
                "The agent thinks that the review asks for no change: {reason}"
            ))),
        }
    }

    fn done(&self, report: &Report) -> Verdict {
        let evidence = self.evidence;
        let has_something = self.has_edits() || evidence.has_merged_base || evidence.needs_new_head;
        if !has_something {
            return self.continue_or(NOTHING_THERE.to_owned(), || {
                ask(
                    "The agent reports the work as done, and there is no change in its worktree. What should it do?",
                )
            });
        }
        self.publish(report)
    }

    /// Whatever is published has its conflicts resolved and passes the gate.
    fn publish(&self, report: &Report) -> Verdict {
        let evidence = self.evidence;
        if let Some(verdict) = self.unresolved(report) {
            return verdict;
        }
        let hits = self.hits();
        if hits.is_empty() {
            return Verdict::Publish {
                allow_empty: evidence.has_merged_base || evidence.needs_new_head,
            };
        }
        Verdict::Settle(if hits.iter().all(gate::is_releasable) {
            RunOutcome::Held { tree: evidence.tree.clone(), hits, report: Box::new(report.clone()) }
        } else {
            ask(&gate::question(&hits))
        })
    }

    /// What is done about conflicts that are left.
    fn unresolved(&self, report: &Report) -> Option<Verdict> {
        let left = conflicts::left(&self.evidence.unmerged, &report.resolved)?;
        Some(self.continue_or(left.clone(), || {
            ask(&format!("The agent could not resolve all conflicts with the base branch. {left}"))
        }))
    }

    fn hits(&self) -> Vec<GateHit> {
        gate::gate(&self.policy.gate, self.evidence.run_type, &self.evidence.changes)
    }

    fn done_by_agent(&self, report: &Report) -> Verdict {
        let (evidence, remote) = (self.evidence, self.evidence.remote);
        if let Some(verdict) = self.unresolved(report) {
            return verdict;
        }
        // It is on the forge already, so nothing can be held back; a human has to know (S25).
        let hits = self.hits();
        if !hits.is_empty() {
            return Verdict::Settle(ask(&gate::question(&hits)));
        }
        if remote.has_unpublished {
            return self.continue_or(NOT_PUBLISHED.to_owned(), || {
                ask("The agent reports the work as done and did not publish all of it. Should it go on, and how?")
            });
        }
        let is_published = match (evidence.run_type, remote.pull_request) {
            (_, None | Some(PrState::Closed)) => false,
            (RunType::Implementation, Some(PrState::Open | PrState::Merged)) => true,
            (_, Some(PrState::Merged)) => true,
            (RunType::ReviewFix, Some(PrState::Open)) => remote.has_advanced,
            // The same head is enough when its gate was made green by a rerun, or its conflict is gone (S10, S11).
            (RunType::CiRepair, Some(PrState::Open)) => {
                remote.has_advanced || evidence.forge.gate == GateStatus::Green
            }
            (RunType::QueueRepair | RunType::BranchUpkeep, Some(PrState::Open)) => {
                remote.has_advanced || (!evidence.forge.is_conflicting && !evidence.needs_new_head)
            }
        };
        if is_published {
            return Verdict::AlreadyPublished;
        }
        let missing = match remote.pull_request {
            None | Some(PrState::Closed) => NO_PULL_REQUEST,
            Some(PrState::Open | PrState::Merged) => SAME_HEAD,
        };
        self.continue_or(missing.to_owned(), || RunOutcome::Insufficient {
            reason: format!(
                "the agent reports \"{}\", and the forge shows nothing of it",
                report.summary.trim()
            ),
        })
    }

    fn continue_or(&self, instruction: String, end: impl FnOnce() -> RunOutcome) -> Verdict {
        if self.continuations < self.policy.budgets.continuations {
            Verdict::Continue { instruction }
        } else {
            Verdict::Settle(end())
        }
    }
}

const NOTHING_THERE: &str = "You reported the work as done, but your working directory is unchanged. If the change is \
    still to be made, make it now in this directory. If nothing has to change, say so and why.";
const NO_REASON: &str = "You reported that nothing has to change. Say in your summary why, so that a human can check it.";
const UNREADABLE: &str = "Your report could not be read. Finish what is unfinished; you will be asked for the report again.";
const STILL_CONFLICTING: &str = "You reported that nothing has to change, but the base branch still contradicts this \
    branch. Resolve the conflicts in this directory, or say in your report what keeps you from it.";
const NOT_PUBLISHED: &str = "You reported the work as done, but not all of it is on the forge. Commit and push what is \
    left to the same branch.";
const NO_PULL_REQUEST: &str = "You reported the work as done, but there is no open pull request for your branch. Open it \
    now, from the branch that you were given.";
const SAME_HEAD: &str = "You reported the work as done, but the branch on the forge still has the head that you were \
    started on, and what was to be repaired is not repaired.";

fn ask(question: &str) -> RunOutcome {
    RunOutcome::NeedsInput { question: question.to_owned() }
}

fn question_of(report: &Report) -> &str {
    [&report.question, &report.summary]
        .into_iter()
        .map(|text| text.trim())
        .find(|text| !text.is_empty())
        .unwrap_or("The agent cannot go on and does not say why.")
}

#[cfg(test)]
mod tests;
