//! The agent, from what is configured of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use patchrelay::domain::ProjectId;
use patchrelay_codex::{CodexConfig, CodexRuntime, Confinement};
use patchrelay_store::SqlStore;

use super::instance;
use crate::{
    config::{Config, Database, ProjectSection, Resolved, Sandbox},
    environment::{Directories, Environment},
    private, secrets,
};

/// How codex is started, and what it may do.
pub(crate) fn codex(
    config: &Config,
    config_path: &Path,
    resolved: &Resolved,
    environment: &Environment,
    directories: &Directories,
) -> Result<CodexConfig> {
    let section = &config.codex;
    let mut env = environment.for_agent();
    let passed = section
        .pass_env
        .iter()
        .filter_map(|name| Some((name.clone(), environment.get(name)?.to_owned())));
    env.extend(passed);
    env.extend(section.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut codex = CodexConfig::new(section.command.clone(), instance(&resolved.data));
    codex.codex_home = codex_home(section.home.as_deref(), environment);
    codex.model.clone_from(&section.model);
    codex.model_provider.clone_from(&section.model_provider);
    codex.effort.clone_from(&section.effort);
    codex.developer_instructions.clone_from(&section.developer_instructions);
    codex.confinement = confinement(section.sandbox);
    codex.mcp = section.mcp;
    let own = [&directories.config, &directories.state]
        .into_iter()
        .cloned()
        .chain(database_files(&resolved.database, environment))
        .chain(std::path::absolute(config_path).ok())
        .chain(secrets::places(environment));
    codex.deny_read =
        private::places(environment, own, &section.deny_read, codex.codex_home.as_deref())
            .map_err(|error| config.wrong(config_path, "codex.home", error.to_string()))?;
    codex.env = env;
    codex.request_timeout = Duration::from_secs(section.request_timeout_seconds);
    codex.startup_timeout = Duration::from_secs(section.startup_timeout_seconds);
    Ok(codex)
}

/// The agent, as each project wants it.
pub(super) fn agents(config: &Config, usual: CodexConfig) -> CodexRuntime {
    config.project.iter().fold(CodexRuntime::new(usual.clone()), |runtime, project| {
        runtime.with_project(ProjectId::new(project.id.clone()), agent_of(project, &usual))
    })
}

pub(super) fn agent_of(project: &ProjectSection, usual: &CodexConfig) -> CodexConfig {
    let wanted = &project.codex;
    CodexConfig {
        model: wanted.model.clone().or_else(|| usual.model.clone()),
        effort: wanted.effort.clone().or_else(|| usual.effort.clone()),
        confinement: wanted.sandbox.map_or(usual.confinement, confinement),
        ..usual.clone()
    }
}

fn confinement(sandbox: Sandbox) -> Confinement {
    match sandbox {
        Sandbox::WorkspaceWrite => Confinement::Profile,
        Sandbox::DangerFullAccess => Confinement::Off,
    }
}

/// What lies on this machine of the database, or leads to it.
fn database_files(database: &Database, environment: &Environment) -> Vec<PathBuf> {
    match database {
        // SQLite keeps what was written last beside the file.
        Database::Sqlite(file) => ["", "-wal", "-shm"]
            .map(|suffix| {
                let mut beside = file.clone().into_os_string();
                beside.push(suffix);
                beside.into()
            })
            .into_iter()
            .chain([SqlStore::copies(file)])
            .collect(),
        // Where its password is looked up that the URL does not hold.
        Database::Postgres { .. } => {
            let named = environment.get("PGPASSFILE").map(PathBuf::from);
            let usual = environment.get("HOME").map(|home| Path::new(home).join(".pgpass"));
            named.into_iter().chain(usual).filter(|path| path.is_absolute()).collect()
        }
    }
}

/// Codex' home as configured, or as it finds it itself. One that is not there yet is left to codex, which makes its own
/// default and refuses any other.
pub(crate) fn codex_home(configured: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    let chosen = configured.or_else(|| environment.get("CODEX_HOME").map(Path::new));
    match chosen {
        Some(chosen) => private::without_links(chosen),
        None => Path::new(environment.get("HOME")?).join(".codex").canonicalize().ok(),
    }
}
