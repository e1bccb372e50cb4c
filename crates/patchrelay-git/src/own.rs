//! A repository of the agent's own, for an agent that commits, pushes and opens the pull request itself.
//!
//! It shares nothing with our clone, not even a file: whatever the agent does to it, ours stays what it is. No call of
//! ours reads it after an agent was in it (D25); what counts is in the files beside it and on the remote.

use std::{collections::BTreeSet, fs, io, path::Path};

use patchrelay_domain::{BranchName, CommitSha, RunId};
use patchrelay_ports::WorkspaceError;

use crate::{
    clone::blocking,
    config::{Identity, RemoteConfig},
    error::local,
    git::Git,
    names::{as_name, branch_ref, commit_arg, is_object},
    place::Place,
};

/// What git asks for the credential. It answers from the environment, where only the agent's commands have it.
const CREDENTIAL_HELPER: &str = r#"!f() { test "$1" = get && printf 'username=x-access-token\npassword=%s\n' "$GH_TOKEN"; }; f"#;

/// The largest file of names that is read, in bytes: one line for each branch that the remote has, perhaps. And how many
/// branches of its own an agent may have.
const MAX_NAMES_FILE: u64 = 16 * 1024 * 1024;
const MAX_NAMES: usize = 1_000;

/// What such a repository is made for.
pub(crate) struct Repository<'a> {
    /// The branch that the agent publishes.
    pub branch: &'a BranchName,
    /// Where to.
    pub remote: &'a RemoteConfig,
    /// As whom it commits.
    pub identity: &'a Identity,
}

impl Repository<'_> {
    /// Makes the repository in the place, which has to be empty, with the branches that our clone knows of the remote,
    /// and its own branch checked out at this commit.
    pub(crate) async fn fill(
        &self,
        git: &Git,
        place: &Place,
        commit: &CommitSha,
    ) -> Result<(), WorkspaceError> {
        let failed = || format!("make the repository `{}`", place.path.display());
        let (branch, commit) = (branch_ref(self.branch)?, commit_arg(commit)?);
        let marker = git.marker_of(&place.path);
        let init = git.anywhere(&place.root).marked(&marker);
        let init = init.args(["init", "--quiet", "--template=", "--initial-branch=none", "--"]);
        init.args([&place.path]).done().await.map_err(local(failed()))?;
        let own = place.path.join(".git");
        let (config, text) = (own.join("config"), self.config());
        blocking(move || fs::write(config, text)).await.map_err(local(failed()))?;
        let here = || git.in_repository(&own).marked(&marker);
        let fetch = here().args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]);
        let fetch = fetch.args(["--no-auto-maintenance", "--no-recurse-submodules", "--"]);
        let fetch =
            fetch.args([&place.clone]).args(["+refs/remotes/origin/*:refs/remotes/origin/*"]);
        fetch.done().await.map_err(local(failed()))?;
        for call in [
            here().args(["update-ref", &branch, commit]),
            here().args(["symbolic-ref", "HEAD", &branch]),
            here().with_files(&place.path, &own.join("index")).args([
                "read-tree",
                "--reset",
                "-u",
                "HEAD",
            ]),
        ] {
            call.done().await.map_err(local(failed()))?;
        }
        Ok(())
    }

    /// Everything that git has to know to commit and push there.
    fn config(&self) -> String {
        let Self { branch, remote, identity } = self;
        let branch = branch.as_str();
        let credential = remote.token.as_ref().and(remote.token_scope()).map(|scope| {
            format!("[credential {}]\n\thelper = {}\n", quoted(scope), quoted(CREDENTIAL_HELPER))
        });
        format!(
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\
             [user]\n\tname = {}\n\temail = {}\n\
             [push]\n\tdefault = current\n\
             [remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
             [branch {}]\n\tremote = origin\n\tmerge = {}\n{}",
            quoted(&identity.name),
            quoted(&identity.email),
            quoted(&remote.url),
            quoted(branch),
            quoted(&format!("refs/heads/{branch}")),
            credential.unwrap_or_default(),
        )
    }
}

/// Whether the repository is where it was made.
pub(crate) fn is_there(place: &Place) -> bool {
    fs::symlink_metadata(place.path.join(".git")).is_ok_and(|found| found.is_dir())
}

/// Moves the repository of the place aside, beside its directory, if its branches have commits that our clone does not
/// have: their files are in a rescue ref, and they themselves are somebody's work, too. Reads names of commits and
/// nothing else of what an agent wrote; what cannot be read is moved aside.
pub(crate) async fn keep_commits(
    git: &Git,
    place: &Place,
    run: &RunId,
) -> Result<(), WorkspaceError> {
    let failed = || format!("keep the commits of `{}`", place.path.display());
    let own = place.path.join(".git");
    let looked = own.clone();
    let commits = match blocking(move || names(&looked)).await.map_err(local(failed()))? {
        Names::NoRepository => return Ok(()),
        Names::Unreadable => None,
        Names::Of(commits) => Some(commits),
    };
    let mut is_known = commits.is_some();
    for commit in commits.into_iter().flatten() {
        let found = git.in_repository(&place.clone).args(["cat-file", "-e", &commit]).output();
        is_known &= found.await.map_err(local(failed()))?.status.success();
    }
    if is_known {
        return Ok(());
    }
    let aside = place.root.join(as_name(&format!("{}-{run}", place.name)) + ".git");
    let (from, to) = (own, aside.clone());
    blocking(move || fs::rename(from, to)).await.map_err(local(failed()))?;
    tracing::warn!(path = %aside.display(), "an agent's commits that are nowhere else are kept here");
    Ok(())
}

/// What the branches of a repository stand for, and what is checked out.
#[derive(Debug, PartialEq, Eq)]
enum Names {
    NoRepository,
    /// Not made as git makes it, or too much.
    Unreadable,
    Of(BTreeSet<String>),
}

fn names(repository: &Path) -> io::Result<Names> {
    match fs::symlink_metadata(repository) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Names::NoRepository),
        Err(error) => return Err(error),
        Ok(found) if !found.is_dir() => return Ok(Names::NoRepository),
        Ok(_) => {}
    }
    let mut files =
        ["HEAD", "refs/stash", "packed-refs"].map(|name| repository.join(name)).to_vec();
    let mut pending = vec![repository.join("refs/heads")];
    while let Some(dir) = pending.pop() {
        let Ok(entries) = fs::read_dir(dir) else { return Ok(Names::Unreadable) };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else {
                files.push(entry.path());
            }
            if MAX_NAMES < files.len() + pending.len() {
                return Ok(Names::Unreadable);
            }
        }
    }
    let mut commits = BTreeSet::new();
    for file in files {
        let found = match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        if !found.is_file() || MAX_NAMES_FILE < found.len() {
            return Ok(Names::Unreadable);
        }
        let text = fs::read(&file)?;
        // `<commit>`, or `<commit> <name>` where many are packed; what only leads to another name is found there.
        let named = String::from_utf8_lossy(&text).into_owned();
        let ours = named.lines().filter_map(|line| match line.split_once(' ') {
            None => Some(line),
            Some((commit, name)) => name.starts_with("refs/heads/").then_some(commit),
        });
        commits.extend(ours.filter(|commit| is_object(commit)).map(str::to_owned));
        if MAX_NAMES < commits.len() {
            return Ok(Names::Unreadable);
        }
    }
    Ok(Names::Of(commits))
}

/// As git reads it in its configuration, whatever it holds but line breaks, which are in no value of ours.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
