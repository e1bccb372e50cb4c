//! Keeping a lease while a run works (D13, D14).

use std::{sync::Arc, time::Duration};

use patchrelay_ports::Lease;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{context::Context, error::chain};

/// The lease is not ours any more, or may not be. Nothing may be written outside on its account.
#[derive(Debug)]
pub(crate) struct LeaseLost;

/// A lease that a task of its own renews, whatever the run does meanwhile.
pub(crate) struct KeptLease {
    context: Arc<Context>,
    lease: Lease,
    renewed: watch::Receiver<Instant>,
    lost: CancellationToken,
    done: CancellationToken,
    keeper: JoinHandle<()>,
}

impl KeptLease {
    /// Takes over a lease that was acquired just now.
    pub(crate) fn keep(context: Arc<Context>, lease: Lease) -> Self {
        let (lost, done) = (CancellationToken::new(), CancellationToken::new());
        let (sender, renewed) = watch::channel(Instant::now());
        let keeper = keep(context.clone(), lease.clone(), sender, lost.clone(), done.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the keeper is awaited by `release`, which every run ends with"
        )]
        let keeper = tokio::spawn(keeper);
        Self { context, lease, renewed, lost, done, keeper }
    }

    /// The lease, for the store to check.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Cancelled as soon as the lease is lost, before it can be anybody else's.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Makes sure that the lease is fresh enough to start an external write: renewed within a third of its time.
    pub(crate) async fn ensure_fresh(&self) -> Result<(), LeaseLost> {
        if self.lost.is_cancelled() {
            return Err(LeaseLost);
        }
        let ttl = self.context.settings.lease_ttl;
        if self.renewed.borrow().elapsed() < ttl / 3 {
            return Ok(());
        }
        let store = &self.context.ports.store;
        match store.renew(&self.lease, self.context.now(), ttl).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(LeaseLost),
            Err(error) => {
                warn!(error = %chain(&error), "a lease could not be renewed before a write");
                Err(LeaseLost)
            }
        }
    }

    /// Carries out outside work as long as the lease is ours; cuts it when it is lost.
    pub(crate) async fn guard<T>(&self, work: impl Future<Output = T>) -> Result<T, LeaseLost> {
        self.ensure_fresh().await?;
        tokio::select! {
            biased;
            () = self.lost.cancelled() => Err(LeaseLost),
            done = work => Ok(done),
        }
    }

    /// Stops renewing and gives the lease back.
    pub(crate) async fn release(self) {
        self.done.cancel();
        if let Err(error) = self.keeper.await {
            warn!(%error, "a lease keeper panicked");
        }
        if let Err(error) = self.context.ports.store.release(&self.lease).await {
            warn!(issue = %self.lease.issue, error = %chain(&error), "a lease was not given back; it expires by itself");
        }
    }
}

/// Renews until done. Gives up early enough that whoever takes over cannot meet us.
async fn keep(
    context: Arc<Context>,
    lease: Lease,
    renewed: watch::Sender<Instant>,
    lost: CancellationToken,
    done: CancellationToken,
) {
    let ttl = context.settings.lease_ttl;
    let mut pause = ttl / 3;
    loop {
        tokio::select! {
            () = done.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let started = Instant::now();
        match context.ports.store.renew(&lease, context.now(), ttl).await {
            Ok(Some(_)) => {
                renewed.send_replace(started);
                pause = ttl / 3;
            }
            Ok(None) => break,
            Err(error) => {
                warn!(issue = %lease.issue, error = %chain(&error), "a lease was not renewed");
                if ttl * 2 / 3 <= renewed.borrow().elapsed() {
                    break;
                }
                pause = (ttl / 15).max(Duration::from_millis(50));
            }
        }
    }
    warn!(issue = %lease.issue, token = lease.token, "a lease is lost");
    lost.cancel();
}
