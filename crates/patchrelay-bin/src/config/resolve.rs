//! From what is written to what it means: paths, projects, numbers.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay::{
    Settings,
    domain::{
        BranchName, Budgets, Limit, Limits, Project, ProjectId, RepoSlug, Retention, TrustedActors,
        check_protected_path,
    },
};
use patchrelay_store::DEFAULT_CONNECTIONS;
use reqwest::Url;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use super::{
    Config, ConfigError, ProjectSection, TrustedActorsSection,
    sections::{BudgetsSection, LimitSection},
};
use crate::environment::Directories;

/// Where the program remembers.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// A file of ours.
    Sqlite(PathBuf),
    /// A database that other nodes may use too.
    Postgres {
        /// Where it is, perhaps with a password.
        url: SecretString,
        /// How many connections there may be at once.
        max_connections: u32,
    },
}

/// What a configuration means on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// Where the program remembers.
    pub(crate) database: Database,
    /// Where clones and worktrees lie.
    pub(crate) data: PathBuf,
    /// Projects and numbers for the engine.
    pub(crate) settings: Settings,
    /// Where git fetches from and pushes to, and where worktrees lie, in the order of the projects.
    pub(crate) places: Vec<Place>,
}

/// The places of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which project.
    pub(crate) project: ProjectId,
    /// Its repository on the forge.
    pub(crate) repo: RepoSlug,
    /// Where git fetches from and pushes to, if that is configured.
    pub(crate) remote_url: Option<String>,
    /// A checkout of the operator's. Whether it is one is found out at the start.
    pub(crate) path: Option<PathBuf>,
    /// Where its worktrees lie.
    pub(crate) worktree_root: PathBuf,
}

/// A relative path would mean another place with each directory that the program is started in.
const MUST_BE_ABSOLUTE: &str = "must be an absolute path";

