//! The sender: reports that were ordered are delivered.
//!
//! The store hands out one report of each lane at a time, so lanes go side by side and each in its order. What is done
//! with a report is the domain's to say ([`judge`], [`setback`]); here it is carried out, and what became of it is
//! stored. A report whose end was not stored comes back, and is looked for by its adapter before it is sent again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use patchrelay_domain::{
    FeedEntry, FeedKind, FeedLevel, Judgement, ObservationKind, OutboxOrder, ProjectId, Setback,
    TrackerState, judge, setback,
};
use patchrelay_ports::{
    CallError, CreateActivity, MoveTicket, Moved, OutboxRow, SetLink, SetPlan, Side, Step, Urgency,
    Waits, WriteComment,
};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error_span, info, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    observe::{News, observe},
};

/// How many reports are under way at once.
const AT_ONCE: usize = 8;
/// How many urgent ones more: somebody waits ten seconds for them, and the others may each take longer.
const URGENT_AT_ONCE: usize = 4;
/// How long a report is ours after we took it. Nothing is sent unless less than a third of it has passed (D14), and
/// what is not answered when two thirds have passed is given up.
const HOLD: Duration = Duration::from_secs(90);
/// The wait after what became of a report could not be stored.
const RETRY: Duration = Duration::from_secs(1);
/// How often a ticket is read anew because somebody moved it, before the others of its lane get their turn.
const MOST_READS: usize = 3;

/// Runs until stopped. What is under way then is waited for as long as runs are.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    let silences = Arc::<Silences>::default();
    let mut sending = JoinSet::new();
    while !stop.is_cancelled() {
        if let Err(error) = take(&context, &silences, &mut sending).await {
            warn!(error = %chain(&error), "the outbox could not be used");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            // It may have been the one that others of its lane waited for.
            Some(ended) = sending.join_next() => pass_on(ended),
            () = context.woken.sender() => {}
            () = tokio::time::sleep(pause(&context)) => {}
        }
    }
    let all = async {
        while let Some(ended) = sending.join_next().await {
            pass_on(ended);
        }
    };
    if timeout(context.settings.drain, all).await.is_err() {
        warn!(
            reports = sending.len(),
            "what became of some reports is not known; they are looked for later"
        );
    }
}

/// Reports that are put off for a second should not wait for a whole reconcile period.
fn pause(context: &Context) -> Duration {
    context.settings.reconcile_every.min(Duration::from_secs(1))
}

/// A report that ends by a panic ends the loop, and with it the engine: whoever started us starts us again.
fn pass_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Takes as many reports as there is room for, and begins to deliver them.
async fn take(
    context: &Arc<Context>,
    silences: &Arc<Silences>,
    sending: &mut JoinSet<()>,
) -> Result<(), EngineError> {
    let (urgency, room) = match AT_ONCE.saturating_sub(sending.len()) {
        0 => (Urgency::Urgent, (AT_ONCE + URGENT_AT_ONCE).saturating_sub(sending.len())),
        room => (Urgency::Any, room),
    };
    let Ok(limit @ 1..) = u32::try_from(room) else { return Ok(()) };
    // Before the store's clock starts to count, so that what we believe to be ours is.
    let taken = Instant::now();
    let store = &context.ports.store;
    for row in store.outbox_take(&context.worker.id, context.now(), HOLD, urgency, limit).await? {
        let (context, silences) = (context.clone(), silences.clone());
        let span = error_span!("report", issue = %row.issue, order = row.order.name(), entity = %row.entity_id);
        sending
            .spawn(async move { deliver(&context, &silences, &row, taken).await }.instrument(span));
    }
    Ok(())
}

/// How a report ended.
enum Ending {
    Sent,
    IsThere,
    Unwanted,
    Superseded,
    Expired,
}

