//! What is wrong with a request, what it is answered, and that nothing came of it: for every address of the built program,
//! over real sockets. After each request a genuine delivery is still taken.

use std::fmt::Write as _;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    bad_rows::{TOKEN, orders, questions, with_token},
    bad_webhooks::{genuine, webhooks},
    world::{PATIENCE, World, small_change},
};

/// A request, byte by byte as it is sent.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// What is said of the length instead of the truth.
    pub(crate) length: Option<String>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            line: format!("{method} {target} HTTP/1.1"),
            headers: Vec::new(),
            body: Vec::new(),
            length: None,
        }
        .with("host", "localhost")
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// An order as the command line gives it.
    pub(crate) fn order(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).with("content-type", "application/json").body(body)
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn instead(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn announcing(mut self, length: &str) -> Self {
        self.length = Some(length.to_owned());
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        let length = self.length.clone().unwrap_or_else(|| self.body.len().to_string());
        bytes.extend(format!("content-length: {length}\r\nconnection: close\r\n\r\n").into_bytes());
        bytes.extend(&self.body);
        bytes
    }
}

/// A request that is wrong, and what comes of it.
pub(crate) struct Row {
    pub(crate) input: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) answer: (u16, &'static str),
    /// How many deliveries are stored.
    pub(crate) stored: i64,
    /// How many observations there are more.
    pub(crate) observations: usize,
}

/// A row of which nothing may come.
pub(crate) fn row(input: &'static str, request: &Request, status: u16, code: &'static str) -> Row {
    raw(input, request.bytes(), status, code)
}

pub(crate) fn raw(input: &'static str, bytes: Vec<u8>, status: u16, code: &'static str) -> Row {
    Row { input, bytes, answer: (status, code), stored: 0, observations: 0 }
}

pub(crate) fn nested(depth: usize) -> Vec<u8> {
    [vec![b'['; depth], vec![b']'; depth]].concat()
}

/// The service, and how to ask it.
struct Asked {
    address: String,
    token: Option<&'static str>,
    genuine: usize,
}

impl Asked {
    /// The status and the code of the answer.
    async fn send(&self, bytes: &[u8]) -> (u16, String) {
        let (status, body) = self.exchange(bytes).await;
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let code = body["error"]["code"].as_str().or_else(|| body["status"].as_str());
        (status, code.unwrap_or_default().to_owned())
    }

    async fn exchange(&self, bytes: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let mut answer = Vec::new();
        let exchanged = timeout(PATIENCE, async {
            // Who is answered early need not be able to send the rest.
            drop(stream.write_all(bytes).await);
            drop(stream.read_to_end(&mut answer).await);
        });
        exchanged.await.expect("every request is answered in time");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    }

    async fn get(&self, path: &str) -> String {
        let mut request = Request::get(path);
        if let Some(token) = self.token {
            request = request.with("authorization", format!("Bearer {token}"));
        }
        let (status, body) = self.exchange(&request.bytes()).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// How many deliveries were ever stored, and how many observations there are of how many issues.
    async fn kept(&self) -> (i64, usize, usize) {
        let metrics = self.get("/metrics").await;
        let newest =
            metrics.lines().find_map(|line| line.strip_prefix("patchrelay_inbox_newest_id "));
        let count = |text: &str, list: &str| {
            let value: Value = serde_json::from_str(text).unwrap();
            value[list].as_array().unwrap().len()
        };
        let observations = self.get("/api/issues/APP-1/observations?limit=200").await;
        (
            newest.unwrap().parse().unwrap(),
            count(&observations, "observations"),
            count(&self.get("/api/issues").await, "issues"),
        )
    }

    /// Sends each, and tells what came otherwise than it should.
    async fn check(&mut self, rows: &[Row]) -> String {
        let mut wrong = String::new();
        for row in rows {
            let before = self.kept().await;
            let answer = self.send(&row.bytes).await;
            let after = self.kept().await;
            let expected = (before.0 + row.stored, before.1 + row.observations, before.2);
            if answer != (row.answer.0, row.answer.1.to_owned()) || after != expected {
                writeln!(
                    wrong,
                    "{}: {answer:?} for {:?}, kept {after:?} for {expected:?}",
                    row.input, row.answer
                )
                .unwrap();
            }
            self.genuine += 1;
            let good = self.send(&genuine(self.genuine).bytes()).await;
            // A database may leave numbers out.
            let is_stored = after.0 < self.kept().await.0;
            if (good.0, good.1.as_str(), is_stored) != (200, "accepted", true) {
                writeln!(wrong, "{}: then a genuine delivery is {good:?}", row.input).unwrap();
            }
        }
        wrong
    }
}

/// Input, status, code, whether it was stored, whether it left an observation: for every address.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_comes_of_what_is_wrong_and_the_genuine_is_still_taken() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.pull_request(&ticket.key).await;
    let address = world.url().strip_prefix("http://").unwrap().to_owned();
    let mut asked = Asked { address, token: None, genuine: 0 };
    let seen = genuine(0);
    assert_eq!(asked.send(&seen.bytes()).await, (200, "accepted".to_owned()));
    let tables = [webhooks(&seen), questions(), orders()];
    let mut wrong = String::new();
    let mut rows = 0;
    for table in &tables {
        rows += table.len();
        wrong.push_str(&asked.check(table).await);
    }
    assert_eq!(wrong, "");
    let genuine = asked.genuine;
    world.stop().await;

    let variable = ("PATCHRELAY_API_TOKEN", TOKEN);
    let service = world.node("", Some(variable)).await;
    let address = service.url().strip_prefix("http://").unwrap().to_owned();
    let mut asked = Asked { address, token: Some(TOKEN), genuine };
    let table = with_token();
    rows += table.len();
    assert_eq!(asked.check(&table).await, "");
    service.stopped().await;
    assert_eq!(rows, 144);
}
