//! Tests of what is decided here: what each adapter is given, and why the program does not start.

use std::{fs, net::Ipv4Addr, path::PathBuf, sync::Arc};

use patchrelay::ports::{Ids, NoProbe};
use patchrelay_codex::{CodexConfig, Confinement};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{App, Parts, RandomIds, agent::agent_of, check, codex, patterns, unconfined};
use crate::{
    config::{self, Config},
    environment::Environment,
    failure::Failure,
    secrets::Secrets,
};

const PROJECT: &str =
    "[[project]]\nid = \"app\"\nrepo = \"acme/app\"\nissue_key_prefixes = [\"APP\"]\n";

/// A machine with a home, a configuration file and variables.
struct Machine {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("patchrelay.toml"), config).unwrap();
        let machine = Self { directory, variables: Vec::new() };
        let home = machine.below("");
        machine.set("HOME", &home.display().to_string()).set("PATH", "/usr/bin:/bin")
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path on this machine, as it is when every link is followed.
    fn below(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    fn environment(&self) -> Environment {
        Environment::of(self.variables.clone())
    }

    fn config_path(&self) -> PathBuf {
        self.directory.path().join("patchrelay.toml")
    }

    fn config(&self) -> Config {
        config::load(&self.config_path(), &self.environment()).unwrap()
    }

    fn codex(&self) -> CodexConfig {
        let (config, path, environment) = (self.config(), self.config_path(), self.environment());
        let directories = environment.directories().unwrap();
        let resolved = config.resolve(&path, &directories).unwrap();
        codex(&config, &path, &resolved, &environment, &directories).unwrap()
    }

    /// The line with which the configuration is refused.
    fn refusal(&self) -> String {
        let checked =
            check(&self.config(), &self.config_path(), &Secrets::default(), &self.environment());
        Failure::from(checked.unwrap_err()).message().to_owned()
    }

    /// The line with which the service does not start.
    async fn start(&self, secrets: Secrets) -> Result<App, String> {
        // Whichever test comes first.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let parts = Parts {
            config: &self.config(),
            config_path: &self.config_path(),
            secrets,
            environment: &self.environment(),
            probe: Arc::new(NoProbe),
            listener,
        };
        App::open(parts).await.map_err(|error| Failure::from(error).message().to_owned())
    }
}

fn secrets() -> Secrets {
    let secret = || Some(SecretString::from("s3cret"));
    Secrets { linear_access_token: secret(), github_token: secret(), ..Secrets::default() }
}

#[test]
fn the_agent_may_read_nothing_of_ours() {
    let machine = Machine::new(
        "[database]\nurl = \"sqlite:///srv/relay/x.db\"\n[codex]\ndeny_read = [\"~/mine\"]\n",
    );
    let token = machine.below("token");
    fs::write(&token, "s3cret").unwrap();
    let machine = machine.set("GITHUB_TOKEN_FILE", &token.display().to_string());
    let denied = machine.codex().deny_read;
    for place in [
        machine.below(".config/patchrelay"),
        machine.below(".local/state/patchrelay"),
        machine.below("patchrelay.toml"),
        machine.below(".ssh"),
        machine.below("mine"),
        token,
        PathBuf::from("/srv/relay/x.db"),
        PathBuf::from("/srv/relay/x.db-wal"),
        PathBuf::from("/srv/relay/x.db.copies"),
    ] {
        assert!(denied.contains(&place.display().to_string()), "{}: {denied:?}", place.display());
    }
}

#[test]
fn every_secret_of_the_process_is_kept_out_of_what_is_published() {
    let machine = Machine::new(
        "[database]\nurl = \"postgres://me:in-the-database@db.test/app\"\n\
         [codex]\nenv = { MODEL_KEY = \"in-the-config\", EDITOR = \"not-a-secret\" }\npass_env = [\"MODEL_TOKEN\", \"SHELL\"]\n",
    );
    let machine = machine.set("MODEL_TOKEN", "in-the-variable").set("SHELL", "/usr/bin/shell");
    let secret = |text: &str| Some(SecretString::from(text));
    let secrets = Secrets {
        linear_webhook: secret("linear-webhook"),
        linear_access_token: secret("linear-access"),
        github_webhook: secret("github-webhook"),
        github_token: secret("github-access"),
        api_token: secret("operator-access"),
        unread: vec![("GITHUB_APP_PRIVATE_KEY", SecretString::from("unread-key"))],
        remarks: Vec::new(),
    };
    let patterns = patterns(&machine.config(), &secrets, &machine.environment()).unwrap();
    for value in [
        "linear-webhook",
        "linear-access",
        "github-webhook",
        "github-access",
        "operator-access",
        "unread-key",
        "in-the-database",
        "in-the-config",
        "in-the-variable",
    ] {
        assert_eq!(patterns.find("a", value.as_bytes()).len(), 1, "{value}");
        assert!(!format!("{patterns:?}").contains(value), "{value}");
    }
    assert!(patterns.find("a", b"not-a-secret /usr/bin/shell").is_empty());
}

