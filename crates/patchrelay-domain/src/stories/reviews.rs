//! Reviews and the head that they are about.

use std::time::Duration;

use super::{BASE, Story};
use crate::{
    CheckStatus::{Failure, Pending, Success},
    FactoryState, Policy,
    ReportOutcome::{Done, NoChangeNeeded},
    ReviewVerdict::{Approved, ChangesRequested, Commented, Dismissed},
    RunType, Steer, factory_state,
    prompt::Publisher,
};

pub(super) const TOLD: &[super::Told] = told![
    s19_the_blocked_head_is_not_handed_back_to_its_reviewer,
    s19_an_agent_that_left_the_blocked_head_is_told_so_and_a_human_called_in_the_end,
    s19_an_answer_with_a_new_head_waits_for_another_review,
    s19_an_agents_own_push_is_its_answer,
    s20_a_new_head_that_contradicts_its_base_is_brought_up_to_date,
    s22_one_review_seen_twice_is_one_wish_and_a_dismissed_one_is_none,
    s23_a_review_during_a_run_is_answered_after_it,
    s23_a_review_of_a_head_that_the_run_replaced_is_history,
    s28_a_spent_review_budget_stays_spent,
    s28_an_issue_given_up_for_something_else_answers_its_review,
    s29_a_push_opens_what_was_given_up,
    s31_an_approval_of_the_head_under_repair_withholds_the_repair,
    s31_an_approval_of_another_head_or_of_another_run_changes_nothing,
    s74_a_review_of_a_merged_pull_request_is_too_late,
];

/// The same head is not handed to its reviewer a second time; a new one is.
#[test]
fn s19_the_blocked_head_is_not_handed_back_to_its_reviewer() {
    let mut story = Story::opened();
    story.review(ChangesRequested, 1).starts();
    story.reports(NoChangeNeeded, |_, _| ()).passes(Duration::from_secs(3_600));
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "r2 reports NoChangeNeeded and is over: needs input",
        "r2 ends: needs input => [elicitation] awaiting_input, waits for an answer",
        "3600 s pass => awaiting_input, waits for an answer",
    ]);
}

#[test]
fn s19_an_agent_that_left_the_blocked_head_is_told_so_and_a_human_called_in_the_end() {
    let policy = Policy { publisher: Publisher::Agent, ..Policy::default() };
    let mut story = Story::opened_with(policy);
    story.policy.budgets.continuations = 1;
    story.review(ChangesRequested, 1);
    for _ in 0..3 {
        story.starts().reports(Done, |_, _| ());
        assert!(story.facts.slot.is_some(), "the head is looked at once more");
        story.reports(Done, |_, _| ());
        assert_ne!(factory_state(&story.next()), FactoryState::PrOpen);
    }
    story.passes(Duration::from_secs(3_600));
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "r2 reports Done and goes on",
        "r2 reports Done and is over: insufficient",
        "r2 ends: insufficient => changes_requested, next review_fix, keeps edits",
        "r3 starts => [action] changes_requested, runs review_fix",
        "r3 reports Done and goes on",
        "r3 reports Done and is over: insufficient",
        "r3 ends: insufficient => changes_requested, next review_fix, keeps edits",
        "r4 starts => [action] changes_requested, runs review_fix",
        "r4 reports Done and goes on",
        "r4 reports Done and is over: insufficient",
        "r4 ends: insufficient => [error] escalated, waits for help",
        "3600 s pass => escalated, waits for help",
    ]);
}

#[test]
fn s19_an_answer_with_a_new_head_waits_for_another_review() {
    let mut story = Story::opened();
    story.review(ChangesRequested, 1).starts().publishes(2).passes(Duration::from_secs(3_600));
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed again",
        "3600 s pass => pr_open, waits for #1 to be reviewed again",
    ]);
}

