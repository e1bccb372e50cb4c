use std::sync::Arc;

use patchrelay_domain::{InputKind, ObservationKind, PendingInput, prompt::Trust};
use patchrelay_ports::{Commit, Committed, FeedFilter, Received, Store};

use crate::tests::fixtures::{
    BOTH, NOW, asked, change, delivery, facts, issue, later, line, opened, stored, thought,
    with_issue,
};

type Shared = Arc<dyn Store>;

pub(in crate::tests) async fn facts_round_trip(store: Shared) {
    let mut facts = facts("a");
    facts.next_input = u64::MAX;
    facts.no_change_needed = Some("quotes \" and \\ and \0 and \u{1F680}".to_owned());
    facts.pending.push(PendingInput {
        seq: 1,
        at: NOW,
        said: NOW,
        source: "comment".to_owned(),
        kind: InputKind::FollowupComment,
        text: String::new(),
        author: None,
        trust: Trust::Member,
    });
    assert_eq!(stored(&*store, &change(0, facts.clone())).await, 1);
    let first = store.load(&issue("a")).await.unwrap().unwrap();
    assert_eq!((first.version, &first.facts), (1, &facts));

    facts.pending.clear();
    facts.updated = later(1);
    assert_eq!(stored(&*store, &change(1, facts.clone())).await, 2);
    let second = store.load(&issue("a")).await.unwrap().unwrap();
    assert_eq!((second.version, second.facts), (2, facts));
}

pub(in crate::tests) async fn an_unknown_issue_is_not_there(store: Shared) {
    with_issue(&*store, "a").await;
    assert_eq!(store.load(&issue("b")).await.unwrap(), None);
}

/// A commit with one of everything.
async fn whole(store: &Shared, expected: u64) -> Commit {
    assert_eq!(store.receive(&delivery("d1", b"one")).await.unwrap(), Received::Accepted);
    let row = store.inbox_due(NOW, &BOTH, 10).await.unwrap()[0].id;
    let mut facts = facts("a");
    facts.next_input = 77;
    Commit {
        observations: vec![opened("s1"), asked("why?")],
        orders: vec![thought("t1")],
        feed: vec![line("opened"), line("asked")],
        deliveries: vec![row],
        ..change(expected, facts)
    }
}

/// What is stored of [`whole`]: facts, observations, orders, feed lines, deliveries that are still due.
async fn trace(store: &Shared) -> (Option<u64>, usize, u64, usize, usize) {
    (
        store.load(&issue("a")).await.unwrap().map(|stored| stored.facts.next_input),
        store.observations(&issue("a"), 10).await.unwrap().len(),
        store.outbox_pending().await.unwrap(),
        store.feed(&FeedFilter::after(0, 10)).await.unwrap().len(),
        store.inbox_due(NOW, &BOTH, 10).await.unwrap().len(),
    )
}

pub(in crate::tests) async fn a_stale_commit_leaves_no_trace(store: Shared) {
    with_issue(&*store, "a").await;
    let mut commit = whole(&store, 0).await;
    for stale in [0, 2, u64::MAX] {
        commit.expected = stale;
        assert_eq!(store.commit(&commit).await.unwrap(), Committed::Conflict, "{stale}");
        assert_eq!(trace(&store).await, (Some(0), 0, 0, 0, 1), "{stale}");
    }
    commit.expected = 1;
    assert_eq!(store.commit(&commit).await.unwrap(), Committed::Stored(2));
    assert_eq!(trace(&store).await, (Some(77), 2, 1, 2, 0));
}

pub(in crate::tests) async fn a_second_first_commit_conflicts(store: Shared) {
    let commit = whole(&store, 0).await;
    assert_eq!(store.commit(&commit).await.unwrap(), Committed::Stored(1));
    assert_eq!(store.commit(&commit).await.unwrap(), Committed::Conflict);
    assert_eq!(trace(&store).await, (Some(77), 2, 1, 2, 0));
}

