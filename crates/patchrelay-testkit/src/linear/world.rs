//! What is in the workspace, and what may be done to it.

mod people;
mod report;
mod webhook;

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) use self::people::Happened;
pub use self::{people::Speaker, report::FakeComment};

/// The kinds of activity that an app may write. `prompt` is the human's.
const WITH_BODY: [&str; 4] = ["thought", "elicitation", "response", "error"];

/// A ticket, as it was when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeIssue {
    /// Its id.
    pub id: String,
    /// Its key, such as `APP-1`.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// The name of its workflow state.
    pub state: String,
    /// The type of its workflow state.
    pub state_type: String,
    /// Whether it is delegated to the app.
    pub delegated: bool,
}

/// Something that the app wrote into an agent session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeActivity {
    /// Its id.
    pub id: String,
    /// The session.
    pub session: String,
    /// `thought`, `action`, `elicitation`, `response` or `error`.
    pub kind: String,
    /// The content as it was sent, `type` included.
    pub content: Value,
    /// Whether it goes away with the next one.
    pub ephemeral: bool,
}

impl FakeActivity {
    /// What a reader sees: the body, or the action and its parameter.
    pub fn text(&self) -> String {
        let text = |name: &str| self.content[name].as_str().unwrap_or_default();
        match self.kind.as_str() {
            "action" => format!("{} {}", text("action"), text("parameter")),
            _ => text("body").to_owned(),
        }
    }
}

/// Why Linear says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct No {
    pub(super) message: String,
    pub(super) presentable: String,
}

/// The workspace.
#[derive(Debug)]
pub(super) struct World {
    pub(super) organization: String,
    pub(super) app_user: String,
    pub(super) human: String,
    colleague: String,
    stranger: String,
    other_app: String,
    oauth_client: String,
    webhook: String,
    team: String,
    states: Vec<State>,
    issues: Vec<Issue>,
    sessions: Vec<Session>,
    activities: Vec<FakeActivity>,
    comments: Vec<FakeComment>,
    said: Vec<people::Said>,
    latest_millis: i64,
}

#[derive(Debug)]
struct State {
    id: String,
    name: &'static str,
    kind: &'static str,
    position: f64,
}

#[derive(Debug)]
struct Issue {
    id: String,
    key: String,
    title: String,
    description: String,
    state: String,
    labels: Vec<String>,
    /// The addresses of what is attached.
    attachments: Vec<String>,
    /// The ids of the tickets that block it.
    blocked_by: Vec<String>,
    is_delegated: bool,
    updated_millis: i64,
    /// Since when it is in a state that ends it.
    ended_millis: Option<i64>,
}

#[derive(Debug)]
struct Session {
    id: String,
    issue: String,
    comment: String,
    created_millis: i64,
    plan: Vec<Value>,
    /// Label and address.
    links: Vec<(String, String)>,
}

/// The key of the team.
const TEAM_KEY: &str = "APP";

/// The name of the team.
const TEAM_NAME: &str = "Application";

impl World {
    pub(super) fn new() -> Self {
        // Positions are not in the order of the list: who takes the first of a kind by chance is found out.
        let states = [
            ("Backlog", "backlog", 0.0),
            ("Todo", "unstarted", 1.0),
            ("In Review", "started", 3.0),
            ("In Progress", "started", 2.0),
            ("Released", "completed", 4.0),
            ("Done", "completed", 5.0),
            ("Canceled", "canceled", 6.0),
        ];
        let states =
            states.map(|(name, kind, position)| State { id: new_id(), name, kind, position });
        Self {
            organization: new_id(),
            app_user: new_id(),
            human: new_id(),
            colleague: new_id(),
            stranger: new_id(),
            other_app: new_id(),
            oauth_client: new_id(),
            webhook: new_id(),
            team: new_id(),
            states: states.into(),
            issues: Vec::new(),
            sessions: Vec::new(),
            activities: Vec::new(),
            comments: Vec::new(),
            said: Vec::new(),
            latest_millis: 0,
        }
    }

