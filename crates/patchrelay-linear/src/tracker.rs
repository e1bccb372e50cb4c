//! The `Tracker` port over Linear.

mod linked;

use async_trait::async_trait;
use chrono::DateTime;
use patchrelay_domain::{
    ActivityContent, IssueId, PlanStatus, PlanStep, Ticket, TicketTarget, Timestamp, TrackerState,
    TrackerStateKind, Versioned,
};
use patchrelay_ports::{
    CallError, CreateActivity, MoveTicket, Moved, SetLink, SetPlan, Tracker, TrackerIdentity,
    WriteComment,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tracing::warn;

use crate::{
    Credential, LinearConfig, SetupError,
    operations::{
        AgentActivityById, AgentActivityCreate, AgentSessionUpdate, CommentById, CommentCreate,
        CommentUpdate, IssueById, IssueUpdate, OpenIssues, TeamWorkflow, Viewer,
        agent_activity_by_id, agent_activity_create, agent_session_update, comment_by_id,
        comment_create, comment_update, issue_by_id, issue_update, open_issues, team_workflow,
        viewer,
    },
    transport::{Failure, Transport},
};

use self::linked::Around;

/// How many pages of tickets are listed at most.
const MAX_PAGES: u32 = 20;

/// Linear, for one workspace and one credential.
///
/// A call repeats nothing by itself. Dropping its future leaves unknown whether Linear carried it out; calling again is
/// safe for every method.
pub struct LinearTracker {
    transport: Transport,
    credential: Credential,
    identity: OnceCell<TrackerIdentity>,
}

impl LinearTracker {
    /// Sets up the way to Linear. Nothing is sent yet.
    pub fn new(config: &LinearConfig) -> Result<Self, SetupError> {
        Ok(Self {
            transport: Transport::new(config)?,
            credential: config.credential.clone(),
            identity: OnceCell::new(),
        })
    }
}

#[async_trait]
impl Tracker for LinearTracker {
    async fn identity(&self) -> Result<TrackerIdentity, CallError> {
        // Of several first callers one asks and the others wait for it. A failure is not remembered.
        let identity = self.identity.get_or_try_init(async || {
            let answer = self
                .transport
                .send::<Viewer>(viewer::Variables {})
                .await
                .map_err(|failure| failure.into_call_error("ask Linear who we are"))?;
            Ok(TrackerIdentity {
                workspace: answer.organization.id,
                app_user: answer.viewer.id,
                is_shared: matches!(self.credential, Credential::PersonalKey(_)),
            })
        });
        identity.await.cloned()
    }

    async fn read_ticket(&self, issue: &IssueId) -> Result<Versioned<Ticket>, CallError> {
        let operation = || format!("read ticket {issue} from Linear");
        let identity = self.identity_for(issue, operation).await?;
        let found =
            self.read(issue).await.map_err(|failure| failure.into_call_error(operation()))?;
        let around = self
            .around(issue, &found)
            .await
            .map_err(|failure| failure.into_call_error(operation()))?;
        let version = time(&found.updated_at, operation)?;
        let ended = found.completed_at.as_deref().or(found.canceled_at.as_deref());
        let ended = ended.map(|ended| time(ended, operation)).transpose()?;
        let Around { labels, linked, blockers, .. } = around;
        let ticket = self.ticket(found, &identity);
        Ok(Versioned { version, value: Ticket { ended, labels, linked, blockers, ..ticket } })
    }

    async fn delegated_tickets(&self) -> Result<Vec<Versioned<IssueId>>, CallError> {
        let operation = || "list the tickets that are delegated to us in Linear".to_owned();
        let identity = self.identity().await?;
        let mut tickets = Vec::new();
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let filter = self.open_and_ours(&identity);
            let variables = open_issues::Variables { filter, after };
            let answer = self.transport.send::<OpenIssues>(variables).await;
            let page = answer.map_err(|failure| failure.into_call_error(operation()))?.issues;
            for found in page.nodes {
                let version = time(&found.updated_at, operation)?;
                let value = IssueId::new(identity.workspace.as_str(), found.id.as_str());
                tickets.push(Versioned { version, value });
            }
            after = page.page_info.end_cursor.filter(|_| page.page_info.has_next_page);
            if after.is_none() {
                return Ok(tickets);
            }
        }
        warn!(tickets = tickets.len(), "more tickets are delegated than are listed");
        Ok(tickets)
    }

    async fn create_activity(&self, order: &CreateActivity) -> Result<(), CallError> {
        let Err(failure) = self.write_activity(order).await else { return Ok(()) };
        let failure = match failure {
            // What Linear answers to an id that it knows is not documented, so any no, and any failure of its own, may
            // be that. The activity itself tells; while it cannot be read, nobody knows whether it is there.
            Failure::Refused(_) | Failure::Trouble(_) => match self.is_written(order).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(Failure::NotFound | Failure::Refused(_)) => failure,
                Err(
                    unknown @ (Failure::Unanswered { .. }
                    | Failure::Trouble(_)
                    | Failure::Unauthorized(_)),
                ) => unknown,
            },
            Failure::Unanswered { .. } | Failure::NotFound | Failure::Unauthorized(_) => failure,
        };
        Err(failure.into_call_error(format!(
            "write activity {} into Linear session {}",
            order.id, order.session
        )))
    }

    async fn set_plan(&self, order: &SetPlan) -> Result<(), CallError> {
        let steps: Vec<_> = order.steps.iter().map(step).collect();
        let input = agent_session_update::AgentSessionUpdateInput {
            plan: Some(steps.into()),
            external_urls: None,
        };
        self.update_session(order.session.as_str(), input).await.map_err(|failure| {
            failure.into_call_error(format!("show the plan in Linear session {}", order.session))
        })
    }

    async fn set_link(&self, order: &SetLink) -> Result<(), CallError> {
        let link = agent_session_update::AgentSessionExternalUrlInput {
            label: format!("Pull request {}", order.number),
            url: order.url.clone(),
        };
        let input = agent_session_update::AgentSessionUpdateInput {
            plan: None,
            external_urls: Some(vec![link]),
        };
        self.update_session(order.session.as_str(), input).await.map_err(|failure| {
            failure.into_call_error(format!(
                "link pull request {} to Linear session {}",
                order.number, order.session
            ))
        })
    }

    async fn write_comment(&self, order: &WriteComment) -> Result<(), CallError> {
        let operation = || format!("comment on ticket {} in Linear", order.issue);
        self.identity_for(&order.issue, operation).await?;
        self.comment(order).await.map_err(|failure| failure.into_call_error(operation()))
    }

    async fn move_ticket(&self, order: &MoveTicket) -> Result<Moved, CallError> {
        let operation =
            || format!("move ticket {} to {} in Linear", order.issue, order.to.as_str());
        self.identity_for(&order.issue, operation).await?;
        self.advance(order).await.map_err(|failure| failure.into_call_error(operation()))
    }
}

