//! From a verified tree to a branch of the remote (D14, D27).

use std::{path::Path, time::Duration};

use patchrelay_domain::{BranchName, CommitSha, RunId, TreeId};
use patchrelay_ports::{CommitOrder, PushOrder, Pushed, RemoteBranch, WorkspaceError};

use crate::{
    clone::{fetched_remote_tip, remote_tip, towards},
    config::Identity,
    error::{GitError, bounded, local, remote},
    git::{Call, Git},
    locks::Locks,
    names::{branch_ref, commit_arg, tree_arg},
    place::Repository,
    refs::{self, Before},
    snapshot::object,
};

/// The trailer that names the run of a commit.
pub(crate) const RUN_TRAILER: &str = "PatchRelay-Run";
/// Longer than the largest push that the gate lets through, with the remote's hooks.
const PUSH_DEADLINE: Duration = Duration::from_secs(300);

/// Makes the commit and pins it with this ref, which nobody else may write meanwhile.
pub(crate) async fn commit(
    git: &Git,
    identity: &Identity,
    clone: &Path,
    order: &CommitOrder,
    pin: &str,
) -> Result<CommitSha, WorkspaceError> {
    let failed = || format!("commit the work of run `{}`", order.run);
    // git counts in seconds, and takes no time before 1970.
    let date = format!("{} +0000", order.at_millis.max(0) / 1_000);
    let call = identity
        .on(git.in_repository(clone))
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date);
    let mut call = call.args(["commit-tree", tree_arg(&order.tree)?, "-F", "-"]);
    for parent in &order.parents {
        call = call.args(["-p", commit_arg(parent)?]);
    }
    let commit =
        object(call.stdin(order.message.clone().into_bytes())).await.map_err(local(failed()))?;
    refs::set(git, clone, pin, &commit, Before::Anything).await?;
    Ok(CommitSha::new(commit))
}

/// The run that a commit names in its trailer.
pub(crate) async fn run_of(
    git: &Git,
    clone: &Path,
    commit: &CommitSha,
) -> Result<Option<RunId>, WorkspaceError> {
    let format = format!("--format=%(trailers:key={RUN_TRAILER},valueonly=true)");
    let call =
        git.in_repository(clone).args(["log", "--max-count=1", "--no-show-signature", &format]);
    let call = call.args([commit_arg(commit)?, "--"]);
    let values = call.line().await.map_err(local(format!("read commit `{commit}`")))?;
    Ok(values.lines().map(str::trim).rfind(|value| !value.is_empty()).map(RunId::new))
}

/// What a commit holds.
pub(crate) async fn tree_of(
    git: &Git,
    clone: &Path,
    commit: &CommitSha,
) -> Result<TreeId, WorkspaceError> {
    let call = git.in_repository(clone).args(["rev-parse", "--verify"]);
    let tree = object(call.args([format!("{}^{{tree}}", commit_arg(commit)?)])).await;
    tree.map(TreeId::new).map_err(local(format!("read commit `{commit}`")))
}

/// The branch on the remote now.
pub(crate) async fn remote_branch(
    git: &Git,
    locks: &Locks,
    repository: &Repository<'_>,
    branch: &BranchName,
) -> Result<Option<RemoteBranch>, WorkspaceError> {
    let Some(head) = fetched_remote_tip(git, locks, repository, branch).await? else {
        return Ok(None);
    };
    let run = run_of(git, &repository.clone, &head).await?;
    let tree = tree_of(git, &repository.clone, &head).await?;
    Ok(Some(RemoteBranch { head, tree, run }))
}

/// Pushes one commit to one branch.
pub(crate) async fn push(
    git: &Git,
    repository: &Repository<'_>,
    order: &PushOrder,
) -> Result<Pushed, WorkspaceError> {
    let name = branch_ref(&order.branch)?;
    let failed = || format!("push branch `{}`", order.branch);
    let found = remote_tip(git, repository, &order.branch).await?;
    if let Some(pushed) = without_pushing(order, found) {
        return Ok(pushed);
    }
    let mut call = git.in_repository(&repository.clone).deadline(PUSH_DEADLINE);
    call = call.args([
        "push",
        "--porcelain",
        "--no-verify",
        "--no-follow-tags",
        "--recurse-submodules=no",
    ]);
    if order.expected_remote.is_none() {
        // With nothing after the colon: only if there is no such branch. It never overwrites one.
        call = call.args([format!("--force-with-lease={name}:")]);
    }
    let call = towards(call, repository.remote, "--receive-pack", "receive-pack")
        .await
        .map_err(remote(failed()))?;
    let call: Call = call.args([format!("{}:{name}", commit_arg(&order.commit)?)]);
    let output = call.output().await.map_err(remote(failed()))?;
    if output.status.success() {
        return Ok(Pushed::Accepted);
    }
    let Some(rejection) = rejection(&String::from_utf8_lossy(&output.stdout), &name) else {
        let stderr = bounded(&output.stderr);
        return Err(remote(failed())(GitError::Exit {
            command: "push".to_owned(),
            status: output.status,
            stderr,
        }));
    };
    // A refusal may be a race that somebody else has won, or that an earlier push of ours has.
    let found = remote_tip(git, repository, &order.branch).await?;
    without_pushing(order, found).map_or_else(
        || {
            Err(WorkspaceError::Refused {
                operation: failed(),
                reason: reason(&rejection, &output.stderr),
            })
        },
        Ok,
    )
}

/// What becomes of the push if the branch is this; `None` when the branch is what was expected.
fn without_pushing(order: &PushOrder, found: Option<CommitSha>) -> Option<Pushed> {
    if found.as_ref() == Some(&order.commit) {
        Some(Pushed::Accepted)
    } else if found != order.expected_remote {
        Some(Pushed::Moved { found })
    } else {
        None
    }
}

/// Why the ref was not updated, in git's words: `!\t<from>:<to>\t<summary>`.
fn rejection(porcelain: &str, name: &str) -> Option<String> {
    porcelain.lines().find_map(|line| {
        let mut fields = line.split('\t');
        let is_ours =
            fields.next() == Some("!") && fields.next().is_some_and(|refs| refs.ends_with(name));
        is_ours.then(|| fields.next().unwrap_or_default().to_owned())
    })
}

/// Git's words, and those that the remote added.
fn reason(rejection: &str, stderr: &str) -> String {
    let added: Vec<_> =
        stderr.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim).collect();
    // Git's come first: however much the remote says, they say what happened.
    format!("{}\n{}", bounded(rejection), bounded(&added.join("\n"))).trim_end().to_owned()
}

impl Identity {
    /// Lets the call write commits as this one.
    pub(crate) fn on(&self, call: Call) -> Call {
        call.env("GIT_AUTHOR_NAME", &self.name)
            .env("GIT_AUTHOR_EMAIL", &self.email)
            .env("GIT_COMMITTER_NAME", &self.name)
            .env("GIT_COMMITTER_EMAIL", &self.email)
    }
}

#[cfg(test)]
mod tests;
