//! Control files: what a repository says to us about how to work on it (D32). They come from the fetched base branch
//! alone, which no agent can write to.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use patchrelay_domain::BranchName;
use patchrelay_ports::{MAX_CONTROL_FILE, WorkspaceError};

use crate::{
    clone::blocking,
    error::{GitError, local},
    git::Git,
    names::branch_ref,
    place::Repository,
    raw::Mode,
    record::replace,
    snapshot::shown,
};

/// Where a project's prepare hook is in its repository.
const HOOK: &str = ".patchrelay/hooks/prepare-worktree";

/// Reads a file in the root of the base branch. A link is none: what it leads to may be anything.
pub(crate) async fn read(
    git: &Git,
    repository: &Repository<'_>,
    base_branch: &BranchName,
    name: &str,
) -> Result<Option<String>, WorkspaceError> {
    if name.contains('/') {
        return Ok(None);
    }
    match find(git, repository, base_branch, name).await? {
        Found::File(bytes) => Ok(Some(shown(&bytes))),
        Found::TooLong(size) => {
            tracing::warn!(%name, branch = %base_branch, size, most = MAX_CONTROL_FILE, "a control file is too long and left out");
            Ok(None)
        }
        Found::Nothing | Found::NoFile => Ok(None),
    }
}

/// Puts the prepare hook of the base branch where it can be started from, and tells whether there is one. It is written
/// only when it is another one than last time, since a program cannot be started while anybody writes to it. Needs the
/// hook's lock.
pub(crate) async fn place_hook(
    git: &Git,
    repository: &Repository<'_>,
    base_branch: &BranchName,
    place: &Path,
) -> Result<bool, WorkspaceError> {
    let failed = || format!("use `{HOOK}` of branch `{base_branch}`");
    let bytes = match find(git, repository, base_branch, HOOK).await? {
        Found::Nothing => return Ok(false),
        Found::File(bytes) => bytes,
        Found::NoFile => return Err(local(failed())("it is not a file")),
        Found::TooLong(size) => {
            let reason = format!("it has {size} bytes, and at most {MAX_CONTROL_FILE} are taken");
            return Err(local(failed())(reason));
        }
    };
    let place = place.to_owned();
    let placed = blocking(move || {
        if !fs::read(&place).is_ok_and(|found| found == bytes) {
            replace(&place, &bytes)?;
        }
        fs::set_permissions(&place, fs::Permissions::from_mode(0o500))
    });
    placed.await.map_err(local(failed()))?;
    Ok(true)
}

/// What the base branch has at a path.
enum Found {
    Nothing,
    File(Vec<u8>),
    /// A file of so many bytes.
    TooLong(u64),
    /// A link, a directory or a submodule.
    NoFile,
}

async fn find(
    git: &Git,
    repository: &Repository<'_>,
    base_branch: &BranchName,
    path: &str,
) -> Result<Found, WorkspaceError> {
    let failed = || format!("read `{path}` of branch `{base_branch}`");
    branch_ref(base_branch)?;
    let call = || git.in_repository(&repository.clone);
    let tip = format!("refs/remotes/origin/{base_branch}");
    let listed = call().args(["ls-tree", "-z", "--long", "--full-tree", &tip, "--", path]);
    let listed = shown(&listed.bytes().await.map_err(local(failed()))?);
    // `<mode> <type> <object> <size>\t<path>`
    let words: Vec<_> = listed.split_whitespace().collect();
    let [mode, _, object, size, ..] = words[..] else { return Ok(Found::Nothing) };
    match Mode::parse(mode) {
        Some(Mode::File | Mode::Executable) => {}
        Some(Mode::Nothing | Mode::Link | Mode::Submodule) | None => return Ok(Found::NoFile),
    }
    let size: u64 = size.parse().map_err(|_| {
        let (command, answer) = ("ls-tree".to_owned(), size.to_owned());
        local(failed())(GitError::Answer { command, answer })
    })?;
    if MAX_CONTROL_FILE < size {
        return Ok(Found::TooLong(size));
    }
    let bytes = call().args(["cat-file", "blob", object]).bytes().await.map_err(local(failed()))?;
    Ok(Found::File(bytes))
}
