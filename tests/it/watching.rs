//! Following and taking over what happens, with the built program.

use patchrelay_process::Child;
use patchrelay_testkit::agent::Step;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::ChildStdout,
    time::timeout,
};

use crate::world::{PATIENCE, REPO, World, changes, client, small_change};

/// A running `issue watch`.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn of(world: &World, key: &str) -> Self {
        let asked = world.path("asked.toml");
        let args = ["--json", "issue", "watch", key, "--config", asked.to_str().unwrap()];
        let mut child = world.program(&args).spawn().unwrap();
        let lines = BufReader::new(child.take_stdout().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line or the end");
        line.unwrap().map(|line| serde_json::from_str(&line).unwrap())
    }

    /// The lines until one of this event, that one included.
    async fn until(&mut self, event: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await.unwrap_or_else(|| panic!("no {event} in {lines:#?}"));
            let is_last = line["event"] == event;
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }

    /// The rest of the lines, and the exit code.
    async fn end(mut self) -> (Vec<Value>, Option<i32>, String) {
        let mut rest = Vec::new();
        while let Some(line) = self.line().await {
            rest.push(line);
        }
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        (rest, status.code(), self.child.stderr_tail())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_every_line_once_until_the_ticket_is_done_whatever_the_service_does() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let port = world.url().rsplit_once(':').unwrap().1.to_owned();
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| issue["key"] == ticket.key.as_str()).await;
    let mut watch = Watch::of(&world, &ticket.key);
    let mut lines = watch.until("run_settled").await;
    world.pull_request(&ticket.key).await;
    world.kill().await;
    world.serve_on(&port).await;
    world.github.merge(REPO, 1).await.unwrap();
    let (rest, code, stderr) = watch.end().await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("the service is away"), "{stderr}");
    lines.extend(rest);
    let cursors: Vec<_> = lines.iter().map(|line| line["cursor"].as_i64().unwrap()).collect();
    assert!(cursors.is_sorted_by(|a, b| a < b), "{cursors:?}");
    let feed = world.get(&format!("/api/feed?issue={}&limit=200", ticket.key)).await;
    let all = feed["entries"].as_array().unwrap().to_vec();
    // The watch ends with the issue; reports of that may still follow.
    let (first, last) = (cursors[0], *cursors.last().unwrap());
    let expected: Vec<_> = all
        .iter()
        .filter(|line| (first..=last).contains(&line["cursor"].as_i64().unwrap()))
        .cloned()
        .collect();
    assert_eq!(lines, expected);
    assert!(lines.iter().any(|line| line["event"] == "working"));
    assert!(lines.iter().any(|line| line["event"] == "pull_request_read"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_as_the_ticket_does() {
    let hang = vec![Step::Hang];
    let mut world = World::new(&changes(vec![hang])).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let watch = Watch::of(&world, &ticket.key);
    let closed = world.ask(&["issue", "close", &ticket.key, "--failed", "--reason", "no"]).await;
    assert!(closed.status.success(), "{}", closed.stderr);
    let (lines, code, stderr) = watch.end().await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("APP-1 failed"), "{stderr}");
    assert!(lines.iter().any(|line| line["event"] == "closed"), "{lines:#?}");
    // What is over is shown, and that is all.
    let again = world.ask(&["issue", "watch", &ticket.key]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stdout).contains("closed it as failed"));
    let unknown = world.ask(&["issue", "watch", "APP-99"]).await;
    assert_eq!(unknown.status.code(), Some(3), "{}", unknown.stderr);
    world.stop().await;
    let down = world.ask(&["issue", "watch", &ticket.key]).await;
    assert_eq!(down.status.code(), Some(5), "{}", down.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_human_is_shown_where_to_go_on() {
    let hang = vec![Step::Hang];
    let mut world = World::new(&changes(vec![hang])).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue = world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let worktree = issue["worktree_path"].as_str().unwrap().to_owned();
    let path = world.ask(&["issue", "path", &ticket.key]).await;
    assert_eq!(String::from_utf8(path.stdout).unwrap().trim(), worktree);
    let busy = world.ask(&["issue", "open", &ticket.key, "--print"]).await;
    assert_eq!(busy.status.code(), Some(4), "{}", busy.stderr);
    assert!(busy.stderr.contains("issue stop APP-1"), "{}", busy.stderr);
    let stopped = world.ask(&["issue", "stop", &ticket.key]).await;
    assert!(stopped.status.success(), "{}", stopped.stderr);
    let issue = world.issue(&ticket.key, |issue| issue["active_run"].is_null()).await;
    let strange = world.ask(&["issue", "open", &ticket.key, "--print"]).await;
    assert_eq!(strange.status.code(), Some(1));
    assert!(strange.stderr.contains("codex.command"), "{}", strange.stderr);

    // A program that says how it was started, in the place of codex.
    let codex = world.path("codex");
    std::fs::write(&codex, "#!/bin/sh\necho \"$PWD|$*|$CODEX_HOME|$GITHUB_TOKEN\"\n").unwrap();
    std::fs::set_permissions(&codex, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let asked = world.path("asked.toml");
    let text = std::fs::read_to_string(&asked).unwrap();
    let command = format!("command = [{:?}, \"app-server\"]", codex.display().to_string());
    let lines = text
        .lines()
        .map(|line| if line.starts_with("command = ") { command.clone() } else { line.to_owned() });
    std::fs::write(&asked, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let home = world.path("agent").canonicalize().unwrap();
    let thread = issue["thread_id"].as_str().unwrap();
    let printed = world.ask(&["issue", "open", &ticket.key, "--print"]).await;
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap().trim(),
        format!("CODEX_HOME={} {} resume -C {worktree} {thread}", home.display(), codex.display())
    );
    let opened = world.ask(&["issue", "open", &ticket.key]).await;
    assert_eq!(
        String::from_utf8(opened.stdout).unwrap().trim(),
        format!("{worktree}|resume -C {worktree} {thread}|{}|", home.display()),
        "{}",
        opened.stderr
    );
    world.stop().await;
}

/// What is shown of a run is what happened in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_read_with_what_was_said_in_it() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.pull_request(&ticket.key).await;
    let runs = world.get(&format!("/api/issues/{}/runs", ticket.key)).await;
    let id = runs["runs"][0]["id"].as_str().unwrap();
    let run = world.get(&format!("/api/runs/{id}")).await;
    assert_eq!((&run["phase"], &run["outcome"]), (&"published".into(), &"published".into()));
    assert!(run["prompt"].as_str().unwrap().contains("APP-1"), "{run:#}");
    assert_eq!(run["report"]["summary"], "Changed what was asked for.");
    assert!(run["commit"].is_string() && run["pr_url"].is_string(), "{run:#}");
    let text = client().get(format!("{}/metrics", world.url())).send().await.unwrap().text().await;
    let text = text.unwrap();
    for line in [
        "patchrelay_runs_ended_total{type=\"implementation\",outcome=\"published\"} 1\n",
        "patchrelay_issues{project=\"app\",state=\"pr_open\"} 1\n",
        "patchrelay_inbox_dead 0\n",
        "patchrelay_webhook_answers_total{source=\"linear\",status=\"200\",code=\"accepted\"} ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    world.stop().await;
}
