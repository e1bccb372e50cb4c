//! Tests over the whole router, with the real store and the real verification of webhooks.

mod connections;
mod errors;
mod feed;
mod health;
mod inbox;
mod issues;
mod operators;
mod orders;
mod runs;
mod stream;
mod webhook;
pub(crate) mod world;
