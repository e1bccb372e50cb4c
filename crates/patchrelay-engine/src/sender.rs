//! The sender: reports that were ordered are delivered.

use std::{sync::Arc, time::Duration};

use patchrelay_domain::{FeedEntry, FeedKind, FeedLevel, OutboxOrder};
use patchrelay_ports::{CallError, CreateActivity, MoveTicket, OutboxRow, Side, Step};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{EngineError, context::Context, error::chain};

/// How many reports are taken at once. They are sent one after the other.
const BATCH: u32 = 8;
/// How long a report is ours after we took it: longer than a whole batch of calls may take.
const ROW_LEASE: Duration = Duration::from_secs(300);
/// The first wait before a report that failed is tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest such wait.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// Runs until stopped.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match sweep(&context, &stop).await {
            // A report may have been the one that others of its lane waited for.
            Ok(sent) if 0 < sent => continue,
            Ok(_) => {}
            Err(error) => warn!(error = %chain(&error), "the outbox could not be used"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = context.woken.sender() => {}
            () = tokio::time::sleep(pause(&context)) => {}
        }
    }
}

/// Reports that are put off for a second should not wait for a whole reconcile period.
fn pause(context: &Context) -> Duration {
    context.settings.reconcile_every.min(Duration::from_secs(1))
}

/// Delivers what is due, and tells how many reports are done.
async fn sweep(context: &Context, stop: &CancellationToken) -> Result<usize, EngineError> {
    let store = &context.ports.store;
    let mut done = 0;
    for row in store.outbox_take(&context.worker, context.now(), ROW_LEASE, BATCH).await? {
        if stop.is_cancelled() {
            // What was taken and not sent is free again after the next start.
            break;
        }
        match deliver(context, &row).await {
            Ok(is_done) => done += usize::from(is_done),
            // Neither it nor the others that were taken with it should wait until they are free by themselves.
            Err(error) => {
                let text = chain(&error);
                warn!(issue = %row.issue, order = row.order.name(), error = %text, "what became of a report was not stored; it is sent again");
                store.outbox_failed(&row, context.now().plus(FIRST_RETRY), &text).await?;
            }
        }
    }
    Ok(done)
}

async fn deliver(context: &Context, row: &OutboxRow) -> Result<bool, EngineError> {
    let store = &context.ports.store;
    if row.expires.is_some_and(|expires| expires < context.now()) {
        let text = format!("report {} was not sent in time to help", row.order.name());
        store
            .outbox_done(row, Some("expired"), &line(row, FeedLevel::Warn, text), context.now())
            .await?;
        return Ok(true);
    }
    context.ports.probe.reached(Step::SendReport, Side::Before);
    let result = send(context, row).await;
    context.ports.probe.reached(Step::SendReport, Side::After);
    match result {
        Ok(()) => {
            info!(issue = %row.issue, order = row.order.name(), entity = %row.entity_id, "report sent");
            store
                .outbox_done(row, None, &line(row, FeedLevel::Info, sent_text(row)), context.now())
                .await?;
            Ok(true)
        }
        Err(error) if error.is_retryable() => {
            let wait = FIRST_RETRY.saturating_mul(1 << row.attempts.min(16)).min(LAST_RETRY);
            let due = context.now().plus(error.retry_after().unwrap_or(wait));
            let text = chain(&error);
            warn!(issue = %row.issue, order = row.order.name(), error = %text, "report put off");
            store.outbox_failed(row, due, &text).await?;
            Ok(false)
        }
        Err(error) => {
            let text = chain(&error);
            warn!(issue = %row.issue, order = row.order.name(), error = %text, "report refused");
            let shown = format!("report {} was refused: {text}", row.order.name());
            store
                .outbox_done(row, Some(&text), &line(row, FeedLevel::Warn, shown), context.now())
                .await?;
            Ok(true)
        }
    }
}

async fn send(context: &Context, row: &OutboxRow) -> Result<(), CallError> {
    let tracker = &context.ports.tracker;
    match &row.order {
        OutboxOrder::Activity { session, content, urgent: _ } => {
            let order = CreateActivity {
                id: row.entity_id.clone(),
                session: session.clone(),
                content: content.clone(),
            };
            tracker.create_activity(&order).await
        }
        OutboxOrder::MoveTicket { to } => {
            tracker.move_ticket(&MoveTicket { issue: row.issue.clone(), to: *to }).await
        }
    }
}

fn sent_text(row: &OutboxRow) -> String {
    match &row.order {
        OutboxOrder::Activity { .. } => format!("told the tracker: {}", row.order.name()),
        OutboxOrder::MoveTicket { to } => match to {
            patchrelay_domain::TicketTarget::Started => "moved the ticket to started".to_owned(),
            patchrelay_domain::TicketTarget::Completed => {
                "moved the ticket to completed".to_owned()
            }
        },
    }
}

fn line(row: &OutboxRow, level: FeedLevel, text: String) -> FeedEntry {
    FeedEntry { kind: FeedKind::Report, level, event: row.order.name().to_owned(), text }
}
