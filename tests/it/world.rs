//! A world for the built program: a fake Linear, a fake GitHub, a directory, and the program as a child process.

use std::{
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::Pid};
use patchrelay_process::{Child, Command, Output};
use patchrelay_store::SqlStore;
use patchrelay_testkit::{
    WebhookTarget,
    agent::{ReportAnswer, Script, Step},
    github::{FakeGithub, FakeGithubConfig, FakePullRequest},
    linear::{FakeLinear, FakeLinearConfig},
};
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{Instant, timeout},
};

use crate::postgres::Server;

/// The program that the tests run.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_patchrelay-under-test");
/// The repository of the world's project.
pub(crate) const REPO: &str = "acme/app";
/// Longer than anything here takes, on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const LINEAR_SECRET: &str = "linear-signing-secret";
pub(crate) const GITHUB_SECRET: &str = "github-signing-secret";
pub(crate) const LINEAR_TOKEN: &str = "linear-token";
/// What the program has for the forge.
pub(crate) const GITHUB_TOKEN: &str = "github-token";

/// Everything around the program, and the program while it runs.
pub(crate) struct World {
    pub(crate) linear: FakeLinear,
    pub(crate) github: FakeGithub,
    directory: TempDir,
    /// The database on a server, if it is not a file of the directory.
    database: Option<Server>,
    service: Option<Service>,
}

/// What the program keeps its memory in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file of its own.
    Sqlite,
    /// A database of its own on the PostgreSQL server that the tests were given.
    Postgres,
}

/// The program while it runs.
pub(crate) struct Service {
    child: Child,
    url: String,
}

impl Service {
    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks it.
    pub(crate) async fn get(&self, path: &str) -> Value {
        client().get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// Sends it a signal, and nobody else.
    pub(crate) fn signal(&self, signal: Signal) {
        nix::sys::signal::kill(self.pid(), signal).unwrap();
    }

    /// Whether a signal has stopped it.
    pub(crate) fn is_frozen(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // The state comes after the name, which may hold anything.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Waits for its end after SIGKILL.
    pub(crate) async fn killed(mut self) {
        self.signal(Signal::SIGKILL);
        assert_eq!(self.child.wait().await.unwrap().signal(), Some(9));
    }

    /// Asks it to stop, and waits for it.
    pub(crate) async fn stopped(mut self) {
        let status = self.child.kill_group(PATIENCE).await.unwrap();
        assert!(status.success(), "{status}: {}", self.child.stderr_tail());
    }

    /// The last of what it said.
    pub(crate) fn said(&self) -> String {
        self.child.stderr_tail()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id().expect("it runs")).unwrap())
    }
}

impl World {
    /// A world whose agent follows a script.
    pub(crate) async fn new(script: &Script) -> Self {
        Self::on(Database::Sqlite, script).await
    }

    /// The same, with this database.
    pub(crate) async fn on(database: Database, script: &Script) -> Self {
        let directory = directory();
        let file = directory.path().join("script.json");
        let command = [PROGRAM, "scripted-agent", "--script", file.to_str().unwrap()];
        let mut world = Self::with_agent(directory, &command, "").await;
        if database == Database::Postgres {
            let server = Server::with_database().await;
            world.configure(&format!("[database]\nurl = {}\n", quoted(&server.url)));
            world.database = Some(server);
        }
        world.follow(script);
        world
    }

