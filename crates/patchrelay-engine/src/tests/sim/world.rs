//! A world with a store of its own, and the engine that comes and goes in it.

use std::{collections::BTreeMap, fmt::Write, future::Future, sync::Arc, time::Duration};

use patchrelay_domain::{
    BranchName, Budgets, Hindrance, IssueFacts, IssueId, Limits, NextStep, NodeId, Observation,
    ObservationKind, Policy, Project, ProjectId, PullRequest, RunId, SessionId, Timestamp, Wait,
    change, decide,
};
use patchrelay_ports::{
    Clock, Commit, Committed, Delivery, FeedFilter, Guard, IssueFilter, Lease, Orders, Role,
    RunRecord, RunText, Source, Store, StoreError, StoredObservation, Tally, WebhookSource,
    WorkDone, Worker,
};
use patchrelay_testkit::MemoryStore;
use serde_json::Value;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Deliveries, Sim, agent::Runtime, opened, store::Kept};
use crate::{Engine, EngineError, Nudge, Ports, Settings};

/// How long a test waits for something, on the clock that jumps. Longer than the longest turn.
const PATIENCE: Duration = Duration::from_secs(4 * 3_600);
/// How often something may happen before a wait is over. More means that somebody goes round in circles.
const MAX_CHANGES: u32 = 30_000;

/// The issue that most tests are about.
pub(in crate::tests) fn issue() -> IssueId {
    IssueId::new("acme", "ticket-1")
}

/// No wait between lost runs, for tests that are not about it.
pub(in crate::tests) fn at_once() -> Budgets {
    Budgets { recovery_backoff: Duration::ZERO, ..Budgets::default() }
}

/// The world of one test.
pub(in crate::tests) struct World {
    pub(in crate::tests) sim: Arc<Sim>,
    /// What the next engine is started with.
    pub(in crate::tests) settings: Settings,
    /// Whose deliveries the next engine reads.
    pub(in crate::tests) sources: Vec<Source>,
    /// Whether nothing wakes the next engine before its time.
    pub(in crate::tests) is_deaf: bool,
    kept: Kept,
    engine: Option<Running>,
}

struct Running {
    orders: Arc<dyn Orders>,
    hindrance: watch::Receiver<Option<Hindrance>>,
    tally: Arc<dyn Tally>,
    task: JoinSet<Result<(), EngineError>>,
    stop: CancellationToken,
    nudge: Nudge,
}

impl World {
    pub(in crate::tests) async fn new() -> Self {
        Self::with(Kept::in_file().await)
    }

    /// A world without a thread, in which the same things happen in the same order each time.
    pub(in crate::tests) fn in_memory() -> Self {
        Self::with(Kept::InMemory(Arc::new(MemoryStore::new())))
    }

    fn with(kept: Kept) -> Self {
        let project = Project {
            id: ProjectId::new("app"),
            repo: "acme/app".parse().expect("it is a repository"),
            base_branch: None,
            branch_prefix: "patchrelay".to_owned(),
            linear_teams: Vec::new(),
            linear_projects: Vec::new(),
            issue_key_prefixes: vec!["APP".to_owned()],
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
        };
        let settings = Settings { projects: vec![project], ..Settings::default() };
        let sources = vec![Source::Linear, Source::Github];
        Self { sim: Sim::new(), settings, sources, is_deaf: false, kept, engine: None }
    }

    /// A world in which a ticket was delegated to us, and its delivery stored.
    pub(in crate::tests) async fn with_delegated_ticket() -> Self {
        let world = Self::new().await;
        world.delegate(&issue(), "APP-1", "session-1").await;
        world
    }

    /// The same, with an engine that works on it.
    pub(in crate::tests) async fn at_work() -> Self {
        let mut world = Self::with_delegated_ticket().await;
        world.start();
        world
    }

    pub(in crate::tests) fn project(&mut self) -> &mut Project {
        &mut self.settings.projects[0]
    }

    /// A human writes a ticket and delegates it, which opens a session.
    pub(in crate::tests) async fn delegate(&self, issue: &IssueId, key: &str, session: &str) {
        let now = self.sim.now();
        self.sim.state().tickets.write(now, issue, key);
        self.open(issue, key, session).await;
    }

    /// A session opens on a ticket.
    pub(in crate::tests) async fn open(&self, issue: &IssueId, key: &str, session: &str) {
        self.sim.state().tickets.open(&SessionId::new(session));
        self.deliver(&format!("delivery-of-{session}"), &opened(issue, key, session)).await;
    }

    /// A delivery of the tracker comes in.
    pub(in crate::tests) async fn deliver(&self, id: &str, body: &Value) {
        self.deliver_from(Source::Linear, id, body.to_string().as_bytes()).await;
    }

