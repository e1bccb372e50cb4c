//! What people say.

use super::*;

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
        comments: Vec::new(),
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

/// Where there is no session, the ticket is the only place to answer (D37); where there is one, comments are for others.
#[test]
fn a_plain_comment_answers_only_where_there_is_no_session() {
    use crate::{Heard, fixture::said};
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let comment = |text: &str| said("c1", 9_000, Heard::TicketComment, text);
    let without = then(after([ticket_read(10, ticket())]), 2_000, []);
    let claim = claimed(&without, "r1");
    let without = then(without, 3_000, [claim]);
    assert_eq!(evolved(&without, comment("the second")), Evolved::Unchanged, "nothing was asked");
    let without = then(without, 4_000, [settled("r1", asks.clone())]);
    assert!(then(without.clone(), 5_000, [comment("the second")]).is_answered());
    assert!(
        then(without.clone(), 5_000, [comment("ok")]).is_answered(),
        "as an answer it means something"
    );
    assert_eq!(evolved(&without, comment("  ")), Evolved::Unchanged);
    assert_eq!(
        evolved(&without, said("f1", 9_000, Heard::ForgeComment, "the second")),
        Evolved::Unchanged
    );

    let with = then(running(), 4_000, [settled("r1", asks)]);
    assert_eq!(evolved(&with, comment("the second")), Evolved::Unchanged);
    assert!(then(with.clone(), 5_000, [comment("@patchrelay the second")]).is_answered());
    assert_eq!(evolved(&with, comment("ok")), Evolved::Unchanged);
    assert!(then(with, 5_000, [said("a1", 9_000, Heard::Session, "ok")]).is_answered());
    let busy = said("a1", 9_000, Heard::Session, "ok");
    assert_eq!(evolved(&running(), busy), Evolved::Unchanged, "nothing was asked");
}

/// W11: nobody who may not instruct us starts, stops, retries, closes, releases or reviews anything.
#[test]
fn strangers_change_nothing() {
    use crate::{Actor, Heard, Standing, fixture::member};
    let stranger = || Actor { standing: Standing::Outsider, ..member() };
    let order = "o1".to_owned();
    let tree = crate::TreeId::new("t1");
    let hits = vec![crate::GateHit::ProtectedPath { path: "ci.yml".to_owned() }];
    let report = Box::new(crate::fixture::report(crate::ReportOutcome::Done));
    let held = RunOutcome::Held { tree: tree.clone(), hits, report };
    let held = then(running(), 4_000, [settled("r1", held)]);
    for kind in [
        ObservationKind::HumanInput {
            source: "c1".to_owned(),
            said: at(9_000),
            heard: Heard::Session,
            author: stranger(),
            text: "status?".to_owned(),
            is_edit: false,
        },
        ObservationKind::StopRequested {
            source: "c2".to_owned(),
            said: at(9_000),
            by: stranger(),
            reason: None,
        },
        ObservationKind::Retried {
            order: order.clone(),
            said: at(9_000),
            by: stranger(),
            run_type: None,
            reason: None,
        },
        ObservationKind::Closed {
            order: order.clone(),
            by: stranger(),
            as_failed: true,
            reason: None,
        },
        ObservationKind::Approved {
            order: order.clone(),
            tree: tree.clone(),
            by: stranger(),
            reason: None,
        },
    ] {
        assert_eq!(evolved(&held, kind.clone()), Evolved::Unchanged, "{kind:?}");
    }
    let review = |standing| ObservationKind::ReviewRead {
        number: crate::PrNumber(1),
        review: crate::Review {
            id: "v1".to_owned(),
            reviewer: Actor { standing, ..member() },
            verdict: crate::ReviewVerdict::Approved,
            head: crate::fixture::head(1),
            submitted: at(50),
        },
    };
    let opened = crate::fixture::opened();
    assert_eq!(evolved(&opened, review(Standing::Outsider)), Evolved::Unchanged);
    assert!(matches!(evolved(&opened, review(Standing::Writer)), Evolved::Changed(_)));
    // A session whose author is not listed opens, and says nothing.
    let ids = vec!["user-9".to_owned()];
    let policy = Policy {
        trusted: crate::TrustedActors { ids, ..crate::TrustedActors::default() },
        ..Policy::default()
    };
    let opened = evolve(&policy, &empty(), &observation(9_000, said("s7", "use German")));
    let Evolved::Changed(facts) = opened else { panic!("not opened") };
    assert_eq!((facts.sessions.len(), facts.pending.len(), facts.go), (1, 0, at(0)));
}

