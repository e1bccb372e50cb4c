//! The [`Store`](patchrelay_ports::Store) port over SQLite.
//!
//! Open a [`SqliteStore`] and use it through the port; everything that the port promises is kept by the database
//! itself. What this crate adds is who may use a database file: one store at a time, which is told by an operating
//! system lock beside the file, so that everything an earlier store had leased is free as soon as it is opened.
//!
//! Statements are whole and written once, in one table. They compare and never compute: instants are worked out in
//! Rust and bound. A stored value that cannot be read is an error, never a default.

mod sqlite;
mod store;

mod record;
mod sql;
mod transaction;

pub use crate::sqlite::{OpenError, SqliteStore};

#[cfg(test)]
mod tests;
