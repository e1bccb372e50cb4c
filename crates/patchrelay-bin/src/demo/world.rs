//! The world of the demo: fakes, a small repository, a configuration file.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use patchrelay_testkit::{
    WebhookTarget,
    agent::{Script, Step},
    github::{FakeGithub, FakeGithubConfig},
    linear::{FakeIssue, FakeLinear, FakeLinearConfig},
};
use secrecy::SecretString;

use crate::{
    cli::DemoAgent, environment::Environment, failure::Failure, output::Output, secrets::Secrets,
};

const REPO: &str = "acme/greeter";
const GREETINGS: &str = "hello=Hello, %s!\ngoodbye=Goodbye, %s!\n";
const GREET: &str = "#!/bin/sh\n# Greets: greet.sh hello|goodbye NAME\nset -eu\nline=$(grep \"^$1=\" greetings.txt)\n\
    printf \"${line#*=}\\n\" \"$2\"\n";

/// The fakes and everything that the program is started with.
pub(super) struct World {
    pub(super) linear: FakeLinear,
    pub(super) github: FakeGithub,
    pub(super) secrets: Secrets,
    pub(super) environment: Environment,
    pub(super) config_path: PathBuf,
    linear_secret: String,
    github_secret: String,
}

impl World {
    pub(super) async fn start(
        directory: &Path,
        agent: DemoAgent,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        // Nobody but this process ever needs them.
        let secret = || uuid::Uuid::new_v4().simple().to_string();
        let (linear_secret, github_secret) = (secret(), secret());
        let (linear_token, github_token) = (secret(), secret());
        // The program's address is known only once it listens; until then nothing is sent.
        let nowhere = |secret: &str| WebhookTarget {
            url: "http://127.0.0.1:1/".to_owned(),
            secret: secret.to_owned(),
        };
        let linear = FakeLinear::start(FakeLinearConfig {
            webhook: nowhere(&linear_secret),
            token: linear_token.clone(),
            port: 0,
        })
        .await?;
        let github = FakeGithub::start(FakeGithubConfig {
            root: directory.join("github"),
            webhook: nowhere(&github_secret),
            token: github_token.clone(),
            port: 0,
        })
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
        let files = [
            ("README.md", "# Greeter\n\n`./greet.sh hello NAME`\n"),
            ("greetings.txt", GREETINGS),
            ("greet.sh", GREET),
        ];
        let remote = github
            .create_repository(REPO, &files)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;

        let environment = inside(directory, agent, environment);
        let directories = environment.directories()?;
        for path in
            [&directories.config, &directories.state, &directories.data, &directory.join("agent")]
        {
            std::fs::create_dir_all(path)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
        let codex = match agent {
            DemoAgent::Scripted => {
                let file = directories.config.join("script.json");
                let script = serde_json::to_vec_pretty(&script())
                    .map_err(|error| Failure::new(error.to_string()))?;
                std::fs::write(&file, script)?;
                scripted(&file, &directory.join("agent"))?
            }
            DemoAgent::Codex => "# The codex on the PATH, with its own home.\n[codex]\n".to_owned(),
        };
        let config_path = directories.config.join("patchrelay.toml");
        std::fs::write(&config_path, config(&linear, &github, &remote, &codex))?;
        let secrets = Secrets {
            linear_webhook: Some(SecretString::from(linear_secret.clone())),
            linear_access_token: Some(SecretString::from(linear_token)),
            github_webhook: Some(SecretString::from(github_secret.clone())),
            github_token: Some(SecretString::from(github_token)),
            ..Secrets::default()
        };
        Ok(Self { linear, github, secrets, environment, config_path, linear_secret, github_secret })
    }

    pub(super) fn send_webhooks_to(&self, address: SocketAddr) {
        let target = |source: &str, secret: &str| WebhookTarget {
            url: format!("http://{address}/webhooks/{source}"),
            secret: secret.to_owned(),
        };
        self.linear.send_webhooks_to(target("linear", &self.linear_secret));
        self.github.set_webhook(Some(target("github", &self.github_secret)));
    }

    pub(super) fn write_ticket(&self) -> FakeIssue {
        self.linear.create_issue(
            "Wish a good night",
            "`greet.sh` knows `hello` and `goodbye`. Please add `goodnight`.\n\n## Done when\n\n\
             - `./greet.sh goodnight Ada` prints `Good night, Ada!`\n- the README says so\n",
        )
    }

    /// Merges the pull request, and tells the commits before and after.
    pub(super) async fn merge(&self, number: u64) -> Result<Merged, Failure> {
        let failed =
            |error: patchrelay_testkit::github::FakeGithubError| Failure::new(error.to_string());
        let before = self.github.branch_head(REPO, "main").await.map_err(failed)?;
        let before =
            before.ok_or_else(|| Failure::new("the demo's repository has no branch main"))?;
        let after = self.github.merge(REPO, number).await.map_err(failed)?;
        Ok(Merged { number, before, after })
    }

    /// Prints what came out.
    pub(super) async fn summary(
        &self,
        merged: &Merged,
        ticket: &FakeIssue,
        output: &Output,
    ) -> Result<(), Failure> {
        let failed =
            |error: patchrelay_testkit::github::FakeGithubError| Failure::new(error.to_string());
        let diff = self.github.diff(REPO, &merged.before, &merged.after).await.map_err(failed)?;
        let pull_request = self.github.pull_request(REPO, merged.number).await.map_err(failed)?;
        let ticket = self.linear.issue(&ticket.key);
        let short = |sha: &str| sha.get(..10).unwrap_or(sha).to_owned();
        output.line(&format!(
            "\nPull request #{} \"{}\" is merged as {}, and ticket {} is {}.\n",
            merged.number,
            pull_request.title,
            short(&merged.after),
            ticket.key,
            ticket.state
        ))?;
        output.line(&diff)?;
        output.line("What Linear shows:")?;
        for activity in self.linear.activities(&ticket.key) {
            output.line(&format!(
                "  {:<9} {}",
                activity.kind,
                activity.text().replace('\n', " ")
            ))?;
        }
        Ok(())
    }
}

/// A merge, for showing it.
pub(super) struct Merged {
    number: u64,
    before: String,
    after: String,
}

/// The same environment, with every place of ours inside the demo's directory. Codex has its login in its own home.
fn inside(directory: &Path, agent: DemoAgent, environment: &Environment) -> Environment {
    let ours =
        [("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data")];
    let is_ours = |name: &str| {
        name.starts_with("PATCHRELAY")
            || (name == "CODEX_HOME" && agent == DemoAgent::Scripted)
            || ours.iter().any(|(variable, _)| *variable == name)
    };
    Environment::of(
        environment
            .iter()
            .filter(|(name, _)| !is_ours(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain(ours.map(|(name, below)| {
                (name.to_owned(), directory.join(below).display().to_string())
            })),
    )
}

/// What the scripted agent does.
fn script() -> Script {
    Script {
        turns: vec![vec![
            Step::Say("I add the line to greetings.txt and describe it in the README.".to_owned()),
            Step::Append { path: "greetings.txt".to_owned(), line: "goodnight=Good night, %s!".to_owned() },
            Step::Append { path: "README.md".to_owned(), line: "`./greet.sh goodnight NAME`".to_owned() },
            Step::Say("Both are done.".to_owned()),
        ]],
        reports: vec![patchrelay_testkit::agent::ReportAnswer::Report(patchrelay::domain::Report {
            outcome: patchrelay::domain::ReportOutcome::Done,
            summary: "Added the greeting `goodnight` and mentioned it in the README.".to_owned(),
            commit_subject: "Add a good-night greeting".to_owned(),
            commit_body: "greet.sh looks greetings up in greetings.txt, so one more line there is all it needs."
                .to_owned(),
            pr_title: "Add a good-night greeting".to_owned(),
            pr_body: "Adds `goodnight` to `greetings.txt` and to the README.".to_owned(),
            question: String::new(),
            resolved: Vec::new(),
        })],
        ..Script::default()
    }
}

/// The section of an agent that follows the script in this file.
fn scripted(script: &Path, home: &Path) -> Result<String, Failure> {
    let program = std::env::current_exe()?;
    Ok(format!(
        "[codex]\ncommand = [{}, \"scripted-agent\", \"--script\", {}]\nhome = {}\n",
        quoted_path(&program),
        quoted_path(script),
        quoted_path(home),
    ))
}

fn config(linear: &FakeLinear, github: &FakeGithub, remote: &Path, codex: &str) -> String {
    format!(
        "# Written by `patchrelay demo`. Only addresses and secrets differ from a real one.\n\
         [server]\nport = 0\n\n\
         [linear]\napi_url = {}\n\n\
         [github]\napi_url = {}\n\n\
         {codex}\n\
         [[project]]\nid = \"greeter\"\nrepo = {}\nremote_url = {}\nlinear_teams = [\"APP\"]\nissue_key_prefixes = [\"APP\"]\n",
        quoted(&linear.url()),
        quoted(&github.url()),
        quoted(REPO),
        quoted_path(remote),
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}
