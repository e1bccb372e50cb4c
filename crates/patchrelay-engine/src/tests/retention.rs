//! What is over goes away by itself.

use std::time::Duration;

use patchrelay_domain::{ObservationKind, PrState, Retention};
use patchrelay_ports::{Clock, Source};

use super::sim::{Fault, World, issue};

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
    world.settings.retention = Retention { inbox: DAY, feed: 2 * DAY, ..Retention::default() };
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
    assert_eq!(most, Some(3 + 4), "three pieces of deliveries, and one of everything else");
    world.stop().await;
    assert!(!world.is_known(&issue()).await);
}

/// A world whose ticket was merged, and so is over.
async fn merged() -> World {
    let world = World::at_work().await;
    world.until_ended(1).await;
    world.assert_published_once().await;
    let mut pull_request = world.pull_request();
    pull_request.state = PrState::Merged;
    let version = world.sim.now().plus(MINUTE);
    world.observe(ObservationKind::PullRequestRead { version, pull_request }).await;
    world
}

#[tokio::test(start_paused = true)]
async fn the_worktree_of_a_settled_issue_goes_after_a_day_and_its_edits_are_kept() {
    let world = merged().await;
    let path = world.facts().await.worktree.expect("its run had one");
    later(&world, DAY - 2 * 61 * MINUTE).await;
    assert!(world.sim.state().disk.worktrees.contains_key(&path), "a day is not over");
    assert!(world.sim.calls("remove").is_empty());
    world.sim.state().faults.next("remove", Fault::Unanswered);
    later(&world, 2 * 61 * MINUTE).await;
    assert!(world.sim.state().disk.worktrees.contains_key(&path), "it failed once");
    later(&world, MINUTE).await;
    assert!(!world.sim.state().disk.worktrees.contains_key(&path));
    assert_eq!(world.facts().await.worktree, None);
    assert_eq!(world.sim.state().disk.rescued.len(), 1, "what was in it besides its commit");
    let removals = world.sim.calls("remove").len();
    later(&world, DAY).await;
    assert_eq!(world.sim.calls("remove").len(), removals, "it is done once");
}

#[tokio::test(start_paused = true)]
async fn the_worktree_of_an_open_issue_stays() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let path = world.facts().await.worktree.expect("its run had one");
    later(&world, 30 * DAY).await;
    assert!(world.sim.calls("remove").is_empty());
    assert!(world.sim.state().disk.worktrees.contains_key(&path));
}

#[tokio::test(start_paused = true)]
async fn no_worktree_is_removed_while_somebody_has_its_issue() {
    let world = merged().await;
    world.sim.set_clock_forward(2 * DAY);
    let other = world.acquire("another", world.sim.now()).await.expect("nobody has it");
    world.pass(30 * MINUTE).await;
    assert!(world.sim.calls("remove").is_empty());
    world.release(&other).await;
    world.pass(122 * MINUTE).await;
    assert_eq!(world.sim.calls("remove").len(), 1);
}
