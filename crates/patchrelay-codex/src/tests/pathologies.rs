//! What goes wrong with codex, as it was seen: one agent for each, which does just that, and what becomes of it.
//!
//! `15.n` is a pitfall, `9.n` a way to die, `10.n` a failure of the model and `11.n` what survives; the rows are counted
//! from the top of their tables. Each has a test, by name, or the reason why it needs none. The tests are in this module
//! and beside it; `engine` and `domain` stand before those of other crates.
//!
//! | row | what is done about it |
//! |---|---|
//! | 15.1 | `an_interrupt_right_after_the_order_is_taken` |
//! | 15.2 | `what_is_left_open_ends_with_its_turn` |
//! | 15.3 | `a_process_that_left_its_turn_does_not_survive_the_session` |
//! | 15.4 | `a_second_turn_waits_for_the_end_of_the_first` |
//! | 15.5 | `an_idle_thread_is_no_end_of_a_turn` |
//! | 15.6 | `a_thread_resumes_with_its_permissions_after_a_kill` |
//! | 15.7 | `a_turn_that_did_nothing_is_completed_and_says_nothing` |
//! | 15.8 | `news_of_other_turns_and_threads_change_nothing` |
//! | 15.9 | `news_of_other_turns_and_threads_change_nothing` |
//! | 15.10 | `a_process_that_dies_ends_its_turn_however_it_dies` |
//! | 15.11 | `a_thread_without_a_turn_is_gone_with_its_process` |
//! | 15.12 | `a_thread_in_use_by_another_process_is_refused` |
//! | 15.13 | `a_turn_that_hangs_is_seen_interrupted_and_ended` |
//! | 15.14 | `every_question_is_answered_at_once` |
//! | 15.15 | `the_members_tell_the_kinds_apart_and_not_the_id` |
//! | 15.16 | `a_thread_that_codex_does_not_have_is_told_from_a_mistake` |
//! | 15.17 | `a_thread_with_other_permissions_than_asked_for_does_not_run` |
//! | 15.18 | `every_confinement_is_echoed` |
//! | 15.19 | `neither_the_repository_nor_the_home_starts_a_program` |
//! | 15.20 | `commands_see_no_secret_and_no_network` |
//! | 15.21 | `commands_cannot_read_or_write_what_is_denied` |
//! | 15.22 | `a_turn_that_did_nothing_is_completed_and_says_nothing` |
//! | 15.23 | `every_choice_is_taken_over` |
//! | 15.24 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 15.25 | `a_line_of_megabytes_is_read_and_one_beyond_all_bounds_is_skipped` |
//! | 15.26 | `no_more_than_a_bounded_number_of_requests_waits_for_answers` |
//! | 15.27 | `a_turn_costs_what_it_adds_to_the_total_of_its_thread` |
//! | 15.28 | `neither_the_repository_nor_the_home_starts_a_program` |
//! | 15.29 | `a_directory_that_is_not_there_starts_no_thread` |
//! | 15.30 | none: which proxy the agent has is the operator's choice, `codex.env` and `codex.pass_env` |
//! | 15.31 | `a_thread_that_codex_does_not_have_is_told_from_a_mistake` |
//! | 15.32 | `closing_leaves_no_process_behind` |
//! | 15.33 | none: `thread/read` is not used |
//! | 15.34 | none: the version is pinned, and the tests in `real` are the contract |
//! | 9.1 | `a_process_that_dies_ends_its_turn_however_it_dies` |
//! | 9.2 | `a_thread_resumes_after_its_process_was_killed` |
//! | 9.3 | `a_process_that_dies_ends_its_turn_however_it_dies` |
//! | 9.4 | `a_tree_of_processes_that_outlives_a_killed_agent_is_reaped` |
//! | 9.5 | none: no question waits, each is answered at once |
//! | 9.6 | `after_a_kill_the_thread_tells_which_messages_it_has` |
//! | 9.7 | `a_thread_without_a_turn_is_gone_with_its_process` |
//! | 10.1 | none: codex asks again by itself, and nobody hears of it |
//! | 10.2 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.3 | `trouble_that_codex_overcomes_is_no_end` |
//! | 10.4 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.5 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.6 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.7 | `an_answer_of_http_that_the_login_is_not_accepted_bars_the_login` |
//! | 10.8 | `trouble_that_codex_overcomes_is_no_end` |
//! | 10.9 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.10 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.11 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.12 | `every_name_of_a_failure_has_its_class` |
//! | 10.13 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 10.14 | `every_choice_is_taken_over` |
//! | 10.15 | `a_turn_that_hangs_is_seen_interrupted_and_ended` |
//! | 10.16 | `a_turn_that_did_nothing_is_completed_and_says_nothing` |
//! | 10.17 | none: codex tells the model, and the turn goes on |
//! | 10.18 | `a_failed_model_ends_the_turn_as_what_it_is` |
//! | 11.1 | `an_interrupt_ends_the_turn_and_its_commands` |
//! | 11.2 | `a_process_that_left_its_turn_does_not_survive_the_session` |
//! | 11.3 | `closing_leaves_no_process_behind` |
//! | 11.4 | `a_tree_of_processes_that_outlives_a_killed_agent_is_reaped` |
//! | 11.5 | `a_process_that_left_its_turn_does_not_survive_the_session` |

