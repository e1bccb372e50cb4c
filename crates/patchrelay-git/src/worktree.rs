//! Making a worktree, finding it again, and the one file of git's that lies in it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use patchrelay_ports::WorkspaceError;

use crate::{
    clone::blocking,
    error::local,
    git::Git,
    names::commit_arg,
    own,
    place::Place,
    record::{Record, Stand},
};

/// The longest `.git` file that is read, in bytes; ours is one path.
const MAX_GIT_FILE: u64 = 16 * 1024;

/// What is at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A worktree of ours that is not finished, or not any more: no agent was ever in it, or what it left is kept.
    HalfMade(Record),
    /// A worktree of ours.
    Whole(Record),
}

/// Looks at a place.
///
/// # Errors
///
/// `Foreign` when something is there that we did not make: it is left alone.
pub(crate) async fn find(place: &Place) -> Result<Found, WorkspaceError> {
    let foreign = |reason: &str| WorkspaceError::Foreign {
        path: place.path.display().to_string(),
        reason: reason.to_owned(),
    };
    let failed = || format!("look at `{}`", place.path.display());
    let metadata = match tokio::fs::symlink_metadata(&place.path).await {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(local(failed())(error)),
    };
    if !metadata.is_dir() {
        return Err(foreign("it is not a directory"));
    }
    // The root may lie behind a link of the operator's; below it, no link may lead anywhere else.
    let (root, real) =
        (tokio::fs::canonicalize(&place.root).await, tokio::fs::canonicalize(&place.path).await);
    let (root, real) = (root.map_err(local(failed()))?, real.map_err(local(failed()))?);
    if real != root.join(&place.name) {
        return Err(foreign("a link leads out of the worktree root"));
    }
    match Record::load(place).await? {
        None => Err(foreign("there is no record of our making it")),
        Some(record) if record.is_whole => Ok(Found::Whole(record)),
        Some(record) => Ok(Found::HalfMade(record)),
    }
}

/// Makes the worktree anew, standing on this commit. What is there is removed, so it has to be ours and its content kept
/// elsewhere. After a crash at any point the place is [`Found::Nothing`], [`Found::HalfMade`] or whole. Needs the locks
/// of the worktree and of the clone.
pub(crate) async fn make(
    git: &Git,
    place: &Place,
    stand: &Stand,
    own: &own::Repository<'_>,
) -> Result<(), WorkspaceError> {
    let failed = || format!("make the worktree `{}`", place.path.display());
    stand.record(place, false).store(place).await?;
    let (path, admin, root) = (place.path.clone(), place.admin(), place.root.clone());
    let cleared = blocking(move || {
        remove_tree(&path)?;
        remove_tree(&admin)?;
        fs::create_dir_all(root)
    });
    cleared.await.map_err(local(failed()))?;
    if place.is_own_repository {
        own.fill(git, place, &stand.commit).await?;
    } else {
        add(git, place, stand).await?;
    }
    stand.record(place, true).store(place).await
}

/// Lets git make the worktree, as one of our clone.
async fn add(git: &Git, place: &Place, stand: &Stand) -> Result<(), WorkspaceError> {
    let failed = || format!("make the worktree `{}`", place.path.display());
    let call = git.in_repository(&place.clone).marked(&git.marker_of(&place.path));
    let call = call
        .args(["worktree", "add", "--quiet", "--detach", "--no-guess-remote", "--"])
        .args([&place.path]);
    call.args([commit_arg(&stand.commit)?]).done().await.map_err(local(failed()))?;
    if !is_git_file_ours(place).await.map_err(local(failed()))? {
        return Err(local(failed())("git did not name it as it was expected to"));
    }
    Ok(())
}

/// Removes the worktree, which has to be ours and its content kept elsewhere. After a crash at any point the place is
/// [`Found::HalfMade`] or [`Found::Nothing`]. Needs the locks of the worktree and of the clone.
pub(crate) async fn remove(place: &Place, record: Record) -> Result<(), WorkspaceError> {
    let failed = || format!("remove the worktree `{}`", place.path.display());
    Record { is_whole: false, ..record }.store(place).await?;
    let (path, admin, index) = (place.path.clone(), place.admin(), place.index.clone());
    let removed = blocking(move || {
        remove_tree(&path)?;
        remove_tree(&admin)?;
        remove_tree(&index)
    });
    removed.await.map_err(local(failed()))?;
    forget(place).await
}

