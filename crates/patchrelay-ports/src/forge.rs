//! The forge: where repositories and pull requests are.

use async_trait::async_trait;
use patchrelay_domain::{BranchName, PrNumber, PullRequest, RepoSlug, Versioned};

use crate::CallError;

/// An order to open a pull request. It says everything; the forge chooses only the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPullRequest {
    /// In which repository.
    pub repo: RepoSlug,
    /// From which branch of it.
    pub head: BranchName,
    /// Into which branch of it.
    pub base: BranchName,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Whether as a draft.
    pub draft: bool,
}

/// The forge.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Forge: Send + Sync {
    /// The branch that pull requests of this repository go to by default.
    async fn default_branch(&self, repo: &RepoSlug) -> Result<BranchName, CallError>;

    /// The pull request from this branch of this same repository into that branch: the open one, else the newest.
    async fn find_pull_request(
        &self,
        repo: &RepoSlug,
        head: &BranchName,
        base: &BranchName,
    ) -> Result<Option<Versioned<PullRequest>>, CallError>;

    /// Opens a pull request. Not idempotent and never repeated inside: after any error, find it before opening again.
    async fn open_pull_request(
        &self,
        order: &OpenPullRequest,
    ) -> Result<Versioned<PullRequest>, CallError>;

    /// The pull request as it is now.
    async fn read_pull_request(
        &self,
        repo: &RepoSlug,
        number: PrNumber,
    ) -> Result<Versioned<PullRequest>, CallError>;
}
