//! What is over goes away by itself.

use std::time::Duration;

use patchrelay_domain::Retention;
use patchrelay_ports::Source;

use super::sim::{World, issue};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Lets so much time go by, and then as much as it takes to be noticed.
async fn later(world: &World, time: Duration) {
    world.sim.set_clock_forward(time);
    world.pass(61 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_it_is_kept_is_forgotten_and_nothing_else() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.retention = Retention { inbox: DAY, feed: 2 * DAY };
    world.start();
    world.assert_published_once().await;
    let lines = world.feed().await.len();
    assert_ne!(lines, 0);
    later(&world, DAY).await;
    assert!(lines <= world.feed().await.len(), "the feed is kept for two days");
    later(&world, DAY).await;
    assert!(world.feed().await.iter().all(|line| !line.starts_with("session_opened")));
    assert!(world.facts().await.pull_request.is_some(), "an open issue loses nothing");
    assert!(!world.log().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_great_many_old_deliveries_are_forgotten_in_one_go_of_small_pieces() {
    let mut world = World::new().await;
    world.settings.retention = Retention { inbox: DAY, ..Retention::default() };
    for number in 0..450 {
        let id = format!("d{number}");
        world.deliver_from(Source::Github, &id, id.as_bytes()).await;
    }
    // Nobody understands them, so they are dead, and go with the ids of those that are done.
    world.start();
    world.pass(MINUTE).await;
    later(&world, 31 * DAY).await;
    let pieces = world.sim.calls("store.forget");
    let most = pieces.iter().map(|at| pieces.iter().filter(|other| *other == at).count()).max();
    assert_eq!(most, Some(3 + 3), "three pieces of deliveries, and one of everything else");
    world.stop().await;
    assert!(!world.is_known(&issue()).await);
}
