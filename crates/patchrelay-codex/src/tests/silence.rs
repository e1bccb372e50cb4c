//! What a silent agent can be asked, over the real pipes.

use std::time::Duration;

use patchrelay_domain::{ThreadId, TurnId, TurnRecord, TurnStatus};
use patchrelay_ports::{AgentError, AgentEvent, AgentRuntime, AgentSession, ThreadSpec};
use patchrelay_process::{Marker, leftovers};
use patchrelay_testkit::agent::{Flaws, Script, Step};
use tokio::time::timeout;

use super::{
    PATIENCE, World, listen,
    scripted::{config, launch, say, script},
    work,
};
use crate::CodexRuntime;

/// An agent at its first turn.
async fn at_work(world: &World, script: &Script) -> (Box<dyn AgentSession>, ThreadId, TurnId) {
    let mut session = launch(world, script).await;
    let thread = session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    let turn = session.start_turn(&work("go")).await.unwrap();
    (session, thread, turn)
}

/// What the agent does next.
async fn next_line(session: &mut Box<dyn AgentSession>) -> String {
    match timeout(PATIENCE, session.next_event()).await.expect("it moves").unwrap() {
        AgentEvent::Progress { line } => line,
        AgentEvent::Seen(_) | AgentEvent::Heard { .. } | AgentEvent::Spent { .. } => {
            Box::pin(next_line(session)).await
        }
        end @ AgentEvent::TurnEnded { .. } => panic!("it is over: {end:?}"),
    }
}

#[tokio::test]
async fn a_turn_whose_end_was_lost_is_found_ended_and_ends_once() {
    for (step, expected) in [
        (say("I am done"), TurnStatus::Completed),
        (
            Step::Overload("at capacity".to_owned()),
            TurnStatus::Unavailable {
                reason: "at capacity (serverOverloaded)".to_owned(),
                retry_after: None,
            },
        ),
    ] {
        let world = World::new();
        let lost = Flaws { lost: vec!["turn/completed".to_owned()], ..Flaws::default() };
        let script =
            Script { flaws: lost, ..script([vec![say("I begin"), step], vec![say("next")]]) };
        let (mut session, _, turn) = at_work(&world, &script).await;
        let ended =
            async { while session.look_at_turn(&turn).await.unwrap() != TurnRecord::Ended {} };
        timeout(PATIENCE, ended).await.expect("it ends");
        let (_, status, answer) = listen(&mut session).await;
        assert_eq!(status, expected);
        if expected == TurnStatus::Completed {
            assert_eq!(answer, "I am done");
        }

        // Looked at again, it ends no second time, and another turn can begin.
        assert_eq!(session.look_at_turn(&turn).await.unwrap(), TurnRecord::Ended);
        let next = session.start_turn(&work("go on")).await.unwrap();
        let ended =
            async { while session.look_at_turn(&next).await.unwrap() != TurnRecord::Ended {} };
        timeout(PATIENCE, ended).await.expect("it ends");
        assert_eq!(listen(&mut session).await.2, "next");
        session.close().await;
    }
}

#[tokio::test]
async fn a_turn_that_runs_is_in_progress_and_another_is_not_known() {
    let world = World::new();
    let (mut session, _, turn) = at_work(&world, &script([vec![say("hm"), Step::Hang]])).await;
    next_line(&mut session).await;
    assert_eq!(session.look_at_turn(&turn).await.unwrap(), TurnRecord::InProgress);
    let other = TurnId::new("01a20f8f-1b40-7d00-a58c-4d1890daea9d");
    assert_eq!(session.look_at_turn(&other).await.unwrap(), TurnRecord::Unknown);
    session.close().await;
}

#[tokio::test]
async fn an_agent_without_a_thread_or_an_answer_says_nothing_of_its_turns() {
    let world = World::new();
    let silent = vec!["thread/turns/list".to_owned(), "turn/interrupt".to_owned()];
    let flaws = Flaws { silent, ..Flaws::default() };
    let script = Script { flaws, ..script([vec![say("hm"), Step::Hang]]) };
    let mut config = config(&world, &script);
    config.request_timeout = Duration::from_secs(2);
    let marker = Marker::new(&config.instance, "run-1");
    let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
    let early = session.look_at_turn(&TurnId::new("none")).await;
    assert!(matches!(early, Err(AgentError::Request { .. })), "{early:?}");

    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    let turn = session.start_turn(&work("go")).await.unwrap();
    next_line(&mut session).await;
    for unanswered in [session.look_at_turn(&turn).await.err(), session.interrupt().await.err()] {
        assert!(matches!(unanswered, Some(AgentError::Request { .. })), "{unanswered:?}");
    }
    session.close().await;
    assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
}

#[tokio::test]
async fn a_command_that_burns_shows_and_one_that_sleeps_does_not() {
    let world = World::new();
    let burn = Step::Run("while :; do :; done".to_owned());
    let (mut burning, _, _) = at_work(&world, &script([vec![burn]])).await;
    let other = World::new();
    let sleep = Step::Run("sleep 1000".to_owned());
    let (mut sleeping, _, _) = at_work(&other, &script([vec![sleep]])).await;
    for (session, line) in [(&mut burning, "while"), (&mut sleeping, "sleep")] {
        assert!(next_line(session).await.contains(line));
    }
    let before = sleeping.commands_cpu_time().await.expect("it is seen");
    let used = async {
        while burning.commands_cpu_time().await.expect("it is seen") < Duration::from_millis(300) {}
    };
    timeout(PATIENCE, used).await.expect("it burns");
    let after = sleeping.commands_cpu_time().await.expect("it is seen");
    assert!(after - before < Duration::from_millis(100), "{before:?} {after:?}");
    burning.close().await;
    sleeping.close().await;
}

#[tokio::test]
async fn a_silent_thread_goes_on_in_another_process() {
    let world = World::new();
    let script = script([vec![say("first"), Step::Hang], vec![say("second")]]);
    let (mut session, thread, turn) = at_work(&world, &script).await;
    next_line(&mut session).await;
    assert_eq!(session.look_at_turn(&turn).await.unwrap(), TurnRecord::InProgress);
    session.close().await;
    let mut session = launch(&world, &script).await;
    assert_eq!(
        session.open_thread(&world.work(), ThreadSpec::Resume(thread.clone())).await.unwrap(),
        thread
    );
    session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(listen(&mut session).await.2, "second");
    session.close().await;
}

#[tokio::test]
async fn of_an_agent_that_is_gone_nothing_can_be_told() {
    let world = World::new();
    let (mut session, _, turn) = at_work(&world, &script([vec![Step::Crash]])).await;
    listen(&mut session).await;
    assert_eq!(session.commands_cpu_time().await, None);
    let looked = session.look_at_turn(&turn).await;
    assert!(matches!(looked, Err(AgentError::Gone { .. })), "{looked:?}");
    session.close().await;
}
