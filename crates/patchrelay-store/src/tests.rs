//! What every store must do is in `contract`, written against the port alone; what only one database does is in the
//! module of its name. The store in memory of the testkit has to do all of it too, so `memory` runs the contract on it.

mod claimers;
mod contract;
mod cut;
mod earlier;
mod fixtures;
mod memory;
mod postgres;
mod sqlite;
