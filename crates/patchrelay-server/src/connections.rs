//! The listener and its connections. Whoever can reach the port can open connections and send nothing, or read nothing;
//! so their number is bounded, and so is the time of each thing that is waited for.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::{ServerState, router};

/// What a connection, or all of them together, may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at once. Who comes later waits in the system's queue.
    pub(crate) connections: usize,
    /// How long a header may take to come, and how long a connection may be idle before it begins.
    pub(crate) header: Duration,
    /// How long a connection takes requests.
    pub(crate) age: Duration,
    /// How long the last exchange of a connection that grew old may take.
    pub(crate) last_exchange: Duration,
    /// How long requests under way may take after a stop.
    pub(crate) grace: Duration,
    /// How long to wait after the system gave no connection.
    pub(crate) accept_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            header: HEADER_TIMEOUT,
            age: MAX_AGE,
            last_exchange: LAST_EXCHANGE,
            grace: GRACE,
            accept_pause: ACCEPT_PAUSE,
        }
    }
}

/// Half of the 1024 files that a process may usually have open: the database, git and agents need some, too.
const MAX_CONNECTIONS: usize = 512;
/// The senders of webhooks send a header at once, and give up after five (Linear) or ten seconds (GitHub).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Long enough to be worth a connection, and the end of whoever asks without reading the answers.
const MAX_AGE: Duration = Duration::from_secs(60);
/// A body may take ten seconds; the rest is for storing and answering.
const LAST_EXCHANGE: Duration = Duration::from_secs(20);
/// The senders of webhooks give up after ten seconds, and whoever stops us does not like to wait.
const GRACE: Duration = Duration::from_secs(5);
/// Files that ran out do not come back at once.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// The buffer of one connection in bytes, which also bounds a header. hyper may overshoot it by one read, so that
/// [`MAX_CONNECTIONS`] hold about 64 MiB.
const MAX_BUFFER: usize = 64 * 1024;
/// How many bytes that nobody wants are read after the last answer: the largest body of an honest sender (GitHub's
/// 25 MiB) and some more.
const LINGER_BYTES: usize = 32 * 1024 * 1024;
/// How long they may take to come.
const LINGER: Duration = Duration::from_secs(5);
/// How long nothing may come of them.
const LINGER_QUIET: Duration = Duration::from_secs(1);

/// Serves on a listener until stopped; requests under way may go on for at most five seconds. No connection outlives
/// the future, whether it ends or is dropped.
///
/// # Errors
///
/// When the socket does not listen. Whatever may pass, such as too many open files, is logged and waited for.
pub async fn serve(
    listener: TcpListener,
    state: ServerState,
    stop: CancellationToken,
) -> io::Result<()> {
    serve_within(Limits::default(), listener, state, stop).await
}

/// [`serve`] with other limits.
pub(crate) async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    state: ServerState,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut connections = Connections::new(limits, router(state));
    let accepted = connections.accept_until_stopped(|| listener.accept(), &stop).await;
    // Who connects now is refused rather than left waiting.
    drop(listener);
    connections.finish().await;
    accepted
}

/// Told to whatever answers a request: cancelled as soon as its connection should end. Who has more to say stops at the
/// next good place.
#[derive(Clone, Debug)]
pub(crate) struct Ending(pub(crate) CancellationToken);

/// The connections that are open. When this is dropped, they are cut off.
pub(crate) struct Connections {
    limits: Limits,
    app: Router,
    tasks: JoinSet<()>,
    /// Lets each of them end after the request that is under way.
    finish: CancellationToken,
}

impl Connections {
    pub(crate) fn new(limits: Limits, app: Router) -> Self {
        Self { limits, app, tasks: JoinSet::new(), finish: CancellationToken::new() }
    }

    /// Takes connections while there is room for them.
    pub(crate) async fn accept_until_stopped<F>(
        &mut self,
        accept: impl Fn() -> F,
        stop: &CancellationToken,
    ) -> io::Result<()>
    where
        F: Future<Output = io::Result<(TcpStream, SocketAddr)>>,
    {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(ended) = self.tasks.join_next() => {
                    log_panic(ended);
                    continue;
                }
                accepted = accept(), if self.tasks.len() < self.limits.connections => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.open(stream, peer),
                Err(error) => match error.kind() {
                    // Who gave up while it waited is no trouble of ours.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
                    // The socket does not listen, and never will.
                    io::ErrorKind::InvalidInput => return Err(error),
                    _ => {
                        warn!(%error, "no connection can be accepted; trying again");
                        tokio::select! {
                            () = stop.cancelled() => return Ok(()),
                            () = sleep(self.limits.accept_pause) => {}
                        }
                    }
                },
            }
        }
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr) {
        let (limits, app, finish) = (self.limits, self.app.clone(), self.finish.clone());
        self.tasks.spawn(converse(limits, stream, peer, app, finish));
    }

    /// Waits for requests under way, and cuts off what takes too long.
    async fn finish(mut self) {
        self.finish.cancel();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                log_panic(ended);
            }
        };
        if timeout(self.limits.grace, all).await.is_err() {
            warn!(connections = self.tasks.len(), "connections are cut off by the stop");
            self.tasks.shutdown().await;
        }
    }
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection's task failed");
    }
}

/// One connection from its first byte to its last.
async fn converse(
    limits: Limits,
    mut stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    finish: CancellationToken,
) {
    match exchange(limits, &mut stream, peer, app, &finish).await {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            debug!(%peer, %error, "a connection failed");
            if error.is_timeout() {
                return;
            }
        }
        None => {
            debug!(%peer, "a connection took too long");
            return;
        }
    }
    linger(stream).await;
}

/// Answers requests until the connection ends, shall finish or grows old. `None`: the last exchange took too long.
async fn exchange(
    limits: Limits,
    stream: &mut TcpStream,
    peer: SocketAddr,
    app: Router,
    finish: &CancellationToken,
) -> Option<hyper::Result<()>> {
    let app = TowerToHyperService::new(app);
    let ending = finish.child_token();
    let told = Ending(ending.clone());
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(told.clone());
        app.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(MAX_BUFFER);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => return Some(ended),
        () = finish.cancelled() => {}
        () = sleep(limits.age) => {}
    }
    ending.cancel();
    connection.as_mut().graceful_shutdown();
    timeout(limits.last_exchange, connection).await.ok()
}

/// Says that nothing more is sent, and reads what still comes. A socket that is closed with unread bytes is reset, and a
/// sender that is not done with its body, because it was answered early, would lose the answer.
async fn linger(mut stream: TcpStream) {
    let deadline = Instant::now() + LINGER;
    // It fails when the other side is gone, and then reading ends at once.
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut unwanted = vec![0; 16 * 1024];
    let mut count = 0;
    while count < LINGER_BYTES {
        let until = deadline.min(Instant::now() + LINGER_QUIET);
        match timeout_at(until, stream.read(&mut unwanted)).await {
            Ok(Ok(more)) if 0 < more => count += more,
            _ => return,
        }
    }
}
