//! Printing what was asked for.

mod config;

use serde_json::Value;

pub(crate) use self::config::{config, config_check};
use crate::{
    failure::Failure,
    output::{Output, one_line},
};

/// `issue list`.
pub(crate) fn list(output: &Output, list: &Value) -> Result<(), Failure> {
    if output.is_json() { output.value(list) } else { output.line(&list_text(list)) }
}

/// `issue show`.
pub(crate) fn issue(output: &Output, issue: &Value) -> Result<(), Failure> {
    if output.is_json() { output.value(issue) } else { output.line(&issue_text(issue)) }
}

/// `issue explain`.
pub(crate) fn explain(output: &Output, explained: &Value) -> Result<(), Failure> {
    if output.is_json() { output.value(explained) } else { output.line(&explain_text(explained)) }
}

/// What is known of an issue after an order.
pub(crate) fn ordered(output: &Output, ordered: &Value) -> Result<(), Failure> {
    if output.is_json() {
        output.value(ordered)
    } else {
        output.line(&issue_text(&ordered["issue"]))
    }
}

/// A line of the feed. Observations have a bullet: they are what is known for ever.
pub(crate) fn feed_line(line: &Value) -> String {
    let mark = match line["kind"].as_str() {
        Some("observation") => "*",
        Some("report") => ">",
        _ => "-",
    };
    format!("{}  {mark} {}", text(&line["at"]), text(&line["text"]))
}

fn list_text(list: &Value) -> String {
    let issues = items(&list["issues"]);
    if issues.is_empty() {
        return "no issues".to_owned();
    }
    let mut lines: Vec<_> = issues
        .iter()
        .map(|issue| {
            let number = issue["pr"]["number"].as_u64();
            let line = format!(
                "{:<12} {:<16} {:<10} {}",
                text(&issue["key"]),
                text(&issue["state"]),
                number.map(|number| format!("#{number}")).unwrap_or_default(),
                text(&issue["title"]),
            );
            line.trim_end().to_owned()
        })
        .collect();
    if list["cursor"].is_string() {
        lines.push(
            "there are more: narrow the list with --active, --failed or --project".to_owned(),
        );
    }
    lines.join("\n")
}

fn issue_text(issue: &Value) -> String {
    let next = [&issue["next"]["kind"], &issue["next"]["detail"]];
    let rows = [
        ("state", text(&issue["state"])),
        ("waits for", text(&issue["waiting_reason"])),
        ("note", text(&issue["status_note"])),
        ("project", text(&issue["project"])),
        ("ticket", text(&issue["url"])),
        ("tracker", text(&issue["tracker_state"])),
        ("branch", text(&issue["branch"])),
        ("worktree", text(&issue["worktree_path"])),
        ("pull request", pull_request(&issue["pr"])),
        ("active run", run(&issue["active_run"])),
        ("latest run", run(&issue["latest_run"])),
        ("next", words(next)),
        ("updated", text(&issue["updated_at"])),
    ];
    let rows = rows.iter().filter(|(_, value)| !value.is_empty());
    let mut lines = vec![words([&issue["key"], &issue["title"]])];
    lines.extend(rows.map(|(name, value)| format!("  {name:<13}{value}")));
    lines.join("\n")
}

fn explain_text(explained: &Value) -> String {
    let decision = &explained["decision"];
    let mut lines = vec![
        issue_text(&explained["issue"]),
        format!("decision: {}", words([&decision["kind"], &decision["detail"]])),
    ];
    if let Some(until) = explained["until"].as_str() {
        lines.push(format!("until: {}", one_line(until)));
    }
    lines.push(format!("what would change it: {}", text(&explained["would_change"])));
    lines.extend(held_lines(&explained["facts"]["held"], &explained["issue"]["key"]));
    lines.push("last observations:".to_owned());
    let observations = items(&explained["observations"]).iter();
    lines.extend(
        observations.map(|seen| format!("  {}  {}", text(&seen["at"]), text(&seen["text"]))),
    );
    lines.join("\n")
}

/// What the gate holds, why, and how it is released.
fn held_lines(held: &Value, key: &Value) -> Vec<String> {
    let Some(tree) = held["tree"].as_str().map(one_line) else { return Vec::new() };
    let mut lines = vec![format!("held: tree {tree}, not published because")];
    lines.extend(items(&held["hits"]).iter().map(|hit| format!("  {}", text(hit))));
    lines.push(match (held["released_by"].as_str(), held["is_releasable"].as_bool()) {
        (Some(by), _) => format!("  {} released it", one_line(by)),
        (None, Some(true)) => {
            format!(
                "  to release exactly this: patchrelay issue approve {} --tree {tree}",
                text(key)
            )
        }
        (None, _) => "  nobody may release this".to_owned(),
    });
    lines
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Those of the values that say something, with a blank between.
fn words<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let words = values.into_iter().map(text).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn pull_request(pr: &Value) -> String {
    match pr["number"].as_u64() {
        Some(number) => format!("#{number} {}", words([&pr["state"], &pr["url"]])),
        None => String::new(),
    }
}

fn run(run: &Value) -> String {
    words([&run["type"], &run["status"], &run["outcome"], &run["failure_reason"]])
}

#[cfg(test)]
mod tests;
