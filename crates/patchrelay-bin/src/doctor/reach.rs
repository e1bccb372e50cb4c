//! Whether webhooks that are sent to the public address arrive here.

use std::time::Duration;

use patchrelay::ports::Cause;
use serde_json::Value;

use super::Check;
use crate::failure::Failure;

/// How long the whole way may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes. Ours has about a hundred.
const MAX_ANSWER: usize = 64 * 1024;

/// Knocks at both doors without a signature: what refuses it in our words is a service like this one.
pub(super) async fn public_url(url: &str) -> Result<Vec<Check>, Failure> {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| Failure::new(format!("failed to build an HTTP client: {error}")))?;
    let mut checks = Vec::new();
    for (check, source) in [("public_url.linear", "linear"), ("public_url.github", "github")] {
        let address = format!("{url}/webhooks/{source}");
        checks.push(match knock(&http, &address).await {
            Ok(()) => Check::pass(check, format!("{address} leads to this service")),
            Err(reason) => Check::warn(
                check,
                format!("{address} does not lead to this service: {reason}"),
                "start `patchrelay serve`, and let the proxy pass /webhooks/ to server.port",
            ),
        });
    }
    Ok(checks)
}

async fn knock(http: &reqwest::Client, address: &str) -> Result<(), Cause> {
    let mut response = http.post(address).send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if MAX_ANSWER < body.len() {
            break;
        }
    }
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    match answer["error"]["code"].as_str() {
        Some("missing_header" | "unknown_source") => Ok(()),
        Some(_) | None => Err(format!("something else answers, with {status}").into()),
    }
}
