//! A base branch that moved on (D30): merging it into our head, and carrying unpublished edits onto it. All of it happens
//! in our clone, by `merge-tree`, so no merge driver and no hook has a say, and nothing is half done in a worktree.

use std::collections::BTreeMap;

use patchrelay_domain::{
    BaseMerge, CommitSha, TreeId, UnmergedPath,
    prompt::{Conflict, ConflictKind},
};
use patchrelay_ports::WorkspaceError;

use crate::{
    config::Identity,
    error::{GitError, local},
    git::Git,
    names::{commit_arg, is_object, tree_arg},
    place::Place,
    raw::Mode,
    record::Stand,
    refs::{self, Before},
    snapshot::{Snapshot, object, shown, split, staging},
    worktree,
};

/// The longest file in which conflict markers are looked for, in bytes. No longer one is merged line by line.
const MAX_MERGED_BYTES: usize = 100 * 1024 * 1024;

/// What git made of a merge.
struct Merged {
    tree: String,
    conflicts: Vec<Conflict>,
}

/// Where work on our head begins when the newest base is merged into it first. The same two commits give the same.
pub(crate) async fn onto_base(
    git: &Git,
    identity: &Identity,
    place: &Place,
    head: &CommitSha,
    base: &CommitSha,
) -> Result<Stand, WorkspaceError> {
    let failed = || format!("merge `{base}` into `{head}`");
    if contains(git, place, head, base).await.map_err(local(failed()))? {
        return Ok(Stand { commit: head.clone(), merge: None });
    }
    let parents = [commit_arg(head)?, commit_arg(base)?];
    // Git writes into a conflict what its sides are called. By the same names, the same conflict with a newer base is the
    // same text, so a resolution can be carried.
    let names = ["this-branch", "base-branch"]
        .map(|side| format!("refs/patchrelay/merging/{}/{side}", place.name));
    for (name, side) in names.iter().zip(parents) {
        refs::set(git, &place.clone, name, side, Before::Anything).await?;
    }
    let merged = merge(git, place, [&names[0], &names[1]]).await.map_err(local(failed()))?;
    for name in &names {
        let call = git.in_repository(&place.clone).args(["update-ref", "-d", name]);
        call.done().await.map_err(local(failed()))?;
    }
    let message = format!("Merge {base} into {head}, as git left it\n");
    let commit = draft(git, identity, place, &merged.tree, &parents, &message).await;
    Ok(Stand {
        commit: CommitSha::new(commit.map_err(local(failed()))?),
        merge: Some(BaseMerge {
            head: head.clone(),
            base: base.clone(),
            conflicts: merged.conflicts,
        }),
    })
}

/// Moves the edits of a worktree onto another commit; `false`, and nothing is changed, if they do not fit. The snapshot is
/// the one just taken of it. What git does not know of stays where it is. After a crash at any point it is either where it
/// was, with edits that fit, or where it was to be.
pub(crate) async fn carry(
    git: &Git,
    identity: &Identity,
    place: &Place,
    from: &CommitSha,
    to: &Stand,
    snapshot: &Snapshot,
) -> Result<bool, WorkspaceError> {
    let failed = || format!("carry the edits of `{}` onto `{}`", place.path.display(), to.commit);
    if !snapshot.hits.is_empty() {
        // Something lies there that is not in the snapshot.
        return Ok(false);
    }
    let (from, onto) = (commit_arg(from)?, commit_arg(&to.commit)?);
    let onto_tree = git.in_repository(&place.clone).args(["rev-parse", "--verify"]);
    let onto_tree = object(onto_tree.args([format!("{onto}^{{tree}}")])).await;
    let onto_tree = onto_tree.map_err(local(failed()))?;
    // Both sides as children of where the edits were made: so that is what git compares them with.
    let held = tree_arg(&snapshot.tree)?;
    let mut sides = Vec::new();
    for tree in [onto_tree.as_str(), held] {
        let side = draft(git, identity, place, tree, &[from], "One side of a move\n").await;
        sides.push(side.map_err(local(failed()))?);
    }
    let merged = merge(git, place, [&sides[0], &sides[1]]).await.map_err(local(failed()))?;
    if !merged.conflicts.is_empty() {
        return Ok(false);
    }
    let read_tree = |args: &[&str]| {
        staging(git, place).env("GIT_ATTR_SOURCE", onto).args(["read-tree", "-m"]).args(args)
    };
    // The place's index is that of the snapshot, so only what the move changes is written. Files that git does not know
    // of are not overwritten: then it refuses, before anything is changed.
    let moved = read_tree(&["-u", held, &merged.tree]);
    let moved = moved.output().await.map_err(local(failed()))?;
    if !moved.status.success() {
        tracing::info!(worktree = %place.path.display(), words = %moved.stderr, "edits were not carried");
        return Ok(false);
    }
    read_tree(&[onto]).done().await.map_err(local(failed()))?;
    worktree::adopt(git, place, to).await?;
    Ok(true)
}

