//! What is told, whatever becomes of those who are told (D35).

use std::time::Duration;

use patchrelay_domain::{IssueId, PlanStatus, RunOutcome, SessionId, TrackerStateKind};
use patchrelay_ports::{Clock, Side, Step};

use super::sim::{Fault, World, issue};

/// Other tickets, each with a session.
async fn delegate_others(world: &World, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        let issue = IssueId::new("acme", format!("ticket-{number}"));
        world.delegate(&issue, &format!("APP-{number}"), &format!("session-{number}")).await;
    }
}

fn acknowledged(world: &World) -> usize {
    world.sim.state().tickets.count("thought: Received.")
}

#[tokio::test(start_paused = true)]
async fn the_session_shows_the_plan_and_leads_to_the_pull_request() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let url = world.pull_request().url;
    let state = world.sim.state();
    let session = SessionId::new("session-1");
    assert_eq!(state.tickets.links[&session], url);
    let plan: Vec<_> = state.tickets.plans[&session].iter().map(|step| step.status).collect();
    let (done, now, next) = (PlanStatus::Completed, PlanStatus::InProgress, PlanStatus::Pending);
    assert_eq!(plan, [done, done, now, next]);
    assert!(state.tickets.comments.is_empty());
}

/// W: one session that is gone must not keep anybody from hearing of anything.
#[tokio::test(start_paused = true)]
async fn a_dead_session_blocks_nothing_else() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().tickets.close(&SessionId::new("session-1"));
    delegate_others(&world, 2..=3).await;
    world.start();
    world.until_ended(1).await;
    world
        .until("the others are told everything", async || {
            world.sim.state().tickets.count("response: Opened") == 2
        })
        .await;
    world.until_quiet().await;
    assert!(matches!(world.runs().await[0].outcome, Some(RunOutcome::Published { .. })));
    let feed = world.feed().await;
    for refused in ["thought", "action", "response", "plan", "link"] {
        let line = format!("{refused}: report {refused} was refused: ");
        assert!(feed.iter().any(|shown| shown.starts_with(&line)), "{refused}: {feed:#?}");
    }
    let kind = world.sim.state().tickets.of(&issue()).state.kind;
    assert_eq!(kind, TrackerStateKind::Started, "the ticket itself is there");
}

/// S37: no write for as long as the tracker asks, and then all of them.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_pauses_the_tracker_for_everybody() {
    let mut world = World::with_delegated_ticket().await;
    let limited = Fault::Limited(Duration::from_secs(600));
    world.sim.state().faults.next("create_activity", limited);
    world.start();
    world.until("it is limited", async || !world.sim.calls("create_activity").is_empty()).await;
    world.pass(Duration::from_secs(5)).await;
    let writes = || -> usize {
        let operations = ["create_activity", "set_plan", "set_link", "move_ticket"];
        operations.iter().map(|operation| world.sim.calls(operation).len()).sum()
    };
    let before = writes();
    delegate_others(&world, 2..=4).await;
    world.pass(Duration::from_secs(580)).await;
    assert_eq!(writes(), before, "also for tickets that came later");
    world.until("all are acknowledged", async || acknowledged(&world) == 4).await;
    world.until_quiet().await;
    world.assert_nothing_wrong().await;
    assert_eq!(world.sim.state().tickets.count("response: Opened"), 4);
}

/// A restart does not forget the pause: it is no memory of the process.
#[tokio::test(start_paused = true)]
async fn a_pause_outlives_the_process() {
    let mut world = World::with_delegated_ticket().await;
    let limited = Fault::Limited(Duration::from_secs(600));
    world.sim.state().faults.next("create_activity", limited);
    world.start();
    world.until("it is limited", async || !world.sim.calls("create_activity").is_empty()).await;
    world.pass(Duration::from_secs(5)).await;
    world.crash().await;
    world.start();
    world.pass(Duration::from_secs(500)).await;
    assert_eq!(world.sim.calls("create_activity").len(), 1);
    world.until("it is acknowledged", async || acknowledged(&world) == 1).await;
    world.assert_published_once().await;
}

/// Many lost answers in a row are an outage, and cost few calls however many reports wait.
#[tokio::test(start_paused = true)]
async fn an_outage_is_asked_ever_more_seldom_about_however_many_reports_wait() {
    let mut world = World::with_delegated_ticket().await;
    delegate_others(&world, 2..=20).await;
    world.sim.state().faults.last(&["create_activity"], Fault::Unanswered);
    world.start();
    world.pass(Duration::from_secs(1_200)).await;
    let calls = world.sim.calls("create_activity").len();
    assert!(calls < 150, "{calls} calls in twenty minutes for twenty sessions");
    world.sim.state().faults.heal();
    world.until("all are acknowledged", async || acknowledged(&world) == 20).await;
}

