//! The sections of `patchrelay.toml`. Defaults are here and nowhere else.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use patchrelay::domain::prompt::Publisher;
use serde::{Deserialize, Serialize};

use super::DatabaseUrl;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the program listens.
    pub(crate) server: ServerSection,
    /// What it accepts.
    pub(crate) ingress: IngressSection,
    /// Where it remembers.
    pub(crate) database: DatabaseSection,
    /// The tracker.
    pub(crate) linear: LinearSection,
    /// The forge.
    pub(crate) github: GithubSection,
    /// Which agent works.
    pub(crate) agent: AgentSection,
    /// The codex agent.
    pub(crate) codex: CodexSection,
    /// How much at once.
    pub(crate) scheduler: SchedulerSection,
    /// How much may be spent.
    pub(crate) budgets: BudgetsSection,
    /// How work is published, for all projects.
    pub(crate) delivery: DeliverySection,
    /// How long what is over is kept.
    pub(crate) retention: RetentionSection,
    /// What is logged.
    pub(crate) telemetry: TelemetrySection,
    /// The projects.
    pub(crate) project: Vec<ProjectSection>,
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSection {
    /// The address.
    pub(crate) bind: IpAddr,
    /// The port; 0 takes a free one.
    pub(crate) port: u16,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self { bind: IpAddr::from([127, 0, 0, 1]), port: 8787 }
    }
}

/// `[ingress]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IngressSection {
    /// The largest webhook body in bytes. Linear's are never taken above 1 MiB.
    pub(crate) max_body_bytes: usize,
    /// How far a webhook's own time may be from ours, in seconds.
    pub(crate) max_clock_skew_seconds: u64,
    /// How old a webhook may be that was never seen, in seconds.
    pub(crate) max_delivery_age_seconds: u64,
}

impl Default for IngressSection {
    fn default() -> Self {
        Self {
            max_body_bytes: 26_214_400,
            max_clock_skew_seconds: 60,
            max_delivery_age_seconds: 28_800,
        }
    }
}

/// `[database]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseSection {
    /// `sqlite://PATH` or `postgres://USER@HOST/DATABASE`; by default `patchrelay.db` in the state directory.
    pub(crate) url: Option<DatabaseUrl>,
    /// How many connections to PostgreSQL there may be at once.
    pub(crate) max_connections: Option<u32>,
}

/// `[linear]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LinearSection {
    /// The GraphQL endpoint.
    pub(crate) api_url: String,
}

impl Default for LinearSection {
    fn default() -> Self {
        Self { api_url: "https://api.linear.app/graphql".to_owned() }
    }
}

/// `[github]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GithubSection {
    /// The REST endpoint.
    pub(crate) api_url: String,
}

impl Default for GithubSection {
    fn default() -> Self {
        Self { api_url: "https://api.github.com".to_owned() }
    }
}

/// `[agent]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentSection {
    /// Which one.
    pub(crate) kind: AgentKind,
}

/// The agents that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AgentKind {
    /// `codex app-server`.
    #[default]
    Codex,
}

/// `[codex]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CodexSection {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Codex' own directory; `$CODEX_HOME` or `~/.codex` when absent.
    pub(crate) home: Option<PathBuf>,
    /// The model; codex' own default when absent.
    pub(crate) model: Option<String>,
    /// The model provider, as named in codex' own configuration.
    pub(crate) model_provider: Option<String>,
    /// The reasoning effort.
    pub(crate) effort: Option<String>,
    /// Whether the agent's commands have a network.
    pub(crate) network: bool,
    /// Variables for the agent process, by name. Not for secrets.
    pub(crate) env: BTreeMap<String, String>,
    /// Names of our own variables that the agent process gets too.
    pub(crate) pass_env: Vec<String>,
    /// Paths that the agent may not read, besides the usual places of credentials.
    pub(crate) deny_read: Vec<String>,
    /// How long one request may take, in seconds.
    pub(crate) request_timeout_seconds: u64,
    /// How long the start may take, in seconds.
    pub(crate) startup_timeout_seconds: u64,
    /// How long the agent may be silent in a turn, in seconds.
    pub(crate) silence_seconds: u64,
    /// How long a turn may take, in seconds.
    pub(crate) turn_timeout_seconds: u64,
}

