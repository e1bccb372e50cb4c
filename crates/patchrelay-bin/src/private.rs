//! What of this machine the agent may not read (D20).
//!
//! Codex' sandbox starts no command at all when a denied path leads through a link, or when one denied path lies inside
//! another; one that does not exist is fine. So links are resolved here, and each place is named once.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use crate::environment::Environment;

/// Where credentials usually lie.
const CREDENTIAL_PLACES: [&str; 9] = [
    "~/.ssh",
    "~/.config/gh",
    "~/.git-credentials",
    "~/.netrc",
    "~/.aws",
    "~/.config/gcloud",
    "~/.docker",
    "~/.npmrc",
    "~/.cargo/credentials.toml",
];

/// The usual places of credentials, places of our own and those that are configured, fit for codex' permission profile
/// beside its own home, which it denies itself.
///
/// # Errors
///
/// When codex' home lies inside one of them.
pub(crate) fn places(
    environment: &Environment,
    own: impl IntoIterator<Item = PathBuf>,
    configured: &[String],
    codex_home: Option<&Path>,
) -> Result<Vec<String>> {
    let home = environment.get("HOME").map(Path::new);
    let written = CREDENTIAL_PLACES.into_iter().chain(configured.iter().map(String::as_str));
    let written = written.filter_map(|place| match place.strip_prefix("~/") {
        Some(below) => Some(home?.join(below)),
        None => Some(PathBuf::from(place)),
    });
    let all: BTreeSet<_> = written.chain(own).filter_map(|place| without_links(&place)).collect();
    let mut kept: Vec<PathBuf> = Vec::new();
    // Sorted, what lies inside a place comes right after it.
    for place in all {
        let is_inside = |of: &Path| place.starts_with(of);
        if kept.last().is_some_and(|last| is_inside(last)) || codex_home.is_some_and(is_inside) {
            continue;
        }
        kept.push(place);
    }
    if let Some(home) = codex_home
        && let Some(around) = kept.iter().find(|place| home.starts_with(place))
    {
        bail!(
            "codex' home {} lies in {}, which the agent may not read: set codex.home to another directory",
            home.display(),
            around.display()
        );
    }
    Ok(kept.iter().map(|place| place.display().to_string()).collect())
}

/// Where a path leads, as far as it exists; nowhere for a link to something that does not exist.
pub(crate) fn without_links(path: &Path) -> Option<PathBuf> {
    let existing =
        path.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    let Some((ancestor, real)) = existing else { return Some(path.to_owned()) };
    let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
    let begin = rest.components().next().map(|name| real.join(name));
    let leads_nowhere = begin.is_some_and(|begin| begin.is_symlink());
    (!leads_nowhere).then(|| if rest == Path::new("") { real.clone() } else { real.join(rest) })
}

#[cfg(test)]
mod tests;
