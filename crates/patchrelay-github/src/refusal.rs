//! What an answer other than success means for the caller.

use std::{fmt, time::Duration};

use chrono::DateTime;
use http::{
    HeaderMap, StatusCode,
    header::{DATE, RETRY_AFTER},
};
use patchrelay_ports::CallError;
use serde::Deserialize;
use serde_json::Value;

/// How long to wait when GitHub says "too much" without saying for how long. Its documentation asks for a minute.
const UNSAID_WAIT: Duration = Duration::from_secs(60);

/// The longest wait that is believed: the window of GitHub's hourly limit.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// The longest text of GitHub that goes into an error, in characters.
const MAX_REASON: usize = 500;

/// The most entries of an error list that are repeated. GitHub names one or two.
const MAX_ERRORS: usize = 10;

/// Turns an answer other than success into the error for the caller.
pub(crate) fn refusal(
    operation: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> CallError {
    let operation = operation.to_owned();
    let words = words(status, body);
    if is_limit(status, headers, &words) {
        return CallError::Unanswered {
            operation,
            retry_after: Some(limit_wait(headers)),
            source: Box::new(Answered { status, words }),
        };
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            CallError::Unauthorized { operation, reason: words }
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => CallError::NotFound { operation },
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            CallError::Unanswered {
                operation,
                retry_after: asked_wait(headers),
                source: Box::new(Answered { status, words }),
            }
        }
        // GitHub redirects the requests for a renamed repository; a write is not sent on.
        status if status.is_redirection() => CallError::Refused {
            operation,
            reason: bounded(&format!(
                "it has moved, and the configured name has to follow it ({words})"
            )),
        },
        _ => CallError::Refused { operation, reason: words },
    }
}

/// An answer with a status that says "not now".
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    words: String,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitHub answered {}: {}", self.status.as_u16(), self.words)
    }
}

impl std::error::Error for Answered {}

/// 403 means two things: "you may not", and "you do too much". The second has a header or says so.
fn is_limit(status: StatusCode, headers: &HeaderMap, words: &str) -> bool {
    let is_exhausted = || number(headers, "x-ratelimit-remaining") == Some(0);
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            let words = words.to_ascii_lowercase();
            headers.contains_key(RETRY_AFTER)
                || is_exhausted()
                || words.contains("rate limit")
                || words.contains("abuse detection")
        }
        _ => false,
    }
}

fn limit_wait(headers: &HeaderMap) -> Duration {
    asked_wait(headers).or_else(|| until_reset(headers)).unwrap_or(UNSAID_WAIT)
}

fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    number(headers, RETRY_AFTER.as_str()).map(believed)
}

/// The time from the answer to the reset of the hourly limit. Both ends are GitHub's: our clock may be wrong.
fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    if number(headers, "x-ratelimit-remaining") != Some(0) {
        return None;
    }
    let reset = number(headers, "x-ratelimit-reset")?;
    let answered = DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(believed(reset.saturating_sub(u64::try_from(answered.timestamp()).ok()?)))
}

/// At least a second, so that "now" does not become a loop.
fn believed(seconds: u64) -> Duration {
    Duration::from_secs(seconds).clamp(Duration::from_secs(1), MAX_WAIT)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireRefusal {
    message: String,
    errors: Vec<Value>,
}

/// GitHub's own words, or the status where it has none.
fn words(status: StatusCode, body: &[u8]) -> String {
    let refusal = serde_json::from_slice::<WireRefusal>(body).unwrap_or_default();
    let mut words = vec![refusal.message];
    words.extend(refusal.errors.iter().take(MAX_ERRORS).map(error_words));
    words.retain(|word| !word.trim().is_empty());
    if words.is_empty() {
        words.push(status.canonical_reason().unwrap_or("an unknown status").to_owned());
    }
    bounded(&words.join(": "))
}

/// One entry of the list: a text, or an object with a message, or one with a code for a field.
fn error_words(error: &Value) -> String {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    match (error.as_str().or_else(|| text("message")), text("field"), text("code")) {
        (Some(message), ..) => message.to_owned(),
        (None, Some(field), Some(code)) => format!("{field}: {code}"),
        (None, field, code) => field.or(code).unwrap_or_default().to_owned(),
    }
}

/// One line of at most [`MAX_REASON`] characters.
pub(crate) fn bounded(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_REASON) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests;
