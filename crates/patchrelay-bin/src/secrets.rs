//! Secrets: where they are looked up, and which there are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use secrecy::SecretString;

use crate::environment::Environment;

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

impl Secrets {
    /// Looks every secret up.
    ///
    /// # Errors
    ///
    /// When a file that is named for one cannot be read.
    pub(crate) fn look_up(environment: &Environment) -> Result<Self> {
        Ok(Self {
            linear_webhook: look_up(environment, "LINEAR_WEBHOOK_SECRET")?,
            linear_access_token: look_up(environment, "LINEAR_ACCESS_TOKEN")?,
            github_webhook: match look_up(environment, "GITHUB_WEBHOOK_SECRET")? {
                Some(secret) => Some(secret),
                None => look_up(environment, "GITHUB_APP_WEBHOOK_SECRET")?,
            },
            github_token: look_up(environment, "GITHUB_TOKEN")?,
            api_token: look_up(environment, "PATCHRELAY_API_TOKEN")?,
        })
    }
}

/// `$CREDENTIALS_DIRECTORY/<kebab-name>`, then the file that `<NAME>_FILE` names, then `<NAME>`.
fn look_up(environment: &Environment, name: &str) -> Result<Option<SecretString>> {
    if let Some(directory) = environment.get("CREDENTIALS_DIRECTORY") {
        let path = Path::new(directory).join(name.to_ascii_lowercase().replace('_', "-"));
        if path.exists() {
            return read(&path, name).map(Some);
        }
    }
    if let Some(path) = environment.get(&format!("{name}_FILE")) {
        return read(&PathBuf::from(path), name).map(Some);
    }
    Ok(environment.get(name).map(SecretString::from))
}

fn read(path: &Path, name: &str) -> Result<SecretString> {
    let read = || format!("failed to read the secret {name} from {}", path.display());
    let size = std::fs::metadata(path).with_context(read)?.len();
    anyhow::ensure!(size <= MAX_SECRET, "{}: it has more than {MAX_SECRET} bytes", read());
    let text = std::fs::read_to_string(path).with_context(read)?;
    let text = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!text.is_empty(), "{}: it is empty", read());
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests;
