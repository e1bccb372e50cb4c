//! What nobody told us is found.

use std::time::Duration;

use patchrelay_domain::{IssueId, PrNumber, PrState, TrackerStateKind};
use patchrelay_ports::Clock;

use super::sim::{Fault, World, issue};

/// A world in which a pull request is open and nothing is left to do.
async fn published() -> World {
    let world = World::at_work().await;
    world.assert_published_once().await;
    world
}

/// Somebody ends a pull request, and nobody tells us.
fn end(world: &World, number: u64, state: PrState) {
    let now = world.sim.now();
    world.sim.state().forge.end(now, PrNumber(number), state);
}

async fn until_completed(world: &World, issue: &IssueId) {
    world
        .until("the ticket is completed", async || {
            world.sim.state().tickets.of(issue).state.kind == TrackerStateKind::Completed
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_merge_that_nobody_told_us_of_is_found() {
    let world = published().await;
    end(&world, 1, PrState::Merged);
    until_completed(&world, &issue()).await;
    world.until_quiet().await;
    assert_eq!(world.sim.state().tickets.count("response: Pull request [#1]"), 1);
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_merge_while_we_were_down_is_found_at_once() {
    let mut world = published().await;
    world.stop().await;
    end(&world, 1, PrState::Merged);
    let start = world.sim.age();
    world.start();
    until_completed(&world, &issue()).await;
    assert!(world.sim.age() - start < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_closed_while_we_were_down_is_replaced() {
    let mut world = published().await;
    world.stop().await;
    end(&world, 1, PrState::Closed);
    world.start();
    world.until_ended(2).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    let pr = world.pull_request();
    assert_eq!(pr.number, PrNumber(2));
    assert_eq!(pr.head_branch.as_str(), "patchrelay/APP-1-wish-a-good-night-2");
    let state = world.sim.state();
    assert_eq!(state.tickets.count("thought: Pull request [#1]"), 1);
    assert_eq!(state.tickets.count("response: Opened pull request"), 2);
}

#[tokio::test(start_paused = true)]
async fn one_pull_request_that_cannot_be_read_does_not_hide_the_others() {
    let mut world = World::with_delegated_ticket().await;
    let second = IssueId::new("acme", "ticket-2");
    world.delegate(&second, "APP-2", "session-2").await;
    world.start();
    world
        .until("both are published", async || world.sim.state().forge.pull_requests.len() == 2)
        .await;
    world.until_quiet().await;
    for number in [1, 2] {
        end(&world, number, PrState::Merged);
    }
    world.sim.state().faults.next("read_pull_request", Fault::Unanswered);
    let completed = || {
        let state = world.sim.state();
        [issue(), second.clone()]
            .iter()
            .filter(|issue| state.tickets.of(issue).state.kind == TrackerStateKind::Completed)
            .count()
    };
    let before = world.sim.calls("read_pull_request").len();
    world.until("one is completed", async || completed() == 1).await;
    world.until("both are completed", async || completed() == 2).await;
    // When something is completed depends on the real database, too; when something is read does not.
    let calls = world.sim.calls("read_pull_request");
    let [unread, neighbour, again] = calls[before..] else { panic!("{calls:?}") };
    assert!(neighbour - unread < Duration::from_secs(5), "the neighbour was read at once");
    assert!(Duration::from_secs(200) < again - unread, "the other was read later");
}

#[tokio::test(start_paused = true)]
async fn reading_again_what_is_known_appends_nothing() {
    let world = published().await;
    world.pass(Duration::from_secs(310)).await;
    let (log, feed) = (world.log().await, world.feed().await);
    let reads = world.sim.calls("read_pull_request").len();
    world.pass(Duration::from_secs(1_000)).await;
    assert!(reads + 3 <= world.sim.calls("read_pull_request").len());
    assert_eq!(world.log().await, log);
    assert_eq!(world.feed().await, feed);
}

#[tokio::test(start_paused = true)]
async fn a_tracker_that_does_not_answer_hides_no_merge() {
    let world = published().await;
    world.sim.state().faults.last(&["read_ticket"], Fault::Unanswered);
    end(&world, 1, PrState::Merged);
    world.pass(Duration::from_secs(400)).await;
    let known = world.facts().await.pull_request.expect("it is open");
    assert_eq!(known.value.state, PrState::Merged);
}

#[tokio::test(start_paused = true)]
async fn a_forge_that_does_not_answer_hides_no_undelegation() {
    let world = published().await;
    world.sim.state().faults.last(&["read_pull_request"], Fault::Unanswered);
    world.set_delegated(false);
    world.pass(Duration::from_secs(400)).await;
    assert!(!world.facts().await.is_delegated());
}

#[tokio::test(start_paused = true)]
async fn an_issue_whose_project_is_gone_is_left_alone() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("prepare");
    world.start();
    gate.arrived().await;
    world.crash().await;
    let projects = std::mem::take(&mut world.settings.projects);
    let reads = world.sim.calls("read_ticket").len();
    world.start();
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(world.sim.calls("read_ticket").len(), reads);
    assert_eq!(world.runs().await[0].outcome, None);
    world.stop().await;
    world.settings.projects = projects;
    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
}

/// Somebody writes a ticket and delegates it, and no webhook comes of it.
fn delegated_in_silence(world: &World, key: &str) {
    let now = world.sim.now();
    world.sim.state().tickets.write(now, &issue(), key);
}

#[tokio::test(start_paused = true)]
async fn s53_a_ticket_that_nobody_told_us_of_is_found_and_worked_on() {
    let mut world = World::new().await;
    delegated_in_silence(&world, "APP-1");
    world.start();
    world.until_ended(1).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    assert!(world.sim.age() < Duration::from_secs(180));
    assert_eq!(world.pull_request().number, PrNumber(1));
    // There is no session to report in.
    assert_eq!(world.sim.state().tickets.comments.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_under_way_is_waited_for() {
    let mut world = World::new().await;
    delegated_in_silence(&world, "APP-1");
    world.start();
    world.pass(Duration::from_secs(45)).await;
    assert!(!world.is_known(&issue()).await);
    assert!(!world.sim.calls("delegated_tickets").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delegated_ticket_that_no_project_claims_is_read_again_only_when_it_changed() {
    let mut world = World::new().await;
    delegated_in_silence(&world, "OPS-1");
    world.settings.discover_every = Duration::from_secs(60);
    world.start();
    world.pass(Duration::from_secs(1_200)).await;
    assert!(world.sim.calls("delegated_tickets").len() > 10);
    assert_eq!(world.sim.calls("read_ticket").len(), 1);
    let now = world.sim.now();
    world.sim.state().tickets.edit(now, &issue(), |ticket| ticket.key = "APP-1".to_owned());
    world.until_ended(1).await;
}

/// Nobody told that it was delegated again after it was taken away.
#[tokio::test(start_paused = true)]
async fn a_ticket_that_is_delegated_again_in_silence_is_gone_on_with() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.reread_every = Duration::from_secs(1_000_000);
    world.set_delegated(false);
    world.start();
    world
        .until("it is known to be taken away", async || {
            world.is_known(&issue()).await && !world.facts().await.is_delegated()
        })
        .await;
    world.set_delegated(true);
    world.until_ended(1).await;
    world.assert_published_once().await;
}

/// Our own writes change tickets all the time.
#[tokio::test(start_paused = true)]
async fn a_known_ticket_that_changes_again_and_again_does_not_hasten_the_search() {
    let world = published().await;
    for priority in 0..10 {
        let now = world.sim.now();
        world.sim.state().tickets.edit(now, &issue(), |ticket| ticket.priority = priority);
        world.pass(Duration::from_secs(30)).await;
    }
    // Once more than the first time, if that was before the ticket was known.
    let searches = world.sim.calls("delegated_tickets").len();
    assert!((1..=2).contains(&searches), "{searches}");
}
