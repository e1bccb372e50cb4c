//! Whether this codex can work here, found out without a call of its model (D21).

use std::{path::Path, time::Duration};

use patchrelay_process::{Command, Output};

use crate::{CodexConfig, wire::one_line};

/// How long one look may take. The sandbox took 80 ms; the first start ever of a home takes 300 ms.
const DEADLINE: Duration = Duration::from_secs(30);

/// What was found out. An error is what codex said, or why it could not be asked, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    /// Its version, as it tells it.
    pub version: Result<String, String>,
    /// Whether it can read its own configuration, and knows every key of it.
    pub configuration: Result<(), String>,
    /// How it is logged in. A model provider with a key of its own needs no login.
    pub login: Result<String, String>,
    /// Whether its sandbox starts a command on this machine.
    pub sandbox: Result<(), String>,
}

/// Looks at the codex that this configuration starts, with the environment that it would get. `directory` is where it
/// is started: any that exists and is not a repository. `None` when the command is no codex, because it does not end in
/// `app-server`.
///
/// Dropping the future ends what was started.
pub async fn checkup(config: &CodexConfig, directory: &Path) -> Option<Checkup> {
    let (codex, server) = config.codex()?;
    let (program, args) = codex.split_first()?;
    let asked = async |more: &[&str]| {
        let command = Command::new(program, directory)
            .args(args)
            .args(more)
            .envs(config.env.iter().map(|(name, value)| (name, value)))
            .env("RUST_LOG", "error");
        let command = match &config.codex_home {
            Some(home) => command.env("CODEX_HOME", home),
            None => command,
        };
        match command.run(DEADLINE).await {
            Ok(output) if output.status.success() => Ok(output),
            Ok(output) => Err(complaint(&output)),
            Err(error) => Err(one_line(&error.to_string())),
        }
    };
    let version = asked(&["--version"]).await.map(|output| said(&output.stdout));
    let server: Vec<_> = server.iter().map(String::as_str).collect();
    let strict = [server.as_slice(), &["--strict-config", "--print-startup-config"]].concat();
    Some(Checkup {
        version,
        configuration: asked(&strict).await.map(drop),
        // It tells people how on stderr, and scripts whether by its exit code.
        login: asked(&["login", "status"]).await.map(|output| {
            let told = last_line(&output.stderr);
            if told.is_empty() { said(&output.stdout) } else { told }
        }),
        sandbox: asked(&["sandbox", "--", "true"]).await.map(drop),
    })
}

fn said(stdout: &[u8]) -> String {
    one_line(&String::from_utf8_lossy(stdout))
}

/// What it said as it failed. Warnings come first.
fn complaint(output: &Output) -> String {
    let said = [last_line(&output.stderr), said(&output.stdout)];
    said.into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| format!("it ended with {}", output.status))
}

fn last_line(text: &str) -> String {
    one_line(text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
