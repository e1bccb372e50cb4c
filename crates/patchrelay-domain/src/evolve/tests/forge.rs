//! What the forge says.

use super::*;

/// S74: merged is for ever.
#[test]
fn s74_nothing_reopens_a_merged_pull_request() {
    let facts = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Merged))],
    );
    assert_eq!(
        evolved(&facts, pull_request_read(99, pull_request(1, PrState::Open))),
        Evolved::Unchanged
    );
}

#[test]
fn a_pull_request_of_another_branch_is_not_ours() {
    let foreign = PullRequest {
        head_branch: crate::BranchName::new("somebody/else"),
        ..pull_request(7, PrState::Open)
    };
    assert_eq!(evolved(&running(), pull_request_read(50, foreign)), Evolved::Unchanged);
    assert_eq!(
        evolved(&empty(), pull_request_read(50, pull_request(1, PrState::Open))),
        Evolved::Unchanged
    );
}

/// S73: what is known of a newer head stays.
#[test]
fn s73_a_late_delivery_about_an_older_head_changes_nothing() {
    let old =
        PullRequest { head: CommitSha::new("0".repeat(40)), ..pull_request(1, PrState::Open) };
    let facts = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Open))],
    );
    assert_eq!(evolved(&facts, pull_request_read(55, old)), Evolved::Unchanged);
}

#[test]
fn webhook_and_settlement_of_the_same_pull_request_converge() {
    let webhook = pull_request_read(60, pull_request(1, PrState::Open));
    let one = then(running(), 4_000, [webhook.clone(), settled("r1", published())]);
    let other = then(running(), 4_000, [settled("r1", published()), webhook]);
    assert_eq!(one.pull_request.map(|pr| pr.value), other.pull_request.map(|pr| pr.value));
}

/// Closing and replacing is bounded: each close is a human's verdict on the work.
#[test]
fn a_closed_pull_request_costs_an_attempt_once() {
    let facts = then(
        running(),
        4_000,
        [
            settled("r1", published()),
            pull_request_read(500_000, pull_request(1, PrState::Closed)),
            pull_request_read(500_001, pull_request(1, PrState::Closed)),
        ],
    );
    assert_eq!(facts.tried(crate::RunType::Implementation), 1);
    let reopened =
        then(facts.clone(), 7_000, [pull_request_read(500_002, pull_request(1, PrState::Open))]);
    assert_eq!(reopened.tried(crate::RunType::Implementation), 0, "nobody acted on it");
    let claim = claimed(&facts, "r2");
    let again = then(facts, 8_000, [claim]);
    assert_eq!((again.attempts.implementation, again.branch_generation), (1, 1));
    assert_eq!(again.tried(crate::RunType::Implementation), 1);
}

/// Asking for work after the close gives the attempt back, in whatever order we hear of the two. The forge names the
/// second of the close, so a word from within it may have come before.
#[test]
fn a_close_is_no_attempt_where_work_was_asked_for_after_it() {
    let mut closed = pull_request(1, PrState::Closed);
    closed.ended = Some(at(500_000));
    let closed = pull_request_read(900_000, closed);
    for (said, tried) in [(499_999, 1), (500_000, 1), (500_999, 1), (501_000, 0)] {
        let word = crate::fixture::said("a1", said, crate::Heard::Session, "Use the other table.");
        for kinds in [[closed.clone(), word.clone()], [word, closed.clone()]] {
            let facts = then(crate::fixture::opened(), 5_000, kinds);
            assert_eq!(facts.tried(crate::RunType::Implementation), tried, "{said}");
        }
    }
}

/// N25: what a run opens after it was called off is not ours, unless the next run is at work.
#[test]
fn a_pull_request_of_a_called_off_run_is_linked_only_by_the_next_run() {
    let stopped = RunOutcome::Interrupted { by: crate::Interruption::Undelegated };
    let facts = then(running(), 4_000, [settled("r1", stopped)]);
    let opened = || pull_request_read(60, pull_request(1, PrState::Open));
    assert_eq!(evolved(&facts, opened()), Evolved::Unchanged);
    let claim = claimed(&facts, "r2");
    assert!(matches!(evolved(&then(facts, 6_000, [claim]), opened()), Evolved::Changed(_)));
    let lost = then(running(), 4_000, [settled("r1", failed())]);
    assert!(matches!(evolved(&lost, opened()), Evolved::Changed(_)), "S55");
}

