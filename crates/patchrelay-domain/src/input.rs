//! What humans say to us, and what wakes us.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, prompt::Trust};

/// Something a human said that no run has taken up yet (D3). Only what asks for work is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingInput {
    /// Its number within the issue: the order in which we learned of things.
    pub seq: u64,
    /// When we learned of it.
    pub at: Timestamp,
    /// When it was said, by its source's clock.
    #[serde(default)]
    pub said: Timestamp,
    /// Its source's id of it, without the time of an edit: an edited text takes the place of the earlier one.
    #[serde(default)]
    pub source: String,
    /// On which way it came.
    #[serde(default)]
    pub kind: InputKind,
    /// What was said.
    pub text: String,
    /// Who said it, for people to read.
    pub author: Option<String>,
    /// What their words are worth (D36).
    #[serde(default)]
    pub trust: Trust,
}

impl PendingInput {
    /// Our id of it as a message to an agent (D22): within the threads of an issue, nothing else has it.
    pub fn message_id(&self) -> String {
        Self::message_id_of(self.seq)
    }

    /// The same, of the input with this number.
    pub fn message_id_of(seq: u64) -> String {
        format!("input-{seq}")
    }
}

/// On which way a human said something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// As the answer to a question of ours.
    DirectReply,
    /// In the agent session.
    #[default]
    FollowupPrompt,
    /// Below the ticket or the pull request.
    FollowupComment,
    /// As the operator of PatchRelay.
    OperatorPrompt,
}

impl InputKind {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DirectReply => "direct_reply",
            Self::FollowupPrompt => "followup_prompt",
            Self::FollowupComment => "followup_comment",
            Self::OperatorPrompt => "operator_prompt",
        }
    }
}

/// What woke us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// The ticket was delegated to us.
    Delegated,
    /// A human answered our question.
    DirectReply,
    /// A human wrote into the agent session.
    FollowupPrompt,
    /// A human commented.
    FollowupComment,
    /// The operator gave guidance.
    OperatorPrompt,
    /// A reviewer requested changes.
    ReviewChangesRequested,
    /// The checks are over, and the gate is red.
    SettledRedCi,
    /// The merge queue removed the pull request, or cannot take it.
    MergeStewardIncident,
    /// The branch cannot be merged as it is.
    BranchUpkeep,
}

impl From<InputKind> for WakeReason {
    fn from(kind: InputKind) -> Self {
        match kind {
            InputKind::DirectReply => Self::DirectReply,
            InputKind::FollowupPrompt => Self::FollowupPrompt,
            InputKind::FollowupComment => Self::FollowupComment,
            InputKind::OperatorPrompt => Self::OperatorPrompt,
        }
    }
}
