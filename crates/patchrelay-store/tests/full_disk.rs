//! A disk that takes no more, for a while. It is the whole process that cannot write, so this test has one of its own.

use std::time::Duration;

use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::Signal,
};
use patchrelay_domain::{
    FeedEntry, FeedKind, FeedLevel, IssueFacts, IssueId, NextStep, NodeId, OutboxOrder, ProjectId,
    TicketTarget, Timestamp, Wait,
};
use patchrelay_ports::{
    Commit, Committed, Delivery, FeedFilter, Guard, Lease, NewOrder, Received, Role, Source, Store,
    StoreError, Stored, Urgency, Worker,
};
use patchrelay_store::SqlStore;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const TTL: Duration = Duration::from_secs(30);

/// Every file that this process writes is full until this is dropped.
struct FullDisk {
    before: (u64, u64),
}

impl FullDisk {
    fn fill() -> Self {
        let before = getrlimit(Resource::RLIMIT_FSIZE).expect("limits can be read");
        setrlimit(Resource::RLIMIT_FSIZE, 0, before.1).expect("a limit can be lowered");
        Self { before }
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        setrlimit(Resource::RLIMIT_FSIZE, self.before.0, self.before.1)
            .expect("what it was is allowed again");
    }
}

fn issue(name: &str) -> IssueId {
    IssueId::new("acme", name)
}

fn change(expected: u64, name: &str, text: &str) -> Commit {
    let line = FeedEntry {
        kind: FeedKind::Observation,
        level: FeedLevel::Info,
        event: "event".to_owned(),
        text: text.to_owned(),
    };
    Commit {
        expected,
        facts: IssueFacts::new(issue(name), ProjectId::new("app"), NOW),
        next: NextStep::Wait { reason: Wait::TicketUnread, until: None },
        observations: Vec::new(),
        orders: vec![NewOrder {
            entity_id: "1".to_owned(),
            order: OutboxOrder::MoveTicket { to: TicketTarget::Started },
            expires: None,
        }],
        feed: vec![line],
        deliveries: Vec::new(),
        guard: Guard::Version,
        at: NOW,
    }
}

fn delivery(id: &str) -> Delivery {
    Delivery {
        source: Source::Linear,
        delivery_id: id.to_owned(),
        event: "Issue".to_owned(),
        body: id.as_bytes().to_owned(),
        received: NOW,
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
}

fn worker(id: &str) -> Worker {
    Worker { id: id.to_owned(), node: NodeId::new("here"), gone_after: 4 * TTL }
}

async fn version(store: &SqlStore, name: &str) -> Option<u64> {
    store.load(&issue(name)).await.expect("reading goes on").map(|Stored { version, .. }| version)
}

/// Everything that writes, while nothing can be written.
async fn fail_at_everything(store: &SqlStore, lease: &Lease) {
    refused(store.commit(&change(1, "a", "lost")).await);
    refused(store.commit(&change(0, "c", "lost")).await);
    refused(store.receive(&delivery("lost")).await);
    // A renewal that changes nothing would write nothing.
    refused(store.renew(lease, NOW, 2 * TTL).await);
    refused(store.acquire(&issue("b"), &worker("w2"), NOW, TTL).await);
    refused(store.release(lease).await);
    refused(store.inbox_done(&[1], NOW).await);
    refused(store.inbox_failed(1, None, "lost").await);
    refused(store.outbox_take("sender", NOW, TTL, Urgency::Any, 10).await);
    refused(store.beat(&worker("w2"), NOW).await);
    refused(store.hold_role(Role::Intake, &worker("w2"), NOW, TTL).await);
    refused(store.check_writable().await);
}

#[tokio::test]
async fn a_store_works_again_as_soon_as_its_disk_does() {
    const ROUNDS: usize = 3;
    // Writing over the limit would otherwise end the process.
    let _ignored = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32)).unwrap();
    let directory = TempDir::new().unwrap();
    let store = SqlStore::sqlite(&directory.path().join("store.sqlite")).await.unwrap();
    for name in ["a", "b"] {
        assert_eq!(store.commit(&change(0, name, "kept")).await.unwrap(), Committed::Stored(1));
    }
    assert_eq!(store.receive(&delivery("kept")).await.unwrap(), Received::Accepted);
    let lease = store.acquire(&issue("a"), &worker("w1"), NOW, TTL).await.unwrap().unwrap();

    {
        let _full = FullDisk::fill();
        for _ in 0..ROUNDS {
            fail_at_everything(&store, &lease).await;
            assert_eq!(version(&store, "a").await, Some(1));
        }
    }

    store.check_writable().await.unwrap();
    assert_eq!(version(&store, "a").await, Some(1));
    assert_eq!(version(&store, "c").await, None);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap().len(), 2);
    let due = store.inbox_due(NOW, &[Source::Linear], 10).await.unwrap();
    assert_eq!(due.iter().map(|row| &*row.delivery.delivery_id).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(due[0].attempts, 0);
    assert_eq!(store.outbox_take("sender", NOW, TTL, Urgency::Any, 10).await.unwrap().len(), 2);
    assert_eq!(store.renew(&lease, NOW, TTL).await.unwrap(), Some(NOW.plus(TTL)));
    let other = store.acquire(&issue("b"), &worker("w2"), NOW, TTL).await.unwrap().unwrap();
    assert_eq!(other.token, 1, "a lease that was not stored was not given");
    assert_eq!(store.commit(&change(1, "a", "kept")).await.unwrap(), Committed::Stored(2));
    assert_eq!(store.receive(&delivery("lost")).await.unwrap(), Received::Accepted);
}
