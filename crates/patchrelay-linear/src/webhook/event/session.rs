//! Agent sessions: one opened, or somebody wrote into it.

use patchrelay_domain::{Actor, IssueId, RouteHint, SessionId, Standing};
use patchrelay_ports::{OpenSession, Prompt, PromptOrder, SignalKind};
use serde::Deserialize;

use super::{THREAD_MARKER, User, id, member, present, readable, required, time};

/// The part of the body that we read. Whatever may be missing is optional here; what must not is asked for below.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    action: Option<String>,
    organization_id: Option<String>,
    app_user_id: Option<String>,
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
    comment_id: Option<String>,
    source_comment_id: Option<String>,
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
    id: Option<String>,
    content: Option<Content>,
    signal: Option<String>,
    source_comment_id: Option<String>,
    user_id: Option<String>,
    user: Option<User>,
    created_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Content {
    #[serde(rename = "type")]
    kind: Option<String>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Comment {
    body: Option<String>,
}

/// What an event says to us, if it says something. The error names the field that is missing or wrong.
pub(super) fn read(event: Event) -> Result<Option<SignalKind>, String> {
    match required(event.action.clone(), "action")?.as_str() {
        "created" => opened(event).map(Some),
        "prompted" => prompted(event),
        _ => Ok(None),
    }
}

/// A session with where it is, and its comment's text.
struct Placed {
    issue: IssueId,
    hint: RouteHint,
    session: OpenSession,
    comment_body: Option<String>,
}

fn placed(workspace: Option<String>, session: Option<Session>) -> Result<Placed, String> {
    let workspace = id(workspace, "organizationId")?;
    let session = session.ok_or("`agentSession` is missing")?;
    let (issue_id, key, team) = match session.issue {
        Some(issue) => (issue.id.or(session.issue_id), issue.identifier, issue.team),
        None => (session.issue_id, None, None),
    };
    let issue = IssueId::new(workspace, id(issue_id, "agentSession.issue.id")?);
    Ok(Placed {
        issue,
        hint: RouteHint {
            key: present(key),
            team: team
                .map(|team| {
                    [team.key, team.id, team.name].into_iter().filter_map(present).collect()
                })
                .unwrap_or_default(),
            tracker_project: None,
            labels: None,
        },
        session: OpenSession {
            id: SessionId::new(required(session.id, "agentSession.id")?),
            author: member(session.creator, session.creator_id),
            // One that cannot be read is as good as none: the time of receipt is close to it.
            opened: readable(session.created_at),
            comments: [session.source_comment_id, session.comment_id]
                .into_iter()
                .filter_map(present)
                .collect(),
        },
        comment_body: session.comment.and_then(|comment| comment.body),
    })
}

fn opened(event: Event) -> Result<SignalKind, String> {
    let Placed { issue, hint, mut session, comment_body } =
        placed(event.organization_id, event.agent_session)?;
    let said = event.agent_activity.and_then(|activity| {
        let text = present(activity.content.and_then(|content| content.body))?;
        Some((text, activity.source_comment_id, member(activity.user, activity.user_id)))
    });
    let prompt = match said {
        Some((text, comment, author)) => {
            session.author = author.or(session.author);
            session.comments.extend(present(comment));
            Some(text)
        }
        None => present(comment_body),
    };
    let prompt = prompt.filter(|text| !text.trim_start().starts_with(THREAD_MARKER));
    Ok(SignalKind::SessionOpened { issue, hint, session, prompt })
}

fn prompted(event: Event) -> Result<Option<SignalKind>, String> {
    let Placed { issue, hint, session, .. } = placed(event.organization_id, event.agent_session)?;
    let activity = event.agent_activity.ok_or("`agentActivity` is missing")?;
    let content = activity.content.ok_or("`agentActivity.content` is missing")?;
    // Every other type is an agent's.
    if required(content.kind, "agentActivity.content.type")? != "prompt" {
        return Ok(None);
    }
    let activity_id = required(activity.id, "agentActivity.id")?;
    let author = member(activity.user, activity.user_id)
        .ok_or("`agentActivity.userId` is missing")
        .map(|author| as_ourselves(author, event.app_user_id.as_deref()))?;
    let said = time(activity.created_at, "agentActivity.createdAt")?;
    let (source, order) = match (activity.signal.as_deref(), present(content.body)) {
        (Some("stop"), _) => (activity_id, PromptOrder::Stop),
        (_, Some(text)) => {
            // Linear tells of the comment as well, and may tell of its edits.
            (present(activity.source_comment_id).unwrap_or(activity_id), PromptOrder::Text(text))
        }
        (_, None) => return Ok(None),
    };
    let prompt = Prompt { source, said, author, order };
    Ok(Some(SignalKind::Prompted { issue, hint, session, prompt }))
}

/// Who this is, which may be us.
fn as_ourselves(author: Actor, app_user: Option<&str>) -> Actor {
    if Some(author.id.as_str()) == app_user {
        Actor { standing: Standing::Ourselves, ..author }
    } else {
        author
    }
}
