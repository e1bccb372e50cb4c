//! What humans say to a run reaches its agent once, whatever is lost on the way (D3, D22).

use std::time::Duration;

use patchrelay_domain::{Heard, ObservationKind};
use patchrelay_ports::{Clock, Side, Step};

use super::{
    people::member,
    sim::{Act, Fault, Turn, World, report},
};

const WORDS: &str = "Please greet in German, too.";

async fn say(world: &World, source: &str) {
    let said = ObservationKind::HumanInput {
        source: source.to_owned(),
        said: world.sim.now(),
        heard: Heard::Session,
        author: member(),
        text: WORDS.to_owned(),
        is_edit: false,
    };
    world.observe(said).await;
}

/// A turn that is still at work for a while after it has written a file.
fn long() -> Turn {
    let write = Act::Writes { path: "first", content: "one" };
    Turn::of([(5, write), (200, Act::Ends("Done.".to_owned()))])
}

/// A world whose agent is in the middle of a long turn.
async fn in_a_turn() -> World {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(long());
    world.start();
    world.until_written().await;
    world
}

/// How often agents were told the words: in messages, and in prompts.
fn told(world: &World) -> (usize, usize) {
    let state = world.sim.state();
    let messages = state.agents.heard.iter().filter(|(_, message)| message.text.contains(WORDS));
    let prompts = state.agents.turns.iter().filter(|turn| turn.input.contains(WORDS));
    (messages.count(), prompts.count())
}

async fn deliveries(world: &World) -> usize {
    let log = world.log().await;
    let observations = log.iter().filter_map(|stored| stored.observation.as_ref());
    let is_it = |kind: &ObservationKind| matches!(kind, ObservationKind::InputDelivered { .. });
    observations.filter(|observation| is_it(&observation.kind)).count()
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_a_turn_is_told_to_it_and_to_no_other() {
    let world = in_a_turn().await;
    say(&world, "activity-1").await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(told(&world), (1, 0));
    assert!(world.facts().await.pending.is_empty());
    let said = world.sim.state().agents.heard[0].1.text.clone();
    assert!(said.contains(&format!("| {WORDS}")), "{said}");
    world.assert_published_once().await;
    world.until_quiet().await;
    assert_eq!(world.runs().await.len(), 1, "{}", world.story().await);
    assert_eq!((told(&world), deliveries(&world).await), ((1, 0), 1));
}

#[tokio::test(start_paused = true)]
async fn words_of_the_same_text_are_told_as_often_as_they_are_said() {
    let world = in_a_turn().await;
    say(&world, "activity-1").await;
    say(&world, "activity-2").await;
    world.assert_published_once().await;
    assert_eq!((told(&world), deliveries(&world).await), ((2, 0), 2));
}

/// The answer got lost, and the agent tells that it read the message.
#[tokio::test(start_paused = true)]
async fn a_message_whose_answer_was_lost_is_not_told_again() {
    let world = in_a_turn().await;
    world.sim.state().faults.next("tell", Fault::AnswerLost);
    say(&world, "activity-1").await;
    world.assert_published_once().await;
    assert_eq!((told(&world), deliveries(&world).await), ((1, 0), 1));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_a_turn_did_not_come_to_read_goes_to_the_next_run() {
    let world = in_a_turn().await;
    world.sim.state().agents.reads_nothing = true;
    say(&world, "activity-1").await;
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    assert_eq!((told(&world), deliveries(&world).await), ((0, 1), 0));
}

/// A message in a report turn would be answered instead of the question for the report.
#[tokio::test(start_paused = true)]
async fn who_reports_is_told_nothing_and_the_next_run_takes_it_up() {
    let mut world = World::with_delegated_ticket().await;
    let mut slow = report("done");
    slow.acts[0].0 = Duration::from_secs(100);
    world.sim.state().agents.reports.push_back(slow);
    world.start();
    world
        .until("it reports", async || world.sim.state().agents.turns.iter().any(|t| t.is_report))
        .await;
    say(&world, "activity-1").await;
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    assert_eq!(told(&world), (0, 1));
}

/// Between the agent's word that it read the message and the store's that this is kept, the process dies.
#[tokio::test(start_paused = true)]
async fn after_a_crash_the_thread_is_not_told_again_what_it_has_read() {
    let mut world = in_a_turn().await;
    let gate = world.sim.hold("tell");
    say(&world, "activity-1").await;
    gate.arrived().await;
    world.sim.dies_at(Step::Observe, Side::Before);
    gate.open();
    world.until_dead().await;
    assert_eq!((told(&world), deliveries(&world).await), ((1, 0), 0));
    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
    assert_eq!(told(&world), (1, 0), "its thread has it");
    let turns = world.sim.state().agents.work_turns();
    assert_eq!(turns[0].thread, turns[1].thread);
}

/// A new thread has read nothing.
#[tokio::test(start_paused = true)]
async fn a_new_thread_is_told_what_the_old_one_had_read() {
    let full = patchrelay_domain::TurnStatus::ThreadFull { reason: "too long".to_owned() };
    let mut world = World::with_delegated_ticket().await;
    let write = Act::Writes { path: "first", content: "one" };
    world.sim.state().agents.work.push_back(Turn::of([(5, write), (100, Act::EndsAs(full))]));
    world.start();
    world.until_written().await;
    say(&world, "activity-1").await;
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!((told(&world), deliveries(&world).await), ((1, 1), 1));
}
