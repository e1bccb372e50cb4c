//! Orders of an operator.

use async_trait::async_trait;
use patchrelay_domain::{IssueFacts, IssueId, Order, OrderRefusal};
use thiserror::Error;

use crate::StoreError;

/// An order, as somebody gives it who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorOrder {
    /// Who they say they are, for people to read.
    pub by: String,
    /// Why, if they said.
    pub reason: Option<String>,
    /// What.
    pub order: Order,
}

/// Why an order was not carried out.
#[derive(Debug, Error)]
pub enum OrderError {
    /// The issue is not known.
    #[error("the issue is not known")]
    UnknownIssue,
    /// Nothing was changed, and the order as it is never will.
    #[error("{0}")]
    Refused(OrderRefusal),
    /// The store failed. Whether it was carried out is unknown.
    #[error("the order could not be stored")]
    Store(#[from] StoreError),
    /// Others changed the issue all the time. Nothing was changed.
    #[error("the issue changes too fast")]
    Contended,
}

/// Whoever carries orders out.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Carries an order out on the issue as it is now, and gives what is known of it then.
    async fn give(&self, issue: &IssueId, order: OperatorOrder) -> Result<IssueFacts, OrderError>;
}
