//! The merge queue.

use std::time::Duration;

use super::{BASE, Story};
use crate::{
    Check,
    CheckStatus::{Failure, Pending, Success},
    ObservationKind, Policy, PrState,
    ReportOutcome::{Done, NoChangeNeeded},
    ReviewVerdict::Approved,
    RunType,
    fixture::{at, head},
    prompt::Publisher,
};

pub(super) const TOLD: &[super::Told] = told![
    s10_a_later_eviction_of_the_same_head_is_another_failure,
    s10_the_same_head_is_enough_for_a_conflict_that_is_gone,
    s32_a_refused_head_without_a_conflict_needs_a_new_head,
    s32_an_operators_retry_of_a_refused_pull_request_repairs_it_for_the_queue,
    s32_an_agent_that_publishes_is_told_that_a_new_head_is_needed,
    s35_only_the_queue_another_head_or_the_end_clears_an_eviction,
    s35_a_queue_that_says_nothing_yet_clears_nothing,
    s35_a_closed_pull_request_has_no_incident,
];

/// A pull request that is approved, green and mergeable.
fn approved() -> Story {
    let mut story = Story::opened();
    story.check("Tests", Success, 1).review(Approved, 1).merge_state(1, BASE, false);
    story.and_then()
}

/// The same head, refused a second time, is a second failure; the first one, seen twice, is one.
#[test]
fn s10_a_later_eviction_of_the_same_head_is_another_failure() {
    let mut story = approved();
    story
        .merge_state(1, "base-2", true)
        .queue_check(Failure, 1)
        .starts()
        .merge_state(1, "base-3", false);
    story.reports(NoChangeNeeded, |_, _| ());
    let first = story.facts.queue.clone().unwrap();
    // The queue may write its new word into the check that it has there already.
    let later = Check { version: at(story.now + 2 * super::MINUTE), ..first.clone() };
    let read = |check| ObservationKind::CheckRead { head: head(1), check };
    story
        .observe("a poll shows the first eviction", read(first))
        .observe("the queue evicts head 1 once more", read(later))
        .starts();
    story.reads(&[
        "base-2 contradicts head 1 => repairing_queue, next queue_repair",
        "the queue evicts head 1 => repairing_queue, next queue_repair",
        "r2 starts => [action] repairing_queue, runs queue_repair",
        "base-3 agrees with head 1 => repairing_queue, runs queue_repair",
        "r2 reports NoChangeNeeded and is over: nothing to repair",
        "r2 ends: nothing to repair => [response] awaiting_queue, waits for #1 to be merged",
        "a poll shows the first eviction => nothing new",
        "the queue evicts head 1 once more => repairing_queue, next queue_repair, needs a new head",
        "r3 starts => [action] repairing_queue, runs queue_repair",
    ]);
}

/// The queue's conflict may be gone without a new head; a red gate is not.
#[test]
fn s10_the_same_head_is_enough_for_a_conflict_that_is_gone() {
    let policy = Policy { publisher: Publisher::Agent, ..Policy::default() };
    let mut story = Story::opened_with(policy);
    story
        .check("Tests", Success, 1)
        .review(Approved, 1)
        .merge_state(1, "base-2", true)
        .starts()
        .merge_state(1, "base-3", false);
    story.reports(Done, |_, _| ()).check("Tests", Failure, 1).starts();
    for _ in 0..6 {
        story.reports(Done, |_, _| ());
    }
    story.reads(&[
        "Tests is green on head 1 => pr_open, waits for #1 to be reviewed",
        "ada approves head 1 => awaiting_queue, waits for #1 to be merged",
        "base-2 contradicts head 1 => repairing_queue, next queue_repair",
        "r2 starts => [action] repairing_queue, runs queue_repair",
        "base-3 agrees with head 1 => repairing_queue, runs queue_repair",
        "r2 reports Done and is published",
        "r2 ends: published head 1 => [response] awaiting_queue, waits for #1 to be merged",
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r3 starts => [action] repairing_ci, runs ci_repair",
        "r3 reports Done and goes on",
        "r3 reports Done and goes on",
        "r3 reports Done and goes on",
        "r3 reports Done and goes on",
        "r3 reports Done and goes on",
        "r3 reports Done and is over: insufficient",
        "r3 ends: insufficient => repairing_ci, next ci_repair, keeps edits",
    ]);
}

