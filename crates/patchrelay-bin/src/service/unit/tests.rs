use std::{fs, path::PathBuf, time::Duration};

use patchrelay_process::Command;

use super::{Unit, User};

fn unit(user: Option<User>) -> Unit {
    Unit {
        program: "/opt/patch relay/bin/patchrelay".into(),
        config: "/home/ada/.config/patchrelay/patchrelay.toml".into(),
        secrets: "/home/ada/.config/patchrelay/patchrelay.env".into(),
        user,
        environment: vec![("PATH".to_owned(), "/home/ada/bin:/usr/bin".to_owned())],
        writable: vec!["/home/ada/.local/state/patchrelay".into(), "/srv/work trees".into()],
        stop_seconds: 50,
    }
}

fn of_system() -> Option<User> {
    Some(User { name: "ada".to_owned(), group: "users".to_owned() })
}

#[test]
fn the_units_say_this() {
    insta::assert_snapshot!(unit(None).text().unwrap());
    insta::assert_snapshot!(unit(of_system()).text().unwrap());
}

#[test]
fn what_systemd_gives_a_meaning_to_is_taken_literally() {
    let mut odd = unit(None);
    odd.config = "/a\"b\\c%h$HOME".into();
    odd.secrets = "/s%h".into();
    odd.environment = vec![("PATH".to_owned(), "/x$y%z".to_owned())];
    let text = odd.text().unwrap();
    for line in [
        "ExecStart=\"/opt/patch relay/bin/patchrelay\" --config \"/a\\\"b\\\\c%%h$$HOME\" serve",
        "EnvironmentFile=-/s%%h",
        "Environment=\"PATH=/x$y%%z\"",
        "ReadWritePaths=\"-/srv/work trees\"",
    ] {
        assert!(text.lines().any(|written| written == line), "{line}: {text}");
    }
    odd.writable = vec![PathBuf::from("/a\nExecStartPre=/bin/sh")];
    assert!(odd.text().is_err());
}

/// What would break the sandbox of the agent's commands, which makes namespaces and mounts `/proc` in them.
#[test]
fn nothing_forbids_the_agent_its_sandbox() {
    for text in [unit(None).text().unwrap(), unit(of_system()).text().unwrap()] {
        for directive in [
            "RestrictNamespaces",
            "ProtectKernelTunables",
            "ProtectKernelLogs",
            "ProtectControlGroups",
            "ProtectHostname",
            "ProtectProc",
            "ProcSubset",
            "SystemCallFilter",
            "MemoryDenyWriteExecute",
        ] {
            assert!(!text.contains(directive), "{directive}: {text}");
        }
    }
}

#[tokio::test]
#[ignore = "needs systemd-analyze"]
async fn systemd_takes_every_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("patchrelay.service");
    let root = User { name: "root".to_owned(), group: "root".to_owned() };
    for (manager, user) in [("--user", None), ("--system", Some(root))] {
        let text = Unit { program: "/bin/true".into(), ..unit(user) }.text().unwrap();
        let complaints = async |text: &str| {
            fs::write(&file, text).unwrap();
            let verify = Command::new("systemd-analyze", directory.path())
                .args([manager, "verify"])
                .arg(&file)
                .env("PATH", "/usr/bin:/bin")
                .env("XDG_RUNTIME_DIR", directory.path());
            let output = verify.run(Duration::from_secs(60)).await.unwrap();
            assert!(output.status.success(), "{}", output.stderr);
            output.stderr
        };
        assert_eq!(complaints(&text).await, "", "{manager}");
        let wrong = complaints(&text.replace("PrivateTmp", "PrivateTemp")).await;
        assert!(wrong.contains("Unknown key 'PrivateTemp'"), "{wrong}");
    }
}
