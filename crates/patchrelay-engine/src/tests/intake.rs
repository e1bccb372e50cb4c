//! From a stored delivery to what is known.

use std::time::Duration;

use patchrelay_domain::{IssueId, PrState};
use patchrelay_ports::{Clock, Source};

use super::sim::{Fault, World, issue, opened, pull_request_changed};

fn second() -> IssueId {
    IssueId::new("acme", "ticket-2")
}

#[tokio::test(start_paused = true)]
async fn a_session_is_acknowledged_before_the_ticket_is_read() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.last(&["read_ticket"], Fault::Unanswered);
    world.start();
    world
        .until("it is acknowledged", async || world.sim.state().tickets.count("thought:") == 1)
        .await;
    assert!(world.sim.age() < Duration::from_secs(2), "{:?}", world.sim.age());
    world.pass(Duration::from_secs(120)).await;
    assert!(world.facts().await.ticket.is_none());
    assert!(world.runs().await.is_empty());
    world.sim.state().faults.heal();
    world.until_ended(1).await;
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(world.sim.state().tickets.count("thought:"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_hangs_keeps_no_other_session_from_being_acknowledged() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("read_ticket");
    world.start();
    gate.arrived().await;
    world.delegate(&second(), "APP-2", "session-2").await;
    world
        .until("both are acknowledged", async || world.sim.state().tickets.count("thought:") == 2)
        .await;
    assert!(world.sim.age() < Duration::from_secs(10), "{:?}", world.sim.age());
    gate.open();
    world
        .until("both are published", async || world.sim.state().forge.pull_requests.len() == 2)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_cannot_be_read_is_put_aside_and_blocks_no_other() {
    let mut world = World::new().await;
    world.deliver_from(Source::Linear, "broken-1", b"not JSON").await;
    world.deliver_from(Source::Linear, "broken-2", b"{}").await;
    world.delegate(&issue(), "APP-1", "session-1").await;
    world.deliver_from(Source::Github, "broken-3", b"{\"changed\":{}}").await;
    world.start();
    // Quiet means that nothing in the inbox will ever be due.
    world.assert_published_once().await;
    let age = world.sim.age();
    assert!(age < Duration::from_secs(60), "{age:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_may_succeed_later_is_tried_ever_later() {
    let mut world = World::new().await;
    // Labels are in the ticket only, so nothing is known before it is read.
    world.project().labels = vec!["ai".to_owned()];
    world.settings.reconcile_every = Duration::from_secs(1);
    world.delegate(&issue(), "APP-1", "session-1").await;
    // Whoever looks for tickets would read it too.
    let calls = ["read_ticket", "delegated_tickets"];
    world.sim.state().faults.last(&calls, Fault::Unanswered);
    let now = world.sim.now();
    world.sim.state().tickets.edit(now, &issue(), |t| t.labels = vec!["AI".to_owned()]);
    world.start();
    world.until("it is tried", async || 7 < world.sim.calls("read_ticket").len()).await;
    let waits: Vec<_> =
        world.sim.calls("read_ticket").windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
    assert!(waits.is_sorted() && 60 < waits[6], "{waits:?}");
    assert!(!world.is_known(&issue()).await);
    world.sim.state().faults.heal();
    world.sim.state().faults.last(&calls[1..], Fault::Unanswered);
    world.until_ended(1).await;
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_no_project_claims_is_left_alone() {
    let mut world = World::new().await;
    world.delegate(&issue(), "OTHER-1", "session-1").await;
    world.start();
    world.until("the ticket was read", async || !world.sim.calls("read_ticket").is_empty()).await;
    world.until_quiet().await;
    assert!(!world.is_known(&issue()).await);
    assert!(world.sim.state().tickets.said().is_empty());
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_nobody_reads_do_not_crowd_out_the_others() {
    let mut world = World::new().await;
    world.sources = vec![Source::Linear];
    for number in 0..100 {
        let body = format!("{{\"changed\":{number}}}");
        world.deliver_from(Source::Github, &format!("github-{number}"), body.as_bytes()).await;
    }
    world.delegate(&issue(), "APP-1", "session-1").await;
    world.start();
    world.until_ended(1).await;
    world.pull_request();
    world.pass(Duration::from_secs(60)).await;
    world.assert_nothing_wrong().await;
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_nobody_reads_now_are_read_when_somebody_does() {
    let mut world = World::at_work().await;
    world.assert_published_once().await;
    world.stop().await;
    let changed = {
        let now = world.sim.now();
        let mut state = world.sim.state();
        state.forge.end(now, patchrelay_domain::PrNumber(1), PrState::Merged);
        pull_request_changed(&world.settings.projects[0].repo, &state.forge.pull_requests[0])
    };
    world.sim.state().faults.last(&["read_pull_request"], Fault::Unanswered);
    world.deliver_from(Source::Github, "merged", changed.to_string().as_bytes()).await;
    world.sources = vec![Source::Linear];
    world.start();
    world.pass(Duration::from_secs(60)).await;
    world.stop().await;
    world.sources = vec![Source::Linear, Source::Github];
    world.start();
    world
        .until("it is known", async || {
            let pr = world.facts().await.pull_request;
            pr.is_some_and(|pr| pr.value.state == PrState::Merged)
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_application_panics_stays_and_blocks_no_other() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("read_ticket", Fault::Panics);
    world.start();
    world.delegate(&second(), "APP-2", "session-2").await;
    world
        .until("both are published", async || world.sim.state().forge.pull_requests.len() == 2)
        .await;
    world.until_quiet().await;
    assert_eq!(world.sim.state().tickets.count("thought:"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_application_always_panics_is_tried_ever_later() {
    let mut world = World::new().await;
    // Labels are in the ticket only, so it is intake alone that reads it.
    world.project().labels = vec!["ai".to_owned()];
    world.delegate(&issue(), "APP-1", "session-1").await;
    world.sim.state().faults.last(&["read_ticket"], Fault::Panics);
    world.start();
    world.pass(Duration::from_secs(300)).await;
    let tries = world.sim.calls("read_ticket").len();
    assert!((3..=10).contains(&tries), "{tries}");
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_kept_while_nobody_runs() {
    let mut world = World::with_delegated_ticket().await;
    world.deliver("again", &opened(&issue(), "APP-1", "session-1")).await;
    world.pass(Duration::from_secs(600)).await;
    world.start();
    world.assert_published_once().await;
}
