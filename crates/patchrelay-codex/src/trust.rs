//! Which directories codex could take for "the project" of a worktree.
//!
//! A thread that may write makes codex trust its repository, and a trusted repository's `.codex/config.toml` starts
//! the commands that it names, outside of every sandbox. So every such directory is declared untrusted. Which one
//! counts depends on the repository: the main working tree for a worktree linked to a checkout, the worktree itself
//! for one linked to a bare clone, the top of the working tree for a directory inside one.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// A `.git` file holds one path.
const MAX_POINTER: u64 = 16 * 1024;

/// The directory itself, its ancestors that look like a repository, and what their `.git` files point to; each as it
/// was written and with symbolic links resolved. Reads a few small files.
pub(crate) fn project_roots(directory: &Path) -> BTreeSet<PathBuf> {
    let mut roots = BTreeSet::from([directory.to_owned()]);
    for ancestor in directory.ancestors() {
        let dot_git = ancestor.join(".git");
        if dot_git.is_dir() {
            roots.insert(ancestor.to_owned());
        } else if let Some(git_dir) = pointer(&dot_git, "gitdir:") {
            roots.insert(ancestor.to_owned());
            let git_dir = ancestor.join(git_dir);
            let common = pointer(&git_dir.join("commondir"), "").map(|common| git_dir.join(common));
            // Resolved first, because `commondir` is `../..`, whose parent as a text is something else.
            for git in [Some(git_dir), common]
                .into_iter()
                .flatten()
                .filter_map(|git| git.canonicalize().ok())
            {
                roots.extend(git.parent().map(Path::to_owned));
                roots.insert(git);
            }
        }
    }
    let resolved: Vec<_> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    roots.extend(resolved);
    roots
}

/// The path in a file of the form `<label> <path>`.
fn pointer(file: &Path, label: &str) -> Option<PathBuf> {
    let mut text = String::new();
    File::open(file).ok()?.take(MAX_POINTER).read_to_string(&mut text).ok()?;
    text.strip_prefix(label).map(|path| PathBuf::from(path.trim()))
}

#[cfg(test)]
mod tests;
