use std::time::Duration;

use patchrelay_domain::{ProjectId, RunId, ThreadId, TurnStatus, parse_report};
use patchrelay_ports::{
    AgentError, AgentEvent, AgentLaunch, AgentRuntime, AgentSession, ThreadSpec,
};
use patchrelay_process::{Marker, leftovers};
use patchrelay_testkit::agent::{Flaws, Script, Step, serve_stdio};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::{PATIENCE, World, listen, report, text, work};
use crate::{CodexConfig, CodexRuntime, Confinement, questions::tests::policy};

/// Not a test: the program of the scripted agent, which the tests start.
#[tokio::test]
#[ignore = "needs to be started by the tests beside it"]
#[expect(clippy::disallowed_methods, reason = "a program's configuration is its environment")]
async fn program() {
    let script =
        Script::read(std::env::var("SCRIPT").expect("SCRIPT names a file").as_ref()).unwrap();
    let home = std::env::var("CODEX_HOME").expect("CODEX_HOME names a directory");
    if let Err(error) = serve_stdio(script, home.as_ref()).await {
        eprintln!("{error}");
        std::process::exit(3);
    }
}

pub(super) fn config(world: &World, script: &Script) -> CodexConfig {
    let program = text(&std::env::current_exe().unwrap());
    let args = ["tests::scripted::program", "--exact", "--ignored", "--nocapture", "--quiet"];
    let mut config =
        world.config(std::iter::once(program).chain(args.map(str::to_owned)).collect());
    let file = world.path("script.json");
    std::fs::write(&file, serde_json::to_vec(script).unwrap()).unwrap();
    config.env.push(("SCRIPT".to_owned(), text(&file)));
    config
}

pub(super) fn script(turns: impl IntoIterator<Item = Vec<Step>>) -> Script {
    Script { turns: turns.into_iter().collect(), ..Script::default() }
}

pub(super) fn say(text: &str) -> Step {
    Step::Say(text.to_owned())
}

pub(super) async fn launch(world: &World, script: &Script) -> Box<dyn AgentSession> {
    CodexRuntime::new(config(world, script)).launch(&world.launch()).await.unwrap()
}

#[tokio::test]
async fn a_work_turn_edits_and_a_report_turn_answers() {
    let world = World::new();
    let edit = Step::Write { path: "src/a.txt".to_owned(), content: "hello\n".to_owned() };
    let mut session = launch(&world, &script([vec![say("I begin"), edit, say("I am done")]])).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();

    session.start_turn(&work("You implement ticket APP-1 in this git worktree.")).await.unwrap();
    let (lines, status, answer) = listen(&mut session).await;
    assert_eq!(status, TurnStatus::Completed);
    assert_eq!(answer, "I am done");
    assert_eq!(lines[..1], ["it says: I begin"]);
    assert_eq!(std::fs::read_to_string(world.path("work/src/a.txt")).unwrap(), "hello\n");

    session.start_turn(&report()).await.unwrap();
    let (_, status, answer) = listen(&mut session).await;
    assert_eq!(status, TurnStatus::Completed);
    assert!(parse_report(&answer).unwrap().commit_subject.starts_with("APP-1"));
    session.close().await;
}

#[tokio::test]
async fn a_thread_resumes_after_its_process_was_killed() {
    let world = World::new();
    let script = script([vec![say("first"), Step::Hang], vec![say("second")]]);
    let mut session = launch(&world, &script).await;
    let thread = session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    timeout(PATIENCE, session.next_event()).await.unwrap().unwrap();
    drop(session); // SIGKILL

    let runtime = CodexRuntime::new(config(&world, &script));
    runtime.reap(&RunId::new("run-1")).await.unwrap();
    let mut session = runtime.launch(&world.launch()).await.unwrap();
    assert_eq!(
        session.open_thread(&world.work(), ThreadSpec::Resume(thread.clone())).await.unwrap(),
        thread
    );
    session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(listen(&mut session).await.2, "second", "the thread remembers that it had a turn");
    session.close().await;
}

#[tokio::test]
async fn a_thread_that_is_gone_is_replaced_by_a_fresh_one() {
    let world = World::new();
    let mut session = launch(&world, &Script::default()).await;
    let gone = ThreadId::new("01a20f8f-1b40-7d00-a58c-4d1890daea9d");
    assert_ne!(
        session.open_thread(&world.work(), ThreadSpec::Resume(gone.clone())).await.unwrap(),
        gone
    );
    // Such a name is a mistake of ours, which a fresh thread would hide.
    let opened =
        session.open_thread(&world.work(), ThreadSpec::Resume(ThreadId::new("not-an-id"))).await;
    assert!(
        matches!(opened, Err(AgentError::Request { request: "thread/resume", .. })),
        "{opened:?}"
    );
    session.close().await;
}

