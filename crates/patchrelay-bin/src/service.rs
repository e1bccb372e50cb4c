//! `patchrelay service`: the systemd unit of this installation.

mod unit;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::unistd::{self, Uid};
use patchrelay_process::Command;

use self::unit::{Unit, User};
use crate::{
    cli::{ServiceCommand, UnitOptions},
    client,
    config::{self, Config, Database},
    environment::{Directories, Environment},
    failure::Failure,
    file,
    init::SECRETS_FILE,
    output::Output,
    secrets::Secrets,
    wire,
};

/// The name of the unit.
const UNIT: &str = "patchrelay.service";
/// Where systemd says that it runs this machine.
const RUNNING: &str = "/run/systemd/system";
/// How long systemd may take for one order. Starting and stopping are waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the program needs after its runs were drained: they are interrupted, settled and put away.
const STOP_SECONDS: u64 = 30;

/// Runs one of the commands.
pub(crate) async fn run(
    command: &ServiceCommand,
    flag: Option<&Path>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        ServiceCommand::Install { options, force, write_only } => {
            let systemd = Systemd::of(*options, environment);
            systemd.install(flag, *force, *write_only, output).await
        }
        ServiceCommand::Uninstall(options) => {
            Systemd::of(*options, environment).uninstall(output).await
        }
        ServiceCommand::Restart(options) => {
            Systemd::of(*options, environment).restart(output).await
        }
        ServiceCommand::Status(options) => {
            Systemd::of(*options, environment).status(flag, output).await
        }
        ServiceCommand::Logs { options, lines } => {
            Systemd::of(*options, environment).logs(*lines, output).await
        }
    }
}

/// The systemd of this user, or that of the machine.
struct Systemd<'a> {
    is_of_machine: bool,
    environment: &'a Environment,
    /// What is there when systemd runs.
    running: &'a Path,
}

impl<'a> Systemd<'a> {
    fn of(options: UnitOptions, environment: &'a Environment) -> Self {
        Self { is_of_machine: options.system, environment, running: Path::new(RUNNING) }
    }

    async fn install(
        &self,
        flag: Option<&Path>,
        force: bool,
        write_only: bool,
        output: &Output,
    ) -> Result<(), Failure> {
        if !write_only {
            self.must_run()?;
        }
        let unit = self.unit(flag)?;
        let unit_file = self.file()?;
        let text = unit.text()?;
        let is_same = fs::read_to_string(&unit_file).is_ok_and(|there| there == text);
        let mut kept = None;
        if !is_same {
            if file::is_there(&unit_file) && !force {
                return Err(Failure::conflict(format!(
                    "{} is there and says something else: --force writes it anew and keeps the old one beside it",
                    unit_file.display()
                )));
            }
            if let Some(directory) = unit_file.parent() {
                fs::create_dir_all(directory)
                    .with_context(|| format!("failed to make {}", directory.display()))?;
            }
            kept = file::keep(&unit_file)?;
            file::write_new(&unit_file, &text, 0o644)
                .map_err(|error| self.not_written(&error, flag))?;
        }
        if !write_only {
            self.systemctl(&["daemon-reload"]).await?;
            self.systemctl(&["enable", UNIT]).await?;
            self.systemctl(&["restart", UNIT]).await?;
        }
        if output.is_json() {
            return output.value(&serde_json::json!({
                "unit": unit_file, "written": !is_same, "kept": kept, "started": !write_only,
            }));
        }
        let mut lines = vec![match is_same {
            true => format!("{} is there already", unit_file.display()),
            false => format!("wrote {}", unit_file.display()),
        }];
        lines.extend(kept.map(|kept| format!("the old one is {} now", kept.display())));
        if write_only {
            let systemctl = self.systemctl_words().join(" ");
            lines.push(format!(
                "to start it: {systemctl} daemon-reload && {systemctl} enable --now {UNIT}"
            ));
        } else {
            lines.push("it is started, and starts with the machine".to_owned());
        }
        if !self.is_of_machine {
            lines.push(
                "without anybody logged in it runs only after: loginctl enable-linger".to_owned(),
            );
        }
        output.line(&lines.join("\n"))
    }

