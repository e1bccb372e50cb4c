//! A stub model server: the one endpoint that codex asks, `POST /v1/responses`, answering with scripted server-sent
//! events. With it the real codex works offline and does the same thing each time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use crate::server::{Listening, listen};

/// One answer of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelStep {
    /// It applies a patch in codex's patch format.
    Patch(String),
    /// It runs a shell command.
    Shell(String),
    /// It tells its plan: steps, each with `pending`, `in_progress` or `completed`.
    Plan(Vec<(String, String)>),
    /// It says something, which ends the turn.
    Say(String),
    /// It answers with this status of HTTP and this body. Most of these are asked again by codex.
    Http(u16, Value),
    /// It takes the request and never answers.
    Hang,
    /// Its answer fails, with this code and this message.
    Fail {
        /// The code, as in `context_length_exceeded`.
        code: String,
        /// The message.
        message: String,
    },
}

/// What the model does.
#[derive(Clone, Debug, Default)]
pub struct ModelScript {
    /// The work turns of a thread, in order. The last one is repeated. When the steps of a turn are used up, the model
    /// says that it is done.
    pub turns: Vec<Vec<ModelStep>>,
    /// What it answers when it is asked for JSON.
    pub report: Value,
    /// The percentage of a quota of 300 minutes that each answer says is used, and when that is over, in seconds since the
    /// epoch. Without it, answers say nothing of a quota.
    pub quota: Option<(u32, i64)>,
}

/// A request that the model got.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// The thread, from the header `thread-id`.
    pub thread: String,
    /// The turn.
    pub turn: String,
    /// The whole body.
    pub body: Value,
}

/// A running stub. It ends when this is dropped.
#[derive(Debug)]
pub struct ModelServer {
    listening: Listening,
    state: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: ModelScript,
    talk: Mutex<Talk>,
}

#[derive(Debug, Default)]
struct Talk {
    requests: Vec<ModelRequest>,
    /// The work turns of each thread, each with the number of steps that were taken.
    turns: HashMap<String, Vec<(String, usize)>>,
    calls: u64,
}

/// The longest request, in bytes. Codex sends the whole history each time.
const MAX_REQUEST: usize = 64 * 1024 * 1024;
/// How many requests are kept for assertions.
const MAX_KEPT: usize = 1000;

impl ModelServer {
    /// Serves this script on a free loopback port.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn start(script: ModelScript) -> std::io::Result<Self> {
        let state = Arc::new(Shared { script, talk: Mutex::default() });
        let router = Router::new()
            .route("/v1/responses", post(respond))
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .with_state(Arc::clone(&state));
        Ok(Self { listening: listen(router, 0).await?, state })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.listening.address.port()
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.state.lock().requests.clone()
    }

    /// What the tools answered so far, in order, without repetition.
    pub fn tool_outputs(&self) -> Vec<String> {
        let mut seen: Vec<(Value, String)> = Vec::new();
        for request in self.requests() {
            for item in request.body["input"].as_array().into_iter().flatten() {
                let is_output = matches!(
                    item["type"].as_str(),
                    Some("function_call_output" | "custom_tool_call_output")
                );
                if is_output && !seen.iter().any(|(call, _)| *call == item["call_id"]) {
                    let text = item["output"]
                        .as_str()
                        .map_or_else(|| item["output"].to_string(), str::to_owned);
                    seen.push((item["call_id"].clone(), text));
                }
            }
        }
        seen.into_iter().map(|(_, text)| text).collect()
    }
}

/// The text of a `config.toml` with which codex asks the stub on this port and nobody else.
pub fn codex_config_toml(port: u16) -> String {
    format!(
        r#"# gpt-5.5 is the last model that codex knows with plain tools.
model = "gpt-5.5"
model_provider = "stub"
check_for_update_on_startup = false
allow_login_shell = false

[model_providers.stub]
name = "stub"
base_url = "http://127.0.0.1:{port}/v1"
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 2
stream_max_retries = 2

[features]
plugins = false
apps = false
goals = false
multi_agent = false
unbounded_connection_retries = false

[analytics]
enabled = false
"#
    )
}

