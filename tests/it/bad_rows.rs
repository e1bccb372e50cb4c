//! Questions and orders that are wrong, with the answers that they deserve.

use serde_json::json;

use crate::bad_input::{Request, Row, nested, raw, row};

/// What operators authenticate with, where they have to.
pub(crate) const TOKEN: &str = "operator-token-0123456789";
const STOP: &str = "/api/issues/APP-1/stop";
const PROMPT: &str = "/api/issues/APP-1/prompt";
const RETRY: &str = "/api/issues/APP-1/retry";
const APPROVE: &str = "/api/issues/APP-1/approve";

pub(crate) fn questions() -> Vec<Row> {
    let get = Request::get;
    let long = format!("/api/issues/{}", "A".repeat(8_000));
    let huge = format!("/api/issues?project={}", "a".repeat(100_000));
    let method = |method: &str, target: &str| Request::new(method, target);
    vec![
        row("a limit that is no number", &get("/api/issues?limit=x"), 400, "invalid_query"),
        row("a limit below zero", &get("/api/issues?limit=-1"), 400, "invalid_query"),
        row(
            "a limit beyond all numbers",
            &get("/api/issues?limit=99999999999"),
            400,
            "invalid_query",
        ),
        row("two limits", &get("/api/issues?limit=1&limit=2"), 400, "invalid_query"),
        row("a cursor that is none", &get("/api/issues?cursor=x"), 400, "invalid_cursor"),
        row("a cursor of nobody", &get("/api/issues?cursor=acme/nobody"), 400, "invalid_cursor"),
        row("a key of nobody", &get("/api/issues/NOPE-1"), 404, "issue_not_found"),
        row(
            "a key in another project",
            &get("/api/issues/APP-1?project=lib"),
            404,
            "issue_not_found",
        ),
        row(
            "a key that leads out",
            &get("/api/issues/..%2f..%2fetc%2fpasswd"),
            404,
            "issue_not_found",
        ),
        row("a path that leads out", &get("/api/issues/../../etc/passwd"), 404, "not_found"),
        row(
            "a key that ends a statement",
            &get("/api/issues/'%20OR%201%3D1--"),
            404,
            "issue_not_found",
        ),
        row("a key with a NUL", &get("/api/issues/APP-1%00"), 404, "issue_not_found"),
        row("a key that is no text", &get("/api/issues/%ff"), 400, "invalid_path"),
        row("a key of eight thousand letters", &get(&long), 404, "issue_not_found"),
        row("a query that is too long", &get(&huge), 414, ""),
        row("an explanation of nobody", &get("/api/issues/NOPE-1/explain"), 404, "issue_not_found"),
        row(
            "the history of nobody",
            &get("/api/issues/NOPE-1/observations"),
            404,
            "issue_not_found",
        ),
        row(
            "a history without a number",
            &get("/api/issues/APP-1/observations?limit=all"),
            400,
            "invalid_query",
        ),
        row("the runs of nobody", &get("/api/issues/NOPE-1/runs"), 404, "issue_not_found"),
        row("a run that is not there", &get("/api/runs/none"), 404, "run_not_found"),
        row("a run that leads out", &get("/api/runs/..%2f..%2fhealth"), 404, "run_not_found"),
        row("a run without an id", &get("/api/runs/"), 404, "not_found"),
        row("lines before the first one", &get("/api/feed?after=-1"), 400, "invalid_cursor"),
        row("lines after the last one", &get("/api/feed?after=999999999"), 400, "invalid_cursor"),
        row("lines after no number", &get("/api/feed?after=x"), 400, "invalid_query"),
        row("lines of nobody", &get("/api/feed?issue=NOPE-1"), 404, "issue_not_found"),
        row("a stream from nowhere", &get("/api/stream?after=999999999"), 400, "invalid_cursor"),
        row(
            "a stream after no number",
            &get("/api/stream").with("last-event-id", "x"),
            400,
            "invalid_cursor",
        ),
        row(
            "a stream after no text",
            &get("/api/stream").with("last-event-id", [0xff]),
            400,
            "invalid_cursor",
        ),
        row("a stream of nobody", &get("/api/stream?issue=NOPE-1"), 404, "issue_not_found"),
        row("an inbox without a number", &get("/api/inbox?limit=x"), 400, "invalid_query"),
        row("an address of nothing", &get("/api/nothing"), 404, "not_found"),
        row("the root of the API", &get("/api/"), 404, "not_found"),
        row("a list that is posted", &method("POST", "/api/issues"), 405, "method_not_allowed"),
        row(
            "an issue that is deleted",
            &method("DELETE", "/api/issues/APP-1"),
            405,
            "method_not_allowed",
        ),
        row(
            "an issue that is patched",
            &method("PATCH", "/api/issues/APP-1"),
            405,
            "method_not_allowed",
        ),
        row("metrics that are posted", &method("POST", "/metrics"), 405, "method_not_allowed"),
        row("a stream that is posted", &method("POST", "/api/stream"), 405, "method_not_allowed"),
        row("health that is put", &method("PUT", "/health"), 405, "method_not_allowed"),
        row(
            "a method that nobody knows",
            &method("BREW", "/api/issues"),
            405,
            "method_not_allowed",
        ),
        row(
            "another name",
            &get("/api/issues").instead("host", "evil.example"),
            403,
            "loopback_only",
        ),
        row(
            "a name that begins like ours",
            &get("/api/issues").instead("host", "localhost.evil.example"),
            403,
            "loopback_only",
        ),
        row("no name", &get("/api/issues").without("host"), 403, "loopback_only"),
        row("two names", &get("/api/issues").with("host", "evil.example"), 403, "loopback_only"),
        row(
            "another page",
            &get("/api/issues").with("origin", "https://evil.example"),
            403,
            "loopback_only",
        ),
        row(
            "a page without an origin",
            &get("/metrics").with("origin", "null"),
            403,
            "loopback_only",
        ),
        row(
            "another page that follows",
            &get("/api/stream").with("origin", "https://evil.example"),
            403,
            "loopback_only",
        ),
        row(
            "through a proxy",
            &get("/api/issues").with("x-forwarded-for", "192.0.2.7"),
            403,
            "loopback_only",
        ),
        raw("no HTTP", b"HELO relay\r\n\r\n".to_vec(), 400, ""),
        raw(
            "a header that is too long",
            Request::get("/health").with("x", "a".repeat(300_000)).bytes(),
            431,
            "",
        ),
        raw("a length that is none", Request::order(STOP, "{}").announcing("x").bytes(), 400, ""),
        raw("two lengths", Request::order(STOP, "{}").with("content-length", "9").bytes(), 400, ""),
    ]
}

