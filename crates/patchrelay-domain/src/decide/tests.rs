use std::time::Duration;

use super::*;
use crate::{
    Attempts, Interruption, NextColumns, PrNumber, PrState, PrWait, Question, RunOutcome, ThreadId,
    Ticket, TrackerStateKind,
    fixture::{
        after, at, claimed, delegated, failed, next, published, pull_request, pull_request_read,
        running, session_opened, settled, settled_with_thread, state, then, ticket, ticket_read,
        waits,
    },
};

#[test]
fn a_session_without_a_read_ticket_starts_nothing() {
    assert_eq!(waits(&after([session_opened()])), Wait::TicketUnread);
}

#[test]
fn a_delegated_ticket_is_implemented() {
    let NextStep::Run(plan) = next(&delegated()) else { panic!("no run") };
    assert_eq!(plan.run_type, RunType::Implementation);
    assert_eq!(plan.branch.as_str(), "patchrelay/APP-1-wish-a-good-night");
    assert_eq!(plan.worktree_name, "APP-1-0a4c0f3e");
    assert_eq!((plan.resume, plan.keep_edits), (None, false));
}

#[test]
fn a_ticket_of_somebody_else_is_left_alone() {
    let facts = after([session_opened(), ticket_read(10, Ticket { delegated: false, ..ticket() })]);
    assert_eq!(waits(&facts), Wait::Undelegated);
}

#[test]
fn nothing_starts_while_a_run_has_the_issue() {
    assert_eq!(waits(&running()), Wait::ActiveRun(RunType::Implementation));
}

/// S41: what happens around a run does not end it.
#[test]
fn s41_a_merge_during_a_run_settles_only_after_it() {
    let facts = then(running(), 4_000, [pull_request_read(50, pull_request(1, PrState::Merged))]);
    assert_eq!(waits(&facts), Wait::ActiveRun(RunType::Implementation));
    let facts = then(facts, 5_000, [settled("r1", published())]);
    assert_eq!(next(&facts), NextStep::Settled(Settled::Merged));
}

#[test]
fn an_open_pull_request_waits_and_a_merged_one_is_the_end() {
    let facts = then(running(), 4_000, [settled("r1", published())]);
    assert_eq!(waits(&facts), Wait::PullRequest(PrNumber(1), PrWait::Review));
    let facts = then(facts, 5_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    assert_eq!(next(&facts), NextStep::Settled(Settled::Merged));
}

/// S50: a pull request that was closed unmerged is followed by a replacement, on a branch of its own.
#[test]
fn s50_a_closed_pull_request_is_replaced_on_another_branch() {
    let facts = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Closed))],
    );
    let NextStep::Run(plan) = next(&facts) else { panic!("no run") };
    assert_eq!(plan.branch.as_str(), "patchrelay/APP-1-wish-a-good-night-2");
    assert!(!plan.keep_edits, "it starts from the base and not from what was refused");
}

#[test]
fn a_ticket_that_is_over_in_the_tracker_is_settled_unless_a_pull_request_is_open() {
    let completed = |version| {
        ticket_read(version, Ticket { state: state(TrackerStateKind::Completed), ..ticket() })
    };
    assert_eq!(next(&after([completed(5)])), NextStep::Settled(Settled::CompletedInTracker));
    let canceled = ticket_read(5, Ticket { state: state(TrackerStateKind::Canceled), ..ticket() });
    assert_eq!(next(&after([canceled])), NextStep::Settled(Settled::CanceledInTracker));
    let with_pr = then(running(), 4_000, [settled("r1", published()), completed(70)]);
    assert_eq!(waits(&with_pr), Wait::PullRequest(PrNumber(1), PrWait::Review));
}

#[test]
fn a_question_is_put_once_and_then_waited_for() {
    let asks = RunOutcome::NeedsInput { question: "Which language?".to_owned() };
    let facts = then(running(), 4_000, [settled("r1", asks)]);
    assert_eq!(waits(&facts), Wait::Question);
    let unasked = IssueFacts {
        question: Some(Question { asked: None, ..facts.question.clone().unwrap() }),
        ..facts
    };
    assert_eq!(
        next(&unasked),
        NextStep::Ask { question: "Which language?".to_owned(), about: About::Work }
    );
}

