use serde_json::{Value, json};

use super::{ModelScript, ModelServer, ModelStep};

/// What the model answers, as the item of its events.
async fn ask(server: &ModelServer, turn: &str, text: Value) -> Value {
    let body = json!({ "client_metadata": { "turn_id": turn }, "input": [], "text": text });
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("http://127.0.0.1:{}/v1/responses", server.port()))
        .header("thread-id", "thread")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let events = answer.text().await.unwrap();
    assert!(events.trim_end().lines().last().unwrap().contains("response.completed"), "{events}");
    let done = events
        .lines()
        .find_map(|line| line.strip_prefix("data: ").filter(|data| data.contains("item.done")));
    serde_json::from_str::<Value>(done.unwrap()).unwrap()["item"].clone()
}

#[tokio::test]
async fn each_request_of_a_turn_takes_a_step_and_each_turn_its_own() {
    let first =
        vec![ModelStep::Patch("*** Begin Patch".to_owned()), ModelStep::Shell("ls".to_owned())];
    let second = vec![ModelStep::Say("second".to_owned())];
    let script = ModelScript {
        turns: vec![first, second],
        report: json!({ "outcome": "done" }),
        ..ModelScript::default()
    };
    let server = ModelServer::start(script).await.unwrap();
    assert_eq!(ask(&server, "one", Value::Null).await["name"], "apply_patch");
    assert_eq!(ask(&server, "one", Value::Null).await["arguments"], "{\"cmd\":\"ls\"}");
    assert_eq!(ask(&server, "one", Value::Null).await["content"][0]["text"], "Done.");
    let schema = json!({ "format": { "type": "json_schema" } });
    assert_eq!(
        ask(&server, "report", schema).await["content"][0]["text"],
        "{\"outcome\":\"done\"}"
    );
    assert_eq!(ask(&server, "two", Value::Null).await["content"][0]["text"], "second");
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert_eq!((requests[4].thread.as_str(), requests[4].turn.as_str()), ("thread", "two"));
}