    /// The time. It never stands still, so that no two versions of a ticket have the same.
    pub(super) fn now_millis(&mut self) -> i64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the fake is an outside service and has its own clock"
        )]
        let since_epoch =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        self.latest_millis = now.max(self.latest_millis + 1);
        self.latest_millis
    }

    pub(super) fn create_issue(&mut self, title: &str, description: &str) -> FakeIssue {
        let issue = Issue {
            id: new_id(),
            key: format!("{TEAM_KEY}-{}", self.issues.len() + 1),
            title: title.to_owned(),
            description: description.to_owned(),
            state: self.state_named("Todo"),
            labels: Vec::new(),
            attachments: Vec::new(),
            blocked_by: Vec::new(),
            is_delegated: false,
            updated_millis: self.now_millis(),
            ended_millis: None,
        };
        let key = issue.key.clone();
        self.issues.push(issue);
        self.issue(&key)
    }

    pub(super) fn issue(&self, key: &str) -> FakeIssue {
        let issue = self.by_key(key);
        let state = self.state(&issue.state);
        FakeIssue {
            id: issue.id.clone(),
            key: issue.key.clone(),
            title: issue.title.clone(),
            description: issue.description.clone(),
            state: state.name.to_owned(),
            state_type: state.kind.to_owned(),
            delegated: issue.is_delegated,
        }
    }

    pub(super) fn move_issue(&mut self, key: &str, state: &str) {
        let state = self.state_named(state);
        self.change(key, |issue| issue.state = state);
    }

    pub(super) fn label_issue(&mut self, key: &str, label: &str) {
        self.change(key, |issue| issue.labels.push(label.to_owned()));
    }

    pub(super) fn attach(&mut self, key: &str, url: &str) {
        self.change(key, |issue| issue.attachments.push(url.to_owned()));
    }

    /// Whoever blocks another is not changed by that, and neither is the other.
    pub(super) fn block(&mut self, key: &str, blocker: &str) {
        let blocker = self.by_key(blocker).id.clone();
        let issue = self.issues.iter_mut().find(|issue| issue.key == key);
        issue.expect("a fake is asked about tickets that it has").blocked_by.push(blocker);
    }

    pub(super) fn undelegate(&mut self, key: &str) {
        self.change(key, |issue| issue.is_delegated = false);
    }

    /// Delegates a ticket and tells the id of the session that opens.
    pub(super) fn open_session(&mut self, key: &str) -> String {
        self.change(key, |issue| issue.is_delegated = true);
        self.open_session_below(key, &new_id())
    }

    /// Opens a session in the thread of a comment, which delegates nothing. Tells the session's id.
    pub(super) fn open_session_below(&mut self, key: &str, comment: &str) -> String {
        let session = Session {
            id: new_id(),
            issue: self.by_key(key).id.clone(),
            comment: comment.to_owned(),
            created_millis: self.now_millis(),
            plan: Vec::new(),
            links: Vec::new(),
        };
        let id = session.id.clone();
        self.sessions.push(session);
        id
    }

    pub(super) fn newest_session(&self, key: &str) -> Option<String> {
        self.newest(key).map(|session| session.id.clone())
    }

    pub(super) fn activities(&self, key: &str) -> Vec<FakeActivity> {
        let issue = &self.by_key(key).id;
        let sessions: Vec<_> =
            self.sessions.iter().filter(|session| session.issue == *issue).collect();
        let is_of_issue = |activity: &&FakeActivity| {
            sessions.iter().any(|session| session.id == activity.session)
        };
        self.activities.iter().filter(is_of_issue).cloned().collect()
    }

    fn by_key(&self, key: &str) -> &Issue {
        self.issues
            .iter()
            .find(|issue| issue.key == key)
            .expect("a fake is asked about tickets that it has")
    }

    fn change(&mut self, key: &str, change: impl FnOnce(&mut Issue)) {
        let now = self.now_millis();
        let issue = self
            .issues
            .iter_mut()
            .find(|issue| issue.key == key)
            .expect("a fake is asked about tickets that it has");
        change(issue);
        issue.updated_millis = now;
        let state = self.states.iter().find(|state| state.id == issue.state);
        let is_over = state.is_some_and(|state| matches!(state.kind, "completed" | "canceled"));
        issue.ended_millis = is_over.then(|| issue.ended_millis.unwrap_or(now));
    }

    fn state(&self, id: &str) -> &State {
        self.states.iter().find(|state| state.id == id).expect("a ticket is in a state of its team")
    }

    fn state_named(&self, name: &str) -> String {
        let state = self.states.iter().find(|state| state.name == name);
        state.expect("a ticket is moved to a state that the team has").id.clone()
    }
}

