//! What a finished turn is worth: the agent's report against what is really there (D19).

use crate::{
    GateHit, Policy, Report, ReportOutcome, RunOutcome, TurnStatus, gate, protected_path_hits,
};

/// What is really there after a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How the turn ended.
    pub turn: TurnStatus,
    /// The paths that differ from the commit that the worktree stands on.
    pub changed: Vec<String>,
    /// What the workspace found that must not be published.
    pub hits: Vec<GateHit>,
}

/// What is done about a finished turn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Publish the tree.
    Publish,
    /// Start another turn on the same thread, told this.
    Continue {
        /// What is missing, for the agent.
        instruction: String,
    },
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
    let has_edits = !evidence.changed.is_empty();
    match &evidence.turn {
        TurnStatus::Completed => {}
        TurnStatus::Interrupted => {
            return Verdict::Settle(RunOutcome::Failed {
                reason: "the turn was interrupted".to_owned(),
                thread: None,
            });
        }
        TurnStatus::Unavailable { reason } => {
            let reason = format!("the agent's model gave no answer: {reason}");
            return Verdict::Settle(RunOutcome::Unavailable { reason, thread: None });
        }
        TurnStatus::Failed { reason } => {
            return Verdict::Settle(RunOutcome::Failed {
                reason: format!("the turn failed: {reason}"),
                thread: None,
            });
        }
    }
    let Some(report) = report else {
        // Once, then a human looks: an agent that cannot report twice will not learn it by trying (D19).
        if continuations == 0 {
            return Verdict::Continue { instruction: UNREADABLE.to_owned() };
        }
        return Verdict::Settle(if has_edits {
            ask(
                "The agent changed files and gave no readable report of it. Should it go on, and how?",
            )
        } else {
            RunOutcome::Insufficient {
                reason: "the agent changed nothing and gave no readable report".to_owned(),
            }
        });
    };
    match report.outcome {
        ReportOutcome::NeedsInput | ReportOutcome::Blocked => {
            Verdict::Settle(ask(question_of(report)))
        }
        ReportOutcome::NoChangeNeeded if has_edits => Verdict::Settle(ask(
            "The agent says that nothing has to change, and yet it changed files. Which of the two is right?",
        )),
        ReportOutcome::NoChangeNeeded if report.summary.trim().is_empty() => {
            continue_or(policy, continuations, NO_REASON, || {
                ask("The agent says that nothing has to change, and gives no reason.")
            })
        }
        ReportOutcome::NoChangeNeeded => {
            Verdict::Settle(RunOutcome::NoChangeNeeded { reason: report.summary.trim().to_owned() })
        }
        ReportOutcome::Done if !has_edits => {
            continue_or(policy, continuations, NOTHING_THERE, || {
                ask(
                    "The agent reports the work as done, and there is no change in its worktree. What should it do?",
                )
            })
        }
        ReportOutcome::Done => {
            let mut hits = evidence.hits.clone();
            hits.extend(protected_path_hits(&policy.protected_paths, &evidence.changed));
            if hits.is_empty() {
                Verdict::Publish
            } else {
                Verdict::Settle(ask(&gate::question(&hits)))
            }
        }
    }
}

const NOTHING_THERE: &str = "You reported the work as done, but your working directory is unchanged. If the change is \
    still to be made, make it now in this directory. If nothing has to change, say so and why.";
const NO_REASON: &str = "You reported that nothing has to change. Say in your summary why, so that a human can check it.";
const UNREADABLE: &str = "Your report could not be read. Finish what is unfinished; you will be asked for the report again.";

fn continue_or(
    policy: &Policy,
    continuations: u32,
    instruction: &str,
    end: impl FnOnce() -> RunOutcome,
) -> Verdict {
    if continuations < policy.budgets.continuations {
        Verdict::Continue { instruction: instruction.to_owned() }
    } else {
        Verdict::Settle(end())
    }
}

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
