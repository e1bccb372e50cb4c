//! How long a decision, a fold and a prompt take.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use patchrelay_domain::{
    BranchName, Evolved, IssueFacts, IssueId, Observation, ObservationKind, Policy, ProjectId,
    Ticket, Timestamp, TrackerState, TrackerStateKind, decide, evolve, prompt,
};

fn ticket(description: &str) -> Ticket {
    Ticket {
        key: "APP-1".to_owned(),
        title: "Wish a good night".to_owned(),
        description: description.to_owned(),
        url: "https://linear.app/acme/issue/APP-1".to_owned(),
        team_key: "APP".to_owned(),
        team_id: "team-1".to_owned(),
        tracker_project: None,
        labels: Vec::new(),
        priority: 0,
        state: TrackerState {
            id: "todo".to_owned(),
            name: "Todo".to_owned(),
            kind: TrackerStateKind::Unstarted,
        },
        delegated: true,
    }
}

fn read(version: i64) -> Observation {
    let at = Timestamp::from_millis(version);
    let description = "One sentence of a description that has many. ".repeat(50);
    let kind = ObservationKind::TicketRead { version: at, ticket: ticket(&description) };
    Observation { at, correlation: "delivery".to_owned(), kind }
}

fn facts(policy: &Policy) -> IssueFacts {
    let issue = IssueId::new("acme", "0a4c0f3e-0000-4000-8000-000000000001");
    let new = IssueFacts::new(issue, ProjectId::new("app"), Timestamp::from_millis(0));
    match evolve(policy, &new, &read(1)) {
        Evolved::Changed(facts) => *facts,
        Evolved::Unchanged => new,
    }
}

fn domain(criterion: &mut Criterion) {
    let policy = Policy::default();
    let facts = facts(&policy);
    let newer = read(2);
    criterion.bench_function("evolve", |bencher| {
        bencher.iter(|| evolve(&policy, black_box(&facts), &newer));
    });
    let now = Timestamp::from_millis(10);
    criterion.bench_function("decide", |bencher| {
        bencher.iter(|| decide(&policy, now, black_box(&facts)));
    });
    let long = ticket(&"A line of a long description.\n".repeat(300));
    let (branch, base) = (BranchName::new("app/APP-1-x"), BranchName::new("main"));
    criterion.bench_function("prompt of 9 kB", |bencher| {
        bencher.iter(|| {
            prompt::implementation(black_box(&prompt::PromptInput {
                ticket: &long,
                branch: &branch,
                base_branch: &base,
                inputs: &[],
                network: false,
                earlier: prompt::Earlier::Nothing,
            }))
        });
    });
}

criterion_group!(benches, domain);
criterion_main!(benches);
