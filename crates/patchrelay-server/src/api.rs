//! The operator API.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
};
use patchrelay_domain::{
    FactoryState, IssueId, NextStep, Policy, ProjectId, RunId, decide, factory_state,
};
use patchrelay_ports::{IssueFilter, Stored};
use serde::Deserialize;

use crate::{
    ServerState,
    error::ApiError,
    view::{
        ExplainView, InboxView, IssueView, ListView, ObservationView, ObservationsView, RunView,
        RunsView, WholeRunView,
    },
};

/// The most issues in one answer.
const MAX_LIMIT: u32 = 200;
/// How many issues are in an answer whose request does not say.
const DEFAULT_LIMIT: u32 = 50;
/// The most issues that are looked at for one answer. Reading this many takes a fraction of a second; whoever filters
/// more gets a short page and goes on from its cursor.
const MAX_LOOKED_AT: usize = 1_000;
/// How much of what was said in a run is shown. The engine keeps no more of one.
const MAX_TEXTS: u32 = 1_000;
/// How many of an issue's observations explain it.
const EXPLAIN_OBSERVATIONS: u32 = 20;

/// The query of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct ListQuery {
    active: Option<String>,
    failed: Option<String>,
    project: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// The query of the inbox.
#[derive(Debug, Deserialize)]
pub(crate) struct InboxQuery {
    limit: Option<u32>,
}

/// The query of one issue.
#[derive(Debug, Deserialize)]
pub(crate) struct OneQuery {
    pub(crate) project: Option<String>,
}

