//! HTTP: webhooks come in, and operators look.
//!
//! A webhook is verified, stored and answered; no meaning is derived in the request. Operators ask what is known and
//! why; what they are shown is derived from the facts by the domain, here only written down as JSON.

mod api;
mod auth;
mod connections;
mod error;
mod feed;
mod metrics;
mod orders;
mod readiness;
mod stream;
mod syntax;
mod view;
mod webhook;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use patchrelay_domain::{Hindrance, Project};
use patchrelay_ports::{Clock, Orders, Probe, Store, Tally, WebhookSource};
use tokio::sync::watch;

pub use crate::{
    auth::{OpenBind, Operators},
    connections::serve,
    metrics::Meter,
    readiness::Readiness,
    stream::Streams,
    webhook::InFlight,
};

/// What the server serves from.
#[derive(Clone)]
pub struct ServerState {
    /// What is known.
    pub store: Arc<dyn Store>,
    /// Who carries out what operators order.
    pub orders: Arc<dyn Orders>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who may send webhooks. A source that is not here is answered 404, since it is never accepted without its secret.
    pub webhooks: Vec<Arc<dyn WebhookSource>>,
    /// The projects, for deciding what comes next.
    pub projects: Vec<Project>,
    /// Called after each stored delivery.
    pub stored: Arc<dyn Fn() + Send + Sync>,
    /// Who may look.
    pub operators: Operators,
    /// The largest webhook body in bytes, where a source does not allow less.
    pub max_body_bytes: usize,
    /// The program's version.
    pub version: &'static str,
    /// What the last look at the database said.
    pub readiness: Readiness,
    /// What keeps every run from being started.
    pub hindrance: watch::Receiver<Option<Hindrance>>,
    /// What bounds bodies in flight.
    pub intake: InFlight,
    /// The live streams.
    pub streams: Streams,
    /// What was answered.
    pub meter: Meter,
    /// What was done.
    pub tally: Arc<dyn Tally>,
    /// Where a crash test may strike.
    pub probe: Arc<dyn Probe>,
}

/// The routes.
pub fn router(state: ServerState) -> Router {
    let operator = Router::new()
        .route("/api/issues", get(api::list))
        .route("/api/issues/{key}", get(api::show))
        .route("/api/issues/{key}/explain", get(api::explain))
        .route("/api/issues/{key}/retry", post(orders::retry))
        .route("/api/issues/{key}/stop", post(orders::stop))
        .route("/api/issues/{key}/close", post(orders::close))
        .route("/api/issues/{key}/prompt", post(orders::prompt))
        .route("/api/issues/{key}/approve", post(orders::approve))
        .route("/api/issues/{key}/observations", get(api::observations))
        .route("/api/issues/{key}/runs", get(api::runs))
        .route("/api/runs/{id}", get(api::run))
        .route("/api/inbox", get(api::inbox))
        .route("/api/feed", get(feed::list))
        .route("/api/stream", get(stream::follow))
        .route("/metrics", get(metrics::show))
        .route_layer(axum::middleware::from_fn_with_state(state.clone(), auth::check));
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/webhooks/{source}", post(webhook::receive))
        .merge(operator)
        .fallback(|| async {
            error::ApiError::not_found("not_found", "there is nothing at this address")
        })
        .method_not_allowed_fallback(|| async {
            error::ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address takes another method",
            )
        })
        .with_state(state)
}

async fn health(State(state): State<ServerState>) -> Response {
    Json(serde_json::json!({ "status": "ok", "version": state.version })).into_response()
}

/// Up means: the database can be written to. The listener is up, or nobody could ask (D40).
async fn ready(State(state): State<ServerState>) -> Response {
    let ready = state.readiness.database(state.store.as_ref()).await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (disk, agent) = match *state.hindrance.borrow() {
        Some(Hindrance::LittleSpace { .. }) => ("low", "unknown"),
        Some(Hindrance::ModelBars { .. }) => ("ok", "paused"),
        None => ("ok", "unknown"),
    };
    let body = serde_json::json!({
        "ready": ready,
        "checks": {
            "database": if ready { "ok" } else { "failed" },
            "disk": disk,
            "agent": agent, "linear": "unknown", "github": "unknown", "reconcile": "unknown",
        },
    });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests;
