//! What senders of webhooks are answered, and what is stored of it.

use std::{
    convert::Infallible,
    io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use futures_util::{Stream, StreamExt, stream};
use patchrelay_ports::Source;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::world::{GITHUB_SECRET, LINEAR_SECRET, NOW, World, sign};
use crate::serve;

pub(super) const MIB: usize = 1024 * 1024;
const LINEAR_HEADERS: [&str; 3] = ["linear-delivery", "linear-event", "linear-signature"];
const GITHUB_HEADERS: [&str; 3] = ["x-github-delivery", "x-github-event", "x-hub-signature-256"];

/// A delivery that a test may spoil.
#[derive(Clone)]
pub(super) struct Sent {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What Linear sends of a session, with this as its own time.
fn linear_at(millis: i64) -> Sent {
    let body = json!({ "type": "AgentSessionEvent", "webhookTimestamp": millis });
    linear_with(serde_json::to_vec(&body).unwrap())
}

pub(super) fn linear() -> Sent {
    linear_at(NOW.millis())
}

pub(super) fn linear_with(body: Vec<u8>) -> Sent {
    let values =
        ["delivery-1".to_owned(), "AgentSessionEvent".to_owned(), sign(LINEAR_SECRET, &body)];
    Sent {
        path: "/webhooks/linear",
        headers: LINEAR_HEADERS.into_iter().zip(values).collect(),
        body,
    }
}

pub(super) fn github_with(body: Vec<u8>) -> Sent {
    let signature = format!("sha256={}", sign(GITHUB_SECRET, &body));
    let values = ["delivery-2".to_owned(), "pull_request".to_owned(), signature];
    Sent {
        path: "/webhooks/github",
        headers: GITHUB_HEADERS.into_iter().zip(values).collect(),
        body,
    }
}

fn github() -> Sent {
    github_with(b"{\"action\":\"opened\"}".to_vec())
}

impl Sent {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.also(name, value)
    }

    fn also(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    fn with_body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// The request with its length, as an honest sender gives it.
    fn request(&self) -> Request<Body> {
        let mut request = self.streamed(Body::from(self.body.clone()));
        request.headers_mut().insert(header::CONTENT_LENGTH, self.body.len().into());
        request
    }

    /// The header as it goes over the wire, with these lines at its end.
    pub(super) fn head(&self, more: &[&str]) -> String {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: relay.example.com\r\n", self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        for line in more {
            head.push_str(&format!("{line}\r\n"));
        }
        head + "\r\n"
    }

    /// The request with another body, of which nobody knows the length.
    fn streamed(&self, body: Body) -> Request<Body> {
        let request = Request::post(self.path).header(header::HOST, "relay.example.com");
        let request = self
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value));
        request.body(body).unwrap()
    }
}

fn pieces(pieces: Vec<Vec<u8>>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))))
}

/// A body that begins like this and never ends.
fn endless(begin: Vec<Vec<u8>>) -> Body {
    Body::from_stream(pieces(begin).chain(stream::pending()))
}

