//! What our own runs did.

use super::*;
use crate::{
    NextStep, NodeId, RunPlan, decide,
    fixture::{moved, settled_with_thread},
};

#[test]
fn a_late_end_of_an_old_run_changes_nothing() {
    let facts = then(running(), 4_000, [settled("r1", failed())]);
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 6_000, [claim]);
    assert_eq!(evolved(&facts, settled("r1", published())), Evolved::Unchanged);
    assert_eq!(facts.slot.map(|slot| slot.run), Some(RunId::new("r2")));
}

#[test]
fn progress_forgets_the_recoveries_before_it() {
    let facts = then(running(), 4_000, [settled("r1", failed())]);
    assert_eq!(facts.attempts.recovery, 1);
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 6_000, [claim, settled("r2", published())]);
    assert_eq!((facts.attempts.recovery, facts.backoff_until), (0, None));
}

/// S02: what a lost run had taken up is not lost.
#[test]
fn s02_a_lost_run_gives_back_what_humans_said() {
    let facts = then(delegated(), 3_000, [said("s2", "use German")]);
    let claim = claimed(&facts, "r1");
    let facts = then(facts, 4_000, [claim]);
    assert!(facts.pending.is_empty());
    let facts = then(facts, 5_000, [said("s3", "and French"), settled("r1", failed())]);
    let texts: Vec<_> = facts.pending.iter().map(|input| input.text.as_str()).collect();
    assert_eq!(texts, ["use German", "and French"]);
}

fn on_node(mut claim: ObservationKind, name: &str) -> ObservationKind {
    match &mut claim {
        ObservationKind::RunClaimed { node, .. } => *node = Some(NodeId::new(name)),
        other => panic!("{other:?}"),
    }
    claim
}

fn plan(facts: &IssueFacts) -> RunPlan {
    match decide(&Policy::default(), at(i64::MAX), facts) {
        NextStep::Run(plan) => plan,
        other => panic!("{other:?}"),
    }
}

/// D15: what lies on a node that is gone is neither waited for nor taken for something that is there.
#[test]
fn another_node_begins_with_what_was_pushed() {
    let delegated = delegated();
    let claim = on_node(claimed(&delegated, "r1"), "one");
    let worked = then(delegated, 3_000, [claim, settled_with_thread("r1", failed(), Some("t1"))]);
    assert_eq!(worked.home, Some(NodeId::new("one")));
    let at_home = plan(&worked);
    assert!(at_home.keep_edits && at_home.resume.is_some(), "{at_home:?}");

    let elsewhere = then(worked.clone(), 4_000, [moved("one", "other")]);
    assert_eq!((&elsewhere.home, &elsewhere.worktree), (&Some(NodeId::new("other")), &None));
    let afresh = plan(&elsewhere);
    assert!(!afresh.keep_edits && afresh.resume.is_none() && afresh.parent.is_none(), "{afresh:?}");
    assert_eq!(afresh.branch, at_home.branch, "its branch is its branch");
    assert_eq!(elsewhere.attempts, worked.attempts, "it costs nothing");
}

#[test]
fn only_the_home_that_it_has_can_be_gone() {
    let claim = on_node(claimed(&delegated(), "r1"), "one");
    let facts = then(delegated(), 3_000, [claim]);
    assert_eq!(evolved(&facts, moved("two", "other")), Evolved::Unchanged);
    assert_eq!(evolved(&facts, moved("one", "one")), Evolved::Unchanged);
    assert_eq!(evolved(&delegated(), moved("one", "other")), Evolved::Unchanged);
}

/// The run itself ends only by its own end, wherever its agent was; the next one has a directory again.
#[test]
fn a_run_that_was_left_behind_is_known_until_it_ends() {
    let claim = on_node(claimed(&delegated(), "r1"), "one");
    let facts = then(delegated(), 3_000, [claim]);
    assert!(!facts.is_run_left_behind());
    let left = then(facts, 4_000, [moved("one", "other")]);
    assert!(left.is_run_left_behind());
    let over = then(left, 5_000, [settled("r1", failed())]);
    assert!(!over.is_run_left_behind());
    let claim = on_node(claimed(&over, "r2"), "other");
    assert!(!then(over, 6_000, [claim]).is_run_left_behind());
}

