use super::*;
use crate::{
    NextStep, PrNumber,
    fixture::{at, delegated, failed, next, opened, settled, then, waits},
};

fn red(name: &str, id: u64) -> crate::ObservationKind {
    crate::fixture::check(name, id, 50, crate::CheckStatus::Failure, crate::fixture::head(1))
}

fn conflict() -> crate::ObservationKind {
    crate::fixture::merge_state(50, crate::fixture::head(1), "b1", true)
}

fn requested() -> crate::ObservationKind {
    let verdict = crate::ReviewVerdict::ChangesRequested;
    crate::fixture::review("v1", "rita", verdict, crate::fixture::head(1), 50)
}

/// D30: only where the base is the point is it merged into published history.
#[test]
fn each_repair_names_its_failure_and_says_whether_the_base_is_merged() {
    let queue = || red("merge-steward/queue", 9);
    for (kinds, run_type, merge_base, needs_new_head, signature) in [
        (vec![red("Tests", 7)], RunType::CiRepair, true, false, "branch_ci:1111"),
        (vec![conflict()], RunType::BranchUpkeep, true, false, "conflict:1111"),
        (vec![requested()], RunType::ReviewFix, false, false, "review:1111"),
        (vec![queue()], RunType::QueueRepair, true, true, "queue_eviction:1111"),
        (vec![queue(), conflict()], RunType::QueueRepair, true, false, "queue_eviction:1111"),
    ] {
        let facts = then(opened(), 10_000, kinds);
        let NextStep::Run(plan) = next(&facts) else { panic!("no {run_type:?}") };
        assert_eq!((plan.run_type, plan.merge_base), (run_type, merge_base));
        assert_eq!(plan.needs_new_head, needs_new_head, "{run_type:?}");
        assert!(plan.signature.unwrap().starts_with(signature), "{run_type:?}");
        assert_eq!(plan.head, Some(crate::fixture::head(1)));
    }
    let NextStep::Run(plan) = next(&delegated()) else { panic!("no run") };
    assert_eq!((plan.merge_base, plan.needs_new_head, plan.signature), (false, false, None));
}

/// An operator's order goes before what is broken, and is carried out once.
#[test]
fn an_ordered_run_is_the_next_one() {
    let order = |run_type| crate::ObservationKind::Retried {
        order: format!("{run_type:?}"),
        said: at(90_000),
        by: crate::fixture::member(),
        run_type: Some(run_type),
        reason: None,
    };
    let evicted = then(opened(), 10_000, [red("merge-steward/queue", 9)]);
    for run_type in RunType::ALL {
        let ordered = then(opened(), 10_000, [requested(), order(run_type)]);
        let NextStep::Run(plan) = next(&ordered) else { panic!("no {run_type:?}") };
        assert_eq!(plan.run_type, run_type);
        assert!(!plan.needs_new_head, "nothing was refused: {run_type:?}");
        let claim = crate::fixture::claim_of(plan, "r2");
        let claimed = then(ordered, 20_000, [claim]);
        let lost = then(claimed.clone(), 21_000, [settled("r2", failed())]);
        assert!(
            matches!(next(&lost), NextStep::Run(plan) if plan.run_type == run_type),
            "not lost"
        );
        let reason = "not done".to_owned();
        let done = then(claimed, 21_000, [settled("r2", RunOutcome::Insufficient { reason })]);
        assert!(matches!(next(&done), NextStep::Run(plan) if plan.run_type == RunType::ReviewFix));
        let ordered = then(evicted.clone(), 12_000, [order(run_type)]);
        let NextStep::Run(plan) = next(&ordered) else { panic!("no {run_type:?}") };
        assert_eq!(plan.needs_new_head, run_type == RunType::QueueRepair, "{run_type:?}");
    }
}

/// Promise 3: what the base branch broke is not repaired here, and what only the head broke is.
#[test]
fn a_gate_that_the_base_turns_red_waits_for_the_base() {
    let of_base = |name: &str, status| crate::ObservationKind::BaseCheckRead {
        commit: crate::CommitSha::new("base-tip"),
        check: crate::Check { id: 3, name: name.to_owned(), status, version: at(40) },
    };
    let (failure, success) = (crate::CheckStatus::Failure, crate::CheckStatus::Success);
    let red_base = Wait::PullRequest(PrNumber(1), PrWait::RedBase);
    let facts = |base: Vec<_>| then(opened(), 10_000, [red("Tests", 7)].into_iter().chain(base));
    assert_eq!(waits(&facts(vec![of_base("tests", failure)])), red_base);
    assert!(matches!(next(&facts(vec![of_base("Tests", success)])), NextStep::Run(_)));
    assert!(matches!(next(&facts(vec![of_base("verify", failure)])), NextStep::Run(_)));
    let both = then(facts(vec![of_base("Tests", failure)]), 20_000, [red("verify", 8)]);
    assert!(matches!(next(&both), NextStep::Run(plan) if plan.run_type == RunType::CiRepair));
}

/// What an open pull request waits for is told apart (1.8, D8).
#[test]
fn an_open_pull_request_says_what_it_waits_for() {
    use crate::{
        CheckStatus::{Pending, Success},
        ReviewVerdict::{Approved, ChangesRequested},
        fixture::{check, head, review},
    };
    let green = || check("Tests", 1, 50, Success, head(1));
    let approved = || review("v1", "rita", Approved, head(1), 50);
    let not_required = |conflicting| crate::ObservationKind::MergeStateRead {
        version: at(60),
        state: crate::MergeState {
            head: head(1),
            base: crate::CommitSha::new("b1"),
            is_conflicting: Some(conflicting),
            is_review_required: Some(false),
        },
    };
    let old = || review("v0", "rita", ChangesRequested, head(9), 40);
    for (kinds, expected) in [
        (vec![], PrWait::Review),
        (vec![green()], PrWait::Review),
        (vec![approved()], PrWait::Review),
        (vec![green(), approved()], PrWait::Merge),
        (vec![green(), not_required(false)], PrWait::Merge),
        (vec![not_required(false)], PrWait::Review),
        (vec![check("Tests", 1, 50, Pending, head(1)), approved()], PrWait::Checks),
        (vec![green(), old()], PrWait::ReReview),
        (vec![old()], PrWait::ReReview),
    ] {
        let facts = then(opened(), 10_000, kinds.clone());
        assert_eq!(waits(&facts), Wait::PullRequest(PrNumber(1), expected), "{kinds:?}");
    }
    // Handed on, a conflict is the queue's business; before that it is the branch's.
    let run = |kinds| match next(&then(opened(), 10_000, kinds)) {
        NextStep::Run(plan) => plan.run_type,
        other => panic!("{other:?}"),
    };
    assert_eq!(run(vec![green(), not_required(true)]), RunType::QueueRepair);
    assert_eq!(run(vec![not_required(true)]), RunType::BranchUpkeep);
    assert_eq!(run(vec![approved(), conflict()]), RunType::QueueRepair);
}
