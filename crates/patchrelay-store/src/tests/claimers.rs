//! Many claimers over many issues: each appends to a log when it takes up an issue and before it lets go of it, and the
//! log tells whether two ever had the same one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::Arc,
};

use patchrelay_domain::{NextStep, RunId, RunState, Wait};
use patchrelay_ports::{Commit, Lease, Store};
use tokio::task::JoinSet;

use super::fixtures::{NOW, TTL, change, claim, facts, run_next, settle, stored, worker};

/// How many issues there are.
pub(super) const ISSUES: usize = 1_000;

/// How many ready issues a claimer looks at. They all see the same ones, so they are in each other's way.
const LOOKED_AT: u32 = 16;

/// Stores that many issues, each ready for a run.
pub(super) async fn make_ready(store: &dyn Store) {
    for number in 0..ISSUES {
        let new = Commit { next: run_next(), ..change(0, facts(&format!("i{number}"))) };
        assert_eq!(stored(store, &new).await, 1);
    }
}

/// A file that several processes append to. A line is one write, so lines stand in the order in which they were written.
#[derive(Clone)]
pub(super) struct Log {
    file: Arc<File>,
}

impl Log {
    pub(super) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        Self { file: Arc::new(file) }
    }

    fn append(&self, what: What, lease: &Lease) {
        let line = format!("{what} {} {} {}\n", lease.issue.ticket, lease.token, lease.owner);
        assert_eq!((&*self.file).write(line.as_bytes()).unwrap(), line.len());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Begin,
    End,
}

impl Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "begin",
            Self::End => "end",
        })
    }
}

/// Somebody who runs issues one after the other until there are none left.
pub(super) struct Claimer {
    pub(super) store: Arc<dyn Store>,
    pub(super) name: String,
    pub(super) log: Log,
    /// After how many it takes up one more, tells by this, and stays there.
    pub(super) hangs_after: Option<(usize, fn())>,
}

impl Claimer {
    /// Lets several of them run at once.
    pub(super) async fn run_all(claimers: impl IntoIterator<Item = Self>) {
        let mut tasks: JoinSet<()> = claimers.into_iter().map(Self::run).collect();
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }

    async fn run(self) {
        let mut done = 0;
        loop {
            let ready = self.store.ready(&worker(&self.name), NOW, LOOKED_AT).await.unwrap();
            if ready.is_empty() {
                return;
            }
            for next in ready {
                let Some(lease) =
                    self.store.acquire(&next.issue, &worker(&self.name), NOW, TTL).await.unwrap()
                else {
                    continue;
                };
                if let Some((after, tell)) = self.hangs_after
                    && done == after
                    && self.is_new(&lease).await
                {
                    self.claim(&lease).await;
                    self.log.append(What::Begin, &lease);
                    tell();
                    return std::future::pending().await;
                }
                done += usize::from(self.work(&lease).await);
            }
        }
    }

    /// Works on an issue from the claim to the settlement. `false`: somebody else had done it meanwhile.
    async fn work(&self, lease: &Lease) -> bool {
        let is_new = self.is_new(lease).await;
        if is_new {
            self.log.append(What::Begin, lease);
            let run = self.claim(lease).await;
            assert!(
                self.store.advance(lease, &run, &RunState::Preparing, None, NOW).await.unwrap(),
                "a run is advanced by who holds its lease"
            );
            self.end(lease).await;
            self.log.append(What::End, lease);
        }
        self.store.release(lease).await.unwrap();
        is_new
    }

    /// Whether nobody had worked on the issue before the lease of it was ours: it may have been ready long ago.
    async fn is_new(&self, lease: &Lease) -> bool {
        self.store.load(&lease.issue).await.unwrap().unwrap().version == 1
    }

    async fn claim(&self, lease: &Lease) -> RunId {
        let name = lease.issue.ticket.to_string();
        let run = format!("run-of-{name}");
        assert_eq!(stored(&*self.store, &claim(1, &name, lease, &run)).await, 2);
        RunId::new(run)
    }

    async fn end(&self, lease: &Lease) {
        let name = lease.issue.ticket.to_string();
        let next = NextStep::Wait { reason: Wait::Undelegated, until: None };
        let end = Commit { next, ..settle(2, &name, lease, &format!("run-of-{name}")) };
        assert_eq!(stored(&*self.store, &end).await, 3);
    }

    /// Ends the runs whose claimers are gone.
    pub(super) async fn take_over(&self) {
        for run in self.store.orphaned_runs(&worker(&self.name), NOW).await.unwrap() {
            let lease = self
                .store
                .acquire(&run.issue, &worker(&self.name), NOW, TTL)
                .await
                .unwrap()
                .unwrap();
            self.log.append(What::Begin, &lease);
            self.end(&lease).await;
            self.log.append(What::End, &lease);
            self.store.release(&lease).await.unwrap();
        }
    }
}

/// Reads a log, in which nobody begins what somebody else has not ended, unless that is one of `gone`; a token is
/// higher than all before it of the same issue. Gives the leases that were never ended.
pub(super) fn check(log: &Path, gone: &BTreeSet<String>) -> Vec<Lease> {
    let text = std::fs::read_to_string(log).unwrap();
    let mut open: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    let mut lost = Vec::new();
    let mut lose = |issue: &str, (token, holder): (i64, &str), event: &str| {
        assert!(gone.contains(holder), "{event}, while {holder} had it");
        lost.push(Lease {
            issue: super::fixtures::issue(issue),
            owner: holder.to_owned(),
            token,
            expires: NOW,
        });
    };
    for line in text.lines() {
        let [what, issue, token, owner] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a line of the log: {line}");
        };
        let token: i64 = token.parse().unwrap();
        if what == What::End.to_string() {
            assert_eq!(open.remove(issue), Some((token, owner)), "{line}");
            continue;
        }
        if let Some(held) = open.insert(issue, (token, owner)) {
            lose(issue, held, &format!("{owner} began {issue}"));
        }
        let before = newest.insert(issue, token);
        assert!(before < Some(token), "{owner} has token {token} of {issue} after {before:?}");
    }
    for (issue, held) in open {
        lose(issue, held, &format!("nobody ended {issue}"));
    }
    assert_eq!(newest.len(), ISSUES, "every issue was taken up");
    lost
}

/// Every issue had one run, which ended.
pub(super) async fn all_are_done(store: &dyn Store) {
    for number in 0..ISSUES {
        let issue = super::fixtures::issue(&format!("i{number}"));
        let runs = store.runs_of(&issue).await.unwrap();
        assert_eq!(runs.len(), 1, "{issue}: {runs:?}");
        assert!(runs[0].ended.is_some(), "{issue}: {runs:?}");
        assert_eq!(store.load(&issue).await.unwrap().unwrap().version, 3, "{issue}");
    }
}
