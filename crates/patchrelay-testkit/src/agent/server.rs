//! The program: requests in, answers and news out.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::{
    select,
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use uuid::Uuid;

use crate::agent::{
    plain,
    protocol::{Out, Refused, agent_message, text, user_message},
    script::{ReportAnswer, Script, Step},
    thread::{History, KeptTurn, Thread, turn_body},
    turn::{End, Turn},
};

/// Requests that were read and not carried out yet. The client has one under way.
const INBOX: usize = 64;

/// Serves the protocol on this process's stdin and stdout until stdin ends. `home` stands for `CODEX_HOME`: it has to
/// exist, and keeps the threads.
///
/// # Errors
///
/// When the home directory cannot be used, and when the script says that the process crashes. The caller should end the
/// process then.
pub async fn serve_stdio(script: Script, home: &Path) -> io::Result<()> {
    if !home.is_dir() {
        return Err(io::Error::other(format!(
            "the home directory `{}` does not exist",
            home.display()
        )));
    }
    if !script.flaws.complaint.is_empty() {
        writeln!(io::stderr(), "{}", script.flaws.complaint)?;
    }
    // Plain threads: a read of stdin cannot be cancelled, and the runtime would wait for one of its own at the end.
    let (lines, inbox) = mpsc::channel(INBOX);
    std::thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let (sender, mut messages) = mpsc::unbounded_channel::<Vec<u8>>();
    let writer = std::thread::spawn(move || {
        while let Some(message) = messages.blocking_recv() {
            let mut stdout = io::stdout().lock();
            if stdout.write_all(&message).and_then(|()| stdout.flush()).is_err() {
                return;
            }
        }
    });
    let ended = Server::new(script, home, Out::new(sender)).run(inbox).await;
    // The server held the only sender, so the writer ends when everything is written.
    drop(tokio::task::spawn_blocking(move || writer.join()).await);
    ended
}

struct Server {
    script: Script,
    home: PathBuf,
    out: Out,
    is_initialized: bool,
    threads: HashMap<String, Thread>,
    running: Option<Running>,
}

/// The turn that runs. The real server runs one per thread; a client of ours has one thread.
struct Running {
    thread: String,
    turn: String,
    started: Arc<Notify>,
    is_started: bool,
    answers: mpsc::UnboundedSender<Value>,
    task: JoinHandle<End>,
}

/// What became of `turn/start`.
enum Begun {
    /// A turn was running, and got the input.
    Steered(String),
    /// A turn is ready to run.
    New(Box<Turn>, mpsc::UnboundedSender<Value>),
}

/// What the server reacts to.
enum Input {
    Line(Vec<u8>),
    Closed,
    TurnStarted,
    TurnEnded(End),
}

