//! Whatever the process writes, and in whatever pieces it comes: the same messages, of bounded size, and one end of a turn.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{
    lines::{Line, Lines},
    turns::Turns,
    wire::{Incoming, News, one_line},
};

/// Shorter than what is taken in earnest, so that a small input can be too long.
const MAX: usize = 4 * 1024;

#[test]
fn any_output_is_read_the_same_in_any_pieces() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
    bolero::check!().for_each(|written: &[u8]| {
        let (size, written) =
            written.split_first().map_or((1, written), |(size, rest)| (*size, rest));
        runtime.block_on(async {
            let whole = lines(written).await;
            // A reader that gives the beginning alone, and then the rest.
            let (begin, rest) = written.split_at(usize::from(size).min(written.len()));
            assert_eq!(lines(begin.chain(rest)).await, whole);
            observe(&whole);
        });
    });
}

async fn lines(reader: impl AsyncRead + Unpin) -> Vec<Line> {
    let mut lines = Lines::new(reader, MAX);
    let mut read = Vec::new();
    loop {
        match lines.next().await.expect("memory does not fail") {
            Line::End => return read,
            line => read.push(line),
        }
    }
}

fn observe(lines: &[Line]) {
    let mut turns = Turns::default();
    turns.attend("t", true);
    turns.open("u".to_owned());
    for line in lines {
        let Line::Whole(line) = line else { continue };
        assert!(line.len() <= MAX);
        match Incoming::parse(line) {
            Some(Incoming::News { method, params }) => {
                if let Some(news) = News::parse(&method, params) {
                    turns.observe(news);
                }
            }
            Some(Incoming::Answer { result: Err(refusal), .. }) => {
                assert_eq!(
                    one_line(&refusal.reason),
                    refusal.reason,
                    "it is one line of bounded length"
                );
            }
            Some(Incoming::Answer { result: Ok(_), .. } | Incoming::Question { .. }) | None => {}
        }
    }
    turns.finish("it is over");
    let mut ends = 0;
    while let Some(event) = turns.next_event() {
        ends += u32::from(matches!(event, patchrelay_ports::AgentEvent::TurnEnded { .. }));
    }
    assert_eq!(ends, 1);
}
