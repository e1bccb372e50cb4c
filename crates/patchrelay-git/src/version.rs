//! Which git there is.

use std::time::Duration;

use patchrelay_process::{Command, ProcessError};

/// How long git may take to tell its version.
const DEADLINE: Duration = Duration::from_secs(10);

/// The git that has everything that is asked of it here, such as attributes from a commit instead of the worktree.
pub const OLDEST_GIT: (u32, u32) = (2, 41);

/// What the git of this environment says of itself, and its version as far as that could be read in it.
///
/// # Errors
///
/// When it cannot be started or does not end.
pub async fn git_version(
    env: &[(String, String)],
) -> Result<(String, Option<(u32, u32)>), ProcessError> {
    let command = Command::new("git", "/").arg("--version");
    let command = command.envs(env.iter().map(|(name, value)| (name, value)));
    let output = command.run(DEADLINE).await?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version = read(&said);
    Ok((said, version))
}

/// `git version 2.47.3`, with whatever a vendor writes behind it.
fn read(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests;
