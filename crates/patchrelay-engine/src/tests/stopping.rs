//! Stopping in good order, and ending when a part ends (D17).

use std::time::Duration;

use patchrelay_domain::{Attempts, Interruption, RunOutcome, RunState};

use super::sim::{Act, Fault, Turn, World};
use crate::EngineError;

#[tokio::test(start_paused = true)]
async fn an_idle_engine_stops_at_once() {
    let mut world = World::at_work().await;
    world.assert_published_once().await;
    let asked = world.sim.age();
    world.stop().await;
    assert!(world.sim.age() - asked < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_nearly_done_is_waited_for() {
    let mut world = World::at_work().await;
    world.until_written().await;
    world.stop().await;
    let runs = world.runs().await;
    assert!(matches!(runs[0].outcome, Some(RunOutcome::Published { .. })), "{runs:?}");
    world.start();
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_longer_is_interrupted_and_costs_nothing() {
    let mut world = World::with_delegated_ticket().await;
    let first = Act::Writes { path: "first", content: "one" };
    world.sim.state().agents.work.push_back(Turn::of([(5, first), (500, Act::Says)]));
    world.start();
    world.until_written().await;
    let asked = world.sim.age();
    world.stop().await;
    let took = world.sim.age() - asked;
    assert!((20..25).contains(&took.as_secs()), "{took:?}");
    let runs = world.runs().await;
    assert!(
        matches!(runs[0].outcome, Some(RunOutcome::Interrupted { by: Interruption::Shutdown, .. })),
        "{runs:?}"
    );
    assert_eq!(world.facts().await.attempts, Attempts::default());
    assert_eq!(world.sim.state().agents.alive(), 0);
    assert_eq!(world.sim.state().disk.rescued.len(), 1);

    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
    let state = world.sim.state();
    let turns = state.agents.work_turns();
    assert_eq!(turns[0].thread, turns[1].thread);
    let head = state.forge.open_pull_requests()[0].head.clone();
    assert_eq!(state.forge.files(&head)["first"], "one");
}

#[tokio::test(start_paused = true)]
async fn no_run_is_started_after_a_stop() {
    let mut world = World::at_work().await;
    world.until_written().await;
    let other = patchrelay_domain::IssueId::new("acme", "ticket-2");
    world.ask_to_stop();
    world.delegate(&other, "APP-2", "session-2").await;
    world.ended().await.expect("it ends well");
    assert_eq!(world.sim.state().agents.launches, 1);
    world.start();
    world
        .until("the other is published too", async || {
            world.sim.state().forge.pull_requests.len() == 2
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_waits_is_left_to_the_next_engine() {
    for down in [["push", "find_pull_request"], ["find_pull_request", "open_pull_request"]] {
        let mut world = World::with_delegated_ticket().await;
        world.sim.state().faults.last(&down, Fault::Unanswered);
        world.start();
        world.until("it is tried", async || 2 < world.sim.calls(down[0]).len()).await;
        world.stop().await;
        let runs = world.runs().await;
        assert_eq!(runs[0].outcome, None);
        assert!(matches!(runs[0].state, RunState::Publishing(_)), "{runs:?}");
        world.sim.state().faults.heal();
        world.start();
        world.assert_published_once().await;
        assert_eq!(world.runs().await.len(), 1);
        assert_eq!(world.sim.state().agents.launches, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_ends_stops_the_engine_with_an_error() {
    for operation in ["store.inbox_due", "store.ready", "store.list", "store.outbox_take"] {
        let mut world = World::at_work().await;
        world.until_written().await;
        world.sim.state().faults.next(operation, Fault::Panics);
        let ended = world.ended().await;
        assert!(matches!(ended, Err(EngineError::LoopEnded { .. })), "{operation}: {ended:?}");
        assert_eq!(world.sim.state().agents.alive(), 0, "{operation}");
        world.start();
        world
            .until("it is published", async || !world.sim.state().forge.pull_requests.is_empty())
            .await;
        world.assert_published_once().await;
    }
}
