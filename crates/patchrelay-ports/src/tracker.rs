//! The tracker: where tickets are and where we report.

use async_trait::async_trait;
use patchrelay_domain::{ActivityContent, IssueId, SessionId, Ticket, TicketTarget, Versioned};

use crate::CallError;

/// Who we are in the tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerIdentity {
    /// The workspace's id.
    pub workspace: String,
    /// The id of our app user in it.
    pub app_user: String,
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
}

/// An order to move a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTicket {
    /// Which ticket.
    pub issue: IssueId,
    /// Where to.
    pub to: TicketTarget,
}

/// The tracker.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Tracker: Send + Sync {
    /// Who we are. Asked from the tracker once, then remembered.
    async fn identity(&self) -> Result<TrackerIdentity, CallError>;

    /// The ticket as it is now, with the tracker's own version of it.
    async fn read_ticket(&self, issue: &IssueId) -> Result<Versioned<Ticket>, CallError>;

    /// Writes an activity. Called again with the same id, it succeeds without a second activity, whatever became of
    /// the first call.
    async fn create_activity(&self, order: &CreateActivity) -> Result<(), CallError>;

    /// Moves a ticket to the workflow state that fits `to`. Reads the live state first: a ticket that a human moved on
    /// meanwhile (started or beyond for `Started`, final for `Completed`) is left where it is, and that is a success.
    async fn move_ticket(&self, order: &MoveTicket) -> Result<(), CallError>;
}
