//! Tests.

mod mistakes;
mod resolve;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Config, ConfigError, find, load, load::parse};
use crate::environment::Environment;

pub(super) const PROJECT: &str =
    "[[project]]\nid = \"app\"\nrepo = \"acme/app\"\nissue_key_prefixes = [\"APP\"]\n";

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn read_with(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    parse(text, Path::new("/etc/patchrelay.toml"), &environment(pairs))
}

#[track_caller]
pub(super) fn read(text: &str) -> Config {
    read_with(text, &[]).unwrap()
}

/// The error must name the file and the key, and say this.
#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, ConfigError>, key: &str, says: &str) {
    let error = result.unwrap_err().to_string();
    let (file, rest) = error.split_once(": ").unwrap();
    let file = file.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
    assert_eq!(file, "/etc/patchrelay.toml", "{error}");
    let (named, reason) = rest.split_once(": ").unwrap();
    assert_eq!(named, key, "{error}");
    assert!(reason.contains(says), "`{says}`: {error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn an_empty_file_means_this() {
    let config = read("");
    assert_eq!(config, Config::default());
    insta::assert_snapshot!(toml::to_string(&config).unwrap());
}

#[test]
fn a_project_that_says_little_means_this() {
    insta::assert_snapshot!(toml::to_string(&read(PROJECT).project[0]).unwrap());
}

/// Every key there is, none with its default.
pub(super) const EVERYTHING: &str = r#"
[server]
bind = "127.0.0.2"
port = 1
public_url = "https://relay.test"
[ingress]
max_body_bytes = 2
max_clock_skew_seconds = 3
max_delivery_age_seconds = 4
[database]
url = "postgres://host/x"
max_connections = 17
[linear]
api_url = "https://linear.test"
poll_seconds = 34
[github]
api_url = "https://github.test"
poll_seconds = 33
[agent]
kind = "codex"
[codex]
command = ["other"]
home = "/home/codex"
model = "m"
model_provider = "p"
effort = "e"
sandbox = "danger-full-access"
network = true
developer_instructions = "i"
mcp = true
env = { NAME = "value" }
pass_env = ["PASSED"]
deny_read = ["/secret"]
request_timeout_seconds = 5
startup_timeout_seconds = 6
silence_seconds = 7
turn_timeout_seconds = 8
[scheduler]
max_concurrent_runs = 9
reconcile_seconds = 10
lease_seconds = 11
drain_seconds = 12
[budgets.run]
max_tokens = 21
max_turns = 22
max_minutes = 23
[budgets.issue]
max_tokens = 24
max_turns = 25
max_minutes = 26
[budgets.day]
max_tokens = 27
max_turns = 28
max_minutes = 29
[delivery]
publisher = "agent"
protected_paths = ["x/**"]
draft = true
[retention]
inbox_days = 17
feed_days = 18
worktree_hours = 20
min_free_bytes = 19
[telemetry]
log = "debug"
log_format = "json"
[[project]]
id = "app"
repo = "acme/app"
remote_url = "ssh://git@host/acme/app.git"
path = "/src/app"
base_branch = "trunk"
branch_prefix = "bot"
worktree_root = "/worktrees"
linear_teams = ["T"]
linear_projects = ["P"]
issue_key_prefixes = ["K"]
labels = ["L"]
gate_checks = ["G"]
merge_queue_check = "Q"
trusted_actors = { ids = ["u-1"], emails = ["ada@acme.test"], email_domains = ["acme.test"], programs = ["bot-1"] }
trust_hook = true
max_concurrent_runs = 13
[project.budgets]
implementation = 14
recovery = 15
ci_repair = 30
queue_repair = 31
review_fix = 32
branch_upkeep = 0
continuations = 16
[project.delivery]
publisher = "harness"
auto_merge = "off"
protected_paths = []
draft = false
[project.codex]
model = "n"
effort = "f"
sandbox = "workspace-write"
network = false
"#;

