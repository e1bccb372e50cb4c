//! What a running service takes over of a changed configuration: what it logs. Everything else counts from the next start
//! on, and each key that would is named.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use crate::{
    config::{self, Config, ConfigError},
    environment::Environment,
};

/// The one key that is taken over.
const LOG: &str = "telemetry.log";

/// The filter of the running log.
pub(crate) struct Log {
    /// Replaces it.
    pub(crate) replace: Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>,
    /// Whether the command line chose it, which outranks the configuration.
    pub(crate) is_fixed: bool,
}

/// Reads the file again, takes over what can be taken over, and tells the log what was done and what was not. A file with
/// mistakes changes nothing.
pub(crate) fn read_again(path: &Path, environment: &Environment, running: &mut Config, log: &Log) {
    let new = match read(path, environment) {
        Ok(new) => new,
        Err(error) => {
            for line in error.lines() {
                warn!("the changed configuration is not taken over: {line}");
            }
            return;
        }
    };
    let changed = changes(running, &new);
    if changed.is_empty() {
        info!("the configuration was read again: nothing has changed");
    }
    for key in changed {
        if key != LOG {
            warn!("{key} has changed: restart the service, until then the old value counts");
        } else if log.is_fixed {
            warn!("{LOG} has changed, and the command line says what is logged");
        } else {
            take_over(&new.telemetry.log, log);
        }
    }
    running.telemetry.log = new.telemetry.log;
}

fn read(path: &Path, environment: &Environment) -> Result<Config, ConfigError> {
    let new = config::load(path, environment)?;
    new.resolve(path, &environment.directories().unwrap_or_default())?;
    Ok(new)
}

fn take_over(filter: &str, log: &Log) {
    let replaced = EnvFilter::try_new(filter)
        .map_err(|error| error.to_string())
        .and_then(|filter| (log.replace)(filter));
    match replaced {
        Ok(()) => info!("{LOG} is `{filter}` now"),
        Err(error) => warn!("{LOG} stays as it was: {error}"),
    }
}

/// The keys whose values differ.
fn changes(running: &Config, new: &Config) -> Vec<String> {
    let (old_values, new_values) = (values(running), values(new));
    let differs = |key: &&String| old_values.get(*key) != new_values.get(*key);
    let mut keys: Vec<_> =
        old_values.keys().chain(new_values.keys()).filter(differs).cloned().collect();
    // It is shown without its password.
    if running.database.url != new.database.url {
        keys.push("database.url".to_owned());
    }
    keys.sort();
    keys.dedup();
    keys
}

/// Each value by its key. A list without sections is one value.
fn values(config: &Config) -> BTreeMap<String, Value> {
    fn note(value: Value, key: &str, found: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(section) => {
                for (name, value) in section {
                    let dot = if key.is_empty() { "" } else { "." };
                    note(value, &format!("{key}{dot}{name}"), found);
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for (index, item) in items.into_iter().enumerate() {
                    note(item, &format!("{key}[{index}]"), found);
                }
            }
            value => {
                found.insert(key.to_owned(), value);
            }
        }
    }
    let mut found = BTreeMap::new();
    // A configuration is made of what JSON has.
    note(serde_json::to_value(config).unwrap_or_default(), "", &mut found);
    found
}

#[cfg(test)]
mod tests;
