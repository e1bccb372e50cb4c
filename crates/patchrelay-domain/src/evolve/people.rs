//! What people say to us, and what we say to them.

use crate::{
    About, Actor, Attempts, Closed, Escalation, Heard, InputKind, Intent, IssueFacts, NAMES,
    PendingInput, Policy, PrState, Question, RunType, Spending, Stop, Timestamp, TreeId, intent,
    may_instruct, prompt::Trust, text::capped, trust_of,
};

/// The most inputs that wait at once (D12). The oldest is the one that the work is already about.
pub(super) const MAX_PENDING: usize = 64;
/// The longest input that is kept, in characters. Longer ones are cut, and say so.
const MAX_INPUT: usize = 20_000;

/// Something a human said.
pub(super) struct Said<'a> {
    pub(super) source: &'a str,
    pub(super) said: Timestamp,
    pub(super) heard: Heard,
    pub(super) author: &'a Actor,
    pub(super) text: &'a str,
}

pub(super) fn said(policy: &Policy, facts: &mut IssueFacts, at: Timestamp, said: Said<'_>) -> bool {
    // Who may not instruct us starts nothing, stops nothing and is told nothing (D36, W11).
    if !may_instruct(&policy.trusted, said.author) {
        return false;
    }
    let wish = wish(facts, &said);
    // Whatever it says now, what it said before was withdrawn.
    let waiting = facts.pending.len();
    facts.pending.retain(|input| input.source != said.source || said.said <= input.said);
    let is_withdrawn = facts.pending.len() < waiting;
    match wish {
        Intent::Remark => is_withdrawn,
        // Facts stay as they are; that it was asked is what the answer goes by.
        Intent::Status => true,
        Intent::Stop => stop(policy, facts, said.said, said.author) || is_withdrawn,
        Intent::Work => {
            facts.go = facts.go.max(said.said);
            let input = NewInput {
                at,
                said: said.said,
                source: said.source.to_owned(),
                kind: match said.heard {
                    Heard::Session => InputKind::FollowupPrompt,
                    Heard::TicketComment | Heard::ForgeComment => InputKind::FollowupComment,
                    Heard::Operator => InputKind::OperatorPrompt,
                },
                text: said.text,
                author: Some(said.author.shown().to_owned()),
                trust: trust_of(&policy.trusted, said.author),
            };
            add_input(facts, input)
        }
    }
}

fn wish(facts: &IssueFacts, said: &Said<'_>) -> Intent {
    let is_asking = facts.question.as_ref().is_some_and(|question| question.asked.is_some());
    let heard = match said.heard {
        // An operator has commands for everything else.
        Heard::Operator => return Intent::Work,
        // Where there is no session, the ticket is the only place to answer.
        Heard::TicketComment if is_asking && facts.session.is_none() => Heard::Session,
        Heard::Session | Heard::TicketComment | Heard::ForgeComment => said.heard,
    };
    match intent(heard, said.text, &NAMES) {
        // "Ok" means nothing, but as an answer it does.
        Intent::Remark if is_asking && heard == Heard::Session && !said.text.trim().is_empty() => {
            Intent::Work
        }
        wish @ (Intent::Work | Intent::Status | Intent::Stop | Intent::Remark) => wish,
    }
}

/// An input that is about to wait.
pub(super) struct NewInput<'a> {
    pub(super) at: Timestamp,
    pub(super) said: Timestamp,
    pub(super) source: String,
    pub(super) kind: InputKind,
    pub(super) text: &'a str,
    pub(super) author: Option<String>,
    pub(super) trust: Trust,
}

/// Takes up what somebody said. An edited text takes the place of what it was; one that a run has taken up already is said
/// once more.
pub(super) fn add_input(facts: &mut IssueFacts, new: NewInput<'_>) -> bool {
    let input = PendingInput {
        seq: facts.next_input,
        at: new.at,
        said: new.said,
        source: new.source,
        kind: new.kind,
        text: capped(new.text, MAX_INPUT),
        author: new.author,
        trust: new.trust,
    };
    let is_news = put_input(facts, input);
    facts.next_input += u64::from(is_news);
    is_news
}

