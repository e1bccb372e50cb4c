use patchrelay_ports::Tracker as _;
use patchrelay_testkit::{
    Fault, WebhookTarget,
    linear::{FakeLinear, FakeLinearConfig},
};
use secrecy::SecretString;

use super::*;
use crate::{Credential, LinearConfig};

async fn fake() -> FakeLinear {
    let webhook =
        WebhookTarget { url: "http://127.0.0.1:9/nobody".to_owned(), secret: "secret".to_owned() };
    let config = FakeLinearConfig { webhook, token: "token".to_owned(), port: 0 };
    FakeLinear::start(config).await.unwrap()
}

fn tracker(fake: &FakeLinear) -> LinearTracker {
    LinearTracker::new(&LinearConfig {
        api_url: fake.url().parse().unwrap(),
        credential: Credential::AppToken(SecretString::from("token")),
        timeout: std::time::Duration::from_secs(20),
    })
    .unwrap()
}

/// The ticket APP-1 as it is now.
async fn ticket(fake: &FakeLinear) -> patchrelay_domain::Ticket {
    let id = IssueId::new(fake.workspace(), fake.issue("APP-1").id);
    tracker(fake).read_ticket(&id).await.unwrap().value
}

#[tokio::test]
async fn a_ticket_is_read_with_what_blocks_it_and_what_is_attached() {
    let fake = fake().await;
    for title in ["Change it", "First", "Second"] {
        fake.create_issue(title, "");
    }
    assert!(ticket(&fake).await.blockers.is_empty());
    fake.block("APP-1", "APP-3");
    fake.block("APP-1", "APP-2");
    fake.move_issue("APP-3", "Done");
    for address in [
        "https://github.com/acme/app/pull/7/files",
        "https://example.com/design.fig",
        "https://github.com/acme/app/pull/7",
    ] {
        fake.attach("APP-1", address);
    }
    let read = ticket(&fake).await;
    assert_eq!(read.blocked_by(), ["APP-2"], "one that is over blocks nothing");
    assert_eq!(read.blockers.len(), 2);
    let seven = LinkedPullRequest { repo: "acme/app".parse().unwrap(), number: PrNumber(7) };
    assert_eq!(read.linked, [seven]);
    assert_eq!(fake.calls("IssueMore"), 0);
}

#[tokio::test]
async fn what_does_not_come_with_the_ticket_is_read_in_pages() {
    let fake = fake().await;
    fake.create_issue("Change it", "");
    for n in 2..=32 {
        let blocker = fake.create_issue("Before", "");
        assert_eq!(blocker.key, format!("APP-{n}"));
        fake.block("APP-1", &blocker.key);
    }
    for n in 1..=130 {
        fake.attach("APP-1", &format!("https://github.com/acme/app/pull/{n}"));
        fake.label_issue("APP-1", &format!("label-{n}"));
    }
    let read = ticket(&fake).await;
    assert_eq!(read.blockers.len(), 31);
    assert_eq!(read.linked.len(), 130);
    assert_eq!((read.labels.len(), &*read.labels[129]), (130, "label-130"));
    assert_eq!(fake.calls("IssueMore"), 3);

    fake.faults().plan("IssueMore", Fault::Before(500), 1);
    let id = IssueId::new(fake.workspace(), fake.issue("APP-1").id);
    let error = tracker(&fake).read_ticket(&id).await.unwrap_err();
    assert!(error.is_retryable(), "half a ticket is none: {error}");
}

#[tokio::test]
async fn nobody_reads_without_an_end() {
    let fake = fake().await;
    fake.create_issue("Change it", "");
    for n in 0..400 {
        fake.attach("APP-1", &format!("https://github.com/acme/app/pull/{}", n + 1));
    }
    assert_eq!(ticket(&fake).await.linked.len(), 220);
    assert_eq!(fake.calls("IssueMore"), 4);
}

#[test]
fn an_address_of_a_pull_request_is_known_in_every_form() {
    let expected = LinkedPullRequest { repo: "acme/app".parse().unwrap(), number: PrNumber(7) };
    for address in [
        "https://github.com/acme/app/pull/7",
        "https://github.com/acme/app/pull/7/",
        "https://github.com/acme/app/pull/7/files#diff-1",
        "https://github.com/acme/app/pull/7?w=1",
        "http://127.0.0.1:1/acme/app/pull/7",
    ] {
        assert_eq!(pull_request(address), Some(expected.clone()), "{address}");
    }
}

#[test]
fn every_other_address_is_none() {
    for address in [
        "",
        "acme/app#7",
        "https://github.com/acme/app",
        "https://github.com/acme/app/issues/7",
        "https://github.com/acme/app/pull",
        "https://github.com/acme/app/pull/",
        "https://github.com/acme/app/pull/0",
        "https://github.com/acme/app/pull/-7",
        "https://github.com/acme/app/pull/7x",
        "https://github.com/acme/app/pull/99999999999999999999",
        "https://github.com/../app/pull/7",
        "https://github.com//app/pull/7",
        "file:///acme/app/pull/7",
        "javascript:alert(1)",
        "https://example.com/design.fig",
    ] {
        assert_eq!(pull_request(address), None, "{address}");
    }
}
