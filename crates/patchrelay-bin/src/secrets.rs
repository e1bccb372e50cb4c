//! Secrets: where they are looked up, and which there are.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use secrecy::SecretString;

use crate::{environment::Environment, file::read_text};

/// The largest secret, in bytes: an RSA key in PEM has about two thousand.
const MAX_SECRET: u64 = 64 * 1024;

/// The secrets that are configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    /// `LINEAR_WEBHOOK_SECRET`.
    pub(crate) linear_webhook: Option<SecretString>,
    /// `LINEAR_ACCESS_TOKEN`.
    pub(crate) linear_access_token: Option<SecretString>,
    /// `GITHUB_WEBHOOK_SECRET` or `GITHUB_APP_WEBHOOK_SECRET`.
    pub(crate) github_webhook: Option<SecretString>,
    /// `GITHUB_TOKEN`.
    pub(crate) github_token: Option<SecretString>,
    /// `PATCHRELAY_API_TOKEN`.
    pub(crate) api_token: Option<SecretString>,
    /// Those that are set and that nothing reads yet. They are kept out of what is published all the same.
    pub(crate) unread: Vec<(&'static str, SecretString)>,
    /// What an operator should know of them, a line each. None shows a secret.
    pub(crate) remarks: Vec<String>,
}

const LINEAR_WEBHOOK_SECRET: &str = "LINEAR_WEBHOOK_SECRET";
const LINEAR_ACCESS_TOKEN: &str = "LINEAR_ACCESS_TOKEN";
const GITHUB_WEBHOOK_SECRET: &str = "GITHUB_WEBHOOK_SECRET";
const GITHUB_APP_WEBHOOK_SECRET: &str = "GITHUB_APP_WEBHOOK_SECRET";
const GITHUB_TOKEN: &str = "GITHUB_TOKEN";
const PATCHRELAY_API_TOKEN: &str = "PATCHRELAY_API_TOKEN";
/// Those that nothing reads yet, and what to do instead.
const UNREAD: [(&str, &str); 4] = [
    ("LINEAR_OAUTH_CLIENT_SECRET", "nobody is asked to let us in yet: set LINEAR_ACCESS_TOKEN"),
    ("LINEAR_API_KEY", "a personal key has no app user: set LINEAR_ACCESS_TOKEN"),
    ("PATCHRELAY_TOKEN_ENCRYPTION_KEY", "no token is stored yet: leave it out"),
    ("GITHUB_APP_PRIVATE_KEY", "a GitHub App is not used yet: set GITHUB_TOKEN"),
];
const NAMES: [&str; 6] = [
    LINEAR_WEBHOOK_SECRET,
    LINEAR_ACCESS_TOKEN,
    GITHUB_WEBHOOK_SECRET,
    GITHUB_APP_WEBHOOK_SECRET,
    GITHUB_TOKEN,
    PATCHRELAY_API_TOKEN,
];

impl Secrets {
    /// Looks every secret up.
    ///
    /// # Errors
    ///
    /// When a file that is named for one cannot be read. No error shows a secret.
    pub(crate) fn look_up(environment: &Environment) -> Result<Self> {
        let mut remarks = Vec::new();
        let mut unread = Vec::new();
        for (name, instead) in UNREAD {
            if let Some(secret) = look_up(environment, name, &mut remarks)? {
                remarks.push(format!("{name} is set and does nothing: {instead}"));
                unread.push((name, secret));
            }
        }
        let mut one = |name| look_up(environment, name, &mut remarks);
        Ok(Self {
            linear_webhook: one(LINEAR_WEBHOOK_SECRET)?,
            linear_access_token: one(LINEAR_ACCESS_TOKEN)?,
            github_webhook: match one(GITHUB_WEBHOOK_SECRET)? {
                Some(secret) => Some(secret),
                None => one(GITHUB_APP_WEBHOOK_SECRET)?,
            },
            github_token: one(GITHUB_TOKEN)?,
            api_token: one(PATCHRELAY_API_TOKEN)?,
            unread,
            remarks,
        })
    }

