//! The checks, each with what it finds and how that is mended.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use patchrelay::{
    domain::{Project, prompt::Publisher},
    ports::Workspaces,
};
use patchrelay_codex::{Checkup, CodexConfig, checkup};
use patchrelay_git::{OLDEST_GIT, git_version};

use super::{Check, reach};
use crate::{
    config::{self, Config, Resolved, public_url},
    environment::Environment,
    failure::Failure,
    secrets::Secrets,
    wire::{self, Checkouts},
};

/// The codex that this program was tested with. Its protocol changes from month to month.
const TESTED_CODEX: &str = "0.169";

/// Looks at everything that can be looked at. What depends on a configuration that cannot be read is left out: that is
/// to be mended first.
pub(super) async fn look(
    flag: Option<&Path>,
    environment: &Environment,
) -> Result<Vec<Check>, Failure> {
    let path = config::find(flag, environment)?;
    let secrets = Secrets::look_up(environment);
    let mut checks = Vec::new();
    let loaded = config::load(&path, environment).map_err(Failure::from).and_then(|config| {
        let secrets = secrets.as_ref().map(Clone::clone).unwrap_or_default();
        wire::check(&config, &path, &secrets, environment)?;
        Ok(config)
    });
    checks.push(match &loaded {
        Ok(config) => configured(&path, config),
        Err(failure) => Check::fail(
            "config",
            failure.message(),
            "correct the file; `patchrelay config check` reads it alone",
        ),
    });
    match &secrets {
        Ok(secrets) => {
            let config = loaded.as_ref().ok();
            checks.extend(known_secrets(secrets, config));
            checks.extend(secrets.remarks.iter().map(|remark| {
                let (what, todo) = remark.split_once(": ").unwrap_or((remark, "look at it"));
                Check::warn("secrets", what, todo)
            }));
        }
        Err(error) => checks.push(Check::fail(
            "secrets",
            format!("{error:#}"),
            "let this user read the file, or name another one",
        )),
    }
    checks.push(git(environment).await);
    let Ok(config) = loaded else { return Ok(checks) };
    let directories = environment.directories()?;
    let resolved = config.resolve(&path, &directories)?;
    checks.push(directory("directory.state", &directories.state));
    checks.push(directory("directory.data", &resolved.data));
    let secrets = secrets.unwrap_or_default();
    let patterns = wire::patterns(&config, &secrets, environment)?;
    checks.extend(trusted_hooks(&resolved.settings.projects));
    let (found, checkouts) = checkouts(&resolved, environment).await;
    checks.extend(found);
    let workspaces = wire::git(&resolved, &checkouts, &secrets, patterns, environment)?;
    checks.push(space(resolved.settings.min_free_bytes, &workspaces).await);
    if let Some(url) = config.server.public_url.as_deref().and_then(|url| public_url(url).ok()) {
        checks.extend(reach::public_url(&url).await?);
    }
    checks.extend(confinement(&config));
    let codex = wire::codex(&config, &path, &resolved, environment, &directories)?;
    checks.extend(agent(&codex).await);
    checks.extend(publishers(&resolved.settings.projects));
    Ok(checks)
}

fn configured(path: &Path, config: &Config) -> Check {
    let projects = config.project.len();
    let detail = format!("{}, projects: {projects}", path.display());
    match projects {
        0 => Check::warn(
            "config",
            detail,
            "add a [[project]] with its repository and its Linear team: without one no ticket is worked on",
        ),
        _ => Check::pass("config", detail),
    }
}

/// The projects whose agent has a credential.
pub(super) fn publishers(projects: &[Project]) -> Option<Check> {
    let named: Vec<_> = projects
        .iter()
        .filter(|project| project.publisher == Publisher::Agent)
        .map(|project| project.id.as_str())
        .collect();
    (!named.is_empty()).then(|| {
        Check::warn(
            "delivery.publisher",
            format!("the agent of {} publishes by itself, with GITHUB_TOKEN", named.join(", ")),
            "leave it to `harness`, which checks before it pushes; or let the token reach these repositories only",
        )
    })
}

