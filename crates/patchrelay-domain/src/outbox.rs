//! What is said outward: the kinds of orders, and everything that is decided about one that waits to be sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{IssueId, PrNumber, SessionId, Ticket, Timestamp, TrackerState};

/// A report, as a complete order: whoever carries it out has nothing left to choose.
///
/// Every order is a row, and every kind has this written down (D35). A *set* says how something should be: only the
/// newest one of its key is sent, and the others end as superseded.
///
/// | kind | key | read back after a lost answer | a refusal means | expires |
/// |---|---|---|---|---|
/// | activity | the id that the activity will have, fixed in the row | an activity with that id in that session was sent | the session is dead, or Linear does not take the content: the row ends, the next one goes | never |
/// | activity, urgent: the first sign of life | the same; it overtakes the others of its lane | the same | the same | after an hour, when Linear takes a session for dead anyway |
/// | activity, ephemeral: a remark on this moment | the same | the same | the same | after a minute: it is neither sent nor repeated later |
/// | plan (set) | the session | none: setting it twice is setting it once | the session is dead: the row ends | when there is a newer one |
/// | link (set) | the session | none: setting it twice is setting it once | the session is dead: the row ends | when there is a newer one |
/// | comment (set) | the ticket: ours has an id that follows from the ticket's | a comment with that id and this text was sent; one with another text is changed | somebody deleted or locked it: the row ends | when there is a newer one |
/// | ticket state (set) | the ticket | the ticket's state: what is there already was sent; it is moved only from the state that was last seen | the team has no such state, or does not let us: the row ends | when there is a newer one, or the ticket is where it should be or beyond |
///
/// The kinds go to the tracker. GitHub has none: what is written there is the publication of a run, which is a phase of
/// it (D27), and what the pull request says of its run stands in its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum OutboxOrder {
    /// Write an activity into a session.
    Activity {
        /// Which session.
        session: SessionId,
        /// What it says.
        content: ActivityContent,
        /// Whether it answers somebody who is waiting for a first sign of life: it overtakes others (D35).
        urgent: bool,
        /// Whether it says something of this moment only, and goes away with the next activity.
        #[serde(default)]
        ephemeral: bool,
    },
    /// Show how far the work is, in a session.
    Plan {
        /// Which session.
        session: SessionId,
        /// All steps.
        steps: Vec<PlanStep>,
    },
    /// Let a session lead to the pull request.
    Link {
        /// Which session.
        session: SessionId,
        /// The pull request.
        number: PrNumber,
        /// Its address.
        url: String,
    },
    /// Let our comment on the ticket say this. It is the report where there is no session (D37).
    Comment {
        /// Markdown.
        body: String,
    },
    /// Move the ticket.
    MoveTicket {
        /// Where to.
        to: TicketTarget,
    },
}

/// What an activity says. Linear's content types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ActivityContent {
    /// A remark.
    Thought {
        /// Markdown.
        body: String,
    },
    /// Something being done.
    Action {
        /// What is done.
        action: String,
        /// To what.
        parameter: String,
    },
    /// The result of the work.
    Response {
        /// Markdown.
        body: String,
    },
    /// A question.
    Elicitation {
        /// Markdown.
        body: String,
    },
    /// A failure.
    Error {
        /// Markdown.
        body: String,
    },
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// What is done in it.
    pub content: String,
    /// How far it is.
    pub status: PlanStatus,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Done.
    Completed,
    /// It will not be done.
    Canceled,
}

/// Where a ticket is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketTarget {
    /// Somebody works on it.
    Started,
    /// It is done.
    Completed,
}

impl TicketTarget {
    /// The name in texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Completed => "completed",
        }
    }
}

/// Linear calls a session stale after half an hour without a sign of life, and takes a later one as its recovery.
const ACKNOWLEDGEMENT_HELPS: Duration = Duration::from_secs(60 * 60);
/// A remark on how things stand is wrong soon.
const EPHEMERAL_HELPS: Duration = Duration::from_secs(60);

