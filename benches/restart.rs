//! How soon work goes on after a crash with 1,000 open issues and 4 active runs: from opening the database until every run
//! of the dead process was taken over and the agent of a new one is at work. Two seconds are promised, and asserted.
//!
//! It is the hardest start: every issue is ready for a run and has reports to send, all of them are decided again and
//! read again at the same time, and the world outside answers at once, so that nothing but us slows us down.

#![expect(clippy::print_stdout, reason = "a bench shows what it measured")]

mod issues;

use std::{
    collections::HashSet,
    future::pending,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use patchrelay::{CancellationToken, PatchRelay, Settings};
use patchrelay_domain::{
    BranchName, CommitSha, HookEnd, NodeId, ObservationKind, RunId, RunType, ThreadId, Timestamp,
    TurnId, TurnRecord, Versioned, Worktree,
};
use patchrelay_ports::{
    AgentError, AgentEvent, AgentLaunch, AgentRuntime, AgentSession, Clock, Guard, HookOrder, Ids,
    Message, MockForge, MockTracker, MockWorkspaces, Moved, NewRun, Store, ThreadSpec, Told,
    TurnOrder, Worker,
};
use patchrelay_store::SqlStore;
use tokio::{
    runtime::Runtime,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, timeout},
};

use crate::issues::{BEGIN, change_of, delegate, issue, project, store_change, ticket};

/// How many runs were active when the process died.
const ACTIVE: usize = 4;

/// How soon work has to go on.
const PROMISED: Duration = Duration::from_secs(2);

/// When it is too late for a figure: something that should go on does not.
const GIVE_UP: Duration = Duration::from_secs(30);

/// How often it is measured.
const ROUNDS: usize = 10;

/// A minute after the crash.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        BEGIN.plus(Duration::from_secs(60))
    }
}

#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn sortable(&self) -> String {
        format!("new-{}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn random(&self) -> String {
        self.sortable()
    }
}

/// What the engine does with agents.
enum Seen {
    /// It looked for the leftovers of a run.
    TakenOver(RunId),
    /// It let an agent begin with a run.
    AtWork(RunId),
}

/// Tells what it sees. Nobody listens any more when all was seen that is waited for.
fn tell(sender: &UnboundedSender<Seen>, seen: Seen) {
    drop(sender.send(seen));
}

/// Agents that work for ever.
struct Agents(UnboundedSender<Seen>);

struct Agent {
    run: RunId,
    seen: UnboundedSender<Seen>,
}

#[async_trait]
impl AgentRuntime for Agents {
    async fn launch(&self, order: &AgentLaunch) -> Result<Box<dyn AgentSession>, AgentError> {
        Ok(Box::new(Agent { run: order.run.clone(), seen: self.0.clone() }))
    }

    async fn run_hook(&self, _: &HookOrder) -> Result<HookEnd, AgentError> {
        Ok(HookEnd::Done)
    }

    async fn reap(&self, run: &RunId) -> Result<(), AgentError> {
        tell(&self.0, Seen::TakenOver(run.clone()));
        Ok(())
    }
}

#[async_trait]
impl AgentSession for Agent {
    async fn open_thread(&mut self, _: &str, _: ThreadSpec) -> Result<ThreadId, AgentError> {
        Ok(ThreadId::new("thread"))
    }

    async fn start_turn(&mut self, _: &TurnOrder) -> Result<TurnId, AgentError> {
        tell(&self.seen, Seen::AtWork(self.run.clone()));
        Ok(TurnId::new("turn"))
    }

    async fn next_event(&mut self) -> Result<AgentEvent, AgentError> {
        pending().await
    }

    async fn tell(&mut self, _: &Message) -> Result<Told, AgentError> {
        pending().await
    }

    async fn told(&mut self, _: &[String]) -> Result<Vec<String>, AgentError> {
        Ok(Vec::new())
    }

    async fn interrupt(&mut self) -> Result<(), AgentError> {
        Ok(())
    }

    async fn look_at_turn(&mut self, _: &TurnId) -> Result<TurnRecord, AgentError> {
        pending().await
    }

    async fn commands_cpu_time(&mut self) -> Option<Duration> {
        None
    }

    async fn close(self: Box<Self>) {}
}

/// Makes the database that the dead process left.
async fn leave_behind(path: &Path) {
    let store = SqlStore::sqlite(path).await.expect("it opens");
    delegate(&store).await;
    let node = Settings::default().node;
    for number in 0..ACTIVE {
        claim(&store, &node, number).await;
    }
    store.close().await.expect("it closes");
}

async fn claim(store: &dyn Store, node: &NodeId, number: usize) {
    let (issue, run) = (issue(number), RunId::new(format!("lost-{number}")));
    let dead =
        Worker { id: "dead".to_owned(), node: node.clone(), gone_after: Duration::from_secs(120) };
    let lease = store.acquire(&issue, &dead, BEGIN, Duration::from_secs(30)).await;
    let lease = lease.expect("the store works").expect("nobody has it");
    let claimed = ObservationKind::RunClaimed {
        run: run.clone(),
        run_type: RunType::Implementation,
        epoch: 1,
        branch: BranchName::new(format!("app/APP-{number}")),
        worktree: format!("/worktrees/{number}"),
        consumes: Vec::new(),
        wake: None,
        head: None,
        signature: None,
        release: None,
        node: Some(node.clone()),
    };
    let run = NewRun { id: run, run_type: RunType::Implementation, started: BEGIN };
    let guard = Guard::Claim { lease, run };
    let commit = change_of(store, &issue, vec![claimed], guard).await;
    store_change(store, &commit).await;
}

