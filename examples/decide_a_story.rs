//! A story of observations, and what is decided after each: the domain alone, without I/O.
//!
//! `cargo run -p patchrelay-examples --example decide_a_story`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use patchrelay_domain::{
    IssueFacts, IssueId, NextStep, Observation, ObservationKind, Policy, ProjectId, SessionId,
    Ticket, Timestamp, TrackerState, TrackerStateKind, change, factory_state, waiting_reason,
};

fn main() {
    let policy = Policy::default();
    let issue = IssueId::new("acme", "0a4c0f3e-0000-4000-8000-000000000001");
    let mut facts = IssueFacts::new(issue, ProjectId::new("app"), Timestamp::from_millis(0));
    let session = SessionId::new("session-1");
    let story = [
        ObservationKind::SessionOpened {
            session,
            prompt: None,
            author: None,
            opened: None,
            comments: Vec::new(),
        },
        ObservationKind::TicketRead { version: Timestamp::from_millis(10), ticket: ticket(true) },
        ObservationKind::TicketRead { version: Timestamp::from_millis(20), ticket: ticket(false) },
        // A delivery that was late: it changes nothing.
        ObservationKind::TicketRead { version: Timestamp::from_millis(15), ticket: ticket(true) },
    ];
    for (kind, second) in story.into_iter().zip(1..) {
        let now = Timestamp::from_millis(second * 1_000);
        let name = kind.name();
        let observation = Observation { at: now, correlation: format!("delivery-{second}"), kind };
        let change = change(&policy, now, &facts, vec![observation]);
        println!(
            "{second} s  {name:<15} {:<13} {}",
            factory_state(&change.next).as_str(),
            waiting_reason(&change.next).unwrap_or_default(),
        );
        for order in &change.orders {
            println!("     report: {}", order.name());
        }
        if let NextStep::Run(plan) = &change.next {
            println!("     would work on branch {}", plan.branch);
        }
        facts = change.facts;
    }
}

fn ticket(delegated: bool) -> Ticket {
    Ticket {
        key: "APP-1".to_owned(),
        title: "Wish a good night".to_owned(),
        description: String::new(),
        url: "https://linear.app/acme/issue/APP-1".to_owned(),
        team_key: "APP".to_owned(),
        team_id: "team-1".to_owned(),
        team_name: String::new(),
        tracker_project: None,
        tracker_project_id: None,
        labels: Vec::new(),
        priority: 0,
        state: TrackerState {
            id: "todo".to_owned(),
            name: "Todo".to_owned(),
            kind: TrackerStateKind::Unstarted,
        },
        delegated,
        ended: None,
        blockers: Vec::new(),
        linked: Vec::new(),
    }
}
