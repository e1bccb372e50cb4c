use super::*;
use crate::{
    Ticket,
    fixture::{after, opened, running, session_opened, settled, then, ticket, ticket_read},
};

/// W37: the words decide nothing, the verified result does.
#[test]
fn a_ticket_is_delivered_in_the_tracker_only_when_nothing_had_to_change() {
    let description = "Planning only: do not open a PR, do not modify repo files.".to_owned();
    let planning = after([session_opened(), ticket_read(10, Ticket { description, ..ticket() })]);
    assert_eq!(delivery_mode(&planning), DeliveryMode::PublishPr);
    let nothing =
        || settled("r1", RunOutcome::NoChangeNeeded { reason: "It is there.".to_owned() });
    assert_eq!(delivery_mode(&then(running(), 4_000, [nothing()])), DeliveryMode::LinearOnly);
    let says = crate::fixture::said("a1", 5_000, crate::Heard::Session, "please document it");
    let follow_up = then(opened(), 5_000, [says]);
    let claim = crate::fixture::claimed(&follow_up, "r2");
    let reason = "It is documented.".to_owned();
    let end = settled("r2", RunOutcome::NoChangeNeeded { reason });
    let facts = then(follow_up, 6_000, [claim, end]);
    assert_eq!(delivery_mode(&facts), DeliveryMode::PublishPr, "there is a pull request");
}
