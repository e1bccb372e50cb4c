//! Calls that are dropped on their way.

use std::{
    pin::pin,
    task::{Context, Waker},
};

use patchrelay_ports::{Commit, FeedFilter, Store};

use crate::{
    SqlStore,
    tests::fixtures::{asked, change, facts, issue, line, thought},
};

/// Cuts commits anywhere, and sees that each happened whole or not at all. `settled` waits until what was cut is over.
pub(super) async fn cut_commits(store: &SqlStore, mut settled: impl AsyncFnMut()) {
    // Enough to be cut anywhere: a commit like this one takes about thirty polls, fewer when SQLite's thread is quick.
    const ROUNDS: usize = 80;
    const MOST_POLLS: usize = 40;
    let mut version = 0;
    for round in 0..ROUNDS {
        let commit = Commit {
            observations: vec![asked("one"), asked("two")],
            orders: vec![thought("1")],
            feed: vec![line("1"), line("2"), line("3")],
            ..change(version, facts("a"))
        };
        {
            let mut cut = pin!(store.commit(&commit));
            for _ in 0..round % MOST_POLLS {
                if cut.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
                std::thread::yield_now();
            }
        }
        settled().await;
        version = store.load(&issue("a")).await.unwrap().map_or(0, |stored| stored.version);
        let whole = usize::try_from(version).unwrap();
        assert_eq!(store.observations(&issue("a"), 1_000).await.unwrap().len(), 2 * whole);
        assert_eq!(store.outbox_pending().await.unwrap(), version);
        assert_eq!(store.feed(&FeedFilter::after(0, 1_000)).await.unwrap().len(), 3 * whole);
    }
}
