use tokio::{io::AsyncReadExt, time::Instant};

use super::*;
use crate::{Child, Command, Marker, reap};

/// How long a busy child may take to show it, on a machine that has other things to do.
const PLENTY: Duration = Duration::from_secs(60);

/// A shell that has said that it is ready, so that its descendants exist.
async fn ready(script: &str) -> Child {
    started(command(script)).await
}

fn command(script: &str) -> Command {
    Command::new("/bin/sh", "/").args(["-c", script]).env("PATH", "/usr/bin:/bin")
}

async fn started(command: Command) -> Child {
    let mut child = command.spawn().expect("a shell starts");
    let mut byte = [0];
    let mut stdout = child.take_stdout().expect("it has a pipe");
    stdout.read_exact(&mut byte).await.expect("it says that it is ready");
    child
}

async fn used(child: &Child) -> Option<Duration> {
    descendants_cpu_time(child.id().expect("it runs")).await
}

/// Waits until the descendants have used more than this.
async fn until_more_than(child: &Child, time: Duration) {
    let deadline = Instant::now() + PLENTY;
    while used(child).await.expect("it runs") <= time {
        assert!(Instant::now() < deadline, "nothing is used");
    }
}

#[tokio::test]
async fn a_busy_descendant_shows_wherever_it_went() {
    let marker = Marker::new("wherever", &std::process::id().to_string());
    for script in [
        "(printf r; while :; do :; done) & wait",
        "setsid sh -c 'printf r; while :; do :; done' & wait",
        "sh -c 'sh -c \"printf r; while :; do :; done\"; :'; :",
    ] {
        let mut child = started(command(script).marker(&marker)).await;
        let before = used(&child).await.expect("it runs");
        until_more_than(&child, before + Duration::from_millis(100)).await;
        child.kill().await.expect("it is killed");
        // One has left the group.
        reap(&marker).await.expect("it is killed");
    }
}

#[tokio::test]
async fn what_only_sleeps_uses_nothing() {
    // The looks stand for time: what burns is seen to burn within them by the test above.
    let mut child = ready("sleep 1000 & printf r; wait").await;
    let mut busy = ready("(printf r; while :; do :; done) & wait").await;
    let before = used(&child).await.expect("it runs");
    until_more_than(&busy, Duration::from_millis(300)).await;
    let after = used(&child).await.expect("it runs");
    assert!(after - before <= TICK, "{before:?} {after:?}");
    child.kill().await.expect("it is killed");
    busy.kill().await.expect("it is killed");
}

#[tokio::test]
async fn the_time_of_the_process_itself_is_not_counted() {
    let mut child = ready("sleep 1000 & printf r; while :; do :; done").await;
    let mut busy = ready("(printf r; while :; do :; done) & wait").await;
    until_more_than(&busy, Duration::from_millis(300)).await;
    assert!(used(&child).await.expect("it runs") <= TICK);
    child.kill().await.expect("it is killed");
    busy.kill().await.expect("it is killed");
}

#[tokio::test]
async fn the_time_of_a_descendant_that_ended_stays_counted() {
    let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    let mut child = ready(&format!("sh -c '{work}'; printf r; exec sleep 1000")).await;
    assert!(TICK < used(&child).await.expect("it runs"));
    child.kill().await.expect("it is killed");
}

#[tokio::test]
async fn of_a_process_that_is_gone_nothing_can_be_told() {
    let mut child = ready("printf r; exec sleep 1000").await;
    let id = child.id().expect("it runs");
    child.kill().await.expect("it is killed");
    assert_eq!(descendants_cpu_time(id).await, None);
}

#[test]
fn where_there_is_no_process_table_nothing_can_be_told() {
    assert_eq!(family(Path::new("/nonexistent"), 1), None);
}

#[test]
fn a_name_may_hold_anything() {
    let stat = "7 (a) b) (c) S 3 7 7 0 -1 4194560 1 2 3 4 50 6 700 8 20 0 1 0 100";
    let used = Used::parse(stat).expect("it is a line of the table");
    assert_eq!((used.parent, used.by_itself, used.by_ended_children), (3, 56, 708));
    assert!(Used::parse("7 (a) S 3 7 7").is_none());
    assert!(Used::parse("").is_none());
}