impl OutboxOrder {
    /// The name under which it is shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Activity { content, .. } => match content {
                ActivityContent::Thought { .. } => "thought",
                ActivityContent::Action { .. } => "action",
                ActivityContent::Response { .. } => "response",
                ActivityContent::Elicitation { .. } => "elicitation",
                ActivityContent::Error { .. } => "error",
            },
            Self::Plan { .. } => "plan",
            Self::Link { .. } => "link",
            Self::Comment { .. } => "comment",
            Self::MoveTicket { .. } => "move_ticket",
        }
    }

    /// Who receives it: whoever limits our requests or is away does so for every order with the same target.
    pub fn target(&self, issue: &IssueId) -> String {
        match self {
            Self::Activity { .. }
            | Self::Plan { .. }
            | Self::Link { .. }
            | Self::Comment { .. }
            | Self::MoveTicket { .. } => format!("tracker/{}", issue.workspace),
        }
    }

    /// Which orders must not overtake each other: those into one session, and those to the ticket itself.
    pub fn lane(&self, issue: &IssueId) -> String {
        match self {
            Self::Activity { session, .. }
            | Self::Plan { session, .. }
            | Self::Link { session, .. } => format!("{issue}#session/{session}"),
            Self::Comment { .. } | Self::MoveTicket { .. } => format!("{issue}#ticket"),
        }
    }

    /// The key of a set: of those in one lane only the newest one counts.
    pub fn set_key(&self) -> Option<&'static str> {
        match self {
            Self::Activity { .. } => None,
            Self::Plan { .. }
            | Self::Link { .. }
            | Self::Comment { .. }
            | Self::MoveTicket { .. } => Some(self.name()),
        }
    }

    /// Whether it overtakes the others of its lane.
    pub fn is_urgent(&self) -> bool {
        match self {
            Self::Activity { urgent, .. } => *urgent,
            Self::Plan { .. }
            | Self::Link { .. }
            | Self::Comment { .. }
            | Self::MoveTicket { .. } => false,
        }
    }

    /// How long it helps anybody; everything else stays true.
    pub fn useful_for(&self) -> Option<Duration> {
        match self {
            Self::Activity { urgent: true, .. } => Some(ACKNOWLEDGEMENT_HELPS),
            Self::Activity { ephemeral: true, .. } => Some(EPHEMERAL_HELPS),
            Self::Activity { .. }
            | Self::Plan { .. }
            | Self::Link { .. }
            | Self::Comment { .. }
            | Self::MoveTicket { .. } => None,
        }
    }

    /// What people read when it was sent.
    pub fn sent(&self) -> String {
        match self {
            Self::Activity { .. } => format!("told the tracker: {}", self.name()),
            Self::Plan { steps, .. } => {
                let is_under_way = |step: &&PlanStep| step.status == PlanStatus::InProgress;
                let at = steps.iter().find(is_under_way).or(steps.last());
                format!("showed the plan: {}", at.map_or("", |step| &step.content))
            }
            Self::Link { number, .. } => format!("linked pull request {number}"),
            Self::Comment { .. } => "commented on the ticket".to_owned(),
            Self::MoveTicket { to } => format!("moved the ticket to {}", to.as_str()),
        }
    }
}

/// What is done with an order now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is sent.
    Send,
    /// The ticket is moved from the state in which it was last seen.
    MoveFrom(TrackerState),
    /// The ticket has to be read before anybody can tell.
    ReadTicket,
    /// It ends unsent, because a newer one of its key says how it should be.
    Superseded,
    /// It ends unsent, because it would not help any more.
    Expired,
    /// It ends, because the ticket is where it should be or beyond.
    IsThere,
    /// It ends unsent, because it is not wanted any more.
    Unwanted,
}

/// Judges an order by its row and by what was last seen of its ticket.
pub fn judge(
    order: &OutboxOrder,
    now: Timestamp,
    expires: Option<Timestamp>,
    is_superseded: bool,
    ticket: Option<&Ticket>,
) -> Judgement {
    if is_superseded {
        return Judgement::Superseded;
    }
    if expires.is_some_and(|expires| expires < now) {
        return Judgement::Expired;
    }
    match order {
        OutboxOrder::Activity { .. }
        | OutboxOrder::Plan { .. }
        | OutboxOrder::Link { .. }
        | OutboxOrder::Comment { .. } => Judgement::Send,
        OutboxOrder::MoveTicket { to } => move_of(*to, ticket),
    }
}

/// A human's move counts more than ours: a ticket is moved only forward, and started only while it is delegated to us.
fn move_of(to: TicketTarget, ticket: Option<&Ticket>) -> Judgement {
    let Some(ticket) = ticket else { return Judgement::ReadTicket };
    let state = &ticket.state;
    let is_there = match to {
        TicketTarget::Started => !state.kind.is_before_start(),
        TicketTarget::Completed => state.kind.is_final(),
    };
    match to {
        TicketTarget::Started | TicketTarget::Completed if is_there => Judgement::IsThere,
        TicketTarget::Started if !ticket.delegated => Judgement::Unwanted,
        TicketTarget::Started | TicketTarget::Completed => Judgement::MoveFrom(state.clone()),
    }
}

/// What waits when an order got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// That order, so long.
    Order(Duration),
    /// Everything to its target, so long.
    Target(Duration),
}

/// The first wait after a failure; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest such wait of one order, while others get their answers.
const LAST_ORDER_WAIT: Duration = Duration::from_secs(30);
/// The longest such wait of a target.
const LAST_TARGET_WAIT: Duration = Duration::from_secs(300);
/// The longest wait that a service can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);
/// How many orders in a row have to stay without an answer before that is an outage and not bad luck.
const OUTAGE: u32 = 8;

/// What waits after an order got no answer. `retry_after` is what the service asked for, `attempts` how often this
/// order was tried before, and `unanswered` how many orders to its target in a row, with this one, got no answer.
pub fn setback(retry_after: Option<Duration>, attempts: u32, unanswered: u32) -> Setback {
    let doubled = |times: u32| FIRST_WAIT.saturating_mul(1 << times.min(16));
    match retry_after {
        Some(asked) => Setback::Target(asked.clamp(FIRST_WAIT, LONGEST_ASKED)),
        None if OUTAGE <= unanswered => {
            Setback::Target(doubled(unanswered - OUTAGE).min(LAST_TARGET_WAIT))
        }
        None => Setback::Order(doubled(attempts).min(LAST_ORDER_WAIT)),
    }
}

#[cfg(test)]
mod tests;