async fn deliver(context: &Context, silences: &Silences, row: &OutboxRow, taken: Instant) {
    let result = carry_out(context, row, taken).await;
    let stored = match result {
        Ok(ending) => {
            if matches!(ending, Ending::Sent) {
                silences.answered(row);
            }
            end(context, row, &ending).await
        }
        Err(EngineError::Call(error)) if error.is_retryable() => {
            put_off(context, silences, row, &error, taken).await
        }
        Err(EngineError::Call(error)) => {
            silences.answered(row);
            refuse(context, row, &error).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = stored {
        let text = chain(&error);
        warn!(issue = %row.issue, order = row.order.name(), error = %text, "what became of a report was not stored; it is looked for and sent again");
        let due = context.now().plus(RETRY);
        // Neither it nor the others of its lane should wait until it is free by itself.
        let put_off = context.ports.store.outbox_failed(row, due, Waits::Report, &text).await;
        if let Err(error) = put_off {
            warn!(issue = %row.issue, error = %chain(&error), "a report could not be put off; it comes back when its hold expires");
        }
    }
}

/// Does what is to be done with it now.
async fn carry_out(
    context: &Context,
    row: &OutboxRow,
    taken: Instant,
) -> Result<Ending, EngineError> {
    for _ in 0..MOST_READS {
        // Facts are large, and so is a future that holds them.
        let (project, judged) = Box::pin(judge_now(context, row)).await?;
        let is_done = match judged {
            Judgement::Superseded => return Ok(Ending::Superseded),
            Judgement::Expired => return Ok(Ending::Expired),
            Judgement::IsThere => return Ok(Ending::IsThere),
            Judgement::Unwanted => return Ok(Ending::Unwanted),
            Judgement::Send => within_hold(row, taken, send(context, row, None)).await?,
            Judgement::MoveFrom(from) => {
                within_hold(row, taken, send(context, row, Some(from))).await?
            }
            Judgement::ReadTicket => false,
        };
        if is_done {
            return Ok(Ending::Sent);
        }
        within_hold(row, taken, Box::pin(read_ticket(context, row, project))).await?;
    }
    Err(unanswered(row, "the ticket is moved all the time").into())
}

/// Judges it by what is known of its issue now, and tells whose that is.
async fn judge_now(
    context: &Context,
    row: &OutboxRow,
) -> Result<(Option<ProjectId>, Judgement), EngineError> {
    let facts = context.ports.store.load(&row.issue).await?.map(|stored| stored.facts);
    let ticket = facts.as_ref().and_then(|facts| Some(&facts.ticket.as_ref()?.value));
    let judged = judge(&row.order, context.now(), row.expires, row.is_superseded, ticket);
    Ok((facts.map(|facts| facts.project), judged))
}

/// Starts nothing on a hold that is not fresh, and gives up before it can be somebody else's.
async fn within_hold<T, E: From<CallError>>(
    row: &OutboxRow,
    taken: Instant,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    if HOLD / 3 <= taken.elapsed() {
        return Err(unanswered(row, "there was no time to start it").into());
    }
    timeout_at(taken + HOLD * 2 / 3, work)
        .await
        .unwrap_or_else(|_| Err(unanswered(row, "there was no answer in time").into()))
}

fn unanswered(row: &OutboxRow, reason: &str) -> CallError {
    CallError::Unanswered {
        operation: format!("send report {} of {}", row.order.name(), row.issue),
        retry_after: None,
        source: reason.into(),
    }
}

/// Sends it. `false`: the ticket is not where it was last seen.
async fn send(
    context: &Context,
    row: &OutboxRow,
    from: Option<TrackerState>,
) -> Result<bool, CallError> {
    context.ports.probe.reached(Step::SendReport, Side::Before);
    let result = call(context, row, from).await;
    context.ports.probe.reached(Step::SendReport, Side::After);
    result
}

async fn call(
    context: &Context,
    row: &OutboxRow,
    from: Option<TrackerState>,
) -> Result<bool, CallError> {
    let tracker = &context.ports.tracker;
    let issue = row.issue.clone();
    match row.order.clone() {
        OutboxOrder::Activity { session, content, urgent: _, ephemeral } => {
            let id = row.entity_id.clone();
            tracker.create_activity(&CreateActivity { id, session, content, ephemeral }).await?;
        }
        OutboxOrder::Plan { session, steps } => {
            tracker.set_plan(&SetPlan { session, steps }).await?;
        }
        OutboxOrder::Link { session, number, url } => {
            tracker.set_link(&SetLink { session, number, url }).await?;
        }
        OutboxOrder::Comment { body } => {
            tracker.write_comment(&WriteComment { issue, body }).await?;
        }
        OutboxOrder::MoveTicket { to } => {
            let Some(from) = from else { return Ok(false) };
            match tracker.move_ticket(&MoveTicket { issue, from, to }).await? {
                Moved::Moved => {}
                Moved::Elsewhere => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// Somebody moved the ticket: what we know of it is brought up to date.
async fn read_ticket(
    context: &Context,
    row: &OutboxRow,
    project: Option<ProjectId>,
) -> Result<(), EngineError> {
    // A report belongs to a stored issue.
    let Some(project) = project else { return Ok(()) };
    let now = context.ports.tracker.read_ticket(&row.issue).await?;
    let news = News {
        issue: row.issue.clone(),
        project,
        correlation: row.entity_id.clone(),
        kinds: vec![ObservationKind::TicketRead { version: now.version, ticket: now.value }],
        deliveries: Vec::new(),
    };
    observe(context, news).await?;
    Ok(())
}

async fn end(context: &Context, row: &OutboxRow, ending: &Ending) -> Result<(), EngineError> {
    let name = row.order.name();
    let (error, level, text) = match ending {
        Ending::Sent => (None, FeedLevel::Info, row.order.sent()),
        Ending::IsThere => (None, FeedLevel::Info, "the ticket is where it should be".to_owned()),
        Ending::Unwanted => {
            let text = "the ticket is not moved, because it was taken back".to_owned();
            (Some("unwanted"), FeedLevel::Info, text)
        }
        Ending::Superseded => {
            let text = format!("report {name} was not sent: a newer one supersedes it");
            (Some("superseded"), FeedLevel::Info, text)
        }
        Ending::Expired => {
            let text = format!("report {name} was not sent in time to help");
            (Some("expired"), FeedLevel::Warn, text)
        }
    };
    info!(issue = %row.issue, order = name, entity = %row.entity_id, "{text}");
    let line = line(row, level, text);
    context.ports.store.outbox_done(row, error, &line, context.now()).await?;
    context.nudge.run_moved();
    context.counts.report_ended(error.unwrap_or("sent"));
    Ok(())
}

async fn refuse(context: &Context, row: &OutboxRow, error: &CallError) -> Result<(), EngineError> {
    let text = chain(error);
    warn!(issue = %row.issue, order = row.order.name(), error = %text, "report refused");
    let shown = format!("report {} was refused: {text}", row.order.name());
    let line = line(row, FeedLevel::Warn, shown);
    context.ports.store.outbox_done(row, Some(&text), &line, context.now()).await?;
    context.nudge.run_moved();
    context.counts.report_ended("refused");
    Ok(())
}

async fn put_off(
    context: &Context,
    silences: &Silences,
    row: &OutboxRow,
    error: &CallError,
    taken: Instant,
) -> Result<(), EngineError> {
    let unanswered = silences.unanswered(row, taken);
    let setback = setback(error.retry_after(), row.attempts, unanswered);
    let (wait, waits) = match setback {
        Setback::Order(wait) => (wait, Waits::Report),
        Setback::Target(wait) => {
            silences.paused(row);
            (wait, Waits::Target)
        }
    };
    let text = chain(error);
    warn!(issue = %row.issue, order = row.order.name(), error = %text, ?waits, seconds = wait.as_secs(), "report put off");
    context.ports.store.outbox_failed(row, context.now().plus(wait), waits, &text).await?;
    Ok(())
}

fn line(row: &OutboxRow, level: FeedLevel, text: String) -> FeedEntry {
    FeedEntry { kind: FeedKind::Report, level, event: row.order.name().to_owned(), text }
}

/// Which targets did not answer lately. Forgetting it costs a few calls more before an outage is noticed.
#[derive(Debug, Default)]
struct Silences(Mutex<HashMap<String, Silence>>);

#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    /// How many reports in a row.
    reports: u32,
    /// When the target was paused last. What was taken before that says nothing new.
    paused: Option<Instant>,
}

impl Silences {
    fn answered(&self, row: &OutboxRow) {
        self.with(row, |silence| *silence = Silence::default());
    }

    /// Tells how many reports in a row got no answer, with one that was taken then.
    fn unanswered(&self, row: &OutboxRow, taken: Instant) -> u32 {
        self.with(row, |silence| {
            if silence.paused.is_none_or(|paused| paused <= taken) {
                silence.reports = silence.reports.saturating_add(1);
            }
            silence.reports
        })
    }

    fn paused(&self, row: &OutboxRow) {
        self.with(row, |silence| silence.paused = Some(Instant::now()));
    }

    fn with<T>(&self, row: &OutboxRow, change: impl FnOnce(&mut Silence) -> T) -> T {
        let mut silences = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(silences.entry(row.order.target(&row.issue)).or_default())
    }
}

#[cfg(test)]
mod tests;
