mod forge;
mod people;
mod runs;
mod sessions;

use super::{people::MAX_PENDING, *};
use crate::{
    CommitSha, FACTS_VERSION, PrState, PullRequest, RunId, RunOutcome, SessionId, Stop, Ticket,
    TrackerStateKind,
    fixture::{
        after, at, claimed, delegated, empty, failed, moved, observation, published, pull_request,
        pull_request_read, running, session_opened, settled, state, then, ticket, ticket_read,
    },
};

fn evolved(facts: &IssueFacts, kind: ObservationKind) -> Evolved {
    evolve(&Policy::default(), facts, &observation(9_000, kind))
}

fn said(session: &str, text: &str) -> ObservationKind {
    ObservationKind::SessionOpened {
        session: SessionId::new(session),
        prompt: Some(text.to_owned()),
        author: Some(crate::fixture::member()),
        opened: None,
        comments: Vec::new(),
    }
}

#[test]
fn a_session_opens_once() {
    let facts = after([session_opened()]);
    assert_eq!(facts.session, Some(SessionId::new("s1")));
    assert_eq!(evolved(&facts, session_opened()), Evolved::Unchanged);
}

#[test]
fn an_older_ticket_never_replaces_a_newer_one() {
    let newer = Ticket { title: "Newer".to_owned(), ..ticket() };
    let facts = after([ticket_read(20, newer.clone())]);
    assert_eq!(evolved(&facts, ticket_read(19, ticket())), Evolved::Unchanged);
    assert_eq!(
        evolved(&facts, ticket_read(20, newer)),
        Evolved::Unchanged,
        "nothing new is not logged"
    );
}

/// A, B, A again: whoever hears of B last must not believe it.
#[test]
fn every_order_of_the_same_states_ends_in_the_same_facts() {
    let other = Ticket { title: "Other".to_owned(), ..ticket() };
    let states = [ticket_read(10, ticket()), ticket_read(20, other), ticket_read(30, ticket())];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let facts = after(order.map(|index: usize| states[index].clone()));
        assert_eq!(facts.ticket, Some(Versioned { version: at(30), value: ticket() }), "{order:?}");
    }
}

#[test]
fn each_change_of_delegation_is_a_new_authority() {
    let not = Ticket { delegated: false, ..ticket() };
    let facts = after([ticket_read(10, ticket()), ticket_read(20, not), ticket_read(30, ticket())]);
    assert_eq!(facts.epoch, 3);
    let moved = Ticket { state: state(TrackerStateKind::Started), ..ticket() };
    assert_eq!(then(facts, 9_000, [ticket_read(40, moved)]).epoch, 3);
}

#[test]
fn facts_and_observations_survive_storage() {
    // What is stored today must be readable for ever: a change here needs a new FACTS_VERSION.
    assert_eq!(FACTS_VERSION, 3);
    let facts = then(running(), 4_000, [settled("r1", published())]);
    let text = serde_json::to_string_pretty(&facts).unwrap();
    insta::assert_snapshot!("facts", text);
    assert_eq!(serde_json::from_str::<IssueFacts>(&text).unwrap(), facts);
    // What earlier versions wrote means the same today.
    let first = serde_json::from_str::<IssueFacts>(include_str!("golden/facts_v1.json")).unwrap();
    assert_eq!((first.pull_request.clone(), first.key()), (facts.pull_request.clone(), "APP-1"));
    assert_eq!(first.stopped(), None);
    let second = serde_json::from_str::<IssueFacts>(include_str!("golden/facts_v2.json")).unwrap();
    let stop = Stop { source: String::new(), said: at(5_000), by: "Ada".to_owned() };
    assert_eq!(second.stopped(), Some(&stop));
    assert_eq!(IssueFacts { stops: Vec::new(), ..second }, facts);
    for kind in [
        session_opened(),
        ticket_read(1, ticket()),
        pull_request_read(1, pull_request(1, PrState::Open)),
        claimed(&delegated(), "r1"),
        settled("r1", failed()),
        ObservationKind::Asked { question: "?".to_owned(), about: crate::About::Work },
        ObservationKind::Escalated { reason: "!".to_owned() },
        moved("one", "other"),
        ObservationKind::WorktreeRemoved { path: "/w".to_owned(), rescue: None },
    ] {
        let observation = observation(1, kind);
        let text = serde_json::to_string(&observation).unwrap();
        assert_eq!(serde_json::from_str::<Observation>(&text).unwrap(), observation, "{text}");
    }
}

#[test]
fn an_epoch_begins_with_the_first_delegation() {
    assert_eq!(after([ticket_read(1, Ticket { delegated: false, ..ticket() })]).epoch, 0);
    assert_eq!(delegated().epoch, 1);
    assert_eq!(delegated().updated, at(2_000));
}

/// What a source changes without a new version of its own, such as a blocker that is over, is news all the same.
#[test]
fn another_value_of_the_same_version_is_taken() {
    let facts = after([ticket_read(20, ticket())]);
    let other = ticket_read(20, Ticket { title: "Other".to_owned(), ..ticket() });
    assert!(
        matches!(evolved(&facts, other), Evolved::Changed(facts) if facts.ticket.as_ref().unwrap().value.title == "Other")
    );
}

/// A removed ticket that can be read again is back, in whatever order that is heard.
#[test]
fn a_removal_holds_until_a_newer_read() {
    let removed = |version| ObservationKind::TicketRemoved { version: at(version) };
    let gone = then(delegated(), 3_000, [removed(50)]);
    assert!(gone.is_removed());
    assert_eq!(evolved(&gone, removed(50)), Evolved::Unchanged);
    assert_eq!(evolved(&gone, removed(49)), Evolved::Unchanged);
    assert!(
        then(gone.clone(), 4_000, [ticket_read(50, Ticket { title: "x".to_owned(), ..ticket() })])
            .is_removed()
    );
    let back = then(gone, 4_000, [ticket_read(51, ticket())]);
    assert!(!back.is_removed());
    assert_eq!(evolved(&back, removed(50)), Evolved::Unchanged);
    assert!(then(back, 5_000, [removed(51)]).is_removed());
}

/// The newest session is the one that opened last, whenever it was heard of.
#[test]
fn the_newest_session_is_the_one_that_opened_last() {
    let opened = |session: &str, millis| ObservationKind::SessionOpened {
        session: SessionId::new(session),
        prompt: None,
        author: None,
        opened: Some(at(millis)),
        comments: Vec::new(),
    };
    for order in [[opened("s1", 10), opened("s2", 20)], [opened("s2", 20), opened("s1", 10)]] {
        let facts = after(order);
        assert_eq!(facts.session, Some(SessionId::new("s2")));
        assert_eq!((facts.sessions.len(), facts.go), (2, at(20)));
    }
}

#[test]
fn the_last_sixty_four_sessions_are_remembered() {
    let opened = |n: i64| ObservationKind::SessionOpened {
        session: SessionId::new(format!("s{n}")),
        prompt: None,
        author: None,
        opened: Some(at(n)),
        comments: Vec::new(),
    };
    let facts = after((1..=64).map(opened));
    assert_eq!((facts.sessions.len(), facts.sessions[0].as_str()), (64, "s1"));
    let facts = then(facts, 90_000, [opened(65)]);
    assert_eq!((facts.sessions.len(), facts.sessions[0].as_str()), (64, "s2"));
}