async fn respond(
    State(state): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let thread =
        headers.get("thread-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let turn = body["client_metadata"]["turn_id"].as_str().unwrap_or_default().to_owned();
    let wants_json = body["text"]["format"]["type"] == "json_schema";
    let (step, call) = {
        let mut talk = state.lock();
        talk.calls += 1;
        if talk.requests.len() < MAX_KEPT {
            talk.requests.push(ModelRequest { thread: thread.clone(), turn: turn.clone(), body });
        }
        let step = if wants_json {
            ModelStep::Say(state.script.report.to_string())
        } else {
            talk.next(&state.script, thread, turn)
        };
        (step, talk.calls)
    };
    let quota: Vec<_> = state
        .script
        .quota
        .iter()
        .flat_map(|(used, resets_at)| {
            [
                ("x-codex-primary-used-percent", used.to_string()),
                ("x-codex-primary-window-minutes", "300".to_owned()),
                ("x-codex-primary-reset-at", resets_at.to_string()),
            ]
        })
        .map(|(name, value)| (HeaderName::from_static(name), value))
        .collect();
    let quota = AppendHeaders(quota);
    let events = match step {
        ModelStep::Http(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, quota, Json(body)).into_response();
        }
        ModelStep::Hang => std::future::pending().await,
        ModelStep::Fail { code, message } => failure(&code, &message, call),
        ModelStep::Patch(_) | ModelStep::Shell(_) | ModelStep::Plan(_) | ModelStep::Say(_) => {
            success(&item(step, call), call)
        }
    };
    let text: String = events
        .iter()
        .map(|event| {
            format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
        })
        .collect();
    ([(header::CONTENT_TYPE, "text/event-stream")], quota, text).into_response()
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Talk {
    fn next(&mut self, script: &ModelScript, thread: String, turn: String) -> ModelStep {
        let turns = self.turns.entry(thread).or_default();
        let n = turns.iter().position(|(id, _)| *id == turn).unwrap_or_else(|| {
            turns.push((turn, 0));
            turns.len() - 1
        });
        let steps = script.turns.get(n).or(script.turns.last());
        let taken = &mut turns[n].1;
        let step = steps.and_then(|steps| steps.get(*taken)).cloned();
        *taken += 1;
        step.unwrap_or_else(|| ModelStep::Say("Done.".to_owned()))
    }
}

fn item(step: ModelStep, call: u64) -> Value {
    let call_id = format!("call_{call:06}");
    match step {
        ModelStep::Patch(patch) => {
            json!({ "type": "custom_tool_call", "call_id": call_id, "name": "apply_patch", "input": patch })
        }
        ModelStep::Shell(command) => {
            let arguments = json!({ "cmd": command }).to_string();
            json!({ "type": "function_call", "call_id": call_id, "name": "exec_command", "arguments": arguments })
        }
        ModelStep::Plan(steps) => {
            let step =
                |(step, status): &(String, String)| json!({ "step": step, "status": status });
            let arguments =
                json!({ "plan": steps.iter().map(step).collect::<Vec<_>>() }).to_string();
            json!({ "type": "function_call", "call_id": call_id, "name": "update_plan", "arguments": arguments })
        }
        ModelStep::Say(text) => {
            json!({ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": text }] })
        }
        ModelStep::Http(..) | ModelStep::Hang | ModelStep::Fail { .. } => Value::Null,
    }
}

fn success(item: &Value, call: u64) -> Vec<Value> {
    let id = format!("resp_{call:06}");
    let usage = json!({
        "input_tokens": 10, "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 15,
    });
    vec![
        json!({ "type": "response.created", "response": { "id": id } }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": item }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
        json!({ "type": "response.completed", "response": { "id": id, "usage": usage } }),
    ]
}

fn failure(code: &str, message: &str, call: u64) -> Vec<Value> {
    let id = format!("resp_{call:06}");
    let error = json!({ "code": code, "message": message });
    vec![
        json!({ "type": "response.created", "response": { "id": id } }),
        json!({ "type": "response.failed", "response": { "id": id, "status": "failed", "error": error } }),
    ]
}

#[cfg(test)]
mod tests;
