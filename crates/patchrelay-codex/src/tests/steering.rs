//! Messages to a turn that runs, over the real pipes.

use patchrelay_domain::{ThreadId, TurnStatus};
use patchrelay_ports::{
    AgentError, AgentEvent, AgentRuntime, AgentSession, Message, ThreadSpec, Told,
};
use patchrelay_testkit::agent::{Flaws, Script, Step};
use tokio::time::timeout;

use super::{
    PATIENCE, World, listen,
    scripted::{config, launch, say, script},
    work,
};
use crate::CodexRuntime;

fn message(n: u32) -> Message {
    Message { id: format!("input-{n}"), text: format!("word number {n}") }
}

/// A turn that waits until the test opens a gate.
fn gated(world: &World) -> Script {
    script([vec![say("hm"), Step::WaitFor(world.path("gate")), say("done")]])
}

/// Which messages the turn has read until its end.
async fn heard(session: &mut Box<dyn AgentSession>) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        match timeout(PATIENCE, session.next_event()).await.expect("the turn ends").unwrap() {
            AgentEvent::Heard { message } => heard.push(message),
            AgentEvent::Progress { .. } | AgentEvent::Seen(_) | AgentEvent::Spent { .. } => {}
            AgentEvent::TurnEnded { .. } => return heard,
        }
    }
}

#[tokio::test]
async fn a_message_is_taken_by_a_turn_that_runs_and_by_no_other() {
    let world = World::new();
    let mut session = launch(&world, &gated(&world)).await;
    assert_eq!(session.tell(&message(1)).await.unwrap(), Told::NoTurn, "no thread, no turn");
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    assert_eq!(session.tell(&message(1)).await.unwrap(), Told::NoTurn, "no turn");
    assert_eq!(session.told(&[message(1).id]).await.unwrap(), [""; 0]);
    session.start_turn(&work("go")).await.unwrap();
    // At once, when the turn may not have begun yet.
    for n in 1..=12 {
        assert_eq!(session.tell(&message(n)).await.unwrap(), Told::Taken);
    }
    std::fs::write(world.path("gate"), "").unwrap();
    let expected: Vec<_> = (1..=12).map(|n| message(n).id).collect();
    let all = heard(&mut session).await;
    assert_eq!(all[all.len() - 12..], expected, "the first is what began the turn: {all:?}");
    assert_eq!(session.tell(&message(13)).await.unwrap(), Told::NoTurn, "it is over");
    // More than one page of the thread.
    let asked = [message(1).id, message(13).id, message(12).id];
    assert_eq!(session.told(&asked).await.unwrap(), [message(12).id, message(1).id]);
    session.close().await;
}

#[tokio::test]
async fn a_turn_that_takes_no_message_now_is_no_error() {
    for refusal in [
        "no active turn to steer",
        "expected active turn id `a` but found `b`",
        "active turn is not steerable: review",
    ] {
        let world = World::new();
        let refused = [("turn/steer".to_owned(), refusal.to_owned())].into_iter().collect();
        let flaws = Flaws { refused, ..Flaws::default() };
        let mut session = launch(&world, &Script { flaws, ..gated(&world) }).await;
        session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
        session.start_turn(&work("go")).await.unwrap();
        assert_eq!(session.tell(&message(1)).await.unwrap(), Told::NoTurn, "{refusal}");
        session.close().await;
    }
}

#[tokio::test]
async fn a_message_without_an_answer_is_an_error_and_is_looked_up_in_the_thread() {
    let world = World::new();
    let flaws = Flaws { silent: vec!["turn/steer".to_owned()], ..Flaws::default() };
    let mut config = config(&world, &Script { flaws, ..gated(&world) });
    config.request_timeout = std::time::Duration::from_secs(1);
    let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
    let early = session.told(&[message(1).id]).await;
    assert!(matches!(early, Err(AgentError::Request { .. })), "no thread: {early:?}");
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let told = session.tell(&message(1)).await;
    assert!(matches!(told, Err(AgentError::Request { request: "turn/steer", .. })), "{told:?}");
    assert_eq!(session.told(&[message(1).id]).await.unwrap(), [""; 0]);
    session.close().await;
}

#[tokio::test]
async fn a_thread_knows_after_a_kill_what_it_was_told() {
    let world = World::new();
    let script = gated(&world);
    let mut session = launch(&world, &script).await;
    let thread: ThreadId = session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    assert_eq!(session.tell(&message(1)).await.unwrap(), Told::Taken);
    drop(session); // SIGKILL
    let runtime = CodexRuntime::new(config(&world, &script));
    runtime.reap(&patchrelay_domain::RunId::new("run-1")).await.unwrap();
    let mut session = runtime.launch(&world.launch()).await.unwrap();
    session.open_thread(&world.work(), ThreadSpec::Resume(thread)).await.unwrap();
    let ids = [message(1).id, message(2).id];
    assert_eq!(session.told(&ids).await.unwrap(), [message(1).id]);
    std::fs::write(world.path("gate"), "").unwrap();
    session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(listen(&mut session).await.1, TurnStatus::Completed);
    session.close().await;
}
