use patchrelay_domain::{Glimpse, TurnStatus};
use patchrelay_ports::AgentEvent;

use super::{MAX_WAITING_PROGRESS, Stage, Turns};
use crate::wire::{News, What};

fn opened() -> Turns {
    let mut turns = Turns::default();
    turns.attend("thread", true);
    turns.open("turn".to_owned());
    turns
}

fn news(what: What) -> News {
    News { thread: "thread".to_owned(), turn: "turn".to_owned(), what }
}

fn said(text: &str, is_final: bool) -> News {
    news(What::Said { text: text.to_owned(), is_final })
}

fn completed(last_message: Option<&str>) -> News {
    news(What::Ended {
        status: TurnStatus::Completed,
        last_message: last_message.map(str::to_owned),
    })
}

fn events(turns: &mut Turns) -> Vec<AgentEvent> {
    std::iter::from_fn(|| turns.next_event()).collect()
}

/// How the turn ended, which it did once.
fn end(turns: &mut Turns) -> (TurnStatus, String) {
    let mut ends: Vec<_> = events(turns)
        .into_iter()
        .filter_map(|event| match event {
            AgentEvent::TurnEnded { status, answer } => Some((status, answer)),
            AgentEvent::Progress { .. }
            | AgentEvent::Seen(_)
            | AgentEvent::Heard { .. }
            | AgentEvent::Spent { .. } => None,
        })
        .collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    ends.remove(0)
}

#[test]
fn a_turn_runs_from_its_start_to_its_end() {
    let mut turns = opened();
    assert_eq!(turns.stage(), Stage::Ordered);
    turns.observe(news(What::Started));
    assert_eq!(turns.stage(), Stage::Running { id: "turn".to_owned() });
    turns.observe(completed(None));
    assert_eq!(turns.stage(), Stage::None);
    assert_eq!(end(&mut turns), (TurnStatus::Completed, String::new()));
}

#[test]
fn the_last_final_message_is_the_answer() {
    let mut turns = opened();
    for message in
        [said("first", true), said("remark", false), said("last", true), said("late remark", false)]
    {
        turns.observe(message);
    }
    turns.observe(completed(Some("summary")));
    assert_eq!(end(&mut turns).1, "last");
}

#[test]
fn without_a_final_message_the_summary_answers_and_then_the_last_remark() {
    let mut turns = opened();
    turns.observe(said("remark", false));
    turns.observe(completed(Some("summary")));
    assert_eq!(end(&mut turns).1, "summary");
    turns.open("turn".to_owned());
    turns.observe(said("remark", false));
    turns.observe(completed(None));
    assert_eq!(end(&mut turns).1, "remark");
}

#[test]
fn news_of_other_threads_and_turns_change_nothing() {
    let mut turns = opened();
    turns.observe(News { thread: "sub-agent".to_owned(), ..completed(None) });
    turns.observe(News { turn: "earlier".to_owned(), ..completed(None) });
    assert_eq!(turns.stage(), Stage::Ordered);
    assert_eq!(events(&mut turns), []);
}

#[test]
fn the_end_of_the_process_ends_an_open_turn_and_only_that() {
    let mut turns = opened();
    turns.observe(said("half", true));
    turns.finish("signal 9");
    turns.observe(completed(None));
    turns.finish("again");
    let reason = "the agent process ended: signal 9".to_owned();
    assert_eq!(end(&mut turns), (TurnStatus::Failed { reason }, "half".to_owned()));
    assert_eq!(turns.over(), Some("signal 9"));

    let mut turns = opened();
    turns.observe(completed(None));
    turns.finish("exit status: 0");
    assert_eq!(end(&mut turns).0, TurnStatus::Completed);
}

