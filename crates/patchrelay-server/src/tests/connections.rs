//! The listener under senders that are slow, many or too generous, over real sockets.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{
    webhook::{MIB, github_with, linear, linear_with},
    world::World,
};
use crate::{
    InFlight,
    connections::{Connections, Limits, serve_within},
    router,
};

/// What a test waits for comes at once, or never.
const NEVER: Duration = Duration::from_secs(60);
/// A time that is up soon, and long enough for a machine that is busy.
const SHORT: Duration = Duration::from_millis(200);
const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// No time that is up while a test runs.
pub(super) fn patient() -> Limits {
    Limits { header: NEVER, age: NEVER, last_exchange: NEVER, grace: NEVER, ..Limits::default() }
}

/// Serves this world within these limits while somebody talks to it, and then stops.
pub(super) async fn while_served<T>(
    world: &World,
    limits: Limits,
    talk: impl AsyncFnOnce(SocketAddr, CancellationToken) -> T,
) -> T {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = serve_within(limits, listener, world.state.clone(), stop.clone());
    let talking = async {
        // A talk may be long, and so may its future be.
        let said = Box::pin(talk(address, stop.clone())).await;
        stop.cancel();
        said
    };
    let both = async { tokio::join!(serving, talking) };
    let (served, said) = tokio::time::timeout(NEVER / 2, both).await.unwrap();
    served.unwrap();
    said
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn ask(stream: &mut TcpStream, request: impl AsRef<[u8]>) {
    stream.write_all(request.as_ref()).await.unwrap();
}

/// What comes until the other side says that nothing more will.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    rest
}

/// What comes until it ends like this.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    while !answer.ends_with(end) {
        answer.push(char::from(stream.read_u8().await.unwrap()));
    }
    answer
}

