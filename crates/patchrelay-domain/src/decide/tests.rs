use std::time::Duration;

use super::*;
use crate::{
    Attempts, Interruption, NextColumns, PrNumber, PrState, PrWait, Question, RunOutcome, ThreadId,
    Ticket, TrackerStateKind,
    fixture::{
        after, at, claimed, delegated, failed, published, pull_request, pull_request_read, running,
        session_opened, settled, settled_with_thread, state, then, ticket, ticket_read,
    },
};

fn next(facts: &IssueFacts) -> NextStep {
    decide(&Policy::default(), at(1_000_000_000), facts)
}

fn waits(facts: &IssueFacts) -> Wait {
    match next(facts) {
        NextStep::Wait { reason, .. } => reason,
        other => panic!("does not wait: {other:?}"),
    }
}

#[test]
fn a_session_without_a_read_ticket_starts_nothing() {
    assert_eq!(waits(&after([session_opened()])), Wait::TicketUnread);
}

#[test]
fn a_delegated_ticket_is_implemented() {
    let NextStep::Run(plan) = next(&delegated()) else { panic!("no run") };
    assert_eq!(plan.run_type, RunType::Implementation);
    assert_eq!(plan.branch.as_str(), "patchrelay/APP-1-wish-a-good-night");
    assert_eq!(plan.worktree_name, "APP-1-0a4c0f3e");
    assert_eq!((plan.resume, plan.keep_edits), (None, false));
}

#[test]
fn a_ticket_of_somebody_else_is_left_alone() {
    let facts = after([session_opened(), ticket_read(10, Ticket { delegated: false, ..ticket() })]);
    assert_eq!(waits(&facts), Wait::Undelegated);
}

#[test]
fn nothing_starts_while_a_run_has_the_issue() {
    assert_eq!(waits(&running()), Wait::ActiveRun(RunType::Implementation));
}

/// S41: what happens around a run does not end it.
#[test]
fn s41_a_merge_during_a_run_settles_only_after_it() {
    let facts = then(running(), 4_000, [pull_request_read(50, pull_request(1, PrState::Merged))]);
    assert_eq!(waits(&facts), Wait::ActiveRun(RunType::Implementation));
    let facts = then(facts, 5_000, [settled("r1", published())]);
    assert_eq!(next(&facts), NextStep::Settled(Settled::Merged));
}

#[test]
fn an_open_pull_request_waits_and_a_merged_one_is_the_end() {
    let facts = then(running(), 4_000, [settled("r1", published())]);
    assert_eq!(waits(&facts), Wait::PullRequest(PrNumber(1), PrWait::Review));
    let facts = then(facts, 5_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    assert_eq!(next(&facts), NextStep::Settled(Settled::Merged));
}

/// S50: a pull request that was closed unmerged is followed by a replacement, on a branch of its own.
#[test]
fn s50_a_closed_pull_request_is_replaced_on_another_branch() {
    let facts = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Closed))],
    );
    let NextStep::Run(plan) = next(&facts) else { panic!("no run") };
    assert_eq!(plan.branch.as_str(), "patchrelay/APP-1-wish-a-good-night-2");
    assert!(!plan.keep_edits, "it starts from the base and not from what was refused");
}

#[test]
fn a_ticket_that_is_over_in_the_tracker_is_settled_unless_a_pull_request_is_open() {
    let completed = |version| {
        ticket_read(version, Ticket { state: state(TrackerStateKind::Completed), ..ticket() })
    };
    assert_eq!(next(&after([completed(5)])), NextStep::Settled(Settled::CompletedInTracker));
    let canceled = ticket_read(5, Ticket { state: state(TrackerStateKind::Canceled), ..ticket() });
    assert_eq!(next(&after([canceled])), NextStep::Settled(Settled::CanceledInTracker));
    let with_pr = then(running(), 4_000, [settled("r1", published()), completed(70)]);
    assert_eq!(waits(&with_pr), Wait::PullRequest(PrNumber(1), PrWait::Review));
}

