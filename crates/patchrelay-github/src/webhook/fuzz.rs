//! Whatever a body says, reading it ends in signals or in an error of bounded length.

use patchrelay_domain::Timestamp;
use patchrelay_ports::{Delivery, InboxRow, SignalKind, Source, WebhookSource};
use secrecy::SecretString;

use super::{GithubWebhooks, PULL_REQUEST};

#[test]
fn any_body_is_read_or_refused() {
    let webhooks = GithubWebhooks::new(SecretString::from("secret"));
    bolero::check!().for_each(|body: &[u8]| {
        let row = InboxRow {
            id: 1,
            attempts: 0,
            delivery: Delivery {
                source: Source::Github,
                delivery_id: "delivery-1".to_owned(),
                event: PULL_REQUEST.to_owned(),
                body: body.to_vec(),
                received: Timestamp::default(),
            },
        };
        match webhooks.normalize(&row) {
            Ok(signals) => {
                for signal in signals {
                    let SignalKind::PullRequestChanged { pull_request, .. } = signal.kind else {
                        panic!("GitHub says nothing of sessions");
                    };
                    assert!(!pull_request.is_from_fork);
                }
            }
            Err(error) => assert!(error.reason.len() < 2_000, "{}", error.reason.len()),
        }
    });
}
