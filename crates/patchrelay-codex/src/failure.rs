//! What the failure of a turn means. Codex gives each a name; what is done about it is the domain's business.

use chrono::{DateTime, TimeZone};
use patchrelay_domain::TurnStatus;
use serde_json::Value;

use crate::{outage::retry_after, wire::one_line};

/// What a name of codex says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// The model's service did not answer this time.
    Away,
    /// It answers nobody with this login.
    Barred,
    /// The thread does not fit into the model.
    Full,
    /// It would be refused again.
    Refused,
    /// It says nothing that anybody could act upon.
    Failed,
}

/// What each name means that codex 0.169 knows. One that is not here, because a later codex has it, is a failure like any
/// other.
const CLASSES: [(&str, Class); 23] = [
    ("serverOverloaded", Class::Away),
    ("rateLimitExceeded", Class::Away),
    ("flexUnavailable", Class::Away),
    ("policyCapacityUnavailable", Class::Away),
    ("internalServerError", Class::Away),
    ("httpConnectionFailed", Class::Away),
    ("responseStreamConnectionFailed", Class::Away),
    ("responseStreamDisconnected", Class::Away),
    ("responseTooManyFailedAttempts", Class::Away),
    ("usageLimitExceeded", Class::Barred),
    ("unauthorized", Class::Barred),
    ("contextWindowExceeded", Class::Full),
    ("badRequest", Class::Refused),
    ("cyberPolicy", Class::Refused),
    ("inferenceHookDenied", Class::Refused),
    ("misalignmentPolicyViolation", Class::Refused),
    ("modelNotFound", Class::Refused),
    ("sessionBudgetExceeded", Class::Refused),
    ("tooManyDenials", Class::Refused),
    ("activeTurnNotSteerable", Class::Failed),
    ("sandboxError", Class::Failed),
    ("threadRollbackFailed", Class::Failed),
    // A rejected prompt as well as a key that is not set, and everything that codex has no name for.
    ("other", Class::Failed),
];

/// The HTTP answers that say that the login is not accepted. Codex knows them as connections that failed.
const NOT_LOGGED_IN: [u64; 2] = [401, 403];

/// How a turn ended with this status and this error of codex. `now` is in the zone that codex shows times in.
pub(crate) fn failed<Zone: TimeZone>(
    status: &str,
    error: &Value,
    now: &DateTime<Zone>,
) -> TurnStatus {
    let message = error["message"].as_str().unwrap_or("the runtime gave no reason");
    // A string, or an object whose one key is the name.
    let (name, shown, http_status) = match &error["codexErrorInfo"] {
        Value::Null => (status, status.to_owned(), None),
        Value::String(name) => (name.as_str(), name.clone(), None),
        info => {
            let (name, details) = info
                .as_object()
                .and_then(|info| info.iter().next())
                .map_or(("", &Value::Null), |(name, details)| (name.as_str(), details));
            (name, info.to_string(), details["httpStatusCode"].as_u64())
        }
    };
    let reason = one_line(&format!("{message} ({shown})"));
    match class(name, http_status) {
        Class::Away => TurnStatus::Unavailable { reason, retry_after: retry_after(message, now) },
        Class::Barred => TurnStatus::Barred { reason, retry_after: retry_after(message, now) },
        Class::Full => TurnStatus::ThreadFull { reason },
        Class::Refused => TurnStatus::Refused { reason },
        Class::Failed => TurnStatus::Failed { reason },
    }
}

fn class(name: &str, http_status: Option<u64>) -> Class {
    let known = CLASSES.iter().find(|(known, _)| *known == name).map(|(_, class)| *class);
    match known.unwrap_or(Class::Failed) {
        Class::Away if http_status.is_some_and(|status| NOT_LOGGED_IN.contains(&status)) => {
            Class::Barred
        }
        class => class,
    }
}

#[cfg(test)]
mod tests;
