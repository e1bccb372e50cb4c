//! What an agent session event says.

use chrono::DateTime;
use patchrelay_domain::{IssueId, RouteHint, SessionId, Timestamp};
use patchrelay_ports::{Signal, SignalKind};
use serde::Deserialize;

use super::AGENT_SESSION_EVENT;

/// How the comment begins that Linear itself writes when a ticket is delegated. No human said it.
const THREAD_MARKER: &str = "This thread is for an agent session";

/// The part of the body that we read. Whatever may be missing is optional here; what must not is asked for below.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "type")]
    kind: Option<String>,
    action: Option<String>,
    organization_id: Option<String>,
    agent_session: Option<Session>,
    agent_activity: Option<Activity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    id: Option<String>,
    issue_id: Option<String>,
    issue: Option<Issue>,
    comment: Option<Comment>,
    creator_id: Option<String>,
    creator: Option<User>,
    created_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Issue {
    id: Option<String>,
    identifier: Option<String>,
    team: Option<Team>,
}

#[derive(Debug, Deserialize)]
struct Team {
    id: Option<String>,
    key: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    content: Option<Content>,
    user_id: Option<String>,
    user: Option<User>,
}

#[derive(Debug, Deserialize)]
struct Content {
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Comment {
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
struct User {
    id: Option<String>,
}

/// Reads a body. The error names the field that is missing or wrong.
pub(super) fn read(body: &[u8]) -> Result<Vec<Signal>, String> {
    let event: Event =
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body))
            .map_err(|error| error.to_string())?;
    if event.kind.as_deref() != Some(AGENT_SESSION_EVENT) {
        return Err(format!("`type` is not {AGENT_SESSION_EVENT}"));
    }
    if required(event.action.clone(), "action")? != "created" {
        return Ok(Vec::new());
    }
    opened(event).map(|kind| vec![Signal { kind }])
}

fn opened(event: Event) -> Result<SignalKind, String> {
    let workspace = id(event.organization_id, "organizationId")?;
    let session = event.agent_session.ok_or("`agentSession` is missing")?;
    let (issue_id, key, team) = match session.issue {
        Some(issue) => (issue.id.or(session.issue_id), issue.identifier, issue.team),
        None => (session.issue_id, None, None),
    };
    let issue = IssueId::new(workspace, id(issue_id, "agentSession.issue.id")?);
    let said = event.agent_activity;
    let (activity_body, activity_user) = match said {
        Some(activity) => (
            activity.content.and_then(|content| content.body),
            activity.user_id.or(activity.user.and_then(|user| user.id)),
        ),
        None => (None, None),
    };
    let comment_body = session.comment.and_then(|comment| comment.body);
    Ok(SignalKind::SessionOpened {
        issue,
        hint: RouteHint {
            key: present(key),
            team: team
                .map(|team| {
                    [team.key, team.id, team.name].into_iter().filter_map(present).collect()
                })
                .unwrap_or_default(),
            tracker_project: Vec::new(),
            labels: None,
        },
        session: SessionId::new(required(session.id, "agentSession.id")?),
        prompt: present(activity_body)
            .or(present(comment_body))
            .filter(|text| !text.trim_start().starts_with(THREAD_MARKER)),
        author: present(activity_user)
            .or(present(session.creator_id))
            .or(session.creator.and_then(|creator| present(creator.id))),
        // One that cannot be read is as good as none: the time of receipt is close to it.
        opened: session
            .created_at
            .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
            .map(|time| Timestamp::from_millis(time.timestamp_millis())),
    })
}

/// A name that becomes part of an issue's, where `/` has a meaning.
fn id(value: Option<String>, field: &str) -> Result<String, String> {
    let id = required(value, field)?;
    if id.contains('/') { Err(format!("`{field}` is not an id")) } else { Ok(id) }
}

fn required(value: Option<String>, field: &str) -> Result<String, String> {
    present(value).ok_or_else(|| format!("`{field}` is missing"))
}

/// A text that says something.
fn present(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.trim().is_empty())
}
