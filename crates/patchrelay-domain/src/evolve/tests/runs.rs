//! What our own runs did.

use super::*;

#[test]
fn a_late_end_of_an_old_run_changes_nothing() {
    let facts = then(running(), 4_000, [settled("r1", failed())]);
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 6_000, [claim]);
    assert_eq!(evolved(&facts, settled("r1", published())), Evolved::Unchanged);
    assert_eq!(facts.slot.map(|slot| slot.run), Some(RunId::new("r2")));
}

#[test]
fn progress_forgets_the_recoveries_before_it() {
    let facts = then(running(), 4_000, [settled("r1", failed())]);
    assert_eq!(facts.attempts.recovery, 1);
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 6_000, [claim, settled("r2", published())]);
    assert_eq!((facts.attempts.recovery, facts.backoff_until), (0, None));
}

/// S02: what a lost run had taken up is not lost.
#[test]
fn s02_a_lost_run_gives_back_what_humans_said() {
    let facts = then(delegated(), 3_000, [said("s2", "use German")]);
    let claim = claimed(&facts, "r1");
    let facts = then(facts, 4_000, [claim]);
    assert!(facts.pending.is_empty());
    let facts = then(facts, 5_000, [said("s3", "and French"), settled("r1", failed())]);
    let texts: Vec<_> = facts.pending.iter().map(|input| input.text.as_str()).collect();
    assert_eq!(texts, ["use German", "and French"]);
}

#[test]
fn a_taken_branch_name_is_given_up() {
    let facts = then(running(), 4_000, [settled("r1", RunOutcome::BranchTaken)]);
    assert_eq!((facts.branch, facts.branch_generation), (None, 1));
}

/// What a run costs is added up, and what it delivered to its agent comes back if it is lost.
#[test]
fn delivered_words_stay_with_the_run() {
    use crate::{Heard, fixture::said};
    let facts = then(running(), 4_000, [said("a1", 9_000, Heard::Session, "and the docs")]);
    let delivered = |run: &str, inputs: Vec<u64>| ObservationKind::InputDelivered {
        run: RunId::new(run),
        turn: crate::TurnId::new("turn-1"),
        inputs,
    };
    assert_eq!(evolved(&facts, delivered("r0", vec![0])), Evolved::Unchanged, "not its run");
    assert_eq!(evolved(&facts, delivered("r1", vec![9])), Evolved::Unchanged, "no such input");
    let told = then(facts, 5_000, [delivered("r1", vec![0])]);
    assert!(told.pending.is_empty());
    let lost = then(told.clone(), 6_000, [settled("r1", failed())]);
    assert_eq!(lost.pending.len(), 1);
    let done = then(told, 6_000, [settled("r1", published())]);
    assert!(done.pending.is_empty());
}

/// N16: a service's own word on when it is back is believed, within a day, and never shortens the wait.
#[test]
fn a_service_is_believed_when_it_says_that_it_comes_back() {
    let hour = 60 * 60 * 1_000;
    let until = |until: Option<i64>| {
        let reason = "quota".to_owned();
        let result = RunOutcome::Unavailable { reason, until: until.map(at) };
        then(running(), 4_000, [settled("r1", result)]).backoff_until.unwrap().millis()
    };
    assert_eq!(until(None), 4_000 + 15_000);
    assert_eq!(until(Some(5 * hour)), 5 * hour);
    assert_eq!(until(Some(5_000)), 4_000 + 15_000);
    assert_eq!(until(Some(1_000 * hour)), 4_000 + 24 * hour);
}

/// Repairs count in a row: over our own commits, and not over anybody else's.
#[test]
fn repairs_are_counted_on_the_heads_that_they_led_to() {
    use crate::{
        CheckStatus::Failure,
        RunType::{CiRepair, ReviewFix},
        fixture::{check, head, opened, review},
    };
    let published = |n| RunOutcome::Published {
        commit: head(n),
        pull_request: PullRequest { head: head(n), ..pull_request(1, PrState::Open) },
        version: at(i64::from(n) * 1_000),
        summary: "Repaired.".to_owned(),
    };
    let red = |n| check("Tests", u64::from(n), i64::from(n) * 1_000 + 500, Failure, head(n));
    let repaired = |facts: IssueFacts, run: &str, n| {
        let claim = claimed(&facts, run);
        then(facts, 20_000 * i64::from(n), [claim, settled(run, published(n))])
    };
    let facts = repaired(then(opened(), 10_000, [red(1)]), "r2", 2);
    assert_eq!(facts.head(), Some(&head(2)));
    assert_eq!(facts.tried(CiRepair), 1, "until it is known to have helped");
    let facts = repaired(then(facts, 50_000, [red(2)]), "r3", 3);
    assert_eq!((facts.tried(CiRepair), facts.attempts.latest(CiRepair)), (2, 2));
    // An answer to a review is ours too, and no new beginning for the gate.
    let request = review("v1", "rita", crate::ReviewVerdict::ChangesRequested, head(3), 9_000);
    let facts = repaired(then(facts, 70_000, [request]), "r4", 4);
    assert_eq!((facts.tried(CiRepair), facts.tried(ReviewFix)), (2, 1));
    // A gate that is green when a run starts has been repaired.
    let green = check("Tests", 9, 4_900, crate::CheckStatus::Success, head(4));
    let request = review("v2", "rita", crate::ReviewVerdict::ChangesRequested, head(4), 9_500);
    let facts = then(facts, 90_000, [green, request]);
    assert_eq!(facts.tried(CiRepair), 2);
    let claim = claimed(&facts, "r5");
    let facts = then(facts, 95_000, [claim]);
    assert_eq!((facts.tried(CiRepair), facts.tried(ReviewFix)), (0, 1));
    // Somebody else's commits void it.
    let pushed = PullRequest { head: head(8), ..pull_request(1, PrState::Open) };
    let facts = then(facts, 99_000, [pull_request_read(99_000, pushed)]);
    assert_eq!((facts.tried(ReviewFix), facts.attempts.latest(ReviewFix)), (0, 1));
}
