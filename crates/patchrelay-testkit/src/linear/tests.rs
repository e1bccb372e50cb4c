use std::{path::PathBuf, time::Duration};

use apollo_compiler::{Schema, ast::Type, schema::ExtendedType};
use serde_json::{Value, json};

use super::*;
use crate::Fault;

const TOKEN: &str = "app-token";

async fn fake() -> FakeLinear {
    let webhook =
        WebhookTarget { url: "http://127.0.0.1:9/nobody".to_owned(), secret: "secret".to_owned() };
    FakeLinear::start(FakeLinearConfig { webhook, token: TOKEN.to_owned(), port: 0 })
        .await
        .expect("a free port")
}

struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    fn error(&self) -> &str {
        self.body["errors"][0]["message"].as_str().unwrap_or_default()
    }
}

async fn ask_as(fake: &FakeLinear, authorization: &str, query: &str, variables: Value) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let name = query.split(['(', '{', ' ']).nth(1).unwrap();
    let body = json!({ "query": query, "operationName": name, "variables": variables });
    let request = client.post(fake.url()).header("authorization", authorization).json(&body);
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.json().await.unwrap_or_default() }
}

async fn ask(fake: &FakeLinear, query: &str, variables: Value) -> Answer {
    ask_as(fake, &format!("Bearer {TOKEN}"), query, variables).await
}

const CREATE: &str = "mutation Create($input: AgentActivityCreateInput!) { agentActivityCreate(input: $input) { success } }";
const UPDATE: &str = "mutation Update($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success } }";

fn thought(id: &str, session: &str) -> Value {
    json!({ "input": { "id": id, "agentSessionId": session, "content": { "type": "thought", "body": "Hm." } } })
}

fn session_of(delivery: &SignedDelivery) -> String {
    let body: Value = serde_json::from_slice(&delivery.body).unwrap();
    body["agentSession"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_operation_gets_what_it_selects_and_nothing_else() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "Please.");
    fake.label_issue(&issue.key, "cli");
    let query = "query Q($id: String!) { ticket: issue(id: $id) { ...F labels(first: 5) { nodes { name } } delegate { id } } } \
                 fragment F on Issue { identifier state { type } }";
    let answer = ask(&fake, query, json!({ "id": issue.id })).await;
    let expected = json!({ "ticket": {
        "identifier": "APP-1", "state": { "type": "unstarted" }, "labels": { "nodes": [{ "name": "cli" }] }, "delegate": null,
    }});
    assert_eq!((answer.status, &answer.body["data"]), (200, &expected));
}

#[tokio::test]
async fn a_connection_is_cut_after_the_asked_number_and_says_so() {
    let fake = fake().await;
    let query = "query Q($id: String!) { team(id: $id) { states(first: 2) { nodes { name } pageInfo { hasNextPage } } } }";
    let answer = ask(&fake, query, json!({ "id": "APP" })).await;
    let states = &answer.body["data"]["team"]["states"];
    assert_eq!(states["nodes"], json!([{ "name": "Backlog" }, { "name": "Todo" }]));
    assert_eq!(states["pageInfo"]["hasNextPage"], true);
}

#[tokio::test]
async fn what_the_schema_does_not_have_is_refused() {
    let fake = fake().await;
    let unknown_field = ask(&fake, "query Q { viewer { shoeSize } }", json!({})).await;
    assert_eq!(unknown_field.status, 400);
    assert_eq!(unknown_field.body["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    let missing_variable =
        ask(&fake, "query Q($id: String!) { issue(id: $id) { title } }", json!({})).await;
    assert_eq!(missing_variable.status, 400);
    let unknown_input = json!({ "id": "APP-1", "input": { "title": "Mine" } });
    assert_eq!(ask(&fake, UPDATE, unknown_input).await.status, 400);
}

#[tokio::test]
async fn only_the_token_of_the_app_is_taken() {
    let fake = fake().await;
    for authorization in ["", TOKEN, "Bearer other"] {
        let answer = ask_as(&fake, authorization, "query Q { viewer { id } }", json!({})).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body["errors"][0]["extensions"]["type"], "authentication error");
    }
}

#[tokio::test]
async fn an_activity_is_written_once_under_its_id() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let session = session_of(&fake.open_session(&issue.key));
    let id = uuid::Uuid::new_v4().to_string();
    let first = ask(&fake, CREATE, thought(&id, &session)).await;
    assert_eq!(first.body, json!({ "data": { "agentActivityCreate": { "success": true } } }));
    let second = ask(&fake, CREATE, thought(&id, &session)).await;
    assert!(second.error().contains("already exists"), "{}", second.body);
    assert_eq!(second.body["errors"][0]["extensions"]["userError"], true);
    let written = fake.activities(&issue.key);
    assert_eq!(
        written.iter().map(|activity| (&*activity.id, activity.text())).collect::<Vec<_>>(),
        [(&*id, "Hm.".to_owned())]
    );
}