/// Exactly the tree that was looked at, once, and only what a human may release.
#[test]
fn a_release_is_of_one_tree() {
    let approve = |tree: &str| ObservationKind::Approved {
        order: tree.to_owned(),
        tree: crate::TreeId::new(tree),
        by: crate::fixture::member(),
        reason: None,
    };
    let held = |hit: crate::GateHit| {
        let report = Box::new(crate::fixture::report(crate::ReportOutcome::Done));
        let tree = crate::TreeId::new("t1");
        then(running(), 4_000, [settled("r1", RunOutcome::Held { tree, hits: vec![hit], report })])
    };
    let path = || "ci.yml".to_owned();
    let askable = held(crate::GateHit::ProtectedPath { path: path() });
    assert_eq!(evolved(&askable, approve("t2")), Evolved::Unchanged);
    let released = then(askable, 5_000, [approve("t1")]);
    assert_eq!(released.question, None);
    assert!(released.releasable().is_some());
    assert_eq!(evolved(&released, approve("t1")), Evolved::Unchanged, "once");
    let never = held(crate::GateHit::NestedRepository { path: path() });
    assert_eq!(evolved(&never, approve("t1")), Evolved::Unchanged);
    assert_eq!(evolved(&running(), approve("t1")), Evolved::Unchanged, "nothing is held");
}

/// The last order counts, whenever it arrives; what was said since lifts it.
#[test]
fn a_stop_holds_until_something_younger_is_said() {
    use crate::{Heard, fixture::said};
    let stop = |source: &str, millis| said(source, millis, Heard::Session, "stop");
    let work = |millis| said("w1", millis, Heard::Session, "please go on with the docs");
    let stopped = then(delegated(), 3_000, [stop("s1", 50_000)]);
    assert_eq!(stopped.stopped().map(|stop| stop.by.as_str()), Some("Ada"));
    let older = then(stopped.clone(), 4_000, [stop("s0", 40_000)]);
    assert_eq!(older.stopped(), stopped.stopped(), "an older one is no news");
    assert_eq!(evolved(&older, stop("s0", 40_000)), Evolved::Unchanged, "nor is it twice");
    for (said, holds) in [(49_999, true), (50_000, true), (50_001, false)] {
        let facts = then(stopped.clone(), 4_000, [work(said)]);
        assert_eq!(facts.stopped().is_some(), holds, "{said}");
        let other_way = then(then(delegated(), 3_000, [work(said)]), 4_000, [stop("s1", 50_000)]);
        assert_eq!(other_way.stopped().is_some(), holds, "{said}");
    }
}

fn retried(run_type: Option<crate::RunType>) -> ObservationKind {
    let by = crate::fixture::member();
    ObservationKind::Retried {
        order: "o1".to_owned(),
        said: at(70_000),
        by,
        run_type,
        reason: None,
    }
}

/// An order to try again forgets what was given up and spent, and keeps what was only counted.
#[test]
fn an_order_to_try_again_begins_anew() {
    use crate::{Heard, RunType::Implementation, fixture::said};
    let mut end = settled("r1", RunOutcome::Insufficient { reason: "no".to_owned() });
    if let ObservationKind::RunSettled { continuations, spent, .. } = &mut end {
        (*continuations, spent.tokens) = (3, 100);
    }
    let stop = said("s1", 60_000, Heard::Session, "stop");
    let facts = then(running(), 4_000, [end, stop]);
    assert_eq!((facts.tried(Implementation), facts.spending.total.tokens), (1, 100));
    assert!(facts.stopped().is_some());
    let again = then(facts, 8_000, [retried(None)]);
    assert_eq!((again.tried(Implementation), again.spending.total.tokens), (0, 0));
    assert_eq!((again.attempts.continuations, again.stopped(), again.wanted), (3, None, None));
    for version in [60_000, 90_000] {
        let closed = pull_request_read(version, pull_request(1, PrState::Closed));
        let facts = then(crate::fixture::opened(), 5_000, [closed]);
        assert_eq!(facts.tried(Implementation), 1);
        let again = then(facts, 8_000, [retried(None)]);
        assert_eq!(again.tried(Implementation), 0, "the forge's clock may go ahead of ours");
    }
}

