//! The error of a call to an outside service.

use std::time::Duration;

use thiserror::Error;

/// The underlying error, kept for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call to the tracker or the forge gave no result. One variant for each thing that the caller does about it.
#[derive(Debug, Error)]
pub enum CallError {
    /// Nobody answered, the answer was lost, or the service asked to come back later. Whether a write was carried out
    /// is unknown: look before repeating it.
    #[error("failed to {operation}: the service gave no answer")]
    Unanswered {
        /// What was attempted, on what.
        operation: String,
        /// How long the service asks to wait, if it said so.
        retry_after: Option<Duration>,
        /// What went wrong underneath.
        #[source]
        source: Cause,
    },
    /// The service understood and said no. Repeating it unchanged is useless.
    #[error("failed to {operation}: refused: {reason}")]
    Refused {
        /// What was attempted, on what.
        operation: String,
        /// The service's words, bounded.
        reason: String,
    },
    /// The thing does not exist, or is hidden from us.
    #[error("failed to {operation}: not found")]
    NotFound {
        /// What was attempted, on what.
        operation: String,
    },
    /// Our credential is missing, expired or insufficient. A human has to act.
    #[error("failed to {operation}: the credential was not accepted: {reason}")]
    Unauthorized {
        /// What was attempted, on what.
        operation: String,
        /// The service's words, bounded.
        reason: String,
    },
}

impl CallError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        // A credential is usually renewed by a human while the program goes on, so its calls wait rather than end.
        matches!(self, Self::Unanswered { .. } | Self::Unauthorized { .. })
    }

    /// How long the service asks to wait, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unanswered { retry_after, .. } => *retry_after,
            Self::Refused { .. } | Self::NotFound { .. } | Self::Unauthorized { .. } => None,
        }
    }
}
