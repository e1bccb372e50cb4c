//! Who may work on what: a ticket that is not ours is not worked on.

use std::time::Duration;

use patchrelay_domain::{Interruption, ObservationKind, RunOutcome};
use patchrelay_ports::Clock;

use super::sim::{Act, Turn, World, issue};

/// A turn that writes a file and then goes on for an hour.
fn long_turn() -> Turn {
    let write = Act::Writes { path: "first", content: "half of it" };
    let still_there = (0..60).map(|_| (Duration::from_secs(60), Act::Says));
    let mut turn = Turn::of([(5, write)]);
    turn.acts.extend(still_there);
    turn.acts.push_back((Duration::from_secs(1), Act::Ends("Done.".to_owned())));
    turn
}

async fn with_long_turn() -> World {
    let mut world = World::with_delegated_ticket().await;
    world.settings.reread_every = Duration::from_secs(30);
    world.sim.state().agents.work.push_back(long_turn());
    world.start();
    world
}

/// The ticket is not delegated any more, and that is known at once.
async fn undelegated(world: &World) {
    world.set_delegated(false);
    let ticket = world.sim.state().tickets.of(&issue()).clone();
    world.observe(ObservationKind::TicketRead { version: world.sim.now(), ticket }).await;
}

async fn assert_undelegated(world: &World, run: usize) {
    let runs = world.runs().await;
    assert!(
        matches!(
            runs[run].outcome,
            Some(RunOutcome::Interrupted { by: Interruption::Undelegated, .. })
        ),
        "{runs:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_undelegation_stops_the_turn_and_keeps_its_edits() {
    let world = with_long_turn().await;
    world.until_written().await;
    world.set_delegated(false);
    world.until_ended(1).await;
    world.until_quiet().await;
    assert_undelegated(&world, 0).await;
    world.assert_nothing_published();
    world.assert_nothing_wrong().await;
    let state = world.sim.state();
    assert_eq!((state.agents.alive(), state.agents.interrupts), (0, 1));
    assert_eq!(state.tickets.count("response: Stopped, because"), 1);
    let kept = state.disk.rescued.iter().filter(|(_, files)| files["first"] == "half of it");
    assert_eq!(kept.count(), 1);
    let worktree = state.disk.worktrees.values().next().expect("it stays");
    assert_eq!(worktree.files["first"], "half of it");
}

#[tokio::test(start_paused = true)]
async fn a_new_delegation_goes_on_where_the_work_was_stopped() {
    let world = with_long_turn().await;
    world.until_written().await;
    world.set_delegated(false);
    world.until_ended(1).await;
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(world.runs().await.len(), 1, "nothing happens without a delegation");
    world.set_delegated(true);
    world.until_ended(2).await;
    world.assert_published_once().await;
    let pr = world.pull_request();
    let state = world.sim.state();
    let files = state.forge.files(&pr.head);
    assert_eq!((files["first"].as_str(), files["src/lib.rs"].as_str()), ("half of it", "night 2"));
    let turns = state.agents.work_turns();
    assert_eq!(turns[0].thread, turns[1].thread);
}

#[tokio::test(start_paused = true)]
async fn an_undelegation_right_before_publishing_publishes_nothing() {
    for operation in ["inspect", "commit", "remote_branch"] {
        let mut world = World::with_delegated_ticket().await;
        let gate = world.sim.hold(operation);
        world.start();
        gate.arrived().await;
        // Nobody tells us.
        world.set_delegated(false);
        gate.open();
        world.until_ended(1).await;
        world.until_quiet().await;
        assert_undelegated(&world, 0).await;
        world.assert_nothing_published();
        world.assert_nothing_wrong().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_undelegation_while_publishing_waits_publishes_nothing() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.last(&["push"], super::sim::Fault::Unanswered);
    world.start();
    world.until("it is pushed", async || 2 < world.sim.calls("push").len()).await;
    undelegated(&world).await;
    world.sim.state().faults.heal();
    world.until_ended(1).await;
    assert_undelegated(&world, 0).await;
    world.assert_nothing_published();
}

#[tokio::test(start_paused = true)]
async fn an_undelegation_before_the_first_turn_keeps_the_agent_from_working() {
    for operation in ["default_branch", "prepare", "launch", "open_thread", "start_turn"] {
        let mut world = World::with_delegated_ticket().await;
        let gate = world.sim.hold(operation);
        world.start();
        gate.arrived().await;
        undelegated(&world).await;
        gate.open();
        world.until_ended(1).await;
        assert_undelegated(&world, 0).await;
        assert!(world.sim.state().disk.written.is_empty(), "at {operation}");
        world.assert_nothing_published();
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_on_facts_that_changed_meanwhile_starts_no_run() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("store.claim");
    world.start();
    gate.arrived().await;
    undelegated(&world).await;
    gate.open();
    world.pass(Duration::from_secs(120)).await;
    assert!(world.runs().await.is_empty());
    assert_eq!(world.sim.state().agents.launches, 0);
    assert!(world.is_lease_free().await);
    world.set_delegated(true);
    world.until_ended(1).await;
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_met_another_change_is_tried_again_soon() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("store.claim");
    world.start();
    gate.arrived().await;
    let mut ticket = world.sim.state().tickets.of(&issue()).clone();
    ticket.priority = 2;
    world.observe(ObservationKind::TicketRead { version: world.sim.now(), ticket }).await;
    gate.open();
    world.until("a run starts", async || !world.runs().await.is_empty()).await;
    assert!(world.sim.age() < Duration::from_secs(5), "{:?}", world.sim.age());
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_is_not_delegated_is_not_worked_on() {
    let mut world = World::with_delegated_ticket().await;
    world.set_delegated(false);
    world.start();
    world.until_quiet().await;
    world.pass(Duration::from_secs(600)).await;
    assert!(world.runs().await.is_empty());
    assert_eq!(world.sim.state().tickets.count("thought: Received"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_is_merged_during_its_run_ends_the_run() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("open_pull_request", super::sim::Fault::AnswerLost);
    world.start();
    world.until("it is opened", async || !world.sim.state().forge.pull_requests.is_empty()).await;
    let (now, number) = (world.sim.now(), world.pull_request().number);
    world.sim.state().forge.end(now, number, patchrelay_domain::PrState::Merged);
    world.until_ended(1).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    let state = world.sim.state();
    assert_eq!(state.forge.pull_requests.len(), 1);
    assert_eq!(state.agents.launches, 1);
}
