//! Projects, and which of them an issue belongs to.

use std::time::Duration;

use crate::{BranchName, Limits, ProjectId, RepoSlug, RunType, TrustedActors, prompt::Publisher};

/// One configured project: a repository, and which tickets are about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name in the configuration.
    pub id: ProjectId,
    /// Its repository on the forge.
    pub repo: RepoSlug,
    /// The branch that pull requests go to; the repository's default branch when absent.
    pub base_branch: Option<BranchName>,
    /// What our branches begin with.
    pub branch_prefix: String,
    /// Keys, names or ids of tracker teams.
    pub linear_teams: Vec<String>,
    /// Names or ids of tracker projects.
    pub linear_projects: Vec<String>,
    /// What the keys of its tickets begin with, without the dash.
    pub issue_key_prefixes: Vec<String>,
    /// When not empty, a ticket needs one of these labels.
    pub labels: Vec<String>,
    /// Who may instruct us in it (D36).
    pub trusted: TrustedActors,
    /// How often things may be tried.
    pub budgets: Budgets,
    /// How much may be spent.
    pub limits: Limits,
    /// Paths that only a human may release, as globs (D29).
    pub protected_paths: Vec<String>,
    /// Who commits, pushes and opens the pull request.
    pub publisher: Publisher,
    /// Whether pull requests are opened as drafts.
    pub draft: bool,
    /// Whether commands of the agent have a network (D23).
    pub network: bool,
    /// The names of the checks that decide whether a pull request may be merged.
    pub gate_checks: Vec<String>,
    /// The name of the check in which the merge queue says that it refused a pull request.
    pub merge_queue_check: String,
    /// Whether its prepare hook runs outside of the sandbox, as the operator himself would run it (D32).
    pub trust_hook: bool,
    /// How many runs of this project may be active at once, within the global limit.
    pub max_concurrent_runs: usize,
}

/// How often things may be tried before a human is asked (D9). Every number is a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Implementation runs that ended with insufficient work.
    pub implementation: u32,
    /// Repairs of a red gate in a row that did not make it green.
    pub ci_repair: u32,
    /// Repairs in a row that the merge queue refused again.
    pub queue_repair: u32,
    /// Answers to reviews in a row that were followed by another request for changes.
    pub review_fix: u32,
    /// Updates in a row after which the same base still contradicted the branch.
    pub branch_upkeep: u32,
    /// Runs that were lost to a crash, a failed launch or an outage, since the last progress.
    pub recovery: u32,
    /// Turns that continue unfinished work on the same thread, within one run.
    pub continuations: u32,
    /// How long to wait before the second recovery; doubled for each further one.
    pub recovery_backoff: Duration,
}

impl Budgets {
    /// How many runs of this type may be insufficient.
    pub fn of(&self, run_type: RunType) -> u32 {
        match run_type {
            RunType::Implementation => self.implementation,
            RunType::ReviewFix => self.review_fix,
            RunType::CiRepair => self.ci_repair,
            RunType::QueueRepair => self.queue_repair,
            RunType::BranchUpkeep => self.branch_upkeep,
        }
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            implementation: 3,
            ci_repair: 3,
            queue_repair: 3,
            review_fix: 3,
            branch_upkeep: 3,
            recovery: 5,
            continuations: 5,
            recovery_backoff: Duration::from_secs(15),
        }
    }
}

/// What is known of a ticket when it has to be routed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteHint {
    /// The ticket's key.
    pub key: Option<String>,
    /// Key, name and id of its team, as far as known.
    pub team: Vec<String>,
    /// Name and id of its tracker project, empty when it has none; `None` when it is not known yet.
    pub tracker_project: Option<Vec<String>>,
    /// Its labels; `None` when they are not known yet.
    pub labels: Option<Vec<String>>,
}

/// Where a ticket goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// To exactly this project.
    To(&'a Project),
    /// No project claims it.
    Nowhere,
    /// Several projects claim it, so none gets it: an ambiguous configuration must not pick a repository.
    Ambiguous(Vec<&'a Project>),
}

/// Finds the project of a ticket: exactly one must match by key prefix, team or tracker project.
pub fn route<'a>(projects: &'a [Project], hint: &RouteHint) -> Route<'a> {
    let mut matching = projects.iter().filter(|project| claims(project, hint));
    match (matching.next(), matching.next()) {
        (None, _) => Route::Nowhere,
        (Some(only), None) => Route::To(only),
        (Some(first), Some(second)) => {
            Route::Ambiguous([first, second].into_iter().chain(matching).collect())
        }
    }
}

/// Finds the project of a ticket of which only this is known: the one that [`route`] finds, unless the ticket could say
/// something that makes it another one.
pub fn route_unread<'a>(projects: &'a [Project], hint: &RouteHint) -> Option<&'a Project> {
    let Route::To(found) = route(projects, hint) else { return None };
    let label_decides = hint.labels.is_none() && !found.labels.is_empty();
    let claims_by_place =
        |other: &Project| other.id != found.id && !other.linear_projects.is_empty();
    let place_decides = hint.tracker_project.is_none() && projects.iter().any(claims_by_place);
    (!label_decides && !place_decides).then_some(found)
}

fn claims(project: &Project, hint: &RouteHint) -> bool {
    let prefix = hint.key.as_deref().and_then(|key| key.split_once('-')).map(|(prefix, _)| prefix);
    let by_prefix =
        prefix.is_some_and(|prefix| project.issue_key_prefixes.iter().any(|p| p == prefix));
    let named = |wanted: &[String], known: &[String]| {
        wanted.iter().any(|wanted| known.iter().any(|known| known.eq_ignore_ascii_case(wanted)))
    };
    let by_place = named(&project.linear_teams, &hint.team)
        || named(&project.linear_projects, hint.tracker_project.as_deref().unwrap_or_default());
    let label_fits = match &hint.labels {
        Some(labels) if !project.labels.is_empty() => named(&project.labels, labels),
        Some(_) | None => true,
    };
    (by_prefix || by_place) && label_fits
}

#[cfg(test)]
mod tests;
