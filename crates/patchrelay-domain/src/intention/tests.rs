use super::*;
use crate::{
    ObservationKind, Policy, PrState, RunOutcome, SessionId, Ticket,
    fixture::{
        after, at, claimed, delegated, failed, observation, opened, published, pull_request,
        pull_request_read, running, session_opened, settled, then, ticket, ticket_read,
    },
};

/// The sets that these observations deserve, as one line each.
fn sets(facts: &IssueFacts, kinds: impl IntoIterator<Item = ObservationKind>) -> Vec<String> {
    let incoming = kinds.into_iter().map(|kind| observation(9_000, kind)).collect();
    crate::change(&Policy::default(), at(9_000), facts, incoming)
        .orders
        .iter()
        .filter_map(|order| match order {
            OutboxOrder::Plan { session, steps } => Some(format!("{session}: {}", shown(steps))),
            OutboxOrder::Link { session, url, .. } => Some(format!("{session}: {url}")),
            OutboxOrder::Comment { body } => Some(body.replace('\n', " ")),
            OutboxOrder::Activity { .. } | OutboxOrder::MoveTicket { .. } => None,
        })
        .collect()
}

fn shown(steps: &[PlanStep]) -> String {
    let step = |step: &PlanStep| {
        let sign = match step.status {
            PlanStatus::Pending => "-",
            PlanStatus::InProgress => ">",
            PlanStatus::Completed => "+",
            PlanStatus::Canceled => "x",
        };
        format!("{sign} {}", step.content)
    };
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

const LINK: &str = "s1: https://github.test/acme/app/pull/1";

#[test]
fn a_plan_goes_with_the_work() {
    let facts = after([session_opened()]);
    assert_eq!(
        sets(&facts, [ticket_read(10, ticket())]),
        ["s1: > Prepare the workspace, - Implement, - Verify, - Merge"]
    );
    assert_eq!(
        sets(&delegated(), [claimed(&delegated(), "r1")]),
        ["s1: + Prepare the workspace, > Implement, - Verify, - Merge"]
    );
    assert_eq!(
        sets(&running(), [settled("r1", published())]),
        ["s1: + Prepare the workspace, + Implement, > Verify, - Merge", LINK]
    );
    let merge = || pull_request_read(60, pull_request(1, PrState::Merged));
    assert_eq!(
        sets(&opened(), [merge()]),
        ["s1: + Prepare the workspace, + Implement, + Verify, + Merge"]
    );
}

/// Only what is seen at the end of a change is worth an order.
#[test]
fn a_change_of_several_observations_orders_each_set_once() {
    let merge = pull_request_read(60, pull_request(1, PrState::Merged));
    assert_eq!(
        sets(&running(), [settled("r1", published()), merge]),
        ["s1: + Prepare the workspace, + Implement, + Verify, + Merge", LINK]
    );
}

#[test]
fn what_looks_the_same_is_not_ordered_again() {
    let renamed = Ticket { title: "Other".to_owned(), ..ticket() };
    assert!(sets(&running(), [ticket_read(99, renamed)]).is_empty());
    assert!(sets(&opened(), []).is_empty());
}

#[test]
fn a_plan_says_who_is_waited_for() {
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    assert_eq!(
        sets(&running(), [settled("r1", asks)]),
        ["s1: + Prepare the workspace, > Wait for an answer, - Verify, - Merge"]
    );
    let undelegated = || ticket_read(99, Ticket { delegated: false, ..ticket() });
    assert_eq!(
        sets(&opened(), [undelegated()]),
        ["s1: + Prepare the workspace, + Implement, > Wait to be delegated again, - Merge"]
    );
    assert!(sets(&after([session_opened()]), [undelegated()]).is_empty(), "nobody gave it to us");
    let closed = ObservationKind::Closed {
        order: "o1".to_owned(),
        by: crate::fixture::member(),
        as_failed: true,
        reason: None,
    };
    assert_eq!(
        sets(&delegated(), [closed]),
        ["s1: x Prepare the workspace, x Implement, x Verify, x Merge"]
    );
}

/// A session that opens later shows the same as the first one.
#[test]
fn another_session_gets_plan_and_link() {
    let again = ObservationKind::SessionOpened {
        session: SessionId::new("s2"),
        prompt: None,
        author: None,
        opened: Some(at(9_000)),
        comments: Vec::new(),
    };
    assert_eq!(
        sets(&opened(), [again]),
        [
            "s2: + Prepare the workspace, + Implement, > Verify, - Merge",
            "s2: https://github.test/acme/app/pull/1"
        ]
    );
}

/// D37: where there is no session, one comment says how things stand.
#[test]
fn without_a_session_a_comment_reports() {
    let facts = after([ticket_read(10, ticket())]);
    assert!(sets(&after([]), [ticket_read(10, ticket())]).is_empty(), "a session may be coming");
    let claim = claimed(&facts, "r1");
    assert_eq!(
        sets(&facts, [claim.clone()]),
        ["**PatchRelay**: implementing  running implementation  This comment is kept up to date."]
    );
    let facts = then(facts, 3_000, [claim]);
    assert_eq!(
        sets(&facts, [settled("r1", published())]),
        ["**PatchRelay**: pr open  waiting for review and merge of pull request #1  Pull request \
             [#1](https://github.test/acme/app/pull/1)  > Added the greeting.  This comment is kept up to date."]
    );
    let lost = sets(&facts, [settled("r1", failed())]);
    assert!(lost[0].contains("> the agent went away"), "{lost:?}");
}

#[test]
fn a_session_takes_the_place_of_the_comment() {
    let facts = after([ticket_read(10, ticket())]);
    let facts = then(facts.clone(), 3_000, [claimed(&facts, "r1")]);
    let sets = sets(&facts, [session_opened()]);
    assert_eq!(
        sets,
        [
            "s1: + Prepare the workspace, > Implement, - Verify, - Merge",
            "**PatchRelay** reports in the agent session on this ticket."
        ]
    );
}
