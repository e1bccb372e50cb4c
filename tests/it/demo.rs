//! The demo is what it says it is.

use patchrelay_domain::{FeedKind, describe};
use patchrelay_ports::{FeedFilter, IssueFilter, Store};
use patchrelay_process::Command;
use patchrelay_store::SqlStore;

use crate::world::{PATIENCE, PROGRAM, directory, git, path_variable};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_prints_what_is_stored_and_ends_with_a_merge() {
    let directory = directory();
    let kept = directory.path().join("kept");
    let output = Command::new(PROGRAM, directory.path())
        .args(["demo", "--keep", kept.to_str().unwrap()])
        .env("PATH", path_variable())
        .env("HOME", directory.path())
        .run(PATIENCE)
        .await
        .unwrap();
    assert!(output.status.success(), "{}", output.stderr);
    let printed = String::from_utf8(output.stdout).unwrap();

    let store = SqlStore::sqlite(&kept.join("state/patchrelay/patchrelay.db")).await.unwrap();
    let issues = store.list(&IssueFilter { limit: 9, ..IssueFilter::default() }).await.unwrap();
    assert_eq!(issues.len(), 1);

    // Each stored observation is a printed line, in order, and each printed observation is stored.
    let stored = store.observations(&issues[0].facts.issue, 100).await.unwrap();
    let stored: Vec<_> =
        stored.iter().map(|row| describe(row.observation.as_ref().unwrap()).text).collect();
    let shown: Vec<_> = printed
        .lines()
        .filter_map(|line| line.split_once(" s  * "))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(shown, stored);
    assert!(stored.len() > 5, "{stored:?}");

    // The same for the whole feed, with its times.
    let feed = store.feed(&FeedFilter::after(0, 1_000)).await.unwrap();
    let begin = feed[0].at;
    let lines: Vec<_> = feed
        .iter()
        .map(|line| {
            let mark = match line.entry.kind {
                FeedKind::Observation => "*",
                FeedKind::Run => "-",
                FeedKind::Report => ">",
            };
            format!("  {:>7.3} s  {mark} {}", line.at.since(begin).as_secs_f64(), line.entry.text)
        })
        .collect();
    let timed: Vec<_> =
        printed.lines().filter(|line| line.contains(" s  ") && line.starts_with("  ")).collect();
    let timed: Vec<_> =
        timed.into_iter().filter(|line| lines.iter().any(|known| known == line)).collect();
    assert_eq!(timed, lines);

    assert!(printed.contains("is merged as"), "{printed}");
    assert!(printed.contains("+goodnight=Good night, %s!"), "{printed}");
    assert_eq!(store.outbox_pending().await.unwrap(), 0);

    // What it left can be looked at, and the result works.
    let remote = kept.join("github/acme/greeter.git");
    let work = directory.path().join("work");
    git(directory.path(), &["clone", "-q", remote.to_str().unwrap(), work.to_str().unwrap()]).await;
    let greet = Command::new("sh", &work)
        .args(["greet.sh", "goodnight", "Ada"])
        .env("PATH", path_variable());
    let greeting = greet.run(PATIENCE).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&greeting.stdout),
        "Good night, Ada!\n",
        "{}",
        greeting.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_not_write_into_a_directory_of_somebody_else() {
    let directory = directory();
    std::fs::write(directory.path().join("mine.txt"), "mine").unwrap();
    let output = Command::new(PROGRAM, directory.path())
        .args(["demo", "--keep", "."])
        .env("PATH", path_variable())
        .env("HOME", directory.path())
        .run(PATIENCE)
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.contains("is not empty"), "{}", output.stderr);
}
