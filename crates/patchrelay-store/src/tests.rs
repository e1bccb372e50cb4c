//! What every store must do is in `contract`, written against the port alone; what only one database does is in the
//! module of its name.

mod claimers;
mod contract;
mod cut;
mod earlier;
mod fixtures;
mod postgres;
mod sqlite;