/// Runs that are lost again and again, each as soon as it may start.
fn lost(times: u32, result: impl Fn() -> RunOutcome) -> IssueFacts {
    (0..times).fold(delegated(), |facts, n| {
        let now = 10_000_000 * i64::from(n + 1);
        let run = format!("lost-{n}");
        let claim = claimed(&facts, &run);
        then(facts, now, [claim, settled(&run, result())])
    })
}

#[test]
fn the_first_lost_run_is_followed_at_once_and_later_ones_ever_later() {
    let until = |times| match decide(&Policy::default(), at(0), &lost(times, failed)) {
        NextStep::Run(_) => None,
        NextStep::Wait { reason: Wait::Backoff(RunType::Implementation), until: Some(until) } => {
            Some(until.since(at(10_000_000 * i64::from(times) + 1_000)))
        }
        other => panic!("unexpected {other:?}"),
    };
    assert_eq!(until(1), None);
    assert_eq!(until(2), Some(Duration::from_secs(15)));
    assert_eq!(until(3), Some(Duration::from_secs(30)));
    assert_eq!(until(4), Some(Duration::from_secs(60)));
}

/// S67: exactly one call for help, and silence afterwards.
#[test]
fn s67_a_spent_recovery_budget_escalates_once() {
    let facts = lost(5, failed);
    assert_eq!(waits(&facts), Wait::Escalated);
    assert!(facts.escalated.is_some());
}

#[test]
fn an_outage_costs_nothing_however_long_it_lasts() {
    let facts = lost(40, || RunOutcome::Unavailable { reason: "no route".to_owned(), until: None });
    assert_eq!(facts.attempts, Attempts::default());
    assert!(matches!(next(&facts), NextStep::Run(_)));
    let NextStep::Wait { until: Some(until), .. } = decide(&Policy::default(), at(0), &facts)
    else {
        panic!("no wait")
    };
    assert!(until.since(facts.updated) <= Duration::from_secs(600));
}

#[test]
fn insufficient_work_is_charged_and_bounded() {
    let facts = lost(3, || RunOutcome::Insufficient { reason: "nothing".to_owned() });
    assert_eq!(facts.attempts.implementation, 3);
    assert_eq!(waits(&facts), Wait::Escalated);
}

/// S08: an interrupted implementation is tried again, on the same thread and with its edits.
#[test]
fn s08_an_interrupted_run_goes_on_where_it_was() {
    let thread = Some(ThreadId::new("t1"));
    let lost = RunOutcome::Interrupted { by: Interruption::Restart };
    let facts = then(running(), 4_000, [settled_with_thread("r1", lost, Some("t1"))]);
    let NextStep::Run(plan) = next(&facts) else { panic!("no run") };
    assert_eq!((plan.resume, plan.keep_edits), (thread, true));
}

#[test]
fn what_is_stored_of_a_step_is_what_the_ready_list_needs() {
    assert_eq!(
        next(&delegated()).columns(),
        NextColumns { kind: "run", run_type: Some(RunType::Implementation), due: Some(at(0)) }
    );
    let waiting = decide(&Policy::default(), at(0), &lost(2, failed)).columns();
    assert_eq!((waiting.kind, waiting.run_type), ("wait", Some(RunType::Implementation)));
    assert!(waiting.due.is_some());
    // A run that is active must not be started again, whatever the time.
    assert_eq!(next(&running()).columns(), NextColumns { kind: "wait", run_type: None, due: None });
}

fn decided(policy: &Policy, now: i64, facts: &IssueFacts) -> NextStep {
    decide(policy, at(now), facts)
}

/// A run that spent this many tokens ended without a result that matters here.
fn spending(tokens: u64) -> IssueFacts {
    let mut end = settled("r1", failed());
    if let crate::ObservationKind::RunSettled { spent, .. } = &mut end {
        spent.tokens = tokens;
    }
    then(running(), 4_000, [end])
}

