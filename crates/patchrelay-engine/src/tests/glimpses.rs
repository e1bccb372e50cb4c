//! What people see of an agent at work.

use super::sim::{Act, Turn, World};

/// A ticket whose agent runs a command each second, so many times, and then does its work.
async fn after_commands(times: usize) -> World {
    let mut turn = Turn::work();
    for _ in 0..times {
        turn.acts.push_front((std::time::Duration::from_secs(1), Act::Runs("make test")));
    }
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world.until_ended(1).await;
    world.until_quiet().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_command_is_shown_every_five_seconds_and_goes_away() {
    let world = after_commands(30).await;
    let shown = world.sim.state().tickets.count("action: Running `make test`");
    assert!((5..=6).contains(&shown), "{shown} in thirty seconds\n{}", world.story().await);
    world.assert_nothing_wrong().await;
}

/// That it began was just told.
#[tokio::test(start_paused = true)]
async fn what_is_over_within_five_seconds_is_not_shown() {
    let world = after_commands(0).await;
    assert_eq!(world.sim.state().tickets.count("action: Running"), 0);
    let mut turn = Turn::of([(1, Act::Ends("Done.".to_owned()))]);
    turn.acts.push_front((std::time::Duration::from_secs(3), Act::Runs("ls")));
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world.until_ended(1).await;
    assert_eq!(world.sim.state().tickets.count("action: Running"), 0);
}
