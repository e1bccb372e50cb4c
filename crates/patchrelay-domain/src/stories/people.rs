//! What people say and order.

use std::time::Duration;

use super::Story;
use crate::{
    Actor, Budgets, CheckStatus::Failure, Heard, Interruption, Policy, ReportOutcome::NeedsInput,
    RunType, Standing, fixture::member,
};

pub(super) const TOLD: &[super::Told] = told![
    s43_our_own_words_start_nothing_and_steer_nothing,
    s44_only_what_asks_for_work_starts_a_run,
    s44_an_ok_is_praise_unless_it_is_an_answer,
    s62_closing_releases_the_run_and_clears_what_waited,
    s62_a_retry_begins_with_whole_budgets,
    s70_the_same_word_is_meant_each_time,
    s76_a_stopped_run_that_stays_silent_does_not_hold_the_issue,
    s76_a_new_session_after_a_stop_starts_again,
];

/// Our own words come back as webhooks, whoever the tracker says wrote them.
#[test]
fn s43_our_own_words_start_nothing_and_steer_nothing() {
    let ours = || Actor { id: "patchrelay".to_owned(), standing: Standing::Ourselves, ..member() };
    let echo = "@patchrelay implement it again";
    let mut story = Story::opened();
    story.heard("our own comment", Heard::TicketComment, ours(), echo);
    story.heard("our own activity", Heard::Session, ours(), echo);
    story.check("Tests", Failure, 1).starts();
    story.heard("our own comment", Heard::ForgeComment, ours(), echo).asks();
    assert!(story.facts.pending.is_empty());
    story.reads(&[
        "our own comment: @patchrelay implement it again => nothing new",
        "our own activity: @patchrelay implement it again => nothing new",
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "our own comment: @patchrelay implement it again => nothing new",
        "r2 goes on",
    ]);
}

#[test]
fn s44_only_what_asks_for_work_starts_a_run() {
    let mut story = Story::opened();
    story
        .comments("nice work")
        .comments("@patchrelay what is the status?")
        .says("how is it going?")
        .comments("patchrelay please retry")
        .starts();
    assert!(story.facts.pending.is_empty());
    story.reads(&[
        "comment: nice work => nothing new",
        "comment: @patchrelay what is the status? => [response] pr_open, waits for #1 to be reviewed",
        "session: how is it going? => [response] pr_open, waits for #1 to be reviewed",
        "comment: patchrelay please retry => [thought] implementing, next implementation, resumes thread of r1, takes 1 inputs",
        "r2 starts => [action] implementing, runs implementation",
    ]);
}

#[test]
fn s44_an_ok_is_praise_unless_it_is_an_answer() {
    let mut story = Story::new();
    story.opens_session(None).delegated().says("ok").starts();
    story
        .reports(NeedsInput, |_, report| report.question = "Is German right?".to_owned())
        .says("how is it going?")
        .says("ok")
        .starts();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "session: ok => nothing new",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 reports NeedsInput and is over: needs input",
        "r1 ends: needs input => [elicitation] awaiting_input, waits for an answer",
        "session: how is it going? => [response] awaiting_input, waits for an answer",
        "session: ok => [thought] implementing, next implementation, keeps edits, resumes thread of r1, takes 1 inputs",
        "r2 starts => [action] implementing, runs implementation",
    ]);
}

/// Closing ends the run, and what waited for a word waits no longer.
#[test]
fn s62_closing_releases_the_run_and_clears_what_waited() {
    for as_failed in [false, true] {
        let mut story = Story::new();
        story
            .opens_session(Some("use German"))
            .delegated()
            .starts()
            .says("and French")
            .closes(as_failed)
            .asks()
            .ends_as_steered();
        assert!(story.facts.pending.is_empty(), "{:?}", story.facts.pending);
        let (state, end) = if as_failed { ("failed", "failed") } else { ("done", "done") };
        let last = story.lines.last().unwrap();
        assert!(last.ends_with(&format!("{state}, over: closed as {end}")), "{last}");
    }
}

#[test]
fn s62_a_retry_begins_with_whole_budgets() {
    let policy =
        Policy { budgets: Budgets { ci_repair: 1, ..Budgets::default() }, ..Policy::default() };
    let mut story = Story::opened_with(policy);
    story.check("Tests", Failure, 1).starts().publishes(2).check("Tests", Failure, 2);
    assert_eq!(story.facts.tried(RunType::CiRepair), 1);
    story.closes(true).retries(None);
    assert_eq!(story.facts.tried(RunType::CiRepair), 0);
    story.starts();
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
        "Tests is red on head 2 => [error] escalated, waits for help",
        "closed here as failed => [response] failed, over: closed as failed",
        "retry => [thought] repairing_ci, next ci_repair",
        "r3 starts => [action] repairing_ci, runs ci_repair",
    ]);
}

/// The same word, a day apart, was meant twice.
#[test]
fn s70_the_same_word_is_meant_each_time() {
    let mut story = Story::opened();
    story
        .says("continue")
        .starts()
        .publishes(2)
        .passes(Duration::from_secs(86_400))
        .says("continue")
        .starts()
        .says("continue")
        .is_told()
        .is_interrupted(Interruption::Restart);
    story.reads(&[
        "session: continue => [thought] implementing, next implementation, resumes thread of r1, takes 1 inputs",
        "r2 starts => [action] implementing, runs implementation",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
        "86400 s pass => pr_open, waits for #1 to be reviewed",
        "session: continue => [thought] implementing, next implementation, resumes thread of r1, takes 1 inputs",
        "r3 starts => [action] implementing, runs implementation",
        "session: continue => [thought] implementing, runs implementation",
        "r3 is told => implementing, runs implementation",
        "r3 ends: interrupted by Restart => implementing, next implementation, keeps edits, resumes thread of r1, takes 2 inputs",
    ]);
}

/// The agent never answers again; the human goes on all the same.
#[test]
fn s76_a_stopped_run_that_stays_silent_does_not_hold_the_issue() {
    let mut story = Story::new();
    story
        .opens_session(None)
        .delegated()
        .starts()
        .stops()
        .asks()
        .is_interrupted(Interruption::Stopped)
        .passes(Duration::from_secs(3_600))
        .undelegated()
        .delegated()
        .starts();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "stop => [response] implementing, runs implementation",
        "r1 is interrupted: Stopped",
        "r1 ends: interrupted by Stopped => awaiting_input, waits for an instruction",
        "3600 s pass => awaiting_input, waits for an instruction",
        "undelegated => awaiting_input, waits for an instruction",
        "delegated => implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => [action] implementing, runs implementation",
    ]);
}

/// A new session is how a tracker shows that somebody delegates what is delegated.
#[test]
fn s76_a_new_session_after_a_stop_starts_again() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts().stops();
    story.ends_as_steered().opens_session(None).starts();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "stop => [response] implementing, runs implementation",
        "r1 ends: interrupted by Stopped => awaiting_input, waits for an instruction",
        "a session opens => [thought] implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => [action] implementing, runs implementation",
    ]);
}
