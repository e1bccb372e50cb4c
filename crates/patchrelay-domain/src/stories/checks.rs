//! Checks and the gate.

use std::time::Duration;

use super::Story;
use crate::{
    CheckStatus::{Failure, Pending, Success},
    FactoryState, GateStatus, IssueFacts, ObservationKind, Policy,
    ReportOutcome::{Done, NoChangeNeeded},
    ReviewVerdict::Approved,
    RunType, factory_state,
    fixture::head,
    gate_status,
    prompt::Publisher,
};

pub(super) const TOLD: &[super::Told] = told![
    s11_a_rerun_that_helped_ends_the_repair_well,
    s11_the_same_head_is_judged_by_the_gate,
    s34_only_the_gate_makes_a_pull_request_green_and_a_rerun_makes_it_pending,
    s61_without_a_configured_gate_tests_is_the_gate,
    s67_a_spent_budget_calls_for_help_once_and_a_retry_runs_once,
    s67_delegating_again_is_a_retry,
    s71_only_a_settled_red_gate_starts_one_repair,
    s73_a_late_check_of_an_older_head_says_nothing_of_the_current_one,
];

fn gate(story: &Story) -> GateStatus {
    gate_status(&story.policy, &story.facts)
}

fn ci_repairs(facts: &IssueFacts) -> u32 {
    facts.tried(RunType::CiRepair)
}

/// A rerun made the gate green under the repair: that is a success, and nothing is published.
#[test]
fn s11_a_rerun_that_helped_ends_the_repair_well() {
    let mut story = Story::opened();
    story.check("Tests", Failure, 1).starts().check("Tests", Success, 1).asks().ends_as_steered();
    assert_eq!(ci_repairs(&story.facts), 0);
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "Tests is green on head 1 => repairing_ci, runs ci_repair",
        "r2 may end and publishes nothing: Superseded",
        "r2 ends: interrupted by Superseded => pr_open, waits for #1 to be reviewed",
    ]);
}

/// The agent that publishes by itself may leave the same head: with a green gate that is a success, with a red one it is
/// told so, and not given up at once.
#[test]
fn s11_the_same_head_is_judged_by_the_gate() {
    let policy = Policy { publisher: Publisher::Agent, ..Policy::default() };
    let mut story = Story::opened_with(policy);
    story.check("Tests", Failure, 1).starts();
    story.reports(Done, |_, _| ());
    assert!(story.facts.slot.is_some(), "it is told what is missing");
    story.check("Tests", Success, 1).reports(Done, |_, _| ());
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "r2 reports Done and goes on",
        "Tests is green on head 1 => repairing_ci, runs ci_repair",
        "r2 reports Done and is published",
        "r2 ends: published head 1 => [response] pr_open, waits for #1 to be reviewed",
    ]);
}

#[test]
fn s34_only_the_gate_makes_a_pull_request_green_and_a_rerun_makes_it_pending() {
    let mut story = Story::opened();
    story.check("lint", Success, 1);
    assert_eq!(gate(&story), GateStatus::Unknown);
    story.check("Tests", Success, 1);
    assert_eq!(gate(&story), GateStatus::Green);
    story.check("Tests", Pending, 1);
    assert_eq!(gate(&story), GateStatus::Pending);
    story.check("lint", Success, 1);
    assert_eq!(gate(&story), GateStatus::Pending);
    story.reads(&[
        "lint is green on head 1 => nothing new",
        "Tests is green on head 1 => pr_open, waits for #1 to be reviewed",
        "Tests is pending on head 1 => pr_open, waits for #1 to be checked",
        "lint is green on head 1 => nothing new",
    ]);
}

#[test]
fn s61_without_a_configured_gate_tests_is_the_gate() {
    let mut story = Story::opened();
    story.review(Approved, 1).check("Tests", Failure, 1);
    assert_ne!(factory_state(&story.next()), FactoryState::AwaitingQueue);
    story.check("Tests", Success, 1);
    story.reads(&[
        "ada approves head 1 => pr_open, waits for #1 to be reviewed",
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "Tests is green on head 1 => awaiting_queue, waits for #1 to be merged",
    ]);
}

