//! Whatever a body says, reading it ends in signals or in an error of bounded length.

use patchrelay_domain::{IssueId, Timestamp};
use patchrelay_ports::{Delivery, InboxRow, SignalKind, Source, WebhookSource};
use secrecy::SecretString;

use super::{LinearWebhookSettings, LinearWebhooks};

#[test]
fn any_body_is_read_or_refused() {
    let webhooks =
        LinearWebhooks::new(SecretString::from("secret"), LinearWebhookSettings::default())
            .expect("there is a secret");
    bolero::check!().for_each(|body: &[u8]| {
        for event in ["AgentSessionEvent", "Comment"] {
            let row = InboxRow {
                id: 1,
                attempts: 0,
                delivery: Delivery {
                    source: Source::Linear,
                    delivery_id: "delivery-1".to_owned(),
                    event: event.to_owned(),
                    body: body.to_vec(),
                    received: Timestamp::default(),
                },
            };
            match webhooks.normalize(&row) {
                Ok(signals) => signals.iter().for_each(|signal| check(issue_of(&signal.kind))),
                Err(error) => assert!(error.reason.len() < 2_000, "{}", error.reason.len()),
            }
        }
    });
}

fn issue_of(signal: &SignalKind) -> &IssueId {
    match signal {
        SignalKind::SessionOpened { issue, .. }
        | SignalKind::Prompted { issue, .. }
        | SignalKind::Commented { issue, .. } => issue,
        SignalKind::PullRequestChanged { .. } => panic!("Linear says nothing of pull requests"),
    }
}

/// A `/` within a name would make another issue of it.
fn check(issue: &IssueId) {
    assert!(!issue.workspace.as_str().contains('/') && !issue.ticket.as_str().contains('/'));
}
