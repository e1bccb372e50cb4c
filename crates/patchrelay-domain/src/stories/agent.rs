//! What an agent leaves behind: edits, forbidden paths, pushes of its own.

use super::{BASE, Story, failed};
use crate::{
    CheckStatus::Failure,
    Evidence, GateHit, Interruption, Policy, PrState, Report,
    ReportOutcome::{Done, NoChangeNeeded},
    RunOutcome, RunType, Ticket,
    TrackerStateKind::Started,
    UnmergedPath,
    prompt::{ConflictKind, Publisher},
};

pub(super) const TOLD: &[super::Told] = told![
    s25_a_repair_of_workflow_files_is_held_and_one_of_source_files_passes,
    s25_an_agents_own_push_of_workflow_files_is_not_accepted,
    s26_edits_are_never_lost,
    s26_an_agent_that_did_not_push_its_edits_goes_on,
    s26_a_merge_that_is_left_unfinished_is_gone_on_with,
    s46_a_pull_request_that_a_released_run_opens_late_is_not_linked,
];

fn protecting(publisher: Publisher) -> Policy {
    let protected_paths = vec![".github/**".to_owned(), "AGENTS.md".to_owned()];
    let gate = crate::GatePolicy { protected_paths, ..crate::GatePolicy::default() };
    Policy { publisher, gate, ..Policy::default() }
}

/// A repair that changes what is not its to change is held, by name; a human may release exactly that tree.
#[test]
fn s25_a_repair_of_workflow_files_is_held_and_one_of_source_files_passes() {
    let mut story = Story::opened_with(protecting(Publisher::Harness));
    story.check("Tests", Failure, 1).starts();
    story.reports(Done, |evidence, _| {
        evidence.changes = crate::ChangeSet::of_paths(["src/lib.rs", ".github/workflows/ci.yml"]);
    });
    let hit = GateHit::ProtectedPath { path: ".github/workflows/ci.yml".to_owned() };
    assert_eq!(story.facts.held.as_ref().map(|held| held.hits.clone()), Some(vec![hit]));
    assert!(story.bodies().last().unwrap().contains(".github/workflows/ci.yml"));
    story.approves("tree-2").approves("tree-1").starts().publishes(2);
    story.check("Tests", Failure, 2).starts();
    story
        .reports(Done, |evidence, _| evidence.changes = crate::ChangeSet::of_paths(["src/lib.rs"]));
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "r2 reports Done and is over: held",
        "r2 ends: held => [elicitation] awaiting_input, waits for an answer",
        "tree-2 is released => nothing new",
        "tree-1 is released => [thought] repairing_ci, next ci_repair, keeps edits, publishes tree-1",
        "r3 starts => [action] repairing_ci, runs ci_repair",
        "r3 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
        "Tests is red on head 2 => repairing_ci, next ci_repair",
        "r4 starts => [action] repairing_ci, runs ci_repair",
        "r4 reports Done and publishes",
    ]);
}

/// What the agent pushed by itself is looked at all the same.
#[test]
fn s25_an_agents_own_push_of_workflow_files_is_not_accepted() {
    let mut story = Story::opened_with(protecting(Publisher::Agent));
    story.check("Tests", Failure, 1).starts();
    story.reports(Done, |evidence, _| {
        evidence.changes = crate::ChangeSet::of_paths([".github/workflows/ci.yml"]);
        evidence.remote.has_advanced = true;
    });
    let result = story.facts.latest_run.as_ref().map(|run| &run.result);
    assert!(
        !matches!(result, Some(RunOutcome::Published { .. })),
        "accepted:\n{}",
        super::quoted(&story.lines)
    );
    assert!(story.bodies().last().unwrap().contains(".github/workflows/ci.yml"));
}

/// Edits are the product of a turn: they are published, and those of a turn that failed are kept for the next one.
#[test]
fn s26_edits_are_never_lost() {
    let mut story = Story::opened();
    story.check("Tests", Failure, 1).starts().ends(failed());
    assert_eq!(story.facts.tried(RunType::CiRepair), 0, "that is no attempt");
    story.starts();
    assert!(story.plan.as_ref().is_some_and(|plan| plan.keep_edits));
    story
        .reports(Done, |evidence, _| evidence.changes = crate::ChangeSet::of_paths(["src/lib.rs"]));
    story.publishes(2);
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "r2 ends: failed => repairing_ci, next ci_repair, keeps edits, resumes thread of r2",
        "r3 starts => repairing_ci, runs ci_repair",
        "r3 reports Done and publishes",
        "r3 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
    ]);
}

#[test]
fn s26_an_agent_that_did_not_push_its_edits_goes_on() {
    let policy = Policy { publisher: Publisher::Agent, ..Policy::default() };
    let mut story = Story::opened_with(policy);
    story.check("Tests", Failure, 1).starts();
    story.reports(Done, |evidence, _| evidence.remote.has_unpublished = true);
    story.reports(Done, |evidence, _| {
        evidence.remote.has_advanced = true;
        evidence.remote.has_unpublished = true;
    });
    assert!(story.facts.slot.is_some());
    assert_eq!(story.facts.tried(RunType::CiRepair), 0);
    story.reads(&[
        "Tests is red on head 1 => repairing_ci, next ci_repair",
        "r2 starts => [action] repairing_ci, runs ci_repair",
        "r2 reports Done and goes on",
        "r2 reports Done and goes on",
    ]);
}

/// Conflicts that are left are unfinished work; the merge itself is something to publish.
#[test]
fn s26_a_merge_that_is_left_unfinished_is_gone_on_with() {
    let mut story = Story::opened();
    story.merge_state(1, BASE, true).starts();
    let merged = |has_markers| {
        move |evidence: &mut Evidence, _: &mut Report| {
            evidence.has_merged_base = true;
            evidence.unmerged = vec![UnmergedPath {
                path: "src/lib.rs".to_owned(),
                kind: ConflictKind::Content,
                has_markers,
                exists: true,
            }];
        }
    };
    story.reports(Done, merged(true)).reports(NoChangeNeeded, merged(false)).publishes(2);
    assert_eq!(story.facts.attempts.continuations, 1);
    story.reads(&[
        "base-1 contradicts head 1 => changes_requested, next branch_upkeep",
        "r2 starts => [action] changes_requested, runs branch_upkeep",
        "r2 reports Done and goes on",
        "r2 reports NoChangeNeeded and publishes, be it empty",
        "r2 ends: published head 2 => [response] pr_open, waits for #1 to be reviewed",
    ]);
}

/// A pull request that a released run opens after its end was not wanted any more: it is not taken for ours.
#[test]
fn s46_a_pull_request_that_a_released_run_opens_late_is_not_linked() {
    let policy = Policy { publisher: Publisher::Agent, ..Policy::default() };
    let mut story = Story::with(policy);
    let blocked = |ticket: &mut Ticket| {
        ticket.blockers = vec![crate::Blocker { key: "OPS-7".to_owned(), state: Started }];
    };
    story
        .opens_session(None)
        .delegated()
        .starts()
        .ticket("OPS-7 blocks it", blocked)
        .is_interrupted(Interruption::Blocked)
        .pull_request("the agent opens a pull request", |pr| pr.state = PrState::Open);
    assert_eq!(story.facts.pull_request, None);
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "OPS-7 blocks it => implementing, runs implementation",
        "r1 ends: interrupted by Blocked => [response] delegated, waits for OPS-7",
        "the agent opens a pull request => nothing new",
    ]);
}
