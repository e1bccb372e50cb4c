//! Observations: what happened, in our own words.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    About, Actor, BranchName, Charge, Check, CommitSha, Heard, MergeState, NodeId, PrNumber,
    PullRequest, Review, ReviewVerdict, RunId, RunOutcome, RunType, SessionId, Spent, Standing,
    ThreadId, Ticket, Timestamp, TreeId, TurnId, WakeReason,
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
/// *States* (`…_read`, `ticket_removed`, `pull_request_missing`) carry the version that their source gave them, and an
/// older one is ignored. *Occurrences* (all others) carry the id that their source gave them, and count once (D1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObservationKind {
    /// The tracker opened an agent session for us on this issue.
    SessionOpened {
        /// Its id: a session opens once.
        session: SessionId,
        /// What the human wrote when opening it, if anything.
        prompt: Option<String>,
        /// Who that is.
        #[serde(default, deserialize_with = "stored_author")]
        author: Option<Actor>,
        /// When it opened, by the tracker's clock. Without it, the time of receipt has to do.
        #[serde(default)]
        opened: Option<Timestamp>,
        /// The comments that it grew out of, by the tracker's ids: the prompt is the last of them.
        #[serde(default)]
        comments: Vec<String>,
    },
    /// The ticket was read from the tracker.
    TicketRead {
        /// The tracker's `updatedAt`.
        version: Timestamp,
        /// What it showed.
        ticket: Ticket,
    },
    /// The ticket was removed from the tracker.
    TicketRemoved {
        /// The tracker's time of it.
        version: Timestamp,
    },
    /// A human said something to us, or near us.
    HumanInput {
        /// The source's id of the text.
        source: String,
        /// When it was said, or last edited, by the source's clock. With `source`, what makes it count once.
        said: Timestamp,
        /// Where.
        heard: Heard,
        /// Who.
        author: Actor,
        /// What.
        text: String,
        /// Whether they said something else at first.
        #[serde(default)]
        is_edit: bool,
    },
    /// A human told us to stop.
    StopRequested {
        /// The source's id of the order.
        source: String,
        /// When, by the source's clock.
        said: Timestamp,
        /// Who.
        by: Actor,
        /// Why, if they said.
        #[serde(default)]
        reason: Option<String>,
    },
    /// An operator wants another try, whatever was spent and given up.
    Retried {
        /// The id of the order.
        order: String,
        /// When, by our clock.
        said: Timestamp,
        /// Who.
        by: Actor,
        /// What kind of run they want, if they said.
        run_type: Option<RunType>,
        /// Why, if they said.
        #[serde(default)]
        reason: Option<String>,
    },
    /// A human closed the issue here.
    Closed {
        /// The id of the order.
        order: String,
        /// Who.
        by: Actor,
        /// Whether as failed.
        as_failed: bool,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// A human released a publication that is held.
    Approved {
        /// The id of the order.
        order: String,
        /// The tree that they looked at.
        tree: TreeId,
        /// Who.
        by: Actor,
        /// Why, if they said.
        #[serde(default)]
        reason: Option<String>,
    },
    /// The pull request was read from the forge, or came with one of its webhooks.
    PullRequestRead {
        /// The forge's `updated_at`.
        version: Timestamp,
        /// What it showed.
        pull_request: PullRequest,
    },
    /// The forge shows no pull request of this number: there is none, or it is hidden from us.
    PullRequestMissing {
        /// Its number.
        number: PrNumber,
        /// When the read began.
        version: Timestamp,
    },
    /// A review was submitted or dismissed.
    ReviewRead {
        /// The pull request that it is about.
        number: PrNumber,
        /// What it showed.
        review: Review,
    },
    /// A check of a commit began or ended. Only those of the gate and the merge queue's matter (D12).
    CheckRead {
        /// The commit.
        head: CommitSha,
        /// What it showed.
        check: Check,
    },
    /// A check of a commit of the base branch began or ended.
    BaseCheckRead {
        /// The commit.
        commit: CommitSha,
        /// What it showed.
        check: Check,
    },
    /// The forge was asked whether a head could be merged.
    MergeStateRead {
        /// When the question was put.
        version: Timestamp,
        /// The answer.
        state: MergeState,
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
        /// What woke us.
        #[serde(default)]
        wake: Option<WakeReason>,
        /// The head of the pull request that it works on.
        #[serde(default)]
        head: Option<CommitSha>,
        /// What exactly it repairs.
        #[serde(default)]
        signature: Option<String>,
        /// The tree that a human released, if it only publishes that.
        #[serde(default)]
        release: Option<TreeId>,
        /// The node on which it works.
        #[serde(default)]
        node: Option<NodeId>,
    },
    /// The node that had the directory is gone, and another one goes on from what was pushed.
    HomeMoved {
        /// The node that is gone.
        from: NodeId,
        /// The one that goes on.
        to: NodeId,
    },
    /// What humans said was given to the run under way.
    InputDelivered {
        /// Which run.
        run: RunId,
        /// The turn that took it.
        turn: TurnId,
        /// The inputs, by number.
        inputs: Vec<u64>,
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
        /// The agent's thread, if it had one.
        #[serde(default)]
        thread: Option<ThreadId>,
        /// What it cost.
        #[serde(default)]
        spent: Spent,
    },
    /// We removed the directory, because the issue is over.
    WorktreeRemoved {
        /// Which directory.
        path: String,
        /// The ref that keeps what was in it, if that was not just a commit.
        rescue: Option<String>,
    },
    /// We asked a human.
    Asked {
        /// What.
        question: String,
        /// What it is about.
        #[serde(default)]
        about: About,
    },
    /// We gave up and asked for a human.
    Escalated {
        /// Why.
        reason: String,
    },
}

