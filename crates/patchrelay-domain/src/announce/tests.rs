use std::time::Duration;

use super::*;
use crate::{
    Policy,
    fixture::{
        self, after, at, claimed, delegated, failed, observation, published, pull_request,
        pull_request_read, running, session_opened, settled, then, ticket, ticket_read,
    },
};

/// The reports of one observation on these facts, as one line each.
fn said(facts: &IssueFacts, kind: ObservationKind) -> Vec<String> {
    crate::change(&Policy::default(), at(9_000), facts, vec![observation(9_000, kind)])
        .orders
        .iter()
        .filter_map(|order| match order {
            OutboxOrder::Plan { .. } | OutboxOrder::Link { .. } | OutboxOrder::Comment { .. } => {
                None
            }
            OutboxOrder::MoveTicket { to } => Some(format!("move {to:?}")),
            OutboxOrder::Activity { content, urgent, .. } => Some({
                let text = match content {
                    ActivityContent::Action { action, parameter } => {
                        format!("{action} {parameter}")
                    }
                    ActivityContent::Thought { body }
                    | ActivityContent::Response { body }
                    | ActivityContent::Elicitation { body }
                    | ActivityContent::Error { body } => body.clone(),
                };
                format!(
                    "{}{}: {}",
                    order.name(),
                    if *urgent { "!" } else { "" },
                    text.replace('\n', " ")
                )
            }),
        })
        .collect()
}

#[test]
fn a_session_is_acknowledged_at_once() {
    let said = said(&after([]), session_opened());
    assert_eq!(said, ["thought!: Received. I am reading the ticket."]);
}

#[test]
fn a_start_is_told_once_and_moves_the_ticket() {
    let facts = delegated();
    let start = "action: Implementing the ticket on branch `patchrelay/APP-1-wish-a-good-night`";
    assert_eq!(said(&facts, claimed(&facts, "r1")), [start, "move Started"]);
    let lost = then(running(), 4_000, [settled("r1", failed())]);
    assert!(said(&lost, claimed(&lost, "r2")).is_empty(), "going on with a lost run is no news");
    let closed = then(
        running(),
        4_000,
        [settled("r1", published()), pull_request_read(60, pull_request(1, PrState::Closed))],
    );
    assert_eq!(
        said(&closed, claimed(&closed, "r2")),
        [start.replace("night`", "night-2`")],
        "starting over is"
    );
}

#[test]
fn the_agents_words_are_quoted() {
    let said = said(&running(), settled("r1", published()));
    assert_eq!(
        said,
        [
            "response: Opened pull request [#1](https://github.test/acme/app/pull/1).  > Added the greeting."
        ]
    );
}

#[test]
fn a_merge_is_told_once_and_completes_the_ticket() {
    let open = then(running(), 4_000, [settled("r1", published())]);
    let merge = pull_request_read(60, pull_request(1, PrState::Merged));
    assert_eq!(
        said(&open, merge.clone()),
        [
            "response: Pull request [#1](https://github.test/acme/app/pull/1) was merged.",
            "move Completed"
        ]
    );
    let merged = then(open, 5_000, [merge.clone()]);
    assert!(said(&merged, merge).is_empty());
}

/// Nothing that was said is dropped without a word.
#[test]
fn a_merge_tells_whose_words_came_too_late() {
    let open = then(running(), 4_000, [settled("r1", published())]);
    let heard = |n: i64| {
        fixture::said(&format!("a{n}"), n, crate::Heard::Session, "Please document it, too.")
    };
    let merge = pull_request_read(60, pull_request(1, PrState::Merged));
    let one = then(open.clone(), 5_000, [heard(1)]);
    let told = said(&one, merge.clone());
    assert!(
        told[0].ends_with("One message came too late for it; say it again if it still matters.")
    );
    let two = then(open, 5_000, [heard(1), heard(2)]);
    assert!(said(&two, merge)[0].contains(" 2 messages came too late"));
}