#[tokio::test(start_paused = true)]
async fn reports_that_hang_do_not_keep_others_waiting() {
    let mut world = World::with_delegated_ticket().await;
    delegate_others(&world, 2..=4).await;
    for _ in 0..3 {
        world.sim.state().faults.next("create_activity", Fault::Hangs);
    }
    world.start();
    world.until("one is acknowledged", async || acknowledged(&world) == 1).await;
    assert!(world.sim.age() < Duration::from_secs(2), "{:?}", world.sim.age());
}

/// The first sign of life is waited for ten seconds, and other reports may take longer.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_finds_room_when_all_others_hang() {
    let mut world = World::with_delegated_ticket().await;
    delegate_others(&world, 2..=12).await;
    world.sim.state().faults.last(&["set_plan", "move_ticket"], Fault::Hangs);
    world.start();
    world.until("all are acknowledged", async || acknowledged(&world) == 12).await;
    let hanging = || world.sim.calls("set_plan").len() + world.sim.calls("move_ticket").len();
    world.until("there is no room", async || 8 <= hanging()).await;
    let asked = world.sim.age();
    delegate_others(&world, 13..=13).await;
    world.until("it is acknowledged", async || acknowledged(&world) == 13).await;
    let took = world.sim.age() - asked;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_plan_is_sent_after_an_outage() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("set_plan");
    world.start();
    gate.arrived().await;
    world.until_ended(1).await;
    gate.open();
    world.until_quiet().await;
    world.assert_published_once().await;
    let session = SessionId::new("session-1");
    let at = world.sim.state().tickets.plans[&session]
        .iter()
        .position(|step| step.status == PlanStatus::InProgress);
    assert_eq!(at, Some(2));
    assert_eq!(world.sim.calls("set_plan").len(), 2, "the one that was under way, and the newest");
    let superseded = "plan: report plan was not sent: a newer one supersedes it";
    assert_eq!(world.feed().await.iter().filter(|line| *line == superseded).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_human_who_moves_the_ticket_meanwhile_is_not_overruled() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("move_ticket");
    world.start();
    gate.arrived().await;
    let now = world.sim.now();
    let review = patchrelay_domain::TrackerState {
        id: "review".to_owned(),
        name: "In Review".to_owned(),
        kind: TrackerStateKind::Started,
    };
    world.sim.state().tickets.edit(now, &issue(), |ticket| ticket.state = review.clone());
    gate.open();
    world.assert_published_once().await;
    assert_eq!(world.sim.state().tickets.of(&issue()).state, review);
    assert_eq!(world.sim.calls("move_ticket").len(), 1);
    let feed = world.feed().await;
    assert!(
        feed.contains(&"move_ticket: the ticket is where it should be".to_owned()),
        "{feed:#?}"
    );
}

/// Moved, but only within what comes before a start: then it is moved on from there.
#[tokio::test(start_paused = true)]
async fn a_ticket_that_was_moved_back_is_moved_from_where_it_is() {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold("move_ticket");
    world.start();
    gate.arrived().await;
    let now = world.sim.now();
    let backlog = patchrelay_domain::TrackerState {
        id: "backlog".to_owned(),
        name: "Backlog".to_owned(),
        kind: TrackerStateKind::Backlog,
    };
    world.sim.state().tickets.edit(now, &issue(), |ticket| ticket.state = backlog);
    gate.open();
    world.assert_published_once().await;
    let kind = world.sim.state().tickets.of(&issue()).state.kind;
    assert_eq!((kind, world.sim.calls("move_ticket").len()), (TrackerStateKind::Started, 2));
}

#[tokio::test(start_paused = true)]
async fn a_move_whose_answer_was_lost_is_seen_and_not_repeated() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("move_ticket", Fault::AnswerLost);
    world.start();
    world.assert_published_once().await;
    let feed = world.feed().await;
    assert!(
        feed.contains(&"move_ticket: the ticket is where it should be".to_owned()),
        "{feed:#?}"
    );
    assert!(!feed.iter().any(|line| line.starts_with("move_ticket: moved")), "{feed:#?}");
}

/// The process dies while several lanes are under way: each report comes once all the same.
#[tokio::test(start_paused = true)]
async fn a_death_at_any_report_loses_none_and_doubles_none() {
    for side in [Side::Before, Side::After] {
        for after in 0..8 {
            let mut world = World::with_delegated_ticket().await;
            world.sim.dies_at_time(Step::SendReport, side, after);
            world.start();
            world
                .until("it died or is done", async || {
                    world.sim.state().is_dead || world.is_quiet().await
                })
                .await;
            if world.sim.state().is_dead {
                world.crash().await;
                world.start();
            }
            world.assert_published_once().await;
            let state = world.sim.state();
            let mut ids: Vec<_> = state.tickets.activities.iter().map(|(id, ..)| id).collect();
            ids.dedup();
            assert_eq!(ids.len(), 3, "{side:?} {after}: {:?}", state.tickets.said());
            let session = SessionId::new("session-1");
            assert!(state.tickets.links.contains_key(&session), "{side:?} {after}");
            assert_eq!(state.tickets.plans[&session][2].status, PlanStatus::InProgress);
        }
    }
}
