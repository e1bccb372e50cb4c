//! The live stream, over real sockets.

use std::{net::SocketAddr, time::Duration};

use patchrelay_domain::{FeedEntry, FeedKind, FeedLevel, RunId, RunState};
use patchrelay_ports::Store;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
};

use super::{
    connections::{patient, while_served},
    world::{NOW, World, issue, opened, read},
};
use crate::connections::Limits;

/// A time that is up soon, and long enough for a machine that is busy.
const SHORT: Duration = Duration::from_millis(200);

/// Somebody who follows.
struct Follower {
    lines: BufReader<TcpStream>,
}

/// What they are sent.
#[derive(Debug, Default)]
struct Event {
    name: String,
    id: Option<i64>,
    data: Value,
}

impl Follower {
    /// Follows, and reads the header of the answer.
    async fn of(address: SocketAddr, query: &str, last: Option<&str>) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), query, last).await
    }

    /// The same over a connection that is there.
    async fn over(mut stream: TcpStream, query: &str, last: Option<&str>) -> Self {
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let request = format!("GET /api/stream{query} HTTP/1.1\r\nhost: localhost\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut follower = Self { lines: BufReader::new(stream) };
        let status = follower.line().await.unwrap();
        assert!(status.starts_with("HTTP/1.1 200 "), "{status}");
        let mut is_events = false;
        loop {
            let line = follower.line().await.unwrap();
            is_events |= line == "content-type: text/event-stream";
            if line.is_empty() {
                break;
            }
        }
        assert!(is_events);
        follower
    }

    /// A line without its end; `None` when nothing comes any more.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).await.unwrap();
        (read != 0).then(|| line.trim_end().to_owned())
    }

    /// The next event with a name; `None` when the stream has ended as it should.
    async fn event(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line().await.expect("the last chunk is sent");
            match line.split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = Some(id.parse().unwrap()),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                Some(_) => {}
                None if line == "0" => return None,
                // An empty line ends an event; there is another one after each chunk.
                None if line.is_empty() && !event.name.is_empty() => return Some(event),
                None => {}
            }
        }
    }

    /// The ids of all whole events that still come.
    async fn ids_until_cut_off(mut self) -> Vec<i64> {
        let (mut ids, mut begun) = (Vec::new(), None);
        let mut line = String::new();
        while self.lines.read_line(&mut line).await.is_ok_and(|read| read != 0) {
            match line.trim_end().split_once(": ") {
                Some(("id", id)) if line.ends_with('\n') => begun = id.parse::<i64>().ok(),
                None if line == "\n" => ids.extend(begun.take()),
                _ => {}
            }
            line.clear();
        }
        ids
    }

    async fn ids(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let event = self.event().await.expect("there is more");
            assert_eq!(event.name, "line");
            assert_eq!(event.data["cursor"].as_i64(), event.id);
            ids.extend(event.id);
        }
        ids
    }
}

async fn happen(world: &World, session: &str) {
    world.observe(&issue("t1"), vec![opened(session, None)]).await;
}