#[test]
fn a_call_for_help_names_the_last_failure() {
    let facts = then(running(), 4_000, [settled("r1", failed())]);
    let said =
        said(&facts, ObservationKind::Escalated { reason: "five runs were lost".to_owned() });
    assert_eq!(
        said,
        ["error: I need a human here: five runs were lost. The last one: the agent went away."]
    );
}

#[test]
fn a_mention_without_delegation_is_answered_once() {
    let not = || ticket_read(10, crate::Ticket { delegated: false, ..ticket() });
    let facts = after([session_opened()]);
    assert_eq!(
        said(&facts, not()),
        ["elicitation: This ticket is not delegated to me. Delegate it, and I start."]
    );
    let later =
        ticket_read(20, crate::Ticket { delegated: false, title: "Other".to_owned(), ..ticket() });
    assert!(said(&then(facts, 3_000, [not()]), later).is_empty());
}

#[test]
fn what_changes_nothing_for_people_is_not_told() {
    assert!(said(&delegated(), ticket_read(99, ticket())).is_empty());
    assert!(said(&running(), settled("r1", failed())).is_empty());
}

#[test]
fn a_sign_of_life_and_a_remark_on_this_moment_can_come_too_late() {
    let facts = delegated();
    let activities = |kind| {
        let news = vec![observation(9_000, kind)];
        let orders = crate::change(&Policy::default(), at(9_000), &facts, news).orders;
        let is_activity = |order: &OutboxOrder| matches!(order, OutboxOrder::Activity { .. });
        orders.into_iter().filter(is_activity).collect::<Vec<_>>()
    };
    let other = crate::SessionId::new("s9");
    let opened = ObservationKind::SessionOpened {
        session: other,
        prompt: None,
        author: None,
        opened: None,
        comments: Vec::new(),
    };
    let hour = Duration::from_secs(3_600);
    assert!(activities(opened).iter().all(|order| order.useful_for() == Some(hour)));
    assert!(activities(claimed(&facts, "r1")).iter().all(|order| order.useful_for().is_none()));
    let minute = Duration::from_secs(60);
    let heard = activities(says("please document it"));
    assert!(heard.iter().all(|order| order.useful_for() == Some(minute)), "that it was heard now");
}