    async fn uninstall(&self, output: &Output) -> Result<(), Failure> {
        let unit_file = self.file()?;
        if !file::is_there(&unit_file) {
            return Err(Failure::not_found(format!(
                "there is no {}: nothing was done",
                unit_file.display()
            )));
        }
        self.must_run()?;
        self.systemctl(&["disable", "--now", UNIT]).await?;
        fs::remove_file(&unit_file)
            .with_context(|| format!("failed to remove {}", unit_file.display()))?;
        self.systemctl(&["daemon-reload"]).await?;
        self.say(output, &format!("stopped, and removed {}", unit_file.display()))
    }

    async fn restart(&self, output: &Output) -> Result<(), Failure> {
        self.must_run()?;
        self.systemctl(&["restart", UNIT]).await?;
        self.say(output, "restarted")
    }

    /// What systemd knows, and whether the service answers.
    async fn status(&self, flag: Option<&Path>, output: &Output) -> Result<(), Failure> {
        self.must_run()?;
        let properties =
            "--property=LoadState,ActiveState,SubState,MainPID,NRestarts,ActiveEnterTimestamp";
        let told = self.systemctl(&["show", UNIT, properties]).await?;
        let told: serde_json::Map<String, serde_json::Value> = told
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        if told.get("LoadState").is_some_and(|state| state == "not-found") {
            return Err(Failure::not_found(format!(
                "systemd knows no {UNIT}: install it with `patchrelay service install`"
            )));
        }
        let health = client::Service::of(flag, self.environment)?.health().await;
        if output.is_json() {
            output.value(&serde_json::json!({ "systemd": told, "answers": health.is_ok() }))?;
        } else {
            for (name, value) in &told {
                output.line(&format!("{name:<22}{}", value.as_str().unwrap_or_default()))?;
            }
            output.line(&format!(
                "{:<22}{}",
                "Answers",
                if health.is_ok() { "yes" } else { "no" }
            ))?;
        }
        health.map(drop)
    }

    async fn logs(&self, lines: u32, output: &Output) -> Result<(), Failure> {
        self.must_run()?;
        let lines = lines.to_string();
        let mut args = vec!["--no-pager", "--output=cat", "--lines", &lines];
        args.extend(if self.is_of_machine { ["--unit", UNIT] } else { ["--user-unit", UNIT] });
        output.line(self.run("journalctl", &args).await?.trim_end())
    }

    fn say(&self, output: &Output, what: &str) -> Result<(), Failure> {
        if output.is_json() {
            output.value(&serde_json::json!({ "done": what }))
        } else {
            output.line(what)
        }
    }

    /// On a machine without systemd nothing of this can be done.
    fn must_run(&self) -> Result<(), Failure> {
        if self.running.is_dir() {
            return Ok(());
        }
        Err(Failure::new(
            "systemd does not run on this machine: let what starts services here run `patchrelay serve`, or write the \
             unit alone with `patchrelay service install --write-only`",
        ))
    }

    /// Where the unit lies.
    fn file(&self) -> Result<PathBuf, Failure> {
        let directory = match (self.environment.get("PATCHRELAY_SYSTEMD_DIR"), self.is_of_machine) {
            (Some(chosen), _) => PathBuf::from(chosen),
            (None, true) => PathBuf::from("/etc/systemd/system"),
            (None, false) => {
                let ours = self.environment.directories()?.config;
                ours.parent().unwrap_or(&ours).join("systemd/user")
            }
        };
        Ok(directory.join(UNIT))
    }

    fn not_written(&self, error: &anyhow::Error, flag: Option<&Path>) -> Failure {
        let config = config::find(flag, self.environment)
            .ok()
            .and_then(|path| std::path::absolute(path).ok())
            .unwrap_or_default();
        let how = match self.is_of_machine && !Uid::effective().is_root() {
            true => format!(
                ": run it as root, such as sudo env PATH=\"$PATH\" patchrelay --config {} service install --system",
                config.display()
            ),
            false => String::new(),
        };
        Failure::new(format!("{error:#}{how}"))
    }

