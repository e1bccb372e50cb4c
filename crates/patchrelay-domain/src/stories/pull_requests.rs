//! Pull requests that are closed.

use super::Story;
use crate::{
    CheckStatus::Failure, ReviewVerdict::ChangesRequested, RunType, TrackerStateKind::Completed,
    fixture::state,
};

pub(super) const TOLD: &[super::Told] = told![
    s50_unfinished_work_is_begun_anew_on_another_branch,
    s50_a_close_during_a_repair_is_begun_anew_after_it,
    s50_what_is_over_stays_over,
    s50_what_is_paused_stays_paused,
    s50_what_was_given_up_stays_given_up,
    s50_a_retry_after_a_close_makes_a_replacement,
];

#[test]
fn s50_unfinished_work_is_begun_anew_on_another_branch() {
    let mut story = Story::opened();
    let before = story.facts.branch.clone();
    story.check("Tests", Failure, 1).review(ChangesRequested, 1).closed();
    assert!(story.facts.checks.is_empty(), "it is history");
    story.starts();
    assert_ne!(story.facts.branch, before);
    story.publishes(2);
    assert!(story.facts.reviews.is_empty(), "of another pull request");
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "ada requests changes to head 1 => repairing_ci, next ci_repair",
        "closed unmerged => [thought] implementing, next implementation",
        "r2 starts => [action] implementing, runs implementation",
        "r2 ends: published head 2 => [response] pr_open, waits for #2 to be reviewed",
    ]);
}

#[test]
fn s50_a_close_during_a_repair_is_begun_anew_after_it() {
    let mut story = Story::opened();
    story.review(ChangesRequested, 1).starts().closed().asks().ends_as_steered().starts();
    let branch = story.facts.branch.as_ref().map(|branch| branch.as_str());
    assert_eq!(branch, Some("patchrelay/APP-1-wish-a-good-night-2"));
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "closed unmerged => [thought] changes_requested, runs review_fix",
        "r2 may end and publishes nothing: PullRequestOver",
        "r2 ends: interrupted by PullRequestOver => implementing, next implementation",
        "r3 starts => [action] implementing, runs implementation",
    ]);
}

#[test]
fn s50_what_is_over_stays_over() {
    let mut story = Story::opened();
    story
        .review(ChangesRequested, 1)
        .ticket("moved to done", |ticket| ticket.state = state(Completed))
        .closed();
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "moved to done => changes_requested, next review_fix",
        "closed unmerged => [thought] done, over: completed in the tracker",
    ]);
    let mut story = Story::opened();
    story.closes(false).closed();
    story.reads(&[
        "closed here => [response] done, over: closed as done",
        "closed unmerged => [thought] done, over: closed as done",
    ]);
}

#[test]
fn s50_what_is_paused_stays_paused() {
    let mut story = Story::opened();
    story.undelegated().closed();
    story.reads(&[
        "undelegated => paused, waits for delegation",
        "closed unmerged => [thought] paused, waits for delegation",
    ]);
}

#[test]
fn s50_what_was_given_up_stays_given_up() {
    let mut story = Story::opened();
    story.check("Tests", Failure, 1);
    for n in 2..=4 {
        story.starts().publishes(n).check("Tests", Failure, n);
    }
    let mut story = story.and_then();
    story.closed().retries(None).starts();
    assert_eq!(story.facts.slot.as_ref().map(|slot| slot.run_type), Some(RunType::Implementation));
    story.reads(&[
        "closed unmerged => [thought] escalated, waits for help",
        "retry => [thought] implementing, next implementation",
        "r5 starts => [action] implementing, runs implementation",
    ]);
}

#[test]
fn s50_a_retry_after_a_close_makes_a_replacement() {
    let mut story = Story::opened();
    story.undelegated().closed().delegated().retries(None).starts().publishes(2);
    assert_eq!(story.forge.as_ref().map(|pr| pr.number.0), Some(2));
    story.reads(&[
        "undelegated => paused, waits for delegation",
        "closed unmerged => [thought] paused, waits for delegation",
        "delegated => implementing, next implementation",
        "retry => [thought] implementing, next implementation",
        "r2 starts => [action] implementing, runs implementation",
        "r2 ends: published head 2 => [response] pr_open, waits for #2 to be reviewed",
    ]);
}
