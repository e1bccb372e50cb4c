//! What a run may spend (D10): it is stopped while it burns, its edits are kept, and a human is asked.

use std::time::Duration;

use patchrelay_domain::{
    About, Attempts, Heard, Interruption, Limit, ObservationKind, RunOutcome, Spent,
};
use patchrelay_ports::Clock;

use super::{
    people::member,
    sim::{Act, Turn, World},
};

const WRITE: Act = Act::Writes { path: "first", content: "one" };

/// A world in which a run may spend this, and the first work turn is this.
async fn with(run: Limit, turn: Turn) -> World {
    let mut world = World::with_delegated_ticket().await;
    world.project().limits.run = run;
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world
}

/// The run was stopped after about so many seconds, what it wrote is kept, and a human is asked about this.
async fn assert_stopped(world: &World, seconds: std::ops::Range<u64>, question: &str) -> Spent {
    world.until_ended(1).await;
    let runs = world.runs().await;
    let by = Interruption::Spending;
    assert_eq!(runs[0].outcome, Some(RunOutcome::Interrupted { by }), "{}", world.story().await);
    let took = runs[0].ended.expect("it has").since(runs[0].started).as_secs();
    assert!(seconds.contains(&took), "{took}");
    assert_eq!(world.sim.state().agents.alive(), 0);
    assert_eq!(world.sim.calls("rescue").len(), 1, "what it wrote is kept");
    let facts = world.facts().await;
    let asked = facts.question.expect("it asks");
    assert_eq!((asked.about, asked.text.as_str()), (About::Spending, question));
    assert_eq!(facts.attempts, Attempts::default());
    world.pass(Duration::from_secs(3_600)).await;
    assert_eq!(world.runs().await.len(), 1, "nothing is started before the answer");
    facts.spending.total
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_burns_tokens_is_stopped_at_its_limit() {
    let burn = Turn { repeats: true, ..Turn::of([(5, WRITE), (5, Act::Spends(300))]) };
    let world = with(Limit { max_tokens: 1_000, ..Limit::default() }, burn).await;
    let question = "I have spent 1200 of 1000 tokens by one run. Should I go on? Answer yes or no.";
    let spent = assert_stopped(&world, 40..46, question).await;
    assert_eq!((spent.tokens, spent.turns), (1_200, 1));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_goes_on_for_ever_is_stopped_when_its_minutes_are_spent() {
    let talk = Turn { repeats: true, ..Turn::of([(5, WRITE), (55, Act::Says)]) };
    let world = with(Limit { max_minutes: 10, ..Limit::default() }, talk).await;
    let question = "I have spent 10 of 10 minutes by one run. Should I go on? Answer yes or no.";
    let spent = assert_stopped(&world, 600..640, question).await;
    assert!((600..640).contains(&spent.time().as_secs()), "{spent:?}");
}

/// The last turn comes to its end, and no other follows it.
#[tokio::test(start_paused = true)]
async fn a_run_whose_turns_are_spent_begins_no_other() {
    let turn = Turn::of([(5, WRITE), (5, Act::Ends("Done.".to_owned()))]);
    let world = with(Limit { max_turns: 1, ..Limit::default() }, turn).await;
    let question = "I have spent 1 of 1 turns by one run. Should I go on? Answer yes or no.";
    let spent = assert_stopped(&world, 10..15, question).await;
    assert_eq!(spent.turns, 1);
    assert_eq!(world.sim.state().agents.turns.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn work_that_used_up_its_turns_is_published() {
    let world = with(Limit { max_turns: 2, ..Limit::default() }, Turn::work()).await;
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(world.facts().await.spending.total.turns, 2);
}

/// The limits of a ticket and of a day count the run that is under way together with those before it.
#[tokio::test(start_paused = true)]
async fn earlier_runs_count_for_the_ticket_and_for_the_day() {
    for is_day in [false, true] {
        let mut world = World::with_delegated_ticket().await;
        let limit = Limit { max_tokens: 1_000, ..Limit::default() };
        let limits = &mut world.project().limits;
        *(if is_day { &mut limits.day } else { &mut limits.issue }) = limit;
        let lost = Turn::of([(5, Act::Spends(600)), (5, Act::Dies)]);
        let burn = Turn { repeats: true, ..Turn::of([(5, WRITE), (5, Act::Spends(300))]) };
        world.sim.state().agents.work.extend([lost, burn]);
        world.start();
        world.until_ended(2).await;
        let runs = world.runs().await;
        let by = Interruption::Spending;
        assert_eq!(runs[1].outcome, Some(RunOutcome::Interrupted { by }), "{is_day}");
        assert_eq!(world.facts().await.spending.total.tokens, 1_200);
        assert!(world.facts().await.question.is_some());
    }
}

/// Whoever says yes gives the ticket as much again, and the work goes on where it was.
#[tokio::test(start_paused = true)]
async fn a_yes_lets_the_work_go_on_with_its_edits() {
    let burn = Turn { repeats: true, ..Turn::of([(5, WRITE), (5, Act::Spends(600))]) };
    let world = with(Limit { max_tokens: 1_000, ..Limit::default() }, burn).await;
    world.until_ended(1).await;
    world.pass(Duration::from_secs(60)).await;
    let yes = ObservationKind::HumanInput {
        source: "activity-yes".to_owned(),
        said: world.sim.now(),
        heard: Heard::Session,
        author: member(),
        text: "yes".to_owned(),
        is_edit: false,
    };
    world.observe(yes).await;
    world.until_ended(2).await;
    world.assert_published_once().await;
    let head = world.pull_request().head;
    assert_eq!(world.sim.state().forge.files(&head)["first"], "one");
}
