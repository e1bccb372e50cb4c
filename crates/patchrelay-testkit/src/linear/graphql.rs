//! The endpoint: authorization, validation and execution of operations, in Linear's form.

use std::{
    cell::RefCell,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
};

use apollo_compiler::{
    ExecutableDocument, Schema,
    resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue},
    response::{ExecutionResponse, JsonMap, JsonValue},
    validation::Valid,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Shared, lock,
    world::{No, World},
};

/// The schema that the client's operations are written for.
static SCHEMA: LazyLock<Valid<Schema>> = LazyLock::new(|| {
    let sdl = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../patchrelay-linear/graphql/schema.graphql"
    ));
    Schema::parse_and_validate(sdl, "schema.graphql")
        .expect("a test of patchrelay-linear validates the schema")
});

/// How many requests an app has in an hour. The fake counts them and never refuses one for it.
const REQUESTS_PER_HOUR: i64 = 5_000;

/// How many points of complexity an app has in an hour.
const COMPLEXITY_PER_HOUR: i64 = 2_000_000;

/// How many nodes a connection has when nobody says, as with Linear.
const DEFAULT_FIRST: u64 = 50;

/// How long a planned rate limit says that it will last, in milliseconds.
const LIMIT_MILLIS: i64 = 30_000;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/graphql", post(endpoint))
        .with_state(Endpoint { shared, served: Arc::default() })
}

#[derive(Clone)]
struct Endpoint {
    shared: Arc<Shared>,
    served: Arc<AtomicI64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    query: String,
    operation_name: Option<String>,
    variables: Option<JsonMap>,
}

async fn endpoint(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Bytes) -> Response {
    let served = endpoint.served.fetch_add(1, Ordering::Relaxed) + 1;
    let shared = &endpoint.shared;
    let request = match serde_json::from_slice::<Request>(&body) {
        Ok(request) => request,
        Err(error) => return invalid(&error.to_string(), "GRAPHQL_PARSE_FAILED"),
    };
    let operation = request.operation_name.clone().unwrap_or_default();
    lock(&shared.calls).push(operation.clone());
    let answer = shared.faults.apply(&operation, async || answer(shared, &headers, &request)).await;
    let now = lock(&shared.world).now_millis();
    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
        return with_budget(limited(), 0, now + LIMIT_MILLIS);
    }
    with_budget(answer, REQUESTS_PER_HOUR - served, now + 1)
}

fn answer(shared: &Shared, headers: &HeaderMap, request: &Request) -> Response {
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    if authorization.and_then(|value| value.strip_prefix("Bearer ")) != Some(shared.token.as_str())
    {
        let error = error(
            "Authentication required, not authenticated",
            json!({
                "type": "authentication error",
                "code": "AUTHENTICATION_ERROR",
                "userError": true,
                "userPresentableMessage": "You need to authenticate to access this operation.",
            }),
        );
        return (StatusCode::UNAUTHORIZED, error).into_response();
    }
    let document = match ExecutableDocument::parse_and_validate(
        &SCHEMA,
        request.query.as_str(),
        "query.graphql",
    ) {
        Ok(document) => document,
        Err(errors) => return invalid(&errors.errors.to_string(), "GRAPHQL_VALIDATION_FAILED"),
    };
    let variables = request.variables.clone().unwrap_or_default();
    let mut world = lock(&shared.world);
    let root = Root { world: RefCell::new(&mut world), refusals: RefCell::default() };
    let executed = Execution::new(&SCHEMA, &document)
        .operation_name(request.operation_name.as_deref())
        .and_then(|execution| execution.raw_variable_values(&variables).execute_sync(&root));
    match executed {
        Ok(response) => Json(in_linears_form(response, root.refusals.into_inner())).into_response(),
        Err(error) => invalid(&error.message().to_string(), "BAD_USER_INPUT"),
    }
}

/// An execution's answer. A refusal of the workspace gets the extensions that Linear gives it.
fn in_linears_form(response: ExecutionResponse, refusals: Vec<No>) -> Value {
    let errors: Vec<Value> = response
        .errors
        .into_iter()
        .map(|error| {
            // The executor puts words of its own before those of a resolver.
            let message = error.message.trim_start_matches("resolver error: ");
            let mut shown = json!({ "message": message, "path": error.path });
            if let Some(no) = refusals.iter().find(|no| no.message == message) {
                shown["extensions"] = json!({
                    "type": "invalid input",
                    "code": "INPUT_ERROR",
                    "userError": true,
                    "userPresentableMessage": no.presentable,
                });
            }
            shown
        })
        .collect();
    if errors.is_empty() {
        json!({ "data": response.data })
    } else {
        json!({ "errors": errors, "data": response.data })
    }
}

fn invalid(message: &str, code: &str) -> Response {
    let extensions = json!({ "type": "graphql error", "code": code, "userError": true });
    (StatusCode::BAD_REQUEST, error(message, extensions)).into_response()
}