impl Config {
    /// Checks what no type can say, and derives what the program works with.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Key`] for the first key that is impossible; `path` is for the message.
    pub(crate) fn resolve(
        &self,
        path: &Path,
        directories: &Directories,
    ) -> Result<Resolved, ConfigError> {
        let wrong = |key: &str, reason: &str| ConfigError::Key {
            path: path.to_owned(),
            key: key.to_owned(),
            reason: reason.to_owned(),
        };
        let database = self.database(directories).map_err(|(key, reason)| wrong(key, reason))?;
        if let Err(reason) = check_patterns(&self.delivery.protected_paths) {
            return Err(wrong("delivery.protected_paths", &reason));
        }
        let at_least_one = [
            ("scheduler.max_concurrent_runs", self.scheduler.max_concurrent_runs as u64),
            ("scheduler.reconcile_seconds", self.scheduler.reconcile_seconds),
            ("scheduler.lease_seconds", self.scheduler.lease_seconds),
            ("codex.request_timeout_seconds", self.codex.request_timeout_seconds),
            ("codex.startup_timeout_seconds", self.codex.startup_timeout_seconds),
            ("codex.silence_seconds", self.codex.silence_seconds),
            ("codex.turn_timeout_seconds", self.codex.turn_timeout_seconds),
            ("ingress.max_body_bytes", self.ingress.max_body_bytes as u64),
            ("retention.inbox_days", self.retention.inbox_days),
            ("retention.feed_days", self.retention.feed_days),
        ];
        if let Some((key, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(wrong(key, "must be at least 1"));
        }
        for (key, address) in
            [("linear.api_url", &self.linear.api_url), ("github.api_url", &self.github.api_url)]
        {
            let is_usable = Url::parse(address)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !is_usable {
                return Err(wrong(key, "must be an address, written `https://HOST/PATH`"));
            }
        }
        if self.codex.command.first().is_none_or(String::is_empty) {
            return Err(wrong("codex.command", "must name a program"));
        }
        if self.codex.home.as_ref().is_some_and(|home| home.is_relative()) {
            return Err(wrong("codex.home", MUST_BE_ABSOLUTE));
        }
        let is_anywhere = |place: &&String| !place.starts_with('/') && !place.starts_with("~/");
        if let Some(index) = self.codex.deny_read.iter().position(|place| is_anywhere(&place)) {
            return Err(wrong(
                &format!("codex.deny_read[{index}]"),
                "must be an absolute path, or begin with `~/`",
            ));
        }
        if EnvFilter::try_new(&self.telemetry.log).is_err() {
            return Err(wrong(
                "telemetry.log",
                "must be a level (`error`, `warn`, `info`, `debug`, `trace`), or `TARGET=LEVEL` several times",
            ));
        }
        let mut ids = HashSet::new();
        let mut projects = Vec::new();
        let mut places = Vec::new();
        for (index, section) in self.project.iter().enumerate() {
            let wrong =
                |name: &str, reason: &str| wrong(&format!("project[{index}].{name}"), reason);
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if section.id.is_empty() || !section.id.chars().all(legal) {
                return Err(wrong("id", "must be made of letters, digits, `-` and `_`"));
            }
            if !ids.insert(section.id.to_ascii_lowercase()) {
                return Err(wrong("id", "is used by another project"));
            }
            let Ok(repo) = section.repo.parse::<RepoSlug>() else {
                return Err(wrong("repo", "must be a GitHub repository, written `owner/name`"));
            };
            let claims =
                [&section.linear_teams, &section.linear_projects, &section.issue_key_prefixes];
            if claims.iter().all(|claim| claim.is_empty()) {
                return Err(wrong(
                    "linear_teams",
                    "set at least one of linear_teams, linear_projects and issue_key_prefixes, or no ticket finds it",
                ));
            }
            let at_least_one = [
                ("max_concurrent_runs", section.max_concurrent_runs == Some(0)),
                ("budgets.implementation", section.budgets.implementation == 0),
                ("budgets.recovery", section.budgets.recovery == 0),
            ];
            if let Some((name, _)) = at_least_one.into_iter().find(|(_, is_zero)| *is_zero) {
                return Err(wrong(name, "must be at least 1, or nothing is ever tried"));
            }
            for (name, place) in
                [("path", &section.path), ("worktree_root", &section.worktree_root)]
            {
                if place.as_ref().is_some_and(|place| place.is_relative()) {
                    return Err(wrong(name, MUST_BE_ABSOLUTE));
                }
            }
            let names =
                [("base_branch", &section.base_branch), ("branch_prefix", &section.branch_prefix)];
            if let Some((name, _)) = names.iter().find(|(_, name)| name.as_deref() == Some("")) {
                return Err(wrong(name, "must not be empty; leave it out for the default"));
            }
            if section.base_branch.as_deref().is_some_and(|name| !is_branch_name(name)) {
                return Err(wrong("base_branch", "is no name of a branch"));
            }
            check_trusted(&section.trusted_actors).map_err(|(name, reason)| wrong(name, reason))?;
            if let Some(patterns) = &section.delivery.protected_paths {
                check_patterns(patterns)
                    .map_err(|reason| wrong("delivery.protected_paths", &reason))?;
            }
            places.push(Place {
                project: ProjectId::new(section.id.clone()),
                repo: repo.clone(),
                remote_url: section.remote_url.clone(),
                path: section.path.clone(),
                worktree_root: section
                    .worktree_root
                    .clone()
                    .unwrap_or_else(|| directories.data.join("worktrees").join(&section.id)),
            });
            projects.push(self.project(section, repo));
        }
        Ok(Resolved {
            database,
            data: directories.data.clone(),
            settings: Settings {
                projects,
                max_concurrent_runs: self.scheduler.max_concurrent_runs,
                reconcile_every: Duration::from_secs(self.scheduler.reconcile_seconds),
                lease_ttl: Duration::from_secs(self.scheduler.lease_seconds),
                drain: Duration::from_secs(self.scheduler.drain_seconds),
                turn_timeout: Duration::from_secs(self.codex.turn_timeout_seconds),
                silence_timeout: Duration::from_secs(self.codex.silence_seconds),
                retention: self.retention(),
                min_free_bytes: self.retention.min_free_bytes,
                ..Settings::default()
            },
            places,
        })
    }

    fn retention(&self) -> Retention {
        let section = &self.retention;
        Retention {
            inbox: days(section.inbox_days),
            feed: days(section.feed_days),
            worktrees: Duration::from_secs(section.worktree_hours.saturating_mul(60 * 60)),
        }
    }

    /// Where the program remembers, or the key that is wrong and why.
    fn database(
        &self,
        directories: &Directories,
    ) -> Result<Database, (&'static str, &'static str)> {
        let section = &self.database;
        if let Some(url) = section.url.as_ref().filter(|url| url.is_postgres()) {
            let max_connections = section.max_connections.unwrap_or(DEFAULT_CONNECTIONS);
            if max_connections == 0 {
                return Err(("database.max_connections", "must be at least 1"));
            }
            return Ok(Database::Postgres { url: url.secret().clone(), max_connections });
        }
        if section.max_connections.is_some() {
            return Err(("database.max_connections", "is for PostgreSQL only: leave it out"));
        }
        let Some(url) = &section.url else {
            return Ok(Database::Sqlite(directories.state.join("patchrelay.db")));
        };
        match url.sqlite_file().map(Path::new) {
            Some(file) if file.is_absolute() => Ok(Database::Sqlite(file.to_owned())),
            Some(_) => {
                Err(("database.url", "must name an absolute path, written `sqlite:///PATH`"))
            }
            None => Err((
                "database.url",
                "must be written `sqlite:///PATH` or `postgres://USER@HOST/DATABASE`",
            )),
        }
    }

    fn project(&self, section: &ProjectSection, repo: RepoSlug) -> Project {
        let delivery = &section.delivery;
        Project {
            id: ProjectId::new(section.id.clone()),
            repo,
            base_branch: section.base_branch.clone().map(BranchName::new),
            branch_prefix: section.branch_prefix.clone().unwrap_or_else(|| section.id.clone()),
            linear_teams: section.linear_teams.clone(),
            linear_projects: section.linear_projects.clone(),
            issue_key_prefixes: section.issue_key_prefixes.clone(),
            labels: section.labels.clone(),
            trusted: TrustedActors {
                ids: section.trusted_actors.ids.clone(),
                emails: section.trusted_actors.emails.clone(),
                email_domains: section.trusted_actors.email_domains.clone(),
                programs: section.trusted_actors.programs.clone(),
            },
            budgets: Budgets {
                implementation: section.budgets.implementation,
                recovery: section.budgets.recovery,
                continuations: section.budgets.continuations,
                ..Budgets::default()
            },
            limits: self.budgets.limits(),
            protected_paths: delivery
                .protected_paths
                .clone()
                .unwrap_or_else(|| self.delivery.protected_paths.clone()),
            publisher: delivery.publisher.unwrap_or(self.delivery.publisher),
            draft: delivery.draft.unwrap_or(self.delivery.draft),
            network: section.codex.network.unwrap_or(self.codex.network),
            max_concurrent_runs: section
                .max_concurrent_runs
                .unwrap_or(self.scheduler.max_concurrent_runs),
        }
    }
}

impl BudgetsSection {
    fn limits(&self) -> Limits {
        let limit = |section: LimitSection| {
            let LimitSection { max_tokens, max_turns, max_minutes } = section;
            Limit { max_tokens, max_turns, max_minutes }
        };
        Limits { run: limit(self.run), issue: limit(self.issue), day: limit(self.day) }
    }
}

fn days(number: u64) -> Duration {
    Duration::from_secs(number.saturating_mul(24 * 60 * 60))
}

/// Whether git takes this as the name of a branch: what its own rules forbid most often, and what would be an option.
fn is_branch_name(name: &str) -> bool {
    let forbidden = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && !name.contains(forbidden)
}

/// The list that has an entry which could never name anybody, with what such an entry looks like.
fn check_trusted(section: &TrustedActorsSection) -> Result<(), (&'static str, &'static str)> {
    let is_word = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace());
    let is_email = |text: &String| {
        text.split_once('@')
            .is_some_and(|(name, domain)| is_word(name) && is_word(domain) && !domain.contains('@'))
    };
    let is_domain = |text: &String| is_word(text) && !text.contains('@');
    if !section.emails.iter().all(is_email) {
        return Err(("trusted_actors.emails", "must be addresses, written `NAME@DOMAIN`"));
    }
    if !section.email_domains.iter().all(is_domain) {
        return Err(("trusted_actors.email_domains", "must be domains, without the `@`"));
    }
    if !section.ids.iter().chain(&section.programs).all(|id| is_word(id)) {
        return Err(("trusted_actors", "must be ids, without blanks"));
    }
    Ok(())
}

fn check_patterns(patterns: &[String]) -> Result<(), String> {
    patterns.iter().try_for_each(|pattern| {
        check_protected_path(pattern).map_err(|reason| format!("`{pattern}` is no glob: {reason}"))
    })
}