impl LinearTracker {
    /// Who we are, if this is a ticket of our workspace. A ticket of another one does not exist for us.
    async fn identity_for(
        &self,
        issue: &IssueId,
        operation: impl Fn() -> String,
    ) -> Result<TrackerIdentity, CallError> {
        let identity = self.identity().await?;
        if identity.workspace == issue.workspace.as_str() {
            Ok(identity)
        } else {
            Err(CallError::NotFound { operation: operation() })
        }
    }

    /// What a ticket is like that is ours to work on.
    fn open_and_ours(&self, identity: &TrackerIdentity) -> open_issues::IssueFilter {
        let id = open_issues::IDComparator { eq: Some(identity.app_user.clone()) };
        let us = Some(open_issues::NullableUserFilter { id: Some(id) });
        let (delegate, assignee) = match self.credential {
            Credential::AppToken(_) => (us, None),
            Credential::PersonalKey(_) => (None, us),
        };
        let over = ["completed", "canceled"].map(str::to_owned).to_vec();
        let type_ = open_issues::StringComparator { nin: Some(over) };
        let state = open_issues::WorkflowStateFilter { type_: Some(type_) };
        open_issues::IssueFilter { delegate, assignee, state: Some(state) }
    }

    async fn read(&self, issue: &IssueId) -> Result<issue_by_id::IssueByIdIssue, Failure> {
        let variables = issue_by_id::Variables { id: issue.ticket.as_str().to_owned() };
        Ok(self.transport.send::<IssueById>(variables).await?.issue)
    }

