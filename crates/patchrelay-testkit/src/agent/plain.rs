//! What the agent does without a script: one small edit that follows from the ticket in its prompt, and from nothing
//! else, so that two runs of one ticket give the same tree.
//!
//! If the ticket names a file that exists and then two texts, all in backticks (change `a` to `b` in `file` works in
//! any order of the sentence), the first text is replaced by the second. If it only names a file, the file gets a line.
//! In each case `CHANGES.md` gets an entry.

use std::path::Path;

use patchrelay_domain::{Report, ReportOutcome};

use crate::agent::{edit, script::Step};

/// The file that always gets an entry.
const CHANGE_LOG: &str = "CHANGES.md";
/// The longest subject line, in characters.
const MAX_SUBJECT: usize = 72;

/// What the agent makes of its prompt.
struct Task {
    key: String,
    title: String,
    text: String,
}

/// The steps of a work turn.
pub(crate) fn steps(first_prompt: &str, cwd: &Path) -> Vec<Step> {
    let task = Task::read(first_prompt);
    let mut steps = vec![Step::Say(format!("I look at what {} asks for.", task.key))];
    let quoted: Vec<&str> =
        task.text.split('`').skip(1).step_by(2).filter(|text| !text.is_empty()).collect();
    let file =
        quoted.iter().position(|text| edit::resolve(cwd, text).is_ok_and(|path| path.is_file()));
    if let Some(at) = file {
        let path = quoted[at].to_owned();
        let mut others =
            quoted.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, text)| (*text).to_owned());
        steps.push(match (others.next(), others.next()) {
            (Some(from), Some(to)) => Step::Replace { path, from, to },
            (Some(_) | None, Some(_) | None) => Step::Append { path, line: task.title.clone() },
        });
    }
    steps.push(Step::Append {
        path: CHANGE_LOG.to_owned(),
        line: format!("- {}: {}", task.key, task.title),
    });
    steps.push(Step::Say(format!("{} is done.", task.key)));
    steps
}

/// The report of a thread.
pub(crate) fn report(first_prompt: &str) -> Report {
    let Task { key, title, .. } = Task::read(first_prompt);
    let subject: String = format!("{key}: {title}").chars().take(MAX_SUBJECT).collect();
    Report {
        outcome: ReportOutcome::Done,
        summary: format!("I did what {key} asks for and noted it in {CHANGE_LOG}."),
        commit_subject: subject.clone(),
        commit_body: format!("Made by the scripted agent for {key}."),
        pr_title: subject,
        pr_body: format!("Does what {key} asks for, and notes it in `{CHANGE_LOG}`."),
        question: String::new(),
        resolved: Vec::new(),
    }
}

impl Task {
    /// Reads the parts that `patchrelay_domain::prompt` writes; a prompt of another form is its own title.
    fn read(prompt: &str) -> Self {
        let key = prompt
            .split_once("ticket ")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .unwrap_or("TASK");
        let title = block(prompt, "[ticket title");
        let first_line = prompt.lines().next().unwrap_or_default();
        let title = if title.is_empty() { first_line.to_owned() } else { title };
        let text = format!("{title}\n{}", block(prompt, "[ticket description"));
        Self {
            key: key.to_owned(),
            title: title.split_whitespace().collect::<Vec<_>>().join(" "),
            text,
        }
    }
}

/// The quoted lines below a header.
fn block(prompt: &str, header: &str) -> String {
    let below = prompt.lines().skip_while(|line| !line.starts_with(header)).skip(1);
    below.map_while(|line| line.strip_prefix("| ")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
