//! Our own bare clone of a project's repository (D31).

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay_domain::{BranchName, CommitSha};
use patchrelay_ports::WorkspaceError;
use tokio::{task::spawn_blocking, time::Instant};

use crate::{
    checkout::Checkout,
    config::RemoteConfig,
    error::{GitError, local, remote},
    git::{Call, Git},
    locks::{Held, Locks},
    names::{branch_ref, is_object},
    place::Repository,
    record::{Record, replace},
    refs::{lock_of, remove_locks},
    worktree::remove_tree,
};

/// A first fetch takes the whole history, which may be some gigabytes.
const FETCH_DEADLINE: Duration = Duration::from_secs(900);
/// A question of one line, with slow name resolution and a slow handshake.
const ASK_DEADLINE: Duration = Duration::from_secs(60);
/// Where what was copied from a checkout of the operator's has names, until the remote has said what it has itself.
const SEED: &str = "refs/patchrelay/seed/";
/// How often a branch that moves between the question and the fetch is asked for again.
const MOVING_BRANCH_TRIES: u32 = 3;

/// The whole configuration of a clone. Comparing it as a text is the strictest allow-list: what git would run, it would
/// run because of a line that is not here. The remote is not in it; each call names it.
const CONFIG: &str =
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n[gc]\n\tauto = 0\n";

/// Makes the clone if it is missing, and its configuration what it has to be. A clone appears whole or not at all.
/// Needs the clone's lock.
pub(crate) async fn ensure(git: &Git, clone: &Path) -> Result<(), WorkspaceError> {
    let failed = || format!("make the clone `{}`", clone.display());
    if !is_usable(clone) {
        let fresh = beside(clone, "new");
        let (old, dir) = (clone.to_owned(), fresh.clone());
        blocking(move || clear_the_way(&old, &dir)).await.map_err(local(failed()))?;
        let parent = fresh.parent().unwrap_or(&fresh);
        let init = git.anywhere(parent).args([
            "init",
            "--quiet",
            "--bare",
            "--template=",
            "--initial-branch=none",
            "--",
        ]);
        init.args([&fresh]).done().await.map_err(local(failed()))?;
        let (from, to) = (fresh, clone.to_owned());
        blocking(move || fs::rename(from, to)).await.map_err(local(failed()))?;
    }
    restore_config_of(clone).await
}

/// Makes the clone's configuration what it has to be. Several may do it at once.
pub(crate) async fn restore_config_of(clone: &Path) -> Result<(), WorkspaceError> {
    let path = clone.to_owned();
    let restored = blocking(move || restore_config(&path)).await;
    restored.map_err(local(format!("check the configuration of the clone `{}`", clone.display())))
}

/// Whether there is a clone. Its configuration is checked by [`ensure`].
pub(crate) fn is_usable(clone: &Path) -> bool {
    let is_dir = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    is_dir(clone)
        && is_dir(&clone.join("objects"))
        && is_dir(&clone.join("refs"))
        && clone.join("HEAD").is_file()
}

/// Makes the clone what it has to be, with all branches as they are at some time after `asked` in `refs/remotes/origin`.
/// Of many who wait for the clone, only one fetches. `held` is the clone's lock.
pub(crate) async fn refresh(
    git: &Git,
    repository: &Repository<'_>,
    held: &mut Held,
    asked: Instant,
) -> Result<(), WorkspaceError> {
    let was_usable = is_usable(&repository.clone);
    ensure(git, &repository.clone).await?;
    if was_usable && held.fetch_began.is_some_and(|began| asked <= began) {
        return Ok(());
    }
    let began = Instant::now();
    let failed = || format!("look whether the clone `{}` is whole", repository.clone.display());
    let path = repository.clone.clone();
    let completing = blocking(move || completing(&path)).await.map_err(local(failed()))?;
    let options = [&["--prune"], completing].concat();
    if let Some(checkout) = &repository.remote.checkout
        && !was_usable
        && let Some(refs) = checkout.refspec(SEED)
        && let Err(error) =
            fetch_refs(git, repository, Source::Checkout(checkout), &[], &refs).await
    {
        tracing::warn!(%error, "a checkout could not be copied from; all comes from the remote");
    }
    let all = "+refs/heads/*:refs/remotes/origin/*";
    fetch_refs(git, repository, Source::Remote, &options, all).await?;
    if repository.remote.checkout.is_some() {
        forget_seed(git, &repository.clone).await?;
    }
    let packs = repository.clone.join("objects/pack");
    blocking(move || forget_promises(&packs)).await.map_err(local(failed()))?;
    held.fetch_began = Some(began);
    Ok(())
}

/// Where something is fetched from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Remote,
    Checkout(&'a Checkout),
}

