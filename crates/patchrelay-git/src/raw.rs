//! How git lists differences for programs: `--raw -z --no-abbrev`.

use crate::{names::is_object, walk::GitPath};

/// What a tree has at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    Nothing,
    /// A file.
    File,
    /// A file that may be run.
    Executable,
    /// A symbolic link; its object is what it says.
    Link,
    /// A link to a commit of another repository.
    Submodule,
}

impl Mode {
    /// Whether its object is a text or a sequence of bytes in our clone.
    pub(crate) fn has_content(self) -> bool {
        match self {
            Self::File | Self::Executable | Self::Link => true,
            Self::Nothing | Self::Submodule => false,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "000000" => Some(Self::Nothing),
            "100644" | "100664" => Some(Self::File),
            "100755" => Some(Self::Executable),
            "120000" => Some(Self::Link),
            "160000" => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// One side of a difference. The object of nothing is all zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub mode: Mode,
    pub object: String,
}

/// A path that two trees have differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where it is now.
    pub path: GitPath,
    /// Where it was, if that is elsewhere.
    pub renamed_from: Option<GitPath>,
    pub before: Side,
    pub after: Side,
}

/// A commit with the differences that it made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its line in the format that was asked for.
    pub line: String,
    pub differences: Vec<Difference>,
}

/// What the line of a commit begins with in the format that [`parse_log`] reads. No difference begins so.
pub(crate) const COMMIT_MARK: char = '\u{1}';

/// Reads the listing of `diff-tree`.
pub(crate) fn parse(listing: &[u8]) -> Result<Vec<Difference>, &'static str> {
    let mut fields = listing.split(|b| *b == 0);
    let mut differences = Vec::new();
    while let Some(field) = fields.next() {
        if !field.is_empty() {
            differences.push(difference(field, &mut fields).ok_or(NOT_UNDERSTOOD)?);
        }
    }
    Ok(differences)
}

/// Reads the listing of `log`, in a format of one line that begins with [`COMMIT_MARK`].
pub(crate) fn parse_log(listing: &[u8]) -> Result<Vec<Listed>, &'static str> {
    let mut fields = listing.split(|b| *b == 0);
    let mut commits: Vec<Listed> = Vec::new();
    while let Some(field) = fields.next() {
        let field = field.trim_ascii();
        let line = String::from_utf8_lossy(field);
        if let Some(line) = line.strip_prefix(COMMIT_MARK) {
            commits.push(Listed { line: line.to_owned(), differences: Vec::new() });
        } else if !field.is_empty() {
            let found = difference(field, &mut fields).ok_or(NOT_UNDERSTOOD)?;
            commits.last_mut().ok_or(NOT_UNDERSTOOD)?.differences.push(found);
        }
    }
    Ok(commits)
}

const NOT_UNDERSTOOD: &str = "git listed differences in a way that is not understood";

/// `:<mode> <mode> <object> <object> <status>`, and in the next fields the path, or the old and the new one.
fn difference<'a>(field: &[u8], fields: &mut impl Iterator<Item = &'a [u8]>) -> Option<Difference> {
    let text = std::str::from_utf8(field).ok()?.strip_prefix(':')?;
    let mut parts = text.split(' ');
    let (before, after) = (Mode::parse(parts.next()?)?, Mode::parse(parts.next()?)?);
    let mut object = || parts.next().filter(|text| is_object(text)).map(str::to_owned);
    let (old, new) = (object()?, object()?);
    let is_renamed = parts.next()?.starts_with('R');
    let first = fields.next()?.to_vec();
    let (path, renamed_from) =
        if is_renamed { (fields.next()?.to_vec(), Some(first)) } else { (first, None) };
    Some(Difference {
        path,
        renamed_from,
        before: Side { mode: before, object: old },
        after: Side { mode: after, object: new },
    })
}

#[cfg(test)]
mod tests;
