//! `patchrelay prompt preview`: the prompt that the agent would get. No service, no network: the domain alone.

use std::path::Path;

use anyhow::Context;
use patchrelay::domain::{
    RunType,
    prompt::{PromptFile, Work, WorkflowFile, build, workflow_file_name},
};
use serde::de::DeserializeOwned;

use crate::{cli::PreviewOptions, failure::Failure, file::read_text, output::Output};

/// The largest file with an issue or a context, in bytes.
const MAX_INPUT: u64 = 1024 * 1024;
/// The largest workflow file of a repository, in bytes (D32).
const MAX_WORKFLOW: u64 = 64 * 1024;

/// Prints the prompt.
pub(crate) fn run(options: &PreviewOptions, output: &Output) -> Result<(), Failure> {
    let mut file: PromptFile = parse(&read(&options.issue, MAX_INPUT)?, &options.issue)?;
    let run_type = match &options.run_type {
        Some(name) => run_type(name)?,
        None => file.work.run_type(),
    };
    if let Some(context) = &options.context {
        file.work = Work::read(run_type, &read(context, MAX_INPUT)?)
            .with_context(|| context.display().to_string())?;
    } else if run_type != file.work.run_type() {
        file.work = Work::bare(run_type);
    }
    if let Some(repository) = &options.repo {
        let name = workflow_file_name(run_type);
        let path = repository.join(name);
        file.workflow = match path.try_exists() {
            Ok(true) => {
                Some(WorkflowFile { name: name.to_owned(), text: read(&path, MAX_WORKFLOW)? })
            }
            Ok(false) => None,
            Err(error) => return Err(Failure::new(format!("{}: {error}", path.display()))),
        };
    }
    let prompt = build(&file.request()).to_string();
    if output.is_json() {
        return output
            .value(&serde_json::json!({ "run_type": run_type.as_str(), "prompt": prompt }));
    }
    output.line(&prompt)
}

fn read(path: &Path, max_bytes: u64) -> Result<String, Failure> {
    read_text(path, max_bytes)
        .map_err(|error| Failure::new(format!("failed to read {}: {error}", path.display())))
}

fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        Failure::new(format!("{}: {}: {}", path.display(), error.path(), error.inner()))
    })
}

/// The run type of this name.
fn run_type(name: &str) -> Result<RunType, Failure> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).map_err(|_| {
        Failure::new(format!(
            "`{name}` is no run type: use implementation, review_fix, ci_repair, queue_repair or branch_upkeep"
        ))
    })
}

#[cfg(test)]
mod tests;
