//! Mistakes, and the whole message of each.

use std::path::Path;

use super::{PROJECT, check, environment, read};
use crate::{
    config::{ConfigError, load::parse},
    environment::Directories,
};

/// Files with one mistake each. `PROJECT` stands for the four lines of a project without mistakes.
const MISTAKES: &[&str] = &[
    // Keys that there are not.
    "[server]\nprot = 1",
    "[sevrer]\nport = 1",
    "top = 1",
    "[server]\nmax_body_bytes = 1",
    "[codex]\nsandox = \"workspace-write\"",
    "[budgets]\nmax_tokens = 1",
    "[budgets.run]\nmax_token = 1",
    "PROJECT\nteam = \"APP\"",
    "PROJECT\n[project.budgets]\nci = 1",
    "PROJECT\n[project.delivery]\nx = 1",
    "PROJECT\n[project.codex]\nhome = \"/x\"",
    "[[project]]\nid = \"app\"\nissue_key_prefixes = [\"A\"]",
    "[[project]]\nrepo = \"acme/app\"\nlinear_teams = [\"A\"]",
    // Values of the wrong kind.
    "[server]\nport = \"8787\"",
    "[server]\nport = 70000",
    "[server]\nport = -1",
    "[server]\nbind = \"localhost\"",
    "[server]\nbind = 1",
    "server = 1",
    "project = 1",
    "[codex]\ncommand = \"codex\"",
    "[codex]\ncommand = [\n  \"codex\",\n  1,\n]",
    "[codex]\nenv = { A = 1 }",
    "[codex]\nnetwork = \"yes\"",
    "[codex]\nsandbox = \"read-only\"",
    "[codex]\napproval_policy = \"on-request\"",
    "[codex]\nprocesses = \"shared\"",
    "[codex]\nmodel = 5",
    "[agent]\nkind = \"claude\"",
    "[scheduler]\nlease_seconds = 1.5",
    "[budgets.day]\nmax_turns = -1",
    "[delivery]\ndraft = \"no\"",
    "[telemetry]\nlog_format = \"xml\"",
    "PROJECT\nlabels = \"bug\"",
    // Values that cannot be.
    "[server]\npublic_url = \"relay.test\"",
    "[database]\nurl = \"mysql://me:s3cret@db.test/app\"",
    "[database]\nurl = \"sqlite://x.db\"",
    "[database]\nmax_connections = 3",
    "[linear]\napi_url = \"api.linear.app\"",
    "[codex]\ncommand = []",
    "[codex]\nhome = \"codex\"",
    "[codex]\ndeny_read = [\"/a\", \"secrets\"]",
    "[codex]\nmodel = \"\"",
    "[codex]\nmodel = \"${NOBODY_SETS_THIS}\"",
    "[codex]\nmodel = \"${UNENDED\"",
    "[scheduler]\n\nmax_concurrent_runs = 0",
    "[telemetry]\nlog = \"info=loud\"",
    "[delivery]\nprotected_paths = [\"a/[\"]",
    "[[project]]\nid = \"a b\"\nrepo = \"acme/app\"\nlinear_teams = [\"A\"]",
    "[[project]]\nid = \"app\"\nrepo = \"https://github.com/acme/app\"\nlinear_teams = [\"A\"]",
    "[[project]]\nid = \"app\"\nrepo = \"acme/app\"",
    "PROJECT\nPROJECT",
    "PROJECT\nlabels = [\"bug\", \"\"]",
    "PROJECT\nworktree_root = \"x\"",
    "PROJECT\nbase_branch = \"a..b\"",
    "PROJECT\ngate_checks = []",
    "PROJECT\nmerge_queue_check = \"\"",
    "PROJECT\nmax_concurrent_runs = 0",
    "PROJECT\ntrusted_actors = { emails = [\"ada\"] }",
    "PROJECT\n[project.budgets]\nrecovery = 0",
    // What is not there yet.
    "[linear]\noauth_url = \"https://linear.test/oauth\"",
    "[linear]\npoll_seconds = -1",
    "[github]\npoll_seconds = \"often\"",
    "[retention]\nobservations_days = 30",
    "[telemetry]\notlp_endpoint = \"http://otel.test\"",
    "[delivery]\npublisher = \"me\"",
    "[delivery]\nauto_merge = \"when_approved\"",
    "PROJECT\n[project.delivery]\nauto_merge = \"when_approved\"",
    // What is no TOML.
    "[server]\nport = 1\nport = 2",
    "[server\n",
    "[codex]\nmodel = \"s3cret\n",
    "model = s3cret",
];

