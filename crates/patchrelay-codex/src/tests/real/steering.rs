//! Messages to a turn that runs, told to the real codex.

use patchrelay_domain::{RunId, ThreadId, TurnStatus};
use patchrelay_ports::{AgentEvent, AgentRuntime, Message, ThreadSpec, Told};
use tokio::time::timeout;

use super::{PATIENCE, Stage, listen, shell, stage, work};
use crate::CodexRuntime;

fn message(n: u32) -> Message {
    Message { id: format!("input-{n}"), text: format!("word number {n}, please") }
}

/// A turn with commands that each wait for a file in the worktree, at the first of them.
async fn waiting_turn() -> Stage {
    let wait = |file: &str| shell(&format!("while [ ! -e {file} ]; do sleep 0.05; done"));
    let turns = vec![vec![wait("first"), wait("second")], vec![]];
    let mut stage = stage(turns).await;
    stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    let unsaid = stage.session.told(&[message(1).id]).await;
    assert_eq!(unsaid.unwrap(), [""; 0], "a thread without a turn knows nothing");
    stage.session.start_turn(&work("go")).await.unwrap();
    until(
        &mut stage,
        |event| matches!(event, AgentEvent::Progress { line } if line.starts_with("it runs")),
    )
    .await;
    stage
}

/// Listens until this happens.
async fn until(stage: &mut Stage, is_it: impl Fn(&AgentEvent) -> bool) {
    loop {
        let event = timeout(PATIENCE, stage.session.next_event()).await.expect("it moves").unwrap();
        if is_it(&event) {
            return;
        }
        assert!(!matches!(event, AgentEvent::TurnEnded { .. }), "{event:?}");
    }
}

async fn until_heard(stage: &mut Stage, message: &Message) {
    let heard = AgentEvent::Heard { message: message.id.clone() };
    until(stage, |event| *event == heard).await;
}

fn open(stage: &Stage, file: &str) {
    std::fs::write(stage.world.path("work").join(file), "").unwrap();
}

/// How often the model saw this text in its last request.
fn seen(stage: &Stage, text: &str) -> usize {
    let last = stage.model.requests().pop().expect("there was one");
    last.body["input"].to_string().matches(text).count()
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_message_to_a_running_turn_reaches_the_model_exactly_once() {
    let mut stage = waiting_turn().await;
    let ids = [message(1).id, message(2).id];
    assert_eq!(stage.session.tell(&message(1)).await.unwrap(), Told::Taken);
    // The command still runs, and the model reads nothing before its end.
    assert_eq!(stage.session.told(&ids).await.unwrap(), [""; 0]);
    open(&stage, "first");
    until_heard(&mut stage, &message(1)).await;
    open(&stage, "second");
    assert_eq!(listen(&mut stage.session).await.1, TurnStatus::Completed);
    assert_eq!(seen(&stage, "word number 1, please"), 1);

    // Nothing runs now, so the next one waits for the next turn.
    assert_eq!(stage.session.tell(&message(2)).await.unwrap(), Told::NoTurn);
    stage.session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(listen(&mut stage.session).await.1, TurnStatus::Completed);
    assert_eq!((seen(&stage, "word number 1"), seen(&stage, "word number 2")), (1, 0));
    assert_eq!(stage.session.told(&ids).await.unwrap(), [message(1).id]);
    stage.session.close().await;
}

/// Only what a turn has heard survives it, and that can be looked up.
#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn after_a_kill_the_thread_tells_which_messages_it_has() {
    let mut stage = waiting_turn().await;
    assert_eq!(stage.session.tell(&message(1)).await.unwrap(), Told::Taken);
    open(&stage, "first");
    until_heard(&mut stage, &message(1)).await;
    let second = "while [ ! -e second";
    until(
        &mut stage,
        |event| matches!(event, AgentEvent::Progress { line } if line.contains(second)),
    )
    .await;
    assert_eq!(stage.session.tell(&message(2)).await.unwrap(), Told::Taken);
    drop(stage.session); // SIGKILL

    let runtime = CodexRuntime::new(stage.config);
    runtime.reap(&RunId::new("run-1")).await.unwrap();
    let mut session = runtime.launch(&stage.world.launch()).await.unwrap();
    let thread = ThreadId::new(stage.model.requests()[0].thread.clone());
    assert_eq!(
        session.open_thread(&stage.world.work(), ThreadSpec::Resume(thread.clone())).await.unwrap(),
        thread
    );
    assert_eq!(session.told(&[message(1).id, message(2).id]).await.unwrap(), [message(1).id]);
    session.close().await;
}