/// D10: a spent limit is a question; a word, and nothing else, goes past it and counts anew.
#[test]
fn a_spent_limit_is_asked_about_once_and_a_word_goes_past_it() {
    let issue = crate::Limit { max_tokens: 100, ..crate::Limit::default() };
    let policy =
        Policy { limits: crate::Limits { issue, ..crate::Limits::default() }, ..Policy::default() };
    assert!(matches!(decided(&policy, 5_000, &spending(99)), NextStep::Run(_)));
    let spent = spending(100);
    let NextStep::Ask { question, about: About::Spending } = decided(&policy, 5_000, &spent) else {
        panic!("no question")
    };
    assert_eq!(
        question,
        "I have spent 100 of 100 tokens for this ticket. Should I go on? Answer yes or no."
    );
    let fold = |facts: &IssueFacts, kind| {
        crate::change(&policy, at(6_000), facts, vec![crate::fixture::observation(6_000, kind)])
    };
    let asked = fold(&spent, ticket_read(900, Ticket { title: "Other".to_owned(), ..ticket() }));
    assert!(asked.facts.question.is_some(), "any change asks");
    let answered =
        fold(&asked.facts, crate::fixture::said("a1", 7_000, crate::Heard::Session, "yes, go on"));
    let NextStep::Run(plan) = answered.next else { panic!("{:?}", answered.next) };
    let going = fold(&answered.facts, crate::fixture::claim_of(plan, "r2")).facts;
    assert_eq!((going.spending.total.tokens, going.question), (0, None));
    // A word about something else is no leave to spend.
    let other = IssueFacts {
        question: asked.facts.question.clone().map(|q| Question { about: About::Work, ..q }),
        ..answered.facts
    };
    assert!(matches!(
        decided(&policy, 8_000, &other),
        NextStep::Ask { about: About::Spending, .. }
    ));
}

#[test]
fn a_day_has_its_own_limit() {
    let day = crate::Limit { max_turns: 1, ..crate::Limit::default() };
    // What one run may spend says nothing once it is over.
    let limits = crate::Limits { day, run: day, issue: crate::Limit::default() };
    let policy = Policy { limits, ..Policy::default() };
    let mut facts = delegated();
    facts.spending.add(at(5_000), &crate::Spent { turns: 1, ..crate::Spent::default() });
    assert!(matches!(decided(&policy, 6_000, &facts), NextStep::Ask { .. }));
    let tomorrow = 24 * 60 * 60 * 1_000;
    assert!(matches!(decided(&policy, tomorrow, &facts), NextStep::Run(_)));
}

/// D38: what nothing else bounds is bounded by the clock.
#[test]
fn too_many_starts_in_an_hour_hold_the_issue_back() {
    let stopped = || RunOutcome::Interrupted { by: Interruption::Shutdown };
    let starts = |count: i64| {
        (0..count).fold(delegated(), |facts, n| {
            let run = format!("r{n}");
            let claim = claimed(&facts, &run);
            then(facts, 60_000 * (n + 1), [claim, settled(&run, stopped())])
        })
    };
    let now = 60_000 * 20 + 30_000;
    assert!(matches!(decided(&Policy::default(), now, &starts(19)), NextStep::Run(_)));
    let held = starts(20);
    let hour = 60 * 60 * 1_000;
    assert_eq!(
        decided(&Policy::default(), now, &held),
        NextStep::Wait {
            reason: Wait::Breaker(RunType::Implementation),
            until: Some(at(60_000 + hour))
        }
    );
    assert!(matches!(decided(&Policy::default(), 60_000 + hour, &held), NextStep::Run(_)));
    let columns = decided(&Policy::default(), now, &held).columns();
    assert_eq!(columns.run_type, Some(RunType::Implementation), "it starts by itself");
}

#[test]
fn a_back_off_ends_to_the_millisecond() {
    let facts = lost(2, failed);
    let until = facts.backoff_until.unwrap().millis();
    assert!(matches!(decided(&Policy::default(), until - 1, &facts), NextStep::Wait { .. }));
    assert!(matches!(decided(&Policy::default(), until, &facts), NextStep::Run(_)));
}

#[test]
fn a_project_without_a_configuration_keeps_its_issues() {
    let policy = Policy::of_removed_project();
    let waits = |facts: &IssueFacts| decided(&policy, 9_000, facts);
    let removed = NextStep::Wait { reason: Wait::ProjectRemoved, until: None };
    assert_eq!(waits(&delegated()), removed);
    assert!(matches!(waits(&running()), NextStep::Wait { reason: Wait::ActiveRun(_), .. }));
    let merged = pull_request_read(60, pull_request(1, PrState::Merged));
    let merged = then(crate::fixture::opened(), 5_000, [merged]);
    assert_eq!(waits(&merged), NextStep::Settled(Settled::Merged));
}

fn linked(number: u64) -> crate::LinkedPullRequest {
    crate::LinkedPullRequest { repo: "acme/app".parse().unwrap(), number: PrNumber(number) }
}

