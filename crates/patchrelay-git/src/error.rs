//! From what went wrong underneath to what the caller does about it.

use patchrelay_ports::{Cause, WorkspaceError};
use patchrelay_process::ProcessError;
use thiserror::Error;

/// How much of git's words goes into an error, in characters.
const MAX_WORDS: usize = 600;

/// Why a call to git gave no result.
#[derive(Debug, Error)]
pub(crate) enum GitError {
    /// It was not started, took too long or said too much.
    #[error("`git {command}` did not come to its end")]
    Process {
        /// The subcommand.
        command: String,
        #[source]
        source: ProcessError,
    },
    /// It came to its end and said no.
    #[error("`git {command}` ended with {status}: {stderr}")]
    Exit {
        /// The subcommand.
        command: String,
        /// Its exit status, or the signal that ended it.
        status: std::process::ExitStatus,
        /// Its words, bounded.
        stderr: String,
    },
    /// It said something that we do not understand.
    #[error("`git {command}` answered something unexpected: {answer}")]
    Answer {
        /// The subcommand.
        command: String,
        /// Its words, bounded.
        answer: String,
    },
    /// A task that reads or waits for the disk failed.
    #[error("cannot work on what git said")]
    Disk(#[source] std::io::Error),
    /// The token for the remote could not be had.
    #[error("no token for the remote")]
    Token(#[source] Cause),
}

/// Makes the error of something on this machine.
pub(crate) fn local<E: Into<Cause>>(
    operation: impl Into<String>,
) -> impl FnOnce(E) -> WorkspaceError {
    let operation = operation.into();
    move |source| WorkspaceError::Local { operation, source: source.into() }
}

/// Makes the error of a call to the remote. Only what the remote or our configuration clearly says no to is a refusal:
/// everything else may pass by waiting, and must not end an issue (W45).
pub(crate) fn remote(operation: impl Into<String>) -> impl FnOnce(GitError) -> WorkspaceError {
    let operation = operation.into();
    move |error| match error {
        GitError::Process { source: ProcessError::Spawn { .. }, .. }
        | GitError::Answer { .. }
        | GitError::Disk(_) => WorkspaceError::Local { operation, source: error.into() },
        GitError::Exit { ref stderr, .. } if is_refusal(stderr) => {
            WorkspaceError::Refused { operation, reason: stderr.clone() }
        }
        GitError::Process { .. } | GitError::Exit { .. } | GitError::Token(_) => {
            WorkspaceError::Remote { operation, source: error.into() }
        }
    }
}

/// The words of git 2.x and of the forges for a credential or a right that is missing.
fn is_refusal(stderr: &str) -> bool {
    let words = stderr.to_ascii_lowercase();
    [
        "authentication failed",
        "could not read username",
        "could not read password",
        "permission denied",
        "permission to ",
        "access denied",
        "repository not found",
        "invalid username or token",
        "returned error: 401",
        "returned error: 403",
        "returned error: 404",
        "' not found",
        "transport '",
    ]
    .iter()
    .any(|refusal| words.contains(refusal))
}

/// The end of what somebody said, on few lines and without control characters: it may end up before a human's eyes.
pub(crate) fn bounded(text: &str) -> String {
    let clean: String = text
        .trim()
        .chars()
        .map(|c| {
            if c == '\n' || c == '\t' {
                c
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect();
    let surplus = clean.chars().count().saturating_sub(MAX_WORDS);
    if surplus == 0 {
        clean
    } else {
        format!("…{}", clean.chars().skip(surplus).collect::<String>())
    }
}

#[cfg(test)]
mod tests;
