//! Asking the running service.

mod events;

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::ControlFlow,
    path::Path,
    time::Duration,
};

pub(crate) use self::events::Event;

use self::events::Events;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    cli::{ListOptions, OneIssue},
    config,
    environment::Environment,
    failure::Failure,
    secrets,
};

/// How long the service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes: a page of issues has a few hundred thousand.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// How many issues are asked for at once: the most that the service gives.
const PAGE: u32 = 200;
/// How long a stream may say nothing, not even that it is there: it does so four times a minute.
const STREAM_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one stream may last. The service ends each after about a minute.
const STREAM_AGE: Duration = Duration::from_secs(600);
/// The most pages of a list. What a person wants to see is on the first ones.
const MAX_PAGES: usize = 50;

/// The running service, as the configuration describes it.
pub(crate) struct Service {
    base: String,
    token: Option<SecretString>,
    http: reqwest::Client,
}

impl Service {
    pub(crate) fn of(flag: Option<&Path>, environment: &Environment) -> Result<Self, Failure> {
        let path = config::find(flag, environment)?;
        let config = config::load(&path, environment)?;
        // A service that listens everywhere is asked on this machine.
        let host = match config.server.bind {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            bind => bind,
        };
        Self::at(SocketAddr::new(host, config.server.port), secrets::api_token(environment)?)
    }

    fn at(address: SocketAddr, token: Option<SecretString>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            // The service is a neighbour; a proxy for the outside has no business in between, and nobody else gets
            // the token.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Failure::new(format!("failed to build an HTTP client: {error}")))?;
        Ok(Self { base: format!("http://{address}"), token, http })
    }

