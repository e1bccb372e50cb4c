//! Where each key was written.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::de::{DeTable, DeValue};

use super::mistakes::is_within;

/// Where the keys of a configuration come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    /// The line of each key that is in the file, sections included.
    lines: BTreeMap<String, usize>,
    /// The variable that sets a key, whatever the file says.
    variables: BTreeMap<String, String>,
}

/// Where a key comes from is no part of what it says.
impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What sets a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A line of the file, counted from one.
    Line(usize),
    /// A variable.
    Variable(String),
    /// Nobody.
    Default,
}

impl Origins {
    /// Looks through a file.
    ///
    /// # Errors
    ///
    /// When it is no TOML: the line, and what is wrong there, without a word of the file.
    pub(crate) fn of_file(text: &str) -> Result<Self, (usize, String)> {
        let starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let line = |at: usize| starts.partition_point(|start| *start <= at);
        let table = DeTable::parse(text).map_err(|error| {
            (line(error.span().map_or(0, |span| span.start)), error.message().to_owned())
        })?;
        let mut lines = BTreeMap::new();
        note(table.get_ref(), "", &line, &mut lines);
        Ok(Self { lines, variables: BTreeMap::new() })
    }

    /// Notes that a variable sets a key.
    pub(super) fn set(&mut self, key: String, variable: &str) {
        self.variables.insert(key, variable.to_owned());
    }

    /// What sets exactly this key.
    pub(crate) fn exactly(&self, key: &str) -> Source {
        match (self.variables.get(key), self.lines.get(key)) {
            (Some(variable), _) => Source::Variable(variable.clone()),
            (None, Some(line)) => Source::Line(*line),
            (None, None) => Source::Default,
        }
    }

    /// The keys that are in the file with their lines, without the sections and without the items of lists.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, usize)> {
        let lines = &self.lines;
        let is_section = |key: &str| {
            let below = format!("{key}.");
            lines.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
        };
        lines
            .iter()
            .map(|(key, line)| (key.as_str(), *line))
            .filter(move |(key, _)| !key.ends_with(']') && !is_section(key))
    }

    /// What sets a key. One that is missing is looked for at what it belongs to.
    pub(crate) fn of_key(&self, key: &str) -> Source {
        let of_variable = |(set, _): &(&String, &String)| {
            // A section that only the variable knows is wrong as a whole.
            is_within(key, set) || (is_within(set, key) && !self.lines.contains_key(key))
        };
        if let Some((_, variable)) = self.variables.iter().find(of_variable) {
            return Source::Variable(variable.clone());
        }
        let mut place = key;
        loop {
            if let Some(line) = self.lines.get(place) {
                return Source::Line(*line);
            }
            let Some(end) = place.rfind(['.', '[']) else { return Source::Default };
            place = &place[..end];
        }
    }
}

fn note(
    table: &DeTable<'_>,
    within: &str,
    line: &impl Fn(usize) -> usize,
    lines: &mut BTreeMap<String, usize>,
) {
    for (key, value) in table {
        let path = if within.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{within}.{}", key.get_ref())
        };
        lines.entry(path.clone()).or_insert_with(|| line(key.span().start));
        note_value(value.get_ref(), &path, line, lines);
    }
}

fn note_value(
    value: &DeValue<'_>,
    path: &str,
    line: &impl Fn(usize) -> usize,
    lines: &mut BTreeMap<String, usize>,
) {
    match value {
        DeValue::Table(table) => note(table, path, line, lines),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                lines.insert(path.clone(), line(item.span().start));
                note_value(item.get_ref(), &path, line, lines);
            }
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

#[cfg(test)]
mod tests;