fn tracker() -> MockTracker {
    let mut tracker = MockTracker::new();
    tracker.expect_read_ticket().returning(|_| Ok(Versioned { version: BEGIN, value: ticket() }));
    tracker.expect_create_activity().returning(|_| Ok(()));
    tracker.expect_set_plan().returning(|_| Ok(()));
    tracker.expect_write_comment().returning(|_| Ok(()));
    tracker.expect_move_ticket().returning(|_| Ok(Moved::Moved));
    tracker
}

fn forge() -> MockForge {
    let mut forge = MockForge::new();
    forge.expect_default_branch().returning(|_| Ok(BranchName::new("main")));
    forge
}

fn workspaces() -> MockWorkspaces {
    let mut workspaces = MockWorkspaces::new();
    workspaces.expect_worktree_path().returning(|_, name| format!("/worktrees/{name}"));
    workspaces.expect_free_space().returning(|| Ok(u64::MAX));
    workspaces.expect_prepare_hook().returning(|_, _| Ok(None));
    workspaces.expect_rescue().returning(|_, _, _, _| Ok(None));
    workspaces.expect_prepare().returning(|order| {
        Ok(Worktree {
            path: order.path.clone(),
            branch: order.branch.clone(),
            base_branch: order.base_branch.clone(),
            base: CommitSha::new("1".repeat(40)),
            merge: None,
            is_behind: false,
        })
    });
    workspaces.expect_control_file().returning(|_, _, _| Ok(None));
    workspaces
}

fn relay(store: Arc<dyn Store>, seen: UnboundedSender<Seen>) -> PatchRelay {
    PatchRelay::builder()
        .store(store)
        .tracker(Arc::new(tracker()))
        .forge(Arc::new(forge()))
        .agent(Arc::new(Agents(seen)))
        .workspaces(Arc::new(workspaces()))
        .clock(Arc::new(Later))
        .ids(Arc::new(Counted::default()))
        .settings(Settings { projects: vec![project()], ..Settings::default() })
        .build()
        .expect("nothing is missing")
}

/// How long after the start each of it was so.
#[derive(Clone, Copy)]
struct Times {
    opened: Duration,
    taken_over: Duration,
    at_work: Duration,
}

impl Times {
    /// When both was so.
    fn dispatching(self) -> Duration {
        self.taken_over.max(self.at_work)
    }
}

/// Starts on a copy of the database, and lets the process die again as soon as work goes on.
async fn restart(left: &Path) -> Times {
    let directory = tempfile::tempdir().expect("there is room for it");
    let path = directory.path().join("patchrelay.db");
    std::fs::copy(left, &path).expect("there is room for it");

    let begin = Instant::now();
    let store = Arc::new(SqlStore::sqlite(&path).await.expect("it opens"));
    let opened = begin.elapsed();
    let (sender, seen) = unbounded_channel();
    let running = relay(store.clone(), sender).run_until(CancellationToken::new());
    let (taken_over, at_work) = tokio::select! {
        ended = running => panic!("it ended by itself: {ended:?}"),
        times = timeout(GIVE_UP, watch(begin, seen)) => times.expect("work goes on"),
    };
    store.close().await.expect("it closes");
    Times { opened, taken_over, at_work }
}

/// When the last of the dead process's runs was taken over, and when the agent of a new one was at work.
async fn watch(begin: Instant, mut seen: UnboundedReceiver<Seen>) -> (Duration, Duration) {
    let mut lost: HashSet<_> = (0..ACTIVE).map(|n| RunId::new(format!("lost-{n}"))).collect();
    let (mut taken_over, mut at_work) = (None, None);
    loop {
        match seen.recv().await.expect("the engine goes on") {
            Seen::TakenOver(run) => {
                assert!(lost.remove(&run), "{run} was left behind, and is taken over once");
                if lost.is_empty() {
                    taken_over = Some(begin.elapsed());
                }
            }
            Seen::AtWork(run) => {
                assert!(run.as_str().starts_with("new-"), "{run} is a new run");
                at_work = at_work.or(Some(begin.elapsed()));
            }
        }
        if let (Some(taken_over), Some(at_work)) = (taken_over, at_work) {
            return (taken_over, at_work);
        }
    }
}

/// The shortest, the middle and the longest.
fn spread(rounds: &[Times], time: impl Fn(Times) -> Duration) -> String {
    let mut times: Vec<_> = rounds.iter().copied().map(time).collect();
    times.sort_unstable();
    let millis = |at: usize| times[at].as_millis();
    format!("{} .. {} .. {} ms", millis(0), millis(times.len() / 2), millis(times.len() - 1))
}

fn main() {
    let runtime = Runtime::new().expect("it starts");
    let directory = tempfile::tempdir().expect("there is room for it");
    let left = directory.path().join("left.db");
    runtime.block_on(leave_behind(&left));
    let rounds: Vec<_> = (0..ROUNDS).map(|_| runtime.block_on(restart(&left))).collect();
    println!("restart with {} open issues and {ACTIVE} active runs, {ROUNDS} times", issues::OPEN);
    println!("  the store is open         {}", spread(&rounds, |times| times.opened));
    println!("  the runs are taken over   {}", spread(&rounds, |times| times.taken_over));
    println!("  a new run is at work      {}", spread(&rounds, |times| times.at_work));
    let longest = rounds.iter().map(|times| times.dispatching()).max().unwrap_or_default();
    assert!(
        longest < PROMISED,
        "it took {longest:?} until work went on; {PROMISED:?} are promised"
    );
}
