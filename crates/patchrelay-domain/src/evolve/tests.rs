use super::{people::MAX_PENDING, *};
use crate::{
    CommitSha, FACTS_VERSION, PrState, PullRequest, RunId, RunOutcome, SessionId, Ticket,
    TrackerStateKind,
    fixture::{
        after, at, claimed, delegated, empty, failed, observation, published, pull_request,
        pull_request_read, running, session_opened, settled, state, then, ticket, ticket_read,
    },
};

fn evolved(facts: &IssueFacts, kind: ObservationKind) -> Evolved {
    evolve(&Policy::default(), facts, &observation(9_000, kind))
}

fn said(session: &str, text: &str) -> ObservationKind {
    ObservationKind::SessionOpened {
        session: SessionId::new(session),
        prompt: Some(text.to_owned()),
        author: Some("user-1".to_owned()),
        opened: None,
    }
}

#[test]
fn a_session_opens_once() {
    let facts = after([session_opened()]);
    assert_eq!(facts.session, Some(SessionId::new("s1")));
    assert_eq!(evolved(&facts, session_opened()), Evolved::Unchanged);
}

#[test]
fn an_older_ticket_never_replaces_a_newer_one() {
    let newer = Ticket { title: "Newer".to_owned(), ..ticket() };
    let facts = after([ticket_read(20, newer.clone())]);
    assert_eq!(evolved(&facts, ticket_read(19, ticket())), Evolved::Unchanged);
    assert_eq!(
        evolved(&facts, ticket_read(20, newer)),
        Evolved::Unchanged,
        "nothing new is not logged"
    );
}

/// A, B, A again: whoever hears of B last must not believe it.
#[test]
fn every_order_of_the_same_states_ends_in_the_same_facts() {
    let other = Ticket { title: "Other".to_owned(), ..ticket() };
    let states = [ticket_read(10, ticket()), ticket_read(20, other), ticket_read(30, ticket())];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let facts = after(order.map(|index: usize| states[index].clone()));
        assert_eq!(facts.ticket, Some(Versioned { version: at(30), value: ticket() }), "{order:?}");
    }
}

#[test]
fn each_change_of_delegation_is_a_new_authority() {
    let not = Ticket { delegated: false, ..ticket() };
    let facts = after([ticket_read(10, ticket()), ticket_read(20, not), ticket_read(30, ticket())]);
    assert_eq!(facts.epoch, 3);
    let moved = Ticket { state: state(TrackerStateKind::Started), ..ticket() };
    assert_eq!(then(facts, 9_000, [ticket_read(40, moved)]).epoch, 3);
}

/// S74: merged is for ever.
#[test]
fn s74_nothing_reopens_a_merged_pull_request() {
    let facts = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Merged))],
    );
    assert_eq!(
        evolved(&facts, pull_request_read(99, pull_request(1, PrState::Open))),
        Evolved::Unchanged
    );
}

#[test]
fn a_pull_request_of_another_branch_is_not_ours() {
    let foreign = PullRequest {
        head_branch: crate::BranchName::new("somebody/else"),
        ..pull_request(7, PrState::Open)
    };
    assert_eq!(evolved(&running(), pull_request_read(50, foreign)), Evolved::Unchanged);
    assert_eq!(
        evolved(&empty(), pull_request_read(50, pull_request(1, PrState::Open))),
        Evolved::Unchanged
    );
}

/// S73: what is known of a newer head stays.
#[test]
fn s73_a_late_delivery_about_an_older_head_changes_nothing() {
    let old =
        PullRequest { head: CommitSha::new("0".repeat(40)), ..pull_request(1, PrState::Open) };
    let facts = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Open))],
    );
    assert_eq!(evolved(&facts, pull_request_read(55, old)), Evolved::Unchanged);
}

#[test]
fn webhook_and_settlement_of_the_same_pull_request_converge() {
    let webhook = pull_request_read(60, pull_request(1, PrState::Open));
    let one = then(running(), 4_000, [webhook.clone(), settled("r1", published())]);
    let other = then(running(), 4_000, [settled("r1", published()), webhook]);
    assert_eq!(one.pull_request.map(|pr| pr.value), other.pull_request.map(|pr| pr.value));
}

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

/// S70: the same words twice are two inputs.
#[test]
fn s70_the_same_text_in_two_sessions_counts_twice() {
    let facts = then(delegated(), 3_000, [said("s2", "continue"), said("s3", "continue")]);
    assert_eq!(facts.pending.len(), 2);
}

#[test]
fn waiting_inputs_are_bounded() {
    let facts = then(delegated(), 3_000, (0..200).map(|n| said(&format!("x{n}"), &n.to_string())));
    assert_eq!(facts.pending.len(), MAX_PENDING);
    assert_eq!(facts.pending.last().map(|input| input.text.as_str()), Some("199"));
}

