//! Tests over the whole router, with the real store and the real verification of webhooks.

mod connections;
mod errors;
mod health;
mod inbox;
mod issues;
mod operators;
mod orders;
mod webhook;
mod world;
