//! Small files that people write and read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use patchrelay::ports::Cause;

/// More old files than these are a sign that something writes them over and over.
const MAX_KEPT: u32 = 100;

/// Reads a text file. The bound is on what is read, since a pipe does not tell its size.
///
/// # Errors
///
/// When it cannot be read, is larger than `max_bytes`, or is not UTF-8. The error does not show what it holds.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<String, Cause> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| max_bytes < length) {
        return Err(format!("it has more than {max_bytes} bytes").into());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

/// Whether something is there, a link that leads nowhere included.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Moves what is there out of the way, and tells where it is now.
///
/// # Errors
///
/// When it cannot be moved, or too many old ones lie there.
pub(crate) fn keep(path: &Path) -> Result<Option<PathBuf>> {
    if !is_there(path) {
        return Ok(None);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = (1..=MAX_KEPT).map(|n| path.with_file_name(format!("{name}.old-{n}")));
    let free = beside.into_iter().find(|beside| !is_there(beside)).with_context(|| {
        format!("{MAX_KEPT} old files lie beside {}: remove some", path.display())
    })?;
    fs::rename(path, &free)
        .with_context(|| format!("failed to move {} out of the way", path.display()))?;
    Ok(Some(free))
}

/// Writes a file that was not there, with this mode.
///
/// # Errors
///
/// When it is there, or cannot be written.
pub(crate) fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests;
