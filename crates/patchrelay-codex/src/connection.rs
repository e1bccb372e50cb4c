//! The process and the talk with it.
//!
//! Two tasks serve a connection. The reader owns the process: it sorts what comes into answers, news and questions,
//! never waits for anybody, and tells how the process ended. The writer owns the process's stdin. They share one small
//! state with the session, under a lock that is held for no longer than a push.

use std::{
    collections::HashMap,
    future::pending,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use patchrelay_domain::TurnStatus;
use patchrelay_ports::{AgentError, AgentEvent};
use patchrelay_process::{Child, Command};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    process::{ChildStdin, ChildStdout},
    select,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use tracing::Instrument;

use crate::{
    lines::{Line, Lines, MAX_LINE},
    questions::answer,
    quota::Quota,
    turns::{Stage, Turns},
    wire::{Incoming, News, Refusal, TurnBody, What, codex_time, one_line},
};

/// How many messages wait for the pipe. The session has one request under way; the rest are refusals to questions,
/// and a process that asks more than this without reading an answer is broken.
const OUTBOX: usize = 64;
/// The news of the login's quota. They are of no thread.
const QUOTA: &str = "account/rateLimits/updated";
/// How many requests may wait for an answer, those that nobody waits for any more included. Codex drops answers when it is
/// asked more than a few hundred things at once.
const MAX_IN_FLIGHT: usize = 64;
/// How long the process may take to end after its stdin or stdout was closed: it took 70 ms at most. It waits for
/// nothing then, and its children are killed with it.
const EXIT_GRACE: Duration = Duration::from_secs(3);
/// How long what it wrote before its end may take to be read.
const LINGER: Duration = Duration::from_secs(1);
/// How long a process that failed may seem to have said nothing.
const STDERR_LINGER: Duration = Duration::from_millis(500);
/// The wait between two looks at what it said.
const STDERR_POLL: Duration = Duration::from_millis(10);
/// How long it may take after SIGTERM, before SIGKILL.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// Why a request brought no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was answered with an error.
    Refused(String),
    /// The process has too much to do, and did not take it.
    Overloaded,
    /// It was not answered in time.
    Unanswered(Duration),
    /// The process is gone.
    Gone(String),
}

impl Failure {
    /// The port's error for this request.
    pub(crate) fn of(self, request: &'static str) -> AgentError {
        match self {
            Self::Refused(reason) => AgentError::Request { request, reason },
            Self::Overloaded => {
                AgentError::Request { request, reason: "it has too much to do".to_owned() }
            }
            Self::Unanswered(limit) => AgentError::Request {
                request,
                reason: format!("no answer within {} s", limit.as_secs_f32()),
            },
            Self::Gone(reason) => AgentError::Gone { reason },
        }
    }

    /// In words.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Refused(reason) => format!("it refused: {reason}"),
            Self::Overloaded => "it has too much to do".to_owned(),
            Self::Unanswered(limit) => {
                format!("it gave no answer within {} s", limit.as_secs_f32())
            }
            Self::Gone(reason) => format!("it ended: {reason}"),
        }
    }
}

/// A running app-server. Dropping it kills the process group.
pub(crate) struct Connection {
    outbox: Option<mpsc::Sender<Vec<u8>>>,
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    next_id: u64,
    kill: Option<oneshot::Sender<()>>,
    /// The number of the process, as long as it is not over.
    process: Option<u32>,
    tasks: JoinSet<()>,
}

/// What the tasks and the session share.
struct Shared {
    state: Mutex<State>,
    /// Told after each change of the turn.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    turns: Turns,
    /// What was last said of the login's quota.
    quota: Option<Quota>,
    waiting: HashMap<u64, Waiting>,
}

struct Waiting {
    method: &'static str,
    answer: oneshot::Sender<Result<Value, Refusal>>,
}

impl Connection {
    /// Starts the process and its two tasks.
    pub(crate) fn open(command: Command) -> Result<Self, AgentError> {
        let launch =
            |reason: &str, source| AgentError::Launch { reason: reason.to_owned(), source };
        let mut child = command
            .spawn()
            .map_err(|error| launch("it could not be started", Some(Box::new(error) as _)))?;
        let (Some(stdin), Some(stdout)) = (child.take_stdin(), child.take_stdout()) else {
            return Err(launch("it has no pipes", None));
        };
        let process = child.id();
        let (changed, changes) = watch::channel(());
        let shared = Arc::new(Shared { state: Mutex::default(), changed });
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let (kill, killed) = oneshot::channel();
        let mut tasks = JoinSet::new();
        // What they log belongs to whoever started the agent.
        tasks.spawn(write(stdin, messages).in_current_span());
        let reading = read(child, stdout, Arc::clone(&shared), outbox.downgrade(), killed);
        tasks.spawn(reading.in_current_span());
        let (outbox, kill) = (Some(outbox), Some(kill));
        Ok(Self { outbox, shared, changes, next_id: 1, kill, process, tasks })
    }

