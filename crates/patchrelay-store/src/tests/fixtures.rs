//! Small changes to store.

use std::time::Duration;

use patchrelay_domain::{
    About, ActivityContent, BranchName, FeedEntry, FeedKind, FeedLevel, IssueFacts, IssueId,
    NextStep, NodeId, Observation, ObservationKind, OutboxOrder, ProjectId, RunId, RunOutcome,
    RunPlan, RunType, SessionId, TicketTarget, Timestamp, Wait,
};
use patchrelay_ports::{
    Commit, Committed, Delivery, Guard, Lease, NewOrder, NewRun, RunText, RunTextKind, Source,
    Store, Worker,
};

/// When everything happens, unless a test says otherwise.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// How long leases last.
pub(super) const TTL: Duration = Duration::from_secs(30);

/// For how long nothing may be heard of a node before it is gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(120);

/// A process of the one node that most tests are about.
pub(super) fn worker(id: &str) -> Worker {
    of_node(id, "here")
}

/// A process that is this node.
pub(super) fn of_node(id: &str, node: &str) -> Worker {
    Worker { id: id.to_owned(), node: NodeId::new(node), gone_after: GONE_AFTER }
}

/// Every source that there is.
pub(super) const BOTH: [Source; 2] = [Source::Linear, Source::Github];

pub(super) fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub(super) fn issue(name: &str) -> IssueId {
    IssueId::new("acme", name)
}

pub(super) fn facts(name: &str) -> IssueFacts {
    IssueFacts::new(issue(name), ProjectId::new("app"), NOW)
}

/// A change that only stores facts.
pub(super) fn change(expected: u64, facts: IssueFacts) -> Commit {
    Commit {
        expected,
        facts,
        next: NextStep::Wait { reason: Wait::TicketUnread, until: None },
        observations: Vec::new(),
        orders: Vec::new(),
        feed: Vec::new(),
        deliveries: Vec::new(),
        guard: Guard::Version,
        at: NOW,
    }
}

pub(super) fn run_next() -> NextStep {
    NextStep::Run(RunPlan {
        run_type: RunType::Implementation,
        epoch: 1,
        branch: BranchName::new("patchrelay/APP-1"),
        worktree_name: "APP-1-x".to_owned(),
        wake: None,
        head: None,
        base_branch: None,
        signature: None,
        resume: None,
        parent: None,
        keep_edits: false,
        merge_base: false,
        needs_new_head: false,
        release: None,
        consumes: Vec::new(),
    })
}

pub(super) fn back_off(until: Timestamp) -> NextStep {
    NextStep::Wait { reason: Wait::Backoff(RunType::Implementation), until: Some(until) }
}

pub(super) fn opened(session: &str) -> Observation {
    let kind = ObservationKind::SessionOpened {
        session: SessionId::new(session),
        prompt: Some("Please — \"now\"\n\u{1F680}".to_owned()),
        author: None,
        opened: None,
        comments: Vec::new(),
    };
    Observation { at: NOW, correlation: "delivery-1".to_owned(), kind }
}

pub(super) fn asked(question: &str) -> Observation {
    let kind = ObservationKind::Asked { question: question.to_owned(), about: About::Work };
    Observation { at: NOW, correlation: "delivery-2".to_owned(), kind }
}

pub(super) fn line(text: &str) -> FeedEntry {
    FeedEntry {
        kind: FeedKind::Observation,
        level: FeedLevel::Info,
        event: "event".to_owned(),
        text: text.to_owned(),
    }
}

/// A remark in the session `s`, whose text is its entity id too.
/// Something that was said in a run.
pub(super) fn text(kind: RunTextKind, text: &str) -> RunText {
    RunText { at: NOW, kind, text: text.to_owned() }
}

pub(super) fn thought(text: &str) -> NewOrder {
    activity(text, false)
}

pub(super) fn acknowledgement(text: &str) -> NewOrder {
    activity(text, true)
}

fn activity(text: &str, urgent: bool) -> NewOrder {
    NewOrder {
        entity_id: text.to_owned(),
        order: OutboxOrder::Activity {
            session: SessionId::new("s"),
            content: ActivityContent::Thought { body: text.to_owned() },
            urgent,
            ephemeral: false,
        },
        expires: None,
    }
}

/// A plan of the session `s`.
pub(super) fn plan(entity_id: &str) -> NewOrder {
    let order = OutboxOrder::Plan { session: SessionId::new("s"), steps: Vec::new() };
    NewOrder { entity_id: entity_id.to_owned(), order, expires: None }
}

pub(super) fn move_ticket(entity_id: &str) -> NewOrder {
    NewOrder {
        entity_id: entity_id.to_owned(),
        order: OutboxOrder::MoveTicket { to: TicketTarget::Started },
        expires: Some(later(3_600)),
    }
}

pub(super) fn delivery(delivery_id: &str, body: &[u8]) -> Delivery {
    Delivery {
        source: Source::Linear,
        delivery_id: delivery_id.to_owned(),
        event: "AgentSessionEvent".to_owned(),
        body: body.to_owned(),
        received: NOW,
    }
}

pub(super) fn failure(reason: &str) -> RunOutcome {
    RunOutcome::Insufficient { reason: reason.to_owned() }
}

/// Commits, and expects it to be stored.
pub(super) async fn stored(store: &dyn Store, commit: &Commit) -> u64 {
    match store.commit(commit).await.expect("the store works") {
        Committed::Stored(version) => version,
        refused => panic!("expected to be stored: {refused:?}"),
    }
}

/// Stores an issue, as version 1.
pub(super) async fn with_issue(store: &dyn Store, name: &str) {
    assert_eq!(stored(store, &change(0, facts(name))).await, 1);
}

/// Takes the lease of an issue, and expects to get it.
pub(super) async fn leased(store: &dyn Store, name: &str, owner: &str, now: Timestamp) -> Lease {
    store
        .acquire(&issue(name), &worker(owner), now, TTL)
        .await
        .expect("the store works")
        .expect("nobody holds the lease")
}

/// The claim of a run by the holder of a lease.
pub(super) fn claim(expected: u64, name: &str, lease: &Lease, run: &str) -> Commit {
    let run = NewRun { id: RunId::new(run), run_type: RunType::Implementation, started: NOW };
    Commit { guard: Guard::Claim { lease: lease.clone(), run }, ..change(expected, facts(name)) }
}

/// The settlement of a run by the holder of a lease.
pub(super) fn settle(expected: u64, name: &str, lease: &Lease, run: &str) -> Commit {
    let guard = Guard::Settle {
        lease: lease.clone(),
        run: RunId::new(run),
        outcome: failure("not enough"),
    };
    Commit { guard, ..change(expected, facts(name)) }
}

/// Stores an issue and claims a run of it, which leads to version 2.
pub(super) async fn with_run(store: &dyn Store, name: &str, owner: &str, run: &str) -> Lease {
    with_issue(store, name).await;
    let lease = leased(store, name, owner, NOW).await;
    assert_eq!(stored(store, &claim(1, name, &lease, run)).await, 2);
    lease
}
