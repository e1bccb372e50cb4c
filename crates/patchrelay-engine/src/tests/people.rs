//! What people say after work began, and what becomes of it.

use std::time::Duration;

use patchrelay_domain::{
    Actor, FRESH_FOR, GateHit, Heard, Interruption, ObservationKind, RunOutcome, RunType, Standing,
    Timestamp, TreeId,
};

use patchrelay_ports::Clock;

use super::sim::{Act, Fault, Turn, World};

pub(super) fn member() -> Actor {
    Actor { id: "user-1".to_owned(), name: None, email: None, standing: Standing::Member }
}

fn says(text: &str) -> ObservationKind {
    ObservationKind::HumanInput {
        source: "activity-1".to_owned(),
        said: Timestamp::from_millis(0),
        heard: Heard::Session,
        author: member(),
        text: text.to_owned(),
        is_edit: false,
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_after_publishing_becomes_a_second_commit_of_the_same_pull_request() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let first = world.pull_request();
    let writes = Act::Writes { path: "tests/greeting.rs", content: "a test" };
    let turn = Turn::of([(5, writes), (10, Act::Ends("Done.".to_owned()))]);
    world.sim.state().agents.work.push_back(turn);
    world.observe(says("Please write a test, too.")).await;
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;

    assert!(world.facts().await.pending.is_empty());
    let second = world.pull_request();
    let state = world.sim.state();
    assert_eq!((first.number, &first.head_branch), (second.number, &second.head_branch));
    assert_eq!(state.forge.runs_on(&second.head_branch).len(), 2);
    assert_eq!(state.tickets.count("response: Updated pull request"), 1);
    let turns = state.agents.work_turns();
    assert!(turns[1].input.contains("| Please write a test, too."), "{}", turns[1].input);
    assert_eq!(turns[0].thread, turns[1].thread, "it goes on where it was");
}

/// Nobody told of the push, so it is only seen when the work is to go there.
#[tokio::test(start_paused = true)]
async fn a_push_of_others_while_a_run_works_on_their_pull_request_is_built_on_by_the_next() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let ours = world.pull_request();
    let writes = Act::Writes { path: "tests/greeting.rs", content: "a test" };
    let turn = Turn::of([(5, writes), (1, Act::Ends("Done.".to_owned()))]);
    world.sim.state().agents.work.extend([turn.clone(), turn]);
    world.observe(says("Please write a test, too.")).await;
    world.until("it works again", async || world.sim.state().disk.written.len() == 2).await;
    let now = world.sim.now();
    let theirs = world.sim.state().forge.human_pushes(now, ours.head_branch.as_str());
    world.until_ended(3).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;

    let moved = RunOutcome::Interrupted { by: Interruption::HeadMoved };
    assert_eq!(world.runs().await[1].outcome, Some(moved));
    assert_eq!(world.facts().await.attempts.recovery, 0);
    let head = world.pull_request().head;
    let state = world.sim.state();
    assert_eq!(state.forge.commits[&head].parent, Some(theirs));
    assert_eq!(state.forge.pull_requests.len(), 1);
}

/// No webhook tells that a ticket was taken away, so nothing is started before it was looked at.
#[tokio::test(start_paused = true)]
async fn a_ticket_that_was_taken_away_in_silence_starts_no_run() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    world.pass(2 * FRESH_FOR).await;
    world.set_delegated(false);
    world.observe(says("Please write a test, too.")).await;
    world.until("the ticket is read", async || !world.facts().await.is_delegated()).await;
    world.until_quiet().await;
    assert_eq!((world.runs().await.len(), world.facts().await.pending.len()), (1, 1));

    world.set_delegated(true);
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    assert_eq!(world.sim.state().agents.launches, 2, "what was said waited for its time");
}

#[tokio::test(start_paused = true)]
async fn a_tracker_that_does_not_answer_starts_no_run() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    world.pass(2 * FRESH_FOR).await;
    world.sim.state().faults.last(&["read_ticket"], Fault::Unanswered);
    let before = world.sim.calls("read_ticket").len();
    world.observe(says("Please write a test, too.")).await;
    world.pass(Duration::from_secs(1_000)).await;
    assert_eq!(world.runs().await.len(), 1);
    let asked = world.sim.calls("read_ticket").len() - before;
    assert!((10..40).contains(&asked), "an outage is waited out, longer each time: {asked}");

    world.sim.state().faults.heal();
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    assert_eq!(world.sim.state().agents.launches, 2);
}

