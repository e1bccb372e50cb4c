//! How long a decision, a fold and a prompt take.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use patchrelay_benches::ticket;
use patchrelay_domain::{
    Actor, BranchName, Charge, Check, CheckStatus, CommitSha, Evolved, Heard, IssueFacts, IssueId,
    Observation, ObservationKind, Policy, PrNumber, PrState, ProjectId, PullRequest, Review,
    ReviewVerdict, RunId, RunOutcome, RunType, Spent, Standing, Timestamp, decide, evolve, prompt,
};

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

/// An issue of which as much is known as facts can hold: an open pull request with reviews and checks, and people waiting.
fn full(policy: &Policy) -> IssueFacts {
    let at = Timestamp::from_millis;
    let actor = |id: String| Actor {
        id,
        name: Some("Ada Lovelace".to_owned()),
        email: None,
        standing: Standing::Writer,
    };
    let head = || CommitSha::new("1".repeat(40));
    let branch = BranchName::new("app/APP-1-wish-a-good-night");
    let pull_request = PullRequest {
        number: PrNumber(7),
        url: "https://github.com/acme/app/pull/7".to_owned(),
        state: PrState::Open,
        is_draft: false,
        is_from_fork: false,
        head_branch: branch.clone(),
        head: head(),
        base_branch: BranchName::new("main"),
        merge_commit: None,
        ended: None,
    };
    let claimed = ObservationKind::RunClaimed {
        run: RunId::new("run-1"),
        run_type: RunType::Implementation,
        epoch: 1,
        branch,
        worktree: "/worktrees/APP-1".to_owned(),
        consumes: Vec::new(),
        wake: None,
        head: None,
        signature: None,
        release: None,
        node: None,
    };
    let settled = ObservationKind::RunSettled {
        run: RunId::new("run-1"),
        result: RunOutcome::Published {
            commit: head(),
            pull_request,
            version: at(5),
            summary: "Added the greeting.".to_owned(),
        },
        charge: Charge::Nothing,
        continuations: 0,
        thread: None,
        spent: Spent::default(),
    };
    let reviews = (0..100).map(|n| ObservationKind::ReviewRead {
        number: PrNumber(7),
        review: Review {
            id: format!("review-{n}"),
            reviewer: actor(format!("reviewer-{}", n % 10)),
            verdict: ReviewVerdict::ChangesRequested,
            head: head(),
            submitted: at(n),
        },
    });
    let checks = (0..u64::try_from(policy.gate_checks.len()).unwrap_or(0)).map(|n| {
        let check = Check {
            id: n,
            name: format!("check {n}"),
            status: CheckStatus::Success,
            version: at(9),
        };
        ObservationKind::CheckRead { head: head(), check }
    });
    let words = (0..64).map(|n| ObservationKind::HumanInput {
        source: format!("comment-{n}"),
        said: at(n),
        heard: Heard::Session,
        author: actor("user-1".to_owned()),
        text: "Please answer in German, too. ".repeat(20),
        is_edit: false,
    });
    [claimed, settled].into_iter().chain(reviews).chain(checks).chain(words).fold(
        facts(policy),
        |facts, kind| {
            let seen = Observation { at: at(9), correlation: "delivery".to_owned(), kind };
            match evolve(policy, &facts, &seen) {
                Evolved::Changed(facts) => *facts,
                Evolved::Unchanged => facts,
            }
        },
    )
}

/// The same fold and decision where very much is known: 64 inputs, 100 reviews, a gate of 20 checks.
fn largest(criterion: &mut Criterion) {
    let gate_checks = (0..20).map(|n| format!("check {n}")).collect();
    let policy = Policy { gate_checks, ..Policy::default() };
    let facts = full(&policy);
    assert_eq!((facts.pending.len(), facts.reviews.len(), facts.checks.len()), (64, 100, 20));
    let newer = read(20);
    criterion.bench_function("evolve the largest facts", |bencher| {
        bencher.iter(|| evolve(&policy, black_box(&facts), &newer));
    });
    let now = Timestamp::from_millis(10);
    criterion.bench_function("decide on the largest facts", |bencher| {
        bencher.iter(|| decide(&policy, now, black_box(&facts)));
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

criterion_group!(benches, domain, largest, review_fix);
criterion_main!(benches);
