//! The tracker, and the webhooks of both services.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use patchrelay_domain::{
    ActivityContent, IssueId, PlanStep, PullRequest, RepoSlug, RouteHint, SessionId, Ticket,
    TicketTarget, Timestamp, TrackerState, TrackerStateKind, Versioned,
};
use patchrelay_ports::{
    Admission, CallError, Clock, CreateActivity, Genuine, Headers, InboxRow, MoveTicket, Moved,
    NormalizeError, OpenSession, Refusal, SetLink, SetPlan, Signal, SignalKind, Source, Tracker,
    TrackerIdentity, WebhookSource, WriteComment,
};
use serde_json::{Value, json};

use super::{Sim, fault::Lost};

/// What the tracker holds.
#[derive(Default)]
pub(in crate::tests) struct Tickets {
    tickets: HashMap<IssueId, Versioned<Ticket>>,
    sessions: HashSet<SessionId>,
    /// Activities in the order in which they appeared, each with its id.
    pub(in crate::tests) activities: Vec<(String, SessionId, ActivityContent)>,
    /// What each session shows of its plan.
    pub(in crate::tests) plans: HashMap<SessionId, Vec<PlanStep>>,
    /// Where each session leads.
    pub(in crate::tests) links: HashMap<SessionId, String>,
    /// Our comments.
    pub(in crate::tests) comments: HashMap<IssueId, String>,
}

impl Tickets {
    /// A human writes a ticket and delegates it to us.
    pub(in crate::tests) fn write(&mut self, now: Timestamp, issue: &IssueId, key: &str) {
        let ticket = Ticket {
            key: key.to_owned(),
            title: "Wish a good night".to_owned(),
            description: "Please.".to_owned(),
            url: format!("https://tracker.test/{key}"),
            team_key: "APP".to_owned(),
            team_id: "team-1".to_owned(),
            team_name: String::new(),
            tracker_project: None,
            tracker_project_id: None,
            labels: Vec::new(),
            priority: 0,
            state: state(TrackerStateKind::Unstarted),
            delegated: true,
            ended: None,
            blockers: Vec::new(),
            linked: Vec::new(),
        };
        self.tickets.insert(issue.clone(), Versioned { version: now, value: ticket });
    }

    /// A human changes it.
    pub(in crate::tests) fn edit(
        &mut self,
        now: Timestamp,
        issue: &IssueId,
        edit: impl FnOnce(&mut Ticket),
    ) {
        let ticket = self.tickets.get_mut(issue).expect("the ticket was written");
        ticket.version = now.max(ticket.version.plus(std::time::Duration::from_millis(1)));
        edit(&mut ticket.value);
    }

    /// The tracker opens a session.
    pub(in crate::tests) fn open(&mut self, session: &SessionId) {
        self.sessions.insert(session.clone());
    }

    pub(in crate::tests) fn of(&self, issue: &IssueId) -> &Ticket {
        &self.tickets[issue].value
    }

    /// The tracker closes a session: nothing can be written into it any more.
    pub(in crate::tests) fn close(&mut self, session: &SessionId) {
        self.sessions.remove(session);
    }

    /// The texts of the activities, each behind its kind.
    pub(in crate::tests) fn said(&self) -> Vec<String> {
        self.activities
            .iter()
            .map(|(_, _, content)| match content {
                ActivityContent::Thought { body } => format!("thought: {body}"),
                ActivityContent::Action { action, parameter } => {
                    format!("action: {action} {parameter}")
                }
                ActivityContent::Response { body } => format!("response: {body}"),
                ActivityContent::Elicitation { body } => format!("elicitation: {body}"),
                ActivityContent::Error { body } => format!("error: {body}"),
            })
            .collect()
    }

    /// How many activities begin so.
    pub(in crate::tests) fn count(&self, beginning: &str) -> usize {
        self.said().iter().filter(|said| said.starts_with(beginning)).count()
    }
}

fn state(kind: TrackerStateKind) -> TrackerState {
    TrackerState { id: format!("{kind:?}"), name: format!("{kind:?}"), kind }
}

#[async_trait]
impl Tracker for Sim {
    async fn identity(&self) -> Result<TrackerIdentity, CallError> {
        Ok(TrackerIdentity {
            workspace: "acme".to_owned(),
            app_user: "us".to_owned(),
            is_shared: false,
        })
    }

    async fn read_ticket(&self, issue: &IssueId) -> Result<Versioned<Ticket>, CallError> {
        let lost = |lost: Lost| lost.call("read a ticket");
        let call = self.call("read_ticket").await.map_err(lost)?;
        let found = self.state().tickets.tickets.get(issue).cloned();
        let found =
            found.ok_or_else(|| CallError::NotFound { operation: "read a ticket".to_owned() })?;
        call.answer(found).await.map_err(lost)
    }

    async fn delegated_tickets(&self) -> Result<Vec<Versioned<IssueId>>, CallError> {
        let lost = |lost: Lost| lost.call("list the tickets");
        let call = self.call("delegated_tickets").await.map_err(lost)?;
        let listed = {
            let state = self.state();
            let is_open = |ticket: &Ticket| {
                use TrackerStateKind::{Canceled, Completed};
                ticket.delegated && !matches!(ticket.state.kind, Completed | Canceled)
            };
            let tickets = state.tickets.tickets.iter();
            let open = tickets.filter(|(_, ticket)| is_open(&ticket.value));
            open.map(|(id, ticket)| Versioned { version: ticket.version, value: id.clone() })
                .collect()
        };
        call.answer(listed).await.map_err(lost)
    }

