//! A look at a worktree's files by our own eyes: no link is followed, no repository is entered.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ffi::OsStr,
    fs, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

/// How many files and directories a worktree may have, without the ignored ones. Ten times the largest repositories
/// that people work in.
const MAX_ENTRIES: usize = 1_000_000;

/// A path relative to the worktree, as git writes it. Not every file name is UTF-8.
pub(crate) type GitPath = Vec<u8>;

/// What is in a worktree.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Files and symbolic links, with their size in bytes.
    pub files: BTreeMap<GitPath, u64>,
    /// Directories that are, or pretend to be, repositories; they were not entered.
    pub nested: BTreeSet<GitPath>,
    /// Directories that stand for a submodule of the base.
    pub submodules: HashSet<GitPath>,
    /// Symbolic links that no git takes, because they would redirect what git reads.
    pub forbidden_links: BTreeSet<GitPath>,
}

/// Walks the worktree, but for its own `.git` and the `ignored` directories. `submodules` are the submodules of the
/// base: they are not populated here, so anything in their directories was put there.
pub(crate) fn walk(
    root: &Path,
    ignored: &HashSet<GitPath>,
    submodules: &HashSet<GitPath>,
) -> io::Result<Walked> {
    let mut walked = Walked::default();
    let mut seen = 0;
    let mut pending: Vec<GitPath> = vec![GitPath::new()];
    while let Some(dir) = pending.pop() {
        let entries =
            fs::read_dir(root.join(OsStr::from_bytes(&dir)))?.collect::<io::Result<Vec<_>>>()?;
        seen += entries.len();
        if MAX_ENTRIES < seen {
            return Err(io::Error::other(format!("it has more than {MAX_ENTRIES} entries")));
        }
        let is_repository =
            !dir.is_empty() && entries.iter().any(|entry| means_git(entry.file_name().as_bytes()));
        if submodules.contains(&dir) {
            if !entries.is_empty() {
                walked.nested.insert(dir.clone());
            }
            walked.submodules.insert(dir);
            continue;
        }
        if is_repository {
            walked.nested.insert(dir);
            continue;
        }
        for entry in entries {
            let name = entry.file_name().into_vec();
            let path = if dir.is_empty() { name.clone() } else { [&dir[..], &name].join(&b'/') };
            if means_git(&name) {
                // Here only in the root; its own `.git` is ours and is checked by who made it.
                if name != b".git" {
                    walked.nested.insert(path);
                }
                continue;
            }
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                if !ignored.contains(&path) {
                    pending.push(path);
                }
            } else if metadata.is_symlink() && redirects_git(&name) {
                walked.forbidden_links.insert(path);
            } else if metadata.is_file() || metadata.is_symlink() {
                walked.files.insert(path, metadata.len());
            }
        }
    }
    Ok(walked)
}

/// Whether the name is `.git` to git on any file system: without regard to case, with what Windows drops at the end,
/// and by its old short name. git refuses to stage such a path, so one of them would stop everything else.
fn means_git(name: &[u8]) -> bool {
    let end = name.iter().position(|b| matches!(b, b':' | b'\\')).unwrap_or(name.len());
    let stem = name[..end].trim_ascii_end();
    let stem =
        &stem[..stem.iter().rposition(|b| !matches!(b, b'.' | b' ')).map_or(0, |last| last + 1)];
    stem.eq_ignore_ascii_case(b".git") || stem.eq_ignore_ascii_case(b"git~1")
}

/// git refuses a link in the place of `.gitmodules`, which says where submodules come from.
fn redirects_git(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(b".gitmodules") || name.starts_with(b"gitmod~")
}

#[cfg(test)]
mod tests;
