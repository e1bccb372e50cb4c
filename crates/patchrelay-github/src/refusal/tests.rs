use http::HeaderName;

use super::*;

fn judged(status: u16, headers: &[(&str, &str)], body: &str) -> CallError {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    refusal("do it", StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
}

/// The wait in seconds of an answer that means "later".
fn wait(status: u16, headers: &[(&str, &str)], body: &str) -> Option<u64> {
    match judged(status, headers, body) {
        CallError::Unanswered { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
        other => panic!("{other:?}"),
    }
}

fn reason(status: u16, body: &str) -> String {
    match judged(status, &[], body) {
        CallError::Refused { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_credential_that_is_not_accepted_needs_a_human() {
    for status in [401, 403] {
        let error =
            judged(status, &[("x-ratelimit-remaining", "12")], r#"{"message":"Bad credentials"}"#);
        assert!(
            matches!(&error, CallError::Unauthorized { reason, .. } if reason == "Bad credentials"),
            "{error:?}"
        );
    }
}

#[test]
fn a_used_up_limit_is_waited_for_until_its_reset_by_githubs_clock() {
    let headers = |remaining, reset| {
        [
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", reset),
            ("date", "Thu, 01 Jan 1970 00:16:40 GMT"),
        ]
    };
    for status in [403, 429] {
        assert_eq!(wait(status, &headers("0", "1600"), ""), Some(600));
        // It is over already; a moment is waited all the same.
        assert_eq!(wait(status, &headers("0", "900"), ""), Some(1));
        // Nonsense does not park us for ever.
        assert_eq!(wait(status, &headers("0", "99999999999"), ""), Some(3_600));
    }
    assert_eq!(
        wait(429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1600")], ""),
        Some(60)
    );
}

#[test]
fn a_secondary_limit_is_told_from_a_refusal() {
    let words = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
    assert_eq!(wait(403, &[("retry-after", "17")], words), Some(17));
    assert_eq!(wait(403, &[], words), Some(60));
    assert_eq!(
        wait(403, &[("x-ratelimit-remaining", "4000"), ("x-ratelimit-reset", "1")], words),
        Some(60)
    );
    assert_eq!(wait(429, &[], ""), Some(60));
    assert_eq!(wait(429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], ""), Some(60));
}

#[test]
fn a_broken_server_is_no_answer_and_its_page_is_not_repeated() {
    for status in [408, 500, 502, 503, 504] {
        let error = judged(status, &[], "<html>secret internals</html>");
        let CallError::Unanswered { retry_after: None, source, .. } = error else {
            panic!("{error:?}")
        };
        assert!(!source.to_string().contains("internals"), "{source}");
        assert!(source.to_string().contains(&status.to_string()), "{source}");
    }
    assert_eq!(wait(503, &[("retry-after", "5")], ""), Some(5));
}

#[test]
fn what_does_not_exist_is_not_found() {
    for status in [404, 410] {
        assert!(matches!(judged(status, &[], "{}"), CallError::NotFound { .. }));
    }
}

#[test]
fn a_refusal_repeats_githubs_words() {
    let body = r#"{"message":"Validation Failed","errors":[
        {"resource":"PullRequest","code":"custom","message":"A pull request already exists for acme:x."},
        {"resource":"PullRequest","field":"base","code":"invalid"}, "plain", {"code":"odd"}, 7]}"#;
    assert_eq!(
        reason(422, body),
        "Validation Failed: A pull request already exists for acme:x.: base: invalid: plain: odd"
    );
    assert_eq!(reason(409, ""), "Conflict");
    assert_eq!(reason(400, r#"{"message":5}"#), "Bad Request");
}

#[test]
fn a_move_says_that_it_is_one() {
    assert!(reason(307, r#"{"message":"Moved Permanently"}"#).contains("has moved"));
}

#[test]
fn words_are_one_line_and_bounded() {
    let body = serde_json::json!({ "message": format!("a\n\u{1b}[31mb {}", "é".repeat(2_000)) })
        .to_string();
    let reason = reason(422, &body);
    assert!(reason.starts_with("a [31mb é"), "{reason}");
    assert_eq!(reason.chars().count(), MAX_REASON + 1);
    let many = serde_json::json!({ "message": "m", "errors": vec!["e"; 500] }).to_string();
    assert_eq!(
        super::words(StatusCode::BAD_REQUEST, many.as_bytes()).matches('e').count(),
        MAX_ERRORS
    );
}