#[tokio::test]
async fn activities_that_linear_would_not_take_are_refused() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let session = session_of(&fake.open_session(&issue.key));
    let v4 = || uuid::Uuid::new_v4().to_string();
    let v7 = "01920000-0000-7000-8000-000000000000";
    assert!(ask(&fake, CREATE, thought(v7, &session)).await.error().contains("version 4"));
    assert_eq!(
        ask(&fake, CREATE, thought(&v4(), "no-session")).await.error(),
        "Entity not found: AgentSession"
    );
    for content in [
        json!({ "type": "prompt", "body": "x" }),
        json!({ "type": "action", "action": "Run" }),
        json!({ "type": "response", "body": "" }),
    ] {
        let input =
            json!({ "input": { "id": v4(), "agentSessionId": session, "content": content } });
        assert!(ask(&fake, CREATE, input).await.error().contains("content"));
    }
    assert!(fake.activities(&issue.key).is_empty());
}

#[tokio::test]
async fn a_ticket_moves_only_to_a_state_that_exists() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let unknown = json!({ "id": issue.id, "input": { "stateId": "nowhere" } });
    assert_eq!(ask(&fake, UPDATE, unknown).await.error(), "Entity not found: WorkflowState");
    fake.move_issue(&issue.key, "In Progress");
    assert_eq!(fake.issue(&issue.key).state_type, "started");
}

#[tokio::test]
async fn a_change_gives_a_ticket_a_newer_version() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let mut versions = Vec::new();
    for _ in 0..3 {
        fake.delivery(&issue.key);
        fake.undelegate(&issue.key);
        fake.move_issue(&issue.key, "Todo");
        let answer = ask(
            &fake,
            "query Q($id: String!) { issue(id: $id) { updatedAt } }",
            json!({ "id": issue.id }),
        )
        .await;
        versions.push(answer.body["data"]["issue"]["updatedAt"].as_str().unwrap().to_owned());
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

#[tokio::test]
async fn faults_strike_the_operation_they_are_planned_for() {
    let fake = fake().await;
    fake.faults().plan("Q", Fault::Before(500), 1);
    fake.faults().plan("Q", Fault::Before(429), 1);
    assert_eq!(ask(&fake, "query Other { viewer { id } }", json!({})).await.status, 200);
    assert_eq!(ask(&fake, "query Q { viewer { id } }", json!({})).await.status, 500);
    let limited = ask(&fake, "query Q { viewer { id } }", json!({})).await;
    assert_eq!(
        (limited.status, &limited.body["errors"][0]["extensions"]["code"]),
        (400, &json!("RATELIMITED"))
    );
    assert_eq!(limited.headers["x-ratelimit-requests-remaining"], "0");
    let answer = ask(&fake, "query Q { viewer { id } }", json!({})).await;
    assert_eq!(answer.body["data"]["viewer"]["id"], fake.app_user());
    assert_eq!(answer.headers["x-ratelimit-requests-limit"], "5000");
    assert_eq!((fake.calls("Q"), fake.calls("Other")), (3, 1));
}

#[tokio::test]
async fn a_delegation_is_posted_signed_and_can_be_sent_again() {
    let (deliveries, mut received) = tokio::sync::mpsc::unbounded_channel();
    let hook =
        axum::routing::post(async move |headers: http::HeaderMap, body: axum::body::Bytes| {
            deliveries.send((headers, body)).unwrap();
            "taken"
        });
    let receiver =
        crate::server::listen(axum::Router::new().route("/hook", hook), 0).await.unwrap();
    let fake = fake().await;
    let target = WebhookTarget {
        url: format!("http://{}/hook", receiver.address),
        secret: "other".to_owned(),
    };
    fake.send_webhooks_to(target.clone());
    let issue = fake.create_issue("Add a flag", "Please.");

    let answer = fake.delegate(&issue.key).await;
    assert_eq!(answer, DeliveryAnswer { status: 200, body: "taken".to_owned() });
    let (headers, body) = received.recv().await.unwrap();
    assert_eq!(headers["linear-event"], "AgentSessionEvent");
    assert_eq!(headers["linear-signature"], target.sign(&body));
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&said["action"], &said["agentSession"]["issue"]["identifier"]),
        (&json!("created"), &json!(issue.key))
    );
    assert!(fake.issue(&issue.key).delegated);

    let again = fake.delivery(&issue.key);
    assert_eq!(
        session_of(&again),
        said["agentSession"]["id"],
        "the same session in another delivery"
    );
    again.send().await;
    again.send().await;
    let (first, second) = (received.recv().await.unwrap(), received.recv().await.unwrap());
    assert_eq!((&first.0["linear-delivery"], &first.1), (&second.0["linear-delivery"], &second.1));
    assert_ne!(first.0["linear-delivery"], headers["linear-delivery"]);
}

#[tokio::test]
async fn an_aged_delivery_is_signed_and_a_changed_one_is_not() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let target = lock(&fake.webhook).clone();
    let fresh = fake.delivery(&issue.key);
    let mut aged = fresh.clone().aged(Duration::from_secs(60));
    let sent = |delivery: &SignedDelivery| -> i64 {
        serde_json::from_slice::<Value>(&delivery.body).unwrap()["webhookTimestamp"]
            .as_i64()
            .unwrap()
    };
    assert_eq!(sent(&fresh) - sent(&aged), 60_000);
    assert_eq!(aged.header("linear-delivery"), fresh.header("linear-delivery"));
    assert_eq!(aged.header("linear-signature"), Some(&*target.sign(&aged.body)));
    aged.body.push(b' ');
    assert_ne!(aged.header("linear-signature"), Some(&*target.sign(&aged.body)));
}

