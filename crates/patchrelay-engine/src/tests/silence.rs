//! An agent of which nothing is heard: each thing that can be done about it is done for the agent that needs it, and
//! nothing further (D9, D26).

use std::time::Duration;

use patchrelay_domain::{Attempts, Interruption, RunOutcome, ThreadId};
use patchrelay_ports::Clock;

use super::sim::{Act, Commands, Fault, Hang, Turn, World, report};

/// What was done about silent agents.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    asked: usize,
    interrupted: u64,
    killed: u64,
    /// How many processes were started.
    launched: u64,
    /// How many threads the work turns were on.
    threads: usize,
}

/// One process, one thread, and nothing was done.
const NOTHING: Done = Done { asked: 0, interrupted: 0, killed: 0, launched: 1, threads: 1 };

fn done(world: &World) -> Done {
    let state = world.sim.state();
    let mut threads: Vec<_> = state.agents.work_turns().into_iter().map(|t| t.thread).collect();
    threads.dedup();
    Done {
        asked: state.calls.get("look_at_turn").map_or(0, Vec::len),
        interrupted: state.agents.interrupts,
        killed: state.agents.killed,
        launched: state.agents.launches,
        threads: threads.len(),
    }
}

/// A world in which the work turns are these, and then good ones.
async fn with_turns(turns: impl IntoIterator<Item = Turn>) -> World {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.extend(turns);
    world.start();
    world
}

/// What the feed tells of silences, by the names of its lines.
async fn told(world: &World) -> Vec<String> {
    let feed = world.feed().await;
    let names = feed.iter().filter_map(|line| line.split_once(':')).map(|(name, _)| name);
    names.filter_map(|name| name.strip_prefix("silence_")).map(str::to_owned).collect()
}

/// The ticket was worked on in one run, and what the silent agent had written is in its pull request.
async fn assert_one_run(world: &World) {
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1, "{}", world.story().await);
    assert_eq!(world.facts().await.attempts, Attempts::default());
    let head = world.pull_request().head;
    assert_eq!(world.sim.state().forge.files(&head)["first"], "one");
}