    /// Adds these lines to the configuration.
    pub(crate) fn configure(&self, more: &str) {
        let config = self.path("patchrelay.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(config, format!("{text}{more}")).unwrap();
    }

    /// Lets go of what lies outside of the world's directory.
    pub(crate) async fn over(self) {
        if let Some(server) = &self.database {
            server.drop_database().await;
        }
    }

    /// Lets the agent follow another script from its next start on.
    pub(crate) fn follow(&self, script: &Script) {
        std::fs::write(self.path("script.json"), serde_json::to_vec(script).unwrap()).unwrap();
    }

    /// A world in this directory whose agent is this command, with these further lines in `[codex]`. The agent's home
    /// is `agent`.
    pub(crate) async fn with_agent(directory: TempDir, agent: &[&str], codex: &str) -> Self {
        crypto_provider();
        let nowhere = |secret: &str| WebhookTarget {
            url: "http://127.0.0.1:1/".to_owned(),
            secret: secret.to_owned(),
        };
        let linear = FakeLinear::start(FakeLinearConfig {
            webhook: nowhere(LINEAR_SECRET),
            token: LINEAR_TOKEN.to_owned(),
            port: 0,
        })
        .await
        .unwrap();
        let github = FakeGithub::start(FakeGithubConfig {
            root: directory.path().join("github"),
            webhook: nowhere(GITHUB_SECRET),
            token: GITHUB_TOKEN.to_owned(),
            port: 0,
        })
        .await
        .unwrap();
        let remote = github
            .create_repository(REPO, &[("README.md", "# App\n"), ("a.txt", "one\n")])
            .await
            .unwrap();
        for name in ["agent", "home"] {
            std::fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let command: Vec<_> = agent.iter().map(|part| quoted(part)).collect();
        let text = format!(
            "[server]\nport = 0\n[linear]\napi_url = {}\n[github]\napi_url = {}\n\
             [scheduler]\nreconcile_seconds = 1\n[codex]\ncommand = [{}]\nhome = {}\n{codex}\n\
             [[project]]\nid = \"app\"\nrepo = \"{REPO}\"\nremote_url = {}\nissue_key_prefixes = [\"APP\"]\n",
            quoted(&linear.url()),
            quoted(&github.url()),
            command.join(", "),
            quoted(&directory.path().join("agent").display().to_string()),
            quoted(&remote.display().to_string()),
        );
        std::fs::write(directory.path().join("patchrelay.toml"), text).unwrap();
        Self { linear, github, directory, database: None, service: None }
    }

    /// A path in the world's directory.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    /// The program with these arguments, in this world.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        self.in_world(Command::new(PROGRAM, self.directory.path()).args(args))
    }

    fn in_world(&self, command: Command) -> Command {
        self.on_node(command, "")
    }

    /// The service as another node of this world, with directories of its own below this one, and this variable.
    pub(crate) async fn node(&self, name: &str, variable: Option<(&str, &str)>) -> Service {
        let command = Command::new(PROGRAM, self.directory.path()).args(["serve", "--json"]);
        let command = self.on_node(command, name);
        let command = match variable {
            Some((name, value)) => command.env(name, value),
            None => command,
        };
        launch(command).await.unwrap_or_else(|stderr| panic!("the node ended: {stderr}"))
    }

    fn on_node(&self, command: Command, node: &str) -> Command {
        let below = |name: &str| self.path(node).join(name);
        command
            .env("PATH", path_variable())
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", below("config"))
            .env("XDG_STATE_HOME", below("state"))
            .env("XDG_DATA_HOME", below("data"))
            .env("PATCHRELAY_CONFIG", self.path("patchrelay.toml"))
            .env("LINEAR_WEBHOOK_SECRET", LINEAR_SECRET)
            .env("LINEAR_ACCESS_TOKEN", LINEAR_TOKEN)
            .env("GITHUB_WEBHOOK_SECRET", GITHUB_SECRET)
            .env("GITHUB_TOKEN", GITHUB_TOKEN)
    }

    /// Runs the program with these arguments to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        self.program(args).run(PATIENCE).await.unwrap()
    }

