use super::*;
use crate::{
    Policy,
    fixture::{
        self, after, at, claimed, delegated, failed, observation, published, pull_request,
        pull_request_read, running, session_opened, settled, then, ticket, ticket_read,
    },
};

/// The reports of one observation on these facts, as one line each.
fn said(facts: &IssueFacts, kind: ObservationKind) -> Vec<String> {
    crate::change(&Policy::default(), at(9_000), facts, vec![observation(9_000, kind)])
        .orders
        .iter()
        .map(|order| match order {
            OutboxOrder::MoveTicket { to } => format!("move {to:?}"),
            OutboxOrder::Activity { content, urgent, .. } => {
                let text = match content {
                    ActivityContent::Action { action, parameter } => {
                        format!("{action} {parameter}")
                    }
                    ActivityContent::Thought { body }
                    | ActivityContent::Response { body }
                    | ActivityContent::Elicitation { body }
                    | ActivityContent::Error { body } => body.clone(),
                };
                format!(
                    "{}{}: {}",
                    order.name(),
                    if *urgent { "!" } else { "" },
                    text.replace('\n', " ")
                )
            }
        })
        .collect()
}

#[test]
fn a_session_is_acknowledged_at_once() {
    let said = said(&after([]), session_opened());
    assert_eq!(said, ["thought!: Received. I am reading the ticket."]);
}

#[test]
fn a_start_is_told_once_and_moves_the_ticket() {
    let facts = delegated();
    let start = "action: Implementing the ticket on branch `patchrelay/APP-1-wish-a-good-night`";
    assert_eq!(said(&facts, claimed(&facts, "r1")), [start, "move Started"]);
    let lost = then(running(), 4_000, [settled("r1", failed())]);
    assert!(said(&lost, claimed(&lost, "r2")).is_empty(), "going on with a lost run is no news");
    let closed = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Closed))],
    );
    assert_eq!(
        said(&closed, claimed(&closed, "r2")),
        [start.replace("night`", "night-2`")],
        "starting over is"
    );
}

#[test]
fn the_agents_words_are_quoted() {
    let said = said(&running(), settled("r1", published()));
    assert_eq!(
        said,
        [
            "response: Opened pull request [#1](https://github.test/acme/app/pull/1).  > Added the greeting."
        ]
    );
}

#[test]
fn a_merge_is_told_once_and_completes_the_ticket() {
    let open = then(running(), 4_000, [settled("r1", published())]);
    let merge = pull_request_read(60, pull_request(1, PrState::Merged));
    assert_eq!(
        said(&open, merge.clone()),
        [
            "response: Pull request [#1](https://github.test/acme/app/pull/1) was merged.",
            "move Completed"
        ]
    );
    let merged = then(open, 5_000, [merge.clone()]);
    assert!(said(&merged, merge).is_empty());
}

/// Nothing that was said is dropped without a word.
#[test]
fn a_merge_tells_whose_words_came_too_late() {
    let open = then(running(), 4_000, [settled("r1", published())]);
    let heard = |n: i64| {
        fixture::said(&format!("a{n}"), n, crate::Heard::Session, "Please document it, too.")
    };
    let merge = pull_request_read(60, pull_request(1, PrState::Merged));
    let one = then(open.clone(), 5_000, [heard(1)]);
    let told = said(&one, merge.clone());
    assert!(
        told[0].ends_with("One message came too late for it; say it again if it still matters.")
    );
    let two = then(open, 5_000, [heard(1), heard(2)]);
    assert!(said(&two, merge)[0].contains(" 2 messages came too late"));
}

#[test]
fn a_call_for_help_names_the_last_failure() {
    let facts = then(running(), 4_000, [settled("r1", failed())]);
    let said =
        said(&facts, ObservationKind::Escalated { reason: "five runs were lost".to_owned() });
    assert_eq!(
        said,
        ["error: I need a human here: five runs were lost. The last one: the agent went away."]
    );
}

#[test]
fn a_mention_without_delegation_is_answered_once() {
    let not = || ticket_read(10, crate::Ticket { delegated: false, ..ticket() });
    let facts = after([session_opened()]);
    assert_eq!(
        said(&facts, not()),
        ["elicitation: This ticket is not delegated to me. Delegate it, and I start."]
    );
    let later =
        ticket_read(20, crate::Ticket { delegated: false, title: "Other".to_owned(), ..ticket() });
    assert!(said(&then(facts, 3_000, [not()]), later).is_empty());
}

#[test]
fn what_changes_nothing_for_people_is_not_told() {
    assert!(said(&delegated(), ticket_read(99, ticket())).is_empty());
    assert!(said(&running(), settled("r1", failed())).is_empty());
}

#[test]
fn only_a_sign_of_life_can_come_too_late() {
    let facts = delegated();
    let orders = |kind| {
        crate::change(&Policy::default(), at(9_000), &facts, vec![observation(9_000, kind)]).orders
    };
    let other = crate::SessionId::new("s9");
    let opened = ObservationKind::SessionOpened { session: other, prompt: None, author: None };
    assert!(orders(opened).iter().all(|order| order.useful_for().is_some()));
    assert!(orders(claimed(&facts, "r1")).iter().all(|order| order.useful_for().is_none()));
}

/// The publisher was away while a human merged: what it finds is told whole.
#[test]
fn a_merge_that_the_publisher_finds_is_told_with_the_pull_request() {
    let found = RunOutcome::Published {
        commit: crate::CommitSha::new("1".repeat(40)),
        pull_request: pull_request(1, PrState::Merged),
        version: at(0),
        summary: "Done.".to_owned(),
    };
    let merged = "response: Pull request [#1](https://github.test/acme/app/pull/1) was merged.";
    let told = said(&running(), settled("r1", found.clone()));
    assert_eq!(&told[1..], [merged, "move Completed"]);
    let known = then(running(), 4_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    assert_eq!(said(&known, settled("r1", found)).len(), 1, "and not twice");
}
