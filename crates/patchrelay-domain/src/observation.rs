//! Observations: what happened, in our own words.

use serde::{Deserialize, Serialize};

use crate::{
    BranchName, Charge, PullRequest, RunId, RunOutcome, RunType, SessionId, Ticket, Timestamp,
};

/// Something that happened, in the world or by our own doing. Appended, never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When we learned of it.
    pub at: Timestamp,
    /// The id of the delivery or run that brought it (D43).
    pub correlation: String,
    /// What.
    #[serde(flatten)]
    pub kind: ObservationKind,
}

/// What happened.
///
/// *States* (`ticket_read`, `pull_request_read`) carry the version that their source gave them, and an older one is
/// ignored. *Occurrences* (all others) carry the id that their source gave them, and count once (D1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObservationKind {
    /// The tracker opened an agent session for us on this issue.
    SessionOpened {
        /// Its id: a session opens once.
        session: SessionId,
        /// What the human wrote when opening it, if anything.
        prompt: Option<String>,
        /// The tracker's id of that human.
        author: Option<String>,
    },
    /// The ticket was read from the tracker.
    TicketRead {
        /// The tracker's `updatedAt`.
        version: Timestamp,
        /// What it showed.
        ticket: Ticket,
    },
    /// The pull request was read from the forge, or came with one of its webhooks.
    PullRequestRead {
        /// The forge's `updated_at`.
        version: Timestamp,
        /// What it showed.
        pull_request: PullRequest,
    },
    /// We started a run.
    RunClaimed {
        /// Which.
        run: RunId,
        /// What for.
        run_type: RunType,
        /// The authority under which it runs: a later delegation makes its result void.
        epoch: u32,
        /// Where its work will be published.
        branch: BranchName,
        /// The directory it works in.
        worktree: String,
        /// The pending inputs that its prompt carries, by number.
        consumes: Vec<u64>,
    },
    /// A run of ours ended.
    RunSettled {
        /// Which.
        run: RunId,
        /// How.
        result: RunOutcome,
        /// What that costs.
        charge: Charge,
        /// How many of its turns continued earlier ones.
        continuations: u32,
    },
    /// We asked a human.
    Asked {
        /// What.
        question: String,
    },
    /// We gave up and asked for a human.
    Escalated {
        /// Why.
        reason: String,
    },
}

impl ObservationKind {
    /// The name under which it is stored and shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SessionOpened { .. } => "session_opened",
            Self::TicketRead { .. } => "ticket_read",
            Self::PullRequestRead { .. } => "pull_request_read",
            Self::RunClaimed { .. } => "run_claimed",
            Self::RunSettled { .. } => "run_settled",
            Self::Asked { .. } => "asked",
            Self::Escalated { .. } => "escalated",
        }
    }

    /// The id that makes an occurrence count once, or `None` for a state and for what we do on a changed state.
    pub fn occurrence(&self) -> Option<String> {
        match self {
            Self::SessionOpened { session, .. } => Some(session.to_string()),
            Self::RunClaimed { run, .. } | Self::RunSettled { run, .. } => Some(run.to_string()),
            Self::TicketRead { .. }
            | Self::PullRequestRead { .. }
            | Self::Asked { .. }
            | Self::Escalated { .. } => None,
        }
    }
}
