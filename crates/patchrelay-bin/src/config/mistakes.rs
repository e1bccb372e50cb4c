//! What is wrong with a configuration: all of it that can be seen at once, each with its place.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use patchrelay::ports::Cause;
use serde::Serialize;
use thiserror::Error;

use super::origins::{Origins, Source};

/// More than these help nobody: most of them follow from the first.
const MAX_MISTAKES: usize = 20;

/// What is wrong with the configuration.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// There is none.
    #[error(
        "no configuration at {}: write one with `patchrelay init`, or name one with --config", path.display()
    )]
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
    /// It is no TOML.
    #[error("{}:{line}: this is no TOML: {reason}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// Keys are wrong.
    #[error("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Keys {
        /// Each of them. There is at least one.
        mistakes: Vec<Located>,
    },
}

impl ConfigError {
    /// An error about one key.
    pub(super) fn one(
        path: &Path,
        origins: &Origins,
        key: &str,
        reason: impl Into<String>,
    ) -> Self {
        Self::Keys { mistakes: vec![Located::new(path, origins, key, reason.into())] }
    }

    /// The wrong keys, for scripts.
    pub(crate) fn mistakes(&self) -> &[Located] {
        match self {
            Self::Keys { mistakes } => mistakes,
            Self::Missing { .. } | Self::Unreadable { .. } | Self::Syntax { .. } => &[],
        }
    }

    /// A line for each mistake.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Keys { mistakes } => mistakes.iter().map(ToString::to_string).collect(),
            Self::Missing { .. } | Self::Unreadable { .. } | Self::Syntax { .. } => {
                vec![crate::failure::chain(self)]
            }
        }
    }
}

/// A wrong key, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Located {
    #[serde(skip)]
    path: PathBuf,
    source: Source,
    key: String,
    reason: String,
}

impl Located {
    fn new(path: &Path, origins: &Origins, key: &str, reason: String) -> Self {
        Self { path: path.to_owned(), source: origins.of_key(key), key: shown(key), reason }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, source, key, reason } = self;
        let path = path.display();
        match source {
            Source::Line(line) => write!(f, "{path}:{line}: {key}: {reason}"),
            Source::Variable(name) => {
                write!(f, "{path}: {key}: {reason} (the variable {name} sets it)")
            }
            Source::Default => write!(f, "{path}: {key}: {reason}"),
        }
    }
}

/// Wrong keys, as they are found.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<(String, String)>);

impl Mistakes {
    /// Notes that a key is wrong, and what is allowed there. What is a part of a key that is wrong already, or holds one,
    /// follows from that.
    pub(crate) fn add(&mut self, key: impl Into<String>, reason: impl Into<String>) {
        let key = key.into();
        if self.0.len() < MAX_MISTAKES && !self.covers(&key) {
            self.0.push((key, reason.into()));
        }
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this key, a part of it, or what it is a part of is known to be wrong.
    fn covers(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| is_within(key, known) || is_within(known, key))
    }

    /// Says where they are, in the order of the file. `path` is the file.
    ///
    /// # Errors
    ///
    /// When there are any.
    pub(crate) fn into_result(self, path: &Path, origins: &Origins) -> Result<(), ConfigError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let located =
            self.0.into_iter().map(|(key, reason)| Located::new(path, origins, &key, reason));
        let mut mistakes: Vec<_> = located.collect();
        mistakes.sort_by(|one, other| one.source.cmp(&other.source));
        Err(ConfigError::Keys { mistakes })
    }
}

/// Whether a key is this one, or a part of its value.
pub(super) fn is_within(key: &str, of: &str) -> bool {
    key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A key may be anything, of any length.
pub(super) fn shown(key: &str) -> String {
    const LONGEST: usize = 100;
    let line: String = key.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
