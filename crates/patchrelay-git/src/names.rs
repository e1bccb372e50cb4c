//! Checks of what becomes part of a path, a ref or an argument.

use patchrelay_domain::{BranchName, CommitSha, IssueId, RunId, TreeId};
use patchrelay_ports::WorkspaceError;

use crate::error::local;

/// The longest name of a file on the file systems that we know, with room for our endings, in bytes.
const MAX_NAME: usize = 200;

/// Whether the text is safe as the name of one file or directory, and the same to git as to us.
pub(crate) fn is_file_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !text.is_empty() && text.len() <= MAX_NAME && !text.starts_with('-') && text.bytes().all(legal)
}

/// The text as one part of a ref or one name of a file. Ids of ours and of the trackers that we know stay as they are.
pub(crate) fn as_name(text: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let name: String = text.chars().take(MAX_NAME).map(legal).collect();
    if is_file_name(&name) { name } else { format!("x{name}").chars().take(MAX_NAME).collect() }
}

/// Where a run's uncommitted work is kept (D26).
pub(crate) fn rescue_ref(issue: &IssueId, run: &RunId) -> String {
    format!("refs/patchrelay/rescue/{}/{}", as_name(issue.ticket.as_str()), as_name(run.as_str()))
}

/// What keeps a run's commit from being collected as garbage.
pub(crate) fn publish_ref(issue: &IssueId, run: &RunId) -> String {
    format!("refs/patchrelay/publish/{}/{}", as_name(issue.ticket.as_str()), as_name(run.as_str()))
}

/// The full name of a branch, if git would take it as one. What git refuses could mean something else in an argument.
pub(crate) fn branch_ref(branch: &BranchName) -> Result<String, WorkspaceError> {
    let name = branch.as_str();
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.ends_with(".lock")
    };
    let is_legal = !name.starts_with('-')
        && name != "@"
        && name.len() <= 4 * MAX_NAME
        && name.split('/').all(is_part)
        && !name.contains("..")
        && !name.contains("@{")
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\'));
    if is_legal {
        Ok(format!("refs/heads/{name}"))
    } else {
        Err(local("use a branch")(format!("`{name}` is not a name of a branch")))
    }
}

/// The commit as an argument.
pub(crate) fn commit_arg(commit: &CommitSha) -> Result<&str, WorkspaceError> {
    object_arg(commit.as_str())
}

/// The tree as an argument.
pub(crate) fn tree_arg(tree: &TreeId) -> Result<&str, WorkspaceError> {
    object_arg(tree.as_str())
}

fn object_arg(text: &str) -> Result<&str, WorkspaceError> {
    if is_object(text) {
        Ok(text)
    } else {
        Err(local("use a git object")(format!("`{text}` is not the name of one")))
    }
}

/// Whether this is the full name of a git object.
pub(crate) fn is_object(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests;
