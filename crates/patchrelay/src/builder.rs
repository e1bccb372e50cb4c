//! Putting the pieces together.

use std::sync::Arc;

use patchrelay_domain::Hindrance;
use patchrelay_engine::{Engine, EngineError, Nudge, Ports, Settings};
use patchrelay_ports::{
    AgentRuntime, Clock, Forge, Ids, NoProbe, Orders, Probe, Store, Tally, Tracker, WebhookSource,
    Workspaces,
};
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A PatchRelay that is ready to run.
pub struct PatchRelay {
    engine: Engine,
}

impl PatchRelay {
    /// Begins to build one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What wakes it before its time: tell it of each delivery that was stored.
    pub fn nudge(&self) -> Nudge {
        self.engine.nudge()
    }

    /// Where operators give their orders, from now on and as long as it is kept.
    pub fn orders(&self) -> Arc<dyn Orders> {
        self.engine.orders()
    }

    /// Changes whenever something new can be seen in the store: an issue changed, a run went on, or a report was sent.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.engine.changes()
    }

    /// What it has done since it was built.
    pub fn tally(&self) -> Arc<dyn Tally> {
        self.engine.tally()
    }

    /// What keeps every run from being started, as it changes.
    pub fn hindrance(&self) -> watch::Receiver<Option<Hindrance>> {
        self.engine.hindrance()
    }

    /// Runs until stopped, then drains and returns. Dropping the future instead is like `kill -9`: nothing is lost,
    /// and the next start continues.
    ///
    /// # Errors
    ///
    /// When one of its loops ended by itself, which a restart mends.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), EngineError> {
        self.engine.run_until(stop).await
    }
}

/// Collects the ports. Those without a default are required.
#[derive(Default)]
pub struct Builder {
    store: Option<Arc<dyn Store>>,
    tracker: Option<Arc<dyn Tracker>>,
    forge: Option<Arc<dyn Forge>>,
    agent: Option<Arc<dyn AgentRuntime>>,
    workspaces: Option<Arc<dyn Workspaces>>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn Ids>>,
    probe: Option<Arc<dyn Probe>>,
    webhooks: Vec<Arc<dyn WebhookSource>>,
    settings: Settings,
}

/// What keeps a builder from building.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// A required port was not given.
    #[error("no {0} was given to the builder")]
    MissingPort(&'static str),
    /// Nothing could ever start.
    #[error("max_concurrent_runs must be at least 1")]
    NoSlots,
    /// Leases would be lost before they can be renewed.
    #[error("lease_ttl must be at least one second")]
    LeaseTooShort,
    /// Something would be over before it began, or be repeated without a pause.
    #[error("{0} must be longer than zero")]
    NoTime(&'static str),
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $port:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: Arc<dyn $port>) -> Self {
            self.$name = Some($name);
            self
        }
    )*};
}

impl Builder {
    setters! {
        /// What must survive a crash. Required.
        store: Store;
        /// Where tickets are. Required.
        tracker: Tracker;
        /// Where pull requests are. Required.
        forge: Forge;
        /// What runs the agent. Required.
        agent: AgentRuntime;
        /// Git. Required.
        workspaces: Workspaces;
        /// Time. Required.
        clock: Clock;
        /// Names. Required.
        ids: Ids;
        /// Where a crash test may strike; by default nowhere.
        probe: Probe;
    }

    /// A sender of webhooks whose stored deliveries are to be read. May be called several times.
    #[must_use]
    pub fn webhooks(mut self, source: Arc<dyn WebhookSource>) -> Self {
        self.webhooks.push(source);
        self
    }

    /// The projects and numbers.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// When a required port is missing, or a number makes it impossible to work.
    pub fn build(self) -> Result<PatchRelay, BuildError> {
        if self.settings.max_concurrent_runs == 0 {
            return Err(BuildError::NoSlots);
        }
        if self.settings.lease_ttl.as_secs() == 0 {
            return Err(BuildError::LeaseTooShort);
        }
        let spans = [
            ("reconcile_every", self.settings.reconcile_every),
            ("turn_timeout", self.settings.turn_timeout),
            ("silence_timeout", self.settings.silence_timeout),
        ];
        if let Some((name, _)) = spans.into_iter().find(|(_, span)| span.is_zero()) {
            return Err(BuildError::NoTime(name));
        }
        let ports = Ports {
            store: self.store.ok_or(BuildError::MissingPort("store"))?,
            tracker: self.tracker.ok_or(BuildError::MissingPort("tracker"))?,
            forge: self.forge.ok_or(BuildError::MissingPort("forge"))?,
            agent: self.agent.ok_or(BuildError::MissingPort("agent"))?,
            workspaces: self.workspaces.ok_or(BuildError::MissingPort("workspaces"))?,
            clock: self.clock.ok_or(BuildError::MissingPort("clock"))?,
            ids: self.ids.ok_or(BuildError::MissingPort("ids"))?,
            probe: self.probe.unwrap_or_else(|| Arc::new(NoProbe)),
            webhooks: self.webhooks,
        };
        Ok(PatchRelay { engine: Engine::new(ports, self.settings) })
    }
}

#[cfg(test)]
mod tests;
