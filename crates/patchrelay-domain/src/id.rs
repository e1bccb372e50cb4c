//! Names of things. Each is its own type, so that one cannot be passed for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is not the name it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseIdError {
    /// The text, as it came.
    pub text: String,
    /// What was expected, with its article.
    pub expected: &'static str,
}

/// Makes a newtype over a text that is compared, stored and shown as it is.
macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_id! {
    /// A workspace of the tracker: Linear's organization id.
    WorkspaceId;
    /// A ticket inside its workspace: Linear's issue UUID. Keys such as `APP-1` may change or repeat; this does not.
    TicketId;
    /// A configured project: `[[project]] id`.
    ProjectId;
    /// One run of the agent for one issue. Ours, and never used twice.
    RunId;
    /// A Linear agent session: the place where our activities for one delegation appear.
    SessionId;
    /// A thread of the agent runtime.
    ThreadId;
    /// A turn of a thread.
    TurnId;
    /// A git commit, as 40 hexadecimal digits.
    CommitSha;
    /// A git tree, as 40 hexadecimal digits.
    TreeId;
    /// A branch, without `refs/heads/`.
    BranchName;
    /// An installation with directories of its own. Several may share a database.
    NodeId;
}

impl CommitSha {
    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

/// Who an issue is: its tracker workspace and its ticket there (D11). Written `<workspace>/<ticket>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IssueId {
    /// The tracker workspace.
    pub workspace: WorkspaceId,
    /// The ticket in it.
    pub ticket: TicketId,
}

impl IssueId {
    /// The issue of this ticket in this workspace.
    pub fn new(workspace: impl Into<String>, ticket: impl Into<String>) -> Self {
        Self { workspace: WorkspaceId::new(workspace), ticket: TicketId::new(ticket) }
    }
}

impl fmt::Display for IssueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.workspace, self.ticket)
    }
}

impl FromStr for IssueId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((workspace, ticket))
                if !workspace.is_empty() && !ticket.is_empty() && !ticket.contains('/') =>
            {
                Ok(Self::new(workspace, ticket))
            }
            Some(_) | None => Err(ParseIdError {
                text: text.to_owned(),
                expected: "an issue id (`workspace/ticket`)",
            }),
        }
    }
}

impl From<IssueId> for String {
    fn from(id: IssueId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for IssueId {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A repository on the forge, as `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RepoSlug {
    owner: String,
    name: String,
}

impl RepoSlug {
    /// The account or organization.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository's name below its owner.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// GitHub compares owner and name without regard to case.
    pub fn is_same_repository(&self, other: &Self) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for RepoSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl FromStr for RepoSlug {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.len() <= 100
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        match text.split_once('/') {
            Some((owner, name)) if legal(owner) && legal(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            Some(_) | None => {
                Err(ParseIdError { text: text.to_owned(), expected: "a repository (`owner/name`)" })
            }
        }
    }
}

impl From<RepoSlug> for String {
    fn from(slug: RepoSlug) -> Self {
        slug.to_string()
    }
}

impl TryFrom<String> for RepoSlug {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The number of a pull request in its repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrNumber(pub u64);

impl fmt::Display for PrNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
