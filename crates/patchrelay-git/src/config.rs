//! What the adapter is told about the world, and the checks that it is usable.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use patchrelay_domain::{ProjectId, SecretPatterns};
use patchrelay_ports::Cause;
use secrecy::SecretString;
use thiserror::Error;

use crate::{checkout::Checkout, names::is_file_name};

/// Everything the adapter needs. It reads no environment and no file of its own.
#[derive(Clone)]
pub struct GitConfig {
    /// Where our clones and records are. Absolute, and not readable or writable by agents.
    pub data_dir: PathBuf,
    /// The repositories, by project.
    pub remotes: HashMap<ProjectId, RemoteConfig>,
    /// The variables that git gets: `PATH`, and as far as the operator has them `HOME`, `TMPDIR`, `SSH_AUTH_SOCK`, the
    /// proxy and CA variables. `GIT_*` variables are left out: they would overrule what this adapter relies on.
    pub base_env: Vec<(String, String)>,
    /// Who commits.
    pub identity: Identity,
    /// What must not get into anything that is published.
    pub secrets: Arc<SecretPatterns>,
    /// The installation, for the marks of our processes.
    pub instance: String,
}

/// Author and committer of our commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// One repository.
#[derive(Clone)]
pub struct RemoteConfig {
    /// Its address: `https://…`, `ssh://…`, `user@host:path`, `file://…` or an absolute path. Never with a password.
    pub url: String,
    /// Where the token for `https` comes from; `None` when none is needed. It is not used for other addresses, but for
    /// `http` to this very machine.
    pub token: Option<Arc<dyn TokenSource>>,
    /// The directory below which its worktrees are made. Absolute.
    pub worktree_root: PathBuf,
    /// A checkout of the operator's, from which the first fetch takes what it has (D31).
    pub checkout: Option<Checkout>,
}

/// Where the token for a remote comes from. Asked before each call to the remote, since a token may expire.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// The token as it is valid now. Has a deadline of its own.
    async fn token(&self) -> Result<SecretString, Cause>;
}

#[async_trait]
impl TokenSource for SecretString {
    async fn token(&self) -> Result<SecretString, Cause> {
        Ok(self.clone())
    }
}

/// Why a configuration is unusable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A path that must not depend on where we were started does.
    #[error("`{path}` has to be an absolute path ({name})")]
    RelativePath {
        /// Which setting.
        name: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A project whose name is no name of a directory.
    #[error("the project id `{project}` may have letters, digits, `-` and `_` only")]
    ProjectName {
        /// Which project.
        project: ProjectId,
    },
    /// An address that git would not understand as one, or that carries a secret.
    #[error("the repository address of project `{project}` is not usable: {reason}")]
    Address {
        /// Which project.
        project: ProjectId,
        /// Why not. The address is not repeated: it may hold a password.
        reason: &'static str,
    },
}

impl GitConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !self.data_dir.is_absolute() {
            return Err(ConfigError::RelativePath {
                name: "data directory",
                path: self.data_dir.clone(),
            });
        }
        for (project, remote) in &self.remotes {
            if !is_file_name(project.as_str()) {
                return Err(ConfigError::ProjectName { project: project.clone() });
            }
            if !remote.worktree_root.is_absolute() {
                return Err(ConfigError::RelativePath {
                    name: "worktree root",
                    path: remote.worktree_root.clone(),
                });
            }
            if let Err(reason) = check_address(&remote.url) {
                return Err(ConfigError::Address { project: project.clone(), reason });
            }
        }
        Ok(())
    }
}

impl RemoteConfig {
    /// Whether it lies on this machine's file system, so that both ends of the conversation run here.
    pub(crate) fn is_local(&self) -> bool {
        self.url.starts_with('/') || self.url.starts_with("file://")
    }

    /// The `scheme://host` that the token may be shown to.
    pub(crate) fn token_scope(&self) -> Option<&str> {
        let (scheme, rest) = self.url.split_once("://")?;
        let host = rest.split('/').next()?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_private = scheme == "https"
            || (scheme == "http" && matches!(name, "127.0.0.1" | "localhost" | "[::1]"));
        is_private.then(|| &self.url[..scheme.len() + "://".len() + host.len()])
    }
}

pub(crate) fn check_address(url: &str) -> Result<(), &'static str> {
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it has spaces or control characters");
    }
    if url.starts_with('/') {
        return Ok(());
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        return match (scheme, user) {
            ("file", _) if rest.starts_with('/') => Ok(()),
            ("http" | "https", Some(_)) => Err("it carries a user or a password"),
            ("ssh", Some(user)) if user.contains(':') => Err("it carries a password"),
            ("ssh", _) if authority.starts_with('-') => Err("its host starts with a dash"),
            ("http" | "https", None) if authority.contains(['=', '?', '#']) => {
                Err("its host is no host")
            }
            ("http" | "https" | "ssh", _) if !authority.is_empty() => Ok(()),
            _ => Err("it is neither http(s), ssh nor file"),
        };
    }
    match url.split_once(':') {
        Some((host, path)) if !host.is_empty() && !host.starts_with('-') && !host.contains('/') => {
            // `ext::command` would run the command.
            if path.starts_with(':') { Err("it names a transport helper") } else { Ok(()) }
        }
        _ => Err("it is neither an address nor an absolute path"),
    }
}

#[cfg(test)]
mod tests;
