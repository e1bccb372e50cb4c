//! What is written, as the program understands it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay::domain::{Limit, Limits, Retention};
use secrecy::ExposeSecret as _;

use super::{EVERYTHING, PROJECT, check, read};
use crate::{
    config::{ConfigError, Database, Resolved, public_url},
    environment::Directories,
};

fn directories() -> Directories {
    Directories { config: "/c".into(), state: "/s".into(), data: "/d".into() }
}

fn resolve(text: &str) -> Result<Resolved, ConfigError> {
    read(text).resolve(Path::new("/etc/patchrelay.toml"), &directories())
}

#[track_caller]
fn sqlite_file(resolved: &Resolved) -> &Path {
    let Database::Sqlite(file) = &resolved.database else { panic!("{resolved:?}") };
    file
}

#[test]
fn a_postgres_database_is_taken_as_it_is_written() {
    for scheme in ["postgres", "postgresql"] {
        let url = format!("{scheme}://me:hunter2@db.test/app?sslmode=require");
        let resolved = resolve(&format!("[database]\nurl = {url:?}\nmax_connections = 3")).unwrap();
        let shown = format!("{resolved:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let Database::Postgres { url: taken, max_connections } = resolved.database else {
            panic!("{shown}")
        };
        assert_eq!((taken.expose_secret(), max_connections), (url.as_str(), 3));
    }
    let usual = resolve("[database]\nurl = \"postgres://db.test/app\"").unwrap();
    assert!(matches!(usual.database, Database::Postgres { max_connections: 10, .. }), "{usual:?}");
}

#[test]
fn numbers_and_places_reach_the_engine() {
    let resolved = resolve(EVERYTHING).unwrap();
    assert!(matches!(resolved.database, Database::Postgres { max_connections: 17, .. }));
    assert_eq!(resolved.data, PathBuf::from("/d"));
    let settings = &resolved.settings;
    assert_eq!(settings.max_concurrent_runs, 9);
    assert_eq!(settings.reconcile_every, Duration::from_secs(10));
    assert_eq!(settings.lease_ttl, Duration::from_secs(11));
    assert_eq!(settings.drain, Duration::from_secs(12));
    assert_eq!(settings.silence_timeout, Duration::from_secs(7));
    assert_eq!(settings.turn_timeout, Duration::from_secs(8));
    let seconds = Duration::from_secs;
    assert_eq!((settings.discover_every, settings.reread_every), (seconds(34), seconds(33)));
    let day = Duration::from_secs(86_400);
    assert_eq!(
        settings.retention,
        Retention { inbox: 17 * day, feed: 18 * day, worktrees: day * 20 / 24 }
    );
    assert_eq!(settings.min_free_bytes, 19);
    let project = &settings.projects[0];
    assert_eq!(project.base_branch.as_ref().unwrap().as_str(), "trunk");
    assert_eq!(project.branch_prefix, "bot");
    assert!(project.trust_hook);
    assert_eq!(project.max_concurrent_runs, 13);
    assert_eq!(project.budgets.implementation, 14);
    assert_eq!(project.budgets.recovery, 15);
    assert_eq!(project.budgets.ci_repair, 30);
    assert_eq!(project.budgets.queue_repair, 31);
    assert_eq!(project.budgets.review_fix, 32);
    assert_eq!(project.budgets.branch_upkeep, 0);
    assert_eq!(
        (&project.gate_checks, project.merge_queue_check.as_str()),
        (&vec!["G".to_owned()], "Q")
    );
    assert_eq!(project.budgets.continuations, 16);
    let limit = |max_tokens, max_turns, max_minutes| Limit { max_tokens, max_turns, max_minutes };
    let limits =
        Limits { run: limit(21, 22, 23), issue: limit(24, 25, 26), day: limit(27, 28, 29) };
    assert_eq!(project.limits, limits);
    assert_eq!(
        [
            &project.linear_teams,
            &project.linear_projects,
            &project.issue_key_prefixes,
            &project.labels
        ],
        [&["T".to_owned()], &["P".to_owned()], &["K".to_owned()], &["L".to_owned()]]
    );
    let trusted = &project.trusted;
    assert_eq!(trusted.ids, ["u-1"]);
    assert_eq!(trusted.emails, ["ada@acme.test"]);
    assert_eq!(trusted.email_domains, ["acme.test"]);
    assert_eq!(trusted.programs, ["bot-1"]);
    // A project's own word counts, also when it takes something back.
    assert!(project.protected_paths.is_empty() && !project.draft && !project.network);
    let place = &resolved.places[0];
    assert_eq!(place.remote_url.as_deref(), Some("ssh://git@host/acme/app.git"));
    assert_eq!(place.path, Some(PathBuf::from("/src/app")));
    assert_eq!(place.worktree_root, PathBuf::from("/worktrees"));
}

