//! Keeping uncommitted work where no cleaning reaches it (D26).

use patchrelay_domain::{CommitSha, IssueId, RunId};
use patchrelay_ports::WorkspaceError;

use crate::{
    config::Identity,
    error::local,
    git::Git,
    names::{commit_arg, rescue_ref, tree_arg},
    place::Place,
    refs::{self, Before},
    snapshot::{Snapshot, object},
};

/// Keeps the snapshot in the rescue ref of this run and tells its name; `None` when it is just the base. Repeating it
/// changes nothing; what the ref held before stays reachable from it. Needs the worktree's lock.
pub(crate) async fn keep(
    git: &Git,
    identity: &Identity,
    place: &Place,
    base: &CommitSha,
    snapshot: &Snapshot,
    (issue, run): (&IssueId, &RunId),
) -> Result<Option<String>, WorkspaceError> {
    if snapshot.tree == snapshot.base_tree {
        return Ok(None);
    }
    let name = rescue_ref(issue, run);
    let failed = || format!("keep the work of run `{run}` in `{name}`");
    let call = || git.in_repository(&place.clone).marked(&git.marker_of(&place.path));
    let found = call().args(["for-each-ref", "--format=%(objectname) %(tree)", &name]).line().await;
    let found = found.map_err(local(failed()))?;
    let earlier = found.split_once(' ');
    if earlier.is_some_and(|(_, tree)| tree == snapshot.tree.as_str()) {
        return Ok(Some(name));
    }
    let mut commit = identity.on(call()).args([
        "commit-tree",
        tree_arg(&snapshot.tree)?,
        "-p",
        commit_arg(base)?,
    ]);
    if let Some((earlier, _)) = earlier {
        commit = commit.args(["-p", earlier]);
    }
    let message = format!("Uncommitted work of run {run}\n\nIssue: {issue}\n");
    let commit = object(commit.args(["-F", "-"]).stdin(message.into_bytes()))
        .await
        .map_err(local(failed()))?;
    let before = Before::Exactly(earlier.map(|(earlier, _)| earlier));
    refs::set(git, &place.clone, &name, &commit, before).await?;
    tracing::info!(%issue, %run, rescue = %name, "uncommitted work is kept");
    Ok(Some(name))
}
