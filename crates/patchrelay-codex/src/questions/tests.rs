use super::*;

/// Every question that codex 0.169 knows, and what it is told; `None` is an error.
pub(crate) fn policy() -> Vec<(&'static str, Value, Option<Value>)> {
    let declined = || Some(json!({ "decision": "decline" }));
    let denied = || Some(json!({ "decision": "denied" }));
    let questions =
        json!({ "questions": [{ "id": "which", "question": "Which?" }, { "id": "why" }] });
    let no_tool = "This tool is not there. Go on without it.";
    vec![
        ("item/commandExecution/requestApproval", json!({ "command": "rm -rf /" }), declined()),
        ("item/fileChange/requestApproval", json!({ "grantRoot": "/" }), declined()),
        (
            "item/tool/requestUserInput",
            questions,
            Some(json!({ "answers": { "which": { "answers": [] }, "why": { "answers": [] } } })),
        ),
        (
            "mcpServer/elicitation/request",
            json!({ "serverName": "evil", "mode": "form" }),
            Some(json!({ "action": "decline", "content": null })),
        ),
        (
            "item/permissions/requestApproval",
            json!({ "permissions": { "network": { "enabled": true } } }),
            Some(json!({ "permissions": {}, "scope": "turn" })),
        ),
        (
            "item/tool/call",
            json!({ "tool": "deploy" }),
            Some(json!({
                "contentItems": [{ "type": "inputText", "text": no_tool }], "success": false,
            })),
        ),
        ("account/chatgptAuthTokens/refresh", json!({ "reason": "unauthorized" }), None),
        ("attestation/generate", json!({}), None),
        ("currentTime/read", json!({ "threadId": "t" }), Some(json!({ "currentTimeAt": 7 }))),
        ("applyPatchApproval", json!({}), denied()),
        ("execCommandApproval", json!({ "command": ["ls"] }), denied()),
    ]
}

#[test]
fn every_question_has_its_answer_and_grants_nothing() {
    for (method, params, expected) in policy() {
        let id = json!(0);
        let answer = answer(&id, method, &params, 7);
        assert_eq!(answer["id"], id);
        match expected {
            Some(result) => assert_eq!(answer["result"], result, "{method}"),
            None => assert_eq!(answer["error"]["code"], -32601, "{method}"),
        }
    }
}

#[test]
fn a_question_that_is_not_known_is_refused_whatever_it_looks_like() {
    for params in [Value::Null, json!([]), json!({ "questions": 7 }), json!("x")] {
        let id = json!("theirs");
        let refused = answer(&id, "of/tomorrow", &params, 0);
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&id, &json!(-32601)));
        let empty = answer(&id, "item/tool/requestUserInput", &params, 0);
        assert_eq!(empty["result"], json!({ "answers": {} }));
    }
}
