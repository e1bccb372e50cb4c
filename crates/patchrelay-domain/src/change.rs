//! One change of one issue, whole: what is folded, what is decided on it, and what is said of it.

use crate::{
    Evolved, FeedEntry, IssueFacts, NextStep, Observation, ObservationKind, OutboxOrder, Policy,
    Timestamp, announce, decide, describe, evolve, intention::intentions,
};

/// A change, ready to be stored in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The facts after it.
    pub facts: IssueFacts,
    /// The observations that changed something, in order: the incoming ones, and our own questions and calls for help.
    pub observations: Vec<Observation>,
    /// The reports that they deserve: what is told, then how things should look.
    pub orders: Vec<OutboxOrder>,
    /// The feed lines of them: one each.
    pub feed: Vec<FeedEntry>,
    /// What comes next. Never a question or a call for help: those are part of the change.
    pub next: NextStep,
}

/// Folds observations into facts and decides on the result. A question or a call for help that is decided becomes an
/// observation of the same change, so that it is put exactly once (D6). Occurrences that are in the log already must
/// not be passed in.
pub fn change(
    policy: &Policy,
    now: Timestamp,
    facts: &IssueFacts,
    incoming: Vec<Observation>,
) -> Change {
    let correlation =
        incoming.last().map_or_else(String::new, |observation| observation.correlation.clone());
    let before = decide(policy, now, facts);
    let mut change = Change {
        facts: facts.clone(),
        observations: Vec::new(),
        orders: Vec::new(),
        feed: Vec::new(),
        next: before.clone(),
    };
    for observation in incoming {
        change.fold(policy, observation);
    }
    loop {
        change.next = decide(policy, now, &change.facts);
        let kind = match &change.next {
            NextStep::Ask { question, about } => {
                ObservationKind::Asked { question: question.clone(), about: *about }
            }
            NextStep::Escalate { reason } => ObservationKind::Escalated { reason: reason.clone() },
            NextStep::Run(_) | NextStep::Wait { .. } | NextStep::Settled(_) => break,
        };
        let ours = Observation { at: now, correlation: correlation.clone(), kind };
        assert!(
            change.fold(policy, ours),
            "`evolve` takes up every question and call for help that `decide` gives"
        );
    }
    let sets = intentions((facts, &before), (&change.facts, &change.next));
    change.orders.extend(sets);
    change
}

impl Change {
    fn fold(&mut self, policy: &Policy, observation: Observation) -> bool {
        match evolve(policy, &self.facts, &observation) {
            Evolved::Unchanged => false,
            Evolved::Changed(facts) => {
                self.orders.extend(announce(policy, &self.facts, &facts, &observation));
                self.feed.push(describe(&observation));
                self.observations.push(observation);
                self.facts = *facts;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests;