use std::{collections::BTreeMap, path::Path, time::Duration};

use patchrelay_domain::{RunId, ThreadId, TurnRecord, TurnStatus};
use patchrelay_ports::{AgentError, AgentEvent, AgentRuntime, AgentSession, ThreadSpec};
use patchrelay_process::{Marker, leftovers};
use patchrelay_testkit::agent::{Flaws, Script, Step};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    PATIENCE, World, listen,
    scripted::{config, launch, say, script},
    work,
};
use crate::CodexRuntime;

/// How long anything here may take. It takes parts of a second; the machine may have other things to do.
const IN_TIME: Duration = Duration::from_secs(20);

/// A session, and what has to be gone after it.
struct Case {
    world: World,
    script: Script,
    session: Box<dyn AgentSession>,
    began: Instant,
}

impl Case {
    /// An agent whose first turn runs.
    async fn at_work(script: Script) -> Self {
        let world = World::new();
        Self::at_work_in(world, script).await
    }

    async fn at_work_in(world: World, script: Script) -> Self {
        let mut session = launch(&world, &script).await;
        session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
        session.start_turn(&work("go")).await.unwrap();
        Self { world, script, session, began: Instant::now() }
    }

    async fn of(turns: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self::at_work(script(turns)).await
    }

    /// How the turn ends.
    async fn end(&mut self) -> (Vec<String>, TurnStatus, String) {
        listen(&mut self.session).await
    }

    /// Waits for this line.
    async fn until(&mut self, line: &str) {
        loop {
            let event = timeout(PATIENCE, self.session.next_event()).await.expect("it moves");
            match event.unwrap() {
                AgentEvent::Progress { line: said } if said.contains(line) => return,
                AgentEvent::Progress { .. }
                | AgentEvent::Seen(_)
                | AgentEvent::Heard { .. }
                | AgentEvent::Spent { .. } => {}
                end @ AgentEvent::TurnEnded { .. } => panic!("{end:?}"),
            }
        }
    }

    fn runtime(&self) -> CodexRuntime {
        CodexRuntime::new(config(&self.world, &self.script))
    }

    fn marker(&self) -> Marker {
        Marker::new(&config(&self.world, &self.script).instance, "run-1")
    }

    /// Everything came to its end in time, and no process is left.
    async fn over(self) {
        let marker = self.marker();
        self.session.close().await;
        assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
        assert!(self.began.elapsed() < IN_TIME, "{:?}", self.began.elapsed());
    }
}

fn news(method: &str, params: Value) -> Step {
    let Value::Object(params) = params else { panic!("{params}") };
    Step::News { method: method.to_owned(), params }
}

#[tokio::test]
async fn an_interrupt_right_after_the_order_is_taken() {
    let mut case = Case::of([vec![Step::Hang]]).await;
    case.session.interrupt().await.unwrap();
    assert_eq!(case.end().await.1, TurnStatus::Interrupted);
    case.over().await;
}

#[tokio::test]
async fn what_is_left_open_ends_with_its_turn() {
    let command = Step::Run("sleep 1000".to_owned());
    let mut case = Case::of([vec![command], vec![say("next")]]).await;
    case.until("it runs `sleep 1000`").await;
    case.session.interrupt().await.unwrap();
    assert_eq!(case.end().await.1, TurnStatus::Interrupted);
    case.session.start_turn(&work("go on")).await.unwrap();
    let (lines, status, _) = case.end().await;
    assert_eq!((lines, status), (vec!["it says: next".to_owned()], TurnStatus::Completed));
    case.over().await;
}

/// A command that leaves this shell script behind, in a session of its own. The command's own group ends with it, so it
/// waits until the script is out of that.
fn daemon(script: &str) -> Step {
    Step::Run(format!(
        "setsid sh -c 'touch out; {script}' >&- 2>&- & while [ ! -e out ]; do sleep 0.01; done"
    ))
}