#[tokio::test(start_paused = true)]
async fn an_issue_that_cannot_be_loaded_is_not_asked_for_in_circles() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    world.pass(2 * FRESH_FOR).await;
    world.sim.state().faults.last(&["store.load"], Fault::Unanswered);
    let before = world.sim.calls("store.load").len();
    world.observe(says("Please write a test, too.")).await;
    world.pass(Duration::from_secs(300)).await;
    let asked = world.sim.calls("store.load").len() - before;
    assert!((5..60).contains(&asked), "{asked}");
    world.sim.state().faults.heal();
    world.until_ended(2).await;
}

/// A world in which the work of the first run is held, and the tree that is.
async fn with_held_work() -> (World, TreeId) {
    let mut world = World::with_delegated_ticket().await;
    world.project().protected_paths = vec!["src/**".to_owned()];
    world.start();
    world.until_ended(1).await;
    world.until_quiet().await;
    let held = world.facts().await.held.expect("the gate holds it");
    (world, held.tree)
}

fn approved(tree: &TreeId) -> ObservationKind {
    ObservationKind::Approved {
        order: "order-1".to_owned(),
        tree: tree.clone(),
        by: member(),
        reason: None,
    }
}

/// D29: exactly that tree, and no agent is asked again.
#[tokio::test(start_paused = true)]
async fn released_work_is_published_as_it_is() {
    let (world, tree) = with_held_work().await;
    world.assert_nothing_published();
    let asked = "elicitation: The work is ready, but it contains something";
    assert_eq!(world.sim.state().tickets.count(asked), 1);
    world.observe(approved(&tree)).await;
    world.assert_published_once().await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].run_type, RunType::Implementation);
    let state = world.sim.state();
    assert_eq!(state.agents.launches, 1);
    let pr = &state.forge.open_pull_requests()[0];
    assert_eq!(state.forge.commits[&pr.head].tree, tree);
}

#[tokio::test(start_paused = true)]
async fn work_that_changed_after_it_was_looked_at_is_not_published() {
    let (mut world, tree) = with_held_work().await;
    world.crash().await;
    world.observe(approved(&tree)).await;
    for directory in world.sim.state().disk.worktrees.values_mut() {
        directory.files.insert("src/lib.rs".to_owned(), "something else".to_owned());
    }
    world.start();
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_published();
    let outcome = world.runs().await[1].outcome.clone();
    assert!(matches!(outcome, Some(RunOutcome::NeedsInput { .. })), "{outcome:?}");
}

/// What nobody may release is not released with the rest, even if it was not known when the work was held.
#[tokio::test(start_paused = true)]
async fn released_work_with_a_secret_in_it_is_not_published() {
    let (world, tree) = with_held_work().await;
    let secret = GateHit::Secret { name: "TOKEN".to_owned(), path: "src/lib.rs".to_owned() };
    world.sim.state().disk.found = vec![secret];
    world.observe(approved(&tree)).await;
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_published();
    let asked = "elicitation: The work is ready, but it contains something";
    assert_eq!(world.sim.state().tickets.count(asked), 2);
}

/// Another process takes in what humans say, and it cannot wake us.
#[tokio::test(start_paused = true)]
async fn an_order_that_another_process_stored_stops_a_run_without_a_nudge() {
    let mut world = World::with_delegated_ticket().await;
    let first = Act::Writes { path: "first", content: "one" };
    world.sim.state().agents.work.push_back(Turn::of([(5, first), (5_000, Act::Says)]));
    world.is_deaf = true;
    world.settings.silence_timeout = Duration::from_secs(6_000);
    world.start();
    world.until_written().await;
    let stored = world.sim.age();
    let source = "stop-1".to_owned();
    let said = world.sim.now();
    world
        .observe(ObservationKind::StopRequested { source, said, by: member(), reason: None })
        .await;
    world.until_ended(1).await;
    let took = world.sim.age() - stored;
    let within = world.settings.reconcile_every + Duration::from_secs(1);
    assert!(took <= within, "{took:?}");
    let stopped = RunOutcome::Interrupted { by: Interruption::Stopped };
    assert_eq!(world.runs().await[0].outcome, Some(stopped));
}
