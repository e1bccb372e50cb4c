//! The `Tracker` port over Linear.

use async_trait::async_trait;
use chrono::DateTime;
use patchrelay_domain::{
    ActivityContent, IssueId, Ticket, TicketTarget, Timestamp, TrackerState, TrackerStateKind,
    Versioned,
};
use patchrelay_ports::{CallError, CreateActivity, MoveTicket, Tracker, TrackerIdentity};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{
    Credential, LinearConfig, SetupError,
    operations::{
        AgentActivityById, AgentActivityCreate, IssueById, IssueUpdate, TeamWorkflow, Viewer,
        agent_activity_by_id, agent_activity_create, issue_by_id, issue_update, team_workflow,
        viewer,
    },
    transport::{Failure, Transport},
};

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
            Ok(TrackerIdentity { workspace: answer.organization.id, app_user: answer.viewer.id })
        });
        identity.await.cloned()
    }

    async fn read_ticket(&self, issue: &IssueId) -> Result<Versioned<Ticket>, CallError> {
        let operation = || format!("read ticket {issue} from Linear");
        let identity = self.identity_for(issue, operation).await?;
        let found =
            self.read(issue).await.map_err(|failure| failure.into_call_error(operation()))?;
        let time = |text: &str| {
            let read = DateTime::parse_from_rfc3339(text);
            read.map(|time| Timestamp::from_millis(time.timestamp_millis())).map_err(|error| {
                CallError::Unanswered {
                    operation: operation(),
                    retry_after: None,
                    source: error.into(),
                }
            })
        };
        let version = time(&found.updated_at)?;
        let ended = found.completed_at.as_deref().or(found.canceled_at.as_deref());
        let ended = ended.map(time).transpose()?;
        Ok(Versioned { version, value: Ticket { ended, ..self.ticket(found, &identity) } })
    }

    async fn create_activity(&self, order: &CreateActivity) -> Result<(), CallError> {
        let Err(failure) = self.write_activity(order).await else { return Ok(()) };
        let is_written = match &failure {
            // What Linear answers to an id that it knows is not documented, so any no, and any failure of its own, may
            // be that. The activity itself tells.
            Failure::Refused(_) | Failure::Trouble(_) => self.is_written(order).await,
            Failure::Unanswered { .. } | Failure::NotFound | Failure::Unauthorized(_) => false,
        };
        if is_written {
            return Ok(());
        }
        Err(failure.into_call_error(format!(
            "write activity {} into Linear session {}",
            order.id, order.session
        )))
    }

    async fn move_ticket(&self, order: &MoveTicket) -> Result<(), CallError> {
        let operation = || {
            let to = match order.to {
                TicketTarget::Started => "started",
                TicketTarget::Completed => "completed",
            };
            format!("move ticket {} to {to} in Linear", order.issue)
        };
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
            tracker_project: found.project.map(|project| project.name),
            labels: found.labels.nodes.into_iter().map(|label| label.name).collect(),
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
        };
        let answer = self
            .transport
            .send::<AgentActivityCreate>(agent_activity_create::Variables { input })
            .await?;
        carried_out(answer.agent_activity_create.success)
    }

    /// Whether the activity is in its session. Not being able to tell is "no": the error of the write is reported then.
    async fn is_written(&self, order: &CreateActivity) -> bool {
        let found = self
            .transport
            .send::<AgentActivityById>(agent_activity_by_id::Variables { id: order.id.clone() });
        found
            .await
            .is_ok_and(|found| found.agent_activity.agent_session.id == order.session.as_str())
    }

    async fn advance(&self, order: &MoveTicket) -> Result<(), Failure> {
        let issue = self.read(&order.issue).await?;
        let current = TrackerStateKind::from_linear(&issue.state.type_);
        let is_moved_on = match order.to {
            TicketTarget::Started => !current.is_before_start(),
            TicketTarget::Completed => current.is_final(),
        };
        if is_moved_on {
            return Ok(());
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
        carried_out(self.transport.send::<IssueUpdate>(variables).await?.issue_update.success)
    }
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
            let kind = match to {
                TicketTarget::Started => "started",
                TicketTarget::Completed => "completed",
            };
            Failure::Refused(format!("the team has no workflow state of type `{kind}`"))
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
