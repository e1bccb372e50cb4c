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
    },
};
use patchrelay_store::DEFAULT_CONNECTIONS;
use reqwest::Url;
use secrecy::SecretString;

use super::{
    Config, ConfigError, DatabaseUrl, ProjectSection,
    judge::judge_project,
    mistakes::Mistakes,
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
    /// The same, if nothing else says it.
    pub(crate) usual_url: String,
    /// A checkout of the operator's. Whether it is one is found out at the start.
    pub(crate) path: Option<PathBuf>,
    /// Where its worktrees lie.
    pub(crate) worktree_root: PathBuf,
}

impl Config {
    /// Checks what no type can say, and derives what the program works with.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Keys`] with every key that is impossible; `path` is for the messages.
    pub(crate) fn resolve(
        &self,
        path: &Path,
        directories: &Directories,
    ) -> Result<Resolved, ConfigError> {
        let mut mistakes = Mistakes::default();
        let resolved = self.resolve_noting(directories, &mut mistakes);
        mistakes.into_result(path, &self.origins)?;
        Ok(resolved)
    }

    /// Notes every key that is impossible.
    pub(super) fn judge(&self, mistakes: &mut Mistakes) {
        self.resolve_noting(&Directories::default(), mistakes);
    }

    /// An error about one key, for what only an adapter can judge.
    pub(crate) fn wrong(&self, path: &Path, key: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError::one(path, &self.origins, key, reason)
    }

    /// What it means as far as it is possible. A value that is noted as wrong is left out of that.
    fn resolve_noting(&self, directories: &Directories, mistakes: &mut Mistakes) -> Resolved {
        self.judge_sections(mistakes);
        let database = self.database(directories, mistakes);
        let mut ids = HashSet::new();
        let mut projects = Vec::new();
        let mut places = Vec::new();
        for (index, section) in self.project.iter().enumerate() {
            let key = |name: &str| format!("project[{index}].{name}");
            judge_project(section, &key, mistakes);
            if !ids.insert(section.id.to_ascii_lowercase()) {
                mistakes.add(key("id"), "is used by another project: each has a name of its own");
            }
            let Ok(repo) = section.repo.parse::<RepoSlug>() else {
                mistakes.add(key("repo"), "must be a GitHub repository, written `owner/name`");
                continue;
            };
            places.push(Place {
                project: ProjectId::new(section.id.clone()),
                usual_url: format!("https://{}/{repo}.git", self.git_host()),
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
        Resolved {
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
                ..self.polls()
            },
            places,
        }
    }

    /// The host of the repositories whose API is configured: GitHub's own API has a host of its own.
    fn git_host(&self) -> String {
        let url = Url::parse(&self.github.api_url).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port())));
        match host {
            Some(("api.github.com", _)) | None => "github.com".to_owned(),
            Some((host, None)) => host.to_owned(),
            Some((host, Some(port))) => format!("{host}:{port}"),
        }
    }

    /// How often is looked for what nobody tells. A ticket and its pull request are read together.
    fn polls(&self) -> Settings {
        let usual = Settings::default();
        let chosen = |seconds: u64| (seconds != 0).then(|| Duration::from_secs(seconds));
        let (linear, github) = (chosen(self.linear.poll_seconds), chosen(self.github.poll_seconds));
        Settings {
            discover_every: linear.unwrap_or(usual.discover_every),
            reread_every: linear.into_iter().chain(github).min().unwrap_or(usual.reread_every),
            ..usual
        }
    }

    fn retention(&self) -> Retention {
        let section = &self.retention;
        Retention {
            inbox: days(section.inbox_days),
            feed: days(section.feed_days),
            worktrees: Duration::from_secs(section.worktree_hours.saturating_mul(60 * 60)),
        }
    }

    /// Where the program remembers.
    fn database(&self, directories: &Directories, mistakes: &mut Mistakes) -> Database {
        let section = &self.database;
        if let Some(url) = section.url.as_ref().filter(|url| url.is_postgres()) {
            let max_connections = section.max_connections.unwrap_or(DEFAULT_CONNECTIONS);
            if max_connections == 0 {
                mistakes.add("database.max_connections", "must be at least 1");
            }
            return Database::Postgres { url: url.secret().clone(), max_connections };
        }
        if section.max_connections.is_some() {
            mistakes.add("database.max_connections", "is for PostgreSQL only: leave it out");
        }
        let file = match section.url.as_ref().map(DatabaseUrl::sqlite_file) {
            None => directories.state.join("patchrelay.db"),
            Some(Some(file)) => {
                if Path::new(file).is_relative() {
                    let must = "must name an absolute path, written `sqlite:///PATH`";
                    mistakes.add("database.url", must);
                }
                PathBuf::from(file)
            }
            Some(None) => {
                let must = "must be written `sqlite:///PATH` or `postgres://USER@HOST/DATABASE`";
                mistakes.add("database.url", must);
                PathBuf::new()
            }
        };
        Database::Sqlite(file)
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
                ci_repair: section.budgets.ci_repair,
                queue_repair: section.budgets.queue_repair,
                review_fix: section.budgets.review_fix,
                branch_upkeep: section.budgets.branch_upkeep,
                recovery: section.budgets.recovery,
                continuations: section.budgets.continuations,
                ..Budgets::default()
            },
            limits: self.budgets.limits(),
            protected_paths: delivery
                .protected_paths
                .clone()
                .unwrap_or_else(|| self.delivery.protected_paths.clone()),
            publisher: delivery.publisher.unwrap_or(self.delivery.publisher).into(),
            draft: delivery.draft.unwrap_or(self.delivery.draft),
            network: section.codex.network.unwrap_or(self.codex.network),
            gate_checks: section.gate_checks.clone(),
            merge_queue_check: section.merge_queue_check.clone(),
            trust_hook: section.trust_hook,
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
