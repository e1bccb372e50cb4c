//! Starting the process, and ending what an earlier one left.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use patchrelay_domain::{HookEnd, ProjectId, RunId};
use patchrelay_ports::{AgentError, AgentLaunch, AgentRuntime, AgentSession, HookOrder};
use patchrelay_process::{Command, Marker};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{CREDENTIAL, CodexConfig, connection::Connection, hook, session::CodexSession};

/// High-volume news whose content comes again when the item is complete.
const UNWANTED: [&str; 9] = [
    "item/agentMessage/delta",
    "item/plan/delta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/summaryPartAdded",
    "item/reasoning/textDelta",
    "item/commandExecution/outputDelta",
    "item/fileChange/outputDelta",
    "item/fileChange/patchUpdated",
    "turn/diff/updated",
];

/// The agent runtime over codex.
pub struct CodexRuntime {
    config: Arc<CodexConfig>,
    projects: HashMap<ProjectId, Arc<CodexConfig>>,
}

impl CodexRuntime {
    /// The runtime with this configuration.
    pub fn new(config: CodexConfig) -> Self {
        Self { config: Arc::new(config), projects: HashMap::new() }
    }

    /// The same runtime, with another configuration for the runs of this project.
    #[must_use]
    pub fn with_project(mut self, project: ProjectId, config: CodexConfig) -> Self {
        self.projects.insert(project, Arc::new(config));
        self
    }
}

fn command(
    config: &CodexConfig,
    order: &AgentLaunch,
    marker: &Marker,
) -> Result<Command, AgentError> {
    let failed = |reason: String| AgentError::Launch { reason, source: None };
    let Some((program, args)) = config.command.split_first() else {
        return Err(failed("no command is configured".to_owned()));
    };
    // Each thread has a directory of its own; this one is there and says nothing.
    let mut command = Command::new(program, "/")
        .args(args)
        .envs(config.env.iter().map(|(name, value)| (name, value)))
        // A program that logs at `info` writes half a megabyte for each turn.
        .env("RUST_LOG", "error")
        .marker(marker);
    if let Some(home) = &config.codex_home {
        command = command.env("CODEX_HOME", home);
    }
    if let Some(credential) = config.credential.as_ref().filter(|_| order.publishes) {
        command = command.env(CREDENTIAL, credential.expose_secret());
    }
    Ok(command)
}

#[async_trait]
impl AgentRuntime for CodexRuntime {
    async fn launch(&self, order: &AgentLaunch) -> Result<Box<dyn AgentSession>, AgentError> {
        let config = self.projects.get(&order.project).unwrap_or(&self.config);
        let marker = Marker::new(&config.instance, order.run.as_str());
        let mut connection = Connection::open(command(config, order, &marker)?)?;
        let hello = json!({
            "clientInfo": { "name": "patchrelay", "title": "PatchRelay", "version": env!("CARGO_PKG_VERSION") },
            "capabilities": { "experimentalApi": true, "optOutNotificationMethods": UNWANTED },
        });
        let limit = config.startup_timeout;
        match connection.request("initialize", hello, limit).await {
            Ok(answer) => {
                tracing::debug!(version = answer["userAgent"].as_str(), "the agent shook hands");
            }
            Err(failure) => {
                connection.close().await;
                return Err(AgentError::Launch { reason: failure.reason(), source: None });
            }
        }
        connection.notify("initialized", limit).await;
        Ok(Box::new(CodexSession::new(Arc::clone(config), order.clone(), marker, connection)))
    }

    async fn run_hook(&self, order: &HookOrder) -> Result<HookEnd, AgentError> {
        hook::run(&self.config, order, hook::DEADLINE).await
    }

    async fn reap(&self, run: &RunId) -> Result<(), AgentError> {
        let agents = Marker::new(&self.config.instance, run.as_str());
        for marker in [agents, hook::marker(&self.config, run)] {
            patchrelay_process::reap(&marker).await.map_err(|error| AgentError::Launch {
                reason: format!("processes of run {run} are left over"),
                source: Some(Box::new(error)),
            })?;
        }
        Ok(())
    }
}