/// The paths that were unmerged, as this tree has them.
pub(crate) async fn unmerged(
    git: &Git,
    place: &Place,
    tree: &TreeId,
    conflicts: &[Conflict],
) -> Result<Vec<UnmergedPath>, WorkspaceError> {
    let failed = || "look at what was unmerged".to_owned();
    let mut unmerged = Vec::new();
    for Conflict { path, kind } in conflicts {
        let content = content(git, place, tree_arg(tree)?, path).await.map_err(local(failed()))?;
        unmerged.push(UnmergedPath {
            path: path.clone(),
            kind: *kind,
            has_markers: content.as_deref().is_some_and(has_markers),
            exists: content.is_some(),
        });
    }
    Ok(unmerged)
}

/// Whether `head` has all of `base`.
async fn contains(
    git: &Git,
    place: &Place,
    head: &CommitSha,
    base: &CommitSha,
) -> Result<bool, GitError> {
    let call = git.in_repository(&place.clone).args(["rev-list", "--max-count=1"]);
    let call = call.args([base.as_str(), &format!("^{head}"), "--"]);
    call.line().await.map(|missing| missing.is_empty())
}

/// A commit that is never published. Made again, it is the same.
async fn draft(
    git: &Git,
    identity: &Identity,
    place: &Place,
    tree: &str,
    parents: &[&str],
    message: &str,
) -> Result<String, GitError> {
    let call = identity
        .on(git.in_repository(&place.clone))
        .env("GIT_AUTHOR_DATE", "@0 +0000")
        .env("GIT_COMMITTER_DATE", "@0 +0000")
        .args(["commit-tree", tree, "-F", "-"])
        .args(parents.iter().flat_map(|parent| ["-p", parent]));
    object(call.stdin(message.as_bytes().to_vec())).await
}

async fn merge(git: &Git, place: &Place, sides: [&str; 2]) -> Result<Merged, GitError> {
    let command = "merge-tree".to_owned();
    let call = git.in_repository(&place.clone).args(["merge-tree", "--write-tree", "-z"]);
    let output = call.args(["--no-messages", sides[0], sides[1]]).output().await?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        let stderr = crate::error::bounded(&output.stderr);
        return Err(GitError::Exit { command, status: output.status, stderr });
    }
    let fields = split(&output.stdout);
    let unexpected = |answer: &[u8]| GitError::Answer {
        command: command.clone(),
        answer: crate::error::bounded(&shown(answer)),
    };
    let tree = fields.first().map(|tree| shown(tree)).filter(|tree| is_object(tree));
    let tree = tree.ok_or_else(|| unexpected(&output.stdout))?;
    let mut stages: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for line in &fields[1..] {
        let (path, stage) = staged(line).ok_or_else(|| unexpected(line))?;
        stages.entry(path).or_default().push(stage);
    }
    let mut conflicts = Vec::new();
    for (path, stages) in stages {
        let kind = match stages.as_slice() {
            [b'1', b'2' | b'3'] => ConflictKind::ModifyDelete,
            [.., b'2', b'3'] => {
                let content = content(git, place, &tree, &path).await?;
                if content.as_deref().is_some_and(has_markers) {
                    ConflictKind::Content
                } else {
                    ConflictKind::Binary
                }
            }
            _ => ConflictKind::Rename,
        };
        conflicts.push(Conflict { path, kind });
    }
    Ok(Merged { tree, conflicts })
}

/// `<mode> <object> <stage>\t<path>`.
fn staged(line: &[u8]) -> Option<(String, u8)> {
    let tab = line.iter().position(|b| *b == b'\t')?;
    let stage = line[..tab].last()?;
    matches!(stage, b'1'..=b'3').then(|| (shown(&line[tab + 1..]), *stage))
}

/// What a tree has at a path; `None` when it has no file there.
async fn content(
    git: &Git,
    place: &Place,
    tree: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, GitError> {
    let listed = git.in_repository(&place.clone).args(["ls-tree", "-z", "--full-tree", tree, "--"]);
    let listed = listed.args([path]).bytes().await?;
    let listed = shown(&listed);
    let mut words = listed.split(['\t', ' ', '\0']);
    let mode = words.next().and_then(Mode::parse);
    let Some(object) = words.nth(1).filter(|_| mode.is_some_and(Mode::has_content)) else {
        return Ok(None);
    };
    let call = git.in_repository(&place.clone).max_stdout(MAX_MERGED_BYTES);
    call.args(["cat-file", "blob", object]).bytes().await.map(Some)
}

/// Whether a line is one of those that git writes around the two sides of a conflict.
fn has_markers(content: &[u8]) -> bool {
    content
        .split(|b| *b == b'\n')
        .any(|line| line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> "))
}
