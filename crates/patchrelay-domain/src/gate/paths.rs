//! Which paths need a human's word.

use globset::{Glob, GlobBuilder};

use super::{ChangedFile, GateHit, Now};

/// What a repair has no business with (N20): what the checks run and with which dependencies, how a worktree is made,
/// and what agents are told. A check is repaired by changing what it checks.
///
/// Package manifests and lock files are all of one kind here, whatever the ecosystem: they name what is installed, and
/// most also name the commands of the checks. Build programs (`Makefile`, `build.gradle`, `CMakeLists.txt`) are not in
/// the list: they are sources, and sources pass (S25).
const OUT_OF_SCOPE: &[&str] = &[
    // What checks run.
    ".github/workflows/**",
    ".github/actions/**",
    ".gitlab-ci.yml",
    ".circleci/**",
    // How a worktree is made.
    "scripts/bootstrap-worktree.*",
    ".patchrelay/hooks/**",
    // What agents are told.
    "AGENTS.md",
    "CLAUDE.md",
    "DEV_SETUP.md",
    "*_WORKFLOW.md",
    // Manifests and lock files.
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "Cargo.toml",
    "Cargo.lock",
    "pyproject.toml",
    "requirements*.txt",
    "poetry.lock",
    "uv.lock",
    "Pipfile",
    "Pipfile.lock",
    "go.mod",
    "go.sum",
    "Gemfile",
    "Gemfile.lock",
    "composer.json",
    "composer.lock",
    "pom.xml",
];

/// Whether a pattern of protected paths is a glob; if not, what is wrong with it. A configuration is refused for it,
/// because a pattern that fits nothing protects nothing.
pub fn check_protected_path(pattern: &str) -> Result<(), String> {
    glob(pattern).map(drop).map_err(|error| error.kind().to_string())
}

/// The changed paths that are protected. A pattern without a slash fits at any depth; a pattern that is no glob, which
/// [`check_protected_path`] keeps out of configurations, fits the path that it spells.
pub fn protected_path_hits(patterns: &[String], changed: &[String]) -> Vec<GateHit> {
    let matchers = matchers(patterns.iter().map(String::as_str));
    changed
        .iter()
        .filter(|path| matchers.iter().any(|matcher| matcher.fits(path)))
        .map(|path| GateHit::ProtectedPath { path: path.clone() })
        .collect()
}

/// The changed paths that are not a repair's business.
pub(super) fn out_of_scope_hits(changed: &[String]) -> Vec<GateHit> {
    let matchers = matchers(OUT_OF_SCOPE.iter().copied());
    changed
        .iter()
        .filter(|path| matchers.iter().any(|matcher| matcher.fits(path)))
        .map(|path| GateHit::OutOfScope { path: path.clone() })
        .collect()
}

/// Whether this is a symbolic link out of the repository. A path that leads up and in again is one too: where the
/// checkout lies, and what it is called, is nobody's to know.
pub(super) fn outward_link(file: &ChangedFile) -> Option<GateHit> {
    let Now::Link { target } = &file.now else { return None };
    let mut depth = file.path.matches('/').count();
    let leads_out = target.starts_with('/')
        || target.split('/').any(|part| match part {
            "" | "." => false,
            ".." if depth == 0 => true,
            ".." => {
                depth -= 1;
                false
            }
            _ => {
                depth += 1;
                false
            }
        });
    leads_out.then(|| GateHit::OutwardLink { path: file.path.clone(), target: target.clone() })
}

fn matchers<'a>(patterns: impl Iterator<Item = &'a str>) -> Vec<Matcher> {
    patterns
        .map(|pattern| {
            glob(pattern).map_or_else(
                |_| Matcher::Exact(pattern.to_owned()),
                |glob| Matcher::Glob(glob.compile_matcher()),
            )
        })
        .collect()
}

fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    let anywhere = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    // Without regard to case: a forge that compares names so must not be fooled by `.GitHub`.
    GlobBuilder::new(&anywhere).literal_separator(true).case_insensitive(true).build()
}

enum Matcher {
    Glob(globset::GlobMatcher),
    Exact(String),
}

impl Matcher {
    fn fits(&self, path: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.is_match(path),
            Self::Exact(exact) => exact == path,
        }
    }
}

#[cfg(test)]
mod tests;
