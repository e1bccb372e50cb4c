//! Threads: what they were started with, what is kept of them, and who may write to them.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::agent::{
    protocol::{Refused, agent_message, now_ms, text, user_message},
    script::Flaws,
};

/// A thread that this process has loaded.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) history: History,
    pub(crate) cwd: PathBuf,
    /// Held as long as the thread is loaded, and let go by the system when the process dies.
    _writer: File,
}

/// What is kept of a thread on disk, from its first turn on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) id: String,
    pub(crate) turns: Vec<KeptTurn>,
}

/// One turn of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeptTurn {
    pub(crate) id: String,
    pub(crate) client_id: Option<String>,
    pub(crate) prompt: String,
    pub(crate) is_report: bool,
    /// `None` while it runs, and for ever if the process died then.
    pub(crate) status: Option<String>,
    /// Why it failed, if it did.
    #[serde(default)]
    pub(crate) error: Value,
    pub(crate) answer: Option<String>,
    /// What it was told while it ran: the client's id of it, and the text.
    #[serde(default)]
    pub(crate) told: Vec<(Option<String>, String)>,
}

impl History {
    /// The prompt that the thread began with.
    pub(crate) fn first_prompt(&self) -> &str {
        self.turns.first().map_or("", |turn| turn.prompt.as_str())
    }

    /// How many turns of this kind came before its last one.
    pub(crate) fn earlier(&self, is_report: bool) -> usize {
        self.turns.iter().rev().skip(1).filter(|turn| turn.is_report == is_report).count()
    }

    /// Writes it down, whole or not at all.
    pub(crate) fn keep(&self, home: &Path) -> io::Result<()> {
        let file = file(home, &self.id);
        fs::create_dir_all(file.parent().unwrap_or(home))?;
        let draft = file.with_extension("new");
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, file)
    }

    /// Reads it; `None` if nothing of it was kept.
    pub(crate) fn read(home: &Path, id: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(home, id)).ok()?).ok()
    }

    /// The answer to `thread/items/list` with the newest first: a page of what was said to it and what it answered.
    pub(crate) fn list_items(&self, from: usize, limit: usize) -> Value {
        let items = self.turns.iter().rev().flat_map(|turn| {
            let first = (turn.client_id.clone(), turn.prompt.clone());
            let said =
                std::iter::once(&first).chain(&turn.told).enumerate().map(|(n, (id, text))| {
                    user_message(&format!("{}-user-{n}", turn.id), id.as_deref(), text)
                });
            let answer = turn.answer.as_ref();
            let answer =
                answer.map(|text| agent_message(&format!("{}-answer", turn.id), text, true));
            let items: Vec<_> = said.chain(answer).collect();
            items.into_iter().rev().map(|item| json!({ "turnId": turn.id, "item": item }))
        });
        let page: Vec<_> = items.skip(from).take(limit + 1).collect();
        let next = (limit < page.len()).then(|| (from + limit).to_string());
        json!({ "data": page.iter().take(limit).collect::<Vec<_>>(), "nextCursor": next })
    }

    /// The answer to `thread/turns/list`, newest first. A turn that nobody ended shows as interrupted.
    pub(crate) fn list(&self, running: Option<&str>) -> Value {
        let turns = self.turns.iter().rev().map(|turn| {
            let status =
                if running == Some(turn.id.as_str()) { "inProgress" } else { "interrupted" };
            let mut items = vec![user_message(
                &format!("{}-user", turn.id),
                turn.client_id.as_deref(),
                &turn.prompt,
            )];
            items.extend(
                turn.answer
                    .as_ref()
                    .map(|answer| agent_message(&format!("{}-answer", turn.id), answer, true)),
            );
            let status = turn.status.as_deref().unwrap_or(status);
            turn_body(&turn.id, status, turn.error.clone(), items)
        });
        json!({ "data": turns.collect::<Vec<_>>(), "nextCursor": null })
    }
}

/// A turn as it appears in answers and news.
pub(crate) fn turn_body(id: &str, status: &str, error: Value, items: Vec<Value>) -> Value {
    let view = if items.is_empty() { "notLoaded" } else { "summary" };
    json!({
        "id": id, "rootTurnId": id, "status": status, "error": error, "items": items, "itemsView": view,
        "startedAt": null, "completedAt": null, "durationMs": null,
    })
}