/// Puts an input where its time of being said belongs, unless a newer wording of it waits already.
pub(super) fn put_input(facts: &mut IssueFacts, input: PendingInput) -> bool {
    let same = |other: &PendingInput| !input.source.is_empty() && other.source == input.source;
    let taken_up = facts.slot.iter().flat_map(|slot| &slot.inputs);
    if facts.pending.iter().chain(taken_up).any(|other| same(other) && input.said <= other.said) {
        return false;
    }
    facts.pending.retain(|other| !same(other));
    let order = |input: &PendingInput| (input.said, input.source.clone());
    let place = facts.pending.partition_point(|other| order(other) <= order(&input));
    facts.pending.insert(place, input);
    if MAX_PENDING < facts.pending.len() {
        facts.pending.remove(0);
    }
    true
}

/// The newest order counts, so it does not matter in which order they come.
pub(super) fn stop(policy: &Policy, facts: &mut IssueFacts, said: Timestamp, by: &Actor) -> bool {
    let is_old = facts.stop.as_ref().is_some_and(|known| said <= known.said);
    if is_old || !may_instruct(&policy.trusted, by) {
        return false;
    }
    facts.stop = Some(Stop { said, by: by.shown().to_owned() });
    true
}

pub(super) fn retry(
    policy: &Policy,
    facts: &mut IssueFacts,
    said: Timestamp,
    by: &Actor,
    run_type: Option<RunType>,
) -> bool {
    if !may_instruct(&policy.trusted, by) {
        return false;
    }
    begin_again(facts);
    facts.go = facts.go.max(said);
    facts.stop.take_if(|stop| stop.said <= said);
    facts.closed = None;
    facts.question = None;
    facts.held = None;
    facts.spending = Spending::default();
    facts.starts.clear();
    // What is over is not tried again by itself, so the order says it.
    let is_over = facts.is_merged() || facts.is_ticket_over();
    let over_again =
        (is_over && facts.open_pull_request().is_none()).then_some(RunType::Implementation);
    facts.wanted = run_type.or(over_again);
    true
}

/// What was spent and given up counts no longer.
pub(super) fn begin_again(facts: &mut IssueFacts) {
    facts.escalated = None;
    facts.backoff_until = None;
    facts.outages = 0;
    facts.no_change_needed = None;
    facts.handled.clear();
    facts.forgiven = facts
        .pull_request
        .as_ref()
        .filter(|pr| pr.value.state == PrState::Closed)
        .map(|pr| pr.value.number)
        .or(facts.forgiven);
    facts.attempts =
        Attempts { continuations: facts.attempts.continuations, ..Attempts::default() };
}

pub(super) fn close(
    policy: &Policy,
    facts: &mut IssueFacts,
    by: &Actor,
    as_failed: bool,
    reason: Option<&str>,
) -> bool {
    if !may_instruct(&policy.trusted, by) {
        return false;
    }
    let reason = reason.map(str::to_owned);
    facts.closed = Some(Closed { by: by.shown().to_owned(), as_failed, reason });
    // What waited for a word does not wait any more (S62).
    facts.pending.clear();
    facts.question = None;
    facts.held = None;
    true
}

/// Exactly the tree that they looked at, or nothing.
pub(super) fn approve(policy: &Policy, facts: &mut IssueFacts, tree: &TreeId, by: &Actor) -> bool {
    if !may_instruct(&policy.trusted, by) {
        return false;
    }
    let Some(held) = facts.held.as_mut().filter(|held| held.tree == *tree) else { return false };
    // What nobody may release is not released by asking again.
    if held.released_by.is_some() || !held.hits.iter().all(crate::gate::is_releasable) {
        return false;
    }
    held.released_by = Some(by.clone());
    facts.question.take_if(|question| question.about == About::Publication);
    true
}

pub(super) fn asked(facts: &mut IssueFacts, at: Timestamp, question: &str, about: About) -> bool {
    if facts.question.as_ref().is_some_and(|known| known.asked.is_some()) && !facts.is_answered() {
        return false;
    }
    facts.question = Some(Question {
        text: question.to_owned(),
        about,
        asked: Some(at),
        since: facts.next_input,
    });
    true
}

pub(super) fn escalated(facts: &mut IssueFacts, reason: &str) -> bool {
    let head = facts.head().cloned();
    let same_help = facts
        .escalated
        .as_ref()
        .is_some_and(|known| known.head == head && !facts.has_input_since(known.since));
    if same_help {
        return false;
    }
    facts.escalated = Some(Escalation { reason: reason.to_owned(), head, since: facts.next_input });
    true
}
