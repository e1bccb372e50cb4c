//! Deliveries that are wrong, with the answers that they deserve.

use patchrelay_testkit::WebhookTarget;
use serde_json::{Value, json};

use crate::{
    bad_input::{Request, Row, nested, row},
    world::{GITHUB_SECRET, LINEAR_SECRET},
};

fn sign(secret: &str, body: &[u8]) -> String {
    WebhookTarget { url: String::new(), secret: secret.to_owned() }.sign(body)
}

fn linear(id: &str, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    Request::new("POST", "/webhooks/linear")
        .with("linear-delivery", id)
        .with("linear-event", "AgentSessionEvent")
        .with("linear-signature", sign(LINEAR_SECRET, &body))
        .body(body)
}

fn github(id: &str, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    Request::new("POST", "/webhooks/github")
        .with("x-github-delivery", id)
        .with("x-github-event", "pull_request")
        .with("x-hub-signature-256", format!("sha256={}", sign(GITHUB_SECRET, &body)))
        .body(body)
}

/// A genuine delivery that says nothing to any issue. Each number is another one.
pub(crate) fn genuine(number: usize) -> Request {
    let body = json!({ "action": "labeled", "number": number });
    github(&format!("genuine-{number}"), body.to_string())
}

pub(crate) fn webhooks(seen: &Request) -> Vec<Row> {
    let now = |more: Value| {
        let mut body = json!({ "type": "AgentSessionEvent" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let good = linear("l-1", now(json!({ "webhookTimestamp": 1 })));
    let copy = seen.clone().instead("x-github-delivery", "another-id");
    let elsewhere =
        |target: &str| Request { line: format!("POST {target} HTTP/1.1"), ..good.clone() };
    let method = |method: &str| Request {
        line: format!("{method} /webhooks/linear HTTP/1.1"),
        ..good.clone()
    };
    let hub = |value: &str| github("g-1", "{}").instead("x-hub-signature-256", value);
    vec![
        row(
            "linear: another signature",
            &good.clone().instead("linear-signature", "ab".repeat(32)),
            401,
            "invalid_signature",
        ),
        row(
            "linear: a signature that is not hexadecimal",
            &good.clone().instead("linear-signature", "zz"),
            401,
            "invalid_signature",
        ),
        row(
            "linear: an empty signature",
            &good.clone().instead("linear-signature", ""),
            400,
            "missing_header",
        ),
        row(
            "linear: half of the signature",
            &good.clone().instead("linear-signature", &sign(LINEAR_SECRET, &good.body)[..32]),
            401,
            "invalid_signature",
        ),
        row(
            "linear: a signature that is not text",
            &good.clone().instead("linear-signature", [0xff, 0xfe]),
            400,
            "missing_header",
        ),
        row(
            "linear: two signatures",
            &good.clone().with("linear-signature", "ab"),
            400,
            "missing_header",
        ),
        row("linear: a body that was changed", &good.clone().body("{}"), 401, "invalid_signature"),
        row(
            "linear: signed with the other sender's secret",
            &good.clone().instead("linear-signature", sign(GITHUB_SECRET, &good.body)),
            401,
            "invalid_signature",
        ),
        row(
            "linear: no signature",
            &good.clone().without("linear-signature"),
            400,
            "missing_header",
        ),
        row(
            "linear: no delivery id",
            &good.clone().without("linear-delivery"),
            400,
            "missing_header",
        ),
        row("linear: no event type", &good.clone().without("linear-event"), 400, "missing_header"),
        row("linear: from long ago", &good, 401, "stale_timestamp"),
        row(
            "linear: from the future",
            &linear("l-2", now(json!({ "webhookTimestamp": 9_999_999_999_999_u64 }))),
            401,
            "stale_timestamp",
        ),
        row("linear: without a time", &linear("l-3", now(json!({}))), 401, "stale_timestamp"),
        row("linear: no JSON", &linear("l-4", "{\"a\":"), 400, "invalid_json"),
        row("linear: JSON and more", &linear("l-5", "{} {}"), 400, "invalid_json"),
        row("linear: nothing", &linear("l-6", ""), 400, "invalid_json"),
        row("linear: nested too deep", &linear("l-7", nested(65)), 400, "invalid_json"),
        row(
            "linear: nested a hundred thousand times",
            &linear("l-8", nested(100_000)),
            400,
            "invalid_json",
        ),
        row("linear: no UTF-8", &linear("l-9", *b"{\"a\":\"\xff\"}"), 400, "invalid_json"),
        row(
            "linear: a byte too many",
            &linear("l-10", vec![b' '; 1024 * 1024 + 1]),
            413,
            "body_too_large",
        ),
        row(
            "linear: announces too much",
            &good.clone().body("").announcing("1073741824"),
            413,
            "body_too_large",
        ),
        row(
            "linear: a body that does not come",
            &good.clone().announcing("9999"),
            408,
            "body_timeout",
        ),
        row(
            "linear: a type that nobody handles",
            &good.clone().instead("linear-event", "Reaction"),
            200,
            "ignored",
        ),
        row("linear: looked at", &method("GET"), 405, "method_not_allowed"),
        row("linear: put", &method("PUT"), 405, "method_not_allowed"),
        row("linear: deleted", &method("DELETE"), 405, "method_not_allowed"),
        row("a sender that nobody knows", &elsewhere("/webhooks/gitlab"), 404, "unknown_source"),
        row("a sender in capitals", &elsewhere("/webhooks/LINEAR"), 404, "unknown_source"),
        row("a sender with a slash", &elsewhere("/webhooks/linear/"), 404, "not_found"),
        row(
            "a sender and a way out",
            &elsewhere("/webhooks/..%2fapi%2fissues"),
            404,
            "unknown_source",
        ),
        row("a sender that is no text", &elsewhere("/webhooks/%ff"), 400, "invalid_path"),
        row(
            "github: another signature",
            &hub(&format!("sha256={}", "ab".repeat(32))),
            401,
            "invalid_signature",
        ),
        row(
            "github: a signature of the old kind",
            &hub("sha1=0123456789012345678901234567890123456789"),
            401,
            "invalid_signature",
        ),
        row(
            "github: a signature without its kind",
            &hub(&sign(GITHUB_SECRET, b"{}")),
            401,
            "invalid_signature",
        ),
        row(
            "github: no signature",
            &github("g-2", "{}").without("x-hub-signature-256"),
            400,
            "missing_header",
        ),
        row(
            "github: no delivery id",
            &github("g-3", "{}").without("x-github-delivery"),
            400,
            "missing_header",
        ),
        row(
            "github: no event type",
            &github("g-4", "{}").without("x-github-event"),
            400,
            "missing_header",
        ),
        row(
            "github: a type that nobody handles",
            &github("g-5", "{}").instead("x-github-event", "push"),
            200,
            "ignored",
        ),
        row("github: no JSON", &github("g-6", "action=opened"), 400, "invalid_json"),
        row(
            "github: announces too much",
            &github("g-7", "").announcing("26214401"),
            413,
            "body_too_large",
        ),
        row(
            "github: what linear sends",
            &Request { line: "POST /webhooks/github HTTP/1.1".to_owned(), ..good.clone() },
            400,
            "missing_header",
        ),
        row("github: the same again", seen, 200, "duplicate"),
        row("github: the same under another id", &copy, 200, "duplicate"),
        row(
            "github: another body under the same id",
            &github("genuine-0", "{\"action\":\"labeled\"}"),
            200,
            "duplicate",
        ),
    ]
}
