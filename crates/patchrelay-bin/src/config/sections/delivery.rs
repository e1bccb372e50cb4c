//! `[delivery]`, and what a project says of it.

use patchrelay::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[delivery]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeliverySection {
    /// Who commits, pushes and opens the pull request.
    pub(crate) publisher: Publisher,
    /// Paths that only a human may release, as globs.
    pub(crate) protected_paths: Vec<String>,
    /// Whether pull requests are opened as drafts.
    pub(crate) draft: bool,
    /// Whether we merge.
    pub(crate) auto_merge: AutoMerge,
}

impl Default for DeliverySection {
    fn default() -> Self {
        // What a push could use to change what checks, reviews or instructs later pushes (D29).
        let protected = [
            ".github/**",
            ".gitlab-ci.yml",
            ".circleci/**",
            ".patchrelay/**",
            "CODEOWNERS",
            ".gitmodules",
            "AGENTS.md",
            "CLAUDE.md",
            "*_WORKFLOW.md",
        ];
        Self {
            publisher: Publisher::Harness,
            protected_paths: protected.map(str::to_owned).to_vec(),
            draft: false,
            auto_merge: AutoMerge::Off,
        }
    }
}

/// Who publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Publisher {
    /// We do: the agent has no write credential.
    #[default]
    Harness,
    /// The agent does: it gets the credential for it, and a repository of its own.
    Agent,
}

impl From<Publisher> for domain::prompt::Publisher {
    fn from(publisher: Publisher) -> Self {
        match publisher {
            Publisher::Harness => Self::Harness,
            Publisher::Agent => Self::Agent,
        }
    }
}

/// Whether we merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AutoMerge {
    /// Humans do, or their merge queue.
    #[default]
    Off,
    /// What is approved, and green. Not there yet.
    WhenApproved,
}

/// `[project.delivery]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProjectDeliverySection {
    /// Replaces `delivery.publisher`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publisher: Option<Publisher>,
    /// Replaces `delivery.protected_paths`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protected_paths: Option<Vec<String>>,
    /// Replaces `delivery.draft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) draft: Option<bool>,
    /// Replaces `delivery.auto_merge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auto_merge: Option<AutoMerge>,
}
