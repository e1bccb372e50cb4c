//! A checkout of the operator's own (D31): what is taken from it, and what is left alone.
//!
//! Worktrees are never made from it. They come from our own bare clone like those of every other project, so nothing of
//! the checkout can be in their way and they in nobody's: git would keep them in its `.git`, its hooks and filters would
//! run for them, a branch that is checked out there could not be worked on, and a `gc` there could take objects that only
//! we need. What the checkout is good for is its objects, which the first fetch copies instead of asking the network for
//! the whole history, and the address of its remote. An alternate would save the copy, and lose our commits when the
//! checkout is moved, repacked or thrown away.
//!
//! It is read in three ways, none of which runs anything that it names: `rev-parse` to find its git directory,
//! `config --file` of that one file without what it includes, and `upload-pack`, which is made for repositories that
//! nobody trusts. Nothing is written to it.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay_domain::{BranchName, RepoSlug};
use patchrelay_ports::Cause;
use thiserror::Error;

use crate::{clone::blocking, config::check_address, error::GitError, git::Git, names::branch_ref};

/// How long it may take to look at it: some files are read.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest configuration that is read, in bytes.
const MAX_CONFIG: usize = 1024 * 1024;
/// What is asked of the configuration: which remotes there are, and what says that objects are missing.
const ASKED: &str = r"^(remote\..*\.(url|promisor)|extensions\.partialclone)$";
/// The remote that is preferred where several lead to the project.
const USUAL_REMOTE: &str = "origin";

/// Which checkout of the operator's is to be looked at, and for what.
#[derive(Clone, Copy, Debug)]
pub struct CheckoutOrder<'a> {
    /// Where it is. Absolute.
    pub path: &'a Path,
    /// The project's repository on the forge.
    pub repo: &'a RepoSlug,
    /// Where the project is fetched from, if the operator says so.
    pub remote_url: Option<&'a str>,
    /// The data directory, and all directories that worktrees are made in.
    pub own: &'a [PathBuf],
    /// The variables that git gets, as in [`GitConfig::base_env`](crate::GitConfig::base_env).
    pub base_env: &'a [(String, String)],
    /// The installation, for the marks of our processes.
    pub instance: &'a str,
}

/// A checkout of the operator's that is one of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Its git directory, the common one if it has several worktrees.
    repository: PathBuf,
    /// Its name for the project's remote.
    remote: String,
    /// That remote's address.
    url: String,
    /// Whether it has all objects that its history needs: it is neither shallow nor partial.
    is_whole: bool,
}

impl Checkout {
    /// The address of the project's remote, as the checkout has it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to fetch of it for this place in our refs: what it knows of the remote. Its own branches are the operator's
    /// business. Nothing, if it does not have all of that itself: completing it could take running what it names.
    pub(crate) fn refspec(&self, to: &str) -> Option<String> {
        self.is_whole.then(|| format!("+refs/remotes/{}/*:{to}*", self.remote))
    }

    pub(crate) fn repository(&self) -> &Path {
        &self.repository
    }
}

/// Why a checkout is of no use.
#[derive(Debug, Error)]
pub enum CheckoutError {
    /// It is not there, or is no repository.
    #[error("`{}` is not the root of a git repository: name the directory of a checkout, or leave it out", path.display())]
    NoRepository {
        /// Which directory.
        path: PathBuf,
        /// What was seen.
        #[source]
        source: Cause,
    },
    /// It and what we keep ourselves are one inside the other.
    #[error("`{}` and `{}`, where this program keeps its own files, must not contain each other: name a checkout of your own", path.display(), own.display())]
    Ours {
        /// Which directory.
        path: PathBuf,
        /// Ours.
        own: PathBuf,
    },
    /// None of its remotes is the project's.
    #[error("`{}` has no remote for {wanted} (it has: {found}): add one, or name another checkout", path.display())]
    NoRemote {
        /// Which directory.
        path: PathBuf,
        /// The project.
        wanted: RepoSlug,
        /// The names of the remotes that it has. Their addresses may hold passwords.
        found: String,
    },
    /// The address of its remote is of no use to us.
    #[error("the address of the remote `{remote}` of `{}` is not usable: {reason}; set remote_url", path.display())]
    Address {
        /// Which directory.
        path: PathBuf,
        /// Which remote.
        remote: String,
        /// Why not. The address is not repeated: it may hold a password.
        reason: &'static str,
    },
}

/// Looks whether a checkout can be used for a project. Changes nothing, runs nothing of it and asks no remote. Dropping
/// the future leaves nothing behind.
///
/// # Errors
///
/// When it cannot; what to do about it is in the message.
pub async fn find_checkout(order: &CheckoutOrder<'_>) -> Result<Checkout, CheckoutError> {
    let path = || order.path.to_owned();
    let unusable = |source: Cause| CheckoutError::NoRepository { path: path(), source };
    let git = Git::with(order.base_env, order.instance);
    let repository = git_directory(&git, order.path).await.map_err(|it| unusable(it.into()))?;
    if let Some(own) = overlap(order, &repository).await.map_err(|it| unusable(it.into()))? {
        return Err(CheckoutError::Ours { path: path(), own });
    }
    let settings = settings(&git, &repository).await.map_err(|it| unusable(it.into()))?;
    let (remote, url) = remote_of(order, &settings).ok_or_else(|| {
        let names: Vec<_> = remotes(&settings).map(|(name, _)| name).collect();
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        CheckoutError::NoRemote { path: path(), wanted: order.repo.clone(), found }
    })?;
    if order.remote_url.is_none()
        && let Err(reason) = check_address(url)
    {
        return Err(CheckoutError::Address { path: path(), remote: remote.to_owned(), reason });
    }
    let is_partial = settings.iter().any(|(key, value)| {
        key == "extensions.partialclone" || (key.ends_with(".promisor") && value != "false")
    });
    let is_shallow = tokio::fs::symlink_metadata(repository.join("shallow")).await.is_ok();
    Ok(Checkout {
        remote: remote.to_owned(),
        url: url.to_owned(),
        is_whole: !is_partial && !is_shallow,
        repository,
    })
}

