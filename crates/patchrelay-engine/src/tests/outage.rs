//! Services that do not answer cost time, and nothing else.

use std::time::Duration;

use patchrelay_domain::{Attempts, Hindrance, Interruption, RunOutcome, TurnStatus};

use super::sim::{Act, Fault, Turn, World};

/// Everything that asks the forge or the git remote.
const FORGE: [&str; 6] = [
    "default_branch",
    "find_pull_request",
    "open_pull_request",
    "read_pull_request",
    "remote_branch",
    "push",
];

#[tokio::test(start_paused = true)]
async fn a_pull_request_whose_opening_was_not_answered_is_found_by_its_branch() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("open_pull_request", Fault::AnswerLost);
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.sim.calls("open_pull_request").len(), 1);
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_push_whose_answer_was_lost_is_not_a_second_commit() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("push", Fault::AnswerLost);
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_while_publishing_is_waited_out() {
    outage_from("push").await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_begins_before_the_commit_is_waited_out() {
    outage_from("commit").await;
}

/// The forge and its remote go away when the run comes to this operation, for ten minutes.
async fn outage_from(operation: &'static str) {
    let mut world = World::with_delegated_ticket().await;
    let gate = world.sim.hold(operation);
    world.start();
    gate.arrived().await;
    world.sim.state().faults.last(&FORGE, Fault::Unanswered);
    world.sim.state().faults.next("push", Fault::Unanswered);
    gate.open();
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(world.runs().await[0].outcome, None, "it waits");
    world.sim.state().faults.heal();
    world.assert_published_once().await;
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(world.sim.state().agents.launches, 1, "the work is not done again");
    assert_eq!(world.facts().await.attempts, Attempts::default());
}

#[tokio::test(start_paused = true)]
async fn an_outage_before_the_work_costs_no_attempt() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.last(&["default_branch"], Fault::Unanswered);
    world.start();
    world.pass(Duration::from_secs(1_200)).await;
    let runs = world.runs().await;
    assert!(2 < runs.len() && runs.len() < 12, "it is tried again, ever later: {}", runs.len());
    assert!(
        runs.iter().all(|run| run.outcome.is_none()
            || matches!(run.outcome, Some(RunOutcome::Unavailable { .. })))
    );
    assert_eq!(world.sim.state().agents.launches, 0);
    assert_eq!(world.facts().await.attempts, Attempts::default());
    world.sim.state().faults.heal();
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_make_the_next_run_forget_the_thread() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(Turn::of([(5, Act::Fails)]));
    world.start();
    world.until_ended(1).await;
    world.sim.state().faults.next("default_branch", Fault::Unanswered);
    world.assert_published_once().await;
    let outcomes: Vec<_> = world.runs().await.into_iter().map(|run| run.outcome).collect();
    assert!(matches!(outcomes[1], Some(RunOutcome::Unavailable { .. })), "{outcomes:?}");
    let turns = world.sim.state().agents.work_turns();
    assert_eq!(turns.len(), 2);
    assert_eq!(turns[0].thread, turns[1].thread);
}

/// The model says when it answers again, and that is waited for, also by the next engine.
#[tokio::test(start_paused = true)]
async fn a_model_without_capacity_is_asked_again_when_it_says() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(Turn::of([(5, Act::Waits(Some(5_000)))]));
    world.start();
    world.until_ended(1).await;
    world.stop().await;
    world.pass(Duration::from_secs(60)).await;
    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
    let runs = world.runs().await;
    assert!(matches!(runs[0].outcome, Some(RunOutcome::Unavailable { .. })), "{runs:?}");
    let wait = runs[1].started.since(runs[0].ended.expect("it has"));
    assert!((4_999..5_001).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(world.facts().await.attempts, Attempts::default());
}

#[tokio::test(start_paused = true)]
async fn a_model_without_capacity_is_waited_for_ever_longer_and_never_given_up() {
    let mut world = World::with_delegated_ticket().await;
    let without = Turn::of([(1, Act::Waits(None))]);
    world.sim.state().agents.work.extend(vec![without; 8]);
    world.start();
    world.until_ended(9).await;
    world.assert_published_once().await;
    let runs = world.runs().await;
    let waits: Vec<_> = runs
        .windows(2)
        .map(|two| two[1].started.since(two[0].ended.expect("it has")).as_secs())
        .collect();
    assert_eq!(waits, [15, 30, 60, 120, 240, 480, 600, 600]);
    assert_eq!(world.facts().await.attempts, Attempts::default());
    assert_eq!(world.sim.state().tickets.count("error:"), 0);
}

