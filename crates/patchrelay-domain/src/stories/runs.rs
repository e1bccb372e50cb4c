//! Runs that begin, are lost and are followed by others.

use std::time::Duration;

use super::{Story, failed};
use crate::{
    CheckStatus, Interruption, PrState, ReviewVerdict, RunId, SessionState, fixture, session_state,
};

pub(super) const TOLD: &[super::Told] = told![
    s01_a_launch_in_progress_is_no_zombie,
    s02_a_lost_run_keeps_its_wish_and_waits_for_the_backoff,
    s02_a_lost_repair_is_followed_by_the_same_repair,
    s04_an_end_is_settled_once_and_leaves_a_newer_run_alone,
    s07_a_run_that_lives_over_a_restart_has_the_issue,
    s08_an_interrupted_implementation_goes_on_as_one,
    s13_a_wish_survives_the_process,
    s14_a_start_that_was_forgotten_is_wanted_at_every_look,
    s55_a_failed_turn_with_work_is_gone_on_with_and_an_open_pull_request_is_adopted,
    s68_the_end_of_an_older_run_does_not_end_the_newer_one,
];

/// The launch is still preparing; whatever is observed meanwhile, the run keeps the issue.
#[test]
fn s01_a_launch_in_progress_is_no_zombie() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts();
    let slot = story.facts.slot.clone();
    story
        .passes(Duration::from_secs(5))
        .ticket("the ticket is read again", |_| ())
        .ticket("the title is edited", |ticket| ticket.title.push('!'))
        .passes(Duration::from_secs(3_600))
        .asks();
    assert_eq!(story.facts.slot, slot);
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "5 s pass => implementing, runs implementation",
        "the ticket is read again => implementing, runs implementation",
        "the title is edited => implementing, runs implementation",
        "3600 s pass => implementing, runs implementation",
        "r1 goes on",
    ]);
}

/// What a lost run had taken up is kept, and started once, when the back-off is over.
#[test]
fn s02_a_lost_run_keeps_its_wish_and_waits_for_the_backoff() {
    let mut story = Story::new();
    story
        .opens_session(Some("use German"))
        .delegated()
        .starts()
        .ends(failed())
        .starts()
        .is_interrupted(Interruption::Restart)
        .passes(Duration::from_secs(5))
        .passes(Duration::from_secs(9))
        .passes(Duration::from_secs(1))
        .starts()
        .passes(Duration::from_secs(60));
    assert_eq!(story.facts.attempts.recovery, 2);
    assert_eq!(story.facts.attempts.implementation, 0, "a crash is no verdict on the work");
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation, takes 1 inputs",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 ends: failed => implementing, next implementation, keeps edits, resumes thread of r1, takes 1 inputs",
        "r2 starts => implementing, runs implementation",
        "r2 ends: interrupted by Restart => implementing, waits 15 s for implementation",
        "5 s pass => implementing, waits 10 s for implementation",
        "9 s pass => implementing, waits 1 s for implementation",
        "1 s pass => implementing, next implementation, keeps edits, resumes thread of r1, takes 1 inputs",
        "r3 starts => implementing, runs implementation",
        "60 s pass => implementing, runs implementation",
    ]);
}

#[test]
fn s02_a_lost_repair_is_followed_by_the_same_repair() {
    let mut story = Story::opened();
    story
        .review(ReviewVerdict::ChangesRequested, 1)
        .starts()
        .is_interrupted(Interruption::LeaseLost)
        .starts()
        .is_interrupted(Interruption::LeaseLost)
        .passes(Duration::from_secs(15))
        .starts()
        .publishes(2);
    assert_eq!(story.facts.attempts.recovery, 0, "a new head is progress");
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "r2 ends: interrupted by LeaseLost => changes_requested, next review_fix, keeps edits, resumes thread of r2",
        "r3 starts => changes_requested, runs review_fix",
        "r3 ends: interrupted by LeaseLost => changes_requested, waits 15 s for review_fix",
        "15 s pass => changes_requested, next review_fix, keeps edits, resumes thread of r2",
        "r4 starts => changes_requested, runs review_fix",
        "r4 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed again",
    ]);
}

