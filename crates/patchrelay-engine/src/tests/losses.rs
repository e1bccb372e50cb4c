//! Runs that are lost: they are repeated, ever later, and not for ever (D9).

use std::time::Duration;

use patchrelay_domain::RunOutcome;

use super::sim::{Act, Fault, Turn, World};

/// Why the first run failed.
async fn first_failure(world: &World) -> String {
    world.until_ended(1).await;
    match world.runs().await.remove(0).outcome {
        Some(RunOutcome::Failed { reason, .. }) => reason,
        other => panic!("it did not fail: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_talks_and_talks_is_ended() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.turn_timeout = Duration::from_secs(1_000);
    let talk = Turn { repeats: true, ..Turn::of([(10, Act::Says)]) };
    world.sim.state().agents.work.push_back(talk);
    world.start();
    let reason = first_failure(&world).await;
    assert!(reason.contains("too long"), "{reason}");
    let age = world.sim.age();
    assert!((1_000..1_020).contains(&age.as_secs()), "{age:?}");
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_dies_is_followed_by_another_on_its_thread() {
    for act in [Act::Dies, Act::Fails] {
        let mut world = World::with_delegated_ticket().await;
        let write = Act::Writes { path: "first", content: "one" };
        world.sim.state().agents.work.push_back(Turn::of([(5, write), (1, act)]));
        world.start();
        first_failure(&world).await;
        world.assert_published_once().await;
        let state = world.sim.state();
        let turns = state.agents.work_turns();
        assert_eq!(turns[0].thread, turns[1].thread);
        let head = state.forge.open_pull_requests()[0].head.clone();
        assert_eq!(state.forge.files(&head)["first"], "one");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_dies_at_its_report_is_followed_by_another() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.reports.push_back(Turn::of([(1, Act::Dies)]));
    world.start();
    first_failure(&world).await;
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn lost_runs_wait_ever_longer_and_then_a_human_is_called_once() {
    let mut world = World::with_delegated_ticket().await;
    for _ in 0..20 {
        world.sim.state().agents.work.push_back(Turn::of([(1, Act::Fails)]));
    }
    world.start();
    world.until_ended(5).await;
    world.until_quiet().await;
    let runs = world.runs().await;
    let waits: Vec<_> = runs
        .windows(2)
        .map(|two| two[1].started.since(two[0].ended.expect("it has")).as_secs())
        .collect();
    assert_eq!(waits, [0, 15, 30, 60]);
    // Exactly one escalation, and later looks are silent (S67).
    world.pass(Duration::from_secs(1_200)).await;
    assert_eq!(world.runs().await.len(), 5);
    let state = world.sim.state();
    assert_eq!(state.tickets.count("error: I need a human here"), 1);
    assert_eq!(state.agents.launches, 5);
}

#[tokio::test(start_paused = true)]
async fn the_wait_between_lost_runs_survives_a_restart() {
    let mut world = World::with_delegated_ticket().await;
    world.project().budgets.recovery_backoff = Duration::from_secs(300);
    for _ in 0..2 {
        world.sim.state().agents.work.push_back(Turn::of([(1, Act::Fails)]));
    }
    world.start();
    world.until_ended(2).await;
    world.stop().await;
    world.start();
    world.until_ended(3).await;
    let runs = world.runs().await;
    let wait = runs[2].started.since(runs[1].ended.expect("it has"));
    assert!((300..301).contains(&wait.as_secs()), "{wait:?}");
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_cannot_be_started_calls_a_human_at_last() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.last(&["launch"], Fault::Unanswered);
    world.start();
    world.until_ended(5).await;
    world.until_quiet().await;
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(world.runs().await.len(), 5);
    assert_eq!(world.sim.state().tickets.count("error: I need a human here"), 1);
    world.assert_nothing_wrong().await;
}
