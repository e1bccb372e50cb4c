//! A disk that is nearly full starts nothing.

use std::time::Duration;

use patchrelay_domain::{FREE_SPACE, Hindrance};

use super::sim::{Fault, World};

const MINUTES: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn nothing_is_started_while_the_disk_is_nearly_full() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().disk.free = Some(FREE_SPACE - 1);
    world.start();
    world.pass(MINUTES).await;
    assert_eq!(world.runs().await, []);
    let little = Hindrance::LittleSpace { free: FREE_SPACE - 1, needed: FREE_SPACE };
    assert_eq!(world.hindrance(), Some(little));
    assert_eq!(world.sim.state().tickets.count("thought:"), 1, "it is told that it was heard");

    world.sim.state().disk.free = Some(FREE_SPACE);
    world.assert_published_once().await;
    assert_eq!(world.hindrance(), None);
}

#[tokio::test(start_paused = true)]
async fn a_run_under_way_goes_on_when_the_disk_gets_full() {
    let world = World::at_work().await;
    world.until_written().await;
    world.sim.state().disk.free = Some(0);
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_cannot_be_asked_stops_nothing() {
    let mut world = World::with_delegated_ticket().await;
    for _ in 0..10 {
        world.sim.state().faults.next("free_space", Fault::Unanswered);
    }
    world.start();
    world.assert_published_once().await;
}
