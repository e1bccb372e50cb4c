//! What a thread is started with, and the proof that it was taken over (D20).
//!
//! Codex ignores parameters and configuration keys that it does not know, so a thread that started is no proof of
//! anything: its answer is compared with what was asked for.

use std::{collections::BTreeMap, path::Path};

use patchrelay_process::{MARKER_VARIABLE, Marker};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{CREDENTIAL, CodexConfig, Confinement, trust::project_roots};

/// The name of our permission profile.
pub(crate) const PROFILE: &str = "patchrelay";
/// The profile that ours extends: write in the workspace and the temporary directories, read everything.
const PARENT: &str = ":workspace";

/// Where a thread works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The directory that its commands may write to.
    pub(crate) directory: &'a str,
    /// Whether its commands have a network.
    pub(crate) has_network: bool,
    /// Whether its commands may write to the repository there, and see the forge's credential.
    pub(crate) publishes: bool,
    /// What its commands are found by when they are left over.
    pub(crate) marker: &'a Marker,
}

/// The parameters that `thread/start` and `thread/resume` have in common. A resume needs all of them again: without,
/// the thread comes back with other permissions. `servers` are the MCP servers in codex's own configuration. Reads
/// the git pointers of the directory.
pub(crate) fn overrides(
    config: &CodexConfig,
    place: Place<'_>,
    servers: &[String],
) -> Map<String, Value> {
    let mut settings = json!({
        "projects": untrusted(place.directory),
        // A login shell runs the operator's profile, which rebuilds PATH and may export anything.
        "allow_login_shell": false,
        "features": {
            // Goals start turns of their own, sub-agents threads of their own, plugins fetch from outside, and a
            // refused connection would be tried for ever.
            "goals": false, "plugins": false, "apps": false, "multi_agent": false,
            "unbounded_connection_retries": false,
        },
        "tools": { "update_plan": { "enabled": true } },
        "shell_environment_policy": tool_environment(config, place.marker, &[], place.publishes),
    });
    if let Some(effort) = &config.effort {
        settings["model_reasoning_effort"] = json!(effort);
    }
    if !config.mcp {
        settings["mcp_servers"] = servers
            .iter()
            .map(|name| (name.clone(), json!({ "enabled": false })))
            .collect::<Map<_, _>>()
            .into();
    }

    let mut params = Map::new();
    params.insert("cwd".to_owned(), json!(place.directory));
    params.insert("approvalPolicy".to_owned(), json!("never"));
    match config.confinement {
        Confinement::Profile => {
            settings["permissions"] = profiles(config, place.has_network, repository(place));
            params.insert("permissions".to_owned(), json!(PROFILE));
        }
        Confinement::WorkspaceWrite => {
            settings["sandbox_workspace_write"] = json!({ "network_access": place.has_network });
            if let Some(repository) = repository(place) {
                settings["sandbox_workspace_write"]["writable_roots"] = json!([repository]);
            }
            params.insert("sandbox".to_owned(), json!("workspace-write"));
        }
        Confinement::Off => {
            params.insert("sandbox".to_owned(), json!("danger-full-access"));
        }
    }
    if let Some(model) = &config.model {
        params.insert("model".to_owned(), json!(model));
    }
    if let Some(provider) = &config.model_provider {
        params.insert("modelProvider".to_owned(), json!(provider));
    }
    if let Some(instructions) = &config.developer_instructions {
        params.insert("developerInstructions".to_owned(), json!(instructions));
    }
    params.insert("config".to_owned(), settings);
    params
}

/// The permission profiles that we define: ours. `repository` may be written, too.
pub(crate) fn profiles(
    config: &CodexConfig,
    has_network: bool,
    repository: Option<String>,
) -> Value {
    let mut rules = denied(config);
    rules.extend(repository.map(|path| (path, "write")));
    json!({ PROFILE: {
        "extends": PARENT,
        "filesystem": rules,
        "network": { "enabled": has_network },
    }})
}

/// What keeps codex from taking configuration from whatever repository it finds at this directory. Reads its git
/// pointers.
pub(crate) fn untrusted(directory: &str) -> Value {
    project_roots(Path::new(directory))
        .into_iter()
        .map(|root| (root.to_string_lossy().into_owned(), json!({ "trust_level": "untrusted" })))
        .collect::<Map<_, _>>()
        .into()
}

/// What codex answers to `thread/start` and `thread/resume`, as far as it is compared.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreadAnswer {
    pub(crate) thread: ThreadHead,
    cwd: String,
    approval_policy: Value,
    #[serde(default)]
    sandbox: SandboxAnswer,
    #[serde(default)]
    active_permission_profile: Option<ProfileAnswer>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    model_provider: Option<String>,
    #[serde(default)]
    reasoning_effort: Option<String>,
}

