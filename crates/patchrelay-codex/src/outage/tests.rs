use chrono::FixedOffset;

use super::*;

/// A quarter past nine in the evening, two hours east of Greenwich.
fn now() -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339("2026-02-03T21:15:00+02:00").expect("it is an instant")
}

#[track_caller]
fn check(message: &str, seconds: Option<f64>) {
    let expected = seconds.map(Duration::from_secs_f64);
    assert_eq!(retry_after(message, &now()), expected, "{message}");
}

#[test]
fn a_time_span_is_read_in_the_forms_that_are_used() {
    check("Rate limit reached. Please try again in 1.5s.", Some(1.5));
    check("Please try again in 250ms. Visit our site.", Some(0.25));
    check("Try again in 20 seconds", Some(20.0));
    check("or try again in 3 days 4 hours 5 minutes.", Some(273_900.0));
    check("try again in 1 hour, please", Some(3_600.0));
    check("Please try again in 6m0.5s.", Some(360.5));
    check("try again in 1 day 2 times", Some(86_400.0));
}

#[test]
fn a_time_of_the_day_is_the_next_one_and_over_with_its_minute() {
    check("You've hit your usage limit. Try again at 10:04 PM.", Some(50.0 * 60.0));
    check("try again at 9:00 PM", Some((23.0 * 60.0 + 46.0) * 60.0));
    check("try again at 9:15 PM.", Some(60.0));
    check("try again at 12:00 AM", Some((2.0 * 60.0 + 46.0) * 60.0));
}

#[test]
fn a_date_is_an_instant_in_the_zone_of_the_machine() {
    check("try again at Feb 3rd, 2026 10:04 PM.", Some(50.0 * 60.0));
    check("or try again at Feb 5th, 2026 9:15 PM.", Some(2.0 * 86_400.0 + 60.0));
    check("try again at Jan 1st, 2026 9:15 PM.", None);
}

#[test]
fn what_says_no_time_says_none() {
    for message in [
        "",
        "try again",
        "try again later",
        "Try again in a while",
        "try again in 5 parsecs",
        "try again in 1.2.3s",
        "try again in .",
        "try again in",
        "try again at",
        "try again at noon",
        "try again at 25:00 PM",
        "try again at Foo 3rd, 2026 10:04 AM",
        "try again in 1e400s",
        "try again in 99999999999999999999999999 days",
        "the server is at capacity",
    ] {
        check(message, None);
    }
}
