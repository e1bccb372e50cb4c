use super::*;
use crate::{
    Policy, Ticket, decide,
    fixture::{
        after, at, delegated, failed, published, pull_request, pull_request_read, running,
        session_opened, settled, then, ticket, ticket_read,
    },
};

/// Factory state, session state and waiting reason of these facts.
fn shown(facts: &IssueFacts) -> (&'static str, &'static str, Option<String>) {
    let next = decide(&Policy::default(), at(1_000_000), facts);
    let state = factory_state(&next);
    (state.as_str(), session_state(facts, state).as_str(), waiting_reason(&next))
}

#[test]
fn each_place_on_the_way_has_its_names() {
    let open = then(running(), 4_000, [settled("r1", published())]);
    let merged =
        then(open.clone(), 5_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let table = [
        (
            after([session_opened()]),
            "delegated",
            "idle",
            Some("waiting to read the ticket from the tracker"),
        ),
        (delegated(), "implementing", "idle", Some("ready to run implementation")),
        (running(), "implementing", "running", Some("running implementation")),
        (open, "pr_open", "idle", Some("waiting for review and merge of pull request #1")),
        (merged, "done", "done", None),
        (
            then(running(), 4_000, [settled("r1", asks)]),
            "awaiting_input",
            "waiting_input",
            Some("waiting for a human's answer"),
        ),
        (
            after([ticket_read(1, Ticket { delegated: false, ..ticket() })]),
            "paused",
            "idle",
            Some("paused: the ticket is not delegated to PatchRelay"),
        ),
    ];
    for (facts, factory, session, waits) in table {
        assert_eq!(shown(&facts), (factory, session, waits.map(str::to_owned)));
    }
}

fn note(facts: &IssueFacts) -> Option<String> {
    status_note(facts, &decide(&Policy::default(), at(1_000_000), facts))
}

#[test]
fn the_note_is_of_the_newest_thing() {
    assert_eq!(note(&delegated()), None);
    let lost = then(running(), 4_000, [settled("r1", failed())]);
    assert_eq!(note(&lost).as_deref(), Some("the agent went away"));
    let merged = then(running(), 4_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    assert_eq!(note(&merged).as_deref(), Some("pull request #1 was merged"));
}
