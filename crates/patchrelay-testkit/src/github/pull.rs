//! A pull request, and how GitHub shows it.

use chrono::{DateTime, SecondsFormat};
use patchrelay_domain::RepoSlug;
use serde_json::{Value, json};

/// A pull request as the fake holds it, for assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakePullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Where it stands.
    pub state: FakePullState,
    /// The repository of its head; `None` when that was deleted.
    pub head_repository: Option<String>,
    /// The branch it asks to merge.
    pub head_branch: String,
    /// The tip of that branch, as long as it is open; afterwards, what it was then.
    pub head: String,
    /// The branch it asks to be merged into.
    pub base_branch: String,
    /// The tip of that branch when it was opened or last pushed to.
    pub base: String,
    /// When it was opened, in seconds since the epoch.
    pub created_at: i64,
    /// When it last changed, in seconds since the epoch. Each change moves it by at least one.
    pub updated_at: i64,
}

/// Where a pull request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FakePullState {
    /// Waiting.
    Open,
    /// Closed without a merge.
    Closed {
        /// When, in seconds since the epoch.
        at: i64,
    },
    /// Merged.
    Merged {
        /// When, in seconds since the epoch.
        at: i64,
        /// The merge commit.
        commit: String,
    },
}

impl FakePullRequest {
    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.state == FakePullState::Open
    }

    /// Whether it was merged.
    pub fn is_merged(&self) -> bool {
        matches!(self.state, FakePullState::Merged { .. })
    }

    /// Whether its head lies in this repository.
    pub(super) fn is_of(&self, repo: &RepoSlug) -> bool {
        self.head_repository
            .as_ref()
            .is_some_and(|name| name.eq_ignore_ascii_case(&repo.to_string()))
    }

    /// Moves the time of the last change forward.
    pub(super) fn touch(&mut self, now: i64) {
        self.updated_at = now.max(self.updated_at + 1);
    }
}

/// How one pull request can be merged, as GitHub says it for a single one and in webhooks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mergeable {
    /// Without conflicts.
    Clean,
    /// With conflicts.
    Dirty,
    /// Not looked at, or not open.
    Unknown,
}

/// The object that a list has.
pub(super) fn summary(
    root: &str,
    repo: &RepoSlug,
    repository: &Value,
    pull: &FakePullRequest,
) -> Value {
    let owner = repo.owner();
    let number = pull.number;
    let (closed_at, merged_at) = match &pull.state {
        FakePullState::Open => (None, None),
        FakePullState::Closed { at } => (Some(*at), None),
        FakePullState::Merged { at, .. } => (Some(*at), Some(*at)),
    };
    let head_owner = pull
        .head_repository
        .as_deref()
        .and_then(|name| name.split('/').next())
        .unwrap_or("unknown");
    let head_repository = match &pull.head_repository {
        Some(_) if pull.is_of(repo) => repository.clone(),
        Some(name) => {
            json!({ "full_name": name, "name": name.split('/').next_back(), "fork": true })
        }
        None => Value::Null,
    };
    json!({
        "id": 1_000_000 + number,
        "node_id": format!("PR_fake{number}"),
        "number": number,
        "state": if pull.is_open() { "open" } else { "closed" },
        "locked": false,
        "title": pull.title,
        "body": pull.body,
        "draft": pull.draft,
        "user": user(head_owner),
        "url": format!("{root}/repos/{repo}/pulls/{number}"),
        "html_url": format!("{root}/{repo}/pull/{number}"),
        "created_at": time(pull.created_at),
        "updated_at": time(pull.updated_at),
        "closed_at": closed_at.map(time),
        "merged_at": merged_at.map(time),
        // GitHub shows the commit of a trial merge here while a pull request is open.
        "merge_commit_sha": match &pull.state {
            FakePullState::Merged { commit, .. } => Value::from(commit.as_str()),
            FakePullState::Open | FakePullState::Closed { .. } => Value::from(pull.head.as_str()),
        },
        "labels": [],
        "assignees": [],
        "requested_reviewers": [],
        "author_association": "CONTRIBUTOR",
        "auto_merge": null,
        "head": {
            "label": format!("{head_owner}:{}", pull.head_branch),
            "ref": pull.head_branch,
            "sha": pull.head,
            "user": user(head_owner),
            "repo": head_repository,
        },
        "base": {
            "label": format!("{owner}:{}", pull.base_branch),
            "ref": pull.base_branch,
            "sha": pull.base,
            "user": user(owner),
            "repo": repository,
        },
    })
}

/// The object that a single answer and a webhook have: the same, and more.
pub(super) fn full(
    root: &str,
    repo: &RepoSlug,
    repository: &Value,
    pull: &FakePullRequest,
    mergeable: Mergeable,
) -> Value {
    let mut value = summary(root, repo, repository, pull);
    let (can_merge, state) = match mergeable {
        Mergeable::Clean if pull.draft => (Value::Bool(true), "draft"),
        Mergeable::Clean => (Value::Bool(true), "clean"),
        Mergeable::Dirty => (Value::Bool(false), "dirty"),
        Mergeable::Unknown => (Value::Null, "unknown"),
    };
    value["merged"] = Value::Bool(pull.is_merged());
    value["mergeable"] = can_merge;
    value["mergeable_state"] = Value::from(state);
    value["merged_by"] = if pull.is_merged() { user("maintainer") } else { Value::Null };
    value["comments"] = Value::from(0);
    value["maintainer_can_modify"] = Value::Bool(false);
    value
}

/// A repository, shortened.
pub(super) fn repository(
    root: &str,
    repo: &RepoSlug,
    id: u64,
    default_branch: &str,
    clone_url: &str,
) -> Value {
    json!({
        "id": id,
        "node_id": format!("R_fake{id}"),
        "name": repo.name(),
        "full_name": repo.to_string(),
        "private": true,
        "fork": false,
        "archived": false,
        "owner": user(repo.owner()),
        "url": format!("{root}/repos/{repo}"),
        "html_url": format!("{root}/{repo}"),
        "clone_url": clone_url,
        "default_branch": default_branch,
        "visibility": "private",
        "permissions": { "admin": false, "maintain": false, "push": true, "triage": true, "pull": true },
    })
}

/// An account, shortened.
pub(super) fn user(login: &str) -> Value {
    json!({ "login": login, "id": 1, "node_id": "U_fake", "type": "User", "site_admin": false })
}

/// GitHub's times have no fractions.
fn time(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}