    /// Sends a request and waits for its answer. Dropping the call gives up the answer, not the request.
    pub(crate) async fn request(
        &mut self,
        method: &'static str,
        params: Value,
        limit: Duration,
    ) -> Result<Value, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if let Some(reason) = state.turns.over() {
                return Err(Failure::Gone(reason.to_owned()));
            }
            // A call that was given up leaves an entry until the process answers: it still has the request.
            if MAX_IN_FLIGHT <= state.waiting.len() {
                return Err(Failure::Overloaded);
            }
            state.waiting.insert(id, Waiting { method, answer });
        }
        let talk = async {
            self.send(&json!({ "id": id, "method": method, "params": params })).await;
            answered.await
        };
        match timeout(limit, talk).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(refusal))) if refusal.code == Refusal::OVERLOADED => Err(Failure::Overloaded),
            Ok(Ok(Err(refusal))) => Err(Failure::Refused(refusal.reason)),
            Ok(Err(_)) => Err(Failure::Gone(
                self.shared.lock().turns.over().unwrap_or("it was closed").to_owned(),
            )),
            Err(_) => Err(Failure::Unanswered(limit)),
        }
    }

    /// Sends a notification.
    pub(crate) async fn notify(&self, method: &str, limit: Duration) {
        // If the process does not take it, it will not answer the next request either.
        drop(timeout(limit, self.send(&json!({ "method": method }))).await);
    }

    /// The number of the process, while there is one.
    pub(crate) fn process(&self) -> Option<u32> {
        self.process.filter(|_| self.shared.lock().turns.over().is_none())
    }

    /// Takes in what was read about a turn, like news of it.
    pub(crate) fn observe(&self, news: News) {
        self.shared.observe(news);
    }

    /// A turn was found to be ours whose order was not answered.
    pub(crate) fn adopt(&self, turn: &str) {
        self.shared.lock().turns.open(turn.to_owned());
    }

    /// How far the open turn is.
    pub(crate) fn stage(&self) -> Stage {
        self.shared.lock().turns.stage()
    }

    /// Waits until the turn runs or is over, but not longer than this.
    pub(crate) async fn settled_stage(&mut self, deadline: Instant) -> Stage {
        loop {
            self.changes.borrow_and_update();
            let stage = self.stage();
            if stage != Stage::Ordered {
                return stage;
            }
            match timeout_at(deadline, self.changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return self.stage(),
            }
        }
    }

    /// The next event of the turn. Cancel-safe.
    pub(crate) async fn next_event(&mut self) -> Result<AgentEvent, AgentError> {
        loop {
            self.changes.borrow_and_update();
            {
                let mut state = self.shared.lock();
                if let Some(event) = state.turns.next_event() {
                    return Ok(event);
                }
                if let Some(reason) = state.turns.over() {
                    return Err(AgentError::Gone { reason: reason.to_owned() });
                }
            }
            if self.changes.changed().await.is_err() {
                return Err(AgentError::Gone { reason: "it was closed".to_owned() });
            }
        }
    }

    /// Closes its stdin, which ends codex, and kills the group if that does not. Returns when it is gone.
    pub(crate) async fn close(mut self) {
        self.outbox = None;
        if timeout(EXIT_GRACE, self.joined()).await.is_err() {
            if let Some(kill) = self.kill.take() {
                // Nobody listens if the process has ended meanwhile.
                let _ = kill.send(());
            }
            self.joined().await;
        }
    }

    /// Both tasks have a bounded end: the writer's pipe breaks when the reader has waited for or killed the process.
    async fn joined(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the agent's connection failed");
            }
        }
    }

    async fn send(&self, message: &Value) {
        if let Some(outbox) = &self.outbox {
            // If the writer is gone, the pipe broke, and the reader sees the end of the process.
            drop(outbox.send(line(message)).await);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under this lock is a push or a take, so what a panic leaves is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in news of a turn.
    fn observe(&self, mut news: News) {
        let mut state = self.lock();
        if let (What::Ended { status, .. }, Some(quota)) = (&mut news.what, &state.quota) {
            let ended = std::mem::replace(status, TurnStatus::Completed);
            *status = quota.explain(ended, codex_time().timestamp());
        }
        state.turns.observe(news);
        drop(state);
        self.changed.send_replace(());
    }
}

fn line(message: &Value) -> Vec<u8> {
    let mut bytes = message.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

async fn write(mut stdin: ChildStdin, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = stdin.write_all(&message).await {
            tracing::debug!(%error, "the agent no longer reads");
            return;
        }
    }
}

async fn read(
    mut child: Child,
    stdout: ChildStdout,
    shared: Arc<Shared>,
    outbox: mpsc::WeakSender<Vec<u8>>,
    killed: oneshot::Receiver<()>,
) {
    let (end, ended) = {
        let mut talk = pin!(talk(stdout, &shared, &outbox));
        select! {
            end = talk.as_mut() => (end, None),
            // A command that it left behind may hold its stdout open, so its end is watched too.
            ended = child.wait() => (timeout(LINGER, talk).await.unwrap_or(End::Closed), Some(ended)),
            () = async { if killed.await.is_err() { pending().await } } => (End::Killed, None),
        }
    };
    let ended = match (ended, &end) {
        (Some(ended), _) => ended,
        (None, End::Closed) => match timeout(EXIT_GRACE, child.wait()).await {
            Ok(ended) => ended,
            Err(_) => child.kill_group(KILL_GRACE).await,
        },
        (None, End::Killed | End::Broken(_)) => child.kill_group(KILL_GRACE).await,
    };
    let status = match ended {
        Ok(status) => {
            if !status.success() {
                settle_stderr(&child).await;
            }
            status.to_string()
        }
        Err(error) => {
            tracing::warn!(%error, "failed to wait for the agent");
            "it cannot be waited for".to_owned()
        }
    };
    let complaint = last_words(&child.stderr_tail());
    let reason = match end {
        End::Closed => format!("{status}{complaint}"),
        End::Killed => format!("it was closed, {status}{complaint}"),
        End::Broken(what) => format!("{what}, {status}{complaint}"),
    };
    let mut state = shared.lock();
    state.turns.finish(&reason);
    // Whoever waits for an answer learns it by the end of the channel.
    state.waiting.clear();
    drop(state);
    shared.changed.send_replace(());
}

/// What a process says as it fails is on the pipe when it has ended, and another task is about to read it.
async fn settle_stderr(child: &Child) {
    let over = Instant::now() + STDERR_LINGER;
    while child.stderr_tail().is_empty() && Instant::now() < over {
        sleep(STDERR_POLL).await;
    }
}

/// How the talk ended.
enum End {
    Closed,
    Killed,
    Broken(&'static str),
}

async fn talk(stdout: ChildStdout, shared: &Shared, outbox: &mpsc::WeakSender<Vec<u8>>) -> End {
    let mut lines = Lines::new(stdout, MAX_LINE);
    loop {
        let line = match lines.next().await {
            Ok(Line::Whole(line)) => line,
            Ok(Line::TooLong) => {
                tracing::warn!(
                    limit = MAX_LINE,
                    "the agent wrote a line that is too long; it is skipped"
                );
                continue;
            }
            Ok(Line::End) => return End::Closed,
            Err(error) => {
                tracing::debug!(%error, "the agent's output broke");
                return End::Broken("its output broke");
            }
        };
        match Incoming::parse(&line) {
            None => {
                tracing::debug!(bytes = line.len(), "the agent wrote a line that is no message");
            }
            Some(Incoming::Answer { id, result }) => answered(shared, id, result),
            Some(Incoming::News { method, params }) => {
                if method == QUOTA {
                    let quota = Quota::parse(&params);
                    let mut state = shared.lock();
                    // A later answer may leave out what an earlier one said.
                    state.quota = quota.or(state.quota.take());
                } else if let Some(news) = News::parse(&method, params) {
                    shared.observe(news);
                }
            }
            Some(Incoming::Question { id, method, params }) => {
                tracing::debug!(method, "the agent's question is answered without anybody");
                let Some(outbox) = outbox.upgrade() else { continue };
                let answer = answer(&id, &method, &params, codex_time().timestamp());
                if outbox.try_send(self::line(&answer)).is_err() {
                    return End::Broken("it asks without reading the answers");
                }
            }
        }
    }
}

fn answered(shared: &Shared, id: u64, result: Result<Value, Refusal>) {
    let mut state = shared.lock();
    let Some(waiting) = state.waiting.remove(&id) else { return };
    // Threads and turns are opened here and not by the session, because their first news may be the next line.
    if let Ok(result) = &result {
        match (waiting.method, result["thread"]["id"].as_str()) {
            ("thread/start", Some(thread)) => state.turns.attend(thread, true),
            ("thread/resume", Some(thread)) => state.turns.attend(thread, false),
            ("turn/start", _) => {
                if let Ok(turn) = TurnBody::deserialize(&result["turn"]) {
                    state.turns.open(turn.id);
                }
            }
            (_, _) => {}
        }
    }
    // A session that gave up waiting does not need the answer.
    drop(waiting.answer.send(result));
}

/// The end of what it wrote to stderr, as part of a sentence.
fn last_words(stderr: &str) -> String {
    let last: Vec<_> =
        stderr.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    let text = one_line(&last.into_iter().rev().collect::<Vec<_>>().join(" / "));
    if text.is_empty() { String::new() } else { format!("; it last said: {text}") }
}
