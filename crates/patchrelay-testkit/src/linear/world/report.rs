//! What an app shows of its work: the plan and the link of a session, and comments.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{No, World, new_id};

/// A comment that the app wrote on a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeComment {
    /// Its id.
    pub id: String,
    /// The id of the ticket.
    pub issue: String,
    /// Markdown.
    pub body: String,
    /// How often it was changed.
    pub edits: usize,
}

/// What may stand in a step of a plan.
const STATUS: [&str; 4] = ["pending", "inProgress", "completed", "canceled"];

impl World {
    /// The human deletes the sessions of a ticket: nothing can be written into them any more.
    pub(in crate::linear) fn delete_sessions(&mut self, key: &str) {
        let issue = self.by_key(key).id.clone();
        self.sessions.retain(|session| session.issue != issue);
    }

    pub(in crate::linear) fn plan(&self, key: &str) -> Vec<(String, String)> {
        let Some(session) = self.newest(key) else { return Vec::new() };
        let text = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
        session.plan.iter().map(|step| (text(step, "content"), text(step, "status"))).collect()
    }

    pub(in crate::linear) fn links(&self, key: &str) -> Vec<(String, String)> {
        self.newest(key).map(|session| session.links.clone()).unwrap_or_default()
    }

    pub(in crate::linear) fn comments(&self, key: &str) -> Vec<FakeComment> {
        let issue = &self.by_key(key).id;
        self.comments.iter().filter(|comment| comment.issue == *issue).cloned().collect()
    }

    /// Both parts replace what was there.
    pub(in crate::linear) fn update_session(
        &mut self,
        id: &str,
        input: &Value,
    ) -> Result<Value, No> {
        let steps = input["plan"].as_array().cloned();
        let is_step = |step: &Value| {
            step["content"].as_str().is_some_and(|text| !text.is_empty())
                && step["status"].as_str().is_some_and(|status| STATUS.contains(&status))
        };
        if !input["plan"].is_null()
            && !steps.as_ref().is_some_and(|steps| steps.iter().all(is_step))
        {
            return Err(No::invalid("plan is not a list of steps"));
        }
        let session = self.sessions.iter_mut().find(|session| session.id == id);
        let session = session.ok_or_else(|| No::not_found("AgentSession"))?;
        if let Some(steps) = steps {
            session.plan = steps;
        }
        if let Some(links) = input["externalUrls"].as_array() {
            let text =
                |link: &Value, name: &str| link[name].as_str().unwrap_or_default().to_owned();
            session.links =
                links.iter().map(|link| (text(link, "label"), text(link, "url"))).collect();
        }
        Ok(json!({ "__typename": "AgentSessionPayload", "success": true }))
    }

    pub(in crate::linear) fn comment_by_id(&self, id: &str) -> Result<Value, No> {
        let comment = self.comments.iter().find(|comment| comment.id == id);
        let comment = comment.ok_or_else(|| No::not_found("Comment"))?;
        Ok(json!({ "__typename": "Comment", "body": comment.body }))
    }

    pub(in crate::linear) fn create_comment(&mut self, input: &Value) -> Result<Value, No> {
        let id = input["id"].as_str().map_or_else(new_id, str::to_owned);
        if Uuid::parse_str(&id).ok().is_none_or(|id| id.get_version_num() != 4) {
            return Err(No::invalid("id must be a UUID in version 4 format"));
        }
        if self.comments.iter().any(|comment| comment.id == id) {
            return Err(No::invalid(&format!("Entity with id {id} already exists")));
        }
        let body = body(input)?;
        let wanted = input["issueId"].as_str().unwrap_or_default();
        let issue = self.issues.iter().find(|issue| issue.id == wanted || issue.key == wanted);
        let issue = issue.ok_or_else(|| No::not_found("Issue"))?.id.clone();
        self.comments.push(FakeComment { id, issue, body, edits: 0 });
        Ok(json!({ "__typename": "CommentPayload", "success": true }))
    }

    pub(in crate::linear) fn update_comment(
        &mut self,
        id: &str,
        input: &Value,
    ) -> Result<Value, No> {
        let body = body(input)?;
        let comment = self.comments.iter_mut().find(|comment| comment.id == id);
        let comment = comment.ok_or_else(|| No::not_found("Comment"))?;
        comment.body = body;
        comment.edits += 1;
        Ok(json!({ "__typename": "CommentPayload", "success": true }))
    }

    pub(super) fn newest(&self, key: &str) -> Option<&super::Session> {
        let issue = self.by_key(key);
        self.sessions.iter().rev().find(|session| session.issue == issue.id)
    }
}

fn body(input: &Value) -> Result<String, No> {
    match input["body"].as_str() {
        Some(body) if !body.is_empty() => Ok(body.to_owned()),
        Some(_) | None => Err(No::invalid("body must not be empty")),
    }
}
