//! The orchestrator: it moves bytes so that the domain can decide.
//!
//! [`Engine::run_until`] starts six loops and waits for them. *Intake* turns stored deliveries into observations;
//! *dispatch* claims what is ready and owns the run tasks; *reconcile* reads again what nobody told us; the *sender*
//! delivers reports; *retention* forgets what is over; *nodes* tells the others that share the database that we are there.
//! Each loop has the same shape: look at what is due, do it, store it. A nudge only makes it look
//! sooner, so the way after a crash is the usual way. Policy is in `patchrelay-domain` and nowhere here; the world is
//! behind `patchrelay-ports`.
//!
//! Each `select!` is biased, with what must not be missed first: of several things that are ready the same one goes
//! first each time, so the simulation tells the same story for the same seed.

mod context;
mod engine;
mod error;

mod desk;
mod discovery;
mod dispatch;
mod intake;
mod lease;
mod look;
mod nodes;
mod observe;
mod reconcile;
mod retention;
mod run_task;
mod sender;
mod tally;

pub use crate::{
    context::{Nudge, Ports, Settings},
    engine::Engine,
    error::EngineError,
};

#[cfg(test)]
mod tests;
