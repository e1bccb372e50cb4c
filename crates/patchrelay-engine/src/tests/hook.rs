//! The project's prepare hook: when it runs, and what a run does about its end.

use std::time::Duration;

use patchrelay_domain::{Attempts, BranchName, HookEnd, Interruption, RunOutcome};

use super::sim::{HOOK, World, at_once};

/// A ticket for a project with a hook, whose runs end so.
async fn with_hook(ends: impl IntoIterator<Item = Option<HookEnd>>) -> World {
    let world = World::with_delegated_ticket().await;
    let mut state = world.sim.state();
    let main = BranchName::new("main");
    let tip = state.forge.branches[&main].clone();
    let mut files = state.forge.files(&tip);
    files.insert(HOOK.to_owned(), "#!/bin/sh\n".to_owned());
    let with_hook = state.forge.commit(files, Some(tip), None);
    state.forge.branches.insert(main, with_hook);
    state.agents.hook_ends.extend(ends);
    drop(state);
    world
}

fn failed() -> Option<HookEnd> {
    let (status, output) = ("exit status: 7".to_owned(), "no registry\n".to_owned());
    Some(HookEnd::Failed { status, output })
}

async fn told(world: &World, words: &str) -> usize {
    world.feed().await.iter().filter(|line| line.contains(words)).count()
}

#[tokio::test(start_paused = true)]
async fn a_hook_prepares_the_worktree_of_each_run_before_its_agent_works() {
    let mut world = with_hook([]).await;
    world.project().trust_hook = true;
    world.start();
    world.assert_published_once().await;
    let facts = world.facts().await;
    let hooks = world.sim.state().agents.hooks.clone();
    assert_eq!(hooks.len(), 1);
    let hook = &hooks[0];
    assert_eq!((hook.program.as_str(), hook.is_trusted), ("/hooks/app", true));
    let branch = facts.branch.expect("it has one").to_string();
    for (name, value) in [
        ("PATCHRELAY_ISSUE_KEY", "APP-1"),
        ("PATCHRELAY_BRANCH", &branch),
        ("PATCHRELAY_STAGE", "implementation"),
        ("PATCHRELAY_WORKTREE", &hook.directory),
    ] {
        assert!(hook.variables.contains(&(name.to_owned(), value.to_owned())), "{hook:?}");
    }
    assert_eq!(told(&world, "running the project's prepare hook").await, 1);
}

/// S52.
#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_twice_and_then_works_costs_nothing() {
    let mut world = with_hook([failed(), failed(), Some(HookEnd::Done)]).await;
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.sim.state().agents.hooks.len(), 3);
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(world.facts().await.attempts, Attempts::default());
    for line in ["no registry (try 1 of 3)", "no registry (try 2 of 3)"] {
        assert_eq!(told(&world, line).await, 1, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_works_calls_a_human_and_starts_no_agent() {
    let mut world = with_hook((0..30).map(|_| failed())).await;
    world.project().budgets = at_once();
    world.start();
    world.until("runs end", async || world.runs().await.len() > 1).await;
    world.until("a human is called", async || world.facts().await.escalated.is_some()).await;
    let attempts = world.facts().await.attempts;
    assert_eq!(attempts.implementation, 0);
    let runs = world.runs().await;
    assert!(!runs.is_empty() && world.sim.state().agents.hooks.len() == 3 * runs.len());
    for run in runs {
        let Some(RunOutcome::Failed { reason }) = run.outcome else { panic!("{run:?}") };
        assert_eq!(reason, "the prepare hook ended with exit status: 7: no registry");
    }
    assert_eq!(world.sim.state().agents.work_turns().len(), 0);
    assert_eq!(world.sim.state().agents.alive(), 0);
    world.assert_nothing_published();
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_the_ticket_away_ends_a_hook_that_hangs() {
    let mut world = with_hook([None]).await;
    world.start();
    world.until("the hook runs", async || !world.sim.state().agents.hooks.is_empty()).await;
    world.set_delegated(false);
    world.until_ended(1).await;
    let runs = world.runs().await;
    let by = Interruption::Undelegated;
    assert_eq!(runs[0].outcome, Some(RunOutcome::Interrupted { by }));
    assert_eq!(world.sim.state().agents.reaped, [runs[0].id.clone()]);
    assert_eq!(world.sim.state().agents.alive(), 0);
    assert_eq!(world.facts().await.attempts, Attempts::default());
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_the_service_does_not_wait_for_a_hook() {
    let mut world = with_hook([None]).await;
    world.start();
    world.until("the hook runs", async || !world.sim.state().agents.hooks.is_empty()).await;
    world.stop().await;
    let by = Interruption::Shutdown;
    assert_eq!(world.runs().await[0].outcome, Some(RunOutcome::Interrupted { by }));
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.sim.state().agents.hooks.len(), 2, "the next run prepares anew");
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_the_hook_runs_is_one_lost_run() {
    let mut world = with_hook([None]).await;
    world.start();
    world.until("the hook runs", async || !world.sim.state().agents.hooks.is_empty()).await;
    world.pass(Duration::from_secs(1)).await;
    world.crash().await;
    world.start();
    world.assert_published_once().await;
    let runs = world.runs().await;
    let by = Interruption::Restart;
    assert_eq!(runs[0].outcome, Some(RunOutcome::Interrupted { by }));
    assert_eq!(world.sim.state().agents.reaped, [runs[0].id.clone()]);
}