    /// Runs the program with these arguments, and reads what it prints as JSON.
    pub(crate) async fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args).await;
        assert!(output.status.success(), "{args:?}: {}", output.stderr);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts the service, and points the webhooks of both fakes at it.
    pub(crate) async fn serve(&mut self) {
        self.start(self.program(&["serve", "--json"])).await;
    }

    /// The same on this port.
    pub(crate) async fn serve_on(&mut self, port: &str) {
        self.start(self.program(&["serve", "--json", "--port", port])).await;
    }

    /// Starts the service without the secrets of webhooks, so that it is told nothing.
    pub(crate) async fn serve_unheard(&mut self) {
        let program = self.program(&["serve", "--json"]);
        let program = program.env("LINEAR_WEBHOOK_SECRET", "").env("GITHUB_WEBHOOK_SECRET", "");
        self.start(program).await;
    }

    /// The same as [`Self::serve`], and lets it kill itself at a place. Tells whether it came up before.
    pub(crate) async fn try_serve(&mut self, crash_at: Option<&str>) -> bool {
        let program = self.program(&["serve", "--json"]);
        let program = match crash_at {
            Some(place) => program.env(patchrelay_tests::CRASH_AT, place),
            None => program,
        };
        self.try_start(program).await.is_ok()
    }

    /// The same, logging everything into this file.
    pub(crate) async fn serve_logging(&mut self, log: &Path) {
        let script = format!("exec {PROGRAM} -vv serve --json 2>{}", log.display());
        self.start(self.in_world(Command::new("sh", self.directory.path()).args(["-c", &script])))
            .await;
    }

    async fn start(&mut self, program: Command) {
        if let Err(stderr) = self.try_start(program).await {
            panic!("the service ended: {stderr}");
        }
    }

    /// Starts the service, or tells what it said before it ended.
    async fn try_start(&mut self, program: Command) -> Result<(), String> {
        assert!(self.service.is_none(), "one service at a time");
        let service = launch(program).await?;
        self.send_webhooks_to(&service);
        // The configured port is 0, so commands that ask the service are told where it is.
        let config = self.path("patchrelay.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let port = service.url.rsplit_once(':').unwrap().1;
        let first = text.lines().next().unwrap().to_owned();
        let rest: Vec<_> = text.lines().skip(2).collect();
        std::fs::write(
            self.path("asked.toml"),
            format!("{first}\nport = {port}\n{}\n", rest.join("\n")),
        )
        .unwrap();
        self.service = Some(service);
        Ok(())
    }

    /// Lets both fakes send their webhooks there.
    pub(crate) fn send_webhooks_to(&self, service: &Service) {
        let target = |source: &str, secret: &str| WebhookTarget {
            url: format!("{}/webhooks/{source}", service.url),
            secret: secret.to_owned(),
        };
        self.linear.send_webhooks_to(target("linear", LINEAR_SECRET));
        self.github.set_webhook(Some(target("github", GITHUB_SECRET)));
    }

    /// The address of the running service.
    pub(crate) fn url(&self) -> &str {
        &self.service.as_ref().expect("the service runs").url
    }

    /// Asks the running service.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.service.as_ref().expect("the service runs").get(path).await
    }

    /// Asks the running service with a command.
    pub(crate) async fn ask(&self, args: &[&str]) -> Output {
        let asked = self.path("asked.toml");
        let args: Vec<_> =
            args.iter().copied().chain(["--config", asked.to_str().unwrap()]).collect();
        self.run(&args).await
    }

    /// Whether the service has killed itself; then it is gone.
    pub(crate) async fn has_crashed(&mut self) -> bool {
        let service = self.service.as_mut().expect("the service runs");
        let Ok(status) = timeout(Duration::ZERO, service.child.wait()).await else { return false };
        assert_eq!(status.unwrap().signal(), Some(9), "{}", service.child.stderr_tail());
        self.service = None;
        true
    }

    /// The processes that belong to this world, by their environment.
    pub(crate) fn processes(&self) -> Vec<String> {
        self.processes_with(&self.directory.path().display().to_string())
    }

    /// The processes whose environment holds this.
    pub(crate) fn processes_with(&self, text: &str) -> Vec<String> {
        let ours = text.as_bytes();
        let table = std::fs::read_dir("/proc").unwrap();
        let is_ours = |process: &Path| {
            // One that ends meanwhile is none.
            std::fs::read(process.join("environ"))
                .is_ok_and(|environ| environ.windows(ours.len()).any(|part| part == ours))
        };
        table
            .map(|entry| entry.unwrap().path())
            .filter(|process| is_ours(process))
            .map(|process| std::fs::read_to_string(process.join("cmdline")).unwrap_or_default())
            .collect()
    }

    /// Sends the service a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.service.as_ref().expect("the service runs").signal(signal);
    }

    /// The last of what the service logged.
    pub(crate) fn log(&self) -> String {
        self.service.as_ref().expect("the service runs").said()
    }

    /// Kills the service with SIGKILL, and nothing else.
    pub(crate) async fn kill(&mut self) {
        self.service.take().expect("the service runs").killed().await;
    }

    /// Asks the service to stop, and waits for it.
    pub(crate) async fn stop(&mut self) {
        assert!(self.try_stop().await, "the service killed itself");
    }

    /// The same. `false`: the service killed itself before it was asked, or while it stopped.
    pub(crate) async fn try_stop(&mut self) -> bool {
        let mut service = self.service.take().expect("the service runs");
        let asked = Instant::now();
        let status = service.child.kill_group(PATIENCE).await.unwrap();
        // Who has to be killed after that time did not do it.
        let killed_itself = status.signal() == Some(9) && asked.elapsed() < PATIENCE;
        assert!(status.success() || killed_itself, "{status}: {}", service.child.stderr_tail());
        status.success()
    }

    /// The database, while no service runs.
    pub(crate) async fn store(&self) -> SqlStore {
        assert!(self.service.is_none(), "the service has the database");
        match &self.database {
            Some(server) => SqlStore::postgres(&SecretString::from(server.url.as_str())).await,
            None => SqlStore::sqlite(&self.path("state/patchrelay/patchrelay.db")).await,
        }
        .unwrap()
    }

    /// Waits for the pull request, and until the issue has no run any more.
    pub(crate) async fn pull_request(&self, key: &str) -> FakePullRequest {
        self.issue(key, |issue| issue["pr"]["number"].is_u64() && issue["active_run"].is_null())
            .await;
        self.github.wait_for_pull_request(REPO).await.unwrap()
    }

    /// Waits until what the service knows of an issue is like this.
    pub(crate) async fn issue(&self, key: &str, like: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/issues/{key}");
        let mut last = Value::Null;
        let seen = timeout(PATIENCE, async {
            let mut look = tokio::time::interval(Duration::from_millis(50));
            loop {
                look.tick().await;
                last = self.get(&path).await;
                if like(&last) {
                    return;
                }
            }
        });
        if seen.await.is_err() {
            let stderr = self
                .service
                .as_ref()
                .map(|service| service.child.stderr_tail())
                .unwrap_or_default();
            panic!("the issue did not become so: {last:#}\n{stderr}");
        }
        last
    }

    /// Waits until this holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let seen = timeout(PATIENCE, async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            while !holds() {
                look.tick().await;
            }
        });
        if seen.await.is_err() {
            let stderr = self
                .service
                .as_ref()
                .map(|service| service.child.stderr_tail())
                .unwrap_or_default();
            panic!("never: {what}\n{stderr}");
        }
    }
}

