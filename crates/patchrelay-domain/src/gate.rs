//! The publish gate: what must not leave the worktree without a human's word (D29).

mod changes;
mod paths;
mod reverts;
mod secrets;
mod weakened_tests;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use self::{
    changes::{ChangeSet, ChangedFile, Now, TakenBack},
    paths::{check_protected_path, protected_path_hits},
    reverts::NewCommit,
    secrets::{SecretPatterns, TooManySecrets},
};
use crate::{CommitSha, RunType, text::single_line};

/// How much of one patch is read, in bytes.
const SCANNED_BYTES: usize = 1024 * 1024;

/// How many hits one verdict has at most. It holds those that nobody may release before all others.
const MAX_HITS: usize = 100;

/// Larger files are never in a tree of ours: GitHub takes none of more than 100 MiB, so none is staged.
const MAX_STAGED_BYTES: u64 = 100 * 1024 * 1024;

/// When more paths than this are new, not all of them are in the tree.
const MAX_STAGED_PATHS: u64 = 20_000;

/// Something in a tree that must not be published.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "hit", rename_all = "snake_case")]
pub enum GateHit {
    /// A path that only a human may change through us.
    ProtectedPath {
        /// Which.
        path: String,
    },
    /// A git repository inside the worktree. Git would run what its configuration says (D25).
    NestedRepository {
        /// Where.
        path: String,
    },
    /// A submodule link that the base commit does not have.
    ForeignLink {
        /// Where.
        path: String,
    },
    /// A symbolic link that leads out of the repository. Whoever checks it out reads, or writes, what lies there.
    OutwardLink {
        /// Where.
        path: String,
        /// What it says.
        target: String,
    },
    /// A new path that is the same as another one for file systems that do not tell upper from lower case, or the ways to
    /// write an accent: there, one of the two is lost.
    SameName {
        /// Which.
        path: String,
        /// The other one.
        other: String,
    },
    /// Something beyond the bounds of what is looked at: it is not in the tree, or was not searched for secrets.
    BeyondBounds {
        /// Which.
        path: String,
    },
    /// A file that is larger than what a review can be about.
    TooLarge {
        /// Which.
        path: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// More changes than a review can be about.
    TooMany {
        /// How many paths.
        paths: u64,
    },
    /// A file that nobody can read in a review, and that is too large to be an icon.
    Binary {
        /// Which.
        path: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The value of one of our secrets.
    Secret {
        /// The secret's name in the configuration, never its value.
        name: String,
        /// Where it stands.
        path: String,
    },
    /// A path that is not a repair's business (N20).
    OutOfScope {
        /// Which.
        path: String,
    },
    /// A repair took back somebody else's commit.
    Revert {
        /// The commit that does.
        commit: CommitSha,
        /// The first line of its message.
        subject: String,
    },
    /// A repair brought files back to what they were before somebody else's commit.
    TakenBack {
        /// That commit.
        commit: CommitSha,
        /// The first line of its message.
        subject: String,
    },
    /// A repair made a test say less.
    WeakenedTest {
        /// Which.
        path: String,
        /// What happened to it: the path with this behind it is a sentence.
        reason: String,
    },
    /// A repair changed a test so much that its diff was not read: whether the test says less now is not known.
    Unjudged {
        /// Which.
        path: String,
    },
}

/// What a project says about the gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePolicy {
    /// The patterns of protected paths, as [`check_protected_path`] accepts them.
    pub protected_paths: Vec<String>,
    /// What is too much.
    pub caps: GateCaps,
}

/// The most that is published without a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateCaps {
    /// Of one file, in bytes. Sources are far smaller; larger ones are usually results of a build or data.
    pub max_file_bytes: u64,
    /// Of changed paths. Nobody reviews more.
    pub max_paths: usize,
    /// Of one binary file, in bytes: room for an icon or a font.
    pub max_binary_bytes: u64,
}

impl Default for GateCaps {
    fn default() -> Self {
        Self { max_file_bytes: 5 * 1024 * 1024, max_paths: 3_000, max_binary_bytes: 1024 * 1024 }
    }
}

