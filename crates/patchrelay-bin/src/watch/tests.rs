use serde_json::json;

use super::*;

#[test]
fn a_watch_ends_with_the_issue() {
    let ends = |state: &str| end(&json!({ "key": "APP-1", "state": state, "status_note": "why" }));
    assert!(ends("done").unwrap().is_ok());
    assert_eq!(ends("failed").unwrap().unwrap_err().message(), "APP-1 failed: why");
    assert_eq!(ends("escalated").unwrap().unwrap_err().message(), "APP-1 needs a human: why");
    for state in ["delegated", "implementing", "pr_open", "awaiting_input", "paused"] {
        assert!(ends(state).is_none(), "{state}");
    }
}
