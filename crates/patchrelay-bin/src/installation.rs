//! Which installation this is: its name among those that share a database, and that one process at a time is it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use patchrelay::{domain::NodeId, ports::Ids};

/// The file in the data directory that holds the name. What it names lies beside it, so it moves with it.
const FILE: &str = "node";

/// The longest name, and the longest part of it that says which machine it was made on.
const MAX_NAME: u64 = 100;
const MAX_HOST: usize = 60;

/// This installation. As long as this lives, no other process is it.
#[derive(Debug)]
pub(crate) struct Installation {
    name: NodeId,
    // The kernel lets go of it when the process ends, however it ends.
    _lock: File,
}

impl Installation {
    /// Takes the installation whose data directory this is, and gives it a name if it has none yet.
    ///
    /// # Errors
    ///
    /// When another process is it: both would work in the same directories.
    pub(crate) fn take(data: &Path, ids: &dyn Ids) -> Result<Self> {
        let path = data.join(FILE);
        let failed = || format!("failed to use {}", path.display());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another serve uses the data directory {}: stop it, or give this one another (XDG_DATA_HOME)",
                data.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        let mut written = String::new();
        let read = (&file).take(MAX_NAME).read_to_string(&mut written);
        let name = match (read, written.strip_suffix('\n')) {
            (Ok(_), Some(name)) if is_name(name) => name.to_owned(),
            // Nothing yet, or cut short with the power.
            _ => {
                let name = new_name(ids);
                file.set_len(0).with_context(failed)?;
                file.rewind().with_context(failed)?;
                file.write_all(format!("{name}\n").as_bytes()).with_context(failed)?;
                file.sync_all().with_context(failed)?;
                name
            }
        };
        Ok(Self { name: NodeId::new(name), _lock: file })
    }

    /// Its name: the same at each start, and no other's.
    pub(crate) fn name(&self) -> &NodeId {
        &self.name
    }
}

/// The machine, for people, and chance, because a machine may have several.
fn new_name(ids: &dyn Ids) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| is_legal(*c)).take(MAX_HOST).collect();
    let host = if host.is_empty() { "node" } else { &host };
    let chance: String = ids.random().chars().take(8).collect();
    format!("{host}-{chance}")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_legal)
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

#[cfg(test)]
mod tests;
