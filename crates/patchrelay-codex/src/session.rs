//! One process at work: its thread and its turns.

use std::{
    hash::{BuildHasher, RandomState},
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use patchrelay_domain::{ThreadId, TurnId, TurnRecord};
use patchrelay_ports::{
    AgentError, AgentEvent, AgentLaunch, AgentSession, Message, ThreadSpec, Told, TurnOrder,
};
use patchrelay_process::Marker;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    CodexConfig,
    connection::{Connection, Failure},
    permissions::{Place, ThreadAnswer, overrides},
    turns::Stage,
    wire::{News, TurnBody, message_of_ours, one_line},
};

/// Codex accepts an interrupt some milliseconds after it said that the turn started.
const INTERRUPT_RETRY: Duration = Duration::from_millis(20);
/// How many of the newest turns are looked through for ours. It is the newest, unless codex started one by itself.
const NEWEST_TURNS: u32 = 10;
/// How long a turn that was ordered may take to begin, before a message to it waits for another time. It takes 20 ms.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How many items are read at once when messages are looked for: one may hold a megabyte of a command's output, and
/// together they have to stay below the longest line.
const ITEMS_PAGE: u32 = 2;
/// How many such pages are read, newest first. A page takes 2 ms, and what may have been told is not older.
const MAX_PAGES: u32 = 2_000;
/// How long codex may take to end the commands that still run. Closing kills what is left.
const CLEAN_TIMEOUT: Duration = Duration::from_secs(2);

/// The first wait when the process has too much to do; doubled each time.
const OVERLOAD_WAIT: Duration = Duration::from_millis(50);

/// The variable in which codex tells each of its commands whose thread it belongs to.
const THREAD: &str = "CODEX_THREAD_ID";

/// The texts by which codex refuses a thread that it does not have, or not any more. Its error codes say nothing.
const NO_SUCH_THREAD: [&str; 6] = [
    "no rollout found",
    "thread not found",
    "thread not loaded",
    "invalid thread id",
    "missing source rollout",
    "is archived",
];
/// The text by which it refuses to interrupt a turn that does not run yet, or not any more.
const NO_ACTIVE_TURN: &str = "no active turn";
/// The text by which it refuses to list what was said in a thread before its first turn.
const NO_ITEMS: &str = "is not supported yet";
/// The texts by which it refuses a message for a turn that is over, that is not the one meant, or that takes none.
const NOT_STEERABLE: [&str; 3] = [NO_ACTIVE_TURN, "expected active turn id", "not steerable"];

/// One agent process.
pub(crate) struct CodexSession {
    config: Arc<CodexConfig>,
    /// What it was started for.
    order: AgentLaunch,
    marker: Marker,
    connection: Connection,
    thread: Option<ThreadId>,
}

impl CodexSession {
    pub(crate) fn new(
        config: Arc<CodexConfig>,
        order: AgentLaunch,
        marker: Marker,
        connection: Connection,
    ) -> Self {
        Self { config, order, marker, connection, thread: None }
    }

    /// Asks once.
    async fn request_once(
        &mut self,
        method: &'static str,
        params: Value,
    ) -> Result<Value, Failure> {
        self.connection.request(method, params, self.config.request_timeout).await
    }

    /// Asks something that does no harm when it is asked twice, again for a while when the process has too much to do.
    async fn request(&mut self, method: &'static str, params: Value) -> Result<Value, Failure> {
        let deadline = Instant::now() + self.config.request_timeout;
        let mut wait = OVERLOAD_WAIT;
        loop {
            match self.request_once(method, params.clone()).await {
                Err(Failure::Overloaded) if Instant::now() + wait < deadline => {
                    sleep(jittered(wait)).await;
                    wait *= 2;
                }
                answered => return answered,
            }
        }
    }

    /// The turns that read these messages, as far as any did.
    async fn find(&mut self, ids: &[String]) -> Result<Vec<(String, String)>, AgentError> {
        const REQUEST: &str = "thread/items/list";
        let unreadable =
            |reason: &str| AgentError::Request { request: REQUEST, reason: reason.to_owned() };
        let thread = self.thread.clone().ok_or_else(|| unreadable("no thread is open"))?;
        let mut found = Vec::new();
        let mut cursor = Value::Null;
        for _ in 0..MAX_PAGES {
            let params = json!({
                "threadId": thread, "limit": ITEMS_PAGE, "cursor": cursor, "sortDirection": "desc",
            });
            let answer = match self.request(REQUEST, params).await {
                Ok(answer) => answer,
                Err(Failure::Refused(reason)) if reason.contains(NO_ITEMS) => return Ok(found),
                Err(failure) => return Err(failure.of(REQUEST)),
            };
            let entries = answer["data"]
                .as_array()
                .ok_or_else(|| unreadable("it answered something else"))?;
            for entry in entries {
                if let (Some(id), Some(turn)) =
                    (message_of_ours(&entry["item"]), entry["turnId"].as_str())
                    && ids.iter().any(|one| one == id)
                {
                    found.push((id.to_owned(), turn.to_owned()));
                }
            }
            cursor = answer["nextCursor"].clone();
            if cursor.is_null() || ids.len() <= found.len() {
                return Ok(found);
            }
        }
        tracing::debug!("only the newest part of a long thread was looked through");
        Ok(found)
    }

