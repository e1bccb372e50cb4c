//! What the publish gate is told of a snapshot (D29): what each changed path is now, its diff, whose commits it takes
//! back, and which of our secrets stand in it. Judging it is the domain's.

mod collisions;
mod diffs;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::Arc,
};

use patchrelay_domain::{
    BaseMerge, ChangeSet, ChangedFile, CommitSha, GateHit, Now, SecretPatterns, TakenBack, Worktree,
};
use patchrelay_ports::WorkspaceError;

use self::{
    collisions::collisions,
    diffs::{assigned, worth_patching},
};
use crate::{
    clone::blocking,
    error::{GitError, local},
    git::{Call, Git},
    names::commit_arg,
    raw::{self, COMMIT_MARK, Difference, Mode, Side},
    snapshot::{Snapshot, shown, split},
    walk::GitPath,
};

/// How much is searched for secrets, in bytes: as much as is staged of new files.
const MAX_SEARCHED: u64 = 512 * 1024 * 1024;
/// How much is read at once, in bytes, but for one file that alone is larger.
const READ_AT_ONCE: u64 = 32 * 1024 * 1024;
/// How many commits of the history are compared with the change. A repair takes back what was done lately, or nothing.
const MAX_COMMITS: &str = "200";
/// How much of a file git looks at to tell whether it is a text.
const BINARY_SIGN_WITHIN: usize = 8_000;

/// Gathers it. Every path of the snapshot is in it, but for those of a merge that are what a parent has.
pub(crate) async fn gather(
    git: &Git,
    clone: &Path,
    worktree: &Worktree,
    mut snapshot: Snapshot,
    secrets: &Arc<SecretPatterns>,
) -> Result<ChangeSet, WorkspaceError> {
    let failed = || "look at what is to be published".to_owned();
    let reader = Reader { git, clone, secrets };
    let sizes = reader.sizes(&snapshot.differences).await.map_err(local(failed()))?;
    let taken_back = reader.taken_back(&worktree.base, &snapshot.differences).await;
    let taken_back = taken_back.map_err(local(failed()))?;
    if let Some(merge) = &worktree.merge {
        reader.leave_out_parents(merge, &mut snapshot).await.map_err(local(failed()))?;
    }
    let (contents, mut found) =
        reader.contents(&snapshot.differences, &sizes).await.map_err(local(failed()))?;
    let mut patches =
        reader.patches(&worktree.merge, &snapshot, &sizes).await.map_err(local(failed()))?;
    let files = snapshot.differences.iter().map(|difference| {
        let content = contents.get(&difference.after.object);
        ChangedFile {
            path: secrets.shown_path(&shown(&difference.path)).to_owned(),
            now: now(&difference.after, content, secrets),
            patch: patches.remove(&difference.path),
        }
    });
    let files = files.collect();
    found.extend(reader.same_names(&snapshot).await.map_err(local(failed()))?);
    found.extend(snapshot.hits.into_iter().map(|hit| without_secrets(hit, secrets)));
    Ok(ChangeSet { files, commits: Vec::new(), taken_back, found })
}

/// What was seen of an object.
#[derive(Clone, Debug)]
struct Content {
    bytes: u64,
    is_binary: bool,
    /// The whole of it, if it is short enough to be a link.
    text: Option<String>,
}

/// The longest link that file systems take, in bytes.
const MAX_LINK: usize = 4_096;

impl Content {
    fn of(bytes: &[u8]) -> Self {
        let beginning = &bytes[..bytes.len().min(BINARY_SIGN_WITHIN)];
        Self {
            bytes: length(bytes),
            is_binary: beginning.contains(&0),
            text: (bytes.len() <= MAX_LINK).then(|| shown(bytes)),
        }
    }
}

/// What is there now. Of what was not read, because there is too much, nothing harmless is assumed.
fn now(side: &Side, content: Option<&Content>, secrets: &SecretPatterns) -> Now {
    let file = |is_executable| Now::File {
        bytes: content.map_or(0, |content| content.bytes),
        is_binary: content.is_none_or(|content| content.is_binary),
        is_executable,
    };
    match side.mode {
        Mode::Nothing => Now::Gone,
        Mode::File => file(false),
        Mode::Executable => file(true),
        Mode::Link => {
            let target = content.and_then(|content| content.text.as_deref()).unwrap_or("/");
            Now::Link { target: secrets.shown_path(target).to_owned() }
        }
        Mode::Submodule => Now::Submodule,
    }
}

