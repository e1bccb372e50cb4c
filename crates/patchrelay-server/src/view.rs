//! What operators are shown, as JSON. The names are a contract with scripts.

mod explain;
mod feed;
mod run;

use chrono::{DateTime, SecondsFormat};
use patchrelay_domain::{
    Hindrance, IssueFacts, IssueId, NextStep, Policy, PrState, RunType, Timestamp, delivery_mode,
    factory_state, gate_status, session_state, status_note, waiting_reason, waiting_reason_under,
};
use patchrelay_ports::{DeadDeliveries, DeadDelivery, RunRecord};
use serde::Serialize;

pub(crate) use self::{
    explain::{ExplainView, ObservationView},
    feed::{FeedView, LineView},
    run::{RunView, RunsView, WholeRunView},
};

/// A page of issues.
#[derive(Debug, Serialize)]
pub(crate) struct ListView {
    pub(crate) issues: Vec<IssueView>,
    /// Where the next page begins; absent on the last one.
    pub(crate) cursor: Option<String>,
}

/// The last part of an issue's history, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct ObservationsView {
    pub(crate) observations: Vec<ObservationView>,
}

/// An issue after an order was carried out on it.
#[derive(Debug, Serialize)]
pub(crate) struct OrderedView {
    pub(crate) issue: IssueView,
}

/// The deliveries that were given up: how many, and the newest of them, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct InboxView {
    dead: u64,
    deliveries: Vec<DeadDeliveryView>,
}

#[derive(Debug, Serialize)]
struct DeadDeliveryView {
    id: i64,
    source: &'static str,
    delivery_id: String,
    event: String,
    received_at: String,
    attempts: u32,
    error: Option<String>,
}

impl InboxView {
    pub(crate) fn new(dead: DeadDeliveries) -> Self {
        let view = |row: DeadDelivery| DeadDeliveryView {
            id: row.id,
            source: row.source.as_str(),
            delivery_id: row.delivery_id,
            event: row.event,
            received_at: rfc3339(row.received),
            attempts: row.attempts,
            error: row.error,
        };
        Self { dead: dead.count, deliveries: dead.newest.into_iter().map(view).collect() }
    }
}

/// An issue.
#[derive(Debug, Serialize)]
pub(crate) struct IssueView {
    key: String,
    id: String,
    project: String,
    title: Option<String>,
    url: Option<String>,
    state: &'static str,
    session_state: &'static str,
    waiting_reason: Option<String>,
    status_note: Option<String>,
    delivery_mode: &'static str,
    delegated: bool,
    tracker_state: Option<String>,
    branch: Option<String>,
    worktree_path: Option<String>,
    thread_id: Option<String>,
    pr: Option<PullRequestView>,
    active_run: Option<RunView>,
    latest_run: Option<RunView>,
    attempts: AttemptsView,
    /// Since a human last said that it may go on.
    tokens: u64,
    blocked_by: Vec<String>,
    pending_events: Vec<PendingView>,
    next: NextView,
    updated_at: String,
}

#[derive(Debug, Serialize)]
struct PullRequestView {
    number: u64,
    url: String,
    state: &'static str,
    head_sha: String,
    review: Option<&'static str>,
    review_head_sha: Option<String>,
    checks: Option<&'static str>,
    mergeable: Option<&'static str>,
    is_draft: bool,
}

/// What was tried, by kind.
#[derive(Debug, Serialize)]
struct AttemptsView {
    implementation: u32,
    ci_repair: u32,
    queue_repair: u32,
    review_fix: u32,
    branch_upkeep: u32,
    recovery: u32,
    continuations: u32,
}

#[derive(Debug, Serialize)]
struct PendingView {
    #[serde(rename = "type")]
    kind: &'static str,
    at: String,
}

#[derive(Debug, Serialize)]
struct NextView {
    kind: &'static str,
    detail: String,
}