impl Default for CodexSection {
    fn default() -> Self {
        Self {
            command: vec!["codex".to_owned(), "app-server".to_owned()],
            home: None,
            model: None,
            model_provider: None,
            effort: None,
            network: false,
            env: BTreeMap::new(),
            pass_env: Vec::new(),
            deny_read: Vec::new(),
            request_timeout_seconds: 30,
            startup_timeout_seconds: 60,
            silence_seconds: 600,
            turn_timeout_seconds: 7_200,
        }
    }
}

/// `[scheduler]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SchedulerSection {
    /// How many runs may be active at once, in all projects of this node.
    pub(crate) max_concurrent_runs: usize,
    /// How often everything is looked at without being nudged, in seconds.
    pub(crate) reconcile_seconds: u64,
    /// How long a lease lasts without renewal, in seconds. A node of which nothing is heard for four times that is gone.
    pub(crate) lease_seconds: u64,
    /// How long active runs may go on after a stop, in seconds.
    pub(crate) drain_seconds: u64,
}

impl Default for SchedulerSection {
    fn default() -> Self {
        Self { max_concurrent_runs: 4, reconcile_seconds: 30, lease_seconds: 30, drain_seconds: 20 }
    }
}

/// `[budgets]`. A human is asked when all of one is spent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "WrittenBudgets")]
pub(crate) struct BudgetsSection {
    /// By one run.
    pub(crate) run: LimitSection,
    /// By all runs of a ticket, since a human last said that it may go on.
    pub(crate) issue: LimitSection,
    /// By all runs of a ticket on one day, UTC.
    pub(crate) day: LimitSection,
}

impl Default for BudgetsSection {
    fn default() -> Self {
        let limit = |max_tokens, max_turns, max_minutes| LimitSection {
            max_tokens,
            max_turns,
            max_minutes,
        };
        Self {
            run: limit(20_000_000, 40, 240),
            issue: limit(100_000_000, 200, 1_440),
            day: limit(60_000_000, 120, 720),
        }
    }
}

/// `[budgets.run]`, `[budgets.issue]`, `[budgets.day]`. Zero is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LimitSection {
    /// Tokens, as the agent's threads count them.
    pub(crate) max_tokens: u64,
    /// Turns of the agent.
    pub(crate) max_turns: u32,
    /// Minutes in which an agent is at work.
    pub(crate) max_minutes: u32,
}

/// `[budgets]` as it is written. What is left out keeps its own default in each of the three.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenBudgets {
    run: WrittenLimit,
    issue: WrittenLimit,
    day: WrittenLimit,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimit {
    max_tokens: Option<u64>,
    max_turns: Option<u32>,
    max_minutes: Option<u32>,
}

impl From<WrittenBudgets> for BudgetsSection {
    fn from(written: WrittenBudgets) -> Self {
        let over = |written: &WrittenLimit, default: LimitSection| LimitSection {
            max_tokens: written.max_tokens.unwrap_or(default.max_tokens),
            max_turns: written.max_turns.unwrap_or(default.max_turns),
            max_minutes: written.max_minutes.unwrap_or(default.max_minutes),
        };
        let default = Self::default();
        Self {
            run: over(&written.run, default.run),
            issue: over(&written.issue, default.issue),
            day: over(&written.day, default.day),
        }
    }
}

/// `[delivery]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeliverySection {
    /// Who commits, pushes and opens the pull request: `harness`, which is PatchRelay, or `agent`, which then gets the
    /// credential for it.
    pub(crate) publisher: Publisher,
    /// Paths that only a human may release, as globs.
    pub(crate) protected_paths: Vec<String>,
    /// Whether pull requests are opened as drafts.
    pub(crate) draft: bool,
}

impl Default for DeliverySection {
    fn default() -> Self {
        // What a push could use to change what checks, reviews or instructs later pushes (D29).
        let protected = [
            ".github/**",
            ".gitlab-ci.yml",
            ".circleci/**",
            ".patchrelay/**",
            "CODEOWNERS",
            ".gitmodules",
            "AGENTS.md",
            "CLAUDE.md",
            "*_WORKFLOW.md",
        ];
        Self {
            publisher: Publisher::Harness,
            protected_paths: protected.map(str::to_owned).to_vec(),
            draft: false,
        }
    }
}

