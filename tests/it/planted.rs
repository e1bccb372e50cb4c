//! Every lint of the workspace bites: a crate with one violation of each is refused for each.

use std::{collections::BTreeSet, path::Path};

use patchrelay_process::Command;
use toml::Value;

use crate::world::{PATIENCE, directory, path_variable};

/// One violation for each lint, with the lint's name.
const VIOLATIONS: &[(&str, &str)] = &[
    ("unsafe_code", "unsafe fn raw() {}"),
    ("unreachable_pub", "mod inner { pub fn hidden() {} }"),
    ("elided_lifetimes_in_paths", "struct Held<'a>(&'a str); fn held(_: Held) {}"),
    (
        "let_underscore_drop",
        "fn dropped() { let _ = Box::new(Droppy); } struct Droppy; impl Drop for Droppy { fn drop(&mut self) {} }",
    ),
    ("missing_docs", "pub fn undocumented() {}"),
    ("clippy::allow_attributes", "#[allow(dead_code, reason = \"none\")] fn allowed() {}"),
    ("clippy::allow_attributes_without_reason", "#[expect(dead_code)] fn expected() {}"),
    (
        "clippy::await_holding_lock",
        "async fn locked(m: &std::sync::Mutex<u8>) { let guard = m.lock().unwrap(); std::future::ready(()).await; drop(guard); }",
    ),
    (
        "clippy::large_futures",
        "async fn big() { let bytes = [0_u8; 40_000]; std::future::ready(()).await; drop(bytes); } async fn wait() { big().await; }",
    ),
    ("clippy::cast_lossless", "fn widen(n: u8) -> u64 { n as u64 }"),
    ("clippy::cast_possible_truncation", "fn cut(n: u64) -> u8 { n as u8 }"),
    ("clippy::dbg_macro", "fn debugged() { dbg!(1); }"),
    ("clippy::todo", "fn unfinished() { todo!() }"),
    ("clippy::print_stdout", "fn said() { println!(\"x\"); }"),
    ("clippy::print_stderr", "fn warned() { eprintln!(\"x\"); }"),
    ("clippy::unwrap_used", "fn unwrapped(n: Option<u8>) -> u8 { n.unwrap() }"),
    (
        "clippy::manual_let_else",
        "fn early(n: Option<u8>) -> u8 { let n = match n { Some(n) => n, None => return 0 }; n }",
    ),
    ("clippy::mod_module_files", "mod folder;"),
    ("clippy::semicolon_if_nothing_returned", "fn last() {\n    said()\n}"),
    ("clippy::str_to_string", "fn owned() -> String { \"x\".to_string() }"),
    ("clippy::uninlined_format_args", "fn shown(n: u8) -> String { format!(\"{}\", n) }"),
];
/// One call for each method that is not allowed.
const CALLS: &[(&str, &str)] = &[
    ("std::time::SystemTime::now", "std::time::SystemTime::now();"),
    ("std::time::Instant::now", "std::time::Instant::now();"),
    ("chrono::Utc::now", "chrono::Utc::now();"),
    ("chrono::Local::now", "chrono::Local::now();"),
    ("tokio::spawn", "tokio::spawn(async {});"),
    ("tokio::process::Command::new", "tokio::process::Command::new(\"x\");"),
    ("std::process::Command::new", "std::process::Command::new(\"x\");"),
    ("std::env::var", "std::env::var(\"x\");"),
    ("std::env::vars", "std::env::vars();"),
    ("std::env::vars_os", "std::env::vars_os();"),
    ("std::env::var_os", "std::env::var_os(\"x\");"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn table(path: &str) -> toml::Table {
    std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

/// What clippy says of a crate with all of them, under the workspace's own rules.
async fn clippy() -> String {
    let directory = directory();
    let planted = directory.path();
    let manifest = table("Cargo.toml");
    let mut lints = toml::Table::new();
    lints.insert("lints".to_owned(), manifest["workspace"]["lints"].clone());
    // `forbid` cannot be had together with `allow` in one crate; here it only has to be seen.
    let lints = lints.to_string().replace("\"forbid\"", "\"deny\"");
    let dependency = |name: &str| {
        let Value::Table(table) = &manifest["workspace"]["dependencies"][name] else {
            panic!("{name}")
        };
        table["version"].as_str().unwrap().to_owned()
    };
    let text = format!(
        "[package]\nname = \"planted\"\nedition = \"2024\"\n[workspace]\n{lints}\n[dependencies]\n\
         tokio = {{ version = \"{}\", features = [\"rt\", \"process\"] }}\n\
         chrono = {{ version = \"{}\", default-features = false, features = [\"clock\"] }}\n",
        dependency("tokio"),
        dependency("chrono"),
    );
    std::fs::create_dir_all(planted.join("src/folder")).unwrap();
    std::fs::write(planted.join("Cargo.toml"), text).unwrap();
    std::fs::copy(root().join("Cargo.lock"), planted.join("Cargo.lock")).unwrap();
    std::fs::copy(root().join(".clippy.toml"), planted.join(".clippy.toml")).unwrap();
    std::fs::write(planted.join("src/folder/mod.rs"), "").unwrap();
    let calls: String = CALLS
        .iter()
        .map(|(_, call)| format!("    drop({});\n", call.trim_end_matches(';')))
        .collect();
    let code: String = VIOLATIONS.iter().map(|(_, code)| format!("{code}\n")).collect();
    std::fs::write(planted.join("src/lib.rs"), format!("{code}fn calls() {{\n{calls}}}\n"))
        .unwrap();
    let home = std::env::home_dir().unwrap();
    let output = Command::new(env!("CARGO"), planted)
        .args(["clippy", "--offline", "--quiet", "--message-format", "json"])
        .env("PATH", path_variable())
        .env("HOME", home)
        .max_stdout(64 * 1024 * 1024)
        // It checks tokio first, on a machine that has much else to do.
        .run(PATIENCE * 5)
        .await
        .unwrap();
    assert!(!output.status.success(), "it was accepted: {}", output.stderr);
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lint_and_every_forbidden_call_is_refused() {
    let manifest = table("Cargo.toml");
    let mut wanted = BTreeSet::new();
    for (group, prefix) in [("rust", ""), ("clippy", "clippy::")] {
        let Value::Table(lints) = &manifest["workspace"]["lints"][group] else { panic!("{group}") };
        wanted.extend(lints.keys().map(|lint| format!("{prefix}{lint}")));
    }
    let planted: BTreeSet<_> = VIOLATIONS.iter().map(|(lint, _)| (*lint).to_owned()).collect();
    assert_eq!(planted, wanted, "a violation is planted for each lint of the workspace");
    let calls: BTreeSet<_> = CALLS.iter().map(|(path, _)| (*path).to_owned()).collect();
    let forbidden = table(".clippy.toml");
    let forbidden = forbidden["disallowed-methods"].as_array().unwrap().iter();
    let forbidden: BTreeSet<_> =
        forbidden.map(|method| method["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(calls, forbidden, "a call is planted for each forbidden method");

    let said = clippy().await;
    let messages: Vec<serde_json::Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let codes: BTreeSet<_> =
        messages.iter().filter_map(|message| message["message"]["code"]["code"].as_str()).collect();
    let missed: Vec<_> = planted.iter().filter(|lint| !codes.contains(lint.as_str())).collect();
    assert!(missed.is_empty(), "not refused: {missed:?}; refused: {codes:?}");
    let refused: Vec<_> = messages
        .iter()
        .filter(|message| message["message"]["code"]["code"] == "clippy::disallowed_methods")
        .filter_map(|message| message["message"]["message"].as_str())
        .collect();
    for (path, _) in CALLS {
        assert!(
            refused.iter().any(|said| said.contains(&format!("`{path}`"))),
            "not refused: {path}: {refused:?}"
        );
    }
}