/// Fetches what is named, after removing what a killed predecessor left in the way.
async fn fetch_refs(
    git: &Git,
    repository: &Repository<'_>,
    source: Source<'_>,
    options: &[&str],
    refs: &str,
) -> Result<(), WorkspaceError> {
    let clone = &repository.clone;
    let failed = || format!("fetch `{refs}` into `{}`", clone.display());
    let marker = git.marker_of(clone);
    patchrelay_process::reap(&marker).await.map_err(local(failed()))?;
    let (path, records) = (clone.clone(), repository.records.clone());
    let locks = blocking(move || {
        remove_half_made(&path.join("worktrees"), &records)?;
        fetch_locks(&path)
    });
    remove_locks(locks.await.map_err(local(failed()))?).await.map_err(local(failed()))?;
    let call = git
        .in_repository(clone)
        .marked(&marker)
        .deadline(FETCH_DEADLINE)
        .args(["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head"])
        .args(["--no-recurse-submodules"])
        .args(options);
    let call = match source {
        Source::Remote => towards(call, repository.remote, "--upload-pack", "upload-pack")
            .await
            .map_err(remote(failed()))?,
        Source::Checkout(checkout) => on_this_machine(call, "--upload-pack", "upload-pack")
            .args([OsStr::new("--"), checkout.repository().as_os_str()]),
    };
    call.args([refs]).done().await.map_err(remote(failed()))
}

/// What was copied from a checkout needs no names of its own any more, and what only a checkout had is no branch of the
/// remote.
async fn forget_seed(git: &Git, clone: &Path) -> Result<(), WorkspaceError> {
    let failed = || format!("forget what a checkout knew, in `{}`", clone.display());
    let call = git.in_repository(clone).args(["for-each-ref", "--format=delete %(refname)", SEED]);
    let orders = call.bytes().await.map_err(local(failed()))?;
    if orders.is_empty() {
        return Ok(());
    }
    let call = git.in_repository(clone).args(["update-ref", "--no-deref", "--stdin"]);
    call.stdin(orders).done().await.map_err(local(failed()))
}

/// What a fetch has to bring besides what is new, so that nothing of the history is missing. Clones of ours are whole;
/// one that somebody put in their place may not be.
fn completing(clone: &Path) -> io::Result<&'static [&'static str]> {
    if fs::symlink_metadata(clone.join("shallow")).is_ok() {
        Ok(&["--unshallow"])
    } else if promises(&clone.join("objects/pack"))?.is_empty() {
        Ok(&[])
    } else {
        Ok(&["--refetch"])
    }
}

