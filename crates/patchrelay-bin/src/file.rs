//! Small files that people write.

use std::{fs::File, io::Read, path::Path};

use patchrelay::ports::Cause;

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

#[cfg(test)]
mod tests;