// What the API can do. Objects come out whole, with their type's name; the selection is made later.
impl World {
    pub(super) fn viewer(&self) -> Value {
        json!({ "__typename": "User", "id": self.app_user })
    }

    pub(super) fn organization(&self) -> Value {
        json!({ "__typename": "Organization", "id": self.organization })
    }

    pub(super) fn team_by_id(&self, id: &str) -> Result<Value, No> {
        if id == self.team || id == TEAM_KEY { Ok(self.team()) } else { Err(No::not_found("Team")) }
    }

    /// By id or by key, as Linear takes both.
    pub(super) fn issue_by_id(&self, id: &str) -> Result<Value, No> {
        let issue = self.issues.iter().find(|issue| issue.id == id || issue.key == id);
        let issue = issue.ok_or_else(|| No::not_found("Issue"))?;
        let user = |id: &str| json!({ "__typename": "User", "id": id });
        let is_in = |kind: &str| self.state(&issue.state).kind == kind;
        let ended = |kind: &str| issue.ended_millis.filter(|_| is_in(kind)).map(text_of);
        let labels: Vec<Value> = issue
            .labels
            .iter()
            .map(|name| json!({ "__typename": "IssueLabel", "name": name }))
            .collect();
        let attachments: Vec<Value> = issue
            .attachments
            .iter()
            .map(|url| json!({ "__typename": "Attachment", "url": url }))
            .collect();
        let relations: Vec<Value> =
            issue.blocked_by.iter().map(|blocker| self.blocks(blocker)).collect();
        Ok(json!({
            "__typename": "Issue",
            "id": issue.id,
            "identifier": issue.key,
            "title": issue.title,
            "description": issue.description,
            "url": self.url(issue),
            "priority": 0.0,
            "updatedAt": text_of(issue.updated_millis),
            "completedAt": ended("completed"),
            "canceledAt": ended("canceled"),
            "state": state(self.state(&issue.state)),
            "team": self.team(),
            "project": null,
            "labels": { "__typename": "IssueLabelConnection", "nodes": labels },
            "attachments": { "__typename": "AttachmentConnection", "nodes": attachments },
            "inverseRelations": { "__typename": "IssueRelationConnection", "nodes": relations },
            "delegate": issue.is_delegated.then(|| user(&self.app_user)),
            "assignee": user(&self.human),
        }))
    }

