//! The operator API.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use patchrelay_domain::{IssueId, NextStep, Policy, ProjectId, decide};
use patchrelay_ports::{IssueFilter, Stored};
use serde::Deserialize;

use crate::{
    ServerState,
    error::ApiError,
    view::{ExplainView, IssueView, ListView},
};

/// The most issues in one answer.
const MAX_LIMIT: u32 = 200;
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

/// The query of one issue.
#[derive(Debug, Deserialize)]
pub(crate) struct OneQuery {
    project: Option<String>,
}

/// `GET /api/issues`.
pub(crate) async fn list(
    State(state): State<ServerState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListView>, ApiError> {
    let after: Option<IssueId> = match query.cursor.as_deref().map(str::parse).transpose() {
        Ok(after) => after,
        Err(error) => {
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", error.to_string()));
        }
    };
    let limit = query.limit.unwrap_or(50).clamp(1, MAX_LIMIT);
    let filter = IssueFilter {
        project: query.project.map(ProjectId::new),
        open: is_set(query.active.as_deref()),
        after,
        limit,
        ..IssueFilter::default()
    };
    let page = state.store.list(&filter).await?;
    let cursor = page
        .last()
        .filter(|_| page.len() == limit as usize)
        .map(|last| last.facts.issue.to_string());
    let mut issues = Vec::new();
    for stored in &page {
        issues.push(view(&state, stored).await?);
    }
    if is_set(query.failed.as_deref()) {
        issues.retain(IssueView::is_failed);
    }
    Ok(Json(ListView { issues, cursor }))
}

/// A flag in a query: `?active`, `?active=1` and `?active=true` set it.
fn is_set(flag: Option<&str>) -> bool {
    flag.is_some_and(|value| matches!(value, "" | "1" | "true"))
}

/// `GET /api/issues/{key}`.
pub(crate) async fn show(
    State(state): State<ServerState>,
    Path(key): Path<String>,
    Query(query): Query<OneQuery>,
) -> Result<Json<IssueView>, ApiError> {
    let stored = find(&state, &key, query.project).await?;
    Ok(Json(view(&state, &stored).await?))
}

/// `GET /api/issues/{key}/explain`.
pub(crate) async fn explain(
    State(state): State<ServerState>,
    Path(key): Path<String>,
    Query(query): Query<OneQuery>,
) -> Result<Json<ExplainView>, ApiError> {
    let stored = find(&state, &key, query.project).await?;
    let issue = view(&state, &stored).await?;
    let observations = state.store.observations(&stored.facts.issue, EXPLAIN_OBSERVATIONS).await?;
    Ok(Json(ExplainView::new(issue, &stored.facts, &next(&state, &stored), &observations)))
}

async fn find(state: &ServerState, key: &str, project: Option<String>) -> Result<Stored, ApiError> {
    let filter = IssueFilter {
        key: Some(key.to_owned()),
        project: project.map(ProjectId::new),
        limit: MAX_LIMIT,
        ..IssueFilter::default()
    };
    let mut found = state.store.list(&filter).await?;
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            let mut projects: Vec<_> = found
                .iter()
                .chain([&last])
                .map(|stored| stored.facts.project.to_string())
                .collect();
            projects.sort();
            projects.dedup();
            Err(ApiError::ambiguous(key, projects))
        }
        (None, _) => Err(ApiError::not_found(
            "issue_not_found",
            format!("no issue with the key `{key}` is known"),
        )),
    }
}

async fn view(state: &ServerState, stored: &Stored) -> Result<IssueView, ApiError> {
    let runs = state.store.runs_of(&stored.facts.issue).await?;
    Ok(IssueView::new(&stored.facts, &next(state, stored), &runs))
}

fn next(state: &ServerState, stored: &Stored) -> NextStep {
    let project = state.projects.iter().find(|project| project.id == stored.facts.project);
    decide(&project.map(Policy::of).unwrap_or_default(), state.clock.now(), &stored.facts)
}