/// The webhook of its push may come while the agent still works.
#[test]
fn s19_an_agents_own_push_is_its_answer() {
    let policy = Policy { publisher: Publisher::Agent, ..Policy::default() };
    let mut story = Story::opened_with(policy);
    story.review(ChangesRequested, 1).starts().head(2).asks();
    story.reports(Done, |evidence, _| evidence.remote.has_advanced = true);
    assert_eq!(story.facts.tried(RunType::ReviewFix), 1, "it counts until its head needs no other");
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "head 2 is pushed => changes_requested, runs review_fix",
        "r2 goes on",
        "r2 reports Done and is published",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed again",
    ]);
}

#[test]
fn s20_a_new_head_that_contradicts_its_base_is_brought_up_to_date() {
    let mut story = Story::opened();
    story.review(ChangesRequested, 1).head(2).merge_state(2, BASE, true).starts();
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "head 2 is pushed => pr_open, waits for #1 to be reviewed again",
        "base-1 contradicts head 2 => changes_requested, next branch_upkeep",
        "r2 starts => [action] changes_requested, runs branch_upkeep",
    ]);
}

/// A poll and a webhook show the same review: one wish. Taken back, it is none, and what humans said stays.
#[test]
fn s22_one_review_seen_twice_is_one_wish_and_a_dismissed_one_is_none() {
    let mut story = Story::opened();
    story
        .review_by("ada", "77", ChangesRequested, 1)
        .review_by("ada", "77", ChangesRequested, 1)
        .says("and use German")
        .review_by("ada", "77", Dismissed, 1);
    assert_eq!(story.facts.pending.len(), 1);
    story.starts();
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "ada requests changes to head 1 => nothing new",
        "session: and use German => [thought] changes_requested, next review_fix, resumes thread of r1, takes 1 inputs",
        "ada takes back the review of head 1 => implementing, next implementation, resumes thread of r1, takes 1 inputs",
        "r2 starts => [action] implementing, runs implementation",
    ]);
}

#[test]
fn s23_a_review_during_a_run_is_answered_after_it() {
    let mut story = Story::opened();
    story
        .check("Tests", Failure, 1)
        .starts()
        .review(ChangesRequested, 1)
        .asks()
        .restarts()
        .reports(NoChangeNeeded, |_, _| ())
        .restarts()
        .starts();
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "ada requests changes to head 1 => repairing_ci, runs ci_repair",
        "r2 goes on",
        "restart => repairing_ci, runs ci_repair",
        "r2 reports NoChangeNeeded and is over: nothing to repair",
        "r2 ends: nothing to repair => [response] changes_requested, next review_fix",
        "restart => changes_requested, next review_fix",
        "r3 starts => [action] changes_requested, runs review_fix",
    ]);
}

#[test]
fn s23_a_review_of_a_head_that_the_run_replaced_is_history() {
    let mut story = Story::opened();
    story.check("Tests", Failure, 1).starts().review(ChangesRequested, 1).publishes(2);
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "ada requests changes to head 1 => repairing_ci, runs ci_repair",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed again",
    ]);
}

/// Three answers were followed by three requests: nothing changes that but a human or a push.
#[test]
fn s28_a_spent_review_budget_stays_spent() {
    let mut story = Story::opened();
    story.review(ChangesRequested, 1);
    for n in 2..=4 {
        story.starts().publishes(n).review(ChangesRequested, n);
    }
    story
        .check("Tests", Success, 4)
        .passes(Duration::from_secs(3_600))
        .review(ChangesRequested, 4)
        .passes(Duration::from_secs(3_600));
    assert_eq!(story.facts.tried(RunType::ReviewFix), 3);
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed again",
        "ada requests changes to head 2 => changes_requested, next review_fix",
        "r3 starts => [action] changes_requested, runs review_fix",
        "r3 ends: published head 3 => [response] pr_open, waits for #1 to be reviewed again",
        "ada requests changes to head 3 => changes_requested, next review_fix",
        "r4 starts => [action] changes_requested, runs review_fix",
        "r4 ends: published head 4 => [response] pr_open, waits for #1 to be reviewed again",
        "ada requests changes to head 4 => [error] escalated, waits for help",
        "Tests is green on head 4 => escalated, waits for help",
        "3600 s pass => escalated, waits for help",
        "ada requests changes to head 4 => escalated, waits for help",
        "3600 s pass => escalated, waits for help",
    ]);
}

