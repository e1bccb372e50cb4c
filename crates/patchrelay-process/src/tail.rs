//! The end of a stream: complaints come last, and a child that complains without end must not fill our memory.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of stderr is kept, in bytes: some screens of text.
const TAIL_BYTES: usize = 16 * 1024;
/// How much is read at once, in bytes: the usual capacity of a pipe is 64 KiB, and memory is per child.
pub(crate) const CHUNK_BYTES: usize = 8 * 1024;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
    is_cut: bool,
}

impl Tail {
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend(chunk);
        let surplus = self.bytes.len().saturating_sub(TAIL_BYTES);
        if 0 < surplus {
            self.bytes.drain(..surplus);
            self.is_cut = true;
        }
    }

    /// Whether something came before what is kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What is kept, as text; bytes that are no UTF-8 become the replacement character.
    pub(crate) fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).into_owned()
    }
}

/// Reads to the end and gives each chunk away. An error of the pipe is its end: nothing more can come.
pub(crate) async fn drain(mut stream: impl AsyncRead + Unpin, mut take: impl FnMut(&[u8])) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        take(&chunk[..count]);
    }
}
