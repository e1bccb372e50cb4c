//! How much room is left on the disks that worktrees and clones lie on.

use std::{io, path::Path};

use nix::sys::statvfs::statvfs;

/// What somebody without privileges can still write where this directory is, or will be made, in bytes.
pub(crate) fn free_at(path: &Path) -> io::Result<u64> {
    for place in path.ancestors() {
        match statvfs(place) {
            Ok(found) => {
                // The types differ between systems.
                #[expect(clippy::useless_conversion, reason = "32 bits on some systems")]
                let (blocks, size) =
                    (u64::from(found.blocks_available()), u64::from(found.fragment_size()));
                return Ok(blocks.saturating_mul(size));
            }
            Err(nix::errno::Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests;