/// The first programs kept the id of whoever opened a session and nothing else. Only members can open one.
fn stored_author<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Actor>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Id(String),
        Whole(Actor),
    }
    Ok(Option::<Stored>::deserialize(deserializer)?.map(|stored| match stored {
        Stored::Id(id) => Actor { id, name: None, email: None, standing: Standing::Member },
        Stored::Whole(actor) => actor,
    }))
}

impl ObservationKind {
    /// The name under which it is stored and shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SessionOpened { .. } => "session_opened",
            Self::TicketRead { .. } => "ticket_read",
            Self::TicketRemoved { .. } => "ticket_removed",
            Self::HumanInput { .. } => "human_input",
            Self::StopRequested { .. } => "stop_requested",
            Self::Retried { .. } => "retried",
            Self::Closed { .. } => "closed",
            Self::Approved { .. } => "approved",
            Self::PullRequestRead { .. } => "pull_request_read",
            Self::PullRequestMissing { .. } => "pull_request_missing",
            Self::ReviewRead { .. } => "review_read",
            Self::CheckRead { .. } => "check_read",
            Self::BaseCheckRead { .. } => "base_check_read",
            Self::MergeStateRead { .. } => "merge_state_read",
            Self::RunClaimed { .. } => "run_claimed",
            Self::HomeMoved { .. } => "home_moved",
            Self::InputDelivered { .. } => "input_delivered",
            Self::RunSettled { .. } => "run_settled",
            Self::WorktreeRemoved { .. } => "worktree_removed",
            Self::Asked { .. } => "asked",
            Self::Escalated { .. } => "escalated",
        }
    }

    /// The id that makes an occurrence count once, or `None` for a state and for what we do on a changed state. No id is
    /// made from a text: the same words, said twice, are two inputs (S70).
    pub fn occurrence(&self) -> Option<String> {
        match self {
            // Its opening may be heard of twice: by what is said in it later on, and with the words that it was opened with.
            Self::SessionOpened { session, prompt: None, .. } => Some(session.to_string()),
            Self::SessionOpened { session, prompt: Some(_), .. } => Some(format!("{session}:asked")),
            Self::HumanInput { source, said, .. } => Some(format!("{source}@{}", said.millis())),
            Self::StopRequested { source, .. } => Some(source.clone()),
            Self::Retried { order, .. }
            | Self::Closed { order, .. }
            | Self::Approved { order, .. } => Some(order.clone()),
            // Taking a review back is a second thing that happens to it.
            Self::ReviewRead { review, .. } => Some(match review.verdict {
                ReviewVerdict::Dismissed => format!("{}:dismissed", review.id),
                ReviewVerdict::Approved
                | ReviewVerdict::ChangesRequested
                | ReviewVerdict::Commented => review.id.clone(),
            }),
            // A turn may read several, one after the other.
            Self::InputDelivered { run, turn, inputs } => {
                let inputs: Vec<_> = inputs.iter().map(u64::to_string).collect();
                Some(format!("{run}:{turn}:{}", inputs.join(",")))
            }
            Self::RunClaimed { run, .. } | Self::RunSettled { run, .. } => Some(run.to_string()),
            Self::TicketRead { .. }
            | Self::TicketRemoved { .. }
            | Self::PullRequestRead { .. }
            | Self::PullRequestMissing { .. }
            | Self::CheckRead { .. }
            | Self::BaseCheckRead { .. }
            | Self::MergeStateRead { .. }
            // It comes back to a home that it had before.
            | Self::HomeMoved { .. }
            | Self::WorktreeRemoved { .. }
            | Self::Asked { .. }
            | Self::Escalated { .. } => None,
        }
    }
}
