//! Whatever a body says, reading it ends in signals or in an error of bounded length.

use patchrelay_ports::{Delivery, InboxRow, SignalKind, Source, WebhookSource};
use secrecy::SecretString;

use super::{AGENT_SESSION_EVENT, LinearWebhookSettings, LinearWebhooks};

#[test]
fn any_body_is_read_or_refused() {
    let webhooks =
        LinearWebhooks::new(SecretString::from("secret"), LinearWebhookSettings::default())
            .expect("there is a secret");
    bolero::check!().for_each(|body: &[u8]| {
        let row = InboxRow {
            id: 1,
            attempts: 0,
            delivery: Delivery {
                source: Source::Linear,
                delivery_id: "delivery-1".to_owned(),
                event: AGENT_SESSION_EVENT.to_owned(),
                body: body.to_vec(),
                received: patchrelay_domain::Timestamp::default(),
            },
        };
        match webhooks.normalize(&row) {
            Ok(signals) => {
                for signal in signals {
                    let SignalKind::SessionOpened { issue, session, .. } = signal.kind else {
                        panic!("Linear says nothing of pull requests");
                    };
                    assert!(!issue.workspace.as_str().contains('/'));
                    assert!(!session.as_str().is_empty());
                }
            }
            Err(error) => assert!(error.reason.len() < 2_000, "{}", error.reason.len()),
        }
    });
}
