//! The README is true.

use std::path::Path;

use patchrelay_process::Command;

use crate::world::{PATIENCE, World, path_variable, small_change};

const README: &str = include_str!("../../README.md");
const CI: &str = include_str!("../../.ci/run");

/// The blocks of this language.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in README.lines() {
        match &mut open {
            None if line == format!("```{language}") => open = Some(String::new()),
            None => {}
            Some(block) if line == "```" => {
                blocks.push(std::mem::take(block));
                open = None;
            }
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let commands: Vec<_> = blocks("sh")
        .iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(commands, ["cargo run -p patchrelay-bin -- demo", "cargo test --workspace"]);
    // A test that ran all tests would never end; what decides about a change runs them.
    assert!(
        CI.contains("cargo test --workspace\n"),
        ".ci/run does not run the tests as the README says"
    );
    let mut words = commands[0].split(' ').skip(1);
    let home = std::env::home_dir().unwrap();
    let output = Command::new(env!("CARGO"), root)
        .args(&mut words)
        .env("PATH", path_variable())
        .env("HOME", home)
        // It may have to be built first, and the tests run beside it.
        .run(PATIENCE * 10)
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("is merged as"),
        "{printed}{}",
        output.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_the_readme_is_accepted() {
    let world = World::new(&small_change()).await;
    for block in blocks("toml") {
        std::fs::write(world.path("patchrelay.toml"), block).unwrap();
        let output = world.run(&["config", "check"]).await;
        assert!(output.status.success(), "{}", output.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_the_readme_names_exists() {
    let world = World::new(&small_change()).await;
    let named: Vec<_> = README
        .lines()
        .filter(|line| line.starts_with("| `patchrelay "))
        .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split(','))
        .map(|command| {
            command.trim().trim_matches('`').trim_start_matches("patchrelay ").to_owned()
        })
        .chain(["serve".to_owned(), "demo".to_owned()])
        .collect();
    assert!(named.len() >= 7, "{named:?}");
    for command in named {
        let words: Vec<_> = command
            .split(' ')
            .filter(|word| !matches!(*word, "KEY" | "SHELL"))
            .chain(["--help"])
            .collect();
        let output = world.run(&words).await;
        assert!(output.status.success(), "{words:?}: {}", output.stderr);
    }
}
