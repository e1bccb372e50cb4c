use super::{Order::*, *};
use crate::{
    GateHit, PrState, ReportOutcome, RunOutcome, Standing, Ticket, TrackerState, TrackerStateKind,
    fixture::{
        after, at, claimed, delegated, opened, pull_request, pull_request_read, report, running,
        settled, then, ticket, ticket_read,
    },
};

fn operator() -> Actor {
    Actor {
        id: "operator:Olga".to_owned(),
        name: Some("Olga".to_owned()),
        email: None,
        standing: Standing::Operator,
    }
}

fn given(order: Order) -> GivenOrder {
    let reason = Some("because".to_owned());
    GivenOrder { id: "order-1".to_owned(), by: operator(), reason, order }
}

fn judged(facts: &IssueFacts, order: Order) -> Result<ObservationKind, OrderRefusal> {
    carry_out(&Policy::default(), at(900_000), facts, &given(order))
}

/// The facts after an order that is carried out.
fn obeyed(facts: IssueFacts, order: Order) -> IssueFacts {
    let kind = judged(&facts, order).unwrap();
    then(facts, 900_000, [kind])
}

fn retry(run_type: Option<RunType>) -> Order {
    Retry { run_type }
}

fn close() -> Order {
    Close { as_failed: false }
}

fn prompt() -> Order {
    Prompt { text: "stop using unwrap".to_owned() }
}

fn approve(tree: Option<&str>) -> Order {
    Approve { tree: tree.map(TreeId::new) }
}

/// The work of a run is held for these.
fn held(hits: Vec<GateHit>) -> IssueFacts {
    let report = Box::new(report(ReportOutcome::Done));
    let tree = TreeId::new("t1");
    then(running(), 4_000, [settled("r1", RunOutcome::Held { tree, hits, report })])
}

fn workflow() -> GateHit {
    GateHit::ProtectedPath { path: ".github/workflows/ci.yml".to_owned() }
}

fn secret() -> GateHit {
    GateHit::Secret { name: "GITHUB_TOKEN".to_owned(), path: "a.txt".to_owned() }
}

#[test]
fn every_order_says_who_and_why() {
    let reason = Some("because".to_owned());
    let (order, by) = ("order-1".to_owned(), operator());
    let now = at(900_000);
    let expected = ObservationKind::Retried {
        order: order.clone(),
        said: now,
        by: by.clone(),
        run_type: None,
        reason: reason.clone(),
    };
    assert_eq!(judged(&delegated(), retry(None)), Ok(expected));
    let expected = ObservationKind::StopRequested {
        source: order.clone(),
        said: now,
        by: by.clone(),
        reason: reason.clone(),
    };
    assert_eq!(judged(&running(), Stop), Ok(expected));
    let expected = ObservationKind::Closed {
        order: order.clone(),
        by: by.clone(),
        as_failed: true,
        reason: reason.clone(),
    };
    assert_eq!(judged(&running(), Close { as_failed: true }), Ok(expected));
    let expected = ObservationKind::Approved { order, tree: TreeId::new("t1"), by, reason };
    assert_eq!(judged(&held(vec![workflow()]), approve(None)), Ok(expected));
    let told = obeyed(running(), prompt());
    let input = &told.pending[0];
    assert_eq!((input.text.as_str(), input.author.as_deref()), ("stop using unwrap", Some("Olga")));
}

#[test]
fn a_release_is_of_what_was_looked_at() {
    let facts = || held(vec![workflow()]);
    for tree in [None, Some("t1")] {
        assert!(obeyed(facts(), approve(tree)).held.unwrap().released_by.is_some(), "{tree:?}");
    }
    let changed = judged(&facts(), approve(Some("t0"))).unwrap_err();
    assert_eq!(changed.code(), "another_tree");
    assert!(changed.to_string().contains("t1, and not t0"), "{changed}");
    assert_eq!(judged(&delegated(), approve(None)), Err(OrderRefusal::NothingHeld));
    let released = obeyed(facts(), approve(None));
    let twice = judged(&released, approve(Some("t1"))).unwrap_err();
    assert_eq!(twice, OrderRefusal::ReleasedAlready { by: "Olga".to_owned() });
    let forbidden = judged(&held(vec![secret(), workflow()]), approve(Some("t1"))).unwrap_err();
    assert_eq!(forbidden.code(), "not_releasable");
    let text = forbidden.to_string();
    assert!(text.contains("GITHUB_TOKEN") && !text.contains("workflows"), "{text}");
}

