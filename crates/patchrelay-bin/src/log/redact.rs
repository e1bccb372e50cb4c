//! What stands between the log and standard error.

use std::{
    io::{self, Stderr, Write},
    sync::Arc,
};

use patchrelay::domain::SecretPatterns;
use tracing_subscriber::fmt::MakeWriter;

/// Writes to standard error, and names in the place of secrets. It is given whole lines.
#[derive(Clone, Debug)]
pub(super) struct Redacted<W = fn() -> Stderr> {
    secrets: Arc<SecretPatterns>,
    make: W,
}

impl Redacted {
    pub(super) fn new(secrets: SecretPatterns) -> Self {
        Self::over(secrets, io::stderr)
    }
}

impl<W> Redacted<W> {
    pub(super) fn over(secrets: SecretPatterns, make: W) -> Self {
        Self { secrets: Arc::new(secrets), make }
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Redacted<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { secrets: self.secrets.clone(), to: self.make.make_writer() }
    }
}

/// One line on its way.
pub(super) struct Line<T> {
    secrets: Arc<SecretPatterns>,
    to: T,
}

impl<T: Write> Write for Line<T> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.to.write_all(self.secrets.redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
