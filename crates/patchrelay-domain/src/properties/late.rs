//! What comes late about an older head changes nothing.

use super::walk::{Walk, policy};
use crate::{
    Actor, Check, CheckStatus, CommitSha, Evolved, IssueFacts, MergeState, NextStep, Observation,
    ObservationKind, PrState, PrWait, Review, ReviewVerdict, Standing, Wait, decide, evolve,
    fixture::{at, member},
};

fn reached(seeds: std::ops::Range<u64>, mut look: impl FnMut(&mut Walk)) {
    let mut open = 0;
    for seed in seeds {
        let mut walk = Walk::new(seed);
        for _ in 0..20 {
            walk.step();
            if walk.facts.open_pull_request().is_some() {
                open += 1;
                look(&mut walk);
            }
        }
    }
    assert!(1_000 < open, "only {open} facts with an open pull request");
}

fn fold(walk: &Walk, kind: ObservationKind) -> Evolved {
    let observation = Observation { at: at(walk.now), correlation: "late".to_owned(), kind };
    evolve(&walk.policy, &walk.facts, &observation)
}

fn assert_unchanged(walk: &Walk, kind: ObservationKind) {
    let shown = format!("{kind:?}");
    assert_eq!(fold(walk, kind), Evolved::Unchanged, "seed {}: {shown}", walk.seed);
}

#[test]
fn checks_and_merge_states_of_an_old_head_change_nothing() {
    reached(0..600, |walk| {
        let head = walk.old_head().unwrap();
        for name in ["Tests", "verify", "merge-steward/queue", "lint"] {
            for status in [CheckStatus::Pending, CheckStatus::Success, CheckStatus::Failure] {
                let version = at(walk.now + 1);
                let check = Check { id: 99_999, name: name.to_owned(), status, version };
                assert_unchanged(walk, ObservationKind::CheckRead { head: head.clone(), check });
            }
        }
        for is_conflicting in [None, Some(true), Some(false)] {
            let state = MergeState {
                head: head.clone(),
                base: CommitSha::new("late"),
                is_conflicting,
                is_review_required: Some(false),
            };
            let version = at(walk.now + 1);
            assert_unchanged(walk, ObservationKind::MergeStateRead { version, state });
        }
    });
}

#[test]
fn an_old_version_of_a_state_changes_nothing() {
    reached(0..600, |walk| {
        let before = |version: crate::Timestamp| at(version.millis() - 1);
        let known = walk.facts.pull_request.clone().unwrap();
        for state in [PrState::Open, PrState::Closed, PrState::Merged] {
            let mut pull_request = known.value.clone();
            (pull_request.state, pull_request.head) = (state, CommitSha::new("late"));
            // A merge is the last thing that happens to it, so nothing that is newer was known before.
            let version = before(known.version);
            assert_unchanged(walk, ObservationKind::PullRequestRead { version, pull_request });
        }
        if let Some(known) = walk.facts.ticket.clone() {
            let version = before(known.version);
            let mut ticket = known.value;
            ticket.delegated = !ticket.delegated;
            ticket.blockers.clear();
            assert_unchanged(walk, ObservationKind::TicketRead { version, ticket });
        }
    });
}

/// What is decided of the current head. For a review or a merge that somebody else owes it waits all the same, whomever
/// that depends on: a refusal of an older head is something that the forge holds against a merge too.
fn of_the_head(facts: &IssueFacts, now: i64) -> NextStep {
    match decide(&policy(), at(now), facts) {
        NextStep::Wait {
            reason: Wait::PullRequest(number, PrWait::Review | PrWait::ReReview | PrWait::Merge),
            until,
        } => NextStep::Wait { reason: Wait::PullRequest(number, PrWait::Review), until },
        other => other,
    }
}

/// Whether a reviewer says something else than before. Their newest word counts, as it does on the forge, whatever the head
/// that they were looking at.
fn is_second_thought(facts: &IssueFacts, review: &Review) -> bool {
    facts.reviews.iter().any(|known| {
        known.reviewer.id == review.reviewer.id
            && known.submitted < review.submitted
            && known.verdict != review.verdict
    })
}

#[test]
fn a_review_of_an_old_head_decides_nothing_about_the_current_one() {
    let mut ran = false;
    reached(0..600, |walk| {
        let (now, head) = (walk.now, walk.old_head().unwrap());
        let number = walk.facts.open_pull_request().unwrap().number;
        let expected = of_the_head(&walk.facts, now);
        ran |=
            matches!(&expected, NextStep::Run(plan) if plan.run_type == crate::RunType::ReviewFix);
        for verdict in [
            ReviewVerdict::Approved,
            ReviewVerdict::ChangesRequested,
            ReviewVerdict::Commented,
            ReviewVerdict::Dismissed,
        ] {
            for reviewer in ["reviewer-1", "reviewer-2", "reviewer-3"] {
                for submitted in [walk.now - 10_000_000, walk.now + 1] {
                    let review = Review {
                        id: format!("late-{reviewer}"),
                        reviewer: Actor {
                            id: reviewer.to_owned(),
                            standing: Standing::Writer,
                            ..member()
                        },
                        verdict,
                        head: head.clone(),
                        submitted: at(submitted),
                    };
                    if is_second_thought(&walk.facts, &review) {
                        continue;
                    }
                    let kind = ObservationKind::ReviewRead { number, review };
                    let shown = format!("{kind:?}");
                    if let Evolved::Changed(facts) = fold(walk, kind) {
                        let next = of_the_head(&facts, now);
                        assert_eq!(next, expected, "seed {}: {shown}", walk.seed);
                    }
                }
            }
        }
    });
    assert!(ran, "no review was to be answered");
}
