use super::*;
use crate::{
    TrackerStateKind,
    fixture::{at, issue, state, ticket},
};

fn activity(urgent: bool, ephemeral: bool) -> OutboxOrder {
    OutboxOrder::Activity {
        session: SessionId::new("s1"),
        content: ActivityContent::Thought { body: "Hm.".to_owned() },
        urgent,
        ephemeral,
    }
}

fn plan(session: &str) -> OutboxOrder {
    OutboxOrder::Plan { session: SessionId::new(session), steps: Vec::new() }
}

fn link() -> OutboxOrder {
    let url = "https://github.test/acme/app/pull/1".to_owned();
    OutboxOrder::Link { session: SessionId::new("s1"), number: PrNumber(1), url }
}

fn comment() -> OutboxOrder {
    OutboxOrder::Comment { body: "Hm.".to_owned() }
}

const START: OutboxOrder = OutboxOrder::MoveTicket { to: TicketTarget::Started };
const COMPLETE: OutboxOrder = OutboxOrder::MoveTicket { to: TicketTarget::Completed };

/// A ticket in a state of this kind.
fn in_state(kind: TrackerStateKind, delegated: bool) -> Ticket {
    Ticket { state: state(kind), delegated, ..ticket() }
}

fn judged(order: &OutboxOrder, ticket: &Ticket) -> Judgement {
    judge(order, at(9_000), None, false, Some(ticket))
}

#[test]
fn every_kind_has_its_lane_and_says_whether_the_newest_one_counts() {
    let rows: Vec<_> = [activity(false, false), plan("s1"), link(), comment(), START]
        .iter()
        .map(|order| (order.name(), order.lane(&issue()), order.set_key()))
        .collect();
    let (session, ticket) = (format!("{}#session/s1", issue()), format!("{}#ticket", issue()));
    assert_eq!(
        rows,
        [
            ("thought", session.clone(), None),
            ("plan", session.clone(), Some("plan")),
            ("link", session, Some("link")),
            ("comment", ticket.clone(), Some("comment")),
            ("move_ticket", ticket, Some("move_ticket")),
        ]
    );
    assert_ne!(plan("s1").lane(&issue()), plan("s2").lane(&issue()));
    assert_eq!(START.target(&issue()), "tracker/acme");
}

#[test]
fn a_remark_on_this_moment_helps_for_a_minute_and_a_sign_of_life_for_an_hour() {
    let minutes = |order: OutboxOrder| order.useful_for().map(|time| time.as_secs() / 60);
    assert_eq!(minutes(activity(false, true)), Some(1));
    assert_eq!(minutes(activity(true, false)), Some(60));
    for order in [activity(false, false), plan("s1"), link(), comment(), START, COMPLETE] {
        assert_eq!(minutes(order), None);
    }
}

#[test]
fn what_would_not_help_any_more_is_not_sent() {
    let judged = |expires| judge(&activity(false, true), at(60_000), Some(expires), false, None);
    assert_eq!(judged(at(59_999)), Judgement::Expired);
    assert_eq!(judged(at(60_000)), Judgement::Send);
}

#[test]
fn a_set_with_a_newer_one_ends_as_superseded_whatever_else_holds() {
    let ticket = in_state(TrackerStateKind::Completed, true);
    for order in [plan("s1"), COMPLETE] {
        let judged = judge(&order, at(9_000), Some(at(0)), true, Some(&ticket));
        assert_eq!(judged, Judgement::Superseded);
    }
}

#[test]
fn a_ticket_is_moved_from_the_state_that_was_last_seen() {
    use TrackerStateKind::{Backlog, Started, Unstarted};
    for kind in [Backlog, Unstarted] {
        assert_eq!(judged(&START, &in_state(kind, true)), Judgement::MoveFrom(state(kind)));
    }
    for kind in [Unstarted, Started] {
        assert_eq!(judged(&COMPLETE, &in_state(kind, true)), Judgement::MoveFrom(state(kind)));
    }
    let unread = judge(&START, at(9_000), None, false, None);
    assert_eq!(unread, Judgement::ReadTicket);
}

#[test]
fn a_ticket_that_a_human_moved_on_is_left_there() {
    use TrackerStateKind::{Canceled, Completed, Started};
    for kind in [Started, Completed, Canceled] {
        assert_eq!(judged(&START, &in_state(kind, true)), Judgement::IsThere);
    }
    for kind in [Completed, Canceled] {
        assert_eq!(judged(&COMPLETE, &in_state(kind, false)), Judgement::IsThere);
    }
}

#[test]
fn a_ticket_that_was_taken_back_is_not_started_but_completed() {
    let ticket = in_state(TrackerStateKind::Unstarted, false);
    assert_eq!(judged(&START, &ticket), Judgement::Unwanted);
    let from = state(TrackerStateKind::Unstarted);
    assert_eq!(judged(&COMPLETE, &ticket), Judgement::MoveFrom(from));
}

#[test]
fn a_lost_answer_puts_off_one_order_and_an_outage_everything_to_its_target() {
    let seconds = |attempts, unanswered| match setback(None, attempts, unanswered) {
        Setback::Order(wait) => ("order", wait.as_secs()),
        Setback::Target(wait) => ("target", wait.as_secs()),
    };
    let waits = [seconds(0, 1), seconds(1, 2), seconds(3, 7), seconds(60, 1)];
    assert_eq!(waits, [("order", 1), ("order", 2), ("order", 8), ("order", 30)]);
    let waits = [seconds(0, 8), seconds(0, 9), seconds(5, 12), seconds(0, u32::MAX)];
    assert_eq!(waits, [("target", 1), ("target", 2), ("target", 16), ("target", 300)]);
}

/// S37: whoever asks for a pause gets it from everything that goes there.
#[test]
fn a_rate_limit_pauses_its_target_as_long_as_it_asks() {
    let asked = |seconds| setback(Some(Duration::from_secs(seconds)), 0, 1);
    let target = |seconds| Setback::Target(Duration::from_secs(seconds));
    assert_eq!(
        [asked(600), asked(0), asked(86_400)],
        [target(600), target(1), target(3_600)],
        "within reason"
    );
}

/// What an earlier version has stored is read.
#[test]
fn orders_of_earlier_versions_are_read() {
    let activity = r#"{"order":"activity","session":"s1","content":{"type":"thought","body":"Hm."},"urgent":false}"#;
    assert_eq!(
        serde_json::from_str::<OutboxOrder>(activity).unwrap(),
        self::activity(false, false)
    );
    let start = r#"{"order":"move_ticket","to":"started"}"#;
    assert_eq!(serde_json::from_str::<OutboxOrder>(start).unwrap(), START);
}

/// The forms in which they are stored.
#[test]
fn orders_are_stored_like_this() {
    let steps = vec![PlanStep { content: "Merge".to_owned(), status: PlanStatus::InProgress }];
    let stored = [
        activity(false, true),
        OutboxOrder::Plan { session: SessionId::new("s1"), steps },
        link(),
        comment(),
        COMPLETE,
    ]
    .map(|order| serde_json::to_string(&order).unwrap());
    assert_eq!(
        stored,
        [
            r#"{"order":"activity","session":"s1","content":{"type":"thought","body":"Hm."},"urgent":false,"ephemeral":true}"#,
            r#"{"order":"plan","session":"s1","steps":[{"content":"Merge","status":"in_progress"}]}"#,
            r#"{"order":"link","session":"s1","number":1,"url":"https://github.test/acme/app/pull/1"}"#,
            r#"{"order":"comment","body":"Hm."}"#,
            r#"{"order":"move_ticket","to":"completed"}"#,
        ]
    );
}
