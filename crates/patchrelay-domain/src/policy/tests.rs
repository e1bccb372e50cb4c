use super::*;
use crate::{
    Check,
    fixture::{at, opened},
};

fn gate_of(statuses: &[(&str, CheckStatus)]) -> GateStatus {
    let mut facts = opened();
    facts.checks = statuses
        .iter()
        .zip(1..)
        .map(|((name, status), id)| Check {
            id,
            name: (*name).to_owned(),
            status: *status,
            version: at(1),
        })
        .collect();
    gate_status(&Policy::default(), &facts)
}

#[test]
fn the_gate_is_settled_only_when_all_of_it_is_over() {
    use CheckStatus::{Failure, Pending, Success};
    assert_eq!(gate_of(&[]), GateStatus::Unknown);
    assert_eq!(gate_of(&[("Lint", Failure)]), GateStatus::Unknown, "not of the gate");
    assert_eq!(gate_of(&[("Tests", Success)]), GateStatus::Green);
    assert_eq!(gate_of(&[("tests ", Success), ("verify", Success)]), GateStatus::Green);
    for pending in [
        [("Tests", Pending), ("verify", Failure)],
        [("Tests", Failure), ("verify", Pending)],
        [("Tests", Success), ("verify", Pending)],
        [("Tests", Pending), ("verify", Success)],
    ] {
        assert_eq!(gate_of(&pending), GateStatus::Pending, "{pending:?}");
    }
    for red in
        [[("Tests", Failure), ("verify", Success)], [("Tests", Success), ("verify", Failure)]]
    {
        assert_eq!(gate_of(&red), GateStatus::Red, "{red:?}");
    }
    assert_eq!(gate_of(&[("Tests", Success), ("Lint", Failure)]), GateStatus::Green);
}

const HOUR: Duration = Duration::from_secs(60 * 60);

fn spent(tokens: u64, turns: u32, time: Duration) -> Spent {
    Spent { tokens, turns, millis: u64::try_from(time.as_millis()).unwrap() }
}

/// D10: each limit is reached exactly when all of it is spent, and zero is none.
#[test]
fn a_limit_is_reached_when_all_of_it_is_spent() {
    let limit = Limit { max_tokens: 100, max_turns: 5, max_minutes: 60 };
    let short = Duration::from_millis(1);
    assert_eq!(limit.reached(&spent(99, 4, HOUR - short)), None);
    let tokens = limit.reached(&spent(100, 0, short)).unwrap();
    assert_eq!(tokens, "100 of 100 tokens");
    assert_eq!(limit.reached(&spent(0, 5, short)).unwrap(), "5 of 5 turns");
    assert_eq!(limit.reached(&spent(0, 0, HOUR)).unwrap(), "60 of 60 minutes");
    assert_eq!(Limit::default().reached(&spent(u64::MAX, u32::MAX, HOUR * 1_000)), None);
}

#[test]
fn run_ticket_and_day_have_limits_of_their_own() {
    let only = |tokens| Limit { max_tokens: tokens, ..Limit::default() };
    let noon = at(12 * 60 * 60 * 1_000);
    let tomorrow = noon.plus(HOUR * 24);
    let mut spending = Spending::default();
    spending.add(noon, &spent(70, 1, HOUR));
    let run = spent(30, 1, HOUR);

    let of_run = Limits { run: only(30), ..Limits::default() };
    assert_eq!(of_run.reached(noon, &spending, &run).unwrap(), "30 of 30 tokens by one run");
    assert_eq!(of_run.reached(noon, &spending, &spent(29, 1, HOUR)), None, "earlier runs apart");
    let of_issue = Limits { issue: only(100), ..Limits::default() };
    let reached = of_issue.reached(tomorrow, &spending, &run).unwrap();
    assert_eq!(reached, "100 of 100 tokens for this ticket");
    let of_day = Limits { day: only(100), ..Limits::default() };
    let reached = of_day.reached(noon, &spending, &run).unwrap();
    assert_eq!(reached, "100 of 100 tokens for this ticket today");
    assert_eq!(of_day.reached(tomorrow, &spending, &run), None, "a new day");

    spending.add(tomorrow, &run);
    assert_eq!(spending.on_day(tomorrow).tokens, 30);
    assert_eq!(spending.total.tokens, 100);
    assert_eq!(
        of_run.question(tomorrow, &spending, &run),
        "I have spent 30 of 30 tokens by one run. Should I go on? Answer yes or no."
    );
    assert_eq!(
        of_issue.question(tomorrow, &spending, &run),
        "I have spent 100 of 100 tokens for this ticket. Should I go on? Answer yes or no."
    );
}

#[test]
fn what_changed_just_now_is_left_to_its_webhook_where_webhooks_come() {
    let at = Timestamp::from_millis;
    for (since, are_told, expected) in
        [(59_999, true, false), (60_000, true, true), (0, false, true), (-5_000, true, false)]
    {
        assert_eq!(is_untold(at(1_000_000 + since), at(1_000_000), are_told), expected, "{since}");
    }
}
