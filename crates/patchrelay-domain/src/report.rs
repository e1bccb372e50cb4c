//! The report: what the agent says came out, and how its answer is read.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the agent answered in its report turn. It is a claim; [`verify`](crate::verify) compares it with the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it says came out.
    pub outcome: ReportOutcome,
    /// What it did, in a few sentences.
    pub summary: String,
    /// Subject line for the commit.
    #[serde(default)]
    pub commit_subject: String,
    /// Body of the commit.
    #[serde(default)]
    pub commit_body: String,
    /// Title of the pull request.
    #[serde(default)]
    pub pr_title: String,
    /// Text of the pull request.
    #[serde(default)]
    pub pr_body: String,
    /// What it needs to know, when it needs to know something.
    #[serde(default)]
    pub question: String,
    /// How it resolved conflicts that leave no markers in a file (D30).
    #[serde(default)]
    pub resolved: Vec<Resolved>,
}

/// How a conflict that leaves no markers was resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The path that was unmerged.
    pub path: String,
    /// What became of it.
    pub choice: Resolution,
}

/// What became of a path that was unmerged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It is kept, with the content that lies in the directory.
    Keep,
    /// It is deleted.
    Delete,
}

/// What the agent says came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportOutcome {
    /// The work is in the tree.
    Done,
    /// There is nothing to change.
    NoChangeNeeded,
    /// It cannot go on without an answer.
    NeedsInput,
    /// It cannot go on at all.
    Blocked,
}

/// Why an answer was not a report.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the agent's answer is not a report: {0}")]
pub struct ReportError(String);

/// Reads a report: the whole answer as JSON, else the outermost braces in it (models like to wrap it in prose).
pub fn parse_report(answer: &str) -> Result<Report, ReportError> {
    let whole = serde_json::from_str::<Report>(answer.trim());
    let Err(error) = whole else { return whole.map_err(|error| ReportError(error.to_string())) };
    match (answer.find('{'), answer.rfind('}')) {
        (Some(start), Some(end)) if start < end => {
            serde_json::from_str(&answer[start..=end]).map_err(|_| ReportError(error.to_string()))
        }
        (Some(_) | None, Some(_) | None) => Err(ReportError(error.to_string())),
    }
}

/// The JSON Schema of [`Report`], in the strict form that model providers ask for: every field required, none more.
pub fn report_schema() -> serde_json::Value {
    let text = serde_json::json!({ "type": "string" });
    serde_json::json!({
        "type": "object",
        "additionalProperties": false,
        "required": [
            "outcome", "summary", "commit_subject", "commit_body", "pr_title", "pr_body", "question", "resolved",
        ],
        "properties": {
            "outcome": { "type": "string", "enum": ["done", "no_change_needed", "needs_input", "blocked"] },
            "summary": text, "commit_subject": text, "commit_body": text,
            "pr_title": text, "pr_body": text, "question": text,
            "resolved": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["path", "choice"],
                    "properties": {
                        "path": text,
                        "choice": { "type": "string", "enum": ["keep", "delete"] },
                    },
                },
            },
        },
    })
}

#[cfg(test)]
mod tests;
