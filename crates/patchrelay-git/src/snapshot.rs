//! A worktree's content as a tree in our clone. The worktree, its head and the agent's index stay as they are.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::{self, File},
    io,
    path::Path,
};

use patchrelay_domain::{CommitSha, GateHit, TreeId};
use patchrelay_ports::WorkspaceError;

use crate::{
    clone::blocking,
    error::{GitError, local},
    git::{Call, Git},
    names::{commit_arg, is_object},
    place::Place,
    raw::{self, Difference},
    walk::{GitPath, Walked, remove_snares, walk},
    worktree::is_git_file_ours,
};

/// The largest file that is staged at all, in bytes: GitHub takes none that is larger.
const MAX_STAGED_BYTES: u64 = 100 * 1024 * 1024;
/// The most that is staged of new files, in bytes. It bounds what an agent can make us write to disk.
const MAX_STAGED_TOTAL: u64 = 512 * 1024 * 1024;
/// The most new files that are staged.
const MAX_STAGED_FILES: usize = 20_000;

/// What a worktree holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// All that was staged. Paths that were not staged are in it as the base has them.
    pub tree: TreeId,
    /// The tree of the base.
    pub base_tree: TreeId,
    /// How the two differ, sorted by path.
    pub differences: Vec<Difference>,
    /// What is in the worktree and not in the tree, because it must not or cannot be.
    pub hits: Vec<GateHit>,
}

/// Takes the snapshot. Needs the worktree's lock, and that the agent is gone. Afterwards the place's index belongs to
/// the snapshot.
pub(crate) async fn take(
    git: &Git,
    place: &Place,
    base: &CommitSha,
) -> Result<Snapshot, WorkspaceError> {
    let failed = || format!("take a snapshot of `{}`", place.path.display());
    let base = commit_arg(base)?;
    let root = place.path.clone();
    blocking(move || remove_snares(&root)).await.map_err(local(failed()))?;
    seed_index(place).await.map_err(local(failed()))?;
    // How a content is converted is said by the base: what the agent wrote of that is not in force before it is merged.
    let stage = |args: &[&str]| staging(git, place).env("GIT_ATTR_SOURCE", base).args(args);
    drop_blind_index(git, place).await.map_err(local(failed()))?;
    // Entries that the base has in the same version keep what the agent's index knows of their file, so unchanged
    // files are not read again.
    stage(&["read-tree", "-m", base]).done().await.map_err(local(failed()))?;
    let known = stage(&["ls-tree", "-r", "-z", base]).bytes().await.map_err(local(failed()))?;
    let base_paths = parse_tree(&known).map_err(local(failed()))?;
    let ignored =
        stage(&["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"]);
    let ignored = directories(&ignored.bytes().await.map_err(local(failed()))?);
    let submodules: HashSet<GitPath> = base_paths
        .iter()
        .filter(|(_, is_submodule)| **is_submodule)
        .map(|(path, _)| path.clone())
        .collect();
    let root = place.path.clone();
    let walked =
        blocking(move || walk(&root, &ignored, &submodules)).await.map_err(local(failed()))?;
    let others = stage(&["ls-files", "-z", "--others", "--exclude-standard"])
        .bytes()
        .await
        .map_err(local(failed()))?;
    let plan = plan(&base_paths, &walked, &others);

    let removals: Vec<u8> = plan
        .removals
        .iter()
        .flat_map(|path| {
            [b"0 0000000000000000000000000000000000000000\t".as_slice(), path, b"\0"].concat()
        })
        .collect();
    stage(&["update-index", "-z", "--index-info"])
        .stdin(removals)
        .done()
        .await
        .map_err(local(failed()))?;
    let additions: Vec<u8> =
        plan.additions.iter().flat_map(|path| [path.as_slice(), b"\0"].concat()).collect();
    let add = stage(&["update-index", "-z", "--add", "--replace", "--stdin"]);
    add.stdin(additions).done().await.map_err(local(failed()))?;
    let tree = object(stage(&["write-tree"])).await.map_err(local(failed()))?;
    let base_tree = object(stage(&["rev-parse", "--verify", &format!("{base}^{{tree}}")])).await;
    let base_tree = base_tree.map_err(local(failed()))?;
    let raw = ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames"];
    let differing = stage(&raw).args([&base_tree, &tree]).bytes().await.map_err(local(failed()))?;
    let differences = raw::parse(&differing).map_err(local(failed()))?;

    let mut hits = plan.hits;
    let is_git_file_ours = is_git_file_ours(place).await.map_err(local(failed()))?;
    if !is_git_file_ours {
        hits.push(GateHit::NestedRepository { path: ".git".to_owned() });
    }
    Ok(Snapshot { tree: TreeId::new(tree), base_tree: TreeId::new(base_tree), differences, hits })
}

/// What has to be done to the base's index, path by path.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    removals: Vec<GitPath>,
    additions: BTreeSet<GitPath>,
    hits: Vec<GateHit>,
    new_files: usize,
}

