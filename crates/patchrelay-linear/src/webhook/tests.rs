use patchrelay_domain::{Actor, IssueId, RouteHint, SessionId, Standing, Timestamp};
use patchrelay_ports::{Delivery, OpenSession, SignalKind};
use patchrelay_testkit::{
    WebhookTarget,
    linear::{FakeLinear, FakeLinearConfig, SignedDelivery},
};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "webhook-secret";
const NOW: Timestamp = Timestamp::from_millis(1_795_514_400_000);

/// A request: headers and body.
struct Request(Vec<(&'static str, String)>, Vec<u8>);

impl Headers for Request {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl Request {
    fn signed(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let signature = target().sign(&body);
        let headers = vec![
            ("linear-delivery", "delivery-1".to_owned()),
            ("linear-event", "AgentSessionEvent".to_owned()),
            ("linear-signature", signature),
        ];
        Self(headers, body)
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self
    }

    fn verify(&self) -> Result<Admission, Refusal> {
        let genuine = webhooks().authenticate(self, &self.1)?;
        webhooks().admit(&genuine, &self.1, NOW)
    }
}

fn target() -> WebhookTarget {
    WebhookTarget { url: "http://127.0.0.1:9/nobody".to_owned(), secret: SECRET.to_owned() }
}

fn webhooks() -> LinearWebhooks {
    LinearWebhooks::new(SecretString::from(SECRET), LinearWebhookSettings::default()).unwrap()
}

/// A body that was sent this many milliseconds before now.
fn aged(millis: i64) -> String {
    json!({ "webhookTimestamp": NOW.millis() - millis }).to_string()
}

#[test]
fn each_check_comes_in_its_turn() {
    let wrong_in_everything = || {
        Request::signed("{")
            .without("linear-delivery")
            .without("linear-event")
            .with("linear-signature", "00")
    };
    assert_eq!(wrong_in_everything().verify(), Err(Refusal::MissingHeader("linear-delivery")));
    let request = wrong_in_everything().with("linear-delivery", "delivery-1");
    assert_eq!(request.verify(), Err(Refusal::MissingHeader("linear-event")));
    let request = request.with("linear-event", "Issue");
    assert_eq!(request.verify(), Err(Refusal::InvalidSignature));
    let no_time = || Request::signed("{}");
    assert_eq!(no_time().with("linear-event", "Issue").verify(), Ok(Admission::Ignored));
    assert_eq!(no_time().verify(), Err(Refusal::StaleTimestamp));
    assert_eq!(Request::signed(aged(0)).verify(), Ok(Admission::Handled));
}

#[test]
fn an_absent_empty_or_endless_header_is_missing() {
    for name in ["linear-delivery", "linear-event", "linear-signature"] {
        assert_eq!(
            Request::signed(aged(0)).without(name).verify(),
            Err(Refusal::MissingHeader(name))
        );
        assert_eq!(
            Request::signed(aged(0)).with(name, "").verify(),
            Err(Refusal::MissingHeader(name))
        );
    }
    let endless =
        Request::signed(aged(0)).with("linear-delivery", &"d".repeat(MAX_DELIVERY_ID_BYTES + 1));
    assert_eq!(endless.verify(), Err(Refusal::MissingHeader("linear-delivery")));
}

#[test]
fn only_the_signature_of_these_bytes_is_taken() {
    let good = target().sign(aged(0).as_bytes());
    assert_eq!(
        Request::signed(aged(0)).with("linear-signature", &good.to_uppercase()).verify(),
        Ok(Admission::Handled)
    );
    let other_secret =
        WebhookTarget { secret: "other".to_owned(), ..target() }.sign(aged(0).as_bytes());
    for bad in
        [&other_secret, &good[..62], &format!("{good}00"), "no hex", &good.replace(&good[..1], "x")]
    {
        let request = Request::signed(aged(0)).with("linear-signature", bad);
        assert_eq!(request.verify(), Err(Refusal::InvalidSignature), "{bad}");
    }
    let mut tampered = Request::signed(aged(0));
    tampered.1.push(b' ');
    assert_eq!(tampered.verify(), Err(Refusal::InvalidSignature));
}

#[test]
fn an_empty_secret_is_refused() {
    let refused = LinearWebhooks::new(SecretString::from(""), LinearWebhookSettings::default());
    assert!(matches!(refused, Err(SetupError::EmptyWebhookSecret)));
}

#[test]
fn a_late_delivery_may_count_and_one_from_the_future_may_not() {
    let (skew, age) = (60_000, 8 * 60 * 60 * 1_000);
    for (millis, expected) in [
        (0, Ok(Admission::Handled)),
        (skew, Ok(Admission::Handled)),
        (skew + 1, Ok(Admission::Handled)),
        (age - 1, Ok(Admission::Handled)),
        (age, Err(Refusal::StaleTimestamp)),
        (-skew, Ok(Admission::Handled)),
        (-skew - 1, Err(Refusal::StaleTimestamp)),
        (NOW.millis(), Err(Refusal::StaleTimestamp)),
    ] {
        assert_eq!(Request::signed(aged(millis)).verify(), expected, "{millis} ms old");
    }
}

#[test]
fn a_time_that_is_none_is_stale() {
    for time in [
        "null",
        "\"1795514400000\"",
        "1e999",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "{}",
    ] {
        let request = Request::signed(format!("{{\"webhookTimestamp\":{time}}}"));
        let answer = request.verify();
        assert_eq!(answer, Err(Refusal::StaleTimestamp), "{time}");
    }
    // The header is not signed, so it says nothing.
    let request = Request::signed("{}").with("linear-timestamp", &NOW.millis().to_string());
    assert_eq!(request.verify(), Err(Refusal::StaleTimestamp));
}

fn row(event: &str, body: &Value) -> InboxRow {
    let delivery = Delivery {
        source: Source::Linear,
        delivery_id: "delivery-1".to_owned(),
        event: event.to_owned(),
        body: body.to_string().into_bytes(),
        received: NOW,
    };
    InboxRow { id: 1, delivery, attempts: 0 }
}

/// A member of whom nothing is known but the id.
fn member(id: &str) -> Actor {
    Actor { id: id.to_owned(), name: None, email: None, standing: Standing::Member }
}

fn normalize(body: &Value) -> Result<Vec<Signal>, NormalizeError> {
    webhooks().normalize(&row("AgentSessionEvent", body))
}

fn created() -> Value {
    json!({
        "type": "AgentSessionEvent",
        "action": "created",
        "organizationId": "org",
        "agentSession": {
            "id": "session",
            "creatorId": "ada",
            "commentId": "comment",
            "createdAt": "2026-01-02T03:04:05.678Z",
            "comment": { "body": "@patchrelay please add a flag" },
            "issue": { "id": "issue", "identifier": "APP-1", "team": { "id": "team", "key": "APP", "name": "Application" } },
        },
    })
}

#[test]
fn a_created_session_is_signalled() {
    let expected = SignalKind::SessionOpened {
        issue: IssueId::new("org", "issue"),
        hint: RouteHint {
            key: Some("APP-1".to_owned()),
            team: ["APP", "team", "Application"].map(str::to_owned).into(),
            tracker_project: None,
            labels: None,
        },
        session: OpenSession {
            id: SessionId::new("session"),
            author: Some(member("ada")),
            opened: Some(Timestamp::from_millis(1_767_323_045_678)),
            comments: vec!["comment".to_owned()],
        },
        prompt: Some("@patchrelay please add a flag".to_owned()),
    };
    assert_eq!(normalize(&created()).unwrap(), [Signal { kind: expected }]);
}

/// What the human said and who it was, after this change to a usual body.
fn said(change: impl FnOnce(&mut Value)) -> (Option<String>, Option<String>) {
    let mut body = created();
    change(&mut body);
    match normalize(&body).unwrap().remove(0).kind {
        SignalKind::SessionOpened { prompt, session, .. } => {
            (prompt, session.author.map(|author| author.id))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_human_said_is_the_activity_or_else_the_comment() {
    let activity = |body: &mut Value| {
        body["agentActivity"] =
            json!({ "userId": "eve", "content": { "type": "prompt", "body": "Rather a switch." } });
    };
    assert_eq!(said(activity), (Some("Rather a switch.".to_owned()), Some("eve".to_owned())));
    let marker = "This thread is for an agent session with patchrelay.";
    assert_eq!(
        said(|body| body["agentSession"]["comment"]["body"] = marker.into()),
        (None, Some("ada".to_owned()))
    );
    assert_eq!(said(|body| body["agentSession"]["comment"]["body"] = "  ".into()).0, None);
    assert_eq!(said(|body| body["agentSession"]["comment"] = Value::Null).0, None);
    assert_eq!(said(|body| body["agentSession"]["creatorId"] = Value::Null).1, None);
    let creator = |body: &mut Value| {
        body["agentSession"]["creatorId"] = Value::Null;
        body["agentSession"]["creator"] = json!({ "id": "bob", "name": "Bob" });
    };
    assert_eq!(said(creator).1.as_deref(), Some("bob"));
}

#[test]
fn a_session_may_name_its_issue_by_id_only() {
    let mut body = created();
    body["agentSession"]["issue"] = Value::Null;
    body["agentSession"]["issueId"] = json!("issue");
    let signals = normalize(&body).unwrap();
    let SignalKind::SessionOpened { issue, hint, .. } = &signals[0].kind else { panic!() };
    assert_eq!((issue, hint), (&IssueId::new("org", "issue"), &RouteHint::default()));
}

#[test]
fn other_actions_and_types_say_nothing() {
    let mut body = created();
    body["action"] = json!("a new one");
    assert_eq!(normalize(&body).unwrap(), []);
    assert_eq!(webhooks().normalize(&row("Issue", &json!({ "type": "Issue" }))).unwrap(), []);
}

#[test]
fn a_missing_or_wrong_field_is_named() {
    for (pointer, value, named) in [
        ("/type", json!("Issue"), "`type`"),
        ("/action", Value::Null, "`action`"),
        ("/organizationId", json!(" "), "`organizationId`"),
        ("/organizationId", json!("a/b"), "`organizationId`"),
        ("/agentSession", Value::Null, "`agentSession`"),
        ("/agentSession/id", Value::Null, "`agentSession.id`"),
        ("/agentSession/issue", Value::Null, "`agentSession.issue.id`"),
        ("/agentSession/issue/id", json!("a/b"), "`agentSession.issue.id`"),
        ("/agentSession/issue/id", json!(7), "agentSession.issue.id"),
    ] {
        let mut body = created();
        *body.pointer_mut(pointer).unwrap() = value;
        let error = normalize(&body).unwrap_err();
        assert!(error.reason.contains(named), "{pointer}: {error}");
        assert_eq!(error.event, "AgentSessionEvent");
    }
}

async fn delivery() -> (FakeLinear, SignedDelivery) {
    let config = FakeLinearConfig { webhook: target(), token: "token".to_owned(), port: 0 };
    let fake = FakeLinear::start(config).await.unwrap();
    let issue = fake.create_issue("Add a flag", "Please.");
    let delivery = fake.open_session(&issue.key);
    (fake, delivery)
}

#[tokio::test]
async fn a_whole_delivery_of_linears_is_understood() {
    let (fake, delivery) = delivery().await;
    let sent: Value = serde_json::from_slice(&delivery.body).unwrap();
    let now = Timestamp::from_millis(sent["webhookTimestamp"].as_i64().unwrap());
    let verify = |delivery: &SignedDelivery| {
        let headers = Request(delivery.headers.clone(), Vec::new());
        let genuine = webhooks().authenticate(&headers, &delivery.body)?;
        webhooks().admit(&genuine, &delivery.body, now).map(|admission| (genuine, admission))
    };
    let Ok((Genuine { delivery_id, event }, Admission::Handled)) = verify(&delivery) else {
        panic!()
    };
    assert_eq!(Some(&*delivery_id), delivery.header("linear-delivery"));
    let signals = webhooks().normalize(&row(&event, &sent)).unwrap();
    let SignalKind::SessionOpened { issue, hint, session, prompt } = &signals[0].kind else {
        panic!()
    };
    assert_eq!(*issue, IssueId::new(fake.workspace(), fake.issue("APP-1").id));
    assert_eq!(hint.key.as_deref(), Some("APP-1"));
    assert_eq!(session.id.as_str(), sent["agentSession"]["id"]);
    let author = session.author.as_ref().unwrap();
    assert_eq!((prompt, &author.id), (&None, &fake.human()));
    assert_eq!(
        (author.email.as_deref(), author.standing),
        (Some("ada@linear.test"), Standing::Member)
    );
    assert_eq!(session.comments, [sent["agentSession"]["commentId"].as_str().unwrap()]);
    assert!(session.opened.is_some());

    let late = delivery.clone().aged(Duration::from_secs(3_600));
    assert!(matches!(verify(&late), Ok((_, Admission::Handled))));
    assert_eq!(verify(&delivery.aged(Duration::from_secs(36_000))), Err(Refusal::StaleTimestamp));
}
