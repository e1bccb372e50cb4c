//! Why a child process gave no result.

use std::{io, time::Duration};

use thiserror::Error;

/// Why a child process gave no result. An exit status other than zero is not an error here: the caller knows what it
/// means.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// It was not started: no such program, no such directory, an argument with a NUL byte, no memory.
    #[error("failed to start `{program}`")]
    Spawn {
        /// Which program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It was still running when its time was over, so its group was killed.
    #[error("`{program}` was killed after {} seconds; it last said: {stderr}", after.as_secs_f32())]
    Deadline {
        /// Which program.
        program: String,
        /// The time that it had.
        after: Duration,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// It wrote more to stdout than the caller takes, so its group was killed.
    #[error("`{program}` was killed because it wrote more than {limit} bytes")]
    TooMuchOutput {
        /// Which program.
        program: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The system refused to let us wait for it, write to it or read from it.
    #[error("lost contact with `{program}`")]
    Contact {
        /// Which program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Processes with our marker were killed and did not go away: they hang in the kernel, or fork faster than we look.
    #[error("{count} processes of `{marker}` survive their kill")]
    Survivors {
        /// Whose processes.
        marker: String,
        /// How many.
        count: usize,
    },
    /// The process table could not be read.
    #[error("failed to look for processes of `{marker}`")]
    Table {
        /// Whose processes.
        marker: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
