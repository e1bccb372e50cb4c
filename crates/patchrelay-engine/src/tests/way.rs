//! The way of a ticket when nothing goes wrong, and what is told of it.

use patchrelay_domain::{IssueId, PrState, RunOutcome, TrackerStateKind};

use super::sim::{Act, Fault, Turn, World, issue, opened, pull_request_changed, report};

#[tokio::test(start_paused = true)]
async fn a_delegated_ticket_becomes_one_pull_request() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert!(matches!(runs[0].outcome, Some(RunOutcome::Published { .. })), "{runs:?}");

    assert!(world.is_lease_free().await);

    let pr = world.pull_request();
    let state = world.sim.state();
    assert_eq!(pr.head_branch.as_str(), "patchrelay/APP-1-wish-a-good-night");
    assert_eq!(state.forge.runs_on(&pr.head_branch), [runs[0].id.clone()]);
    assert_eq!(state.forge.files(&pr.head)["src/lib.rs"], "night 1");
    assert_eq!(
        state.tickets.said(),
        [
            "thought: Received. I am reading the ticket.".to_owned(),
            "action: Implementing the ticket on branch `patchrelay/APP-1-wish-a-good-night`"
                .to_owned(),
            format!("response: Opened pull request [#1]({}).\n\n> Added a greeting.", pr.url),
        ]
    );
    assert_eq!(state.tickets.of(&issue()).state.kind, TrackerStateKind::Started);
    assert_eq!((state.agents.launches, state.agents.turns.len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_merge_completes_the_ticket() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let changed = {
        let mut state = world.sim.state();
        let now = patchrelay_ports::Clock::now(&*world.sim);
        let number = state.forge.open_pull_requests()[0].number;
        state.forge.end(now, number, PrState::Merged);
        let repo = world.settings.projects[0].repo.clone();
        pull_request_changed(&repo, &state.forge.pull_requests[0])
    };
    world
        .deliver_from(patchrelay_ports::Source::Github, "merged", changed.to_string().as_bytes())
        .await;
    world
        .until("it is done", async || {
            world.sim.state().tickets.of(&issue()).state.kind == TrackerStateKind::Completed
        })
        .await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    assert_eq!(world.sim.state().tickets.count("response: Pull request [#1]"), 1);
    assert!(world.sim.calls("read_pull_request").is_empty(), "the webhook says enough");
}

#[tokio::test(start_paused = true)]
async fn the_same_delivery_three_times_gives_one_run() {
    let world = World::at_work().await;
    let again = opened(&issue(), "APP-1", "session-1");
    world.deliver("delivery-of-session-1", &again).await;
    // The sender may also lose count of it, and send the same thing as something else.
    world.deliver("another", &again).await;
    let mut in_other_words = again;
    in_other_words["sent"] = "again".into();
    world.deliver("a third", &in_other_words).await;
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(world.sim.state().tickets.count("thought:"), 1);
}

#[tokio::test(start_paused = true)]
async fn two_sessions_on_one_issue_do_not_start_two_runs() {
    let world = World::with_delegated_ticket().await;
    world.open(&issue(), "APP-1", "session-2").await;
    let mut world = world;
    world.start();
    world.until("the agent is at work", async || !world.sim.state().agents.turns.is_empty()).await;
    world.open(&issue(), "APP-1", "session-3").await;
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
    let state = world.sim.state();
    assert_eq!(state.tickets.count("thought: Received"), 2);
    assert_eq!(state.tickets.count("thought: I am already working"), 1);
}

#[tokio::test(start_paused = true)]
async fn tickets_are_worked_on_side_by_side_within_the_limits() {
    let mut world = World::new().await;
    // One of them is kept for repairs.
    world.settings.max_concurrent_runs = 3;
    for number in 1..=5 {
        let issue = IssueId::new("acme", format!("ticket-{number}"));
        world.delegate(&issue, &format!("APP-{number}"), &format!("session-{number}")).await;
    }
    world.start();
    let mut most = 0;
    world
        .until("all are published", async || {
            let state = world.sim.state();
            most = most.max(state.agents.alive());
            state.forge.pull_requests.len() == 5
        })
        .await;
    assert_eq!(most, 2);
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_is_missing_is_continued_on_the_same_thread() {
    let world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(Turn::of([(5, Act::Ends("Done!".to_owned()))]));
    let mut world = world;
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
    let turns = world.sim.state().agents.work_turns();
    assert_eq!(turns.len(), 2);
    assert_eq!(turns[0].thread, turns[1].thread);
    assert!(turns[1].input.contains("your working directory is unchanged"), "{}", turns[1].input);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_put_once_and_the_edits_are_kept() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.reports.push_back(report("needs_input"));
    world.start();
    world.until_quiet().await;
    world.pass(std::time::Duration::from_secs(600)).await;
    world.assert_nothing_wrong().await;
    world.assert_nothing_published();
    let state = world.sim.state();
    assert_eq!(state.tickets.count("elicitation: Which greeting?"), 1);
    assert_eq!(state.disk.rescued.len(), 1);
    assert_eq!(state.agents.launches, 1);
}

/// The agent starts while the directory is made, and its thread begins in that when it is there.
#[tokio::test(start_paused = true)]
async fn the_agent_is_started_while_the_worktree_is_prepared() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("prepare");
    world.start();
    gate.arrived().await;
    world.until("it starts", async || world.sim.state().agents.alive() == 1).await;
    assert!(world.sim.calls("open_thread").is_empty());
    gate.open();
    world.assert_published_once().await;
    assert_eq!(world.sim.state().agents.launches, 1, "one process for the run");
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_worktree_cannot_be_prepared_is_ended() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("prepare", Fault::Hangs);
    world.start();
    world.until("it starts", async || world.sim.state().agents.alive() == 1).await;
    world.until_ended(1).await;
    let ended = world.runs().await.remove(0).outcome;
    assert!(!matches!(ended, Some(RunOutcome::Published { .. })), "{ended:?}");
    assert_eq!(world.sim.state().agents.alive(), 0);
    world.assert_published_once().await;
    assert_eq!(world.sim.state().agents.launches, 2);
}
