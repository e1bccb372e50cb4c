//! The messages, read leniently: what is not known is passed over, because each version of codex adds some.

use chrono::{DateTime, Local};
use patchrelay_domain::{Glimpse, PlanStatus, PlanStep, TurnRecord, TurnStatus};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::failed;

/// A longer text of codex is cut in our errors and progress lines, in characters.
const MAX_TEXT: usize = 300;
/// The longest answer of a turn that is kept, in bytes. A report is some kilobytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// A message from the app-server. Its own requests have their own ids, which overlap with ours, so the members that
/// are there tell the kinds apart.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// The answer to a request of ours.
    Answer { id: u64, result: Result<Value, Refusal> },
    /// Something that it wants to know. It waits for ever if nobody answers.
    Question { id: Value, method: String, params: Value },
    /// News.
    News { method: String, params: Value },
}

/// Why a request was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its code, which says something in one case only.
    pub(crate) code: i64,
    /// In words.
    pub(crate) reason: String,
}

impl Refusal {
    /// The code of a server with too much to do. It did not take the request.
    pub(crate) const OVERLOADED: i64 = -32001;
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    error: Option<ErrorBody>,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Incoming {
    /// Reads a line; `None` if it is not a message.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice(line).ok()?;
        match (envelope.method, envelope.id) {
            (Some(method), Some(id)) => {
                Some(Self::Question { id, method, params: envelope.params })
            }
            (Some(method), None) => Some(Self::News { method, params: envelope.params }),
            (None, Some(id)) => Some(Self::Answer {
                id: id.as_u64()?,
                result: match envelope.error {
                    Some(error) => {
                        Err(Refusal { code: error.code, reason: one_line(&error.message) })
                    }
                    None => Ok(envelope.result),
                },
            }),
            (None, None) => None,
        }
    }
}

/// News about a turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) thread: String,
    pub(crate) turn: String,
    pub(crate) what: What,
}

/// What happened in the turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It runs: from now on it can be interrupted.
    Started,
    /// The agent said something. `is_final` is false for remarks on the way.
    Said { text: String, is_final: bool },
    /// It read a message of ours.
    Heard { message: String },
    /// Something else moved; people may be shown what.
    Moved { line: String, seen: Option<Glimpse> },
    /// What the thread has cost so far, all its processes together, and the last request of it.
    Cost { total: u64, last: u64 },
    /// It is over.
    Ended { status: TurnStatus, last_message: Option<String> },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    thread_id: String,
    turn_id: Option<String>,
    turn: Option<TurnBody>,
    #[serde(default)]
    item: Value,
    error: Option<ErrorBody>,
    token_usage: Option<TokenUsage>,
    #[serde(default)]
    plan: Vec<PlannedStep>,
}

#[derive(Deserialize)]
struct PlannedStep {
    #[serde(default)]
    step: String,
    #[serde(default)]
    status: String,
}

impl PlannedStep {
    fn read(&self) -> PlanStep {
        PlanStep {
            content: one_line(&self.step),
            status: match self.status.as_str() {
                "completed" => PlanStatus::Completed,
                "inProgress" => PlanStatus::InProgress,
                _ => PlanStatus::Pending,
            },
        }
    }
}

#[derive(Deserialize)]
struct TokenUsage {
    total: Tokens,
    last: Tokens,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    total_tokens: u64,
}

/// A turn, in answers and in news.
#[derive(Deserialize)]
pub(crate) struct TurnBody {
    pub(crate) id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    items: Vec<Value>,
}

impl News {
    /// What this notification says about a turn; `None` if it is about something else or of a kind that is not known.
    pub(crate) fn parse(method: &str, params: Value) -> Option<Self> {
        let params: Params = serde_json::from_value(params).ok()?;
        let (turn, what) = match method {
            "turn/started" => (params.turn?.id, What::Started),
            "turn/completed" => {
                let turn = params.turn?;
                (turn.id.clone(), turn.end())
            }
            "item/started" => (params.turn_id?, begun(&params.item)?),
            "item/completed" => (params.turn_id?, completed(&params.item)?),
            "turn/plan/updated" => {
                let line = "it updated its plan".to_owned();
                let steps = params.plan.iter().map(PlannedStep::read).collect();
                (params.turn_id?, What::Moved { line, seen: Some(Glimpse::Planned { steps }) })
            }
            "thread/tokenUsage/updated" => {
                let usage = params.token_usage?;
                let (total, last) = (usage.total.total_tokens, usage.last.total_tokens);
                (params.turn_id?, What::Cost { total, last })
            }
            "error" => {
                let line = format!("trouble with the model: {}", one_line(&params.error?.message));
                (params.turn_id?, moved(line))
            }
            _ => return None,
        };
        Some(Self { thread: params.thread_id, turn, what })
    }
}

