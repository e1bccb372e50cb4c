//! What may be written, as a JSON Schema, and in words.

use std::sync::LazyLock;

use schemars::{Schema, generate::SchemaSettings};
use serde_json::Value;

use super::Config;

/// The schema of a configuration file, for editors.
pub(crate) fn schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>()
}

/// The same without references, to look things up in.
static INLINE: LazyLock<Value> = LazyLock::new(|| {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
});

/// A step on the way to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// To the value of this key.
    Key(&'a str),
    /// To an item of a list.
    Item,
}

/// What may be written in one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(&'static Value);

impl Place {
    /// What may be written at the end of this way, if anything.
    pub(super) fn at<'a>(way: impl IntoIterator<Item = Step<'a>>) -> Option<Self> {
        way.into_iter().try_fold(Self(&INLINE), |place, step| {
            match step {
                Step::Key(key) => place.keys().get(key).or_else(|| place.any_key()),
                Step::Item => place.0.get("items"),
            }
            .map(|found| Self(without_null(found)))
        })
    }

    fn keys(self) -> &'static serde_json::Map<String, Value> {
        static NONE: LazyLock<serde_json::Map<String, Value>> = LazyLock::new(Default::default);
        self.0.get("properties").and_then(Value::as_object).unwrap_or(&NONE)
    }

    /// What stands behind keys that the operator chooses.
    fn any_key(self) -> Option<&'static Value> {
        self.0.get("additionalProperties").filter(|allowed| allowed.is_object())
    }

    /// The keys that cannot be left out.
    pub(super) fn required(self) -> impl Iterator<Item = &'static str> {
        self.0["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// What may be written, in words that follow "must be".
    pub(super) fn allowed(self) -> String {
        let one_of = |values: Vec<&str>| match values.as_slice() {
            [only] => format!("`{only}`"),
            several => format!("one of `{}`", several.join("`, `")),
        };
        if let Some(values) = self.0.get("enum").and_then(Value::as_array) {
            return one_of(values.iter().filter_map(Value::as_str).collect());
        }
        if let Some(variants) = self.0.get("oneOf").and_then(Value::as_array) {
            return one_of(variants.iter().filter_map(|one| one["const"].as_str()).collect());
        }
        if let Some(only) = self.0.get("const").and_then(Value::as_str) {
            return one_of(vec![only]);
        }
        let number = |member: &str| self.0.get(member).and_then(Value::as_u64);
        match (self.kind(), self.0["format"].as_str()) {
            ("boolean", _) => "`true` or `false`".to_owned(),
            ("integer", Some("uint32")) => format!("a whole number from 0 to {}", u32::MAX),
            ("integer", _) => match (number("minimum"), number("maximum")) {
                (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
                (Some(least), None) => format!("a whole number, {least} or more"),
                (None, _) => "a whole number".to_owned(),
            },
            ("string", Some("ip")) => "an IP address, such as \"127.0.0.1\"".to_owned(),
            ("string", _) => "a text in quotes".to_owned(),
            ("array", _) if self.0["items"]["type"] == "object" => {
                "written as a section with `[[` and `]]`, once for each".to_owned()
            }
            ("array", _) => "a list of texts in quotes, such as [\"a\", \"b\"]".to_owned(),
            _ if self.keys().is_empty() => "keys with texts in quotes".to_owned(),
            _ => "a section with keys".to_owned(),
        }
    }

    /// Whether a value of this kind may be right here.
    pub(super) fn is_of(self, kind: &str) -> bool {
        self.kind() == kind
    }

    fn kind(self) -> &'static str {
        let kind = match self.0.get("oneOf") {
            // One of several words.
            Some(words) => &words[0]["type"],
            None => &self.0["type"],
        };
        let kinds = kind.as_array().map_or(std::slice::from_ref(kind), Vec::as_slice);
        kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
    }

    /// What is to be said of a key that is not allowed here: which one may have been meant, and which there are.
    pub(super) fn unknown(self, key: &str) -> String {
        let keys = self.keys();
        let near = |known: &&String| {
            strsim::damerau_levenshtein(&key.to_ascii_lowercase(), known) <= 1 + known.len() / 5
        };
        let distance = |known: &&String| strsim::damerau_levenshtein(key, known);
        let meant = match keys.keys().filter(near).min_by_key(distance) {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None => {
                elsewhere(key).map(|place| format!("; did you mean `{place}`?")).unwrap_or_default()
            }
        };
        let all: Vec<_> = keys.keys().map(String::as_str).collect();
        format!("there is no such key{meant} (there are `{}`)", all.join("`, `"))
    }
}

/// The key of this name in another section.
fn elsewhere(key: &str) -> Option<String> {
    Place(&INLINE)
        .keys()
        .iter()
        .find(|(_, section)| section["properties"].get(key).is_some())
        .map(|(section, _)| format!("{section}.{key}"))
}

/// What may be left out may be written all the same.
fn without_null(schema: &'static Value) -> &'static Value {
    let choices = schema.get("anyOf").and_then(Value::as_array);
    choices.into_iter().flatten().find(|choice| choice["type"] != "null").unwrap_or(schema)
}

#[cfg(test)]
mod tests;
