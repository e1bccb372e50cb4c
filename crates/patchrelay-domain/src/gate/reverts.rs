//! Whether a new commit takes back what somebody else did.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{GateHit, TakenBack};
use crate::CommitSha;

/// The fewest digits by which a commit is named.
const MIN_DIGITS: usize = 7;

/// A commit that the branch has and its base has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCommit {
    /// Which.
    pub commit: CommitSha,
    /// The first line of its message.
    pub subject: String,
    /// The rest of its message.
    pub body: String,
    /// Whether we or our agent made it.
    pub is_ours: bool,
}

/// The commits of ours that take back a commit of which is not known that it is ours too.
///
/// Git's words are recognized: a subject `Revert "…"`, and `This reverts commit <sha>` in the body. Taking back our own
/// work needs no question, but only a commit that is named by its digits is known to be ours; a subject proves nothing.
/// What a human reverts is not our business.
pub(super) fn revert_hits(commits: &[NewCommit]) -> Vec<GateHit> {
    commits
        .iter()
        .filter(|commit| commit.is_ours && takes_back_others(commit, commits))
        .map(|commit| GateHit::Revert {
            commit: commit.commit.clone(),
            subject: commit.subject.clone(),
        })
        .collect()
}

/// What of somebody else's is taken back without a commit that says so.
pub(super) fn taken_back_hits(taken_back: &[TakenBack]) -> Vec<GateHit> {
    taken_back
        .iter()
        .filter(|commit| !commit.is_ours)
        .map(|commit| GateHit::TakenBack {
            commit: commit.commit.clone(),
            subject: commit.subject.clone(),
        })
        .collect()
}

fn takes_back_others(commit: &NewCommit, commits: &[NewCommit]) -> bool {
    let reverted = reverted(&commit.body);
    if reverted.is_empty() {
        return commit.subject.trim_start().to_ascii_lowercase().starts_with("revert \"");
    }
    let is_ours = |digits: &String| {
        commits.iter().any(|known| {
            known.is_ours && MIN_DIGITS <= digits.len() && known.commit.as_str().starts_with(digits)
        })
    };
    !reverted.iter().all(is_ours)
}

/// The digits of the commits that the body says to revert, as far as there are any. All of it is read, in time
/// proportional to its length: the words could stand behind any bound.
fn reverted(body: &str) -> BTreeSet<String> {
    let words = body.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .to_ascii_lowercase()
        .split("this reverts commit ")
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).collect())
        .collect()
}

#[cfg(test)]
mod tests;