#[test]
fn what_a_project_leaves_out_comes_from_the_whole() {
    let resolved = resolve(&format!(
        "[scheduler]\nmax_concurrent_runs = 7\n[codex]\nnetwork = true\n[delivery]\ndraft = true\n{PROJECT}"
    ))
    .unwrap();
    assert_eq!(sqlite_file(&resolved), Path::new("/s/patchrelay.db"));
    let project = &resolved.settings.projects[0];
    assert_eq!(project.max_concurrent_runs, 7);
    assert!(project.network && project.draft && !project.trust_hook);
    assert!(project.protected_paths.contains(&".github/**".to_owned()));
    assert_eq!(project.branch_prefix, "app");
    assert_eq!(project.base_branch, None);
    let place = &resolved.places[0];
    assert_eq!((&place.remote_url, &place.path), (&None, &None));
    assert_eq!(place.worktree_root, PathBuf::from("/d/worktrees/app"));
    assert!(resolve("").unwrap().settings.projects.is_empty());
    assert_eq!(project.gate_checks, ["Tests", "verify"]);
    assert_eq!(project.merge_queue_check, "merge-steward/queue");
    let remote = |api_url: &str| {
        let resolved = resolve(&format!("[github]\napi_url = {api_url:?}\n{PROJECT}")).unwrap();
        resolved.places[0].usual_url.clone()
    };
    assert_eq!(remote("https://git.acme.test/api/v3"), "https://git.acme.test/acme/app.git");
    assert_eq!(remote("http://127.0.0.1:81"), "https://127.0.0.1:81/acme/app.git");
    let chosen = resolve("[database]\nurl = \"sqlite:///x.db\"").unwrap();
    assert_eq!(sqlite_file(&chosen), Path::new("/x.db"));
}

/// D10: a limit is off only by choice.
#[test]
fn what_may_be_spent_has_limits_unless_they_are_taken_away_one_by_one() {
    let limits =
        |text: &str| resolve(&format!("{text}{PROJECT}")).unwrap().settings.projects[0].limits;
    let usual = limits("");
    for limit in [usual.run, usual.issue, usual.day] {
        assert!(0 < limit.max_tokens && 0 < limit.max_turns && 0 < limit.max_minutes, "{limit:?}");
    }
    let run = Limit { max_tokens: 0, ..usual.run };
    assert_eq!(limits("[budgets.run]\nmax_tokens = 0\n"), Limits { run, ..usual });
}

#[test]
fn numbers_that_stop_everything_are_refused() {
    for key in [
        "scheduler.max_concurrent_runs",
        "scheduler.reconcile_seconds",
        "retention.inbox_days",
        "retention.feed_days",
        "scheduler.lease_seconds",
        "codex.request_timeout_seconds",
        "codex.startup_timeout_seconds",
        "codex.silence_seconds",
        "codex.turn_timeout_seconds",
        "ingress.max_body_bytes",
    ] {
        let (section, name) = key.split_once('.').unwrap();
        check(resolve(&format!("[{section}]\n{name} = 0")), key, "must be at least 1");
        // The largest that can be written is silly and does no harm.
        resolve(&format!("[{section}]\n{name} = {}", i64::MAX)).unwrap();
    }
    for (line, key) in [
        ("max_concurrent_runs = 0", "project[0].max_concurrent_runs"),
        ("[project.budgets]\nimplementation = 0", "project[0].budgets.implementation"),
        ("[project.budgets]\nrecovery = 0", "project[0].budgets.recovery"),
    ] {
        check(resolve(&format!("{PROJECT}{line}")), key, "must be at least 1");
    }
    // No time to drain and no continuation are choices.
    resolve(&format!(
        "[scheduler]\ndrain_seconds = 0\n{PROJECT}[project.budgets]\ncontinuations = 0"
    ))
    .unwrap();
}

#[test]
fn impossible_values_are_refused() {
    for (text, key, says) in [
        ("[database]\nurl = \"mysql://u@h/db\"", "database.url", "postgres://USER@HOST/DATABASE"),
        ("[database]\nmax_connections = 3", "database.max_connections", "PostgreSQL only"),
        (
            "[database]\nurl = \"postgres://u@h/db\"\nmax_connections = 0",
            "database.max_connections",
            "at least 1",
        ),
        ("[database]\nurl = \"/x.db\"", "database.url", "sqlite:///PATH"),
        ("[database]\nurl = \"sqlite://x.db\"", "database.url", "absolute path"),
        ("[database]\nurl = \"sqlite://\"", "database.url", "absolute path"),
        ("[linear]\napi_url = \"api.linear.app\"", "linear.api_url", "https://HOST/PATH"),
        ("[linear]\napi_url = \"\"", "linear.api_url", "https://HOST/PATH"),
        ("[github]\napi_url = \"file:///etc/passwd\"", "github.api_url", "https://HOST/PATH"),
        ("[codex]\ncommand = []", "codex.command", "must name a program"),
        ("[codex]\ncommand = [\"\"]", "codex.command", "must name a program"),
        ("[codex]\nhome = \"codex\"", "codex.home", "absolute path"),
        ("[codex]\neffort = \" \"", "codex.effort", "must not be empty"),
        ("[codex]\ndeny_read = [\"/a\", \"secrets\"]", "codex.deny_read[1]", "`~/`"),
        ("[telemetry]\nlog = \"info=loud\"", "telemetry.log", "`debug`"),
    ] {
        check(resolve(text), key, says);
    }
    resolve("[codex]\ndeny_read = [\"/a\", \"~/b\"]\n[telemetry]\nlog = \"warn,patchrelay_engine=trace\"").unwrap();
}

