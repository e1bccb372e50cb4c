//! The engine in a simulated world: the real store in a file, and small models of everything else.
//!
//! Time is tokio's, paused: it jumps to the next timer when nobody has anything to do, so a test may wait for hours.
//! The store works on threads of its own, of which tokio knows nothing; while a call of it is under way, time stands.

mod sim;

mod authority;
mod glimpses;
mod hook;
mod intake;
mod lease;
mod losses;
mod nodes;
mod orders;
mod outage;
mod people;
mod reconcile;
mod reports;
mod retention;
mod said;
mod silence;
mod space;
mod spending;
mod steering;
mod stopping;
mod takeover;
mod way;
mod workspaces;

mod random;
