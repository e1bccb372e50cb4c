//! A server for tests that says exactly these bytes: what the fake GitHub is too well-behaved for.

use std::sync::{Arc, Mutex};

use patchrelay_domain::RepoSlug;
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use url::Url;

use crate::{GithubConfig, GithubForge};

pub(crate) struct Scripted {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Gives these answers, one for each request. After the last, it takes requests and says nothing.
    pub(crate) async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut answers = answers.into_iter();
            let mut held = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                seen.lock().unwrap().push(request);
                match answers.next() {
                    // Who does not read everything closes the connection early.
                    Some(answer) => drop(stream.write_all(&answer).await),
                    None => held.push(stream),
                }
            }
        });
        Self { url, requests, _tasks: tasks }
    }

    /// The requests so far, headers in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn forge(&self, timeout: std::time::Duration) -> GithubForge {
        let token = SecretString::from("s3cret-token");
        GithubForge::new(GithubConfig { api_url: self.url.clone(), token, timeout }).unwrap()
    }
}

/// An answer with these headers.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

pub(crate) fn repo() -> RepoSlug {
    "acme/app".parse().unwrap()
}

async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.and_then(|length| length.parse().ok()).unwrap_or(0) <= body.len() {
                return format!("{head}\n\n{body}");
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}
