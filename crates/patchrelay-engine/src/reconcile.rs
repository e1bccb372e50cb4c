//! Reconcile: what nobody told us is read again. It produces observations and nothing else.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchrelay_domain::IssueId;
use patchrelay_ports::IssueFilter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{EngineError, context::Context, error::chain, look::look_again, observe::decide_again};

/// How many issues are loaded at once.
const PAGE: u32 = 100;

/// Runs until stopped.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    // When each open issue was read last, by this process. Forgetting it costs one extra read.
    let mut read: HashMap<IssueId, Instant> = HashMap::new();
    while !stop.is_cancelled() {
        if let Err(error) = sweep(&context, &mut read, &stop).await {
            warn!(error = %chain(&error), "reconciling was cut short");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(context.settings.reconcile_every) => {}
        }
    }
}

async fn sweep(
    context: &Context,
    read: &mut HashMap<IssueId, Instant>,
    stop: &CancellationToken,
) -> Result<(), EngineError> {
    let mut filter = IssueFilter { open: true, limit: PAGE, ..IssueFilter::default() };
    let mut open = Vec::new();
    loop {
        let page = context.ports.store.list(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.after = Some(last.facts.issue.clone());
        let is_last = page.len() < PAGE as usize;
        open.extend(page);
        if is_last {
            break;
        }
    }
    let known: HashSet<_> = open.iter().map(|stored| &stored.facts.issue).collect();
    read.retain(|issue, _| known.contains(issue));
    context.seen.retain(|issue| known.contains(issue));
    for stored in open {
        if stop.is_cancelled() {
            return Ok(());
        }
        let facts = stored.facts;
        let Some(project) = context.project(&facts.project) else {
            debug!(issue = %facts.issue, project = %facts.project, "its project is not configured any more");
            continue;
        };
        // Nobody tells when a ticket is taken away, and a run that goes on for nothing costs most.
        let is_running = facts.slot.is_some();
        if !is_running
            && read.get(&facts.issue).is_some_and(|at| at.elapsed() < context.settings.reread_every)
        {
            continue;
        }
        read.insert(facts.issue.clone(), Instant::now());
        // One service that does not answer must not keep the others from being asked.
        if let Err(error) = decide_again(context, &facts).await {
            warn!(issue = %facts.issue, error = %chain(&error), "an issue could not be decided again");
        } else if let Err(error) = look_again(context, project, &facts, &context.worker).await {
            warn!(issue = %facts.issue, error = %chain(&error), "an issue could not be read again");
        }
    }
    Ok(())
}
