//! Finding and killing what a dead run left behind, wherever it went (D16).
//!
//! On Linux a process's environment shows in `/proc`. Where there is no `/proc` (macOS), nothing is found: there,
//! only the process group is killed, and a child that left it with `setsid` stays.

use std::{
    fmt, fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::ProcessError;

/// The variable that marks our children and their descendants.
pub const MARKER_VARIABLE: &str = "PATCHRELAY_RUN";

/// How much of a process's environment is read, in bytes. Linux takes 128 KiB for one variable and some MiB in all;
/// ours stands near the start unless a descendant made its environment huge.
const MAX_ENVIRON: u64 = 4 * 1024 * 1024;
/// How long killed processes may take to be gone.
const REAP_DEADLINE: Duration = Duration::from_secs(10);
/// The wait between two looks at the process table.
const REAP_POLL: Duration = Duration::from_millis(20);
/// One empty look proves nothing: a process may be born behind the place where the look stands, and it shows no
/// environment for the moment in which it becomes another program.
const EMPTY_LOOKS: u32 = 2;

/// Whose a process is: a variable of its environment. Usually [`MARKER_VARIABLE`], with the value `<instance>/<run>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    variable: &'static str,
    value: String,
}

impl Marker {
    /// The mark of this run of this installation. The instance keeps two installations of one user apart.
    pub fn new(instance: &str, run: &str) -> Self {
        Self { variable: MARKER_VARIABLE, value: format!("{instance}/{run}") }
    }

    /// The mark that another program gives to its own children: a variable with a value that nobody else uses.
    pub fn of_others(variable: &'static str, value: &str) -> Self {
        Self { variable, value: value.to_owned() }
    }

    /// The value of the variable.
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

/// The numbers of this user's processes that carry this marker, other than ours. A zombie has no environment, so it is
/// not among them.
///
/// # Errors
///
/// [`ProcessError::Table`] if there is a process table and it cannot be read.
pub async fn leftovers(marker: &Marker) -> Result<Vec<u32>, ProcessError> {
    let wanted = format!("{}={marker}", marker.variable).into_bytes();
    let looked = spawn_blocking(move || scan(&wanted)).await;
    let found = looked.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
    found.map_err(|source| ProcessError::Table { marker: marker.to_string(), source })
}

/// Kills this user's processes that carry this marker with SIGKILL, and returns when none is left. Other processes are
/// not touched. May be repeated, and dropped at any time.
///
/// # Errors
///
/// [`ProcessError::Table`] if there is a process table and it cannot be read; [`ProcessError::Survivors`] if some are
/// still there after ten seconds.
pub async fn reap(marker: &Marker) -> Result<(), ProcessError> {
    let deadline = Instant::now() + REAP_DEADLINE;
    let mut empty_looks = 0;
    loop {
        let found = leftovers(marker).await?;
        if found.is_empty() {
            empty_looks += 1;
            if EMPTY_LOOKS <= empty_looks {
                return Ok(());
            }
        } else {
            empty_looks = 0;
        }
        for pid in found.iter().filter_map(|pid| i32::try_from(*pid).ok()) {
            if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGKILL) {
                tracing::debug!(pid, %marker, %error, "a leftover process was gone before its kill");
            }
        }
        if deadline <= Instant::now() {
            return Err(ProcessError::Survivors { marker: marker.to_string(), count: found.len() });
        }
        sleep(REAP_POLL).await;
    }
}

fn scan(wanted: &[u8]) -> io::Result<Vec<u32>> {
    let table = Path::new("/proc");
    let Ok(ourselves) = fs::metadata(table.join("self")) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in fs::read_dir(table)? {
        // A process may end between any two of these calls; then it is not left over.
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let is_ours = entry.metadata().is_ok_and(|process| process.uid() == ourselves.uid());
        if is_ours && pid != std::process::id() && carries(&entry.path().join("environ"), wanted) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn carries(environ: &Path, wanted: &[u8]) -> bool {
    let mut bytes = Vec::new();
    fs::File::open(environ).is_ok_and(|file| {
        file.take(MAX_ENVIRON).read_to_end(&mut bytes).is_ok()
            && bytes.split(|byte| *byte == 0).any(|var| var == wanted)
    })
}

#[cfg(test)]
mod tests;
