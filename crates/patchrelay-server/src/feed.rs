//! The feed: what happened, one line each.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use patchrelay_domain::IssueId;
use patchrelay_ports::{FeedFilter, FeedPart, StoreError, StoredFeedEntry};
use serde::Deserialize;

use crate::{
    ServerState, api,
    error::ApiError,
    view::{FeedView, LineView},
};

/// The query of the feed.
#[derive(Debug, Deserialize)]
pub(crate) struct FeedQuery {
    issue: Option<String>,
    project: Option<String>,
    limit: Option<u32>,
    after: Option<i64>,
}

/// `GET /api/feed`: the newest lines, or those that follow a cursor.
pub(crate) async fn list(
    State(state): State<ServerState>,
    query: Result<Query<FeedQuery>, QueryRejection>,
) -> Result<Json<FeedView>, ApiError> {
    let Query(query) = query?;
    let newest = known_cursor(&state, query.after).await?;
    let issue = of_issue(&state, query.issue, query.project).await?;
    let part = query.after.map_or(FeedPart::Newest, FeedPart::After);
    let filter = FeedFilter { issue, part, limit: api::bounded(query.limit) };
    let entries = lines(&state, state.store.feed(&filter).await?).await?;
    let cursor = entries.last().map_or(query.after.unwrap_or(newest), |last| last.cursor);
    Ok(Json(FeedView { entries, cursor }))
}

/// The newest cursor that there is now, once it is clear that nobody waits for lines that are long in coming: a cursor
/// that is not reached yet is one of another database.
pub(crate) async fn known_cursor(state: &ServerState, after: Option<i64>) -> Result<i64, ApiError> {
    let newest = state.store.pulse().await?.line;
    if after.is_some_and(|after| after < 0 || newest < after) {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "the cursor is none that this feed gave; ask without it",
        ));
    }
    Ok(newest)
}

/// The issue that is meant, if one is.
pub(crate) async fn of_issue(
    state: &ServerState,
    key: Option<String>,
    project: Option<String>,
) -> Result<Option<IssueId>, ApiError> {
    let Some(key) = key else { return Ok(None) };
    Ok(Some(api::find(state, &key, project).await?.facts.issue))
}

/// The lines with the keys of their issues.
pub(crate) async fn lines(
    state: &ServerState,
    entries: Vec<StoredFeedEntry>,
) -> Result<Vec<LineView>, StoreError> {
    let mut known = HashMap::new();
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        if !known.contains_key(&entry.issue) {
            let stored = state.store.load(&entry.issue).await?;
            known.insert(entry.issue.clone(), stored.map(|stored| stored.facts));
        }
        let facts = known.get(&entry.issue).and_then(Option::as_ref);
        lines.push(LineView::new(entry, facts));
    }
    Ok(lines)
}
