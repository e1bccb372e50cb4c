//! Why an issue is in its state: the facts, the decision on them, what happened last, and what would change it.

use patchrelay_domain::{
    Held, IssueFacts, NextStep, Timestamp, describe, hits_in_words, is_releasable, way_out,
};
use patchrelay_ports::StoredObservation;
use serde::Serialize;

use super::{IssueView, NextView, rfc3339};

/// Why an issue is in its state.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainView {
    issue: IssueView,
    facts: FactsView,
    decision: NextView,
    /// When time alone makes it worth deciding again.
    until: Option<String>,
    would_change: &'static str,
    observations: Vec<ObservationView>,
}

/// The facts that the decision rests on and that the issue itself does not show. They have names of their own, because
/// the stored facts change with the program.
#[derive(Debug, Serialize)]
struct FactsView {
    first_seen: String,
    session_id: Option<String>,
    epoch: u32,
    pending: Vec<PendingInputView>,
    branch_generation: u32,
    /// The node that has its directory.
    home_node: Option<String>,
    outages: u32,
    backoff_until: Option<String>,
    question: Option<QuestionView>,
    escalated: Option<String>,
    held: Option<HeldView>,
    no_change_needed: Option<String>,
}

#[derive(Debug, Serialize)]
struct PendingInputView {
    at: String,
    author: Option<String>,
    text: String,
}

#[derive(Debug, Serialize)]
struct QuestionView {
    text: String,
    asked_at: Option<String>,
}

/// A publication that the gate holds.
#[derive(Debug, Serialize)]
struct HeldView {
    run: String,
    /// What an approval releases: exactly this, and nothing that comes after it.
    tree: String,
    /// Why, in words.
    hits: Vec<String>,
    /// Whether anybody may release it.
    is_releasable: bool,
    released_by: Option<String>,
}

impl HeldView {
    fn new(held: &Held) -> Self {
        Self {
            run: held.run.to_string(),
            tree: held.tree.to_string(),
            hits: hits_in_words(&held.hits),
            is_releasable: held.hits.iter().all(is_releasable),
            released_by: held.released_by.as_ref().map(|by| by.shown().to_owned()),
        }
    }
}

/// Something that happened to an issue.
#[derive(Debug, Serialize)]
pub(crate) struct ObservationView {
    version: u64,
    at: String,
    kind: String,
    correlation: Option<String>,
    text: String,
}

impl ExplainView {
    pub(crate) fn new(
        issue: IssueView,
        facts: &IssueFacts,
        next: &NextStep,
        observations: &[StoredObservation],
    ) -> Self {
        Self {
            issue,
            facts: FactsView::new(facts),
            decision: NextView::new(next),
            until: next.columns().due.filter(|due| *due != Timestamp::default()).map(rfc3339),
            would_change: way_out(next),
            observations: observations.iter().map(ObservationView::new).collect(),
        }
    }
}

impl FactsView {
    fn new(facts: &IssueFacts) -> Self {
        Self {
            first_seen: rfc3339(facts.first_seen),
            session_id: facts.session.as_ref().map(ToString::to_string),
            epoch: facts.epoch,
            pending: facts
                .pending
                .iter()
                .map(|input| PendingInputView {
                    at: rfc3339(input.at),
                    author: input.author.clone(),
                    text: input.text.clone(),
                })
                .collect(),
            branch_generation: facts.branch_generation,
            home_node: facts.home.as_ref().map(ToString::to_string),
            outages: facts.outages,
            backoff_until: facts.backoff_until.map(rfc3339),
            question: facts.question.as_ref().map(|question| QuestionView {
                text: question.text.clone(),
                asked_at: question.asked.map(rfc3339),
            }),
            escalated: facts.escalated.as_ref().map(|known| known.reason.clone()),
            held: facts.held.as_ref().map(HeldView::new),
            no_change_needed: facts.no_change_needed.clone(),
        }
    }
}

impl ObservationView {
    pub(crate) fn new(stored: &StoredObservation) -> Self {
        Self {
            version: stored.version,
            at: rfc3339(stored.at),
            kind: stored.kind.clone(),
            correlation: stored
                .observation
                .as_ref()
                .map(|observation| observation.correlation.clone()),
            text: match &stored.observation {
                Some(observation) => describe(observation).text,
                None => "written by a newer version of PatchRelay".to_owned(),
            },
        }
    }
}