/// Everything about a change that must not be published without a human's word, and nothing twice. At most 100 hits:
/// those that nobody may release (see [`is_releasable`]) come first and are the last to be left out.
pub fn gate(policy: &GatePolicy, run_type: RunType, changes: &ChangeSet) -> Vec<GateHit> {
    let paths: Vec<String> = changes.files.iter().map(|file| file.path.clone()).collect();
    let protected = protected_path_hits(&policy.protected_paths, &paths);
    let mut hits = changes.found.clone();
    hits.extend(size_hits(&policy.caps, &changes.files));
    if run_type.is_repair() {
        // A question names a path once.
        let known: HashSet<&str> = protected.iter().filter_map(path_of).collect();
        let out_of_scope = paths::out_of_scope_hits(&paths);
        hits.extend(
            out_of_scope.into_iter().filter(|hit| path_of(hit).is_none_or(|p| !known.contains(p))),
        );
        hits.extend(reverts::revert_hits(&changes.commits));
        hits.extend(reverts::taken_back_hits(&changes.taken_back));
        hits.extend(
            changes.files.iter().filter_map(|file| {
                weakened_tests::weakened_tests(&file.path, file.patch.as_deref())
            }),
        );
    }
    hits.extend(changes.files.iter().filter_map(paths::outward_link));
    hits.extend(protected);

    let mut seen = HashSet::new();
    hits.retain(|hit| seen.insert(hit.clone()));
    hits.sort_by_key(is_releasable);
    hits.truncate(MAX_HITS);
    hits
}

/// The files that are too large, the larger binary ones, and whether there are too many.
pub fn size_hits(caps: &GateCaps, files: &[ChangedFile]) -> Vec<GateHit> {
    let mut hits: Vec<GateHit> = files.iter().filter_map(|file| size_hit(caps, file)).collect();
    if caps.max_paths < files.len() {
        hits.push(GateHit::TooMany { paths: u64::try_from(files.len()).unwrap_or(u64::MAX) });
    }
    hits
}

fn size_hit(caps: &GateCaps, file: &ChangedFile) -> Option<GateHit> {
    let Now::File { bytes, is_binary, is_executable } = file.now else { return None };
    let path = file.path.clone();
    if caps.max_file_bytes < bytes {
        Some(GateHit::TooLarge { path, bytes })
    } else if is_binary && (is_executable || caps.max_binary_bytes < bytes) {
        // What runs is no icon, however small it is.
        Some(GateHit::Binary { path, bytes })
    } else {
        None
    }
}

/// Whether a human may release the tree in spite of this hit (D29).
///
/// A release is of exactly one tree, so whoever gives it must be able to see what is in it. That holds for what is only
/// unusual: a protected path, size, a binary file, a link outward, a repair beyond its scope, something taken back, a
/// weakened test. It holds for a test that was not judged, too: that is at worst a weakened one, all of it is in the tree,
/// and what was looked for without bound (secrets, what git would run) was looked for in it as well. It does not hold for:
///
/// - a nested repository or a foreign link: neither is staged, so the tree is not what is in the worktree. The link
///   would name a commit that no review shows, and git in a worktree with a foreign repository may run it (D25).
/// - a file or a number of files beyond what is staged, for the same reason, or beyond what is searched for secrets.
/// - a secret: what was pushed cannot be taken back, and an approval given in a hurry is how secrets get out. Whoever
///   means it can commit it themselves.
pub fn is_releasable(hit: &GateHit) -> bool {
    match hit {
        GateHit::ProtectedPath { .. }
        | GateHit::Binary { .. }
        | GateHit::OutOfScope { .. }
        | GateHit::OutwardLink { .. }
        | GateHit::SameName { .. }
        | GateHit::Revert { .. }
        | GateHit::TakenBack { .. }
        | GateHit::WeakenedTest { .. }
        | GateHit::Unjudged { .. } => true,
        GateHit::TooLarge { bytes, .. } => *bytes <= MAX_STAGED_BYTES,
        GateHit::TooMany { paths } => *paths <= MAX_STAGED_PATHS,
        GateHit::NestedRepository { .. }
        | GateHit::ForeignLink { .. }
        | GateHit::BeyondBounds { .. }
        | GateHit::Secret { .. } => false,
    }
}

