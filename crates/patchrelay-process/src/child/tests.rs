use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::{Child, Command, Marker, leftovers};

const NOBODY: [u32; 0] = [];

fn marker(name: &str) -> Marker {
    Marker::new(name, &std::process::id().to_string())
}

/// A child that has said that it is ready, so that its descendants exist.
async fn ready(script: &str, marker: &Marker) -> Child {
    let command = Command::new("/bin/sh", "/")
        .args(["-c", script])
        .env("PATH", "/usr/bin:/bin")
        .marker(marker);
    let mut child = command.spawn().expect("a shell starts");
    let mut stdout = child.take_stdout().expect("it has a pipe");
    let mut byte = [0];
    stdout.read_exact(&mut byte).await.expect("it says that it is ready");
    child
}

#[tokio::test]
async fn a_child_is_talked_to_over_its_pipes() {
    let mut child = Command::new("/bin/cat", "/").spawn().expect("cat starts");
    let mut stdin = child.take_stdin().expect("once");
    let mut lines = BufReader::new(child.take_stdout().expect("once")).lines();
    stdin.write_all(b"hello\n").await.expect("it reads");
    assert_eq!(lines.next_line().await.expect("it answers").as_deref(), Some("hello"));
    drop(stdin);
    assert!(child.wait().await.expect("it ends").success());
    assert_eq!(child.id(), None);
}

#[tokio::test]
async fn the_end_of_its_stderr_can_be_asked_for() {
    let mut child =
        ready("echo broken >&2; exec 2>&-; printf r; exec cat", &marker("stderr")).await;
    child.stderr_settled(Duration::from_secs(30)).await;
    assert_eq!(child.stderr_tail(), "broken\n");
}

#[tokio::test]
async fn dropping_a_child_kills_its_group() {
    let marker = marker("drop");
    let child = ready("sleep 1000 & printf r; wait", &marker).await;
    assert!(leftovers(&marker).await.expect("readable").contains(&child.id().expect("it runs")));
    let group = child.group().expect("it runs");
    drop(child);
    group.gone().await;
    assert_eq!(leftovers(&marker).await.expect("readable"), NOBODY);
}

#[tokio::test]
async fn a_group_that_ends_when_asked_is_not_killed_hard() {
    let marker = marker("asked");
    let mut child =
        ready("trap 'exit 3' TERM; printf r; while :; do sleep 0.01; done", &marker).await;
    let status = child.kill_group(Duration::from_secs(30)).await.expect("it ends");
    assert_eq!(status.code(), Some(3));
    assert_eq!(leftovers(&marker).await.expect("readable"), NOBODY);
}

#[tokio::test]
async fn a_group_that_ignores_the_request_is_killed_hard() {
    let marker = marker("deaf");
    let mut child =
        ready("trap '' TERM; sleep 1000 & printf r; while :; do sleep 1000; done", &marker).await;
    let status = child.kill_group(Duration::from_millis(50)).await.expect("it ends");
    assert_eq!(status.code(), None);
    assert_eq!(leftovers(&marker).await.expect("readable"), NOBODY);
}

#[tokio::test]
async fn a_leader_that_ends_takes_its_group_along() {
    let marker = marker("leader");
    let mut child = ready("trap '' TERM; sleep 1000 & printf r", &marker).await;
    child.wait().await.expect("it ends");
    assert_eq!(leftovers(&marker).await.expect("readable"), NOBODY);
}