    /// Those that there are, each with its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &SecretString)> {
        let Self {
            linear_webhook,
            linear_access_token,
            github_webhook,
            github_token,
            api_token,
            unread,
            remarks: _,
        } = self;
        [
            (LINEAR_WEBHOOK_SECRET, linear_webhook),
            (LINEAR_ACCESS_TOKEN, linear_access_token),
            (GITHUB_WEBHOOK_SECRET, github_webhook),
            (GITHUB_TOKEN, github_token),
            (PATCHRELAY_API_TOKEN, api_token),
        ]
        .into_iter()
        .filter_map(|(name, secret)| Some((name, secret.as_ref()?)))
        .chain(unread.iter().map(|(name, secret)| (*name, secret)))
    }
}

/// Looks up what operators authenticate with, and nothing that they may not be allowed to read.
///
/// # Errors
///
/// When the file that is named for it cannot be read.
pub(crate) fn api_token(environment: &Environment) -> Result<Option<SecretString>> {
    look_up(environment, PATCHRELAY_API_TOKEN, &mut Vec::new())
}

/// The files and directories that secrets are read from, for keeping others away from them.
pub(crate) fn places(environment: &Environment) -> Vec<PathBuf> {
    let names = NAMES.into_iter().chain(UNREAD.map(|(name, _)| name));
    let files = names.filter_map(|name| environment.get(&format!("{name}_FILE")));
    files
        .chain(environment.get("CREDENTIALS_DIRECTORY"))
        .filter_map(|path| std::path::absolute(path).ok())
        // A pipe is gone once it was read.
        .filter(|path| path.is_file() || path.is_dir())
        .collect()
}

/// `$CREDENTIALS_DIRECTORY/<kebab-name>`, then the file that `<NAME>_FILE` names, then `<NAME>`.
fn look_up(
    environment: &Environment,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<Option<SecretString>> {
    if let Some(directory) = environment.get("CREDENTIALS_DIRECTORY") {
        let path = Path::new(directory).join(name.to_ascii_lowercase().replace('_', "-"));
        // One that is there and cannot be read must not be taken for one that is not there.
        if path.try_exists().unwrap_or(true) {
            // The group's bits are not looked at: where systemd lets one more user read, they are that user's.
            check_access(&path, name)?;
            return read(&path, name).map(Some);
        }
    }
    if let Some(path) = environment.get(&format!("{name}_FILE")).map(Path::new) {
        let access = check_access(path, name)?;
        if access & 0o070 != 0 {
            remarks.push(format!(
                "the group of {}, which holds {name}, can use it: chmod 600 it, unless the group has only this user",
                path.display()
            ));
        }
        return read(path, name).map(Some);
    }
    Ok(environment.get(name).map(SecretString::from))
}

/// Looks who can use a file beside its owner; answers with its mode. A pipe is nobody else's.
///
/// # Errors
///
/// When everybody on this machine can, or when the file cannot be found.
fn check_access(path: &Path, name: &str) -> Result<u32> {
    let metadata = fs::metadata(path).with_context(|| failed(path, name))?;
    if !metadata.is_file() {
        return Ok(0);
    }
    let mode = metadata.permissions().mode() & 0o777;
    anyhow::ensure!(
        mode & 0o007 == 0,
        "everybody on this machine can use {}, which holds {name} (mode {mode:03o}): chmod 600 it, or mount it with mode 0440",
        path.display()
    );
    Ok(mode)
}

fn read(path: &Path, name: &str) -> Result<SecretString> {
    let text = read_text(path, MAX_SECRET)
        .map_err(anyhow::Error::from_boxed)
        .with_context(|| failed(path, name))?;
    let text = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!text.is_empty(), "{}: it is empty", failed(path, name));
    Ok(SecretString::from(text))
}

fn failed(path: &Path, name: &str) -> String {
    format!("failed to read the secret {name} from {}", path.display())
}

#[cfg(test)]
mod tests;