    /// Starts a turn. A server with too much to do says that it did not take the order; the thread is looked at before it
    /// is believed, because a second order would be a second turn.
    async fn order_turn(&mut self, message: &str, params: Value) -> Result<String, AgentError> {
        const REQUEST: &str = "turn/start";
        let deadline = Instant::now() + self.config.request_timeout;
        let mut wait = OVERLOAD_WAIT;
        loop {
            match self.request_once(REQUEST, params.clone()).await {
                Ok(answer) => {
                    let turn = TurnBody::deserialize(&answer["turn"]);
                    return turn.map(|turn| turn.id).map_err(|error| AgentError::Request {
                        request: REQUEST,
                        reason: format!("it answered something else: {error}"),
                    });
                }
                Err(Failure::Overloaded) if Instant::now() + wait < deadline => {
                    sleep(jittered(wait)).await;
                    wait *= 2;
                    let taken = self.find(&[message.to_owned()]).await?.pop();
                    if let Some((_, turn)) = taken {
                        self.connection.adopt(&turn);
                        return Ok(turn);
                    }
                }
                Err(failure) => return Err(failure.of(REQUEST)),
            }
        }
    }

    fn place<'a>(&'a self, directory: &'a str) -> Place<'a> {
        let AgentLaunch { network, publishes, .. } = self.order;
        Place { directory, has_network: network, publishes, marker: &self.marker }
    }

    /// The names of the MCP servers in codex's own configuration.
    async fn servers(&mut self, directory: &str) -> Result<Vec<String>, AgentError> {
        let params = json!({ "cwd": directory });
        let answer = self
            .request("config/read", params)
            .await
            .map_err(|failure| failure.of("config/read"))?;
        // An answer of another shape is no proof that there are none, and what is not named is not switched off.
        let unreadable = |what: &str| AgentError::Permissions {
            reason: format!(
                "codex does not tell its MCP servers: its answer has no readable {what}"
            ),
        };
        let settings = answer["config"].as_object().ok_or_else(|| unreadable("`config`"))?;
        match settings.get("mcp_servers") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(servers)) => Ok(servers.keys().cloned().collect()),
            Some(_) => Err(unreadable("`mcp_servers`")),
        }
    }

    /// Resumes the thread; `None` if there is no such thread any more.
    async fn resume(
        &mut self,
        thread: &ThreadId,
        mut params: Map<String, Value>,
    ) -> Result<Option<Value>, AgentError> {
        params.insert("threadId".to_owned(), json!(thread));
        params.insert("excludeTurns".to_owned(), json!(true));
        match self.request("thread/resume", Value::Object(params)).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::Refused(reason))
                if NO_SUCH_THREAD.iter().any(|text| reason.contains(text)) =>
            {
                tracing::info!(%thread, reason, "the thread is gone; a new one is started");
                Ok(None)
            }
            Err(failure) => Err(failure.of("thread/resume")),
        }
    }

    /// Ends the commands that the agent left running. Best effort: closing kills them in any case.
    async fn clean(&mut self) {
        let Some(thread) = &self.thread else { return };
        let params = json!({ "threadId": thread });
        let cleaned = self
            .connection
            .request("thread/backgroundTerminals/clean", params, CLEAN_TIMEOUT)
            .await;
        if let Err(failure) = cleaned {
            tracing::debug!(
                reason = failure.reason(),
                "the agent's background commands were not ended by the agent"
            );
        }
    }
}

/// Between half of a wait and all of it, so that many who wait do not come back at once.
fn jittered(wait: Duration) -> Duration {
    let chance = RandomState::new().hash_one(());
    wait.mul_f64(0.5 + 0.5 * f64::from((chance & 0xff) as u8) / 255.0)
}

#[async_trait]
impl AgentSession for CodexSession {
    async fn open_thread(
        &mut self,
        directory: &str,
        spec: ThreadSpec,
    ) -> Result<ThreadId, AgentError> {
        // Codex itself would start a thread in a directory that does not exist, and fail with each command.
        if !Path::new(directory).is_dir() {
            let reason = format!("`{directory}` is not a directory");
            return Err(AgentError::Request { request: "thread/start", reason });
        }
        let servers = if self.config.mcp { Vec::new() } else { self.servers(directory).await? };
        let params = overrides(&self.config, self.place(directory), &servers);
        let resumed = match spec {
            ThreadSpec::Fresh => None,
            ThreadSpec::Resume(thread) => self.resume(&thread, params.clone()).await?,
        };
        let (request, answer) = match resumed {
            Some(answer) => ("thread/resume", answer),
            None => {
                let started = self.request("thread/start", Value::Object(params)).await;
                ("thread/start", started.map_err(|failure| failure.of("thread/start"))?)
            }
        };
        let answer = ThreadAnswer::deserialize(answer).map_err(|error| AgentError::Request {
            request,
            reason: format!("it answered something else: {error}"),
        })?;
        answer
            .check(&self.config, self.place(directory))
            .map_err(|reason| AgentError::Permissions { reason })?;
        let thread = ThreadId::new(answer.thread.id);
        self.thread = Some(thread.clone());
        Ok(thread)
    }