#[test]
fn a_retry_gives_everything_spent_back_and_waits_for_nobody() {
    let escalated =
        then(delegated(), 4_000, [ObservationKind::Escalated { reason: "three tries".to_owned() }]);
    assert_eq!(obeyed(escalated, retry(None)).escalated, None);
    let busy = judged(&running(), retry(None)).unwrap_err();
    assert_eq!(busy, OrderRefusal::RunActive { run_type: RunType::Implementation });
    let nothing = judged(&delegated(), retry(Some(RunType::CiRepair)));
    assert_eq!(nothing, Err(OrderRefusal::NoPullRequest));
    assert_eq!(obeyed(opened(), retry(Some(RunType::CiRepair))).wanted, Some(RunType::CiRepair));
    let merged = then(opened(), 5_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    assert_eq!(obeyed(merged, retry(None)).wanted, Some(RunType::Implementation));
}

#[test]
fn a_stop_holds_until_somebody_says_what_to_do() {
    let stopped = obeyed(running(), Stop);
    assert!(stopped.stopped().is_some());
    assert_eq!(judged(&stopped, Stop), Err(OrderRefusal::StoppedAlready));
    assert_eq!(judged(&running(), Stop).map(|kind| kind.name()), Ok("stop_requested"));
    let later = |facts: IssueFacts, order: Order| {
        let kind = carry_out(&Policy::default(), at(950_000), &facts, &given(order)).unwrap();
        then(facts, 950_000, [kind])
    };
    assert_eq!(later(stopped, prompt()).stopped(), None);
}

#[test]
fn what_is_over_is_begun_again_by_a_retry_only() {
    let closed = obeyed(delegated(), close());
    for order in [close(), Stop, prompt()] {
        assert_eq!(judged(&closed, order), Err(OrderRefusal::Over));
    }
    assert!(judged(&closed, retry(None)).is_ok());
    let state = TrackerState { kind: TrackerStateKind::Completed, ..ticket().state };
    let completed = after([ticket_read(10, Ticket { state, ..ticket() })]);
    for order in [close(), Stop] {
        assert_eq!(judged(&completed, order), Err(OrderRefusal::Over));
    }
    assert!(judged(&completed, prompt()).is_ok(), "people may want more of it");
}

#[test]
fn every_refusal_has_a_code_and_a_sentence() {
    let refusals = [
        OrderRefusal::NothingHeld,
        OrderRefusal::AnotherTree { held: TreeId::new("t1"), asked: TreeId::new("t0") },
        OrderRefusal::NotReleasable { hits: vec!["`a` is a git repository".to_owned()] },
        OrderRefusal::ReleasedAlready { by: "Olga".to_owned() },
        OrderRefusal::RunActive { run_type: RunType::CiRepair },
        OrderRefusal::NoPullRequest,
        OrderRefusal::StoppedAlready,
        OrderRefusal::Over,
        OrderRefusal::NoEffect,
    ];
    let shown: Vec<_> =
        refusals.iter().map(|refusal| format!("{}: {refusal}", refusal.code())).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

/// The order is judged on the facts that it changes, so what is judged here is what happens.
#[test]
fn every_order_that_is_not_refused_changes_something() {
    let busy = then(delegated(), 3_000, [claimed(&delegated(), "r1")]);
    for facts in [delegated(), busy, opened(), held(vec![workflow()])] {
        for order in [retry(None), Stop, close(), prompt(), approve(None)] {
            let Ok(kind) = judged(&facts, order) else { continue };
            assert_ne!(then(facts.clone(), 900_000, [kind]), facts);
        }
    }
}
