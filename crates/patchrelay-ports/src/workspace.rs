//! Workspaces: git, without ever running what an agent left there.

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, ChangeSet, CommitSha, IssueId, Project, RunId, TreeId, UnmergedPath, Worktree,
};
use thiserror::Error;

use crate::Cause;

/// The longest control file of a repository that is read, in bytes (D32).
pub const MAX_CONTROL_FILE: u64 = 64 * 1024;

/// An order to make a worktree ready for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrepareOrder {
    /// The issue, which names the rescue refs.
    pub issue: IssueId,
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Project,
    /// The directory: absolute, below the project's worktree root.
    pub path: String,
    /// The branch that the work will be published as.
    pub branch: BranchName,
    /// The branch to start from, if the remote has no commits of ours yet.
    pub base_branch: BranchName,
    /// Whether the branch is that of the issue's open pull request. Then work goes on from its tip, whoever made that;
    /// a branch without one has to be ours.
    pub has_pull_request: bool,
    /// Whether what is in the directory is unfinished work of this issue, to be kept (D26).
    pub keep_edits: bool,
    /// What is done about a base branch that moved on.
    pub freshen: Freshen,
}

/// What is done about a base branch, or a head of ours, that moved on since the worktree was made (D30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshen {
    /// Nothing, if there are edits: exactly what lies there is to be published.
    Nothing,
    /// Edits are carried onto the newest start, if they fit onto it. Published history stays as it is.
    Carry,
    /// The same, and the newest base is merged into our published head.
    MergeBase,
}

/// What a worktree holds, compared with the commit that it stands on. Every list is complete, or the call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeState {
    /// The tree that staging everything acceptable gives.
    pub tree: TreeId,
    /// Whether that is the tree of the base commit.
    pub is_clean: bool,
    /// The paths that the merge of the base left unmerged, as they are now.
    pub unmerged: Vec<UnmergedPath>,
    /// How it differs from the base commit, sorted by path, and what was found in it that must not be published (D25,
    /// D29).
    pub changes: ChangeSet,
}

/// An order to make the one commit of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOrder {
    /// The issue.
    pub issue: IssueId,
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Project,
    /// The verified tree.
    pub tree: TreeId,
    /// The commits it stands on: one, or our head and the base that was merged into it.
    pub parents: Vec<CommitSha>,
    /// The whole message, trailers included.
    pub message: String,
    /// The commit's time in milliseconds since the epoch; with it, the commit is the same when made again.
    pub at_millis: i64,
}

/// An order to push one commit to one branch. Never a force (D14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushOrder {
    /// The project.
    pub project: Project,
    /// The commit.
    pub commit: CommitSha,
    /// The branch.
    pub branch: BranchName,
    /// What the branch must be before; `None`: it must not exist.
    pub expected_remote: Option<CommitSha>,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The remote branch is the commit now.
    Accepted,
    /// The remote branch is not what was expected; nothing was changed.
    Moved {
        /// What it is; `None`: it does not exist.
        found: Option<CommitSha>,
    },
}

/// What became of a worktree that was to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Gone {
        /// The ref that keeps what was in it, if that was not just its commit.
        rescue: Option<String>,
    },
    /// There was none on this machine.
    Absent,
    /// It stays, because something in it could not be kept elsewhere.
    Stays {
        /// What.
        reason: String,
    },
}

/// A branch on the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteBranch {
    /// Its tip.
    pub head: CommitSha,
    /// What that holds.
    pub tree: TreeId,
    /// The run that made the tip, by its trailer; `None` when it is not a commit of ours.
    pub run: Option<RunId>,
}

