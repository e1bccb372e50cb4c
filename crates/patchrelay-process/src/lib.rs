//! The one wrapper for child processes (D33). git, codex and hooks are started through it and through nothing else.
//!
//! What holds for every child:
//! - its directory is named, never inherited;
//! - its environment is exactly what was given: this crate reads no environment of its own;
//! - it leads a process group of its own, and the group does not outlive it: when the leader ends, is killed, or its
//!   handle is dropped, what is left of the group gets SIGKILL;
//! - what it writes is bounded, and waiting for it has a deadline.
//!
//! A child can leave its group with `setsid`. Such a process is found by the [`Marker`] in its environment: [`reap`].

mod child;
mod command;
mod cpu;
mod error;
mod group;
mod reap;
mod tail;

pub use crate::{
    child::Child,
    command::{Command, Output},
    cpu::descendants_cpu_time,
    error::ProcessError,
    reap::{MARKER_VARIABLE, Marker, leftovers, reap},
};
