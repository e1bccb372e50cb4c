//! Lines of bounded length.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The longest message that is taken, in bytes. Codex puts up to 1 MiB of a command's output into one, and escaping
/// can make that six times as long.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// Reads lines. One that is too long is skipped, not collected.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    max: usize,
    is_too_long: bool,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// A line that was too long to keep.
    TooLong,
    /// The end of the stream.
    End,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, max: usize) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new(), max, is_too_long: false }
    }

    /// The next line. Cancel-safe: what was read so far stays here. A last line without an end is not a message.
    pub(crate) async fn next(&mut self) -> std::io::Result<Line> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(Line::End);
            }
            let (part, used, is_end) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&chunk[..end], end + 1, true),
                None => (chunk, chunk.len(), false),
            };
            if self.is_too_long || self.max < self.line.len() + part.len() {
                self.is_too_long = true;
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(part);
            }
            self.reader.consume(used);
            if is_end {
                let line = std::mem::take(&mut self.line);
                return Ok(if std::mem::take(&mut self.is_too_long) {
                    Line::TooLong
                } else {
                    Line::Whole(line)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
