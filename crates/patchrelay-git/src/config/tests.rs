use std::path::Path;

use super::*;
use crate::tests::world;

fn with_url(url: &str) -> Result<(), ConfigError> {
    let remote = RemoteConfig {
        url: url.to_owned(),
        token: None,
        worktree_root: PathBuf::from("/trees"),
        checkout: None,
    };
    world::config(Path::new("/"), remote).check()
}

#[test]
fn addresses_that_git_understands_are_taken() {
    for url in [
        "https://github.com/acme/app.git",
        "http://127.0.0.1:8080/acme/app",
        "ssh://git@example.com:22/acme/app.git",
        "git@github.com:acme/app.git",
        "file:///srv/app.git",
        "/srv/app.git",
    ] {
        assert_eq!(with_url(url), Ok(()), "{url}");
    }
}

#[test]
fn addresses_with_a_secret_a_program_or_an_option_are_refused() {
    for url in [
        "https://user:password@github.com/acme/app.git",
        "https://token@github.com/acme/app.git",
        "ssh://git:password@example.com/app.git",
        "ssh://-oProxyCommand=x/app.git",
        "-oProxyCommand=x:app.git",
        "ext::sh -c touch",
        "ext::touch",
        "file://relative/app.git",
        "https:///app.git",
        "ftp://example.com/app.git",
        "relative/app.git",
        "--upload-pack=touch",
        "https://example.com/a\nb",
        "",
    ] {
        assert!(matches!(with_url(url), Err(ConfigError::Address { .. })), "{url}");
    }
}

#[test]
fn a_refused_address_is_not_repeated() {
    let error =
        with_url("https://user:password@github.com/acme/app.git").expect_err("it has a password");
    assert!(!format!("{error} {error:?}").contains("password@"));
}

#[test]
fn a_token_goes_to_its_host_and_only_over_a_private_way() {
    let scope = |url: &str| {
        let remote = RemoteConfig {
            url: url.to_owned(),
            token: None,
            worktree_root: PathBuf::new(),
            checkout: None,
        };
        remote.token_scope().map(str::to_owned)
    };
    assert_eq!(scope("https://github.com/acme/app.git").as_deref(), Some("https://github.com"));
    assert_eq!(scope("http://127.0.0.1:8080/acme/app").as_deref(), Some("http://127.0.0.1:8080"));
    assert_eq!(scope("http://[::1]:8080/acme/app").as_deref(), Some("http://[::1]:8080"));
    assert_eq!(scope("http://example.com/acme/app"), None);
    assert_eq!(scope("ssh://git@github.com/acme/app.git"), None);
    assert_eq!(scope("/srv/app.git"), None);
}

#[test]
fn relative_paths_and_odd_project_names_are_refused() {
    let remote = || RemoteConfig {
        url: "/srv/app.git".to_owned(),
        token: None,
        worktree_root: PathBuf::from("/trees"),
        checkout: None,
    };
    let relative = world::config(Path::new("relative"), remote()).check();
    assert!(matches!(relative, Err(ConfigError::RelativePath { .. })));
    let trees = RemoteConfig { worktree_root: PathBuf::from("trees"), ..remote() };
    assert!(matches!(
        world::config(Path::new("/"), trees).check(),
        Err(ConfigError::RelativePath { .. })
    ));
    for project in ["..", "a/b", "", "a.b", "-a"] {
        let mut config = world::config(Path::new("/"), remote());
        config.remotes = HashMap::from([(ProjectId::new(project), remote())]);
        assert!(matches!(config.check(), Err(ConfigError::ProjectName { .. })), "{project}");
    }
}
