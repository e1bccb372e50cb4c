use super::*;
use crate::{
    Ticket, TrackerStateKind,
    fixture::{
        at, delegated, pull_request, pull_request_read, running, state, then, ticket, ticket_read,
    },
};

fn steered(facts: &IssueFacts) -> Steer {
    steered_as(facts, "r1")
}

fn steered_as(facts: &IssueFacts, run: &str) -> Steer {
    steer_run(&Policy::default(), at(1_000_000), facts, &RunProgress::new(RunId::new(run)))
}

#[test]
fn a_run_goes_on_while_nothing_speaks_against_it() {
    assert_eq!(steered(&running()), Steer::Continue);
}

#[test]
fn taking_the_ticket_away_stops_the_run() {
    let facts = then(running(), 4_000, [ticket_read(20, Ticket { delegated: false, ..ticket() })]);
    assert_eq!(steered(&facts), Steer::Interrupt(Interruption::Undelegated));
}

/// N11: a result of an older delegation must not publish.
#[test]
fn delegating_again_does_not_revive_the_old_run() {
    let not = Ticket { delegated: false, ..ticket() };
    let facts = then(running(), 4_000, [ticket_read(20, not), ticket_read(30, ticket())]);
    assert_eq!(steered(&facts), Steer::Interrupt(Interruption::Undelegated));
}

#[test]
fn a_merge_withholds_what_would_come_too_late() {
    let facts = then(running(), 4_000, [pull_request_read(20, pull_request(1, PrState::Merged))]);
    assert_eq!(steered(&facts), Steer::WithholdPublication(Interruption::PullRequestOver));
}

#[test]
fn nothing_is_published_for_a_ticket_that_is_over() {
    for kind in [TrackerStateKind::Canceled, TrackerStateKind::Completed] {
        let over = Ticket { state: state(kind), ..ticket() };
        let facts = then(running(), 4_000, [ticket_read(20, over)]);
        let expected = Steer::WithholdPublication(Interruption::TicketOver);
        assert_eq!(steered(&facts), expected, "{kind:?}");
    }
}

#[test]
fn a_run_without_the_slot_is_not_ours() {
    assert_eq!(steered(&delegated()), Steer::Interrupt(Interruption::LeaseLost));
    assert_eq!(steered_as(&running(), "r0"), Steer::Interrupt(Interruption::LeaseLost));
}

/// The facts after these, of an open pull request on which the wanted run was claimed as `r2`.
fn repairing(
    before: Vec<crate::ObservationKind>,
    during: Vec<crate::ObservationKind>,
) -> IssueFacts {
    let facts = then(crate::fixture::opened(), 10_000, before);
    let claim = crate::fixture::claimed(&facts, "r2");
    then(facts, 20_000, [claim].into_iter().chain(during))
}

fn review(id: &str, verdict: crate::ReviewVerdict, n: u32) -> crate::ObservationKind {
    let submitted = if id == "v1" { 50_000 } else { 60_000 };
    crate::fixture::review(id, "rita", verdict, crate::fixture::head(n), submitted)
}

fn words(source: &str) -> crate::ObservationKind {
    crate::fixture::said(source, 70_000, crate::Heard::Session, "and the docs")
}

const REQUEST: crate::ReviewVerdict = crate::ReviewVerdict::ChangesRequested;
const APPROVAL: crate::ReviewVerdict = crate::ReviewVerdict::Approved;
const SUPERSEDED: Steer = Steer::WithholdPublication(Interruption::Superseded);

/// N24, S31: what the run answers is answered, and what else it was told is not.
#[test]
fn an_approval_makes_an_answer_to_the_review_pointless_unless_people_asked_for_more() {
    let request = || vec![review("v1", REQUEST, 1)];
    let approved = || vec![review("v2", APPROVAL, 1)];
    assert_eq!(steered_as(&repairing(request(), approved()), "r2"), SUPERSEDED);
    let with_words = vec![review("v1", REQUEST, 1), words("a1")];
    assert_eq!(steered_as(&repairing(with_words, approved()), "r2"), Steer::Continue);
}

#[test]
fn a_gate_that_turns_green_makes_its_repair_pointless() {
    let red = || {
        vec![crate::fixture::check(
            "Tests",
            1,
            50,
            crate::CheckStatus::Failure,
            crate::fixture::head(1),
        )]
    };
    let green =
        crate::fixture::check("Tests", 2, 60, crate::CheckStatus::Success, crate::fixture::head(1));
    assert_eq!(steered_as(&repairing(red(), Vec::new()), "r2"), Steer::Continue);
    assert_eq!(steered_as(&repairing(red(), vec![green]), "r2"), SUPERSEDED);
}

#[test]
fn commits_of_others_end_a_repair_and_its_own_push_does_not() {
    let pushed = PullRequest { head: crate::fixture::head(2), ..pull_request(1, PrState::Open) };
    let facts = repairing(vec![review("v1", REQUEST, 1)], vec![pull_request_read(90_000, pushed)]);
    let run = |commit: Option<u32>| RunProgress {
        commit: commit.map(crate::fixture::head),
        ..RunProgress::new(RunId::new("r2"))
    };
    let steered = |policy: &Policy, run| steer_run(policy, at(1_000_000), &facts, &run);
    let moved = Steer::WithholdPublication(Interruption::HeadMoved);
    assert_eq!(steered(&Policy::default(), run(None)), moved);
    assert_eq!(steered(&Policy::default(), run(Some(3))), moved);
    assert_eq!(steered(&Policy::default(), run(Some(2))), Steer::Continue);
    let by_agent = Policy { publisher: Publisher::Agent, ..Policy::default() };
    assert_eq!(steered(&by_agent, run(None)), Steer::Continue);
}

