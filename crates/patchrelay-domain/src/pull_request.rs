//! What the forge says of a pull request.

use serde::{Deserialize, Serialize};

use crate::{BranchName, CommitSha, PrNumber};

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
    /// The branch it asks to merge.
    pub head_branch: BranchName,
    /// The commit at the tip of that branch.
    pub head: CommitSha,
    /// The branch it asks to be merged into.
    pub base_branch: BranchName,
    /// The commit that merged it.
    pub merge_commit: Option<CommitSha>,
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
