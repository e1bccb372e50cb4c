//! Every row of the reference's account of states, wakes and repairs (behaviour 1.3-1.14, 3.13-3.18, 5.5-5.7, 6.3-6.6),
//! with what became of it.

mod counters;
mod forge;
mod idle;
mod inbox;
mod runs;
mod shown;
mod states;
mod wakes;

use std::panic::catch_unwind;

use crate::{
    Blocker, BranchName, Check, CheckStatus, Evidence, Evolved, FactoryState, GateStatus, Heard,
    InputKind, Interruption, IssueFacts, LinkedPullRequest, MergeState, NextStep, Observation,
    ObservationKind, OutboxOrder, Policy, PrNumber, PrState, PrWait, PullRequest, ReportOutcome,
    ReviewVerdict, RunId, RunOutcome, RunPlan, RunProgress, RunType, SessionId, SessionState,
    Settled, Steer, Ticket, TicketTarget, TrackerStateKind, TreeId, TurnStatus,
    Verdict as Verified, Wait, WakeReason, change, decide, evolve, factory_state,
    fixture::{
        after, at, check, claimed, delegated, failed, head, member, merge_state, observation,
        opened, pull_request, pull_request_read, report, review, running, said, session_opened,
        settled, settled_with_thread, state, then, ticket, ticket_read,
    },
    policy::gate_status,
    prompt::Publisher,
    session_state, status_note, steer_run, verify, waiting_reason, way_out,
};

/// What became of a row.
#[derive(Debug)]
enum Verdict {
    Holds,
    /// By what, and how it is now.
    Replaced(&'static str, &'static str),
}
use Verdict::{Holds, Replaced};

struct Row {
    section: &'static str,
    row: &'static str,
    verdict: Verdict,
    /// Whether it is as the verdict says.
    is_so: fn() -> bool,
}

fn row(section: &'static str, row: &'static str, verdict: Verdict, is_so: fn() -> bool) -> Row {
    Row { section, row, verdict, is_so }
}

/// How many rows each section has.
const SECTIONS: [(&str, usize); 25] = [
    ("1.3", 18),
    ("1.4", 6),
    ("1.5", 10),
    ("1.6", 4),
    ("1.7", 9),
    ("1.8", 19),
    ("1.9", 14),
    ("1.10", 4),
    ("1.11", 26),
    ("1.12", 15),
    ("1.13", 10),
    ("1.14", 4),
    ("3.13", 6),
    ("3.14", 11),
    ("3.15", 6),
    ("3.16", 13),
    ("3.17", 15),
    ("3.18", 6),
    ("5.5", 16),
    ("5.6", 19),
    ("5.7", 15),
    ("6.3", 10),
    ("6.4", 12),
    ("6.5", 9),
    ("6.6", 8),
];