/// The files by which git knows that a pack may refer to objects that are not there.
fn promises(packs: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(packs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_promise = |path: &PathBuf| path.extension().is_some_and(|it| it == "promisor");
    Ok(paths.into_iter().filter(is_promise).collect())
}

/// After everything was fetched, nothing is only promised any more.
fn forget_promises(packs: &Path) -> io::Result<()> {
    promises(packs)?.into_iter().try_for_each(fs::remove_file)
}

/// The tip of a branch of the remote, as of the last fetch.
pub(crate) async fn fetched_tip(
    git: &Git,
    clone: &Path,
    branch: &BranchName,
) -> Result<Option<CommitSha>, WorkspaceError> {
    branch_ref(branch)?;
    let call = git.in_repository(clone).args(["for-each-ref", "--format=%(objectname) %(refname)"]);
    let name = format!("refs/remotes/origin/{branch}");
    let refs = call.args([&name]).line().await.map_err(local(format!("read branch `{branch}`")))?;
    // A name without a match of its own would match the branches below it.
    Ok(refs
        .lines()
        .find_map(|line| line.split_once(' ').filter(|(_, found)| *found == name))
        .map(|(sha, _)| CommitSha::new(sha)))
}

/// The tip of a branch of the remote now.
pub(crate) async fn remote_tip(
    git: &Git,
    repository: &Repository<'_>,
    branch: &BranchName,
) -> Result<Option<CommitSha>, WorkspaceError> {
    let name = branch_ref(branch)?;
    let failed = || format!("ask the remote for branch `{branch}`");
    let call =
        git.in_repository(&repository.clone).deadline(ASK_DEADLINE).args(["ls-remote", "--quiet"]);
    let call = towards(call, repository.remote, "--upload-pack", "upload-pack")
        .await
        .map_err(remote(failed()))?;
    let answer = call.args([&name]).line().await.map_err(remote(failed()))?;
    // The pattern also matches names that only end like it.
    let tip =
        answer.lines().find_map(|line| line.split_once('\t').filter(|(_, found)| *found == name));
    match tip {
        None => Ok(None),
        Some((sha, _)) if is_object(sha) => Ok(Some(CommitSha::new(sha))),
        Some((sha, _)) => Err(remote(failed())(GitError::Answer {
            command: "ls-remote".to_owned(),
            answer: sha.to_owned(),
        })),
    }
}

/// The tip of a branch of the remote now, with its commit in our clone. No ref is written. Takes the clone's lock, but
/// only when it has to fetch: somebody else's fetch may take long.
pub(crate) async fn fetched_remote_tip(
    git: &Git,
    locks: &Locks,
    repository: &Repository<'_>,
    branch: &BranchName,
) -> Result<Option<CommitSha>, WorkspaceError> {
    let name = branch_ref(branch)?;
    for _ in 0..MOVING_BRANCH_TRIES {
        let Some(tip) = remote_tip(git, repository, branch).await? else { return Ok(None) };
        if has_commit(git, &repository.clone, &tip).await? {
            return Ok(Some(tip));
        }
        let _held = locks.hold(&repository.clone).await;
        fetch_refs(git, repository, Source::Remote, &[], &name).await?;
        if has_commit(git, &repository.clone, &tip).await? {
            return Ok(Some(tip));
        }
    }
    Err(WorkspaceError::Remote {
        operation: format!("fetch branch `{branch}`"),
        source: "it moves faster than it can be fetched".into(),
    })
}

/// Whether the clone has this commit.
pub(crate) async fn has_commit(
    git: &Git,
    clone: &Path,
    commit: &CommitSha,
) -> Result<bool, WorkspaceError> {
    let call =
        git.in_repository(clone).args(["cat-file", "-e"]).args([format!("{commit}^{{commit}}")]);
    call.output()
        .await
        .map(|output| output.status.success())
        .map_err(local(format!("look for commit `{commit}`")))
}

/// Names the remote on a call: its token, how its side is started if it is on this machine, and its address.
pub(crate) async fn towards(
    call: Call,
    remote: &RemoteConfig,
    option: &str,
    service: &str,
) -> Result<Call, GitError> {
    let call = call.with_token_for(remote).await?;
    let call = if remote.is_local() { on_this_machine(call, option, service) } else { call };
    Ok(call.args(["--", &remote.url]))
}

/// Says how the other side is started when it is on this machine. The operator named that repository, so it may belong
/// to another user. The setting has to be said to the other side's own process: git does not hand ours on, and there is
/// no global configuration.
fn on_this_machine(call: Call, option: &str, service: &str) -> Call {
    call.args([format!("{option}=git -c 'safe.directory=*' {service}")])
}

/// Makes room for a new clone. What is in the way may hold rescued work, so it is moved aside and never deleted.
fn clear_the_way(clone: &Path, fresh: &Path) -> io::Result<()> {
    if fs::symlink_metadata(fresh).is_ok() {
        fs::remove_dir_all(fresh)?;
    }
    if let Some(parent) = clone.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::symlink_metadata(clone).is_err() {
        return Ok(());
    }
    let aside = (1..u32::MAX)
        .map(|n| beside(clone, &format!("damaged-{n}")))
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
    tracing::warn!(clone = %clone.display(), kept = %aside.display(), "a damaged clone is replaced");
    fs::rename(clone, aside)
}

/// A path beside the clone that is the clone of no project: project ids have no dot.
fn beside(clone: &Path, ending: &str) -> PathBuf {
    clone.with_extension(ending)
}

fn restore_config(clone: &Path) -> io::Result<()> {
    let path = clone.join("config");
    let is_ours = || {
        fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file())
            && fs::read(&path).is_ok_and(|found| found == CONFIG.as_bytes())
    };
    if is_ours() {
        return Ok(());
    }
    let replaced = replace(&path, CONFIG.as_bytes());
    // Of two who do it at once, one may find its new file gone; then the other has done it.
    if is_ours() { Ok(()) } else { replaced }
}

/// Removes what git knows of worktrees that were never finished. They are made afresh anyway, and while one of their
/// files is empty, no fetch succeeds for any other. Worktrees are only made under the clone's lock, so none is being
/// made now.
fn remove_half_made(admins: &Path, records: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(admins) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let mut record = entry.file_name();
        record.push(".json");
        let record =
            fs::read(records.join(record)).ok().and_then(|bytes| Record::parse(&bytes).ok());
        if record.is_some_and(|record| !record.is_whole) {
            remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

/// The locks on what a fetch writes. Whoever holds the clone's lock knows that nobody of ours is at work on these; our
/// own refs are written without it.
fn fetch_locks(clone: &Path) -> io::Result<Vec<PathBuf>> {
    let names = ["packed-refs", "config", "HEAD", "shallow"];
    let mut locks: Vec<_> = names.iter().map(|name| lock_of(&clone.join(name))).collect();
    let mut pending = vec![clone.join("refs/remotes"), clone.join("refs/heads")];
    while let Some(dir) = pending.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lock") {
                locks.push(path);
            }
        }
    }
    Ok(locks)
}

/// Runs what waits for the disk where it holds up nobody else.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}
