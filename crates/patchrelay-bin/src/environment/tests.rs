//! Tests.

use std::path::Path;

use super::Environment;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// What an operator may have set, secrets and all.
fn full() -> Environment {
    environment(&[
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/home/op"),
        ("LANG", "C.UTF-8"),
        ("HTTPS_PROXY", "http://proxy:3128"),
        ("no_proxy", "localhost"),
        ("SSL_CERT_FILE", "/etc/ca.pem"),
        ("SSH_AUTH_SOCK", "/run/agent.sock"),
        ("LINEAR_WEBHOOK_SECRET", "secret-1"),
        ("LINEAR_OAUTH_CLIENT_SECRET", "secret-2"),
        ("LINEAR_ACCESS_TOKEN", "secret-3"),
        ("LINEAR_API_KEY", "secret-4"),
        ("PATCHRELAY_TOKEN_ENCRYPTION_KEY", "secret-5"),
        ("GITHUB_WEBHOOK_SECRET", "secret-6"),
        ("GITHUB_APP_WEBHOOK_SECRET", "secret-7"),
        ("GITHUB_APP_PRIVATE_KEY", "secret-8"),
        ("GITHUB_TOKEN", "secret-9"),
        ("GH_TOKEN", "secret-10"),
        ("PATCHRELAY_API_TOKEN", "secret-11"),
        ("GITHUB_TOKEN_FILE", "/run/secrets/token"),
        ("CREDENTIALS_DIRECTORY", "/run/credentials"),
        ("PATCHRELAY__SERVER__PORT", "1"),
        ("OPENAI_API_KEY", "secret-12"),
        ("AWS_SECRET_ACCESS_KEY", "secret-13"),
        ("GIT_SSH_COMMAND", "ssh -v"),
        ("LD_PRELOAD", "/tmp/evil.so"),
    ])
}

#[test]
fn the_agent_and_git_get_a_built_environment() {
    let names = |variables: Vec<(String, String)>| {
        let mut names: Vec<_> = variables.into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    };
    let expected = ["HOME", "HTTPS_PROXY", "LANG", "PATH", "SSL_CERT_FILE", "no_proxy"];
    assert_eq!(names(full().for_agent()), expected);
    let mut expected = expected.to_vec();
    expected.push("SSH_AUTH_SOCK");
    expected.sort_unstable();
    assert_eq!(names(full().for_git()), expected);
}

#[test]
fn neither_gets_a_secret() {
    for variables in [full().for_agent(), full().for_git()] {
        for (name, value) in variables {
            assert!(!value.contains("secret") && !name.contains("CREDENTIALS"), "{name}={value}");
        }
    }
}

#[test]
fn an_empty_variable_is_not_set() {
    let environment = environment(&[("PATH", ""), ("HOME", "/home/op")]);
    assert_eq!(environment.get("PATH"), None);
    assert_eq!(environment.for_git(), [("HOME".to_owned(), "/home/op".to_owned())]);
}

#[test]
fn directories_follow_the_xdg_rules() {
    let places = |pairs: &[(&str, &str)]| {
        let directories = environment(pairs).directories().unwrap();
        [directories.config, directories.state, directories.data]
            .map(|path| path.display().to_string())
    };
    let defaults = [
        "/home/op/.config/patchrelay",
        "/home/op/.local/state/patchrelay",
        "/home/op/.local/share/patchrelay",
    ];
    assert_eq!(places(&[("HOME", "/home/op")]), defaults);
    let own = [("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s"), ("XDG_DATA_HOME", "/d")];
    let expected = ["/c/patchrelay", "/s/patchrelay", "/d/patchrelay"];
    assert_eq!(places(&own), expected);
    assert_eq!(places(&[own.as_slice(), &[("HOME", "/home/op")]].concat()), expected);
    // The XDG specification: a relative path is invalid and to be ignored.
    for relative in ["c", "./c", "~/c", ""] {
        let pairs = [("HOME", "/home/op"), ("XDG_CONFIG_HOME", relative)];
        assert_eq!(places(&pairs), defaults, "{relative:?}");
    }
}

#[test]
fn without_a_home_it_says_what_to_set() {
    for pairs in [&[][..], &[("HOME", "")], &[("HOME", "relative")], &[("XDG_DATA_HOME", "/d")]] {
        let error = environment(pairs).directories().unwrap_err().to_string();
        assert!(error.contains("set HOME"), "{pairs:?}: {error}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is compared with what the process has")]
fn the_process_has_its_variables() {
    let path = std::env::var("PATH").unwrap();
    assert_eq!(Environment::of_process().get("PATH"), Some(path.as_str()));
    assert!(Path::new(Environment::of_process().get("CARGO_MANIFEST_DIR").unwrap()).is_absolute());
}
