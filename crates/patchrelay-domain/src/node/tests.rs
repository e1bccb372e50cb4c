//! Tests.

use std::time::Duration;

use super::{Taking, beat_every, gone_after, taking};
use crate::NodeId;

const LEASE: Duration = Duration::from_secs(30);

fn take(home: Option<&str>, silent_seconds: Option<u64>) -> Taking {
    let silence = silent_seconds.map(Duration::from_secs);
    taking(home.map(NodeId::new).as_ref(), &NodeId::new("us"), silence, gone_after(LEASE))
}

#[test]
fn an_issue_that_is_at_home_nowhere_may_be_taken_by_anybody() {
    assert_eq!(take(None, None), Taking::Here);
}

#[test]
fn whoever_is_at_home_goes_on_however_long_it_was_silent() {
    for silence in [None, Some(0), Some(1_000_000)] {
        assert_eq!(take(Some("us"), silence), Taking::Here, "{silence:?}");
    }
}

#[test]
fn an_issue_moves_when_its_home_is_gone_and_not_before() {
    let moves = Taking::Moves { from: NodeId::new("them") };
    assert_eq!(take(Some("them"), Some(0)), Taking::NotOurs);
    assert_eq!(take(Some("them"), Some(119)), Taking::NotOurs);
    assert_eq!(take(Some("them"), Some(120)), moves);
    assert_eq!(take(Some("them"), None), moves, "nobody knows it any more");
}

/// One lost beat, or two, must not make a node that is there count as gone.
#[test]
fn several_beats_fit_into_the_time_after_which_a_node_is_gone() {
    for lease in [Duration::from_secs(1), LEASE] {
        assert!(beat_every(lease) <= gone_after(lease) / 4, "{lease:?}");
    }
}
