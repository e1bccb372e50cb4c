//! The adapter as a whole: real git, real repositories, nothing outside of a temporary directory.

mod attack;
mod checkout;
mod control;
mod crash;
mod evidence;
mod fetch;
mod freshen;
mod hostile;
mod limits;
mod own;
mod remote;
mod removal;
mod token;
mod way;
pub(crate) mod world;