#[test]
fn a_taken_branch_name_is_given_up() {
    let facts = then(running(), 4_000, [settled("r1", RunOutcome::BranchTaken)]);
    assert_eq!((facts.branch, facts.branch_generation), (None, 1));
}

/// What a run costs is added up, and what it delivered to its agent comes back if it is lost.
#[test]
fn delivered_words_stay_with_the_run() {
    use crate::{Heard, fixture::said};
    let facts = then(running(), 4_000, [said("a1", 9_000, Heard::Session, "and the docs")]);
    let delivered = |run: &str, inputs: Vec<u64>| ObservationKind::InputDelivered {
        run: RunId::new(run),
        turn: crate::TurnId::new("turn-1"),
        inputs,
    };
    assert_eq!(evolved(&facts, delivered("r0", vec![0])), Evolved::Unchanged, "not its run");
    assert_eq!(evolved(&facts, delivered("r1", vec![9])), Evolved::Unchanged, "no such input");
    let told = then(facts, 5_000, [delivered("r1", vec![0])]);
    assert!(told.pending.is_empty());
    let lost = then(told.clone(), 6_000, [settled("r1", failed())]);
    assert_eq!(lost.pending.len(), 1);
    let done = then(told, 6_000, [settled("r1", published())]);
    assert!(done.pending.is_empty());
}

/// N16: a service's own word on when it is back is believed, within a day, and never shortens the wait.
#[test]
fn a_service_is_believed_when_it_says_that_it_comes_back() {
    let hour = 60 * 60 * 1_000;
    let until = |until: Option<i64>| {
        let reason = "quota".to_owned();
        let result = RunOutcome::Unavailable { reason, until: until.map(at) };
        then(running(), 4_000, [settled("r1", result)]).backoff_until.unwrap().millis()
    };
    assert_eq!(until(None), 4_000 + 15_000);
    assert_eq!(until(Some(5 * hour)), 5 * hour);
    assert_eq!(until(Some(5_000)), 4_000 + 15_000);
    assert_eq!(until(Some(1_000 * hour)), 4_000 + 24 * hour);
}

/// Repairs count in a row: over our own commits, and not over anybody else's.
#[test]
fn repairs_are_counted_on_the_heads_that_they_led_to() {
    use crate::{
        CheckStatus::Failure,
        RunType::{CiRepair, ReviewFix},
        fixture::{check, head, opened, review},
    };
    let published = |n| RunOutcome::Published {
        commit: head(n),
        pull_request: PullRequest { head: head(n), ..pull_request(1, PrState::Open) },
        version: at(i64::from(n) * 1_000),
        summary: "Repaired.".to_owned(),
    };
    let red = |n| check("Tests", u64::from(n), i64::from(n) * 1_000 + 500, Failure, head(n));
    let repaired = |facts: IssueFacts, run: &str, n| {
        let claim = claimed(&facts, run);
        then(facts, 20_000 * i64::from(n), [claim, settled(run, published(n))])
    };
    let facts = repaired(then(opened(), 10_000, [red(1)]), "r2", 2);
    assert_eq!(facts.head(), Some(&head(2)));
    assert_eq!(facts.tried(CiRepair), 1, "until it is known to have helped");
    let facts = repaired(then(facts, 50_000, [red(2)]), "r3", 3);
    assert_eq!((facts.tried(CiRepair), facts.attempts.latest(CiRepair)), (2, 2));
    // An answer to a review is ours too, and no new beginning for the gate.
    let request = review("v1", "rita", crate::ReviewVerdict::ChangesRequested, head(3), 9_000);
    let facts = repaired(then(facts, 70_000, [request]), "r4", 4);
    assert_eq!((facts.tried(CiRepair), facts.tried(ReviewFix)), (2, 1));
    // A gate that is green when a run starts has been repaired.
    let green = check("Tests", 9, 4_900, crate::CheckStatus::Success, head(4));
    let request = review("v2", "rita", crate::ReviewVerdict::ChangesRequested, head(4), 9_500);
    let facts = then(facts, 90_000, [green, request]);
    assert_eq!(facts.tried(CiRepair), 2);
    let claim = claimed(&facts, "r5");
    let facts = then(facts, 95_000, [claim]);
    assert_eq!((facts.tried(CiRepair), facts.tried(ReviewFix)), (0, 1));
    // Somebody else's commits void it.
    let pushed = PullRequest { head: head(8), ..pull_request(1, PrState::Open) };
    let facts = then(facts, 99_000, [pull_request_read(99_000, pushed)]);
    assert_eq!((facts.tried(ReviewFix), facts.attempts.latest(ReviewFix)), (0, 1));
}

