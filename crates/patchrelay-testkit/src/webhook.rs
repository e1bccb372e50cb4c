//! Sending webhooks as the real senders do.

use std::{sync::OnceLock, time::Duration};

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Where a fake sends its webhooks, and what it signs them with.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// The address, such as `http://127.0.0.1:8787/webhooks/linear`.
    pub url: String,
    /// The signing secret.
    pub secret: String,
}

/// What the receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAnswer {
    /// The HTTP status; 0 when nobody answered.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl WebhookTarget {
    /// The hexadecimal HMAC-SHA256 of a body.
    pub fn sign(&self, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    /// Posts a body with these headers.
    pub async fn post(&self, headers: &[(&str, String)], body: Vec<u8>) -> DeliveryAnswer {
        let mut request =
            client().post(&self.url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                DeliveryAnswer {
                    status,
                    body: response.text().await.unwrap_or_else(|error| error.to_string()),
                }
            }
            Err(error) => DeliveryAnswer { status: 0, body: error.to_string() },
        }
    }
}

fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            // A proxy of the machine has no business between two loopback ends.
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .expect("a client without TLS roots of its own can be built")
    })
}
