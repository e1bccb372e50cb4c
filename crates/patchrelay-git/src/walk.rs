//! A look at a worktree's files by our own eyes: no link is followed, no repository is entered.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ffi::OsStr,
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::PermissionsExt,
    },
    path::Path,
};

/// How many files and directories a worktree may have, without the ignored ones. Ten times the largest repositories
/// that people work in.
const MAX_ENTRIES: usize = 1_000_000;

/// The longest path of a directory that is entered, in bytes. Systems take twice as much, and ours begins elsewhere.
const MAX_PATH: usize = 2_048;

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
    /// Directories that lie too deep to be entered.
    pub too_deep: BTreeSet<GitPath>,
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
                if MAX_PATH < path.len() {
                    walked.too_deep.insert(path);
                } else if !ignored.contains(&path) {
                    unlock(&entry.path(), &metadata)?;
                    pending.push(path);
                }
            } else if metadata.is_symlink() && redirects_git(&name) {
                walked.forbidden_links.insert(path);
            } else if metadata.is_symlink() {
                walked.files.insert(path, metadata.len());
            } else if metadata.is_file() {
                unlock(&entry.path(), &metadata)?;
                walked.files.insert(path, metadata.len());
            }
        }
    }
    Ok(walked)
}

/// Removes what is named like a file that git reads to know what to ignore, and would keep it waiting for ever: a pipe,
/// or a device. Everything is looked at, ignored or not, since what is ignored is not known before.
pub(crate) fn remove_snares(root: &Path) -> io::Result<()> {
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            // What we may not enter, git does not enter either.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                if path.as_os_str().len() <= root.as_os_str().len() + MAX_PATH {
                    pending.push(path);
                }
            } else if entry.file_name() == ".gitignore" && !kind.is_file() && !kind.is_symlink() {
                tracing::warn!(path = %path.display(), "removed what git would have waited for");
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// Whether the name is `.git` to git on any file system: without regard to case, with what Windows drops at the end, by
/// its old short name, and with what macOS ignores in it. git refuses to stage such a path, so one of them would stop
/// everything else.
fn means_git(name: &[u8]) -> bool {
    if without_ignorable(name).eq_ignore_ascii_case(".git") {
        return true;
    }
    let end = name.iter().position(|b| matches!(b, b':' | b'\\')).unwrap_or(name.len());
    let stem = name[..end].trim_ascii_end();
    let stem =
        &stem[..stem.iter().rposition(|b| !matches!(b, b'.' | b' ')).map_or(0, |last| last + 1)];
    stem.eq_ignore_ascii_case(b".git") || stem.eq_ignore_ascii_case(b"git~1")
}

/// git refuses a link in the place of `.gitmodules`, which says where submodules come from, by any of its names: the
/// last is the old short name of Windows when others like it are taken.
fn redirects_git(name: &[u8]) -> bool {
    let visible = without_ignorable(name).to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    let common = name.iter().zip(b"gi7eba").take_while(|(a, b)| a == b).count();
    visible == ".gitmodules"
        || name.starts_with(b".gitmodules")
        || name.starts_with(b"gitmod~")
        || name.get(common) == Some(&b'~')
}

/// The name without the characters that the file system of macOS ignores.
fn without_ignorable(name: &[u8]) -> String {
    let is_ignorable = |c: char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    String::from_utf8_lossy(name).chars().filter(|c| !is_ignorable(*c)).collect()
}

/// Lets us read what we own, and enter it if it is a directory: what an agent locks away is still its work.
fn unlock(path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    let needed = if metadata.is_dir() { 0o700 } else { 0o400 };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & needed == needed {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode | needed))
}

#[cfg(test)]
mod tests;
