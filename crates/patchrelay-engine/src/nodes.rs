//! Several nodes on one database: saying that we are there, hearing that others changed something, and doing what only one
//! of us does (D15).

use std::{sync::Arc, time::Duration};

use patchrelay_domain::{IssueId, NodeId, ObservationKind, Taking, beat_every, taking};
use patchrelay_ports::{Beat, Guard, Lease, Pulse, Role, Stored};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    observe::{Applied, News, apply},
};

/// How often it is looked whether other nodes changed something. What they change is not told to us, and who gave us a
/// ticket waits for an answer.
const LISTEN_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before a beat that failed is tried again.
const BEAT_RETRY: Duration = Duration::from_millis(500);

/// Runs until stopped, or until another process is this node.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) -> Result<(), EngineError> {
    let every = beat_every(context.settings.lease_ttl);
    let mut is_registered = false;
    let mut has_others = false;
    let mut pulse: Option<Pulse> = None;
    let mut next_beat = Instant::now();
    while !stop.is_cancelled() {
        if next_beat <= Instant::now() {
            match beat(&context, &mut is_registered).await {
                Ok(Beat::Superseded) => {
                    return Err(EngineError::Superseded { node: context.worker.node.clone() });
                }
                Ok(beat) => {
                    has_others = beat == Beat::AmongOthers;
                    next_beat = Instant::now() + every;
                }
                Err(error) => {
                    warn!(error = %chain(&error), "the other nodes were not told that we are there");
                    next_beat = Instant::now() + BEAT_RETRY.min(every);
                }
            }
        }
        if has_others {
            listen(&context, &mut pulse).await;
        }
        let wake =
            if has_others { next_beat.min(Instant::now() + LISTEN_EVERY) } else { next_beat };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(wake) => {}
        }
    }
    Ok(())
}

async fn beat(context: &Context, is_registered: &mut bool) -> Result<Beat, EngineError> {
    let (store, worker) = (&context.ports.store, &context.worker);
    if !*is_registered {
        store.register(worker, context.now()).await?;
        *is_registered = true;
        // What the process before us held is free.
        context.nudge.anything_changed();
    }
    let beat = store.beat(worker, context.now()).await?;
    let gone = store.bury(worker, context.now()).await?;
    if 0 < gone {
        info!(gone, "other nodes are gone");
        context.nudge.anything_changed();
    }
    Ok(beat)
}

/// Wakes everybody when something was stored since we last looked, be it by ourselves.
async fn listen(context: &Context, last: &mut Option<Pulse>) {
    match context.ports.store.pulse().await {
        Ok(pulse) if last.replace(pulse) != Some(pulse) => context.nudge.anything_changed(),
        Ok(_) => {}
        Err(error) => debug!(error = %chain(&error), "the other nodes could not be listened to"),
    }
}

/// Something that one node of a database does for all.
#[derive(Debug)]
pub(crate) struct Duty {
    role: Role,
    /// When we were last told that it is ours.
    held: Option<Instant>,
}

impl Duty {
    pub(crate) fn of(role: Role) -> Self {
        Self { role, held: None }
    }

    /// How often whoever has a role asks for it again, so that it stays theirs.
    pub(crate) fn renewed_every(context: &Context) -> Duration {
        context.settings.lease_ttl / 3
    }

    /// Whether it is ours now. One that is late with it does what another does too, which costs time and nothing else.
    pub(crate) async fn is_ours(&mut self, context: &Context) -> bool {
        if self.held.is_some_and(|held| held.elapsed() < Self::renewed_every(context)) {
            return true;
        }
        let asked = Instant::now();
        let ttl = context.settings.lease_ttl;
        let store = &context.ports.store;
        match store.hold_role(self.role, &context.worker, context.now(), ttl).await {
            Ok(is_ours) => {
                if is_ours != self.held.is_some() {
                    info!(role = self.role.as_str(), is_ours, "a role changed hands");
                }
                self.held = is_ours.then_some(asked);
            }
            Err(error) => {
                warn!(role = self.role.as_str(), error = %chain(&error), "a role could not be asked for");
                self.held = None;
            }
        }
        self.held.is_some()
    }

    /// Leaves it to whoever asks next.
    pub(crate) async fn give_back(self, context: &Context) {
        if self.held.is_none() {
            return;
        }
        if let Err(error) = context.ports.store.release_role(self.role, &context.worker).await {
            warn!(role = self.role.as_str(), error = %chain(&error), "a role was not given back; it expires by itself");
        }
    }
}

/// The facts of an issue whose lease we hold, once its home is here; nothing, when it stays where it is. A home that is
/// gone is given up first, under the lease, so that whoever continues from here knows it.
pub(crate) async fn at_home(
    context: &Context,
    lease: &Lease,
) -> Result<Option<Stored>, EngineError> {
    let store = &context.ports.store;
    let Some(stored) = store.load(&lease.issue).await? else { return Ok(None) };
    let us = &context.worker.node;
    let silence = match &stored.facts.home {
        Some(home) if home != us => store.silence(home, context.now()).await?,
        Some(_) | None => None,
    };
    match taking(stored.facts.home.as_ref(), us, silence, context.worker.gone_after) {
        Taking::Here => Ok(Some(stored)),
        Taking::NotOurs => Ok(None),
        Taking::Moves { from } => {
            warn!(issue = %lease.issue, %from, "a node is gone, and its work goes on here from what was pushed");
            if !move_home(context, lease, &stored, from).await? {
                return Ok(None);
            }
            Ok(store.load(&lease.issue).await?)
        }
    }
}

async fn move_home(
    context: &Context,
    lease: &Lease,
    stored: &Stored,
    from: NodeId,
) -> Result<bool, EngineError> {
    let issue: &IssueId = &lease.issue;
    let news = News {
        issue: issue.clone(),
        project: stored.facts.project.clone(),
        correlation: context.worker.id.clone(),
        kinds: vec![ObservationKind::HomeMoved { from, to: context.worker.node.clone() }],
        deliveries: Vec::new(),
    };
    match apply(context, &news, Guard::Held { lease: lease.clone() }).await? {
        Applied::Stored(_) => Ok(true),
        Applied::GuardFailed(why) => {
            info!(%issue, ?why, "an issue was not given another home");
            Ok(false)
        }
    }
}
