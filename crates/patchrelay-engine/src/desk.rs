//! The desk, where operators give their orders.

use std::sync::Arc;

use async_trait::async_trait;
use patchrelay_domain::{
    Actor, GivenOrder, IssueFacts, IssueId, OrderRefusal, Standing, carry_out,
};
use patchrelay_ports::{Guard, OperatorOrder, OrderError, Orders};
use tracing::info;

use crate::{
    EngineError,
    context::Context,
    observe::{Applied, MAX_ROUNDS, News, apply_to},
};

/// Carries out what operators order.
pub(crate) struct Desk {
    pub(crate) context: Arc<Context>,
}

#[async_trait]
impl Orders for Desk {
    async fn give(&self, issue: &IssueId, order: OperatorOrder) -> Result<IssueFacts, OrderError> {
        let context = &self.context;
        let OperatorOrder { by, reason, order } = order;
        let given = GivenOrder {
            id: context.ports.ids.sortable(),
            by: Actor {
                id: format!("operator:{by}"),
                name: Some(by),
                email: None,
                standing: Standing::Operator,
            },
            reason,
            order,
        };
        for _ in 0..MAX_ROUNDS {
            let stored = context.ports.store.load(issue).await?.ok_or(OrderError::UnknownIssue)?;
            let policy = context.policy(&stored.facts);
            let kind = carry_out(&policy, context.now(), &stored.facts, &given)
                .map_err(OrderError::Refused)?;
            let news = News {
                issue: issue.clone(),
                project: stored.facts.project.clone(),
                correlation: given.id.clone(),
                kinds: vec![kind],
                deliveries: Vec::new(),
            };
            // Facts are large, and so is a future that holds two of them. It is judged and stored on the same ones.
            match Box::pin(apply_to(context, &news, Guard::Version, Some(stored))).await {
                Ok(Applied::Stored(change)) if change.observations.is_empty() => {
                    return Err(OrderError::Refused(OrderRefusal::NoEffect));
                }
                Ok(Applied::Stored(change)) => {
                    info!(%issue, order = %given.id, by = given.by.shown(), "an operator's order was carried out");
                    return Ok(change.facts);
                }
                Ok(Applied::GuardFailed(_)) => self.context.counts.conflict(),
                Err(error) => return Err(failed(error)),
            }
        }
        Err(OrderError::Contended)
    }
}

fn failed(error: EngineError) -> OrderError {
    match error {
        EngineError::Store(error) => OrderError::Store(error),
        // Nothing but the store is asked.
        EngineError::Call(_)
        | EngineError::Normalize(_)
        | EngineError::Workspace(_)
        | EngineError::Contended { .. }
        | EngineError::Superseded { .. }
        | EngineError::LoopEnded { .. } => OrderError::Contended,
    }
}
