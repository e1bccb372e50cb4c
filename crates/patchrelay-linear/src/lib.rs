//! Linear: the `Tracker` port over its GraphQL API, and the `WebhookSource` port for what it sends us.
//!
//! The documents in `graphql/operations` are compiled into Rust against `graphql/schema.graphql`, the small part of
//! Linear's schema that they use. The generated types stay in `operations`; `transport` turns every way a call can go
//! wrong into one of few meanings; `tracker` speaks the words of the domain. `webhook` is pure and shares nothing with
//! them.
//!
//! - No call leaves without a deadline, and no answer is read without a bound.
//! - Only Linear's own words in Linear's own form are a refusal. Anything else, a proxy's error page for instance, is
//!   "no answer", so nothing is given up because of it.

mod operations;
mod setup;
mod tracker;
mod transport;
mod webhook;

pub use crate::{
    setup::{Credential, LinearConfig, SetupError},
    tracker::LinearTracker,
    webhook::{LinearWebhookSettings, LinearWebhooks},
};