    async fn create_activity(&self, order: &CreateActivity) -> Result<(), CallError> {
        let lost = |lost: Lost| lost.call("create an activity");
        let call = self.call("create_activity").await.map_err(lost)?;
        {
            let mut state = self.state();
            if !state.tickets.sessions.contains(&order.session) {
                return Err(CallError::NotFound { operation: "create an activity".to_owned() });
            }
            let activities = &mut state.tickets.activities;
            if !activities.iter().any(|(id, _, _)| *id == order.id) {
                activities.push((order.id.clone(), order.session.clone(), order.content.clone()));
            }
        }
        call.answer(()).await.map_err(lost)
    }

    async fn set_plan(&self, order: &SetPlan) -> Result<(), CallError> {
        self.set("set_plan", &order.session, |tickets| {
            tickets.plans.insert(order.session.clone(), order.steps.clone());
        })
        .await
    }

    async fn set_link(&self, order: &SetLink) -> Result<(), CallError> {
        self.set("set_link", &order.session, |tickets| {
            tickets.links.insert(order.session.clone(), order.url.clone());
        })
        .await
    }

    async fn write_comment(&self, order: &WriteComment) -> Result<(), CallError> {
        let lost = |lost: Lost| lost.call("write a comment");
        let call = self.call("write_comment").await.map_err(lost)?;
        self.state().tickets.comments.insert(order.issue.clone(), order.body.clone());
        call.answer(()).await.map_err(lost)
    }

    async fn move_ticket(&self, order: &MoveTicket) -> Result<Moved, CallError> {
        let lost = |lost: Lost| lost.call("move a ticket");
        let call = self.call("move_ticket").await.map_err(lost)?;
        let now = self.now();
        let moved = {
            let mut state = self.state();
            if state.tickets.of(&order.issue).state == order.from {
                let to = match order.to {
                    TicketTarget::Started => TrackerStateKind::Started,
                    TicketTarget::Completed => TrackerStateKind::Completed,
                };
                state.tickets.edit(now, &order.issue, |ticket| ticket.state = self::state(to));
                Moved::Moved
            } else {
                Moved::Elsewhere
            }
        };
        call.answer(moved).await.map_err(lost)
    }
}

impl Sim {
    /// Changes what a session shows.
    async fn set(
        &self,
        operation: &'static str,
        session: &SessionId,
        change: impl FnOnce(&mut Tickets) + Send,
    ) -> Result<(), CallError> {
        let lost = |lost: Lost| lost.call(operation);
        let call = self.call(operation).await.map_err(lost)?;
        {
            let mut state = self.state();
            if !state.tickets.sessions.contains(session) {
                return Err(CallError::NotFound { operation: operation.to_owned() });
            }
            change(&mut state.tickets);
        }
        call.answer(()).await.map_err(lost)
    }
}

/// The delivery that tells that a session opened.
pub(in crate::tests) fn opened(issue: &IssueId, key: &str, session: &str) -> Value {
    json!({ "opened": { "issue": issue, "key": key, "session": session } })
}

/// The delivery that tells that a pull request changed.
pub(in crate::tests) fn pull_request_changed(
    repo: &RepoSlug,
    pull_request: &Versioned<PullRequest>,
) -> Value {
    json!({ "changed": { "repo": repo, "version": pull_request.version, "pull_request": pull_request.value } })
}

/// What reads the deliveries of one service.
pub(in crate::tests) struct Deliveries(pub(in crate::tests) Source);

impl WebhookSource for Deliveries {
    fn source(&self) -> Source {
        self.0
    }

    fn max_body_bytes(&self) -> usize {
        1024 * 1024
    }

    fn authenticate(&self, _: &dyn Headers, _: &[u8]) -> Result<Genuine, Refusal> {
        Err(Refusal::InvalidSignature)
    }

    fn admit(&self, _: &Genuine, _: &[u8], _: Timestamp) -> Result<Admission, Refusal> {
        Ok(Admission::Ignored)
    }

    fn normalize(&self, row: &InboxRow) -> Result<Vec<Signal>, NormalizeError> {
        let broken = |reason: &str| NormalizeError {
            event: row.delivery.event.clone(),
            reason: reason.to_owned(),
        };
        let body: Value =
            serde_json::from_slice(&row.delivery.body).map_err(|_| broken("not JSON"))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(opened) = body.get("opened") {
            let issue = text(&opened["issue"]).and_then(|issue| issue.parse().ok());
            let kind = SignalKind::SessionOpened {
                issue: issue.ok_or_else(|| broken("no issue"))?,
                hint: RouteHint { key: text(&opened["key"]), ..RouteHint::default() },
                session: OpenSession {
                    id: SessionId::new(text(&opened["session"]).unwrap_or_default()),
                    author: None,
                    opened: None,
                    comments: Vec::new(),
                },
                prompt: None,
            };
            return Ok(vec![Signal { kind }]);
        }
        let changed = body.get("changed").ok_or_else(|| broken("nothing in it"))?;
        let broken = |_| broken("no pull request");
        let kind = SignalKind::PullRequestChanged {
            repo: serde_json::from_value(changed["repo"].clone()).map_err(broken)?,
            version: serde_json::from_value(changed["version"].clone()).map_err(broken)?,
            pull_request: serde_json::from_value(changed["pull_request"].clone())
                .map_err(broken)?,
        };
        Ok(vec![Signal { kind }])
    }
}