/// N39, S49.
#[test]
fn an_attached_pull_request_is_read_before_anything_begins() {
    let repo = Some("acme/app".parse().unwrap());
    let policy = Policy { repo, ..Policy::default() };
    let with = |numbers: &[u64]| {
        let linked = numbers.iter().copied().map(linked).collect();
        after([session_opened(), ticket_read(10, Ticket { linked, ..ticket() })])
    };
    let reads = NextStep::Wait { reason: Wait::LinkedPullRequest(PrNumber(7)), until: None };
    assert_eq!(decided(&policy, 9_000, &with(&[7])), reads);
    assert_eq!(decided(&policy, 9_000, &with(&[7, 7])), reads, "attached twice is one");
    let NextStep::Ask { about: About::LinkedPullRequests, question } =
        decided(&policy, 9_000, &with(&[9, 7, 8]))
    else {
        panic!("several are asked about")
    };
    assert!(question.contains("from #7 to #9"), "{question}");
    assert!(matches!(decided(&Policy::default(), 9_000, &with(&[7])), NextStep::Run(_)));
    let elsewhere = crate::LinkedPullRequest { repo: "acme/lib".parse().unwrap(), ..linked(7) };
    let other = Ticket { linked: vec![elsewhere], ..ticket() };
    let other = after([session_opened(), ticket_read(10, other)]);
    assert!(matches!(decided(&policy, 9_000, &other), NextStep::Run(_)));
    // Once work has begun, what is attached later is not looked at; undelegated, not at all.
    for begun in [
        IssueFacts { branch: Some(crate::BranchName::new("x")), ..with(&[7]) },
        IssueFacts {
            latest_run: then(running(), 4_000, [settled("r1", failed())]).latest_run,
            ..with(&[7])
        },
    ] {
        assert!(matches!(decided(&policy, 9_000, &begun), NextStep::Run(_)));
    }
    let not = Ticket { delegated: false, linked: vec![linked(7)], ..ticket() };
    let not = after([session_opened(), ticket_read(10, not)]);
    assert_eq!(
        decided(&policy, 9_000, &not),
        NextStep::Wait { reason: Wait::Undelegated, until: None }
    );
}

/// Only what is said after the end wants something, to the millisecond.
#[test]
fn words_count_after_an_end_when_they_are_younger() {
    let merged =
        |ended| crate::PullRequest { ended: Some(at(ended)), ..pull_request(1, PrState::Merged) };
    let said = |millis| crate::fixture::said("a1", millis, crate::Heard::Session, "and the docs");
    let facts = |millis| {
        then(
            crate::fixture::opened(),
            5_000,
            [pull_request_read(60_000, merged(50_000)), said(millis)],
        )
    };
    assert_eq!(next(&facts(50_000)), NextStep::Settled(Settled::Merged));
    let NextStep::Run(plan) = next(&facts(50_001)) else { panic!("no run") };
    assert_eq!(plan.branch.as_str(), "patchrelay/APP-1-wish-a-good-night-2");
}

/// D29: what a human released goes out as it is, on the head that it was made on.
#[test]
fn a_release_asks_no_agent_and_takes_nobodys_commits_back() {
    let hits = vec![crate::GateHit::ProtectedPath { path: "ci.yml".to_owned() }];
    let report = Box::new(crate::fixture::report(crate::ReportOutcome::Done));
    let tree = crate::TreeId::new("t1");
    let held = RunOutcome::Held { tree: tree.clone(), hits, report };
    let approved = crate::ObservationKind::Approved {
        order: "o1".to_owned(),
        tree: tree.clone(),
        by: crate::fixture::member(),
        reason: None,
    };
    let says = crate::fixture::said("a1", 9_000, crate::Heard::Session, "and the docs");
    let first =
        then(running(), 4_000, [settled("r1", held.clone()), approved.clone(), says.clone()]);
    let NextStep::Run(plan) = next(&first) else { panic!("no run") };
    assert_eq!(
        (plan.release, plan.consumes),
        (Some(tree.clone()), Vec::new()),
        "no agent hears it"
    );

    let again = then(crate::fixture::opened(), 5_000, [says]);
    let claim = claimed(&again, "r2");
    let again = then(again, 6_000, [claim, settled("r2", held), approved]);
    assert!(matches!(next(&again), NextStep::Run(plan) if plan.release == Some(tree)));
    let pushed =
        crate::PullRequest { head: crate::fixture::head(7), ..pull_request(1, PrState::Open) };
    let pushed = then(again, 9_000, [pull_request_read(90_000, pushed)]);
    assert_eq!(waits(&pushed), Wait::Question, "it is asked about in the same change");
    // What was released once is not released by a plain yes: that asks for the work again.
    for text in ["yes, do it again", "Yes."] {
        let answer = crate::fixture::said("a2", 99_000, crate::Heard::Session, text);
        let answered = then(pushed.clone(), 12_000, [answer]);
        assert!(matches!(next(&answered), NextStep::Run(plan) if plan.release.is_none()), "{text}");
    }
}

