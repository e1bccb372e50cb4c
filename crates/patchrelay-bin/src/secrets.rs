//! Secrets: where they are looked up, and which there are.

use std::path::{Path, PathBuf};

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
}

const LINEAR_WEBHOOK_SECRET: &str = "LINEAR_WEBHOOK_SECRET";
const LINEAR_ACCESS_TOKEN: &str = "LINEAR_ACCESS_TOKEN";
const GITHUB_WEBHOOK_SECRET: &str = "GITHUB_WEBHOOK_SECRET";
const GITHUB_APP_WEBHOOK_SECRET: &str = "GITHUB_APP_WEBHOOK_SECRET";
const GITHUB_TOKEN: &str = "GITHUB_TOKEN";
const PATCHRELAY_API_TOKEN: &str = "PATCHRELAY_API_TOKEN";
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
        Ok(Self {
            linear_webhook: look_up(environment, LINEAR_WEBHOOK_SECRET)?,
            linear_access_token: look_up(environment, LINEAR_ACCESS_TOKEN)?,
            github_webhook: match look_up(environment, GITHUB_WEBHOOK_SECRET)? {
                Some(secret) => Some(secret),
                None => look_up(environment, GITHUB_APP_WEBHOOK_SECRET)?,
            },
            github_token: look_up(environment, GITHUB_TOKEN)?,
            api_token: api_token(environment)?,
        })
    }

    /// Those that there are, each with its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &SecretString)> {
        let Self { linear_webhook, linear_access_token, github_webhook, github_token, api_token } =
            self;
        [
            (LINEAR_WEBHOOK_SECRET, linear_webhook),
            (LINEAR_ACCESS_TOKEN, linear_access_token),
            (GITHUB_WEBHOOK_SECRET, github_webhook),
            (GITHUB_TOKEN, github_token),
            (PATCHRELAY_API_TOKEN, api_token),
        ]
        .into_iter()
        .filter_map(|(name, secret)| Some((name, secret.as_ref()?)))
    }
}

/// Looks up what operators authenticate with, and nothing that they may not be allowed to read.
///
/// # Errors
///
/// When the file that is named for it cannot be read.
pub(crate) fn api_token(environment: &Environment) -> Result<Option<SecretString>> {
    look_up(environment, PATCHRELAY_API_TOKEN)
}

/// The files and directories that secrets are read from, for keeping others away from them.
pub(crate) fn places(environment: &Environment) -> Vec<PathBuf> {
    let files = NAMES.iter().filter_map(|name| environment.get(&format!("{name}_FILE")));
    files
        .chain(environment.get("CREDENTIALS_DIRECTORY"))
        .filter_map(|path| std::path::absolute(path).ok())
        // A pipe is gone once it was read.
        .filter(|path| path.is_file() || path.is_dir())
        .collect()
}

/// `$CREDENTIALS_DIRECTORY/<kebab-name>`, then the file that `<NAME>_FILE` names, then `<NAME>`.
fn look_up(environment: &Environment, name: &str) -> Result<Option<SecretString>> {
    if let Some(directory) = environment.get("CREDENTIALS_DIRECTORY") {
        let path = Path::new(directory).join(name.to_ascii_lowercase().replace('_', "-"));
        // One that is there and cannot be read must not be taken for one that is not there.
        if path.try_exists().unwrap_or(true) {
            return read(&path, name).map(Some);
        }
    }
    if let Some(path) = environment.get(&format!("{name}_FILE")) {
        return read(Path::new(path), name).map(Some);
    }
    Ok(environment.get(name).map(SecretString::from))
}

fn read(path: &Path, name: &str) -> Result<SecretString> {
    let failed = || format!("failed to read the secret {name} from {}", path.display());
    let text =
        read_text(path, MAX_SECRET).map_err(anyhow::Error::from_boxed).with_context(failed)?;
    let text = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!text.is_empty(), "{}: it is empty", failed());
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests;
