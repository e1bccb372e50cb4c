//! The same way with the real codex against a stub model.

use patchrelay_process::Command;
use patchrelay_testkit::model::{ModelScript, ModelServer, ModelStep, codex_config_toml};

use crate::world::{PATIENCE, PROGRAM, REPO, World, directory, path_variable};

/// The binary, or a clear word that it is missing (D42).
#[expect(clippy::disallowed_methods, reason = "a peer of a test is named by a variable")]
fn codex() -> String {
    std::env::var("CODEX_BIN").expect("CODEX_BIN names the codex binary that this test needs")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs codex: CODEX_BIN"]
async fn the_real_codex_takes_a_ticket_to_a_merged_pull_request() {
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n";
    let report = serde_json::json!({
        "outcome": "done", "summary": "Changed one to two.", "commit_subject": "Count on", "commit_body": "",
        "pr_title": "Count on", "pr_body": "One became two.", "question": "",
    });
    let model = ModelServer::start(ModelScript {
        turns: vec![vec![
            ModelStep::Patch(patch.to_owned()),
            ModelStep::Say("Patched.".to_owned()),
        ]],
        report,
    })
    .await
    .unwrap();
    let directory = directory();
    std::fs::create_dir(directory.path().join("agent")).unwrap();
    std::fs::write(directory.path().join("agent/config.toml"), codex_config_toml(model.port()))
        .unwrap();
    let codex = codex();
    let mut world = World::with_agent(
        directory,
        &[&codex, "app-server"],
        "model = \"gpt-5.5\"\nmodel_provider = \"stub\"",
    )
    .await;
    world.serve().await;
    let ticket = world.linear.create_issue("Count on", "Make it two.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let pull_request = world.pull_request(&ticket.key).await;
    assert_eq!(pull_request.title, "APP-1: Count on");
    let content = world.github.file(REPO, &pull_request.head_branch, "a.txt").await.unwrap();
    assert_eq!(content.as_deref(), Some("two\n"), "codex's own patch call made the change");
    let commits = world.github.commits(REPO, &pull_request.head_branch).await.unwrap();
    assert!(
        commits[0].message.contains("PatchRelay-Run: ")
            && commits[0].author.starts_with("PatchRelay "),
        "{commits:?}"
    );
    // A work turn and a report turn reached the model, the second with the schema.
    assert!(2 <= model.requests().len());

    world.github.merge(REPO, pull_request.number).await.unwrap();
    world.issue(&ticket.key, |issue| issue["state"] == "done").await;
    world.stop().await;
}

/// The operator's codex is the one on the PATH, with the login of its own home.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs codex: CODEX_BIN"]
async fn the_demo_ends_with_a_merge_with_the_real_codex_too() {
    let patch = "*** Begin Patch\n*** Update File: greetings.txt\n@@\n goodbye=Goodbye, %s!\n\
                 +goodnight=Good night, %s!\n*** End Patch\n";
    let report = serde_json::json!({
        "outcome": "done", "summary": "Added goodnight.", "commit_subject": "Add a good-night greeting",
        "commit_body": "", "pr_title": "Add a good-night greeting", "pr_body": "", "question": "",
    });
    let turns = vec![vec![ModelStep::Patch(patch.to_owned())]];
    let model = ModelServer::start(ModelScript { turns, report }).await.unwrap();
    let directory = directory();
    let below = |name: &str| directory.path().join(name);
    for name in ["bin", ".codex"] {
        std::fs::create_dir(below(name)).unwrap();
    }
    std::fs::write(below(".codex/config.toml"), codex_config_toml(model.port())).unwrap();
    std::os::unix::fs::symlink(codex(), below("bin/codex")).unwrap();
    let path = format!("{}:{}", below("bin").display(), path_variable());
    let output = Command::new(PROGRAM, directory.path())
        .args(["demo", "--agent", "codex", "--keep", "kept"])
        .env("PATH", &path)
        .env("HOME", directory.path())
        .run(PATIENCE)
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", output.stderr);
    assert!(printed.contains("is merged as"), "{printed}");
    assert!(printed.contains("+goodnight=Good night, %s!"), "{printed}");
    assert!(2 <= model.requests().len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs codex: CODEX_BIN"]
async fn doctor_finds_the_real_codex_well() {
    let directory = directory();
    std::fs::create_dir(directory.path().join("agent")).unwrap();
    std::fs::write(directory.path().join("agent/config.toml"), codex_config_toml(1)).unwrap();
    let codex = codex();
    let world =
        World::with_agent(directory, &[&codex, "app-server"], "model_provider = \"stub\"").await;
    let found = world.json(&["--json", "doctor"]).await;
    let of_codex: Vec<_> = found["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["check"].as_str().unwrap().starts_with("codex"))
        .map(|check| (check["check"].as_str().unwrap(), check["result"].as_str().unwrap()))
        .collect();
    let expected = ["codex", "codex.configuration", "codex.login", "codex.sandbox"];
    assert_eq!(of_codex, expected.map(|check| (check, "pass")), "{found}");
}
