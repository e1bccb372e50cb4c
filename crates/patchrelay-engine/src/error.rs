//! The engine's errors.

use patchrelay_domain::{IssueId, NodeId};
use patchrelay_ports::{CallError, NormalizeError, StoreError, WorkspaceError};
use thiserror::Error;

/// Why the engine could not do something now.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The store could not do it.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
    /// The tracker or the forge could not do it.
    #[error("an outside service could not be used")]
    Call(#[from] CallError),
    /// A worktree could not be used.
    #[error("a worktree could not be used")]
    Workspace(#[from] WorkspaceError),
    /// A delivery cannot be understood.
    #[error("a delivery cannot be understood")]
    Normalize(#[from] NormalizeError),
    /// Others changed the issue faster than we could; trying again later helps.
    #[error("issue {issue} changed too often meanwhile")]
    Contended {
        /// Which.
        issue: IssueId,
    },
    /// Another process is this node now. Two would use one directory.
    #[error("another process is node `{node}` now: each needs a data directory of its own")]
    Superseded {
        /// The node that we were.
        node: NodeId,
    },
    /// A loop of the engine ended although nobody stopped it.
    #[error("the {name} loop ended: {reason}")]
    LoopEnded {
        /// Which.
        name: &'static str,
        /// How.
        reason: String,
    },
}

impl EngineError {
    /// Whether trying again later can help without anybody changing anything.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Store(StoreError::Unavailable { .. }) | Self::Contended { .. } => true,
            Self::Call(error) => error.is_retryable(),
            Self::Store(StoreError::Corrupt { .. })
            | Self::Normalize(_)
            | Self::Superseded { .. }
            | Self::Workspace(_)
            | Self::LoopEnded { .. } => false,
        }
    }
}

/// An error with all its causes, in one line: the chain is printed once, where it ends.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
