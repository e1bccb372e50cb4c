use std::{sync::Arc, time::Duration};

use patchrelay_domain::{IssueFacts, NodeId, Taking, taking};
use patchrelay_ports::{Beat, Commit, Committed, FeedFilter, Guard, Role, Store, Urgency};

use crate::tests::fixtures::{
    GONE_AFTER, NOW, TTL, change, delivery, facts, issue, later, leased, line, of_node, run_next,
    stored, thought, with_issue, with_run,
};

type Shared = Arc<dyn Store>;

/// An issue that is ready and has this home, as version 1.
async fn at_home(store: &Shared, name: &str, home: Option<&str>) {
    let facts = IssueFacts { home: home.map(NodeId::new), ..facts(name) };
    stored(&**store, &Commit { next: run_next(), ..change(0, facts) }).await;
}

/// Whether this node sees the issue as one that it could start, and gets its lease if it asks for it.
async fn can_take(store: &Shared, node: &str, name: &str, seconds: u64) -> bool {
    let (worker, now) = (of_node("asks", node), later(seconds));
    let ready = store.ready(&worker, now, 10).await.unwrap();
    let is_ready = ready.iter().any(|ready| ready.issue == issue(name));
    let lease = store.acquire(&issue(name), &worker, now, TTL).await.unwrap();
    if let Some(lease) = &lease {
        store.release(lease).await.unwrap();
    }
    assert_eq!(is_ready, lease.is_some(), "the list and the lease agree about {name} for {node}");
    is_ready
}

/// The store filters by the same rule as the domain decides.
pub(in crate::tests) async fn an_issue_is_taken_by_its_home_unless_that_is_gone(store: Shared) {
    store.register(&of_node("w1", "one"), NOW).await.unwrap();
    at_home(&store, "free", None).await;
    at_home(&store, "ones", Some("one")).await;
    at_home(&store, "unknown", Some("nobody")).await;
    let homes = [("free", None), ("ones", Some("one")), ("unknown", Some("nobody"))];
    for seconds in [0, 119, 120, 500] {
        for node in ["one", "other"] {
            for (name, home) in homes {
                let (home, node) = (home.map(NodeId::new), NodeId::new(node));
                let silence = match &home {
                    Some(home) => store.silence(home, later(seconds)).await.unwrap(),
                    None => None,
                };
                let allowed = taking(home.as_ref(), &node, silence, GONE_AFTER);
                assert_eq!(
                    can_take(&store, node.as_str(), name, seconds).await,
                    allowed != Taking::NotOurs,
                    "{name} by {node} after {seconds} s"
                );
            }
        }
    }
    assert!(!can_take(&store, "other", "ones", 119).await, "or the test would prove nothing");
}

pub(in crate::tests) async fn a_beat_keeps_an_issue_at_its_home(store: Shared) {
    let one = of_node("w1", "one");
    store.register(&one, NOW).await.unwrap();
    at_home(&store, "a", Some("one")).await;
    store.beat(&one, later(100)).await.unwrap();
    assert!(!can_take(&store, "other", "a", 219).await);
    assert!(can_take(&store, "other", "a", 220).await);
}

pub(in crate::tests) async fn a_lost_run_is_left_to_its_home_unless_that_is_gone(store: Shared) {
    let one = of_node("w1", "one");
    store.register(&one, NOW).await.unwrap();
    let lease = with_run(&*store, "a", "w1", "r1").await;
    let facts = IssueFacts { home: Some(one.node.clone()), ..facts("a") };
    stored(&*store, &change(2, facts)).await;
    store.release(&lease).await.unwrap();
    let seen = async |node, seconds| {
        let worker = of_node("asks", node);
        store.orphaned_runs(&worker, later(seconds)).await.unwrap().len()
    };
    assert_eq!((seen("one", 1).await, seen("other", 1).await), (1, 0));
    assert_eq!((seen("one", 120).await, seen("other", 120).await), (1, 1));
}

pub(in crate::tests) async fn a_node_learns_of_the_others(store: Shared) {
    let (one, other) = (of_node("w1", "one"), of_node("w2", "other"));
    assert_eq!(store.beat(&one, NOW).await.unwrap(), Beat::Alone, "without being registered too");
    assert_eq!(store.beat(&other, later(10)).await.unwrap(), Beat::AmongOthers);
    assert_eq!(store.beat(&one, later(20)).await.unwrap(), Beat::AmongOthers);
    assert_eq!(store.beat(&one, later(130)).await.unwrap(), Beat::Alone);
    let silence = store.silence(&other.node, later(130)).await.unwrap();
    assert_eq!(silence, Some(Duration::from_secs(120)));
    assert_eq!(store.silence(&NodeId::new("nobody"), NOW).await.unwrap(), None);
}

pub(in crate::tests) async fn a_newer_process_of_a_node_takes_the_place_of_the_older(
    store: Shared,
) {
    let (older, newer) = (of_node("w1", "one"), of_node("w2", "one"));
    store.register(&older, NOW).await.unwrap();
    assert_eq!(store.beat(&older, later(1)).await.unwrap(), Beat::Alone);
    store.register(&newer, later(2)).await.unwrap();
    assert_eq!(store.beat(&older, later(3)).await.unwrap(), Beat::Superseded);
    assert_eq!(store.beat(&newer, later(4)).await.unwrap(), Beat::Alone);
}

