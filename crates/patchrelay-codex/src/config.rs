//! What the operator chooses.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

/// How codex is started, and what it may do.
///
/// Not `Debug`: a value of the environment may be one that the operator put there for the model provider.
#[derive(Clone)]
pub struct CodexConfig {
    /// The program and its arguments, `app-server` included. The native binary rather than the npm wrapper, which
    /// leaves the real process alive when it is killed.
    pub command: Vec<String>,
    /// `CODEX_HOME`, with the login and the threads; `None` leaves codex its own default, `$HOME/.codex`.
    pub codex_home: Option<PathBuf>,
    /// The model; `None` leaves it to codex's configuration.
    pub model: Option<String>,
    /// The model provider, by its name in codex's configuration.
    pub model_provider: Option<String>,
    /// How hard the model thinks, in the model's own words.
    pub effort: Option<String>,
    /// What the model is told at the beginning of each thread, as the developer's word. A thread keeps what it began with.
    pub developer_instructions: Option<String>,
    /// What keeps the agent's commands inside the worktree.
    pub confinement: Confinement,
    /// Absolute paths (or `~/…`) that the agent's commands may not read, beside codex's home, which always belongs to
    /// them. A path above the worktree is fine; a path above the git directory of the worktree is not, codex refuses
    /// to start a thread then.
    pub deny_read: Vec<String>,
    /// The whole environment of the app-server. Nothing is inherited.
    pub env: Vec<(String, String)>,
    /// The names in `env` that the agent's commands see too. Only these: a key for the model provider stays outside.
    pub tool_env: Vec<String>,
    /// What an agent that publishes by itself shows to the forge. Its commands find it in [`CREDENTIAL`]; an agent that
    /// does not publish is not given it.
    pub credential: Option<SecretString>,
    /// Whether the MCP servers in codex's own configuration are started (D21).
    pub mcp: bool,
    /// What tells the processes of this installation from those of another on the same machine.
    pub instance: String,
    /// How long one request may take. A request is quick bookkeeping on the other side; turns take as long as they do.
    pub request_timeout: Duration,
    /// How long the process may take until it has shaken hands.
    pub startup_timeout: Duration,
}

/// The variable in which git's helper and the forge's own command line find the credential of an agent that publishes.
pub const CREDENTIAL: &str = "GH_TOKEN";

/// What keeps the agent's commands inside the worktree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// A permission profile of ours: writing in the worktree only, no reading of what `deny_read` lists (D20).
    Profile,
    /// Codex's `workspace-write`: writing in the worktree only, reading everything that the operator can read.
    WorkspaceWrite,
    /// None. Only for a machine that is a sandbox itself and holds nothing else.
    Off,
}

/// The variables that tools commonly need and that hold no secret of ours. A proxy's address may hold a password for
/// that proxy; without it, nothing can be reached through it.
pub const DEFAULT_TOOL_ENV: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TERM",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PIP_CERT",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "GOPATH",
    "GOROOT",
    "JAVA_HOME",
    "NVM_DIR",
    "PYENV_ROOT",
];

/// The argument that makes codex an app-server. What stands before it starts codex itself.
pub(crate) const APP_SERVER: &str = "app-server";

/// Longer than the slowest answer that was seen (a second, with sixteen processes starting at once), with room for a
/// loaded machine.
const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The first start ever fills the home directory.
const DEFAULT_STARTUP_TIMEOUT: Duration = Duration::from_secs(60);

impl CodexConfig {
    /// This command, with everything else as careful as it can be and an empty environment.
    pub fn new(command: Vec<String>, instance: impl Into<String>) -> Self {
        Self {
            command,
            codex_home: None,
            model: None,
            model_provider: None,
            effort: None,
            developer_instructions: None,
            confinement: Confinement::Profile,
            deny_read: Vec::new(),
            env: Vec::new(),
            tool_env: DEFAULT_TOOL_ENV.iter().map(|name| (*name).to_owned()).collect(),
            credential: None,
            mcp: false,
            instance: instance.into(),
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            startup_timeout: DEFAULT_STARTUP_TIMEOUT,
        }
    }

    /// What starts codex itself, and what makes it an app-server; `None` when the command is no codex.
    pub(crate) fn codex(&self) -> Option<(&[String], &[String])> {
        let at = self.command.iter().position(|part| part == APP_SERVER)?;
        Some(self.command.split_at(at))
    }
}