    /// Those that a filter lets through, as far as its parts are known here; those that changed last first.
    pub(super) fn issues(&self, filter: &Value) -> Result<Value, No> {
        let over: Vec<&str> = filter["state"]["type"]["nin"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let is_wanted = |issue: &&Issue| {
            let delegate = filter["delegate"]["id"]["eq"].as_str();
            let assignee = filter["assignee"]["id"]["eq"].as_str();
            delegate.is_none_or(|user| issue.is_delegated && user == self.app_user)
                && assignee.is_none_or(|user| user == self.human)
                && !over.contains(&self.state(&issue.state).kind)
        };
        let mut found: Vec<_> = self.issues.iter().filter(is_wanted).collect();
        found.sort_by_key(|issue| std::cmp::Reverse(issue.updated_millis));
        let nodes: Result<Vec<_>, No> =
            found.into_iter().map(|issue| self.issue_by_id(&issue.id)).collect();
        Ok(json!({ "__typename": "IssueConnection", "nodes": nodes? }))
    }

    /// The relation of a ticket that blocks another.
    fn blocks(&self, blocker: &str) -> Value {
        let blocker = self.issues.iter().find(|issue| issue.id == blocker);
        let blocker = blocker.expect("a ticket blocks that was written");
        json!({
            "__typename": "IssueRelation",
            "type": "blocks",
            "issue": {
                "__typename": "Issue",
                "id": blocker.id,
                "identifier": blocker.key,
                "state": state(self.state(&blocker.state)),
            },
        })
    }

    pub(super) fn activity_by_id(&self, id: &str) -> Result<Value, No> {
        let activity = self.activities.iter().find(|activity| activity.id == id);
        let activity = activity.ok_or_else(|| No::not_found("AgentActivity"))?;
        Ok(json!({
            "__typename": "AgentActivity",
            "id": activity.id,
            "agentSession": { "__typename": "AgentSession", "id": activity.session },
        }))
    }

    pub(super) fn create_activity(
        &mut self,
        id: Option<&str>,
        session: &str,
        content: &Value,
        ephemeral: bool,
    ) -> Result<Value, No> {
        let id = id.map_or_else(new_id, str::to_owned);
        if Uuid::parse_str(&id).ok().is_none_or(|id| id.get_version_num() != 4) {
            return Err(No::invalid("id must be a UUID in version 4 format"));
        }
        if self.activities.iter().any(|activity| activity.id == id) {
            return Err(No::invalid(&format!("Entity with id {id} already exists")));
        }
        if !self.sessions.iter().any(|known| known.id == session) {
            return Err(No::not_found("AgentSession"));
        }
        let says = |name: &str| content[name].as_str().is_some_and(|text| !text.is_empty());
        let kind = content["type"].as_str().unwrap_or_default();
        let is_complete = match kind {
            "action" => says("action") && says("parameter"),
            kind => WITH_BODY.contains(&kind) && says("body"),
        };
        if !is_complete {
            return Err(No::invalid(&format!(
                "content is not that of an activity of type `{kind}`"
            )));
        }
        let kind = kind.to_owned();
        self.activities.push(FakeActivity {
            id,
            session: session.to_owned(),
            kind,
            content: content.clone(),
            ephemeral,
        });
        Ok(json!({ "__typename": "AgentActivityPayload", "success": true }))
    }

    pub(super) fn update_issue(&mut self, id: &str, state: Option<&str>) -> Result<Value, No> {
        let issue = self.issues.iter().find(|issue| issue.id == id || issue.key == id);
        let key = issue.ok_or_else(|| No::not_found("Issue"))?.key.clone();
        if let Some(state) = state {
            if !self.states.iter().any(|known| known.id == state) {
                return Err(No::not_found("WorkflowState"));
            }
            self.change(&key, |issue| state.clone_into(&mut issue.state));
        }
        Ok(json!({ "__typename": "IssuePayload", "success": true }))
    }

    fn team(&self) -> Value {
        let states: Vec<Value> = self.states.iter().map(state).collect();
        json!({
            "__typename": "Team",
            "id": self.team,
            "key": TEAM_KEY,
            "name": TEAM_NAME,
            "states": { "__typename": "WorkflowStateConnection", "nodes": states },
        })
    }

    fn url(&self, issue: &Issue) -> String {
        format!("https://linear.test/{}/issue/{}", self.organization, issue.key)
    }
}

fn state(state: &State) -> Value {
    json!({
        "__typename": "WorkflowState",
        "id": state.id,
        "name": state.name,
        "type": state.kind,
        "position": state.position,
    })
}

impl No {
    pub(super) fn not_found(entity: &str) -> Self {
        Self {
            message: format!("Entity not found: {entity}"),
            presentable: format!("Could not find referenced {entity}."),
        }
    }

    pub(super) fn invalid(message: &str) -> Self {
        Self { message: message.to_owned(), presentable: message.to_owned() }
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn text_of(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
