//! What the tracker says.

use super::{is_known, people};
use crate::{
    Actor, InputKind, IssueFacts, Policy, SessionId, Standing, Ticket, Timestamp, Versioned,
    may_instruct, prompt::Trust,
};

/// The most sessions that are remembered.
const MAX_SESSIONS: usize = 64;

/// A session that opened.
pub(super) struct Opened<'a> {
    pub(super) session: &'a SessionId,
    pub(super) prompt: Option<&'a str>,
    pub(super) author: Option<&'a Actor>,
    pub(super) opened: Timestamp,
    /// The comments that it grew out of; the prompt is the last of them.
    pub(super) comments: &'a [String],
}

pub(super) fn session_opened(
    policy: &Policy,
    facts: &mut IssueFacts,
    at: Timestamp,
    new: &Opened<'_>,
) -> bool {
    let Opened { session, opened, .. } = *new;
    if facts.sessions.contains(session) {
        // It was heard of first by what was said in it later on.
        return asked(policy, facts, at, new);
    }
    facts.sessions.push(session.clone());
    // The store knows all of them; these are for the facts to be whole by themselves.
    if MAX_SESSIONS < facts.sessions.len() {
        facts.sessions.remove(0);
    }
    let new_threads = new.comments.iter().filter(|comment| !facts.is_in_session(comment));
    let new_threads: Vec<_> = new_threads.cloned().collect();
    facts.threads_of_sessions.extend(new_threads);
    let too_many = facts.threads_of_sessions.len().saturating_sub(2 * MAX_SESSIONS);
    facts.threads_of_sessions.drain(..too_many);
    if (facts.session_opened, facts.session.as_ref()) <= (opened, Some(session)) {
        facts.session = Some(session.clone());
        facts.session_opened = opened;
    }
    asked(policy, facts, at, new);
    true
}

/// Opening a session asks for work, in words or without.
fn asked(policy: &Policy, facts: &mut IssueFacts, at: Timestamp, new: &Opened<'_>) -> bool {
    let Opened { session, opened, .. } = *new;
    let somebody =
        || Actor { id: String::new(), name: None, email: None, standing: Standing::Member };
    let by = new.author.cloned().unwrap_or_else(somebody);
    if !may_instruct(&policy.trusted, &by) {
        return false;
    }
    facts.go = facts.go.max(opened);
    let Some(text) = new.prompt.filter(|text| !text.trim().is_empty()) else { return false };
    let source = new.comments.last().cloned().unwrap_or_else(|| format!("session:{session}"));
    // It is a comment too, and was taken up as one before the session was known.
    if facts.has_comment(&source) {
        return false;
    }
    let input = people::NewInput {
        at,
        said: opened,
        source,
        kind: InputKind::FollowupPrompt,
        text,
        author: new.author.map(|author| author.shown().to_owned()),
        trust: Trust::Member,
    };
    people::add_input(facts, input)
}

pub(super) fn read(facts: &mut IssueFacts, version: Timestamp, ticket: &Ticket) -> bool {
    let known_version = facts.ticket.as_ref().map(|known| known.version).unwrap_or_default();
    match &facts.ticket {
        Some(known) if is_known(known, version, ticket) => return false,
        Some(known) if known.value.delegated != ticket.delegated => {
            facts.epoch += 1;
            if ticket.delegated {
                // Delegating once more is how a human says "try again". A question stays open, because that is no answer
                // to it (N27).
                people::begin_again(facts);
                // A stop is lifted only if it is older than the last time at which the ticket was known not to be ours:
                // the delegation itself came at some time after that, and perhaps before the stop.
                facts.go = facts.go.max(known_version);
            }
        }
        None if ticket.delegated => facts.epoch += 1,
        Some(_) | None => {}
    }
    facts.ticket = Some(Versioned { version, value: ticket.clone() });
    // Whoever can read it newer than its removal sees that it is back.
    facts.removed.take_if(|removed| *removed < version);
    true
}

pub(super) fn removed(facts: &mut IssueFacts, version: Timestamp) -> bool {
    let is_old = facts.removed.is_some_and(|known| version <= known)
        || facts.ticket.as_ref().is_some_and(|ticket| version < ticket.version);
    if !is_old {
        facts.removed = Some(version);
    }
    !is_old
}
