//! The composition root: the one place that makes concrete adapters.

mod agent;

use std::{
    collections::HashMap,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use patchrelay::{
    CancellationToken, PatchRelay, Settings,
    domain::{ProjectId, SecretPatterns, Timestamp},
    ports::{Clock, Ids, Probe, Store, WebhookSource},
};
use patchrelay_codex::CodexConfig;
use patchrelay_git::{
    Checkout, CheckoutError, CheckoutOrder, GitConfig, GitWorkspaces, Identity, RemoteConfig,
    TokenSource, find_checkout,
};
use patchrelay_github::{GithubConfig, GithubForge, GithubWebhooks};
use patchrelay_linear::{
    Credential, LinearConfig, LinearTracker, LinearWebhookSettings, LinearWebhooks,
};
use patchrelay_server::{InFlight, Meter, Operators, Readiness, ServerState, Streams};
use patchrelay_store::SqlStore;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tracing::{info, warn};

use self::agent::agents;
pub(crate) use self::agent::{codex, codex_home};
use crate::{
    config::{Config, Database, DatabaseUrl, Place, Resolved, Sandbox},
    environment::{Directories, Environment},
    installation::Installation,
    secrets::Secrets,
};

/// How long one call to Linear or GitHub may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// What the names of variables end with whose values are secrets.
const SECRET_NAMES: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// The program, wired and ready to run.
pub(crate) struct App {
    relay: PatchRelay,
    listener: TcpListener,
    address: SocketAddr,
    server: ServerState,
    store: Arc<SqlStore>,
    /// Held as long as it runs.
    installation: Installation,
}

/// Everything that an app is made from.
pub(crate) struct Parts<'a> {
    pub(crate) config: &'a Config,
    /// For messages.
    pub(crate) config_path: &'a Path,
    pub(crate) secrets: Secrets,
    pub(crate) environment: &'a Environment,
    pub(crate) probe: Arc<dyn Probe>,
    /// Where to listen; bound already, so that its address is known before anything else.
    pub(crate) listener: TcpListener,
}

