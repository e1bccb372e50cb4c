//! Webhooks that are not what they should be, sent to the built program.

use std::time::Duration;

use patchrelay_ports::{IssueFilter, Source, Store};
use patchrelay_testkit::{DeliveryAnswer, linear::SignedDelivery};

use crate::world::{REPO, World, small_change};

fn code(answer: &DeliveryAnswer) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let code = body["error"]["code"].as_str().or_else(|| body["status"].as_str());
    (answer.status, code.unwrap_or(&answer.body).to_owned())
}

/// S64: a forged delivery does not use up the id of the genuine one.
#[tokio::test(flavor = "multi_thread")]
async fn s64_a_bad_signature_and_then_the_good_delivery_with_the_same_id() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    let good = world.linear.open_session(&ticket.key);
    let mut bad = good.clone();
    bad.set_header("linear-signature", "0".repeat(64));
    assert_eq!(code(&bad.send().await), (401, "invalid_signature".to_owned()));
    assert_eq!(code(&good.send().await), (200, "accepted".to_owned()));
    world.pull_request(&ticket.key).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_delivery_three_times_gives_one_run() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    let delivery = world.linear.open_session(&ticket.key);
    assert_eq!(code(&delivery.send().await), (200, "accepted".to_owned()));
    assert_eq!(code(&delivery.send().await), (200, "duplicate".to_owned()));
    world.pull_request(&ticket.key).await;
    assert_eq!(code(&delivery.send().await), (200, "duplicate".to_owned()));
    // A copy under another id is the same body, so it counts as the same delivery.
    let mut copy = delivery.clone();
    copy.set_header("linear-delivery", "00000000-0000-4000-8000-000000000000".to_owned());
    assert_eq!(code(&copy.send().await), (200, "duplicate".to_owned()));
    world.stop().await;

    let store = world.store().await;
    let issues = store.list(&IssueFilter { limit: 9, ..IssueFilter::default() }).await.unwrap();
    assert_eq!(issues.len(), 1);
    assert_eq!(store.runs_of(&issues[0].facts.issue).await.unwrap().len(), 1);
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_genuine_gets_its_answer_and_is_not_stored() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    let genuine = world.linear.open_session(&ticket.key);
    let changed = |change: &dyn Fn(&mut SignedDelivery)| {
        let mut delivery = genuine.clone();
        change(&mut delivery);
        delivery
    };
    let signed = |body: Vec<u8>| {
        changed(&|delivery| {
            delivery.body.clone_from(&body);
            delivery.sign();
        })
    };
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let table = [
        (
            "wrong signature",
            changed(&|d| d.set_header("linear-signature", "ab".repeat(32))),
            401,
            "invalid_signature",
        ),
        (
            "no hex",
            changed(&|d| d.set_header("linear-signature", "zz".to_owned())),
            401,
            "invalid_signature",
        ),
        ("another body", changed(&|d| d.body.push(b' ')), 401, "invalid_signature"),
        ("no signature", changed(&|d| d.remove_header("linear-signature")), 400, "missing_header"),
        ("no delivery id", changed(&|d| d.remove_header("linear-delivery")), 400, "missing_header"),
        ("no event type", changed(&|d| d.remove_header("linear-event")), 400, "missing_header"),
        ("stale", genuine.clone().aged(hours(9)), 401, "stale_timestamp"),
        ("not JSON", signed(b"{\"a\":".to_vec()), 400, "invalid_json"),
        ("too deep", signed(deep), 400, "invalid_json"),
        ("too large", signed(vec![b' '; 1024 * 1024 + 1]), 413, "body_too_large"),
    ];
    for (name, delivery, status, expected) in table {
        assert_eq!(code(&delivery.send().await), (status, expected.to_owned()), "{name}");
    }
    let other = changed(&|d| d.set_header("linear-event", "Reaction".to_owned()));
    assert_eq!(code(&other.send().await), (200, "ignored".to_owned()));
    world.stop().await;

    let store = world.store().await;
    let far = patchrelay_domain::Timestamp::from_millis(i64::MAX);
    assert!(store.inbox_due(far, &[Source::Linear, Source::Github], 10).await.unwrap().is_empty());
    assert!(
        store.list(&IssueFilter { limit: 9, ..IssueFilter::default() }).await.unwrap().is_empty()
    );

    // None of them was stored: the genuine one is still new, though all of them had its id.
    drop(store);
    world.serve().await;
    let mut genuine = genuine;
    let fresh = world.linear.delivery(&ticket.key);
    genuine.body.clone_from(&fresh.body);
    genuine.headers.clone_from(&fresh.headers);
    assert_eq!(code(&fresh.send().await), (200, "accepted".to_owned()));
    world.stop().await;
}

/// D34: late, genuine and never seen is accepted, and then it is seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_delivery_counts_once() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    let late = world.linear.open_session(&ticket.key).aged(Duration::from_secs(3_600));
    assert_eq!(code(&late.send().await), (200, "accepted".to_owned()));
    let mut again = late.clone();
    again.set_header("linear-delivery", "00000000-0000-4000-8000-000000000000".to_owned());
    assert_eq!(code(&again.send().await), (200, "duplicate".to_owned()));
    world.pull_request(&ticket.key).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_is_judged_as_strictly() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let target = patchrelay_testkit::WebhookTarget {
        url: format!("{}/webhooks/github", world.url()),
        secret: "github-signing-secret".to_owned(),
    };
    let body = b"{}".to_vec();
    let headers = |signature: String, event: &str| {
        vec![
            ("x-github-delivery", "d1".to_owned()),
            ("x-github-event", event.to_owned()),
            ("x-hub-signature-256", signature),
        ]
    };
    let good = format!("sha256={}", target.sign(&body));
    let send = async |headers: Vec<(&'static str, String)>, body: Vec<u8>| {
        code(&target.post(&headers, body).await)
    };
    assert_eq!(send(headers("sha256=00".to_owned(), "pull_request"), body.clone()).await.0, 401);
    assert_eq!(
        send(headers(good.clone(), "pull_request")[1..].to_vec(), body.clone()).await.0,
        400
    );
    assert_eq!(
        send(headers(good.clone(), "push"), body.clone()).await,
        (200, "ignored".to_owned())
    );
    assert_eq!(send(headers(good, "pull_request"), body).await, (200, "accepted".to_owned()));
    world.stop().await;
}