fn pushed(n: u32) -> ObservationKind {
    let head = crate::fixture::head(n);
    pull_request_read(i64::from(n) * 10_000, PullRequest { head, ..pull_request(1, PrState::Open) })
}

fn repaired(n: u32) -> RunOutcome {
    RunOutcome::Published {
        commit: crate::fixture::head(n),
        pull_request: pull_request(1, PrState::Open),
        version: at(i64::from(n) * 10_000),
        summary: "Merged the base.".to_owned(),
    }
}

/// An update counts against the base that it was started on, whether the webhook of its push or its own end comes first.
#[test]
fn an_update_counts_against_its_base_in_any_order() {
    use crate::{
        RunType::BranchUpkeep,
        fixture::{head, merge_state},
    };
    for webhook_first in [true, false] {
        let facts = then(crate::fixture::opened(), 10_000, [merge_state(50, head(1), "b1", true)]);
        let claim = claimed(&facts, "r2");
        let end = [pushed(2), settled("r2", repaired(2))];
        let end = if webhook_first { end } else { [end[1].clone(), end[0].clone()] };
        let facts = then(then(facts, 20_000, [claim]), 21_000, end);
        let again = |base| then(facts.clone(), 30_000, [merge_state(90, head(2), base, true)]);
        assert_eq!(again("b1").tried(BranchUpkeep), 1, "{webhook_first}");
        assert_eq!(again("b2").tried(BranchUpkeep), 0, "another base is another cause");
    }
}

/// Promise 3: a queue that meets a base which moved on again is not the repair's failure.
#[test]
fn a_conflict_with_another_base_is_no_failure_of_the_last_queue_repair() {
    use crate::{
        RunType::QueueRepair,
        fixture::{check, head, merge_state, review},
    };
    let approved = |n| review(&format!("v{n}"), "rita", crate::ReviewVerdict::Approved, head(n), 5);
    let conflicting = |n, base| [approved(n), merge_state(i64::from(n) * 100, head(n), base, true)];
    let facts = then(crate::fixture::opened(), 10_000, conflicting(1, "b1"));
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 20_000, [claim, settled("r2", repaired(2))]);
    assert_eq!(then(facts.clone(), 30_000, conflicting(2, "b1")).tried(QueueRepair), 1);
    assert_eq!(then(facts.clone(), 30_000, conflicting(2, "b2")).tried(QueueRepair), 0);
    // What the queue refuses for another reason is about no base.
    let refused = check("merge-steward/queue", 9, 900, crate::CheckStatus::Failure, head(2));
    assert_eq!(then(facts, 30_000, [refused]).base_of(QueueRepair), None);
}

/// Flaky checks cost no attempt and end no issue: after three looks the head waits for people.
#[test]
fn a_check_that_fails_by_chance_is_looked_at_three_times() {
    use crate::{
        NextStep, PrWait,
        RunType::CiRepair,
        Wait, decide,
        fixture::{check, head},
    };
    let next = |facts: &IssueFacts| decide(&Policy::default(), at(90_000_000), facts);
    let mut facts = crate::fixture::opened();
    for n in 1..=3 {
        let red = check(
            "Tests",
            n,
            1_000 * i64::try_from(n).unwrap(),
            crate::CheckStatus::Failure,
            head(1),
        );
        facts = then(facts, 10_000, [red]);
        assert!(matches!(next(&facts), NextStep::Run(_)), "look {n}");
        let run = format!("look-{n}");
        let claim = claimed(&facts, &run);
        let reason = "It passes here.".to_owned();
        let end = settled(&run, RunOutcome::NothingToRepair { reason });
        facts = then(facts, 20_000, [claim, end]);
        assert_eq!(facts.tried(CiRepair), 0);
    }
    let red = check("Tests", 9, 9_000, crate::CheckStatus::Failure, head(1));
    facts = then(facts, 30_000, [red]);
    let waits = Wait::PullRequest(crate::PrNumber(1), PrWait::Rerun);
    assert_eq!(next(&facts), NextStep::Wait { reason: waits, until: None });
    let new = check("Tests", 10, 99_000, crate::CheckStatus::Failure, head(2));
    assert!(matches!(next(&then(facts, 40_000, [pushed(2), new])), NextStep::Run(_)), "a new head");
}

