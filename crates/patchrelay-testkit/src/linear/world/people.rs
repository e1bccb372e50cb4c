//! What people say on tickets and in sessions, and the webhooks that tell of it.

use serde_json::{Value, json};

use super::{Issue, Session, TEAM_KEY, TEAM_NAME, World, new_id, text_of};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The human who writes and delegates the tickets.
    Human,
    /// Another member of the workspace.
    Colleague,
    /// Somebody who writes from another service, and is no member.
    Stranger,
    /// Another app of the workspace.
    OtherApp,
    /// Our own app.
    App,
}

/// A comment that somebody wrote, or a prompt, which is a comment too.
#[derive(Clone, Debug)]
pub(in crate::linear) struct Said {
    id: String,
    issue: String,
    parent: Option<String>,
    by: Speaker,
    body: String,
    created_millis: i64,
    edited_millis: Option<i64>,
}

/// What a webhook tells of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::linear) enum Happened {
    Created,
    Edited,
    Removed,
}

impl World {
    /// Somebody comments on a ticket. Tells the comment's id.
    pub(in crate::linear) fn say(
        &mut self,
        key: &str,
        parent: Option<&str>,
        by: Speaker,
        body: &str,
    ) -> String {
        let id = new_id();
        let said = Said {
            id: id.clone(),
            issue: self.by_key(key).id.clone(),
            parent: parent.map(str::to_owned),
            by,
            body: body.to_owned(),
            created_millis: self.now_millis(),
            edited_millis: None,
        };
        self.said.push(said);
        id
    }

    /// Its author changes a comment. Tells what it said before.
    pub(in crate::linear) fn edit(&mut self, comment: &str, body: &str) -> String {
        let now = self.now_millis();
        let said = self
            .said
            .iter_mut()
            .find(|said| said.id == comment)
            .expect("a comment is edited that was written");
        said.edited_millis = Some(now);
        std::mem::replace(&mut said.body, body.to_owned())
    }

    /// The comment that began the thread of the newest session of a ticket.
    pub(in crate::linear) fn thread(&self, key: &str) -> String {
        self.newest(key).expect("the ticket has a session").comment.clone()
    }

    /// The body of the webhook about a comment.
    pub(in crate::linear) fn comment_told(
        &mut self,
        comment: &str,
        happened: Happened,
        before: Option<&str>,
    ) -> Value {
        let now = self.now_millis();
        let said = self.found(comment);
        let issue = self.issue_of(&said.issue);
        let (action, updated_from) = match happened {
            Happened::Created => ("create", Value::Null),
            Happened::Edited => (
                "update",
                json!({ "body": before, "editedAt": null, "updatedAt": text_of(said.created_millis) }),
            ),
            Happened::Removed => ("remove", Value::Null),
        };
        let member = self.member(said.by);
        let is_external = said.by == Speaker::Stranger;
        json!({
            "type": "Comment",
            "action": action,
            "createdAt": text_of(now),
            "organizationId": self.organization,
            "webhookId": self.webhook,
            "webhookTimestamp": now,
            "url": format!("{}#comment-{}", self.url(issue), said.id),
            "actor": match is_external {
                true => Value::Null,
                false => {
                    let mut actor = member.clone();
                    actor["type"] = json!("user");
                    actor
                }
            },
            "updatedFrom": updated_from,
            "data": {
                "id": said.id,
                "body": said.body,
                "createdAt": text_of(said.created_millis),
                "updatedAt": text_of(said.edited_millis.unwrap_or(said.created_millis)),
                "editedAt": said.edited_millis.map(text_of),
                "archivedAt": null,
                "reactionData": {},
                "botActor": null,
                "issueId": issue.id,
                "issue": {
                    "id": issue.id,
                    "identifier": issue.key,
                    "title": issue.title,
                    "url": self.url(issue),
                    "teamId": self.team,
                    "team": { "id": self.team, "key": TEAM_KEY, "name": TEAM_NAME },
                },
                "parentId": said.parent,
                "parent": said.parent.as_deref().map(|parent| self.thread_of(parent, issue)),
                "userId": match is_external { true => Value::Null, false => member["id"].clone() },
                "user": match is_external { true => Value::Null, false => member.clone() },
                "externalUserId": match is_external { true => member["id"].clone(), false => Value::Null },
                "externalUser": match is_external {
                    true => json!({ "id": member["id"], "name": member["name"], "email": member["email"] }),
                    false => Value::Null,
                },
            },
        })
    }