/// Removes the record of a worktree that is gone.
pub(crate) async fn forget(place: &Place) -> Result<(), WorkspaceError> {
    let record = place.record.clone();
    let failed = || format!("remove the record of worktree `{}`", place.path.display());
    blocking(move || remove_tree(&record)).await.map_err(local(failed()))
}

/// Lets the worktree stand on another commit, which the place's index fits. No file of it is touched.
pub(crate) async fn adopt(git: &Git, place: &Place, stand: &Stand) -> Result<(), WorkspaceError> {
    let failed = || format!("move the worktree `{}`", place.path.display());
    if place.is_own_repository {
        // Head and index are the agent's own.
        return stand.record(place, true).store(place).await;
    }
    // Head and index are for the agent's eyes; what counts is the record, which comes last.
    let head = git.in_repository(&place.admin()).args([
        "update-ref",
        "--no-deref",
        "HEAD",
        commit_arg(&stand.commit)?,
    ]);
    head.done().await.map_err(local(failed()))?;
    tokio::fs::rename(&place.index, place.admin().join("index")).await.map_err(local(failed()))?;
    stand.record(place, true).store(place).await
}

/// Whether the worktree's `.git` is the file that we made: it leads every git that is started in the worktree to our
/// clone. An agent that could replace it would choose the configuration of whoever runs git there next. A repository of
/// the agent's own is its own.
pub(crate) async fn is_git_file_ours(place: &Place) -> io::Result<bool> {
    if place.is_own_repository {
        return Ok(true);
    }
    let (path, expected) = (place.path.join(".git"), expected_git_file(place).await?);
    let metadata = match tokio::fs::symlink_metadata(&path).await {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() || MAX_GIT_FILE < metadata.len() {
        return Ok(false);
    }
    Ok(tokio::fs::read(&path).await? == expected)
}

/// Makes the worktree's `.git` what it has to be. Whatever else is there is removed: it is no work product, and a git
/// that is started in the worktree must not meet it.
pub(crate) async fn restore_git_file(place: &Place) -> Result<(), WorkspaceError> {
    let failed = || format!("restore the `.git` of `{}`", place.path.display());
    if is_git_file_ours(place).await.map_err(local(failed()))? {
        return Ok(());
    }
    tracing::warn!(worktree = %place.path.display(), "the worktree's `.git` was replaced; it is made ours again");
    let (path, content) =
        (place.path.join(".git"), expected_git_file(place).await.map_err(local(failed()))?);
    let restored = blocking(move || {
        remove_tree(&path)?;
        fs::write(&path, content)
    });
    restored.await.map_err(local(failed()))
}

async fn expected_git_file(place: &Place) -> io::Result<Vec<u8>> {
    let clone: PathBuf = tokio::fs::canonicalize(&place.clone).await?;
    let mut content = b"gitdir: ".to_vec();
    content.extend(clone.join("worktrees").join(&place.name).into_os_string().into_encoded_bytes());
    content.push(b'\n');
    Ok(content)
}

/// Removes whatever is there, without following links.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if !metadata.is_dir() => fs::remove_file(path),
        Ok(_) => match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::info!(path = %path.display(), %error, "removing it piece by piece");
                remove_piece_by_piece(path)
            }
            Ok(()) | Err(_) => Ok(()),
        },
    }
}

/// Removes a directory that cannot be removed at once: its directories are read-only, as caches of package managers
/// often are, or lie deeper than a path can say. Each is moved up before it is emptied, so that no path is long and no
/// directory has to be held open while another one is.
fn remove_piece_by_piece(root: &Path) -> io::Result<()> {
    let open = |dir: &Path| fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    open(root)?;
    let mut pending = vec![root.to_owned()];
    let mut moved = 0_u64;
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir)?.collect::<io::Result<Vec<_>>>()? {
            let path = entry.path();
            if !entry.file_type()?.is_dir() {
                fs::remove_file(path)?;
                continue;
            }
            open(&path)?;
            let up = loop {
                let up = root.join(format!("{moved}"));
                moved += 1;
                if fs::symlink_metadata(&up).is_err() {
                    break up;
                }
            };
            fs::rename(path, &up)?;
            pending.push(up);
        }
        if dir != root {
            fs::remove_dir(dir)?;
        }
    }
    fs::remove_dir(root)
}