/// That a follow-up needed no change says nothing of a ticket whose pull request is then closed.
#[test]
fn a_follow_up_without_a_change_does_not_end_the_ticket() {
    let says = crate::fixture::said("a1", 9_000, crate::Heard::Session, "is it safe? make it so");
    let facts = then(crate::fixture::opened(), 5_000, [says]);
    let claim = claimed(&facts, "r2");
    let reason = "It is.".to_owned();
    let end = settled("r2", RunOutcome::NoChangeNeeded { reason });
    let closed = pull_request_read(60, pull_request(1, PrState::Closed));
    let facts = then(facts, 10_000, [claim, end, closed]);
    assert_eq!(facts.no_change_needed, None);
    let next = crate::decide(&Policy::default(), at(90_000_000), &facts);
    assert!(matches!(next, crate::NextStep::Run(_)), "{next:?}");
}

/// Edits are kept only under the head that they were made on.
#[test]
fn edits_of_another_head_are_not_kept_in_place() {
    let keeps = |facts: &IssueFacts| match crate::decide(&Policy::default(), at(90_000_000), facts)
    {
        crate::NextStep::Run(plan) => plan.keep_edits,
        other => panic!("{other:?}"),
    };
    let says = crate::fixture::said("a1", 9_000, crate::Heard::Session, "and the docs");
    let facts = then(crate::fixture::opened(), 5_000, [says]);
    let claim = claimed(&facts, "r2");
    let lost = then(facts, 10_000, [claim, settled("r2", failed())]);
    assert!(keeps(&lost));
    assert!(!keeps(&then(lost.clone(), 20_000, [pushed(2)])));
    let closed = pull_request_read(60, pull_request(1, PrState::Closed));
    assert!(!keeps(&then(lost, 20_000, [closed])));
}

/// An operator's order survives whatever stops its run but themselves.
#[test]
fn an_order_survives_what_interrupts_it() {
    use crate::Interruption::{Blocked, HeadMoved, Spending, Stopped, Superseded};
    let order = ObservationKind::Retried {
        order: "o1".to_owned(),
        said: at(90_000),
        by: crate::fixture::member(),
        run_type: Some(crate::RunType::CiRepair),
        reason: None,
    };
    let facts = then(crate::fixture::opened(), 5_000, [order]);
    let claim = claimed(&facts, "r2");
    let at_work = then(facts, 6_000, [claim]);
    for (by, survives) in [
        (HeadMoved, true),
        (Blocked, true),
        (Spending, true),
        (Stopped, false),
        (Superseded, false),
    ] {
        let end = settled("r2", RunOutcome::Interrupted { by });
        let wanted = then(at_work.clone(), 7_000, [end]).wanted;
        assert_eq!(wanted.is_some(), survives, "{by:?}");
    }
}