/// `[retention]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetentionSection {
    /// What deliveries say, once they are done, in days. That they came is known for 30 days at least.
    pub(crate) inbox_days: u64,
    /// Lines of the feed, and reports of settled issues, in days.
    pub(crate) feed_days: u64,
    /// The worktree of a settled issue, in hours after its last change.
    pub(crate) worktree_hours: u64,
    /// How many bytes have to be free on the disks of clones and worktrees, or no run is started; 0 is none.
    pub(crate) min_free_bytes: u64,
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self {
            inbox_days: 14,
            feed_days: 30,
            worktree_hours: 24,
            min_free_bytes: patchrelay::domain::FREE_SPACE,
        }
    }
}

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TelemetrySection {
    /// What is logged, as a `tracing` filter.
    pub(crate) log: String,
    /// How.
    pub(crate) log_format: LogFormat,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Pretty }
    }
}

/// How lines are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// `[[project]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectSection {
    /// Its name.
    pub(crate) id: String,
    /// The repository on GitHub, `owner/name`.
    pub(crate) repo: String,
    /// Where git fetches from and pushes to. When absent: what the checkout at `path` says, or else
    /// `https://github.com/<repo>.git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remote_url: Option<String>,
    /// A checkout of the operator's, from which the first fetch takes what it has. It is never written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    /// The branch that pull requests go to; the repository's default branch when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_branch: Option<String>,
    /// What our branches begin with; the project's id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) branch_prefix: Option<String>,
    /// Where its worktrees lie; below the data directory when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) worktree_root: Option<PathBuf>,
    /// Keys, names or ids of Linear teams.
    #[serde(default)]
    pub(crate) linear_teams: Vec<String>,
    /// Names or ids of Linear projects.
    #[serde(default)]
    pub(crate) linear_projects: Vec<String>,
    /// What the keys of its tickets begin with.
    #[serde(default)]
    pub(crate) issue_key_prefixes: Vec<String>,
    /// When set, a ticket needs one of these labels.
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    /// Who may instruct the agent. Without any entry: the members of the Linear workspace, and who may write to the
    /// repository.
    #[serde(default)]
    pub(crate) trusted_actors: TrustedActorsSection,
    /// How many of its runs may be active at once on this node; the limit of the node when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_concurrent_runs: Option<usize>,
    /// How often things may be tried.
    #[serde(default)]
    pub(crate) budgets: ProjectBudgetsSection,
    /// How its work is published, where it differs from `[delivery]`.
    #[serde(default)]
    pub(crate) delivery: ProjectDeliverySection,
    /// Its agent, where it differs from `[codex]`.
    #[serde(default)]
    pub(crate) codex: ProjectCodexSection,
}

/// `project.trusted_actors`. Names are none of it: anybody can take any name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TrustedActorsSection {
    /// Ids of users of Linear or GitHub.
    pub(crate) ids: Vec<String>,
    /// E-mails.
    pub(crate) emails: Vec<String>,
    /// What stands behind the `@` of an e-mail.
    pub(crate) email_domains: Vec<String>,
    /// Ids of programs that may instruct the agent, too. They restrict nobody else.
    pub(crate) programs: Vec<String>,
}

/// `[project.budgets]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProjectBudgetsSection {
    /// Implementation runs that ended with insufficient work.
    pub(crate) implementation: u32,
    /// Runs lost to something else, since the last progress.
    pub(crate) recovery: u32,
    /// Turns that continue unfinished work.
    pub(crate) continuations: u32,
}

impl Default for ProjectBudgetsSection {
    fn default() -> Self {
        let budgets = patchrelay::domain::Budgets::default();
        Self {
            implementation: budgets.implementation,
            recovery: budgets.recovery,
            continuations: budgets.continuations,
        }
    }
}

/// `[project.delivery]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProjectDeliverySection {
    /// Replaces `delivery.publisher`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publisher: Option<Publisher>,
    /// Replaces `delivery.protected_paths`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protected_paths: Option<Vec<String>>,
    /// Replaces `delivery.draft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) draft: Option<bool>,
}

/// `[project.codex]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProjectCodexSection {
    /// Replaces `codex.network`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<bool>,
}
