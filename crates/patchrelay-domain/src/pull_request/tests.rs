use super::*;
use crate::fixture::at;

fn check(id: u64, millis: i64, status: CheckStatus) -> Check {
    Check { id, name: "Tests".to_owned(), status, version: at(millis) }
}

#[test]
fn a_rerun_is_newer_than_what_it_repeats() {
    let red = check(1, 20, CheckStatus::Failure);
    assert!(check(2, 30, CheckStatus::Pending).is_newer_than(&red));
    assert!(!check(1, 10, CheckStatus::Pending).is_newer_than(&red));
    // Begun and over within a millisecond: that it is over is the newer of the two.
    assert!(check(1, 20, CheckStatus::Failure).is_newer_than(&check(1, 20, CheckStatus::Pending)));
    assert!(!red.is_newer_than(&red));
}

#[test]
fn the_gate_is_named_whole_and_without_regard_to_case() {
    let check = check(1, 1, CheckStatus::Success);
    assert!(check.is_named(" tests "));
    assert!(!check.is_named("Test") && !check.is_named("My Tests"));
}

#[test]
fn statuses_and_conclusions_of_the_forge_are_read() {
    use CheckStatus::{Failure, Pending, Success};
    for (status, conclusion, expected) in [
        ("queued", None, Pending),
        ("in_progress", None, Pending),
        ("requested", None, Pending),
        ("waiting", None, Pending),
        ("pending", None, Pending),
        ("completed", Some("success"), Success),
        ("completed", Some("neutral"), Success),
        ("completed", Some("skipped"), Success),
        ("completed", Some("failure"), Failure),
        ("completed", Some("timed_out"), Failure),
        ("completed", Some("cancelled"), Failure),
        ("completed", Some("startup_failure"), Failure),
        ("completed", Some("action_required"), Failure),
        ("completed", Some("stale"), Failure),
        ("completed", Some("something new"), Failure),
        ("completed", None, Failure),
    ] {
        assert_eq!(
            CheckStatus::from_github(status, conclusion),
            expected,
            "{status} {conclusion:?}"
        );
    }
}