impl TurnBody {
    /// How it stands, as the records have it.
    pub(crate) fn record(&self) -> TurnRecord {
        match self.status.as_str() {
            "inProgress" => TurnRecord::InProgress,
            "completed" | "interrupted" | "failed" => TurnRecord::Ended,
            _ => TurnRecord::Unknown,
        }
    }

    /// Its end, once it has one.
    pub(crate) fn end(&self) -> What {
        let last_message = self.items.iter().filter_map(message).next_back().map(|(text, _)| text);
        What::Ended { status: status(self), last_message }
    }
}

/// What time it is to codex. Its messages name times of day by this machine's clock and zone, whatever our own clock says.
#[expect(
    clippy::disallowed_methods,
    reason = "only the clock that codex reads tells what it means"
)]
pub(crate) fn codex_time() -> DateTime<Local> {
    Local::now()
}

fn status(turn: &TurnBody) -> TurnStatus {
    match turn.status.as_str() {
        "completed" => TurnStatus::Completed,
        "interrupted" => TurnStatus::Interrupted,
        other => failed(other, &turn.error, &codex_time()),
    }
}

/// What it says that an item is complete.
fn completed(item: &Value) -> Option<What> {
    if let Some(message) = message_of_ours(item) {
        return Some(What::Heard { message: message.to_owned() });
    }
    Some(match message(item) {
        Some((text, is_final)) => What::Said { text, is_final },
        None => moved(done(item)?),
    })
}

/// Our id of a message that we sent.
pub(crate) fn message_of_ours(item: &Value) -> Option<&str> {
    if item["type"] == "userMessage" { item["clientId"].as_str() } else { None }
}

/// The text of an agent's message, and whether it is meant as its last word.
fn message(item: &Value) -> Option<(String, bool)> {
    if item["type"] != "agentMessage" {
        return None;
    }
    let mut text = item["text"].as_str()?.to_owned();
    text.truncate(text.floor_char_boundary(MAX_ANSWER));
    Some((text, !matches!(item["phase"].as_str(), Some("commentary" | "partial_answer"))))
}

fn begun(item: &Value) -> Option<What> {
    let doing = |what: &str, action: &'static str, object: &Value| {
        let object = one_line(object.as_str()?);
        let line = format!("it {what} `{object}`");
        Some(What::Moved { line, seen: Some(Glimpse::Doing { action, object }) })
    };
    match item["type"].as_str()? {
        "commandExecution" => doing("runs", "Running", &item["command"]),
        "mcpToolCall" | "dynamicToolCall" => doing("calls", "Using", &item["tool"]),
        "webSearch" => Some(moved("it searches the web".to_owned())),
        "contextCompaction" => Some(moved("it sums up what it did so far".to_owned())),
        _ => None,
    }
}

fn moved(line: String) -> What {
    What::Moved { line, seen: None }
}

fn done(item: &Value) -> Option<String> {
    match item["type"].as_str()? {
        "commandExecution" => Some(match item["exitCode"].as_i64() {
            Some(code) => format!("`{}` ended with {code}", one_line(item["command"].as_str()?)),
            None => format!("`{}` ended", one_line(item["command"].as_str()?)),
        }),
        "fileChange" => {
            let paths: Vec<_> = item["changes"]
                .as_array()?
                .iter()
                .filter_map(|change| change["path"].as_str())
                .collect();
            Some(one_line(&format!("it edited {}", paths.join(", "))))
        }
        "reasoning" => Some("it thought".to_owned()),
        _ => None,
    }
}

/// One line of bounded length without control characters.
pub(crate) fn one_line(text: &str) -> String {
    // Far more than is kept: most of a text of megabytes need not be looked at.
    let head = &text[..text.floor_char_boundary(MAX_TEXT * 16)];
    let cleaned: String = head.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
