//! How the work on a ticket reaches people.

use serde::{Deserialize, Serialize};

use crate::{IssueFacts, RunOutcome};

/// How the work on a ticket reaches people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// As a pull request.
    PublishPr,
    /// As words in the tracker: nothing in the repository had to change.
    LinearOnly,
}

impl DeliveryMode {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublishPr => "publish_pr",
            Self::LinearOnly => "linear_only",
        }
    }
}

/// How the work on this ticket reaches people, as far as it is known.
///
/// No phrase of a ticket decides it, because any text may contain such a phrase (W37). The agent reports that nothing has to
/// change, its tree confirms that, and only then it is so (N18, D19).
pub fn delivery_mode(facts: &IssueFacts) -> DeliveryMode {
    let found_nothing = facts
        .latest_run
        .as_ref()
        .is_some_and(|run| matches!(run.result, RunOutcome::NoChangeNeeded { .. }));
    if found_nothing && facts.pull_request.is_none() {
        DeliveryMode::LinearOnly
    } else {
        DeliveryMode::PublishPr
    }
}

#[cfg(test)]
mod tests;
