//! Finding and reading the file.

use std::path::{Path, PathBuf};

use patchrelay::ports::Cause;
use thiserror::Error;
use toml::{Table, Value};

use super::Config;
use crate::environment::Environment;

/// The largest configuration file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What is wrong with the configuration.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// There is none.
    #[error("no configuration at {}: write one there, or name one with --config", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("failed to read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Cause,
    },
    /// A key is wrong.
    #[error("{}: {key}: {reason}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// Which key, with its section.
        key: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
}

/// Where the configuration is: `--config`, `$PATCHRELAY_CONFIG`, the XDG place.
pub(crate) fn find(flag: Option<&Path>, environment: &Environment) -> Result<PathBuf, Cause> {
    match (flag, environment.get("PATCHRELAY_CONFIG")) {
        (Some(path), _) => Ok(path.to_owned()),
        (None, Some(path)) => Ok(PathBuf::from(path)),
        (None, None) => Ok(environment.directories()?.config.join("patchrelay.toml")),
    }
}

/// Reads and checks a file.
///
/// # Errors
///
/// When it is missing, cannot be read, or a key is unknown, of the wrong type or impossible.
pub(crate) fn load(path: &Path, environment: &Environment) -> Result<Config, ConfigError> {
    let unreadable = |source: Cause| ConfigError::Unreadable { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
        _ => unreadable(error.into()),
    })?;
    if MAX_FILE < metadata.len() {
        return Err(unreadable(format!("it has more than {MAX_FILE} bytes").into()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.into()))?;
    parse(&text, path, environment)
}

/// Reads and checks the text of a file; `path` is for messages.
///
/// # Errors
///
/// As [`load`].
pub(crate) fn parse(
    text: &str,
    path: &Path,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    let wrong = |key: &str, reason: String| ConfigError::Key {
        path: path.to_owned(),
        key: key.to_owned(),
        reason,
    };
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| wrong("syntax", error.to_string()))?;
    for (key, value) in &mut table {
        fill_in(value, key, environment).map_err(|(key, reason)| wrong(&key, reason))?;
    }
    apply_overrides(&mut table, environment).map_err(|(key, reason)| wrong(&key, reason))?;
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let key = error.path().to_string();
        wrong(&key, error.into_inner().message().to_owned())
    })
}

/// Replaces `${NAME}` and `${NAME:-default}` in every string.
fn fill_in(
    value: &mut Value,
    key: &str,
    environment: &Environment,
) -> Result<(), (String, String)> {
    match value {
        Value::String(text) => {
            *text = filled_in(text, environment).map_err(|reason| (key.to_owned(), reason))?;
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill_in(item, &format!("{key}[{index}]"), environment)?;
            }
        }
        Value::Table(table) => {
            for (name, item) in table {
                fill_in(item, &format!("{key}.{name}"), environment)?;
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
    Ok(())
}

fn filled_in(text: &str, environment: &Environment) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((expression, after)) = after.split_once('}') else {
            return Err(format!("`${{` without `}}` in `{text}`"));
        };
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression, None),
        };
        out.push_str(before);
        match environment.get(name).or(default) {
            Some(value) => out.push_str(value),
            None => {
                return Err(format!("the variable `{name}` is not set, and there is no default"));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Applies `PATCHRELAY__SECTION__KEY` variables.
fn apply_overrides(table: &mut Table, environment: &Environment) -> Result<(), (String, String)> {
    for (name, text) in environment.iter() {
        let Some(path) = name.strip_prefix("PATCHRELAY__") else { continue };
        let parts: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        let (key, sections) = parts.split_last().expect("splitting gives at least one part");
        let mut at = &mut *table;
        for section in sections {
            let entry = at.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            at = entry.as_table_mut().ok_or_else(|| {
                (
                    format!("the variable {name}"),
                    format!("`{section}` is a list and cannot be overridden"),
                )
            })?;
        }
        // A number or a list is written as in the file; anything else is a string.
        let value = format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut parsed| parsed.remove("value"))
            .unwrap_or_else(|| Value::String(text.to_owned()));
        at.insert(key.clone(), value);
    }
    Ok(())
}
