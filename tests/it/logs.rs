//! The log of a whole ticket: each line can be found by the ids of what it tells of, and none shows a secret.

use std::{collections::HashMap, path::Path};

use patchrelay_testkit::agent::Step;
use serde_json::Value;

use crate::world::{
    GITHUB_SECRET, GITHUB_TOKEN, LINEAR_SECRET, LINEAR_TOKEN, REPO, World, changes,
};

/// The life of a ticket whose agent says a secret, until its merge is known. Gives the log.
async fn lived(format: &str, log: &Path, world: &mut World) -> String {
    world.configure(&format!("[telemetry]\nlog_format = \"{format}\"\n"));
    world.serve_logging(log).await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.pull_request(&ticket.key).await;
    world.github.merge(REPO, 1).await.unwrap();
    world.issue(&ticket.key, |issue| issue["state"] == "done").await;
    world.stop().await;
    std::fs::read_to_string(log).unwrap()
}

async fn talkative() -> World {
    World::new(&changes(vec![vec![
        Step::Write { path: "a.txt".to_owned(), content: "two\n".to_owned() },
        Step::Say(format!("I found {GITHUB_TOKEN}.")),
    ]]))
    .await
}

fn assert_without_secrets(text: &str) {
    // As it is, in base64 and in hexadecimal digits.
    let forms = [GITHUB_TOKEN, "Z2l0aHViLXRva2Vu", "6769746875622d746f6b656e"];
    for secret in forms.into_iter().chain([LINEAR_TOKEN, LINEAR_SECRET, GITHUB_SECRET]) {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(
        text.contains("(GITHUB_TOKEN)"),
        "what the agent said is logged, and the secret is not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_ticket_is_found_by_its_ids() {
    let mut world = talkative().await;
    let log = world.path("serve.log");
    let text = lived("json", &log, &mut world).await;
    assert_without_secrets(&text);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for name in ["timestamp", "level", "target"] {
            assert!(line[name].is_string(), "{name}: {line}");
        }
    }
    let said = |message: &str| -> Vec<&Value> {
        let found: Vec<_> = lines.iter().filter(|line| line["message"] == message).collect();
        assert!(!found.is_empty(), "nothing says `{message}`");
        found
    };
    // From the delivery to what was observed because of it, by one id.
    let delivery = &said("webhook received")[0]["delivery"];
    let observed = said("observed");
    let because = observed.iter().find(|line| line["correlation"] == *delivery).unwrap();
    assert_eq!(because["delivery"], *delivery);
    let issue = &because["issue"];
    // From the run to its push and its end, by one id, each with the issue.
    let run = &said("run task started")[0]["run"];
    for message in
        ["run task started", "run advanced", "pushed", "opened the pull request", "run settled"]
    {
        for line in said(message) {
            assert_eq!((&line["run"], &line["issue"]), (run, issue), "{line}");
            assert_eq!(line["project"], "app", "{line}");
        }
    }
    assert!(observed.iter().any(|line| line["correlation"] == *run));
    // Whatever the agent's connection and git say during a run belongs to it.
    let of_run = |target: &str| {
        let of_target =
            |line: &&Value| line["target"].as_str().is_some_and(|found| found.starts_with(target));
        let ours: Vec<_> = lines.iter().filter(of_target).collect();
        assert!(!ours.is_empty(), "{target} says nothing");
        assert!(
            ours.iter().all(|line| line["run"] == *run && line["issue"] == *issue),
            "{ours:#?}"
        );
    };
    of_run("patchrelay_codex");
    // What was reported, with the entity in the tracker.
    let reports: HashMap<_, _> = lines
        .iter()
        .filter(|line| line["entity"].is_string() && line["order"].is_string())
        .map(|line| (line["entity"].to_string(), line))
        .collect();
    assert!(3 <= reports.len(), "{reports:#?}");
    assert!(reports.values().all(|line| line["issue"] == *issue));
}

#[tokio::test(flavor = "multi_thread")]
async fn logfmt_has_a_line_for_each_event_and_no_secret() {
    let mut world = talkative().await;
    let log = world.path("serve.log");
    let text = lived("logfmt", &log, &mut world).await;
    assert_without_secrets(&text);
    for line in text.lines() {
        assert!(line.starts_with("timestamp=") && line.contains(" level="), "{line}");
    }
    let settled = text.lines().find(|line| line.contains("message=\"run settled\"")).unwrap();
    for part in [" issue=", " run=", " project=app", " outcome=published"] {
        assert!(settled.contains(part), "{part}: {settled}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_for_people_shows_no_secret_either() {
    let mut world = talkative().await;
    let log = world.path("serve.log");
    let text = lived("pretty", &log, &mut world).await;
    assert_without_secrets(&text);
    assert!(text.contains("run settled"));
}