/// A hit as it may be told to people.
fn without_secrets(mut hit: GateHit, secrets: &SecretPatterns) -> GateHit {
    match &mut hit {
        GateHit::NestedRepository { path }
        | GateHit::ForeignLink { path }
        | GateHit::BeyondBounds { path }
        | GateHit::TooLarge { path, .. } => *path = secrets.shown_path(path).to_owned(),
        GateHit::SameName { path, other } => {
            *path = secrets.shown_path(path).to_owned();
            *other = secrets.shown_path(other).to_owned();
        }
        // A snapshot makes none of these.
        GateHit::ProtectedPath { .. }
        | GateHit::OutwardLink { .. }
        | GateHit::TooMany { .. }
        | GateHit::Binary { .. }
        | GateHit::Secret { .. }
        | GateHit::OutOfScope { .. }
        | GateHit::Revert { .. }
        | GateHit::TakenBack { .. }
        | GateHit::WeakenedTest { .. }
        | GateHit::Unjudged { .. } => {}
    }
    hit
}

struct Reader<'a> {
    git: &'a Git,
    clone: &'a Path,
    secrets: &'a Arc<SecretPatterns>,
}

impl Reader<'_> {
    fn call(&self) -> Call {
        self.git.in_repository(self.clone)
    }

    /// The sizes of all objects on both sides.
    async fn sizes(&self, differences: &[Difference]) -> Result<HashMap<String, u64>, GitError> {
        let objects: BTreeSet<&str> = differences
            .iter()
            .flat_map(|difference| [&difference.before, &difference.after])
            .filter(|side| side.mode.has_content())
            .map(|side| side.object.as_str())
            .collect();
        let call = self.call().args(["cat-file", "--batch-check=%(objectname) %(objectsize)"]);
        let answer = call.stdin(lines(objects.iter().copied())).bytes().await?;
        let answer = String::from_utf8_lossy(&answer);
        let size = |line: &str| {
            let (object, size) = line.split_once(' ')?;
            Some((object.to_owned(), size.parse().ok()?))
        };
        answer.lines().map(|line| size(line).ok_or_else(|| unexpected("cat-file", line))).collect()
    }

    /// Reads all that is new, and searches it.
    async fn contents(
        &self,
        differences: &[Difference],
        sizes: &HashMap<String, u64>,
    ) -> Result<(HashMap<String, Content>, Vec<GateHit>), GitError> {
        let mut contents = HashMap::new();
        let mut hits = Vec::new();
        let mut searched = 0;
        let mut batch: Vec<&Difference> = Vec::new();
        let mut batch_bytes = 0;
        for difference in differences {
            if !difference.after.mode.has_content() {
                // There is nothing behind the path, but the path itself leaves the machine.
                hits.extend(self.secrets.find(&shown(&difference.path), b""));
                continue;
            }
            let bytes = size_of(sizes, &difference.after.object);
            searched += bytes;
            if MAX_SEARCHED < searched {
                hits.push(GateHit::BeyondBounds { path: shown(&difference.path) });
                continue;
            }
            if READ_AT_ONCE < batch_bytes + bytes && !batch.is_empty() {
                hits.extend(self.search(&batch, sizes, &mut contents).await?);
                batch.clear();
                batch_bytes = 0;
            }
            batch.push(difference);
            batch_bytes += bytes;
        }
        hits.extend(self.search(&batch, sizes, &mut contents).await?);
        Ok((contents, hits.into_iter().map(|hit| without_secrets(hit, self.secrets)).collect()))
    }

    /// Searches what is new of these. What stood in the same file before is not the change's doing.
    async fn search(
        &self,
        batch: &[&Difference],
        sizes: &HashMap<String, u64>,
        contents: &mut HashMap<String, Content>,
    ) -> Result<Vec<GateHit>, GitError> {
        let objects = batch.iter().map(|difference| difference.after.object.as_str()).collect();
        let read = self.read(objects, sizes).await?;
        let paths: Vec<_> = batch
            .iter()
            .map(|difference| (shown(&difference.path), difference.after.object.clone()))
            .collect();
        let secrets = self.secrets.clone();
        let searched = blocking(move || {
            let found: Vec<Vec<GateHit>> = paths
                .iter()
                .map(|(path, object)| {
                    let bytes = read.get(object).map_or(&[][..], Vec::as_slice);
                    secrets.find(path, bytes)
                })
                .collect();
            let seen: Vec<_> =
                read.into_iter().map(|(object, bytes)| (object, Content::of(&bytes))).collect();
            Ok((found, seen))
        });
        let (found, seen) = searched.await.map_err(GitError::Disk)?;
        contents.extend(seen);
        let mut hits = Vec::new();
        for (difference, found) in batch.iter().zip(found) {
            if found.is_empty() {
                continue;
            }
            let old = self.found_before(difference, sizes).await?;
            hits.extend(found.into_iter().filter(|hit| !old.contains(hit)));
        }
        Ok(hits)
    }

    async fn found_before(
        &self,
        difference: &Difference,
        sizes: &HashMap<String, u64>,
    ) -> Result<HashSet<GateHit>, GitError> {
        if !difference.before.mode.has_content() {
            return Ok(HashSet::new());
        }
        let object = difference.before.object.as_str();
        let old = self.read(BTreeSet::from([object]), sizes).await?;
        let (secrets, path, object) =
            (self.secrets.clone(), shown(&difference.path), object.to_owned());
        let found = blocking(move || {
            let bytes = old.get(&object).map_or(&[][..], Vec::as_slice);
            Ok(secrets.find(&path, bytes).into_iter().collect())
        });
        found.await.map_err(GitError::Disk)
    }

    /// The contents of these objects: `<object> <type> <size>\n<content>\n` for each.
    async fn read(
        &self,
        objects: BTreeSet<&str>,
        sizes: &HashMap<String, u64>,
    ) -> Result<HashMap<String, Vec<u8>>, GitError> {
        if objects.is_empty() {
            return Ok(HashMap::new());
        }
        let total: u64 = objects.iter().map(|object| size_of(sizes, object)).sum();
        let room = usize::try_from(total).unwrap_or(usize::MAX).saturating_add(objects.len() * 100);
        let call = self.call().max_stdout(room).args(["cat-file", "--batch"]);
        let answer = call.stdin(lines(objects.iter().copied())).bytes().await?;
        let mut rest = answer.as_slice();
        let mut read = HashMap::new();
        while !rest.is_empty() {
            let (object, bytes, after) =
                next_object(rest).ok_or_else(|| unexpected("cat-file", "no object"))?;
            read.insert(object.to_owned(), bytes.to_vec());
            rest = after;
        }
        if read.len() == objects.len() {
            Ok(read)
        } else {
            Err(unexpected("cat-file", "too little"))
        }
    }

    /// Leaves out what is not the run's doing: a path that is as the merged base has it, and an unmerged one that is as
    /// our head has it. Giving up what the base brought elsewhere stays.
    async fn leave_out_parents(
        &self,
        merge: &BaseMerge,
        snapshot: &mut Snapshot,
    ) -> Result<(), GitError> {
        let of_base = self.changed_since(&merge.base, snapshot).await?;
        let of_head = self.changed_since(&merge.head, snapshot).await?;
        let unmerged: HashSet<&[u8]> =
            merge.conflicts.iter().map(|conflict| conflict.path.as_bytes()).collect();
        snapshot.differences.retain(|difference| {
            let path = &difference.path;
            of_base.contains(path)
                && (of_head.contains(path) || !unmerged.contains(path.as_slice()))
        });
        Ok(())
    }

    async fn changed_since(
        &self,
        commit: &CommitSha,
        snapshot: &Snapshot,
    ) -> Result<HashSet<GitPath>, GitError> {
        let call = self.call().args(["diff-tree", "-r", "-z", "--name-only", "--no-renames"]);
        let call = call.args([commit.as_str(), snapshot.tree.as_str(), "--"]);
        Ok(split(&call.bytes().await?).into_iter().collect())
    }

    /// The diff of each path that is short enough to be judged, with renames recognized. A path that was unmerged is
    /// compared with the merged base: before, it had the lines of both sides.
    async fn patches(
        &self,
        merge: &Option<BaseMerge>,
        snapshot: &Snapshot,
        sizes: &HashMap<String, u64>,
    ) -> Result<HashMap<GitPath, String>, GitError> {
        let mut paths = worth_patching(&snapshot.differences, sizes);
        let Some(merge) = merge else {
            return self.patches_since(snapshot.base_tree.as_str(), snapshot, &paths).await;
        };
        let was_unmerged = |path: &GitPath| {
            merge.conflicts.iter().any(|conflict| conflict.path.as_bytes() == path.as_slice())
        };
        let unmerged: BTreeSet<GitPath> =
            paths.iter().filter(|path| was_unmerged(path)).cloned().collect();
        paths.retain(|path| !unmerged.contains(path));
        let mut patches = self.patches_since(snapshot.base_tree.as_str(), snapshot, &paths).await?;
        patches.extend(self.patches_since(merge.base.as_str(), snapshot, &unmerged).await?);
        Ok(patches)
    }

    async fn patches_since(
        &self,
        before: &str,
        snapshot: &Snapshot,
        paths: &BTreeSet<GitPath>,
    ) -> Result<HashMap<GitPath, String>, GitError> {
        if paths.is_empty() {
            return Ok(HashMap::new());
        }
        let compare = |form: &[&str]| {
            let call = self.call().args(["diff-tree", "-r", "--find-renames", "--no-abbrev"]);
            let call = call.args(["--no-color", "--no-ext-diff", "--no-textconv", "--text"]);
            let call = call.args(form).args([before, snapshot.tree.as_str()]);
            call.args(["--"]).args(paths.iter().map(|path| OsStr::from_bytes(path)))
        };
        let listed = compare(&["--raw", "-z"]).bytes().await?;
        let listed = raw::parse(&listed).map_err(|error| unexpected("diff-tree", error))?;
        let text = compare(&["--patch"]).bytes().await?;
        Ok(assigned(&listed, &text, paths))
    }

    /// The new paths that some file systems do not tell from another path of the tree.
    async fn same_names(&self, snapshot: &Snapshot) -> Result<Vec<GateHit>, GitError> {
        let is_new = |difference: &&Difference| difference.before.mode == Mode::Nothing;
        let new: Vec<GitPath> =
            snapshot.differences.iter().filter(is_new).map(|it| it.path.clone()).collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.call().args(["ls-tree", "-r", "-z", "--name-only", snapshot.tree.as_str()]);
        let all = call.bytes().await?;
        let hits = blocking(move || Ok(collisions(&new, &all))).await.map_err(GitError::Disk)?;
        Ok(hits.into_iter().map(|hit| without_secrets(hit, self.secrets)).collect())
    }

    /// The newest commits of the history each of whose paths the change makes what it was before.
    async fn taken_back(
        &self,
        base: &CommitSha,
        differences: &[Difference],
    ) -> Result<Vec<TakenBack>, GitError> {
        if differences.is_empty() {
            return Ok(Vec::new());
        }
        let format = format!(
            "--format={COMMIT_MARK}%H %(trailers:key={},valueonly=true,separator=%x20)%x09%s",
            crate::publish::RUN_TRAILER
        );
        let call =
            self.call().args(["log", "-z", "--raw", "--no-abbrev", "--no-renames", "--root"]);
        let call = call.args(["--no-show-signature", "--no-merges", "--max-count", MAX_COMMITS]);
        let base = commit_arg(base).map_err(|error| GitError::Disk(io::Error::other(error)))?;
        let listing = call.args([format.as_str(), base, "--"]).bytes().await?;
        let history = raw::parse_log(&listing).map_err(|error| unexpected("log", error))?;
        let after: HashMap<&GitPath, &Side> =
            differences.iter().map(|difference| (&difference.path, &difference.after)).collect();
        let is_undone = |difference: &Difference| {
            after.get(&difference.path).is_some_and(|now| **now == difference.before)
        };
        let undone = history.into_iter().filter(|commit| {
            !commit.differences.is_empty() && commit.differences.iter().all(is_undone)
        });
        let told = undone.map(|commit| {
            let (ids, subject) = commit.line.split_once('\t').unwrap_or((&commit.line, ""));
            let (sha, run) = ids.split_once(' ').unwrap_or((ids, ""));
            TakenBack {
                commit: CommitSha::new(sha),
                subject: self.secrets.shown_path(subject).to_owned(),
                is_ours: !run.trim().is_empty(),
            }
        });
        Ok(told.collect())
    }
}

fn next_object(text: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let end = text.iter().position(|b| *b == b'\n')?;
    let mut header = std::str::from_utf8(&text[..end]).ok()?.split(' ');
    let (object, size) = (header.next()?, header.nth(1)?.parse::<usize>().ok()?);
    let content = text.get(end + 1..)?;
    Some((object, content.get(..size)?, content.get(size + 1..)?))
}

fn lines<'a>(objects: impl Iterator<Item = &'a str>) -> Vec<u8> {
    objects.flat_map(|object| [object.as_bytes(), b"\n"].concat()).collect()
}

fn size_of(sizes: &HashMap<String, u64>, object: &str) -> u64 {
    sizes.get(object).copied().unwrap_or(0)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn unexpected(command: &str, answer: &str) -> GitError {
    GitError::Answer { command: command.to_owned(), answer: answer.to_owned() }
}
