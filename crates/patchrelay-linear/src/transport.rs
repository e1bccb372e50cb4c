//! One request to Linear, and what its answer means.
//!
//! Linear says in three places that something is wrong: in the status, in `errors[].extensions`, and in the message.
//! They disagree at times (a rate limit is a 400), so the meaning is looked for in the extensions first, and only then
//! in the status.

use std::time::Duration;

use graphql_client::GraphQLQuery;
use patchrelay_ports::{CallError, Cause};
use reqwest::{
    Client, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use thiserror::Error;
use url::{Host, Url};

use crate::{Credential, LinearConfig, SetupError};

/// The largest answer that is read, in bytes. The largest useful one is a ticket whose description is as long as Linear
/// takes, which is well below one.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The longest part of Linear's words that is repeated in an error, in characters.
const MAX_REASON_CHARS: usize = 300;

/// The longest wait that Linear can ask for. Its budgets are refilled within an hour.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The budgets that Linear tells about, as the middle of the names of their headers.
const BUDGETS: [&str; 3] = ["requests", "complexity", "endpoint-requests"];

/// The way to Linear.
pub(crate) struct Transport {
    client: Client,
    url: Url,
    authorization: HeaderValue,
}

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing that Linear said arrived, or it told us to come back later.
    Unanswered { retry_after: Option<Duration>, source: Cause },
    /// Linear understood the request and failed. Part of it may have been carried out.
    Trouble(Trouble),
    /// Linear says no.
    Refused(String),
    /// What the request is about does not exist, or is hidden from us.
    NotFound,
    /// Linear does not take our credential, or not for this.
    Unauthorized(String),
}

/// What Linear said about trouble of its own.
#[derive(Debug, Error)]
#[error("Linear failed: {0}")]
pub(crate) struct Trouble(String);

/// Why an answer counts as none.
#[derive(Debug, Error)]
enum AnswerError {
    #[error("the answer has more than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
    #[error("HTTP status {0}, and no GraphQL answer")]
    Status(StatusCode),
    #[error("the answer to `{operation}` is not as the schema says: {reason}")]
    Shape { operation: &'static str, reason: String },
    #[error("Linear limits our requests: {0}")]
    Limited(String),
}

impl Transport {
    pub(crate) fn new(config: &LinearConfig) -> Result<Self, SetupError> {
        // Redirects are not followed: an API has none, and they would turn a POST into a GET.
        let mut client = Client::builder()
            .timeout(config.timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("patchrelay/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&config.api_url) {
            // A proxy of the machine has no business between two loopback ends.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| SetupError::Client(error.into()))?;
        Ok(Self {
            client,
            url: config.api_url.clone(),
            authorization: authorization(&config.credential)?,
        })
    }

    /// Sends an operation once. Nothing is repeated here.
    pub(crate) async fn send<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
    ) -> Result<Q::ResponseData, Failure> {
        let query = Q::build_query(variables);
        let response = self
            .client
            .post(self.url.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .json(&query)
            .send()
            .await
            .map_err(lost)?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = read_bounded(response).await?;
        let envelope = serde_json::from_slice::<Envelope>(&body).unwrap_or_default();
        if let Some(failure) = failure_of(status, &headers, &envelope) {
            return Err(failure);
        }
        serde_path_to_error::deserialize(envelope.data).map_err(|error| {
            unanswered(AnswerError::Shape {
                operation: query.operation_name,
                reason: bounded(&error.to_string()),
            })
        })
    }
}

/// A GraphQL answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    data: serde_json::Value,
    errors: Option<Vec<ServiceError>>,
}

/// One error in it. The extensions are Linear's own and in no schema, so each is looked up on its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceError {
    message: String,
    extensions: serde_json::Value,
}

/// What an answer means if it is not a result. A rate limit counts wherever it stands; else the first error decides.
fn failure_of(status: StatusCode, headers: &HeaderMap, envelope: &Envelope) -> Option<Failure> {
    let errors = envelope.errors.as_deref().unwrap_or_default();
    let Some(error) = errors.first() else {
        return match status {
            status if status.is_success() && !envelope.data.is_null() => None,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Some(Failure::Unauthorized(format!("HTTP status {status}")))
            }
            status => Some(Failure::Unanswered {
                retry_after: retry_after(headers)
                    .filter(|_| status == StatusCode::TOO_MANY_REQUESTS),
                source: AnswerError::Status(status).into(),
            }),
        };
    };
    let reason = reason_of(error);
    let is_limited = errors.iter().any(|error| matches!(meaning_of(error), Meaning::Limited));
    let meaning = if is_limited { Meaning::Limited } else { meaning_of(error) };
    Some(match meaning {
        Meaning::Limited => Failure::Unanswered {
            retry_after: retry_after(headers),
            source: AnswerError::Limited(reason).into(),
        },
        Meaning::Unauthorized => Failure::Unauthorized(reason),
        Meaning::NotFound => Failure::NotFound,
        Meaning::Refused => Failure::Refused(reason),
        Meaning::Trouble => Failure::Trouble(Trouble(reason)),
        Meaning::Unclear => match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Unauthorized(reason),
            StatusCode::TOO_MANY_REQUESTS => Failure::Unanswered {
                retry_after: retry_after(headers),
                source: AnswerError::Limited(reason).into(),
            },
            status if status.is_client_error() => Failure::Refused(reason),
            _ => Failure::Trouble(Trouble(reason)),
        },
    })
}

