//! Keeping a lease while a run works (D13, D14).

use std::{sync::Arc, time::Duration};

use patchrelay_ports::Lease;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
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
    // A run task that panics must not leave a keeper behind that renews for ever.
    done: DropGuard,
    keeper: JoinHandle<()>,
}

impl KeptLease {
    /// Takes over a lease that was acquired no earlier than this.
    pub(crate) fn keep(context: Arc<Context>, lease: Lease, acquired: Instant) -> Self {
        let (lost, done) = (CancellationToken::new(), CancellationToken::new());
        let (sender, renewed) = watch::channel(acquired);
        let keeper = keep(context.clone(), lease.clone(), sender, lost.clone(), done.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the keeper is awaited by `release`, which every run ends with"
        )]
        let keeper = tokio::spawn(keeper);
        Self { context, lease, renewed, lost, done: done.drop_guard(), keeper }
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
        let ttl = self.context.settings.lease_ttl;
        loop {
            if self.lost.is_cancelled() {
                return Err(LeaseLost);
            }
            if self.renewed.borrow().elapsed() < ttl / 3 {
                return Ok(());
            }
            let renewed = tokio::select! {
                biased;
                () = self.lost.cancelled() => return Err(LeaseLost),
                renewed = self.context.ports.store.renew(&self.lease, self.context.now(), ttl) => renewed,
            };
            match renewed {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => return Err(LeaseLost),
                // One failure is no lost lease; the keeper says when it is.
                Err(error) => {
                    warn!(error = %chain(&error), "a lease could not be renewed before a write");
                }
            }
            tokio::select! {
                biased;
                () = self.lost.cancelled() => return Err(LeaseLost),
                () = tokio::time::sleep(retry_after(ttl)) => {}
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
        let Self { context, lease, done, keeper, .. } = self;
        drop(done);
        if let Err(error) = keeper.await {
            warn!(%error, "a lease keeper panicked");
        }
        if let Err(error) = context.ports.store.release(&lease).await {
            warn!(issue = %lease.issue, error = %chain(&error), "a lease was not given back; it expires by itself");
        }
    }
}

/// How long to wait before a renewal that failed is tried again.
fn retry_after(ttl: Duration) -> Duration {
    (ttl / 15).max(Duration::from_millis(50))
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
    let mut next = *renewed.borrow() + ttl / 3;
    loop {
        tokio::select! {
            biased;
            () = done.cancelled() => return,
            () = tokio::time::sleep_until(next) => {}
        }
        let started = Instant::now();
        // A store that does not answer must not keep us from seeing that the time is over.
        let give_up = *renewed.borrow() + ttl * 2 / 3;
        let renewing = context.ports.store.renew(&lease, context.now(), ttl);
        let result = tokio::select! {
            biased;
            () = done.cancelled() => return,
            result = tokio::time::timeout_at(give_up, renewing) => result,
        };
        match result {
            Ok(Ok(Some(_))) => {
                renewed.send_replace(started);
                next = started + ttl / 3;
            }
            Ok(Ok(None)) | Err(_) => break,
            Ok(Err(error)) => {
                warn!(issue = %lease.issue, error = %chain(&error), "a lease was not renewed");
                if give_up <= Instant::now() {
                    break;
                }
                next = (Instant::now() + retry_after(ttl)).min(give_up);
            }
        }
    }
    warn!(issue = %lease.issue, token = lease.token, "a lease is lost");
    lost.cancel();
}