#[tokio::test(start_paused = true)]
async fn a_silent_command_of_more_than_a_quarter_of_an_hour_that_burns_survives() {
    let write = Act::Writes { path: "first", content: "one" };
    let turn = Turn::of([(1_000, write), (5, Act::Ends("Done.".to_owned()))]);
    let commands = Commands::Burn(Duration::from_secs(1_000));
    let world = with_turns([Turn { commands, ..turn }]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), NOTHING);
    assert_eq!(told(&world).await, ["busy", "busy"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_end_was_not_heard_is_taken_as_ended() {
    let world = with_turns([Turn::stuck(Hang::Unheard("Done.".to_owned()))]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 1, ..NOTHING });
    assert_eq!(told(&world).await, ["asked", "ended"]);
    assert!((605..620).contains(&world.sim.age().as_secs()), "{:?}", world.sim.age());
}

#[tokio::test(start_paused = true)]
async fn a_report_whose_end_was_not_heard_is_taken_too() {
    let mut world = World::with_delegated_ticket().await;
    let mut silent = report("done");
    let Some((_, Act::Ends(words))) = silent.acts.pop_front() else { panic!("it has no end") };
    silent.hang = Hang::Unheard(words);
    world.sim.state().agents.reports.push_back(silent);
    // The news of the work turn's end are lost, too: each silence begins at the first rung.
    world.sim.state().agents.work.push_back(Turn::stuck(Hang::Unheard("Done.".to_owned())));
    world.start();
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 2, ..NOTHING });
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_hangs_is_interrupted_and_its_thread_goes_on() {
    let world = with_turns([Turn::stuck(Hang::Model)]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 1, interrupted: 1, launched: 2, ..NOTHING });
    assert_eq!(told(&world).await, ["asked", "interrupted", "resumed"]);
    let second = world.sim.state().agents.work_turns().remove(1);
    assert!(second.input.starts_with("Nothing was heard of you"), "{}", second.input);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_ignores_the_interrupt_is_ended_and_its_thread_goes_on() {
    let world = with_turns([Turn::stuck(Hang::Stubborn)]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 1, interrupted: 1, killed: 1, launched: 2, threads: 1 });
    assert_eq!(told(&world).await, ["asked", "interrupted", "resumed"]);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_turn_that_talks_on_is_ended_all_the_same() {
    let mut talk = Turn::stuck(Hang::Stubborn);
    talk.acts.push_back((Duration::from_secs(620), Act::Says));
    let world = with_turns([talk]).await;
    let gate = world.sim.hold("interrupt");
    gate.arrived().await;
    world.pass(Duration::from_secs(15)).await;
    gate.open();
    assert_one_run(&world).await;
    assert_eq!(told(&world).await, ["asked", "interrupted", "resumed"]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_answers_nothing_is_ended_without_an_interrupt() {
    let world = with_turns([Turn::stuck(Hang::Deaf)]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 1, killed: 1, launched: 2, ..NOTHING });
    assert_eq!(told(&world).await, ["asked", "resumed"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_its_thread_does_not_know_cannot_be_interrupted() {
    let world = with_turns([Turn::stuck(Hang::Forgotten)]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 1, killed: 1, launched: 2, ..NOTHING });
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_hangs_again_is_left_for_one_that_is_told_of_the_edits() {
    let again = Turn { hang: Hang::Stubborn, ..Turn::default() };
    let world = with_turns([Turn::stuck(Hang::Stubborn), again]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 2, interrupted: 2, killed: 2, launched: 3, threads: 2 });
    assert_eq!(
        told(&world).await,
        ["asked", "interrupted", "resumed", "asked", "interrupted", "fresh_thread"]
    );
    let state = world.sim.state();
    let third = state.agents.work_turns().remove(2);
    assert!(third.input.contains("refs/rescue/"), "{}", third.input);
    assert!(state.disk.rescued.iter().any(|(_, files)| files["first"] == "one"));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_agents_all_hang_ends_and_costs_a_recovery() {
    let hang = || Turn { hang: Hang::Stubborn, ..Turn::default() };
    let world = with_turns([Turn::stuck(Hang::Stubborn), hang(), hang()]).await;
    world.until_ended(1).await;
    assert_eq!(world.facts().await.attempts, Attempts { recovery: 1, ..Attempts::default() });
    let Some(RunOutcome::Failed { reason }) = world.runs().await.remove(0).outcome else {
        panic!("it did not fail")
    };
    assert!(reason.contains("silent for too long (threads resumed: 1, begun anew: 1)"), "{reason}");
    assert_eq!(told(&world).await.last().map(String::as_str), Some("given_up"));
    assert_eq!(done(&world).launched, 3);

    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 2);
    let head = world.pull_request().head;
    let state = world.sim.state();
    assert_eq!(state.forge.files(&head)["first"], "one");
    let turns = state.agents.work_turns();
    assert_eq!(turns[3].thread, turns[2].thread, "the newest thread goes on");
}

#[tokio::test(start_paused = true)]
async fn agents_that_always_hang_call_a_human_once() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.silence_timeout = Duration::from_secs(60);
    let hang = Turn { hang: Hang::Deaf, ..Turn::default() };
    world.sim.state().agents.work.extend(vec![hang; 50]);
    world.start();
    world.until_ended(5).await;
    world.until_quiet().await;
    world.pass(Duration::from_secs(1_200)).await;
    assert_eq!(world.runs().await.len(), 5);
    assert_eq!(done(&world).launched, 15, "three turns for each run");
    assert_eq!(world.sim.state().tickets.count("error: I need a human here"), 1);
    assert_eq!(world.facts().await.attempts, Attempts { recovery: 5, ..Attempts::default() });
    world.assert_nothing_wrong().await;
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_just_in_time_is_enough() {
    let mut slow = Turn::stuck(Hang::Model);
    slow.acts.extend((0..2).map(|_| (Duration::from_secs(599), Act::Says)));
    slow.acts.push_back((Duration::from_secs(599), Act::Ends("Done.".to_owned())));
    let world = with_turns([slow]).await;
    assert_one_run(&world).await;
    assert_eq!(done(&world), NOTHING);
    assert_eq!(told(&world).await, Vec::<String>::new());
}

/// What it said while it was asked counts, and not that it was silent before.
#[tokio::test(start_paused = true)]
async fn an_agent_that_speaks_while_it_is_asked_is_not_interrupted() {
    let mut late = Turn::stuck(Hang::Model);
    late.acts.push_back((Duration::from_secs(610), Act::Says));
    late.acts.push_back((Duration::from_secs(30), Act::Ends("Done.".to_owned())));
    let world = with_turns([late]).await;
    let gate = world.sim.hold("look_at_turn");
    gate.arrived().await;
    world.pass(Duration::from_secs(20)).await;
    gate.open();
    assert_one_run(&world).await;
    assert_eq!(done(&world), Done { asked: 1, ..NOTHING });
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_went_on_is_resumed_again() {
    let world = with_turns([Turn::stuck(Hang::Model), Turn::stuck(Hang::Model)]).await;
    assert_one_run(&world).await;
    assert_eq!(
        done(&world),
        Done { asked: 2, interrupted: 2, launched: 3, ..NOTHING },
        "the second turn wrote something before it hung"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_that_stops_burning_is_asked_about() {
    let commands = Commands::Burn(Duration::from_secs(700));
    let world = with_turns([Turn { commands, ..Turn::stuck(Hang::Model) }]).await;
    assert_one_run(&world).await;
    assert_eq!(told(&world).await, ["busy", "busy", "asked", "interrupted", "resumed"]);
}

#[tokio::test(start_paused = true)]
async fn where_work_cannot_be_seen_the_thread_is_asked() {
    let turn = Turn { commands: Commands::Unseen, ..Turn::stuck(Hang::Model) };
    let world = with_turns([turn]).await;
    assert_one_run(&world).await;
    assert_eq!(told(&world).await, ["asked", "interrupted", "resumed"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_over_at_its_limit_however_busy_its_commands_are() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.turn_timeout = Duration::from_secs(2_000);
    let commands = Commands::Burn(Duration::MAX);
    let busy = Turn { commands, ..Turn::stuck(Hang::Model) };
    world.sim.state().agents.work.push_back(busy);
    world.start();
    world.until_ended(1).await;
    let age = world.sim.age();
    assert!((2_000..2_020).contains(&age.as_secs()), "{age:?}");
    assert_eq!(done(&world), Done { killed: 1, ..NOTHING });
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 2);
}

/// What takes the place of a turn does not get its time again.
#[tokio::test(start_paused = true)]
async fn the_limit_of_a_turn_holds_for_all_that_takes_its_place() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.turn_timeout = Duration::from_secs(1_000);
    let busy = Turn { commands: Commands::Burn(Duration::MAX), ..Turn::stuck(Hang::Model) };
    world.sim.state().agents.work.extend([Turn::stuck(Hang::Model), busy]);
    world.start();
    world.until_ended(1).await;
    let age = world.sim.age();
    assert!((1_000..1_020).contains(&age.as_secs()), "{age:?}");
    assert_eq!(done(&world).launched, 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_an_agent_that_does_not_answer() {
    for operation in ["look_at_turn", "interrupt"] {
        let mut world = World::with_delegated_ticket().await;
        world.settings.drain = Duration::from_secs(5);
        world.sim.state().agents.work.push_back(Turn::stuck(Hang::Stubborn));
        let gate = world.sim.hold(operation);
        world.start();
        gate.arrived().await;
        let asked = world.sim.age();
        world.stop().await;
        let took = world.sim.age() - asked;
        assert!((5..15).contains(&took.as_secs()), "{operation}: {took:?}");
        let runs = world.runs().await;
        let stopped = RunOutcome::Interrupted { by: Interruption::Shutdown };
        assert_eq!(runs[0].outcome, Some(stopped), "{operation}");
        assert_eq!(world.facts().await.attempts, Attempts::default());
        assert_eq!(world.sim.state().agents.alive(), 0, "{operation}");
        world.start();
        world.until_ended(2).await;
        world.assert_published_once().await;
        let head = world.pull_request().head;
        assert_eq!(world.sim.state().forge.files(&head)["first"], "one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_that_is_asked_to_stop_is_ended_soon() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(Turn::stuck(Hang::Deaf));
    world.start();
    world.until_written().await;
    world.pass(Duration::from_secs(60)).await;
    let asked = world.sim.age();
    world.stop().await;
    let took = world.sim.age() - asked;
    assert!((20..30).contains(&took.as_secs()), "{took:?}");
    assert_eq!(world.sim.state().agents.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_loses_the_lease_does_nothing_more_about_a_silence() {
    for operation in ["look_at_turn", "interrupt"] {
        let world = with_turns([Turn::stuck(Hang::Stubborn)]).await;
        let gate = world.sim.hold(operation);
        gate.arrived().await;
        world.sim.set_clock_forward(Duration::from_secs(60));
        let now = world.sim.now();
        let theirs = world.acquire("another", now).await.expect("our lease is over");
        let before = told(&world).await;
        world.until("the agent is gone", async || world.sim.state().agents.alive() == 0).await;
        gate.open();
        world.pass(Duration::from_secs(600)).await;
        let runs = world.runs().await;
        assert_eq!((runs.len(), &runs[0].outcome), (1, &None), "{operation}: {runs:?}");
        assert_eq!(told(&world).await, before, "{operation}");
        world.release(&theirs).await;
        world.until_ended(2).await;
        world.assert_published_once().await;
    }
}

/// The process dies right before each thing that is done about a silence, and the next one goes on.
#[tokio::test(start_paused = true)]
async fn a_crash_on_any_rung_loses_nothing() {
    // The gate is passed so often before, and these are the threads that the lost run leaves to the next one.
    for (operation, before, threads) in [
        ("look_at_turn", 0, ["thread-1", "thread-1"]),
        ("interrupt", 0, ["thread-1", "thread-1"]),
        ("launch", 1, ["thread-1", "thread-1"]),
        ("open_thread", 1, ["thread-1", "thread-1"]),
        ("launch", 2, ["thread-1", "thread-2"]),
        ("rescue", 0, ["thread-1", "thread-2"]),
    ] {
        let mut world = World::with_delegated_ticket().await;
        let hang = Turn { hang: Hang::Stubborn, ..Turn::default() };
        world.sim.state().agents.work.extend([Turn::stuck(Hang::Stubborn), hang]);
        world.start();
        let sim = world.sim.clone();
        world.until("it is nearly there", async || before <= sim.calls(operation).len()).await;
        let gate = world.sim.hold(operation);
        gate.arrived().await;
        world.crash().await;
        world.sim.state().agents.work.clear();
        world.start();
        world.until_ended(2).await;
        world.assert_published_once().await;
        let runs = world.runs().await;
        let lost = RunOutcome::Interrupted { by: Interruption::Restart };
        assert_eq!(runs[0].outcome, Some(lost), "{operation} {before}");
        let head = world.pull_request().head;
        let state = world.sim.state();
        assert_eq!(state.forge.files(&head)["first"], "one", "{operation} {before}");
        let turns = state.agents.work_turns();
        let ends = [&turns[0], &turns[turns.len() - 1]].map(|turn| turn.thread.clone());
        assert_eq!(ends, threads.map(ThreadId::new), "{operation} {before}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_cannot_go_on_in_a_new_process_costs_a_recovery() {
    let world = with_turns([Turn::stuck(Hang::Model)]).await;
    world.until_written().await;
    world.sim.state().faults.next("launch", Fault::Unanswered);
    world.until_ended(1).await;
    assert_eq!(world.facts().await.attempts, Attempts { recovery: 1, ..Attempts::default() });
    world.assert_published_once().await;
    let head = world.pull_request().head;
    assert_eq!(world.sim.state().forge.files(&head)["first"], "one");
}
