use super::*;
use crate::{
    NextStep, decide,
    fixture::{at, check, head, merge_state, opened, review as reviewed, then},
};

/// The work of the run that is wanted after these happened to an open pull request.
fn wanted(kinds: Vec<crate::ObservationKind>) -> (Work, PullRequestFacts) {
    let policy = Policy::default();
    let facts = then(opened(), 10_000, kinds);
    let NextStep::Run(plan) = decide(&policy, at(1_000_000), &facts) else { panic!("no run") };
    (Work::of(&policy, &facts, &plan), PullRequestFacts::of(&policy, &facts).unwrap())
}

#[test]
fn a_review_is_named_and_its_text_is_said_to_be_missing() {
    let changes = ReviewVerdict::ChangesRequested;
    let (work, facts) = wanted(vec![
        reviewed("v1", "rita", changes, head(1), 50),
        reviewed("v2", "zoe", changes, head(1), 60),
    ]);
    let Work::ReviewFix(context) = work else { panic!("{work:?}") };
    assert_eq!((context.review_id.as_deref(), context.degraded), (Some("v2"), true));
    assert_eq!(context.reviewed_head, Some(head(1)));
    assert_eq!(facts.review.as_deref(), Some("changes requested"));
}

#[test]
fn a_red_gate_is_named_with_everything_else_that_failed() {
    let red = CheckStatus::Failure;
    let (work, facts) =
        wanted(vec![check("verify", 2, 60, red, head(1)), check("Tests", 1, 50, red, head(1))]);
    let Work::CiRepair(context) = work else { panic!("{work:?}") };
    assert_eq!(context.failed_check.as_deref(), Some("Tests"));
    assert_eq!(context.other_failed[0].name, "verify");
    assert_eq!((context.failing_head, facts.checks.as_deref()), (Some(head(1)), Some("failed")));
}

#[test]
fn a_refused_head_is_told_whether_only_a_new_one_will_do() {
    let refused = || check("merge-steward/queue", 9, 70, CheckStatus::Failure, head(1));
    let (work, _) = wanted(vec![refused()]);
    let Work::QueueRepair(context) = work else { panic!("{work:?}") };
    assert_eq!(context.failure_reason.as_deref(), Some("queue_eviction"));
    assert!(context.requires_fresh_head);
    let (work, facts) = wanted(vec![refused(), merge_state(80, head(1), "b1", true)]);
    let Work::QueueRepair(context) = work else { panic!("{work:?}") };
    assert_eq!(context.failure_reason.as_deref(), Some("conflict"));
    assert!(!context.requires_fresh_head);
    assert_eq!(facts.mergeable.as_deref(), Some("conflicts with the base branch"));
}

#[test]
fn an_update_says_that_the_base_contradicts_the_branch() {
    let (work, _) = wanted(vec![merge_state(80, head(1), "b1", true)]);
    let Work::BranchUpkeep(context) = work else { panic!("{work:?}") };
    assert_eq!(context.merge_state.as_deref(), Some("conflicting"));
}