pub(crate) fn orders() -> Vec<Row> {
    let text = |text: &str| json!({ "text": text }).to_string();
    let by = |by: &str| json!({ "by": by }).to_string();
    let typed =
        |kind: &str| Request::order(STOP, "{\"reason\":\"x\"}").instead("content-type", kind);
    vec![
        row("stop: looked at", &Request::get(STOP), 405, "method_not_allowed"),
        row("stop: put", &Request::new("PUT", STOP), 405, "method_not_allowed"),
        row(
            "stop: nobody",
            &Request::order("/api/issues/NOPE-1/stop", "{}"),
            404,
            "issue_not_found",
        ),
        row(
            "stop: in another project",
            &Request::order("/api/issues/APP-1/stop?project=lib", "{}"),
            404,
            "issue_not_found",
        ),
        row("stop: no JSON", &Request::order(STOP, "{"), 400, "invalid_json"),
        row(
            "stop: no UTF-8",
            &Request::order(STOP, *b"{\"reason\":\"\xff\"}"),
            400,
            "invalid_json",
        ),
        row("stop: nested too deep", &Request::order(STOP, nested(65)), 400, "invalid_json"),
        row("stop: a list", &Request::order(STOP, "[\"me\",\"why\"]"), 400, "invalid_body"),
        row("stop: a text", &Request::order(STOP, "\"stop\""), 400, "invalid_body"),
        row("stop: null", &Request::order(STOP, "null"), 400, "invalid_body"),
        row(
            "stop: a field that nobody knows",
            &Request::order(STOP, "{\"force\":true}"),
            400,
            "invalid_body",
        ),
        row(
            "stop: a number for a text",
            &Request::order(STOP, "{\"reason\":1}"),
            400,
            "invalid_body",
        ),
        row(
            "stop: a field twice",
            &Request::order(STOP, "{\"reason\":\"a\",\"reason\":\"b\"}"),
            400,
            "invalid_body",
        ),
        row(
            "stop: a name with a line break",
            &Request::order(STOP, by("a\nb")),
            400,
            "invalid_body",
        ),
        row(
            "stop: a name that is too long",
            &Request::order(STOP, by(&"a".repeat(201))),
            400,
            "invalid_body",
        ),
        row(
            "stop: a reason that is too long",
            &Request::order(STOP, json!({ "reason": "a".repeat(2_001) }).to_string()),
            400,
            "invalid_body",
        ),
        row("stop: as text", &typed("text/plain"), 415, "json_expected"),
        row("stop: as a form", &typed("application/x-www-form-urlencoded"), 415, "json_expected"),
        row("stop: as nothing", &typed("").without("content-type"), 415, "json_expected"),
        row(
            "stop: a byte too many",
            &Request::order(STOP, vec![b' '; 128 * 1024 + 1]),
            413,
            "body_too_large",
        ),
        row(
            "stop: announces too much",
            &Request::order(STOP, "").announcing("131073"),
            413,
            "body_too_large",
        ),
        row(
            "stop: another page",
            &Request::order(STOP, "{}").with("origin", "https://evil.example"),
            403,
            "loopback_only",
        ),
        row(
            "stop: another name",
            &Request::order(STOP, "{}").instead("host", "evil.example"),
            403,
            "loopback_only",
        ),
        row(
            "stop: by a question",
            &Request::get("/api/issues/APP-1?stop=1").with("x-http-method-override", "POST"),
            200,
            "",
        ),
        row("prompt: without a text", &Request::order(PROMPT, "{}"), 400, "invalid_body"),
        row("prompt: without a body", &Request::new("POST", PROMPT), 400, "invalid_body"),
        row("prompt: blanks", &Request::order(PROMPT, text(" \n")), 400, "invalid_body"),
        row(
            "prompt: a text that is too long",
            &Request::order(PROMPT, text(&"a".repeat(20_001))),
            400,
            "invalid_body",
        ),
        row(
            "retry: a kind that is none",
            &Request::order(RETRY, "{\"run_type\":\"everything\"}"),
            400,
            "invalid_body",
        ),
        row(
            "approve: no tree",
            &Request::order(APPROVE, "{\"tree\":\"HEAD\"}"),
            400,
            "invalid_body",
        ),
        row("approve: nothing is held", &Request::order(APPROVE, "{}"), 409, "nothing_held"),
        row(
            "close: a text for a yes",
            &Request::order("/api/issues/APP-1/close", "{\"failed\":\"yes\"}"),
            400,
            "invalid_body",
        ),
        Row {
            observations: 1,
            ..row("stop: nothing is wrong", &Request::order(STOP, "{\"reason\":\"x\"}"), 200, "")
        },
    ]
}

