//! The agent runtime over `codex app-server`: JSON-RPC, one message a line, on the pipes of a process of its own.
//!
//! One process serves one run. It starts with an environment that was built for it, in a process group of its own, and
//! carries the run's marker, so that what it leaves behind can be found (D16). A thread starts, and resumes, with the
//! whole set of permissions (D20); its answer has to show them, or nothing runs.
//!
//! What holds whatever the process does: each request is answered within its deadline or fails; each turn ends exactly
//! once; what the process asks us is answered at once; what it writes is bounded in our memory. One task reads and one
//! task writes. The reader never waits for the session or for the writer, so neither side can block the other.
//!
//! The facts about the protocol were seen with codex 0.169.0.

mod checkup;
mod config;
mod hook;
mod runtime;
mod session;

mod permissions;
mod trust;

mod connection;
mod failure;
mod lines;
mod outage;
mod questions;
mod quota;
mod turns;
mod wire;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub use crate::{
    checkup::{Checkup, checkup},
    config::{CREDENTIAL, CodexConfig, Confinement, DEFAULT_TOOL_ENV},
    runtime::CodexRuntime,
};