    /// The body of the webhook about a prompt in the newest session of a ticket: what this comment says, or without one
    /// the sign to stop.
    pub(in crate::linear) fn prompted(
        &mut self,
        key: &str,
        by: Speaker,
        comment: Option<&str>,
    ) -> Value {
        let now = self.now_millis();
        let session = self.newest(key).expect("the ticket has a session");
        let said = comment.map(|comment| self.found(comment));
        let body = said.map_or("stop", |said| &said.body);
        let member = self.member(by);
        let mut told = self.session_event(now, session);
        told["action"] = json!("prompted");
        told["promptContext"] = Value::Null;
        told["agentActivity"] = json!({
            "id": new_id(),
            "agentSessionId": session.id,
            "content": { "type": "prompt", "body": body },
            "signal": if said.is_none() { json!("stop") } else { Value::Null },
            "signalMetadata": null,
            "sourceCommentId": comment,
            "createdAt": text_of(now),
            "updatedAt": text_of(now),
            "archivedAt": null,
            "userId": member["id"],
            "user": member,
        });
        told
    }

    /// The comments that the app's own words became: each as a webhook tells of it.
    pub(in crate::linear) fn echoes(&mut self, key: &str) -> Vec<Value> {
        let thread = self.newest(key).map(|session| session.comment.clone());
        let became_comments = ["response", "error", "elicitation"];
        let texts: Vec<_> = self
            .activities(key)
            .into_iter()
            .filter(|activity| became_comments.contains(&activity.kind.as_str()))
            .map(|activity| (new_id(), thread.clone(), activity.text()))
            .chain(self.comments(key).into_iter().map(|own| (own.id, None, own.body)))
            .collect();
        let issue = self.by_key(key).id.clone();
        let mut told = Vec::new();
        for (id, parent, body) in texts {
            let created_millis = self.now_millis();
            self.said.retain(|said| said.id != id);
            self.said.push(Said {
                id: id.clone(),
                issue: issue.clone(),
                parent,
                by: Speaker::App,
                body,
                created_millis,
                edited_millis: None,
            });
            told.push(self.comment_told(&id, Happened::Created, None));
        }
        told
    }

    /// What Linear calls the root of a session's thread.
    pub(super) fn thread_root(&self, session: &Session, issue: &Issue) -> Value {
        self.thread_of(&session.comment, issue)
    }

    fn thread_of(&self, comment: &str, issue: &Issue) -> Value {
        let known = self.said.iter().find(|said| said.id == comment);
        json!({
            "id": comment,
            "body": known.map_or("This thread is for an agent session with patchrelay.", |said| &said.body),
            "issueId": issue.id,
            "userId": known.map(|said| self.member(said.by)["id"].clone()),
        })
    }

    fn found(&self, comment: &str) -> &Said {
        self.said.iter().find(|said| said.id == comment).expect("the comment was written")
    }

    fn issue_of(&self, id: &str) -> &Issue {
        self.issues.iter().find(|issue| issue.id == id).expect("a comment is on a ticket")
    }

    /// What Linear shows of somebody.
    pub(super) fn member(&self, speaker: Speaker) -> Value {
        let (id, name, email) = match speaker {
            Speaker::Human => (&self.human, "Ada", "ada@linear.test"),
            Speaker::Colleague => (&self.colleague, "Bob", "bob@linear.test"),
            Speaker::Stranger => (&self.stranger, "Eve", "eve@elsewhere.test"),
            Speaker::OtherApp => (&self.other_app, "Robot", "robot@oauthapp.linear.app"),
            // Nothing but the id tells it from a human.
            Speaker::App => (&self.app_user, "PatchRelay", "patchrelay@linear.test"),
        };
        json!({
            "id": id,
            "name": name,
            "email": email,
            "avatarUrl": null,
            "url": format!("https://linear.test/profiles/{id}"),
        })
    }
}
