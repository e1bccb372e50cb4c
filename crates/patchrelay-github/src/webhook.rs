//! GitHub's webhooks: whether a delivery is genuine, and what it says.

use hmac::{Hmac, Mac};
use patchrelay_domain::Timestamp;
use patchrelay_ports::{
    Admission, Genuine, Headers, InboxRow, NormalizeError, Refusal, Signal, SignalKind, Source,
    WebhookSource,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use crate::{json, refusal::bounded, wire::WirePullRequest};

/// GitHub sends no larger body, in bytes.
const MAX_BODY_BYTES: usize = 25 * 1024 * 1024;

/// GitHub's delivery ids are GUIDs of 36 characters. What is much longer would only fill the store.
const MAX_DELIVERY_ID: usize = 100;

const DELIVERY_HEADER: &str = "x-github-delivery";
const EVENT_HEADER: &str = "x-github-event";
const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// The one event type that we handle. Its name comes in a header, which the signature does not cover.
const PULL_REQUEST: &str = "pull_request";

/// The actions of it that change something we keep.
const ACTIONS: [&str; 7] = [
    "opened",
    "reopened",
    "synchronize",
    "closed",
    "edited",
    "ready_for_review",
    "converted_to_draft",
];

/// The sender of GitHub's webhooks.
///
/// GitHub signs no time, so a delivery may come at any age; that it counts once is the store's part, by its id and by
/// its body. With an empty secret nothing is genuine: anybody could sign.
#[derive(Clone, Debug)]
pub struct GithubWebhooks {
    secret: SecretString,
}

impl GithubWebhooks {
    /// With the secret of the webhook's configuration at GitHub.
    pub fn new(secret: SecretString) -> Self {
        Self { secret }
    }

    /// Whether this header value signs these bytes, compared in constant time.
    fn is_signed(&self, signature: &str, body: &[u8]) -> bool {
        let secret = self.secret.expose_secret().as_bytes();
        let Some(Ok(tag)) = signature.strip_prefix("sha256=").map(hex::decode) else {
            return false;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
        mac.update(body);
        !secret.is_empty() && mac.verify_slice(&tag).is_ok()
    }
}

impl WebhookSource for GithubWebhooks {
    fn source(&self) -> Source {
        Source::Github
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn authenticate(&self, headers: &dyn Headers, body: &[u8]) -> Result<Genuine, Refusal> {
        let required = |name| {
            headers.get(name).filter(|value| !value.is_empty()).ok_or(Refusal::MissingHeader(name))
        };
        let delivery_id = required(DELIVERY_HEADER)?;
        if MAX_DELIVERY_ID < delivery_id.len() {
            return Err(Refusal::MissingHeader(DELIVERY_HEADER));
        }
        let event = required(EVENT_HEADER)?;
        let signature = required(SIGNATURE_HEADER)?;
        if !self.is_signed(signature, body) {
            return Err(Refusal::InvalidSignature);
        }
        Ok(Genuine { delivery_id: delivery_id.to_owned(), event: event.to_owned() })
    }

    fn admit(
        &self,
        genuine: &Genuine,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Admission, Refusal> {
        if genuine.event == PULL_REQUEST { Ok(Admission::Handled) } else { Ok(Admission::Ignored) }
    }

    fn normalize(&self, row: &InboxRow) -> Result<Vec<Signal>, NormalizeError> {
        let event = &row.delivery.event;
        if event != PULL_REQUEST {
            return Ok(Vec::new());
        }
        let unreadable =
            |reason: String| NormalizeError { event: event.clone(), reason: bounded(&reason) };
        let body = &row.delivery.body;
        // The action first: one that we do not handle need not have what we require of the others.
        let WireAction { action } = json::parse(body).map_err(unreadable)?;
        if !ACTIONS.contains(&action.as_str()) {
            return Ok(Vec::new());
        }
        let WireEvent { pull_request } = json::parse(body).map_err(unreadable)?;
        let Some(repo) = pull_request.own_repository().cloned() else { return Ok(Vec::new()) };
        let read =
            pull_request.read().map_err(|reason| unreadable(format!("pull_request.{reason}")))?;
        Ok(vec![Signal {
            kind: SignalKind::PullRequestChanged {
                repo,
                version: read.version,
                pull_request: read.value,
            },
        }])
    }
}

#[derive(Deserialize)]
struct WireAction {
    action: String,
}

#[derive(Deserialize)]
struct WireEvent {
    pull_request: WirePullRequest,
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
