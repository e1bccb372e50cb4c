//! Comments on tickets.

use patchrelay_domain::{Actor, IssueId, Standing};
use patchrelay_ports::{Comment, SignalKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{THREAD_MARKER, User, id, member, present, required, time};
use crate::tracker::comment_id;

/// The part of the body that we read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    action: Option<String>,
    organization_id: Option<String>,
    created_at: Option<String>,
    actor: Option<Changer>,
    data: Option<Data>,
    /// What was different before an update.
    updated_from: Option<Map<String, Value>>,
}

/// Who changed the comment.
#[derive(Debug, Deserialize)]
struct Changer {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    id: Option<String>,
    body: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    edited_at: Option<String>,
    issue_id: Option<String>,
    issue: Option<Issue>,
    parent_id: Option<String>,
    parent: Option<Parent>,
    user_id: Option<String>,
    user: Option<User>,
    external_user_id: Option<String>,
    external_user: Option<User>,
    /// JSON in a text, or JSON.
    bot_actor: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Issue {
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    id: Option<String>,
    body: Option<String>,
}

/// What an event says to us, if it says something. The error names the field that is missing or wrong.
pub(super) fn read(event: Event) -> Result<Option<SignalKind>, String> {
    let action = required(event.action, "action")?;
    let workspace = id(event.organization_id, "organizationId")?;
    let mut data = event.data.ok_or("`data` is missing")?;
    let issue = data.issue.take().and_then(|issue| issue.id).or(data.issue_id.take());
    // Those on documents and updates of projects are about no ticket.
    let Some(issue) = present(issue) else { return Ok(None) };
    let issue = IssueId::new(workspace, id(Some(issue), "data.issueId")?);
    let comment = required(data.id.take(), "data.id")?;
    let body = data.body.take();
    if body.as_deref().is_some_and(|text| text.trim_start().starts_with(THREAD_MARKER)) {
        return Ok(None);
    }
    let is_ours = comment == comment_id(&issue);
    let parent = data.parent.take();
    let in_session = parent
        .as_ref()
        .and_then(|parent| parent.body.as_deref())
        .is_some_and(|text| text.trim_start().starts_with(THREAD_MARKER));
    let parent = present(parent.and_then(|parent| parent.id).or(data.parent_id.take()));
    let (text, said, changer) = match action.as_str() {
        "create" => {
            (required(body, "data.body")?, time(data.created_at.take(), "data.createdAt")?, None)
        }
        // A resolved thread and a reaction are updates, too.
        "update" if event.updated_from.as_ref().is_some_and(|from| !from.contains_key("body")) => {
            return Ok(None);
        }
        "update" => {
            let edited = present(data.edited_at.take()).or(data.updated_at.take());
            (body.unwrap_or_default(), time(edited, "data.editedAt")?, event.actor)
        }
        "remove" => (String::new(), time(event.created_at, "createdAt")?, None),
        _ => return Ok(None),
    };
    let author = author(data, changer);
    Ok(Some(SignalKind::Commented {
        comment: Comment {
            id: comment,
            parent,
            in_session,
            said,
            author: match is_ours {
                true => Actor { standing: Standing::Ourselves, ..author },
                false => author,
            },
            text,
            is_edit: action != "create",
        },
        issue,
    }))
}

/// Who said what the comment says. Whoever changed somebody else's has said it instead.
fn author(data: Data, changer: Option<Changer>) -> Actor {
    let bot = data.bot_actor.filter(|bot| !bot.is_null());
    let author = match (bot, member(data.user, data.user_id)) {
        (Some(bot), user) => Actor {
            id: user.map(|user| user.id).or_else(|| bot_id(&bot)).unwrap_or_default(),
            name: None,
            email: None,
            standing: Standing::Program,
        },
        (None, Some(member)) => member,
        (None, None) => outsider(data.external_user, data.external_user_id),
    };
    match changer {
        Some(changer) if present(changer.id.clone()).is_some_and(|id| id != author.id) => Actor {
            id: changer.id.unwrap_or_default(),
            name: present(changer.name),
            email: present(changer.email),
            standing: match changer.kind.as_deref() {
                Some(kind) if kind.eq_ignore_ascii_case("user") => Standing::Member,
                Some(_) | None => Standing::Program,
            },
        },
        Some(_) | None => author,
    }
}

/// Somebody who writes from another service. What that says of their e-mail is not Linear's word.
fn outsider(user: Option<User>, id: Option<String>) -> Actor {
    let (shown, name) = user.map(|user| (user.id, user.name)).unwrap_or_default();
    Actor {
        id: present(id).or(present(shown)).unwrap_or_default(),
        name: present(name),
        email: None,
        standing: Standing::Outsider,
    }
}

fn bot_id(bot: &Value) -> Option<String> {
    match bot {
        Value::String(text) => {
            let bot: Value = serde_json::from_str(text).ok()?;
            bot["id"].as_str().map(str::to_owned)
        }
        Value::Object(bot) => bot.get("id")?.as_str().map(str::to_owned),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}
