//! Reconcile: what nobody told us is read again. It produces observations and nothing else.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchrelay_domain::{IssueId, NextStep, Wait, decide};
use patchrelay_ports::{IssueFilter, Role};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    EngineError, context::Context, discovery::Discovery, error::chain, look::look_again,
    nodes::Duty, observe::decide_again,
};

/// How many issues are loaded at once.
const PAGE: u32 = 100;

/// Runs until stopped.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    // When each open issue was read last, by this process. Forgetting it costs one extra read.
    let mut read: HashMap<IssueId, Instant> = HashMap::new();
    let mut duty = Duty::of(Role::Reconcile);
    let mut next = Instant::now();
    let mut discovery = Discovery::default();
    let mut next_discovery = Instant::now();
    while !stop.is_cancelled() {
        let is_due = next <= Instant::now();
        // Several nodes that read everything would be several times the load for the services outside.
        if duty.is_ours(&context).await && is_due {
            if let Err(error) = sweep(&context, &mut read, &stop).await {
                warn!(error = %chain(&error), "reconciling was cut short");
            }
            if next_discovery <= Instant::now() {
                match discovery.discover(&context, &stop).await {
                    Ok(true) => next_discovery = Instant::now() + context.settings.discover_every,
                    Ok(false) => {}
                    Err(error) => warn!(error = %chain(&error), "no tickets could be discovered"),
                }
            }
        }
        if is_due {
            context.seen.forget_old();
            next = Instant::now() + context.settings.reconcile_every;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(next.min(Instant::now() + Duty::renewed_every(&context))) => {}
        }
    }
    duty.give_back(&context).await;
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
        // Nothing is done before an attached pull request was seen.
        let waits_for_link = matches!(
            decide(&context.policy(&facts), context.now(), &facts),
            NextStep::Wait { reason: Wait::LinkedPullRequest(_), .. }
        );
        if !is_running
            && !waits_for_link
            && read.get(&facts.issue).is_some_and(|at| at.elapsed() < context.settings.reread_every)
        {
            continue;
        }
        read.insert(facts.issue.clone(), Instant::now());
        // One service that does not answer must not keep the others from being asked.
        if let Err(error) = decide_again(context, &facts).await {
            warn!(issue = %facts.issue, error = %chain(&error), "an issue could not be decided again");
        } else if let Err(error) = look_again(context, project, &facts, &context.worker.id).await {
            warn!(issue = %facts.issue, error = %chain(&error), "an issue could not be read again");
        }
    }
    Ok(())
}