/// The end of a run and its follow-up are one change, and the same end again is none.
#[test]
fn s04_an_end_is_settled_once_and_leaves_a_newer_run_alone() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts().ends(failed()).restarts();
    assert_eq!(story.facts.slot, None);
    let late = fixture::settled("r1", failed());
    story.observe_again("r1 ends again", late.clone()).starts().restarts();
    story.observe_again("r1 ends once more", late);
    assert_eq!(story.facts.slot.as_ref().map(|slot| slot.run.clone()), Some(RunId::new("r2")));
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 ends: failed => implementing, next implementation, keeps edits, resumes thread of r1",
        "restart => implementing, next implementation, keeps edits, resumes thread of r1",
        "r1 ends again => nothing new",
        "r2 starts => implementing, runs implementation",
        "restart => implementing, runs implementation",
        "r1 ends once more => nothing new",
    ]);
}

/// A run that lives is what the facts say has the issue: nothing else can be shown and nothing else can start.
#[test]
fn s07_a_run_that_lives_over_a_restart_has_the_issue() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts().restarts().passes(Duration::from_secs(60));
    let shown = session_state(&story.facts, crate::factory_state(&story.next()));
    assert_eq!(shown, SessionState::Running);
    story.is_interrupted(Interruption::Restart).starts();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "restart => implementing, runs implementation",
        "60 s pass => implementing, runs implementation",
        "r1 ends: interrupted by Restart => implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => implementing, runs implementation",
    ]);
}

#[test]
fn s08_an_interrupted_implementation_goes_on_as_one() {
    let mut story = Story::new();
    story
        .opens_session(None)
        .delegated()
        .starts()
        .is_interrupted(Interruption::Restart)
        .starts()
        .is_interrupted(Interruption::Shutdown)
        .starts();
    assert_eq!(story.facts.attempts.implementation, 0);
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 ends: interrupted by Restart => implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => implementing, runs implementation",
        "r2 ends: interrupted by Shutdown => implementing, next implementation, keeps edits, resumes thread of r1",
        "r3 starts => implementing, runs implementation",
    ]);
}

/// The wish is in the facts, so whoever reads them next starts it, and only once.
#[test]
fn s13_a_wish_survives_the_process() {
    let mut story = Story::opened();
    story
        .check("Tests", CheckStatus::Failure, 1)
        .restarts()
        .starts()
        .restarts()
        .passes(Duration::from_secs(60));
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "restart => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "restart => repairing_ci, runs ci_repair",
        "60 s pass => repairing_ci, runs ci_repair",
    ]);
}

/// What is wanted follows from the facts and not from who was told: no start can be lost.
#[test]
fn s14_a_start_that_was_forgotten_is_wanted_at_every_look() {
    let mut story = Story::opened();
    story
        .review(ReviewVerdict::ChangesRequested, 1)
        .passes(Duration::from_secs(3_600))
        .review_by("bob", "review-of-bob", ReviewVerdict::ChangesRequested, 1)
        .passes(Duration::from_secs(6 * 3_600))
        .starts();
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "3600 s pass => changes_requested, next review_fix",
        "bob requests changes to head 1 => changes_requested, next review_fix",
        "21600 s pass => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
    ]);
}

/// What a failed turn left is gone on with; a pull request that is there is adopted.
#[test]
fn s55_a_failed_turn_with_work_is_gone_on_with_and_an_open_pull_request_is_adopted() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts().ends(failed()).starts();
    assert!(story.plan.as_ref().is_some_and(|plan| plan.keep_edits));
    story.pull_request("opened by the agent", |pr| pr.state = PrState::Open).ends(failed());
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 ends: failed => implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => implementing, runs implementation",
        "opened by the agent => implementing, runs implementation",
        "r2 ends: failed => [response] pr_open, waits for #1 to be reviewed",
    ]);
}

/// Two runs on one thread: the end of the older one is none of the newer one.
#[test]
fn s68_the_end_of_an_older_run_does_not_end_the_newer_one() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts().is_interrupted(Interruption::Restart).starts();
    assert!(story.plan.as_ref().is_some_and(|plan| plan.resume.is_some()), "one thread");
    let facts = story.facts.clone();
    let late = crate::ObservationKind::RunSettled {
        run: RunId::new("r1"),
        result: fixture::published(),
        charge: crate::Charge::Nothing,
        continuations: 0,
        thread: None,
        spent: crate::Spent::default(),
    };
    story.observe_again("r1 is said to have published", late);
    assert_eq!(story.facts, facts);
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 ends: interrupted by Restart => implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => implementing, runs implementation",
        "r1 is said to have published => nothing new",
    ]);
}
