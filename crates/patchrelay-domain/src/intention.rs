//! What should be seen of an issue at any time: the plan and the link of its session, or our comment on its ticket.
//!
//! Each is a function of the facts, and ordered whenever a change makes it another one. So the newest order says
//! everything, and older ones need not be sent any more.

use crate::{
    FactoryState, IssueFacts, NextStep, OutboxOrder, PlanStatus, PlanStep, factory_state,
    status_note, text::quoted, waiting_reason,
};

/// Facts, and what `decide` says of them.
pub(crate) type Standing<'a> = (&'a IssueFacts, &'a NextStep);

/// The sets that a change deserves: what should be seen after it, and was not ordered before it.
pub(crate) fn intentions(before: Standing<'_>, after: Standing<'_>) -> Vec<OutboxOrder> {
    [plan, link, comment]
        .into_iter()
        .filter_map(|wanted| {
            let order = wanted(after)?;
            (wanted(before).as_ref() != Some(&order)).then_some(order)
        })
        .chain(last_comment(before, after))
        .collect()
}

fn plan((facts, next): Standing<'_>) -> Option<OutboxOrder> {
    let session = facts.session.clone()?;
    let steps = steps(facts, factory_state(next))?;
    Some(OutboxOrder::Plan { session, steps })
}

/// The way of every ticket.
const STEPS: [&str; 4] = ["Prepare the workspace", "Implement", "Verify", "Merge"];

/// How far the work is. Nothing is planned for a ticket that nobody gave us.
fn steps(facts: &IssueFacts, state: FactoryState) -> Option<Vec<PlanStep>> {
    facts.ticket.as_ref()?;
    let is_begun = facts.slot.is_some() || facts.latest_run.is_some();
    let reached = match (facts.open_pull_request(), is_begun) {
        (Some(_), _) => 2,
        (None, true) => 1,
        (None, false) => 0,
    };
    let (at, words) = match state {
        FactoryState::Delegated | FactoryState::Implementing => {
            (usize::from(facts.slot.is_some()), None)
        }
        FactoryState::PrOpen => (2, None),
        FactoryState::ChangesRequested => (1, Some("Address the review")),
        FactoryState::RepairingCi => (2, Some("Repair the checks")),
        FactoryState::AwaitingQueue => (3, None),
        FactoryState::RepairingQueue => (3, Some("Repair what the merge queue refused")),
        FactoryState::AwaitingInput => (reached, Some("Wait for an answer")),
        FactoryState::Escalated => (reached, Some("Wait for help")),
        FactoryState::Paused if is_begun => (reached, Some("Wait to be delegated again")),
        FactoryState::Paused => return None,
        FactoryState::Done => (STEPS.len(), None),
        FactoryState::Failed => (reached, None),
    };
    let status = |index: usize| match index.cmp(&at) {
        std::cmp::Ordering::Less => PlanStatus::Completed,
        _ if state == FactoryState::Failed => PlanStatus::Canceled,
        std::cmp::Ordering::Equal => PlanStatus::InProgress,
        std::cmp::Ordering::Greater => PlanStatus::Pending,
    };
    let step = |(index, usual): (usize, &&'static str)| PlanStep {
        content: words.filter(|_| index == at).unwrap_or(usual).to_owned(),
        status: status(index),
    };
    Some(STEPS.iter().enumerate().map(step).collect())
}

fn link((facts, _): Standing<'_>) -> Option<OutboxOrder> {
    let session = facts.session.clone()?;
    let pr = &facts.pull_request.as_ref()?.value;
    Some(OutboxOrder::Link { session, number: pr.number, url: pr.url.clone() })
}

/// Our one comment on a ticket without a session (D37). Before a run is started or a human is needed there is nothing
/// to report, and the session of a ticket that was just delegated may be on its way.
fn comment((facts, next): Standing<'_>) -> Option<OutboxOrder> {
    let is_asked = facts.question.as_ref().is_some_and(|question| question.asked.is_some());
    let is_worth_it =
        facts.slot.is_some() || facts.latest_run.is_some() || facts.escalated.is_some() || is_asked;
    if facts.session.is_some() || facts.ticket.is_none() || !is_worth_it {
        return None;
    }
    let mut body = format!("**PatchRelay**: {}", factory_state(next).as_str().replace('_', " "));
    if let Some(reason) = waiting_reason(next) {
        body.push_str(&format!("\n\n{reason}"));
    }
    if let Some(pr) = facts.pull_request.as_ref().map(|pr| &pr.value) {
        body.push_str(&format!("\n\nPull request [{}]({})", pr.number, pr.url));
    }
    if let Some(note) = status_note(facts, next) {
        body.push_str(&format!("\n\n{}", quoted(&note, MAX_NOTE)));
    }
    body.push_str("\n\nThis comment is kept up to date.");
    Some(OutboxOrder::Comment { body })
}

/// A session takes the comment's place: nobody should go on reading what is not kept up to date any more.
fn last_comment(before: Standing<'_>, after: Standing<'_>) -> Option<OutboxOrder> {
    comment(before)?;
    after.0.session.as_ref()?;
    let body = "**PatchRelay** reports in the agent session on this ticket.".to_owned();
    Some(OutboxOrder::Comment { body })
}

/// The longest note in a comment, in characters.
const MAX_NOTE: usize = 3_000;

#[cfg(test)]
mod tests;
