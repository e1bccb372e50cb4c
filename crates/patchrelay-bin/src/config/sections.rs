//! The sections of `patchrelay.toml`. Defaults are here and nowhere else.

mod budgets;
mod codex;
mod delivery;

use std::{net::IpAddr, path::PathBuf};

use patchrelay::domain::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    budgets::{BudgetsSection, LimitSection, ProjectBudgetsSection},
    codex::{CodexSection, ProjectCodexSection, Sandbox},
    delivery::{AutoMerge, DeliverySection, ProjectDeliverySection},
};
use super::{DatabaseUrl, origins::Origins};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
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
    /// Where all this was written.
    #[serde(skip)]
    pub(crate) origins: Origins,
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSection {
    /// The address.
    pub(crate) bind: IpAddr,
    /// The port; 0 takes a free one.
    pub(crate) port: u16,
    /// What others reach it by: the proxy before it, as `https://HOST`, perhaps with a path.
    pub(crate) public_url: Option<String>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self { bind: IpAddr::from([127, 0, 0, 1]), port: 8787, public_url: None }
    }
}

/// `[ingress]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseSection {
    /// `sqlite://PATH` or `postgres://USER@HOST/DATABASE`; by default `patchrelay.db` in the state directory.
    #[schemars(with = "Option<String>")]
    pub(crate) url: Option<DatabaseUrl>,
    /// How many connections to PostgreSQL there may be at once.
    pub(crate) max_connections: Option<u32>,
}

/// `[linear]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LinearSection {
    /// The GraphQL endpoint.
    pub(crate) api_url: String,
    /// Where an operator lets us into a workspace. Not there yet: leave it out.
    pub(crate) oauth_url: Option<String>,
    /// How often delegated tickets are looked for, and known ones read again, in seconds, where no webhook tells of them.
    /// 0 is for who gets webhooks: then it is done slowly, for those that were lost.
    pub(crate) poll_seconds: u64,
}

impl Default for LinearSection {
    fn default() -> Self {
        Self {
            api_url: "https://api.linear.app/graphql".to_owned(),
            oauth_url: None,
            poll_seconds: 0,
        }
    }
}

/// `[github]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GithubSection {
    /// The REST endpoint.
    pub(crate) api_url: String,
    /// How often open pull requests are read again, in seconds, where no webhook tells of them. 0 is for who gets webhooks:
    /// then it is done slowly, for those that were lost.
    pub(crate) poll_seconds: u64,
}

impl Default for GithubSection {
    fn default() -> Self {
        Self { api_url: "https://api.github.com".to_owned(), poll_seconds: 0 }
    }
}

/// `[agent]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentSection {
    /// Which one.
    pub(crate) kind: AgentKind,
}

/// The agents that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AgentKind {
    /// `codex app-server`.
    #[default]
    Codex,
}

/// `[scheduler]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
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

/// `[retention]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetentionSection {
    /// What deliveries say, once they are done, in days. That they came is known for 30 days at least.
    pub(crate) inbox_days: u64,
    /// The history of issues, in days; 0 keeps it, and is the only choice so far.
    pub(crate) observations_days: u64,
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
            observations_days: 0,
            feed_days: 30,
            worktree_hours: 24,
            min_free_bytes: patchrelay::domain::FREE_SPACE,
        }
    }
}

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TelemetrySection {
    /// What is logged, as a `tracing` filter.
    pub(crate) log: String,
    /// How.
    pub(crate) log_format: LogFormat,
    /// Where traces are sent. Not there yet: leave it out.
    pub(crate) otlp_endpoint: Option<String>,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Pretty, otlp_endpoint: None }
    }
}

/// How lines are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
    /// `name=value`, one line each.
    Logfmt,
}

/// `[[project]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectSection {
    /// Its name.
    pub(crate) id: String,
    /// The repository on GitHub, `owner/name`.
    pub(crate) repo: String,
    /// Where git fetches from and pushes to. When absent: what the checkout at `path` says, or else the repository below
    /// the host of `github.api_url`.
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
    /// The names of the checks that decide whether a pull request may be merged.
    #[serde(default = "gate_checks")]
    pub(crate) gate_checks: Vec<String>,
    /// The name of the check in which the merge queue says that it refused a pull request.
    #[serde(default = "merge_queue_check")]
    pub(crate) merge_queue_check: String,
    /// Who may instruct the agent. Without any entry: the members of the Linear workspace, and who may write to the
    /// repository.
    #[serde(default)]
    pub(crate) trusted_actors: TrustedActorsSection,
    /// Whether its prepare hook runs outside of the sandbox, and so may do and read what this user may.
    #[serde(default)]
    pub(crate) trust_hook: bool,
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

fn gate_checks() -> Vec<String> {
    Policy::default().gate_checks
}

fn merge_queue_check() -> String {
    Policy::default().merge_queue_check
}

/// `project.trusted_actors`. Names are none of it: anybody can take any name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
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
