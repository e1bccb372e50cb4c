//! The same adapter against the real codex, with a stub in the place of its model. `CODEX_BIN` names the binary.

mod hook;
mod steering;
mod turns;

use patchrelay_domain::{RunId, TurnStatus, parse_report};
use patchrelay_ports::{AgentEvent, AgentLaunch, AgentRuntime, AgentSession, ThreadSpec};
use patchrelay_process::{Command, Marker, leftovers};
use patchrelay_testkit::model::{ModelScript, ModelServer, ModelStep, codex_config_toml};
use serde_json::json;
use tokio::time::timeout;

use super::{PATIENCE, World, listen, report, text, work};
use crate::{CodexConfig, CodexRuntime, Confinement};

/// A secret of the operator, in every place where one could be.
const SECRET: &str = "planted-secret-4711";

struct Stage {
    world: World,
    model: ModelServer,
    config: CodexConfig,
    session: Box<dyn AgentSession>,
}

/// Starts the real codex in a git repository that would like to run a command of its own.
async fn stage(turns: Vec<Vec<ModelStep>>) -> Stage {
    stage_of(ModelScript { turns, ..ModelScript::default() }).await
}

async fn stage_of(script: ModelScript) -> Stage {
    let world = World::new();
    let report = json!({ "outcome": "done", "summary": "did it", "commit_subject": "Do it" });
    let model = ModelServer::start(ModelScript { report, ..script }).await.unwrap();
    let trap = format!(
        "[mcp_servers.trap]\ncommand = \"/bin/sh\"\nargs = [\"-c\", \"touch {}\"]\n",
        text(&world.path("trap"))
    );
    let codex_home = format!(
        "{}\n[shell_environment_policy.set]\nFROM_CONFIG = \"{SECRET}\"\n{}",
        codex_config_toml(model.port()),
        trap.replace("trap", "personal"),
    );
    write(&world, "home/config.toml", &codex_home);
    write(&world, "work/.codex/config.toml", &trap);
    write(&world, "work/a.txt", "one\n");
    write(&world, "secrets/key.txt", SECRET);
    write(&world, ".bashrc", &format!("export FROM_PROFILE={SECRET}"));
    write(&world, ".profile", &format!("export FROM_PROFILE={SECRET}"));
    git(&world, &["init", "--quiet"]).await;

    let mut config = world.config(vec![codex_bin(), "app-server".to_owned()]);
    config.deny_read = vec![text(&world.path("secrets"))];
    config.env.push(("OPENAI_API_KEY".to_owned(), SECRET.to_owned()));
    let session = CodexRuntime::new(config.clone()).launch(&world.launch()).await.unwrap();
    Stage { world, model, config, session }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the peer of an ignored test is, is told by the environment (D42)"
)]
fn codex_bin() -> String {
    std::env::var("CODEX_BIN").expect("CODEX_BIN names the codex binary")
}

