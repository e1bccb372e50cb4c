//! A scripted agent: a program that speaks codex's app-server protocol and does what a script says instead of asking
//! a model (D24).
//!
//! It runs as a process of its own, behind the same pipes and the same client as the real one: [`serve_stdio`] is the
//! whole program. It answers in the shapes and in the order of codex 0.169.0, refuses what that refuses, keeps its
//! threads in its home directory, and lets one process write to a thread. Its edits stay in the thread's directory, and
//! doing them twice gives the same tree as doing them once.

mod plain;
mod script;

mod server;
mod thread;
mod turn;

mod edit;
mod protocol;

pub use crate::agent::{
    script::{Flaws, ReportAnswer, Rule, Script, ScriptError, Step},
    server::serve_stdio,
};
