//! Reconcile: what nobody told us is read again. It produces observations and nothing else.

use std::{collections::HashMap, sync::Arc};

use patchrelay_domain::{IssueFacts, IssueId, ObservationKind, PrState, Project};
use patchrelay_ports::{CallError, IssueFilter};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    observe::{News, decide_again, observe},
};

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
    read.retain(|issue, _| open.iter().any(|stored| stored.facts.issue == *issue));
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
        match look_again(context, project, &facts).await {
            Ok(()) => {}
            // One service that does not answer must not keep the others from being asked.
            Err(error) => {
                warn!(issue = %facts.issue, error = %chain(&error), "an issue could not be read again");
            }
        }
    }
    Ok(())
}

async fn look_again(
    context: &Context,
    project: &Project,
    facts: &IssueFacts,
) -> Result<(), EngineError> {
    decide_again(context, facts).await?;
    let mut kinds = Vec::new();
    let mut unread: Result<(), EngineError> = Ok(());
    match context.ports.tracker.read_ticket(&facts.issue).await {
        Ok(now) => {
            kinds.push(ObservationKind::TicketRead { version: now.version, ticket: now.value });
        }
        Err(error) => unread = Err(error.into()),
    }
    if let Some(pr) = facts.pull_request.as_ref().filter(|pr| pr.value.state != PrState::Merged) {
        match context.ports.forge.read_pull_request(&project.repo, pr.value.number).await {
            Ok(now) => {
                kinds.push(ObservationKind::PullRequestRead {
                    version: now.version,
                    pull_request: now.value,
                });
            }
            Err(error @ CallError::NotFound { .. }) => {
                // Hidden from us is not gone: it changes nothing by itself.
                warn!(issue = %facts.issue, error = %chain(&error), "a pull request cannot be seen");
            }
            // What the other service told counts all the same.
            Err(error) => unread = Err(error.into()),
        }
    }
    if kinds.is_empty() {
        return unread;
    }
    let news = News {
        issue: facts.issue.clone(),
        project: facts.project.clone(),
        correlation: context.worker.clone(),
        kinds,
        deliveries: Vec::new(),
    };
    observe(context, news).await?;
    unread
}
