//! Webhooks: size, headers, signature, syntax, type; one insert; an answer (D34).

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use patchrelay_ports::{
    Admission, Delivery, Genuine, Headers, Received, Refusal, Side, Step, WebhookSource,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{info, warn};

use crate::{ServerState, error::ApiError, syntax};

/// How long a sender may take for its body. They give up themselves after five (Linear) or ten seconds (GitHub).
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for room.
const ROOM_TIMEOUT: Duration = Duration::from_secs(3);
/// All bodies in flight together, in KiB.
const IN_FLIGHT_KIB: u32 = 64 * 1024;

/// Bounds the bodies that are held in memory at once, and the time that each may take to come.
#[derive(Clone, Debug)]
pub struct InFlight {
    room: Arc<Semaphore>,
    body_timeout: Duration,
}

impl Default for InFlight {
    fn default() -> Self {
        Self::within(BODY_TIMEOUT)
    }
}

impl InFlight {
    /// With another time for each body.
    pub(crate) fn within(body_timeout: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(IN_FLIGHT_KIB as usize)), body_timeout }
    }

    /// Lets `held` cover a body of this many bytes. Two that wait for each other's room wait no longer than
    /// [`ROOM_TIMEOUT`].
    async fn make_room<'a>(
        &'a self,
        held: &mut Option<SemaphorePermit<'a>>,
        bytes: usize,
    ) -> Result<(), ApiError> {
        let covered = held.as_ref().map_or(0, SemaphorePermit::num_permits);
        let needed = bytes.div_ceil(1024).min(IN_FLIGHT_KIB as usize);
        let missing = u32::try_from(needed.saturating_sub(covered)).unwrap_or(IN_FLIGHT_KIB);
        if missing == 0 {
            return Ok(());
        }
        let acquired = tokio::time::timeout(ROOM_TIMEOUT, self.room.acquire_many(missing)).await;
        let Ok(Ok(more)) = acquired else {
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too much is being received; try again",
            ));
        };
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

/// Receives a delivery.
pub(crate) async fn receive(
    State(state): State<ServerState>,
    source: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Path(source) = source?;
    let Some(source) = state.webhooks.iter().find(|known| known.source().as_str() == source) else {
        state.meter.answered("unknown", StatusCode::NOT_FOUND.as_u16(), "unknown_source");
        return Err(ApiError::not_found(
            "unknown_source",
            "no webhook secret is configured for this source",
        ));
    };
    let answer = take_in(&state, source.as_ref(), &headers, body).await;
    let (status, code) = match &answer {
        Ok(code) => (StatusCode::OK, *code),
        Err(error) => error.status_and_code(),
    };
    state.meter.answered(source.source().as_str(), status.as_u16(), code);
    answer.map(|status| Json(serde_json::json!({ "status": status })).into_response())
}

async fn take_in(
    state: &ServerState,
    source: &dyn WebhookSource,
    headers: &HeaderMap,
    body: Body,
) -> Result<&'static str, ApiError> {
    let limit = source.max_body_bytes().min(state.max_body_bytes);
    let mut room = None;
    let body = read_in_time(body, headers, limit, &state.intake, &mut room).await?;
    accept(state, source, headers, body).await
}

/// Reads a body that is not too large and does not take too long. It holds its room until that is let go of.
pub(crate) async fn read_in_time<'a>(
    body: Body,
    headers: &HeaderMap,
    limit: usize,
    intake: &'a InFlight,
    room: &mut Option<SemaphorePermit<'a>>,
) -> Result<Vec<u8>, ApiError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| limit < announced) {
        return Err(too_large(limit));
    }
    let reading = read(body, limit, intake, room);
    match tokio::time::timeout(intake.body_timeout, reading).await {
        Ok(read) => read,
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the body came too slowly",
        )),
    }
}

/// Reads a body piece by piece, and makes room for each as it comes: who announces much and sends little takes little
/// room away from others.
async fn read<'a>(
    body: Body,
    limit: usize,
    intake: &'a InFlight,
    room: &mut Option<SemaphorePermit<'a>>,
) -> Result<Vec<u8>, ApiError> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| {
            ApiError::new(StatusCode::BAD_REQUEST, "incomplete_body", "the body broke off")
        })?;
        if limit - bytes.len() < piece.len() {
            return Err(too_large(limit));
        }
        intake.make_room(room, bytes.len() + piece.len()).await?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn accept(
    state: &ServerState,
    source: &dyn WebhookSource,
    headers: &HeaderMap,
    body: Vec<u8>,
) -> Result<&'static str, ApiError> {
    let now = state.clock.now();
    let admitted = source.authenticate(&SingleHeaders(headers), &body).and_then(|genuine| {
        syntax::check(&body, syntax::MAX_DEPTH).map_err(Refusal::InvalidJson)?;
        Ok((source.admit(&genuine, &body, now)?, genuine))
    });
    let Genuine { delivery_id, event } = match admitted {
        Ok((Admission::Handled, genuine)) => genuine,
        Ok((Admission::Ignored, _)) => return Ok("ignored"),
        Err(refusal) => {
            warn!(source = source.source().as_str(), %refusal, "webhook refused");
            return Err(refused(&refusal));
        }
    };
    let delivery = Delivery { source: source.source(), delivery_id, event, body, received: now };
    state.probe.reached(Step::Receive, Side::Before);
    let received = state.store.receive(&delivery).await?;
    state.probe.reached(Step::Receive, Side::After);
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
            "accepted"
        }
        Received::Duplicate => "duplicate",
    })
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
