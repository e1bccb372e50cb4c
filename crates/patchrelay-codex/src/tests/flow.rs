//! What comes in other pieces, in other amounts or at other times than it should.

use std::time::Duration;

use patchrelay_domain::{TurnId, TurnStatus};
use patchrelay_ports::{AgentError, AgentRuntime, ThreadSpec};
use patchrelay_process::{Marker, leftovers};
use patchrelay_testkit::agent::{Flaws, Script, Step};
use tokio::time::{Instant, timeout};

use super::{
    PATIENCE, World, listen,
    scripted::{config, launch, say, script},
    work,
};
use crate::CodexRuntime;

/// Runs one turn of these steps to its end.
async fn turn(steps: Vec<Step>) -> (Vec<String>, TurnStatus, String) {
    let world = World::new();
    let mut session = launch(&world, &script([steps])).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let ended = listen(&mut session).await;
    session.close().await;
    ended
}

fn bytes(text: &str) -> Step {
    Step::Bytes(text.as_bytes().to_vec())
}

#[tokio::test]
async fn what_is_no_message_between_messages_is_passed_over() {
    let steps = vec![
        say("one"),
        bytes("\n\n"),
        bytes("[]\n[{\"method\":\"turn/completed\"}]\nnull\n7\n{}\n"),
        bytes("running 1 test ...\n{\"id\":1,\n{\"id\":\"mine\",\"result\":{}}\n"),
        Step::Bytes(vec![0xff, 0xfe, b'{', b'\n']),
        bytes("{\"id\":99999,\"result\":{}}\n{\"method\":\"brand/new\",\"params\":[1,2]}\n"),
        say("two"),
    ];
    let (lines, status, answer) = turn(steps).await;
    assert_eq!(
        (lines, status),
        (vec!["it says: one".to_owned(), "it says: two".to_owned()], TurnStatus::Completed)
    );
    assert_eq!(answer, "two");
}

#[tokio::test]
async fn a_message_in_pieces_and_messages_in_one_piece_are_read() {
    let item = |text: &str| {
        format!(
            "{{\"method\":\"error\",\"params\":{{\"threadId\":\"other\",\"turnId\":\"t\",\"error\":{{\"message\":\"{text}\"}}}}}}"
        )
    };
    let (first, last) = (item("a"), item("b"));
    let (head, tail) = first.split_at(20);
    let joined = format!("{last}\r\n{last}\n{last}\n");
    let steps = vec![
        bytes(head),
        Step::SleepMs(50),
        bytes(tail),
        Step::SleepMs(50),
        bytes("\n"),
        bytes(&joined),
        say("done"),
    ];
    assert_eq!(turn(steps).await.2, "done");
}

#[tokio::test]
async fn a_line_of_megabytes_is_read_and_one_beyond_all_bounds_is_skipped() {
    let steps = vec![Step::Output(4 * 1024 * 1024), Step::Output(40 * 1024 * 1024), say("done")];
    let (lines, status, answer) = turn(steps).await;
    assert_eq!((status, answer.as_str()), (TurnStatus::Completed, "done"));
    let read = lines.iter().filter(|line| line.as_str() == "`yes` ended with 0").count();
    assert_eq!(read, 1, "{lines:?}");
}

#[tokio::test]
async fn a_flood_on_stderr_blocks_nobody_and_only_its_end_is_kept() {
    let world = World::new();
    let mut script = script([vec![say("half"), Step::Crash]]);
    script.flaws.complaint = format!("{}\nthe last line", "noise\n".repeat(1_000_000));
    let mut session = launch(&world, &script).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let TurnStatus::Failed { reason } = listen(&mut session).await.1 else { panic!("it crashed") };
    assert!(reason.contains("the last line") && reason.len() < 2_000, "{reason}");
    session.close().await;
}

/// Exit code 0 in the middle of a turn is what codex ends with on SIGTERM.
#[tokio::test]
async fn a_process_that_leaves_in_the_middle_of_a_turn_ends_the_turn_as_failed() {
    let (_, status, answer) = turn(vec![say("half"), Step::Leave]).await;
    let TurnStatus::Failed { reason } = status else { panic!("{status:?}") };
    assert!(reason.contains("exit status: 0"), "{reason}");
    assert_eq!(answer, "half");
}

#[tokio::test]
async fn a_process_that_closes_its_stdout_and_stays_is_ended() {
    let world = World::new();
    let talk = "read hello; echo '{\"id\":1,\"result\":{}}'; read initialized; exec sleep 1000 >&-";
    let config = world.config(["/bin/sh", "-c", talk].map(str::to_owned).to_vec());
    let marker = Marker::new(&config.instance, "run-1");
    let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
    let began = Instant::now();
    let opened = session.open_thread(&world.work(), ThreadSpec::Fresh).await;
    assert!(matches!(opened, Err(AgentError::Gone { .. })), "{opened:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    session.close().await;
    assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
}

fn overloaded<const N: usize>(requests: [(&str, u32); N]) -> Flaws {
    let overloaded =
        requests.into_iter().map(|(method, times)| (method.to_owned(), times)).collect();
    Flaws { overloaded, ..Flaws::default() }
}

#[tokio::test]
async fn a_server_with_too_much_to_do_is_asked_again() {
    let world = World::new();
    let flaws = overloaded([
        ("config/read", 2),
        ("thread/start", 1),
        ("turn/start", 2),
        ("thread/items/list", 1),
    ]);
    let script = Script { flaws, ..script([vec![say("first")], vec![say("second")]]) };
    let mut session = launch(&world, &script).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    let turn = session.start_turn(&work("go")).await.unwrap();
    assert_eq!(listen(&mut session).await.2, "first", "it was ordered once");
    assert_ne!(session.start_turn(&work("go on")).await.unwrap(), turn);
    assert_eq!(listen(&mut session).await.2, "second");
    session.close().await;
}

#[tokio::test]
async fn a_server_that_never_has_time_is_asked_no_longer_than_a_request_may_take() {
    let world = World::new();
    let mut config = config(
        &world,
        &Script { flaws: overloaded([("turn/start", u32::MAX)]), ..Script::default() },
    );
    config.request_timeout = Duration::from_secs(1);
    let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    let began = Instant::now();
    let error = session.start_turn(&work("go")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the agent did not carry out `turn/start`: it has too much to do"
    );
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    session.close().await;
}

/// Calls that were given up count, too: the server still has them.
#[tokio::test]
async fn no_more_than_a_bounded_number_of_requests_waits_for_answers() {
    let world = World::new();
    let flaws = Flaws { silent: vec!["thread/turns/list".to_owned()], ..Flaws::default() };
    let mut config = config(&world, &Script { flaws, ..script([vec![Step::Hang]]) });
    config.request_timeout = Duration::from_secs(1);
    let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let turn = TurnId::new("any");
    for _ in 0..64 {
        assert!(timeout(Duration::from_millis(2), session.look_at_turn(&turn)).await.is_err());
    }
    let full = timeout(PATIENCE, session.look_at_turn(&turn)).await.expect("it is refused");
    assert!(full.unwrap_err().to_string().contains("it has too much to do"));
    session.close().await;
}