/// Why something with git failed.
#[derive(Debug, Error)]
pub enum WorkspaceError {
    /// The remote could not be reached or did not answer in time.
    #[error("failed to {operation}: the remote gave no answer")]
    Remote {
        /// What was attempted, on what.
        operation: String,
        /// What git said.
        #[source]
        source: Cause,
    },
    /// The remote answered and refused.
    #[error("failed to {operation}: refused: {reason}")]
    Refused {
        /// What was attempted, on what.
        operation: String,
        /// What the remote said.
        reason: String,
    },
    /// Something on this machine: the directory, the disk, git itself.
    #[error("failed to {operation}")]
    Local {
        /// What was attempted, on what.
        operation: String,
        /// What went wrong underneath.
        #[source]
        source: Cause,
    },
    /// The branch name belongs to commits that are not ours, and to no pull request of the issue.
    #[error("branch `{branch}` of the remote has commits that are not ours")]
    BranchTaken {
        /// Which branch.
        branch: BranchName,
    },
    /// The directory is not one that we made, or a link leads out of it. It is left alone.
    #[error("`{path}` is not a worktree of ours: {reason}")]
    Foreign {
        /// Which directory.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Worktrees and what is published from them. No call runs hooks, filters, helpers or configuration that lie in a
/// worktree (D25); none discards what is not on the remote or in a rescue ref (D26).
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// The directory for a worktree of this project with this name.
    fn worktree_path(&self, project: &Project, name: &str) -> String;

    /// Fetches, and makes the directory a worktree that stands on our published commits or else on the base branch.
    /// What is in it is first kept in a rescue ref; with `keep_edits` it also stays in place. Repeating an order gives the
    /// same, wherever an earlier try was broken off.
    async fn prepare(&self, order: &PrepareOrder) -> Result<Worktree, WorkspaceError>;

    /// The text of a file in the root of the base branch, as it was fetched last; `None` when there is none, or when it is
    /// longer than [`MAX_CONTROL_FILE`]. Control files are read in no other way: never from a worktree, where an agent may
    /// have written them (D32).
    async fn control_file(
        &self,
        project: &Project,
        base_branch: &BranchName,
        name: &str,
    ) -> Result<Option<String>, WorkspaceError>;

    /// The prepare hook of the base branch, as it was fetched last: the path of a program that no agent can write to, with
    /// exactly what the branch has; `None` when there is none. It too is read in no other way (D32).
    ///
    /// # Errors
    ///
    /// When there is one that cannot be used: it is longer than [`MAX_CONTROL_FILE`], or is no file. To leave it out
    /// would start the agent in a worktree that was not prepared.
    async fn prepare_hook(
        &self,
        project: &Project,
        base_branch: &BranchName,
    ) -> Result<Option<String>, WorkspaceError>;

    /// What the worktree holds now.
    async fn inspect(
        &self,
        project: &Project,
        worktree: &Worktree,
    ) -> Result<TreeState, WorkspaceError>;

    /// Keeps what the worktree holds in a rescue ref of this run and tells its name; `None` when there is nothing to
    /// keep. The worktree itself is not touched.
    async fn rescue(
        &self,
        project: &Project,
        issue: &IssueId,
        run: &RunId,
        path: &str,
    ) -> Result<Option<String>, WorkspaceError>;

    /// Makes the commit in our clone and pins it with a ref. The same order gives the same commit.
    async fn commit(&self, order: &CommitOrder) -> Result<CommitSha, WorkspaceError>;

    /// The branch on the remote now; `None` when it does not exist.
    async fn remote_branch(
        &self,
        project: &Project,
        branch: &BranchName,
    ) -> Result<Option<RemoteBranch>, WorkspaceError>;

    /// Pushes. Pushing what is already there is accepted.
    async fn push(&self, order: &PushOrder) -> Result<Pushed, WorkspaceError>;

    /// Removes the worktree at this path, if it is one of ours. What is in it besides its commit is first kept in a
    /// rescue ref of this run; where that is not possible for all of it, the worktree stays.
    async fn remove(
        &self,
        project: &Project,
        issue: &IssueId,
        run: &RunId,
        path: &str,
    ) -> Result<Removed, WorkspaceError>;

    /// How many bytes are free for clones and worktrees, on the disk that has the least.
    async fn free_space(&self) -> Result<u64, WorkspaceError>;
}
