//! The [`Store`](patchrelay_ports::Store) port over SQLite and PostgreSQL.
//!
//! Open a [`SqlStore`] and use it through the port; everything that the port promises is kept by the database itself.
//! A SQLite file has one store at a time, which is told by an operating system lock beside the file, so everything
//! that an earlier store had leased is free as soon as it is opened. A PostgreSQL database may have several, on several
//! nodes, and judges their leases by its own clock.
//!
//! Statements are whole and written once, in one table, with the few words in which the databases differ. They compare
//! and hardly ever compute: instants are worked out in Rust and bound, but for those that are the database's own. A
//! stored value that cannot be read is an error, never a default.

mod database;
mod postgres;
mod sqlite;
mod store;

mod query;
mod record;
mod sql;
mod transaction;

pub use crate::{
    database::{OpenError, SqlStore},
    postgres::DEFAULT_CONNECTIONS,
};

#[cfg(test)]
mod tests;
