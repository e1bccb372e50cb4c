//! Fakes of the world that speak the real protocols over loopback, for the demo, for tests, and for embedders.
//!
//! A fake is a small model with state, not a list of expected calls: it obeys the contract of what it stands for,
//! refuses what the real one refuses, and can be told to fail before the work, after it with the answer lost, or
//! slowly ([`Faults`]).

mod fault;
mod server;
mod store;
mod webhook;

pub mod agent;
pub mod github;
pub mod linear;
pub mod model;

pub use crate::{
    fault::{Fault, Faults},
    store::MemoryStore,
    webhook::{DeliveryAnswer, WebhookTarget},
};
