//! What the app-server asks us, and what it is told.
//!
//! Nobody is there to ask during a turn, and nothing is ever granted beyond what the thread began with. So each question
//! has one answer, which is given at once: a turn waits for ever for one that does not come.

use serde_json::{Map, Value, json};

/// The answer to a question. `now` is in seconds since the epoch.
pub(crate) fn answer(id: &Value, method: &str, params: &Value, now: i64) -> Value {
    let result = match method {
        "item/commandExecution/requestApproval" | "item/fileChange/requestApproval" => {
            json!({ "decision": "decline" })
        }
        // The same, asked as before there were items.
        "execCommandApproval" | "applyPatchApproval" => json!({ "decision": "denied" }),
        // Also how the call of an MCP tool is asked for.
        "mcpServer/elicitation/request" => json!({ "action": "decline", "content": null }),
        "item/permissions/requestApproval" => json!({ "permissions": {}, "scope": "turn" }),
        "item/tool/requestUserInput" => json!({ "answers": no_answers(params) }),
        // We offer no tool, so this is one of somebody else's thread.
        "item/tool/call" => {
            let text = "This tool is not there. Go on without it.";
            json!({ "contentItems": [{ "type": "inputText", "text": text }], "success": false })
        }
        "currentTime/read" => json!({ "currentTimeAt": now }),
        // Tokens that we do not have, and what nobody has heard of. The model is told, or the turn fails and says so.
        _ => {
            let message = "nobody is here to answer; go on without it or stop";
            return json!({ "id": id, "error": { "code": -32601, "message": message } });
        }
    };
    json!({ "id": id, "result": result })
}

/// For each question that a human would be asked, that nobody said anything.
fn no_answers(params: &Value) -> Map<String, Value> {
    let questions = params["questions"].as_array().into_iter().flatten();
    let ids = questions.filter_map(|question| question["id"].as_str());
    ids.map(|id| (id.to_owned(), json!({ "answers": [] }))).collect()
}

#[cfg(test)]
pub(crate) mod tests;