/// What is told of each secret is whether there is one.
fn known_secrets(secrets: &Secrets, config: Option<&Config>) -> Vec<Check> {
    let needed = |check, name: &str, is_there: bool, fix: &str| {
        if is_there {
            Check::pass(check, format!("{name} is set"))
        } else {
            Check::fail(check, format!("{name} is not set"), fix)
        }
    };
    let wanted = |check, name: &str, is_there: bool, fix: &str| {
        if is_there {
            Check::pass(check, format!("{name} is set"))
        } else {
            Check::warn(check, format!("{name} is not set"), fix)
        }
    };
    let mut checks = vec![
        needed(
            "secret.linear",
            "LINEAR_ACCESS_TOKEN",
            secrets.linear_access_token.is_some(),
            "create a token for your Linear app and set it",
        ),
        needed(
            "secret.github",
            "GITHUB_TOKEN",
            secrets.github_token.is_some(),
            "create a token with read and write access to the repositories and set it",
        ),
        wanted(
            "webhook.linear",
            "LINEAR_WEBHOOK_SECRET",
            secrets.linear_webhook.is_some(),
            "set the signing secret of the app's webhook: without it no delegation is heard of",
        ),
        wanted(
            "webhook.github",
            "GITHUB_WEBHOOK_SECRET",
            secrets.github_webhook.is_some(),
            "set the secret of the repository's webhook: without it changes are found by reading again only",
        ),
    ];
    if let Some(config) = config {
        let bind = config.server.bind;
        checks.push(match (bind.is_loopback(), secrets.api_token.is_some()) {
            (_, true) => Check::pass("secret.api", "PATCHRELAY_API_TOKEN is set"),
            (true, false) => Check::pass(
                "secret.api",
                format!("no PATCHRELAY_API_TOKEN, and {bind} is reached from this machine only"),
            ),
            (false, false) => Check::fail(
                "secret.api",
                format!("PATCHRELAY_API_TOKEN is not set, and {bind} is reached from outside"),
                "set PATCHRELAY_API_TOKEN, or bind to 127.0.0.1",
            ),
        });
    }
    checks
}

async fn git(environment: &Environment) -> Check {
    let fix = format!("install git {}.{} or newer", OLDEST_GIT.0, OLDEST_GIT.1);
    match git_version(&environment.for_git()).await {
        Ok((said, Some(version))) if OLDEST_GIT <= version => Check::pass("git", said),
        Ok((said, _)) => Check::fail("git", said, fix),
        Err(error) => Check::fail("git", error.to_string(), fix),
    }
}

/// The projects whose hook may do what this user may. Whoever can change their base branch can then read our secrets.
pub(super) fn trusted_hooks(projects: &[Project]) -> Option<Check> {
    let trusted = projects.iter().filter(|project| project.trust_hook);
    let names: Vec<_> = trusted.map(|project| format!("`{}`", project.id)).collect();
    (!names.is_empty()).then(|| {
        Check::warn(
            "project.trust_hook",
            format!("the prepare hook runs outside of the sandbox: {}", names.join(", ")),
            "leave project.trust_hook out, unless the hook needs more than its worktree and a network",
        )
    })
}

/// Each checkout that is to be copied from, and those that can be.
async fn checkouts(resolved: &Resolved, environment: &Environment) -> (Vec<Check>, Checkouts) {
    const CHECK: &str = "project.path";
    let (mut checks, mut checkouts) = (Vec::new(), Checkouts::new());
    for place in &resolved.places {
        let Some(found) = wire::checkout(resolved, place, environment).await else { continue };
        let of = |told: String| format!("project `{}`: {told}", place.project);
        checks.push(match found {
            Ok(checkout) => {
                checkouts.insert(place.project.clone(), checkout);
                Check::pass(CHECK, of("its checkout is copied from and left as it is".to_owned()))
            }
            Err(error) => Check::fail(
                CHECK,
                of(error.to_string()),
                "correct project.path, or leave it out: it only saves the first fetch",
            ),
        });
    }
    (checks, checkouts)
}

