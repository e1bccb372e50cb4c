//! Printing what was asked for.

use std::path::Path;

use serde_json::Value;

use crate::{
    config::{self, Config},
    environment::Environment,
    failure::Failure,
    output::{Output, one_line},
    secrets::Secrets,
    wire,
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

/// `config check`.
pub(crate) fn config_check(
    output: &Output,
    flag: Option<&Path>,
    environment: &Environment,
) -> Result<(), Failure> {
    let path = config::find(flag, environment)?;
    let config = config::load(&path, environment)?;
    wire::check(&config, &path, &Secrets::look_up(environment)?, environment)?;
    let projects = config.project.len();
    if output.is_json() {
        return output
            .value(&serde_json::json!({ "path": path, "ok": true, "projects": projects }));
    }
    let projects = match projects {
        0 => "no project yet, so no ticket can be worked on".to_owned(),
        1 => "1 project".to_owned(),
        many => format!("{many} projects"),
    };
    output.line(&format!("{} is fine: {projects}", path.display()))
}

/// `config show`. Shows also what could not work, so that one can see why.
pub(crate) fn config(
    output: &Output,
    flag: Option<&Path>,
    environment: &Environment,
) -> Result<(), Failure> {
    let path = config::find(flag, environment)?;
    let config = presentable(config::load(&path, environment)?);
    if output.is_json() {
        return output.value(&config);
    }
    output.line(&toml::to_string(&config).map_err(|error| Failure::new(error.to_string()))?)
}

/// The configuration without what may be a secret. None belongs there but in the address of the database, which hides it
/// by itself, and yet somebody may have put one there.
fn presentable(mut config: Config) -> Config {
    for value in config.codex.env.values_mut() {
        "(set)".clone_into(value);
    }
    let projects = config.project.iter_mut().filter_map(|project| project.remote_url.as_mut());
    let addresses = [&mut config.linear.api_url, &mut config.github.api_url];
    for address in addresses.into_iter().chain(projects) {
        *address = without_credential(address);
    }
    config
}

/// An address without the credential that somebody may have written into it. A bare user of SSH is none.
fn without_credential(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) if scheme != "ssh" || user.contains(':') => {
            format!("{scheme}://***@{host}{path}")
        }
        Some(_) | None => url.to_owned(),
    }
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