pub(in crate::tests) async fn what_the_earlier_process_of_a_node_held_is_free(store: Shared) {
    for (worker, node) in [("w1", "one"), ("w2", "other")] {
        store.register(&of_node(worker, node), NOW).await.unwrap();
    }
    with_issue(&*store, "b").await;
    let ones = with_run(&*store, "a", "w1", "r1").await;
    let others = leased(&*store, "b", "w2", NOW).await;
    stored(&*store, &Commit { orders: vec![thought("1")], ..change(2, facts("a")) }).await;
    assert_eq!(store.outbox_take("w1", NOW, TTL, Urgency::Any, 10).await.unwrap().len(), 1);
    // Asking again after a lost answer frees nothing of its own.
    store.register(&of_node("w1", "one"), later(1)).await.unwrap();
    assert!(store.renew(&ones, later(1), TTL).await.unwrap().is_some());

    store.register(&of_node("w3", "one"), later(2)).await.unwrap();
    assert_eq!(store.renew(&ones, later(3), TTL).await.unwrap(), None);
    assert!(store.renew(&others, later(3), TTL).await.unwrap().is_some(), "nor of others");
    assert_eq!(store.outbox_take("w3", later(3), TTL, Urgency::Any, 10).await.unwrap().len(), 1);
    let again = leased(&*store, "a", "w3", later(3)).await;
    assert!(ones.token < again.token);
}

pub(in crate::tests) async fn the_reports_of_a_node_that_is_gone_are_free(store: Shared) {
    let (one, other) = (of_node("w1", "one"), of_node("w2", "other"));
    store.register(&one, NOW).await.unwrap();
    store.register(&other, NOW).await.unwrap();
    stored(&*store, &Commit { orders: vec![thought("1")], ..change(0, facts("a")) }).await;
    let hour = Duration::from_secs(3_600);
    store.beat(&other, later(60)).await.unwrap();
    assert_eq!(store.outbox_take("w1", NOW, hour, Urgency::Any, 10).await.unwrap().len(), 1);
    assert_eq!(store.bury(&other, later(119)).await.unwrap(), 0);
    assert_eq!(store.outbox_take("w2", later(119), hour, Urgency::Any, 10).await.unwrap(), []);
    assert_eq!(store.bury(&other, later(120)).await.unwrap(), 1);
    assert_eq!(store.outbox_take("w2", later(120), hour, Urgency::Any, 10).await.unwrap().len(), 1);
    assert_eq!(store.bury(&other, later(120)).await.unwrap(), 0, "not even itself");
    assert_eq!(store.beat(&one, later(121)).await.unwrap(), Beat::AmongOthers, "it comes back");
}

pub(in crate::tests) async fn a_role_has_one_node(store: Shared) {
    let (one, other) = (of_node("w1", "one"), of_node("w2", "other"));
    let hold = async |worker, seconds| {
        store.hold_role(Role::Intake, worker, later(seconds), TTL).await.unwrap()
    };
    assert!(hold(&one, 0).await);
    assert!(!hold(&other, 29).await);
    assert!(store.hold_role(Role::Reconcile, &other, NOW, TTL).await.unwrap());
    // It keeps it by asking again, and so does the next process of the same node.
    let newer = of_node("w3", "one");
    assert!(hold(&newer, 29).await);
    assert!(!hold(&other, 58).await);
    assert!(hold(&other, 59).await);
    store.release_role(Role::Intake, &one).await.unwrap();
    assert!(!hold(&one, 60).await, "only who has it gives it back");
    store.release_role(Role::Intake, &other).await.unwrap();
    assert!(hold(&one, 60).await);
}

pub(in crate::tests) async fn a_change_that_needs_the_lease_is_refused_without(store: Shared) {
    with_issue(&*store, "a").await;
    with_issue(&*store, "b").await;
    let lease = leased(&*store, "a", "w1", NOW).await;
    let guard = Guard::Held { lease: lease.clone() };
    let whole = Commit { guard, feed: vec![line("moved")], ..change(1, facts("a")) };
    let of_another = Commit { facts: facts("b"), ..whole.clone() };
    assert_eq!(store.commit(&of_another).await.unwrap(), Committed::LeaseLost);
    let late = Commit { at: later(30), ..whole.clone() };
    assert_eq!(store.commit(&late).await.unwrap(), Committed::LeaseLost);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap(), []);
    assert_eq!(stored(&*store, &whole).await, 2);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap().len(), 1);
}

pub(in crate::tests) async fn the_pulse_tells_that_something_is_new(store: Shared) {
    let first = store.pulse().await.unwrap();
    store.receive(&delivery("d1", b"{}")).await.unwrap();
    let second = store.pulse().await.unwrap();
    assert_ne!(first, second);
    stored(&*store, &Commit { feed: vec![line("seen")], ..change(0, facts("a")) }).await;
    let third = store.pulse().await.unwrap();
    assert_ne!(second, third);
    assert_eq!(store.pulse().await.unwrap(), third);
}