/// The publisher was away while a human merged: what it finds is told whole.
#[test]
fn a_merge_that_the_publisher_finds_is_told_with_the_pull_request() {
    let found = RunOutcome::Published {
        commit: crate::CommitSha::new("1".repeat(40)),
        pull_request: pull_request(1, PrState::Merged),
        version: at(0),
        summary: "Done.".to_owned(),
    };
    let merged = "response: Pull request [#1](https://github.test/acme/app/pull/1) was merged.";
    let told = said(&running(), settled("r1", found.clone()));
    assert_eq!(&told[1..], [merged, "move Completed"]);
    // A webhook told of it while it was open: that it is merged is news all the same.
    let open = then(running(), 4_000, [pull_request_read(60, pull_request(1, PrState::Open))]);
    assert_eq!(&said(&open, settled("r1", found.clone()))[1..], [merged, "move Completed"]);
    let known = then(running(), 4_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    assert_eq!(said(&known, settled("r1", found)).len(), 1, "and not twice");
}

fn says(text: &str) -> ObservationKind {
    fixture::said("a1", 5_000, crate::Heard::Session, text)
}

/// N43: whoever asks is answered from what is known here, and nothing starts.
#[test]
fn a_question_about_the_state_is_answered() {
    assert_eq!(
        said(&running(), says("how is it going?")),
        ["response: State: implementing; running implementation."]
    );
    let open = fixture::opened();
    assert_eq!(
        said(&open, says("status?")),
        [
            "response: State: pr_open; waiting for review and merge of pull request #1. Pull request \
          [#1](https://github.test/acme/app/pull/1).  > Added the greeting."
        ]
    );
    let merged = then(open, 5_000, [pull_request_read(60, pull_request(1, PrState::Merged))]);
    assert!(said(&merged, says("status?"))[0].starts_with("response: State: done. Pull request"));
}

#[test]
fn words_are_acknowledged_with_what_becomes_of_them() {
    let start = "thought: Heard. I start on it.";
    assert_eq!(said(&fixture::opened(), says("please document it")), [start]);
    assert_eq!(
        said(&running(), says("please document it")),
        ["thought: Heard. The agent is at work; it is told, or the next run takes it up."]
    );
    let not = ticket_read(20, crate::Ticket { delegated: false, ..ticket() });
    assert_eq!(
        said(&then(delegated(), 3_000, [not]), says("please document it")),
        ["elicitation: This ticket is not delegated to me. Delegate it, and I start."]
    );
    let closed = ObservationKind::Closed {
        order: "o1".to_owned(),
        by: fixture::member(),
        as_failed: false,
        reason: None,
    };
    assert_eq!(
        said(&delegated(), closed.clone()),
        ["response: Ada closed this as done. I do nothing more here."]
    );
    let waits = said(&then(delegated(), 3_000, [closed]), says("please document it"));
    assert_eq!(waits, ["thought: Heard. State: done.  > closed by Ada"]);
}

#[test]
fn orders_of_people_are_confirmed() {
    let stopped = "response: Stopped. What was done so far is kept. Write what to do, or delegate again, and I go on.";
    assert_eq!(said(&running(), says("stop")), [stopped]);
    let signal = ObservationKind::StopRequested {
        source: "stop-1".to_owned(),
        said: at(5_000),
        by: fixture::member(),
        reason: None,
    };
    assert_eq!(said(&running(), signal), [stopped]);
    let retried = ObservationKind::Retried {
        order: "o1".to_owned(),
        said: at(5_000),
        by: fixture::member(),
        run_type: None,
        reason: None,
    };
    assert_eq!(
        said(&delegated(), retried),
        ["thought: Ada ordered another try. What was spent and given up counts no longer."]
    );
    let failed = ObservationKind::Closed {
        order: "o2".to_owned(),
        by: fixture::member(),
        as_failed: true,
        reason: None,
    };
    let told = said(&delegated(), failed);
    assert_eq!(told, ["response: Ada closed this as failed. I do nothing more here."]);
}

#[test]
fn held_work_is_asked_about_and_its_release_is_told() {
    let hits = vec![crate::GateHit::ProtectedPath { path: "ci.yml".to_owned() }];
    let report = Box::new(fixture::report(crate::ReportOutcome::Done));
    let tree = crate::TreeId::new("t1");
    let held = settled("r1", RunOutcome::Held { tree: tree.clone(), hits, report });
    let asked = said(&running(), held.clone());
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("elicitation: The work is ready"), "{asked:?}");
    let facts = then(running(), 4_000, [held]);
    let order = "o1".to_owned();
    let approved = ObservationKind::Approved { order, tree, by: fixture::member(), reason: None };
    assert_eq!(
        said(&facts, approved.clone()),
        ["thought: Ada released it. I publish exactly that."]
    );
    let yes = ["thought: Ada released it. I publish exactly that."];
    assert_eq!(said(&facts, fixture::said("a1", 90_000, crate::Heard::Session, "yes")), yes);
    // What is said is what will be done.
    let not = ticket_read(20, crate::Ticket { delegated: false, ..ticket() });
    let told = said(&then(facts, 5_000, [not]), approved);
    assert!(told[0].contains("It is not published now. State: paused"), "{told:?}");
}