/// An interrupt ends no command, and one with a session of its own survives the process group.
#[tokio::test]
async fn a_process_that_left_its_turn_does_not_survive_the_session() {
    let daemon = daemon("exec sleep 1000");
    for ends_by_itself in [true, false] {
        let last = if ends_by_itself { say("done") } else { Step::Hang };
        let mut case = Case::of([vec![daemon.clone(), say("hm"), last]]).await;
        case.until("it says: hm").await;
        let marker = case.marker();
        let both = async { while leftovers(&marker).await.unwrap().len() != 2 {} };
        timeout(IN_TIME, both).await.expect("the agent and its daemon are found");
        if !ends_by_itself {
            case.session.interrupt().await.unwrap();
        }
        case.end().await;
        case.over().await;
    }
}

#[tokio::test]
async fn an_idle_thread_is_no_end_of_a_turn() {
    let world = World::new();
    let gate = world.path("gate");
    let idle = news("thread/status/changed", json!({ "status": { "type": "idle" } }));
    let steps = vec![idle, say("hm"), Step::WaitFor(gate.clone()), say("done")];
    let mut case = Case::at_work_in(world, script([steps])).await;
    case.until("it says: hm").await;
    let refused = case.session.start_turn(&work("go")).await.unwrap_err();
    assert!(refused.to_string().contains("a turn is still running"), "{refused}");
    std::fs::write(gate, "").unwrap();
    assert_eq!(case.end().await.2, "done");
    case.over().await;
}

/// What it was worth is seen in the tree and asked for in the report.
#[tokio::test]
async fn a_turn_that_did_nothing_is_completed_and_says_nothing() {
    let mut case = Case::of([vec![Step::SleepMs(1)]]).await;
    assert_eq!(case.end().await, (Vec::new(), TurnStatus::Completed, String::new()));
    case.over().await;
}

#[tokio::test]
async fn news_of_other_turns_and_threads_change_nothing() {
    let item =
        json!({ "type": "agentMessage", "id": "m", "text": "not mine", "phase": "final_answer" });
    let ended = json!({ "id": "other", "status": "failed", "error": { "message": "theirs" } });
    let steps = vec![
        say("mine"),
        news("turn/started", json!({ "threadId": "sub-agent", "turn": { "id": "other" } })),
        news("item/completed", json!({ "threadId": "sub-agent", "turnId": "other", "item": item })),
        news("turn/completed", json!({ "threadId": "sub-agent", "turn": ended })),
        news(
            "thread/tokenUsage/updated",
            json!({
                "threadId": "sub-agent", "turnId": "other",
                "tokenUsage": { "total": { "totalTokens": 999 }, "last": { "totalTokens": 999 } },
            }),
        ),
    ];
    let mut case = Case::of([steps]).await;
    let (lines, status, answer) = case.end().await;
    assert_eq!((lines, status), (vec!["it says: mine".to_owned()], TurnStatus::Completed));
    assert_eq!(answer, "mine");
    case.over().await;
}

#[tokio::test]
async fn a_process_that_dies_ends_its_turn_however_it_dies() {
    let kill = |signal: &str| Step::Run(format!("kill -{signal} $PPID; sleep 1000"));
    for (death, said) in [
        (Step::Crash, "exit status: 3"),
        (Step::Leave, "exit status: 0"),
        (kill("KILL"), "signal: 9"),
        (kill("TERM"), "signal: 15"),
        (kill("INT"), "signal: 2"),
    ] {
        let world = World::new();
        let gate = world.path("gate");
        // What it wrote has to be out before it can be killed.
        let steps = vec![say("half"), Step::WaitFor(gate.clone()), death.clone()];
        let mut case = Case::at_work_in(world, script([steps])).await;
        case.until("it says: half").await;
        std::fs::write(gate, "").unwrap();
        let (_, status, answer) = case.end().await;
        let TurnStatus::Failed { reason } = status else { panic!("{death:?}: {status:?}") };
        assert!(reason.contains(said), "{death:?}: {reason}");
        assert_eq!(answer, "half");
        let next = case.session.start_turn(&work("go on")).await;
        assert!(matches!(next, Err(AgentError::Gone { .. })), "{next:?}");
        case.over().await;
    }
}