pub(crate) fn with_token() -> Vec<Row> {
    let with = |value: &str| Request::get("/api/issues").with("authorization", value);
    let code = "operator_auth_required";
    vec![
        row("token: none", &Request::get("/api/issues"), 401, code),
        row("token: none for metrics", &Request::get("/metrics"), 401, code),
        row("token: none for the stream", &Request::get("/api/stream"), 401, code),
        row("token: none for an order", &Request::order(STOP, "{}"), 401, code),
        row("token: another one", &with("Bearer operator-token-0123456780"), 401, code),
        row("token: half of it", &with("Bearer operator-token"), 401, code),
        row("token: and more", &with(&format!("Bearer {TOKEN}0")), 401, code),
        row("token: empty", &with("Bearer "), 401, code),
        row("token: as a password", &with(&format!("Basic {TOKEN}")), 401, code),
        row("token: without its kind", &with(TOKEN), 401, code),
        row(
            "token: twice",
            &with(&format!("Bearer {TOKEN}")).with("authorization", "Bearer x"),
            401,
            code,
        ),
        row(
            "token: no text",
            &Request::get("/api/issues").with("authorization", b"Bearer \xff"),
            401,
            code,
        ),
        row("token: in the query", &Request::get(&format!("/api/issues?token={TOKEN}")), 401, code),
        row(
            "token: in a cookie",
            &Request::get("/api/issues").with("cookie", format!("token={TOKEN}")),
            401,
            code,
        ),
    ]
}
