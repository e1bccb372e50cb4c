//! Intake: stored deliveries become observations.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use patchrelay_domain::{IssueId, ObservationKind, Project, Route, RouteHint, Ticket, route};
use patchrelay_ports::{InboxRow, Side, Signal, SignalKind, Step, WebhookSource};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    observe::{News, observe},
};

/// How many deliveries are looked at in one go.
const BATCH: u32 = 64;
/// The first wait before a delivery that failed is tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest such wait. A delivery that may still succeed is never given up.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// Runs until stopped.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match sweep(&context).await {
            // More may be waiting than one batch.
            Ok(count) if count == BATCH as usize => continue,
            Ok(_) => {}
            Err(error) => warn!(error = %chain(&error), "the inbox could not be read"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = context.nudge.intake() => {}
            () = tokio::time::sleep(context.settings.reconcile_every) => {}
        }
    }
}

/// Applies every delivery that is due, different subjects side by side and those of one subject in order. Tells how
/// many there were.
async fn sweep(context: &Arc<Context>) -> Result<usize, EngineError> {
    let rows = context.ports.store.inbox_due(context.now(), BATCH).await?;
    let count = rows.len();
    let mut subjects: BTreeMap<String, Vec<(InboxRow, Vec<Signal>)>> = BTreeMap::new();
    for row in rows {
        match source(context, &row).map(|source| source.normalize(&row)) {
            Some(Ok(signals)) => {
                let subject = signals.first().map(subject).unwrap_or_default();
                subjects.entry(subject).or_default().push((row, signals));
            }
            Some(Err(error)) => failed(context, &row, &error.into()).await?,
            // Its sender is switched off now. It waits until that changes.
            None => {
                debug!(delivery = %row.delivery.delivery_id, "nobody reads deliveries of this source")
            }
        }
    }
    let mut work = JoinSet::new();
    for rows in subjects.into_values() {
        let context = context.clone();
        work.spawn(async move {
            for (row, signals) in rows {
                context.ports.probe.reached(Step::Intake, Side::Before);
                let result = apply(&context, &row, &signals).await;
                context.ports.probe.reached(Step::Intake, Side::After);
                if let Err(error) = result
                    && let Err(error) = failed(&context, &row, &error).await
                {
                    warn!(error = %chain(&error), "a delivery's failure could not be stored; it is tried again");
                }
            }
        });
    }
    while let Some(done) = work.join_next().await {
        if let Err(error) = done {
            warn!(%error, "applying a delivery panicked; it stays in the inbox");
        }
    }
    Ok(count)
}

fn source<'a>(context: &'a Context, row: &InboxRow) -> Option<&'a Arc<dyn WebhookSource>> {
    context.ports.webhooks.iter().find(|source| source.source() == row.delivery.source)
}

fn subject(signal: &Signal) -> String {
    match &signal.kind {
        SignalKind::SessionOpened { issue, .. } => issue.to_string(),
        SignalKind::PullRequestChanged { repo, pull_request, .. } => {
            format!("{repo}#{}", pull_request.head_branch)
        }
    }
}

async fn apply(context: &Context, row: &InboxRow, signals: &[Signal]) -> Result<(), EngineError> {
    for signal in signals {
        match &signal.kind {
            SignalKind::SessionOpened { issue, hint, session, prompt, author } => {
                let opened = ObservationKind::SessionOpened {
                    session: session.clone(),
                    prompt: prompt.clone(),
                    author: author.clone(),
                };
                session_opened(context, row, issue, hint, opened).await?;
            }
            SignalKind::PullRequestChanged { repo, version, pull_request } => {
                let Some(project) = context
                    .settings
                    .projects
                    .iter()
                    .find(|project| project.repo.is_same_repository(repo))
                else {
                    debug!(%repo, "a pull request of a repository that no project has");
                    continue;
                };
                let store = &context.ports.store;
                let found = store
                    .find_by_pull_request(
                        &project.id,
                        &pull_request.head_branch,
                        pull_request.number,
                    )
                    .await?;
                let Some(issue) = found else { continue };
                let read = ObservationKind::PullRequestRead {
                    version: *version,
                    pull_request: pull_request.clone(),
                };
                observe(context, news(row, issue, project, vec![read])).await?;
            }
        }
    }
    // The last change of a delivery ends it in its own transaction, so that it counts exactly once; this is for
    // deliveries that changed nothing. Ending one twice is harmless.
    context.ports.store.inbox_done(&[row.id], context.now()).await?;
    Ok(())
}

/// A session opened. The acknowledgement must not wait for the tracker, so the session is stored before the ticket is
/// read; the delivery is done only after both.
async fn session_opened(
    context: &Context,
    row: &InboxRow,
    issue: &IssueId,
    hint: &RouteHint,
    opened: ObservationKind,
) -> Result<(), EngineError> {
    let projects = &context.settings.projects;
    let routed = match route(projects, hint) {
        // Labels are known only from the ticket itself.
        Route::To(project) if project.labels.is_empty() => Some(project),
        Route::To(_) | Route::Nowhere | Route::Ambiguous(_) => None,
    };
    if let Some(project) = routed {
        observe(
            context,
            News {
                deliveries: Vec::new(),
                ..news(row, issue.clone(), project, vec![opened.clone()])
            },
        )
        .await?;
    }
    let read = context.ports.tracker.read_ticket(issue).await?;
    let project = match routed {
        Some(project) => project,
        None => match route(projects, &hint_of(&read.value)) {
            Route::To(project) => project,
            Route::Nowhere => {
                info!(key = %read.value.key, "no project claims this ticket");
                return Ok(());
            }
            Route::Ambiguous(several) => {
                let names: Vec<_> = several.iter().map(|project| project.id.as_str()).collect();
                warn!(key = %read.value.key, projects = ?names, "several projects claim this ticket, so none gets it");
                return Ok(());
            }
        },
    };
    let ticket = ObservationKind::TicketRead { version: read.version, ticket: read.value };
    observe(context, news(row, issue.clone(), project, vec![opened, ticket])).await?;
    Ok(())
}

fn hint_of(ticket: &Ticket) -> RouteHint {
    RouteHint {
        key: Some(ticket.key.clone()),
        team: vec![ticket.team_key.clone(), ticket.team_id.clone()],
        tracker_project: ticket.tracker_project.iter().cloned().collect(),
        labels: Some(ticket.labels.clone()),
    }
}

fn news(row: &InboxRow, issue: IssueId, project: &Project, kinds: Vec<ObservationKind>) -> News {
    News {
        issue,
        project: project.id.clone(),
        correlation: row.delivery.delivery_id.clone(),
        kinds,
        deliveries: vec![row.id],
    }
}

/// Puts a delivery off, or aside for a human when trying again cannot help.
async fn failed(context: &Context, row: &InboxRow, error: &EngineError) -> Result<(), EngineError> {
    let text = chain(error);
    let due = error.is_retryable().then(|| {
        let wait = FIRST_RETRY.saturating_mul(1 << row.attempts.min(16)).min(LAST_RETRY);
        let asked = match error {
            EngineError::Call(error) => error.retry_after(),
            EngineError::Store(_)
            | EngineError::Normalize(_)
            | EngineError::Contended { .. }
            | EngineError::LoopEnded { .. } => None,
        };
        context.now().plus(asked.unwrap_or(wait))
    });
    warn!(delivery = %row.delivery.delivery_id, retried = due.is_some(), error = %text, "a delivery was not applied");
    context.ports.store.inbox_failed(row.id, due, &text).await?;
    Ok(())
}