#[test]
fn work_on_a_pull_request_is_meant_for_the_branch_that_it_asks_to_be_merged_into() {
    let says = crate::fixture::said("a1", 9_000, crate::Heard::Session, "and the docs");
    let base_branch = crate::BranchName::new("release");
    let moved =
        crate::PullRequest { base_branch: base_branch.clone(), ..pull_request(1, PrState::Open) };
    let facts = then(crate::fixture::opened(), 5_000, [pull_request_read(90_000, moved), says]);
    let NextStep::Run(plan) = next(&facts) else { panic!("no run") };
    assert_eq!(plan.base_branch, Some(base_branch));
}

/// What a lost run gave back as an answer is still the answer, whatever was said before it.
#[test]
fn an_answer_that_was_given_back_still_wakes() {
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let answer = crate::fixture::said("a1", 9_000, crate::Heard::Session, "the second");
    let facts = then(running(), 4_000, [settled("r1", asks), answer]);
    let NextStep::Run(plan) = next(&facts) else { panic!("no run") };
    assert_eq!(plan.wake, Some(crate::WakeReason::DirectReply));
    let claim = claimed(&facts, "r2");
    let earlier =
        crate::fixture::said("a0", 8_000, crate::Heard::TicketComment, "@patchrelay use German");
    let facts = then(facts, 6_000, [claim, settled("r2", failed()), earlier]);
    let NextStep::Run(plan) = next(&facts) else { panic!("no run") };
    assert_eq!((plan.wake, plan.consumes.len()), (Some(crate::WakeReason::DirectReply), 2));
}

/// N39: a draft that was given to us is finished once; one that we published waits for people.
#[test]
fn a_draft_is_worked_on_only_if_it_was_given_to_us() {
    let repo = Some("acme/app".parse().unwrap());
    let policy = Policy { repo, ..Policy::default() };
    let fold = |facts: &IssueFacts, millis, kind| {
        let news = vec![crate::fixture::observation(millis, kind)];
        crate::change(&policy, at(millis), facts, news)
    };
    let ticket = Ticket { linked: vec![linked(1)], ..ticket() };
    let facts = after([session_opened(), ticket_read(10, ticket)]);
    let draft = crate::PullRequest {
        is_draft: true,
        head_branch: crate::BranchName::new("ada/started"),
        ..pull_request(1, PrState::Open)
    };
    let given = fold(&facts, 5_000, pull_request_read(60, draft));
    let NextStep::Run(plan) = given.next.clone() else { panic!("{:?}", given.next) };
    assert_eq!((plan.run_type, plan.branch.as_str()), (RunType::Implementation, "ada/started"));
    let claimed = fold(&given.facts, 6_000, crate::fixture::claim_of(plan, "r1"));
    let lost = fold(&claimed.facts, 7_000, settled("r1", failed()));
    assert!(matches!(lost.next, NextStep::Run(_)), "not finished yet: {:?}", lost.next);
    let end = fold(&claimed.facts, 7_000, settled("r1", published()));
    let waits = Wait::PullRequest(PrNumber(1), PrWait::Draft);
    assert_eq!(end.next, NextStep::Wait { reason: waits, until: None });
}

fn says(source: &str, said: i64, text: &str) -> crate::ObservationKind {
    crate::fixture::said(source, said, crate::Heard::Session, text)
}

fn held_at(run: &str) -> crate::ObservationKind {
    let hits = vec![crate::GateHit::ProtectedPath { path: "ci.yml".to_owned() }];
    let report = Box::new(crate::fixture::report(crate::ReportOutcome::Done));
    settled(run, RunOutcome::Held { tree: crate::TreeId::new("t1"), hits, report })
}

