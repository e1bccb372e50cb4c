use tokio::io::AsyncReadExt;

use super::*;
use crate::{Child, Command};

/// A child whose descendant left the group for a session of its own. It says so, so nobody has to wait.
async fn with_escaped_descendant(marker: &Marker) -> Child {
    let script = "setsid sh -c 'printf r; sleep 1000; :' & wait";
    let command = Command::new("/bin/sh", "/")
        .args(["-c", script])
        .env("PATH", "/usr/bin:/bin")
        .marker(marker);
    let mut child = command.spawn().expect("a shell starts");
    let mut byte = [0];
    child
        .take_stdout()
        .expect("it has a pipe")
        .read_exact(&mut byte)
        .await
        .expect("it says that it is ready");
    child
}

#[tokio::test]
async fn a_descendant_that_left_the_group_is_reaped() {
    let marker = Marker::new("reap", &std::process::id().to_string());
    let mut child = with_escaped_descendant(&marker).await;
    child.kill().await.expect("the group is killed");
    assert!(!leftovers(&marker).await.expect("readable").is_empty());
    reap(&marker).await.expect("it is killed");
    assert!(leftovers(&marker).await.expect("readable").is_empty());
}

#[tokio::test]
async fn processes_of_another_run_are_left_alone() {
    let ours = Marker::new("other", &format!("{}-1", std::process::id()));
    let others = Marker::new("other", &format!("{}-11", std::process::id()));
    let mut child = with_escaped_descendant(&others).await;
    reap(&ours).await.expect("there is nothing to do");
    assert!(leftovers(&others).await.expect("readable").contains(&child.id().expect("it runs")));
    reap(&others).await.expect("they are killed");
    child.wait().await.expect("it was killed");
}

#[tokio::test]
async fn where_nothing_is_left_nothing_happens() {
    reap(&Marker::new("nobody", "run")).await.expect("there is nothing to do");
}
