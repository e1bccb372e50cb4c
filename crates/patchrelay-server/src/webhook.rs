//! Webhooks: size, headers, signature, syntax, type; one insert; an answer (D34).

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use patchrelay_ports::{Delivery, Headers, Received, Refusal, VerifiedDelivery, WebhookSource};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{info, warn};

use crate::{ServerState, error::ApiError};

/// How long a sender may take for its body. They give up themselves after five (Linear) or ten seconds (GitHub).
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for room.
const ROOM_TIMEOUT: Duration = Duration::from_secs(3);
/// All bodies in flight together, in KiB.
const IN_FLIGHT_KIB: u32 = 64 * 1024;

/// Bounds the bodies that are held in memory at once.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<Semaphore>);

impl Default for InFlight {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT_KIB as usize)))
    }
}

impl InFlight {
    async fn room(&self, bytes: usize) -> Result<SemaphorePermit<'_>, ApiError> {
        let kib =
            u32::try_from(bytes.div_ceil(1024)).unwrap_or(IN_FLIGHT_KIB).clamp(1, IN_FLIGHT_KIB);
        match tokio::time::timeout(ROOM_TIMEOUT, self.0.acquire_many(kib)).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too much is being received; try again",
            )),
        }
    }
}

/// Receives a delivery.
pub(crate) async fn receive(
    State(state): State<ServerState>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Some(source) = state.webhooks.iter().find(|known| known.source().as_str() == source) else {
        return Err(ApiError::not_found(
            "unknown_source",
            "no webhook secret is configured for this source",
        ));
    };
    let limit = source.max_body_bytes().min(state.max_body_bytes);
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| limit < announced) {
        return Err(too_large(limit));
    }
    let _room = state.intake.room(announced.unwrap_or(limit)).await?;
    let body = match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(too_large(limit)),
        Err(_) => {
            return Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                "the body came too slowly",
            ));
        }
    };
    accept(&state, source.as_ref(), &headers, &body).await
}

async fn accept(
    state: &ServerState,
    source: &dyn WebhookSource,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let (delivery_id, event) = match source.verify(&SingleHeaders(headers), body, now) {
        Ok(VerifiedDelivery::Handled { delivery_id, event, .. }) => (delivery_id, event),
        Ok(VerifiedDelivery::Ignored) => return Ok(status("ignored")),
        Err(refusal) => {
            warn!(source = source.source().as_str(), %refusal, "webhook refused");
            return Err(refused(&refusal));
        }
    };
    let delivery = Delivery {
        source: source.source(),
        delivery_id,
        event,
        body: body.to_vec(),
        received: now,
    };
    let received = state.store.receive(&delivery).await?;
    info!(
        source = delivery.source.as_str(),
        delivery = %delivery.delivery_id,
        event = %delivery.event,
        ?received,
        "webhook received"
    );
    Ok(match received {
        Received::Accepted => {
            (state.stored)();
            status("accepted")
        }
        Received::Duplicate => status("duplicate"),
    })
}

fn status(status: &str) -> Response {
    Json(serde_json::json!({ "status": status })).into_response()
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("the body has more than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

fn refused(refusal: &Refusal) -> ApiError {
    let (status, code) = match refusal {
        Refusal::MissingHeader(_) => (StatusCode::BAD_REQUEST, "missing_header"),
        Refusal::InvalidJson(_) => (StatusCode::BAD_REQUEST, "invalid_json"),
        Refusal::InvalidSignature => (StatusCode::UNAUTHORIZED, "invalid_signature"),
        Refusal::StaleTimestamp => (StatusCode::UNAUTHORIZED, "stale_timestamp"),
    };
    ApiError::new(status, code, refusal.to_string())
}

/// Headers of which only those count that came once.
struct SingleHeaders<'a>(&'a HeaderMap);

impl Headers for SingleHeaders<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(only), None) => only.to_str().ok(),
            (_, _) => None,
        }
    }
}