impl Thread {
    /// Carries out `thread/start` (no history) or `thread/resume`. Answers with the thread and the answer.
    pub(crate) fn open(
        home: &Path,
        params: &Value,
        history: Option<History>,
        flaws: &Flaws,
    ) -> Result<(Self, Value), Refused> {
        let history = history
            .unwrap_or_else(|| History { id: Uuid::now_v7().to_string(), ..History::default() });
        let permissions = Permissions::read(params)?;
        let cwd = PathBuf::from(text(params, "cwd")?);
        let writer = lock(home, &history.id)?;
        let mut answer = json!({
            "thread": {
                "id": history.id, "sessionId": history.id, "preview": history.first_prompt(), "ephemeral": false,
                "historyMode": "paginated", "modelProvider": params["modelProvider"], "createdAt": now_ms() / 1000,
                "status": { "type": "idle" }, "cwd": cwd, "source": "vscode", "turns": [],
            },
            "model": params["model"].as_str().unwrap_or("scripted"),
            "modelProvider": params["modelProvider"].as_str().unwrap_or("scripted"),
            "cwd": cwd,
            "runtimeWorkspaceRoots": [cwd],
            "instructionSources": [],
            "approvalPolicy": params["approvalPolicy"].as_str().unwrap_or("on-request"),
            "approvalsReviewer": "user",
            "sandbox": permissions.sandbox,
            "activePermissionProfile": permissions.profile,
            "reasoningEffort": params["config"]["model_reasoning_effort"],
        });
        for (name, value) in &flaws.thread_answer {
            answer[name] = value.clone();
        }
        Ok((Self { history, cwd, _writer: writer }, answer))
    }
}

/// What a thread may do, in the two forms of the answer.
struct Permissions {
    sandbox: Value,
    profile: Value,
}

impl Permissions {
    fn read(params: &Value) -> Result<Self, Refused> {
        let workspace = |network: bool| {
            json!({
                "type": "workspaceWrite", "writableRoots": [], "networkAccess": network,
                "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
            })
        };
        let read_only = json!({ "type": "readOnly", "networkAccess": false });
        match (params["sandbox"].as_str(), params["permissions"].as_str()) {
            (Some(_), Some(_)) => {
                Err(Refused::new("`permissions` cannot be combined with `sandbox`"))
            }
            (Some("workspace-write"), None) => {
                let network = &params["config"]["sandbox_workspace_write"]["network_access"];
                Ok(Self { sandbox: workspace(*network == true), profile: Value::Null })
            }
            (Some("danger-full-access"), None) => {
                Ok(Self { sandbox: json!({ "type": "dangerFullAccess" }), profile: Value::Null })
            }
            (Some("read-only"), None) | (None, None) => {
                Ok(Self { sandbox: read_only, profile: Value::Null })
            }
            (Some(other), None) => {
                Err(Refused::new(format!("Invalid request: unknown variant `{other}`")))
            }
            (None, Some(name)) => {
                let profile = &params["config"]["permissions"][name];
                if !profile.is_object() {
                    let what = format!("default_permissions refers to undefined profile `{name}`");
                    return Err(Refused::new(format!("failed to load configuration: {what}")));
                }
                check_files(&profile["filesystem"])?;
                let sandbox = match profile["extends"].as_str() {
                    Some(":workspace") => workspace(profile["network"]["enabled"] == true),
                    Some(_) | None => read_only,
                };
                Ok(Self { sandbox, profile: json!({ "id": name, "extends": profile["extends"] }) })
            }
        }
    }
}

fn check_files(files: &Value) -> Result<(), Refused> {
    for (path, access) in files.as_object().into_iter().flatten() {
        if !matches!(access.as_str(), Some("deny" | "read" | "write")) {
            let what = "data did not match any variant of untagged enum FilesystemPermissionToml\nin `permissions`\n";
            return Err(Refused::new(format!("failed to load configuration: {what}")));
        }
        if !(path.starts_with('/') || path.starts_with("~/") || path.starts_with(':')) {
            let what = format!(
                "filesystem path `{path}` must be absolute, use `~/...`, or start with `:`"
            );
            return Err(Refused::new(format!("failed to load configuration: {what}")));
        }
    }
    Ok(())
}

fn lock(home: &Path, id: &str) -> Result<File, Refused> {
    let broken = |error: &io::Error| Refused(-32603, format!("failed to lock the thread: {error}"));
    let locks = home.join("thread-writer-locks");
    fs::create_dir_all(&locks).map_err(|error| broken(&error))?;
    let file = File::create(locks.join(format!("{id}.lock"))).map_err(|error| broken(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Refused::new(format!("thread {id} already has an active writer")))
        }
        Err(TryLockError::Error(error)) => Err(broken(&error)),
    }
}

fn file(home: &Path, id: &str) -> PathBuf {
    home.join("scripted-threads").join(format!("{id}.json"))
}
