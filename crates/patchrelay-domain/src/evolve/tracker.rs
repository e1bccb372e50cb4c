//! What the tracker says.

use super::{is_known, people};
use crate::{
    Actor, InputKind, IssueFacts, Policy, SessionId, Standing, Ticket, Timestamp, Versioned,
    may_instruct, prompt::Trust,
};

pub(super) fn session_opened(
    policy: &Policy,
    facts: &mut IssueFacts,
    at: Timestamp,
    session: &SessionId,
    prompt: Option<&str>,
    author: Option<String>,
) -> bool {
    if facts.sessions.contains(session) {
        return false;
    }
    facts.sessions.push(session.clone());
    facts.session = Some(session.clone());
    let opened_by = Actor {
        id: author.clone().unwrap_or_default(),
        name: None,
        email: None,
        // Nobody else can open one.
        standing: Standing::Member,
    };
    if !may_instruct(&policy.trusted, &opened_by) {
        return true;
    }
    // Opening one asks for work.
    facts.go = facts.go.max(at);
    if let Some(text) = prompt.filter(|text| !text.trim().is_empty()) {
        let input = people::NewInput {
            at,
            said: at,
            source: format!("session:{session}"),
            kind: InputKind::FollowupPrompt,
            text,
            author,
            trust: Trust::Member,
        };
        people::add_input(facts, input);
    }
    true
}

pub(super) fn read(facts: &mut IssueFacts, version: Timestamp, ticket: &Ticket) -> bool {
    match &facts.ticket {
        Some(known) if is_known(known, version, ticket) => return false,
        Some(known) if known.value.delegated != ticket.delegated => {
            facts.epoch += 1;
            if ticket.delegated {
                // Delegating once more is how a human says "try again". A question stays open, because that is no answer
                // to it (N27).
                people::begin_again(facts);
                facts.go = facts.go.max(version);
            }
        }
        None if ticket.delegated => facts.epoch += 1,
        Some(_) | None => {}
    }
    facts.ticket = Some(Versioned { version, value: ticket.clone() });
    true
}

pub(super) fn removed(facts: &mut IssueFacts, version: Timestamp) -> bool {
    if facts.removed.is_some_and(|known| version <= known) {
        return false;
    }
    facts.removed = Some(version);
    true
}
