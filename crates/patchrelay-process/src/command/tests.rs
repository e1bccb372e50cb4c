use std::{path::Path, time::Duration};

use super::*;

/// Longer than any of these children needs on a busy machine.
const PLENTY: Duration = Duration::from_secs(30);

fn shell(script: &str) -> Command {
    Command::new("/bin/sh", "/").arg("-c").arg(script).env("PATH", "/usr/bin:/bin")
}

#[tokio::test]
async fn a_child_has_exactly_the_environment_that_was_given() {
    let output = Command::new("/usr/bin/env", "/")
        .env("ONE", "1")
        .envs([("TWO", "2"), ("ONE", "first of all")])
        .marker(&Marker::new("here", "run-1"))
        .run(PLENTY)
        .await
        .expect("env runs");
    let mut lines: Vec<_> = std::str::from_utf8(&output.stdout).expect("text").lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["ONE=first of all", "PATCHRELAY_RUN=here/run-1", "TWO=2"]);
}

#[tokio::test]
async fn a_child_runs_where_it_was_told_and_its_status_is_reported() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = Command::new("/bin/sh", dir.path())
        .args(["-c", "pwd -P; echo no >&2; exit 7"])
        .run(PLENTY)
        .await;
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stderr, "no\n");
    assert_eq!(
        Path::new(String::from_utf8_lossy(&output.stdout).trim()),
        dir.path().canonicalize().expect("exists")
    );
}

#[tokio::test]
async fn stdin_larger_than_a_pipe_comes_back_whole() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let output = shell("cat").stdin(bytes.clone()).run(PLENTY).await.expect("cat runs");
    assert_eq!(output.stdout, bytes);
}

#[tokio::test]
async fn input_that_nobody_reads_is_no_error() {
    let output = shell("exit 0").stdin(vec![b'x'; 300_000]).run(PLENTY).await.expect("it runs");
    assert!(output.status.success());
}

#[tokio::test]
async fn stdout_is_taken_up_to_its_limit_and_not_beyond() {
    let exact = shell("printf 12345678").max_stdout(8).run(PLENTY).await.expect("eight bytes fit");
    assert_eq!(exact.stdout, b"12345678");
    let endless = shell("while :; do echo yes; done").max_stdout(1_000).run(PLENTY).await;
    assert!(
        matches!(endless, Err(ProcessError::TooMuchOutput { limit: 1_000, .. })),
        "{endless:?}"
    );
}

#[tokio::test]
async fn of_a_long_stderr_the_end_is_kept() {
    let output = shell("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done >&2")
        .run(PLENTY)
        .await;
    let output = output.expect("it runs");
    assert!(output.stderr_is_cut);
    assert!(output.stderr.ends_with("line 4999\n"));
    assert!(output.stderr.len() < 20_000, "{}", output.stderr.len());
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_is_killed() {
    let marker = Marker::new("deadline", &std::process::id().to_string());
    let late = shell("(sleep 1000 & echo >&2 child $!; wait) & echo >&2 waiting; wait")
        .marker(&marker)
        .run(Duration::from_millis(300))
        .await;
    let Err(ProcessError::Deadline { stderr, .. }) = &late else { panic!("{late:?}") };
    assert!(stderr.contains("waiting"), "{stderr}");
    assert_eq!(crate::leftovers(&marker).await.expect("the table is readable"), [0_u32; 0]);
}

#[tokio::test]
async fn what_a_child_leaves_running_in_its_group_ends_with_it() {
    let marker = Marker::new("leftover", &std::process::id().to_string());
    let output =
        shell("sleep 1000 & echo done").marker(&marker).run(PLENTY).await.expect("it runs");
    assert_eq!(output.stdout, b"done\n");
    assert_eq!(crate::leftovers(&marker).await.expect("the table is readable"), [0_u32; 0]);
}

#[tokio::test]
async fn a_process_that_leaves_the_group_with_the_pipe_does_not_hold_us_up() {
    let marker = Marker::new("escaped", &std::process::id().to_string());
    let output =
        shell("setsid sleep 1000 & echo done").marker(&marker).run(PLENTY).await.expect("it ends");
    assert_eq!(output.stdout, b"done\n");
    crate::reap(&marker).await.expect("it is killed");
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let error = Command::new("no-such-program", "/")
        .env("PATH", "/bin")
        .run(PLENTY)
        .await
        .expect_err("it is missing");
    assert_eq!(error.to_string(), "failed to start `no-such-program`");
}
