//! The configuration file, read once into typed values.
//!
//! A key that nobody reads is an error, not a surprise: the message names the file, the key and what is allowed there.

mod database;
mod judge;
mod load;
mod mistakes;
mod origins;
mod resolve;
mod schema;
mod sections;

pub(crate) use self::{
    database::DatabaseUrl,
    judge::public_url,
    load::{find, load},
    mistakes::ConfigError,
    origins::{Origins, Source},
    resolve::{Database, Place, Resolved},
    schema::schema,
    sections::{
        Config, LogFormat, ProjectSection, Sandbox, TelemetrySection, TrustedActorsSection,
    },
};

#[cfg(test)]
pub(crate) use self::load::parse;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
