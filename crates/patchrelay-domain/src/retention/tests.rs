use super::*;
use crate::fixture::{claimed, delegated, failed, report, settled, then};
use crate::{
    Evolved, Held, NodeId, Observation, ObservationKind, Policy, ReportOutcome, RunId, RunType,
    Settled, TreeId, evolve,
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn ago(days: u32) -> Timestamp {
    NOW.minus(days * DAY)
}

#[test]
fn payloads_are_kept_for_two_weeks_and_everything_else_for_a_month() {
    let expected = Cuts { payloads: ago(14), deliveries: ago(30), reports: ago(30), feed: ago(30) };
    assert_eq!(Retention::default().cuts(NOW), expected);
}

#[test]
fn a_delivery_is_recognised_for_a_month_and_as_long_as_it_is_kept() {
    let cut = |days: u32| Retention { inbox: days * DAY, ..Retention::default() }.cuts(NOW);
    assert_eq!((cut(1).payloads, cut(1).deliveries), (ago(1), ago(30)));
    assert_eq!((cut(90).payloads, cut(90).deliveries), (ago(90), ago(90)));
}

/// An issue whose run ended at this time.
fn ended() -> IssueFacts {
    let running = then(delegated(), 3_000, [claimed(&delegated(), "r1")]);
    then(running, 4_000, [settled("r1", failed())])
}

fn lets_go(seconds: u64, facts: &IssueFacts, next: &NextStep) -> bool {
    let now = facts.updated.plus(Duration::from_secs(seconds));
    Retention::default().lets_go_of_worktree(now, &NodeId::new("here"), facts, next)
}

#[test]
fn the_directory_of_an_issue_goes_a_day_after_its_end() {
    const A_DAY: u64 = 24 * 60 * 60;
    let facts = IssueFacts { home: Some(NodeId::new("here")), ..ended() };
    let over = NextStep::Settled(Settled::Merged);
    assert!(facts.worktree.is_some());
    assert!(!lets_go(A_DAY - 1, &facts, &over));
    assert!(lets_go(A_DAY, &facts, &over));

    let open = NextStep::Escalate { reason: "!".to_owned() };
    assert!(!lets_go(A_DAY, &facts, &open), "a human may look at it");
    let running = then(delegated(), 3_000, [claimed(&delegated(), "r1")]);
    assert!(!lets_go(A_DAY, &running, &over), "a run has it");
    let held = Held {
        run: RunId::new("r1"),
        run_type: RunType::Implementation,
        head: None,
        tree: TreeId::new("1".repeat(40)),
        hits: Vec::new(),
        report: report(ReportOutcome::Done),
        released_by: None,
    };
    let asked = IssueFacts { held: Some(held), ..facts.clone() };
    assert!(!lets_go(A_DAY, &asked, &over), "what is in it may still be published");
    let elsewhere = IssueFacts { home: Some(NodeId::new("there")), ..facts.clone() };
    assert!(!lets_go(A_DAY, &elsewhere, &over), "it is on another node");
    let gone = IssueFacts { worktree: None, ..facts };
    assert!(!lets_go(A_DAY, &gone, &over), "there is none");
}

#[test]
fn a_directory_that_was_removed_is_not_known_any_more() {
    let facts = ended();
    let removed = |path: &str| Observation {
        at: NOW,
        correlation: "r1".to_owned(),
        kind: ObservationKind::WorktreeRemoved { path: path.to_owned(), rescue: None },
    };
    let path = facts.worktree.clone().unwrap();
    let Evolved::Changed(after) = evolve(&Policy::default(), &facts, &removed(&path)) else {
        panic!("it changes something");
    };
    assert_eq!(after.worktree, None);
    let other = evolve(&Policy::default(), &facts, &removed("/another"));
    assert_eq!(other, Evolved::Unchanged);
    let again = then(facts.clone(), 5_000, [claimed(&facts, "r2")]);
    let late = evolve(&Policy::default(), &again, &removed(&path));
    assert_eq!(late, Evolved::Unchanged, "a run has begun to use it");
}
