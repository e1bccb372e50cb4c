use std::path::Path;

use super::{presentable, with_sources, without_credential};
use crate::{
    config::{Config, parse},
    environment::Environment,
};

#[test]
fn credentials_in_addresses_are_not_shown() {
    for (written, shown) in [
        ("https://token@github.com/acme/app.git", "https://***@github.com/acme/app.git"),
        ("https://user:p@ss@github.com/acme/app.git", "https://***@github.com/acme/app.git"),
        ("https://user:pass@host?x=a@b", "https://***@host?x=a@b"),
        ("http://user:@127.0.0.1:1/", "http://***@127.0.0.1:1/"),
        ("postgres://user:pass@host/db", "postgres://***@host/db"),
        ("ssh://git:pass@host/acme/app.git", "ssh://***@host/acme/app.git"),
        // None of these holds a secret.
        ("ssh://git@host/acme/app.git", "ssh://git@host/acme/app.git"),
        ("git@github.com:acme/app.git", "git@github.com:acme/app.git"),
        ("https://github.com/acme/app@v1.git", "https://github.com/acme/app@v1.git"),
        ("https://github.com/a:b@c", "https://github.com/a:b@c"),
        ("/srv/a@b.git", "/srv/a@b.git"),
        ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
        ("", ""),
    ] {
        assert_eq!(without_credential(written), shown, "{written}");
    }
}

#[test]
fn what_is_shown_of_a_configuration_holds_no_secret() {
    let config: Config = toml::from_str(
        r#"
        [database]
        url = "postgres://u:s3cret@host/db"
        [server]
        public_url = "https://u:s3cret@relay.test"
        [linear]
        api_url = "https://s3cret@linear.test/graphql"
        [github]
        api_url = "https://u:s3cret@github.test"
        [codex]
        env = { KEY = "s3cret", OTHER = "" }
        pass_env = ["NAME"]
        [[project]]
        id = "app"
        repo = "acme/app"
        remote_url = "https://x:s3cret@github.test/acme/app.git"
        "#,
    )
    .unwrap();
    let shown = presentable(config);
    for text in [toml::to_string(&shown).unwrap(), serde_json::to_string(&shown).unwrap()] {
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("(set)") && text.contains("NAME"), "{text}");
    }
}

#[test]
fn what_is_shown_says_who_set_it() {
    let port = ("PATCHRELAY__SERVER__PORT".to_owned(), "9000".to_owned());
    let shown = |text: &str| {
        let config = parse(text, Path::new("/x.toml"), &Environment::of([port.clone()])).unwrap();
        let text = toml::to_string(&presentable(config.clone())).unwrap();
        (with_sources(&text, &config.origins), text)
    };
    let (with, _) =
        shown("[codex]\nmodel = \"m\"\n[[project]]\nid = \"app\"\nrepo = \"acme/app\"\n");
    for line in [
        "port = 9000  # PATCHRELAY__SERVER__PORT",
        "model = \"m\"  # line 2",
        "id = \"app\"  # line 4",
        "request_timeout_seconds = 30",
    ] {
        assert!(with.lines().any(|shown| shown == line), "{line}: {with}");
    }
    // No remark finds its way into a text of several lines.
    let text = "[codex]\ndeveloper_instructions = \"\"\"\na = 1\nb\"\"\"\n";
    let (with, without) = shown(text);
    assert_eq!(with.parse::<toml::Table>().unwrap(), without.parse::<toml::Table>().unwrap());
}