#[test]
fn a_flood_drops_old_progress_and_never_an_end() {
    let mut turns = opened();
    turns.observe(completed(None));
    turns.open("turn".to_owned());
    for n in 0..10 * MAX_WAITING_PROGRESS {
        turns.observe(news(What::Moved { line: n.to_string(), seen: None }));
    }
    turns.observe(completed(None));
    let events = events(&mut turns);
    assert!(events.len() <= MAX_WAITING_PROGRESS + 1, "{}", events.len());
    assert!(matches!(events[0], AgentEvent::TurnEnded { .. }));
    assert!(matches!(events[events.len() - 1], AgentEvent::TurnEnded { .. }));
    let newest = AgentEvent::Progress { line: (10 * MAX_WAITING_PROGRESS - 1).to_string() };
    assert_eq!(events[events.len() - 2], newest);
}

fn cost(turn: &str, total: u64, last: u64) -> News {
    let what = What::Cost { total, last };
    News { thread: "thread".to_owned(), turn: turn.to_owned(), what }
}

/// How many tokens these totals were told as, by a thread that is opened after so many of them.
#[track_caller]
fn check_cost(is_new: bool, opened: usize, totals: &[(&str, u64, u64)], expected: &[u64]) {
    let mut turns = Turns::default();
    let mut told = Vec::new();
    for (n, (turn, total, last)) in totals.iter().enumerate() {
        if n == opened {
            turns.attend("thread", is_new);
            turns.open("turn".to_owned());
        }
        turns.observe(cost(turn, *total, *last));
        told.extend(events(&mut turns));
    }
    let told: Vec<_> = told
        .into_iter()
        .map(|event| match event {
            AgentEvent::Spent { tokens } => tokens,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, expected);
}

/// D10: totals are of the thread's whole life, and are said again on resume and interrupt.
#[test]
fn a_turn_costs_what_it_adds_to_the_total_of_its_thread() {
    check_cost(true, 0, &[("turn", 15, 15), ("turn", 45, 30), ("turn", 45, 30)], &[15, 30]);
    // The total that a resume tells is where counting begins, whether it comes before the answer or after it.
    check_cost(false, 1, &[("earlier", 100, 10), ("turn", 130, 30)], &[30]);
    check_cost(false, 0, &[("earlier", 100, 10), ("turn", 130, 30)], &[30]);
    // A total that goes back is a mistake of codex and no credit.
    check_cost(true, 0, &[("turn", 40, 40), ("turn", 10, 10), ("turn", 50, 10)], &[40, 10]);
}

#[test]
fn a_resumed_thread_that_tells_no_total_begins_with_its_first_request() {
    let mut turns = Turns::default();
    turns.attend("thread", false);
    turns.open("turn".to_owned());
    turns.observe(cost("turn", 130, 30));
    turns.observe(News { thread: "sub-agent".to_owned(), ..cost("turn", 999, 999) });
    assert_eq!(events(&mut turns), [AgentEvent::Spent { tokens: 30 }]);
}

#[test]
fn what_was_spent_is_told_before_the_end_and_never_dropped() {
    let mut turns = opened();
    for n in 1..=1_000 {
        turns.observe(cost("turn", n, 1));
        turns.observe(news(What::Moved { line: n.to_string(), seen: None }));
    }
    turns.observe(completed(None));
    let events = events(&mut turns);
    assert_eq!(events[0], AgentEvent::Spent { tokens: 1_000 });
    assert!(matches!(events[events.len() - 1], AgentEvent::TurnEnded { .. }));
}

/// A flood of commands must not fill anything.
#[test]
fn of_what_people_see_the_newest_is_kept() {
    let mut turns = opened();
    let doing = |n: u32| Glimpse::Doing { action: "Running", object: n.to_string() };
    let plan = || Glimpse::Planned { steps: Vec::new() };
    for n in 0..9 {
        let line = n.to_string();
        turns.observe(news(What::Moved { line: line.clone(), seen: Some(doing(n)) }));
        turns.observe(news(What::Moved { line, seen: Some(plan()) }));
    }
    let seen: Vec<_> = events(&mut turns)
        .into_iter()
        .filter(|event| matches!(event, AgentEvent::Seen(_)))
        .collect();
    assert_eq!(seen, [AgentEvent::Seen(plan()), AgentEvent::Seen(doing(8))]);
}