    fn ticket(&self, found: issue_by_id::IssueByIdIssue, identity: &TrackerIdentity) -> Ticket {
        let ours = match self.credential {
            Credential::AppToken(_) => found.delegate.map(|user| user.id),
            Credential::PersonalKey(_) => found.assignee.map(|user| user.id),
        };
        Ticket {
            key: found.identifier,
            title: found.title,
            description: found.description.unwrap_or_default(),
            url: found.url,
            team_key: found.team.key,
            team_id: found.team.id,
            team_name: found.team.name,
            tracker_project_id: found.project.as_ref().map(|project| project.id.clone()),
            tracker_project: found.project.map(|project| project.name),
            labels: Vec::new(),
            priority: priority(found.priority),
            state: TrackerState {
                kind: TrackerStateKind::from_linear(&found.state.type_),
                id: found.state.id,
                name: found.state.name,
            },
            ended: None,
            delegated: ours.is_some_and(|user| user == identity.app_user),
            blockers: Vec::new(),
            linked: Vec::new(),
        }
    }

    async fn write_activity(&self, order: &CreateActivity) -> Result<(), Failure> {
        let input = agent_activity_create::AgentActivityCreateInput {
            id: Some(order.id.clone()),
            agent_session_id: order.session.as_str().to_owned(),
            content: content(&order.content),
            ephemeral: order.ephemeral.then_some(true),
        };
        let answer = self
            .transport
            .send::<AgentActivityCreate>(agent_activity_create::Variables { input })
            .await?;
        carried_out(answer.agent_activity_create.success)
    }

    /// Whether the activity is in its session.
    async fn is_written(&self, order: &CreateActivity) -> Result<bool, Failure> {
        let variables = agent_activity_by_id::Variables { id: order.id.clone() };
        let found = self.transport.send::<AgentActivityById>(variables).await?;
        Ok(found.agent_activity.agent_session.id == order.session.as_str())
    }

    async fn update_session(
        &self,
        session: &str,
        input: agent_session_update::AgentSessionUpdateInput,
    ) -> Result<(), Failure> {
        let variables = agent_session_update::Variables { id: session.to_owned(), input };
        let answer = self.transport.send::<AgentSessionUpdate>(variables).await?;
        carried_out(answer.agent_session_update.success)
    }