#[test]
fn the_agent_may_not_read_the_password_of_the_database() {
    let config = "[database]\nurl = \"postgres://me@db.test/app\"\n";
    let machine = Machine::new(config).set("PGPASSFILE", "/srv/relay/pgpass");
    let denied = machine.codex().deny_read;
    for place in [machine.below(".pgpass"), PathBuf::from("/srv/relay/pgpass")] {
        assert!(denied.contains(&place.display().to_string()), "{}: {denied:?}", place.display());
    }
    assert!(!denied.iter().any(|place| place.contains("patchrelay.db")), "{denied:?}");
}

#[test]
fn a_database_url_that_nobody_can_read_is_refused_and_not_shown() {
    let machine = Machine::new("[database]\nurl = \"postgres://me:hunter2@db.test:port/app\"\n");
    let refusal = machine.refusal();
    assert!(refusal.contains("database.url") && !refusal.contains("hunter2"), "{refusal}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let machine = Machine::new("[database]\nurl = \"postgres://me:hunter2@127.0.0.1:1/app\"\n");
    let error = machine.start(secrets()).await.err().unwrap();
    assert!(error.contains("postgres://127.0.0.1:1/app") && !error.contains("hunter2"), "{error}");
}

#[test]
fn the_agent_gets_no_secret_unless_somebody_says_so() {
    let machine = Machine::new("[codex]\npass_env = [\"MODEL_KEY\", \"UNSET\"]\nenv = { PATH = \"/opt/bin\", MORE = \"x\" }\n")
        .set("GITHUB_TOKEN", "s3cret")
        .set("LINEAR_ACCESS_TOKEN", "s3cret")
        .set("MODEL_KEY", "for the model");
    let env = machine.codex().env;
    assert!(env.iter().all(|(_, value)| value != "s3cret"), "{env:?}");
    // The last one of a name counts.
    let value =
        |name: &str| env.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(value("MODEL_KEY"), Some("for the model"));
    assert_eq!(value("PATH"), Some("/opt/bin"));
    assert_eq!(value("MORE"), Some("x"));
    assert_eq!(value("UNSET"), None);
}

#[test]
fn a_project_chooses_its_own_agent() {
    let machine = Machine::new(&format!(
        "[codex]\nmodel = \"m\"\neffort = \"low\"\nmcp = true\ndeveloper_instructions = \"Be brief.\"\n{PROJECT}\
         [project.codex]\nmodel = \"n\"\nsandbox = \"danger-full-access\"\n"
    ));
    let (config, usual) = (machine.config(), machine.codex());
    assert_eq!(usual.developer_instructions.as_deref(), Some("Be brief."));
    assert_eq!((usual.mcp, usual.confinement), (true, Confinement::Profile));
    let own = agent_of(&config.project[0], &usual);
    assert_eq!((own.model.as_deref(), own.effort.as_deref()), (Some("n"), Some("low")));
    assert_eq!((own.mcp, own.confinement), (true, Confinement::Off));
    assert_eq!(unconfined(&config).collect::<Vec<_>>(), ["app"]);
}

#[test]
fn codex_has_the_home_that_is_chosen() {
    let machine = Machine::new("");
    assert_eq!(machine.codex().codex_home, None);
    let own = machine.below(".codex");
    fs::create_dir(&own).unwrap();
    assert_eq!(machine.codex().codex_home.as_deref(), Some(own.as_path()));
    let machine = machine.set("CODEX_HOME", "/srv/codex");
    assert_eq!(machine.codex().codex_home, Some(PathBuf::from("/srv/codex")));
    fs::write(machine.config_path(), "[codex]\nhome = \"/opt/codex\"\n").unwrap();
    assert_eq!(machine.codex().codex_home, Some(PathBuf::from("/opt/codex")));
}