fn rows() -> Vec<Row> {
    [
        states::transitions(),
        states::sessions(),
        states::intents(),
        states::reasons_to_wake(),
        states::readiness(),
        shown::waiting_reasons(),
        shown::status_notes(),
        shown::summaries(),
        inbox::events(),
        inbox::keys(),
        wakes::plans(),
        wakes::peeks(),
        wakes::dependencies(),
        runs::branch_advanced(),
        runs::publications(),
        runs::follow_ups(),
        runs::states_after(),
        counters::active_runs(),
        counters::recoveries(),
        forge::snapshots(),
        forge::provenance(),
        forge::reactions(),
        idle::reconciler(),
        idle::failed_issues(),
        idle::probes(),
        idle::queue_health(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_row_of_the_reference_has_its_verdict() {
    let rows = rows();
    for (section, expected) in SECTIONS {
        let count = rows.iter().filter(|row| row.section == section).count();
        assert_eq!(count, expected, "rows of {section}");
    }
    assert_eq!(rows.len(), SECTIONS.iter().map(|(_, count)| count).sum::<usize>());
}

#[test]
fn every_row_is_as_its_verdict_says() {
    // A row that panics is wrong too, and the others are still looked at.
    let wrong: Vec<_> = rows()
        .iter()
        .filter(|row| !catch_unwind(row.is_so).unwrap_or(false))
        .map(|row| format!("{} {}: {:?}", row.section, row.row, row.verdict))
        .collect();
    assert!(wrong.is_empty(), "{} rows: {wrong:#?}", wrong.len());
}

#[test]
fn no_row_is_there_twice() {
    let mut names: Vec<_> = rows().iter().map(|row| (row.section, row.row)).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

#[test]
fn every_replacement_names_what_replaces_it() {
    for row in rows() {
        let Replaced(by, now) = row.verdict else { continue };
        assert!(!now.is_empty(), "{}: {}", row.section, row.row);
        for source in by.split(", ") {
            let last = match source.get(..1) {
                Some("N") => 70,
                Some("W") => 90,
                Some("S") => 76,
                Some("D") => 45,
                _ => 0,
            };
            // W65b is one of its own.
            let number = source.get(1..).map(|number| number.trim_end_matches('b'));
            let number = number.and_then(|number| number.parse::<u32>().ok());
            assert!(number.is_some_and(|number| (1..=last).contains(&number)), "{by}: {}", row.row);
        }
    }
}

/// Long after everything that the rows let happen, and no time of the year matters to them.
const LATER: i64 = 1_000_000_000;

fn next(facts: &IssueFacts) -> NextStep {
    decide(&Policy::default(), at(LATER), facts)
}

fn plan(facts: &IssueFacts) -> RunPlan {
    match next(facts) {
        NextStep::Run(plan) => plan,
        other => panic!("no run: {other:?}"),
    }
}

/// What the next run is for, if one is next.
fn wants(facts: &IssueFacts) -> Option<RunType> {
    match next(facts) {
        NextStep::Run(plan) => Some(plan.run_type),
        _ => None,
    }
}

fn waits(facts: &IssueFacts) -> Option<Wait> {
    match next(facts) {
        NextStep::Wait { reason, .. } => Some(reason),
        _ => None,
    }
}

fn waits_for(facts: &IssueFacts, wait: PrWait) -> bool {
    matches!(waits(facts), Some(Wait::PullRequest(_, reason)) if reason == wait)
}

fn shows(facts: &IssueFacts) -> FactoryState {
    factory_state(&next(facts))
}

fn reason(facts: &IssueFacts) -> String {
    waiting_reason(&next(facts)).unwrap_or_default()
}

fn note(facts: &IssueFacts) -> String {
    status_note(facts, &next(facts)).unwrap_or_default()
}

fn gate(facts: &IssueFacts) -> GateStatus {
    gate_status(&Policy::default(), facts)
}

fn steer(facts: &IssueFacts, run: &str) -> Steer {
    steer_run(&Policy::default(), at(LATER), facts, &RunProgress::new(RunId::new(run)))
}

/// The facts after these happened too, one second apart.
fn more(facts: IssueFacts, kinds: impl IntoIterator<Item = ObservationKind>) -> IssueFacts {
    let millis = facts.updated.millis() + 1_000;
    then(facts, millis, kinds)
}

/// Whether this changes nothing that is known.
fn is_no_news(facts: &IssueFacts, kind: ObservationKind) -> bool {
    let millis = facts.updated.millis() + 1_000;
    evolve(&Policy::default(), facts, &observation(millis, kind)) == Evolved::Unchanged
}

fn with(facts: IssueFacts, kind: ObservationKind) -> IssueFacts {
    more(facts, [kind])
}

/// The wanted run is started.
fn start(facts: IssueFacts, run: &str) -> IssueFacts {
    let claim = claimed(&facts, run);
    with(facts, claim)
}

fn end(facts: IssueFacts, run: &str, outcome: RunOutcome) -> IssueFacts {
    with(facts, settled(run, outcome))
}

/// The wanted run is started and ends so.
fn through(facts: IssueFacts, run: &str, outcome: RunOutcome) -> IssueFacts {
    end(start(facts, run), run, outcome)
}

/// The outcome of a run that published this head of the pull request.
fn pushed(n: u32) -> RunOutcome {
    RunOutcome::Published {
        commit: head(n),
        pull_request: pr_at(n),
        version: at(i64::from(n) * 10_000),
        summary: format!("Made head {n}."),
    }
}

fn insufficient() -> RunOutcome {
    RunOutcome::Insufficient { reason: "nothing was repaired".to_owned() }
}

fn interrupted(by: Interruption) -> RunOutcome {
    RunOutcome::Interrupted { by }
}

fn nothing_to_repair() -> RunOutcome {
    RunOutcome::NothingToRepair { reason: "a flaky test".to_owned() }
}

fn pr_at(n: u32) -> PullRequest {
    PullRequest { head: head(n), ..pull_request(1, PrState::Open) }
}

/// Somebody else pushed, at the n-th ten seconds.
fn push(n: u32) -> ObservationKind {
    pull_request_read(i64::from(n) * 10_000, pr_at(n))
}

fn pr_now(version: i64, state: PrState) -> ObservationKind {
    pull_request_read(version, pull_request(1, state))
}

fn merged() -> ObservationKind {
    pr_now(900_000, PrState::Merged)
}

fn closed() -> ObservationKind {
    pr_now(900_000, PrState::Closed)
}

/// A result of the gate on the n-th head, the later the higher.
fn gate_is(status: CheckStatus, n: u32, version: i64) -> ObservationKind {
    check("verify", version.unsigned_abs(), version, status, head(n))
}

fn green(n: u32) -> ObservationKind {
    gate_is(CheckStatus::Success, n, 70)
}

fn is_red(n: u32) -> ObservationKind {
    gate_is(CheckStatus::Failure, n, 60)
}

fn queue_is(status: CheckStatus, n: u32, version: i64) -> ObservationKind {
    check("merge-steward/queue", version.unsigned_abs(), version, status, head(n))
}

fn evicted_at(n: u32) -> ObservationKind {
    queue_is(CheckStatus::Failure, n, 80)
}

fn approve(n: u32) -> ObservationKind {
    review("yes", "reviewer-1", ReviewVerdict::Approved, head(n), 50)
}

fn ask_for_changes(n: u32) -> ObservationKind {
    review(&format!("no-{n}"), "reviewer-1", ReviewVerdict::ChangesRequested, head(n), 55)
}

fn conflict(n: u32, version: i64) -> ObservationKind {
    merge_state(version, head(n), "base-1", true)
}

fn no_conflict(n: u32, version: i64) -> ObservationKind {
    merge_state(version, head(n), "base-1", false)
}

fn delegation(version: i64, delegated: bool) -> ObservationKind {
    ticket_read(version, Ticket { delegated, ..ticket() })
}

fn stop(said: i64) -> ObservationKind {
    stop_by(said, "Ada")
}

fn stop_by(said: i64, name: &str) -> ObservationKind {
    ObservationKind::StopRequested {
        source: format!("stop-{said}"),
        said: at(said),
        by: crate::Actor { name: Some(name.to_owned()), ..member() },
        reason: None,
    }
}

fn removal(version: i64) -> ObservationKind {
    ObservationKind::TicketRemoved { version: at(version) }
}

fn close_by_hand(as_failed: bool) -> ObservationKind {
    ObservationKind::Closed {
        order: "close-1".to_owned(),
        by: member(),
        as_failed,
        reason: Some("not worth it".to_owned()),
    }
}

fn retry(order: &str, run_type: Option<RunType>) -> ObservationKind {
    ObservationKind::Retried {
        order: order.to_owned(),
        said: at(800_000),
        by: member(),
        run_type,
        reason: None,
    }
}

/// Something that a human wants, said in the session.
fn word(source: &str, text: &str) -> ObservationKind {
    said(source, 500_000, Heard::Session, text)
}

fn work() -> ObservationKind {
    word("input-1", "Please use the other greeting.")
}

/// An open pull request with a red gate.
fn red() -> IssueFacts {
    with(opened(), is_red(1))
}

/// One that is approved and green.
fn ready() -> IssueFacts {
    more(opened(), [approve(1), green(1)])
}

/// One that the queue refused.
fn refused() -> IssueFacts {
    with(ready(), evicted_at(1))
}

/// One with requested changes.
fn criticised() -> IssueFacts {
    with(opened(), ask_for_changes(1))
}

/// One that contradicts its base.
fn conflicting() -> IssueFacts {
    with(opened(), conflict(1, 60))
}

/// One whose gate stayed red until the budget was spent.
fn given_up() -> IssueFacts {
    (0..3).fold(red(), |facts, n| through(facts, &format!("futile-{n}"), insufficient()))
}

/// A run that needs to know something.
fn asking() -> IssueFacts {
    with(
        running(),
        settled_with_thread(
            "r1",
            RunOutcome::NeedsInput { question: "Which greeting?".to_owned() },
            Some("t1"),
        ),
    )
}

/// A pull request whose run had a thread.
fn opened_with_thread() -> IssueFacts {
    with(running(), settled_with_thread("r1", pushed(1), Some("t1")))
}

/// A ticket that waits for these, which are not over.
fn blocked_by(keys: &[&str]) -> Ticket {
    blocked(keys, TrackerStateKind::Started)
}

fn blocked(keys: &[&str], kind: TrackerStateKind) -> Ticket {
    let blockers = keys.iter().map(|key| Blocker { key: (*key).to_owned(), state: kind }).collect();
    Ticket { blockers, ..ticket() }
}

fn in_tracker(version: i64, kind: TrackerStateKind) -> ObservationKind {
    ticket_read(version, Ticket { state: state(kind), ..ticket() })
}

/// What a turn that completed is worth, if it says this and the rest is so.
fn judged(
    run_type: RunType,
    outcome: ReportOutcome,
    change: impl FnOnce(&mut Evidence),
) -> Verified {
    judge(&Policy::default(), run_type, outcome, 0, change)
}

/// The same where the agent brings its work to the forge itself.
fn judged_agent(
    run_type: RunType,
    outcome: ReportOutcome,
    change: impl FnOnce(&mut Evidence),
) -> Verified {
    judge(&by_agent(), run_type, outcome, 0, change)
}

fn by_agent() -> Policy {
    Policy { publisher: Publisher::Agent, ..Policy::default() }
}

fn judge(
    policy: &Policy,
    run_type: RunType,
    outcome: ReportOutcome,
    continuations: u32,
    change: impl FnOnce(&mut Evidence),
) -> Verified {
    let mut evidence = Evidence::clean(run_type, TreeId::new("tree-1"));
    change(&mut evidence);
    verify(policy, Some(&report(outcome)), &evidence, continuations)
}

fn continues(verdict: &Verified) -> bool {
    matches!(verdict, Verified::Continue { .. })
}

fn asks(verdict: &Verified) -> bool {
    matches!(verdict, Verified::Settle(RunOutcome::NeedsInput { .. }))
}

fn a_refusal_is_handled_once_and_a_later_one_again() -> bool {
    let handled = through(refused(), "r2", nothing_to_repair());
    wants(&handled) != Some(RunType::QueueRepair)
        && wants(&with(handled, queue_is(CheckStatus::Failure, 1, 120)))
            == Some(RunType::QueueRepair)
}
