//! The live stream: lines of the feed as server-sent events, as soon as they are stored.
//!
//! A stream reads the store when its reader has room for more, and keeps nothing for it meanwhile. So it shows what any
//! node of the database did, a reader that is slow costs no memory, and one that was cut off goes on after the last line
//! that it saw. Being told of a change only makes the next look come sooner.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use patchrelay_domain::IssueId;
use patchrelay_ports::{FeedFilter, FeedPart};
use serde::Deserialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{ServerState, api, connections::Ending, error::ApiError, feed};

/// Streams at once. Each looks at the store twice a second.
const MAX_STREAMS: usize = 64;
/// How often it is looked for what nobody told us of.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many lines are read at a time.
const BATCH: u32 = 100;
/// How often a stream on which nothing happens says that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long whoever was cut off waits before they come back.
const COME_BACK_AFTER: Duration = Duration::from_secs(1);
/// The header by which they say what they saw last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The streams that are open, and what makes them look.
#[derive(Clone, Debug)]
pub struct Streams {
    room: Arc<Semaphore>,
    changes: watch::Receiver<u64>,
}

impl Streams {
    /// Streams that look as soon as this changes, and now and then without it.
    pub fn new(changes: watch::Receiver<u64>) -> Self {
        Self { room: Arc::new(Semaphore::new(MAX_STREAMS)), changes }
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        MAX_STREAMS - self.room.available_permits()
    }
}

/// The query of a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamQuery {
    issue: Option<String>,
    project: Option<String>,
    after: Option<i64>,
}

/// `GET /api/stream`: an event `line` for each line of the feed from now on, or from after the one that `Last-Event-ID`
/// or `after` names. A stream of one issue also has an event `issue` with all that is known of it, at first and after
/// each change.
pub(crate) async fn follow(
    State(state): State<ServerState>,
    ending: Option<Extension<Ending>>,
    query: Result<Query<StreamQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Query(query) = query?;
    let after = match headers.get(LAST_EVENT_ID) {
        Some(id) => Some(id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_cursor",
                "`Last-Event-ID` is none that this stream gave",
            )
        })?),
        None => query.after,
    };
    let newest = feed::known_cursor(&state, after).await?;
    let issue = feed::of_issue(&state, query.issue, query.project).await?;
    let room = state.streams.room.clone().try_acquire_owned().map_err(|_| {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            format!("{MAX_STREAMS} streams are open already; close one, or ask for /api/feed"),
        )
    })?;
    let greeting = Event::default().retry(COME_BACK_AFTER).comment("following");
    let following = Following {
        changes: state.streams.changes.clone(),
        state,
        issue,
        cursor: after.unwrap_or(newest),
        events: VecDeque::from([greeting]),
        shown: String::new(),
        is_stale: true,
        ending: ending.map(|Extension(ending)| ending.0).unwrap_or_default(),
        _room: room,
    };
    let events = stream::unfold(following, Following::next);
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // A proxy that collects answers would show nothing for minutes.
    let unbuffered =
        [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    Ok((unbuffered, sse).into_response())
}

/// One stream.
struct Following {
    state: ServerState,
    changes: watch::Receiver<u64>,
    issue: Option<IssueId>,
    /// The last line that was read.
    cursor: i64,
    /// What was read and not sent yet.
    events: VecDeque<Event>,
    /// The issue as it was sent last.
    shown: String,
    /// Whether something happened since.
    is_stale: bool,
    /// Cancelled when the connection has to end.
    ending: CancellationToken,
    _room: OwnedSemaphorePermit,
}

impl Following {
    /// The next event. The stream ends with its connection, and when the store fails: who comes back goes on.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some((Ok(event), self));
            }
            if self.ending.is_cancelled() {
                return None;
            }
            // Before the look, so that a change during it leads to another one.
            self.changes.borrow_and_update();
            if let Err(error) = self.look().await {
                warn!(?error, "a stream ends, because nothing can be read");
                return None;
            }
            if self.events.is_empty() {
                self.wait().await;
            }
        }
    }

    async fn wait(&mut self) {
        tokio::select! {
            biased;
            () = self.ending.cancelled() => {}
            Ok(()) = self.changes.changed() => {}
            () = sleep(LOOK_EVERY) => {}
        }
    }

    /// Reads what is new.
    async fn look(&mut self) -> Result<(), ApiError> {
        let part = FeedPart::After(self.cursor);
        let filter = FeedFilter { issue: self.issue.clone(), part, limit: BATCH };
        let entries = self.state.store.feed(&filter).await?;
        // Who sees that an issue is over has seen all lines of it.
        let is_all = entries.len() < BATCH as usize;
        self.is_stale |= !entries.is_empty();
        for line in feed::lines(&self.state, entries).await? {
            self.cursor = line.cursor;
            let event = Event::default().event("line").id(line.cursor.to_string());
            self.events.push_back(with_json(event, &line)?);
        }
        if self.is_stale
            && is_all
            && let Some(issue) = &self.issue
        {
            let stored = self.state.store.load(issue).await?;
            let stored = stored.ok_or_else(|| ApiError::unknown_issue(&issue.to_string()))?;
            let view = api::view(&self.state, &stored).await?;
            let shown = serde_json::to_string(&view).map_err(|error| not_shown(&error))?;
            if shown != self.shown {
                self.events.push_back(Event::default().event("issue").data(&shown));
                self.shown = shown;
            }
            self.is_stale = false;
        }
        Ok(())
    }
}

fn with_json(event: Event, value: &impl serde::Serialize) -> Result<Event, ApiError> {
    let text = serde_json::to_string(value).map_err(|error| not_shown(&error))?;
    Ok(event.data(text))
}

fn not_shown(error: &serde_json::Error) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "not_shown", error.to_string())
}
