//! Asking the running service.

use std::{net::IpAddr, path::Path, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    cli::{ListOptions, OneIssue},
    config,
    environment::Environment,
    failure::Failure,
    secrets::Secrets,
};

/// How long the service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

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
            bind if bind.is_unspecified() && bind.is_ipv4() => IpAddr::from([127, 0, 0, 1]),
            bind if bind.is_unspecified() => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
            bind => bind,
        };
        let base = format!("http://{}", std::net::SocketAddr::new(host, config.server.port));
        let http = reqwest::Client::builder()
            // The service is a neighbour; a proxy for the outside has no business in between.
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Failure::new(format!("failed to build an HTTP client: {error}")))?;
        Ok(Self { base, token: Secrets::look_up(environment)?.api_token, http })
    }

    pub(crate) async fn list(&self, options: &ListOptions) -> Result<Value, Failure> {
        let mut query = Vec::new();
        if options.active {
            query.push(("active", "1".to_owned()));
        }
        if options.failed {
            query.push(("failed", "1".to_owned()));
        }
        if let Some(project) = &options.project {
            query.push(("project", project.clone()));
        }
        self.get("/api/issues", &query).await
    }

    pub(crate) async fn issue(&self, one: &OneIssue) -> Result<Value, Failure> {
        self.get(&one_path(one, "")?, &project(one)).await
    }

    pub(crate) async fn explain(&self, one: &OneIssue) -> Result<Value, Failure> {
        self.get(&one_path(one, "/explain")?, &project(one)).await
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base)).map_err(|error| {
            Failure::new(format!("`{}{path}` is no address: {error}", self.base))
        })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.get(url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let unreachable = |error: &dyn std::fmt::Display| {
            Failure::unreachable(format!(
                "no service answers at {}: start it with `patchrelay serve` ({error})",
                self.base
            ))
        };
        let response = request.send().await.map_err(|error| unreachable(&error.without_url()))?;
        let status = response.status().as_u16();
        let body: Value =
            response.json().await.map_err(|error| unreachable(&error.without_url()))?;
        if status == 200 {
            return Ok(body);
        }
        let message = body["error"]["message"].as_str().unwrap_or("it does not say why");
        let message = format!("the service answered {status}: {message}");
        Err(match status {
            404 => Failure::not_found(message),
            409 => Failure::conflict(message),
            _ => Failure::new(message),
        })
    }
}

fn one_path(one: &OneIssue, rest: &str) -> Result<String, Failure> {
    if one.key.is_empty()
        || !one.key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    {
        return Err(Failure::not_found(format!("`{}` is no ticket key", one.key)));
    }
    Ok(format!("/api/issues/{}{rest}", one.key))
}

fn project(one: &OneIssue) -> Vec<(&'static str, String)> {
    one.project.iter().map(|project| ("project", project.clone())).collect()
}
