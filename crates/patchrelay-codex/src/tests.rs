//! The adapter against the scripted app-server, as a real process behind real pipes.

mod flow;
mod hook;
mod pathologies;
mod real;
mod scripted;
mod silence;
mod steering;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay_domain::{ProjectId, RunId, TurnStatus};
use patchrelay_ports::{AgentEvent, AgentLaunch, AgentSession, TurnOrder};
use tokio::time::timeout;

use crate::CodexConfig;

/// A test that waits longer than this for an event hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worktree, a home of codex, and nothing of another test.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        // Not under /tmp, which the agent's commands may write to: a refused write there would prove nothing.
        let dir = tempfile::tempdir_in(scratch()).unwrap();
        for part in ["work", "home"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
        }
        Self { dir }
    }

    fn path(&self, part: &str) -> PathBuf {
        self.dir.path().join(part)
    }

    fn config(&self, command: Vec<String>) -> CodexConfig {
        // The directory is nobody else's, so it tells the processes of this test apart.
        let mut config = CodexConfig::new(command, text(self.dir.path()));
        config.codex_home = Some(self.path("home"));
        config.env = vec![
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("HOME".to_owned(), text(self.dir.path())),
        ];
        config
    }

    fn launch(&self) -> AgentLaunch {
        AgentLaunch {
            run: RunId::new("run-1"),
            project: ProjectId::new("app"),
            network: false,
            publishes: false,
        }
    }

    /// The worktree.
    fn work(&self) -> String {
        text(&self.path("work"))
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn work(input: &str) -> TurnOrder {
    TurnOrder { message_id: "message-1".to_owned(), input: input.to_owned(), output_schema: None }
}

fn report() -> TurnOrder {
    let schema = patchrelay_domain::report_schema().to_string();
    TurnOrder {
        message_id: "message-2".to_owned(),
        input: "Report.".to_owned(),
        output_schema: Some(schema),
    }
}

/// Listens to the end of the turn. Answers with its progress, its status and its answer.
async fn listen(session: &mut Box<dyn AgentSession>) -> (Vec<String>, TurnStatus, String) {
    let mut lines = Vec::new();
    loop {
        match timeout(PATIENCE, session.next_event()).await.expect("the turn ends").unwrap() {
            AgentEvent::Progress { line } => lines.push(line),
            AgentEvent::Seen(_) | AgentEvent::Heard { .. } | AgentEvent::Spent { .. } => {}
            AgentEvent::TurnEnded { status, answer } => return (lines, status, answer),
        }
    }
}

/// A directory beside this test, or in the home directory when all of the checkout lies under /tmp.
fn scratch() -> PathBuf {
    let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    if !beside.starts_with("/tmp") && !beside.starts_with(std::env::temp_dir()) {
        return beside;
    }
    let home = std::env::home_dir().unwrap().join(".cache/patchrelay-tests");
    std::fs::create_dir_all(&home).unwrap();
    home
}
