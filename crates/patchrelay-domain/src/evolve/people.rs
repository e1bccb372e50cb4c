//! What people say to us, and what we say to them.

use crate::{
    About, Actor, Attempts, Closed, Edit, Escalation, Heard, InputKind, Intent, IssueFacts, NAMES,
    PendingInput, Policy, Question, RunType, Spending, Stop, Timestamp, TreeId, intent,
    intent::{Reply, reply},
    may_instruct,
    prompt::Trust,
    text::capped,
    trust_of,
};

/// The most inputs that wait at once (D12). The oldest is the one that the work is already about.
pub(super) const MAX_PENDING: usize = 64;
/// The longest input that is kept, in characters. Longer ones are cut, and say so.
const MAX_INPUT: usize = 20_000;

/// Something a human said.
pub(crate) struct Said<'a> {
    pub(crate) source: &'a str,
    pub(crate) said: Timestamp,
    pub(crate) heard: Heard,
    pub(crate) author: &'a Actor,
    pub(crate) text: &'a str,
    pub(crate) is_edit: bool,
}

pub(super) fn said(
    policy: &Policy,
    facts: &mut IssueFacts,
    at: Timestamp,
    said: &Said<'_>,
) -> bool {
    // Who may not instruct us starts nothing, stops nothing and is told nothing (D36, W11).
    if !may_instruct(&policy.trusted, said.author) || facts.is_edited_since(said.source, said.said)
    {
        return false;
    }
    let wish = wish(facts, said);
    // Whatever it says now, what it said before was withdrawn.
    let is_withdrawn = withdraw(facts, said);
    match wish {
        Wish::Remark => is_withdrawn,
        // Facts stay as they are; that it was asked is what the answer goes by.
        Wish::Status => true,
        Wish::Stop => stop(policy, facts, said.source, said.said, said.author) || is_withdrawn,
        Wish::Release => release(facts, said.author) || is_withdrawn,
        Wish::Work if is_told_again(facts, said) => false,
        Wish::Work => {
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

/// What was said in a session is a comment too, and may have been taken up as one before its session was known.
fn is_told_again(facts: &IssueFacts, said: &Said<'_>) -> bool {
    said.heard == Heard::Session && !said.is_edit && facts.has_comment(said.source)
}

/// The most edits and the most orders to stop that are remembered.
const MAX_REMEMBERED: usize = 64;

/// Takes back what a text said before, whether we heard of that or may still do so.
fn withdraw(facts: &mut IssueFacts, said: &Said<'_>) -> bool {
    let is_other = |source: &str, at: Timestamp| source != said.source || said.said <= at;
    let before = (facts.pending.len(), facts.stops.len());
    facts.pending.retain(|input| is_other(&input.source, input.said));
    facts.stops.retain(|stop| is_other(&stop.source, stop.said));
    let is_withdrawn = (facts.pending.len(), facts.stops.len()) != before;
    if said.is_edit {
        facts.edits.retain(|edit| edit.source != said.source);
        let order = |edit: &Edit| (edit.said, edit.source.clone());
        let edit = Edit { source: said.source.to_owned(), said: said.said };
        put_in_order(&mut facts.edits, edit, order, MAX_REMEMBERED);
    }
    is_withdrawn || said.is_edit
}

/// Puts something where it belongs in a list that keeps the last `max`.
fn put_in_order<T, K: Ord>(list: &mut Vec<T>, new: T, order: impl Fn(&T) -> K, max: usize) {
    let place = list.partition_point(|other| order(other) <= order(&new));
    list.insert(place, new);
    if max < list.len() {
        list.remove(0);
    }
}

/// Whether somebody wants to know how things stand.
pub(crate) fn asks_how_it_stands(facts: &IssueFacts, said: &Said<'_>) -> bool {
    matches!(wish(facts, said), Wish::Status)
}

/// What somebody wants, where the issue stands now.
enum Wish {
    Work,
    Status,
    Stop,
    Remark,
    /// That what is held is published as it is.
    Release,
}

fn wish(facts: &IssueFacts, said: &Said<'_>) -> Wish {
    // What was said before we asked is no answer, however late it is heard of.
    let asked = facts.question.as_ref().filter(|question| question.can_be_answered_at(said.said));
    let heard = match said.heard {
        // Where there is no session, the ticket is the only place to answer.
        Heard::TicketComment if asked.is_some() && facts.session.is_none() => Heard::Session,
        Heard::Session | Heard::TicketComment | Heard::ForgeComment | Heard::Operator => said.heard,
    };
    let meaning = match heard {
        // An operator has commands for everything else.
        Heard::Operator => Intent::Work,
        Heard::Session | Heard::TicketComment | Heard::ForgeComment => {
            intent(heard, said.text, &NAMES)
        }
    };
    let is_to_us = meaning != Intent::Remark || heard == Heard::Session;
    if let Some(asked) = asked.filter(|_| is_to_us && !said.text.trim().is_empty()) {
        match (asked.about, reply(said.text, &NAMES), meaning) {
            // Of the agent's own question only the agent knows what yes and no mean.
            (About::Work, Some(_), _) => return Wish::Work,
            (_, Some(Reply::No), _) => return Wish::Stop,
            (About::Publication, Some(Reply::Yes), _) if can_release(facts) => {
                return Wish::Release;
            }
            (About::Publication | About::Spending | About::LinkedPullRequests, Some(Reply::Yes), _)
            // "Thanks" means nothing, but as an answer it does.
            | (_, None, Intent::Remark) => return Wish::Work,
            (_, None, Intent::Work | Intent::Status | Intent::Stop) => {}
        }
    }
    match meaning {
        Intent::Work => Wish::Work,
        Intent::Status => Wish::Status,
        Intent::Stop => Wish::Stop,
        Intent::Remark => Wish::Remark,
    }
}

fn can_release(facts: &IssueFacts) -> bool {
    facts.held.as_ref().is_some_and(|held| {
        held.released_by.is_none() && held.hits.iter().all(crate::gate::is_releasable)
    })
}

/// Releases what is held. What nobody may release is not released by asking again.
fn release(facts: &mut IssueFacts, by: &Actor) -> bool {
    if !can_release(facts) {
        return false;
    }
    if let Some(held) = &mut facts.held {
        held.released_by = Some(by.clone());
    }
    facts.question.take_if(|question| question.about == About::Publication);
    true
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
    let is_known =
        facts.pending.iter().chain(taken_up).any(|other| same(other) && input.said <= other.said);
    if is_known || facts.is_edited_since(&input.source, input.said) {
        return false;
    }
    facts.pending.retain(|other| !same(other));
    let order = |input: &PendingInput| (input.said, input.source.clone());
    put_in_order(&mut facts.pending, input, order, MAX_PENDING);
    true
}

/// The newest order counts, so it does not matter in which order they come. The older ones are kept, because the newest may
/// be taken back.
pub(super) fn stop(
    policy: &Policy,
    facts: &mut IssueFacts,
    source: &str,
    said: Timestamp,
    by: &Actor,
) -> bool {
    let is_known = facts.stops.iter().any(|known| known.source == source && said <= known.said);
    if is_known || !may_instruct(&policy.trusted, by) {
        return false;
    }
    let stop = Stop { source: source.to_owned(), said, by: by.shown().to_owned() };
    let order = |stop: &Stop| (stop.said, stop.source.clone());
    put_in_order(&mut facts.stops, stop, order, MAX_REMEMBERED);
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
    // What is closed already was closed before the order, whatever the clocks say.
    let after_end = facts.surely_after_end().unwrap_or_default();
    facts.go = facts.go.max(said).max(after_end);
    facts.closed = None;
    facts.question = None;
    // What a human released is not thrown away because publishing it took too many tries.
    facts.held.take_if(|held| held.released_by.is_none());
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
    facts.go = facts.last_go();
    facts.pending.clear();
    facts.question = None;
    facts.held = None;
    true
}

/// Exactly the tree that they looked at, or nothing.
pub(super) fn approve(policy: &Policy, facts: &mut IssueFacts, tree: &TreeId, by: &Actor) -> bool {
    let is_that_tree = facts.held.as_ref().is_some_and(|held| held.tree == *tree);
    is_that_tree && may_instruct(&policy.trusted, by) && release(facts, by)
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

pub(super) fn escalated(facts: &mut IssueFacts, at: Timestamp, reason: &str) -> bool {
    let head = facts.head().cloned();
    if facts.escalated.is_some() && !facts.is_helped() {
        return false;
    }
    facts.escalated =
        Some(Escalation { reason: reason.to_owned(), at, head, since: facts.next_input });
    true
}