/// Who is asked yes or no may answer yes or no.
#[test]
fn a_plain_yes_releases_and_a_plain_no_does_not() {
    let held = then(running(), 4_000, [held_at("r1")]);
    let yes = then(held.clone(), 5_000, [says("a1", 90_000, "Yes, publish it.")]);
    assert!(matches!(next(&yes), NextStep::Run(plan) if plan.release.is_some()));
    let no = then(held.clone(), 5_000, [says("a1", 90_000, "No.")]);
    assert_eq!((waits(&no), no.held.is_some()), (Wait::Question, true), "it stays as it is");
    assert!(no.stopped().is_some());
    let change = then(held, 5_000, [says("a1", 90_000, "no, leave ci.yml alone")]);
    assert!(matches!(next(&change), NextStep::Run(plan) if plan.release.is_none()));
    // Only the agent knows what yes means as an answer to its own question.
    let asks = RunOutcome::NeedsInput { question: "Delete the old table?".to_owned() };
    let asked = then(running(), 4_000, [settled("r1", asks)]);
    for text in ["yes", "no", "ok"] {
        let answered = then(asked.clone(), 5_000, [says("a1", 90_000, text)]);
        assert!(
            matches!(next(&answered), NextStep::Run(plan) if plan.consumes.len() == 1),
            "{text}"
        );
    }
}

/// What was said before we asked is no answer, whenever it is heard of; the clocks may differ by a minute.
#[test]
fn older_words_are_no_answer() {
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let asked = then(running(), 1_000_000, [settled("r1", asks)]);
    for (said, answers) in [(939_999, false), (940_000, true), (1_000_001, true)] {
        let facts = then(asked.clone(), 1_100_000, [says("a1", said, "please document it")]);
        assert_eq!(facts.is_answered(), answers, "{said}");
        let facts = then(asked.clone(), 1_100_000, [says("a1", said, "thanks!")]);
        assert_eq!(facts.is_answered(), answers, "{said}");
    }
    let facts = lost(5, failed);
    let old = then(facts.clone(), 60_000_000, [says("a1", 1, "please document it")]);
    assert_eq!(waits(&old), Wait::Escalated, "nor is it help");
    let new = then(facts, 60_000_000, [says("a1", 60_000_000, "please document it")]);
    assert!(matches!(next(&new), NextStep::Run(_)));
}

/// What a run after the end asks, or has made, is not over with that end.
#[test]
fn work_after_a_merge_may_ask_and_may_be_held() {
    let merged = pull_request_read(60, pull_request(1, PrState::Merged));
    let facts = then(crate::fixture::opened(), 5_000, [merged, says("a1", 70_000, "and the docs")]);
    let claim = claimed(&facts, "r2");
    let at_work = then(facts, 10_000, [claim]);
    let asks = RunOutcome::NeedsInput { question: "Which docs?".to_owned() };
    let asked = then(at_work.clone(), 11_000, [settled("r2", asks)]);
    assert_eq!(waits(&asked), Wait::Question);
    let answered = then(asked, 12_000, [says("a2", 90_000, "the guide")]);
    assert!(matches!(next(&answered), NextStep::Run(_)));
    let held = then(at_work.clone(), 11_000, [held_at("r2")]);
    let released = then(held, 12_000, [says("a2", 90_000, "yes")]);
    assert!(matches!(next(&released), NextStep::Run(plan) if plan.release.is_some()));
    let reason = "It is there.".to_owned();
    let done = then(at_work, 11_000, [settled("r2", RunOutcome::NoChangeNeeded { reason })]);
    assert_eq!(next(&done), NextStep::Settled(Settled::Merged));
}

/// An order to repair ends with what it was to repair; an order to do it again is carried out.
#[test]
fn an_order_to_repair_does_not_outlive_its_pull_request() {
    let order = |run_type| crate::ObservationKind::Retried {
        order: "o1".to_owned(),
        said: at(90_000),
        by: crate::fixture::member(),
        run_type,
        reason: None,
    };
    let merged = || pull_request_read(60, pull_request(1, PrState::Merged));
    let repair = order(Some(RunType::CiRepair));
    let facts = then(crate::fixture::opened(), 5_000, [repair, merged()]);
    assert_eq!(next(&facts), NextStep::Settled(Settled::Merged));
    let again = then(crate::fixture::opened(), 5_000, [merged(), order(None)]);
    let claim = claimed(&again, "r2");
    let reason = "nothing came of it".to_owned();
    let insufficient = settled("r2", RunOutcome::Insufficient { reason });
    let facts = then(again, 10_000, [claim, insufficient]);
    assert!(matches!(next(&facts), NextStep::Run(_)), "not carried out yet");
}
