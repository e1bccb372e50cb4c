//! What an operator orders of one issue, and when that is refused.

use std::fmt;

use crate::{
    Actor, Heard, IssueFacts, NextStep, ObservationKind, Policy, RunType, Timestamp, TreeId,
    decide, gate::hits_in_words, is_releasable,
};

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Another try, whatever was spent and given up.
    Retry {
        /// What kind of run, if they said.
        run_type: Option<RunType>,
    },
    /// That nothing more is done until somebody says so.
    Stop,
    /// That this is over here.
    Close {
        /// Whether as failed.
        as_failed: bool,
    },
    /// That the agent is told something.
    Prompt {
        /// What.
        text: String,
    },
    /// That the work which the gate holds is published as it is.
    Approve {
        /// The tree that they looked at; without one, whatever is held.
        tree: Option<TreeId>,
    },
}

/// An order with who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenOrder {
    /// Its id, which is nobody else's.
    pub id: String,
    /// Who.
    pub by: Actor,
    /// Why, if they said.
    pub reason: Option<String>,
    /// What.
    pub order: Order,
}

/// Why an order is not carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRefusal {
    /// Nothing is held.
    NothingHeld,
    /// What is held is not what they looked at.
    AnotherTree {
        /// What is held.
        held: TreeId,
        /// What they looked at.
        asked: TreeId,
    },
    /// Nobody may release what is held.
    NotReleasable {
        /// Why, in words.
        hits: Vec<String>,
    },
    /// Somebody has released it already.
    ReleasedAlready {
        /// Who, for people to read.
        by: String,
    },
    /// A run is under way, and its end decides what is to be tried.
    RunActive {
        /// What for.
        run_type: RunType,
    },
    /// There is nothing to repair.
    NoPullRequest,
    /// It was stopped already.
    StoppedAlready,
    /// It is over.
    Over,
    /// It does not change anything.
    NoEffect,
}

impl OrderRefusal {
    /// The name in the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingHeld => "nothing_held",
            Self::AnotherTree { .. } => "another_tree",
            Self::NotReleasable { .. } => "not_releasable",
            Self::ReleasedAlready { .. } => "released_already",
            Self::RunActive { .. } => "run_active",
            Self::NoPullRequest => "no_pull_request",
            Self::StoppedAlready => "stopped_already",
            Self::Over => "issue_over",
            Self::NoEffect => "no_effect",
        }
    }
}

impl fmt::Display for OrderRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingHeld => f.write_str("no publication of this issue is held"),
            Self::AnotherTree { held, asked } => write!(
                f,
                "what is held changed: it is the tree {held}, and not {asked}; look at it again"
            ),
            Self::NotReleasable { hits } => write!(
                f,
                "nobody may release this, it has to leave the worktree first: {}",
                hits.join("; ")
            ),
            Self::ReleasedAlready { by } => write!(f, "{by} has released it already"),
            Self::RunActive { run_type } => write!(
                f,
                "the run for {} is still under way: wait for it, or stop it first",
                run_type.as_str()
            ),
            Self::NoPullRequest => f.write_str("there is no open pull request to repair"),
            Self::StoppedAlready => f.write_str("it was stopped already"),
            Self::Over => f.write_str("it is over already; a retry begins it again"),
            Self::NoEffect => f.write_str("that changes nothing"),
        }
    }
}

/// What an order means, where the issue stands now.
///
/// # Errors
///
/// When it cannot be carried out: whoever gave it saw the issue as it is no longer, or never was.
pub fn carry_out(
    policy: &Policy,
    now: Timestamp,
    facts: &IssueFacts,
    given: &GivenOrder,
) -> Result<ObservationKind, OrderRefusal> {
    let GivenOrder { id, by, reason, order } = given.clone();
    let is_over = || matches!(decide(policy, now, facts), NextStep::Settled(_));
    match order {
        Order::Retry { run_type } => {
            if let Some(slot) = &facts.slot {
                return Err(OrderRefusal::RunActive { run_type: slot.run_type });
            }
            if run_type.is_some_and(RunType::is_repair) && facts.open_pull_request().is_none() {
                return Err(OrderRefusal::NoPullRequest);
            }
            Ok(ObservationKind::Retried { order: id, said: now, by, run_type, reason })
        }
        Order::Stop if facts.stopped().is_some() => Err(OrderRefusal::StoppedAlready),
        Order::Stop if is_over() => Err(OrderRefusal::Over),
        Order::Stop => Ok(ObservationKind::StopRequested { source: id, said: now, by, reason }),
        Order::Close { .. } if is_over() => Err(OrderRefusal::Over),
        Order::Close { as_failed } => {
            Ok(ObservationKind::Closed { order: id, by, as_failed, reason })
        }
        // What is said after a merge is work again; what was closed here is opened by a retry only.
        Order::Prompt { .. } if facts.closed.is_some() || facts.is_removed() => {
            Err(OrderRefusal::Over)
        }
        Order::Prompt { text } => Ok(ObservationKind::HumanInput {
            source: id,
            said: now,
            heard: Heard::Operator,
            author: by,
            text,
            is_edit: false,
        }),
        Order::Approve { tree } => {
            let tree = releasable(facts, tree)?;
            Ok(ObservationKind::Approved { order: id, tree, by, reason })
        }
    }
}

/// The tree that is held, if it is the one that was looked at and may be released.
fn releasable(facts: &IssueFacts, asked: Option<TreeId>) -> Result<TreeId, OrderRefusal> {
    let held = facts.held.as_ref().ok_or(OrderRefusal::NothingHeld)?;
    if let Some(asked) = asked.filter(|asked| *asked != held.tree) {
        return Err(OrderRefusal::AnotherTree { held: held.tree.clone(), asked });
    }
    if let Some(by) = &held.released_by {
        return Err(OrderRefusal::ReleasedAlready { by: by.shown().to_owned() });
    }
    let forbidden: Vec<_> = held.hits.iter().filter(|hit| !is_releasable(hit)).cloned().collect();
    if !forbidden.is_empty() {
        return Err(OrderRefusal::NotReleasable { hits: hits_in_words(&forbidden) });
    }
    Ok(held.tree.clone())
}

#[cfg(test)]
mod tests;
