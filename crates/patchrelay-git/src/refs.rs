//! Our own refs, and the locks that a killed git leaves.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use patchrelay_ports::WorkspaceError;

use crate::{clone::blocking, error::local, git::Git};

/// What stands for "no such ref" when a ref is changed.
const NO_OBJECT: &str = "0000000000000000000000000000000000000000";

/// What a ref is before it is changed.
pub(crate) enum Before<'a> {
    /// Whatever it is.
    Anything,
    /// This object, or nothing. If it is something else, the ref is not changed.
    Exactly(Option<&'a str>),
}

/// Lets a ref of ours name an object. A predecessor that was killed while it did the same does not stand in the way. The
/// caller sees to it that nobody else writes this ref.
pub(crate) async fn set(
    git: &Git,
    clone: &Path,
    name: &str,
    object: &str,
    before: Before<'_>,
) -> Result<(), WorkspaceError> {
    let failed = || format!("set `{name}` to `{object}`");
    let path = clone.join(name);
    let marker = git.marker_of(&path);
    patchrelay_process::reap(&marker).await.map_err(local(failed()))?;
    remove_locks(vec![lock_of(&path)]).await.map_err(local(failed()))?;
    let call = git.in_repository(clone).marked(&marker).args(["update-ref", name, object]);
    let call = match before {
        Before::Anything => call,
        Before::Exactly(old) => call.args([old.unwrap_or(NO_OBJECT)]),
    };
    call.done().await.map_err(local(failed()))
}

/// The file that git makes while it changes this one.
pub(crate) fn lock_of(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    PathBuf::from(lock)
}

/// Removes locks of which the caller knows that nobody holds them any more: a killed git leaves its locks, and the next
/// one refuses to go on.
pub(crate) async fn remove_locks(locks: Vec<PathBuf>) -> io::Result<()> {
    blocking(move || {
        for lock in locks {
            match fs::remove_file(&lock) {
                Ok(()) => {
                    tracing::info!(lock = %lock.display(), "removed the lock of a git that was killed");
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })
    .await
}
