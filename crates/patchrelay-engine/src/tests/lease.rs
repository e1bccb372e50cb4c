//! A lease that is lost ends everything that was done on its account (D13, D14).

use std::time::Duration;

use patchrelay_domain::{Interruption, RunOutcome};
use patchrelay_ports::{Clock, Lease};

use super::sim::{Act, Fault, Turn, World, at_once};

/// A turn of ten minutes.
fn long_turn() -> Turn {
    let mut turn = Turn::of([(5, Act::Writes { path: "first", content: "one" })]);
    turn.acts.extend((0..10).map(|_| (Duration::from_secs(60), Act::Says)));
    turn.acts.push_back((Duration::from_secs(1), Act::Ends("Done.".to_owned())));
    turn
}

/// Our lease runs out unnoticed, and somebody else gets the issue.
async fn taken_by_another(world: &World) -> Lease {
    world.sim.set_clock_forward(Duration::from_secs(60));
    let now = world.sim.now();
    world.acquire("another", now).await.expect("our lease is over")
}

#[tokio::test(start_paused = true)]
async fn who_loses_the_lease_stops_the_agent_and_stores_nothing_more() {
    let mut world = World::with_delegated_ticket().await;
    world.project().budgets = at_once();
    world.sim.state().agents.work.push_back(long_turn());
    world.start();
    world.until_written().await;
    let theirs = taken_by_another(&world).await;
    let before = (world.log().await, world.feed().await);
    world.until("the agent is gone", async || world.sim.state().agents.alive() == 0).await;
    world.pass(Duration::from_secs(600)).await;
    let runs = world.runs().await;
    assert_eq!((runs.len(), &runs[0].outcome), (1, &None), "{runs:?}");
    let new: Vec<_> = world.feed().await.split_off(before.1.len());
    assert!(new.iter().all(|line| line.starts_with("ticket_read")), "{new:?}");
    assert!(!world.is_lease_free().await, "theirs is not given back by us");
    world.assert_nothing_published();

    world.release(&theirs).await;
    world.until_ended(2).await;
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn who_loses_the_lease_pushes_nothing() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("push");
    world.start();
    gate.arrived().await;
    let theirs = taken_by_another(&world).await;
    world.pass(Duration::from_secs(60)).await;
    gate.open();
    world.pass(Duration::from_secs(600)).await;
    world.assert_nothing_published();
    world.release(&theirs).await;
    world.assert_published_once().await;
    assert_eq!(world.sim.state().agents.launches, 1, "what is left is publishing");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_not_fresh_starts_no_write() {
    let mut world = World::with_delegated_ticket().await;
    let commit = world.sim.hold("commit");
    world.start();
    commit.arrived().await;
    // From here on nothing is renewed, and the last renewal is too old for a push.
    world.sim.state().faults.last(&["store.renew"], Fault::Unanswered);
    world.pass(Duration::from_secs(11)).await;
    commit.open();
    world.pass(Duration::from_secs(60)).await;
    assert!(world.sim.calls("push").is_empty());
    world.sim.state().faults.heal();
    world.until("it is published", async || !world.sim.calls("open_pull_request").is_empty()).await;
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_stopped_before_a_lease_that_cannot_be_renewed_is_over() {
    for fault in [Fault::Unanswered, Fault::Held(super::sim::Gate::default())] {
        let mut world = World::with_delegated_ticket().await;
        world.sim.state().agents.work.push_back(long_turn());
        world.start();
        world.until_written().await;
        let claimed = world.sim.calls("store.acquire")[0];
        world.sim.state().faults.last(&["store.renew"], fault.clone());
        world.until("the agent is gone", async || world.sim.state().agents.alive() == 0).await;
        let held = world.sim.age() - claimed;
        assert!(held < world.settings.lease_ttl, "{fault:?}: {held:?}");
        world.sim.state().faults.heal();
        world.until_ended(2).await;
        world.assert_published_once().await;
        let runs = world.runs().await;
        assert!(
            matches!(
                runs[0].outcome,
                Some(RunOutcome::Interrupted { by: Interruption::Restart, .. })
            ),
            "{runs:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_took_long_does_not_make_its_lease_look_fresh() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("store.claim");
    world.sim.state().faults.last(&["store.renew"], Fault::Unanswered);
    world.start();
    gate.arrived().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    gate.open();
    world.until_ended(1).await;
    let asked = world.sim.calls("default_branch").len() + world.sim.calls("prepare").len();
    assert!(asked <= 1, "nothing is written on a lease that is half over: {asked}");
    assert!(world.sim.calls("prepare").is_empty());
    world.sim.state().faults.heal();
    world.until_ended(2).await;
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn one_lost_renewal_is_no_lost_lease() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(long_turn());
    world.sim.state().faults.next("store.renew", Fault::Unanswered);
    world.sim.state().faults.next("store.renew", Fault::AnswerLost);
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
}