/// The query of a part of what one issue has.
#[derive(Debug, Deserialize)]
pub(crate) struct PartQuery {
    project: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/issues`.
pub(crate) async fn list(
    State(state): State<ServerState>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<ListView>, ApiError> {
    let Query(query) = query?;
    let limit = bounded(query.limit);
    let only_failed = is_set(query.failed.as_deref());
    let mut filter = IssueFilter {
        project: query.project.map(ProjectId::new),
        open: is_set(query.active.as_deref()),
        after: match query.cursor {
            Some(cursor) => Some(known(&state, &cursor).await?),
            None => None,
        },
        // One more than is shown tells whether there are more.
        limit: limit + 1,
        ..IssueFilter::default()
    };
    let mut issues: Vec<IssueView> = Vec::new();
    let mut looked_at = 0;
    loop {
        let page = state.store.list(&filter).await?;
        let is_last = page.len() < filter.limit as usize;
        for stored in page {
            let id = &stored.facts.issue;
            // An issue that changes meanwhile moves to the front, and with it the place from where we go on.
            let is_wanted = (!only_failed || needs_a_human(&next(&state, &stored)))
                && issues.iter().all(|issue| !issue.is(id));
            if (is_wanted && issues.len() == limit as usize) || MAX_LOOKED_AT <= looked_at {
                let cursor = filter.after.as_ref().map(IssueId::to_string);
                return Ok(Json(ListView { issues, cursor }));
            }
            if is_wanted {
                issues.push(view(&state, &stored).await?);
            }
            looked_at += 1;
            filter.after = Some(stored.facts.issue);
        }
        if is_last {
            return Ok(Json(ListView { issues, cursor: None }));
        }
    }
}

/// How many are given to whoever asks for so many.
pub(crate) fn bounded(limit: Option<u32>) -> u32 {
    limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
}

/// The issue that a cursor names. From one that is not stored, no page begins.
async fn known(state: &ServerState, cursor: &str) -> Result<IssueId, ApiError> {
    let invalid = |message| ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", message);
    let issue: IssueId = cursor
        .parse()
        .map_err(|_| invalid("the cursor is none that a list gave; ask without it".to_owned()))?;
    match state.store.load(&issue).await? {
        Some(_) => Ok(issue),
        None => Err(invalid("the cursor's issue is not known any more; ask without it".to_owned())),
    }
}

/// What `failed` lists: over without success, or stuck.
fn needs_a_human(next: &NextStep) -> bool {
    matches!(factory_state(next), FactoryState::Failed | FactoryState::Escalated)
}

/// A flag in a query: `?active`, `?active=1` and `?active=true` set it.
fn is_set(flag: Option<&str>) -> bool {
    flag.is_some_and(|value| matches!(value, "" | "1" | "true"))
}

/// `GET /api/issues/{key}`.
pub(crate) async fn show(
    State(state): State<ServerState>,
    key: Result<Path<String>, PathRejection>,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<IssueView>, ApiError> {
    let (Path(key), Query(query)) = (key?, query?);
    let stored = find(&state, &key, query.project).await?;
    Ok(Json(view(&state, &stored).await?))
}

/// `GET /api/issues/{key}/explain`.
pub(crate) async fn explain(
    State(state): State<ServerState>,
    key: Result<Path<String>, PathRejection>,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<ExplainView>, ApiError> {
    let (Path(key), Query(query)) = (key?, query?);
    let stored = find(&state, &key, query.project).await?;
    let issue = view(&state, &stored).await?;
    let observations = state.store.observations(&stored.facts.issue, EXPLAIN_OBSERVATIONS).await?;
    Ok(Json(ExplainView::new(issue, &stored.facts, &next(&state, &stored), &observations)))
}

/// `GET /api/issues/{key}/observations`.
pub(crate) async fn observations(
    State(state): State<ServerState>,
    key: Result<Path<String>, PathRejection>,
    query: Result<Query<PartQuery>, QueryRejection>,
) -> Result<Json<ObservationsView>, ApiError> {
    let (Path(key), Query(query)) = (key?, query?);
    let stored = find(&state, &key, query.project).await?;
    let limit = bounded(query.limit);
    let observations = state.store.observations(&stored.facts.issue, limit).await?;
    Ok(Json(ObservationsView {
        observations: observations.iter().map(ObservationView::new).collect(),
    }))
}

/// `GET /api/issues/{key}/runs`.
pub(crate) async fn runs(
    State(state): State<ServerState>,
    key: Result<Path<String>, PathRejection>,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<RunsView>, ApiError> {
    let (Path(key), Query(query)) = (key?, query?);
    let stored = find(&state, &key, query.project).await?;
    let runs = state.store.runs_of(&stored.facts.issue).await?;
    Ok(Json(RunsView { runs: runs.iter().map(RunView::new).collect() }))
}

/// `GET /api/runs/{id}`.
pub(crate) async fn run(
    State(state): State<ServerState>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<WholeRunView>, ApiError> {
    let Path(id) = id?;
    let unknown = || ApiError::not_found("run_not_found", format!("no run `{id}` is known"));
    let run = RunId::new(id.clone());
    let record = state.store.run(&run).await?.ok_or_else(unknown)?;
    let stored = state.store.load(&record.issue).await?.ok_or_else(unknown)?;
    let texts = state.store.texts_of(&run, MAX_TEXTS).await?;
    Ok(Json(WholeRunView::new(&record, &stored.facts, &texts)))
}

/// `GET /api/inbox`: the deliveries that were given up.
pub(crate) async fn inbox(
    State(state): State<ServerState>,
    query: Result<Query<InboxQuery>, QueryRejection>,
) -> Result<Json<InboxView>, ApiError> {
    let Query(query) = query?;
    let limit = bounded(query.limit);
    Ok(Json(InboxView::new(state.store.inbox_dead(limit).await?)))
}

pub(crate) async fn find(
    state: &ServerState,
    key: &str,
    project: Option<String>,
) -> Result<Stored, ApiError> {
    let filter = IssueFilter {
        key: Some(key.to_owned()),
        project: project.map(ProjectId::new),
        limit: MAX_LIMIT,
        ..IssueFilter::default()
    };
    let found = state.store.list(&filter).await?;
    let mut projects: Vec<_> =
        found.iter().map(|stored| stored.facts.project.to_string()).collect();
    projects.sort();
    projects.dedup();
    if 1 < projects.len() {
        return Err(ApiError::ambiguous(key, projects));
    }
    // A key of one project may be used again, and then the issue that changed last is the one that has it.
    found.into_iter().next().ok_or_else(|| ApiError::unknown_issue(key))
}

pub(crate) async fn view(state: &ServerState, stored: &Stored) -> Result<IssueView, ApiError> {
    let runs = state.store.runs_of(&stored.facts.issue).await?;
    let policy = policy(state, stored);
    let hindrance = *state.hindrance.borrow();
    Ok(IssueView::new(&policy, &stored.facts, &next(state, stored), hindrance.as_ref(), &runs))
}

fn policy(state: &ServerState, stored: &Stored) -> Policy {
    let project = state.projects.iter().find(|project| project.id == stored.facts.project);
    project.map_or_else(Policy::of_removed_project, Policy::of)
}

fn next(state: &ServerState, stored: &Stored) -> NextStep {
    decide(&policy(state, stored), state.clock.now(), &stored.facts)
}
