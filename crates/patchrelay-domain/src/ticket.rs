//! What the tracker says of an issue.

use serde::{Deserialize, Serialize};

use crate::{PrNumber, RepoSlug, Timestamp};

/// A ticket as the tracker last showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The key people use, such as `APP-1`.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Its description, Markdown, possibly empty.
    pub description: String,
    /// Where people read it.
    pub url: String,
    /// The team's key, such as `APP`.
    pub team_key: String,
    /// The team's id.
    pub team_id: String,
    /// The team's name; empty in tickets that an earlier version read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub team_name: String,
    /// The name of the tracker project it belongs to.
    pub tracker_project: Option<String>,
    /// The id of that project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracker_project_id: Option<String>,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// 0 none, 1 urgent, 2 high, 3 normal, 4 low: Linear's numbers.
    pub priority: u8,
    /// Its workflow state.
    pub state: TrackerState,
    /// When it was completed or cancelled, by the tracker's clock.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// Whether it is delegated to our app user.
    pub delegated: bool,
    /// The tickets that have to be over before this one is worked on.
    #[serde(default)]
    pub blockers: Vec<Blocker>,
    /// The pull requests that people attached to it. Attaching one means that we are to go on with it (N39).
    #[serde(default)]
    pub linked: Vec<LinkedPullRequest>,
}

impl Ticket {
    /// The keys of the blockers that are not over, in order. A cancelled one blocks nothing any more (W64).
    pub fn blocked_by(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self
            .blockers
            .iter()
            .filter(|blocker| !blocker.state.is_final())
            .map(|blocker| blocker.key.as_str())
            .collect();
        keys.sort_unstable();
        keys
    }
}

/// A ticket that has to be over before another is worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Its key, else its id.
    pub key: String,
    /// What its workflow state means.
    pub state: TrackerStateKind,
}

/// A pull request that is attached to a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedPullRequest {
    /// Its repository.
    pub repo: RepoSlug,
    /// Its number there.
    pub number: PrNumber,
}

/// A workflow state of the tracker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackerState {
    /// The tracker's id of it.
    pub id: String,
    /// The name people see.
    pub name: String,
    /// What it means.
    pub kind: TrackerStateKind,
}

/// What a workflow state means. Linear's types; one that we do not know is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackerStateKind {
    /// Not looked at yet.
    Triage,
    /// Some day.
    Backlog,
    /// To do.
    Unstarted,
    /// Somebody works on it.
    Started,
    /// Done.
    Completed,
    /// Will not be done.
    Canceled,
    /// The same as another ticket.
    Duplicate,
    /// A type that this version does not know.
    #[serde(other)]
    Other,
}

impl TrackerStateKind {
    /// Reads Linear's `WorkflowState.type`.
    pub fn from_linear(text: &str) -> Self {
        match text {
            "triage" => Self::Triage,
            "backlog" => Self::Backlog,
            "unstarted" => Self::Unstarted,
            "started" => Self::Started,
            "completed" => Self::Completed,
            "canceled" => Self::Canceled,
            "duplicate" => Self::Duplicate,
            _ => Self::Other,
        }
    }

    /// Whether nobody has begun: the states that we may move to `started`.
    pub fn is_before_start(self) -> bool {
        match self {
            Self::Triage | Self::Backlog | Self::Unstarted => true,
            Self::Started | Self::Completed | Self::Canceled | Self::Duplicate | Self::Other => {
                false
            }
        }
    }

    /// Whether the ticket is over in the tracker.
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Canceled | Self::Duplicate => true,
            Self::Triage | Self::Backlog | Self::Unstarted | Self::Started | Self::Other => false,
        }
    }
}
