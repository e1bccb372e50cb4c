use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::APP_SERVER;

/// A program of the name codex that answers like this.
fn codex(directory: &Path, script: &str) -> CodexConfig {
    let program = directory.join("codex");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let command = vec![program.display().to_string(), APP_SERVER.to_owned()];
    let mut config = CodexConfig::new(command, "instance");
    config.env = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    config.codex_home = Some(directory.join("home"));
    config
}

#[tokio::test]
async fn a_codex_that_is_well_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"case "$*" in
        --version) echo 'codex-cli 1.2.3' ;;
        'login status') echo 'WARNING: a warning' >&2; echo "Logged in at $CODEX_HOME" >&2 ;;
        'sandbox -- true' | 'app-server --strict-config --print-startup-config') ;;
        *) exit 9 ;;
    esac"#;
    let config = codex(directory.path(), script);
    let found = checkup(&config, directory.path()).await.unwrap();
    let home = directory.path().join("home");
    assert_eq!(
        found,
        Checkup {
            version: Ok("codex-cli 1.2.3".to_owned()),
            configuration: Ok(()),
            login: Ok(format!("Logged in at {}", home.display())),
            sandbox: Ok(()),
        }
    );
}

#[tokio::test]
async fn each_complaint_is_told_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"case "$*" in
        --version) echo 'codex-cli 1.2.3' ;;
        'login status') echo 'Not logged in' >&2; exit 1 ;;
        'sandbox -- true') echo 'bwrap: no permission' >&2; exit 1 ;;
        *) exit 7 ;;
    esac"#;
    let config = codex(directory.path(), script);
    let found = checkup(&config, directory.path()).await.unwrap();
    assert_eq!(found.login, Err("Not logged in".to_owned()));
    assert_eq!(found.sandbox, Err("bwrap: no permission".to_owned()));
    assert_eq!(found.configuration, Err("it ended with exit status: 7".to_owned()));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_by_name() {
    let mut config = CodexConfig::new(vec!["no-such-codex".to_owned(), APP_SERVER.to_owned()], "i");
    config.env = vec![("PATH".to_owned(), "/nowhere".to_owned())];
    let found = checkup(&config, Path::new("/")).await.unwrap();
    let version = found.version.unwrap_err();
    assert!(version.contains("no-such-codex"), "{version}");
}

#[tokio::test]
async fn a_command_that_is_no_codex_is_not_asked() {
    let config = CodexConfig::new(vec!["my-agent".to_owned()], "instance");
    assert_eq!(checkup(&config, Path::new("/")).await, None);
}
