//! The process dies, and the next one goes on (D16, D27).

use std::time::Duration;

use patchrelay_domain::{
    Interruption, ObservationKind, PrState, RunId, RunOutcome, RunState, ThreadId,
};
use patchrelay_ports::{Clock, Side, Step};

use super::sim::{Act, Death, Fault, Turn, World, at_once, issue};

/// A turn that writes one half and, when it is resumed, the other.
fn two_halves(world: &World) {
    let first = Act::Writes { path: "first", content: "one" };
    let done = || (10, Act::Ends("Done.".to_owned()));
    let mut state = world.sim.state();
    state.agents.work.push_back(Turn::of([(5, first), done()]));
    let second = Act::Writes { path: "second", content: "two" };
    state.agents.work.push_back(Turn::of([(5, second), done()]));
}

/// The thread that a run left, as its end was logged.
async fn left_thread(world: &World, ended: &RunId) -> Option<ThreadId> {
    let log = world.log().await;
    let kinds = log.into_iter().filter_map(|stored| stored.observation).map(|seen| seen.kind);
    let mut ends = kinds.filter_map(|kind| match kind {
        ObservationKind::RunSettled { run, thread, .. } if run == *ended => Some(thread),
        _ => None,
    });
    ends.next().expect("the run ended")
}

/// The run that was lost, and the one that follows it.
async fn assert_followed(world: &World, state: fn(&RunState) -> bool, thread: Option<&str>) {
    world.until_ended(2).await;
    world.assert_published_once().await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(state(&runs[0].state), "{runs:?}");
    let lost = RunOutcome::Interrupted { by: Interruption::Restart };
    assert_eq!(runs[0].outcome, Some(lost));
    assert_eq!(left_thread(world, &runs[0].id).await, thread.map(ThreadId::new));
    assert!(world.sim.state().agents.reaped.contains(&runs[0].id));
    assert!(world.is_lease_free().await);
}

#[tokio::test(start_paused = true)]
async fn a_run_lost_while_its_worktree_was_prepared_is_followed_by_another() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("prepare");
    world.start();
    gate.arrived().await;
    world.crash().await;
    world.start();
    assert_followed(&world, |state| *state == RunState::Preparing, None).await;
    assert_eq!(world.sim.state().agents.launches, 2, "the lost one was started meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_run_lost_before_its_thread_was_stored_is_followed_by_another() {
    for operation in ["launch", "open_thread"] {
        let mut world = World::with_delegated_ticket().await;
        let gate = world.sim.hold(operation);
        world.start();
        gate.arrived().await;
        let without = |state: &RunState| matches!(state, RunState::Working { thread: None, .. });
        // The agent starts while the worktree is made.
        world.until("its worktree is there", async || without(&world.runs().await[0].state)).await;
        world.crash().await;
        world.start();
        assert_followed(&world, without, None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_lost_before_its_turn_is_followed_by_one_on_its_thread() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("start_turn");
    world.start();
    gate.arrived().await;
    world.crash().await;
    world.start();
    let without =
        |state: &RunState| matches!(state, RunState::Working { thread: Some(_), turn: None, .. });
    assert_followed(&world, without, Some("thread-1")).await;
    let turns = world.sim.state().agents.work_turns();
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0].thread.as_str(), "thread-1");
}

#[tokio::test(start_paused = true)]
async fn a_run_lost_during_its_turn_is_rescued_and_resumed_with_its_edits() {
    let mut world = World::with_delegated_ticket().await;
    two_halves(&world);
    world.start();
    world.until_written().await;
    world.crash().await;
    assert_eq!(world.sim.state().agents.alive(), 1, "the agent outlives us");
    world.start();
    let working = |state: &RunState| matches!(state, RunState::Working { turn: Some(_), .. });
    assert_followed(&world, working, Some("thread-1")).await;

    let first = world.runs().await[0].id.clone();
    let pr = world.pull_request();
    let state = world.sim.state();
    let files = state.forge.files(&pr.head);
    assert_eq!((files["first"].as_str(), files["second"].as_str()), ("one", "two"));
    assert!(state.disk.rescued.iter().any(|(run, files)| *run == first && files["first"] == "one"));
    let turns = state.agents.work_turns();
    assert_eq!(turns.len(), 2);
    assert_eq!(turns[0].thread, turns[1].thread);
}