fn write(world: &World, name: &str, content: &str) {
    let file = world.path(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

async fn git(world: &World, args: &[&str]) {
    let command = Command::new("git", world.path("work")).args(args).env("PATH", "/usr/bin:/bin");
    assert!(command.run(PATIENCE).await.unwrap().status.success());
}

fn shell(command: &str) -> ModelStep {
    ModelStep::Shell(command.to_owned())
}

/// Runs one work turn to its end. Answers with what its commands wrote.
async fn run(stage: &mut Stage) -> String {
    stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    stage.session.start_turn(&work("go")).await.unwrap();
    let (lines, status, _) = listen(&mut stage.session).await;
    assert_eq!(status, TurnStatus::Completed, "{lines:?}");
    stage.model.tool_outputs().join("\n")
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_patch_changes_a_file_and_the_report_is_json() {
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n";
    let mut stage = stage(vec![vec![ModelStep::Patch(patch.to_owned())]]).await;
    run(&mut stage).await;
    assert_eq!(std::fs::read_to_string(stage.world.path("work/a.txt")).unwrap(), "two\n");
    stage.session.start_turn(&report()).await.unwrap();
    let (_, status, answer) = listen(&mut stage.session).await;
    assert_eq!(status, TurnStatus::Completed);
    assert_eq!(parse_report(&answer).unwrap().commit_subject, "Do it");
    stage.session.close().await;
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn commands_cannot_read_or_write_what_is_denied() {
    let probe = "cat ../secrets/key.txt; cat ../home/config.toml; touch ../outside && echo wrote-outside; \
                 touch .git/x && echo wrote-git; touch inside && echo wrote-inside";
    let mut stage = stage(vec![vec![shell(probe)]]).await;
    let output = run(&mut stage).await;
    assert!(!output.contains(SECRET), "{output}");
    assert!(!output.contains("wrote-outside") && !output.contains("wrote-git"), "{output}");
    assert!(output.contains("wrote-inside"), "{output}");
    stage.session.close().await;
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn commands_see_no_secret_and_no_network() {
    let mut stage = stage(vec![vec![shell("env")]]).await;
    let output = run(&mut stage).await;
    assert!(!output.contains(SECRET), "{output}");
    assert!(output.contains("CODEX_SANDBOX_NETWORK_DISABLED=1"), "{output}");
    let marker = Marker::new(&stage.config.instance, "run-1");
    assert!(output.contains(marker.as_str()), "leftovers can be found: {output}");
    stage.session.close().await;
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn neither_the_repository_nor_the_home_starts_a_program() {
    let mut stage = stage(vec![]).await;
    run(&mut stage).await;
    stage.session.close().await;
    for trap in ["trap", "personal"] {
        assert!(!stage.world.path(trap).exists(), "{trap}");
    }
    let config = std::fs::read_to_string(stage.world.path("home/config.toml")).unwrap();
    assert!(!config.contains("trust_level"), "{config}");
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_thread_resumes_with_its_permissions_after_a_kill() {
    let mut stage = stage(vec![
        vec![ModelStep::Say("first".to_owned())],
        vec![shell("cat ../secrets/key.txt; touch new")],
    ])
    .await;
    let thread = stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    stage.session.start_turn(&work("go")).await.unwrap();
    assert_eq!(listen(&mut stage.session).await.2, "first");
    drop(stage.session); // SIGKILL

    let runtime = CodexRuntime::new(stage.config);
    runtime.reap(&RunId::new("run-1")).await.unwrap();
    let mut session = runtime.launch(&stage.world.launch()).await.unwrap();
    assert_eq!(
        session.open_thread(&stage.world.work(), ThreadSpec::Resume(thread.clone())).await.unwrap(),
        thread
    );
    session.start_turn(&work("go on")).await.unwrap();
    assert_eq!(listen(&mut session).await.1, TurnStatus::Completed);
    let output = stage.model.tool_outputs().join("\n");
    assert!(!output.contains(SECRET), "{output}");
    assert!(stage.world.path("work/new").exists(), "{output}");
    session.close().await;
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn an_interrupt_ends_the_turn_and_its_commands() {
    let mut stage = stage(vec![vec![shell("sleep 1000")]]).await;
    stage.session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    stage.session.start_turn(&work("go")).await.unwrap();
    let running = AgentEvent::Progress { line: "it runs `/bin/bash -c 'sleep 1000'`".to_owned() };
    while timeout(PATIENCE, stage.session.next_event()).await.expect("the command starts").unwrap()
        != running
    {}
    stage.session.interrupt().await.unwrap();
    assert_eq!(listen(&mut stage.session).await.1, TurnStatus::Interrupted);
    stage.session.close().await;
    let left = leftovers(&Marker::new(&stage.config.instance, "run-1")).await.unwrap();
    assert_eq!(left, Vec::<u32>::new());
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_thread_that_never_was_is_replaced_by_a_fresh_one() {
    let mut stage = stage(vec![]).await;
    let gone = patchrelay_domain::ThreadId::new("01a20f8f-1b40-7d00-a58c-4d1890daea9d");
    assert_ne!(
        stage
            .session
            .open_thread(&stage.world.work(), ThreadSpec::Resume(gone.clone()))
            .await
            .unwrap(),
        gone
    );
    stage.session.close().await;
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn every_choice_is_taken_over() {
    for (confinement, network) in [
        (Confinement::Profile, true),
        (Confinement::WorkspaceWrite, false),
        (Confinement::WorkspaceWrite, true),
        (Confinement::Off, false),
    ] {
        let stage = stage(vec![]).await;
        stage.session.close().await;
        let mut config = stage.config.clone();
        config.confinement = confinement;
        config.model = Some("gpt-5.5".to_owned());
        config.model_provider = Some("stub".to_owned());
        config.effort = Some("low".to_owned());
        let order = AgentLaunch { network, ..stage.world.launch() };
        let mut session = CodexRuntime::new(config).launch(&order).await.unwrap();
        session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
        session.close().await;
    }
}

/// A thread keeps what it began with, also when it is resumed by a process with other instructions.
#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn the_model_reads_the_operators_instructions() {
    let stage = stage(vec![]).await;
    stage.session.close().await;
    let mut spec = ThreadSpec::Fresh;
    for instructions in ["Speak like a pirate.", "Speak like a lawyer."] {
        let mut config = stage.config.clone();
        config.developer_instructions = Some(instructions.to_owned());
        let mut session = CodexRuntime::new(config).launch(&stage.world.launch()).await.unwrap();
        let thread = session.open_thread(&stage.world.work(), spec).await.unwrap();
        session.start_turn(&work("go")).await.unwrap();
        assert_eq!(listen(&mut session).await.1, TurnStatus::Completed);
        let last = stage.model.requests().pop().expect("there was one").body.to_string();
        assert!(last.contains("like a pirate") && !last.contains("like a lawyer"), "{last}");
        session.close().await;
        spec = ThreadSpec::Resume(thread);
    }
}

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_linked_worktree_is_not_trusted_either() {
    let stage = stage(vec![]).await;
    stage.session.close().await;
    git(&stage.world, &["add", "-A"]).await;
    git(&stage.world, &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]).await;
    git(&stage.world, &["clone", "-q", "--bare", ".", "../bare"]).await;
    for main in [".", "../bare"] {
        let linked = stage.world.path(if main == "." { "of-checkout" } else { "of-bare" });
        git(&stage.world, &["-C", main, "worktree", "add", "-q", "--detach", &text(&linked)]).await;
        assert!(linked.join(".codex/config.toml").is_file());
        let runtime = CodexRuntime::new(stage.config.clone());
        let mut session = runtime.launch(&stage.world.launch()).await.unwrap();
        session.open_thread(&text(&linked), ThreadSpec::Fresh).await.unwrap();
        session.start_turn(&work("go")).await.unwrap();
        listen(&mut session).await;
        session.close().await;
        assert!(!stage.world.path("trap").exists(), "{main}");
    }
}

/// Outside of a sandbox, a command can leave its group, its session and the mark that we gave it.
#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_command_that_got_rid_of_our_mark_is_found_by_that_of_codex() {
    let daemon = "env -u PATCHRELAY_RUN setsid sleep 1000 >/dev/null 2>&1 & echo started";
    let stage = stage(vec![vec![shell(daemon)]]).await;
    stage.session.close().await;
    let mut config = stage.config.clone();
    config.confinement = Confinement::Off;
    let mut session = CodexRuntime::new(config).launch(&stage.world.launch()).await.unwrap();
    let thread = session.open_thread(&stage.world.work(), ThreadSpec::Fresh).await.unwrap();
    session.start_turn(&work("go")).await.unwrap();
    assert_eq!(listen(&mut session).await.1, TurnStatus::Completed);
    let of_codex = Marker::of_others("CODEX_THREAD_ID", thread.as_str());
    let found = async { while leftovers(&of_codex).await.unwrap().is_empty() {} };
    timeout(PATIENCE, found).await.expect("it is left");
    session.close().await;
    assert_eq!(leftovers(&of_codex).await.unwrap(), Vec::<u32>::new());
}