    async fn start_turn(&mut self, order: &TurnOrder) -> Result<TurnId, AgentError> {
        let refused = |reason: String| AgentError::Request { request: "turn/start", reason };
        let Some(thread) = &self.thread else {
            return Err(refused("no thread is open".to_owned()));
        };
        // Codex would take it as a message to the running turn, and answer as if it had started one.
        if self.connection.stage() != Stage::None {
            return Err(refused("a turn is still running".to_owned()));
        }
        let mut params = json!({
            "threadId": thread,
            "input": [{ "type": "text", "text": order.input }],
            "clientUserMessageId": order.message_id,
        });
        if let Some(schema) = &order.output_schema {
            params["outputSchema"] = serde_json::from_str(schema).map_err(|error| {
                refused(format!("the output schema is not JSON: {}", one_line(&error.to_string())))
            })?;
        }
        Ok(TurnId::new(self.order_turn(&order.message_id, params).await?))
    }

    async fn next_event(&mut self) -> Result<AgentEvent, AgentError> {
        self.connection.next_event().await
    }

    async fn tell(&mut self, message: &Message) -> Result<Told, AgentError> {
        let begin_by = Instant::now() + BEGIN_TIMEOUT;
        let Stage::Running { id: turn } = self.connection.settled_stage(begin_by).await else {
            return Ok(Told::NoTurn);
        };
        let params = json!({
            "threadId": self.thread,
            "expectedTurnId": turn,
            "input": [{ "type": "text", "text": message.text }],
            "clientUserMessageId": message.id,
        });
        match self.request_once("turn/steer", params).await {
            Err(Failure::Overloaded) => Ok(Told::NoTurn),
            Ok(_) => Ok(Told::Taken),
            Err(Failure::Refused(reason))
                if NOT_STEERABLE.iter().any(|text| reason.contains(text)) =>
            {
                tracing::debug!(reason, "no turn takes a message now");
                Ok(Told::NoTurn)
            }
            Err(failure) => Err(failure.of("turn/steer")),
        }
    }

    async fn told(&mut self, ids: &[String]) -> Result<Vec<String>, AgentError> {
        Ok(self.find(ids).await?.into_iter().map(|(id, _)| id).collect())
    }

    async fn interrupt(&mut self) -> Result<(), AgentError> {
        let deadline = Instant::now() + self.config.request_timeout;
        loop {
            let turn = match self.connection.settled_stage(deadline).await {
                Stage::None => return Ok(()),
                Stage::Running { id } => id,
                Stage::Ordered => {
                    let reason = "the turn did not start".to_owned();
                    return Err(AgentError::Request { request: "turn/interrupt", reason });
                }
            };
            let params = json!({ "threadId": self.thread, "turnId": turn });
            match self.request("turn/interrupt", params).await {
                Ok(_) => break,
                Err(Failure::Refused(reason))
                    if reason.contains(NO_ACTIVE_TURN) && Instant::now() < deadline =>
                {
                    sleep(INTERRUPT_RETRY).await;
                }
                Err(failure) => return Err(failure.of("turn/interrupt")),
            }
        }
        // An interrupt ends the model's talk, not the commands.
        self.clean().await;
        Ok(())
    }

    async fn look_at_turn(&mut self, turn: &TurnId) -> Result<TurnRecord, AgentError> {
        const REQUEST: &str = "thread/turns/list";
        let unreadable = |reason: String| AgentError::Request { request: REQUEST, reason };
        let Some(thread) = self.thread.clone() else {
            return Err(unreadable("no thread is open".to_owned()));
        };
        let params = json!({ "threadId": thread, "limit": NEWEST_TURNS });
        let answer = self.request(REQUEST, params).await.map_err(|failure| failure.of(REQUEST))?;
        let turns = Vec::<TurnBody>::deserialize(&answer["data"])
            .map_err(|error| unreadable(format!("it answered something else: {error}")))?;
        let Some(kept) = turns.into_iter().find(|kept| kept.id == turn.as_str()) else {
            return Ok(TurnRecord::Unknown);
        };
        let record = kept.record();
        if record == TurnRecord::Ended {
            let (thread, turn) = (thread.to_string(), kept.id.clone());
            // If it was heard meanwhile, the turn is not open any more, and this says nothing new.
            self.connection.observe(News { thread, turn, what: kept.end() });
        }
        Ok(record)
    }

    async fn commands_cpu_time(&mut self) -> Option<Duration> {
        patchrelay_process::descendants_cpu_time(self.connection.process()?).await
    }

    async fn close(mut self: Box<Self>) {
        self.clean().await;
        self.connection.close().await;
        // A command may have got rid of our mark, and codex has put its own on it.
        let thread = self.thread.iter().map(|thread| Marker::of_others(THREAD, thread.as_str()));
        for marker in thread.chain([self.marker.clone()]) {
            if let Err(error) = patchrelay_process::reap(&marker).await {
                tracing::warn!(%marker, %error, "commands of the agent are left over");
            }
        }
    }
}
