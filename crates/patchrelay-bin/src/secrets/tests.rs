//! Tests.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{Secrets, api_token, places};
use crate::environment::Environment;

fn write_private(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    set_mode(path, 0o600);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A directory for credentials and variables that name it.
struct World {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a variable to the path of a file with this content.
    fn file(self, variable: &str, content: &[u8]) -> Self {
        let path = self.directory.path().join(variable);
        write_private(&path, content);
        let path = path.display().to_string();
        self.set(variable, &path)
    }

    /// Puts a credential into the directory, and lets the variable name it.
    fn credential(self, name: &str, content: &str) -> Self {
        let credentials = self.directory.path().join("credentials");
        fs::create_dir_all(&credentials).unwrap();
        write_private(&credentials.join(name), content.as_bytes());
        let credentials = credentials.display().to_string();
        self.set("CREDENTIALS_DIRECTORY", &credentials)
    }

    fn environment(&self) -> Environment {
        Environment::of(self.variables.clone())
    }

    fn github_token(&self) -> Option<String> {
        let secrets = Secrets::look_up(&self.environment()).unwrap();
        secrets.github_token.map(|token| token.expose_secret().to_owned())
    }

    fn error(&self) -> String {
        format!("{:#}", Secrets::look_up(&self.environment()).unwrap_err())
    }
}

#[test]
fn the_credentials_directory_comes_first_then_the_file_then_the_variable() {
    let world = World::new();
    assert_eq!(world.github_token(), None);
    let world = world.set("GITHUB_TOKEN", "from-variable");
    assert_eq!(world.github_token().as_deref(), Some("from-variable"));
    let world = world.file("GITHUB_TOKEN_FILE", b"from-file\n");
    assert_eq!(world.github_token().as_deref(), Some("from-file"));
    let world = world.credential("linear-access-token", "something else");
    assert_eq!(world.github_token().as_deref(), Some("from-file"));
    let world = world.credential("github-token", "from-credential\r\n");
    assert_eq!(world.github_token().as_deref(), Some("from-credential"));
}

#[test]
fn every_secret_has_its_name() {
    let world = [
        "LINEAR_WEBHOOK_SECRET",
        "LINEAR_ACCESS_TOKEN",
        "GITHUB_WEBHOOK_SECRET",
        "GITHUB_TOKEN",
        "PATCHRELAY_API_TOKEN",
    ]
    .iter()
    .fold(World::new(), |world, name| world.set(name, name));
    let secrets = Secrets::look_up(&world.environment()).unwrap();
    let value = |secret: &Option<secrecy::SecretString>| {
        secret.as_ref().unwrap().expose_secret().to_owned()
    };
    assert_eq!(value(&secrets.linear_webhook), "LINEAR_WEBHOOK_SECRET");
    assert_eq!(value(&secrets.linear_access_token), "LINEAR_ACCESS_TOKEN");
    assert_eq!(value(&secrets.github_webhook), "GITHUB_WEBHOOK_SECRET");
    assert_eq!(value(&secrets.github_token), "GITHUB_TOKEN");
    assert_eq!(value(&secrets.api_token), "PATCHRELAY_API_TOKEN");
    assert!(!format!("{secrets:?}").contains("LINEAR_ACCESS_TOKEN"), "{secrets:?}");
}

#[test]
fn the_webhook_secret_of_the_app_stands_in() {
    let app = World::new().set("GITHUB_APP_WEBHOOK_SECRET", "app");
    let webhook = |world: &World| {
        let secrets = Secrets::look_up(&world.environment()).unwrap();
        secrets.github_webhook.map(|secret| secret.expose_secret().to_owned())
    };
    assert_eq!(webhook(&app).as_deref(), Some("app"));
    assert_eq!(webhook(&app.set("GITHUB_WEBHOOK_SECRET", "own")).as_deref(), Some("own"));
}

#[test]
fn a_secret_keeps_its_inner_lines_and_blanks() {
    let world = World::new().file("GITHUB_TOKEN_FILE", b" line 1\nline 2 \n\n");
    assert_eq!(world.github_token().as_deref(), Some(" line 1\nline 2 "));
}

#[test]
fn an_empty_variable_is_no_secret() {
    let world = World::new().set("GITHUB_TOKEN", "").set("GITHUB_TOKEN_FILE", "");
    assert_eq!(world.github_token(), None);
}

/// Not a fall-back to the next place: somebody meant this one.
#[test]
fn a_file_that_cannot_be_used_is_an_error_that_names_it() {
    let fallback = || World::new().set("GITHUB_TOKEN", "s3cret-variable");
    for (world, reason) in [
        (fallback().set("GITHUB_TOKEN_FILE", "/nowhere/token"), "No such file"),
        (fallback().file("GITHUB_TOKEN_FILE", b"\n"), "it is empty"),
        (fallback().file("GITHUB_TOKEN_FILE", b"s3cret-\xff"), "it is not UTF-8"),
        (fallback().file("GITHUB_TOKEN_FILE", &[b's'; 65 * 1024]), "it has more than 65536 bytes"),
        (fallback().set("GITHUB_TOKEN_FILE", "/"), "directory"),
        (fallback().credential("github-token", ""), "it is empty"),
    ] {
        let error = world.error();
        assert!(error.starts_with("failed to read the secret GITHUB_TOKEN from /"), "{error}");
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(!error.contains("s3cret") && !error.contains("sss"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// Looking into it fails, so nobody knows whether there is one.
#[test]
fn a_credentials_directory_that_cannot_be_looked_into_is_an_error() {
    let world = World::new().file("NO_DIRECTORY", b"");
    let file = world.directory.path().join("NO_DIRECTORY").join("below");
    let world = world.set("GITHUB_TOKEN", "s3cret");
    let world = world.set("CREDENTIALS_DIRECTORY", &file.display().to_string());
    assert!(world.error().contains("Not a directory"), "{}", world.error());
}

#[test]
fn asking_the_service_needs_no_secret_but_its_token() {
    let world =
        World::new().set("LINEAR_WEBHOOK_SECRET_FILE", "/nowhere").set("PATCHRELAY_API_TOKEN", "t");
    assert!(Secrets::look_up(&world.environment()).is_err());
    let token = api_token(&world.environment()).unwrap().unwrap();
    assert_eq!(token.expose_secret(), "t");
}

#[test]
fn the_places_of_secrets_are_known() {
    let world = World::new()
        .file("GITHUB_TOKEN_FILE", b"x")
        .file("LINEAR_WEBHOOK_SECRET_FILE", b"x")
        .set("PATCHRELAY_API_TOKEN_FILE", "/dev/null")
        .set("LINEAR_ACCESS_TOKEN_FILE", "/nowhere")
        .credential("github-token", "x");
    let mut found = places(&world.environment());
    found.sort();
    let below = |name: &str| world.directory.path().join(name);
    let expected =
        [below("GITHUB_TOKEN_FILE"), below("LINEAR_WEBHOOK_SECRET_FILE"), below("credentials")];
    assert_eq!(found, expected);
    assert!(found.iter().all(|path| Path::is_absolute(path)));
}

#[test]
fn a_secret_that_everybody_can_use_is_refused_and_one_of_a_group_is_told() {
    for (mode, refused, told) in [
        (0o600, false, false),
        (0o400, false, false),
        (0o640, false, true),
        (0o440, false, true),
        (0o660, false, true),
        (0o644, true, false),
        (0o602, true, false),
        (0o777, true, false),
    ] {
        let world = World::new().file("GITHUB_TOKEN_FILE", b"s3cret");
        set_mode(&world.directory.path().join("GITHUB_TOKEN_FILE"), mode);
        match Secrets::look_up(&world.environment()) {
            Ok(secrets) => {
                assert!(!refused, "{mode:o}");
                assert_eq!(secrets.remarks.len(), usize::from(told), "{mode:o}");
                assert!(secrets.remarks.iter().all(|told| told.contains("chmod 600")));
            }
            Err(error) => {
                assert!(refused, "{mode:o}: {error:#}");
                let error = error.to_string();
                assert!(error.contains("chmod 600") && error.contains("GITHUB_TOKEN"), "{error}");
                assert!(!error.contains("s3cret"), "{error}");
            }
        }
    }
    // systemd lets the user of the service read by a bit of the group.
    let world = World::new().credential("github-token", "s3cret");
    let credential = world.directory.path().join("credentials/github-token");
    set_mode(&credential, 0o440);
    assert_eq!(Secrets::look_up(&world.environment()).unwrap().remarks, Vec::<String>::new());
    set_mode(&credential, 0o444);
    assert!(world.error().contains("chmod 600"), "{}", world.error());
}

#[test]
fn a_secret_that_nothing_reads_is_told_and_kept_secret() {
    let world = World::new().set("LINEAR_API_KEY", "s3cret").set("GITHUB_TOKEN", "other");
    let secrets = Secrets::look_up(&world.environment()).unwrap();
    assert_eq!(
        secrets.remarks,
        [
            "LINEAR_API_KEY is set and does nothing: a personal key has no app user: set LINEAR_ACCESS_TOKEN"
        ]
    );
    let all: Vec<_> = secrets.all().map(|(name, _)| name).collect();
    assert_eq!(all, ["GITHUB_TOKEN", "LINEAR_API_KEY"]);
}