/// N47: in whatever order a session and its ticket come, it says how things stand.
#[test]
fn a_session_on_a_known_ticket_is_told_how_things_stand() {
    let again = || ObservationKind::SessionOpened {
        session: crate::SessionId::new("s2"),
        prompt: None,
        author: None,
        opened: None,
        comments: Vec::new(),
    };
    let received = "thought!: Received. I am reading the ticket.";
    let not = ticket_read(20, crate::Ticket { delegated: false, ..ticket() });
    assert_eq!(
        said(&after([not]), again()),
        [received, "elicitation: This ticket is not delegated to me. Delegate it, and I start."]
    );
    assert_eq!(said(&delegated(), again()), [received], "it starts");
    assert_eq!(said(&running(), again()), ["thought!: I am already working on this."]);
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let asked = then(running(), 4_000, [settled("r1", asks)]);
    assert_eq!(said(&asked, again()), [received, "elicitation: Which?"]);
    let told = said(&fixture::opened(), again());
    assert!(told[1].starts_with("thought: State: pr_open;"), "{told:?}");
}

/// What a run had taken up when its end came is not lost without a word.
#[test]
fn words_that_a_pointless_run_had_taken_up_are_told_of() {
    let facts = then(fixture::opened(), 5_000, [says("please document it")]);
    let claim = claimed(&facts, "r2");
    let merge = pull_request_read(60, pull_request(1, PrState::Merged));
    let facts = then(facts, 6_000, [claim, merge]);
    let end = settled("r2", RunOutcome::Interrupted { by: Interruption::PullRequestOver });
    let told = said(&facts, end);
    assert_eq!(
        told,
        ["response: One message came too late for it; say it again if it still matters."]
    );
}

#[test]
fn a_second_publication_updates_the_pull_request() {
    let facts = then(fixture::opened(), 5_000, [says("please document it")]);
    let claim = claimed(&facts, "r2");
    let facts = then(facts, 6_000, [claim]);
    let told = said(&facts, settled("r2", published()));
    assert!(told[0].starts_with("response: Updated pull request [#1]"), "{told:?}");
}

#[test]
fn what_keeps_a_run_from_going_on_is_told() {
    let by = |by| said(&running(), settled("r1", RunOutcome::Interrupted { by }));
    assert!(by(Interruption::Undelegated)[0].contains("no longer delegated to me"));
    assert!(by(Interruption::Blocked)[0].contains("other tickets have to be over first"));
    assert!(by(Interruption::Superseded).is_empty());
    let reason = "The test is flaky.".to_owned();
    let told = said(&running(), settled("r1", RunOutcome::NothingToRepair { reason }));
    assert!(told[0].starts_with("response: I found nothing to repair."), "{told:?}");
    let reason = "It is there.".to_owned();
    let told = said(&running(), settled("r1", RunOutcome::NoChangeNeeded { reason }));
    assert_eq!(told, ["response: Nothing has to change.  > It is there."]);
}

/// N47: whoever delegates a blocked ticket learns why nothing happens, once for each set of blockers.
#[test]
fn blockers_are_told_once() {
    let blocked = |version, keys: &[&str]| {
        let blockers = keys
            .iter()
            .map(|key| crate::Blocker {
                key: (*key).to_owned(),
                state: crate::TrackerStateKind::Started,
            })
            .collect();
        ticket_read(version, crate::Ticket { blockers, ..ticket() })
    };
    let wait = "thought: I wait until these tickets are over: APP-2, APP-3.";
    let facts = after([session_opened()]);
    assert_eq!(said(&facts, blocked(10, &["APP-3", "APP-2"])), [wait]);
    let facts = then(facts, 3_000, [blocked(10, &["APP-2", "APP-3"])]);
    assert!(said(&facts, blocked(20, &["APP-2", "APP-3"])).is_empty());
    let fewer = said(&facts, blocked(20, &["APP-3"]));
    assert_eq!(fewer, ["thought: I wait until these tickets are over: APP-3."]);
    assert!(said(&facts, blocked(20, &[])).is_empty());
}

