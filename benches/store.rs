//! How long the store takes for what happens all the time, on a SQLite file with 1,000 open issues.

mod issues;

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use patchrelay_domain::{NodeId, ObservationKind, Ticket};
use patchrelay_ports::{Delivery, Guard, Received, Source, Store, Urgency, Worker};
use patchrelay_store::SqlStore;
use tokio::runtime::Runtime;

use crate::issues::{BEGIN, OPEN, change_of, delegate, issue, store_change, ticket};

const TTL: Duration = Duration::from_secs(30);

/// How many reports a sender asks for, as the engine's does.
const REPORTS: u32 = 8;

fn worker() -> Worker {
    Worker {
        id: "worker".to_owned(),
        node: NodeId::new("local"),
        gone_after: Duration::from_secs(120),
    }
}

fn benches(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("there is room for it");
    let runtime = Runtime::new().expect("it starts");
    let store = runtime.block_on(async {
        let store = SqlStore::sqlite(&directory.path().join("store.db")).await;
        let store = store.expect("it opens");
        delegate(&store).await;
        store
    });
    ready(criterion, &runtime, &store);
    lease(criterion, &runtime, &store);
    reports(criterion, &runtime, &store);
    commit(criterion, &runtime, &store);
    receive(criterion, &runtime, &store);
    runtime.block_on(store.close()).expect("it closes");
}

fn ready(criterion: &mut Criterion, runtime: &Runtime, store: &SqlStore) {
    let (worker, limit) = (worker(), u32::try_from(OPEN).expect("there are not so many"));
    let list = || runtime.block_on(store.ready(&worker, BEGIN, limit)).expect("the store works");
    assert_eq!(list().len(), OPEN);
    criterion.bench_function("ready: list 1,000 issues", |bencher| {
        bencher.iter(|| black_box(list()));
    });
}

fn lease(criterion: &mut Criterion, runtime: &Runtime, store: &SqlStore) {
    let (worker, issue) = (worker(), issue(8));
    criterion.bench_function("acquire a lease and release it", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let lease = store.acquire(&issue, &worker, BEGIN, TTL).await;
                let lease = lease.expect("the store works").expect("nobody has it");
                store.release(&lease).await.expect("the store works");
            });
        });
    });
}

/// Each time the same reports, whose hold is over by then: it is the clock that goes on.
fn reports(criterion: &mut Criterion, runtime: &Runtime, store: &SqlStore) {
    let hold = Duration::from_millis(1);
    let mut now = BEGIN;
    criterion.bench_function("outbox_take: 8 of the reports of 1,000 issues", |bencher| {
        bencher.iter(|| {
            now = now.plus(hold);
            let taken = store.outbox_take("worker", now, hold, Urgency::Any, REPORTS);
            let taken = runtime.block_on(taken).expect("the store works");
            assert_eq!(taken.len(), REPORTS as usize);
            taken
        });
    });
}

/// A ticket that was edited: facts, one observation and its line in the feed.
fn commit(criterion: &mut Criterion, runtime: &Runtime, store: &SqlStore) {
    let edited = ObservationKind::TicketRead {
        version: BEGIN.plus(Duration::from_secs(1)),
        ticket: Ticket { title: "Wish everybody a good night".to_owned(), ..ticket() },
    };
    let issue = issue(7);
    let mut commit = runtime.block_on(change_of(store, &issue, vec![edited], Guard::Version));
    assert_eq!((commit.observations.len(), commit.orders.len()), (1, 0));
    criterion.bench_function("commit an edited ticket", |bencher| {
        bencher.iter(|| {
            runtime.block_on(store_change(store, &commit));
            commit.expected += 1;
        });
    });
}

fn receive(criterion: &mut Criterion, runtime: &Runtime, store: &SqlStore) {
    let text = "a".repeat(4_000);
    let mut count = 0;
    criterion.bench_function("receive a delivery of 4 kB", |bencher| {
        bencher.iter(|| {
            count += 1;
            let delivery = Delivery {
                source: Source::Linear,
                delivery_id: format!("delivery-{count}"),
                event: "AgentSessionEvent".to_owned(),
                body: format!("{count}{text}").into_bytes(),
                received: BEGIN,
            };
            let received = runtime.block_on(store.receive(&delivery)).expect("the store works");
            assert_eq!(received, Received::Accepted);
        });
    });
}

criterion_group!(store, benches);
criterion_main!(store);
