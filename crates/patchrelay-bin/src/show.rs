//! Printing what was asked for.

use std::path::Path;

use serde_json::Value;

use crate::{config, environment::Environment, failure::Failure, output::Output, secrets::Secrets};

/// `issue list`.
pub(crate) fn list(output: &Output, list: &Value) -> Result<(), Failure> {
    if output.is_json() {
        return output.value(list);
    }
    let issues = list["issues"].as_array().map(Vec::as_slice).unwrap_or_default();
    if issues.is_empty() {
        return output.line("no issues");
    }
    for issue in issues {
        output.line(&format!(
            "{:<12} {:<16} {:<10} {}",
            text(&issue["key"]),
            text(&issue["state"]),
            issue["pr"]["number"].as_u64().map(|number| format!("#{number}")).unwrap_or_default(),
            text(&issue["title"]),
        ))?;
    }
    Ok(())
}

/// `issue show`.
pub(crate) fn issue(output: &Output, issue: &Value) -> Result<(), Failure> {
    if output.is_json() {
        return output.value(issue);
    }
    output.line(&format!("{} {}", text(&issue["key"]), text(&issue["title"])))?;
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
        ("next", format!("{} {}", text(&issue["next"]["kind"]), text(&issue["next"]["detail"]))),
        ("updated", text(&issue["updated_at"])),
    ];
    for (name, value) in rows {
        if !value.trim().is_empty() {
            output.line(&format!("  {name:<13}{value}"))?;
        }
    }
    Ok(())
}

/// `issue explain`.
pub(crate) fn explain(output: &Output, explained: &Value) -> Result<(), Failure> {
    if output.is_json() {
        return output.value(explained);
    }
    issue(output, &explained["issue"])?;
    output.line(&format!(
        "decision: {} {}",
        text(&explained["decision"]["kind"]),
        text(&explained["decision"]["detail"])
    ))?;
    if let Some(until) = explained["until"].as_str() {
        output.line(&format!("until: {until}"))?;
    }
    output.line(&format!("what would change it: {}", text(&explained["would_change"])))?;
    output.line("last observations:")?;
    for observation in explained["observations"].as_array().map(Vec::as_slice).unwrap_or_default() {
        output.line(&format!("  {}  {}", text(&observation["at"]), text(&observation["text"])))?;
    }
    Ok(())
}

/// `config check`.
pub(crate) fn config_check(
    output: &Output,
    flag: Option<&Path>,
    environment: &Environment,
) -> Result<(), Failure> {
    let path = config::find(flag, environment)?;
    let config = config::load(&path, environment)?;
    config.resolve(&path, &environment.directories()?)?;
    Secrets::look_up(environment)?;
    if output.is_json() {
        return output.value(
            &serde_json::json!({ "path": path, "ok": true, "projects": config.project.len() }),
        );
    }
    output.line(&format!("{} is fine: {} projects", path.display(), config.project.len()))
}

/// `config show`.
pub(crate) fn config(
    output: &Output,
    flag: Option<&Path>,
    environment: &Environment,
) -> Result<(), Failure> {
    let path = config::find(flag, environment)?;
    let config = config::load(&path, environment)?;
    config.resolve(&path, &environment.directories()?)?;
    let mut config = config;
    for value in config.codex.env.values_mut() {
        // They are not for secrets, and yet somebody may have put one there.
        "(set)".clone_into(value);
    }
    for project in &mut config.project {
        project.remote_url = project.remote_url.as_deref().map(without_credential);
    }
    if output.is_json() {
        return output.value(&config);
    }
    output.line(&toml::to_string(&config).map_err(|error| Failure::new(error.to_string()))?)
}

/// An address without the credential that somebody may have written into it.
fn without_credential(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn pull_request(pr: &Value) -> String {
    match pr["number"].as_u64() {
        Some(number) => format!("#{number} {} {}", text(&pr["state"]), text(&pr["url"])),
        None => String::new(),
    }
}

fn run(run: &Value) -> String {
    if run.is_null() {
        return String::new();
    }
    format!(
        "{} {} {} {}",
        text(&run["type"]),
        text(&run["status"]),
        text(&run["outcome"]),
        text(&run["failure_reason"])
    )
}

#[cfg(test)]
mod tests;