/// It was given up for its red gate. The gate is green now and a reviewer asks for changes: that is another matter, and
/// its budget is whole.
#[test]
fn s28_an_issue_given_up_for_something_else_answers_its_review() {
    let mut story = Story::opened();
    story.check("Tests", Failure, 1);
    for n in 2..=4 {
        story.starts().publishes(n).check("Tests", Failure, n);
    }
    let mut story = story.and_then();
    story.check("Tests", Success, 4).review(ChangesRequested, 4);
    story.reads(&[
        "Tests is green on head 4 => pr_open, waits for #1 to be reviewed",
        "ada requests changes to head 4 => changes_requested, next review_fix",
    ]);
}

/// Somebody pushed: what was given up is looked at anew.
#[test]
fn s29_a_push_opens_what_was_given_up() {
    let mut story = Story::opened();
    story.check("Tests", Failure, 1);
    for n in 2..=4 {
        story.starts().publishes(n).check("Tests", Failure, n);
    }
    let mut story = story.and_then();
    story
        .passes(Duration::from_secs(60))
        .head(5)
        .check("Tests", Pending, 5)
        .review(Commented, 5)
        .check("Tests", Failure, 5)
        .starts();
    assert_eq!(story.facts.escalated, None);
    story.reads(&[
        "60 s pass => escalated, waits for help",
        "head 5 is pushed => pr_open, waits for #1 to be reviewed",
        "Tests is pending on head 5 => pr_open, waits for #1 to be checked",
        "ada comments on head 5 => nothing new",
        "Tests is red on head 5 => repairing_ci, next ci_repair",
        "r5 starts => [action] repairing_ci, runs ci_repair",
    ]);
}

/// An approval of the very head that is being mended: nobody needs the commit, and it would undo the approval.
#[test]
fn s31_an_approval_of_the_head_under_repair_withholds_the_repair() {
    let mut story = Story::opened();
    story
        .check("Tests", Success, 1)
        .review(ChangesRequested, 1)
        .starts()
        .review(Approved, 1)
        .asks()
        .ends_as_steered();
    story.reads(&[
        "Tests is green on head 1 => pr_open, waits for #1 to be reviewed",
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "ada approves head 1 => changes_requested, runs review_fix",
        "r2 may end and publishes nothing: Superseded",
        "r2 ends: interrupted by Superseded => awaiting_queue, waits for #1 to be merged",
    ]);
}

#[test]
fn s31_an_approval_of_another_head_or_of_another_run_changes_nothing() {
    let mut story = Story::opened();
    story.review(ChangesRequested, 1).starts().review_by("bob", "b1", Approved, 2).asks();
    let mut other = Story::opened();
    other.check("Tests", Failure, 1).starts().review(Approved, 1);
    assert_eq!(other.steered(), Steer::Continue);
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "bob approves head 2 => changes_requested, runs review_fix",
        "r2 goes on",
    ]);
}

#[test]
fn s74_a_review_of_a_merged_pull_request_is_too_late() {
    let mut story = Story::opened();
    story.merged();
    let before = story.facts.clone();
    story
        .review(ChangesRequested, 1)
        .pull_request("a late webhook shows it open", |pr| pr.state = crate::PrState::Open)
        .passes(Duration::from_secs(60));
    assert_eq!(story.facts, before);
    story.reads(&[
        "merged => [response, ticket to completed] done, over: merged",
        "ada requests changes to head 1 => nothing new",
        "a late webhook shows it open => nothing new",
        "60 s pass => done, over: merged",
    ]);
}
