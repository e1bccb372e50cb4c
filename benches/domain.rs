//! How long a decision, a fold and a prompt take.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use patchrelay_domain::{
    BranchName, CommitSha, Evolved, IssueFacts, IssueId, Observation, ObservationKind, Policy,
    PrNumber, ProjectId, Ticket, Timestamp, TrackerState, TrackerStateKind, decide, evolve, prompt,
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
        ended: None,
        blockers: Vec::new(),
        linked: Vec::new(),
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
            prompt::build(black_box(&prompt::Request::new(&long, &branch, &base))).to_string()
        });
    });
}

/// A review fix with everything that one can have: a long ticket, facts, a session, twenty comments, a workflow file.
fn review_fix(criterion: &mut Criterion) {
    let sentence = "One sentence of a text that has many of them, as reviews do.\n";
    let some = |text: &str| Some(text.to_owned());
    let comment = prompt::ReviewComment {
        path: some("src/some/module/greeting.rs"),
        line: Some(120),
        side: some("RIGHT"),
        body: sentence.repeat(5),
        url: some("https://github.com/acme/app/pull/7#discussion_r1"),
    };
    let head = || Some(CommitSha::new("1".repeat(40)));
    let work = prompt::Work::ReviewFix(prompt::ReviewContext {
        reviewer: some("ada"),
        trust: prompt::Trust::Member,
        review_id: some("9001"),
        reviewed_head: head(),
        url: some("https://github.com/acme/app/pull/7#pullrequestreview-9001"),
        body: Some(sentence.repeat(20)),
        comments: vec![comment; 20],
        degraded: true,
    });
    let facts = prompt::PullRequestFacts {
        number: PrNumber(7),
        url: some("https://github.com/acme/app/pull/7"),
        head: head(),
        review: some("changes_requested"),
        checks: some("success"),
        mergeable: some("clean"),
        freshness: prompt::Freshness::Fresh,
    };
    let remark = Some(prompt::Remark {
        text: sentence.repeat(20),
        author: some("ada"),
        trust: prompt::Trust::Member,
    });
    let session = prompt::SessionText {
        context: remark.clone(),
        instruction: remark,
        ..prompt::SessionText::default()
    };
    let input = prompt::Input {
        kind: prompt::InputKind::FollowupComment,
        text: sentence.repeat(5),
        author: some("grace"),
        trust: prompt::Trust::Member,
    };
    let inputs = vec![input; 3];
    let workflow =
        prompt::WorkflowFile { name: "REVIEW_WORKFLOW.md".to_owned(), text: sentence.repeat(60) };
    let earlier = prompt::EarlierWork::OtherThread {
        rescue: some("refs/patchrelay/rescue/1/2"),
        dirty: vec!["src/some/module/greeting.rs".to_owned(); 10],
    };
    let ticket = ticket(&sentence.repeat(100));
    let (branch, base) = (BranchName::new("app/APP-1-x"), BranchName::new("main"));
    let request = prompt::Request {
        work: &work,
        pull_request: Some(&facts),
        session: &session,
        inputs: &inputs,
        earlier: &earlier,
        wake: Some(prompt::WakeReason::ReviewChangesRequested),
        workflow: Some(&workflow),
        ..prompt::Request::new(&ticket, &branch, &base)
    };
    let size = prompt::build(&request).to_string().len() / 1_000;
    criterion.bench_function(&format!("review-fix prompt of {size} kB"), |bencher| {
        bencher.iter(|| prompt::build(black_box(&request)).to_string());
    });
}

criterion_group!(benches, domain, review_fix);
criterion_main!(benches);