/// The queue does not take a head again that it refused without a conflict, so a new one is needed, be it empty.
#[test]
fn s32_a_refused_head_without_a_conflict_needs_a_new_head() {
    let mut story = approved();
    story.queue_check(Failure, 1).starts();
    assert_eq!(story.facts.slot.as_ref().map(|slot| slot.run_type), Some(RunType::QueueRepair));
    story.reports(NoChangeNeeded, |_, _| ()).publishes(2);
    story.reads(&[
        "the queue evicts head 1 => repairing_queue, next queue_repair, needs a new head",
        "r2 starts => [action] repairing_queue, runs queue_repair",
        "r2 reports NoChangeNeeded and publishes, be it empty",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
    ]);
}

#[test]
fn s32_an_operators_retry_of_a_refused_pull_request_repairs_it_for_the_queue() {
    let mut story = approved();
    story.queue_check(Failure, 1).stops().retries(None);
    story.reads(&[
        "the queue evicts head 1 => repairing_queue, next queue_repair, needs a new head",
        "stop => [response] awaiting_input, waits for an instruction",
        "retry => [thought] repairing_queue, next queue_repair, needs a new head",
    ]);
}

#[test]
fn s32_an_agent_that_publishes_is_told_that_a_new_head_is_needed() {
    let policy = Policy { publisher: Publisher::Agent, ..Policy::default() };
    let mut story = Story::opened_with(policy);
    story.review(Approved, 1).queue_check(Failure, 1).starts();
    story
        .reports(NoChangeNeeded, |_, _| ())
        .reports(Done, |_, _| ())
        .head(2)
        .reports(Done, |evidence, _| evidence.remote.has_advanced = true);
    story.reads(&[
        "ada approves head 1 => pr_open, waits for #1 to be reviewed",
        "the queue evicts head 1 => repairing_queue, next queue_repair, needs a new head",
        "r2 starts => [action] repairing_queue, runs queue_repair",
        "r2 reports NoChangeNeeded and goes on",
        "r2 reports Done and goes on",
        "head 2 is pushed => repairing_queue, runs queue_repair",
        "r2 reports Done and is published",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
    ]);
}

/// A green gate does not say that the queue takes it.
#[test]
fn s35_only_the_queue_another_head_or_the_end_clears_an_eviction() {
    let mut story = approved();
    story
        .queue_check(Failure, 1)
        .check("Tests", Success, 1)
        .pull_request("the pull request is edited", |pr| pr.url.push('/'))
        .queue_check(Success, 2)
        .passes(Duration::from_secs(3_600));
    assert!(story.facts.queue.is_some());
    story.queue_check(Success, 1).queue_check(Failure, 1).head(2);
    assert_eq!(story.facts.queue, None);
    story.queue_check(Failure, 2).merged();
    assert_eq!(story.facts.queue, None);
    story.reads(&[
        "the queue evicts head 1 => repairing_queue, next queue_repair, needs a new head",
        "Tests is green on head 1 => repairing_queue, next queue_repair, needs a new head",
        "the pull request is edited => repairing_queue, next queue_repair, needs a new head",
        "the queue takes head 2 => nothing new",
        "3600 s pass => repairing_queue, next queue_repair, needs a new head",
        "the queue takes head 1 => awaiting_queue, waits for #1 to be merged",
        "the queue evicts head 1 => repairing_queue, next queue_repair, needs a new head",
        "head 2 is pushed => pr_open, waits for #1 to be reviewed",
        "the queue evicts head 2 => repairing_queue, next queue_repair, needs a new head",
        "merged => [response, ticket to completed] done, over: merged",
    ]);
}

/// The queue does not take the head again that it refused, whatever it writes while it looks.
#[test]
fn s35_a_queue_that_says_nothing_yet_clears_nothing() {
    let mut story = approved();
    story.queue_check(Failure, 1).queue_check(Pending, 1).queue_check(Success, 1);
    story.reads(&[
        "the queue evicts head 1 => repairing_queue, next queue_repair, needs a new head",
        "the queue is trying head 1 => nothing new",
        "the queue takes head 1 => awaiting_queue, waits for #1 to be merged",
    ]);
}

#[test]
fn s35_a_closed_pull_request_has_no_incident() {
    let mut story = approved();
    story.queue_check(Failure, 1).pull_request("closed unmerged", |pr| pr.state = PrState::Closed);
    assert_eq!(story.facts.queue, None);
    story.reads(&[
        "the queue evicts head 1 => repairing_queue, next queue_repair, needs a new head",
        "closed unmerged => [thought] implementing, next implementation",
    ]);
}
