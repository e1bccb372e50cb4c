//! Tests.

use std::{fs, path::Path};

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{Secrets, api_token, places};
use crate::environment::Environment;

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
        fs::write(&path, content).unwrap();
        let path = path.display().to_string();
        self.set(variable, &path)
    }

    /// Puts a credential into the directory, and lets the variable name it.
    fn credential(self, name: &str, content: &str) -> Self {
        let credentials = self.directory.path().join("credentials");
        fs::create_dir_all(&credentials).unwrap();
        fs::write(credentials.join(name), content).unwrap();
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
