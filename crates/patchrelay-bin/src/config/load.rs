//! Finding and reading the file.

use std::path::{Path, PathBuf};

use patchrelay::ports::Cause;
use thiserror::Error;
use toml::{Table, Value};

use super::Config;
use crate::{environment::Environment, file::read_text};

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
    let text = read_text(path, MAX_FILE).map_err(|source| {
        let path = path.to_owned();
        match source.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::NotFound) => ConfigError::Missing { path },
            Some(_) | None => ConfigError::Unreadable { path, source },
        }
    })?;
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
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        wrong(&format!("line {line}"), error.message().to_owned())
    })?;
    for (key, value) in &mut table {
        fill_in(value, key, environment).map_err(|(key, reason)| wrong(&key, reason))?;
    }
    let overrides =
        apply_overrides(&mut table, environment).map_err(|(key, reason)| wrong(&key, reason))?;
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let key = error.path().to_string();
        let reason = error.into_inner().message().to_owned();
        let variable = overrides
            .iter()
            // A section that only the variable knows is wrong as a whole.
            .find(|(overridden, _)| is_within(&key, overridden) || is_within(overridden, &key));
        match variable {
            Some((_, variable)) => {
                wrong(&key, format!("{reason} (the variable {variable} sets it)"))
            }
            None => wrong(&key, reason),
        }
    })
}

/// Whether a key is this one, or a part of its value.
fn is_within(key: &str, of: &str) -> bool {
    key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
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
            return Err("`${` without `}`".to_owned());
        };
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression, None),
        };
        if default.is_some_and(|default| default.contains("${")) {
            return Err(format!("the default of `{name}` cannot hold another variable"));
        }
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

/// The one section whose keys are the operator's own words, and so have a case.
const FREE_SECTION: &str = "codex.env";

/// Applies `PATCHRELAY__SECTION__KEY` variables, and tells which key each of them sets. One that is empty sets nothing.
fn apply_overrides<'a>(
    table: &mut Table,
    environment: &'a Environment,
) -> Result<Vec<(String, &'a str)>, (String, String)> {
    let mut applied = Vec::new();
    for (name, text) in environment.iter().filter(|(_, text)| !text.is_empty()) {
        let Some(path) = name.strip_prefix("PATCHRELAY__") else { continue };
        let (sections, key) = match path.rsplit_once("__") {
            Some((sections, key)) => (sections.to_ascii_lowercase().replace("__", "."), key),
            None => (String::new(), path),
        };
        let key = if sections == FREE_SECTION { key.to_owned() } else { key.to_ascii_lowercase() };
        let mut at = &mut *table;
        for section in sections.split('.').filter(|_| !sections.is_empty()) {
            let entry = at.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            at = entry.as_table_mut().ok_or_else(|| {
                let reason = format!(
                    "`{section}` is no section with keys, so no variable can set them: write them in the file"
                );
                (format!("the variable {name}"), reason)
            })?;
        }
        // A number or a list is written as in the file; anything else is a string.
        let value = format!("value = {text}")
            .parse::<Table>()
            .ok()
            .filter(|parsed| parsed.len() == 1)
            .and_then(|mut parsed| parsed.remove("value"))
            .unwrap_or_else(|| Value::String(text.to_owned()));
        applied.push((
            if sections.is_empty() { key.clone() } else { format!("{sections}.{key}") },
            name,
        ));
        at.insert(key, value);
    }
    Ok(applied)
}
