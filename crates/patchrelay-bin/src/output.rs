//! What people and scripts read.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Standard output and standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a line for people.
    ///
    /// # Errors
    ///
    /// When standard output is closed.
    pub(crate) fn line(self, line: &str) -> Result<(), Failure> {
        writeln(io::stdout().lock(), &plain(line))
    }

    /// Prints a value for scripts.
    ///
    /// # Errors
    ///
    /// When standard output is closed.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
        writeln(io::stdout().lock(), &text)
    }

    /// Prints what ended the program.
    pub(crate) fn failure(self, failure: &Failure) {
        let line = format!("patchrelay: {}", plain(&failure.message().replace('\n', " ")));
        // When standard error is closed too, the exit code is all that is left to say it with.
        drop(writeln(io::stderr().lock(), &line));
    }
}

fn writeln(mut to: impl Write, text: &str) -> Result<(), Failure> {
    to.write_all(text.as_bytes())
        .and_then(|()| to.write_all(b"\n"))
        .and_then(|()| to.flush())
        .map_err(|error| Failure::new(format!("failed to print: {error}")))
}

/// The same text without anything that a terminal obeys (D44).
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests;
