//! Tests.

use std::{io, path::PathBuf, process::ExitCode};

use anyhow::Context;

use super::Failure;
use crate::config::ConfigError;

#[test]
fn each_kind_has_its_exit_code() {
    let code = |failure: Failure| failure.exit_code();
    assert_eq!(code(Failure::new("x")), ExitCode::from(1));
    assert_eq!(code(Failure::not_found("x")), ExitCode::from(3));
    assert_eq!(code(Failure::conflict("x")), ExitCode::from(4));
    assert_eq!(code(Failure::unreachable("x")), ExitCode::from(5));
    let configuration = ConfigError::Missing { path: PathBuf::from("/x") };
    assert_eq!(code(configuration.into()), ExitCode::from(1));
}

#[test]
fn causes_are_told_once_each() {
    let denied = || io::Error::new(io::ErrorKind::PermissionDenied, "permission denied");
    let unreadable =
        ConfigError::Unreadable { path: PathBuf::from("/etc/x.toml"), source: denied().into() };
    assert_eq!(
        Failure::from(unreadable).message(),
        "failed to read /etc/x.toml: permission denied"
    );
    let context = Err::<(), _>(denied()).context("failed to open the door").unwrap_err();
    assert_eq!(Failure::from(context).message(), "failed to open the door: permission denied");
}

#[test]
fn a_configuration_with_two_mistakes_has_two_lines_also_from_afar() {
    let environment = crate::environment::Environment::default();
    let path = PathBuf::from("/x.toml");
    let error = || crate::config::parse("a = 1\nb = 1", &path, &environment).unwrap_err();
    let near = Failure::from(error());
    assert_eq!(near.messages().count(), 2);
    assert!(near.message().starts_with("/x.toml:1: a: "), "{near:?}");
    let afar = Failure::from(anyhow::Error::from(error()));
    assert_eq!(afar.messages().collect::<Vec<_>>(), near.messages().collect::<Vec<_>>());
}
