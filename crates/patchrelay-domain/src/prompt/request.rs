//! What a prompt is made from.

use serde::{Deserialize, Serialize};

use super::{block::Trust, context::Work};
use crate::{
    BranchName, CommitSha, InputKind, PendingInput, PrNumber, RunType, Ticket, WakeReason,
};

/// Everything that the prompt of a work turn is made from. [`Request::new`] has the values of a first implementation
/// run; what differs is written over them.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What the run is for.
    pub work: &'a Work,
    /// Who brings the work to the forge.
    pub publisher: Publisher,
    /// What the ticket says.
    pub task: Task<'a>,
    /// The branch that the work is published as.
    pub branch: &'a BranchName,
    /// The branch that it is merged into.
    pub base_branch: &'a BranchName,
    /// The pull request, once there is one.
    pub pull_request: Option<&'a PullRequestFacts>,
    /// What the session says and humans said with it.
    pub session: &'a SessionText,
    /// What humans said since the last turn, oldest first.
    pub inputs: &'a [Input],
    /// What an earlier run left.
    pub earlier: &'a EarlierWork,
    /// Whether what the edits stand on has moved on, and they do not fit onto that.
    pub is_behind: bool,
    /// What woke us. `None` if nothing new did and the work just goes on.
    pub wake: Option<WakeReason>,
    /// The workflow file of the repository for this run type, as the base branch has it (D32).
    pub workflow: Option<&'a WorkflowFile>,
    /// Whether the agent's commands have a network (D23).
    pub network: bool,
}

impl<'a> Request<'a> {
    /// The first implementation run of a ticket, published by us, without a network.
    pub fn new(
        task: impl Into<Task<'a>>,
        branch: &'a BranchName,
        base_branch: &'a BranchName,
    ) -> Self {
        Self {
            work: &Work::Implementation,
            publisher: Publisher::Harness,
            task: task.into(),
            branch,
            base_branch,
            pull_request: None,
            session: &SessionText {
                context: None,
                instruction: None,
                operator: None,
                comment: None,
            },
            inputs: &[],
            earlier: &EarlierWork::Nothing,
            is_behind: false,
            wake: Some(WakeReason::Delegated),
            workflow: None,
            network: false,
        }
    }

    /// Whether the prompt says why the turn exists (behaviour 2.1): only the first implementation turn of a delegated
    /// ticket needs no explanation.
    pub fn is_follow_up(&self) -> bool {
        let is_first = match self.wake {
            None | Some(WakeReason::Delegated) => self.inputs.is_empty(),
            Some(
                WakeReason::DirectReply
                | WakeReason::FollowupPrompt
                | WakeReason::FollowupComment
                | WakeReason::OperatorPrompt
                | WakeReason::ReviewChangesRequested
                | WakeReason::SettledRedCi
                | WakeReason::MergeStewardIncident
                | WakeReason::BranchUpkeep,
            ) => false,
        };
        // The agent knows the beginning of its own thread, and wants to know why it goes on.
        !is_first || self.work.run_type() != RunType::Implementation || self.is_same_thread()
    }

    /// Whether the agent has read an earlier prompt of this ticket.
    pub(super) fn is_same_thread(&self) -> bool {
        match self.earlier {
            EarlierWork::SameThread { .. } => true,
            EarlierWork::Nothing | EarlierWork::OtherThread { .. } => false,
        }
    }
}

/// Who commits, pushes and opens the pull request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publisher {
    /// PatchRelay. The agent only edits files.
    #[default]
    Harness,
    /// The agent, with a clone and credentials of its own.
    Agent,
}

/// What a ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task<'a> {
    /// The key people use.
    pub key: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its description, possibly empty.
    pub description: &'a str,
}

impl<'a> From<&'a Ticket> for Task<'a> {
    fn from(ticket: &'a Ticket) -> Self {
        Self { key: &ticket.key, title: &ticket.title, description: &ticket.description }
    }
}

/// What the forge says of the pull request. The words for review, checks and merge state are the adapter's; what is
/// not known is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullRequestFacts {
    /// Its number.
    pub number: PrNumber,
    /// Where people read it.
    #[serde(default)]
    pub url: Option<String>,
    /// The commit at the tip of its branch.
    #[serde(default)]
    pub head: Option<CommitSha>,
    /// How the reviews stand.
    #[serde(default)]
    pub review: Option<String>,
    /// How the checks stand.
    #[serde(default)]
    pub checks: Option<String>,
    /// Whether it could be merged.
    #[serde(default)]
    pub mergeable: Option<String>,
    /// How old these facts are.
    #[serde(default)]
    pub freshness: Freshness,
}

/// How old facts of the forge are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Read from the forge for this run.
    Fresh,
    /// As they were last heard of.
    #[default]
    Stale,
}

/// A text with its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// The text.
    pub text: String,
    /// Who wrote it, for people to read.
    #[serde(default)]
    pub author: Option<String>,
    /// What it is worth (D36).
    #[serde(default)]
    pub trust: Trust,
}

/// What came with the agent session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionText {
    /// The tracker's own account of the session and its ticket.
    pub context: Option<Remark>,
    /// The newest instruction of a human in it.
    pub instruction: Option<Remark>,
    /// What the operator of PatchRelay says to it.
    pub operator: Option<Remark>,
    /// A comment on the ticket that caused the run.
    pub comment: Option<Remark>,
}

/// Something a human said since the last turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// On which way.
    pub kind: InputKind,
    /// What.
    pub text: String,
    /// Who, for people to read.
    #[serde(default)]
    pub author: Option<String>,
    /// What it is worth (D36).
    #[serde(default)]
    pub trust: Trust,
}

impl From<&PendingInput> for Input {
    fn from(input: &PendingInput) -> Self {
        Self {
            kind: input.kind,
            text: input.text.clone(),
            author: input.author.clone(),
            trust: input.trust,
        }
    }
}

/// What an earlier run of the same ticket left in the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "left_by", rename_all = "snake_case", deny_unknown_fields)]
pub enum EarlierWork {
    /// Nothing: it is a checkout of what was published so far.
    #[default]
    Nothing,
    /// Edits of this very thread.
    SameThread {
        /// The paths with edits that were not published (N21).
        #[serde(default)]
        dirty: Vec<String>,
    },
    /// Edits of an agent whose thread is gone.
    OtherThread {
        /// The ref that keeps a copy of them (D26), if one was made.
        #[serde(default)]
        rescue: Option<String>,
        /// The paths with edits that were not published (N21).
        #[serde(default)]
        dirty: Vec<String>,
    },
}

/// A control file of the repository that says how the project wants work to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowFile {
    /// Its name in the repository.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The name of the workflow file for a run of this type, in the root of the repository.
pub fn workflow_file_name(run_type: RunType) -> &'static str {
    match run_type {
        RunType::Implementation | RunType::CiRepair | RunType::QueueRepair => {
            "IMPLEMENTATION_WORKFLOW.md"
        }
        RunType::ReviewFix | RunType::BranchUpkeep => "REVIEW_WORKFLOW.md",
    }
}
