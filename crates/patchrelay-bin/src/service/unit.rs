//! The text of the systemd unit.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What a unit is written from. Every path is absolute.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// This program.
    pub(crate) program: PathBuf,
    /// The configuration.
    pub(crate) config: PathBuf,
    /// The file with secrets; it may be missing.
    pub(crate) secrets: PathBuf,
    /// Whom it runs as; nobody of its own in the user's own systemd.
    pub(crate) user: Option<User>,
    /// Variables that say where things are.
    pub(crate) environment: Vec<(String, String)>,
    /// The only places that it writes to. Those that are missing at the start stay read-only.
    pub(crate) writable: Vec<PathBuf>,
    /// How long it may take to stop, in seconds.
    pub(crate) stop_seconds: u64,
}

/// An account of the system.
#[derive(Clone, Debug)]
pub(crate) struct User {
    /// Its name.
    pub(crate) name: String,
    /// Its group.
    pub(crate) group: String,
}

/// What holds everywhere. The commands of the agent inherit it, and their sandbox makes namespaces of its own and mounts
/// `/proc` in them. So nothing is here that forbids namespaces, or that covers parts of `/proc`, with which the kernel
/// refuses such a mount: `RestrictNamespaces`, `ProtectKernelTunables`, `ProtectKernelLogs`, `ProtectHostname`,
/// `ProtectProc`, a filter of system calls.
const HARDENING: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
UMask=0077
";

impl Unit {
    /// The whole file.
    ///
    /// # Errors
    ///
    /// When a path or a variable cannot be written in a unit.
    pub(crate) fn text(&self) -> Result<String> {
        let program = argument(&shown(&self.program)?)?;
        let config = argument(&shown(&self.config)?)?;
        let secrets = specifiers(&shown(&self.secrets)?);
        let mut environment = String::new();
        for (name, value) in &self.environment {
            let set = quoted(&format!("{name}={value}")).with_context(|| format!("${name}"))?;
            environment.push_str(&format!("Environment={set}\n"));
        }
        let mut writable = String::new();
        for path in &self.writable {
            let path = quoted(&format!("-{}", shown(path)?))?;
            writable.push_str(&format!("ReadWritePaths={path}\n"));
        }
        let (network, user, target) = match &self.user {
            Some(User { name, group }) => (
                "Wants=network-online.target\nAfter=network-online.target\n",
                format!("User={name}\nGroup={group}\nCapabilityBoundingSet=\n"),
                "multi-user.target",
            ),
            // The user's own systemd knows no network, and the program waits for it by itself.
            None => ("", String::new(), "default.target"),
        };
        let stop_seconds = self.stop_seconds;
        Ok(format!(
            "\
# Written by `patchrelay service install`, which writes it anew with --force.
[Unit]
Description=PatchRelay, which turns delegated tickets into pull requests
{network}StartLimitIntervalSec=60
StartLimitBurst=8

[Service]
Type=exec
{user}ExecStart={program} --config {config} serve
ExecReload=/bin/kill -HUP $MAINPID
{environment}EnvironmentFile=-{secrets}
Restart=on-failure
RestartSec=5
# The program ends its agents by itself, each with all of its commands; what is left after that is killed.
KillMode=mixed
TimeoutStopSec={stop_seconds}
{HARDENING}{writable}
[Install]
WantedBy={target}
"
        ))
    }
}

fn shown(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// One word of a command line, in which systemd also replaces variables.
fn argument(text: &str) -> Result<String> {
    Ok(quoted(text)?.replace('$', "$$"))
}

/// One word, with whatever systemd gives a meaning to taken literally.
fn quoted(text: &str) -> Result<String> {
    ensure!(
        !text.contains(|c: char| c.is_control()),
        "`{text}` has characters that no unit may hold"
    );
    let literal = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{}\"", specifiers(&literal)))
}

fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests;
