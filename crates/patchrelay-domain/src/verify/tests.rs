use std::time::Duration;

use super::*;
use crate::fixture;

fn evidence(changed: &[&str]) -> Evidence {
    Evidence {
        changes: ChangeSet::of_paths(changed.iter().copied()),
        ..Evidence::clean(RunType::Implementation, TreeId::new("t1"))
    }
}

fn policy() -> Policy {
    let protected_paths = vec![".github/**".to_owned()];
    let gate = crate::GatePolicy { protected_paths, ..crate::GatePolicy::default() };
    Policy { gate, ..Policy::default() }
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
fn a_model_that_gives_no_answer_is_nobodys_failure_and_is_asked_when_it_says() {
    let at = Timestamp::from_millis(1_000);
    for (retry_after, expected) in
        [(None, None), (Some(Duration::from_secs(60)), Some(Timestamp::from_millis(61_000)))]
    {
        let turn = TurnStatus::Unavailable { reason: "at capacity".to_owned(), retry_after };
        let evidence = Evidence { turn, at, ..evidence(&["a.txt"]) };
        let verdict = verify(&policy(), None, &evidence, 0);
        let Verdict::Settle(RunOutcome::Unavailable { until, .. }) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(until, expected);
    }
}

/// One run finds out for all that the login is barred; the issue itself only waits.
#[test]
fn a_model_that_bars_the_login_costs_the_issue_nothing() {
    let at = Timestamp::from_millis(1_000);
    let retry_after = Some(Duration::from_secs(3_600));
    let turn = TurnStatus::Barred { reason: "usage limit".to_owned(), retry_after };
    let verdict = verify(&policy(), None, &Evidence { turn, at, ..evidence(&["a.txt"]) }, 0);
    let Verdict::Settle(outcome @ RunOutcome::Unavailable { until, .. }) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(until, Some(Timestamp::from_millis(3_601_000)));
    assert_eq!(crate::charge(&outcome), crate::Charge::Nothing);
}

#[test]
fn a_thread_that_is_full_is_followed_by_a_new_one_as_often_as_work_may_be_continued() {
    let turn = TurnStatus::ThreadFull { reason: "too long".to_owned() };
    let full = Evidence { turn, ..evidence(&["a.txt"]) };
    let last = policy().budgets.continuations;
    assert_eq!(verify(&policy(), None, &full, 0), Verdict::NewThread);
    assert_eq!(verify(&policy(), None, &full, last - 1), Verdict::NewThread);
    assert!(is_question(&verify(&policy(), None, &full, last)));
}

#[test]
fn what_the_model_refuses_is_a_question_and_no_attempt() {
    let turn = TurnStatus::Refused { reason: "flagged (cyberPolicy)".to_owned() };
    let verdict = verify(&policy(), None, &Evidence { turn, ..evidence(&["a.txt"]) }, 0);
    let Verdict::Settle(outcome @ RunOutcome::NeedsInput { .. }) = &verdict else {
        panic!("{verdict:?}")
    };
    assert!(format!("{outcome:?}").contains("flagged (cyberPolicy)"), "{outcome:?}");
    assert_eq!(crate::charge(outcome), crate::Charge::Nothing);
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
    let mut nested = evidence(&["a.txt"]);
    nested.changes.found = vec![GateHit::NestedRepository { path: "x/.git".to_owned() }];
    assert!(is_question(&verify(
        &policy(),
        Some(&fixture::report(ReportOutcome::Done)),
        &nested,
        0
    )));
}

#[test]
fn a_release_covers_what_a_human_may_release_and_nothing_else() {
    let mut changes = ChangeSet::of_paths([".github/workflows/ci.yml"]);
    assert_eq!(refuse_release(&policy(), RunType::Implementation, &changes), None);
    changes.found =
        vec![GateHit::Secret { name: "TOKEN".to_owned(), path: "notes.txt".to_owned() }];
    let refused = refuse_release(&policy(), RunType::Implementation, &changes);
    let Some(RunOutcome::NeedsInput { question }) = refused else { panic!("{refused:?}") };
    assert!(question.contains("the secret `TOKEN` stands in `notes.txt`"), "{question}");
    assert!(!question.contains("ci.yml"), "{question}");
}

/// What a repair that finds nothing to change is worth depends on what the forge shows then.
#[test]
fn a_repair_that_changes_nothing_is_judged_by_what_the_forge_shows() {
    let report = fixture::report(ReportOutcome::NoChangeNeeded);
    let judged = |run_type, forge: ForgeNow, continuations| {
        let evidence = Evidence { forge, ..Evidence::clean(run_type, TreeId::new("t1")) };
        verify(&policy(), Some(&report), &evidence, continuations)
    };
    let quiet = ForgeNow::default();
    let conflicting = ForgeNow { is_conflicting: true, ..quiet };
    let approved = ForgeNow { is_approved: true, ..quiet };
    let nothing =
        |verdict: &Verdict| matches!(verdict, Verdict::Settle(RunOutcome::NothingToRepair { .. }));
    assert!(nothing(&judged(RunType::CiRepair, quiet, 0)));
    for run_type in [RunType::QueueRepair, RunType::BranchUpkeep] {
        assert!(nothing(&judged(run_type, quiet, 0)), "S10: {run_type:?}");
        let verdict = judged(run_type, conflicting, 0);
        assert!(matches!(verdict, Verdict::Continue { .. }), "{run_type:?}: {verdict:?}");
        assert!(is_question(&judged(run_type, conflicting, 5)), "{run_type:?}");
    }
    assert!(is_question(&judged(RunType::ReviewFix, quiet, 0)), "S19");
    assert!(nothing(&judged(RunType::ReviewFix, approved, 0)));
}

/// S32, D30: a merge of the base or a new head is something to publish even if no file changed.
#[test]
fn what_has_to_be_published_anyway_may_be_empty() {
    let clean = || Evidence::clean(RunType::QueueRepair, TreeId::new("t1"));
    let judged = |evidence: &Evidence, outcome| {
        verify(&policy(), Some(&fixture::report(outcome)), evidence, 0)
    };
    let empty = Verdict::Publish { allow_empty: true };
    for outcome in [ReportOutcome::Done, ReportOutcome::NoChangeNeeded] {
        let evidence = Evidence { needs_new_head: true, ..clean() };
        assert_eq!(judged(&evidence, outcome), empty);
        let evidence = Evidence { has_merged_base: true, ..clean() };
        assert_eq!(judged(&evidence, outcome), empty);
    }
    assert!(matches!(judged(&clean(), ReportOutcome::Done), Verdict::Continue { .. }));
}

fn unmerged(kind: crate::prompt::ConflictKind, has_markers: bool, exists: bool) -> UnmergedPath {
    UnmergedPath { path: "a.txt".to_owned(), kind, has_markers, exists }
}

/// D30: a conflict is resolved when the file shows it, or else the report says how, and truly.
#[test]
fn a_conflict_is_resolved_only_where_somebody_resolved_it() {
    use crate::{
        Resolution::{Delete, Keep},
        prompt::ConflictKind::{Binary, Content, ModifyDelete},
    };
    let judged = |path: UnmergedPath, choice: Option<crate::Resolution>| {
        let resolved = choice
            .map(|choice| crate::Resolved { path: "a.txt".to_owned(), choice })
            .into_iter()
            .collect();
        let report = Report { resolved, ..fixture::report(ReportOutcome::Done) };
        let evidence = Evidence { unmerged: vec![path], ..evidence(&["a.txt"]) };
        verify(&policy(), Some(&report), &evidence, 0)
    };
    let done = Verdict::Publish { allow_empty: false };
    let left = |verdict: Verdict, words: &str| match verdict {
        Verdict::Continue { instruction } => assert!(instruction.contains(words), "{instruction}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(judged(unmerged(Content, false, true), None), done);
    left(judged(unmerged(Content, true, true), None), "`a.txt` has conflict markers");
    left(judged(unmerged(Binary, false, true), None), "not listed under `resolved`");
    assert_eq!(judged(unmerged(Binary, false, true), Some(Keep)), done);
    assert_eq!(judged(unmerged(ModifyDelete, false, false), Some(Delete)), done);
    left(judged(unmerged(ModifyDelete, false, false), Some(Keep)), "there is no such file");
    left(judged(unmerged(ModifyDelete, false, true), Some(Delete)), "the file is there");
}

#[test]
fn conflicts_that_stay_are_asked_about_and_counted_when_they_are_many() {
    let paths = (0..25).map(|n| UnmergedPath {
        path: format!("{n}.txt"),
        ..unmerged(crate::prompt::ConflictKind::Content, true, true)
    });
    let evidence = Evidence { unmerged: paths.collect(), ..evidence(&["a.txt"]) };
    let verdict = verify(&policy(), Some(&fixture::report(ReportOutcome::Done)), &evidence, 5);
    let Verdict::Settle(RunOutcome::NeedsInput { question }) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(question.contains("- `19.txt`") && !question.contains("`20.txt`"), "{question}");
    assert!(question.ends_with("- and 5 more"), "{question}");
}

/// The other publisher: what the agent says is compared with what the forge shows (3.13, 3.14, N19).
#[test]
fn an_agent_that_publishes_is_believed_only_as_far_as_the_forge_shows_it() {
    let policy = Policy { publisher: Publisher::Agent, ..policy() };
    let judged = |run_type, remote: Remote, forge: ForgeNow, needs_new_head, continuations| {
        let evidence = Evidence {
            remote,
            forge,
            needs_new_head,
            ..Evidence::clean(run_type, TreeId::new("t1"))
        };
        verify(&policy, Some(&fixture::report(ReportOutcome::Done)), &evidence, continuations)
    };
    let (open, merged, closed) =
        (Some(PrState::Open), Some(PrState::Merged), Some(PrState::Closed));
    let at =
        |pull_request, has_advanced| Remote { pull_request, has_advanced, has_unpublished: false };
    let quiet = ForgeNow::default();
    let green = ForgeNow { gate: GateStatus::Green, ..quiet };
    let conflicting = ForgeNow { is_conflicting: true, ..quiet };
    use RunType::{BranchUpkeep, CiRepair, Implementation, QueueRepair, ReviewFix};
    for (run_type, remote, forge, needs_new_head, expected) in [
        (Implementation, at(open, false), quiet, false, true),
        (Implementation, at(merged, false), quiet, false, true),
        (Implementation, at(closed, true), quiet, false, false),
        (Implementation, at(None, true), quiet, false, false),
        (ReviewFix, at(open, true), quiet, false, true),
        (ReviewFix, at(open, false), green, false, false),
        (ReviewFix, at(merged, false), quiet, false, true),
        (CiRepair, at(open, true), quiet, false, true),
        (CiRepair, at(open, false), green, false, true),
        (CiRepair, at(open, false), quiet, false, false),
        (QueueRepair, at(open, true), conflicting, true, true),
        (QueueRepair, at(open, false), quiet, false, true),
        (QueueRepair, at(open, false), quiet, true, false),
        (BranchUpkeep, at(open, false), conflicting, false, false),
        (BranchUpkeep, at(closed, true), quiet, false, false),
    ] {
        let verdict = judged(run_type, remote, forge, needs_new_head, 0);
        let case = format!("{run_type:?} {remote:?} {forge:?} {needs_new_head}: {verdict:?}");
        assert_eq!(verdict == Verdict::AlreadyPublished, expected, "{case}");
        assert!(expected || matches!(verdict, Verdict::Continue { .. }), "{case}");
        if !expected {
            let last = judged(run_type, remote, forge, needs_new_head, 5);
            assert!(matches!(last, Verdict::Settle(RunOutcome::Insufficient { .. })), "{last:?}");
        }
    }
    let local = Remote { has_unpublished: true, ..at(open, true) };
    assert!(matches!(judged(ReviewFix, local, quiet, false, 0), Verdict::Continue { .. }));
    assert!(is_question(&judged(ReviewFix, local, quiet, false, 5)));
}

#[test]
fn exactly_as_many_conflicts_as_are_named_leave_none_to_count() {
    let paths = |count| {
        (0..count).map(|n| UnmergedPath {
            path: format!("{n}.txt"),
            ..unmerged(crate::prompt::ConflictKind::Content, true, true)
        })
    };
    for (count, more) in [(20, false), (21, true)] {
        let evidence = Evidence { unmerged: paths(count).collect(), ..evidence(&["a.txt"]) };
        let verdict = verify(&policy(), Some(&fixture::report(ReportOutcome::Done)), &evidence, 0);
        let Verdict::Continue { instruction } = verdict else { panic!("{verdict:?}") };
        assert_eq!(instruction.contains("more"), more, "{instruction}");
    }
}

#[test]
fn a_choice_belongs_to_its_path() {
    let choices =
        ["b.txt", "a.txt"].into_iter().zip([crate::Resolution::Delete, crate::Resolution::Keep]);
    let resolved =
        choices.map(|(path, choice)| crate::Resolved { path: path.to_owned(), choice }).collect();
    let report = Report { resolved, ..fixture::report(ReportOutcome::Done) };
    let path = unmerged(crate::prompt::ConflictKind::Binary, false, true);
    let evidence = Evidence { unmerged: vec![path], ..evidence(&["a.txt"]) };
    let verdict = verify(&policy(), Some(&report), &evidence, 0);
    assert_eq!(verdict, Verdict::Publish { allow_empty: false });
}
