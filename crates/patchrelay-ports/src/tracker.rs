//! The tracker: where tickets are and where we report.

use async_trait::async_trait;
use patchrelay_domain::{
    ActivityContent, IssueId, PlanStep, PrNumber, SessionId, Ticket, TicketTarget, TrackerState,
    Versioned,
};

use crate::CallError;

/// Who we are in the tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerIdentity {
    /// The workspace's id.
    pub workspace: String,
    /// The id of our app user in it.
    pub app_user: String,
    /// Whether a person writes as that user too, whose key we were given (D37).
    pub is_shared: bool,
}

impl TrackerIdentity {
    /// Whether everything that this user writes is ours (D36).
    pub fn is_only_us(&self, user: &str) -> bool {
        !self.is_shared && self.app_user == user
    }
}

/// An order to write an activity. Idempotent by `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateActivity {
    /// The id that the activity will have; chosen by us, UUID v4.
    pub id: String,
    /// The session it appears in.
    pub session: SessionId,
    /// What it says.
    pub content: ActivityContent,
    /// Whether it goes away with the next activity.
    pub ephemeral: bool,
}

/// An order to show how far the work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPlan {
    /// The session that shows it.
    pub session: SessionId,
    /// All steps; there are no others then.
    pub steps: Vec<PlanStep>,
}

/// An order to let a session lead to a pull request, and to nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetLink {
    /// The session.
    pub session: SessionId,
    /// The pull request.
    pub number: PrNumber,
    /// Its address.
    pub url: String,
}

/// An order to let our comment on a ticket say this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteComment {
    /// Which ticket.
    pub issue: IssueId,
    /// Markdown.
    pub body: String,
}

/// An order to move a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTicket {
    /// Which ticket.
    pub issue: IssueId,
    /// The state in which it was last seen.
    pub from: TrackerState,
    /// Where to.
    pub to: TicketTarget,
}

/// What became of an order to move a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Moved {
    /// It is in a state that fits.
    Moved,
    /// It was not in the state that it was last seen in, and stays where it is.
    Elsewhere,
}

/// The tracker.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Tracker: Send + Sync {
    /// Who we are. Asked from the tracker once, then remembered.
    async fn identity(&self) -> Result<TrackerIdentity, CallError>;

    /// The ticket as it is now, with the tracker's own version of it.
    async fn read_ticket(&self, issue: &IssueId) -> Result<Versioned<Ticket>, CallError>;

    /// The tickets that are delegated to us and not over, each with the version of its newest change, those that changed
    /// last first. There may be more than are listed, so one that is missing says nothing.
    async fn delegated_tickets(&self) -> Result<Vec<Versioned<IssueId>>, CallError>;

    /// Writes an activity. Called again with the same id, it succeeds without a second activity, whatever became of
    /// the first call.
    async fn create_activity(&self, order: &CreateActivity) -> Result<(), CallError>;

    /// Shows the steps of a session's plan. Setting the same again changes nothing.
    async fn set_plan(&self, order: &SetPlan) -> Result<(), CallError>;

    /// Sets the link of a session. Setting the same again changes nothing.
    async fn set_link(&self, order: &SetLink) -> Result<(), CallError>;

    /// Writes our one comment on a ticket, or changes it. Called again with the same text, it succeeds without another
    /// write, whatever became of the first call.
    async fn write_comment(&self, order: &WriteComment) -> Result<(), CallError>;

    /// Moves a ticket from `from` to the workflow state that fits `to`. The live state is read first: a ticket that
    /// somebody moved meanwhile is left where it is.
    async fn move_ticket(&self, order: &MoveTicket) -> Result<Moved, CallError>;
}