#[tokio::test(start_paused = true)]
async fn a_run_lost_during_its_report_is_resumed() {
    let mut world = World::with_delegated_ticket().await;
    two_halves(&world);
    world.sim.state().agents.reports.push_back(Turn::default());
    world.start();
    let sim = world.sim.clone();
    world.until("it reports", async || sim.state().agents.turns.iter().any(|t| t.is_report)).await;
    world.crash().await;
    world.start();
    let reporting = |state: &RunState| matches!(state, RunState::Reporting { .. });
    assert_followed(&world, reporting, Some("thread-1")).await;
    let head = world.pull_request().head;
    let files = world.sim.state().forge.files(&head);
    assert_eq!((files["first"].as_str(), files["second"].as_str()), ("one", "two"));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_lost_its_thread_is_told_of_the_edits() {
    let mut world = World::with_delegated_ticket().await;
    two_halves(&world);
    world.start();
    world.until_written().await;
    world.crash().await;
    world.sim.state().agents.forget_threads();
    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
    let turns = world.sim.state().agents.work_turns();
    assert_ne!(turns[0].thread, turns[1].thread);
    assert!(turns[1].input.contains("refs/rescue/"), "{}", turns[1].input);
}

/// What happens after the agent's last word is stored.
const PUBLISHING: [Step; 3] = [Step::Push, Step::OpenPullRequest, Step::Settle];

fn places(steps: &[Step]) -> Vec<(Step, Side)> {
    steps.iter().flat_map(|step| [(*step, Side::Before), (*step, Side::After)]).collect()
}

/// A world in which the process died at these places, one after the other, and published once all the same.
async fn published_after(deaths: &[(Step, Side)]) -> World {
    let mut world = World::with_delegated_ticket().await;
    for (step, side) in deaths {
        world.sim.dies_at(*step, *side);
        world.start();
        world.until_dead().await;
    }
    world.start();
    world
        .until("it is published", async || !world.sim.state().forge.pull_requests.is_empty())
        .await;
    world.assert_published_once().await;
    world
}

#[tokio::test(start_paused = true)]
async fn publishing_is_continued_without_a_second_agent() {
    for (step, side) in places(&PUBLISHING) {
        let mut world = World::with_delegated_ticket().await;
        world.sim.dies_at(step, side);
        world.start();
        world.until_dead().await;
        world.start();
        world.assert_published_once().await;
        let runs = world.runs().await;
        assert_eq!(runs.len(), 1, "{step:?} {side:?}: {runs:?}");
        assert!(matches!(runs[0].outcome, Some(RunOutcome::Published { .. })), "{runs:?}");
        assert_eq!(world.sim.state().agents.launches, 1, "{step:?} {side:?}");
        assert_eq!(world.sim.calls("open_pull_request").len(), 1, "{step:?} {side:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_other_step_loses_nothing_and_repeats_nothing() {
    // A delivery is received elsewhere, nothing is merged here, and nothing is taken over before something was lost.
    let elsewhere = [Step::Receive, Step::SeeMerge, Step::Reap, Step::Rescue];
    let mut steps = Step::ALL.to_vec();
    steps.retain(|step| !PUBLISHING.contains(step) && !elsewhere.contains(step));
    for (step, side) in places(&steps) {
        let world = published_after(&[(step, side)]).await;
        assert_eq!(world.sim.state().tickets.count("thought:"), 1, "{step:?} {side:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_taking_over_is_taken_over_too() {
    for (step, side) in places(&[Step::Reap, Step::Rescue]) {
        published_after(&[(Step::EndTurn, Side::Before), (step, side)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_was_taken_away_while_down_is_not_published() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.dies_at(Step::EndTurn, Side::Before);
    world.start();
    world.until_dead().await;
    world.set_delegated(false);
    world.start();
    world.until_ended(1).await;
    world.pass(Duration::from_secs(600)).await;
    world.assert_nothing_published();
    let facts = world.facts().await;
    assert!(facts.slot.is_none() && !facts.is_delegated(), "{facts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_was_merged_while_down_is_the_result() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.dies_at(Step::OpenPullRequest, Side::After);
    world.start();
    world.until_dead().await;
    let now = world.sim.now();
    world.sim.state().forge.end(now, patchrelay_domain::PrNumber(1), PrState::Merged);
    world.start();
    world.until_ended(1).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 1);
    assert!(matches!(runs[0].outcome, Some(RunOutcome::Published { .. })), "{runs:?}");
    let state = world.sim.state();
    assert_eq!(state.forge.pull_requests.len(), 1);
    assert_eq!(
        state.tickets.of(&issue()).state.kind,
        patchrelay_domain::TrackerStateKind::Completed
    );
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_somebody_else_took_while_down_is_left_alone() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.dies_at(Step::Push, Side::Before);
    world.start();
    world.until_dead().await;
    let branch = world.facts().await.branch.expect("it was claimed");
    let now = world.sim.now();
    let theirs = world.sim.state().forge.human_pushes(now, branch.as_str());
    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
    assert_eq!(world.sim.state().forge.branches[&branch], theirs);
    assert_eq!(world.pull_request().head_branch.as_str(), format!("{branch}-2"));
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_answer_was_lost_counts_once() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("store.settle", Fault::AnswerLost);
    world.start();
    world.until("it is tried again", async || world.sim.calls("store.settle").len() == 2).await;
    world.assert_published_once().await;
    let log = world.log().await;
    assert_eq!(log.iter().filter(|entry| entry.kind == "run_settled").count(), 1);
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_is_taken_over_when_its_lease_is_over() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().dies_at =
        Some(Death { step: Step::EndTurn, side: Side::Before, after: 0, only_the_task: true });
    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
    let runs = world.runs().await;
    let lost = RunOutcome::Interrupted { by: Interruption::Restart };
    assert_eq!(runs[0].outcome, Some(lost));
    assert_eq!(left_thread(&world, &runs[0].id).await, Some(ThreadId::new("thread-1")));
    assert!(runs[0].ended.expect("it has").since(runs[0].started) < Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn a_worktree_is_not_used_before_the_old_agent_is_gone() {
    let mut world = World::with_delegated_ticket().await;
    world.project().budgets = at_once();
    world.start();
    world.until_written().await;
    world.crash().await;
    world.sim.state().faults.last(&["reap"], Fault::Unanswered);
    world.start();
    world.pass(Duration::from_secs(300)).await;
    let runs = world.runs().await;
    assert_eq!((runs.len(), &runs[0].outcome), (1, &None), "{runs:?}");
    let tries = world.sim.calls("reap").len();
    assert!((3..=300).contains(&tries), "{tries}");
    world.sim.state().faults.heal();
    world.until_ended(2).await;
    world.assert_published_once().await;
}