/// What an error means by its extensions.
enum Meaning {
    Limited,
    Unauthorized,
    NotFound,
    Refused,
    Trouble,
    Unclear,
}

fn meaning_of(error: &ServiceError) -> Meaning {
    let kind = error.extensions["type"].as_str().unwrap_or_default().to_ascii_lowercase();
    let code = error.extensions["code"].as_str().unwrap_or_default().to_ascii_uppercase();
    match (kind.as_str(), code.as_str()) {
        ("ratelimited", _) | (_, "RATELIMITED") => Meaning::Limited,
        ("authentication error" | "forbidden", _) | (_, "AUTHENTICATION_ERROR" | "FORBIDDEN") => {
            Meaning::Unauthorized
        }
        ("network error" | "internal error" | "lock timeout" | "bootstrap error", _) => {
            Meaning::Trouble
        }
        // Linear has no type or code for this one: it is an invalid input like any other, told apart by its words.
        _ if error.message.to_ascii_lowercase().starts_with("entity not found") => {
            Meaning::NotFound
        }
        (
            "invalid input"
            | "user error"
            | "graphql error"
            | "feature not accessible"
            | "usage limit exceeded",
            _,
        )
        | (
            _,
            "GRAPHQL_PARSE_FAILED" | "GRAPHQL_VALIDATION_FAILED" | "BAD_USER_INPUT" | "INPUT_ERROR",
        ) => Meaning::Refused,
        _ if error.extensions["userError"] == true => Meaning::Refused,
        _ => Meaning::Unclear,
    }
}

fn reason_of(error: &ServiceError) -> String {
    match error.extensions["userPresentableMessage"].as_str() {
        Some(more) if more != error.message => bounded(&format!("{}: {more}", error.message)),
        Some(_) | None => bounded(&error.message),
    }
}

/// How long Linear asks to wait. Its resets are instants of its own clock, so they are compared with its own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(seconds) = text("retry-after").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    }
    let now = chrono::DateTime::parse_from_rfc2822(text("date")?).ok()?.timestamp_millis();
    let mut spent = Vec::new();
    let mut all = Vec::new();
    for budget in BUDGETS {
        let Some(reset) =
            text(&format!("x-ratelimit-{budget}-reset")).and_then(|text| text.parse::<i64>().ok())
        else {
            continue;
        };
        all.push(reset);
        if text(&format!("x-ratelimit-{budget}-remaining"))
            .is_some_and(|left| left.parse::<i64>().is_ok_and(|left| left <= 0))
        {
            spent.push(reset);
        }
    }
    // Every spent budget has to be refilled. Without a spent one the request was too large for what is left, and the
    // earliest reset is the first moment at which that can be different.
    let reset = spent.into_iter().max().or_else(|| all.into_iter().min())?;
    let wait = u64::try_from(reset.saturating_sub(now)).unwrap_or(0);
    Some(Duration::from_millis(wait).min(MAX_RETRY_AFTER))
}

async fn read_bounded(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if MAX_ANSWER_BYTES < body.len() + chunk.len() {
            return Err(unanswered(AnswerError::TooLong));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn lost(error: reqwest::Error) -> Failure {
    unanswered(error)
}

fn unanswered(source: impl Into<Cause>) -> Failure {
    Failure::Unanswered { retry_after: None, source: source.into() }
}

/// Foreign words, fit for one line of ours.
fn bounded(text: &str) -> String {
    let mut line: String =
        text.chars().take(MAX_REASON_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

fn authorization(credential: &Credential) -> Result<HeaderValue, SetupError> {
    let text = match credential {
        Credential::AppToken(token) if !token.expose_secret().is_empty() => {
            format!("Bearer {}", token.expose_secret())
        }
        Credential::PersonalKey(key) if !key.expose_secret().is_empty() => {
            key.expose_secret().to_owned()
        }
        Credential::AppToken(_) | Credential::PersonalKey(_) => {
            return Err(SetupError::BadCredential);
        }
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| SetupError::BadCredential)?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl Failure {
    /// The same for the caller of the port.
    pub(crate) fn into_call_error(self, operation: impl Into<String>) -> CallError {
        let operation = operation.into();
        match self {
            Self::Unanswered { retry_after, source } => {
                CallError::Unanswered { operation, retry_after, source }
            }
            Self::Trouble(trouble) => {
                CallError::Unanswered { operation, retry_after: None, source: trouble.into() }
            }
            Self::Refused(reason) => CallError::Refused { operation, reason },
            Self::NotFound => CallError::NotFound { operation },
            Self::Unauthorized(reason) => CallError::Unauthorized { operation, reason },
        }
    }
}

#[cfg(test)]
mod tests;