#[test]
fn what_only_an_adapter_knows_is_checked_too() {
    let remote = |url: &str| Machine::new(&format!("{PROJECT}remote_url = \"{url}\"\n")).refusal();
    let credential = remote("https://s3cret@github.com/acme/app.git");
    assert!(
        credential.contains("project `app`") && credential.contains("user or a password"),
        "{credential}"
    );
    assert!(!credential.contains("s3cret"), "{credential}");
    assert!(credential.contains("patchrelay.toml:5: project[0].remote_url: "), "{credential}");
    assert!(remote("ext::sh -c true").contains("project `app`"));
    assert!(remote("../app.git").contains("project `app`"));

    let machine = Machine::new("");
    let inside = machine.below(".config/patchrelay/codex").display().to_string();
    fs::write(machine.config_path(), format!("[codex]\nhome = {inside:?}\n")).unwrap();
    assert!(machine.refusal().contains("set codex.home"), "{}", machine.refusal());
}

/// Reading the file does not look at the disk; starting does.
#[tokio::test]
async fn a_checkout_that_is_none_keeps_the_program_from_starting() {
    let machine = Machine::new("");
    let place = machine.below("src").display().to_string();
    fs::write(machine.config_path(), format!("{PROJECT}path = {place:?}\n")).unwrap();
    let (config, path, environment) =
        (machine.config(), machine.config_path(), machine.environment());
    check(&config, &path, &Secrets::default(), &environment).unwrap();
    let error = machine.start(secrets()).await.err().unwrap();
    assert!(error.contains("path of project `app`") && error.contains(&place), "{error}");
    assert!(error.contains("name the directory of a checkout"), "{error}");
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let machine = Machine::new(PROJECT);
    let error = |started: Result<App, String>| started.err().unwrap();
    let linear = error(machine.start(Secrets { linear_access_token: None, ..secrets() }).await);
    assert!(linear.starts_with("LINEAR_ACCESS_TOKEN is not set: "), "{linear}");
    let github = error(machine.start(Secrets { github_token: None, ..secrets() }).await);
    assert!(github.starts_with("GITHUB_TOKEN is not set: "), "{github}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_sent_is_refused_and_not_shown() {
    let machine = Machine::new(PROJECT);
    let broken = || Some(SecretString::from("s3cret\nand more"));
    for secrets in [
        Secrets { linear_access_token: broken(), ..secrets() },
        Secrets { github_token: broken(), ..secrets() },
    ] {
        let error = machine.start(secrets).await.err().unwrap();
        assert!(error.contains("characters") && !error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn an_open_bind_without_a_token_does_not_start() {
    let machine = Machine::new("[server]\nbind = \"0.0.0.0\"\n");
    let error = machine.start(secrets()).await.err().unwrap();
    assert!(error.contains("set PATCHRELAY_API_TOKEN, or bind to 127.0.0.1"), "{error}");
    let token = Some(SecretString::from("t0ken"));
    machine.start(Secrets { api_token: token, ..secrets() }).await.unwrap();
}

#[tokio::test]
async fn a_database_has_one_service() {
    let machine = Machine::new(PROJECT);
    let first = machine.start(secrets()).await.unwrap();
    let error = machine.start(secrets()).await.err().unwrap();
    assert!(error.contains("another serve uses the database"), "{error}");
    drop(first);
    machine.start(secrets()).await.unwrap();
}

#[tokio::test]
async fn a_data_directory_has_one_service() {
    let machine = Machine::new(PROJECT);
    let first = machine.start(secrets()).await.unwrap();
    let elsewhere = machine.below("other.db").display().to_string();
    fs::write(machine.config_path(), format!("[database]\nurl = \"sqlite://{elsewhere}\"\n"))
        .unwrap();
    let error = machine.start(secrets()).await.err().unwrap();
    assert!(error.contains("another serve uses the data directory"), "{error}");
    drop(first);
    machine.start(secrets()).await.unwrap();
}

#[test]
fn ids_are_what_their_readers_ask_for() {
    let version = |id: &str| uuid::Uuid::parse_str(id).unwrap().get_version_num();
    assert_eq!(version(&RandomIds.random()), 4);
    assert_eq!(version(&RandomIds.sortable()), 7);
    assert!(RandomIds.sortable() < RandomIds.sortable());
}
