//! What the agent reads, per run type, publisher and situation.

use super::*;

/// A snapshot per publisher.
fn reads_like_this(name: &str, request: Request<'_>) {
    for publisher in [Publisher::Harness, Publisher::Agent] {
        let suffix = match publisher {
            Publisher::Harness => "harness",
            Publisher::Agent => "agent",
        };
        let prompt = build(&Request { publisher, ..request });
        insta::assert_snapshot!(format!("{name}_by_{suffix}"), prompt);
    }
}

#[test]
fn an_implementation() {
    let world = World::new();
    reads_like_this("implementation_initial", world.first());
    let (session, inputs) = (session(), [input(InputKind::DirectReply, "The blue one.")]);
    reads_like_this(
        "implementation_follow_up",
        Request {
            session: &session,
            inputs: &inputs,
            wake: Some(WakeReason::DirectReply),
            earlier: &EarlierWork::SameThread { dirty: Vec::new() },
            workflow: None,
            network: true,
            ..world.first()
        },
    );
}

#[test]
fn each_repair() {
    let world = World::new();
    let facts = pull_request(Freshness::Fresh);
    for (work, wake) in works().iter().zip([
        WakeReason::Delegated,
        WakeReason::ReviewChangesRequested,
        WakeReason::SettledRedCi,
        WakeReason::MergeStewardIncident,
        WakeReason::BranchUpkeep,
    ]) {
        if work.run_type() == RunType::Implementation {
            continue;
        }
        let request = Request {
            work,
            wake: Some(wake),
            pull_request: Some(&facts),
            workflow: None,
            ..world.first()
        };
        reads_like_this(work.run_type().as_str(), request);
    }
}

#[test]
fn a_continuation_with_a_dirty_tree() {
    let world = World::new();
    let facts = pull_request(Freshness::Fresh);
    let earlier = EarlierWork::SameThread {
        dirty: vec!["src/greeting.rs".to_owned(), "tests/greeting.rs".to_owned()],
    };
    reads_like_this(
        "ci_repair_continued",
        Request {
            work: &Work::CiRepair(ci()),
            wake: None,
            pull_request: Some(&facts),
            earlier: &earlier,
            ..world.first()
        },
    );
}

#[test]
fn a_fresh_thread_after_a_loss() {
    let world = World::new();
    let earlier = EarlierWork::OtherThread {
        rescue: some("refs/patchrelay/rescue/1/2"),
        dirty: vec!["src/greeting.rs".to_owned()],
    };
    reads_like_this(
        "implementation_after_a_loss",
        Request { wake: None, earlier: &earlier, ..world.first() },
    );
}

#[test]
fn a_degraded_review_and_stale_facts() {
    let world = World::new();
    let facts = pull_request(Freshness::Stale);
    let degraded = Work::ReviewFix(ReviewContext {
        degraded: true,
        trust: Trust::Unknown,
        comments: Vec::new(),
        ..review()
    });
    reads_like_this(
        "review_fix_degraded_and_stale",
        Request {
            work: &degraded,
            wake: Some(WakeReason::ReviewChangesRequested),
            pull_request: Some(&facts),
            ..world.first()
        },
    );
}

#[test]
fn a_queue_that_wants_a_fresh_head() {
    let world = World::new();
    let context = QueueContext {
        failure_reason: some("queue_eviction"),
        requires_fresh_head: true,
        conflicts: upkeep().conflicts,
        ..QueueContext::default()
    };
    reads_like_this(
        "queue_repair_with_a_fresh_head",
        Request {
            work: &Work::QueueRepair(context),
            wake: Some(WakeReason::MergeStewardIncident),
            ..world.first()
        },
    );
}

#[test]
fn the_report_turn() {
    insta::assert_snapshot!("report_on_conflicts", report(&Work::BranchUpkeep(upkeep())));
    assert!(report(&Work::CiRepair(ci())).ends_with("resolved: an empty list"));
    let again = report_again(&Work::BranchUpkeep(upkeep()));
    assert!(again.ends_with(&report(&Work::BranchUpkeep(upkeep()))));
}