#[test]
fn every_key_can_be_set() {
    /// Paths at which both values are the same.
    fn same(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) if path != "codex.env" => {
                for (key, value) in one {
                    let path = format!("{path}{}{key}", if path.is_empty() { "" } else { "." });
                    same(value, other.get(key).unwrap_or(&Value::Null), &path, found);
                }
            }
            _ if one == other => found.push(path.to_owned()),
            _ => {}
        }
    }
    let set = read(EVERYTHING);
    let value = |config: &Config| serde_json::to_value(config).unwrap();
    let mut unset = Vec::new();
    same(&value(&Config::default()), &value(&set), "", &mut unset);
    // These have one value so far.
    assert_eq!(
        unset,
        [
            "agent.kind",
            "codex.approval_policy",
            "codex.processes",
            "delivery.auto_merge",
            "linear.oauth_url",
            "retention.observations_days",
            "telemetry.otlp_endpoint",
        ]
    );

    let short = value(&read(PROJECT))["project"][0].clone();
    let full = value(&set)["project"][0].clone();
    let mut unset = Vec::new();
    same(&full, &short, "", &mut unset);
    assert_eq!(unset, ["id", "repo"]);
}

#[test]
fn what_is_shown_can_be_read_again() {
    let config = read(EVERYTHING);
    assert_eq!(read(&toml::to_string(&config).unwrap()), config);
}

#[test]
fn strings_take_in_variables() {
    let with = |text: &str, pairs: &[(&str, &str)]| {
        read_with(&format!("[codex]\nmodel = {text:?}"), pairs)
            .map(|config| config.codex.model.unwrap())
    };
    let set = [("NAME", "value"), ("EMPTY", ""), ("ODD", "${NAME} } \"")];
    for (text, expected) in [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a-${NAME}-b-${NAME}", "a-value-b-value"),
        ("${NAME:-other}", "value"),
        ("${UNSET:-other}", "other"),
        ("${UNSET:-}", ""),
        ("${EMPTY:-other}", "other"),
        ("${UNSET:-a:-b}", "a:-b"),
        ("$NAME and $5 and }", "$NAME and $5 and }"),
        // What a variable holds is not looked at again.
        ("${ODD}", "${NAME} } \""),
    ] {
        assert_eq!(with(text, &set).unwrap(), expected, "{text}");
    }
    for (text, says) in [
        ("${UNSET}", "the variable `UNSET` is not set, and there is no default"),
        ("${EMPTY}", "the variable `EMPTY` is not set"),
        ("${}", "the variable `` is not set"),
        ("x ${NAME", "`${` without `}`"),
        ("${A:-${NAME}}", "the default of `A` cannot hold another variable"),
    ] {
        check(with(text, &set), "codex.model", says);
    }
}

#[test]
fn variables_reach_every_string_and_nothing_else() {
    let config = read_with(
        "[codex]\ncommand = [\"x\", \"${V}\"]\nenv = { A = \"${V}\" }\n\
         [[project]]\nid = \"${V}\"\nrepo = \"acme/app\"\nlabels = [\"${V}\"]",
        &[("V", "v")],
    )
    .unwrap();
    assert_eq!(config.codex.command, ["x", "v"]);
    assert_eq!(config.codex.env["A"], "v");
    assert_eq!(
        (config.project[0].id.as_str(), &config.project[0].labels[0]),
        ("v", &"v".to_owned())
    );
    check(
        read_with(&PROJECT.replace("\"app\"", "\"${V}\""), &[]),
        "project[0].id",
        "`V` is not set",
    );
    check(read_with("[codex]\nenv = { A = \"${V}\" }", &[]), "codex.env.A", "`V` is not set");
}