/// Starts the service, or tells what it said before it ended.
async fn launch(program: Command) -> Result<Service, String> {
    let mut child = program.spawn().unwrap();
    let mut lines = BufReader::new(child.take_stdout().unwrap()).lines();
    let mut text = String::new();
    loop {
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .expect("the service says its address")
            .unwrap();
        let Some(line) = line else { return Err(child.stderr_tail()) };
        text.push_str(&line);
        if let Ok(said) = serde_json::from_str::<Value>(&text) {
            let url = format!("http://{}", said["address"].as_str().unwrap());
            return Ok(Service { child, url });
        }
    }
}

/// A text as it is written in a configuration.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A script that changes a file and reports so.
pub(crate) fn small_change() -> Script {
    changes(vec![vec![
        Step::Write { path: "a.txt".to_owned(), content: "two\n".to_owned() },
        Step::Say("done".to_owned()),
    ]])
}

/// A script with these work turns, and a report of success after each.
pub(crate) fn changes(turns: Vec<Vec<Step>>) -> Script {
    let report = patchrelay_domain::Report {
        outcome: patchrelay_domain::ReportOutcome::Done,
        summary: "Changed what was asked for.".to_owned(),
        commit_subject: "Change it".to_owned(),
        commit_body: String::new(),
        pr_title: "Change it".to_owned(),
        pr_body: String::new(),
        question: String::new(),
        resolved: Vec::new(),
    };
    Script { turns, reports: vec![ReportAnswer::Report(report)], ..Script::default() }
}

/// A client that no proxy of the machine comes between.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// Where git and a shell are.
pub(crate) fn path_variable() -> &'static str {
    option_env!("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin")
}

/// Runs git in a directory and gives what it prints.
pub(crate) async fn git(directory: &Path, args: &[&str]) -> String {
    let command = Command::new("git", directory).args(args).env("PATH", path_variable());
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").run(PATIENCE).await.unwrap();
    assert!(output.status.success(), "{args:?}: {}", output.stderr);
    String::from_utf8(output.stdout).unwrap()
}

/// An empty directory for a world.
pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new().prefix("patchrelay-it-").tempdir().unwrap()
}

/// Chooses who encrypts, for every client in this process.
pub(crate) fn crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
}
