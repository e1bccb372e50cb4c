//! Retention: what is over is forgotten, in pieces small enough that nobody waits for them.

mod worktrees;

use std::{sync::Arc, time::Duration};

use patchrelay_domain::Cuts;
use patchrelay_ports::Expired;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::worktrees::Worktrees;
use crate::{EngineError, context::Context, error::chain};

/// How often it is looked for what became too old. Ages are days, so an hour more does not matter.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How many rows are removed in one transaction: a few milliseconds of the connection that writes.
const BATCH: u32 = 200;

/// Runs until stopped.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut worktrees = Worktrees::default();
    while !stop.is_cancelled() {
        if let Err(error) = sweep(&context, &stop).await {
            warn!(error = %chain(&error), "forgetting what is over was cut short");
        }
        if let Err(error) = worktrees.sweep(&context, &stop).await {
            warn!(error = %chain(&error), "removing worktrees was cut short");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(context: &Context, stop: &CancellationToken) -> Result<(), EngineError> {
    let Cuts { payloads, deliveries, reports, feed } =
        context.settings.retention.cuts(context.now());
    for (what, before) in [
        (Expired::Payloads, payloads),
        (Expired::Deliveries, deliveries),
        (Expired::Reports, reports),
        (Expired::Feed, feed),
        (Expired::RunTexts, feed),
    ] {
        let mut forgotten = 0;
        // Others get the connection that writes between two pieces, since whoever asked first is served first.
        while !stop.is_cancelled() {
            let piece = context.ports.store.forget(what, before, BATCH).await?;
            forgotten += piece;
            if piece < u64::from(BATCH) {
                break;
            }
        }
        if 0 < forgotten {
            info!(?what, forgotten, "forgot what is over");
        }
    }
    Ok(())
}
