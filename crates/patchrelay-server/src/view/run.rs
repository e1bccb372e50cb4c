//! Runs: in short, and as a whole with what was said in them.

use patchrelay_domain::{IssueFacts, RunOutcome, RunState, RunStatus, Worktree};
use patchrelay_ports::{RunRecord, RunText, RunTextKind};
use serde::Serialize;
use serde_json::Value;

use super::rfc3339;

/// The runs of an issue, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct RunsView {
    pub(crate) runs: Vec<RunView>,
}

/// A run.
#[derive(Debug, Serialize)]
pub(crate) struct RunView {
    id: String,
    #[serde(rename = "type")]
    run_type: &'static str,
    status: &'static str,
    thread_id: Option<String>,
    turn_id: Option<String>,
    started_at: String,
    ended_at: Option<String>,
    outcome: Option<&'static str>,
    failure_reason: Option<String>,
}

/// A run with what was said in it.
#[derive(Debug, Serialize)]
pub(crate) struct WholeRunView {
    #[serde(flatten)]
    run: RunView,
    issue: OwnerView,
    phase: &'static str,
    worktree_path: Option<String>,
    branch: Option<String>,
    /// The commit that its work stands on.
    base: Option<String>,
    /// What it published, or was about to.
    commit: Option<String>,
    pr_url: Option<String>,
    /// The first thing that the agent was told, unless it was forgotten.
    prompt: Option<String>,
    /// What the agent answered last when it was asked for its report.
    report: Option<Value>,
    /// What was said, oldest first; the last part of it.
    events: Vec<EventView>,
}

#[derive(Debug, Serialize)]
struct OwnerView {
    key: String,
    id: String,
    project: String,
}

#[derive(Debug, Serialize)]
struct EventView {
    at: String,
    kind: &'static str,
    text: String,
}

impl RunView {
    pub(crate) fn new(run: &RunRecord) -> Self {
        let status = run.outcome.as_ref().map_or(RunStatus::Running, RunOutcome::status);
        let failure = run.outcome.as_ref().and_then(RunOutcome::failure);
        Self {
            id: run.id.to_string(),
            run_type: run.run_type.as_str(),
            status: status.as_str(),
            thread_id: thread(&run.state),
            turn_id: match &run.state {
                RunState::Working { turn, .. } => turn.as_ref().map(ToString::to_string),
                RunState::Preparing
                | RunState::Reporting { .. }
                | RunState::Publishing(_)
                | RunState::Published { .. } => None,
            },
            started_at: rfc3339(run.started),
            ended_at: run.ended.map(rfc3339),
            outcome: run.outcome.as_ref().map(RunOutcome::name),
            failure_reason: failure.map(str::to_owned),
        }
    }
}

impl WholeRunView {
    pub(crate) fn new(run: &RunRecord, facts: &IssueFacts, texts: &[RunText]) -> Self {
        let first = |kind| texts.iter().find(|text| text.kind == kind);
        let report = texts.iter().rfind(|text| text.kind == RunTextKind::Report);
        let worktree = worktree(&run.state);
        let (phase, publication) = match &run.state {
            RunState::Preparing => ("preparing", None),
            RunState::Working { .. } => ("working", None),
            RunState::Reporting { .. } => ("reporting", None),
            RunState::Publishing(publication) => ("publishing", Some(publication)),
            RunState::Published { publication, .. } => ("published", Some(publication)),
        };
        Self {
            run: RunView::new(run),
            issue: OwnerView {
                key: facts.key().to_owned(),
                id: facts.issue.to_string(),
                project: facts.project.to_string(),
            },
            phase,
            worktree_path: worktree.map(|worktree| worktree.path.clone()),
            branch: worktree.map(|worktree| worktree.branch.to_string()),
            base: worktree.map(|worktree| worktree.base.to_string()),
            commit: publication.map(|publication| publication.commit.to_string()),
            pr_url: match &run.state {
                RunState::Published { pull_request, .. } => Some(pull_request.url.clone()),
                RunState::Preparing
                | RunState::Working { .. }
                | RunState::Reporting { .. }
                | RunState::Publishing(_) => None,
            },
            prompt: first(RunTextKind::Prompt).map(|text| text.text.clone()),
            // One that is none is shown as the text that it is.
            report: report.map(|report| {
                serde_json::from_str(&report.text).unwrap_or_else(|_| report.text.clone().into())
            }),
            events: texts
                .iter()
                .map(|text| EventView {
                    at: rfc3339(text.at),
                    kind: text.kind.as_str(),
                    text: text.text.clone(),
                })
                .collect(),
        }
    }
}

/// The agent's thread, as far as the state of a run says it.
pub(crate) fn thread(state: &RunState) -> Option<String> {
    match state {
        RunState::Working { thread, .. } => thread.as_ref().map(ToString::to_string),
        RunState::Reporting { thread, .. } => Some(thread.to_string()),
        RunState::Preparing | RunState::Publishing(_) | RunState::Published { .. } => None,
    }
}

fn worktree(state: &RunState) -> Option<&Worktree> {
    match state {
        RunState::Preparing => None,
        RunState::Working { worktree, .. } | RunState::Reporting { worktree, .. } => Some(worktree),
        RunState::Publishing(publication) | RunState::Published { publication, .. } => {
            Some(&publication.worktree)
        }
    }
}