/// What is over is done again only because the order says so.
#[test]
fn an_order_to_try_again_what_is_over_is_an_order_to_do_it_again() {
    use crate::RunType::{CiRepair, Implementation};
    let completed = || {
        let over = Ticket { state: state(TrackerStateKind::Completed), ..ticket() };
        ticket_read(30, over)
    };
    let merged = pull_request_read(60, pull_request(1, PrState::Merged));
    let wanted = |facts: IssueFacts, run_type| then(facts, 8_000, [retried(run_type)]).wanted;
    let opened = crate::fixture::opened;
    assert_eq!(wanted(then(opened(), 5_000, [merged]), None), Some(Implementation));
    assert_eq!(wanted(then(delegated(), 5_000, [completed()]), None), Some(Implementation));
    assert_eq!(wanted(then(opened(), 5_000, [completed()]), None), None, "it is not over");
    assert_eq!(wanted(delegated(), None), None);
    assert_eq!(wanted(opened(), Some(CiRepair)), Some(CiRepair));
}

#[test]
fn closing_clears_what_waits_and_a_retry_opens_again() {
    use crate::{Heard, fixture::said};
    let close = ObservationKind::Closed {
        order: "o2".to_owned(),
        by: crate::fixture::member(),
        as_failed: true,
        reason: Some("not worth it".to_owned()),
    };
    let words = said("a1", 9_000, Heard::Session, "and the docs");
    let facts = then(delegated(), 4_000, [words, close]);
    assert!(facts.pending.is_empty());
    let closed = facts.closed.clone().unwrap();
    assert_eq!((closed.by.as_str(), closed.as_failed), ("Ada", true));
    assert_eq!(then(facts, 8_000, [retried(None)]).closed, None);
}

/// Who takes back what they wrote is not carried out.
#[test]
fn a_text_that_is_edited_away_is_withdrawn() {
    use crate::{Heard, fixture::said};
    let facts = then(delegated(), 3_000, [said("c1", 5_000, Heard::Session, "drop the old table")]);
    assert_eq!(facts.pending.len(), 1);
    for text in ["thanks!", "stop", "status?"] {
        let edited = then(facts.clone(), 4_000, [said("c1", 6_000, Heard::Session, text)]);
        assert!(edited.pending.is_empty(), "{text}");
        let older = said("c1", 4_000, Heard::Session, text);
        assert_eq!(then(facts.clone(), 4_000, [older]).pending.len(), 1, "{text}: before the edit");
    }
    let other = then(facts, 4_000, [said("c2", 6_000, Heard::Session, "thanks!")]);
    assert_eq!(other.pending.len(), 1, "another text");
}

