use patchrelay_codex::{Checkup, CodexConfig};

use super::{
    checks::{judged, publishers, trusted_hooks},
    *,
};
use crate::{config, environment::Environment};

fn well() -> Checkup {
    Checkup {
        version: Ok("codex-cli 0.169.0".to_owned()),
        configuration: Ok(()),
        login: Ok("Logged in".to_owned()),
        sandbox: Ok(()),
    }
}

fn grades(found: &Checkup, provider: Option<&str>) -> Vec<(&'static str, Grade)> {
    let mut config = CodexConfig::new(vec!["codex".to_owned()], "instance");
    config.model_provider = provider.map(str::to_owned);
    judged(found, &config).iter().map(|check| (check.check, check.result)).collect()
}

#[test]
fn an_agent_with_a_credential_is_warned_of() {
    let text = "[delivery]\npublisher = \"agent\"\n[[project]]\nid = \"app\"\nrepo = \"acme/app\"\nlinear_teams = [\"A\"]\n\
                [[project]]\nid = \"web\"\nrepo = \"acme/web\"\nlinear_teams = [\"B\"]\n[project.delivery]\npublisher = \"harness\"\n";
    let home = tempfile::tempdir().unwrap();
    let environment =
        Environment::of([("HOME".to_owned(), home.path().to_str().unwrap().to_owned())]);
    let path = home.path().join("patchrelay.toml");
    std::fs::write(&path, text).unwrap();
    let config = crate::config::load(&path, &environment).unwrap();
    let resolved = config.resolve(&path, &environment.directories().unwrap()).unwrap();
    let found = publishers(&resolved.settings.projects).expect("it is told");
    assert_eq!(found.result, Grade::Warn);
    assert!(found.detail.contains(" app ") && !found.detail.contains("web"), "{}", found.detail);
}

#[test]
fn what_codex_tells_is_judged() {
    let all_well: Vec<_> = ["codex", "codex.configuration", "codex.login", "codex.sandbox"]
        .map(|check| (check, Grade::Pass))
        .to_vec();
    assert_eq!(grades(&well(), None), all_well);
    let no = || Err("no".to_owned());
    let other = Checkup { version: Ok("codex-cli 0.170.1".to_owned()), ..well() };
    assert_eq!(grades(&other, None)[0], ("codex", Grade::Warn));
    let unknown_key = Checkup { configuration: Err("no".to_owned()), ..well() };
    assert_eq!(grades(&unknown_key, None)[1], ("codex.configuration", Grade::Warn));
    let logged_out = Checkup { login: no(), ..well() };
    assert_eq!(grades(&logged_out, None)[2], ("codex.login", Grade::Warn));
    assert_eq!(grades(&logged_out, Some("own")), all_well);
    let unconfined = Checkup { sandbox: Err("no".to_owned()), ..well() };
    assert_eq!(grades(&unconfined, None)[3], ("codex.sandbox", Grade::Fail));
    // Of a codex that is not there nothing else is said.
    let absent = Checkup { version: no(), ..unconfined };
    assert_eq!(grades(&absent, None), [("codex", Grade::Fail)]);
}

#[test]
fn a_hook_that_may_do_everything_is_warned_about_by_its_project() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("patchrelay.toml");
    let project = |id: &str, more: &str| {
        format!("[[project]]\nid = \"{id}\"\nrepo = \"acme/app\"\nlinear_teams = [\"T\"]\n{more}\n")
    };
    let text = project("one", "") + &project("two", "trust_hook = true");
    std::fs::write(&file, text).unwrap();
    let home = ("HOME".to_owned(), directory.path().display().to_string());
    let environment = Environment::of([home]);
    let config = config::load(&file, &environment).unwrap();
    let resolved = config.resolve(&file, &environment.directories().unwrap()).unwrap();
    let projects = resolved.settings.projects;
    let check = trusted_hooks(&projects).unwrap();
    assert_eq!((check.check, check.result), ("project.trust_hook", Grade::Warn));
    assert!(check.detail.ends_with("outside of the sandbox: `two`"), "{}", check.detail);
    assert_eq!(trusted_hooks(&projects[..1]), None);
}

#[test]
fn a_line_says_what_to_do() {
    assert_eq!(
        Check::pass("git", "git version 2.47").line(),
        "pass  git                   git version 2.47"
    );
    let failed = Check::fail("disk", "1 MiB free", "make room");
    assert_eq!(failed.line(), "FAIL  disk                  1 MiB free -> make room");
}