#[tokio::test]
async fn a_delivery_is_stored_as_it_came_and_once() {
    let world = World::new().await;
    for (sent, source, id, event) in [
        (linear(), Source::Linear, "delivery-1", "AgentSessionEvent"),
        (github(), Source::Github, "delivery-2", "pull_request"),
    ] {
        let before = world.nudges();
        assert_eq!(world.send(sent.request()).await.text, r#"{"status":"accepted"}"#);
        let row = world.inbox().await.pop().unwrap();
        assert_eq!(row.delivery.source, source);
        assert_eq!(row.delivery.delivery_id, id);
        assert_eq!(row.delivery.event, event);
        assert_eq!(row.delivery.body, sent.body);
        assert_eq!(row.delivery.received, NOW);
        assert_eq!(world.nudges(), before + 1);

        // The same again, and the same body under another id.
        let again = world.send(sent.request()).await;
        assert_eq!(again.status, StatusCode::OK);
        assert_eq!(again.text, r#"{"status":"duplicate"}"#);
        let copy = sent.clone().with(sent.headers[0].0, "another-id");
        assert_eq!(world.send(copy.request()).await.code(), (200, "duplicate".to_owned()));
        assert_eq!(world.nudges(), before + 1);
    }
    assert_eq!(world.inbox().await.len(), 2);
}

#[tokio::test]
async fn a_type_that_nobody_handles_is_answered_and_not_stored() {
    let world = World::new().await;
    for sent in [linear().with("linear-event", "Reaction"), github().with("x-github-event", "push")]
    {
        let answer = world.send(sent.request()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.text, r#"{"status":"ignored"}"#);
    }
    assert!(world.inbox().await.is_empty());
    assert_eq!(world.nudges(), 0);
}

#[tokio::test]
async fn what_is_refused_is_not_stored() {
    let world = World::new().await;
    let minutes = |minutes: i64| linear_at(NOW.millis() + minutes * 60_000);
    let mut table = vec![
        ("a minute and a half early", linear_at(NOW.millis() + 90_000), 401, "stale_timestamp"),
        ("nine hours late", minutes(-9 * 60), 401, "stale_timestamp"),
        ("without a time", linear_with(b"{}".to_vec()), 401, "stale_timestamp"),
        ("not JSON", linear_with(b"{\"a\":".to_vec()), 400, "invalid_json"),
        ("an empty body", linear_with(Vec::new()), 400, "invalid_json"),
        ("not UTF-8", github_with(b"{\"a\":\"\xff\"}".to_vec()), 400, "invalid_json"),
        ("too deep", github_with([[b'['; 65], [b']'; 65]].concat()), 400, "invalid_json"),
        ("another body", linear().with_body(b"{}"), 401, "invalid_signature"),
        ("another body", github().with_body(b"{}"), 401, "invalid_signature"),
        ("no hex", linear().with("linear-signature", "zz"), 401, "invalid_signature"),
        ("half", linear().with("linear-signature", &"ab".repeat(16)), 401, "invalid_signature"),
        ("no scheme", github().with("x-hub-signature-256", "00"), 401, "invalid_signature"),
        ("an empty id", linear().with("linear-delivery", ""), 400, "missing_header"),
        ("a long id", github().with("x-github-delivery", &"1".repeat(101)), 400, "missing_header"),
    ];
    for name in LINEAR_HEADERS {
        table.push((name, linear().without(name), 400, "missing_header"));
        table.push((name, linear().also(name, "again"), 400, "missing_header"));
    }
    for name in GITHUB_HEADERS {
        table.push((name, github().without(name), 400, "missing_header"));
        let same = github().headers.into_iter().find(|(known, _)| *known == name).unwrap().1;
        table.push((name, github().also(name, &same), 400, "missing_header"));
    }
    for (name, sent, status, code) in table {
        let answer = world.send(sent.request()).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{}: {name}", sent.path);
        for secret in [LINEAR_SECRET, GITHUB_SECRET] {
            assert!(!answer.text.contains(secret), "{}", answer.text);
        }
    }
    assert!(world.inbox().await.is_empty());
    assert_eq!(world.nudges(), 0);
    // The refused ones had the ids of the genuine ones, which are as good as new.
    assert_eq!(world.send(linear().request()).await.code().1, "accepted");
    assert_eq!(world.send(github().request()).await.code().1, "accepted");
}

/// D34: Linear repeats what it could not deliver, hours later.
#[tokio::test]
async fn a_late_delivery_is_taken_when_its_body_is_new() {
    let world = World::new().await;
    let late = linear_at(NOW.millis() - 6 * 60 * 60 * 1_000);
    assert_eq!(world.send(late.request()).await.code(), (200, "accepted".to_owned()));
    let again = late.with("linear-delivery", "another-id");
    assert_eq!(world.send(again.request()).await.code(), (200, "duplicate".to_owned()));
}

#[tokio::test]
async fn a_body_at_the_limit_is_taken_and_a_byte_more_is_not() {
    let mut world = World::new().await;
    world.state.max_body_bytes = 2_000;
    let padded = |bytes: usize| {
        let text = format!("{{\"webhookTimestamp\":{}}}", NOW.millis());
        linear_with(format!("{text:bytes$}").into_bytes())
    };
    let too_large = (413, "body_too_large".to_owned());
    assert_eq!(world.send(padded(2_001).request()).await.code(), too_large);
    let unannounced = |sent: &Sent| {
        sent.streamed(Body::from_stream(pieces(
            sent.body.chunks(600).map(<[u8]>::to_vec).collect(),
        )))
    };
    assert_eq!(world.send(unannounced(&padded(2_001))).await.code(), too_large);
    assert!(world.inbox().await.is_empty());
    assert_eq!(world.send(unannounced(&padded(2_000))).await.code().1, "accepted");
    let announced = padded(1_999).with("linear-delivery", "another-id");
    assert_eq!(world.send(announced.request()).await.code().1, "accepted");
}

#[tokio::test]
async fn each_sender_has_its_own_limit() {
    let world = World::new().await;
    let spaces = |bytes| vec![b' '; bytes];
    let too_large = (413, "body_too_large".to_owned());
    assert_eq!(world.send(linear_with(spaces(MIB + 1)).request()).await.code(), too_large);
    assert_eq!(world.send(github_with(spaces(25 * MIB + 1)).request()).await.code(), too_large);
    // GitHub may send more than Linear; this is read, and is no JSON.
    assert_eq!(world.send(github_with(spaces(MIB + 1)).request()).await.code().1, "invalid_json");
    assert!(world.inbox().await.is_empty());
}

/// The answer comes although the body never does.
#[tokio::test]
async fn a_body_that_announces_too_much_is_not_waited_for() {
    let world = World::new().await;
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    let mut request = linear().streamed(endless(Vec::new()));
    request.headers_mut().insert(header::CONTENT_LENGTH, (MIB + 1).into());
    assert_eq!(world.send(request).await.code(), (413, "body_too_large".to_owned()));
    assert_eq!(begin.elapsed().as_secs(), 0);
}

/// On a real socket, in pieces without an announced length.
#[tokio::test]
async fn a_chunked_body_is_measured_as_it_comes() {
    let mut world = World::new().await;
    world.state.max_body_bytes = 2_000;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let talk = async {
        let mut answers = Vec::new();
        for chunks in [1, 5] {
            let sent = linear_with(vec![b' '; chunks * 500]);
            let mut request = sent.head(&["transfer-encoding: chunked", "connection: close"]);
            for _ in 0..chunks {
                request.push_str(&format!("{:x}\r\n{}\r\n", 500, " ".repeat(500)));
            }
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answers.push(answer);
        }
        stop.cancel();
        answers
    };
    let both = async { tokio::join!(serve(listener, world.state.clone(), stop.clone()), talk) };
    let (_, answers) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    assert!(answers[0].contains(" 400 ") && answers[0].contains("invalid_json"), "{}", answers[0]);
    assert!(
        answers[1].contains(" 413 ") && answers[1].contains("body_too_large"),
        "{}",
        answers[1]
    );
    assert!(world.inbox().await.is_empty());
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let world = World::new().await;
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    let answer = world.send(linear().streamed(endless(vec![b"{".to_vec()]))).await;
    assert_eq!(answer.code(), (408, "body_timeout".to_owned()));
    assert_eq!(begin.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_large_one() {
    let world = World::new().await;
    let sent = linear();
    let pieces: Vec<Result<Bytes, io::Error>> =
        vec![Ok(sent.body.clone().into()), Err(io::ErrorKind::ConnectionReset.into())];
    let answer = world.send(sent.streamed(Body::from_stream(stream::iter(pieces)))).await;
    assert_eq!(answer.code(), (400, "incomplete_body".to_owned()));
    assert!(world.inbox().await.is_empty());
}

/// Announcing much takes nothing away from others; sending much does, up to a bound.
#[tokio::test]
async fn bodies_in_flight_are_bounded_by_what_came() {
    let world = World::new().await;
    tokio::time::pause();
    let announced = || {
        let mut request = github().streamed(endless(Vec::new()));
        request.headers_mut().insert(header::CONTENT_LENGTH, (25 * MIB).into());
        request
    };
    let mut idle: Vec<_> = (0..20).map(|_| Box::pin(world.send(announced()))).collect();
    poll_all(&mut idle).await;
    let spaces = |count: usize| vec![vec![b' '; MIB]; count];
    let small = github_with(b" ".to_vec());
    assert_eq!(world.send(small.request()).await.code().1, "invalid_json");

    let mut held: Vec<_> = [24, 24, 16]
        .map(|mebibytes| Box::pin(world.send(github().streamed(endless(spaces(mebibytes))))))
        .into_iter()
        .collect();
    poll_all(&mut held).await;
    let begin = tokio::time::Instant::now();
    assert_eq!(world.send(small.request()).await.code(), (503, "busy".to_owned()));
    assert_eq!(begin.elapsed().as_secs(), 3);
    drop(held);
    assert_eq!(world.send(small.request()).await.code().1, "invalid_json");
}

/// Lets each of these get as far as it can.
async fn poll_all<F: Future>(futures: &mut [Pin<Box<F>>]) {
    for future in futures {
        // More often than any of them has pieces, and each piece may cost a turn.
        for _ in 0..100 {
            std::future::poll_fn(|context: &mut Context<'_>| {
                assert!(future.as_mut().poll(context).is_pending(), "it has no end");
                Poll::Ready(())
            })
            .await;
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_makes_the_sender_try_again() {
    let world = World::new().await;
    world.break_store().await;
    for sent in [linear(), github()] {
        let answer = world.send(sent.request()).await;
        assert_eq!(answer.code(), (503, "store_unavailable".to_owned()), "{}", sent.path);
        assert!(!answer.text.contains("pool"), "{}", answer.text);
    }
    assert_eq!(world.nudges(), 0);
    // What is not stored needs no store.
    let ignored = linear().with("linear-event", "Reaction");
    assert_eq!(world.send(ignored.request()).await.code(), (200, "ignored".to_owned()));
}

#[tokio::test]
async fn a_source_without_its_secret_is_not_there() {
    let mut world = World::new().await;
    world.state.webhooks.retain(|source| source.source() == Source::Github);
    assert_eq!(world.send(linear().request()).await.code(), (404, "unknown_source".to_owned()));
    assert_eq!(world.send(github().request()).await.code(), (200, "accepted".to_owned()));
    for path in ["/webhooks/gitlab", "/webhooks/LINEAR", "/webhooks/%20"] {
        let sent = Sent { path, ..github() };
        assert_eq!(world.send(sent.request()).await.code(), (404, "unknown_source".to_owned()));
    }
}