/// The work is done, and only its report is missing: that is no bad report.
#[tokio::test(start_paused = true)]
async fn a_model_without_capacity_at_the_report_costs_nothing() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.reports.push_back(Turn::of([(1, Act::Waits(None))]));
    world.start();
    world.until_ended(2).await;
    world.assert_published_once().await;
    let runs = world.runs().await;
    assert!(matches!(runs[0].outcome, Some(RunOutcome::Unavailable { .. })), "{runs:?}");
    assert_eq!(world.facts().await.attempts, Attempts::default());
    let state = world.sim.state();
    assert_eq!(state.agents.turns.iter().filter(|turn| turn.is_report).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_tracker_delays_reports_and_loses_none() {
    let world = World::at_work().await;
    world.until("a run begins", async || !world.sim.calls("prepare").is_empty()).await;
    world.sim.state().faults.last(&["create_activity", "move_ticket"], Fault::Unanswered);
    world.until_ended(1).await;
    world.pull_request();
    world.pass(Duration::from_secs(600)).await;
    assert!(world.sim.state().tickets.count("") < 3);
    world.sim.state().faults.heal();
    world.assert_published_once().await;
    let said = world.sim.state().tickets.said();
    let kinds: Vec<_> = said.iter().filter_map(|said| said.split(':').next()).collect();
    assert_eq!(kinds, ["thought", "action", "response"], "in the order in which it happened");
}

/// The ticket may have been taken away, so it is read before anything is published.
#[tokio::test(start_paused = true)]
async fn nothing_is_published_while_the_ticket_cannot_be_read() {
    let world = World::at_work().await;
    world.until_written().await;
    let tracker = ["read_ticket", "create_activity", "move_ticket"];
    world.sim.state().faults.last(&tracker, Fault::Unanswered);
    world.pass(Duration::from_secs(600)).await;
    assert!(world.sim.calls("push").is_empty());
    world.sim.state().faults.heal();
    world.until_ended(1).await;
    world.assert_published_once().await;
    assert_eq!(world.sim.state().agents.launches, 1, "the work is not done again");
}

#[tokio::test(start_paused = true)]
async fn a_report_whose_answer_was_lost_appears_once() {
    let mut world = World::with_delegated_ticket().await;
    for _ in 0..5 {
        world.sim.state().faults.next("create_activity", Fault::AnswerLost);
    }
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.sim.state().tickets.count(""), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refused_report_is_shown_and_blocks_no_other() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.next("create_activity", Fault::Refused);
    world.sim.state().faults.next("move_ticket", Fault::Refused);
    world.start();
    world.assert_published_once().await;
    assert_eq!(world.sim.state().tickets.count("thought:"), 0);
    let feed = world.feed().await;
    for refused in ["thought", "move_ticket"] {
        let line = format!("{refused}: report {refused} was refused: ");
        let shown = feed.iter().filter(|shown| shown.starts_with(&line)).count();
        assert_eq!(shown, 1, "{feed:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_now_and_then_stops_nothing() {
    let mut world = World::with_delegated_ticket().await;
    for operation in [
        "store.observe",
        "store.acquire",
        "store.claim",
        "store.advance",
        "store.load",
        "store.settle",
        "store.outbox_done",
        "store.outbox_take",
        "store.inbox_due",
        "store.ready",
        "store.orphaned_runs",
        "store.known_occurrences",
        "store.register",
        "store.beat",
        "store.bury",
        "store.hold_role",
    ] {
        world.sim.state().faults.next(operation, Fault::Unanswered);
        world.sim.state().faults.next(operation, Fault::AnswerLost);
    }
    world.start();
    world.assert_published_once().await;
    for run in world.runs().await {
        let lost = RunOutcome::Interrupted { by: Interruption::Restart };
        assert!(
            matches!(run.outcome, Some(RunOutcome::Published { .. })) || run.outcome == Some(lost),
            "{run:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_once_does_not_make_the_other_reports_wait() {
    let mut world = World::with_delegated_ticket().await;
    for number in 2..=4 {
        let issue = patchrelay_domain::IssueId::new("acme", format!("ticket-{number}"));
        world.delegate(&issue, &format!("APP-{number}"), &format!("session-{number}")).await;
    }
    world.sim.state().faults.next("store.outbox_done", Fault::Unanswered);
    world.start();
    world
        .until("all are acknowledged", async || world.sim.state().tickets.count("thought:") == 4)
        .await;
    assert!(world.sim.age() < Duration::from_secs(10), "{:?}", world.sim.age());
}

/// One run finds out that the quota is used up. No other is started before the time that the model named, on this node.
#[tokio::test(start_paused = true)]
async fn a_model_that_bars_the_login_is_asked_by_nobody_before_its_time() {
    let mut world = World::with_delegated_ticket().await;
    let reason = "usage limit".to_owned();
    let retry_after = Some(Duration::from_secs(3_600));
    let barred = Act::EndsAs(TurnStatus::Barred { reason, retry_after });
    world.sim.state().agents.work.push_back(Turn::of([(5, barred)]));
    world.start();
    world.until_ended(1).await;
    assert_eq!(world.sim.state().agents.launches, 1);
    let second = patchrelay_domain::IssueId::new("acme", "ticket-2");
    world.delegate(&second, "APP-2", "session-2").await;
    world.pass(Duration::from_secs(3_500)).await;
    assert_eq!(world.sim.state().agents.launches, 1, "no other agent finds that out");
    assert!(matches!(world.hindrance(), Some(Hindrance::ModelBars { .. })));
    assert_eq!(
        world.sim.state().tickets.count("thought:"),
        2,
        "both are told that they were heard"
    );

    world.pass(Duration::from_secs(300)).await;
    assert_eq!(world.hindrance(), None);
    assert_eq!(world.sim.state().agents.launches, 3);
    world.until_ended(2).await;
    assert_eq!(world.facts().await.attempts, Attempts::default());
}

/// Another run was about to begin at that time: one that was asking for the base branch starts no agent, and one whose
/// agent was starting asks no model.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_about_to_begin_when_the_login_is_barred_asks_no_model() {
    for (held, launches) in [("default_branch", 1), ("prepare", 2)] {
        let mut world = World::with_delegated_ticket().await;
        let second = patchrelay_domain::IssueId::new("acme", "ticket-2");
        world.delegate(&second, "APP-2", "session-2").await;
        let barred = TurnStatus::Barred { reason: "usage limit".to_owned(), retry_after: None };
        world.sim.state().agents.work.push_back(Turn::of([(5, Act::EndsAs(barred))]));
        let gate = world.sim.hold(held);
        world.start();
        gate.arrived().await;
        world.pass(Duration::from_secs(20)).await;
        let asked = |world: &World| {
            let state = world.sim.state();
            (state.agents.launches, state.agents.turns.len())
        };
        assert_eq!(asked(&world), (launches, 1), "{held}");
        gate.open();
        world.pass(Duration::from_secs(20)).await;
        assert_eq!(asked(&world), (launches, 1), "{held}");
        assert_eq!(world.sim.state().agents.alive(), 0);
        world.pass(Duration::from_secs(300)).await;
        world.until_ended(2).await;
        let state = world.sim.state();
        assert_eq!(state.agents.work_turns().len(), 3, "both are done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_thread_is_followed_by_a_new_one_in_the_same_run() {
    let mut world = World::with_delegated_ticket().await;
    let full = TurnStatus::ThreadFull { reason: "too long".to_owned() };
    let write = Act::Writes { path: "first", content: "one" };
    world.sim.state().agents.work.push_back(Turn::of([(5, write), (5, Act::EndsAs(full))]));
    world.start();
    world.assert_published_once().await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 1, "{}", world.story().await);
    let turns = world.sim.state().agents.work_turns();
    assert_eq!(turns.len(), 2);
    assert_ne!(turns[0].thread, turns[1].thread);
    assert!(turns[1].input.contains("refs/rescue/"), "{}", turns[1].input);
    let head = world.pull_request().head;
    assert_eq!(world.sim.state().forge.files(&head)["first"], "one");
    assert_eq!(world.facts().await.attempts.continuations, 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_model_refuses_is_put_to_a_human_and_tried_again_at_their_word() {
    let mut world = World::with_delegated_ticket().await;
    let refused = TurnStatus::Refused { reason: "flagged (cyberPolicy)".to_owned() };
    world.sim.state().agents.work.push_back(Turn::of([(5, Act::EndsAs(refused))]));
    world.start();
    world.until_ended(1).await;
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(world.runs().await.len(), 1);
    let question = world.facts().await.question.expect("it asks").text;
    assert!(question.contains("flagged (cyberPolicy)"), "{question}");
    assert_eq!(world.facts().await.attempts, Attempts::default());
}