    fn unit(&self, flag: Option<&Path>) -> Result<Unit> {
        let path = config::find(flag, self.environment).map_err(anyhow::Error::from_boxed)?;
        let path = std::path::absolute(path)?;
        let (user, environment) = self.owner(&path)?;
        let config = config::load(&path, &environment)?;
        wire::check(&config, &path, &Secrets::default(), &environment)?;
        let directories = environment.directories().map_err(anyhow::Error::from_boxed)?;
        // What is missing when the service starts would be read-only for it.
        for directory in [&directories.state, &directories.data] {
            match &user {
                None => wire::make_private(directory)?,
                Some(User { name, .. }) => ensure!(
                    directory.is_dir(),
                    "{} is missing: make it as {name}, or let {name} run `patchrelay init`",
                    directory.display()
                ),
            }
        }
        Ok(Unit {
            program: std::env::current_exe().context("failed to find this program")?,
            secrets: path.with_file_name(SECRETS_FILE),
            writable: writable(&config, &path, &environment, &directories)?,
            config: path,
            user,
            environment: places(&environment),
            stop_seconds: config.scheduler.drain_seconds.saturating_add(STOP_SECONDS),
        })
    }

    /// Whom the machine's systemd runs it as: the owner of the configuration, with the places that he has by himself.
    fn owner(&self, config: &Path) -> Result<(Option<User>, Environment)> {
        if !self.is_of_machine {
            return Ok((None, self.environment.clone()));
        }
        let metadata = fs::metadata(config)
            .with_context(|| format!("failed to look at {}", config.display()))?;
        let uid = Uid::from_raw(metadata.uid());
        let account = unistd::User::from_uid(uid)?
            .with_context(|| format!("{} belongs to no account", config.display()))?;
        let group = unistd::Group::from_gid(account.gid)?
            .with_context(|| format!("the account {} has no group", account.name))?;
        let user = User { name: account.name, group: group.name };
        if uid == Uid::effective() {
            return Ok((Some(user), self.environment.clone()));
        }
        let home = account.dir.display().to_string();
        let path = self.environment.get("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin");
        let own = [("HOME", home.as_str()), ("PATH", path)];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok((Some(user), Environment::of(own)))
    }

    fn systemctl_words(&self) -> Vec<&'static str> {
        if self.is_of_machine { vec!["systemctl"] } else { vec!["systemctl", "--user"] }
    }

    async fn systemctl(&self, args: &[&str]) -> Result<String, Failure> {
        let words = self.systemctl_words();
        let args: Vec<_> = words[1..].iter().chain(args).copied().collect();
        self.run(words[0], &args).await
    }

    /// Runs one of systemd's commands, and gives what it printed.
    async fn run(&self, program: &str, args: &[&str]) -> Result<String, Failure> {
        let shown = format!("{program} {}", args.join(" "));
        // The last two are the way to the systemd of this user.
        let names = ["PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];
        let set = names.into_iter().filter_map(|name| Some((name, self.environment.get(name)?)));
        let ran = Command::new(program, "/").args(args).envs(set).run(PATIENCE).await;
        let ran = ran.map_err(|error| Failure::new(format!("`{shown}` was not run: {error}")))?;
        if !ran.status.success() {
            let said = ran.stderr.trim();
            return Err(Failure::new(format!("`{shown}` ended with {}: {said}", ran.status)));
        }
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    }
}

/// The variables that say where things are. None holds a secret: the unit can be read by everybody.
fn places(environment: &Environment) -> Vec<(String, String)> {
    let names = [
        "PATH",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_DATA_HOME",
        "CODEX_HOME",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let set = names.into_iter().filter_map(|name| Some((name, environment.get(name)?)));
    set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Everything that the service and the agent write to, outside of temporary directories.
fn writable(
    config: &Config,
    path: &Path,
    environment: &Environment,
    directories: &Directories,
) -> Result<Vec<PathBuf>> {
    let resolved = config.resolve(path, directories)?;
    let mut places = vec![directories.state.clone(), directories.data.clone()];
    if let Database::Sqlite(file) = &resolved.database {
        places.extend(file.parent().map(Path::to_owned));
    }
    for place in &resolved.places {
        places.push(place.worktree_root.clone());
        // A remote on this machine is pushed to.
        places.extend(place.remote_url.as_ref().map(PathBuf::from));
    }
    let home = environment.get("HOME").map(|home| Path::new(home).join(".codex"));
    let of_codex = environment.get("CODEX_HOME").map(PathBuf::from).or(home);
    places.extend(config.codex.home.clone().or(of_codex));
    let mut kept: Vec<PathBuf> = Vec::new();
    places.sort();
    for place in places.into_iter().filter(|place| place.is_absolute()) {
        if !kept.iter().any(|outer| place.starts_with(outer)) {
            kept.push(place);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
