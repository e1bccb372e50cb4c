//! Properties that hold whatever happens, and not only in chosen cases.
//!
//! All facts here are reached: a small [`world::World`] moves on by itself, a [`walk::Walk`] hears of it late, twice or
//! never and does what the shell would do. Nothing is built by hand, so what fails here can happen. Every walk follows
//! from its seed, which a failure names.

mod accounts;
mod convergence;
mod endings;
mod late;
mod log;
mod rng;
mod totality;
mod walk;
mod world;