impl Server {
    fn new(script: Script, home: &Path, out: Out) -> Self {
        Self {
            out: out.losing(&script.flaws.lost),
            script,
            home: home.to_owned(),
            is_initialized: false,
            threads: HashMap::new(),
            running: None,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
        loop {
            let input = match &mut self.running {
                None => inbox.recv().await.map_or(Input::Closed, Input::Line),
                Some(running) => select! {
                    biased;
                    () = running.started.notified(), if !running.is_started => Input::TurnStarted,
                    end = &mut running.task => Input::TurnEnded(end.unwrap_or(End::Crashed)),
                    line = inbox.recv() => line.map_or(Input::Closed, Input::Line),
                },
            };
            match input {
                Input::Line(line) => self.line(&line).await,
                Input::TurnStarted => {
                    self.running.iter_mut().for_each(|running| running.is_started = true);
                }
                Input::TurnEnded(End::Crashed) => {
                    return Err(io::Error::other("the script says: crash"));
                }
                Input::TurnEnded(End::Completed { answer }) => {
                    self.end_turn("completed", Value::Null, answer);
                }
                Input::TurnEnded(End::Left) => return Ok(()),
                Input::TurnEnded(End::Failed { message, info }) => {
                    let error = json!({ "message": message, "codexErrorInfo": info });
                    self.end_turn("failed", error, None);
                }
                Input::Closed => {
                    self.running.iter().for_each(|running| running.task.abort());
                    return Ok(());
                }
            }
        }
    }

    /// Like the real one, it passes over what is not a message.
    async fn line(&mut self, line: &[u8]) {
        let Ok(message) = serde_json::from_slice::<Value>(line) else { return };
        let (id, params) = (&message["id"], &message["params"]);
        match message["method"].as_str() {
            // A notification; the only one is `initialized`, which is polite and not needed.
            Some(_) if id.is_null() => {}
            Some(method) if self.script.flaws.silent.iter().any(|silent| silent == method) => {}
            Some(method) if self.is_overloaded(method) => {
                let overloaded = Refused(-32001, "Server overloaded; retry later.".to_owned());
                self.out.answer(id, Err(overloaded));
            }
            Some(method) if self.script.flaws.refused.contains_key(method) => {
                let refused = Refused::new(&self.script.flaws.refused[method]);
                self.out.answer(id, Err(refused));
            }
            Some("turn/interrupt") => self.interrupt(id, params).await,
            Some("turn/start") => self.start_turn(id, params),
            Some("turn/steer") => {
                let answer = self.steer(params);
                self.out.answer(id, answer);
            }
            Some(method) => self.request(id, method, params),
            None => {
                if let Some(running) = &self.running
                    && !id.is_null()
                    && running.answers.send(message).is_err()
                {
                    tracing::debug!("an answer came to a turn that is over");
                }
            }
        }
    }

    fn is_overloaded(&mut self, method: &str) -> bool {
        let left = self.script.flaws.overloaded.get_mut(method).filter(|left| 0 < **left);
        left.map(|left| *left -= 1).is_some()
    }

    fn request(&mut self, id: &Value, method: &str, params: &Value) {
        let answer = match method {
            "initialize" => self.initialize(params),
            _ if !self.is_initialized => Err(Refused::new("Not initialized")),
            "thread/start" | "thread/resume" => {
                let opened = self.open_thread(method == "thread/resume", params);
                let thread = opened.as_ref().ok().map(|answer| answer["thread"].clone());
                self.out.answer(id, opened);
                if let Some(thread) = thread {
                    self.out.notify("thread/started", json!({ "thread": thread }));
                }
                return;
            }
            "thread/turns/list" => {
                let running = self.running.as_ref().map(|running| running.turn.as_str());
                self.kept(params).map(|history| history.list(running))
            }
            "thread/items/list" => self.list_items(params),
            "thread/backgroundTerminals/clean" => self.loaded(params).map(|_| json!({})),
            "config/read" => Ok(json!({ "config": { "mcp_servers": {} }, "origins": {} })),
            other => Err(Refused::new(format!(
                "Invalid request: unknown variant `{other}`, expected one of `initialize`, `thread/start`, \
                 `thread/resume`, `thread/turns/list`, `thread/items/list`, `thread/backgroundTerminals/clean`, \
                 `turn/start`, `turn/steer`, `turn/interrupt`, `config/read`"
            ))),
        };
        self.out.answer(id, answer);
    }

    fn initialize(&mut self, params: &Value) -> Result<Value, Refused> {
        if self.is_initialized {
            return Err(Refused::new("Already initialized"));
        }
        if !params["clientInfo"].is_object() {
            return Err(Refused::new("Invalid request: missing field `clientInfo`"));
        }
        self.is_initialized = true;
        let client = params["clientInfo"]["name"].as_str().unwrap_or("unknown");
        Ok(json!({
            "userAgent": format!("{client}/0.169.0-scripted"), "codexHome": self.home,
            "platformFamily": "unix", "platformOs": std::env::consts::OS,
        }))
    }

    fn open_thread(&mut self, is_resume: bool, params: &Value) -> Result<Value, Refused> {
        let history = if is_resume {
            let id = text(params, "threadId")?;
            // Also keeps a name from leading out of the home directory.
            Uuid::parse_str(id)
                .map_err(|error| Refused::new(format!("invalid session id: {error}")))?;
            // A loaded thread would ignore the parameters; a client of ours never does this.
            self.threads.remove(id);
            let kept = History::read(&self.home, id);
            Some(kept.ok_or_else(|| Refused::new(format!("no rollout found for thread id {id}")))?)
        } else {
            None
        };
        let (thread, answer) = Thread::open(&self.home, params, history, &self.script.flaws)?;
        self.threads.insert(thread.history.id.clone(), thread);
        Ok(answer)
    }

    fn kept(&self, params: &Value) -> Result<History, Refused> {
        let id = text(params, "threadId")?;
        let loaded = self.threads.get(id).map(|thread| thread.history.clone());
        loaded
            .or_else(|| Uuid::parse_str(id).ok().and_then(|_| History::read(&self.home, id)))
            .ok_or_else(|| Refused::new(format!("thread not loaded: {id}")))
    }

    fn list_items(&self, params: &Value) -> Result<Value, Refused> {
        if params["sortDirection"] != "desc" {
            return Err(Refused::new("only the newest first are listed here"));
        }
        let from = params["cursor"].as_str().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let limit = params["limit"].as_u64().and_then(|limit| limit.try_into().ok()).unwrap_or(100);
        let history = self.kept(params)?;
        if history.turns.is_empty() {
            return Err(Refused(-32601, "thread/items/list is not supported yet".to_owned()));
        }
        Ok(history.list_items(from, limit))
    }

    /// Tells the turn that runs something, which hears it at once.
    fn steer(&mut self, params: &Value) -> Result<Value, Refused> {
        if !self.is_initialized {
            return Err(Refused::new("Not initialized"));
        }
        let thread_id = self.loaded(params)?.to_owned();
        let asked = text(params, "expectedTurnId")?;
        let Some(running) = &self.running else {
            return Err(Refused::new("no active turn to steer"));
        };
        if running.turn != asked {
            let found = &running.turn;
            return Err(Refused::new(format!(
                "expected active turn id `{asked}` but found `{found}`"
            )));
        }
        let (said, turn) = (input_text(params), running.turn.clone());
        let client_id = params["clientUserMessageId"].as_str().map(str::to_owned);
        let item = user_message(&Uuid::now_v7().to_string(), client_id.as_deref(), &said);
        if let Some(thread) = self.threads.get_mut(&thread_id) {
            if let Some(kept) = thread.history.turns.last_mut() {
                kept.told.push((client_id, said));
            }
            let broken =
                |error: io::Error| Refused(-32603, format!("failed to write the thread: {error}"));
            thread.history.keep(&self.home).map_err(broken)?;
        }
        let news = json!({ "threadId": thread_id, "turnId": turn, "item": item });
        self.out.notify("item/completed", news);
        Ok(json!({ "turnId": turn }))
    }

    fn start_turn(&mut self, id: &Value, params: &Value) {
        match self.new_turn(params) {
            Err(refused) => self.out.answer(id, Err(refused)),
            Ok(Begun::Steered(turn)) => self.out.answer(id, Ok(started(&turn))),
            Ok(Begun::New(turn, answers)) => {
                // The answer comes before any news of the turn.
                self.out.answer(id, Ok(started(&turn.id)));
                self.running = Some(Running {
                    thread: turn.thread.clone(),
                    turn: turn.id.clone(),
                    started: Arc::clone(&turn.started),
                    is_started: false,
                    answers,
                    task: spawned(*turn),
                });
            }
        }
    }

    fn new_turn(&mut self, params: &Value) -> Result<Begun, Refused> {
        if !self.is_initialized {
            return Err(Refused::new("Not initialized"));
        }
        let thread_id = self.loaded(params)?.to_owned();
        let prompt = input_text(params);
        let client_id = params["clientUserMessageId"].as_str().map(str::to_owned);
        if let Some(running) = &self.running {
            // While a turn runs, this is a message to it.
            let item = user_message(&Uuid::now_v7().to_string(), client_id.as_deref(), &prompt);
            let params = json!({ "threadId": thread_id, "turnId": running.turn, "item": item });
            self.out.notify("item/completed", params);
            return Ok(Begun::Steered(running.turn.clone()));
        }
        let is_report = params["outputSchema"].is_object();
        let id = Uuid::now_v7().to_string();
        let Some(thread) = self.threads.get_mut(&thread_id) else {
            return Err(Refused::new(format!("thread not found: {thread_id}")));
        };
        let kept = KeptTurn { id: id.clone(), client_id, prompt, is_report, ..KeptTurn::default() };
        thread.history.turns.push(kept.clone());
        let broken =
            |error: io::Error| Refused(-32603, format!("failed to write the thread: {error}"));
        thread.history.keep(&self.home).map_err(broken)?;
        let steps = steps(&self.script, thread, is_report);
        let (answers, answered) = mpsc::unbounded_channel();
        let turn = Turn {
            thread: thread_id,
            id,
            client_id: kept.client_id,
            prompt: kept.prompt,
            cwd: thread.cwd.clone(),
            steps,
            out: self.out.clone(),
            answers: answered,
            started: Arc::new(Notify::new()),
        };
        Ok(Begun::New(Box::new(turn), answers))
    }

    async fn interrupt(&mut self, id: &Value, params: &Value) {
        let asked = params["turnId"].as_str().unwrap_or_default().to_owned();
        let refusal = match &self.running {
            _ if !self.is_initialized => Some("Not initialized".to_owned()),
            None => Some("no active turn to interrupt".to_owned()),
            Some(running) if !running.is_started => Some("no active turn to interrupt".to_owned()),
            Some(running) if running.turn != asked => {
                Some(format!("expected active turn id {asked} but found {}", running.turn))
            }
            Some(_) => None,
        };
        if let Some(refusal) = refusal {
            return self.out.answer(id, Err(Refused::new(refusal)));
        }
        if let Some(running) = &mut self.running {
            running.task.abort();
            // Aborted or just finished: in both cases it does nothing more.
            drop((&mut running.task).await);
        }
        self.out.answer(id, Ok(json!({})));
        self.end_turn("interrupted", Value::Null, None);
    }

    fn end_turn(&mut self, status: &str, error: Value, answer: Option<String>) {
        let Some(running) = self.running.take() else { return };
        if let Some(thread) = self.threads.get_mut(&running.thread) {
            if let Some(turn) = thread.history.turns.last_mut() {
                turn.status = Some(status.to_owned());
                turn.error.clone_from(&error);
                turn.answer.clone_from(&answer);
            }
            if let Err(error) = thread.history.keep(&self.home) {
                tracing::warn!(%error, "the end of a turn could not be written");
            }
        }
        let thread = &running.thread;
        let usage = json!({ "totalTokens": 2, "inputTokens": 1, "cachedInputTokens": 0, "outputTokens": 1, "reasoningOutputTokens": 0 });
        let usage = json!({ "total": usage, "last": usage, "modelContextWindow": null });
        self.out.notify(
            "thread/tokenUsage/updated",
            json!({ "threadId": thread, "turnId": running.turn, "tokenUsage": usage }),
        );
        let idle = if status == "failed" { "systemError" } else { "idle" };
        self.out.notify(
            "thread/status/changed",
            json!({ "threadId": thread, "status": { "type": idle } }),
        );
        if status == "failed" {
            let params = json!({ "threadId": thread, "turnId": running.turn, "error": error, "willRetry": false });
            self.out.notify("error", params);
        }
        let items =
            answer.map(|answer| agent_message(&format!("{}-answer", running.turn), &answer, true));
        let turn = turn_body(&running.turn, status, error, items.into_iter().collect());
        self.out.notify("turn/completed", json!({ "threadId": thread, "turn": turn }));
    }

    /// The thread of a request, if this process has loaded it.
    fn loaded<'a>(&self, params: &'a Value) -> Result<&'a str, Refused> {
        let id = text(params, "threadId")?;
        if self.threads.contains_key(id) {
            Ok(id)
        } else {
            Err(Refused::new(format!("thread not found: {id}")))
        }
    }
}

/// What the client says in a request.
fn input_text(params: &Value) -> String {
    let parts = params["input"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

fn started(turn: &str) -> Value {
    json!({ "turn": turn_body(turn, "inProgress", Value::Null, vec![]) })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server holds the task, and waits for it or aborts it"
)]
fn spawned(turn: Turn) -> JoinHandle<End> {
    tokio::spawn(turn.run())
}

/// What the script, or without one the prompt, says for the last turn of this thread.
fn steps(script: &Script, thread: &Thread, is_report: bool) -> Vec<Step> {
    let history = &thread.history;
    let (prompt, n) = (history.first_prompt(), history.earlier(is_report));
    if is_report {
        let scripted = script.report(prompt, n).map(ReportAnswer::text);
        let text = scripted.unwrap_or_else(|| ReportAnswer::Report(plain::report(prompt)).text());
        vec![Step::Say(text)]
    } else {
        script.steps(prompt, n).unwrap_or_else(|| plain::steps(prompt, &thread.cwd))
    }
}

#[cfg(test)]
mod tests;