/// One call for help when the budget is spent, then silence; an operator's word begins anew.
#[test]
fn s67_a_spent_budget_calls_for_help_once_and_a_retry_runs_once() {
    let mut story = Story::opened();
    story.check("Tests", Failure, 1);
    for n in 2..=4 {
        story.starts().publishes(n).check("Tests", Failure, n);
    }
    story
        .passes(Duration::from_secs(60))
        .passes(Duration::from_secs(86_400))
        .check("Tests", Failure, 4)
        .retries(None)
        .starts()
        .passes(Duration::from_secs(60));
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
        "Tests is red on head 2 => repairing_ci, next ci_repair",
        "r3 starts => [action] repairing_ci, runs ci_repair",
        "r3 ends: published head 3 => [response] pr_open, waits for #1 to be reviewed",
        "Tests is red on head 3 => repairing_ci, next ci_repair",
        "r4 starts => [action] repairing_ci, runs ci_repair",
        "r4 ends: published head 4 => [response] pr_open, waits for #1 to be reviewed",
        "Tests is red on head 4 => [error] escalated, waits for help",
        "60 s pass => escalated, waits for help",
        "86400 s pass => escalated, waits for help",
        "Tests is red on head 4 => escalated, waits for help",
        "retry => [thought] repairing_ci, next ci_repair",
        "r5 starts => [action] repairing_ci, runs ci_repair",
        "60 s pass => repairing_ci, runs ci_repair",
    ]);
}

#[test]
fn s67_delegating_again_is_a_retry() {
    let mut story = Story::opened();
    story.policy.budgets.ci_repair = 1;
    story
        .check("Tests", Failure, 1)
        .starts()
        .publishes(2)
        .check("Tests", Failure, 2)
        .undelegated()
        .delegated()
        .starts();
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
        "Tests is red on head 2 => [error] escalated, waits for help",
        "undelegated => escalated, waits for help",
        "delegated => repairing_ci, next ci_repair",
        "r3 starts => [action] repairing_ci, runs ci_repair",
    ]);
}

/// A check that is not of the gate starts nothing; the gate starts one repair when all of it is over.
#[test]
fn s71_only_a_settled_red_gate_starts_one_repair() {
    let mut story = Story::opened();
    story
        .check("verify", Pending, 1)
        .check("lint", Failure, 1)
        .passes(Duration::from_secs(60))
        .passes(Duration::from_secs(60))
        .check("Tests", Failure, 1)
        .passes(Duration::from_secs(60))
        .check("verify", Success, 1)
        .starts();
    let red = story.facts.checks[0].clone();
    let again = ObservationKind::CheckRead { head: head(1), check: red };
    story
        .observe("a poll shows Tests red on head 1", again)
        .reports(NoChangeNeeded, |_, _| ())
        .check("lint", Failure, 1)
        .passes(Duration::from_secs(60));
    story.reads(&[
        "verify is pending on head 1 => pr_open, waits for #1 to be checked",
        "lint is red on head 1 => nothing new",
        "60 s pass => pr_open, waits for #1 to be checked",
        "60 s pass => pr_open, waits for #1 to be checked",
        "Tests is red on head 1 => pr_open, waits for #1 to be checked",
        "60 s pass => pr_open, waits for #1 to be checked",
        "verify is green on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "a poll shows Tests red on head 1 => nothing new",
        "r2 reports NoChangeNeeded and is over: nothing to repair",
        "r2 ends: nothing to repair => [response] repairing_ci, waits for #1 to get a rerun",
        "lint is red on head 1 => nothing new",
        "60 s pass => repairing_ci, waits for #1 to get a rerun",
    ]);
}

#[test]
fn s73_a_late_check_of_an_older_head_says_nothing_of_the_current_one() {
    let mut story = Story::opened();
    story.head(2).check("Tests", Pending, 2);
    let before = story.facts.clone();
    story.check("Tests", Success, 1).check("Tests", Failure, 1);
    assert_eq!(story.facts, before);
    story.reads(&[
        "head 2 is pushed => pr_open, waits for #1 to be reviewed",
        "Tests is pending on head 2 => pr_open, waits for #1 to be checked",
        "Tests is green on head 1 => nothing new",
        "Tests is red on head 1 => nothing new",
    ]);
}
