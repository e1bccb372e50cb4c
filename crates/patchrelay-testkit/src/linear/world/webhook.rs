//! What a webhook says about the workspace. A test compares it with the payload types of Linear's schema.

use serde_json::{Value, json};

use super::{Issue, Session, Speaker, TEAM_KEY, TEAM_NAME, World, text_of};

impl World {
    /// The body of the webhook about a session that opened.
    pub(in crate::linear) fn session_created(&mut self, session: &str) -> Value {
        let now = self.now_millis();
        let session = self
            .sessions
            .iter()
            .find(|known| known.id == session)
            .expect("the session was opened here");
        self.session_event(now, session)
    }

    pub(super) fn session_event(&self, now: i64, session: &Session) -> Value {
        let issue = self
            .issues
            .iter()
            .find(|issue| issue.id == session.issue)
            .expect("a session is on a ticket");
        json!({
            "type": "AgentSessionEvent",
            "action": "created",
            "createdAt": text_of(now),
            "organizationId": self.organization,
            "oauthClientId": self.oauth_client,
            "appUserId": self.app_user,
            "webhookId": self.webhook,
            "webhookTimestamp": now,
            "promptContext": format!("<issue identifier=\"{}\"><title>{}</title></issue>", issue.key, issue.title),
            "previousComments": null,
            "guidance": null,
            "agentActivity": null,
            "agentSession": self.session(session, issue),
        })
    }

    fn session(&self, session: &Session, issue: &Issue) -> Value {
        let created = text_of(session.created_millis);
        json!({
            "id": session.id,
            "type": "commentThread",
            "status": "pending",
            "createdAt": created,
            "updatedAt": created,
            "startedAt": null,
            "endedAt": null,
            "archivedAt": null,
            "summary": null,
            "sourceMetadata": null,
            "url": format!("{}#agent-session-{}", self.url(issue), session.id),
            "organizationId": self.organization,
            "appUserId": self.app_user,
            "creatorId": self.human,
            "creator": self.member(Speaker::Human),
            "commentId": session.comment,
            "comment": self.thread_root(session, issue),
            "sourceCommentId": null,
            "issueId": issue.id,
            "issue": {
                "id": issue.id,
                "identifier": issue.key,
                "title": issue.title,
                "description": issue.description,
                "url": self.url(issue),
                "teamId": self.team,
                "team": { "id": self.team, "key": TEAM_KEY, "name": TEAM_NAME },
            },
        })
    }
}
