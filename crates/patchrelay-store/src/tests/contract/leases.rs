use std::sync::Arc;

use patchrelay_domain::{BranchName, CommitSha, RunId, RunState, RunType, Worktree};
use patchrelay_ports::{Commit, Committed, FeedFilter, Store};

use crate::tests::fixtures::{
    NOW, TTL, asked, claim, failure, issue, later, leased, line, settle, stored, thought,
    with_issue, with_run, worker,
};

type Shared = Arc<dyn Store>;

fn working() -> RunState {
    RunState::Working {
        worktree: Worktree {
            path: "/data/worktrees/APP-1".to_owned(),
            branch: BranchName::new("patchrelay/APP-1"),
            base_branch: BranchName::new("main"),
            base: CommitSha::new("0123456789012345678901234567890123456789"),
            merge: None,
            is_behind: false,
        },
        thread: None,
        turn: None,
        continuations: 0,
    }
}

async fn acquire(store: &Shared, name: &str, seconds: u64) -> Option<i64> {
    store
        .acquire(&issue(name), &worker("w2"), later(seconds), TTL)
        .await
        .unwrap()
        .map(|lease| lease.token)
}

pub(in crate::tests) async fn a_held_lease_is_refused_until_it_expires(store: Shared) {
    with_issue(&*store, "a").await;
    with_issue(&*store, "b").await;
    let first = leased(&*store, "a", "w1", NOW).await;
    assert_eq!((first.owner.as_str(), first.token, first.expires), ("w1", 1, later(30)));
    assert_eq!(
        store.acquire(&issue("a"), &worker("w1"), NOW, TTL).await.unwrap(),
        None,
        "not even to its holder"
    );
    assert_eq!(acquire(&store, "a", 29).await, None);
    assert_eq!(acquire(&store, "b", 29).await, Some(1));
    assert_eq!(acquire(&store, "a", 30).await, Some(2));
}

pub(in crate::tests) async fn an_issue_that_is_not_stored_has_no_lease(store: Shared) {
    assert_eq!(acquire(&store, "a", 0).await, None);
}

pub(in crate::tests) async fn a_token_grows_over_release(store: Shared) {
    with_issue(&*store, "a").await;
    for token in 1..4 {
        let lease = leased(&*store, "a", "w1", NOW).await;
        assert_eq!(lease.token, token);
        store.release(&lease).await.unwrap();
    }
}

pub(in crate::tests) async fn a_lease_is_renewed_until_it_expires(store: Shared) {
    with_issue(&*store, "a").await;
    let lease = leased(&*store, "a", "w1", NOW).await;
    assert_eq!(store.renew(&lease, later(20), TTL).await.unwrap(), Some(later(50)));
    assert_eq!(acquire(&store, "a", 49).await, None);
    assert_eq!(
        store.renew(&lease, later(50), TTL).await.unwrap(),
        None,
        "expired, although nobody took it"
    );
    assert_eq!(acquire(&store, "a", 50).await, Some(2));
    assert_eq!(store.renew(&lease, later(51), TTL).await.unwrap(), None);
}

pub(in crate::tests) async fn releasing_a_lost_lease_does_nothing(store: Shared) {
    with_issue(&*store, "a").await;
    let lost = leased(&*store, "a", "w1", NOW).await;
    let held = leased(&*store, "a", "w1", later(30)).await;
    store.release(&lost).await.unwrap();
    assert_eq!(acquire(&store, "a", 31).await, None);
    store.release(&held).await.unwrap();
    store.release(&held).await.unwrap();
    assert_eq!(acquire(&store, "a", 31).await, Some(3));
}

pub(in crate::tests) async fn of_many_concurrent_workers_one_gets_the_lease(store: Shared) {
    with_issue(&*store, "a").await;
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&store);
        workers.spawn(async move {
            store.acquire(&issue("a"), &worker(&format!("w{number}")), NOW, TTL).await.unwrap()
        });
    }
    let leases: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(leases.len(), 1, "{leases:?}");
}

