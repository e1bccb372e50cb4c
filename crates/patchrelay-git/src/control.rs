//! Control files: what a repository says to us about how to work on it (D32). They come from the fetched base branch
//! alone, which no agent can write to.

use patchrelay_domain::BranchName;
use patchrelay_ports::{MAX_CONTROL_FILE, WorkspaceError};

use crate::{
    error::{GitError, local},
    git::Git,
    names::branch_ref,
    place::Repository,
    raw::Mode,
    snapshot::shown,
};

/// Reads a file in the root of the base branch. A link is none: what it leads to may be anything.
pub(crate) async fn read(
    git: &Git,
    repository: &Repository<'_>,
    base_branch: &BranchName,
    name: &str,
) -> Result<Option<String>, WorkspaceError> {
    let failed = || format!("read `{name}` of branch `{base_branch}`");
    branch_ref(base_branch)?;
    if name.contains('/') {
        return Ok(None);
    }
    let call = || git.in_repository(&repository.clone);
    let tip = format!("refs/remotes/origin/{base_branch}");
    let listed = call().args(["ls-tree", "-z", "--long", "--full-tree", &tip, "--", name]);
    let listed = shown(&listed.bytes().await.map_err(local(failed()))?);
    // `<mode> <type> <object> <size>\t<path>`
    let words: Vec<_> = listed.split_whitespace().collect();
    let [mode, _, object, size, ..] = words[..] else { return Ok(None) };
    match Mode::parse(mode) {
        Some(Mode::File | Mode::Executable) => {}
        Some(Mode::Nothing | Mode::Link | Mode::Submodule) | None => return Ok(None),
    }
    let size: u64 = size.parse().map_err(|_| {
        let (command, answer) = ("ls-tree".to_owned(), size.to_owned());
        local(failed())(GitError::Answer { command, answer })
    })?;
    if MAX_CONTROL_FILE < size {
        tracing::warn!(%name, branch = %base_branch, size, most = MAX_CONTROL_FILE, "a control file is too long and left out");
        return Ok(None);
    }
    let text = call().args(["cat-file", "blob", object]).bytes().await.map_err(local(failed()))?;
    Ok(Some(shown(&text)))
}