pub(in crate::tests) async fn an_occurrence_counts_once(store: Shared) {
    stored(&*store, &Commit { observations: vec![opened("s1")], ..change(0, facts("a")) }).await;
    let mut again = whole(&store, 1).await;
    again.observations = vec![asked("why?"), opened("s1")];
    assert_eq!(store.commit(&again).await.unwrap(), Committed::Conflict);
    assert_eq!(trace(&store).await, (Some(0), 1, 0, 0, 1));
    // Another issue, and another occurrence, have nothing to do with it.
    stored(&*store, &Commit { observations: vec![opened("s1")], ..change(0, facts("b")) }).await;
    stored(&*store, &Commit { observations: vec![opened("s2")], ..change(1, facts("a")) }).await;
}

pub(in crate::tests) async fn states_may_repeat(store: Shared) {
    let twice = vec![asked("why?"), asked("why?")];
    stored(&*store, &Commit { observations: twice.clone(), ..change(0, facts("a")) }).await;
    stored(&*store, &Commit { observations: twice, ..change(1, facts("a")) }).await;
    assert_eq!(store.observations(&issue("a"), 10).await.unwrap().len(), 4);
}

pub(in crate::tests) async fn known_occurrences_are_told(store: Shared) {
    stored(
        &*store,
        &Commit { observations: vec![opened("s1"), asked("why?")], ..change(0, facts("a")) },
    )
    .await;
    let kinds: Vec<ObservationKind> =
        [opened("s2"), opened("s1"), asked("why?")].into_iter().map(|o| o.kind).collect();
    assert_eq!(store.known_occurrences(&issue("a"), &kinds).await.unwrap(), [false, true, false]);
    assert_eq!(store.known_occurrences(&issue("b"), &kinds).await.unwrap(), [false, false, false]);
    assert_eq!(store.known_occurrences(&issue("a"), &[]).await.unwrap(), [false; 0]);
}

pub(in crate::tests) async fn of_two_concurrent_commits_one_conflicts(store: Shared) {
    with_issue(&*store, "a").await;
    for expected in 1..10 {
        let commit = change(expected, facts("a"));
        let (one, other) = tokio::join!(store.commit(&commit), store.commit(&commit));
        let mut answers = [one.unwrap(), other.unwrap()];
        answers.sort_by_key(|answer| *answer == Committed::Conflict);
        assert_eq!(answers, [Committed::Stored(expected + 1), Committed::Conflict]);
    }
}

/// Eight tasks add one, 25 times each, to a number that they read before they write it.
pub(in crate::tests) async fn concurrent_read_then_write_loses_nothing(store: Shared) {
    const TASKS: u64 = 8;
    const INCREMENTS: u64 = 25;
    with_issue(&*store, "a").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for _ in 0..INCREMENTS {
                while !increment(&*store).await {}
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let end = store.load(&issue("a")).await.unwrap().unwrap();
    assert_eq!((end.facts.next_input, end.version), (TASKS * INCREMENTS, TASKS * INCREMENTS + 1));
}

async fn increment(store: &dyn Store) -> bool {
    let mut read = store.load(&issue("a")).await.unwrap().unwrap();
    read.facts.next_input += 1;
    match store.commit(&change(read.version, read.facts)).await.unwrap() {
        Committed::Stored(_) => true,
        Committed::Conflict => false,
        other => panic!("{other:?}"),
    }
}

pub(in crate::tests) async fn deliveries_are_done_with_the_commit(store: Shared) {
    for id in ["d1", "d2"] {
        assert_eq!(store.receive(&delivery(id, id.as_bytes())).await.unwrap(), Received::Accepted);
    }
    let rows = store.inbox_due(NOW, &BOTH, 10).await.unwrap();
    stored(&*store, &Commit { deliveries: vec![rows[1].id], ..change(0, facts("a")) }).await;
    let due: Vec<_> =
        store.inbox_due(NOW, &BOTH, 10).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(due, [rows[0].id]);
}
