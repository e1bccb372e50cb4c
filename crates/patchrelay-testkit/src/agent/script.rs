//! What the agent does.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use patchrelay_domain::Report;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// A script. Without turns, the agent makes one small edit that follows from its prompt alone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Other turns for threads whose first prompt contains a text. The first rule that fits counts.
    pub rules: Vec<Rule>,
    /// The work turns of a thread, in order. The last one is repeated.
    pub turns: Vec<Vec<Step>>,
    /// The answers to the turns that ask for JSON, in order. The last one is repeated; without any, a report of success
    /// is made from the prompt.
    pub reports: Vec<ReportAnswer>,
    /// In what it differs from a well-behaved server.
    pub flaws: Flaws,
}

/// Turns for some threads.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// The text that the thread's first prompt contains.
    pub when: String,
    /// As in [`Script`].
    pub turns: Vec<Vec<Step>>,
    /// As in [`Script`].
    pub reports: Vec<ReportAnswer>,
}

/// One thing that the agent does in a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Makes a file have this content.
    Write {
        /// The file, relative to the thread's directory.
        path: String,
        /// All of its content.
        content: String,
    },
    /// Adds a line to a file that does not have it yet.
    Append {
        /// The file, relative to the thread's directory.
        path: String,
        /// The line, without its end.
        line: String,
    },
    /// Replaces the first place of a text, in a file that does not have the new text yet.
    Replace {
        /// The file, relative to the thread's directory.
        path: String,
        /// The text that goes.
        from: String,
        /// The text that comes.
        to: String,
    },
    /// Removes a file if it is there.
    Delete {
        /// The file, relative to the thread's directory.
        path: String,
    },
    /// Says something. The last one of a turn is its answer.
    Say(String),
    /// Runs a command in a shell, in the thread's directory, and says nothing until it has ended.
    Run(String),
    /// Waits, in milliseconds.
    SleepMs(u64),
    /// Waits until this file exists: a gate that a test opens.
    WaitFor(PathBuf),
    /// Asks the client something, waits for the answer, and says it.
    Ask {
        /// The method.
        method: String,
        /// Its parameters, beside the thread and the turn.
        #[serde(default)]
        params: Map<String, Value>,
    },
    /// Lets the turn fail with this message.
    Fail(String),
    /// Lets the turn fail with this message, because the model's service is overloaded.
    Overload(String),
    /// Lets the turn fail with this message, for what codex says by this.
    FailAs {
        /// The message.
        message: String,
        /// Its `codexErrorInfo`: a name, or an object whose one key is the name.
        info: Value,
    },
    /// Writes these bytes, whatever they are, between two messages.
    Bytes(Vec<u8>),
    /// Tells of a command whose output has so many bytes, all in one message.
    Output(usize),
    /// Tells news, of this thread and turn unless they name others.
    News {
        /// The method.
        method: String,
        /// Its parameters.
        params: Map<String, Value>,
    },
    /// Ends the process without a word.
    Crash,
    /// Ends the process without a word, as if all were well.
    Leave,
    /// Does nothing until it is interrupted.
    Hang,
}

/// The answer to a turn that asks for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReportAnswer {
    /// A report.
    Report(Report),
    /// Something else, as it is.
    Raw(String),
}

/// Deviations from a well-behaved server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flaws {
    /// Requests that are never answered.
    pub silent: Vec<String>,
    /// Requests that are refused, each with this text.
    pub refused: BTreeMap<String, String>,
    /// Requests that it has too much to do for, each so many times.
    pub overloaded: BTreeMap<String, u32>,
    /// News that are lost on their way.
    pub lost: Vec<String>,
    /// Members of the answer to `thread/start` and `thread/resume` that are not what was asked for.
    pub thread_answer: Map<String, Value>,
    /// What it writes to stderr when it starts.
    pub complaint: String,
}

/// A script that cannot be used.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("failed to read the script `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not a script.
    #[error("failed to understand the script `{path}`")]
    Parse {
        /// Which file.
        path: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl Script {
    /// Reads a script from a file of JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not a script.
    pub fn read(file: &Path) -> Result<Self, ScriptError> {
        let path = file.display().to_string();
        match std::fs::read(file) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|source| ScriptError::Parse { path, source })
            }
            Err(source) => Err(ScriptError::Read { path, source }),
        }
    }

    /// The steps of the n-th work turn of a thread that began with this prompt; `None` if the script has none for it.
    pub(crate) fn steps(&self, first_prompt: &str, n: usize) -> Option<Vec<Step>> {
        let turns = self.rule(first_prompt).map_or(&self.turns, |rule| &rule.turns);
        turns.get(n).or(turns.last()).cloned()
    }

    /// The n-th report of a thread that began with this prompt.
    pub(crate) fn report(&self, first_prompt: &str, n: usize) -> Option<&ReportAnswer> {
        let reports = self.rule(first_prompt).map_or(&self.reports, |rule| &rule.reports);
        reports.get(n).or(reports.last())
    }

    fn rule(&self, first_prompt: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| first_prompt.contains(&rule.when))
    }
}

impl ReportAnswer {
    /// The message that it is.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Report(report) => serde_json::to_string(report).expect("a report has only texts"),
        }
    }
}
