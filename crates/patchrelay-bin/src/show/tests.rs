//! Tests.

use serde_json::json;

use super::{explain_text, issue_text, list_text};

fn issue() -> serde_json::Value {
    json!({
        "key": "APP-1",
        "project": "app",
        "title": "Wish a good night",
        "url": "https://linear.test/APP-1",
        "state": "pr_open",
        "waiting_reason": "waiting for review and merge of pull request #7",
        "status_note": "Added the greeting.",
        "tracker_state": "In Progress",
        "branch": "app/APP-1-wish-a-good-night",
        "worktree_path": "/worktrees/APP-1",
        "pr": { "number": 7, "state": "open", "url": "https://github.test/acme/app/pull/7" },
        "active_run": null,
        "latest_run": { "type": "implementation", "status": "completed", "outcome": "published", "failure_reason": null },
        "next": { "kind": "wait", "detail": "waiting for review and merge of pull request #7" },
        "updated_at": "2026-01-02T03:04:05.000Z",
    })
}

#[test]
fn a_list_is_a_line_each() {
    let young = json!({ "key": "APP-2", "title": null, "state": "delegated", "pr": null });
    let list = json!({ "issues": [issue(), young], "cursor": null });
    insta::assert_snapshot!(list_text(&list));
    assert_eq!(list_text(&json!({ "issues": [], "cursor": null })), "no issues");
    let cut = list_text(&json!({ "issues": [issue()], "cursor": "acme/t1" }));
    assert!(cut.lines().last().unwrap().starts_with("there are more"), "{cut}");
}

#[test]
fn an_issue_shows_what_is_known() {
    insta::assert_snapshot!(issue_text(&issue()));
}

#[test]
fn an_explanation_ends_with_what_happened() {
    let explained = json!({
        "issue": { "key": "APP-1", "title": "Wish a good night", "state": "implementing" },
        "decision": { "kind": "wait", "detail": "waiting before the next implementation run" },
        "until": "2026-01-02T03:04:20.000Z",
        "would_change": "Time alone.",
        "observations": [
            { "at": "2026-01-02T03:04:05.000Z", "text": "the tracker opened an agent session" },
            { "at": "2026-01-02T03:04:06.000Z", "text": "run failed: the agent went away" },
        ],
    });
    insta::assert_snapshot!(explain_text(&explained));
}

#[test]
fn what_is_held_is_shown_with_its_reasons_and_the_way_out() {
    let held = |is_releasable: bool, released_by: Option<&str>| {
        let held = json!({
            "tree": "1f",
            "hits": ["`ci.yml` is a protected path\nstate done"],
            "is_releasable": is_releasable,
            "released_by": released_by,
        });
        explain_text(&json!({ "issue": { "key": "APP-1" }, "facts": { "held": held } }))
    };
    let shown = [held(true, None), held(false, None), held(true, Some("Olga"))];
    insta::assert_snapshot!(shown.join("\n\n"));
}

/// A title can neither forge a line nor repaint the terminal.
#[test]
fn somebody_elses_words_stay_on_their_line() {
    let mut forged = issue();
    forged["title"] = "x\nAPP-9        done\u{1b}[2J".into();
    forged["status_note"] = "a\r\n  state        done".into();
    assert_eq!(list_text(&json!({ "issues": [forged] })).lines().count(), 1);
    let shown = issue_text(&forged);
    assert_eq!(shown.lines().count(), issue_text(&issue()).lines().count());
    assert!(!shown.contains('\u{1b}') && !shown.contains('\r'), "{shown:?}");
}

/// Whatever answers: nothing here takes the shape of the answer for granted.
#[test]
fn an_answer_of_another_shape_is_shown_as_little() {
    for value in [
        json!(null),
        json!(3),
        json!("x"),
        json!([]),
        json!({}),
        json!({ "issues": 3, "issue": 3, "pr": [] }),
    ] {
        assert_eq!(list_text(&value), "no issues");
        issue_text(&value);
        explain_text(&value);
    }
}
