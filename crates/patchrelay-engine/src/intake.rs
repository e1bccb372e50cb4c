//! Intake: stored deliveries become observations.

mod people;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use patchrelay_domain::{
    IssueId, ObservationKind, Project, Route, RouteHint, Ticket, route, route_unread,
};
use patchrelay_ports::{InboxRow, Role, Side, Signal, SignalKind, Step, WebhookSource};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error_span, info, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    look::look_at_link,
    nodes::Duty,
    observe::{News, observe},
};

/// How many deliveries are looked at in one go.
const BATCH: u32 = 64;
/// The first wait before a delivery that failed is tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest such wait. A delivery that may still succeed is never given up.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// The deliveries that are being applied.
#[derive(Default)]
struct Work {
    tasks: JoinSet<()>,
    by_task: HashMap<Id, Group>,
}

/// Deliveries about the same subject. They are applied in order.
struct Group {
    subject: String,
    rows: Vec<InboxRow>,
}

/// Runs until stopped, and until what was begun is done.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut work = Work::default();
    let mut duty = Duty::of(Role::Intake);
    while !stop.is_cancelled() {
        // Two that apply what is said of one issue would do it out of order, and read each ticket twice.
        if duty.is_ours(&context).await {
            match sweep(&context, &mut work).await {
                // More may be waiting than one batch.
                Ok(begun) if begun == BATCH as usize => continue,
                Ok(_) => {}
                Err(error) => warn!(error = %chain(&error), "the inbox could not be read"),
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            // Others may have waited for it.
            Some(ended) = work.tasks.join_next_with_id() => work.ended(&context, ended).await,
            () = context.woken.intake() => {}
            () = tokio::time::sleep(context.settings.reconcile_every.min(Duty::renewed_every(&context))) => {}
        }
    }
    while let Some(ended) = work.tasks.join_next_with_id().await {
        work.ended(&context, ended).await;
    }
    duty.give_back(&context).await;
}

impl Work {
    fn has(&self, subject: &str) -> bool {
        self.by_task.values().any(|group| group.subject == subject)
    }

    async fn ended(&mut self, context: &Context, ended: Result<(Id, ()), JoinError>) {
        let (id, error) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let Some(group) = self.by_task.remove(&id) else { return };
        let Some(error) = error else { return };
        warn!(%error, "applying a delivery panicked; it stays in the inbox");
        let text = error.to_string();
        for row in &group.rows {
            let due = context.now().plus(retry_after(row));
            let put_off = context.ports.store.inbox_failed(row.id, Some(due), &text).await;
            if let Err(error) = put_off {
                warn!(error = %chain(&error), "a delivery's failure could not be stored");
            }
        }
    }
}

/// Begins to apply every delivery that is due, different subjects side by side: one whose ticket is slow to read must
/// not keep another's session from being acknowledged. Tells how many were begun.
async fn sweep(context: &Arc<Context>, work: &mut Work) -> Result<usize, EngineError> {
    // Rows of a sender that is switched off now wait in the store, and not in the way of the others.
    let readers: Vec<_> = context.ports.webhooks.iter().map(|reader| reader.source()).collect();
    let rows = context.ports.store.inbox_due(context.now(), &readers, BATCH).await?;
    let mut subjects: BTreeMap<String, Vec<(InboxRow, Vec<Signal>)>> = BTreeMap::new();
    for row in rows {
        let Some(reader) = reader(context, &row) else { continue };
        match reader.normalize(&row) {
            Ok(signals) => {
                let subject = signals.first().map(subject).unwrap_or_default();
                if !work.has(&subject) {
                    subjects.entry(subject).or_default().push((row, signals));
                }
            }
            Err(error) => failed(context, &row, &error.into()).await?,
        }
    }
    let mut begun = 0;
    for (subject, deliveries) in subjects {
        begun += deliveries.len();
        let rows = deliveries.iter().map(|(row, _)| row.clone()).collect();
        let task = work.tasks.spawn(apply_in_order(context.clone(), deliveries));
        work.by_task.insert(task.id(), Group { subject, rows });
    }
    Ok(begun)
}

async fn apply_in_order(context: Arc<Context>, deliveries: Vec<(InboxRow, Vec<Signal>)>) {
    for (row, signals) in deliveries {
        let span = error_span!("delivery", source = row.delivery.source.as_str(), delivery = %row.delivery.delivery_id);
        context.ports.probe.reached(Step::Intake, Side::Before);
        let result = apply(&context, &row, &signals).instrument(span).await;
        context.ports.probe.reached(Step::Intake, Side::After);
        if let Err(error) = result
            && let Err(error) = failed(&context, &row, &error).await
        {
            warn!(error = %chain(&error), "a delivery's failure could not be stored; it is tried again");
            // It is still due, so only this keeps it from being tried at once.
            tokio::time::sleep(FIRST_RETRY).await;
        }
    }
}

fn reader<'a>(context: &'a Context, row: &InboxRow) -> Option<&'a Arc<dyn WebhookSource>> {
    context.ports.webhooks.iter().find(|reader| reader.source() == row.delivery.source)
}