/// Who hears of the old wording only after the new one knows as much as who heard both in order.
#[test]
fn an_earlier_wording_that_is_heard_of_later_counts_for_nothing() {
    use crate::{Heard, fixture::edited};
    let heard = Heard::TicketComment;
    let (work, stop, remark) = ("@patchrelay add a test", "@patchrelay stop", "thanks!");
    for (first, then_it_read) in
        [(work, remark), (stop, remark), (work, stop), (stop, work), (remark, work), (remark, stop)]
    {
        let first = crate::fixture::said("c1", 3_000, heard, first);
        let edited = edited("c1", 4_000, heard, then_it_read);
        let in_order = then(delegated(), 9_000, [first.clone(), edited.clone()]);
        let normal = |facts: &IssueFacts| {
            let mut facts = facts.clone();
            (facts.next_input, facts.updated) = (0, at(0));
            facts.pending.iter_mut().for_each(|input| (input.seq, input.at) = (0, at(0)));
            facts
        };
        let late = then(delegated(), 9_000, [edited.clone(), first]);
        assert_eq!(normal(&late), normal(&in_order), "{then_it_read}");
        assert_eq!(normal(&then(delegated(), 9_000, [edited])), normal(&in_order));
        let is_work = then_it_read == work;
        assert_eq!(in_order.pending.len(), usize::from(is_work), "{then_it_read}");
        assert_eq!(in_order.stopped().is_some(), then_it_read == stop, "{then_it_read}");
    }
}

/// An instruction that was taken back before anybody acted on it did not lift the order to stop.
#[test]
fn an_instruction_that_is_taken_back_leaves_the_stop_in_force() {
    use crate::{Heard, fixture::edited};
    let say = crate::fixture::said;
    let heard = Heard::TicketComment;
    let stopped = then(delegated(), 3_000, [say("c1", 3_000, heard, "@patchrelay stop")]);
    assert!(stopped.stopped().is_some());
    let told = then(stopped, 4_000, [say("c2", 4_000, heard, "@patchrelay add a test")]);
    assert_eq!(told.stopped(), None);
    let back = edited("c2", 5_000, heard, "never mind");
    assert!(then(told.clone(), 5_000, [back.clone()]).stopped().is_some());
    // What a run has taken up has been acted on.
    let claim = claimed(&told, "r1");
    assert_eq!(then(told, 5_000, [claim, back]).stopped(), None);
}

/// When the newest order to stop is taken back, an older one that nothing has lifted holds.
#[test]
fn an_older_stop_holds_when_a_newer_one_is_taken_back() {
    use crate::{Heard, fixture::edited};
    let heard = Heard::TicketComment;
    let stop = |source, at| crate::fixture::said(source, at, heard, "@patchrelay stop");
    for order in [[("c1", 3_000), ("c2", 4_000)], [("c2", 4_000), ("c1", 3_000)]] {
        let stops = order.map(|(source, at)| stop(source, at));
        let facts = then(delegated(), 4_000, stops);
        let facts = then(facts, 5_000, [edited("c2", 5_000, heard, "thanks!")]);
        assert_eq!(facts.stopped().map(|stop| stop.said), Some(at(3_000)), "{order:?}");
        let facts = then(facts, 6_000, [edited("c1", 6_000, heard, "thanks!")]);
        assert_eq!(facts.stopped(), None);
    }
}

/// An edit that took an instruction back while a run was about it: the run is lost, and nobody is told the old words again.
#[test]
fn what_was_taken_back_does_not_come_back_with_a_lost_run() {
    use crate::{Heard, fixture::edited};
    let heard = Heard::TicketComment;
    let say = crate::fixture::said("c1", 3_000, heard, "@patchrelay add a test");
    let facts = then(delegated(), 3_000, [say]);
    let claim = claimed(&facts, "r1");
    let facts = then(facts, 4_000, [claim, edited("c1", 5_000, heard, "never mind")]);
    assert_eq!(then(facts, 6_000, [settled("r1", failed())]).pending, []);
}

#[test]
fn remembered_edits_and_stops_are_bounded() {
    use crate::{Heard, fixture::edited};
    let edits = (0..200).map(|n| edited(&format!("c{n}"), n, Heard::TicketComment, "well"));
    let facts = then(delegated(), 3_000, edits);
    assert_eq!((facts.edits.len(), facts.edits.last().map(|edit| edit.said)), (64, Some(at(199))));
    let stops = (0..200).map(|n| ObservationKind::StopRequested {
        source: format!("s{n}"),
        said: at(n),
        by: crate::fixture::member(),
        reason: None,
    });
    let facts = then(facts, 3_000, stops);
    assert_eq!((facts.stops.len(), facts.stops.last().map(|stop| stop.said)), (64, Some(at(199))));
}
