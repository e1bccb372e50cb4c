//! `[budgets]`, and how often a project lets things be tried.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[budgets]`. A human is asked when all of one is spent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(from = "WrittenBudgets")]
#[schemars(with = "WrittenBudgets")]
pub(crate) struct BudgetsSection {
    /// By one run.
    pub(crate) run: LimitSection,
    /// By all runs of a ticket, since a human last said that it may go on.
    pub(crate) issue: LimitSection,
    /// By all runs of a ticket on one day, UTC.
    pub(crate) day: LimitSection,
}

impl Default for BudgetsSection {
    fn default() -> Self {
        let limit = |max_tokens, max_turns, max_minutes| LimitSection {
            max_tokens,
            max_turns,
            max_minutes,
        };
        Self {
            run: limit(20_000_000, 40, 240),
            issue: limit(100_000_000, 200, 1_440),
            day: limit(60_000_000, 120, 720),
        }
    }
}

/// `[budgets.run]`, `[budgets.issue]`, `[budgets.day]`. Zero is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LimitSection {
    /// Tokens, as the agent's threads count them.
    pub(crate) max_tokens: u64,
    /// Turns of the agent.
    pub(crate) max_turns: u32,
    /// Minutes in which an agent is at work.
    pub(crate) max_minutes: u32,
}

/// `[budgets]` as it is written. What is left out keeps its own default in each of the three.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct WrittenBudgets {
    /// By one run.
    run: WrittenLimit,
    /// By all runs of a ticket, since a human last said that it may go on.
    issue: WrittenLimit,
    /// By all runs of a ticket on one day, UTC.
    day: WrittenLimit,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimit {
    /// Tokens, as the agent's threads count them.
    max_tokens: Option<u64>,
    /// Turns of the agent.
    max_turns: Option<u32>,
    /// Minutes in which an agent is at work.
    max_minutes: Option<u32>,
}

impl From<WrittenBudgets> for BudgetsSection {
    fn from(written: WrittenBudgets) -> Self {
        let over = |written: &WrittenLimit, default: LimitSection| LimitSection {
            max_tokens: written.max_tokens.unwrap_or(default.max_tokens),
            max_turns: written.max_turns.unwrap_or(default.max_turns),
            max_minutes: written.max_minutes.unwrap_or(default.max_minutes),
        };
        let default = Self::default();
        Self {
            run: over(&written.run, default.run),
            issue: over(&written.issue, default.issue),
            day: over(&written.day, default.day),
        }
    }
}

/// `[project.budgets]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProjectBudgetsSection {
    /// Implementation runs that ended with insufficient work.
    pub(crate) implementation: u32,
    /// Repairs in a row of red checks that did not make them green. Zero asks a human at once, as it does below.
    pub(crate) ci_repair: u32,
    /// Repairs in a row that the merge queue refused again.
    pub(crate) queue_repair: u32,
    /// Answers to reviews in a row that were followed by another request for changes.
    pub(crate) review_fix: u32,
    /// Updates in a row after which the same base still contradicted the branch.
    pub(crate) branch_upkeep: u32,
    /// Runs lost to something else, since the last progress.
    pub(crate) recovery: u32,
    /// Turns that continue unfinished work.
    pub(crate) continuations: u32,
}

impl Default for ProjectBudgetsSection {
    fn default() -> Self {
        let budgets = patchrelay::domain::Budgets::default();
        Self {
            implementation: budgets.implementation,
            ci_repair: budgets.ci_repair,
            queue_repair: budgets.queue_repair,
            review_fix: budgets.review_fix,
            branch_upkeep: budgets.branch_upkeep,
            recovery: budgets.recovery,
            continuations: budgets.continuations,
        }
    }
}