#[test]
fn an_attached_pull_request_that_was_hidden_can_come_to_light() {
    let repo: crate::RepoSlug = "acme/app".parse().unwrap();
    let policy = Policy { repo: Some(repo.clone()), ..Policy::default() };
    let fold = |facts: &IssueFacts, kind| match evolve(&policy, facts, &observation(9_000, kind)) {
        Evolved::Changed(facts) => *facts,
        Evolved::Unchanged => panic!("no news"),
    };
    let number = crate::PrNumber(1);
    let linked = vec![crate::LinkedPullRequest { repo, number }];
    let facts = after([ticket_read(10, Ticket { linked, ..ticket() })]);
    let missing = |number| ObservationKind::PullRequestMissing { number, version: at(50) };
    let hidden = fold(&facts, missing(number));
    assert_eq!(hidden.missing_link, Some(number));
    let again = evolve(&policy, &hidden, &observation(9_500, missing(number)));
    assert_eq!(again, Evolved::Unchanged, "told once");
    let other = evolve(&policy, &facts, &observation(9_500, missing(crate::PrNumber(2))));
    assert_eq!(other, Evolved::Unchanged, "not attached");
    let seen = fold(&hidden, pull_request_read(60, pull_request(1, PrState::Open)));
    assert_eq!((seen.missing_link, seen.head().cloned()), (None, Some(crate::fixture::head(1))));
    let known = evolve(&policy, &seen, &observation(9_500, missing(number)));
    assert_eq!(known, Evolved::Unchanged, "what was seen is not gone because it is hidden");
}

#[test]
fn reviews_and_checks_have_their_bounds_and_their_order() {
    use crate::fixture::{check, head, opened, review};
    let verdict = crate::ReviewVerdict::ChangesRequested;
    let many = (0..120).map(|n| review(&format!("v{n:03}"), "rita", verdict, head(1), 1_000 - n));
    let facts = then(opened(), 10_000, many);
    assert_eq!(facts.reviews.len(), 100);
    assert!(facts.reviews.is_sorted_by_key(|review| review.submitted));
    assert_eq!(facts.reviews[99].id, "v000", "the newest is never dropped");
    let success = crate::CheckStatus::Success;
    let facts = then(
        opened(),
        10_000,
        [
            check("verify", 1, 50, success, head(1)),
            check("Tests", 2, 50, success, head(1)),
            check("tests ", 3, 60, crate::CheckStatus::Failure, head(1)),
            check("Lint", 4, 50, success, head(1)),
        ],
    );
    let names: Vec<_> = facts.checks.iter().map(|check| (check.name.as_str(), check.id)).collect();
    assert_eq!(names, [("tests ", 3), ("verify", 1)]);
}

/// D1: the same answer to a newer question is no news, and while the forge is finding out, its last answer holds.
#[test]
fn a_merge_state_is_kept_while_the_forge_is_finding_out() {
    use crate::fixture::{head, merge_state, opened};
    let asked = |version, base: &str, is_conflicting| ObservationKind::MergeStateRead {
        version: at(version),
        state: crate::MergeState {
            head: head(1),
            base: CommitSha::new(base),
            is_conflicting,
            is_review_required: None,
        },
    };
    let facts = then(opened(), 10_000, [merge_state(50, head(1), "b1", true)]);
    assert_eq!(evolved(&facts, merge_state(60, head(1), "b1", true)), Evolved::Unchanged);
    assert_eq!(evolved(&facts, merge_state(40, head(1), "b1", false)), Evolved::Unchanged);
    assert_eq!(evolved(&facts, asked(60, "b1", None)), Evolved::Unchanged);
    let moved = then(facts.clone(), 11_000, [asked(60, "b2", None)]);
    assert!(!moved.is_conflicting(), "of another base nothing is known yet");
    assert_eq!(moved.is_review_required(), Some(true));
    let same_time = then(facts, 12_000, [merge_state(50, head(1), "b1", false)]);
    assert!(!same_time.is_conflicting());
}

/// A check of an older commit of the base says nothing of its newest one.
#[test]
fn the_base_is_judged_on_its_newest_commit() {
    let of_base = |commit: &str, name: &str, version| ObservationKind::BaseCheckRead {
        commit: CommitSha::new(commit),
        check: crate::Check {
            id: 1,
            name: name.to_owned(),
            status: crate::CheckStatus::Failure,
            version: at(version),
        },
    };
    let facts = after([of_base("b1", "Tests", 50), of_base("b1", "verify", 60)]);
    assert_eq!(facts.base_checks.len(), 2);
    assert_eq!(evolved(&facts, of_base("b1", "Lint", 70)), Evolved::Unchanged);
    assert_eq!(evolved(&facts, of_base("b0", "Tests", 55)), Evolved::Unchanged);
    let moved = then(facts, 9_000, [of_base("b2", "Tests", 70)]);
    assert_eq!(moved.base_checks.len(), 1, "what no longer runs there stays red nowhere");
}

/// D12.
#[test]
fn no_more_than_two_hundred_checks_are_kept() {
    let gate_checks = (0..201).map(|n| format!("check {n:03}")).collect();
    let policy = Policy { gate_checks, ..Policy::default() };
    let read = |n: u64| ObservationKind::CheckRead {
        head: crate::fixture::head(1),
        check: crate::Check {
            id: n,
            name: format!("check {n:03}"),
            status: crate::CheckStatus::Success,
            version: at(50),
        },
    };
    let fold = |facts: IssueFacts, n| match evolve(&policy, &facts, &observation(9_000, read(n))) {
        Evolved::Changed(facts) => *facts,
        Evolved::Unchanged => facts,
    };
    let facts = (0..200).fold(crate::fixture::opened(), fold);
    assert_eq!(facts.checks.len(), 200);
    assert_eq!(fold(facts, 200).checks.len(), 200);
}
