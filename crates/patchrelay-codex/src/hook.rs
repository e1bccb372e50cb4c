//! A project's prepare hook, in the sandbox of the agent's commands (D32).
//!
//! It comes from the base branch and is not the agent's, but whoever may merge there is not thereby the operator. So it
//! gets what a command of the agent gets, with a network, because fetching dependencies is what it is for.

use std::time::Duration;

use patchrelay_domain::{HookEnd, RunId};
use patchrelay_ports::{AgentError, Cause, HookOrder};
use patchrelay_process::{Command, Marker, ProcessError};
use serde_json::Value;

use crate::{
    CodexConfig, Confinement,
    permissions::{PROFILE, profiles, tool_environment, tool_variables, untrusted},
};

/// How long it may take: a project's dependencies on a slow line.
pub(crate) const DEADLINE: Duration = Duration::from_secs(600);

/// Lets everything that it prints go the way on which the end is kept, in the order in which it was printed. Otherwise
/// a hook that prints much would have to be stopped.
pub(crate) const ON_ONE_STREAM: &str = r#"exec "$0" >&2"#;

/// The mark of a run's hook. It is not that of its agent, whose process is there already.
pub(crate) fn marker(config: &CodexConfig, run: &RunId) -> Marker {
    Marker::new(&config.instance, &format!("{run}/hook"))
}

/// Runs it to its end. Nothing of it is left afterwards: not what it left in the background either, which would have a
/// network that the agent may not have.
pub(crate) async fn run(
    config: &CodexConfig,
    order: &HookOrder,
    deadline: Duration,
) -> Result<HookEnd, AgentError> {
    let marker = marker(config, &order.run);
    let command = if order.is_trusted || config.confinement == Confinement::Off {
        Command::new("sh", &order.directory)
    } else {
        confined(config, order, &marker)?.arg("sh")
    };
    let command = command
        .args(["-c", ON_ONE_STREAM, &order.program])
        .envs(tool_variables(config))
        .envs(order.variables.iter().map(|(name, value)| (name, value)))
        .marker(&marker);
    let ended = command.run(deadline).await;
    let failed = |source: Cause| AgentError::Launch {
        reason: "the project's prepare hook could not be run".to_owned(),
        source: Some(source),
    };
    patchrelay_process::reap(&marker).await.map_err(|error| failed(error.into()))?;
    match ended {
        Ok(output) if output.status.success() => Ok(HookEnd::Done),
        Ok(output) => {
            Ok(HookEnd::Failed { status: output.status.to_string(), output: output.stderr })
        }
        Err(ProcessError::Deadline { after, stderr, .. }) => {
            Ok(HookEnd::Late { after, output: stderr })
        }
        Err(error) => Err(failed(error.into())),
    }
}

/// Codex, as far as the command that it is to confine.
fn confined(
    config: &CodexConfig,
    order: &HookOrder,
    marker: &Marker,
) -> Result<Command, AgentError> {
    let Some(([program, args @ ..], _)) = config.codex() else {
        return Err(AgentError::Launch {
            reason: format!(
                "there is no sandbox for the project's prepare hook, because `{}` is no codex app-server; \
                 with project.trust_hook it runs without one",
                config.command.join(" ")
            ),
            source: None,
        });
    };
    let settings = [
        ("permissions", profiles(config, true, None)),
        ("projects", untrusted(&order.directory)),
        // Otherwise it gets what the operator's own configuration sets for commands.
        ("shell_environment_policy", tool_environment(config, marker, &order.variables, false)),
    ];
    let mut command = Command::new(program, &order.directory).args(args).args([
        "sandbox",
        "--cd",
        &order.directory,
        "--permission-profile",
        PROFILE,
    ]);
    for (key, value) in settings {
        command = command.args(["--config", &format!("{key}={}", as_toml(&value)?)]);
    }
    if let Some(home) = &config.codex_home {
        command = command.env("CODEX_HOME", home);
    }
    Ok(command.arg("--"))
}

/// A setting as codex takes it on its command line.
fn as_toml(value: &Value) -> Result<String, AgentError> {
    let written = toml::Value::try_from(value).map(|value| value.to_string());
    written.map_err(|error| AgentError::Launch {
        reason: "the sandbox of the project's prepare hook cannot be described".to_owned(),
        source: Some(error.into()),
    })
}
