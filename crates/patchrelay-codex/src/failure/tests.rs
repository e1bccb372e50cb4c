use std::time::Duration;

use chrono::Utc;
use serde_json::json;

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).expect("it is an instant")
}

/// What codex's own name for a failure means.
fn class_of(info: Value) -> Class {
    let error = json!({ "message": "no", "codexErrorInfo": info });
    match failed("failed", &error, &now()) {
        TurnStatus::Unavailable { .. } => Class::Away,
        TurnStatus::Barred { .. } => Class::Barred,
        TurnStatus::ThreadFull { .. } => Class::Full,
        TurnStatus::Refused { .. } => Class::Refused,
        TurnStatus::Failed { .. } => Class::Failed,
        status @ (TurnStatus::Completed | TurnStatus::Interrupted) => panic!("{status:?}"),
    }
}

/// Section 10 of what was seen of the app-server: every name, in both of its forms.
#[test]
fn every_name_of_a_failure_has_its_class() {
    use Class::{Away, Barred, Failed, Full, Refused};
    let expected = [
        ("contextWindowExceeded", Full),
        ("sessionBudgetExceeded", Refused),
        ("usageLimitExceeded", Barred),
        ("rateLimitExceeded", Away),
        ("flexUnavailable", Away),
        ("serverOverloaded", Away),
        ("modelNotFound", Refused),
        ("policyCapacityUnavailable", Away),
        ("cyberPolicy", Refused),
        ("misalignmentPolicyViolation", Refused),
        ("tooManyDenials", Refused),
        ("internalServerError", Away),
        ("unauthorized", Barred),
        ("badRequest", Refused),
        ("threadRollbackFailed", Failed),
        ("sandboxError", Failed),
        ("inferenceHookDenied", Refused),
        ("other", Failed),
        ("httpConnectionFailed", Away),
        ("responseStreamConnectionFailed", Away),
        ("responseStreamDisconnected", Away),
        ("responseTooManyFailedAttempts", Away),
        ("activeTurnNotSteerable", Failed),
    ];
    assert_eq!(expected.len(), CLASSES.len());
    for (name, class) in expected {
        assert_eq!(class_of(json!(name)), class, "{name}");
        assert_eq!(class_of(json!({ name: {} })), class, "{name} as an object");
    }
}

#[test]
fn an_answer_of_http_that_the_login_is_not_accepted_bars_the_login() {
    for name in [
        "httpConnectionFailed",
        "responseStreamConnectionFailed",
        "responseStreamDisconnected",
        "responseTooManyFailedAttempts",
    ] {
        for (status, class) in [
            (json!(401), Class::Barred),
            (json!(403), Class::Barred),
            (json!(404), Class::Away),
            (json!(429), Class::Away),
            (json!(503), Class::Away),
            (Value::Null, Class::Away),
        ] {
            let info = json!({ name: { "httpStatusCode": status } });
            assert_eq!(class_of(info), class, "{name} {status}");
        }
    }
}

#[test]
fn what_is_not_known_is_a_failure_like_any_other() {
    for info in [
        json!("ofTomorrow"),
        json!({ "ofTomorrow": { "httpStatusCode": 401 } }),
        json!({}),
        json!([]),
        json!(7),
        Value::Null,
    ] {
        assert_eq!(class_of(info.clone()), Class::Failed, "{info}");
    }
    let nothing = failed("exploded", &Value::Null, &now());
    let reason = "the runtime gave no reason (exploded)".to_owned();
    assert_eq!(nothing, TurnStatus::Failed { reason });
}

#[test]
fn the_time_that_a_message_names_goes_with_what_is_waited_for() {
    let said = |name: &str| {
        let error = json!({ "message": "try again in 2s", "codexErrorInfo": name });
        failed("failed", &error, &now())
    };
    let (after, reason) =
        (Some(Duration::from_secs(2)), |name| format!("try again in 2s ({name})"));
    assert_eq!(
        said("rateLimitExceeded"),
        TurnStatus::Unavailable { reason: reason("rateLimitExceeded"), retry_after: after }
    );
    assert_eq!(
        said("usageLimitExceeded"),
        TurnStatus::Barred { reason: reason("usageLimitExceeded"), retry_after: after }
    );
}