/// Where the repository is whose root this directory is. One further up is another one's.
async fn git_directory(git: &Git, path: &Path) -> Result<PathBuf, GitError> {
    // A directory that is missing is told as such, and not as a git that cannot be started in it.
    let path = tokio::fs::canonicalize(path).await.map_err(GitError::Disk)?;
    let ceiling = path.parent().unwrap_or(&path).to_owned();
    let call = git.anywhere(&path).deadline(DEADLINE).env("GIT_CEILING_DIRECTORIES", ceiling);
    let call = call.whoever_owns_it();
    let call = call.args(["rev-parse", "--path-format=absolute", "--git-common-dir"]);
    let found = PathBuf::from(call.line().await?);
    tokio::fs::canonicalize(found).await.map_err(GitError::Disk)
}

/// What of ours lies in it, or it in.
async fn overlap(order: &CheckoutOrder<'_>, repository: &Path) -> io::Result<Option<PathBuf>> {
    let own = order.own.to_vec();
    let theirs = [order.path.to_owned(), repository.to_owned()];
    blocking(move || {
        let theirs: Vec<_> = theirs.iter().map(|it| it.canonicalize()).collect::<Result<_, _>>()?;
        // What is not there yet may still be named through a link.
        let real = |own: &Path| -> io::Result<PathBuf> {
            let Some(there) = own.ancestors().find(|it| it.exists()) else {
                return Ok(own.to_owned());
            };
            Ok(there.canonicalize()?.join(own.strip_prefix(there).unwrap_or(Path::new(""))))
        };
        for own in own {
            let ours = real(&own)?;
            if theirs.iter().any(|it| it.starts_with(&ours) || ours.starts_with(it)) {
                return Ok(Some(own));
            }
        }
        Ok(None)
    })
    .await
}

/// What its configuration says of what is asked, in its order: the later of two counts.
async fn settings(git: &Git, repository: &Path) -> Result<Vec<(String, String)>, GitError> {
    let file = repository.join("config");
    let call = git.anywhere(repository).deadline(DEADLINE).max_stdout(MAX_CONFIG);
    let call = call.args(["config", "--no-includes", "--null", "--file"]).args([&file]);
    let output = call.args(["--get-regexp", ASKED]).output().await?;
    match output.status.code() {
        // It says so when nothing fits.
        Some(0 | 1) => {}
        _ => {
            let (command, answer) = ("config".to_owned(), output.stderr);
            return Err(GitError::Answer { command, answer });
        }
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // `<key>\n<value>\0`, or `<key>\0` for a key without a value.
    let pair = |entry: &str| {
        let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
        (key.to_owned(), value.to_owned())
    };
    Ok(text.split('\0').filter(|entry| !entry.is_empty()).map(pair).collect())
}

/// The remotes, each with its address.
fn remotes(settings: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    settings.iter().filter_map(|(key, url)| {
        let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
        Some((name, url.as_str()))
    })
}

/// The remote that leads to the project: by the operator's word, or else by the repository's name.
fn remote_of<'a>(
    order: &CheckoutOrder<'_>,
    settings: &'a [(String, String)],
) -> Option<(&'a str, &'a str)> {
    let is_wanted = |url: &str| {
        order.remote_url.is_some_and(|wanted| place(wanted) == place(url))
            || names_repository(url, order.repo)
    };
    let mut fitting: Vec<_> = remotes(settings)
        .filter(|(name, url)| is_wanted(url) && branch_ref(&BranchName::new(*name)).is_ok())
        .collect();
    fitting.sort_by_key(|(name, _)| *name != USUAL_REMOTE);
    fitting.first().copied()
}

/// What an address names, however it is reached: the host and the path, without a user, a port and what git adds itself.
fn place(url: &str) -> String {
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None if url.starts_with('/') => ("", url),
        None => url.split_once(':').unwrap_or(("", url)),
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let path = path.trim_matches('/');
    format!("{host}/{}", path.strip_suffix(".git").unwrap_or(path))
}

fn names_repository(url: &str, repo: &RepoSlug) -> bool {
    let place = place(url);
    let mut parts = place.rsplit('/');
    let named = parts.next().zip(parts.next()).map(|(name, owner)| format!("{owner}/{name}"));
    named
        .and_then(|named| named.parse::<RepoSlug>().ok())
        .is_some_and(|named| named.is_same_repository(repo))
}

#[cfg(test)]
mod tests;