/// Compares the base with what we saw. `others` is what git takes for new and not ignored; only of that, and only what
/// we saw as a file ourselves, is taken.
fn plan(base_paths: &HashMap<GitPath, bool>, walked: &Walked, others: &[u8]) -> Plan {
    let mut plan = Plan::default();
    plan.hits
        .extend(walked.nested.iter().map(|path| GateHit::NestedRepository { path: shown(path) }));
    plan.hits.extend(
        walked.forbidden_links.iter().map(|path| GateHit::ForeignLink { path: shown(path) }),
    );
    plan.hits
        .extend(walked.too_deep.iter().map(|path| GateHit::BeyondBounds { path: shown(path) }));
    for path in base_paths.keys() {
        match walked.files.get(path) {
            Some(bytes) if MAX_STAGED_BYTES < *bytes => {
                plan.hits.push(GateHit::TooLarge { path: shown(path), bytes: *bytes });
            }
            Some(_) => {
                plan.additions.insert(path.clone());
            }
            None if walked.submodules.contains(path)
                || is_inside(path, &walked.nested)
                || is_inside(path, &walked.too_deep) => {}
            None => plan.removals.push(path.clone()),
        }
    }
    let mut total = 0;
    for path in split(others).into_iter().filter(|path| !base_paths.contains_key(path)) {
        let Some(bytes) = walked.files.get(&path) else { continue };
        plan.new_files += 1;
        if MAX_STAGED_BYTES < *bytes {
            plan.hits.push(GateHit::TooLarge { path: shown(&path), bytes: *bytes });
        } else if MAX_STAGED_TOTAL < total + bytes {
            plan.hits.push(GateHit::BeyondBounds { path: shown(&path) });
        } else if plan.new_files <= MAX_STAGED_FILES {
            total += bytes;
            plan.additions.insert(path);
        }
    }
    if MAX_STAGED_FILES < plan.new_files {
        let paths = u64::try_from(plan.new_files).unwrap_or(u64::MAX);
        plan.hits.push(GateHit::TooMany { paths });
    }
    plan
}

/// Whether a directory above the path, or the path itself, is one of these.
fn is_inside(path: &[u8], dirs: &BTreeSet<GitPath>) -> bool {
    let ends =
        path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).chain([path.len()]);
    !dirs.is_empty() && ends.into_iter().any(|end| dirs.contains(&path[..end]))
}

/// Makes our index a copy of the one that the agent sees, with its time: git trusts an entry only if the file is older
/// than the index.
async fn seed_index(place: &Place) -> io::Result<()> {
    let (from, to) = (place.admin().join("index"), place.index.clone());
    blocking(move || {
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir)?;
        }
        match fs::copy(&from, &to) {
            Ok(_) => File::options()
                .write(true)
                .open(&to)?
                .set_modified(fs::metadata(&from)?.modified()?),
            // Then every file is read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => remove_index(&to),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Forgets an index that is told not to look at some files, so that all are read.
async fn drop_blind_index(git: &Git, place: &Place) -> Result<(), GitError> {
    let listing = staging(git, place).args(["ls-files", "-v", "-z"]).bytes().await?;
    if split(&listing).iter().all(|line| line.starts_with(b"H ")) {
        return Ok(());
    }
    let index = place.index.clone();
    blocking(move || remove_index(&index)).await.map_err(GitError::Disk)
}

/// An index of an earlier snapshot could be of another base.
fn remove_index(index: &Path) -> io::Result<()> {
    match fs::remove_file(index) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A call about the worktree's files and the snapshot's index.
pub(crate) fn staging(git: &Git, place: &Place) -> Call {
    git.in_repository(&place.clone)
        .with_files(&place.path, &place.index)
        .marked(&git.marker_of(&place.path))
}

/// The name of one object, as a call's answer.
pub(crate) async fn object(call: Call) -> Result<String, GitError> {
    let command = call.subcommand();
    let answer = call.line().await?;
    if is_object(&answer) { Ok(answer) } else { Err(GitError::Answer { command, answer }) }
}

/// `<mode> <type> <object>\t<path>`, each ended by NUL: the paths, and whether each is a submodule.
fn parse_tree(listing: &[u8]) -> Result<HashMap<GitPath, bool>, &'static str> {
    listing
        .split(|b| *b == 0)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let tab = line
                .iter()
                .position(|b| *b == b'\t')
                .ok_or("git listed a tree in a way that is not understood")?;
            Ok((line[tab + 1..].to_vec(), line.starts_with(b"160000 ")))
        })
        .collect()
}

fn directories(listing: &[u8]) -> HashSet<GitPath> {
    split(listing)
        .into_iter()
        .filter_map(|path| path.strip_suffix(b"/").map(<[u8]>::to_vec))
        .collect()
}

/// The parts of a listing, each ended by NUL.
pub(crate) fn split(listing: &[u8]) -> Vec<GitPath> {
    listing.split(|b| *b == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
}

/// A path, or another text of git's, as people see it.
pub(crate) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
mod tests;
