//! What every loop of the engine shares.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use patchrelay_domain::{
    FREE_SPACE, Hindrance, IssueFacts, ModelPause, NodeId, Policy, Project, ProjectId, Retention,
    SecretPatterns, Timestamp,
};
use patchrelay_ports::{
    AgentRuntime, Clock, Forge, Ids, Probe, Store, Tracker, WebhookSource, Worker, Workspaces,
};
use tokio::sync::{Notify, watch};

use crate::{look::Seen, tally::Counts};

/// The world, as far as the engine knows it.
#[derive(Clone)]
pub struct Ports {
    /// What must survive a crash.
    pub store: Arc<dyn Store>,
    /// Where tickets are.
    pub tracker: Arc<dyn Tracker>,
    /// Where pull requests are.
    pub forge: Arc<dyn Forge>,
    /// What runs the agent.
    pub agent: Arc<dyn AgentRuntime>,
    /// Git.
    pub workspaces: Arc<dyn Workspaces>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Names.
    pub ids: Arc<dyn Ids>,
    /// Where a crash test may strike.
    pub probe: Arc<dyn Probe>,
    /// Who sends webhooks.
    pub webhooks: Vec<Arc<dyn WebhookSource>>,
}

/// The numbers of the engine, and the projects it works for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this installation among those that share the database: the same at each start, and nobody else's.
    /// Whoever starts an engine under a name has seen to it that no earlier one of that name is still running.
    pub node: NodeId,
    /// The projects.
    pub projects: Vec<Project>,
    /// How many runs may be active at once, in all projects of this node.
    pub max_concurrent_runs: usize,
    /// How often each loop looks without being nudged.
    pub reconcile_every: Duration,
    /// How often an open issue's ticket and pull request are read again without a webhook.
    pub reread_every: Duration,
    /// How often the tracker is asked for delegated tickets that nobody told us about. Counted in whole reconciles.
    pub discover_every: Duration,
    /// How long a lease lasts without renewal. It is renewed three times as often.
    pub lease_ttl: Duration,
    /// How long active runs may go on after a stop was asked for.
    pub drain: Duration,
    /// How long one turn of the agent may take.
    pub turn_timeout: Duration,
    /// How long the agent may be silent during a turn before something is done about it.
    pub silence_timeout: Duration,
    /// How long what is over is kept.
    pub retention: Retention,
    /// How many bytes have to be free on every disk with clones or worktrees, or no run is started; 0 is none.
    pub min_free_bytes: u64,
    /// What must not be in anything that an agent says outward.
    pub secrets: Arc<SecretPatterns>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: NodeId::new("local"),
            projects: Vec::new(),
            max_concurrent_runs: 4,
            reconcile_every: Duration::from_secs(30),
            reread_every: Duration::from_secs(300),
            discover_every: Duration::from_secs(600),
            lease_ttl: Duration::from_secs(30),
            drain: Duration::from_secs(20),
            turn_timeout: Duration::from_secs(7_200),
            silence_timeout: Duration::from_secs(600),
            retention: Retention::default(),
            min_free_bytes: FREE_SPACE,
            secrets: Arc::default(),
        }
    }
}

/// Wakes the engine's loops before their time. Losing a nudge costs latency and nothing else.
#[derive(Clone, Debug)]
pub struct Nudge {
    intake: Arc<Notify>,
    dispatch: Arc<Notify>,
    sender: Arc<Notify>,
    changes: Arc<watch::Sender<u64>>,
    /// The same, and what only people look at.
    seen: Arc<watch::Sender<u64>>,
}

impl Default for Nudge {
    fn default() -> Self {
        Self {
            intake: Arc::default(),
            dispatch: Arc::default(),
            sender: Arc::default(),
            changes: Arc::new(watch::channel(0).0),
            seen: Arc::new(watch::channel(0).0),
        }
    }
}

impl Nudge {
    /// A delivery was stored.
    pub fn delivery_stored(&self) {
        self.intake.notify_one();
    }

    /// An issue changed: something may be ready, something may have to be said, a run may have to stop.
    pub(crate) fn issue_changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        self.run_moved();
        self.dispatch.notify_one();
        self.sender.notify_one();
    }

    /// A run went on: there is something new to see, and nothing to do.
    pub(crate) fn run_moved(&self) {
        self.seen.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Something is to be said, and nothing changed.
    pub(crate) fn reports_ordered(&self) {
        self.sender.notify_one();
    }

    /// Another node stored something, nobody here knows what.
    pub(crate) fn anything_changed(&self) {
        self.intake.notify_one();
        self.issue_changed();
    }

    /// A run ended, so a slot is free.
    pub(crate) fn slot_freed(&self) {
        self.dispatch.notify_one();
    }

    /// Tells of each change of an issue from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Tells of everything new that there is to see from now on.
    pub(crate) fn sights(&self) -> watch::Receiver<u64> {
        self.seen.subscribe()
    }

    pub(crate) async fn intake(&self) {
        self.intake.notified().await;
    }

    pub(crate) async fn dispatch(&self) {
        self.dispatch.notified().await;
    }

    pub(crate) async fn sender(&self) {
        self.sender.notified().await;
    }
}

/// What every loop shares.
pub(crate) struct Context {
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    /// Tells of what happens here.
    pub(crate) nudge: Nudge,
    /// What is listened to: the same, so that whoever waits is woken before its time.
    pub(crate) woken: Nudge,
    /// Who we are among the workers. The id is random for each start, so that no lease of an earlier process looks like
    /// ours.
    pub(crate) worker: Worker,
    /// What was done here.
    pub(crate) counts: Arc<Counts>,
    /// What was read lately.
    pub(crate) seen: Seen,
    /// What keeps every run from being started, as seen last.
    pub(crate) hindrance: watch::Sender<Option<Hindrance>>,
    /// Whether the agent's model answers anybody here.
    pub(crate) model: Mutex<ModelPause>,
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The memory of a model that answers nobody here. Held for no longer than a look.
    pub(crate) fn model(&self) -> MutexGuard<'_, ModelPause> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn project(&self, id: &ProjectId) -> Option<&Project> {
        self.settings.projects.iter().find(|project| project.id == *id)
    }

    /// The policy for an issue. An issue of a project that was taken out of the configuration is judged by the
    /// defaults and never run, because nothing else is known of it.
    pub(crate) fn policy(&self, facts: &IssueFacts) -> Policy {
        self.project(&facts.project).map_or_else(Policy::of_removed_project, Policy::of)
    }
}
