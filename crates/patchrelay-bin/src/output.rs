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
        writeln(io::stdout().lock(), &json(value)?)
    }

    /// Prints a value for scripts that read one line at a time.
    ///
    /// # Errors
    ///
    /// When standard output is closed.
    pub(crate) fn value_line(self, value: &serde_json::Value) -> Result<(), Failure> {
        writeln(io::stdout().lock(), &without_controls(&value.to_string()))
    }

    /// Tells a person something that is no result.
    pub(crate) fn note(self, text: &str) {
        // Who closed standard error does not want to know.
        drop(writeln(io::stderr().lock(), &one_line(text)));
    }

    /// Prints what ended the program.
    pub(crate) fn failure(self, failure: &Failure) {
        // When standard error is closed too, the exit code is all that is left to say it with.
        drop(writeln(io::stderr().lock(), &failure_lines(failure)));
    }
}

fn writeln(mut to: impl Write, text: &str) -> Result<(), Failure> {
    to.write_all(text.as_bytes())
        .and_then(|()| to.write_all(b"\n"))
        .and_then(|()| to.flush())
        .map_err(|error| Failure::new(format!("failed to print: {error}")))
}

/// What ended the program, a line for each thing that is wrong.
fn failure_lines(failure: &Failure) -> String {
    let lines = failure.messages().map(|message| format!("patchrelay: {}", one_line(message)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The same text as one line: what somebody else wrote must not look like a line of ours.
pub(crate) fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same text without anything that a terminal obeys (D44).
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_obeyed(*c) || matches!(c, '\n' | '\t')).collect()
}

/// A value as JSON in which everything that a terminal obeys is an escape. Outside of strings JSON has no such
/// character but the line feed.
fn json(value: &impl Serialize) -> Result<String, Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    Ok(without_controls(&text))
}

fn without_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match u16::try_from(u32::from(c)) {
            Ok(code) if is_obeyed(c) && c != '\n' => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push(c),
        }
    }
    out
}

/// Control characters, and those that turn the direction of what follows. All of them have four hexadecimal digits.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