#[tokio::test]
async fn a_thread_without_a_turn_is_gone_with_its_process() {
    let world = World::new();
    let script = script([vec![say("hm")]]);
    let mut session = launch(&world, &script).await;
    let thread = session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    session.close().await;
    let mut session = launch(&world, &script).await;
    let began = Instant::now();
    assert_ne!(
        session.open_thread(&world.work(), ThreadSpec::Resume(thread.clone())).await.unwrap(),
        thread
    );
    Case { world, script, session, began }.over().await;
}

#[tokio::test]
async fn a_turn_that_hangs_is_seen_interrupted_and_ended() {
    let world = World::new();
    let script = script([vec![say("hm"), Step::Hang]]);
    let mut session = launch(&world, &script).await;
    session.open_thread(&world.work(), ThreadSpec::Fresh).await.unwrap();
    let turn = session.start_turn(&work("go")).await.unwrap();
    let mut case = Case { world, script, session, began: Instant::now() };
    case.until("it says: hm").await;
    assert_eq!(case.session.look_at_turn(&turn).await.unwrap(), TurnRecord::InProgress);
    case.session.interrupt().await.unwrap();
    assert_eq!(case.end().await.1, TurnStatus::Interrupted);
    assert_eq!(case.session.look_at_turn(&turn).await.unwrap(), TurnRecord::Ended);
    case.over().await;
}

