use std::collections::HashMap;

use patchrelay_domain::{PrNumber, PrState};
use patchrelay_ports::Delivery;
use patchrelay_testkit::{
    WebhookTarget,
    github::{FakeDelivery, FakeGithub, FakeGithubConfig},
};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "webhook-secret";

struct Sent(HashMap<&'static str, String>);

impl Headers for Sent {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn signature(body: &[u8]) -> String {
    let target = WebhookTarget { url: String::new(), secret: SECRET.to_owned() };
    format!("sha256={}", target.sign(body))
}

fn headers(event: &str, body: &[u8]) -> Sent {
    Sent(HashMap::from([
        (DELIVERY_HEADER, "d-1".to_owned()),
        (EVENT_HEADER, event.to_owned()),
        (SIGNATURE_HEADER, signature(body)),
    ]))
}

fn webhooks() -> GithubWebhooks {
    GithubWebhooks::new(SecretString::from(SECRET))
}

fn verify(headers: &Sent, body: &[u8]) -> Result<Admission, Refusal> {
    let genuine = webhooks().authenticate(headers, body)?;
    webhooks().admit(&genuine, body, Timestamp::from_millis(0))
}

fn normalize(event: &str, body: &Value) -> Result<Vec<Signal>, NormalizeError> {
    let delivery = Delivery {
        source: Source::Github,
        delivery_id: "d-1".to_owned(),
        event: event.to_owned(),
        body: body.to_string().into_bytes(),
        received: Timestamp::from_millis(0),
    };
    webhooks().normalize(&InboxRow { id: 1, delivery, attempts: 0 })
}

fn payload(action: &str) -> Value {
    json!({
        "action": action,
        "pull_request": {
            "number": 7, "html_url": "https://github.com/acme/app/pull/7", "state": "open",
            "updated_at": "2026-11-05T10:20:30Z",
            "head": { "ref": "patchrelay/APP-1", "sha": "abc", "repo": { "full_name": "acme/app" } },
            "base": { "ref": "main", "repo": { "full_name": "acme/app" } },
        },
    })
}

#[test]
fn a_genuine_delivery_of_a_handled_type_is_accepted() {
    let body = payload("opened").to_string().into_bytes();
    let genuine = Genuine { delivery_id: "d-1".to_owned(), event: "pull_request".to_owned() };
    assert_eq!(webhooks().authenticate(&headers("pull_request", &body), &body), Ok(genuine));
    assert_eq!(verify(&headers("pull_request", &body), &body), Ok(Admission::Handled));
    assert_eq!(webhooks().source(), Source::Github);
    assert_eq!(webhooks().max_body_bytes(), 26_214_400);
}

#[test]
fn other_types_are_ignored_but_only_when_genuine() {
    for event in ["ping", "push", "check_run", "PULL_REQUEST"] {
        assert_eq!(verify(&headers(event, b"{}"), b"{}"), Ok(Admission::Ignored));
        assert_eq!(verify(&headers(event, b"{}"), b"{ }"), Err(Refusal::InvalidSignature));
    }
}

#[test]
fn a_missing_header_comes_before_everything_else() {
    for name in [DELIVERY_HEADER, EVENT_HEADER, SIGNATURE_HEADER] {
        let mut sent = headers("pull_request", b"not json");
        sent.0.insert(SIGNATURE_HEADER, "sha256=00".to_owned());
        sent.0.remove(name);
        assert_eq!(verify(&sent, b"not json"), Err(Refusal::MissingHeader(name)));
        sent.0.insert(name, String::new());
        assert_eq!(verify(&sent, b"not json"), Err(Refusal::MissingHeader(name)));
    }
    let mut sent = headers("pull_request", b"{}");
    sent.0.insert(DELIVERY_HEADER, "d".repeat(101));
    assert_eq!(verify(&sent, b"{}"), Err(Refusal::MissingHeader(DELIVERY_HEADER)));
}

#[test]
fn any_change_of_body_or_signature_is_noticed() {
    let body = payload("opened").to_string().into_bytes();
    let sent = headers("pull_request", &body);
    for at in 0..body.len() {
        let mut changed = body.clone();
        changed[at] ^= 1;
        assert_eq!(verify(&sent, &changed), Err(Refusal::InvalidSignature));
    }
    let good = signature(&body);
    let hex = good.strip_prefix("sha256=").unwrap();
    let half = &good[..good.len() - 2];
    for forged in [
        hex,
        half,
        "sha256=",
        "sha1=00",
        "sha256=zz",
        &format!("sha256={}", "0".repeat(64)),
        &format!("{good}00"),
    ] {
        let mut sent = headers("pull_request", &body);
        sent.0.insert(SIGNATURE_HEADER, forged.to_owned());
        assert_eq!(verify(&sent, &body), Err(Refusal::InvalidSignature), "{forged}");
    }
}

#[test]
fn without_a_secret_nothing_is_genuine() {
    let target = WebhookTarget { url: String::new(), secret: String::new() };
    let mut sent = headers("pull_request", b"{}");
    sent.0.insert(SIGNATURE_HEADER, format!("sha256={}", target.sign(b"{}")));
    let open = GithubWebhooks::new(SecretString::from(""));
    assert_eq!(open.authenticate(&sent, b"{}"), Err(Refusal::InvalidSignature));
}

#[test]
fn a_change_of_a_pull_request_is_signalled() {
    for action in ACTIONS {
        let signals = normalize("pull_request", &payload(action)).unwrap();
        let [Signal { kind: SignalKind::PullRequestChanged { repo, version, pull_request } }] =
            signals.as_slice()
        else {
            panic!("{signals:?}")
        };
        assert_eq!(repo.to_string(), "acme/app");
        assert_eq!(*version, Timestamp::from_millis(1_793_874_030_000));
        assert_eq!((pull_request.number, pull_request.state), (PrNumber(7), PrState::Open));
        assert_eq!(pull_request.head.as_str(), "abc");
    }
}

#[test]
fn what_says_nothing_to_us_gives_no_signal() {
    for action in ["labeled", "assigned", "a new word"] {
        assert_eq!(normalize("pull_request", &json!({ "action": action })).unwrap(), []);
    }
    assert_eq!(normalize("push", &json!({})).unwrap(), []);
    for repo in [Value::Null, json!({ "full_name": "mallory/app" })] {
        let mut fork = payload("opened");
        fork["pull_request"]["head"]["repo"] = repo;
        assert_eq!(normalize("pull_request", &fork).unwrap(), []);
    }
}

#[test]
fn a_missing_field_is_named() {
    let without = |pointer: &str| {
        let mut body = payload("opened");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        normalize("pull_request", &body).unwrap_err().to_string()
    };
    for (pointer, field) in [
        ("/action", "missing field `action`"),
        ("/pull_request", "missing field `pull_request`"),
        ("/pull_request/number", "pull_request: missing field `number`"),
        ("/pull_request/updated_at", "pull_request: missing field `updated_at`"),
        ("/pull_request/head/sha", "pull_request.head: missing field `sha`"),
        ("/pull_request/base/repo", "pull_request.base: missing field `repo`"),
    ] {
        let error = without(pointer);
        assert!(
            error.starts_with("failed to read the pull_request delivery: ")
                && error.contains(field),
            "{error}"
        );
    }
    let mut odd = payload("opened");
    odd["pull_request"]["state"] = json!("queued");
    assert!(
        normalize("pull_request", &odd).unwrap_err().reason.starts_with("pull_request.state: ")
    );
}

#[tokio::test]
async fn the_fakes_deliveries_are_genuine_and_tell_the_story() {
    let directory = tempfile::tempdir().unwrap();
    // Nobody listens there; what was sent is in the fake's log.
    let webhook =
        WebhookTarget { url: "http://127.0.0.1:1/".to_owned(), secret: SECRET.to_owned() };
    let config = FakeGithubConfig {
        root: directory.path().to_owned(),
        webhook,
        token: "t".to_owned(),
        port: 0,
    };
    let fake = FakeGithub::start(config).await.unwrap();
    fake.create_repository("acme/app", &[("a", "a")]).await.unwrap();
    fake.open_foreign_pull_request("acme/app", None, "fork").await.unwrap();
    fake.push_commit("acme/app", "work", &[("b", "b")], "Work").await.unwrap();
    let ours = fake.open_foreign_pull_request("acme/app", Some("acme/app"), "work").await.unwrap();
    fake.merge("acme/app", ours.number).await.unwrap();
    fake.deliveries_settled().await;

    let signals = |sent: &FakeDelivery| {
        let verified = verify(&headers(&sent.event, &sent.body), &sent.body).unwrap();
        assert_eq!(verified, Admission::Handled);
        normalize(&sent.event, &serde_json::from_slice(&sent.body).unwrap()).unwrap()
    };
    let states: Vec<_> = fake
        .deliveries()
        .iter()
        .flat_map(signals)
        .map(|Signal { kind }| match kind {
            SignalKind::PullRequestChanged { pull_request, .. } => {
                (pull_request.number, pull_request.state)
            }
            other @ (SignalKind::SessionOpened { .. }
            | SignalKind::Prompted { .. }
            | SignalKind::Commented { .. }) => panic!("{other:?}"),
        })
        .collect();
    let number = PrNumber(ours.number);
    assert_eq!(
        states,
        [(number, PrState::Open), (number, PrState::Open), (number, PrState::Merged)]
    );
}
