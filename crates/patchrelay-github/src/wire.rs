//! The fields of GitHub's objects that we read, and nothing else of them.

use chrono::DateTime;
use patchrelay_domain::{
    BranchName, CommitSha, PrNumber, PrState, PullRequest, RepoSlug, Timestamp, Versioned,
};
use serde::Deserialize;

/// A repository, as it answers for itself.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRepository {
    pub(crate) default_branch: String,
}

/// A pull request, as lists, single answers and webhooks all show it. What is missing in one of them is optional.
#[derive(Debug, Deserialize)]
pub(crate) struct WirePullRequest {
    pub(crate) number: u64,
    html_url: String,
    state: String,
    draft: Option<bool>,
    /// Not in lists.
    merged: Option<bool>,
    merged_at: Option<String>,
    closed_at: Option<String>,
    /// Of an open pull request, this is the commit of a trial merge.
    merge_commit_sha: Option<String>,
    updated_at: String,
    pub(crate) head: WireHead,
    pub(crate) base: WireBase,
}

/// What a pull request asks to merge.
#[derive(Debug, Deserialize)]
pub(crate) struct WireHead {
    #[serde(rename = "ref")]
    pub(crate) branch: String,
    sha: String,
    /// Absent when the repository, a fork, was deleted.
    repo: Option<WireHeadRepository>,
}

#[derive(Debug, Deserialize)]
struct WireHeadRepository {
    full_name: String,
}

/// Where a pull request asks to be merged.
#[derive(Debug, Deserialize)]
pub(crate) struct WireBase {
    #[serde(rename = "ref")]
    pub(crate) branch: String,
    repo: WireBaseRepository,
}

#[derive(Debug, Deserialize)]
struct WireBaseRepository {
    full_name: RepoSlug,
}

impl WirePullRequest {
    /// The repository, if both ends lie in it. A fork, or one that was deleted, is none of ours (W15). The base's own
    /// name is compared, not the configured one: a renamed repository still answers to its old name.
    pub(crate) fn own_repository(&self) -> Option<&RepoSlug> {
        let base = &self.base.repo.full_name;
        let head = &self.head.repo.as_ref()?.full_name;
        head.eq_ignore_ascii_case(&base.to_string()).then_some(base)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == "open" && !self.is_merged()
    }

    fn is_merged(&self) -> bool {
        self.merged == Some(true) || self.merged_at.is_some()
    }

    /// In domain words. The error names the field.
    pub(crate) fn read(self) -> Result<Versioned<PullRequest>, String> {
        let is_merged = self.is_merged();
        let state = match self.state.as_str() {
            _ if is_merged => PrState::Merged,
            "open" => PrState::Open,
            "closed" => PrState::Closed,
            // Taking it for one of the two could publish onto a finished pull request.
            other => {
                return Err(format!("state: `{}` is not known", crate::refusal::bounded(other)));
            }
        };
        let version = time("updated_at", &self.updated_at)?;
        let ended = match state {
            PrState::Open => None,
            PrState::Merged | PrState::Closed => {
                self.merged_at.as_ref().or(self.closed_at.as_ref())
            }
        };
        let ended = ended.map(|at| time("merged_at or closed_at", at)).transpose()?;
        let value = PullRequest {
            number: PrNumber(self.number),
            url: self.html_url,
            state,
            is_draft: self.draft.unwrap_or(false),
            is_from_fork: false,
            head_branch: BranchName::new(self.head.branch),
            head: CommitSha::new(self.head.sha),
            base_branch: BranchName::new(self.base.branch),
            ended,
            merge_commit: self.merge_commit_sha.filter(|_| is_merged).map(CommitSha::new),
        };
        Ok(Versioned { version, value })
    }
}

fn time(field: &str, text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| Timestamp::from_millis(time.timestamp_millis()))
        .map_err(|error| format!("{field}: {error}"))
}

#[cfg(test)]
mod tests;
