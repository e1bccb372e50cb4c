use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{Written, next_steps, write};
use crate::{config, environment::Environment, failure::Failure, secrets::Secrets, wire};

struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn below(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn environment(&self) -> Environment {
        Environment::of([("HOME".to_owned(), self.0.path().display().to_string())])
    }

    fn init(&self, address: Option<&str>, force: bool) -> Result<Written, Failure> {
        write(None, address, force, &self.environment())
    }

    fn config(&self) -> PathBuf {
        self.below(".config/patchrelay/patchrelay.toml")
    }

    fn secrets(&self) -> PathBuf {
        self.below(".config/patchrelay/patchrelay.env")
    }

    /// The environment of a service that is started with what was written.
    fn of_service(&self) -> Environment {
        let text = fs::read_to_string(self.secrets()).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let set = lines.map(|line| line.split_once('=').unwrap());
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = self.environment();
        let own = environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Environment::of(own.chain(set))
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_written_is_private_and_passes_the_check() {
    for (address, public_url) in [
        (None, None),
        (Some("relay.test"), Some("https://relay.test")),
        (Some("http://relay.test:81/bot/"), Some("http://relay.test:81/bot")),
    ] {
        let machine = Machine::new();
        machine.init(address, false).unwrap();
        for path in [machine.config(), machine.secrets()] {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        for path in [".config/patchrelay", ".local/state/patchrelay", ".local/share/patchrelay"] {
            assert_eq!(mode(&machine.below(path)), 0o700, "{path}");
        }
        let environment = machine.of_service();
        let config = config::load(&machine.config(), &environment).unwrap();
        assert_eq!(config.server.public_url.as_deref(), public_url);
        let secrets = Secrets::look_up(&environment).unwrap();
        wire::check(&config, &machine.config(), &secrets, &environment).unwrap();
        assert!(secrets.api_token.is_some() && secrets.github_webhook.is_some());
        assert!(secrets.github_token.is_none(), "that is the operator's to fill in");
        assert_eq!(secrets.remarks, Vec::<String>::new());
    }
}

#[test]
fn the_next_steps_name_every_place_and_no_secret() {
    let machine = Machine::new();
    let told = next_steps(&machine.init(Some("relay.test"), false).unwrap());
    for part in [
        "https://relay.test/webhooks/linear",
        "https://relay.test/webhooks/github",
        &machine.config().display().to_string(),
        &machine.secrets().display().to_string(),
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let environment = machine.of_service();
    assert!(!told.contains(environment.get("PATCHRELAY_API_TOKEN").unwrap()), "{told}");
    let again = next_steps(&machine.init(Some("relay.test"), true).unwrap());
    assert_eq!(again.matches(".old-1").count(), 2, "{again}");
}

#[test]
fn the_example_in_the_configuration_is_one_that_works() {
    let machine = Machine::new();
    machine.init(Some("relay.test"), false).unwrap();
    let text = fs::read_to_string(machine.config()).unwrap();
    let (head, example) = text.split_once("# [[project]]").unwrap();
    let text = format!("{head}[[project]]{}", example.replace("\n# ", "\n"));
    fs::write(machine.config(), text).unwrap();
    let config = config::load(&machine.config(), &machine.environment()).unwrap();
    assert_eq!(config.project[0].repo, "acme/app");
    config.resolve(&machine.config(), &machine.environment().directories().unwrap()).unwrap();
}

#[test]
fn secrets_are_new_each_time() {
    let (one, other) = (Machine::new(), Machine::new());
    one.init(None, false).unwrap();
    other.init(None, false).unwrap();
    let made_up = |machine: &Machine| {
        let environment = machine.of_service();
        ["GITHUB_WEBHOOK_SECRET", "PATCHRELAY_API_TOKEN"]
            .map(|name| environment.get(name).unwrap().to_owned())
    };
    let all = [made_up(&one), made_up(&other)].concat();
    assert!(all.iter().all(|secret| secret.len() == 64), "{all:?}");
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 4, "{all:?}");
}

#[test]
fn nothing_is_overwritten_and_force_keeps_the_old_files() {
    for there in ["patchrelay.toml", "patchrelay.env"] {
        let machine = Machine::new();
        let directory = machine.below(".config/patchrelay");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(there), "# mine\n").unwrap();
        let error = machine.init(None, false).unwrap_err();
        assert!(
            error.message().contains(there) && error.message().contains("--force"),
            "{error:?}"
        );
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing was written");

        machine.init(None, true).unwrap();
        machine.init(None, true).unwrap();
        let kept = fs::read_to_string(directory.join(format!("{there}.old-1"))).unwrap();
        assert_eq!(kept, "# mine\n");
        assert!(directory.join(format!("{there}.old-2")).exists());
    }
}

#[test]
fn an_address_that_nobody_can_reach_is_refused_before_anything_is_written() {
    let machine = Machine::new();
    for address in ["", "ftp://relay.test", "https://u:p@relay.test", "relay test"] {
        let error = machine.init(Some(address), false).unwrap_err();
        assert!(error.message().contains("https://HOST"), "{address}: {error:?}");
    }
    assert!(!machine.config().exists());
}