    /// What is there already is not written again: each write is a webhook to everybody.
    async fn comment(&self, order: &WriteComment) -> Result<(), Failure> {
        let id = comment_id(&order.issue);
        let read = comment_by_id::Variables { id: id.clone() };
        match self.transport.send::<CommentById>(read).await {
            Ok(found) if found.comment.body == order.body => Ok(()),
            Ok(_) => {
                let input = comment_update::CommentUpdateInput { body: Some(order.body.clone()) };
                let variables = comment_update::Variables { id, input };
                let answer = self.transport.send::<CommentUpdate>(variables).await?;
                carried_out(answer.comment_update.success)
            }
            Err(Failure::NotFound) => {
                let input = comment_create::CommentCreateInput {
                    id: Some(id),
                    issue_id: Some(order.issue.ticket.as_str().to_owned()),
                    body: Some(order.body.clone()),
                };
                let variables = comment_create::Variables { input };
                let answer = self.transport.send::<CommentCreate>(variables).await?;
                carried_out(answer.comment_create.success)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn advance(&self, order: &MoveTicket) -> Result<Moved, Failure> {
        let issue = self.read(&order.issue).await?;
        if issue.state.id != order.from.id {
            return Ok(Moved::Elsewhere);
        }
        let workflow = self
            .transport
            .send::<TeamWorkflow>(team_workflow::Variables { team_id: issue.team.id })
            .await?;
        let state = fitting_state(workflow.team.states, order.to)?;
        let variables = issue_update::Variables {
            id: order.issue.ticket.as_str().to_owned(),
            input: issue_update::IssueUpdateInput { state_id: Some(state) },
        };
        carried_out(self.transport.send::<IssueUpdate>(variables).await?.issue_update.success)?;
        Ok(Moved::Moved)
    }
}

/// A time of Linear's. One that cannot be read is as good as no answer.
fn time(text: &str, operation: impl Fn() -> String) -> Result<Timestamp, CallError> {
    let read = DateTime::parse_from_rfc3339(text);
    read.map(|time| Timestamp::from_millis(time.timestamp_millis())).map_err(|error| {
        CallError::Unanswered { operation: operation(), retry_after: None, source: error.into() }
    })
}

/// The id of our comment on a ticket. It follows from the ticket, so that every process finds the one comment, and has
/// the form of a random UUID, since Linear takes no other.
pub(crate) fn comment_id(issue: &IssueId) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("patchrelay comment {issue}")).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The id of the state that a ticket is moved to: the first of the kind in the order people see, and among completed
/// ones rather the one that is called done than another (a team may also have "Released").
fn fitting_state(
    states: team_workflow::TeamWorkflowTeamStates,
    to: TicketTarget,
) -> Result<String, Failure> {
    if states.page_info.has_next_page {
        return Err(Failure::Refused(
            "the team has more workflow states than are read at once".to_owned(),
        ));
    }
    let (kind, preferred): (_, &[&str]) = match to {
        TicketTarget::Started => (TrackerStateKind::Started, &[]),
        TicketTarget::Completed => (TrackerStateKind::Completed, &["done", "completed"]),
    };
    let rank =
        |name: &str| !preferred.iter().any(|preferred| name.trim().eq_ignore_ascii_case(preferred));
    states
        .nodes
        .into_iter()
        .filter(|state| TrackerStateKind::from_linear(&state.type_) == kind)
        .min_by(|a, b| rank(&a.name).cmp(&rank(&b.name)).then(a.position.total_cmp(&b.position)))
        .map(|state| state.id)
        .ok_or_else(|| {
            Failure::Refused(format!("the team has no workflow state of type `{}`", to.as_str()))
        })
}

/// What Linear calls an activity's content.
fn content(content: &ActivityContent) -> serde_json::Value {
    match content {
        ActivityContent::Thought { body } => json!({ "type": "thought", "body": body }),
        ActivityContent::Action { action, parameter } => {
            json!({ "type": "action", "action": action, "parameter": parameter })
        }
        ActivityContent::Response { body } => json!({ "type": "response", "body": body }),
        ActivityContent::Elicitation { body } => json!({ "type": "elicitation", "body": body }),
        ActivityContent::Error { body } => json!({ "type": "error", "body": body }),
    }
}

/// What Linear calls a step of a plan.
fn step(step: &PlanStep) -> serde_json::Value {
    let status = match step.status {
        PlanStatus::Pending => "pending",
        PlanStatus::InProgress => "inProgress",
        PlanStatus::Completed => "completed",
        PlanStatus::Canceled => "canceled",
    };
    json!({ "content": step.content, "status": status })
}

fn carried_out(success: bool) -> Result<(), Failure> {
    if success {
        Ok(())
    } else {
        Err(Failure::Refused("Linear reports no success and no error".to_owned()))
    }
}

/// Linear's priority, which travels as a float. A number without a meaning counts as none.
fn priority(number: f64) -> u8 {
    (1..=4_u8).find(|known| f64::from(*known) == number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