#[test]
fn a_taken_branch_name_is_given_up() {
    let facts = then(running(), 4_000, [settled("r1", RunOutcome::BranchTaken)]);
    assert_eq!((facts.branch, facts.branch_generation), (None, 1));
}

#[test]
fn facts_and_observations_survive_storage() {
    // What is stored today must be readable for ever: a change here needs a new FACTS_VERSION.
    assert_eq!(FACTS_VERSION, 2);
    let facts = then(running(), 4_000, [settled("r1", published())]);
    let text = serde_json::to_string_pretty(&facts).unwrap();
    insta::assert_snapshot!("facts", text);
    assert_eq!(serde_json::from_str::<IssueFacts>(&text).unwrap(), facts);
    // What the first version wrote means the same today.
    let first = serde_json::from_str::<IssueFacts>(include_str!("golden/facts_v1.json")).unwrap();
    assert_eq!((first.pull_request.clone(), first.key()), (facts.pull_request.clone(), "APP-1"));
    for kind in [
        session_opened(),
        ticket_read(1, ticket()),
        pull_request_read(1, pull_request(1, PrState::Open)),
        claimed(&delegated(), "r1"),
        settled("r1", failed()),
        ObservationKind::Asked { question: "?".to_owned(), about: crate::About::Work },
        ObservationKind::Escalated { reason: "!".to_owned() },
    ] {
        let observation = observation(1, kind);
        let text = serde_json::to_string(&observation).unwrap();
        assert_eq!(serde_json::from_str::<Observation>(&text).unwrap(), observation, "{text}");
    }
}

#[test]
fn an_epoch_begins_with_the_first_delegation() {
    assert_eq!(after([ticket_read(1, Ticket { delegated: false, ..ticket() })]).epoch, 0);
    assert_eq!(delegated().epoch, 1);
    assert_eq!(delegated().updated, at(2_000));
}

/// A human who delegates again after a call for help gets another try.
#[test]
fn delegating_again_forgets_what_was_given_up() {
    let facts =
        then(running(), 4_000, [ObservationKind::Escalated { reason: "enough".to_owned() }]);
    let not = Ticket { delegated: false, ..ticket() };
    let facts = then(facts, 5_000, [settled("r1", failed()), ticket_read(20, not)]);
    assert!(facts.escalated.is_some(), "taking it away is no retry");
    let facts = then(facts, 7_000, [ticket_read(30, ticket())]);
    assert_eq!((facts.escalated, facts.attempts.recovery, facts.backoff_until), (None, 0, None));
}

/// N27: a question stays open over a pause; words of a human are what answers it.
#[test]
fn only_words_answer_a_question() {
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let facts = then(running(), 4_000, [settled("r1", asks)]);
    let not = Ticket { delegated: false, ..ticket() };
    let facts = then(facts, 5_000, [ticket_read(20, not), ticket_read(30, ticket())]);
    assert!(facts.question.is_some());
    let silent = ObservationKind::SessionOpened {
        session: SessionId::new("s2"),
        prompt: None,
        author: None,
        opened: None,
    };
    let facts = then(facts, 7_000, [silent]);
    assert!(facts.question.is_some() && !facts.is_answered());
    let facts = then(facts, 8_000, [said("s3", "the second one")]);
    assert!(facts.is_answered());
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 9_000, [claim]);
    assert_eq!(facts.question, None);
    let kinds = facts.slot.map(|slot| slot.inputs[0].kind);
    assert_eq!(kinds, Some(crate::InputKind::DirectReply), "the next run is told");
}

/// Closing and replacing is bounded: each close is a human's verdict on the work.
#[test]
fn a_closed_pull_request_costs_an_attempt_once() {
    let facts = then(
        running(),
        4_000,
        [
            settled("r1", published()),
            pull_request_read(60, pull_request(1, PrState::Closed)),
            pull_request_read(61, pull_request(1, PrState::Closed)),
        ],
    );
    assert_eq!(facts.tried(crate::RunType::Implementation), 1);
    let reopened =
        then(facts.clone(), 7_000, [pull_request_read(62, pull_request(1, PrState::Open))]);
    assert_eq!(reopened.tried(crate::RunType::Implementation), 0, "nobody acted on it");
    let claim = claimed(&facts, "r2");
    let again = then(facts, 8_000, [claim]);
    assert_eq!((again.attempts.implementation, again.branch_generation), (1, 1));
    assert_eq!(again.tried(crate::RunType::Implementation), 1);
}

/// What a source changes without a new version of its own, such as a blocker that is over, is news all the same.
#[test]
fn another_value_of_the_same_version_is_taken() {
    let facts = after([ticket_read(20, ticket())]);
    let other = ticket_read(20, Ticket { title: "Other".to_owned(), ..ticket() });
    assert!(
        matches!(evolved(&facts, other), Evolved::Changed(facts) if facts.ticket.as_ref().unwrap().value.title == "Other")
    );
}