/// Whether we could write there. A directory that is missing is made by the first start.
fn directory(check: &'static str, path: &Path) -> Check {
    let existing = existing(path);
    let is_there = existing == path;
    let shown = path.display();
    match access(&existing, AccessFlags::W_OK) {
        Ok(()) if is_there => Check::pass(check, shown.to_string()),
        Ok(()) => Check::pass(check, format!("{shown}, which the first start makes")),
        Err(error) => Check::fail(
            check,
            format!("{} cannot be written to: {}", existing.display(), error.desc()),
            "let this user write there, or choose another place (XDG_STATE_HOME, XDG_DATA_HOME)",
        ),
    }
}

/// The directory itself, or the nearest one above it that exists.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(path).to_owned()
}

/// The disk that has the least.
async fn space(least: u64, workspaces: &dyn Workspaces) -> Check {
    const CHECK: &str = "disk";
    match workspaces.free_space().await {
        Ok(free) if least <= free => Check::pass(CHECK, format!("{} free", shown_bytes(free))),
        Ok(free) => Check::fail(
            CHECK,
            format!("{} free", shown_bytes(free)),
            format!(
                "make room: below {} nothing is started (retention.min_free_bytes)",
                shown_bytes(least)
            ),
        ),
        Err(error) => Check::warn(CHECK, error.to_string(), "look at the disk with df"),
    }
}

fn shown_bytes(bytes: u64) -> String {
    const GIB: u64 = 1024 * 1024 * 1024;
    match bytes {
        ..GIB => format!("{} MiB", bytes / (1024 * 1024)),
        _ => format!("{} GiB", bytes / GIB),
    }
}

/// Only a choice that takes something away is worth a line.
fn confinement(config: &Config) -> Option<Check> {
    let projects: Vec<_> = wire::unconfined(config).collect();
    (!projects.is_empty()).then(|| {
        Check::warn(
            "codex.confinement",
            format!("the agent's commands have no sandbox in: {}", projects.join(", ")),
            "set codex.sandbox to \"workspace-write\", unless this machine holds nothing else",
        )
    })
}

async fn agent(config: &CodexConfig) -> Vec<Check> {
    match checkup(config, Path::new("/")).await {
        Some(found) => judged(&found, config),
        None => vec![Check::warn(
            "codex",
            format!(
                "`{}` is no codex app-server, so nothing is known of it",
                config.command.join(" ")
            ),
            "see for yourself that it speaks the protocol and keeps its commands in the worktree",
        )],
    }
}

/// What the findings are worth.
pub(super) fn judged(found: &Checkup, config: &CodexConfig) -> Vec<Check> {
    const VERSION: &str = "codex";
    let version = match &found.version {
        Ok(version) if version.contains(&format!(" {TESTED_CODEX}.")) => {
            Check::pass(VERSION, version.clone())
        }
        Ok(version) => Check::warn(
            VERSION,
            format!("{version}; this program was tested with {TESTED_CODEX}"),
            format!("npm install --global @openai/codex@{TESTED_CODEX}, or try this one with care"),
        ),
        Err(reason) => {
            // The others say the same.
            return vec![Check::fail(
                VERSION,
                reason.clone(),
                "install codex (npm install --global @openai/codex), or name it in codex.command",
            )];
        }
    };
    let configuration = match &found.configuration {
        Ok(()) => Check::pass("codex.configuration", "it is understood"),
        Err(reason) => Check::warn(
            "codex.configuration",
            reason.clone(),
            "correct config.toml in codex' home: what is not understood there is not in force",
        ),
    };
    let login = match (&found.login, &config.model_provider) {
        (Ok(told), _) => Check::pass("codex.login", told.clone()),
        (Err(told), Some(provider)) => Check::pass(
            "codex.login",
            format!("{told}, and codex.model_provider is `{provider}`, which may need no login"),
        ),
        (Err(told), None) => Check::warn(
            "codex.login",
            told.clone(),
            "run `codex login` as this user; a model provider of your own with its own key needs none",
        ),
    };
    let sandbox = match &found.sandbox {
        Ok(()) => Check::pass("codex.sandbox", "it starts commands"),
        Err(reason) => Check::fail(
            "codex.sandbox",
            reason.clone(),
            "allow user namespaces for this user (kernel.unprivileged_userns_clone, AppArmor's \
             kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp profile)",
        ),
    };
    vec![version, configuration, login, sandbox]
}