#[tokio::test]
async fn a_thread_in_use_by_another_process_is_refused() {
    let world = World::new();
    let script = script([vec![Step::Hang]]);
    let mut session = launch(&world, &script).await;
    let thread = session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let mut other = launch(&world, &script).await;
    let refused = other.open_thread(&world.work(), ThreadSpec::Resume(thread)).await.unwrap_err();
    assert!(refused.to_string().contains("already has an active writer"), "{refused}");
    other.close().await;
    session.close().await;
}

#[tokio::test]
async fn the_end_of_the_process_ends_the_turn_once() {
    let world = World::new();
    let mut script = script([vec![say("half"), Step::Crash]]);
    script.flaws.complaint = "no space left".to_owned();
    let mut session = launch(&world, &script).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let (_, status, answer) = listen(&mut session).await;
    let TurnStatus::Failed { reason } = status else { panic!("{status:?}") };
    assert!(reason.contains("exit status: 3") && reason.contains("no space left"), "{reason}");
    assert_eq!(answer, "half");
    let again = session.next_event().await;
    assert!(matches!(again, Err(AgentError::Gone { .. })), "{again:?}");
    let order = session.start_turn(&work("go")).await;
    assert!(matches!(order, Err(AgentError::Gone { .. })), "{order:?}");
    session.interrupt().await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn a_request_without_an_answer_fails_in_its_time() {
    let world = World::new();
    let flaws = Flaws { silent: vec!["turn/start".to_owned()], ..Flaws::default() };
    let mut config = config(&world, &Script { flaws, ..Script::default() });
    config.request_timeout = Duration::from_millis(500);
    let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    let error = session.start_turn(&work("go")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the agent did not carry out `turn/start`: no answer within 0.5 s"
    );
    session.close().await;
}

#[tokio::test]
async fn a_program_that_does_not_shake_hands_is_not_used() {
    let world = World::new();
    let flaws = Flaws { silent: vec!["initialize".to_owned()], ..Flaws::default() };
    let mut silent = config(&world, &Script { flaws, ..Script::default() });
    silent.startup_timeout = Duration::from_millis(500);
    let shell = |script: &str| world.config(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
    let broken = shell("echo no such option >&2; exit 2");
    let nagging = shell("yes '{\"id\":0,\"method\":\"item/tool/call\"}'");
    let absent = world.config(vec!["/nonexistent/codex".to_owned()]);
    for (config, expected) in [
        (silent, "no answer within 0.5 s"),
        (broken, "it last said: no such option"),
        (nagging, "it asks without reading the answers"),
        (absent, "could not be started"),
    ] {
        let error =
            CodexRuntime::new(config).launch(&world.launch()).await.err().expect("no session");
        assert!(
            matches!(error, AgentError::Launch { .. }) && error.to_string().contains(expected),
            "{error}"
        );
    }
}

/// Each of them in one turn, which would wait for ever for one answer that does not come.
#[tokio::test]
async fn every_question_is_answered_at_once() {
    for (method, params, expected) in policy() {
        let Value::Object(params) = params else { panic!("{params}") };
        let began = Instant::now();
        let answer = asked(method, params).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{method}: {:?}", began.elapsed());
        match expected {
            // The clock is the machine's.
            Some(_) if method == "currentTime/read" => {
                assert!(answer["result"]["currentTimeAt"].is_i64(), "{answer}");
            }
            Some(result) => assert_eq!(answer["result"], result, "{method}"),
            None => assert_eq!(answer["error"]["code"], -32601, "{method}"),
        }
    }
    assert_eq!(asked("of/tomorrow", Map::new()).await["error"]["code"], -32601);
}

/// What the agent gets for a question.
async fn asked(method: &str, params: Map<String, Value>) -> Value {
    let world = World::new();
    let ask = Step::Ask { method: method.to_owned(), params };
    let mut session = launch(&world, &script([vec![ask]])).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let answer = listen(&mut session).await.2;
    session.close().await;
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test]
async fn a_thread_with_other_permissions_than_asked_for_does_not_run() {
    let roots = json!({ "type": "workspaceWrite", "networkAccess": false, "writableRoots": ["/"] });
    let network = json!({ "type": "workspaceWrite", "networkAccess": true });
    for (member, value) in [
        ("cwd", json!("/")),
        ("approvalPolicy", json!("on-request")),
        ("sandbox", json!({ "type": "dangerFullAccess" })),
        ("sandbox", network),
        ("sandbox", roots),
        ("activePermissionProfile", Value::Null),
        ("activePermissionProfile", json!({ "id": ":workspace" })),
        ("activePermissionProfile", json!({ "id": "patchrelay", "extends": null })),
        ("model", json!("another")),
    ] {
        let world = World::new();
        let flaws = Flaws {
            thread_answer: [(member.to_owned(), value.clone())].into_iter().collect(),
            ..Flaws::default()
        };
        let mut config = config(&world, &Script { flaws, ..Script::default() });
        config.model = Some("gpt-5.5".to_owned());
        let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
        let opened = session.open_thread(&world.work(), ThreadSpec::Fresh).await;
        assert!(
            matches!(opened, Err(AgentError::Permissions { .. })),
            "{member} {value}: {opened:?}"
        );
        let turn = session.start_turn(&work("go")).await;
        assert!(matches!(turn, Err(AgentError::Request { .. })), "{turn:?}");
        session.close().await;
    }
}

#[tokio::test]
async fn a_project_has_the_agent_that_was_chosen_for_it() {
    let world = World::new();
    let usual = config(&world, &Script::default());
    let other = CodexConfig { command: Vec::new(), ..usual.clone() };
    let runtime = CodexRuntime::new(usual).with_project(ProjectId::new("other"), other);
    runtime.launch(&world.launch()).await.unwrap().close().await;
    let order = AgentLaunch { project: ProjectId::new("other"), ..world.launch() };
    let error = runtime.launch(&order).await.err().unwrap();
    assert!(error.to_string().contains("no command is configured"), "{error}");
}

#[tokio::test]
async fn every_confinement_is_echoed() {
    for (confinement, network) in [
        (Confinement::Profile, true),
        (Confinement::WorkspaceWrite, true),
        (Confinement::Off, false),
    ] {
        let world = World::new();
        let mut config = config(&world, &Script::default());
        config.confinement = confinement;
        config.deny_read = vec!["/etc/shadow".to_owned(), "~/.ssh".to_owned()];
        let order = patchrelay_ports::AgentLaunch { network, ..world.launch() };
        let mut session = CodexRuntime::new(config).launch(&order).await.unwrap();
        session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
        session.close().await;
    }
}

#[tokio::test]
async fn an_interrupted_turn_ends_as_interrupted() {
    let world = World::new();
    let mut session = launch(&world, &script([vec![Step::Hang], vec![say("next")]])).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.interrupt().await.expect("nothing runs, so nothing has to stop");
    session.start_turn(&work("go")).await.unwrap();
    // At once, when the real one would still refuse it.
    session.interrupt().await.unwrap();
    assert_eq!(listen(&mut session).await.1, TurnStatus::Interrupted);
    session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(listen(&mut session).await.2, "next");
    session.close().await;
}

#[tokio::test]
async fn a_second_turn_waits_for_the_end_of_the_first() {
    let world = World::new();
    let mut session = launch(&world, &script([vec![Step::Hang]])).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let error = session.start_turn(&work("go")).await.unwrap_err();
    assert!(error.to_string().contains("a turn is still running"), "{error}");
    session.close().await;
}

#[tokio::test]
async fn a_failed_turn_says_why() {
    let world = World::new();
    let mut session = launch(&world, &script([vec![Step::Fail("usage limit".to_owned())]])).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let status = listen(&mut session).await.1;
    assert_eq!(status, TurnStatus::Failed { reason: "usage limit (other)".to_owned() });
    session.close().await;
}

#[tokio::test]
async fn a_dropped_wait_loses_no_event() {
    let world = World::new();
    let turn: Vec<_> = (0..50).map(|n| say(&format!("word {n}"))).collect();
    let mut session = launch(&world, &script([turn])).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let mut lines = Vec::new();
    loop {
        match timeout(Duration::from_micros(50), session.next_event()).await {
            Err(_) => {}
            Ok(Ok(AgentEvent::Progress { line })) => lines.push(line),
            Ok(Ok(AgentEvent::Seen(_) | AgentEvent::Heard { .. } | AgentEvent::Spent { .. })) => {}
            Ok(other) => {
                other.unwrap();
                break;
            }
        }
    }
    let said: Vec<_> = lines.iter().filter(|line| line.starts_with("it says")).collect();
    assert_eq!(said.len(), 50, "{lines:?}");
    session.close().await;
}

#[tokio::test]
async fn closing_leaves_no_process_behind() {
    let world = World::new();
    let mut config = config(&world, &script([vec![Step::Hang]]));
    // One that left its group, and holds the pipes open.
    let wrapper = ["/bin/sh", "-c", "setsid sleep 1000 & exec \"$0\" \"$@\""].map(str::to_owned);
    config.command = wrapper.into_iter().chain(config.command).collect();
    let marker = Marker::new(&config.instance, "run-1");
    let mut session = CodexRuntime::new(config).launch(&world.launch()).await.unwrap();
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    let both = async { while leftovers(&marker).await.unwrap().len() != 2 {} };
    timeout(PATIENCE, both).await.expect("the agent and the process that left it are found");
    session.close().await;
    assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
}