/// What a claim takes with it: the answer and what came with it, and nothing that is about something else.
#[test]
fn a_claim_takes_up_what_was_said_and_tells_the_answer_apart() {
    use crate::{
        Heard,
        InputKind::{DirectReply, FollowupComment},
        fixture::said,
    };
    let mut end = settled("r1", RunOutcome::NeedsInput { question: "Which?".to_owned() });
    if let ObservationKind::RunSettled { spent, .. } = &mut end {
        spent.tokens = 50;
    }
    let early = said("c1", 3_500, Heard::TicketComment, "@patchrelay use German, too");
    let answer = said("a1", 9_000, Heard::Session, "the second");
    let facts = then(running(), 3_500, [early]);
    let facts = then(facts, 4_000, [end, answer]);
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 6_000, [claim]);
    let kinds: Vec<_> = facts.slot.iter().flat_map(|slot| &slot.inputs).map(|i| i.kind).collect();
    assert_eq!(kinds, [FollowupComment, DirectReply]);
    assert_eq!((facts.question, facts.spending.total.tokens), (None, 50), "no leave to spend");
}

#[test]
fn words_instead_of_a_release_drop_what_is_held_and_a_release_keeps_it() {
    let hits = vec![crate::GateHit::ProtectedPath { path: "ci.yml".to_owned() }];
    let report = Box::new(crate::fixture::report(crate::ReportOutcome::Done));
    let held = RunOutcome::Held { tree: crate::TreeId::new("t1"), hits, report };
    let held = then(running(), 4_000, [settled("r1", held)]);
    for (text, keeps) in [("yes", true), ("leave ci.yml alone", false)] {
        let said = crate::fixture::said("a1", 90_000, crate::Heard::Session, text);
        let facts = then(held.clone(), 5_000, [said]);
        let claim = claimed(&facts, "r2");
        let facts = then(facts, 6_000, [claim]);
        assert_eq!(facts.held.is_some(), keeps, "{text}");
        let lost = then(facts, 7_000, [settled("r2", failed())]);
        assert_eq!(lost.held.is_some(), keeps, "{text}: a lost release is tried again");
    }
}

#[test]
fn starts_are_remembered_for_an_hour() {
    let hour = 60 * 60 * 1_000;
    let facts = running();
    let first = facts.starts[0].millis();
    for (gap, remembered) in [(hour - 1, 2), (hour, 1)] {
        let lost = then(facts.clone(), first + 10, [settled("r1", failed())]);
        let claim = claimed(&lost, "r2");
        let again = then(lost, first + gap, [claim]);
        assert_eq!(again.starts.len(), remembered, "{gap}");
    }
    let many = (0..30).fold(facts, |facts, n| {
        let run = format!("n{n}");
        let stopped = RunOutcome::Interrupted { by: crate::Interruption::Shutdown };
        let ended = facts.slot.as_ref().unwrap().run.to_string();
        let lost = then(facts, 10_000 + n * 10, [settled(&ended, stopped)]);
        let claim = claimed(&lost, &run);
        then(lost, 10_005 + n * 10, [claim])
    });
    assert_eq!(many.starts.len(), 20);
}

/// What the publisher read may be older than what a webhook has told since, and newer than anything.
#[test]
fn the_newest_of_publisher_and_webhook_is_the_head() {
    use crate::fixture::head;
    let says = crate::fixture::said("a1", 9_000, crate::Heard::Session, "and the docs");
    let facts = then(crate::fixture::opened(), 5_000, [says]);
    let claim = claimed(&facts, "r2");
    let at_work = then(facts, 10_000, [claim]);
    let end = || settled("r2", repaired(2));
    let plain = then(at_work.clone(), 11_000, [end()]);
    assert_eq!(plain.head(), Some(&head(2)));
    let version = plain.pull_request.as_ref().unwrap().version;
    assert_eq!(version, at(20_000), "an older read of the old head is old");
    let overtaken = then(at_work.clone(), 11_000, [pushed(3), end()]);
    assert_eq!(overtaken.head(), Some(&head(3)), "somebody pushed on top of it");
    let merged = pull_request_read(90_000, pull_request(1, PrState::Merged));
    let merged = then(at_work, 11_000, [merged, end()]);
    assert!(merged.is_merged() && merged.pull_request.unwrap().value.head == head(1));
    // A replacement that is known already is not replaced by what came before it.
    let of_branch = |number, facts: &IssueFacts| PullRequest {
        head_branch: facts.branch.clone().unwrap(),
        ..pull_request(number, PrState::Open)
    };
    let second = of_branch(2, &running());
    let known = then(running(), 4_000, [pull_request_read(50, second), settled("r1", published())]);
    assert_eq!(known.pull_request.unwrap().value.number, crate::PrNumber(2));
}