/// A request whose handler waits for its body: the server only asks for one that is being read.
async fn under_way(address: SocketAddr, length: usize) -> TcpStream {
    let mut stream = connect(address).await;
    let head = linear().head(&[&format!("content-length: {length}"), "expect: 100-continue"]);
    ask(&mut stream, head).await;
    assert_eq!(until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn half_a_header_is_not_waited_for_forever() {
    let world = World::new().await;
    let limits = Limits { header: SHORT, ..patient() };
    while_served(&world, limits, async |address, _| {
        for begin in ["", "GET /hea", "GET /health HTTP/1.1\r\nhost: localhost\r\nx: "] {
            let mut stream = connect(address).await;
            ask(&mut stream, begin).await;
            assert_eq!(rest(&mut stream).await, "", "{begin:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_kept_as_long_as_a_header_may_take() {
    let world = World::new().await;
    let limits = Limits { header: SHORT, ..patient() };
    while_served(&world, limits, async |address, _| {
        let mut stream = connect(address).await;
        ask(&mut stream, HEALTH).await;
        until(&mut stream, "}").await;
        ask(&mut stream, HEALTH).await;
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
    })
    .await;
}

#[tokio::test]
async fn a_header_has_a_size() {
    let world = World::new().await;
    while_served(&world, patient(), async |address, _| {
        let mut stream = connect(address).await;
        let long = "a".repeat(300 * 1024);
        ask(&mut stream, format!("GET /health HTTP/1.1\r\nx: {long}\r\n\r\n")).await;
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_grows_old() {
    let world = World::new().await;
    let limits = Limits { age: SHORT, ..patient() };
    while_served(&world, limits, async |address, _| {
        let mut idle = connect(address).await;
        ask(&mut idle, HEALTH).await;
        assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 "));

        // What is under way then is finished, and is the last.
        let sent = linear();
        let mut busy = under_way(address, sent.body.len()).await;
        let mut other = connect(address).await;
        assert_eq!(rest(&mut other).await, "", "the other one grew as old");
        ask(&mut busy, &sent.body).await;
        let answer = rest(&mut busy).await;
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.ends_with(r#"{"status":"accepted"}"#), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn the_last_exchange_of_an_old_connection_has_an_end() {
    let world = World::new().await;
    let limits = Limits { age: SHORT, last_exchange: SHORT, ..patient() };
    while_served(&world, limits, async |address, _| {
        // Its handler would wait longer for the body, and then say so.
        let mut stream = under_way(address, 10).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), "");
    })
    .await;
}

#[tokio::test]
async fn who_does_not_read_the_answers_is_cut_off() {
    let world = World::new().await;
    let limits = Limits { age: SHORT, last_exchange: SHORT, ..patient() };
    while_served(&world, limits, async |address, _| {
        let mut stream = connect(address).await;
        let many = HEALTH.repeat(1_000);
        while stream.write_all(&many).await.is_ok() {}
    })
    .await;
}

#[tokio::test]
async fn a_connection_too_many_waits_until_another_ends() {
    let world = World::new().await;
    let limits = Limits { connections: 2, ..patient() };
    while_served(&world, limits, async |address, _| {
        let mut first = connect(address).await;
        let mut second = connect(address).await;
        for served in [&mut first, &mut second] {
            ask(served, HEALTH).await;
            until(served, "}").await;
        }
        let mut third = connect(address).await;
        ask(&mut third, HEALTH).await;
        for _ in 0..20 {
            for served in [&mut first, &mut second] {
                ask(served, HEALTH).await;
                until(served, "}").await;
            }
        }
        let nothing = third.try_read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(until(&mut third, "}").await.starts_with("HTTP/1.1 200 "));
    })
    .await;
}

#[tokio::test]
async fn a_stop_lets_a_request_finish_and_takes_no_other() {
    let world = World::new().await;
    let sent = linear();
    while_served(&world, patient(), async |address, stop| {
        let mut idle = connect(address).await;
        ask(&mut idle, HEALTH).await;
        until(&mut idle, "}").await;
        let mut busy = under_way(address, sent.body.len()).await;
        stop.cancel();
        // The idle one is closed after the listener.
        assert_eq!(rest(&mut idle).await, "");
        TcpStream::connect(address).await.unwrap_err();
        ask(&mut busy, &sent.body).await;
        let answer = rest(&mut busy).await;
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.ends_with(r#"{"status":"accepted"}"#), "{answer}");
    })
    .await;
    assert_eq!(world.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_request_that_takes_too_long() {
    let world = World::new().await;
    let limits = Limits { grace: SHORT, ..patient() };
    let mut busy =
        while_served(&world, limits, async |address, _| under_way(address, 10).await).await;
    // The service is over, and nothing of it holds the connection.
    assert_eq!(busy.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(world.inbox().await.is_empty());
}

#[tokio::test]
async fn a_slow_body_is_given_up_and_its_sender_told() {
    let mut world = World::new().await;
    world.state.intake = InFlight::within(SHORT);
    while_served(&world, patient(), async |address, _| {
        let mut stream = under_way(address, 10).await;
        ask(&mut stream, "{").await;
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.contains("body_timeout"), "{answer}");
    })
    .await;
}

/// Who writes a whole body before reading anything, as simple clients do, reads the answer all the same.
#[tokio::test]
async fn an_honest_sender_of_too_much_is_told() {
    let world = World::new().await;
    let too_large = [
        linear_with(vec![b' '; MIB + 1]),
        linear_with(vec![b' '; 3 * MIB]),
        github_with(vec![b' '; 25 * MIB + 1]),
    ];
    while_served(&world, patient(), async |address, _| {
        for sent in &too_large {
            let length = sent.body.len();
            let mut stream = connect(address).await;
            ask(&mut stream, sent.head(&[&format!("content-length: {length}")])).await;
            ask(&mut stream, &sent.body).await;
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{length}: {answer}");
            assert!(answer.contains("connection: close\r\n"), "{length}: {answer}");

            // And without a length, so that it is noticed in the middle.
            let mut stream = connect(address).await;
            ask(&mut stream, sent.head(&["transfer-encoding: chunked"])).await;
            for piece in sent.body.chunks(100_000) {
                ask(&mut stream, format!("{:x}\r\n", piece.len())).await;
                ask(&mut stream, piece).await;
                ask(&mut stream, "\r\n").await;
            }
            ask(&mut stream, "0\r\n\r\n").await;
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{length}: {answer}");
        }
    })
    .await;
    assert!(world.inbox().await.is_empty());
}

/// Who asks before sending does not send.
#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_asked_for() {
    let world = World::new().await;
    while_served(&world, patient(), async |address, _| {
        let mut stream = connect(address).await;
        let length = format!("content-length: {}", MIB + 1);
        ask(&mut stream, linear().head(&[&length, "expect: 100-continue"])).await;
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_failure_to_accept_passes() {
    let world = World::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    const EMFILE: i32 = 24;
    let failures = RefCell::new(VecDeque::from([
        io::Error::from_raw_os_error(EMFILE),
        io::ErrorKind::ConnectionAborted.into(),
        io::Error::from_raw_os_error(EMFILE),
    ]));
    let accept = async || {
        let failure = failures.borrow_mut().pop_front();
        match failure {
            Some(failure) => Err(failure),
            None => listener.accept().await,
        }
    };
    let limits = Limits { accept_pause: Duration::from_millis(1), ..patient() };
    let mut connections = Connections::new(limits, router(world.state.clone()));
    let stop = CancellationToken::new();
    let accepting = connections.accept_until_stopped(accept, &stop);
    let talking = async {
        let mut stream = connect(address).await;
        ask(&mut stream, HEALTH).await;
        let answer = until(&mut stream, "}").await;
        stop.cancel();
        answer
    };
    let both = async { tokio::join!(accepting, talking) };
    let (accepted, answer) = tokio::time::timeout(NEVER, both).await.unwrap();
    accepted.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(failures.borrow().is_empty());
}

#[tokio::test]
async fn a_stop_ends_the_pause_after_a_failure() {
    let world = World::new().await;
    let stop = CancellationToken::new();
    let accept = async || {
        stop.cancel();
        Err(io::ErrorKind::OutOfMemory.into())
    };
    let limits = Limits { accept_pause: NEVER, ..patient() };
    let mut connections = Connections::new(limits, router(world.state.clone()));
    let accepting = connections.accept_until_stopped(accept, &stop);
    tokio::time::timeout(NEVER / 2, accepting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_socket_that_does_not_listen_ends_the_service() {
    let world = World::new().await;
    let accept = async || Err(io::ErrorKind::InvalidInput.into());
    let mut connections = Connections::new(patient(), router(world.state.clone()));
    connections.accept_until_stopped(accept, &CancellationToken::new()).await.unwrap_err();
}
