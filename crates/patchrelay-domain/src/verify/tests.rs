use super::*;
use crate::fixture;

fn evidence(changed: &[&str]) -> Evidence {
    Evidence {
        changed: changed.iter().map(|path| (*path).to_owned()).collect(),
        ..Evidence::clean(RunType::Implementation, TreeId::new("t1"))
    }
}

fn policy() -> Policy {
    Policy { protected_paths: vec![".github/**".to_owned()], ..Policy::default() }
}

fn judged(outcome: ReportOutcome, changed: &[&str], continuations: u32) -> Verdict {
    verify(&policy(), Some(&fixture::report(outcome)), &evidence(changed), continuations)
}

fn is_question(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Settle(RunOutcome::NeedsInput { .. }))
}

#[test]
fn done_with_edits_is_published() {
    assert_eq!(judged(ReportOutcome::Done, &["a.txt"], 0), Verdict::Publish { allow_empty: false });
}

#[test]
fn done_without_edits_continues_and_then_asks() {
    assert!(matches!(judged(ReportOutcome::Done, &[], 0), Verdict::Continue { .. }));
    assert!(matches!(judged(ReportOutcome::Done, &[], 4), Verdict::Continue { .. }));
    assert!(is_question(&judged(ReportOutcome::Done, &[], 5)));
}

#[test]
fn nothing_to_change_needs_a_clean_tree_and_a_reason() {
    assert!(matches!(
        judged(ReportOutcome::NoChangeNeeded, &[], 0),
        Verdict::Settle(RunOutcome::NoChangeNeeded { .. })
    ));
    assert!(is_question(&judged(ReportOutcome::NoChangeNeeded, &["a.txt"], 0)));
    let silent =
        Report { summary: " ".to_owned(), ..fixture::report(ReportOutcome::NoChangeNeeded) };
    assert!(matches!(
        verify(&policy(), Some(&silent), &evidence(&[]), 0),
        Verdict::Continue { .. }
    ));
}

#[test]
fn a_question_of_the_agent_is_passed_on() {
    let report =
        Report { question: "Which?".to_owned(), ..fixture::report(ReportOutcome::NeedsInput) };
    let verdict = verify(&policy(), Some(&report), &evidence(&["a.txt"]), 0);
    assert_eq!(verdict, Verdict::Settle(RunOutcome::NeedsInput { question: "Which?".to_owned() }));
    assert!(is_question(&judged(ReportOutcome::Blocked, &[], 0)));
}

#[test]
fn an_unreadable_report_is_asked_for_once_more_and_never_published() {
    let judged = |changed: &[&str], continuations| {
        verify(&policy(), None, &evidence(changed), continuations)
    };
    assert!(matches!(judged(&["a.txt"], 0), Verdict::Continue { .. }));
    assert!(is_question(&judged(&["a.txt"], 1)));
    assert!(matches!(judged(&[], 1), Verdict::Settle(RunOutcome::Insufficient { .. })));
}

#[test]
fn a_turn_that_did_not_complete_publishes_nothing() {
    for turn in [TurnStatus::Interrupted, TurnStatus::Failed { reason: "overloaded".to_owned() }] {
        let evidence = Evidence { turn, ..evidence(&["a.txt"]) };
        let verdict = verify(&policy(), Some(&fixture::report(ReportOutcome::Done)), &evidence, 0);
        assert!(matches!(verdict, Verdict::Settle(RunOutcome::Failed { .. })), "{verdict:?}");
    }
}

#[test]
fn a_model_that_gives_no_answer_is_nobodys_failure() {
    let evidence = Evidence {
        turn: TurnStatus::Unavailable { reason: "at capacity".to_owned() },
        ..evidence(&["a.txt"])
    };
    let verdict = verify(&policy(), None, &evidence, 0);
    assert!(matches!(verdict, Verdict::Settle(RunOutcome::Unavailable { .. })), "{verdict:?}");
}

#[test]
fn what_the_gate_hits_is_held_or_asked_about() {
    let Verdict::Settle(RunOutcome::Held { tree, hits, .. }) =
        judged(ReportOutcome::Done, &["a.txt", ".github/workflows/ci.yml"], 0)
    else {
        panic!("published")
    };
    let path = ".github/workflows/ci.yml".to_owned();
    assert_eq!((tree, hits), (TreeId::new("t1"), vec![GateHit::ProtectedPath { path }]));
    let nested = Evidence {
        hits: vec![GateHit::NestedRepository { path: "x/.git".to_owned() }],
        ..evidence(&["a.txt"])
    };
    assert!(is_question(&verify(
        &policy(),
        Some(&fixture::report(ReportOutcome::Done)),
        &nested,
        0
    )));
}
