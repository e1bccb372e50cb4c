//! What a run is for, with what is known about it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::block::Trust;
use crate::{CommitSha, RunType};

/// What a run is for. What is not known is absent; an empty context gives a prompt that says less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "run_type", rename_all = "snake_case")]
pub enum Work {
    /// Do what the ticket asks for.
    #[default]
    Implementation,
    /// Address a review that requested changes.
    ReviewFix(ReviewContext),
    /// Make a red gate green.
    CiRepair(CiContext),
    /// Make a pull request fit for the merge queue that refused it.
    QueueRepair(QueueContext),
    /// Bring the branch up to date with the one it is to be merged into.
    BranchUpkeep(UpkeepContext),
}

/// Why a context could not be read.
#[derive(Debug, Error)]
pub enum ContextError {
    /// An implementation takes no context.
    #[error("an implementation run has no context")]
    NotTaken,
    /// The text is not the context of this run type.
    #[error("cannot read the context of a {} run", run_type.as_str())]
    Unreadable {
        /// The run type.
        run_type: RunType,
        /// What is wrong where.
        #[source]
        source: serde_json::Error,
    },
}

impl Work {
    /// The work of this type of which nothing more is known.
    pub fn bare(run_type: RunType) -> Self {
        match run_type {
            RunType::Implementation => Self::Implementation,
            RunType::ReviewFix => Self::ReviewFix(ReviewContext::default()),
            RunType::CiRepair => Self::CiRepair(CiContext::default()),
            RunType::QueueRepair => Self::QueueRepair(QueueContext::default()),
            RunType::BranchUpkeep => Self::BranchUpkeep(UpkeepContext::default()),
        }
    }

    /// Reads the context of a run of this type from JSON. Fields that it does not have are an error.
    pub fn read(run_type: RunType, json: &str) -> Result<Self, ContextError> {
        let read = match run_type {
            RunType::Implementation => return Err(ContextError::NotTaken),
            RunType::ReviewFix => serde_json::from_str(json).map(Self::ReviewFix),
            RunType::CiRepair => serde_json::from_str(json).map(Self::CiRepair),
            RunType::QueueRepair => serde_json::from_str(json).map(Self::QueueRepair),
            RunType::BranchUpkeep => serde_json::from_str(json).map(Self::BranchUpkeep),
        };
        read.map_err(|source| ContextError::Unreadable { run_type, source })
    }

    /// Its run type.
    pub fn run_type(&self) -> RunType {
        match self {
            Self::Implementation => RunType::Implementation,
            Self::ReviewFix(_) => RunType::ReviewFix,
            Self::CiRepair(_) => RunType::CiRepair,
            Self::QueueRepair(_) => RunType::QueueRepair,
            Self::BranchUpkeep(_) => RunType::BranchUpkeep,
        }
    }

    /// The paths that the merge of the base, started by us, left unmerged.
    pub fn conflicts(&self) -> &[Conflict] {
        match self {
            Self::QueueRepair(context) => &context.conflicts,
            Self::BranchUpkeep(context) => &context.conflicts,
            Self::CiRepair(context) => &context.conflicts,
            Self::Implementation | Self::ReviewFix(_) => &[],
        }
    }

    /// The same, with the paths that the merge of the base, started by us, left unmerged. Work that begins with no merge
    /// stays as it is.
    #[must_use]
    pub fn with_conflicts(mut self, conflicts: &[Conflict]) -> Self {
        match &mut self {
            Self::QueueRepair(context) => context.conflicts = conflicts.to_vec(),
            Self::BranchUpkeep(context) => context.conflicts = conflicts.to_vec(),
            Self::CiRepair(context) => context.conflicts = conflicts.to_vec(),
            Self::Implementation | Self::ReviewFix(_) => {}
        }
        self
    }

    /// The head that the failure was seen on, if it is known.
    pub(super) fn failing_head(&self) -> Option<&CommitSha> {
        match self {
            Self::ReviewFix(context) => context.reviewed_head.as_ref(),
            Self::CiRepair(context) => context.failing_head.as_ref(),
            Self::QueueRepair(context) => context.pr_head.as_ref(),
            Self::Implementation | Self::BranchUpkeep(_) => None,
        }
    }
}

/// A review that requested changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewContext {
    /// Who wrote it.
    pub reviewer: Option<String>,
    /// What their words are worth (D36).
    pub trust: Trust,
    /// The forge's id of it.
    pub review_id: Option<String>,
    /// The commit that was reviewed.
    pub reviewed_head: Option<CommitSha>,
    /// Where people read it.
    pub url: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// Its inline comments.
    pub comments: Vec<ReviewComment>,
    /// Whether the forge could not be asked for all of it just now (N22).
    pub degraded: bool,
}

