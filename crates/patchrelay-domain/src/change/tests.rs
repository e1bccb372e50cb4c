use super::*;
use crate::{
    IssueFacts, RunOutcome, Wait,
    fixture::{
        at, delegated, failed, observation, published, running, settled, ticket, ticket_read,
    },
};

fn changed(facts: &IssueFacts, kinds: Vec<ObservationKind>) -> Change {
    let incoming = kinds.into_iter().map(|kind| observation(9_000, kind)).collect();
    change(&Policy::default(), at(9_000), facts, incoming)
}

fn names(change: &Change) -> Vec<&'static str> {
    change.observations.iter().map(|observation| observation.kind.name()).collect()
}

#[test]
fn a_question_is_put_in_the_change_that_raises_it() {
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let change = changed(&running(), vec![settled("r1", asks)]);
    assert_eq!(names(&change), ["run_settled", "asked"]);
    assert!(matches!(change.next, NextStep::Wait { reason: Wait::Question, .. }));
    let again = changed(&change.facts, Vec::new());
    assert_eq!((names(&again), again.orders), (Vec::new(), Vec::new()));
}

#[test]
fn every_observation_has_exactly_one_feed_line() {
    let change = changed(&running(), vec![settled("r1", failed()), ticket_read(77, ticket())]);
    let lines: Vec<_> = change.feed.iter().map(|line| line.event.as_str()).collect();
    assert_eq!(lines, names(&change));
}

#[test]
fn what_says_nothing_new_leaves_nothing_behind() {
    let facts = delegated();
    let change = changed(&facts, vec![ticket_read(10, ticket()), settled("never", published())]);
    assert_eq!(change.facts, facts);
    assert_eq!(
        (change.observations, change.orders, change.feed),
        (Vec::new(), Vec::new(), Vec::new())
    );
}

#[test]
fn our_own_observations_keep_the_correlation_of_what_caused_them() {
    let asks = RunOutcome::NeedsInput { question: "Which?".to_owned() };
    let change = changed(&running(), vec![settled("r1", asks)]);
    assert_eq!(change.observations[1].correlation, change.observations[0].correlation);
}