fn judged(text: &str, pairs: &[(&str, &str)]) -> Result<(), ConfigError> {
    let path = Path::new("/etc/patchrelay.toml");
    parse(text, path, &environment(pairs))?.resolve(path, &Directories::default()).map(drop)
}

#[track_caller]
fn lines(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    judged(text, pairs).expect_err(text).lines()
}

#[test]
fn each_mistake_is_told_with_its_place_and_what_is_allowed() {
    assert!(40 <= MISTAKES.len(), "{}", MISTAKES.len());
    let mut table = String::new();
    for mistake in MISTAKES {
        let lines = lines(&mistake.replace("PROJECT\n", PROJECT).replace("PROJECT", PROJECT), &[]);
        assert_eq!(lines.len(), 1, "{mistake}: {lines:?}");
        assert!(!lines[0].contains("s3cret"), "{lines:?}");
        table.push_str(&format!("{mistake}\n    {}\n\n", lines[0]));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn independent_mistakes_are_told_together_and_what_follows_from_one_is_not() {
    let text = "[server]\nport = \"x\"\nprot = 1\nbind = 3\n[codex]\nmodel = \"${NOBODY}\"\nhome = \"x\"\n\
        [scheduler]\nlease_seconds = 0\n[[project]]\nid = 7\nlinear_teams = [\"A\"]\nteam = 1\n\
        [[project]]\nid = \"b\"\nrepo = \"b\"\n";
    insta::assert_snapshot!(
        lines(text, &[("PATCHRELAY__LINEAR__POLL_SECONDS", "often")]).join("\n")
    );
}

#[test]
fn nobody_is_told_more_mistakes_than_can_be_read() {
    let many: String = (0..100).map(|n| format!("unknown_{n} = 1\n")).collect();
    let told = lines(&many, &[]);
    assert!((20..=40).contains(&told.len()), "{}", told.len());
    let long = format!("{} = 1\n", "x".repeat(10_000));
    assert!(lines(&long, &[])[0].len() < 1_000);
}

#[test]
fn a_wrong_override_is_told_from_a_wrong_file() {
    for (pair, key, says) in [
        (("PATCHRELAY__SERVER__PORT", "many"), "server.port", "a whole number from 0 to 65535"),
        (("PATCHRELAY__SERVER__PROT", "1"), "server.prot", "did you mean `port`?"),
        (("PATCHRELAY__SEVRER__PORT", "1"), "sevrer", "did you mean `server`?"),
        (("PATCHRELAY__TOP", "1"), "top", "there is no such key"),
        (("PATCHRELAY__CODEX__COMMAND", "[1]"), "codex.command[0]", "a text in quotes"),
        (("PATCHRELAY__CODEX__HOME", "x"), "codex.home", "absolute path"),
    ] {
        check(judged("[server]\nbind = \"::1\"", &[pair]), key, says);
        check(judged("", &[pair]), key, &format!("(the variable {} sets it)", pair.0));
    }
    let file = lines("[server]\nport = \"x\"", &[("PATCHRELAY__SERVER__BIND", "::1")]);
    assert!(!file[0].contains("variable"), "{file:?}");
}

#[test]
fn a_file_without_mistakes_has_none() {
    judged(PROJECT, &[]).unwrap();
    read(PROJECT);
}
