//! Shell completions and the manual, made from the command line itself.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{cli::Cli, failure::Failure, output::Output};

/// Prints what a shell needs to complete commands.
pub(crate) fn completions(shell: Shell, output: &Output) -> Result<(), Failure> {
    output.line(completion_script(shell).trim_end())
}

fn completion_script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "patchrelay", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Prints the page of the program, or writes a page for each command into a directory.
pub(crate) fn man(directory: Option<&Path>, output: &Output) -> Result<(), Failure> {
    let Some(directory) = directory else { return output.line(page()?.trim_end()) };
    let failed = |error| {
        Failure::new(format!("failed to write the manual into {}: {error}", directory.display()))
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
    output.line(&format!("wrote the manual into {}: man -l PAGE shows one", directory.display()))
}

fn page() -> Result<String, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests;