impl IssueView {
    pub(crate) fn new(
        policy: &Policy,
        facts: &IssueFacts,
        next: &NextStep,
        hindrance: Option<&Hindrance>,
        runs: &[RunRecord],
    ) -> Self {
        let review = facts.decisive_review();
        let ticket = facts.ticket.as_ref().map(|ticket| &ticket.value);
        let state = factory_state(next);
        let active =
            facts.slot.as_ref().and_then(|slot| runs.iter().find(|run| run.id == slot.run));
        let latest = runs.iter().rfind(|run| run.outcome.is_some());
        Self {
            key: facts.key().to_owned(),
            id: facts.issue.to_string(),
            project: facts.project.to_string(),
            title: ticket.map(|ticket| ticket.title.clone()),
            url: ticket.map(|ticket| ticket.url.clone()),
            state: state.as_str(),
            session_state: session_state(facts, state).as_str(),
            waiting_reason: waiting_reason_under(next, hindrance),
            status_note: status_note(facts, next),
            delivery_mode: delivery_mode(facts).as_str(),
            delegated: facts.is_delegated(),
            tracker_state: ticket.map(|ticket| ticket.state.name.clone()),
            branch: facts.branch.as_ref().map(ToString::to_string),
            worktree_path: facts.worktree.clone(),
            thread_id: active.and_then(|run| run::thread(&run.state)).or_else(|| {
                facts.thread.as_ref().or(facts.newest_thread.as_ref()).map(ToString::to_string)
            }),
            pr: facts.pull_request.as_ref().map(|pr| PullRequestView {
                number: pr.value.number.0,
                url: pr.value.url.clone(),
                state: match pr.value.state {
                    PrState::Open => "open",
                    PrState::Closed => "closed",
                    PrState::Merged => "merged",
                },
                head_sha: pr.value.head.to_string(),
                review: review.map(|review| review.verdict.as_str()),
                review_head_sha: review.map(|review| review.head.to_string()),
                checks: gate_status(policy, facts).as_str(),
                mergeable: facts
                    .merge
                    .as_ref()
                    .and_then(|merge| merge.value.is_conflicting)
                    .map(|conflicts| if conflicts { "conflicting" } else { "mergeable" }),
                is_draft: pr.value.is_draft,
            }),
            active_run: active.map(RunView::new),
            latest_run: latest.map(RunView::new),
            attempts: AttemptsView {
                implementation: facts.attempts.implementation,
                ci_repair: facts.attempts.latest(RunType::CiRepair),
                queue_repair: facts.attempts.latest(RunType::QueueRepair),
                review_fix: facts.attempts.latest(RunType::ReviewFix),
                branch_upkeep: facts.attempts.latest(RunType::BranchUpkeep),
                recovery: facts.attempts.recovery,
                continuations: facts.attempts.continuations,
            },
            tokens: facts.spending.total.tokens,
            blocked_by: ticket
                .map(|ticket| ticket.blocked_by().into_iter().map(str::to_owned).collect())
                .unwrap_or_default(),
            pending_events: facts
                .pending
                .iter()
                .map(|input| PendingView { kind: input.kind.as_str(), at: rfc3339(input.at) })
                .collect(),
            next: NextView::new(next),
            updated_at: rfc3339(facts.updated),
        }
    }

    /// Whether this is that issue.
    pub(crate) fn is(&self, issue: &IssueId) -> bool {
        self.id == issue.to_string()
    }
}

impl NextView {
    fn new(next: &NextStep) -> Self {
        let detail = match next {
            NextStep::Run(plan) => plan.run_type.as_str().to_owned(),
            NextStep::Ask { question, .. } => question.clone(),
            NextStep::Escalate { reason } => reason.clone(),
            NextStep::Wait { .. } => waiting_reason(next).unwrap_or_default(),
            NextStep::Settled(settled) => settled.describe().to_owned(),
        };
        Self { kind: next.columns().kind, detail }
    }
}

/// RFC 3339 in UTC with milliseconds. An instant that the calendar cannot name is shown as its number.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    DateTime::from_timestamp_millis(at.millis())
        .map_or_else(|| at.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
}