/// N25: what a run opens after it was called off is not ours, unless the next run is at work.
#[test]
fn a_pull_request_of_a_called_off_run_is_linked_only_by_the_next_run() {
    let stopped = RunOutcome::Interrupted { by: crate::Interruption::Undelegated };
    let facts = then(running(), 4_000, [settled("r1", stopped)]);
    let opened = || pull_request_read(60, pull_request(1, PrState::Open));
    assert_eq!(evolved(&facts, opened()), Evolved::Unchanged);
    let claim = claimed(&facts, "r2");
    assert!(matches!(evolved(&then(facts, 6_000, [claim]), opened()), Evolved::Changed(_)));
    let lost = then(running(), 4_000, [settled("r1", failed())]);
    assert!(matches!(evolved(&lost, opened()), Evolved::Changed(_)), "S55");
}

#[test]
fn an_attached_pull_request_that_was_hidden_can_come_to_light() {
    let repo: crate::RepoSlug = "acme/app".parse().unwrap();
    let policy = Policy { repo: Some(repo.clone()), ..Policy::default() };
    let fold = |facts: &IssueFacts, kind| match evolve(&policy, facts, &observation(9_000, kind)) {
        Evolved::Changed(facts) => *facts,
        Evolved::Unchanged => panic!("no news"),
    };
    let number = crate::PrNumber(1);
    let linked = vec![crate::LinkedPullRequest { repo, number }];
    let facts = after([ticket_read(10, Ticket { linked, ..ticket() })]);
    let missing = |number| ObservationKind::PullRequestMissing { number, version: at(50) };
    let hidden = fold(&facts, missing(number));
    assert_eq!(hidden.missing_link, Some(number));
    let again = evolve(&policy, &hidden, &observation(9_500, missing(number)));
    assert_eq!(again, Evolved::Unchanged, "told once");
    let other = evolve(&policy, &facts, &observation(9_500, missing(crate::PrNumber(2))));
    assert_eq!(other, Evolved::Unchanged, "not attached");
    let seen = fold(&hidden, pull_request_read(60, pull_request(1, PrState::Open)));
    assert_eq!((seen.missing_link, seen.head().cloned()), (None, Some(crate::fixture::head(1))));
    let known = evolve(&policy, &seen, &observation(9_500, missing(number)));
    assert_eq!(known, Evolved::Unchanged, "what was seen is not gone because it is hidden");
}

#[test]
fn reviews_and_checks_have_their_bounds_and_their_order() {
    use crate::fixture::{check, head, opened, review};
    let verdict = crate::ReviewVerdict::ChangesRequested;
    let many = (0..120).map(|n| review(&format!("v{n:03}"), "rita", verdict, head(1), 1_000 - n));
    let facts = then(opened(), 10_000, many);
    assert_eq!(facts.reviews.len(), 100);
    assert!(facts.reviews.is_sorted_by_key(|review| review.submitted));
    assert_eq!(facts.reviews[99].id, "v000", "the newest is never dropped");
    let success = crate::CheckStatus::Success;
    let facts = then(
        opened(),
        10_000,
        [
            check("verify", 1, 50, success, head(1)),
            check("Tests", 2, 50, success, head(1)),
            check("tests ", 3, 60, crate::CheckStatus::Failure, head(1)),
            check("Lint", 4, 50, success, head(1)),
        ],
    );
    let names: Vec<_> = facts.checks.iter().map(|check| (check.name.as_str(), check.id)).collect();
    assert_eq!(names, [("tests ", 3), ("verify", 1)]);
}

/// D1: the same answer to a newer question is no news, and while the forge is finding out, its last answer holds.
#[test]
fn a_merge_state_is_kept_while_the_forge_is_finding_out() {
    use crate::fixture::{head, merge_state, opened};
    let asked = |version, base: &str, is_conflicting| ObservationKind::MergeStateRead {
        version: at(version),
        state: crate::MergeState {
            head: head(1),
            base: CommitSha::new(base),
            is_conflicting,
            is_review_required: None,
        },
    };
    let facts = then(opened(), 10_000, [merge_state(50, head(1), "b1", true)]);
    assert_eq!(evolved(&facts, merge_state(60, head(1), "b1", true)), Evolved::Unchanged);
    assert_eq!(evolved(&facts, merge_state(40, head(1), "b1", false)), Evolved::Unchanged);
    assert_eq!(evolved(&facts, asked(60, "b1", None)), Evolved::Unchanged);
    let moved = then(facts.clone(), 11_000, [asked(60, "b2", None)]);
    assert!(!moved.is_conflicting(), "of another base nothing is known yet");
    assert_eq!(moved.is_review_required(), Some(true));
    let same_time = then(facts, 12_000, [merge_state(50, head(1), "b1", false)]);
    assert!(!same_time.is_conflicting());
}
