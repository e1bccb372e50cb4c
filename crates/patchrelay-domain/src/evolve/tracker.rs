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
    pub(super) author: Option<&'a str>,
    pub(super) opened: Timestamp,
}

pub(super) fn session_opened(
    policy: &Policy,
    facts: &mut IssueFacts,
    at: Timestamp,
    new: &Opened<'_>,
) -> bool {
    let Opened { session, opened, .. } = *new;
    if facts.sessions.contains(session) {
        return false;
    }
    facts.sessions.push(session.clone());
    // The store knows all of them; these are for the facts to be whole by themselves.
    if MAX_SESSIONS < facts.sessions.len() {
        facts.sessions.remove(0);
    }
    if (facts.session_opened, facts.session.as_ref()) <= (opened, Some(session)) {
        facts.session = Some(session.clone());
        facts.session_opened = opened;
    }
    let opened_by = Actor {
        id: new.author.unwrap_or_default().to_owned(),
        name: None,
        email: None,
        // Nobody else can open one.
        standing: Standing::Member,
    };
    if !may_instruct(&policy.trusted, &opened_by) {
        return true;
    }
    // Opening one asks for work.
    facts.go = facts.go.max(opened);
    if let Some(text) = new.prompt.filter(|text| !text.trim().is_empty()) {
        let input = people::NewInput {
            at,
            said: opened,
            source: format!("session:{session}"),
            kind: InputKind::FollowupPrompt,
            text,
            author: new.author.map(str::to_owned),
            trust: Trust::Member,
        };
        people::add_input(facts, input);
    }
    true
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
