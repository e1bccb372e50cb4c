//! The one road in: observations become facts, log, reports and feed in one transaction.

use patchrelay_domain::{
    Change, IssueFacts, IssueId, Observation, ObservationKind, OutboxOrder, ProjectId, Timestamp,
    change, decide,
};
use patchrelay_ports::{Commit, Committed, Guard, Lease, NewOrder, Side, Step, Stored};
use tracing::info;

use crate::{EngineError, context::Context};

/// How often a change is computed anew because others changed the issue meanwhile. Each round means that somebody else
/// got through, so this many in a row means that something is wrong.
pub(crate) const MAX_ROUNDS: u32 = 20;

/// What happened, for one issue.
pub(crate) struct News {
    pub(crate) issue: IssueId,
    /// The project, for an issue that is not known yet.
    pub(crate) project: ProjectId,
    /// The id of the delivery or run that brought it.
    pub(crate) correlation: String,
    pub(crate) kinds: Vec<ObservationKind>,
    /// The deliveries that are done with it.
    pub(crate) deliveries: Vec<i64>,
}

/// What became of a guarded change.
#[derive(Debug)]
pub(crate) enum Applied {
    Stored(Box<Change>),
    /// The guard did not hold; nothing was stored.
    GuardFailed(Committed),
}

/// Stores what happened. Facts may always arrive: no lease is needed, and the version decides between writers.
pub(crate) async fn observe(context: &Context, news: News) -> Result<Change, EngineError> {
    match apply(context, &news, Guard::Version).await? {
        Applied::Stored(change) => Ok(*change),
        Applied::GuardFailed(_) => Err(EngineError::Contended { issue: news.issue }),
    }
}

/// Stores what happened under a guard, computing it anew as often as others change the issue meanwhile.
pub(crate) async fn apply(
    context: &Context,
    news: &News,
    guard: Guard,
) -> Result<Applied, EngineError> {
    for _ in 0..MAX_ROUNDS {
        let stored = context.ports.store.load(&news.issue).await?;
        // Facts are large, and so is a future that holds two of them.
        match Box::pin(apply_to(context, news, guard.clone(), stored)).await? {
            Applied::GuardFailed(Committed::Conflict) => context.counts.conflict(),
            applied => return Ok(applied),
        }
    }
    Err(EngineError::Contended { issue: news.issue.clone() })
}

/// Stores what happened on exactly these facts; a conflict, if they are not the newest any more.
pub(crate) async fn apply_to(
    context: &Context,
    news: &News,
    guard: Guard,
    stored: Option<Stored>,
) -> Result<Applied, EngineError> {
    let store = &context.ports.store;
    let now = context.now();
    let (before, version) = match stored {
        Some(stored) => (stored.facts, stored.version),
        None => (IssueFacts::new(news.issue.clone(), news.project.clone(), now), 0),
    };
    let known = store.known_occurrences(&news.issue, &news.kinds).await?;
    let incoming = news
        .kinds
        .iter()
        .zip(known)
        .filter(|(_, known)| !known)
        .map(|(kind, _)| Observation {
            at: now,
            correlation: news.correlation.clone(),
            kind: kind.clone(),
        })
        .collect();
    let change = change(&context.policy(&before), now, &before, incoming);
    let says_nothing =
        !news.kinds.is_empty() && change.observations.is_empty() && news.deliveries.is_empty();
    if says_nothing && guard == Guard::Version {
        return Ok(Applied::Stored(Box::new(change)));
    }
    let commit = Commit {
        expected: version,
        facts: change.facts.clone(),
        next: change.next.clone(),
        observations: change.observations.clone(),
        orders: new_orders(context, &change.orders, now),
        feed: change.feed.clone(),
        deliveries: news.deliveries.clone(),
        guard,
        at: now,
    };
    // A claim and a settlement are steps of their own.
    let step = (commit.guard == Guard::Version).then(|| step_of(&before, &change));
    let reached = |side| {
        if let Some(step) = step {
            context.ports.probe.reached(step, side);
        }
    };
    reached(Side::Before);
    let committed = store.commit(&commit).await?;
    reached(Side::After);
    match committed {
        Committed::Stored(version) => {
            for observation in &change.observations {
                info!(
                    issue = %news.issue,
                    version,
                    kind = observation.kind.name(),
                    correlation = %observation.correlation,
                    "observed"
                );
            }
            if !change.observations.is_empty() {
                context.nudge.issue_changed();
            }
            Ok(Applied::Stored(Box::new(change)))
        }
        failed @ (Committed::Conflict | Committed::LeaseLost | Committed::AlreadySettled) => {
            Ok(Applied::GuardFailed(failed))
        }
    }
}

/// Orders reports of something that is no fact, if the facts are still such that it is to be reported. Whoever changes
/// the issue meanwhile goes first: the next report says more.
pub(crate) async fn show(
    context: &Context,
    issue: &IssueId,
    lease: &Lease,
    shown: impl Fn(&IssueFacts) -> Vec<OutboxOrder>,
) -> Result<(), EngineError> {
    let store = &context.ports.store;
    let Some(Stored { facts, version }) = store.load(issue).await? else { return Ok(()) };
    let now = context.now();
    let orders = shown(&facts);
    if orders.is_empty() {
        return Ok(());
    }
    let commit = Commit {
        expected: version,
        next: decide(&context.policy(&facts), now, &facts),
        facts,
        observations: Vec::new(),
        orders: new_orders(context, &orders, now),
        feed: Vec::new(),
        deliveries: Vec::new(),
        guard: Guard::Held { lease: lease.clone() },
        at: now,
    };
    match store.commit(&commit).await? {
        Committed::Stored(_) => context.nudge.reports_ordered(),
        Committed::Conflict | Committed::LeaseLost | Committed::AlreadySettled => {}
    }
    Ok(())
}

/// How a crash test calls what is being stored.
fn step_of(before: &IssueFacts, change: &Change) -> Step {
    if change.facts.is_merged() && !before.is_merged() { Step::SeeMerge } else { Step::Observe }
}

/// Decides once more about a known issue, without news: after a start, and when a time has come.
pub(crate) async fn decide_again(context: &Context, facts: &IssueFacts) -> Result<(), EngineError> {
    let news = News {
        issue: facts.issue.clone(),
        project: facts.project.clone(),
        correlation: context.worker.id.clone(),
        kinds: Vec::new(),
        deliveries: Vec::new(),
    };
    observe(context, news).await?;
    Ok(())
}

fn new_orders(context: &Context, orders: &[OutboxOrder], now: Timestamp) -> Vec<NewOrder> {
    orders
        .iter()
        .map(|order| NewOrder {
            entity_id: context.ports.ids.random(),
            order: order.clone(),
            expires: order.useful_for().map(|time| now.plus(time)),
        })
        .collect()
}