    pub(in crate::tests) async fn deliver_from(&self, source: Source, id: &str, body: &[u8]) {
        let delivery = Delivery {
            source,
            delivery_id: id.to_owned(),
            event: "event".to_owned(),
            body: body.to_owned(),
            received: self.sim.now(),
        };
        self.ask(self.store().receive(&delivery)).await;
        if let Some(engine) = &self.engine {
            engine.nudge.delivery_stored();
        }
    }

    /// A human takes the ticket away from us, or gives it back.
    pub(in crate::tests) fn set_delegated(&self, delegated: bool) {
        let now = self.sim.now();
        self.sim.state().tickets.edit(now, &issue(), |ticket| ticket.delegated = delegated);
    }

    /// Something becomes known of the issue, past the engine.
    pub(in crate::tests) async fn observe(&self, kind: ObservationKind) {
        loop {
            let stored = self.load(&issue()).await.expect("it is known");
            let now = self.sim.now();
            let news = Observation { at: now, correlation: "test".to_owned(), kind: kind.clone() };
            let policy = Policy::of(&self.settings.projects[0]);
            let change = change(&policy, now, &stored.0, vec![news]);
            let commit = Commit {
                expected: stored.1,
                facts: change.facts,
                next: change.next,
                observations: change.observations,
                orders: Vec::new(),
                feed: change.feed,
                deliveries: Vec::new(),
                guard: Guard::Version,
                at: now,
            };
            match self.ask(self.store().commit(&commit)).await {
                Committed::Stored(_) => break,
                // The engine was faster.
                Committed::Conflict => {}
                refused => panic!("{refused:?}"),
            }
        }
        self.sim.tell();
    }

    /// Starts an engine.
    pub(in crate::tests) fn start(&mut self) {
        assert!(self.engine.is_none(), "one engine at a time");
        let ports = Ports {
            store: self.kept.port(&self.sim),
            tracker: self.sim.clone(),
            forge: self.sim.clone(),
            agent: Arc::new(Runtime { sim: self.sim.clone() }),
            workspaces: self.sim.clone(),
            clock: self.sim.clone(),
            ids: self.sim.clone(),
            probe: self.sim.clone(),
            webhooks: self.sources.iter().map(|source| deliveries_of(*source)).collect(),
        };
        let nudge = Nudge::default();
        let woken = if self.is_deaf { Nudge::default() } else { nudge.clone() };
        let engine = Engine::woken_by(woken, nudge, ports, self.settings.clone());
        let (nudge, stop) = (engine.nudge(), CancellationToken::new());
        let (hindrance, orders, tally) = (engine.hindrance(), engine.orders(), engine.tally());
        let mut task = JoinSet::new();
        task.spawn(engine.run_until(stop.clone()));
        self.engine = Some(Running { orders, hindrance, tally, task, stop, nudge });
    }

    /// Where operators give their orders to the engine.
    pub(in crate::tests) fn orders(&self) -> Arc<dyn Orders> {
        self.engine.as_ref().expect("an engine runs").orders.clone()
    }

    /// What the engine has done.
    pub(in crate::tests) fn work_done(&self) -> WorkDone {
        self.engine.as_ref().expect("an engine runs").tally.work_done()
    }

    /// What was said in a run.
    pub(in crate::tests) async fn texts(&self, run: &RunId) -> Vec<RunText> {
        self.ask(self.store().texts_of(run, 10_000)).await
    }

    /// What keeps the engine from starting runs.
    pub(in crate::tests) fn hindrance(&self) -> Option<Hindrance> {
        *self.engine.as_ref().expect("an engine runs").hindrance.borrow()
    }

    /// Asks the engine to stop, without waiting.
    pub(in crate::tests) fn ask_to_stop(&self) {
        self.engine.as_ref().expect("an engine runs").stop.cancel();
    }

    /// Waits for the engine to end, and gives its database to the next one.
    pub(in crate::tests) async fn ended(&mut self) -> Result<(), EngineError> {
        let mut engine = self.engine.take().expect("an engine runs");
        let ended = timeout(PATIENCE, engine.task.join_next()).await;
        let ended = ended.expect("it ends in time").expect("it was started");
        drop(engine);
        self.reopen().await;
        ended.expect("it does not panic")
    }

    /// Stops the engine in good order.
    pub(in crate::tests) async fn stop(&mut self) {
        self.ask_to_stop();
        self.ended().await.expect("it ends well");
    }

    /// The process dies, whatever it is doing. Its agents live on, as they do when nobody kills them.
    pub(in crate::tests) async fn crash(&mut self) {
        self.sim.state().agents.outlive_us = true;
        let mut engine = self.engine.take().expect("an engine runs");
        engine.task.shutdown().await;
        drop(engine);
        self.reopen().await;
        let mut state = self.sim.state();
        state.agents.outlive_us = false;
        state.is_dead = false;
    }