#[test]
fn what_people_say_is_delivered_and_a_stop_ends_the_run() {
    let facts = then(running(), 4_000, [words("a1")]);
    assert_eq!(steered(&facts), Steer::Deliver(vec![0]));
    let stop = crate::fixture::said("a2", 80_000, crate::Heard::Session, "stop");
    assert_eq!(steered(&then(facts, 5_000, [stop])), Steer::Interrupt(Interruption::Stopped));
}

/// D10: what a run may spend is counted together with what was spent before.
#[test]
fn a_run_that_has_spent_everything_is_stopped() {
    let issue = crate::Limit { max_tokens: 10, ..crate::Limit::default() };
    let limits = crate::Limits { issue, ..crate::Limits::default() };
    let policy = Policy { limits, ..Policy::default() };
    let steered = |tokens| {
        let spent = Spent { tokens, ..Spent::default() };
        let run = RunProgress { spent, ..RunProgress::new(RunId::new("r1")) };
        steer_run(&policy, at(1_000), &running(), &run)
    };
    assert_eq!(steered(9), Steer::Continue);
    assert_eq!(steered(10), Steer::Interrupt(Interruption::Spending));
    let spent = Spent { tokens: 10, ..Spent::default() };
    let commit = Some(crate::fixture::head(1));
    let run = RunProgress { spent, commit, ..RunProgress::new(RunId::new("r1")) };
    let publishing = steer_run(&policy, at(1_000), &running(), &run);
    assert_eq!(publishing, Steer::Continue, "what it made is paid for");
}

#[test]
fn a_repair_without_its_pull_request_is_pointless() {
    let closed = pull_request_read(90_000, pull_request(1, PrState::Closed));
    let facts = repairing(vec![review("v1", REQUEST, 1)], vec![closed.clone()]);
    let over = Steer::WithholdPublication(Interruption::PullRequestOver);
    assert_eq!(steered_as(&facts, "r2"), over);
    // An implementation that follows the close has a branch of its own.
    let facts = then(crate::fixture::opened(), 10_000, [closed]);
    let claim = crate::fixture::claimed(&facts, "r2");
    assert_eq!(steered_as(&then(facts, 20_000, [claim]), "r2"), Steer::Continue);
}

/// Work that somebody asked for after the end is not stopped by that end.
#[test]
fn work_after_an_end_goes_on() {
    let merged = pull_request_read(60, pull_request(1, PrState::Merged));
    let over = Ticket { state: state(TrackerStateKind::Completed), ..ticket() };
    let facts =
        then(crate::fixture::opened(), 10_000, [merged, ticket_read(30, over), words("a1")]);
    let claim = crate::fixture::claimed(&facts, "r2");
    let facts = then(facts, 20_000, [claim]);
    assert_eq!(steered_as(&facts, "r2"), Steer::Continue);
    let of_new = PullRequest {
        head_branch: facts.branch.clone().unwrap(),
        ..pull_request(2, PrState::Merged)
    };
    let facts = then(facts, 30_000, [pull_request_read(90_000, of_new)]);
    assert_eq!(steered_as(&facts, "r2"), Steer::WithholdPublication(Interruption::PullRequestOver));
}

/// N22, N24: what a repair was started for may go away in more than one way.
#[test]
fn a_repair_of_what_is_not_broken_any_more_is_pointless() {
    use crate::fixture::{check, head, merge_state};
    let dismissed = vec![review("v1", crate::ReviewVerdict::Dismissed, 1)];
    assert_eq!(steered_as(&repairing(vec![review("v1", REQUEST, 1)], dismissed), "r2"), SUPERSEDED);
    let queue = |id, status| {
        check("merge-steward/queue", id, 50 + i64::try_from(id).unwrap(), status, head(1))
    };
    let refused = || vec![queue(1, crate::CheckStatus::Failure)];
    assert_eq!(steered_as(&repairing(refused(), Vec::new()), "r2"), Steer::Continue);
    let taken = vec![queue(2, crate::CheckStatus::Success)];
    assert_eq!(steered_as(&repairing(refused(), taken), "r2"), SUPERSEDED);
    let conflict = |version, conflicts| merge_state(version, head(1), "b1", conflicts);
    assert_eq!(steered_as(&repairing(vec![conflict(50, true)], Vec::new()), "r2"), Steer::Continue);
    let gone = vec![conflict(60, false)];
    assert_eq!(steered_as(&repairing(vec![conflict(50, true)], gone), "r2"), SUPERSEDED);
}

/// What somebody asked for is wanted even if the pull request that it was to go into is closed: it gets another one.
#[test]
fn a_close_does_not_end_what_somebody_asked_for() {
    let closed = pull_request_read(90_000, pull_request(1, PrState::Closed));
    let facts = repairing(vec![words("a1")], vec![closed]);
    assert_eq!(steered_as(&facts, "r2"), Steer::Continue);
}
