use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use super::{Log, changes, read_again};
use crate::{
    config::{Config, parse},
    environment::Environment,
};

fn config(text: &str) -> Config {
    parse(text, Path::new("/x.toml"), &Environment::default()).unwrap()
}

const PROJECT: &str = "[[project]]\nid = \"app\"\nrepo = \"acme/app\"\nlinear_teams = [\"A\"]\n";

#[test]
fn each_key_that_differs_is_named_and_no_other() {
    for (before, after, keys) in [
        ("", "", vec![]),
        ("", "[server]\nport = 8787", vec![]),
        ("", "[server]\nport = 1\n[codex]\nmodel = \"m\"", vec!["codex.model", "server.port"]),
        ("[codex]\nmodel = \"m\"", "", vec!["codex.model"]),
        ("", "[codex]\ndeny_read = [\"/a\"]", vec!["codex.deny_read"]),
        (
            "[database]\nurl = \"postgres://u:one@h/db\"",
            "[database]\nurl = \"postgres://u:two@h/db\"",
            vec!["database.url"],
        ),
    ] {
        assert_eq!(changes(&config(before), &config(after)), keys, "{before} -> {after}");
    }
    let more = format!("{PROJECT}labels = [\"L\"]\n");
    assert_eq!(changes(&config(PROJECT), &config(&more)), ["project[0].labels"]);
    let added = changes(&config(""), &config(PROJECT));
    assert!(added.contains(&"project[0].id".to_owned()), "{added:?}");
}

#[test]
fn only_a_file_without_mistakes_changes_what_is_logged_and_not_what_the_command_line_chose() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let environment = Environment::of([("HOME".to_owned(), "/home/op".to_owned())]);
    let mut running = config("");
    let mut after = |text: &str, is_fixed: bool| {
        fs::write(file.path(), text).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let replace = move |filter: tracing_subscriber::EnvFilter| {
            note.lock().unwrap().push(filter.to_string());
            Ok(())
        };
        let log = Log { replace: Box::new(replace), is_fixed };
        read_again(file.path(), &environment, &mut running, &log);
        seen.lock().unwrap().clone()
    };
    assert_eq!(after("[telemetry]\nlog = \"warn\"", true), Vec::<String>::new());
    assert_eq!(after("[telemetry]\nlog = \"debug\"\nlgo = 1", false), Vec::<String>::new());
    assert_eq!(after("[telemetry]\nlog = \"debug=loud\"", false), Vec::<String>::new());
    assert_eq!(after("[telemetry]\nlog = \"debug\"", false), ["debug"]);
    assert_eq!(after("[telemetry]\nlog = \"debug\"", false), Vec::<String>::new(), "it is already");
}