    /// The whole list, page by page. Its `cursor` is set when there are even more.
    pub(crate) async fn list(&self, options: &ListOptions) -> Result<Value, Failure> {
        let mut query = vec![("limit", PAGE.to_string())];
        if options.active {
            query.push(("active", "1".to_owned()));
        }
        if options.failed {
            query.push(("failed", "1".to_owned()));
        }
        if let Some(project) = &options.project {
            query.push(("project", project.clone()));
        }
        let mut issues = Vec::new();
        // One that changes while we read moves to the front, and may come a second time.
        let mut seen = HashSet::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let at = cursor.iter().map(|cursor| ("cursor", cursor.clone()));
            let page = self.get("/api/issues", query.iter().cloned().chain(at).collect()).await?;
            let Some(found) = page["issues"].as_array() else { return Err(self.stranger(200)) };
            let new = |issue: &&Value| seen.insert(issue["id"].to_string());
            issues.extend(found.iter().filter(new).cloned());
            cursor = page["cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(json!({ "issues": issues, "cursor": cursor }))
    }

    /// One issue.
    pub(crate) async fn issue(&self, one: &OneIssue) -> Result<Value, Failure> {
        let issue = self.get(&one_path(one, "")?, project(one)).await?;
        if issue["key"].is_string() { Ok(issue) } else { Err(self.stranger(200)) }
    }

    /// Why one issue is where it is.
    pub(crate) async fn explain(&self, one: &OneIssue) -> Result<Value, Failure> {
        let explained = self.get(&one_path(one, "/explain")?, project(one)).await?;
        if explained["issue"]["key"].is_string() { Ok(explained) } else { Err(self.stranger(200)) }
    }

    /// Orders something of an issue, and gives what is known of it then. `order` is the last part of the address, and
    /// `body` says the rest.
    pub(crate) async fn order(
        &self,
        one: &OneIssue,
        order: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let url = self.url(&one_path(one, &format!("/{order}"))?, project(one))?;
        let ordered = self.send(self.http.post(url).json(body)).await?;
        if ordered["issue"]["key"].is_string() { Ok(ordered) } else { Err(self.stranger(200)) }
    }

    /// Whether it is there, and its version.
    pub(crate) async fn health(&self) -> Result<Value, Failure> {
        self.get("/health", Vec::new()).await
    }

    /// The newest lines of the feed of one issue, and the cursor after which it goes on.
    pub(crate) async fn feed(&self, one: &OneIssue, limit: u32) -> Result<Value, Failure> {
        let feed = self.get("/api/feed", of_issue(one, ("limit", limit.to_string()))).await?;
        if feed["entries"].is_array() && feed["cursor"].is_i64() {
            Ok(feed)
        } else {
            Err(self.stranger(200))
        }
    }

    /// What is seen of one issue after this cursor, as it happens, until the stream ends or nobody wants more of it.
    ///
    /// # Errors
    ///
    /// When the service is away, which may pass, or refuses.
    pub(crate) async fn follow(
        &self,
        one: &OneIssue,
        after: i64,
        mut take: impl FnMut(Event) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let url = self.url("/api/stream", of_issue(one, ("after", after.to_string())))?;
        let mut response = self.begin(self.http.get(url).timeout(STREAM_AGE)).await?;
        let status = response.status().as_u16();
        if status != 200 {
            let refusal = self.body(response).await.map(|body| self.refusal(status, &body))?;
            return Err(match status {
                503 => Failure::unreachable(refusal.message()),
                _ => refusal,
            });
        }
        let mut events = Events::default();
        loop {
            let piece = tokio::time::timeout(STREAM_TIMEOUT, response.chunk()).await;
            let Ok(piece) = piece else { return Ok(()) };
            let Some(piece) = piece.map_err(|error| self.no_answer(&error))? else { return Ok(()) };
            for event in events.take(&piece) {
                if take(event)?.is_break() {
                    return Ok(());
                }
            }
            if MAX_ANSWER < events.kept() {
                return Err(self.stranger(status));
            }
        }
    }

    async fn get(&self, path: &str, query: Vec<(&str, String)>) -> Result<Value, Failure> {
        self.send(self.http.get(self.url(path, query)?)).await
    }

    fn url(&self, path: &str, query: Vec<(&str, String)>) -> Result<reqwest::Url, Failure> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base)).map_err(|error| {
            Failure::new(format!("`{}{path}` is no address: {error}", self.base))
        })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let response = self.begin(request).await?;
        let status = response.status().as_u16();
        let body = self.body(response).await?;
        if status == 200 { Ok(body) } else { Err(self.refusal(status, &body)) }
    }

    async fn begin(
        &self,
        mut request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        request.send().await.map_err(|error| self.no_answer(&error))
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Value, Failure> {
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.no_answer(&error))? {
            if MAX_ANSWER - bytes.len() < piece.len() {
                return Err(self.stranger(status));
            }
            bytes.extend_from_slice(&piece);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.stranger(status))
    }

    /// What the service's no means for whoever asked.
    fn refusal(&self, status: u16, body: &Value) -> Failure {
        let error = &body["error"];
        let Some(code) = error["code"].as_str() else { return self.stranger(status) };
        let message = error["message"].as_str().unwrap_or(code);
        let message = match code {
            "ambiguous_key" => {
                let projects = error["projects"].as_array().map(Vec::as_slice).unwrap_or_default();
                let projects: Vec<_> = projects.iter().filter_map(Value::as_str).collect();
                format!(
                    "several projects have that key: say which with --project ({})",
                    projects.join(", ")
                )
            }
            "operator_auth_required" => {
                "the service asks for its token: set PATCHRELAY_API_TOKEN to the value that it has"
                    .to_owned()
            }
            _ => format!("the service answered {status}: {message}"),
        };
        match status {
            404 => Failure::not_found(message),
            409 => Failure::conflict(message),
            _ => Failure::new(message),
        }
    }

    fn no_answer(&self, error: &reqwest::Error) -> Failure {
        if error.is_builder() {
            return Failure::new(
                "PATCHRELAY_API_TOKEN has characters that cannot be sent: set it anew",
            );
        }
        let reason = if error.is_timeout() {
            format!("no answer within {} s", TIMEOUT.as_secs())
        } else {
            innermost(error)
        };
        Failure::unreachable(format!(
            "no service answers at {}: start it with `patchrelay serve` ({reason})",
            self.base
        ))
    }

    /// Somebody answers, and it is not the service.
    fn stranger(&self, status: u16) -> Failure {
        Failure::unreachable(format!(
            "what answers at {} (with {status}) is not PatchRelay: check server.bind and server.port",
            self.base
        ))
    }
}

/// The error at the bottom: those above it say "error sending request" of everything.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn one_path(one: &OneIssue, rest: &str) -> Result<String, Failure> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if one.key.is_empty() || !one.key.chars().all(legal) {
        return Err(Failure::not_found(format!(
            "`{}` is no ticket key: write it as APP-1",
            one.key
        )));
    }
    Ok(format!("/api/issues/{}{rest}", one.key))
}

/// The query about one issue where its key is no part of the address.
fn of_issue(one: &OneIssue, more: (&'static str, String)) -> Vec<(&'static str, String)> {
    let key = ("issue", one.key.clone());
    [key, more].into_iter().chain(project(one)).collect()
}

fn project(one: &OneIssue) -> Vec<(&'static str, String)> {
    one.project.iter().map(|project| ("project", project.clone())).collect()
}

#[cfg(test)]
mod tests;
