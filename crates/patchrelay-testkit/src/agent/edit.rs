//! Edits inside one directory. Doing one again changes nothing.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::agent::script::Step;

/// Carries out a step that edits, and tells the file that it was about; `None` if the step does not edit. The error is
/// for people.
pub(crate) fn apply(cwd: &Path, step: &Step) -> Option<Result<PathBuf, String>> {
    let (path, new_content): (_, &dyn Fn(Option<String>) -> Option<String>) = match step {
        Step::Write { path, content } => (path, &|_| Some(content.clone())),
        Step::Append { path, line } => (path, &|old| Some(appended(old.unwrap_or_default(), line))),
        Step::Replace { path, from, to } => (path, &|old| {
            old.map(|old| {
                if old.contains(to.as_str()) { old } else { old.replacen(from.as_str(), to, 1) }
            })
        }),
        Step::Delete { path } => (path, &|_| None),
        Step::Say(_)
        | Step::Run(_)
        | Step::SleepMs(_)
        | Step::WaitFor(_)
        | Step::Ask { .. }
        | Step::Fail(_)
        | Step::Overload(_)
        | Step::FailAs { .. }
        | Step::Bytes(_)
        | Step::Output(_)
        | Step::News { .. }
        | Step::Leave
        | Step::Crash
        | Step::Hang => return None,
    };
    Some(resolve(cwd, path).and_then(|file| {
        change(&file, new_content).map_err(|error| format!("failed to edit `{path}`: {error}"))?;
        Ok(file)
    }))
}

/// The file of this name inside the directory. Refused are names that lead out of it, also through a symbolic link, and
/// what belongs to git.
pub(crate) fn resolve(cwd: &Path, name: &str) -> Result<PathBuf, String> {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(part) if !part.eq_ignore_ascii_case(".git"));
    if name.is_empty() || !Path::new(name).components().all(is_plain) {
        return Err(format!("`{name}` is not a file of this directory"));
    }
    let root = cwd
        .canonicalize()
        .map_err(|error| format!("`{}` cannot be used: {error}", cwd.display()))?;
    let file = root.join(name);
    // The deepest part that exists decides where a write would land.
    let existing = file.ancestors().find(|path| path.symlink_metadata().is_ok()).unwrap_or(&root);
    match existing.canonicalize() {
        Ok(real) if real.starts_with(&root) => Ok(file),
        Ok(_) | Err(_) => Err(format!("`{name}` leads out of this directory")),
    }
}

fn appended(mut text: String, line: &str) -> String {
    if !text.lines().any(|old| old == line) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn change(file: &Path, new_content: &dyn Fn(Option<String>) -> Option<String>) -> io::Result<()> {
    let old = match fs::read_to_string(file) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match new_content(old.clone()) {
        new if new == old => Ok(()),
        Some(new) => {
            fs::create_dir_all(file.parent().unwrap_or(file))?;
            fs::write(file, new)
        }
        None => fs::remove_file(file),
    }
}

#[cfg(test)]
mod tests;
