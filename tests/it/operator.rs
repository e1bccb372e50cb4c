//! What operators see through the built program.

use crate::world::{PATIENCE, World, client, small_change};

#[tokio::test(flavor = "multi_thread")]
async fn commands_show_and_explain_an_issue() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.pull_request(&ticket.key).await;
    let text = async |args: &[&str]| {
        let output = world.ask(args).await;
        assert!(output.status.success(), "{args:?}: {}", output.stderr);
        String::from_utf8(output.stdout).unwrap()
    };
    let list = text(&["issue", "list"]).await;
    assert!(list.contains("APP-1") && list.contains("pr_open") && list.contains("#1"), "{list}");
    let show = text(&["issue", "show", "APP-1"]).await;
    assert!(show.contains("waiting for review and merge of pull request #1"), "{show}");
    let explain = text(&["issue", "explain", "APP-1"]).await;
    assert!(
        explain.contains("what would change it: A review, merging or closing the pull request"),
        "{explain}"
    );
    assert!(explain.contains("run published"), "{explain}");
    let json: serde_json::Value =
        serde_json::from_str(&text(&["--json", "issue", "list", "--active"]).await).unwrap();
    assert_eq!(json["issues"][0]["key"], "APP-1");

    let missing = world.ask(&["issue", "show", "APP-99"]).await;
    assert_eq!(missing.status.code(), Some(3), "{}", missing.stderr);
    world.stop().await;
    let down = world.ask(&["issue", "list"]).await;
    assert_eq!(down.status.code(), Some(5));
    assert!(down.stderr.contains("patchrelay serve"), "{}", down.stderr);
    assert_eq!(down.stderr.lines().count(), 1, "{}", down.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_api_needs_the_token_where_there_is_one() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    assert_eq!(world.get("/health").await["status"], "ok");
    assert_eq!(world.get("/ready").await["ready"], true);
    // Without a token: programs of this machine only, and no web page.
    let url = format!("{}/api/issues", world.url());
    let status =
        async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(client().get(&url)).await, 200);
    assert_eq!(status(client().get(&url).header("origin", "https://evil.example")).await, 403);
    assert_eq!(status(client().get(&url).header("host", "evil.example")).await, 403);
    world.stop().await;

    let open = world
        .program(&["serve"])
        .env("PATCHRELAY__SERVER__BIND", "0.0.0.0")
        .run(PATIENCE)
        .await
        .unwrap();
    assert_eq!(open.status.code(), Some(1));
    assert!(open.stderr.contains("PATCHRELAY_API_TOKEN"), "{}", open.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_on_the_same_database_does_not_start() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let second = world.run(&["serve"]).await;
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stderr.contains("another serve uses the database"), "{}", second.stderr);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_one_clear_line() {
    let world = World::new(&small_change()).await;
    let fine = world.run(&["config", "check"]).await;
    assert!(fine.status.success(), "{}", fine.stderr);
    let shown = world.json(&["--json", "config", "show"]).await;
    assert_eq!(shown["project"][0]["repo"], "acme/app");

    std::fs::write(world.path("patchrelay.toml"), "[server]\nprot = 1\n").unwrap();
    let wrong = world.run(&["config", "check"]).await;
    assert_eq!(wrong.status.code(), Some(1));
    for part in ["patchrelay.toml:2:", "server.prot", "did you mean `port`?"] {
        assert!(wrong.stderr.contains(part), "{part}: {}", wrong.stderr);
    }
    assert_eq!(wrong.stderr.lines().count(), 1, "{}", wrong.stderr);

    std::fs::write(world.path("patchrelay.toml"), "[server]\nprot = 1\nport = \"x\"\n").unwrap();
    let both = world.run(&["--json", "config", "check"]).await;
    assert_eq!((both.status.code(), both.stderr.lines().count()), (Some(1), 2), "{}", both.stderr);
    let told: serde_json::Value = serde_json::from_slice(&both.stdout).unwrap();
    assert_eq!(told["mistakes"][1]["key"], "server.port", "{told}");
    assert_eq!(told["mistakes"][1]["source"]["line"], 3, "{told}");

    let schema = world.json(&["config", "schema"]).await;
    assert_eq!(schema["properties"]["server"]["default"]["port"], 8787);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_init_writes_is_accepted_and_not_written_twice() {
    let world = World::new(&small_change()).await;
    let path = world.path("fresh/patchrelay.toml").display().to_string();
    let init = world.json(&["--json", "--config", &path, "init", "relay.test"]).await;
    assert_eq!(init["webhooks"]["linear"], "https://relay.test/webhooks/linear");
    let check = world.json(&["--json", "--config", &path, "config", "check"]).await;
    assert_eq!(check["ok"], true, "{check}");
    let again = world.run(&["--config", &path, "init"]).await;
    assert_eq!(again.status.code(), Some(4), "{}", again.stderr);
    assert_eq!(again.stderr.lines().count(), 1, "{}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_is_taken_over_as_far_as_it_can_be_without_a_restart() {
    let mut world = World::new(&small_change()).await;
    world.configure("[telemetry]\nlog = \"info\"\n");
    world.serve().await;
    let config = world.path("patchrelay.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let told = async |text: &str, lines: &[&str]| {
        std::fs::write(&config, text).unwrap();
        world.signal(nix::sys::signal::Signal::SIGHUP);
        let all = async {
            while !lines.iter().all(|line| world.log().contains(line)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("{}", world.log()));
    };
    told(&text, &["nothing has changed"]).await;
    told(&format!("{text}nonsense = 1\n"), &["not taken over", "telemetry.nonsense"]).await;
    let changed = text.replace("log = \"info\"", "log = \"debug\"\n[retention]\nfeed_days = 31");
    told(&changed, &["telemetry.log is `debug` now", "retention.feed_days has changed: restart"])
        .await;
    assert_eq!(world.get("/health").await["status"], "ok");
    world.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_on_the_machine_can_read_what_is_worked_on() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    world.stop().await;
    for (path, mode) in [
        ("data/patchrelay", 0o700),
        ("data/patchrelay/worktrees/app", 0o700),
        ("state/patchrelay", 0o700),
        ("state/patchrelay/patchrelay.db", 0o600),
    ] {
        let found = std::fs::metadata(world.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_or_stored() {
    let mut world = World::new(&small_change()).await;
    // The log goes to a file, so that all of it can be searched.
    let log = world.path("serve.log");
    world.serve_logging(&log).await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.pull_request(&ticket.key).await;
    world.stop().await;
    let mut searched = 0;
    for secret in ["linear-signing-secret", "github-signing-secret", "linear-token", "github-token"]
    {
        for file in files(&world.path("")) {
            let bytes = std::fs::read(&file).unwrap();
            searched += 1;
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", file.display());
        }
    }
    assert!(std::fs::metadata(&log).unwrap().len() > 10_000, "a trace log is long");
    assert!(searched > 100, "{searched}");
}

fn files(below: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![below.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found
}