    /// Waits until the process dies at its place, and takes it away.
    pub(in crate::tests) async fn until_dead(&mut self) {
        self.until("the process is dead", async || self.sim.state().is_dead).await;
        self.crash().await;
    }

    /// Closes the database, which nobody may be using any more, and opens it as the next process does.
    async fn reopen(&mut self) {
        for _ in 0..1_000 {
            if !self.kept.is_in_use() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(!self.kept.is_in_use(), "something of the engine outlives it");
        self.kept.reopen().await;
    }

    fn store(&self) -> &dyn Store {
        self.kept.store()
    }

    /// Waits for what the store was asked.
    async fn ask<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> T {
        self.kept.ask(work).await.expect("the store works")
    }

    /// Waits until this is so.
    pub(in crate::tests) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let mut changes = self.sim.changes();
        let wait = async {
            for _ in 0..MAX_CHANGES {
                changes.mark_unchanged();
                if is_so().await {
                    return true;
                }
                changes.changed().await.expect("the world goes on");
            }
            false
        };
        let found = timeout(PATIENCE, wait).await;
        assert_eq!(found, Ok(true), "waited for: {what}\n{}", self.story().await);
    }

    /// Lets time pass.
    pub(in crate::tests) async fn pass(&self, time: Duration) {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        let mut changes = self.sim.changes();
        for _ in 0..MAX_CHANGES {
            tokio::select! {
                biased;
                () = &mut end => return,
                changed = changes.changed() => changed.expect("the world goes on"),
            }
        }
        panic!("somebody goes round in circles\n{}", self.story().await);
    }

    /// Waits until nothing more happens by itself, and the issue is done with or waits for a human.
    pub(in crate::tests) async fn until_quiet(&self) {
        self.until("nothing is left to be done", async || self.is_quiet().await).await;
    }

    pub(in crate::tests) async fn is_quiet(&self) -> bool {
        // Deliveries change issues, and issues order reports: looked at in this order, nothing slips through.
        let far = Timestamp::from_millis(i64::MAX);
        if !self
            .ask(self.store().inbox_due(far, &[Source::Linear, Source::Github], 1))
            .await
            .is_empty()
        {
            return false;
        }
        let filter = IssueFilter { limit: 100, ..IssueFilter::default() };
        let issues = self.ask(self.store().list(&filter)).await;
        let policy = Policy::of(&self.settings.projects[0]);
        let is_done = issues.iter().all(|issue| match decide(&policy, far, &issue.facts) {
            NextStep::Run(_) | NextStep::Ask { .. } | NextStep::Escalate { .. } => false,
            NextStep::Wait { reason, .. } => !matches!(reason, Wait::ActiveRun(_)),
            NextStep::Settled(_) => true,
        });
        is_done && self.ask(self.store().outbox_pending()).await == 0
    }

    /// Waits until the agent is in its first turn and has written something.
    pub(in crate::tests) async fn until_written(&self) {
        self.until("the agent wrote", async || !self.sim.state().disk.written.is_empty()).await;
    }

    /// Waits until so many runs of the issue have ended.
    pub(in crate::tests) async fn until_ended(&self, runs: usize) {
        self.until("runs have ended", async || {
            self.runs().await.iter().filter(|run| run.ended.is_some()).count() == runs
        })
        .await;
    }

    async fn load(&self, issue: &IssueId) -> Option<(IssueFacts, u64)> {
        let stored = self.ask(self.store().load(issue)).await;
        stored.map(|stored| (stored.facts, stored.version))
    }

    pub(in crate::tests) async fn facts(&self) -> IssueFacts {
        self.load(&issue()).await.expect("it is known").0
    }

    pub(in crate::tests) async fn is_known(&self, issue: &IssueId) -> bool {
        self.load(issue).await.is_some()
    }

    /// The runs of the issue, oldest first.
    pub(in crate::tests) async fn runs(&self) -> Vec<RunRecord> {
        self.runs_of(&issue()).await
    }

    pub(in crate::tests) async fn runs_of(&self, issue: &IssueId) -> Vec<RunRecord> {
        self.ask(self.store().runs_of(issue)).await
    }

    /// The issue's log.
    pub(in crate::tests) async fn log(&self) -> Vec<StoredObservation> {
        self.ask(self.store().observations(&issue(), 1_000)).await
    }

    /// The lines of the feed.
    pub(in crate::tests) async fn feed(&self) -> Vec<String> {
        let feed = self.ask(self.store().feed(&FeedFilter::after(0, 10_000))).await;
        feed.into_iter().map(|line| format!("{}: {}", line.entry.event, line.entry.text)).collect()
    }

