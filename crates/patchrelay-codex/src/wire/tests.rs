use patchrelay_domain::{Glimpse, PlanStatus, PlanStep, TurnStatus};
use serde_json::{Value, json};

use super::{Incoming, MAX_TEXT, News, Refusal, What, one_line};

fn parse(message: &Value) -> Option<Incoming> {
    Incoming::parse(message.to_string().as_bytes())
}

/// What a notification of the turn says.
fn check(method: &str, mut params: Value, expected: Option<What>) {
    params["threadId"] = json!("thread");
    if params["turn"].is_null() {
        params["turnId"] = json!("turn");
    }
    let got = News::parse(method, params);
    let expected =
        expected.map(|what| News { thread: "thread".to_owned(), turn: "turn".to_owned(), what });
    assert_eq!(got, expected);
}

fn moved(line: &str) -> Option<What> {
    Some(What::Moved { line: line.to_owned(), seen: None })
}

#[test]
fn the_members_tell_the_kinds_apart_and_not_the_id() {
    let method = || "m".to_owned();
    assert_eq!(
        parse(&json!({ "id": 0, "result": {} })),
        Some(Incoming::Answer { id: 0, result: Ok(json!({})) })
    );
    assert_eq!(
        parse(&json!({ "id": 0, "result": null })),
        Some(Incoming::Answer { id: 0, result: Ok(Value::Null) })
    );
    assert_eq!(
        parse(&json!({ "id": 0, "method": "m" })),
        Some(Incoming::Question { id: json!(0), method: method(), params: Value::Null })
    );
    let news = Incoming::News { method: method(), params: Value::Null };
    assert_eq!(parse(&json!({ "method": "m", "emittedAtMs": 1 })), Some(news));
    let refused = json!({ "id": 3, "error": { "code": -32600, "message": "no\nway" } });
    assert_eq!(
        parse(&refused),
        Some(Incoming::Answer {
            id: 3,
            result: Err(Refusal { code: -32600, reason: "no way".to_owned() }),
        })
    );
}

#[test]
fn what_is_no_message_is_passed_over() {
    assert_eq!(Incoming::parse(b"{\"method\":\"\xff\xfe\"}"), None, "not UTF-8");
    for line in [
        "",
        "7",
        "null",
        "[{\"method\":\"m\"}]",
        "{\"method\":7}",
        "{\"id\":null,\"result\":{}}",
        "running 1 test",
        "[]",
        "{}",
        "{\"id\":\"mine\",\"result\":{}}",
        "{\"id\":1,",
        "\u{fffd}",
    ] {
        assert_eq!(Incoming::parse(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn the_news_of_a_turn_are_understood() {
    check(
        "turn/started",
        json!({ "turn": { "id": "turn", "status": "inProgress" } }),
        Some(What::Started),
    );
    let command = |extra: Value| {
        let mut item = json!({ "type": "commandExecution", "command": "make\ntest" });
        item.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
        json!({ "item": item })
    };
    let doing = Glimpse::Doing { action: "Running", object: "make test".to_owned() };
    let begun = What::Moved { line: "it runs `make test`".to_owned(), seen: Some(doing) };
    check("item/started", command(json!({})), Some(begun));
    check("item/completed", command(json!({ "exitCode": 2 })), moved("`make test` ended with 2"));
    check("item/completed", command(json!({ "exitCode": null })), moved("`make test` ended"));
    let change = json!({ "item": { "type": "fileChange", "changes": [{ "path": "/w/a" }, { "path": "/w/b" }] } });
    check("item/completed", change, moved("it edited /w/a, /w/b"));
    let usage =
        json!({ "total": { "totalTokens": 9, "inputTokens": 5 }, "last": { "totalTokens": 4 } });
    check(
        "thread/tokenUsage/updated",
        json!({ "tokenUsage": usage }),
        Some(What::Cost { total: 9, last: 4 }),
    );
    check("thread/tokenUsage/updated", json!({ "tokenUsage": { "total": {} } }), None);
    let trouble = json!({ "error": { "message": "Reconnecting... 1/2" }, "willRetry": true });
    check("error", trouble, moved("trouble with the model: Reconnecting... 1/2"));
}

#[test]
fn only_what_is_not_a_remark_is_a_last_word() {
    for (phase, is_final) in [
        (json!("commentary"), false),
        (json!("partial_answer"), false),
        (json!("final_answer"), true),
        (Value::Null, true),
    ] {
        let item = json!({ "item": { "type": "agentMessage", "text": "hm", "phase": phase } });
        check("item/completed", item, Some(What::Said { text: "hm".to_owned(), is_final }));
    }
}

#[test]
fn a_turn_ends_in_three_ways() {
    let ended = |status: &str, error: Value| json!({ "turn": { "id": "turn", "status": status, "error": error } });
    let end = |status| Some(What::Ended { status, last_message: None });
    check("turn/completed", ended("completed", Value::Null), end(TurnStatus::Completed));
    check("turn/completed", ended("interrupted", Value::Null), end(TurnStatus::Interrupted));
    let error = json!({ "message": "no", "codexErrorInfo": "badRequest" });
    let refused = TurnStatus::Refused { reason: "no (badRequest)".to_owned() };
    check("turn/completed", ended("failed", error), end(refused));
}

#[test]
fn unknown_and_misshapen_news_are_passed_over() {
    check("item/started", json!({ "item": { "type": "brandNew" } }), None);
    check("thread/brandNew", json!({}), None);
    assert_eq!(News::parse("turn/started", json!({ "turn": "?" })), None);
    assert_eq!(News::parse("item/completed", json!({ "threadId": "thread", "item": 7 })), None);
    assert_eq!(News::parse("configWarning", json!({ "summary": "no bubblewrap" })), None);
}

#[test]
fn a_text_becomes_one_short_line() {
    assert_eq!(one_line("a\n\tb\u{1b}[31m c"), "a b [31m c");
    assert_eq!(one_line(&"é".repeat(1_000_000)).chars().count(), MAX_TEXT + 1);
}

#[test]
fn a_plan_is_read_step_by_step() {
    let step = |content: &str, status| PlanStep { content: content.to_owned(), status };
    let steps = vec![
        step("Look around", PlanStatus::Completed),
        step("Write", PlanStatus::InProgress),
        step("Test", PlanStatus::Pending),
        step("", PlanStatus::Pending),
    ];
    let plan = json!({ "explanation": null, "plan": [
        { "step": "Look\naround", "status": "completed" }, { "step": "Write", "status": "inProgress" },
        { "step": "Test", "status": "of another kind" }, {},
    ]});
    let seen = Some(Glimpse::Planned { steps });
    let line = "it updated its plan".to_owned();
    check("turn/plan/updated", plan, Some(What::Moved { line, seen }));
}
