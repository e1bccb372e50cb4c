//! `issue path` and `issue open`: a human goes on where the agent works.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    config::{self, Config},
    environment::Environment,
    failure::Failure,
    output::Output,
    wire,
};

/// What the configured command ends with when it is codex's server, which is codex itself without that word.
const SERVER: &str = "app-server";

/// `issue path`.
pub(crate) fn path(output: &Output, issue: &Value) -> Result<(), Failure> {
    let path = worktree(issue)?;
    if output.is_json() {
        output.value(&json!({ "path": path }))
    } else {
        output.line(&path.display().to_string())
    }
}

/// `issue open`: becomes the agent, on the issue's thread and in its directory, with the settings that the operator's own
/// codex has. With `print`, only says how.
pub(crate) fn open(
    output: &Output,
    issue: &Value,
    flag: Option<&Path>,
    environment: &Environment,
    print: bool,
) -> Result<(), Failure> {
    let path = worktree(issue)?;
    if !issue["active_run"].is_null() {
        let key = issue["key"].as_str().unwrap_or_default();
        return Err(Failure::conflict(format!(
            "an agent works on {key}: stop it first with `patchrelay issue stop {key}`"
        )));
    }
    let config = config::load(&config::find(flag, environment)?, environment)?;
    let opening = Opening::new(&config, environment, &path, issue["thread_id"].as_str())?;
    if print {
        return if output.is_json() {
            output.value(&json!({ "path": path, "command": opening.words, "env": opening.set }))
        } else {
            output.line(&opening.shell())
        };
    }
    Err(opening.become_it(environment))
}

/// The directory of an issue, if it is on this machine.
fn worktree(issue: &Value) -> Result<PathBuf, Failure> {
    let key = issue["key"].as_str().unwrap_or_default();
    let Some(path) = issue["worktree_path"].as_str() else {
        return Err(Failure::not_found(format!(
            "{key} has no worktree: nothing was worked on yet"
        )));
    };
    if !Path::new(path).is_dir() {
        return Err(Failure::not_found(format!(
            "the worktree of {key} is not here: {path} was removed, or is on another machine"
        )));
    }
    Ok(PathBuf::from(path))
}

/// How the agent is opened.
#[derive(Debug, PartialEq, Eq)]
struct Opening {
    words: Vec<String>,
    /// The variables that a shell has to set.
    set: Vec<(String, String)>,
    directory: PathBuf,
    /// The variables of our own that it gets too.
    passed: Vec<String>,
}

impl Opening {
    fn new(
        config: &Config,
        environment: &Environment,
        path: &Path,
        thread: Option<&str>,
    ) -> Result<Self, Failure> {
        let section = &config.codex;
        let Some((program, SERVER)) =
            section.command.split_last().map(|(last, program)| (program, last.as_str()))
        else {
            return Err(Failure::new(format!(
                "codex.command does not end with `{SERVER}`, so it is not known how to open that agent: look into {}",
                path.display()
            )));
        };
        let directory = path.display().to_string();
        let mut words = program.to_vec();
        words.extend(thread.map(|_| "resume".to_owned()));
        words.extend(["-C".to_owned(), directory]);
        words.extend(thread.map(str::to_owned));
        let home = wire::codex_home(section.home.as_deref(), environment);
        let home = home.map(|home| ("CODEX_HOME".to_owned(), home.display().to_string()));
        let own = section.env.iter().map(|(name, value)| (name.clone(), value.clone()));
        Ok(Self {
            words,
            set: home.into_iter().chain(own).collect(),
            directory: path.to_owned(),
            passed: section.pass_env.clone(),
        })
    }

    /// The same for a shell.
    fn shell(&self) -> String {
        let set = self.set.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = self.words.iter().map(|word| quoted(word));
        set.chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Ends only if that fails. It gets no secret of ours, as when we start it (D33).
    fn become_it(self, environment: &Environment) -> Failure {
        let Some((program, args)) = self.words.split_first() else {
            return Failure::new("codex.command names no program");
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it takes our place at the terminal, so it must not have a process group of its own"
        )]
        let error = std::process::Command::new(program)
            .args(args)
            .current_dir(&self.directory)
            .env_clear()
            .envs(environment.for_agent())
            .envs(self.passed.iter().filter_map(|name| Some((name, environment.get(name)?))))
            .envs(self.set)
            .exec();
        Failure::new(format!("failed to start `{program}`: {error}"))
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
