//! Starting and stopping.

use std::sync::{Arc, Mutex};

use patchrelay_domain::{Hindrance, gone_after};
use patchrelay_ports::{Orders, Tally, Worker};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    EngineError, Nudge, Ports, Settings, context::Context, desk::Desk, dispatch, intake,
    look::Seen, nodes, reconcile, retention, sender,
};

/// The orchestrator.
pub struct Engine {
    context: Arc<Context>,
}

impl Engine {
    /// An engine over these ports. Nothing runs yet.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let nudge = Nudge::default();
        Self::woken_by(nudge.clone(), nudge, ports, settings)
    }

    /// An engine that tells one nudge and listens to another: where they are not the same, nobody is ever woken.
    pub(crate) fn woken_by(woken: Nudge, nudge: Nudge, ports: Ports, settings: Settings) -> Self {
        let worker = Worker {
            id: ports.ids.sortable(),
            node: settings.node.clone(),
            gone_after: gone_after(settings.lease_ttl),
        };
        let context = Context {
            ports,
            settings,
            nudge,
            woken,
            worker,
            counts: Arc::default(),
            seen: Seen::default(),
            hindrance: watch::channel(None).0,
            model: Mutex::default(),
        };
        Self { context: Arc::new(context) }
    }

    /// What wakes it before its time.
    pub fn nudge(&self) -> Nudge {
        self.context.nudge.clone()
    }

    /// Where operators give their orders.
    pub fn orders(&self) -> Arc<dyn Orders> {
        Arc::new(Desk { context: self.context.clone() })
    }

    /// Changes whenever there is something new to see: an issue changed, a run went on, or a report was sent.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.context.nudge.sights()
    }

    /// What it has done since it was made.
    pub fn tally(&self) -> Arc<dyn Tally> {
        self.context.counts.clone()
    }

    /// What keeps every run from being started, as it changes.
    pub fn hindrance(&self) -> watch::Receiver<Option<Hindrance>> {
        self.context.hindrance.subscribe()
    }

    /// Runs until stopped. Then it claims nothing more, lets active runs go on for the drain time, interrupts what is
    /// left, and returns when every task has ended.
    ///
    /// A loop that ends by itself stops the others, and its error is returned: whoever started us starts us again,
    /// and the way after a restart is the usual way.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), EngineError> {
        let context = self.context;
        info!(worker = %context.worker.id, node = %context.worker.node, projects = context.settings.projects.len(), "engine started");
        let stop = stop.child_token();
        let mut loops = JoinSet::new();
        // Other nodes leave us our work as long as there is any, so this loop ends last.
        let gone = CancellationToken::new();
        let (c, s) = (context.clone(), gone.clone());
        loops.spawn(async move { ("nodes", nodes::run(c, s).await) });
        let (c, s) = (context.clone(), stop.clone());
        loops.spawn(async move {
            intake::run(c, s).await;
            ("intake", Ok(()))
        });
        let (c, s) = (context.clone(), stop.clone());
        loops.spawn(async move {
            dispatch::run(c, s).await;
            ("dispatch", Ok(()))
        });
        let (c, s) = (context.clone(), stop.clone());
        loops.spawn(async move {
            reconcile::run(c, s).await;
            ("reconcile", Ok(()))
        });
        let (c, s) = (context.clone(), stop.clone());
        loops.spawn(async move {
            sender::run(c, s).await;
            ("sender", Ok(()))
        });
        let (c, s) = (context.clone(), stop.clone());
        loops.spawn(async move {
            retention::run(c, s).await;
            ("retention", Ok(()))
        });

        let mut result = Ok(());
        while let Some(ended) = loops.join_next().await {
            if let Err(ended_early) = judge(ended, stop.is_cancelled())
                && result.is_ok()
            {
                error!(error = %ended_early, "stopping, because a loop ended");
                result = Err(ended_early);
            }
            stop.cancel();
            if loops.len() <= 1 {
                gone.cancel();
            }
        }
        info!("engine stopped");
        result
    }
}

fn judge(
    ended: Result<(&'static str, Result<(), EngineError>), JoinError>,
    stopping: bool,
) -> Result<(), EngineError> {
    match ended {
        Ok((_, Err(error))) => Err(error),
        Ok((_, Ok(()))) if stopping => Ok(()),
        Ok((name, Ok(()))) => {
            Err(EngineError::LoopEnded { name, reason: "without being stopped".to_owned() })
        }
        Err(error) => Err(EngineError::LoopEnded { name: "engine", reason: error.to_string() }),
    }
}
