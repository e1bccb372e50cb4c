//! The configuration file, read once into typed values.
//!
//! A key that nobody reads is an error, not a surprise: the message names the file, the key and what is allowed there.

mod database;
mod load;
mod resolve;
mod sections;

pub(crate) use self::{
    database::DatabaseUrl,
    load::{ConfigError, find, load},
    resolve::{Database, Place, Resolved},
    sections::{Config, LogFormat, ProjectSection, TrustedActorsSection},
};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