/// Another pull request of the same branch is told of, whatever the one before came to.
#[test]
fn the_end_of_a_replacement_is_told_like_that_of_the_first() {
    let closed = pull_request_read(60, pull_request(1, PrState::Closed));
    let facts = then(fixture::opened(), 5_000, [closed]);
    let second = crate::PullRequest {
        head_branch: facts.branch.clone().unwrap(),
        ..pull_request(2, PrState::Closed)
    };
    let told = said(&facts, pull_request_read(90, second));
    assert_eq!(
        told,
        [
            "thought: Pull request [#2](https://github.test/acme/app/pull/2) was closed without a merge."
        ]
    );
}

/// People edit many texts that have nothing to do with us.
#[test]
fn an_edit_is_answered_only_where_it_changes_or_asks_something() {
    let edited = |text| fixture::edited("c1", 6_000, crate::Heard::TicketComment, text);
    let first = |text| fixture::said("c1", 5_000, crate::Heard::TicketComment, text);
    let facts = then(delegated(), 5_000, [first("well")]);
    assert!(said(&facts, edited("well, well")).is_empty());
    let standing = |said: Vec<String>| {
        assert!(said.len() == 1 && said[0].contains("State: "), "{said:?}");
    };
    standing(said(&facts, edited("@patchrelay how is it going?")));
    for taken_back in ["@patchrelay add a test", "@patchrelay stop"] {
        let facts = then(delegated(), 5_000, [first(taken_back)]);
        standing(said(&facts, edited("never mind")));
    }
}

#[test]
fn an_old_stop_that_is_heard_of_late_is_not_told() {
    let stop = |source: &str, said| ObservationKind::StopRequested {
        source: source.to_owned(),
        said: at(said),
        by: fixture::member(),
        reason: None,
    };
    let facts = then(delegated(), 5_000, [stop("s2", 5_000)]);
    assert!(said(&facts, stop("s1", 4_000)).is_empty());
    assert_eq!(said(&facts, stop("s3", 6_000)).len(), 1);
}

/// A run that dies or is stopped between opening its pull request and saying so leaves that to be said.
#[test]
fn a_pull_request_is_told_of_once_whatever_became_of_the_run_that_opened_it() {
    let opened = "response: Opened pull request [#1](https://github.test/acme/app/pull/1).";
    let open = pull_request(1, PrState::Open);
    let read = || pull_request_read(50, open.clone());
    assert!(said(&running(), read()).is_empty(), "its run says so in the end");
    let unsaid = then(running(), 4_000, [read()]);
    assert_eq!(said(&unsaid, settled("r1", failed())), [opened]);
    let lost = then(running(), 4_000, [settled("r1", failed())]);
    assert_eq!(said(&lost, read()), [opened], "nobody is left to say it");

    let told = then(unsaid, 5_000, [settled("r1", failed())]);
    let newer = pull_request_read(60, PullRequest { head: fixture::head(2), ..open });
    assert!(said(&told, newer).is_empty());
    let told = then(told, 6_000, [fixture::said("a1", 1, crate::Heard::Session, "One more.")]);
    let again = then(told.clone(), 7_000, [claimed(&told, "r2")]);
    assert!(said(&again, settled("r2", failed())).is_empty());
    assert!(said(&again, settled("r2", published()))[0].starts_with("response: Updated "));
}

/// It was acknowledged when something was said in it.
#[test]
fn a_session_that_is_heard_of_twice_is_acknowledged_once() {
    let opened = |prompt: Option<&str>| ObservationKind::SessionOpened {
        session: crate::SessionId::new("s2"),
        prompt: prompt.map(str::to_owned),
        author: None,
        opened: Some(at(6_000)),
        comments: Vec::new(),
    };
    assert_eq!(said(&delegated(), opened(None)).len(), 1);
    let known = then(delegated(), 6_000, [opened(None)]);
    assert!(said(&known, opened(Some("please document it"))).is_empty());
}