/// The thread itself, as far as it matters.
#[derive(Debug, Deserialize)]
pub(crate) struct ThreadHead {
    pub(crate) id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SandboxAnswer {
    r#type: String,
    writable_roots: Vec<String>,
    network_access: bool,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct ProfileAnswer {
    id: String,
    extends: Option<String>,
}

impl ThreadAnswer {
    /// Compares the answer with what was asked for. The error says what differs. Resolves the two directories.
    pub(crate) fn check(&self, config: &CodexConfig, place: Place<'_>) -> Result<(), String> {
        if !is_same_directory(&self.cwd, place.directory) {
            return Err(format!("it works in `{}` instead of `{}`", self.cwd, place.directory));
        }
        if self.approval_policy != "never" {
            return Err(format!(
                "its approval policy is {} instead of `never`",
                self.approval_policy
            ));
        }
        let sandbox = match config.confinement {
            Confinement::Profile | Confinement::WorkspaceWrite => "workspaceWrite",
            Confinement::Off => "dangerFullAccess",
        };
        if self.sandbox.r#type != sandbox {
            return Err(format!("its sandbox is `{}` instead of `{sandbox}`", self.sandbox.r#type));
        }
        if config.confinement != Confinement::Off {
            if self.sandbox.network_access != place.has_network {
                return Err(format!(
                    "its commands' network access is {}",
                    self.sandbox.network_access
                ));
            }
            // Roots that nobody here asked for come from the operator's own codex configuration.
            let repository = repository(place);
            let is_ours = |root: &&String| {
                is_same_directory(root, &self.cwd)
                    || repository.as_ref().is_some_and(|asked| is_same_directory(root, asked))
            };
            if let Some(root) = self.sandbox.writable_roots.iter().find(|root| !is_ours(root)) {
                return Err(format!("it may also write to `{root}`"));
            }
        }
        if config.confinement == Confinement::Profile {
            let asked = ProfileAnswer { id: PROFILE.to_owned(), extends: Some(PARENT.to_owned()) };
            if self.active_permission_profile.as_ref() != Some(&asked) {
                let got = self
                    .active_permission_profile
                    .as_ref()
                    .map_or("none", |profile| profile.id.as_str());
                return Err(format!(
                    "its permission profile is `{got}` instead of `{PROFILE}` over `{PARENT}`"
                ));
            }
        }
        check_choice("model", config.model.as_deref(), self.model.as_deref())?;
        check_choice(
            "model provider",
            config.model_provider.as_deref(),
            self.model_provider.as_deref(),
        )?;
        check_choice("reasoning effort", config.effort.as_deref(), self.reasoning_effort.as_deref())
    }
}

fn check_choice(what: &str, asked: Option<&str>, got: Option<&str>) -> Result<(), String> {
    match asked {
        Some(asked) if got != Some(asked) => {
            Err(format!("its {what} is `{}` instead of `{asked}`", got.unwrap_or("unknown")))
        }
        Some(_) | None => Ok(()),
    }
}

fn is_same_directory(one: &str, other: &str) -> bool {
    let resolved = |path: &str| Path::new(path).canonicalize().ok();
    one == other || resolved(one).is_some_and(|path| resolved(other) == Some(path))
}

/// What may be written beside the files, which codex protects otherwise: the repository of an agent that publishes.
fn repository(place: Place<'_>) -> Option<String> {
    place.publishes.then(|| format!("{}/.git", place.directory))
}

/// What may not be read. A path that does not exist is left out: there is nothing to read, and the sandbox would make it
/// as an empty file in the operator's home, or fail altogether when its directory is missing too. Looked at anew for
/// each thread, so what is made meanwhile is denied from the next one on.
fn denied(config: &CodexConfig) -> BTreeMap<String, &'static str> {
    let home = match &config.codex_home {
        Some(home) => home.to_string_lossy().into_owned(),
        None => "~/.codex".to_owned(),
    };
    let user_home =
        config.env.iter().find(|(name, _)| name == "HOME").map(|(_, value)| Path::new(value));
    let exists = |path: &String| match (path.strip_prefix("~/"), user_home) {
        (Some(below), Some(user_home)) => user_home.join(below).symlink_metadata().is_ok(),
        // Where codex looks for it is not known here, so it is codex's to judge.
        (Some(_), None) => true,
        (None, _) => Path::new(path).symlink_metadata().is_ok(),
    };
    config
        .deny_read
        .iter()
        .cloned()
        .chain([home])
        .filter(exists)
        .map(|path| (path, "deny"))
        .collect()
}

/// The variables that commands may see.
pub(crate) fn tool_variables(config: &CodexConfig) -> impl Iterator<Item = (&str, &str)> {
    let is_shown = |(name, _): &&(String, String)| config.tool_env.contains(name);
    config.env.iter().filter(is_shown).map(|(name, value)| (name.as_str(), value.as_str()))
}

/// An allow-list: nothing is inherited, and `include_only` also removes what the operator's configuration sets. The
/// credential of an agent that publishes is inherited, because codex keeps what it is told in files.
pub(crate) fn tool_environment(
    config: &CodexConfig,
    marker: &Marker,
    more: &[(String, String)],
    publishes: bool,
) -> Value {
    let mut set: BTreeMap<&str, String> =
        tool_variables(config).map(|(name, value)| (name, value.to_owned())).collect();
    set.extend(more.iter().map(|(name, value)| (name.as_str(), value.clone())));
    set.insert(MARKER_VARIABLE, marker.as_str().to_owned());
    // The shell's stdin is a socket, which bash takes for a remote login and runs ~/.bashrc, unless it is told that it
    // is not the first shell.
    set.insert("SHLVL", "1".to_owned());
    let mut names: Vec<_> = set.keys().copied().collect();
    if publishes {
        names.push(CREDENTIAL);
        return json!({
            "inherit": "all", "ignore_default_excludes": true, "include_only": names, "set": set,
        });
    }
    json!({ "inherit": "none", "include_only": names, "set": set })
}

#[cfg(test)]
mod tests;
