//! The shapes of the messages.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

/// Where messages go. The order of sending is the order on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    sender: mpsc::UnboundedSender<Vec<u8>>,
    /// The news that are lost on the way.
    lost: Arc<[String]>,
}

/// Why a request is refused: the code and the text of the real one.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) i64, pub(crate) String);

impl Refused {
    /// The usual refusal.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(-32600, message.into())
    }
}

impl Out {
    pub(crate) fn new(sender: mpsc::UnboundedSender<Vec<u8>>) -> Self {
        Self { sender, lost: Arc::default() }
    }

    /// The same, but for these news.
    pub(crate) fn losing(self, lost: &[String]) -> Self {
        Self { lost: lost.into(), ..self }
    }

    /// Answers a request.
    pub(crate) fn answer(&self, id: &Value, result: Result<Value, Refused>) {
        self.send(&match result {
            Ok(result) => json!({ "id": id, "result": result }),
            Err(Refused(code, message)) => {
                json!({ "id": id, "error": { "code": code, "message": message } })
            }
        });
    }

    /// Tells news.
    pub(crate) fn notify(&self, method: &str, params: Value) {
        if !self.lost.iter().any(|lost| lost == method) {
            self.send(&json!({ "method": method, "params": params, "emittedAtMs": now_ms() }));
        }
    }

    /// Asks the client.
    pub(crate) fn ask(&self, id: u64, method: &str, params: Map<String, Value>) {
        self.send(&json!({ "id": id, "method": method, "params": params }));
    }

    /// Writes something that need not be a message.
    pub(crate) fn raw(&self, bytes: Vec<u8>) {
        if self.sender.send(bytes).is_err() {
            tracing::debug!("the client no longer listens");
        }
    }

    fn send(&self, message: &Value) {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        self.raw(line);
    }
}

/// A text parameter that has to be there.
pub(crate) fn text<'a>(params: &'a Value, name: &str) -> Result<&'a str, Refused> {
    params[name]
        .as_str()
        .ok_or_else(|| Refused::new(format!("Invalid request: missing field `{name}`")))
}

/// An item of a message.
pub(crate) fn agent_message(id: &str, text: &str, is_final: bool) -> Value {
    let phase = if is_final { "final_answer" } else { "commentary" };
    json!({ "type": "agentMessage", "id": id, "text": text, "phase": phase })
}

/// An item of a prompt.
pub(crate) fn user_message(id: &str, client_id: Option<&str>, text: &str) -> Value {
    let content = json!([{ "type": "text", "text": text, "text_elements": [] }]);
    json!({ "type": "userMessage", "id": id, "clientId": client_id, "content": content })
}

/// The wall clock, in milliseconds.
pub(crate) fn now_ms() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this stands for another program, which has its own clock"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
