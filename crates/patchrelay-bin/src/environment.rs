//! The process environment, read once.

use std::{collections::BTreeMap, path::PathBuf};

use patchrelay::ports::Cause;

/// The variables of this process, as they were at the start. The rest of the program asks this value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the variables of this process. Those that are not UTF-8 are none of ours.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub(crate) fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// An environment of exactly these variables.
    pub(crate) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The variables that the agent process gets: what programs need to run at all and to reach the model, and no
    /// secret of ours (D33).
    pub(crate) fn for_agent(&self) -> Vec<(String, String)> {
        self.only(&[BASIC, NETWORK])
    }

    /// The variables that git gets: the same, and the way to the operator's SSH agent.
    pub(crate) fn for_git(&self) -> Vec<(String, String)> {
        self.only(&[BASIC, NETWORK, &["SSH_AUTH_SOCK"]])
    }

    fn only(&self, names: &[&[&str]]) -> Vec<(String, String)> {
        let names = names.iter().copied().flatten();
        names.filter_map(|name| Some(((*name).to_owned(), self.get(name)?.to_owned()))).collect()
    }

    /// Where configuration, state and data lie, by the XDG rules.
    pub(crate) fn directories(&self) -> Result<Directories, Cause> {
        // A path that depends on where the program was started is none (XDG says so for its variables).
        let absolute = |variable: &str| {
            self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let home = absolute("HOME");
        let of = |variable: &str, below_home: &str| {
            absolute(variable)
                .or_else(|| Some(home.as_ref()?.join(below_home)))
                .map(|base| base.join("patchrelay"))
        };
        let directories = (|| {
            Some(Directories {
                config: of("XDG_CONFIG_HOME", ".config")?,
                state: of("XDG_STATE_HOME", ".local/state")?,
                data: of("XDG_DATA_HOME", ".local/share")?,
            })
        })();
        directories.ok_or_else(|| {
            "HOME is not set to an absolute path, so there is no place for state and data: set HOME"
                .into()
        })
    }
}

/// What programs need to run at all.
const BASIC: &[&str] = &[
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM",
    "TMPDIR",
];
/// What programs need to reach the outside from this machine.
const NETWORK: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Where things lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directories {
    /// Configuration.
    pub(crate) config: PathBuf,
    /// The database, logs.
    pub(crate) state: PathBuf,
    /// Clones and worktrees.
    pub(crate) data: PathBuf,
}

#[cfg(test)]
mod tests;
