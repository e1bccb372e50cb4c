//! The `WebhookSource` port for Linear.
//!
//! The signature covers the body and nothing else. The delivery's id and type come in headers that anybody on the way
//! could exchange, which is why the type is compared with the body when the meaning is derived, and why the store also
//! recognises a body that it has seen (D34).

mod event;

use std::time::Duration;

use hmac::{Hmac, Mac};
use patchrelay_domain::Timestamp;
use patchrelay_ports::{
    Admission, Genuine, Headers, InboxRow, NormalizeError, Refusal, Signal, Source, WebhookSource,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use self::event::EventType;
use crate::SetupError;

/// The largest body that Linear may send, in bytes (D34).
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The longest delivery id that is taken, in bytes. Linear's are UUIDs.
const MAX_DELIVERY_ID_BYTES: usize = 100;

/// How old a delivery may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearWebhookSettings {
    /// How far its time may be from ours, either way, before it counts as late or as from the future.
    pub max_clock_skew: Duration,
    /// How old a late one may be. Linear repeats a delivery after an hour and after six, and does not say whether the
    /// repetition has a new time.
    pub max_delivery_age: Duration,
}

impl Default for LinearWebhookSettings {
    fn default() -> Self {
        Self {
            max_clock_skew: Duration::from_secs(60),
            max_delivery_age: Duration::from_secs(8 * 60 * 60),
        }
    }
}

/// Linear as a sender of webhooks.
#[derive(Debug)]
pub struct LinearWebhooks {
    secret: SecretString,
    settings: LinearWebhookSettings,
}

impl LinearWebhooks {
    /// Takes what Linear signs with. An empty secret is refused.
    pub fn new(secret: SecretString, settings: LinearWebhookSettings) -> Result<Self, SetupError> {
        if secret.expose_secret().is_empty() {
            return Err(SetupError::EmptyWebhookSecret);
        }
        Ok(Self { secret, settings })
    }
}

impl WebhookSource for LinearWebhooks {
    fn source(&self) -> Source {
        Source::Linear
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn authenticate(&self, headers: &dyn Headers, body: &[u8]) -> Result<Genuine, Refusal> {
        let delivery_id = header(headers, "linear-delivery")?;
        let event = header(headers, "linear-event")?;
        let signature = header(headers, "linear-signature")?;
        if MAX_DELIVERY_ID_BYTES < delivery_id.len() {
            return Err(Refusal::MissingHeader("linear-delivery"));
        }
        self.check_signature(signature, body)?;
        Ok(Genuine { delivery_id: delivery_id.to_owned(), event: event.to_owned() })
    }

    fn admit(&self, genuine: &Genuine, body: &[u8], now: Timestamp) -> Result<Admission, Refusal> {
        if EventType::named(&genuine.event).is_none() {
            return Ok(Admission::Ignored);
        }
        let sent = sent(body).ok_or(Refusal::StaleTimestamp)?;
        if self.is_acceptable(sent, now) {
            Ok(Admission::Handled)
        } else {
            Err(Refusal::StaleTimestamp)
        }
    }

    fn normalize(&self, row: &InboxRow) -> Result<Vec<Signal>, NormalizeError> {
        let Some(event) = EventType::named(&row.delivery.event) else { return Ok(Vec::new()) };
        event
            .read(&row.delivery.body)
            .map_err(|reason| NormalizeError { event: row.delivery.event.clone(), reason })
    }
}

impl LinearWebhooks {
    fn check_signature(&self, signature: &str, body: &[u8]) -> Result<(), Refusal> {
        let signature = hex::decode(signature).map_err(|_| Refusal::InvalidSignature)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(body);
        // Compares in constant time.
        mac.verify_slice(&signature).map_err(|_| Refusal::InvalidSignature)
    }

    /// Whether a delivery of this time may count. One that is late may have been sent again; that it counts once is
    /// the store's part, which knows every body that was ever taken (D34).
    fn is_acceptable(&self, sent: Timestamp, now: Timestamp) -> bool {
        let skew = self.settings.max_clock_skew;
        let late = now.since(sent);
        sent.since(now) <= skew && (late <= skew || late < self.settings.max_delivery_age)
    }
}

fn header<'a>(headers: &'a dyn Headers, name: &'static str) -> Result<&'a str, Refusal> {
    headers.get(name).filter(|value| !value.is_empty()).ok_or(Refusal::MissingHeader(name))
}

/// When Linear says that it sent this. There is also a header for it, which the signature does not cover.
fn sent(body: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sent {
        /// Milliseconds since the epoch.
        webhook_timestamp: i64,
    }
    serde_json::from_slice::<Sent>(body)
        .ok()
        .map(|sent| Timestamp::from_millis(sent.webhook_timestamp))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