    /// Somebody else asks for the issue's lease, for an hour.
    pub(in crate::tests) async fn acquire(&self, owner: &str, now: Timestamp) -> Option<Lease> {
        let issue = issue();
        let worker = self.worker(owner, self.settings.node.clone());
        let lease = self.store().acquire(&issue, &worker, now, Duration::from_secs(3_600));
        self.ask(lease).await
    }

    /// Another process says that it is this node.
    pub(in crate::tests) async fn register_another(&self) {
        let worker = self.worker("another", self.settings.node.clone());
        self.ask(self.store().register(&worker, self.sim.now())).await;
    }

    /// For how long nothing was heard of this node.
    pub(in crate::tests) async fn silence(&self) -> Option<Duration> {
        let silence = self.store().silence(&self.settings.node, self.sim.now());
        self.ask(silence).await
    }

    /// Another node says that it is there.
    pub(in crate::tests) async fn beat_elsewhere(&self) {
        let worker = self.worker("another", NodeId::new("elsewhere"));
        self.ask(self.store().beat(&worker, self.sim.now())).await;
    }

    /// Another node has the role of reading deliveries for so long.
    pub(in crate::tests) async fn hold_intake_elsewhere(&self, time: Duration) {
        let worker = self.worker("another", NodeId::new("elsewhere"));
        let held = self.store().hold_role(Role::Intake, &worker, self.sim.now(), time);
        assert!(self.ask(held).await);
    }

    fn worker(&self, id: &str, node: NodeId) -> Worker {
        Worker { id: id.to_owned(), node, gone_after: Duration::from_secs(3_600) }
    }

    pub(in crate::tests) async fn release(&self, lease: &Lease) {
        self.ask(self.store().release(lease)).await;
    }

    /// The open pull request, which is the only one.
    pub(in crate::tests) fn pull_request(&self) -> PullRequest {
        let mut open = self.sim.state().forge.open_pull_requests();
        assert_eq!(open.len(), 1, "{open:?}");
        open.remove(0)
    }

    /// Nothing was published: no branch of ours, no pull request.
    pub(in crate::tests) fn assert_nothing_published(&self) {
        let state = self.sim.state();
        let branches: Vec<_> = state.forge.branches.keys().collect();
        assert_eq!(branches, [&BranchName::new("main")]);
        assert!(state.forge.pull_requests.is_empty());
    }

    /// Nothing happened that must never happen, and one ticket became one pull request with one commit, of which the
    /// tracker heard once.
    pub(in crate::tests) async fn assert_published_once(&self) {
        self.until_quiet().await;
        self.assert_nothing_wrong().await;
        let pr = self.pull_request();
        let state = self.sim.state();
        assert_eq!(state.forge.pull_requests.len(), 1);
        assert_eq!(state.forge.runs_on(&pr.head_branch).len(), 1);
        assert_eq!(state.forge.branches[&pr.head_branch], pr.head);
        assert_eq!(state.tickets.count("response: Opened pull request"), 1);
        assert_eq!(state.agents.alive(), 0);
    }

    pub(in crate::tests) async fn assert_nothing_wrong(&self) {
        let wrong = self.sim.state().wrong.clone();
        assert!(wrong.is_empty(), "{wrong:?}\n{}", self.story().await);
    }

    /// Nobody holds the issue's lease. An inspector who lives at the beginning of time gets only one that is free.
    pub(in crate::tests) async fn is_lease_free(&self) -> bool {
        let then = Timestamp::from_millis(0);
        let lease = self.acquire("inspector", then).await;
        if let Some(lease) = &lease {
            self.release(lease).await;
        }
        lease.is_some()
    }

    /// What happened, for the message of a test that fails.
    pub(in crate::tests) async fn story(&self) -> String {
        let mut story = self.feed().await.join("\n");
        for run in self.runs().await {
            write!(story, "\n{}: {:?}", run.id, run.outcome).expect("a string takes it");
        }
        let state = self.sim.state();
        for said in state.tickets.said() {
            write!(story, "\n{said}").expect("a string takes it");
        }
        let calls: Vec<_> = state.calls.iter().map(|(name, calls)| (name, calls.len())).collect();
        write!(story, "\n{:?}\n{calls:?}", state.wrong).expect("a string takes it");
        story
    }

    /// What happened, with every call and when it was made: the same for the same story only.
    pub(in crate::tests) async fn story_to_the_millisecond(&self) -> String {
        let mut story = self.feed().await.join("\n");
        let state = self.sim.state();
        for (operation, calls) in state.calls.iter().collect::<BTreeMap<_, _>>() {
            write!(story, "\n{operation}: {calls:?}").expect("a string takes it");
        }
        story
    }
}

fn deliveries_of(source: Source) -> Arc<dyn WebhookSource> {
    Arc::new(Deliveries(source))
}
