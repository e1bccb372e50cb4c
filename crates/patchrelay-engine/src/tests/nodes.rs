//! Another node goes on where one is gone (D15).

use std::time::Duration;

use patchrelay_domain::{Interruption, NodeId, ObservationKind, RunOutcome, Ticket, gone_after};
use patchrelay_ports::{Clock as _, Side, Step};

use super::sim::{Act, Fault, Turn, World, at_once, issue};
use crate::EngineError;

/// A world whose process died at this place on one node, and in which another node is started, on another machine.
async fn left_at(step: Step, side: Side) -> World {
    let mut world = World::with_delegated_ticket().await;
    world.project().budgets = at_once();
    world.settings.node = NodeId::new("one");
    world.sim.dies_at(step, side);
    world.start();
    world.until_dead().await;
    world.sim.state().disk.worktrees.clear();
    world.settings.node = NodeId::new("other");
    world.start();
    world
}

async fn moves(world: &World) -> Vec<String> {
    let feed = world.feed().await;
    feed.into_iter().filter(|line| line.starts_with("home_moved: ")).collect()
}

#[tokio::test(start_paused = true)]
async fn work_that_was_not_pushed_is_done_again_when_its_node_is_gone() {
    for (step, side) in [(Step::Commit, Side::After), (Step::Push, Side::Before)] {
        let world = left_at(step, side).await;
        let left = world.sim.age();
        world.until_ended(2).await;
        world.assert_published_once().await;
        let waited = world.sim.age() - left;
        let lease = world.settings.lease_ttl;
        assert!(gone_after(lease) - lease <= waited, "it may come back: {step:?} {waited:?}");
        let runs = world.runs().await;
        let lost = RunOutcome::Interrupted { by: Interruption::Restart };
        assert_eq!(runs[0].outcome, Some(lost), "{step:?}");
        let turns = world.sim.state().agents.work_turns();
        assert_ne!(turns[0].thread, turns[1].thread, "its thread is on the other machine");
        let moves = moves(&world).await;
        assert_eq!(moves.len(), 1, "{moves:?}");
        assert!(moves[0].contains("node one is gone") && moves[0].contains("at node other"));
        assert_eq!(world.facts().await.home, Some(NodeId::new("other")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_pushed_before_its_node_was_gone_is_published() {
    for (step, side) in [(Step::Push, Side::After), (Step::OpenPullRequest, Side::Before)] {
        let world = left_at(step, side).await;
        world.until_ended(1).await;
        world.assert_published_once().await;
        let runs = world.runs().await;
        assert_eq!(runs.len(), 1, "{step:?}: {runs:?}");
        assert!(matches!(runs[0].outcome, Some(RunOutcome::Published { .. })), "{runs:?}");
        assert_eq!(world.sim.state().agents.launches, 1, "{step:?}");
        assert_eq!(moves(&world).await.len(), 1);
    }
}

/// Nobody else may take an issue while its node is only slow to come back, and that one needs no patience.
#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_goes_on_with_its_own() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.node = NodeId::new("one");
    world.sim.dies_at(Step::Push, Side::Before);
    world.start();
    world.until_dead().await;
    world.settings.node = NodeId::new("other");
    world.start();
    world.pass(Duration::from_secs(60)).await;
    world.assert_nothing_published();
    world.stop().await;
    world.settings.node = NodeId::new("one");
    let began = world.sim.age();
    world.start();
    world.until_ended(1).await;
    world.assert_published_once().await;
    assert!(world.sim.age() - began < Duration::from_secs(30), "its own lease is no obstacle");
    assert_eq!(moves(&world).await, [""; 0]);
}

/// Two processes under one name would work in one directory.
#[tokio::test(start_paused = true)]
async fn an_engine_stops_when_another_process_is_its_node() {
    let mut world = World::with_delegated_ticket().await;
    world.start();
    world.until_ended(1).await;
    world.register_another().await;
    let ended = world.ended().await;
    assert!(matches!(ended, Err(EngineError::Superseded { .. })), "{ended:?}");
}

/// Deliveries and re-reading wait for whoever has the role, and go on when that one is gone.
#[tokio::test(start_paused = true)]
async fn deliveries_are_read_by_one_node_at_a_time() {
    let mut world = World::with_delegated_ticket().await;
    // Whoever looks for tickets needs no delivery.
    world.sim.state().faults.last(&["delegated_tickets"], Fault::Unanswered);
    let hold = Duration::from_secs(300);
    world.hold_intake_elsewhere(hold).await;
    world.start();
    world.pass(Duration::from_secs(240)).await;
    assert!(!world.is_known(&issue()).await, "another node reads what comes in");
    world.until_ended(1).await;
    world.assert_published_once().await;
}

/// Nobody nudges us when another node stores something: a run of ours must stop all the same when it is taken away.
#[tokio::test(start_paused = true)]
async fn what_another_node_stored_is_heard_within_seconds() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.reconcile_every = Duration::from_secs(3_600);
    let write = Act::Writes { path: "first", content: "one" };
    let turn = Turn::of([(5, write), (3_000, Act::Ends("Done.".to_owned()))]);
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world.until_written().await;
    world.beat_elsewhere().await;
    world.pass(Duration::from_secs(15)).await;
    let version = world.sim.now();
    let ticket = world.sim.state().tickets.of(&issue()).clone();
    let ticket = Ticket { delegated: false, ..ticket };
    world.observe(ObservationKind::TicketRead { version, ticket }).await;
    let told = world.sim.age();
    world.until_ended(1).await;
    assert!(world.sim.age() - told < Duration::from_secs(10), "{:?}", world.sim.age() - told);
    let stopped = RunOutcome::Interrupted { by: Interruption::Undelegated };
    assert_eq!(world.runs().await[0].outcome, Some(stopped));
}

/// What it still does must not be taken from it before it is done.
#[tokio::test(start_paused = true)]
async fn a_node_that_drains_is_still_there() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.drain = Duration::from_secs(600);
    let write = Act::Writes { path: "first", content: "one" };
    let turn = Turn::of([(5, write), (400, Act::Ends("Done.".to_owned()))]);
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world.until_written().await;
    world.ask_to_stop();
    world.pass(Duration::from_secs(300)).await;
    let silence = world.silence().await.expect("it was there");
    assert!(silence < world.settings.lease_ttl, "{silence:?}");
    world.ended().await.expect("it ends well");
}