/// The codes of errors say nothing, so the texts are compared; they are those of codex.
#[tokio::test]
async fn a_thread_that_codex_does_not_have_is_told_from_a_mistake() {
    let id = "01a20f8f-1b40-7d00-a58c-4d1890daea9d";
    for (text, is_replaced) in [
        (format!("no rollout found for thread id {id}"), true),
        (format!("thread not found: {id}"), true),
        (format!("thread not loaded: {id}"), true),
        (format!("session {id} is archived. Run `codex unarchive {id}`"), true),
        (format!("invalid paginated history lineage for {id}: missing source rollout"), true),
        (format!("thread {id} already has an active writer"), false),
        ("invalid session id: not a UUID".to_owned(), false),
        ("failed to load configuration: config.toml:16:6".to_owned(), false),
        ("database is locked".to_owned(), false),
    ] {
        let world = World::new();
        let refused = BTreeMap::from([("thread/resume".to_owned(), text.clone())]);
        let script = Script { flaws: Flaws { refused, ..Flaws::default() }, ..Script::default() };
        let mut session = launch(&world, &script).await;
        let began = Instant::now();
        let opened =
            session.open_thread(&world.work(), ThreadSpec::Resume(ThreadId::new(id))).await;
        assert_eq!(opened.is_ok(), is_replaced, "{text}: {opened:?}");
        Case { world, script, session, began }.over().await;
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_starts_no_thread() {
    let world = World::new();
    let script = Script::default();
    let mut session = launch(&world, &script).await;
    let began = Instant::now();
    let gone = format!("{}/gone", world.work());
    let opened = session.open_thread(&gone, ThreadSpec::Fresh).await;
    assert!(matches!(opened, Err(AgentError::Request { .. })), "{opened:?}");
    Case { world, script, session, began }.over().await;
}

#[tokio::test]
async fn a_tree_of_processes_that_outlives_a_killed_agent_is_reaped() {
    let tree = daemon("sleep 1000 & setsid sleep 1000 & wait");
    let mut case = Case::of([vec![tree, say("hm"), Step::Hang]]).await;
    case.until("it says: hm").await;
    let (marker, runtime) = (case.marker(), case.runtime());
    drop(case.session); // SIGKILL
    // The two that sleep and the shell between them, in sessions of their own.
    let tree = async { while leftovers(&marker).await.unwrap().len() != 3 {} };
    timeout(IN_TIME, tree).await.expect("they survive");
    timeout(IN_TIME, runtime.reap(&RunId::new("run-1"))).await.expect("in time").unwrap();
    assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
}

#[tokio::test]
async fn trouble_that_codex_overcomes_is_no_end() {
    let world = World::new();
    let trouble = |message: &str| json!({ "error": { "message": message, "codexErrorInfo": null }, "willRetry": true });
    let steps = vec![
        news("error", trouble("Reconnecting... 1/2")),
        news("warning", json!({ "message": "Model metadata for `x` not found" })),
        news("configWarning", json!({ "summary": "no bubblewrap", "details": null })),
        say("done"),
    ];
    let mut case = Case::at_work_in(world, script([steps])).await;
    let (lines, status, answer) = case.end().await;
    assert_eq!(lines[0], "trouble with the model: Reconnecting... 1/2");
    assert_eq!((status, answer.as_str()), (TurnStatus::Completed, "done"));
    case.over().await;
}

/// What each failure of the model means for the turn, without its words.
fn meaning(status: &TurnStatus) -> &'static str {
    match status {
        TurnStatus::Completed => "completed",
        TurnStatus::Interrupted => "interrupted",
        TurnStatus::Unavailable { retry_after: None, .. } => "unavailable",
        TurnStatus::Unavailable { retry_after: Some(_), .. } => "unavailable until",
        TurnStatus::Barred { retry_after: None, .. } => "barred",
        TurnStatus::Barred { retry_after: Some(_), .. } => "barred until",
        TurnStatus::ThreadFull { .. } => "full",
        TurnStatus::Refused { .. } => "refused",
        TurnStatus::Failed { .. } => "failed",
    }
}

#[tokio::test]
async fn a_failed_model_ends_the_turn_as_what_it_is() {
    let http = |name: &str, status: u16| json!({ name: { "httpStatusCode": status } });
    for (message, info, expected) in [
        ("We're currently experiencing high demand", json!("internalServerError"), "unavailable"),
        ("down", http("httpConnectionFailed", 503), "unavailable"),
        ("too many", http("responseTooManyFailedAttempts", 429), "unavailable"),
        (
            "You've hit your usage limit. Try again at 10:04 AM.",
            json!("usageLimitExceeded"),
            "barred until",
        ),
        ("You've hit your usage limit.", json!("usageLimitExceeded"), "barred"),
        ("{\"error\":\"raw body\"}", json!("other"), "failed"),
        ("no", http("httpConnectionFailed", 401), "barred"),
        ("try again in 1.5s", json!("rateLimitExceeded"), "unavailable until"),
        ("too long", json!("contextWindowExceeded"), "full"),
        ("Selected model is at capacity", json!("serverOverloaded"), "unavailable"),
        ("flagged", json!("cyberPolicy"), "refused"),
        ("max_output_tokens", json!("other"), "failed"),
        ("Missing environment variable: `X`.", json!("other"), "failed"),
    ] {
        let fail = Step::FailAs { message: message.to_owned(), info: info.clone() };
        let mut case = Case::of([vec![say("half"), fail], vec![say("next")]]).await;
        let (_, status, answer) = case.end().await;
        assert_eq!(meaning(&status), expected, "{info}: {status:?}");
        assert_eq!(answer, "half");
        // The thread is of use all the same.
        case.session.start_turn(&work("go on")).await.unwrap();
        assert_eq!(case.end().await.2, "next");
        case.over().await;
    }
}

/// The message of a used-up quota names no time, and the quota's own news do.
#[tokio::test]
async fn a_quota_that_is_used_up_says_how_much_of_it_and_until_when() {
    let later = crate::wire::codex_time().timestamp() + 3_600;
    let window = json!({ "usedPercent": 100, "windowDurationMins": 300, "resetsAt": later });
    let fail = Step::FailAs {
        message: "You've hit your usage limit.".to_owned(),
        info: json!("usageLimitExceeded"),
    };
    let steps = vec![
        news("account/rateLimits/updated", json!({ "rateLimits": { "primary": window } })),
        news("account/rateLimits/updated", json!({ "rateLimits": { "primary": null } })),
        fail,
    ];
    let mut case = Case::of([steps]).await;
    let TurnStatus::Barred { reason, retry_after } = case.end().await.1 else { panic!("it ran") };
    assert!(reason.ends_with("used of the quota: 100 % of 300 minutes"), "{reason}");
    let wait = retry_after.expect("it is known").as_secs();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    case.over().await;
}

/// The table at the top names what is there, and leaves no row out.
#[test]
fn every_row_has_a_test_or_a_reason() {
    let table: BTreeMap<&str, &str> = include_str!("pathologies.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |")?.split_once(" | "))
        .filter(|(row, _)| row.contains('.'))
        .collect();
    let rows = [(15, 34), (9, 7), (10, 18), (11, 5)];
    for (section, count) in rows {
        for n in 1..=count {
            assert!(table.contains_key(format!("{section}.{n}").as_str()), "{section}.{n}");
        }
    }
    assert_eq!(table.len(), rows.iter().map(|(_, count)| count).sum::<usize>());

    let mut sources = String::new();
    read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    for (row, answer) in table {
        match answer.strip_prefix('`').and_then(|name| name.strip_suffix('`')) {
            Some(test) => assert!(sources.contains(&format!("fn {test}()")), "{row}: {test}"),
            None => assert!(answer.starts_with("none: "), "{row}: {answer}"),
        }
    }
}

fn read_sources(directory: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
