//! Orders: what operators do to an issue.
//!
//! Every one is a `POST` with a small body of JSON, or with none. A body has to say that it is JSON: what a page of
//! another origin can send without asking first does not.

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
};
use patchrelay_domain::{Order, RunType, TreeId};
use patchrelay_ports::{OperatorOrder, OrderError, Stored};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    ServerState,
    api::{self, OneQuery},
    error::ApiError,
    syntax,
    view::OrderedView,
    webhook::read_in_time,
};

/// The largest body, in bytes.
const MAX_BODY_BYTES: usize = 128 * 1024;
/// The longest name of an operator, in characters.
const MAX_NAME: usize = 200;
/// The longest reason, in characters.
const MAX_REASON: usize = 2_000;
/// The longest text for the agent, in characters: more of one is not kept.
const MAX_TEXT: usize = 20_000;
/// Who gives an order that does not say so.
const SOMEBODY: &str = "operator";

/// One kind of order, as its body says it.
trait OrderBody: DeserializeOwned + Default {
    /// What is ordered, by whom and why.
    fn order(self) -> Result<OperatorOrder, ApiError>;
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retry {
    by: Option<String>,
    reason: Option<String>,
    run_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stop {
    by: Option<String>,
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Close {
    by: Option<String>,
    reason: Option<String>,
    failed: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Prompt {
    by: Option<String>,
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Approve {
    by: Option<String>,
    reason: Option<String>,
    tree: Option<String>,
}

impl OrderBody for Retry {
    fn order(self) -> Result<OperatorOrder, ApiError> {
        let known = |name: String| {
            RunType::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| {
                let names: Vec<_> = RunType::ALL.iter().map(|known| known.as_str()).collect();
                invalid(format!("`run_type` is one of {}", names.join(", ")))
            })
        };
        let run_type = self.run_type.map(known).transpose()?;
        given(self.by, self.reason, Order::Retry { run_type })
    }
}

impl OrderBody for Stop {
    fn order(self) -> Result<OperatorOrder, ApiError> {
        given(self.by, self.reason, Order::Stop)
    }
}

impl OrderBody for Close {
    fn order(self) -> Result<OperatorOrder, ApiError> {
        given(self.by, self.reason, Order::Close { as_failed: self.failed })
    }
}

impl OrderBody for Prompt {
    fn order(self) -> Result<OperatorOrder, ApiError> {
        let text = short(self.text, "text", MAX_TEXT)?;
        let text = text.ok_or_else(|| invalid("`text` is missing"))?;
        given(self.by, None, Order::Prompt { text })
    }
}

impl OrderBody for Approve {
    fn order(self) -> Result<OperatorOrder, ApiError> {
        let is_id = |tree: &str| {
            matches!(tree.len(), 40 | 64) && tree.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if self.tree.as_deref().is_some_and(|tree| !is_id(tree)) {
            return Err(invalid("`tree` is not the id of a tree"));
        }
        given(self.by, self.reason, Order::Approve { tree: self.tree.map(TreeId::new) })
    }
}

fn given(
    by: Option<String>,
    reason: Option<String>,
    order: Order,
) -> Result<OperatorOrder, ApiError> {
    let by = short(by, "by", MAX_NAME)?.unwrap_or_else(|| SOMEBODY.to_owned());
    if by.chars().any(char::is_control) {
        return Err(invalid("`by` is not a name"));
    }
    Ok(OperatorOrder { by, reason: short(reason, "reason", MAX_REASON)?, order })
}

/// A text that says something and is not too long.
fn short(text: Option<String>, field: &str, max: usize) -> Result<Option<String>, ApiError> {
    let text = text.filter(|text| !text.trim().is_empty());
    match &text {
        Some(text) if max < text.chars().count() => {
            Err(invalid(format!("`{field}` has more than {max} characters")))
        }
        Some(_) | None => Ok(text),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message)
}

type Key = Result<Path<String>, PathRejection>;
type One = Result<Query<OneQuery>, QueryRejection>;
type Answer = Result<Json<OrderedView>, ApiError>;

macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident: $body:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) async fn $name(
            State(state): State<ServerState>,
            key: Key,
            query: One,
            headers: HeaderMap,
            body: Body,
        ) -> Answer {
            carry_out::<$body>(&state, key, query, &headers, body).await
        }
    )*};
}

orders! {
    /// `POST /api/issues/{key}/retry`.
    retry: Retry;
    /// `POST /api/issues/{key}/stop`.
    stop: Stop;
    /// `POST /api/issues/{key}/close`.
    close: Close;
    /// `POST /api/issues/{key}/prompt`.
    prompt: Prompt;
    /// `POST /api/issues/{key}/approve`.
    approve: Approve;
}

async fn carry_out<B: OrderBody>(
    state: &ServerState,
    key: Key,
    query: One,
    headers: &HeaderMap,
    body: Body,
) -> Answer {
    let (Path(key), Query(query)) = (key?, query?);
    let order = parse::<B>(state, headers, body).await?.order()?;
    let found = api::find(state, &key, query.project).await?;
    let given = state.orders.give(&found.facts.issue, order).await;
    let facts = given.map_err(|error| refused(&key, error))?;
    // How often it changed says nothing to anybody here.
    let ordered = Stored { facts, version: found.version };
    Ok(Json(OrderedView { issue: api::view(state, &ordered).await? }))
}

async fn parse<B: OrderBody>(
    state: &ServerState,
    headers: &HeaderMap,
    body: Body,
) -> Result<B, ApiError> {
    let mut room = None;
    let body = read_in_time(body, headers, MAX_BODY_BYTES, &state.intake, &mut room).await?;
    if body.is_empty() {
        return Ok(B::default());
    }
    let says_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !says_json {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "json_expected",
            "send the body as `content-type: application/json`",
        ));
    }
    let bad_json = |message| ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", message);
    syntax::check(&body, syntax::MAX_DEPTH).map_err(bad_json)?;
    // An array would pass for an object whose fields come in order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(invalid("the body is not an object"));
    }
    serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))
}

fn refused(key: &str, error: OrderError) -> ApiError {
    match error {
        OrderError::UnknownIssue => ApiError::unknown_issue(key),
        OrderError::Refused(refusal) => {
            ApiError::new(StatusCode::CONFLICT, refusal.code(), format!("{key}: {refusal}"))
        }
        OrderError::Store(error) => error.into(),
        OrderError::Contended => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the issue changes too fast; try again",
        ),
    }
}
