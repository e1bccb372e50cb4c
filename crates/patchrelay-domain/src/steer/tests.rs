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
