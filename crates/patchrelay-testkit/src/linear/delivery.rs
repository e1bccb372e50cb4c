//! A signed webhook request.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::{DeliveryAnswer, WebhookTarget};

/// A webhook request that is signed and not sent. Both parts are open: what is changed after signing is what a forger
/// would send.
#[derive(Clone, Debug)]
pub struct SignedDelivery {
    /// The headers, by lower-case name.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    target: WebhookTarget,
}

impl SignedDelivery {
    pub(super) fn new(body: Value, target: WebhookTarget) -> Self {
        let body_bytes = body.to_string().into_bytes();
        let headers = vec![
            ("user-agent", "Linear-Webhook".to_owned()),
            ("linear-delivery", Uuid::new_v4().to_string()),
            ("linear-event", body["type"].as_str().unwrap_or_default().to_owned()),
            ("linear-timestamp", body["webhookTimestamp"].to_string()),
            ("linear-signature", target.sign(&body_bytes)),
        ];
        Self { headers, body: body_bytes, target }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Replaces or adds a header.
    pub fn set_header(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
    }

    /// Leaves a header out.
    pub fn remove_header(&mut self, name: &str) {
        self.headers.retain(|(known, _)| *known != name);
    }

    /// Signs the body as it is now.
    pub fn sign(&mut self) {
        self.set_header("linear-signature", self.target.sign(&self.body));
    }

    /// The same delivery, sent this much earlier by its own time, and signed.
    #[must_use]
    pub fn aged(mut self, by: Duration) -> Self {
        let mut body: Value =
            serde_json::from_slice(&self.body).expect("a delivery that ages has its own body");
        let sent =
            body["webhookTimestamp"].as_i64().expect("a delivery that ages has its own body");
        let sent = sent.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        body["webhookTimestamp"] = sent.into();
        self.body = body.to_string().into_bytes();
        self.set_header("linear-timestamp", sent.to_string());
        self.sign();
        self
    }

    /// Posts it. Sent twice, it is what Linear does when it got no answer: the same id, the same body.
    pub async fn send(&self) -> DeliveryAnswer {
        self.target.post(&self.headers, self.body.clone()).await
    }
}
