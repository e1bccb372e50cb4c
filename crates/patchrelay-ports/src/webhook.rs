//! Webhooks: what an adapter makes of a delivery, without any I/O.

use patchrelay_domain::{Actor, IssueId, PullRequest, RepoSlug, RouteHint, SessionId, Timestamp};
use thiserror::Error;

use crate::{InboxRow, Source};

/// The headers of a request, by lower-case name. A header that came twice is absent: nobody sends one twice honestly.
pub trait Headers {
    /// The value of this header, when it came once and is visible ASCII.
    fn get(&self, name: &str) -> Option<&str>;
}

/// A sender of webhooks, as its adapter knows it. Every method is pure.
pub trait WebhookSource: Send + Sync {
    /// Which one this is.
    fn source(&self) -> Source;

    /// The largest body it may send, in bytes.
    fn max_body_bytes(&self) -> usize;

    /// Whether a delivery is genuine: the headers that every one has, then the signature over the raw bytes. Looks at
    /// nothing else of the body.
    fn authenticate(&self, headers: &dyn Headers, body: &[u8]) -> Result<Genuine, Refusal>;

    /// Whether a genuine delivery, whose body was seen to be JSON of bounded depth, is one that we handle: its event
    /// type against the list, then its own time if it has one (D34). Derives no meaning.
    fn admit(&self, genuine: &Genuine, body: &[u8], now: Timestamp) -> Result<Admission, Refusal>;

    /// What a stored delivery says, in domain words. A delivery that says nothing to us gives no signals.
    fn normalize(&self, row: &InboxRow) -> Result<Vec<Signal>, NormalizeError>;
}

/// A delivery whose signature fits its body. Its headers are not signed: they name it and do not speak for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genuine {
    /// The sender's id of it.
    pub delivery_id: String,
    /// Its event type.
    pub event: String,
}

/// What becomes of a genuine delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is stored, unless its id or its body was stored before.
    Handled,
    /// Its type is none that we handle. It is answered and not stored.
    Ignored,
}

/// Why a delivery is not accepted. The sender learns the code and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A header that every genuine delivery has is missing.
    #[error("the header `{0}` is missing")]
    MissingHeader(&'static str),
    /// The signature does not match the body.
    #[error("the signature does not match the body")]
    InvalidSignature,
    /// It is too old, or from the future.
    #[error("the delivery's time is too far from ours")]
    StaleTimestamp,
    /// The body is not JSON, or nests too deep.
    #[error("the body is not acceptable JSON: {0}")]
    InvalidJson(String),
}

/// A stored delivery that cannot be understood. It is kept, with this error.
#[derive(Debug, Error)]
#[error("failed to read the {event} delivery: {reason}")]
pub struct NormalizeError {
    /// Its event type.
    pub event: String,
    /// Which field is missing or wrong.
    pub reason: String,
}

/// One thing that a delivery says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What.
    pub kind: SignalKind,
}

/// What a delivery says. A hint: where it matters, the thing itself is read afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalKind {
    /// The tracker opened an agent session for us on an issue.
    SessionOpened {
        /// The issue.
        issue: IssueId,
        /// What is known for routing.
        hint: RouteHint,
        /// The session.
        session: OpenSession,
        /// What the human wrote.
        prompt: Option<String>,
    },
    /// Somebody wrote into an agent session.
    Prompted {
        /// The issue.
        issue: IssueId,
        /// What is known for routing.
        hint: RouteHint,
        /// The session: this may be the first that is heard of it.
        session: OpenSession,
        /// What they wrote.
        prompt: Prompt,
    },
    /// Somebody commented on an issue.
    Commented {
        /// The issue.
        issue: IssueId,
        /// The comment.
        comment: Comment,
    },
    /// A pull request of a repository changed. Pull requests from forks are not signalled.
    PullRequestChanged {
        /// The repository.
        repo: RepoSlug,
        /// The forge's `updated_at`.
        version: Timestamp,
        /// The pull request as the delivery shows it.
        pull_request: PullRequest,
    },
}

/// An agent session, as a delivery tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Its id.
    pub id: SessionId,
    /// Who opened it, if a human did.
    pub author: Option<Actor>,
    /// When it opened, by the tracker's clock, if it says so.
    pub opened: Option<Timestamp>,
    /// The comments that it grew out of, by the tracker's ids: the prompt is the last of them.
    pub comments: Vec<String>,
}

/// What somebody wrote into an agent session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The tracker's id of it: that of the comment, where it is one too.
    pub source: String,
    /// When, by the tracker's clock.
    pub said: Timestamp,
    /// Who.
    pub author: Actor,
    /// What.
    pub order: PromptOrder,
}

/// What somebody wants who wrote into an agent session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptOrder {
    /// What the text says.
    Text(String),
    /// That we stop, as the tracker's own sign for it says.
    Stop,
}

/// A comment on an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: String,
    /// The comment that it answers.
    pub parent: Option<String>,
    /// Whether it is surely part of an agent session.
    pub in_session: bool,
    /// When it was written, or got this wording, by the tracker's clock.
    pub said: Timestamp,
    /// Who gave it this wording.
    pub author: Actor,
    /// What it says; nothing, when it was removed.
    pub text: String,
    /// Whether it said something else before.
    pub is_edit: bool,
}
