//! A prompt's input as a file, for previews.

use serde::{Deserialize, Serialize};

use super::{
    EarlierWork, Input, Publisher, PullRequestFacts, Request, SessionText, Task, WakeReason, Work,
    WorkflowFile,
};
use crate::BranchName;

/// Everything that a [`Request`] borrows, as one value that is read from a file. Only the ticket, the branch and the
/// base branch are needed; a field that it does not have is an error.
///
/// `patchrelay prompt preview --issue FILE` reads one; `--run-type` and `--context` replace [`work`](Self::work) by what
/// [`Work::bare`] or [`Work::read`] gives, and `--repo` fills in [`workflow`](Self::workflow).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptFile {
    /// What the ticket says.
    pub ticket: TicketFile,
    /// The branch that the work is published as.
    pub branch: BranchName,
    /// The branch that it is merged into.
    pub base_branch: BranchName,
    /// What the run is for.
    #[serde(default)]
    pub work: Work,
    /// Who brings the work to the forge.
    #[serde(default)]
    pub publisher: Publisher,
    /// The pull request.
    #[serde(default)]
    pub pull_request: Option<PullRequestFacts>,
    /// What came with the session.
    #[serde(default)]
    pub session: SessionText,
    /// What humans said since the last turn.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// What an earlier run left.
    #[serde(default)]
    pub earlier: EarlierWork,
    /// What woke us.
    #[serde(default)]
    pub wake: Option<WakeReason>,
    /// The workflow file of the repository.
    #[serde(default)]
    pub workflow: Option<WorkflowFile>,
    /// Whether the agent's commands have a network.
    #[serde(default)]
    pub network: bool,
}

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketFile {
    /// The key people use.
    pub key: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Its description, Markdown.
    #[serde(default)]
    pub description: String,
}

impl PromptFile {
    /// The request that it describes.
    pub fn request(&self) -> Request<'_> {
        Request {
            work: &self.work,
            publisher: self.publisher,
            task: Task {
                key: &self.ticket.key,
                title: &self.ticket.title,
                description: &self.ticket.description,
            },
            branch: &self.branch,
            base_branch: &self.base_branch,
            pull_request: self.pull_request.as_ref(),
            session: &self.session,
            inputs: &self.inputs,
            earlier: &self.earlier,
            is_behind: false,
            wake: self.wake,
            workflow: self.workflow.as_ref(),
            network: self.network,
        }
    }
}