#[test]
fn a_question_is_put_once_and_then_waited_for() {
    let asks = RunOutcome::NeedsInput { question: "Which language?".to_owned() };
    let facts = then(running(), 4_000, [settled("r1", asks)]);
    assert_eq!(waits(&facts), Wait::Question);
    let unasked = IssueFacts {
        question: Some(Question { asked: None, ..facts.question.clone().unwrap() }),
        ..facts
    };
    assert_eq!(
        next(&unasked),
        NextStep::Ask { question: "Which language?".to_owned(), about: About::Work }
    );
}

/// Runs that are lost again and again, each as soon as it may start.
fn lost(times: u32, result: impl Fn() -> RunOutcome) -> IssueFacts {
    (0..times).fold(delegated(), |facts, n| {
        let now = 10_000_000 * i64::from(n + 1);
        let run = format!("lost-{n}");
        let claim = claimed(&facts, &run);
        then(facts, now, [claim, settled(&run, result())])
    })
}

#[test]
fn the_first_lost_run_is_followed_at_once_and_later_ones_ever_later() {
    let until = |times| match decide(&Policy::default(), at(0), &lost(times, failed)) {
        NextStep::Run(_) => None,
        NextStep::Wait { reason: Wait::Backoff(RunType::Implementation), until: Some(until) } => {
            Some(until.since(at(10_000_000 * i64::from(times) + 1_000)))
        }
        other => panic!("unexpected {other:?}"),
    };
    assert_eq!(until(1), None);
    assert_eq!(until(2), Some(Duration::from_secs(15)));
    assert_eq!(until(3), Some(Duration::from_secs(30)));
    assert_eq!(until(4), Some(Duration::from_secs(60)));
}

/// S67: exactly one call for help, and silence afterwards.
#[test]
fn s67_a_spent_recovery_budget_escalates_once() {
    let facts = lost(5, failed);
    assert_eq!(waits(&facts), Wait::Escalated);
    assert!(facts.escalated.is_some());
}

#[test]
fn an_outage_costs_nothing_however_long_it_lasts() {
    let facts = lost(40, || RunOutcome::Unavailable { reason: "no route".to_owned(), until: None });
    assert_eq!(facts.attempts, Attempts::default());
    assert!(matches!(next(&facts), NextStep::Run(_)));
    let NextStep::Wait { until: Some(until), .. } = decide(&Policy::default(), at(0), &facts)
    else {
        panic!("no wait")
    };
    assert!(until.since(facts.updated) <= Duration::from_secs(600));
}

#[test]
fn insufficient_work_is_charged_and_bounded() {
    let facts = lost(3, || RunOutcome::Insufficient { reason: "nothing".to_owned() });
    assert_eq!(facts.attempts.implementation, 3);
    assert_eq!(waits(&facts), Wait::Escalated);
}

/// S08: an interrupted implementation is tried again, on the same thread and with its edits.
#[test]
fn s08_an_interrupted_run_goes_on_where_it_was() {
    let thread = Some(ThreadId::new("t1"));
    let lost = RunOutcome::Interrupted { by: Interruption::Restart };
    let facts = then(running(), 4_000, [settled_with_thread("r1", lost, Some("t1"))]);
    let NextStep::Run(plan) = next(&facts) else { panic!("no run") };
    assert_eq!((plan.resume, plan.keep_edits), (thread, true));
}

#[test]
fn what_is_stored_of_a_step_is_what_the_ready_list_needs() {
    assert_eq!(
        next(&delegated()).columns(),
        NextColumns { kind: "run", run_type: Some(RunType::Implementation), due: Some(at(0)) }
    );
    let waiting = decide(&Policy::default(), at(0), &lost(2, failed)).columns();
    assert_eq!((waiting.kind, waiting.run_type), ("wait", Some(RunType::Implementation)));
    assert!(waiting.due.is_some());
    // A run that is active must not be started again, whatever the time.
    assert_eq!(next(&running()).columns(), NextColumns { kind: "wait", run_type: None, due: None });
}