fn limited() -> Response {
    let extensions = json!({ "type": "ratelimited", "code": "RATELIMITED", "userError": true });
    (StatusCode::BAD_REQUEST, error("Rate limit exceeded", extensions)).into_response()
}

fn error(message: &str, extensions: Value) -> Json<Value> {
    Json(json!({ "errors": [{ "message": message, "extensions": extensions }], "data": null }))
}

/// Adds the headers that Linear puts on every answer.
fn with_budget(mut answer: Response, requests_left: i64, reset_millis: i64) -> Response {
    let numbers = [
        ("x-ratelimit-requests-limit", REQUESTS_PER_HOUR),
        ("x-ratelimit-requests-remaining", requests_left),
        ("x-ratelimit-requests-reset", reset_millis),
        ("x-complexity", 1),
        ("x-ratelimit-complexity-limit", COMPLEXITY_PER_HOUR),
        ("x-ratelimit-complexity-remaining", COMPLEXITY_PER_HOUR - 1),
        ("x-ratelimit-complexity-reset", reset_millis),
    ];
    for (name, number) in numbers {
        answer.headers_mut().insert(name, HeaderValue::from(number));
    }
    answer
}

/// Both root types: their fields have different names.
struct Root<'w> {
    world: RefCell<&'w mut World>,
    refusals: RefCell<Vec<No>>,
}

impl ObjectValue for Root<'_> {
    fn type_name(&self) -> &str {
        "Query"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let mut world = self.world.borrow_mut();
        // Validation and coercion are over, so an argument that is not there was not asked for.
        let arguments = json!(info.arguments());
        let id = arguments["id"].as_str().unwrap_or_default();
        let input = &arguments["input"];
        let found = match info.field_name() {
            "viewer" => Ok(world.viewer()),
            "organization" => Ok(world.organization()),
            "team" => world.team_by_id(id),
            "issue" => world.issue_by_id(id),
            "issues" => world.issues(&arguments["filter"]),
            "agentActivity" => world.activity_by_id(id),
            "agentActivityCreate" => world.create_activity(
                input["id"].as_str(),
                input["agentSessionId"].as_str().unwrap_or_default(),
                &input["content"],
                input["ephemeral"] == true,
            ),
            "agentSessionUpdate" => world.update_session(id, input),
            "comment" => world.comment_by_id(id),
            "commentCreate" => world.create_comment(input),
            "commentUpdate" => world.update_comment(id, input),
            "issueUpdate" => world.update_issue(id, input["stateId"].as_str()),
            _ => return Err(self.unknown_field_error(info)),
        };
        found.map(|value| resolved_field(info, value)).map_err(|no| {
            let message = no.message.clone();
            self.refusals.borrow_mut().push(no);
            FieldError { message }
        })
    }
}

/// Any other object, with the name of its type in `__typename`.
struct Node(Map<String, Value>);

impl ObjectValue for Node {
    fn type_name(&self) -> &str {
        self.0.get("__typename").and_then(Value::as_str).unwrap_or_default()
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let value =
            self.0.get(info.field_name()).cloned().ok_or_else(|| self.unknown_field_error(info))?;
        Ok(resolved_field(info, value))
    }
}

/// The value of a field; of a connection, the part that was asked for.
fn resolved_field<'a>(info: &ResolveInfo<'_>, value: Value) -> ResolvedValue<'a> {
    if !info.field_definition().ty.inner_named_type().ends_with("Connection") {
        return resolved(value);
    }
    let argument = |name| info.arguments().get(name);
    let first = argument("first").and_then(JsonValue::as_u64);
    resolved(page(value, first, argument("after").and_then(JsonValue::as_str)))
}

/// The part of a connection after a cursor, which is the number of the nodes before it.
fn page(mut connection: Value, first: Option<u64>, after: Option<&str>) -> Value {
    let first = usize::try_from(first.unwrap_or(DEFAULT_FIRST)).unwrap_or(usize::MAX);
    let start: usize = after.and_then(|after| after.parse().ok()).unwrap_or(0);
    let (mut has_next_page, mut end) = (false, start);
    if let Some(nodes) = connection["nodes"].as_array_mut() {
        nodes.drain(..start.min(nodes.len()));
        has_next_page = first < nodes.len();
        nodes.truncate(first);
        end += nodes.len();
    }
    connection["pageInfo"] = json!({
        "__typename": "PageInfo",
        "hasNextPage": has_next_page,
        "endCursor": (start < end).then(|| end.to_string()),
    });
    connection
}

fn resolved<'a>(value: Value) -> ResolvedValue<'a> {
    match value {
        Value::Object(object) if object.contains_key("__typename") => {
            ResolvedValue::object(Node(object))
        }
        Value::Array(values) => ResolvedValue::list(values.into_iter().map(resolved)),
        leaf => ResolvedValue::leaf(leaf),
    }
}
