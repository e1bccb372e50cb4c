//! `patchrelay init`: a configuration, a file for secrets, and what to do next.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    config::{self, public_url},
    environment::Environment,
    failure::Failure,
    file::{is_there, keep, write_new},
    output::Output,
    wire,
};

/// The name of the file with secrets, beside the configuration.
pub(crate) const SECRETS_FILE: &str = "patchrelay.env";

/// What was written, and where webhooks come in.
#[derive(Debug, Serialize)]
struct Written {
    config: PathBuf,
    secrets: PathBuf,
    /// Where files lie now that were in the way.
    kept: Vec<PathBuf>,
    webhooks: Webhooks,
}

#[derive(Debug, Serialize)]
struct Webhooks {
    linear: String,
    github: String,
}

/// Writes both files, private to this user, and the directories of state and data.
pub(crate) fn run(
    flag: Option<&Path>,
    address: Option<&str>,
    force: bool,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let written = write(flag, address, force, environment)?;
    if output.is_json() { output.value(&written) } else { output.line(&next_steps(&written)) }
}

fn write(
    flag: Option<&Path>,
    address: Option<&str>,
    force: bool,
    environment: &Environment,
) -> Result<Written, Failure> {
    let address = address.map(with_scheme);
    let address = address.as_deref().map(public_url).transpose().map_err(|reason| {
        Failure::new(format!("{}: the public address {reason}", address.as_deref().unwrap_or("")))
    })?;
    let path = std::path::absolute(config::find(flag, environment)?)?;
    let secrets = path.with_file_name(SECRETS_FILE);
    if !force && let Some(there) = [&path, &secrets].into_iter().find(|path| is_there(path)) {
        return Err(Failure::conflict(format!(
            "{} is there already: nothing was written; --force writes a new one and keeps the old one beside it",
            there.display()
        )));
    }
    let directories = environment.directories()?;
    let beside = path.parent().unwrap_or(Path::new("/"));
    // A directory of somebody else, such as /etc, keeps its mode.
    if *beside == directories.config || !beside.exists() {
        wire::make_private(beside)?;
    }
    wire::make_private(&directories.state)?;
    wire::make_private(&directories.data)?;
    let mut kept = Vec::new();
    for (path, text) in
        [(&secrets, secrets_text(&secrets)), (&path, config_text(address.as_deref()))]
    {
        kept.extend(keep(path)?);
        write_new(path, &text, 0o600)?;
    }
    let base = address.unwrap_or_else(|| "https://PUBLIC-ADDRESS".to_owned());
    Ok(Written {
        config: path,
        secrets,
        kept,
        webhooks: Webhooks {
            linear: format!("{base}/webhooks/linear"),
            github: format!("{base}/webhooks/github"),
        },
    })
}

/// People write the host alone.
fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.to_owned() } else { format!("https://{address}") }
}

fn config_text(address: Option<&str>) -> String {
    let public_url = match address {
        Some(address) => format!("public_url = {}", toml::Value::String(address.to_owned())),
        None => {
            "# public_url = \"https://relay.example.com\"   # where webhooks reach us".to_owned()
        }
    };
    format!(
        "\
# PatchRelay. All keys and their defaults: `patchrelay config show`; what each means: `patchrelay config schema`.
# Secrets are not written here, but in {SECRETS_FILE} beside it.

[server]
# bind = \"127.0.0.1\"
# port = 8787
{public_url}

# A project is a repository and the tickets that are about it. Without one no ticket is worked on.
# [[project]]
# id = \"app\"
# repo = \"acme/app\"               # on GitHub
# linear_teams = [\"APP\"]          # tickets of this Linear team
# issue_key_prefixes = [\"APP\"]
"
    )
}

/// Read by systemd and by shells alike, so no value needs quotes.
fn secrets_text(path: &Path) -> String {
    format!(
        "\
# Secrets of PatchRelay, for its service. In a shell: set -a; . {}; set +a

# A token of your Linear app (actor=app).
LINEAR_ACCESS_TOKEN=
# What Linear signs its webhooks with; the app's settings show it.
LINEAR_WEBHOOK_SECRET=
# A token that may write contents and pull requests of the repositories.
GITHUB_TOKEN=
# What GitHub signs its webhooks with: made up here, to be given to GitHub.
GITHUB_WEBHOOK_SECRET={}
# What operators authenticate with: made up here.
PATCHRELAY_API_TOKEN={}
",
        path.display(),
        new_secret(),
        new_secret(),
    )
}

/// 244 random bits.
fn new_secret() -> String {
    let half = || uuid::Uuid::new_v4().simple().to_string();
    half() + &half()
}

fn next_steps(written: &Written) -> String {
    let Written { config, secrets, kept, webhooks } = written;
    let kept: String =
        kept.iter().map(|path| format!("The old one is {} now.\n", path.display())).collect();
    let (config, secrets) = (config.display(), secrets.display());
    let Webhooks { linear, github } = webhooks;
    format!(
        "\
Wrote {config} and {secrets}.
{kept}
Next:
1. In Linear, create an app with webhooks for \"Agent session events\" to
     {linear}
   and put its access token and its signing secret into {secrets}:
   LINEAR_ACCESS_TOKEN, LINEAR_WEBHOOK_SECRET.
2. In GitHub, create a token that may write contents and pull requests: GITHUB_TOKEN. In the repository, create a
   webhook for \"Pull requests\", content type application/json, with the secret of GITHUB_WEBHOOK_SECRET, to
     {github}
3. Let your proxy pass these two paths to this machine's port 8787, and no other without need.
4. Take the marks away before [[project]] in {config}, and name your repository and team.
5. Look whether everything is there:
     set -a; . {secrets}; set +a
     patchrelay config check && patchrelay doctor
6. Start it: patchrelay serve, or for good: patchrelay service install"
    )
}

#[cfg(test)]
mod tests;