impl App {
    /// Opens the database, checks everything that can be checked without asking anybody, and wires the adapters.
    pub(crate) async fn open(parts: Parts<'_>) -> Result<Self> {
        let Parts { config, config_path, secrets, environment, probe, listener } = parts;
        let address = listener.local_addr()?;
        let directories = directories(environment)?;
        let resolved = config.resolve(config_path, &directories)?;
        let operators = Operators::new(secrets.api_token.clone(), config.server.bind)?;
        for remark in &secrets.remarks {
            warn!("{remark}");
        }
        for project in unconfined(config) {
            warn!(project, "the agent has no sandbox: its commands may do what this user may");
        }
        if resolved.settings.projects.is_empty() {
            warn!("no project is configured, so no ticket can be worked on");
        }
        for place in [&resolved.data]
            .into_iter()
            .chain(resolved.places.iter().map(|place| &place.worktree_root))
        {
            make_private(place)?;
        }
        let checkouts = checkouts(&resolved, environment).await?;
        let codex = CodexConfig {
            credential: secrets.github_token.clone(),
            ..codex(config, config_path, &resolved, environment, &directories)?
        };
        let store = Arc::new(open(&resolved.database).await?);
        let installation = Installation::take(&resolved.data, &RandomIds)?;
        let patterns = patterns(config, &secrets, environment)?;
        let settings = Settings {
            node: installation.name().clone(),
            secrets: patterns.clone(),
            ..resolved.settings.clone()
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let webhooks = webhooks(config, &secrets)?;
        let relay = webhooks
            .iter()
            .fold(PatchRelay::builder(), |builder, source| builder.webhooks(source.clone()))
            .store(store.clone())
            .tracker(Arc::new(linear(config, &secrets)?))
            .forge(Arc::new(github(config, &secrets)?))
            .agent(Arc::new(agents(config, codex)))
            .workspaces(Arc::new(
                git(&resolved, &checkouts, &secrets, patterns, environment)
                    .map_err(|error| at_its_key(error, config, config_path))?,
            ))
            .clock(clock.clone())
            .ids(Arc::new(RandomIds))
            .probe(probe.clone())
            .settings(settings)
            .build()?;
        let nudge = relay.nudge();
        let server = ServerState {
            store: store.clone(),
            orders: relay.orders(),
            clock,
            webhooks,
            projects: resolved.settings.projects,
            stored: Arc::new(move || nudge.delivery_stored()),
            operators,
            max_body_bytes: config.ingress.max_body_bytes,
            version: env!("CARGO_PKG_VERSION"),
            readiness: Readiness::default(),
            intake: InFlight::default(),
            hindrance: relay.hindrance(),
            streams: Streams::new(relay.changes()),
            meter: Meter::default(),
            tally: relay.tally(),
            probe,
        };
        Ok(Self { relay, listener, address, server, store, installation })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it remembers.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// Runs until stopped. The listener ends first, so that nothing is accepted that nobody would look at.
    pub(crate) async fn run_until(self, stop: CancellationToken) -> Result<()> {
        let stop = stop.child_token();
        info!(address = %self.address, "listening");
        let serving = async {
            let served = patchrelay_server::serve(self.listener, self.server, stop.clone()).await;
            stop.cancel();
            served.context("the HTTP listener failed")
        };
        let working = async {
            let worked = self.relay.run_until(stop.clone()).await;
            stop.cancel();
            worked.context("the engine stopped")
        };
        let (served, worked) = tokio::join!(serving, working);
        self.store.close().await.context("failed to close the database")?;
        drop(self.installation);
        served.and(worked)
    }
}

async fn open(database: &Database) -> Result<SqlStore> {
    Ok(match database {
        Database::Sqlite(file) => SqlStore::sqlite(file).await?,
        Database::Postgres { url, max_connections } => {
            SqlStore::postgres_with(url, *max_connections).await?
        }
    })
}

/// Makes a directory that only we can enter, with those above it that are missing: below it lie other people's sources.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("failed to make {} private", path.display()))
}

/// Binds to the configured address.
pub(crate) async fn bind(config: &Config) -> Result<TcpListener> {
    let address = SocketAddr::new(config.server.bind, config.server.port);
    TcpListener::bind(address).await.with_context(|| {
        format!("failed to listen on {address} (another one: --port, server.port)")
    })
}

/// Checks a configuration as [`App::open`] does, as far as it says something by itself: without secrets, and without
/// asking anybody. `config_path` is for messages.
pub(crate) fn check(
    config: &Config,
    config_path: &Path,
    secrets: &Secrets,
    environment: &Environment,
) -> Result<()> {
    let directories = directories(environment)?;
    let resolved = config.resolve(config_path, &directories)?;
    if let Database::Postgres { url, .. } = &resolved.database {
        SqlStore::check_postgres_url(url)
            .map_err(|error| config.wrong(config_path, "database.url", error.to_string()))?;
    }
    let patterns = patterns(config, secrets, environment)?;
    git(&resolved, &Checkouts::new(), secrets, patterns, environment)
        .map_err(|error| at_its_key(error, config, config_path))?;
    codex(config, config_path, &resolved, environment, &directories)?;
    Ok(())
}

/// What git refuses of a project, with the place where it is written.
fn at_its_key(error: anyhow::Error, config: &Config, config_path: &Path) -> anyhow::Error {
    let Some(patchrelay_git::ConfigError::Address { project, .. }) = error.downcast_ref() else {
        return error;
    };
    let index = config.project.iter().position(|section| section.id == project.as_str());
    let key = format!("project[{}].remote_url", index.unwrap_or_default());
    config.wrong(config_path, &key, error.to_string()).into()
}

/// The projects whose agent has no sandbox.
pub(crate) fn unconfined(config: &Config) -> impl Iterator<Item = &str> {
    let usual = config.codex.sandbox;
    config
        .project
        .iter()
        .filter(move |project| project.codex.sandbox.unwrap_or(usual) == Sandbox::DangerFullAccess)
        .map(|project| project.id.as_str())
}

fn directories(environment: &Environment) -> Result<Directories> {
    environment.directories().map_err(anyhow::Error::from_boxed)
}

fn webhooks(config: &Config, secrets: &Secrets) -> Result<Vec<Arc<dyn WebhookSource>>> {
    let mut webhooks: Vec<Arc<dyn WebhookSource>> = Vec::new();
    match &secrets.linear_webhook {
        Some(secret) => {
            let settings = LinearWebhookSettings {
                max_clock_skew: Duration::from_secs(config.ingress.max_clock_skew_seconds),
                max_delivery_age: Duration::from_secs(config.ingress.max_delivery_age_seconds),
            };
            webhooks.push(Arc::new(LinearWebhooks::new(secret.clone(), settings)?));
        }
        None => warn!("LINEAR_WEBHOOK_SECRET is not set, so Linear's webhooks are not accepted"),
    }
    match &secrets.github_webhook {
        Some(secret) => {
            webhooks.push(Arc::new(GithubWebhooks::new(secret.clone())));
        }
        None => warn!("GITHUB_WEBHOOK_SECRET is not set, so GitHub's webhooks are not accepted"),
    }
    Ok(webhooks)
}

fn linear(config: &Config, secrets: &Secrets) -> Result<LinearTracker> {
    let Some(token) = &secrets.linear_access_token else {
        bail!("LINEAR_ACCESS_TOKEN is not set: create a token for your Linear app and set it");
    };
    let url = &config.linear.api_url;
    Ok(LinearTracker::new(&LinearConfig {
        // Not shown: it may hold a credential.
        api_url: url.parse().context("linear.api_url is no address")?,
        credential: Credential::AppToken(token.clone()),
        timeout: CALL_TIMEOUT,
    })?)
}

fn github(config: &Config, secrets: &Secrets) -> Result<GithubForge> {
    let Some(token) = &secrets.github_token else {
        bail!(
            "GITHUB_TOKEN is not set: create a token with read and write access to the repositories and set it"
        );
    };
    let url = &config.github.api_url;
    Ok(GithubForge::new(GithubConfig {
        api_url: url.parse().context("github.api_url is no address")?,
        token: token.clone(),
        timeout: CALL_TIMEOUT,
    })?)
}

/// All secrets that this process has, to be kept out of what is published (D29): those it looks up, the password of its
/// database, and what it hands to the agent under a name that says so.
pub(crate) fn patterns(
    config: &Config,
    secrets: &Secrets,
    environment: &Environment,
) -> Result<Arc<SecretPatterns>> {
    let named = secret_values(config, secrets, environment);
    let named = named.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret()));
    Ok(Arc::new(SecretPatterns::new(named)?))
}

