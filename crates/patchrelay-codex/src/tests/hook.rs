//! A project's prepare hook.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use patchrelay_domain::{HookEnd, RunId};
use patchrelay_ports::HookOrder;
use patchrelay_process::leftovers;

use super::{PATIENCE, World};
use crate::hook::{ON_ONE_STREAM, marker, run};

fn script(path: &Path, text: &str) -> String {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn order(world: &World, text: &str, is_trusted: bool) -> HookOrder {
    HookOrder {
        run: RunId::new("run-1"),
        program: script(&world.path("hook"), text),
        directory: world.work(),
        variables: vec![("PATCHRELAY_STAGE".to_owned(), "implementation".to_owned())],
        is_trusted,
    }
}

#[tokio::test]
async fn a_trusted_hook_runs_in_the_worktree_with_an_environment_that_was_built_for_it() {
    let world = World::new();
    let mut config = world.config(vec!["scripted".to_owned()]);
    config.env.push(("OPENAI_API_KEY".to_owned(), "planted-secret-4711".to_owned()));
    let order = order(&world, "env > made; pwd >> made", true);
    assert_eq!(run(&config, &order, PATIENCE).await.unwrap(), HookEnd::Done);
    let made = fs::read_to_string(world.path("work/made")).unwrap();
    for line in ["PATCHRELAY_STAGE=implementation", "PATH=/usr/bin:/bin", &world.work()] {
        assert!(made.lines().any(|made| made == line), "{line}: {made}");
    }
    assert!(!made.contains("planted-secret"), "{made}");
}

#[tokio::test]
async fn a_hook_that_fails_tells_how_and_what_it_printed_last_on_either_stream() {
    let world = World::new();
    let config = world.config(vec!["scripted".to_owned()]);
    let text = "head -c 9000000 /dev/zero | tr '\\0' x; echo said; echo complained >&2; exit 7";
    let ended = run(&config, &order(&world, text, true), PATIENCE).await.unwrap();
    let HookEnd::Failed { status, output } = ended else { panic!("{ended:?}") };
    assert_eq!(status, "exit status: 7");
    assert!(output.ends_with("xsaid\ncomplained\n") && output.len() < 100_000, "{}", output.len());
}

#[tokio::test]
async fn nothing_of_a_hook_is_left_however_it_ends() {
    let world = World::new();
    let config = world.config(vec!["scripted".to_owned()]);
    let marker = marker(&config, &RunId::new("run-1"));
    let leaves = order(&world, "setsid sleep 600 >/dev/null 2>&1 & exit 0", true);
    assert_eq!(run(&config, &leaves, PATIENCE).await.unwrap(), HookEnd::Done);
    assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
    let hangs = order(&world, "echo waiting; setsid sleep 600 & sleep 600", true);
    let deadline = Duration::from_secs(2);
    let ended = run(&config, &hangs, deadline).await.unwrap();
    assert_eq!(ended, HookEnd::Late { after: deadline, output: "waiting\n".to_owned() });
    assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
}

#[tokio::test]
async fn a_hook_that_nothing_can_confine_is_refused_unless_it_is_trusted() {
    let world = World::new();
    let config = world.config(vec!["scripted".to_owned(), "agent".to_owned()]);
    let error = run(&config, &order(&world, "touch made", false), PATIENCE).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("`scripted agent` is no codex") && error.contains("trust_hook"));
    assert!(!world.path("work/made").exists());
}

/// What codex is asked for: our profile with a network whatever the project allows its agent, and no trust.
#[tokio::test]
async fn codex_is_told_to_confine_it_and_starts_it_as_the_last_thing() {
    let world = World::new();
    let args = world.path("args");
    let codex =
        script(&world.path("codex"), &format!("printf '%s\\n' \"$@\" > {}", args.display()));
    let mut config = world.config(vec![codex, "--first".to_owned(), "app-server".to_owned()]);
    fs::create_dir(world.path("secrets")).unwrap();
    config.deny_read = vec![world.path("secrets").to_str().unwrap().to_owned()];
    let order = order(&world, "", false);
    assert_eq!(run(&config, &order, PATIENCE).await.unwrap(), HookEnd::Done);
    let args = fs::read_to_string(args).unwrap();
    let args: Vec<_> = args.lines().collect();
    let work = world.work();
    assert_eq!(
        args[..6],
        ["--first", "sandbox", "--cd", work.as_str(), "--permission-profile", "patchrelay"]
    );
    assert_eq!(args[12..], ["--", "sh", "-c", ON_ONE_STREAM, order.program.as_str()]);
    let settings: toml::Table = toml::from_str(&[args[7], args[9], args[11]].join("\n")).unwrap();
    let profile = &settings["permissions"]["patchrelay"];
    assert_eq!(profile["extends"].as_str(), Some(":workspace"));
    assert_eq!(profile["network"]["enabled"].as_bool(), Some(true));
    assert_eq!(profile["filesystem"][&config.deny_read[0]].as_str(), Some("deny"));
    let environment = &settings["shell_environment_policy"];
    assert_eq!(environment["inherit"].as_str(), Some("none"));
    assert_eq!(environment["set"]["PATCHRELAY_STAGE"].as_str(), Some("implementation"));
    assert_eq!(settings["projects"][&work]["trust_level"].as_str(), Some("untrusted"));
}
