//! One request to GitHub's REST API: carried by octocrab, bounded in time and size, judged by its status.

use std::{error::Error, fmt, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header::ACCEPT};
use http_body_util::{BodyExt, Limited};
use octocrab::{Octocrab, service::middleware::retry::RetryConfig};
use patchrelay_domain::RepoSlug;
use patchrelay_ports::{CallError, Cause};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

use crate::refusal::refusal;

/// The largest answer that is read, in bytes: a full page of pull requests with the longest bodies that GitHub stores
/// takes about half of it.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// How long opening a connection may take. A reachable host needs milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How GitHub is reached.
#[derive(Clone, Debug)]
pub struct GithubConfig {
    /// The root of the REST API: `https://api.github.com`, or `https://HOST/api/v3` of an own server.
    pub api_url: Url,
    /// The token that every request carries.
    pub token: SecretString,
    /// How long one call of the port may take, from its first request to the last byte of its last answer.
    pub timeout: Duration,
}

/// Why a client could not be built. No request was sent.
#[derive(Debug, Error)]
pub enum GithubSetupError {
    /// The API's address cannot be used.
    #[error("`{url}` is not the address of an API: {reason}")]
    Url {
        /// The address, without a credential that it may hold.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The token is empty, or cannot be sent in a header: usually a stray line break.
    #[error("the GitHub token is empty or has characters that no token has")]
    Token,
    /// The HTTP client cannot be built: usually, the machine has no root certificates.
    #[error("failed to build the HTTP client for GitHub")]
    Client(#[source] Cause),
}

/// The client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    octocrab: Octocrab,
    root: Url,
    timeout: Duration,
}

impl Client {
    pub(crate) fn new(config: &GithubConfig) -> Result<Self, GithubSetupError> {
        let root = checked_root(&config.api_url)?;
        // octocrab panics on a token that is not a header value.
        if config.token.expose_secret().is_empty()
            || HeaderValue::from_str(config.token.expose_secret()).is_err()
        {
            return Err(GithubSetupError::Token);
        }
        let octocrab = Octocrab::builder()
            .base_uri(root.as_str())
            .and_then(|builder| {
                builder
                    .personal_token(config.token.clone())
                    .add_header(ACCEPT, "application/vnd.github+json".to_owned())
                    // octocrab's default repeats writes, at once, three times.
                    .add_retry_config(RetryConfig::None)
                    .set_connect_timeout(Some(CONNECT_TIMEOUT.min(config.timeout)))
                    .set_read_timeout(Some(config.timeout))
                    .set_write_timeout(Some(config.timeout))
                    .build()
            })
            .map_err(|error| GithubSetupError::Client(Box::new(Transport::of(&error))))?;
        Ok(Self { octocrab, root, timeout: config.timeout })
    }

    /// The address of a part of a repository, with a query. Always built from our own root: with an address that an
    /// answer gives, octocrab may leave out the credential, and the host would be somebody else's choice.
    pub(crate) fn repository_url(
        &self,
        repo: &RepoSlug,
        parts: &[&str],
        query: &[(&str, &str)],
    ) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["repos", repo.owner(), repo.name()]).extend(parts);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Puts a whole call under its deadline. A write that was cut may have been carried out.
    pub(crate) async fn within_deadline<T>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        match timeout(self.timeout, Box::pin(call)).await {
            Ok(result) => result,
            Err(_) => Err(unanswered(operation, NoAnswer::Late(self.timeout))),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        operation: &str,
        url: &Url,
    ) -> Result<T, CallError> {
        read(operation, self.octocrab._get(uri(operation, url)?).await).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        operation: &str,
        url: &Url,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        read(operation, self.octocrab._post(uri(operation, url)?, Some(body)).await).await
    }
}

/// What octocrab gives back, whose body is still to be read.
type Response<B> = Result<http::Response<B>, octocrab::Error>;

async fn read<T, B>(operation: &str, response: Response<B>) -> Result<T, CallError>
where
    T: DeserializeOwned,
    B: http_body_util::BodyExt,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let response = response.map_err(|error| unanswered(operation, Transport::of(&error)))?;
    let (parts, body) = response.into_parts();
    let body = match Limited::new(Box::pin(body), MAX_ANSWER_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(unanswered(operation, Transport::of(error.as_ref()))),
    };
    judge(operation, parts.status, &parts.headers, &body)
}

/// What an answer means. An answer that says "done" and cannot be read counts as no answer: what was done is unknown.
fn judge<T: DeserializeOwned>(
    operation: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, CallError> {
    if !status.is_success() {
        return Err(refusal(operation, status, headers, body));
    }
    crate::json::parse(body).map_err(|reason| unanswered(operation, NoAnswer::Unreadable(reason)))
}

pub(crate) fn unanswered(operation: &str, cause: impl Error + Send + Sync + 'static) -> CallError {
    CallError::Unanswered {
        operation: operation.to_owned(),
        retry_after: None,
        source: Box::new(cause),
    }
}

/// Why there is no usable answer.
#[derive(Debug, Error)]
pub(crate) enum NoAnswer {
    #[error("nothing usable came within {} s", .0.as_secs_f32())]
    Late(Duration),
    #[error("the answer could not be read: {0}")]
    Unreadable(String),
}

/// An error of the transport, in its own words. octocrab's words may contain a backtrace, so they are left out.
#[derive(Debug)]
struct Transport(String);

impl Transport {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut words = Vec::new();
        let mut next = Some(error);
        while let Some(error) = next {
            if error.downcast_ref::<octocrab::Error>().is_none() {
                words.push(error.to_string());
            }
            next = error.source();
        }
        if words.is_empty() {
            words.push("the request could not be sent".to_owned());
        }
        Self(words.join(": "))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Transport {}

fn uri(operation: &str, url: &Url) -> Result<Uri, CallError> {
    // The two parsers differ in corners that a checked root and encoded parts do not reach.
    Uri::try_from(url.as_str()).map_err(|error| CallError::Refused {
        operation: operation.to_owned(),
        reason: format!("its address cannot be sent: {error}"),
    })
}

fn checked_root(url: &Url) -> Result<Url, GithubSetupError> {
    let refused = |reason| {
        let mut shown = url.clone();
        // Both fail only for addresses that cannot hold a credential.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Err(GithubSetupError::Url { url: shown.into(), reason })
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refused("it is not http or https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("it holds a credential, which belongs into the token");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("it has a query or a fragment");
    }
    Ok(url.clone())
}

#[cfg(test)]
mod tests;