fn subject(signal: &Signal) -> String {
    match &signal.kind {
        SignalKind::SessionOpened { issue, .. }
        | SignalKind::Prompted { issue, .. }
        | SignalKind::Commented { issue, .. } => issue.to_string(),
        SignalKind::PullRequestChanged { repo, pull_request, .. } => {
            format!("{repo}#{}", pull_request.head_branch)
        }
    }
}

async fn apply(context: &Context, row: &InboxRow, signals: &[Signal]) -> Result<(), EngineError> {
    for signal in signals {
        match &signal.kind {
            SignalKind::SessionOpened { issue, hint, session, prompt } => {
                let opened = people::opened(session, prompt.clone());
                session_opened(context, row, issue, hint, opened, None).await?;
            }
            SignalKind::Prompted { issue, hint, session, prompt } => {
                people::prompted(context, row, issue, hint, session, prompt).await?;
            }
            SignalKind::Commented { issue, comment } => {
                people::commented(context, row, issue, comment).await?;
            }
            SignalKind::PullRequestChanged { repo, version, pull_request } => {
                let projects = &context.settings.projects;
                // Two projects may share a repository; the branch tells whose it is.
                for project in
                    projects.iter().filter(|project| project.repo.is_same_repository(repo))
                {
                    let found = context.ports.store.find_by_pull_request(
                        &project.id,
                        &pull_request.head_branch,
                        pull_request.number,
                    );
                    let Some(issue) = found.await? else { continue };
                    let read = ObservationKind::PullRequestRead {
                        version: *version,
                        pull_request: pull_request.clone(),
                    };
                    observe(context, news(row, issue, project, vec![read])).await?;
                }
            }
        }
    }
    // The last change of a delivery ends it in its own transaction, so that it counts exactly once; this is for
    // deliveries that changed nothing. Ending one twice is harmless.
    context.ports.store.inbox_done(&[row.id], context.now()).await?;
    Ok(())
}

/// A session opened, and perhaps something was said in it already. The acknowledgement must not wait for the tracker, so the session is stored before the ticket is
/// read; the delivery is done only after both.
async fn session_opened(
    context: &Context,
    row: &InboxRow,
    issue: &IssueId,
    hint: &RouteHint,
    opened: ObservationKind,
    said: Option<ObservationKind>,
) -> Result<(), EngineError> {
    let projects = &context.settings.projects;
    let routed = route_unread(projects, hint);
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
    let began = Instant::now();
    let read = context.ports.tracker.read_ticket(issue).await?;
    let project = match routed {
        Some(project) => project,
        None => match claimed_by(projects, &read.value) {
            Some(project) => project,
            None => return Ok(()),
        },
    };
    let ticket = ObservationKind::TicketRead { version: read.version, ticket: read.value };
    let kinds = [opened, ticket].into_iter().chain(said).collect();
    let change = observe(context, news(row, issue.clone(), project, kinds)).await?;
    if let Err(error) = look_at_link(context, project, &change, &row.delivery.delivery_id).await {
        // Reconciling reads it again before long.
        warn!(%issue, error = %chain(&error), "the attached pull request could not be read");
        return Ok(());
    }
    // There is nothing else to read.
    if change.facts.pull_request.is_none() {
        context.seen.read(issue, began);
    }
    Ok(())
}

/// The project that a ticket belongs to.
pub(crate) fn claimed_by<'a>(projects: &'a [Project], ticket: &Ticket) -> Option<&'a Project> {
    match route(projects, &hint_of(ticket)) {
        Route::To(project) => Some(project),
        Route::Nowhere => {
            info!(key = %ticket.key, "no project claims this ticket");
            None
        }
        Route::Ambiguous(several) => {
            let names: Vec<_> = several.iter().map(|project| project.id.as_str()).collect();
            warn!(key = %ticket.key, projects = ?names, "several projects claim this ticket, so none gets it");
            None
        }
    }
}

fn hint_of(ticket: &Ticket) -> RouteHint {
    RouteHint {
        key: Some(ticket.key.clone()),
        team: vec![ticket.team_key.clone(), ticket.team_id.clone(), ticket.team_name.clone()],
        tracker_project: Some(
            ticket.tracker_project.iter().chain(&ticket.tracker_project_id).cloned().collect(),
        ),
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

/// How long a delivery that failed waits.
fn retry_after(row: &InboxRow) -> Duration {
    FIRST_RETRY.saturating_mul(1 << row.attempts.min(16)).min(LAST_RETRY)
}

/// Puts a delivery off, or aside for a human when trying again cannot help.
async fn failed(context: &Context, row: &InboxRow, error: &EngineError) -> Result<(), EngineError> {
    let text = chain(error);
    let due = error.is_retryable().then(|| {
        let asked = match error {
            EngineError::Call(error) => error.retry_after(),
            EngineError::Store(_)
            | EngineError::Normalize(_)
            | EngineError::Workspace(_)
            | EngineError::Contended { .. }
            | EngineError::Superseded { .. }
            | EngineError::LoopEnded { .. } => None,
        };
        context.now().plus(asked.unwrap_or(retry_after(row)))
    });
    warn!(delivery = %row.delivery.delivery_id, retried = due.is_some(), error = %text, "a delivery was not applied");
    context.ports.store.inbox_failed(row.id, due, &text).await?;
    Ok(())
}