/// An inline comment of a review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewComment {
    /// The file. Absent for a comment that belongs to none.
    pub path: Option<String>,
    /// The line in it.
    pub line: Option<u64>,
    /// Which side of the diff the line is on.
    pub side: Option<String>,
    /// What it says. A blank one is not shown.
    pub body: String,
    /// Where people read it.
    pub url: Option<String>,
}

/// A gate that is red.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CiContext {
    /// The check that decides whether the pull request may be merged.
    pub gate_check: Option<String>,
    /// How it stands.
    pub gate_status: Option<String>,
    /// When the checks were all over, as the forge writes times.
    pub settled_at: Option<String>,
    /// The commit that they ran on.
    pub failing_head: Option<CommitSha>,
    /// The check to repair.
    pub failed_check: Option<String>,
    /// The job in it. Not shown if it has the check's name.
    pub failed_job: Option<String>,
    /// The step in that.
    pub failed_step: Option<String>,
    /// What the check says of itself.
    pub summary: Option<String>,
    /// What it notes at lines of files.
    pub annotations: Vec<String>,
    /// Other checks that failed.
    pub other_failed: Vec<FailedCheck>,
    /// Where people read the check.
    pub check_url: Option<String>,
    /// Where people read the job's log.
    pub job_url: Option<String>,
    /// The paths that the merge of the base, started by us, left unmerged (D30).
    pub conflicts: Vec<Conflict>,
}

/// A check that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailedCheck {
    /// Its name.
    pub name: String,
    /// What came out, such as `failure` or `timed_out`.
    pub conclusion: Option<String>,
    /// What it says of itself.
    pub summary: Option<String>,
    /// Where people read it.
    pub url: Option<String>,
}

/// A pull request that the merge queue refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueContext {
    /// Why it was refused, in one word.
    pub failure_reason: Option<String>,
    /// The check run that says so.
    pub check_name: Option<String>,
    /// Where people read that.
    pub check_url: Option<String>,
    /// The queue's id of the incident.
    pub incident_id: Option<String>,
    /// Where people read it.
    pub incident_url: Option<String>,
    /// Its title.
    pub incident_title: Option<String>,
    /// The queue's account of it.
    pub incident_summary: Option<String>,
    /// What kind of failure it was.
    pub failure_class: Option<String>,
    /// The branch that the queue merges into.
    pub base_branch: Option<String>,
    /// The commit of it that the queue tried.
    pub base_sha: Option<CommitSha>,
    /// The branch that the queue tried.
    pub branch: Option<String>,
    /// The head of the pull request that it tried.
    pub pr_head: Option<CommitSha>,
    /// Its place in the queue when it was removed.
    pub queue_position: Option<u64>,
    /// Paths that the queue could not merge.
    pub conflict_files: Vec<String>,
    /// Checks that failed in the queue.
    pub failed_checks: Vec<FailedCheck>,
    /// What the queue tried before.
    pub retry_history: Vec<QueueTry>,
    /// Whether the queue takes the pull request only with a head that it has not seen (S32).
    pub requires_fresh_head: bool,
    /// The paths that the merge of the base, started by us, left unmerged (D30).
    pub conflicts: Vec<Conflict>,
}

/// One try of the merge queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueTry {
    /// When, as the queue writes times.
    pub at: String,
    /// On which commit of the base.
    pub base_sha: String,
    /// What came out.
    pub outcome: String,
}

/// A branch that fell behind the one it is to be merged into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpkeepContext {
    /// What the forge says of merging it.
    pub merge_state: Option<String>,
    /// The paths that the merge of the base, started by us, left unmerged (D30).
    pub conflicts: Vec<Conflict>,
}

/// A path that the merge of the base left unmerged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// The path.
    pub path: String,
    /// What is at odds.
    #[serde(default)]
    pub kind: ConflictKind,
}

/// What is at odds in a conflict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Lines: the file has conflict markers.
    #[default]
    Content,
    /// One side changed the file, the other deleted it.
    ModifyDelete,
    /// The sides moved the file to different places, or different files to one place.
    Rename,
    /// Both sides changed a file that has no lines.
    Binary,
}

impl ConflictKind {
    /// Whether the file shows the conflict. Of one that does not, only the report can say how it was resolved (D30).
    pub fn has_markers(self) -> bool {
        match self {
            Self::Content => true,
            Self::ModifyDelete | Self::Rename | Self::Binary => false,
        }
    }

    /// What a prompt calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Content => "conflict markers",
            Self::ModifyDelete => "changed here, deleted there; no markers",
            Self::Rename => "renamed differently; no markers",
            Self::Binary => "binary; no markers",
        }
    }
}
