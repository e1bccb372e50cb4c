use super::{Line, Lines};

/// The lines of this text, read with this limit.
async fn check(text: &str, max: usize, expected: &[Line]) {
    let mut lines = Lines::new(text.as_bytes(), max);
    for line in expected {
        assert_eq!(lines.next().await.unwrap(), *line);
    }
    assert_eq!(lines.next().await.unwrap(), Line::End);
}

fn whole(text: &str) -> Line {
    Line::Whole(text.as_bytes().to_vec())
}

#[tokio::test]
async fn lines_come_without_their_end() {
    check("a\n\nb\n", 10, &[whole("a"), whole(""), whole("b")]).await;
}

#[tokio::test]
async fn a_line_that_is_too_long_is_skipped_and_the_next_one_comes() {
    let long = "x".repeat(100_000);
    check(&format!("{long}\nb\n"), 50_000, &[Line::TooLong, whole("b")]).await;
    check(&format!("{long}\nb\n"), 100_000, &[whole(&long), whole("b")]).await;
}

#[tokio::test]
async fn half_a_line_at_the_end_is_no_message() {
    check("a\n{\"id\":", 10, &[whole("a")]).await;
}

#[tokio::test]
async fn a_dropped_read_loses_nothing() {
    use tokio::io::AsyncWriteExt;
    let (mut writer, reader) = tokio::io::duplex(64);
    let mut lines = Lines::new(reader, 100);
    writer.write_all(b"half").await.unwrap();
    assert!(polled_once(lines.next()).await.is_none());
    writer.write_all(b" and half\n").await.unwrap();
    assert_eq!(lines.next().await.unwrap(), whole("half and half"));
}

/// Polls the future once, then drops it.
async fn polled_once<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}
