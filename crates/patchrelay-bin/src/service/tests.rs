//! Against a `systemctl` and a `journalctl` that write down what they are asked.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{Systemd, writable};
use crate::{cli::UnitOptions, config, environment::Environment, failure::Failure, output::Output};

struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for directory in ["bin", "run", ".config/patchrelay"] {
            fs::create_dir_all(machine.below(directory)).unwrap();
        }
        machine.configure("");
        for program in ["systemctl", "journalctl"] {
            machine.program(program, "echo LoadState=loaded; echo ActiveState=active");
        }
        machine
    }

    fn below(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn configure(&self, text: &str) {
        fs::write(self.below(".config/patchrelay/patchrelay.toml"), text).unwrap();
    }

    /// Puts a program there that writes down its arguments before it does this.
    fn program(&self, name: &str, then: &str) {
        let path = self.below("bin").join(name);
        let calls = self.below("calls");
        let text = format!("#!/bin/sh\necho \"{name} $*\" >> {}\n{then}\n", calls.display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn environment(&self) -> Environment {
        let path = format!("{}:/usr/bin:/bin", self.below("bin").display());
        let home = self.0.path().display().to_string();
        Environment::of([("HOME".to_owned(), home), ("PATH".to_owned(), path)])
    }

    /// What was asked meanwhile.
    async fn asked<T>(
        &self,
        what: impl AsyncFnOnce(Systemd<'_>) -> Result<T, Failure>,
    ) -> (Result<T, Failure>, Vec<String>) {
        drop(fs::remove_file(self.below("calls")));
        let (environment, running) = (self.environment(), self.below("run"));
        let systemd = Systemd {
            running: &running,
            ..Systemd::of(UnitOptions { system: false }, &environment)
        };
        let done = what(systemd).await;
        let calls = fs::read_to_string(self.below("calls")).unwrap_or_default();
        (done, calls.lines().map(str::to_owned).collect())
    }

    async fn install(&self, force: bool, write_only: bool) -> (Result<(), Failure>, Vec<String>) {
        let output = Output::new(false);
        self.asked(async |systemd| systemd.install(None, force, write_only, &output).await).await
    }

    fn unit(&self) -> PathBuf {
        self.below(".config/systemd/user/patchrelay.service")
    }
}

const START: [&str; 3] = [
    "systemctl --user daemon-reload",
    "systemctl --user enable patchrelay.service",
    "systemctl --user restart patchrelay.service",
];

#[tokio::test]
async fn the_unit_is_written_started_and_removed() {
    let machine = Machine::new();
    let (done, calls) = machine.install(false, false).await;
    done.unwrap();
    assert_eq!(calls, START);
    let unit = fs::read_to_string(machine.unit()).unwrap();
    let config = machine.below(".config/patchrelay/patchrelay.toml");
    assert!(unit.contains(&format!("--config \"{}\" serve", config.display())), "{unit}");
    assert!(machine.below(".local/share/patchrelay").is_dir(), "it would be read-only later");
    // The second time there is nothing to write.
    let (done, calls) = machine.install(false, false).await;
    done.unwrap();
    assert_eq!(calls, START);

    let output = Output::new(false);
    let (done, calls) = machine.asked(async |systemd| systemd.uninstall(&output).await).await;
    done.unwrap();
    assert_eq!(
        calls,
        ["systemctl --user disable --now patchrelay.service", "systemctl --user daemon-reload"]
    );
    assert!(!machine.unit().exists());
    let (done, calls) = machine.asked(async |systemd| systemd.uninstall(&output).await).await;
    assert!(done.unwrap_err().message().contains("nothing was done"));
    assert_eq!(calls, Vec::<String>::new());
}

#[tokio::test]
async fn a_unit_of_somebody_else_is_kept() {
    let machine = Machine::new();
    fs::create_dir_all(machine.unit().parent().unwrap()).unwrap();
    fs::write(machine.unit(), "# mine\n").unwrap();
    let (done, calls) = machine.install(false, false).await;
    assert!(done.unwrap_err().message().contains("--force"));
    assert_eq!(calls, Vec::<String>::new());
    assert_eq!(fs::read_to_string(machine.unit()).unwrap(), "# mine\n");
    let (done, calls) = machine.install(true, true).await;
    done.unwrap();
    assert_eq!(calls, Vec::<String>::new(), "only written");
    let kept = machine.unit().with_file_name("patchrelay.service.old-1");
    assert_eq!(fs::read_to_string(kept).unwrap(), "# mine\n");
}

#[tokio::test]
async fn what_systemd_refuses_is_told_with_its_words() {
    let machine = Machine::new();
    machine.program("systemctl", "echo 'Access denied' >&2; exit 4");
    let (done, calls) = machine.install(false, false).await;
    let error = done.unwrap_err();
    assert!(error.message().contains("systemctl --user daemon-reload"), "{error:?}");
    assert!(error.message().ends_with("Access denied"), "{error:?}");
    assert_eq!(calls, [START[0]]);
}

#[tokio::test]
async fn a_configuration_with_a_mistake_is_not_installed() {
    let machine = Machine::new();
    machine.configure("[server]\nprot = 1\n");
    let (done, calls) = machine.install(false, false).await;
    assert!(done.unwrap_err().message().contains("server.prot"));
    assert!(calls.is_empty() && !machine.unit().exists(), "{calls:?}");
}

#[tokio::test]
async fn without_systemd_only_the_file_can_be_written() {
    let machine = Machine::new();
    fs::remove_dir(machine.below("run")).unwrap();
    let (done, _) = machine.install(false, false).await;
    assert!(done.unwrap_err().message().starts_with("systemd does not run on this machine: "));
    assert!(!machine.unit().exists());
    let output = Output::new(false);
    let (done, _) = machine.asked(async |systemd| systemd.restart(&output).await).await;
    assert!(done.unwrap_err().message().starts_with("systemd does not run"));
    machine.install(false, true).await.0.unwrap();
    assert!(machine.unit().exists());
}

#[tokio::test]
async fn the_status_says_also_whether_the_service_answers() {
    let machine = Machine::new();
    machine.configure("[server]\nport = 1\n");
    let output = Output::new(false);
    let (done, calls) = machine.asked(async |systemd| systemd.status(None, &output).await).await;
    assert_eq!(done.unwrap_err().exit_code(), std::process::ExitCode::from(5));
    assert!(calls[0].starts_with("systemctl --user show patchrelay.service"), "{calls:?}");
    machine.program("systemctl", "echo LoadState=not-found");
    let (done, _) = machine.asked(async |systemd| systemd.status(None, &output).await).await;
    assert!(done.unwrap_err().message().contains("patchrelay service install"));
}

#[tokio::test]
async fn the_last_lines_of_the_log_are_asked_for() {
    let machine = Machine::new();
    let output = Output::new(false);
    let (done, calls) = machine.asked(async |systemd| systemd.logs(7, &output).await).await;
    done.unwrap();
    assert_eq!(
        calls,
        ["journalctl --no-pager --output=cat --lines 7 --user-unit patchrelay.service"]
    );
}

#[test]
fn the_service_may_write_where_it_keeps_things_and_nowhere_else() {
    let machine = Machine::new();
    machine.configure(
        "[database]\nurl = \"sqlite:///srv/db/relay.db\"\n[codex]\nhome = \"/srv/codex\"\n\
         [[project]]\nid = \"a\"\nrepo = \"acme/a\"\nlinear_teams = [\"A\"]\nremote_url = \"/srv/git/a.git\"\n\
         worktree_root = \"/srv/trees\"\n[[project]]\nid = \"b\"\nrepo = \"acme/b\"\nlinear_teams = [\"B\"]\n",
    );
    let environment = machine.environment();
    let path = machine.below(".config/patchrelay/patchrelay.toml");
    let config = config::load(&path, &environment).unwrap();
    let directories = environment.directories().unwrap();
    let mut expected: Vec<PathBuf> =
        ["/srv/codex", "/srv/db", "/srv/git/a.git", "/srv/trees"].map(PathBuf::from).to_vec();
    expected.extend([directories.data.clone(), directories.state.clone()]);
    expected.sort();
    let found = writable(&config, Path::new("/x"), &environment, &directories).unwrap();
    assert_eq!(found, expected);
}
