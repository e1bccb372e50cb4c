//! GitHub: the [`Forge`](patchrelay_ports::Forge) port over its REST API, and its webhooks.
//!
//! octocrab carries the requests; what GitHub answers is read into small structs of our own that name only the fields
//! we use, because a new word in an enumeration or a missing author must not make a pull request unreadable. Nothing
//! is ever repeated here: a read is repeated by whoever wanted it, and a write only after somebody looked.

mod client;
mod forge;
mod json;
mod refusal;
mod webhook;
mod wire;

#[cfg(test)]
mod scripted;

pub use crate::{
    client::{GithubConfig, GithubSetupError},
    forge::GithubForge,
    webhook::GithubWebhooks,
};