#[test]
fn a_foreign_fork_gives_way_to_our_own_pull_request() {
    let repo: crate::RepoSlug = "acme/app".parse().unwrap();
    let policy = Policy { repo: Some(repo.clone()), ..Policy::default() };
    let fold = |facts: &IssueFacts, millis, kind| {
        crate::change(&policy, at(millis), facts, vec![observation(millis, kind)]).facts
    };
    for theirs in [1, 5] {
        let linked =
            vec![crate::LinkedPullRequest { repo: repo.clone(), number: crate::PrNumber(theirs) }];
        let facts = fold(&empty(), 1_000, ticket_read(10, Ticket { linked, ..ticket() }));
        let fork = PullRequest { is_from_fork: true, ..pull_request(theirs, PrState::Open) };
        let facts = fold(&facts, 2_000, pull_request_read(50, fork));
        assert!(facts.open_pull_request().is_none(), "we cannot push to it");
        let answer = crate::fixture::said("a1", 90_000, crate::Heard::Session, "yes");
        let facts = fold(&facts, 3_000, session_opened());
        let facts = fold(&facts, 4_000, answer);
        let crate::NextStep::Run(plan) = crate::decide(&policy, at(5_000), &facts) else {
            panic!("{theirs}")
        };
        let facts = fold(&facts, 5_000, crate::fixture::claim_of(plan, "r1"));
        let facts = fold(&facts, 6_000, settled("r1", published()));
        let ours = facts.open_pull_request().map(|pr| pr.number);
        assert_eq!(ours, Some(crate::PrNumber(1)), "theirs was {theirs}");
    }
}

/// D6: people are called once for each thing, and again when they helped and it was not enough.
#[test]
fn questions_and_calls_are_put_once() {
    let asked = |text: &str| ObservationKind::Asked {
        question: text.to_owned(),
        about: crate::About::Work,
    };
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let facts = then(running(), 4_000, [settled("r1", asks)]);
    assert_eq!(evolved(&facts, asked("And that?")), Evolved::Unchanged, "one at a time");
    let answer = crate::fixture::said("a1", 9_000, crate::Heard::Session, "the second");
    let answered = then(facts, 5_000, [answer]);
    assert!(matches!(evolved(&answered, asked("And that?")), Evolved::Changed(_)));

    let called = || ObservationKind::Escalated { reason: "enough".to_owned() };
    let facts = then(running(), 4_000, [called()]);
    assert_eq!(evolved(&facts, called()), Evolved::Unchanged);
    let helped = crate::fixture::said("a2", 9_000, crate::Heard::Session, "try the other way");
    assert!(matches!(evolved(&then(facts, 5_000, [helped]), called()), Evolved::Changed(_)));
    let open = then(crate::fixture::opened(), 5_000, [called()]);
    assert_eq!(evolved(&open, called()), Evolved::Unchanged);
    assert!(matches!(evolved(&then(open, 6_000, [pushed(2)]), called()), Evolved::Changed(_)));
}

/// A pull request that the queue took is repaired for the queue.
#[test]
fn a_queue_that_takes_the_head_voids_the_tries_before() {
    use crate::{
        CheckStatus::{Failure, Success},
        RunType::QueueRepair,
        fixture::{check, head, review},
    };
    let queue = |id, n, status| check("merge-steward/queue", id, 50, status, head(n));
    let facts = then(crate::fixture::opened(), 10_000, [queue(1, 1, Failure)]);
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 20_000, [claim, settled("r2", repaired(2))]);
    let request = review("v1", "rita", crate::ReviewVerdict::ChangesRequested, head(2), 9_000);
    for (status, tried) in [(Success, 0), (Failure, 1)] {
        let facts = then(facts.clone(), 30_000, [queue(2, 2, status), request.clone()]);
        assert_eq!(facts.tried(QueueRepair), 1, "nothing of ours has begun");
        let claim = claimed(&facts, "r3");
        assert_eq!(then(facts, 40_000, [claim]).tried(QueueRepair), tried, "{status:?}");
    }
}
