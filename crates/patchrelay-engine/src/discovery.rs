//! Discovery: tickets that were delegated to us and of which nobody told us (N50, S53).

use std::collections::HashMap;

use patchrelay_domain::{
    IssueFacts, IssueId, NextStep, ObservationKind, Timestamp, Versioned, Wait, decide, is_untold,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    intake::claimed_by,
    look::{look_again, look_at_link},
    observe::{News, observe},
};

/// What this process knows of tickets that no project claims. Forgetting it costs one more read of each.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    unclaimed: HashMap<IssueId, Timestamp>,
}

impl Discovery {
    /// Reads what is delegated to us and not known, or not known to be. Tells whether that was all: what changed just
    /// now is left to its webhook first.
    ///
    /// # Errors
    ///
    /// When the tracker gives no list. A ticket that cannot be read is tried again the next time.
    pub(crate) async fn discover(
        &mut self,
        context: &Context,
        stop: &CancellationToken,
    ) -> Result<bool, EngineError> {
        let listed = context.ports.tracker.delegated_tickets().await?;
        self.unclaimed.retain(|issue, version| {
            listed.iter().any(|ticket| ticket.value == *issue && ticket.version == *version)
        });
        let mut is_all = true;
        for ticket in listed {
            if stop.is_cancelled() {
                break;
            }
            match self.look_at(context, &ticket).await {
                Ok(is_done) => is_all &= is_done,
                Err(error) => {
                    warn!(issue = %ticket.value, error = %chain(&error), "a delegated ticket could not be read");
                }
            }
        }
        Ok(is_all)
    }

    /// Looks at one of them. `false`: not yet.
    async fn look_at(
        &mut self,
        context: &Context,
        ticket: &Versioned<IssueId>,
    ) -> Result<bool, EngineError> {
        let issue = &ticket.value;
        if self.unclaimed.contains_key(issue) {
            return Ok(true);
        }
        let known = context.ports.store.load(issue).await?.map(|stored| stored.facts);
        if known.as_ref().is_some_and(|facts| !is_missed(context, facts)) {
            return Ok(true);
        }
        let are_told = context.ports.webhooks.iter().any(|reader| reader.source().is_tracker());
        if !is_untold(context.now(), ticket.version, are_told) {
            return Ok(false);
        }
        let correlation = &context.worker.id;
        if let Some(facts) = known {
            if let Some(project) = context.project(&facts.project) {
                look_again(context, project, &facts, correlation).await?;
            }
            return Ok(true);
        }
        let read = context.ports.tracker.read_ticket(issue).await?;
        let Some(project) = claimed_by(&context.settings.projects, &read.value) else {
            self.unclaimed.insert(issue.clone(), ticket.version);
            return Ok(true);
        };
        info!(key = %read.value.key, "found a ticket that nobody told of");
        let news = News {
            issue: issue.clone(),
            project: project.id.clone(),
            correlation: correlation.clone(),
            kinds: vec![ObservationKind::TicketRead { version: read.version, ticket: read.value }],
            deliveries: Vec::new(),
        };
        let change = observe(context, news).await?;
        look_at_link(context, project, &change, correlation).await?;
        Ok(true)
    }
}

/// Whether nothing would come of an issue that is delegated. What is waiting or at work is read again by reconciling.
fn is_missed(context: &Context, facts: &IssueFacts) -> bool {
    matches!(
        decide(&context.policy(facts), context.now(), facts),
        NextStep::Settled(_) | NextStep::Wait { reason: Wait::Undelegated, .. }
    )
}
