//! `[codex]`, and what a project says of it.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[codex]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CodexSection {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Codex' own directory; `$CODEX_HOME` or `~/.codex` when absent.
    pub(crate) home: Option<PathBuf>,
    /// The model; codex' own default when absent.
    pub(crate) model: Option<String>,
    /// The model provider, as named in codex' own configuration.
    pub(crate) model_provider: Option<String>,
    /// The reasoning effort.
    pub(crate) effort: Option<String>,
    /// What keeps the agent's commands inside the worktree.
    pub(crate) sandbox: Sandbox,
    /// Whether the agent's commands have a network.
    pub(crate) network: bool,
    /// When codex asks a human before it runs a command.
    pub(crate) approval_policy: ApprovalPolicy,
    /// What the model is told at the beginning of each thread, beside our own words. A ticket that is resumed keeps what
    /// it began with.
    pub(crate) developer_instructions: Option<String>,
    /// Variables for the agent process, by name. Not for secrets.
    pub(crate) env: BTreeMap<String, String>,
    /// Names of our own variables that the agent process gets too.
    pub(crate) pass_env: Vec<String>,
    /// Paths that the agent may not read, besides the usual places of credentials.
    pub(crate) deny_read: Vec<String>,
    /// Whether the MCP servers in codex' own configuration are started.
    pub(crate) mcp: bool,
    /// How many runs share a process of codex.
    pub(crate) processes: Processes,
    /// How long one request may take, in seconds.
    pub(crate) request_timeout_seconds: u64,
    /// How long the start may take, in seconds.
    pub(crate) startup_timeout_seconds: u64,
    /// How long the agent may be silent in a turn, in seconds.
    pub(crate) silence_seconds: u64,
    /// How long a turn may take, in seconds.
    pub(crate) turn_timeout_seconds: u64,
}

impl Default for CodexSection {
    fn default() -> Self {
        Self {
            command: vec!["codex".to_owned(), "app-server".to_owned()],
            home: None,
            model: None,
            model_provider: None,
            effort: None,
            sandbox: Sandbox::WorkspaceWrite,
            network: false,
            approval_policy: ApprovalPolicy::Never,
            developer_instructions: None,
            env: BTreeMap::new(),
            pass_env: Vec::new(),
            deny_read: Vec::new(),
            mcp: false,
            processes: Processes::PerRun,
            request_timeout_seconds: 30,
            startup_timeout_seconds: 60,
            silence_seconds: 600,
            turn_timeout_seconds: 7_200,
        }
    }
}

/// What keeps the agent's commands inside the worktree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sandbox {
    /// They write in the worktree only, and do not read what `deny_read` and the usual places of credentials hold.
    #[default]
    WorkspaceWrite,
    /// Nothing. For a machine that is a sandbox itself and holds nothing else.
    DangerFullAccess,
}

/// When codex asks a human.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ApprovalPolicy {
    /// Never: nobody is there to be asked.
    #[default]
    Never,
}

/// How many runs share a process of codex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Processes {
    /// None: each run has its own, which ends with it.
    #[default]
    PerRun,
}

/// `[project.codex]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProjectCodexSection {
    /// Replaces `codex.model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Replaces `codex.effort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effort: Option<String>,
    /// Replaces `codex.sandbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sandbox: Option<Sandbox>,
    /// Replaces `codex.network`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<bool>,
}
