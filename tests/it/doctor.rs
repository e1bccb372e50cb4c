//! `doctor` tells what is wrong, and what to do about it.

use serde_json::Value;

use crate::world::{PATIENCE, World, small_change};

fn grade(checks: &Value, name: &str) -> String {
    let all = checks["checks"].as_array().unwrap();
    let check = all.iter().find(|check| check["check"] == name);
    check.unwrap_or_else(|| panic!("{name} is not in {checks}"))["result"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_on_which_everything_is_there_passes() {
    let world = World::new(&small_change()).await;
    let checks = world.json(&["--json", "doctor"]).await;
    assert_eq!(checks["ok"], true, "{checks}");
    for name in
        ["config", "secret.linear", "secret.github", "secret.api", "git", "disk", "directory.state"]
    {
        assert_eq!(grade(&checks, name), "pass", "{name}: {checks}");
    }
    // What is no codex cannot be asked.
    assert_eq!(grade(&checks, "codex"), "warn", "{checks}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_address_is_tried_with_a_webhook_that_nobody_signed() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let address = |url: &str| ("PATCHRELAY__SERVER__PUBLIC_URL".to_owned(), url.to_owned());
    let doctor = async |url: &str| {
        let (name, value) = address(url);
        let output =
            world.program(&["--json", "doctor"]).env(name, value).run(PATIENCE).await.unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let ours = doctor(world.url()).await;
    let other = doctor(&world.linear.url()).await;
    for name in ["public_url.linear", "public_url.github"] {
        assert_eq!(grade(&ours, name), "pass", "{ours}");
        assert_eq!(grade(&other, name), "warn", "{other}");
    }
    assert_eq!(world.get("/api/inbox").await["deliveries"], serde_json::json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_fails_by_name_with_what_to_do() {
    let world = World::new(&small_change()).await;
    let config = std::fs::read_to_string(world.path("patchrelay.toml")).unwrap();
    let line = config.lines().find(|line| line.starts_with("command = ")).unwrap();
    let config = config.replace(line, "command = [\"/nowhere/codex\", \"app-server\"]");
    std::fs::write(world.path("patchrelay.toml"), config).unwrap();
    let output = world.run(&["doctor"]).await;
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stdout).unwrap();
    let failed = printed.lines().find(|line| line.starts_with("FAIL")).unwrap();
    assert!(failed.contains("/nowhere/codex") && failed.contains("-> install codex"), "{failed}");
    assert!(output.stderr.contains("one check failed"), "{}", output.stderr);

    std::fs::write(world.path("patchrelay.toml"), "[server]\nprot = 1\n").unwrap();
    let output = world.run(&["--json", "doctor"]).await;
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (grade(&checks, "config"), grade(&checks, "git")),
        ("fail".to_owned(), "pass".to_owned())
    );
    assert!(checks.to_string().contains("prot"), "{checks}");
}
