//! `config check` and `config show`.

use std::path::Path;

use crate::{
    config::{self, Config, ConfigError, Origins, Source},
    environment::Environment,
    failure::Failure,
    output::Output,
    secrets::Secrets,
    wire,
};

/// `config check`. Every mistake is named that can be seen at once.
pub(crate) fn config_check(
    output: &Output,
    flag: Option<&Path>,
    environment: &Environment,
) -> Result<(), Failure> {
    let path = config::find(flag, environment)?;
    let checked =
        config::load(&path, environment).map_err(anyhow::Error::from).and_then(|config| {
            wire::check(&config, &path, &Secrets::look_up(environment)?, environment)?;
            Ok(config.project.len())
        });
    let projects = match checked {
        Ok(projects) => projects,
        Err(error) => {
            if output.is_json() {
                let mistakes = error.downcast_ref().map(ConfigError::mistakes).unwrap_or_default();
                output.value(
                    &serde_json::json!({ "path": path, "ok": false, "mistakes": mistakes }),
                )?;
            }
            return Err(error.into());
        }
    };
    if output.is_json() {
        return output.value(
            &serde_json::json!({ "path": path, "ok": true, "projects": projects, "mistakes": [] }),
        );
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
    let text = toml::to_string(&config).map_err(|error| Failure::new(error.to_string()))?;
    output.line(&format!("# {}\n{}", path.display(), with_sources(&text, &config.origins)))
}

/// The same text, with who set a key behind each that is not left at its default.
fn with_sources(text: &str, origins: &Origins) -> String {
    let Ok(printed) = Origins::of_file(text) else { return text.to_owned() };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (key, line) in printed.values() {
        let source = match origins.exactly(key) {
            Source::Line(line) => format!("  # line {line}"),
            Source::Variable(name) => format!("  # {name}"),
            Source::Default => continue,
        };
        if let Some(line) = lines.get_mut(line - 1) {
            line.push_str(&source);
        }
    }
    let shown = lines.join("\n");
    // A text of several lines has no room for a remark.
    match (shown.parse::<toml::Table>(), text.parse::<toml::Table>()) {
        (Ok(shown_values), Ok(values)) if shown_values == values => shown,
        _ => text.to_owned(),
    }
}

/// The configuration without what may be a secret. None belongs there but in the address of the database, which hides it
/// by itself, and yet somebody may have put one there.
fn presentable(mut config: Config) -> Config {
    for value in config.codex.env.values_mut() {
        "(set)".clone_into(value);
    }
    let projects = config.project.iter_mut().filter_map(|project| project.remote_url.as_mut());
    let addresses = [&mut config.linear.api_url, &mut config.github.api_url];
    let public = config.server.public_url.as_mut();
    for address in addresses.into_iter().chain(public).chain(projects) {
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

#[cfg(test)]
mod tests;