fn path_of(hit: &GateHit) -> Option<&str> {
    match hit {
        GateHit::ProtectedPath { path }
        | GateHit::NestedRepository { path }
        | GateHit::ForeignLink { path }
        | GateHit::OutwardLink { path, .. }
        | GateHit::SameName { path, .. }
        | GateHit::BeyondBounds { path }
        | GateHit::TooLarge { path, .. }
        | GateHit::Binary { path, .. }
        | GateHit::Secret { path, .. }
        | GateHit::OutOfScope { path }
        | GateHit::WeakenedTest { path, .. }
        | GateHit::Unjudged { path } => Some(path),
        GateHit::TooMany { .. } | GateHit::Revert { .. } | GateHit::TakenBack { .. } => None,
    }
}

/// How many hits are named one by one.
const NAMED_HITS: usize = 10;

/// How much of a path, a name or a subject is shown, in characters.
const SHOWN_CHARS: usize = 200;

/// The question that these hits put to a human.
pub(crate) fn question(hits: &[GateHit]) -> String {
    let mut text =
        "The work is ready, but it contains something that I do not publish by myself:".to_owned();
    for hit in hits.iter().take(NAMED_HITS) {
        text.push_str("\n- ");
        text.push_str(&match hit {
            GateHit::ProtectedPath { path } => format!("{} is a protected path", code(path)),
            GateHit::NestedRepository { path } => {
                format!("{} is a git repository inside the worktree", code(path))
            }
            GateHit::ForeignLink { path } => {
                format!("{} is a submodule link that the base does not have", code(path))
            }
            GateHit::OutwardLink { path, target } => {
                format!("{} is a link out of the repository, to {}", code(path), code(target))
            }
            GateHit::SameName { path, other } => {
                format!("{} and {} are one name on some systems", code(path), code(other))
            }
            GateHit::BeyondBounds { path } => {
                format!("{} is beyond what I can look at", code(path))
            }
            GateHit::TooLarge { path, bytes } => format!("{} has {bytes} bytes", code(path)),
            GateHit::TooMany { paths } => format!("{paths} paths are changed"),
            GateHit::Binary { path, bytes } => {
                format!("{} is a binary file of {bytes} bytes", code(path))
            }
            GateHit::Secret { name, path } => {
                format!("the secret {} stands in {}", code(name), code(path))
            }
            GateHit::OutOfScope { path } => format!("{} is not a repair's business", code(path)),
            GateHit::Revert { commit, subject } => {
                format!("the commit {} takes back another: {}", code(commit.short()), code(subject))
            }
            GateHit::TakenBack { commit, subject } => {
                format!(
                    "what the commit {} changed is taken back: {}",
                    code(commit.short()),
                    code(subject)
                )
            }
            GateHit::WeakenedTest { path, reason } => {
                format!("the test {} {}", code(path), single_line(reason, SHOWN_CHARS))
            }
            GateHit::Unjudged { path } => {
                format!("the test {} is changed too much for me to judge", code(path))
            }
        });
    }
    if NAMED_HITS < hits.len() {
        let at_least = if MAX_HITS <= hits.len() { "at least " } else { "" };
        text.push_str(&format!("\n- and {at_least}{} more", hits.len() - NAMED_HITS));
    }
    text.push_str(if hits.iter().all(is_releasable) {
        "\n\nAnswer yes to publish exactly this, no to leave it, or say what to change."
    } else {
        "\n\nAn approval does not change that: some of it has to leave the worktree first."
    });
    text
}

/// What each hit is, in words, as the question says it.
pub fn hits_in_words(hits: &[GateHit]) -> Vec<String> {
    let line = |hit: &GateHit| {
        let text = question(std::slice::from_ref(hit));
        text.lines().find_map(|line| line.strip_prefix("- ")).unwrap_or_default().to_owned()
    };
    hits.iter().map(line).collect()
}

/// A text of the agent as code: one line that cannot end the quotation.
fn code(text: &str) -> String {
    format!("`{}`", single_line(text, SHOWN_CHARS).replace('`', "'"))
}

#[cfg(test)]
mod tests;