/// A key that is taken and does nothing would be a lie.
#[test]
fn what_is_not_there_yet_is_refused() {
    for (text, key, says) in [
        (
            "[linear]\noauth_url = \"https://linear.test\"",
            "linear.oauth_url",
            "LINEAR_ACCESS_TOKEN",
        ),
        ("[retention]\nobservations_days = 30", "retention.observations_days", "leave it at 0"),
        (
            "[telemetry]\notlp_endpoint = \"http://otel.test\"",
            "telemetry.otlp_endpoint",
            "leave it out",
        ),
        ("[delivery]\nauto_merge = \"when_approved\"", "delivery.auto_merge", "`off`"),
    ] {
        check(resolve(text), key, says);
    }
    let of_project = format!("{PROJECT}[project.delivery]\nauto_merge = \"when_approved\"");
    check(resolve(&of_project), "project[0].delivery.auto_merge", "yet");
}

#[test]
fn the_public_address_has_no_slash_at_its_end_and_holds_no_secret() {
    for (written, taken) in [
        ("https://relay.test", "https://relay.test"),
        ("https://relay.test/", "https://relay.test"),
        ("https://relay.test:8443/bot/", "https://relay.test:8443/bot"),
    ] {
        assert_eq!(public_url(written).as_deref(), Ok(taken));
    }
    for written in [
        "",
        "relay.test",
        "ftp://relay.test",
        "https://u:p@relay.test",
        "https://relay.test/?a=b",
        "https://",
    ] {
        check(
            resolve(&format!("[server]\npublic_url = {written:?}")),
            "server.public_url",
            "`https://HOST`",
        );
    }
}

#[test]
fn impossible_projects_are_refused() {
    let project = |id: &str, repo: &str, rest: &str| {
        format!("[[project]]\nid = {id:?}\nrepo = {repo:?}\n{rest}\n")
    };
    let fine = "issue_key_prefixes = [\"A\"]";
    for id in ["", "a b", "a/b", "..", "ä", "a.b"] {
        check(resolve(&project(id, "acme/app", fine)), "project[0].id", "letters, digits");
    }
    for repo in
        ["", "acme", "acme/", "/app", "acme/app/x", "https://github.com/acme/app", "acme/.."]
    {
        check(resolve(&project("app", repo, fine)), "project[0].repo", "`owner/name`");
    }
    let unreachable = project("app", "acme/app", "labels = [\"x\"]");
    check(resolve(&unreachable), "project[0].linear_teams", "at least one of linear_teams");
    for (rest, key, says) in [
        ("worktree_root = \"x\"", "project[0].worktree_root", "absolute path"),
        ("base_branch = \"\"", "project[0].base_branch", "leave it out"),
        ("branch_prefix = \"\"", "project[0].branch_prefix", "leave it out"),
        ("remote_url = \"\"", "project[0].remote_url", "leave it out"),
        ("gate_checks = []", "project[0].gate_checks", "at least one"),
        ("gate_checks = [\" \"]", "project[0].gate_checks", "none without a name"),
        ("merge_queue_check = \"\"", "project[0].merge_queue_check", "leave it out"),
        ("[project.codex]\nmodel = \"\"", "project[0].codex.model", "leave it out"),
        (
            "trusted_actors = { emails = [\"ada\"] }",
            "project[0].trusted_actors.emails",
            "`NAME@DOMAIN`",
        ),
        (
            "trusted_actors = { email_domains = [\"@acme.test\"] }",
            "project[0].trusted_actors.email_domains",
            "without the `@`",
        ),
        ("trusted_actors = { ids = [\"\"] }", "project[0].trusted_actors", "without blanks"),
    ] {
        check(resolve(&format!("{PROJECT}{rest}")), key, says);
    }
    // On some file systems both would have one directory.
    let twice = project("App", "acme/other", fine);
    check(resolve(&format!("{PROJECT}{twice}")), "project[1].id", "used by another project");
    assert_eq!(
        resolve(&format!("{PROJECT}{}", project("b", "acme/b", fine))).unwrap().places.len(),
        2
    );
}
