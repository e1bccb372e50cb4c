//! The publish gate: what must not leave the worktree without a human's word (D29).

use globset::{Glob, GlobBuilder};
use serde::{Deserialize, Serialize};

/// Something in a tree that must not be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hit", rename_all = "snake_case")]
pub enum GateHit {
    /// A path that only a human may change through us.
    ProtectedPath {
        /// Which.
        path: String,
    },
    /// A git repository inside the worktree. Git would run what its configuration says (D25).
    NestedRepository {
        /// Where.
        path: String,
    },
    /// A submodule link that the base commit does not have.
    ForeignLink {
        /// Where.
        path: String,
    },
    /// A file that is larger than what a review can be about.
    TooLarge {
        /// Which.
        path: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// More changes than a review can be about.
    TooMany {
        /// How many paths.
        paths: u64,
    },
}

/// Whether a pattern of protected paths is a glob; if not, what is wrong with it. A configuration is refused for it,
/// because a pattern that fits nothing protects nothing.
pub fn check_protected_path(pattern: &str) -> Result<(), String> {
    glob(pattern).map(drop).map_err(|error| error.kind().to_string())
}

/// The changed paths that are protected. A pattern without a slash fits at any depth; a pattern that is no glob, which
/// [`check_protected_path`] keeps out of configurations, fits the path that it spells.
pub fn protected_path_hits(patterns: &[String], changed: &[String]) -> Vec<GateHit> {
    let matchers: Vec<_> = patterns
        .iter()
        .map(|pattern| {
            glob(pattern).map_or_else(
                |_| Matcher::Exact(pattern.clone()),
                |glob| Matcher::Glob(glob.compile_matcher()),
            )
        })
        .collect();
    changed
        .iter()
        .filter(|path| matchers.iter().any(|matcher| matcher.fits(path)))
        .map(|path| GateHit::ProtectedPath { path: path.clone() })
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

/// How many hits are named one by one.
const NAMED_HITS: usize = 10;

/// The question that these hits put to a human.
pub(crate) fn question(hits: &[GateHit]) -> String {
    let mut text =
        "The work is ready, but it contains something that I do not publish by myself:".to_owned();
    for hit in hits.iter().take(NAMED_HITS) {
        text.push_str("\n- ");
        text.push_str(&match hit {
            GateHit::ProtectedPath { path } => format!("`{path}` is a protected path"),
            GateHit::NestedRepository { path } => {
                format!("`{path}` is a git repository inside the worktree")
            }
            GateHit::ForeignLink { path } => {
                format!("`{path}` is a submodule link that the base does not have")
            }
            GateHit::TooLarge { path, bytes } => format!("`{path}` has {bytes} bytes"),
            GateHit::TooMany { paths } => format!("{paths} paths are changed"),
        });
    }
    if NAMED_HITS < hits.len() {
        text.push_str(&format!("\n- and {} more", hits.len() - NAMED_HITS));
    }
    text
}

#[cfg(test)]
mod tests;
