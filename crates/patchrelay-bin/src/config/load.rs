//! Finding and reading the file.

use std::path::{Path, PathBuf};

use patchrelay::ports::Cause;
use serde_path_to_error::{Segment, Segments};
use toml::{Table, Value};

use super::{
    Config, ConfigError,
    mistakes::Mistakes,
    origins::Origins,
    schema::{Place, Step},
};
use crate::{environment::Environment, file::read_text};

/// The largest configuration file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// After so many wrong values nobody looks for more.
const MAX_WRONG_VALUES: usize = 40;

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
/// As [`load`], with all mistakes that can be seen at once.
pub(crate) fn parse(
    text: &str,
    path: &Path,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    let no_toml = |(line, reason)| ConfigError::Syntax { path: path.to_owned(), line, reason };
    let mut origins = Origins::of_file(text).map_err(no_toml)?;
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| no_toml((1, error.message().to_owned())))?;
    let mut mistakes = Mistakes::default();
    for (key, value) in &mut table {
        fill_in(value, key, environment, &mut mistakes);
    }
    apply_overrides(&mut table, environment, &mut origins, &mut mistakes);
    let config = read(table, &mut mistakes);
    if mistakes.is_empty() {
        return Ok(Config { origins, ..config });
    }
    // What else is wrong is better told now than after these are corrected.
    config.judge(&mut mistakes);
    mistakes.into_result(path, &origins).map(|()| config)
}

/// Reads the values. A wrong one is noted and taken for one that was left out, so that those after it are looked at, too.
fn read(mut table: Table, mistakes: &mut Mistakes) -> Config {
    for _ in 0..MAX_WRONG_VALUES {
        let error = match serde_path_to_error::deserialize(Value::Table(table.clone())) {
            Ok(config) => return config,
            Err(error) => error,
        };
        let key = error.path().to_string();
        let way: Vec<_> = error
            .path()
            .iter()
            .map_while(|segment| match segment {
                Segment::Map { key } => Some(Step::Key(key)),
                Segment::Seq { .. } => Some(Step::Item),
                Segment::Enum { .. } | Segment::Unknown => None,
            })
            .collect();
        let found = value_at(&mut table, error.path().iter());
        let place = Place::at(way.iter().copied());
        let missing = place.into_iter().flat_map(Place::required).find(|name| {
            found
                .as_ref()
                .and_then(|found| found.as_table())
                .is_some_and(|at| !at.contains_key(*name))
        });
        match (place, missing, found) {
            (Some(_), Some(missing), Some(Value::Table(at))) => {
                mistakes.add(format!("{key}.{missing}"), "is missing: every project has one");
                at.insert(missing.to_owned(), Value::String(String::new()));
                continue;
            }
            (Some(place), _, Some(found)) => mistakes.add(&key, wrong_value(place, found)),
            (None, _, _) | (_, _, None) => mistakes.add(&key, unknown_key(&way)),
        }
        if !remove(&mut table, error.path().iter()) {
            break;
        }
    }
    Config::default()
}

/// What would be right there. The value itself is not shown: it may be a secret in the wrong place.
fn wrong_value(place: Place, found: &Value) -> String {
    let (kind, found) = match found {
        Value::String(_) => ("string", "a text"),
        Value::Integer(_) => ("integer", "a whole number"),
        Value::Float(_) => ("number", "a number with a fraction"),
        Value::Boolean(_) => ("boolean", "a boolean"),
        Value::Datetime(_) => ("datetime", "a date"),
        Value::Array(_) => ("array", "a list"),
        Value::Table(_) => ("object", "a section"),
    };
    let allowed = place.allowed();
    if place.is_of(kind) {
        format!("must be {allowed}")
    } else {
        format!("must be {allowed}; it is {found}")
    }
}

fn unknown_key(way: &[Step<'_>]) -> String {
    match way.split_last() {
        Some((Step::Key(key), section)) => Place::at(section.iter().copied())
            .map_or_else(|| "there is no such key".to_owned(), |section| section.unknown(key)),
        Some((Step::Item, _)) | None => "this is no configuration".to_owned(),
    }
}

/// The value at the end of this way.
fn value_at<'a>(table: &'a mut Table, mut way: Segments<'_>) -> Option<&'a mut Value> {
    let Some(Segment::Map { key }) = way.next() else { return None };
    way.try_fold(table.get_mut(key)?, |at, segment| match (at, segment) {
        (Value::Table(within), Segment::Map { key }) => within.get_mut(key),
        (Value::Array(items), Segment::Seq { index }) => items.get_mut(*index),
        _ => None,
    })
}

/// Takes the key out that this way leads to; of an item of a list, the whole list.
fn remove(table: &mut Table, way: Segments<'_>) -> bool {
    let way: Vec<_> = way.collect();
    let Some(last) = way.iter().rposition(|segment| matches!(segment, Segment::Map { .. })) else {
        return false;
    };
    let mut within = table;
    let mut steps = way[..last].iter();
    while let Some(Segment::Map { key }) = steps.next() {
        let mut at = within.get_mut(key);
        while let Some(Value::Array(items)) = at {
            let Some(Segment::Seq { index }) = steps.next() else { return false };
            at = items.get_mut(*index);
        }
        let Some(Value::Table(next)) = at else { return false };
        within = next;
    }
    let Segment::Map { key } = way[last] else { return false };
    within.remove(key).is_some()
}

/// Replaces `${NAME}` and `${NAME:-default}` in every string.
fn fill_in(value: &mut Value, key: &str, environment: &Environment, mistakes: &mut Mistakes) {
    match value {
        Value::String(text) => match filled_in(text, environment) {
            Ok(filled) => *text = filled,
            Err(reason) => mistakes.add(key, reason),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill_in(item, &format!("{key}[{index}]"), environment, mistakes);
            }
        }
        Value::Table(table) => {
            for (name, item) in table {
                fill_in(item, &format!("{key}.{name}"), environment, mistakes);
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
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

/// Applies `PATCHRELAY__SECTION__KEY` variables, and notes which key each of them sets. One that is empty sets nothing.
fn apply_overrides(
    table: &mut Table,
    environment: &Environment,
    origins: &mut Origins,
    mistakes: &mut Mistakes,
) {
    'variables: for (name, text) in environment.iter().filter(|(_, text)| !text.is_empty()) {
        let Some(path) = name.strip_prefix("PATCHRELAY__") else { continue };
        let (sections, key) = match path.rsplit_once("__") {
            Some((sections, key)) => (sections.to_ascii_lowercase().replace("__", "."), key),
            None => (String::new(), path),
        };
        let key = if sections == FREE_SECTION { key.to_owned() } else { key.to_ascii_lowercase() };
        let mut at = &mut *table;
        for section in sections.split('.').filter(|_| !sections.is_empty()) {
            let entry = at.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(within) = entry else {
                let reason = format!(
                    "`{section}` has no keys that a variable can set: write them in the file"
                );
                mistakes.add(format!("the variable {name}"), reason);
                continue 'variables;
            };
            at = within;
        }
        // A number or a list is written as in the file; anything else is a string.
        let value = format!("value = {text}")
            .parse::<Table>()
            .ok()
            .filter(|parsed| parsed.len() == 1)
            .and_then(|mut parsed| parsed.remove("value"))
            .unwrap_or_else(|| Value::String(text.to_owned()));
        let path = if sections.is_empty() { key.clone() } else { format!("{sections}.{key}") };
        origins.set(path, name);
        at.insert(key, value);
    }
}