#[tokio::test]
async fn lines_come_as_they_are_stored_and_only_new_ones() {
    let world = World::new().await;
    happen(&world, "s1").await;
    while_served(&world, patient(), async |address, _| {
        let mut follower = Follower::of(address, "", None).await;
        happen(&world, "s2").await;
        world.tell_streams();
        assert_eq!(follower.ids(1).await, [2]);
        // Another node stored it, and told nobody here.
        happen(&world, "s3").await;
        assert_eq!(follower.ids(1).await, [3]);
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_back_misses_no_line_and_gets_none_twice() {
    let world = World::new().await;
    while_served(&world, patient(), async |address, _| {
        let mut follower = Follower::of(address, "", None).await;
        happen(&world, "s1").await;
        assert_eq!(follower.ids(1).await, [1]);
        drop(follower);
        for n in 2..=250 {
            happen(&world, &format!("s{n}")).await;
        }
        let mut back = Follower::of(address, "", Some("1")).await;
        assert_eq!(back.ids(249).await, (2..=250).collect::<Vec<_>>());
        let mut by_query = Follower::of(address, "?after=249", None).await;
        assert_eq!(by_query.ids(1).await, [250]);
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_one_issue_shows_it_at_first_and_after_each_change() {
    let world = World::new().await;
    world.observe(&issue("t1"), vec![opened("s1", None), read("APP-1")]).await;
    while_served(&world, patient(), async |address, _| {
        let mut follower = Follower::of(address, "?issue=APP-1", None).await;
        let first = follower.event().await.unwrap();
        assert_eq!((first.name.as_str(), first.id), ("issue", None));
        assert_eq!(first.data, world.get("/api/issues/APP-1").await.json());
        world.observe_in("lib", &issue("t2"), vec![opened("s2", None)]).await;
        world.claim(&issue("t1"), "run-1").await;
        world.tell_streams();
        let line = follower.event().await.unwrap();
        assert_eq!((line.name.as_str(), &line.data["event"]), ("line", &"run_claimed".into()));
        let changed = follower.event().await.unwrap();
        assert_eq!(changed.name, "issue");
        assert_eq!(changed.data["active_run"]["id"], "run-1");
    })
    .await;
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let world = World::new().await;
    happen(&world, "s1").await;
    for query in ["?after=2", "?after=-1"] {
        let answer = world.get(&format!("/api/stream{query}")).await;
        assert_eq!(answer.code(), (400, "invalid_cursor".to_owned()), "{query}");
    }
    let unknown = world.get("/api/stream?issue=APP-9").await;
    assert_eq!(unknown.code(), (404, "issue_not_found".to_owned()));
}

#[tokio::test]
async fn a_stop_ends_streams_at_once_and_as_they_should() {
    let world = World::new().await;
    while_served(&world, patient(), async |address, stop| {
        let mut follower = Follower::of(address, "", None).await;
        stop.cancel();
        assert!(follower.event().await.is_none());
    })
    .await;
}

/// No connection is open for ever; whoever follows comes back.
#[tokio::test]
async fn a_stream_ends_as_it_should_when_its_connection_grows_old() {
    let world = World::new().await;
    let limits = Limits { age: SHORT, ..patient() };
    while_served(&world, limits, async |address, _| {
        let mut follower = Follower::of(address, "", None).await;
        assert!(follower.event().await.is_none());
    })
    .await;
}

/// What does not fit into the socket is not read from the store, and who never takes it is cut off.
#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_goes_on_later() {
    // More than what two sockets hold.
    const LINES: i64 = 200;
    let world = World::new().await;
    let limits = Limits { age: SHORT, last_exchange: SHORT, ..patient() };
    world.observe(&issue("t1"), vec![opened("s1", None)]).await;
    let lease = world.claim(&issue("t1"), "run-1").await;
    let long = FeedEntry {
        kind: FeedKind::Run,
        level: FeedLevel::Info,
        event: "preparing".to_owned(),
        text: "x".repeat(50_000),
    };
    for _ in 2..LINES {
        let (run, state) = (RunId::new("run-1"), RunState::Preparing);
        assert!(world.store.advance(&lease, &run, &state, Some(&long), NOW).await.unwrap());
    }
    while_served(&world, limits, async |address, _| {
        let socket = TcpSocket::new_v4().unwrap();
        // Room for little, so that the rest stays with the other side.
        socket.set_recv_buffer_size(4_096).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let slow = Follower::over(stream, "?after=0", None).await;
        let mut look = tokio::time::interval(Duration::from_millis(20));
        while !world.get("/metrics").await.text.contains("patchrelay_streams 0\n") {
            look.tick().await;
        }
        let mut seen = slow.ids_until_cut_off().await;
        assert!(i64::try_from(seen.len()).unwrap() < LINES, "it was cut off before the end");
        while seen.last() != Some(&LINES) {
            let last = seen.last().unwrap().to_string();
            let back = Follower::of(address, "", Some(&last)).await;
            seen.extend(back.ids_until_cut_off().await);
        }
        assert_eq!(seen, (1..=LINES).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn the_number_of_streams_is_bounded_and_one_that_ends_makes_room() {
    let world = World::new().await;
    while_served(&world, patient(), async |address, _| {
        let mut followers = Vec::new();
        for _ in 0..64 {
            followers.push(Follower::of(address, "", None).await);
        }
        let refused = world.get("/api/stream").await;
        assert_eq!(refused.code(), (503, "too_many_streams".to_owned()));
        let text = world.get("/metrics").await.text;
        assert!(text.contains("patchrelay_streams 64\n"), "{text}");
        followers.pop();
        // The server sees that a reader is gone when it writes to it, or when it reads its end.
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /api/stream HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            let mut status = String::new();
            BufReader::new(stream).read_line(&mut status).await.unwrap();
            if status.starts_with("HTTP/1.1 200 ") {
                break;
            }
            assert!(status.starts_with("HTTP/1.1 503 "), "{status}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_when_the_store_fails() {
    let world = World::new().await;
    while_served(&world, patient(), async |address, _| {
        let mut follower = Follower::of(address, "", None).await;
        world.break_store().await;
        assert!(follower.event().await.is_none());
    })
    .await;
}
