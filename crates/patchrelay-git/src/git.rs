//! The one place where git is started. Every call says which repository it is about, and takes its configuration from
//! the command line and that repository alone.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay_process::{Command, Marker, Output};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{GitConfig, RemoteConfig},
    error::{GitError, bounded},
};

/// Longer than staging the largest tree that we take on a slow disk.
const LOCAL_DEADLINE: Duration = Duration::from_secs(300);
/// Room for the paths of the largest tree that we take, in bytes.
const MAX_STDOUT: usize = 256 * 1024 * 1024;

/// Overrules whatever a repository could bring along. Hooks, monitors, filters, helpers and signers are programs.
const SAFE_CONFIG: [&str; 16] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.quotePath=false",
    // Staged work is the product of a run, so it has to outlive a power failure.
    "core.fsync=committed",
    "core.fsyncMethod=batch",
    "submodule.recurse=false",
    "diff.ignoreSubmodules=all",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.helper=",
];

/// Set after the caller's variables, so they cannot be overruled.
const SAFE_ENV: [(&str, &str); 15] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_ALLOW_PROTOCOL", "file:http:https:ssh"),
    // An empty name means nobody is asked; without it, git would look for other programs that ask.
    ("GIT_ASKPASS", ""),
    ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", ":"),
    ("LC_ALL", "C"),
];

/// Hands its own stdin on as descriptor 3, where the credential helper reads the token. So the token is in a pipe and
/// nowhere else: not in an argument, an address, an environment, a configuration or a file (D31).
const WITH_TOKEN_PIPE: &str = r#"exec 3<&0 </dev/null; exec git "$@""#;
/// What git asks for a credential. It answers once, with what is in the pipe.
const TOKEN_HELPER: &str = r#"!f() { test "$1" = get && cat <&3; }; f"#;
/// The user name that forges take together with a token.
const TOKEN_USER: &str = "x-access-token";

/// How git is started here.
pub(crate) struct Git {
    base_env: Vec<(String, String)>,
    instance: String,
}

impl Git {
    pub(crate) fn new(config: &GitConfig) -> Self {
        Self::with(&config.base_env, &config.instance)
    }

    pub(crate) fn with(base_env: &[(String, String)], instance: &str) -> Self {
        let base_env =
            base_env.iter().filter(|(name, _)| !name.starts_with("GIT_")).cloned().collect();
        Self { base_env, instance: instance.to_owned() }
    }

    /// A call about this repository. It looks at no other, wherever it runs.
    pub(crate) fn in_repository(&self, repository: &Path) -> Call {
        let mut call = self.anywhere(repository);
        call.options.push(option("--git-dir=", repository));
        call
    }

    /// A call about no repository, in this directory.
    pub(crate) fn anywhere(&self, dir: &Path) -> Call {
        let base_env =
            self.base_env.iter().map(|(name, value)| (name.clone(), OsString::from(value)));
        let safe_env =
            SAFE_ENV.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        Call {
            dir: dir.to_owned(),
            env: base_env.chain(safe_env).collect(),
            marker: Marker::new(&self.instance, "git"),
            options: Vec::new(),
            args: Vec::new(),
            token: None,
            stdin: Vec::new(),
            max_stdout: MAX_STDOUT,
            deadline: LOCAL_DEADLINE,
        }
    }

    /// The mark of the calls that write to this clone or this worktree. What a dead predecessor left running there is
    /// found by it; nobody else's calls carry it.
    pub(crate) fn marker_of(&self, path: &Path) -> Marker {
        Marker::new(&self.instance, &format!("git:{}", path.display()))
    }
}

/// One call to git.
#[must_use]
pub(crate) struct Call {
    dir: PathBuf,
    env: Vec<(String, OsString)>,
    marker: Marker,
    options: Vec<OsString>,
    args: Vec<OsString>,
    token: Option<SecretString>,
    stdin: Vec<u8>,
    max_stdout: usize,
    deadline: Duration,
}

impl Call {
    /// The subcommand and its arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Takes a repository that belongs to another user: the operator named it.
    pub(crate) fn whoever_owns_it(mut self) -> Self {
        self.options.extend(["-c".into(), "safe.directory=*".into()]);
        self
    }

    /// The files it is about, and the index of its own that it compares and writes.
    pub(crate) fn with_files(mut self, worktree: &Path, index: &Path) -> Self {
        self.options.push(option("--work-tree=", worktree));
        self.env("GIT_INDEX_FILE", index)
    }

    pub(crate) fn marked(mut self, marker: &Marker) -> Self {
        self.marker = marker.clone();
        self
    }

    pub(crate) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(crate) fn max_stdout(mut self, bytes: usize) -> Self {
        self.max_stdout = bytes;
        self
    }

    /// Lets it show the remote's token to the remote's host, and to no other host that it may be sent on to.
    pub(crate) async fn with_token_for(mut self, remote: &RemoteConfig) -> Result<Self, GitError> {
        if let (Some(source), Some(scope)) = (&remote.token, remote.token_scope()) {
            self.token = Some(source.token().await.map_err(GitError::Token)?);
            self.options
                .extend(["-c".into(), format!("credential.{scope}.helper={TOKEN_HELPER}").into()]);
        }
        Ok(self)
    }

    /// Runs it, whatever its exit status.
    pub(crate) async fn output(self) -> Result<Output, GitError> {
        let subcommand = self.subcommand();
        let mut args: Vec<OsString> = Vec::new();
        for setting in SAFE_CONFIG {
            args.extend(["-c".into(), setting.into()]);
        }
        args.extend(self.options);
        args.extend(self.args);
        let command = match self.token {
            None => Command::new("git", self.dir).args(args).stdin(self.stdin),
            Some(token) => {
                // A line break would be a second line of the answer.
                let answer =
                    format!("username={TOKEN_USER}\npassword={}\n", token.expose_secret().trim());
                Command::new("sh", self.dir)
                    .args(["-c", WITH_TOKEN_PIPE, "git"])
                    .args(args)
                    .stdin(answer)
            }
        };
        let command = command.envs(self.env).marker(&self.marker).max_stdout(self.max_stdout);
        command
            .run(self.deadline)
            .await
            .map_err(|source| GitError::Process { command: subcommand, source })
    }

    /// Runs it and takes what it says; an exit status other than zero is an error.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, GitError> {
        let command = self.subcommand();
        let output = self.output().await?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(GitError::Exit { command, status: output.status, stderr: bounded(&output.stderr) })
        }
    }

    /// Like [`Call::bytes`], for an answer of one line.
    pub(crate) async fn line(self) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.bytes().await?).trim().to_owned())
    }

    /// Like [`Call::bytes`], for an answer that does not matter.
    pub(crate) async fn done(self) -> Result<(), GitError> {
        self.bytes().await.map(drop)
    }

    pub(crate) fn subcommand(&self) -> String {
        self.args.first().map(|arg| arg.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}
