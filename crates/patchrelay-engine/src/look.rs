//! Looking at the world without being told: an issue's ticket and pull request are read, and what is new is stored.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use patchrelay_domain::{
    Change, FRESH_FOR, IssueFacts, IssueId, NextStep, ObservationKind, PrState, Project, Wait,
};
use patchrelay_ports::CallError;
use tokio::time::Instant;
use tracing::warn;

use crate::{
    EngineError,
    context::Context,
    error::chain,
    observe::{News, observe},
};

/// The first wait before an issue that could not be read is read again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest such wait.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// What this process knows of how fresh its knowledge is. Forgetting it costs one more read of each issue.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<IssueId, Look>>);

#[derive(Clone, Copy, Debug)]
enum Look {
    /// Everything that can be read was read by calls that began then.
    Read { began: Instant },
    /// It could not be read, so often in a row; it is time to try again at this time.
    Failed { times: u32, again: Instant },
}

/// Whether something may be started on what is known of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It was read just now.
    Fresh,
    /// It has to be read first.
    Stale,
    /// It could not be read, and is not to be tried before that time.
    Unreadable { until: Instant },
}

impl Seen {
    /// Everything that can be read of this issue was read by calls that began then.
    pub(crate) fn read(&self, issue: &IssueId, began: Instant) {
        self.lock().insert(issue.clone(), Look::Read { began });
    }

    /// It is about to be read. Until that succeeds it counts as failed, whatever ends the attempt.
    pub(crate) fn about_to_read(&self, issue: &IssueId) {
        let mut looks = self.lock();
        let times = match looks.get(issue) {
            Some(Look::Failed { times, .. }) => times.saturating_add(1),
            Some(Look::Read { .. }) | None => 0,
        };
        let wait = FIRST_RETRY.saturating_mul(1 << times.min(16)).min(LAST_RETRY);
        looks.insert(issue.clone(), Look::Failed { times, again: Instant::now() + wait });
    }

    pub(crate) fn freshness(&self, issue: &IssueId) -> Freshness {
        match self.lock().get(issue) {
            Some(Look::Read { began }) if began.elapsed() < FRESH_FOR => Freshness::Fresh,
            Some(Look::Failed { again, .. }) if Instant::now() < *again => {
                Freshness::Unreadable { until: *again }
            }
            Some(Look::Read { .. } | Look::Failed { .. }) | None => Freshness::Stale,
        }
    }

    /// Forgets what says nothing any more.
    pub(crate) fn forget_old(&self) {
        self.lock().retain(|_, look| match look {
            Look::Read { began } => began.elapsed() < FRESH_FOR,
            // How often in a row it failed counts as long as it is tried again.
            Look::Failed { again, .. } => again.elapsed() < 2 * LAST_RETRY,
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IssueId, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the ticket and the pull request again. What could be read counts, whatever became of the other.
pub(crate) async fn look_again(
    context: &Context,
    project: &Project,
    facts: &IssueFacts,
    correlation: &str,
) -> Result<(), EngineError> {
    let began = Instant::now();
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
            Err(error) => unread = Err(error.into()),
        }
    }
    if !kinds.is_empty() {
        let news = News {
            issue: facts.issue.clone(),
            project: facts.project.clone(),
            correlation: correlation.to_owned(),
            kinds,
            deliveries: Vec::new(),
        };
        let change = observe(context, news).await?;
        if let Err(error) = look_at_link(context, project, &change, correlation).await {
            unread = Err(error);
        }
    }
    // Hidden from us is not taken away: what is known of it counts.
    if unread.as_ref().err().is_none_or(|error| !error.is_retryable()) {
        context.seen.read(&facts.issue, began);
    }
    unread
}

/// Reads the pull request that somebody attached to a ticket, if nothing can be decided before (S49).
pub(crate) async fn look_at_link(
    context: &Context,
    project: &Project,
    change: &Change,
    correlation: &str,
) -> Result<(), EngineError> {
    let NextStep::Wait { reason: Wait::LinkedPullRequest(number), .. } = change.next else {
        return Ok(());
    };
    let version = context.now();
    let kind = match context.ports.forge.read_pull_request(&project.repo, number).await {
        Ok(now) => {
            ObservationKind::PullRequestRead { version: now.version, pull_request: now.value }
        }
        Err(CallError::NotFound { .. }) => ObservationKind::PullRequestMissing { number, version },
        Err(error) => return Err(error.into()),
    };
    let news = News {
        issue: change.facts.issue.clone(),
        project: project.id.clone(),
        correlation: correlation.to_owned(),
        kinds: vec![kind],
        deliveries: Vec::new(),
    };
    observe(context, news).await?;
    Ok(())
}
