//! Tests.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{places, without_links};
use crate::environment::Environment;

/// A home directory. Its own path leads through no link, so that a test can tell what was resolved.
struct Home {
    _directory: TempDir,
    path: PathBuf,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("home");
        fs::create_dir(&path).unwrap();
        Self { _directory: directory, path }
    }

    fn below(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn make(&self, name: &str) -> PathBuf {
        fs::create_dir_all(self.below(name)).unwrap();
        self.below(name)
    }

    fn environment(&self) -> Environment {
        Environment::of([("HOME".to_owned(), self.path.display().to_string())])
    }

    fn places(&self, own: &[PathBuf], configured: &[&str]) -> Vec<PathBuf> {
        let configured: Vec<_> = configured.iter().map(|place| (*place).to_owned()).collect();
        let found = places(&self.environment(), own.to_vec(), &configured, None).unwrap();
        found.into_iter().map(PathBuf::from).collect()
    }
}

#[test]
fn the_usual_places_of_credentials_are_in_the_home() {
    let home = Home::new();
    let found = home.places(&[], &[]);
    assert_eq!(found.len(), 9);
    for name in [".ssh", ".netrc", ".config/gh", ".cargo/credentials.toml"] {
        assert!(found.contains(&home.below(name)), "{name}: {found:?}");
    }
}

#[test]
fn a_place_inside_of_another_is_not_named_again() {
    let home = Home::new();
    let own = [home.below(".config/patchrelay"), home.below(".config/patchrelay/patchrelay.toml")];
    let found = home.places(&own, &[]);
    assert!(found.contains(&own[0]) && !found.contains(&own[1]), "{found:?}");
    let found = home.places(&own, &["~/.config"]);
    let in_config: Vec<_> =
        found.iter().filter(|place| place.starts_with(home.below(".config"))).collect();
    assert_eq!(in_config, [&home.below(".config")]);
    // A longer name is not inside of a shorter one.
    let found = home.places(&[home.below("a"), home.below("a-b"), home.below("a/b")], &[]);
    assert!(found.contains(&home.below("a-b")) && !found.contains(&home.below("a/b")), "{found:?}");
}

#[test]
fn links_are_followed() {
    let home = Home::new();
    let real = home.make("dotfiles/ssh");
    symlink(&real, home.below(".ssh")).unwrap();
    fs::write(home.below("dotfiles/npmrc"), "").unwrap();
    symlink("dotfiles/npmrc", home.below(".npmrc")).unwrap();
    symlink("gone", home.below(".netrc")).unwrap();
    let found = home.places(&[], &[]);
    assert!(found.contains(&real) && found.contains(&home.below("dotfiles/npmrc")), "{found:?}");
    for link in [".ssh", ".npmrc", ".netrc"] {
        assert!(!found.contains(&home.below(link)), "{link}: {found:?}");
    }
    // What does not exist yet is named where it would be.
    assert_eq!(without_links(&home.below(".ssh/new/key")), Some(real.join("new/key")));
    assert_eq!(without_links(&home.below(".netrc")), None);
    assert_eq!(without_links(&home.below(".netrc/x")), None);
    assert_eq!(without_links(Path::new("/")), Some(PathBuf::from("/")));
}

#[test]
fn two_names_of_one_place_are_one() {
    let home = Home::new();
    let real = home.make("real/inner");
    symlink(home.below("real"), home.below("link")).unwrap();
    let found = home.places(&[home.below("link/inner"), real.clone()], &["~/link/inner/file"]);
    assert_eq!(found.iter().filter(|place| place.starts_with(home.below("real"))).count(), 1);
    assert!(found.contains(&real), "{found:?}");
}

#[test]
fn the_agents_own_home_is_left_to_it() {
    let home = Home::new();
    let codex = home.make("codex");
    let inside = vec![codex.join("auth.json"), home.below("other")];
    let found = places(&home.environment(), inside, &[], Some(&codex)).unwrap();
    assert!(found.iter().all(|place| !Path::new(place).starts_with(&codex)), "{found:?}");
    assert!(found.contains(&home.below("other").display().to_string()), "{found:?}");

    let around = vec![home.path.clone()];
    let error = places(&home.environment(), around, &[], Some(&codex)).unwrap_err().to_string();
    assert!(error.contains("set codex.home to another directory"), "{error}");
}

#[test]
fn without_a_home_only_absolute_places_remain() {
    let configured = ["~/x".to_owned(), "/srv/secret".to_owned()];
    let found = places(&Environment::default(), [], &configured, None).unwrap();
    assert_eq!(found, ["/srv/secret"]);
}