pub(in crate::tests) async fn a_claim_inserts_its_run(store: Shared) {
    with_run(&*store, "a", "w1", "r1").await;
    let run = store.run(&RunId::new("r1")).await.unwrap().unwrap();
    assert_eq!(
        (run.issue, run.run_type, run.state),
        (issue("a"), RunType::Implementation, RunState::Preparing)
    );
    assert_eq!((run.outcome, run.started, run.ended), (None, NOW, None));
    assert_eq!(store.run(&RunId::new("r2")).await.unwrap(), None);
}

pub(in crate::tests) async fn a_claim_without_the_lease_leaves_no_trace(store: Shared) {
    with_issue(&*store, "a").await;
    let lease = leased(&*store, "a", "w1", NOW).await;
    let whole = Commit {
        observations: vec![asked("why?")],
        orders: vec![thought("t1")],
        feed: vec![line("claimed")],
        ..claim(1, "a", &lease, "r1")
    };
    let expired = Commit { at: later(30), ..whole.clone() };
    assert_eq!(store.commit(&expired).await.unwrap(), Committed::LeaseLost);
    let newer = leased(&*store, "a", "w1", later(30)).await;
    assert_eq!(
        store.commit(&Commit { at: later(31), ..whole.clone() }).await.unwrap(),
        Committed::LeaseLost
    );
    store.release(&newer).await.unwrap();
    assert_eq!(store.commit(&whole).await.unwrap(), Committed::LeaseLost);

    assert_eq!(store.load(&issue("a")).await.unwrap().unwrap().version, 1);
    assert_eq!(store.runs_of(&issue("a")).await.unwrap(), []);
    assert_eq!(store.observations(&issue("a"), 10).await.unwrap(), []);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap(), []);
    assert_eq!(store.outbox_pending().await.unwrap(), 0);
}

pub(in crate::tests) async fn a_lease_is_good_for_its_own_issue_only(store: Shared) {
    let of_a = with_run(&*store, "a", "w1", "r1").await;
    let of_b = with_run(&*store, "b", "w1", "r2").await;
    assert_eq!(
        (of_a.token, &of_a.owner),
        (of_b.token, &of_b.owner),
        "or the test would prove nothing"
    );
    assert_eq!(store.commit(&claim(2, "b", &of_a, "r3")).await.unwrap(), Committed::LeaseLost);
    assert_eq!(store.commit(&settle(2, "b", &of_a, "r2")).await.unwrap(), Committed::LeaseLost);
    assert!(!store.advance(&of_a, &RunId::new("r2"), &working(), None, NOW).await.unwrap());
}

pub(in crate::tests) async fn an_issue_has_one_open_run(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    assert_eq!(store.commit(&claim(2, "a", &lease, "r2")).await.unwrap(), Committed::Conflict);
    assert_eq!(stored(&*store, &settle(2, "a", &lease, "r1")).await, 3);
    assert_eq!(stored(&*store, &claim(3, "a", &lease, "r2")).await, 4);
}

pub(in crate::tests) async fn no_two_runs_have_the_same_id(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    stored(&*store, &settle(2, "a", &lease, "r1")).await;
    assert_eq!(store.commit(&claim(3, "a", &lease, "r1")).await.unwrap(), Committed::Conflict);
    let run = store.run(&RunId::new("r1")).await.unwrap().unwrap();
    assert_eq!(run.outcome, Some(failure("not enough")), "what the first one came to stays");
    assert_eq!(store.load(&issue("a")).await.unwrap().unwrap().version, 3);
}

