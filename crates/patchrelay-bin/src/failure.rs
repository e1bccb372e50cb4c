//! What ends the program: one line that says what to do, and an exit code.

use std::process::ExitCode;

use crate::config::ConfigError;

/// Why the program ends without success.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    /// What else is wrong, a line each.
    others: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    General,
    NotFound,
    Conflict,
    Unreachable,
}

impl Failure {
    /// A failure without a code of its own.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { kind: Kind::General, message: message.into(), others: Vec::new() }
    }

    /// The thing that was asked for does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { kind: Kind::NotFound, message: message.into(), others: Vec::new() }
    }

    /// It cannot be done in this state.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { kind: Kind::Conflict, message: message.into(), others: Vec::new() }
    }

    /// The service does not answer.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unreachable, message: message.into(), others: Vec::new() }
    }

    /// Whether the service did not answer, which may pass.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self.kind, Kind::Unreachable)
    }

    /// The line, or the first of them.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// A line for each thing that is wrong.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.message).chain(&self.others).map(String::as_str)
    }

    /// The code. 2 is clap's, for a wrong command line.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::General => 1,
            Kind::NotFound => 3,
            Kind::Conflict => 4,
            Kind::Unreachable => 5,
        })
    }
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<ConfigError>() {
            Ok(error) => error.into(),
            Err(error) => Self::new(format!("{error:#}")),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let mut lines = error.lines();
        let others = lines.split_off(1.min(lines.len()));
        Self { others, ..Self::new(lines.pop().unwrap_or_default()) }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(chain(&error))
    }
}

impl From<patchrelay::ports::Cause> for Failure {
    fn from(error: patchrelay::ports::Cause) -> Self {
        Self::new(chain(error.as_ref()))
    }
}

#[cfg(test)]
mod tests;
