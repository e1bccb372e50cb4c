//! What the forge says of a pull request.

use serde::{Deserialize, Serialize};

use crate::{Actor, BranchName, CommitSha, PrNumber, Timestamp};

/// A pull request as the forge last showed it. It always says which head it speaks about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number in the project's repository.
    pub number: PrNumber,
    /// Where people read it.
    pub url: String,
    /// Open, closed or merged.
    pub state: PrState,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// Whether its branch lies in another repository. We can neither push to that nor trust it.
    #[serde(default)]
    pub is_from_fork: bool,
    /// The branch it asks to merge.
    pub head_branch: BranchName,
    /// The commit at the tip of that branch.
    pub head: CommitSha,
    /// The branch it asks to be merged into.
    pub base_branch: BranchName,
    /// The commit that merged it.
    pub merge_commit: Option<CommitSha>,
    /// When it was merged or closed, by the forge's clock.
    #[serde(default)]
    pub ended: Option<Timestamp>,
}

/// Where a pull request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrState {
    /// Waiting to be merged.
    Open,
    /// Closed without a merge.
    Closed,
    /// Merged. It never changes again.
    Merged,
}

/// A review, as its webhook or a read of the pull request shows it. Its text is not kept: it is read again right before
/// a run that needs it (N22, D12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The forge's id of it.
    pub id: String,
    /// Who wrote it.
    pub reviewer: Actor,
    /// What it says of the change.
    pub verdict: ReviewVerdict,
    /// The commit that was reviewed.
    pub head: CommitSha,
    /// When it was submitted, by the forge's clock.
    pub submitted: Timestamp,
}

/// What a review says of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// It may be merged.
    Approved,
    /// It may not be merged as it is.
    ChangesRequested,
    /// Neither.
    Commented,
    /// Somebody took the review back. A later state of the same review.
    Dismissed,
}

impl ReviewVerdict {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::ChangesRequested => "changes_requested",
            Self::Commented => "commented",
            Self::Dismissed => "dismissed",
        }
    }
}

/// A check of a commit, as the forge shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The forge's id of this run of it. A rerun has another one, which is higher.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub status: CheckStatus,
    /// When it came to stand so, by the forge's clock: its completion, else its start.
    pub version: Timestamp,
}

impl Check {
    /// Whether it says something newer than `other`, a check of the same name and commit.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        (self.version, self.id, self.status.is_settled())
            > (other.version, other.id, other.status.is_settled())
    }

    /// Names of checks are compared trimmed and without regard to case, and only whole: a check whose name contains the
    /// gate's is not the gate.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name.trim().eq_ignore_ascii_case(name.trim())
    }
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Not over.
    Pending,
    /// Passed, or did not have to run.
    Success,
    /// Over, and not passed.
    Failure,
}

impl CheckStatus {
    /// Reads GitHub's status and conclusion. A conclusion that is not known yet is no success.
    pub fn from_github(status: &str, conclusion: Option<&str>) -> Self {
        match (status, conclusion) {
            (_, Some("success" | "neutral" | "skipped")) => Self::Success,
            ("completed", _) | (_, Some(_)) => Self::Failure,
            (_, None) => Self::Pending,
        }
    }

    fn is_settled(self) -> bool {
        match self {
            Self::Pending => false,
            Self::Success | Self::Failure => true,
        }
    }
}

/// Whether a head could be merged into its base now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeState {
    /// The head that was judged.
    pub head: CommitSha,
    /// The tip of the base branch that it was judged against.
    pub base: CommitSha,
    /// Whether the base has changes that contradict it. `None` while the forge is still finding out.
    pub is_conflicting: Option<bool>,
    /// Whether the base branch asks for an approval. `None` when the forge did not say.
    pub is_review_required: Option<bool>,
}

#[cfg(test)]
mod tests;
