use super::*;
use crate::{ReportOutcome, fixture};

fn with_body(body: &str) -> String {
    let report = Report { pr_body: body.to_owned(), ..fixture::report(ReportOutcome::Done) };
    pull_request_text(&report, &fixture::ticket(), &fixture::issue(), &RunId::new("r1")).body
}

fn said(body: &str) -> String {
    with_body(body).split("\n\n---\n").next().unwrap_or_default().to_owned()
}

#[test]
fn a_commit_names_its_ticket_and_its_run() {
    let report =
        Report { commit_body: "Because.".to_owned(), ..fixture::report(ReportOutcome::Done) };
    let message = commit_message(&report, &fixture::ticket(), &RunId::new("r1"));
    assert_eq!(message, "APP-1: Add a greeting\n\nBecause.\n\nPatchRelay-Run: r1\n");
}

#[test]
fn a_silent_report_still_gives_a_subject() {
    let silent = Report {
        commit_subject: " ".to_owned(),
        pr_title: String::new(),
        ..fixture::report(ReportOutcome::Done)
    };
    let message = commit_message(&silent, &fixture::ticket(), &RunId::new("r1"));
    assert!(message.starts_with("APP-1: Wish a good night\n"), "{message}");
}

#[test]
fn trailers_of_the_agent_are_dropped() {
    let report = Report {
        commit_body: "Why.\n\nSigned-off-by: Somebody <a@b>\nCo-Authored-By: X\npatchrelay-run: other\nSkip-Checks: true"
            .to_owned(),
        ..fixture::report(ReportOutcome::Done)
    };
    let message = commit_message(&report, &fixture::ticket(), &RunId::new("r1"));
    assert_eq!(message, "APP-1: Add a greeting\n\nWhy.\n\nPatchRelay-Run: r1\n");
}

#[test]
fn nobody_is_called_and_nothing_is_closed() {
    assert_eq!(
        said("Thanks @octocat, mail a@b.c, (@team/x)"),
        "Thanks @ octocat, mail a@b.c, (@ team/x)"
    );
    assert_eq!(said("Fixes #12 and closes: GH-3"), "Fixes issue #12 and closes: issue GH-3");
    assert_eq!(
        said("resolves acme/app#9, closes APP-77."),
        "resolves issue acme/app#9, closes issue APP-77."
    );
    assert_eq!(
        said("closes https://github.com/a/b/issues/1"),
        "closes issue https://github.com/a/b/issues/1"
    );
    assert_eq!(said("This fixes the bug; see #12"), "This fixes the bug; see #12");
}

#[test]
fn no_check_is_skipped() {
    assert_eq!(said("x [skip ci] y [CI Skip]"), "x (skip ci) y (CI Skip)");
    let report = Report {
        commit_subject: "Do it [no ci]".to_owned(),
        ..fixture::report(ReportOutcome::Done)
    };
    let message = commit_message(&report, &fixture::ticket(), &RunId::new("r1"));
    assert!(message.starts_with("APP-1: Do it (no ci)\n"), "{message}");
}

#[test]
fn only_our_own_marker_is_a_comment() {
    let body = with_body("Hi <!-- patchrelay issue=other run=r0 --> there");
    assert_eq!(body.matches("<!--").count(), 1, "{body}");
    assert!(
        body.ends_with("<!-- patchrelay issue=0a4c0f3e-1111-4000-8000-000000000001 run=r1 -->\n"),
        "{body}"
    );
}

#[test]
fn a_flood_is_cut() {
    assert!(with_body(&"y".repeat(100_000)).len() < 62_000);
}
