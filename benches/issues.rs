//! A database as a busy installation has it: many open issues, all of them ready for a first run.

use patchrelay_domain::{
    Budgets, IssueFacts, IssueId, Limits, Observation, ObservationKind, Policy, Project, ProjectId,
    SessionId, Ticket, Timestamp, change,
};
use patchrelay_ports::{Commit, Committed, Guard, NewOrder, Store, Stored};

/// How many issues are open.
pub(crate) const OPEN: usize = 1_000;

/// When they were delegated.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) fn issue(number: usize) -> IssueId {
    IssueId::new("acme", format!("0a4c0f3e-0000-4000-8000-{number:012}"))
}

pub(crate) fn project() -> Project {
    Project {
        id: ProjectId::new("app"),
        repo: "acme/app".parse().expect("it is a repository"),
        base_branch: None,
        branch_prefix: "app".to_owned(),
        linear_teams: vec!["APP".to_owned()],
        linear_projects: Vec::new(),
        issue_key_prefixes: Vec::new(),
        labels: Vec::new(),
        trusted: patchrelay_domain::TrustedActors::default(),
        budgets: Budgets::default(),
        limits: Limits::default(),
        protected_paths: Vec::new(),
        publisher: patchrelay_domain::prompt::Publisher::Harness,
        draft: false,
        network: false,
        gate_checks: vec!["Tests".to_owned(), "verify".to_owned()],
        merge_queue_check: "merge-steward/queue".to_owned(),
        trust_hook: false,
        max_concurrent_runs: 4,
    }
}

/// What the tracker shows of any of them.
pub(crate) fn ticket() -> Ticket {
    patchrelay_benches::ticket(&"One sentence of a description that has many. ".repeat(50))
}

/// The change that these make to an issue as it is now, with all that belongs to it.
pub(crate) async fn change_of(
    store: &dyn Store,
    issue: &IssueId,
    kinds: Vec<ObservationKind>,
    guard: Guard,
) -> Commit {
    let known = store.load(issue).await.expect("the store works");
    let Stored { facts, version } = known.unwrap_or_else(|| Stored {
        facts: IssueFacts::new(issue.clone(), ProjectId::new("app"), BEGIN),
        version: 0,
    });
    let observed = |kind| Observation { at: BEGIN, correlation: "delivery".to_owned(), kind };
    let incoming = kinds.into_iter().map(observed).collect();
    let change = change(&Policy::of(&project()), BEGIN, &facts, incoming);
    let orders = change.orders.into_iter().enumerate().map(|(n, order)| NewOrder {
        entity_id: format!("{issue}-{version}-{n}"),
        expires: order.useful_for().map(|time| BEGIN.plus(time)),
        order,
    });
    Commit {
        expected: version,
        facts: change.facts,
        next: change.next,
        observations: change.observations,
        orders: orders.collect(),
        feed: change.feed,
        deliveries: Vec::new(),
        guard,
        at: BEGIN,
    }
}

pub(crate) async fn store_change(store: &dyn Store, commit: &Commit) {
    let committed = store.commit(commit).await.expect("the store works");
    assert_eq!(committed, Committed::Stored(commit.expected + 1));
}

/// Every issue is delegated and read. Nothing was started, and none of the reports that it deserves was sent yet.
pub(crate) async fn delegate(store: &dyn Store) {
    for number in 0..OPEN {
        let kinds = vec![
            ObservationKind::SessionOpened {
                session: SessionId::new(format!("session-{number}")),
                prompt: None,
                author: None,
                opened: Some(BEGIN),
                comments: Vec::new(),
            },
            ObservationKind::TicketRead { version: BEGIN, ticket: ticket() },
        ];
        let commit = change_of(store, &issue(number), kinds, Guard::Version).await;
        store_change(store, &commit).await;
    }
}
