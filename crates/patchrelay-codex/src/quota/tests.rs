use serde_json::json;

use super::*;

const NOW: i64 = 1_000_000;

fn quota(primary: Value, secondary: Value) -> Quota {
    let limits = json!({ "primary": primary, "secondary": secondary, "planType": "pro" });
    Quota::parse(&json!({ "rateLimits": limits })).expect("it says something")
}

fn window(used: u32, minutes: u64, resets_at: Option<i64>) -> Value {
    json!({ "usedPercent": used, "windowDurationMins": minutes, "resetsAt": resets_at })
}

fn barred(retry_after: Option<u64>) -> TurnStatus {
    let retry_after = retry_after.map(Duration::from_secs);
    TurnStatus::Barred { reason: "used up".to_owned(), retry_after }
}

/// In how many seconds the model is asked again.
#[track_caller]
fn check(quota: &Quota, said: Option<u64>, expected: Option<u64>) {
    let TurnStatus::Barred { retry_after, .. } = quota.explain(barred(said), NOW) else {
        panic!("it is something else")
    };
    assert_eq!(retry_after, expected.map(Duration::from_secs));
}

#[test]
fn a_quota_says_how_much_is_used_and_when_that_is_over() {
    let both = quota(window(100, 300, Some(NOW + 60)), window(41, 10_080, Some(NOW + 9_999)));
    assert_eq!(both.describe(), "100 % of 300 minutes, 41 % of 10080 minutes");
    let TurnStatus::Barred { reason, .. } = both.explain(barred(None), NOW) else { panic!() };
    assert_eq!(reason, "used up; used of the quota: 100 % of 300 minutes, 41 % of 10080 minutes");
    check(&both, None, Some(60));
    check(&both, Some(5), Some(5));
    // Both have to begin anew.
    check(&quota(window(100, 300, Some(NOW + 60)), window(100, 9, Some(NOW + 90))), None, Some(90));
    check(&quota(window(99, 300, Some(NOW + 60)), Value::Null), None, None);
    check(&quota(window(100, 300, None), Value::Null), None, None);
    check(&quota(window(100, 300, Some(NOW - 60)), Value::Null), None, None);
}

#[test]
fn only_a_turn_that_the_quota_ended_speaks_of_it() {
    let used = quota(window(100, 300, None), Value::Null);
    let failed = TurnStatus::Failed { reason: "no".to_owned() };
    assert_eq!(used.explain(failed.clone(), NOW), failed);
    assert_eq!(used.explain(TurnStatus::Completed, NOW), TurnStatus::Completed);
}

#[test]
fn what_says_nothing_of_a_quota_is_none() {
    for params in [
        json!({}),
        json!({ "rateLimits": null }),
        json!({ "rateLimits": { "primary": null, "secondary": null } }),
        json!({ "rateLimits": { "primary": { "usedPercent": "much" } } }),
    ] {
        assert_eq!(Quota::parse(&params), None, "{params}");
    }
}