#[tokio::test]
#[ignore = "needs ../shared/linear/schema.graphql"]
async fn the_webhook_is_as_linears_schema_says() {
    let schema = linears_schema();
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "Please.");
    let mut body: Value = serde_json::from_slice(&fake.delivery(&issue.key).body).unwrap();
    let payload = "AgentSessionEventWebhookPayload";
    assert_eq!(differences(&schema, payload, &body, payload), Vec::<String>::new());
    body["agentSession"]["creator"]["shoeSize"] = json!(43);
    body["agentSession"]["issue"]["teamId"] = json!(null);
    assert_eq!(differences(&schema, payload, &body, payload).len(), 2, "the check itself works");
}

fn linears_schema() -> Schema {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/linear/schema.graphql"
    ));
    let sdl = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Schema::parse(sdl, path).unwrap()
}

/// What a value lacks, or has too much, against an object type of a schema.
fn differences(schema: &Schema, type_name: &str, value: &Value, path: &str) -> Vec<String> {
    let Some(ExtendedType::Object(object)) = schema.types.get(type_name) else {
        return match (type_name, value) {
            ("String" | "ID" | "DateTime", Value::String(_))
            | ("Float" | "Int", Value::Number(_))
            | ("Boolean", Value::Bool(_))
            | ("JSONObject", Value::Object(_)) => Vec::new(),
            _ => vec![format!("{path}: {value} where {type_name} is due")],
        };
    };
    let Some(found) = value.as_object() else { return vec![format!("{path}: not an object")] };
    let unknown = found.keys().filter(|name| !object.fields.contains_key(name.as_str()));
    let mut differences: Vec<String> =
        unknown.map(|name| format!("{path}.{name}: not in {type_name}")).collect();
    for (name, field) in &object.fields {
        let path = format!("{path}.{name}");
        match (&field.ty, &value[name.as_str()]) {
            (Type::Named(_) | Type::List(_), Value::Null) => {}
            (_, Value::Null) => differences.push(format!("{path}: missing")),
            (ty, Value::Array(values)) if ty.is_list() => {
                differences.extend(values.iter().flat_map(|value| {
                    self::differences(schema, ty.inner_named_type(), value, &path)
                }));
            }
            (ty, value) => {
                differences.extend(self::differences(schema, ty.inner_named_type(), value, &path));
            }
        }
    }
    differences
}

/// What people say has Linear's form, whoever says it.
#[tokio::test]
#[ignore = "needs ../shared/linear/schema.graphql"]
async fn what_people_say_is_told_as_linears_schema_says() {
    let schema = linears_schema();
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "Please.");
    fake.open_session(&issue.key);
    let said = fake.prompt(&issue.key, "Please add a test.");
    let mention = fake.mention(&issue.key, "@patchrelay go on");
    let mut comments = vec![
        said.comment,
        mention.comment,
        fake.edit_comment(&said.comment_id, "Please add two tests."),
        fake.remove_comment(&said.comment_id),
    ];
    let speakers = [Speaker::Human, Speaker::Colleague, Speaker::Stranger, Speaker::OtherApp];
    comments.extend(speakers.map(|by| fake.comment(&issue.key, by, "Hm.").1));
    let sessions = [said.prompt, mention.prompt, fake.stop(&issue.key)];
    let check = |delivery: &SignedDelivery, payload: &str, part: &str| {
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        let value = if part.is_empty() { &body } else { &body[part] };
        assert_eq!(differences(&schema, payload, value, payload), Vec::<String>::new());
    };
    for delivery in &sessions {
        check(delivery, "AgentSessionEventWebhookPayload", "");
    }
    for delivery in &comments {
        check(delivery, "CommentWebhookPayload", "data");
    }
}

#[tokio::test]
async fn what_is_said_in_a_session_is_told_as_a_prompt_and_as_a_comment() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    fake.open_session(&issue.key);
    let said = fake.prompt(&issue.key, "Please add a test.");
    let body =
        |delivery: &SignedDelivery| -> Value { serde_json::from_slice(&delivery.body).unwrap() };
    let (prompt, comment) = (body(&said.prompt), body(&said.comment));
    assert_eq!(prompt["agentActivity"]["sourceCommentId"], comment["data"]["id"]);
    assert_eq!(prompt["agentActivity"]["content"]["body"], comment["data"]["body"]);
    assert_eq!(prompt["agentSession"]["commentId"], comment["data"]["parentId"]);
    assert_eq!(said.comment.header("linear-event"), Some("Comment"));
    let edited = body(&fake.edit_comment(&said.comment_id, "Please add two tests."));
    assert_eq!(edited["updatedFrom"]["body"], "Please add a test.");
    assert_eq!(edited["data"]["body"], "Please add two tests.");
}