/// The same, as names and values.
pub(crate) fn secret_values(
    config: &Config,
    secrets: &Secrets,
    environment: &Environment,
) -> Vec<(String, SecretString)> {
    let mut named: Vec<(String, SecretString)> =
        secrets.all().map(|(name, secret)| (name.to_owned(), secret.clone())).collect();
    let database = config.database.url.iter().flat_map(DatabaseUrl::passwords);
    named.extend(database.map(|password| ("database.url".to_owned(), password)));
    let passed =
        config.codex.pass_env.iter().filter_map(|name| Some((name, environment.get(name)?)));
    let set = config.codex.env.iter().map(|(name, value)| (name, value.as_str()));
    let is_secret =
        |name: &str| SECRET_NAMES.iter().any(|end| name.to_ascii_uppercase().ends_with(end));
    named.extend(
        passed
            .chain(set)
            .filter(|(name, _)| is_secret(name))
            .map(|(name, value)| (name.clone(), SecretString::from(value))),
    );
    named
}

/// The checkouts that operators let us copy from, by project.
pub(crate) type Checkouts = HashMap<ProjectId, Checkout>;

/// All checkouts that are configured, each of which has to be fit.
async fn checkouts(resolved: &Resolved, environment: &Environment) -> Result<Checkouts> {
    let mut checkouts = Checkouts::new();
    for place in &resolved.places {
        if let Some(found) = checkout(resolved, place, environment).await {
            let found = found.with_context(|| format!("path of project `{}`", place.project))?;
            checkouts.insert(place.project.clone(), found);
        }
    }
    Ok(checkouts)
}

/// The checkout of a project, if one is configured.
pub(crate) async fn checkout(
    resolved: &Resolved,
    place: &Place,
    environment: &Environment,
) -> Option<Result<Checkout, CheckoutError>> {
    let path = place.path.as_ref()?;
    let roots = resolved.places.iter().map(|place| &place.worktree_root);
    let own: Vec<_> = roots.chain([&resolved.data]).cloned().collect();
    let order = CheckoutOrder {
        path,
        repo: &place.repo,
        remote_url: place.remote_url.as_deref(),
        own: &own,
        base_env: &environment.for_git(),
        instance: &instance(&resolved.data),
    };
    Some(find_checkout(&order).await)
}

/// The worktrees of these projects.
pub(crate) fn git(
    resolved: &Resolved,
    checkouts: &Checkouts,
    secrets: &Secrets,
    patterns: Arc<SecretPatterns>,
    environment: &Environment,
) -> Result<GitWorkspaces> {
    let token = secrets.github_token.clone().map(|token| Arc::new(token) as Arc<dyn TokenSource>);
    let remotes = resolved
        .places
        .iter()
        .map(|place| {
            let checkout = checkouts.get(&place.project);
            let of_checkout = || checkout.map(|checkout| checkout.url().to_owned());
            let remote = RemoteConfig {
                url: place
                    .remote_url
                    .clone()
                    .or_else(of_checkout)
                    .unwrap_or_else(|| place.usual_url.clone()),
                token: token.clone(),
                worktree_root: place.worktree_root.clone(),
                checkout: checkout.cloned(),
            };
            (place.project.clone(), remote)
        })
        .collect();
    Ok(GitWorkspaces::new(GitConfig {
        data_dir: resolved.data.clone(),
        remotes,
        base_env: environment.for_git(),
        secrets: patterns,
        identity: Identity {
            name: "PatchRelay".to_owned(),
            email: "patchrelay@localhost".to_owned(),
        },
        instance: instance(&resolved.data),
    })?)
}

/// What marks the processes of this installation: two on one machine have two data directories.
fn instance(data: &Path) -> String {
    data.display().to_string()
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn now(&self) -> Timestamp {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random UUIDs.
#[derive(Clone, Copy, Debug)]
struct RandomIds;

impl Ids for RandomIds {
    fn sortable(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }

    fn random(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

#[cfg(test)]
mod tests;
