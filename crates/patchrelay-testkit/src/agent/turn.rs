//! A running turn.

use std::{path::PathBuf, sync::Arc, time::Duration};

use patchrelay_process::{Command, MARKER_VARIABLE};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};
use uuid::Uuid;

use crate::agent::{
    edit,
    protocol::{Out, agent_message, user_message},
    script::Step,
    thread::turn_body,
};

/// How long a command may take: longer than any test.
const COMMAND_LIMIT: Duration = Duration::from_secs(3_600);
/// How often a gate is looked at.
const GATE_POLL: Duration = Duration::from_millis(10);

/// A turn that is about to run.
pub(crate) struct Turn {
    pub(crate) thread: String,
    pub(crate) id: String,
    pub(crate) client_id: Option<String>,
    pub(crate) prompt: String,
    pub(crate) cwd: PathBuf,
    pub(crate) steps: Vec<Step>,
    pub(crate) out: Out,
    /// The answers to its questions.
    pub(crate) answers: mpsc::UnboundedReceiver<Value>,
    /// Told when it runs.
    pub(crate) started: Arc<Notify>,
}

/// How a turn came to its end by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed { answer: Option<String> },
    Failed { message: String, info: Value },
    Crashed,
    Left,
}

impl Turn {
    /// Runs it. Dropping it is interrupting it.
    pub(crate) async fn run(mut self) -> End {
        self.out.notify(
            "thread/status/changed",
            self.about(json!({ "status": { "type": "active", "activeFlags": [] } })),
        );
        self.out.notify(
            "turn/started",
            json!({ "threadId": self.thread, "turn": turn_body(&self.id, "inProgress", Value::Null, vec![]) }),
        );
        self.started.notify_one();
        self.item(user_message(&new_id(), self.client_id.as_deref(), &self.prompt));
        let last_say = self.steps.iter().rposition(|step| matches!(step, Step::Say(_)));
        let mut answer = None;
        let mut questions = 0;
        for (n, step) in std::mem::take(&mut self.steps).into_iter().enumerate() {
            if let Some(edited) = edit::apply(&self.cwd, &step) {
                match edited {
                    Ok(file) => self.item(json!({
                        "type": "fileChange", "id": new_id(), "status": "completed",
                        "changes": [{ "path": file, "kind": { "type": "update" }, "diff": "" }],
                    })),
                    Err(message) => return End::Failed { message, info: json!("other") },
                }
                continue;
            }
            match step {
                Step::Say(text) => {
                    self.say(&text, last_say == Some(n));
                    answer = Some(text);
                }
                Step::Run(command) => {
                    if let Err(message) = self.execute(&command).await {
                        return End::Failed { message, info: json!("other") };
                    }
                }
                Step::SleepMs(duration) => sleep(Duration::from_millis(duration)).await,
                Step::WaitFor(gate) => {
                    while !gate.exists() {
                        sleep(GATE_POLL).await;
                    }
                }
                Step::Ask { method, mut params } => {
                    params.insert("threadId".to_owned(), json!(self.thread));
                    params.insert("turnId".to_owned(), json!(self.id));
                    self.out.ask(questions, &method, params);
                    questions += 1;
                    let Some(said) = self.answers.recv().await else { return End::Crashed };
                    self.say(&said.to_string(), true);
                    answer = Some(said.to_string());
                }
                Step::Fail(message) => return End::Failed { message, info: json!("other") },
                Step::Overload(message) => {
                    return End::Failed { message, info: json!("serverOverloaded") };
                }
                Step::FailAs { message, info } => return End::Failed { message, info },
                Step::Bytes(bytes) => self.out.raw(bytes),
                Step::Output(length) => self.item(json!({
                    "type": "commandExecution", "id": new_id(), "command": "yes", "exitCode": 0,
                    "aggregatedOutput": "y\n".repeat(length / 2),
                })),
                Step::News { method, mut params } => {
                    params.entry("threadId").or_insert_with(|| json!(self.thread));
                    params.entry("turnId").or_insert_with(|| json!(self.id));
                    self.out.notify(&method, Value::Object(params));
                }
                Step::Leave => return End::Left,
                Step::Crash => return End::Crashed,
                Step::Hang => std::future::pending().await,
                Step::Write { .. }
                | Step::Append { .. }
                | Step::Replace { .. }
                | Step::Delete { .. } => {}
            }
        }
        End::Completed { answer }
    }

    /// Runs a command. Unlike that of the real one, it ends with the turn.
    async fn execute(&self, command: &str) -> Result<(), String> {
        let mut item = json!({ "type": "commandExecution", "id": new_id(), "command": command });
        self.told("item/started", &item);
        let mut shell =
            Command::new("/bin/sh", &self.cwd).args(["-c", command]).env("PATH", "/usr/bin:/bin");
        #[expect(
            clippy::disallowed_methods,
            reason = "this stands for another program, which hands its environment on"
        )]
        if let Ok(marker) = std::env::var(MARKER_VARIABLE) {
            shell = shell.env(MARKER_VARIABLE, marker);
        }
        let ended = shell.run(COMMAND_LIMIT).await.map_err(|error| error.to_string())?;
        item["exitCode"] = json!(ended.status.code());
        self.told("item/completed", &item);
        Ok(())
    }

    fn say(&self, text: &str, is_final: bool) {
        self.item(agent_message(&format!("msg_{}", new_id()), text, is_final));
    }

    fn item(&self, item: Value) {
        self.told("item/started", &item);
        self.told("item/completed", &item);
    }

    fn told(&self, news: &str, item: &Value) {
        self.out.notify(news, self.about(json!({ "item": item, "turnId": self.id })));
    }

    fn about(&self, mut params: Value) -> Value {
        params["threadId"] = json!(self.thread);
        params
    }
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}