#[test]
fn variables_override_keys() {
    let config = read_with(
        "[server]\nport = 1\n[codex]\nmodel = \"old\"",
        &[
            ("PATCHRELAY__SERVER__PORT", "9000"),
            ("PATCHRELAY__SERVER__BIND", "::1"),
            ("PATCHRELAY__CODEX__MODEL", "gpt-5.1 codex"),
            ("PATCHRELAY__CODEX__MODEL_PROVIDER", "\"5\""),
            ("PATCHRELAY__CODEX__COMMAND", "[\"a\", \"b c\"]"),
            ("PATCHRELAY__CODEX__NETWORK", "true"),
            ("PATCHRELAY__CODEX__ENV__MixedCase", "value"),
            ("PATCHRELAY__DELIVERY__PROTECTED_PATHS", "[]"),
            ("PATCHRELAY__TELEMETRY__LOG", "info,sqlx=warn"),
            ("patchrelay__server__port", "1"),
            ("PATCHRELAY_CONFIG", "/x"),
            ("PATCHRELAY_API_TOKEN", "x"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.port, 9000);
    assert_eq!(config.server.bind, "::1".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(config.codex.model.as_deref(), Some("gpt-5.1 codex"));
    assert_eq!(config.codex.model_provider.as_deref(), Some("5"));
    assert_eq!(config.codex.command, ["a", "b c"]);
    assert!(config.codex.network);
    assert_eq!(config.codex.env["MixedCase"], "value");
    assert!(config.delivery.protected_paths.is_empty());
    assert_eq!(config.telemetry.log, "info,sqlx=warn");
}

#[test]
fn an_override_cannot_bring_a_second_key() {
    let text = "1\n[codex]\nnetwork = true";
    check(read_with("", &[("PATCHRELAY__SERVER__PORT", text)]), "server.port", "a whole number");
    let config = read_with("", &[("PATCHRELAY__CODEX__MODEL", "\"a\"\nother = 1")]).unwrap();
    assert_eq!(config.codex.model.as_deref(), Some("\"a\"\nother = 1"));
}

#[test]
fn an_empty_override_sets_nothing() {
    let config = read_with("[server]\nport = 1", &[("PATCHRELAY__SERVER__PORT", "")]).unwrap();
    assert_eq!(config.server.port, 1);
}

#[test]
fn an_override_of_a_list_of_sections_is_refused() {
    let pair = [("PATCHRELAY__PROJECT__ID", "x")];
    check(
        read_with(PROJECT, &pair),
        "the variable PATCHRELAY__PROJECT__ID",
        "write them in the file",
    );
    check(read_with("", &pair), "project", "PATCHRELAY__PROJECT__ID");
    let pair = [("PATCHRELAY__SERVER__PORT__X", "1")];
    check(
        read_with("[server]\nport = 1", &pair),
        "the variable PATCHRELAY__SERVER__PORT__X",
        "has no keys",
    );
}

#[test]
fn the_file_is_found_by_flag_then_variable_then_place() {
    let full = environment(&[
        ("PATCHRELAY_CONFIG", "/from/variable.toml"),
        ("XDG_CONFIG_HOME", "/from/xdg"),
        ("HOME", "/home/op"),
    ]);
    assert_eq!(find(Some(Path::new("flag.toml")), &full).unwrap(), PathBuf::from("flag.toml"));
    assert_eq!(find(None, &full).unwrap(), PathBuf::from("/from/variable.toml"));
    let home = environment(&[("HOME", "/home/op")]);
    assert_eq!(
        find(None, &home).unwrap(),
        PathBuf::from("/home/op/.config/patchrelay/patchrelay.toml")
    );
    assert!(find(None, &Environment::default()).unwrap_err().to_string().contains("set HOME"));
    assert!(find(Some(Path::new("x")), &Environment::default()).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let message = |path: &Path| {
        let failure =
            crate::failure::Failure::from(load(path, &Environment::default()).unwrap_err());
        failure.message().to_owned()
    };
    let missing = directory.path().join("none.toml");
    let expected = format!(
        "no configuration at {}: write one with `patchrelay init`, or name one with --config",
        missing.display()
    );
    assert_eq!(message(&missing), expected);
    assert!(message(directory.path()).contains("failed to read"));

    let path = directory.path().join("patchrelay.toml");
    fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(message(&path).contains("more than 1048576 bytes"), "{}", message(&path));
    fs::write(&path, vec![b'#'; 1024 * 1024]).unwrap();
    load(&path, &Environment::default()).unwrap();
    fs::write(&path, b"# \xff").unwrap();
    assert!(message(&path).contains("not UTF-8"), "{}", message(&path));
}