pub(in crate::tests) async fn a_run_advances_under_its_lease(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    let run = RunId::new("r1");
    assert!(
        store.advance(&lease, &run, &working(), Some(&line("working")), later(1)).await.unwrap()
    );
    assert!(store.advance(&lease, &run, &working(), None, later(2)).await.unwrap());
    assert_eq!(store.run(&run).await.unwrap().unwrap().state, working());
    let feed = store.feed(&FeedFilter::after(0, 10)).await.unwrap();
    assert_eq!(feed.len(), 1);
    assert_eq!(
        (feed[0].at, &feed[0].issue, &feed[0].entry),
        (later(1), &issue("a"), &line("working"))
    );
    assert!(
        !store.advance(&lease, &RunId::new("r2"), &working(), None, NOW).await.unwrap(),
        "there is no such run"
    );
}

pub(in crate::tests) async fn an_old_token_cannot_advance_or_settle(store: Shared) {
    let old = with_run(&*store, "a", "w1", "r1").await;
    let run = RunId::new("r1");
    // Expired is enough; taken over, by whomever, is worse.
    for takeover in [false, true] {
        if takeover {
            leased(&*store, "a", "w1", later(30)).await;
        }
        assert!(
            !store.advance(&old, &run, &working(), Some(&line("late")), later(30)).await.unwrap()
        );
        let late = Commit { at: later(30), feed: vec![line("late")], ..settle(2, "a", &old, "r1") };
        assert_eq!(store.commit(&late).await.unwrap(), Committed::LeaseLost);
    }
    let run = store.run(&run).await.unwrap().unwrap();
    assert_eq!((run.state, run.ended), (RunState::Preparing, None));
    assert_eq!(store.load(&issue("a")).await.unwrap().unwrap().version, 2);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap(), []);
}

pub(in crate::tests) async fn a_settled_run_is_not_settled_again(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    assert_eq!(stored(&*store, &Commit { at: later(1), ..settle(2, "a", &lease, "r1") }).await, 3);
    let again = Commit { at: later(2), feed: vec![line("again")], ..settle(3, "a", &lease, "r1") };
    assert_eq!(store.commit(&again).await.unwrap(), Committed::AlreadySettled);
    store.release(&lease).await.unwrap();
    assert_eq!(
        store.commit(&again).await.unwrap(),
        Committed::AlreadySettled,
        "the better of two answers"
    );
    let run = store.run(&RunId::new("r1")).await.unwrap().unwrap();
    assert_eq!((run.outcome, run.ended), (Some(failure("not enough")), Some(later(1))));
    assert_eq!(store.load(&issue("a")).await.unwrap().unwrap().version, 3);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap(), []);
}

pub(in crate::tests) async fn a_settled_run_does_not_advance(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    stored(&*store, &settle(2, "a", &lease, "r1")).await;
    assert!(
        !store
            .advance(&lease, &RunId::new("r1"), &working(), Some(&line("late")), NOW)
            .await
            .unwrap()
    );
    assert_eq!(store.run(&RunId::new("r1")).await.unwrap().unwrap().state, RunState::Preparing);
    assert_eq!(store.feed(&FeedFilter::after(0, 10)).await.unwrap(), []);
}

pub(in crate::tests) async fn a_run_is_orphaned_when_its_lease_is_gone(store: Shared) {
    let released = with_run(&*store, "a", "w1", "r1").await;
    let expiring = with_run(&*store, "b", "w1", "r2").await;
    let settled = with_run(&*store, "c", "w1", "r3").await;
    let orphans = async |seconds| -> Vec<String> {
        let runs = store.orphaned_runs(&worker("w2"), later(seconds)).await.unwrap();
        runs.into_iter().map(|run| run.id.to_string()).collect()
    };
    assert_eq!(orphans(29).await, [""; 0]);
    store.release(&released).await.unwrap();
    assert_eq!(orphans(29).await, ["r1"]);
    stored(&*store, &settle(2, "c", &settled, "r3")).await;
    assert_eq!(orphans(30).await, ["r1", "r2"]);
    let reclaimer = leased(&*store, "b", "w2", later(30)).await;
    assert!(expiring.token < reclaimer.token);
    assert_eq!(orphans(31).await, ["r1"]);
}
