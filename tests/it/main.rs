//! What needs several crates or a process. One binary, one module a subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod bad_input;
mod bad_rows;
mod bad_webhooks;
mod checkout;
mod crash;
mod crate_graph;
mod demo;
mod doctor;
mod hook;
mod life;
mod linked;
mod logs;
mod lossy;
mod nodes;
mod operator;
mod orders;
mod people;
mod planted;
mod polling;
mod postgres;
mod publisher;
mod quick;
mod readme;
mod real_codex;
mod theft;
mod tidy;
mod watching;
mod way;
mod webhooks;
mod world;
