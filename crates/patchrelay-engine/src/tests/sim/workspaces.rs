//! Worktrees, and what git does with them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use patchrelay_domain::{
    BaseMerge, BranchName, ChangeSet, CommitSha, GateHit, IssueId, Project, RunId, UnmergedPath,
    Worktree,
};
use patchrelay_ports::{
    Clock, CommitOrder, PrepareOrder, PushOrder, Pushed, RemoteBranch, Removed, TreeState,
    WorkspaceError, Workspaces,
};

use super::{
    Sim, State,
    fault::Lost,
    forge::{Committed, Files},
};

/// The disk.
#[derive(Default)]
pub(in crate::tests) struct Disk {
    pub(in crate::tests) worktrees: BTreeMap<String, Directory>,
    /// What rescue refs hold, each with the run that it was kept for.
    pub(in crate::tests) rescued: Vec<(RunId, Files)>,
    /// Everything that agents ever wrote, as path and content.
    pub(in crate::tests) written: Vec<(String, String)>,
    /// What is found in every worktree that must not be published.
    pub(in crate::tests) found: Vec<GateHit>,
    /// The merge that every worktree is said to stand on.
    pub(in crate::tests) merge: Option<BaseMerge>,
    /// How many bytes are free, unless there is no end of them.
    pub(in crate::tests) free: Option<u64>,
}

/// A worktree.
#[derive(Clone)]
pub(in crate::tests) struct Directory {
    pub(in crate::tests) base: CommitSha,
    pub(in crate::tests) files: Files,
}

impl State {
    /// Keeps what the worktree holds besides its base, and tells the name of the ref.
    fn rescue(&mut self, run: &RunId, path: &str) -> Option<String> {
        let directory = self.disk.worktrees.get(path)?;
        if directory.files == self.forge.files(&directory.base) {
            return None;
        }
        let kept = (run.clone(), directory.files.clone());
        if !self.disk.rescued.contains(&kept) {
            self.disk.rescued.push(kept);
        }
        Some(format!("refs/rescue/{run}"))
    }

    fn prepared(&mut self, order: &PrepareOrder) -> Result<CommitSha, WorkspaceError> {
        if self.agents.is_any_in(&order.path) {
            self.is_wrong(format!("{} was made ready under an agent's feet", order.path));
        }
        let base = self.forge.branches.get(&order.base_branch).cloned();
        let base = base.ok_or_else(|| Lost::Refused.remote("start from the base branch"))?;
        let start = match self.forge.branches.get(&order.branch) {
            None => base,
            Some(tip) if order.has_pull_request || self.forge.commits[tip].run.is_some() => {
                tip.clone()
            }
            Some(_) => return Err(WorkspaceError::BranchTaken { branch: order.branch.clone() }),
        };
        self.rescue(&order.run, &order.path);
        let fresh = Directory { base: start.clone(), files: self.forge.files(&start) };
        let Some(found) = self.disk.worktrees.get_mut(&order.path) else {
            self.disk.worktrees.insert(order.path.clone(), fresh);
            return Ok(start);
        };
        let is_clean = found.files == self.forge.files(&found.base);
        let is_published = found.files == fresh.files;
        let has_moved = found.base != start;
        if !order.keep_edits || (has_moved && (is_clean || is_published)) {
            *found = fresh;
        }
        Ok(found.base.clone())
    }
}

#[async_trait]
impl Workspaces for Sim {
    fn worktree_path(&self, _: &Project, name: &str) -> String {
        format!("/worktrees/{name}")
    }

    async fn prepare(&self, order: &PrepareOrder) -> Result<Worktree, WorkspaceError> {
        let lost = |lost: Lost| lost.remote("make a worktree ready");
        let call = self.call("prepare").await.map_err(lost)?;
        let (base, merge) = {
            let mut state = self.state();
            (state.prepared(order)?, state.disk.merge.clone())
        };
        let worktree = Worktree {
            path: order.path.clone(),
            branch: order.branch.clone(),
            base_branch: order.base_branch.clone(),
            base,
            merge,
            is_behind: false,
        };
        call.answer(worktree).await.map_err(lost)
    }

    async fn control_file(
        &self,
        _: &Project,
        base_branch: &BranchName,
        name: &str,
    ) -> Result<Option<String>, WorkspaceError> {
        let lost = |lost: Lost| lost.local("read a control file");
        let call = self.call("control_file").await.map_err(lost)?;
        let text = {
            let state = self.state();
            let base = &state.forge.branches[base_branch];
            state.forge.files(base).get(name).cloned()
        };
        call.answer(text).await.map_err(lost)
    }

    async fn prepare_hook(
        &self,
        _: &Project,
        base_branch: &BranchName,
    ) -> Result<Option<String>, WorkspaceError> {
        let state = self.state();
        let base = &state.forge.branches[base_branch];
        let is_there = state.forge.files(base).contains_key(super::HOOK);
        Ok(is_there.then(|| "/hooks/app".to_owned()))
    }

    async fn inspect(&self, _: &Project, worktree: &Worktree) -> Result<TreeState, WorkspaceError> {
        let lost = |lost: Lost| lost.local("look at a worktree");
        let call = self.call("inspect").await.map_err(lost)?;
        let seen = {
            let mut state = self.state();
            if state.agents.is_any_in(&worktree.path) {
                state.is_wrong(format!("{} was judged while an agent had it", worktree.path));
            }
            let Some(directory) = state.disk.worktrees.get(&worktree.path).cloned() else {
                return Err(Lost::Unanswered.local("look at a worktree that is gone"));
            };
            let base = state.forge.files(&worktree.base);
            let paths = base.keys().chain(directory.files.keys());
            let mut changed: Vec<_> = paths
                .filter(|path| base.get(*path) != directory.files.get(*path))
                .cloned()
                .collect();
            changed.sort();
            changed.dedup();
            let unmerged = worktree.conflicts().iter().map(|conflict| UnmergedPath {
                path: conflict.path.clone(),
                kind: conflict.kind,
                has_markers: directory
                    .files
                    .get(&conflict.path)
                    .is_some_and(|content| content.contains("<<<<<<<")),
                exists: directory.files.contains_key(&conflict.path),
            });
            let unmerged = unmerged.collect();
            let tree = state.forge.tree(directory.files);
            TreeState {
                tree,
                is_clean: changed.is_empty(),
                unmerged,
                changes: ChangeSet {
                    found: state.disk.found.clone(),
                    ..ChangeSet::of_paths(changed)
                },
            }
        };
        call.answer(seen).await.map_err(lost)
    }

    async fn rescue(
        &self,
        _: &Project,
        _: &IssueId,
        run: &RunId,
        path: &str,
    ) -> Result<Option<String>, WorkspaceError> {
        let lost = |lost: Lost| lost.local("keep the edits of a worktree");
        let call = self.call("rescue").await.map_err(lost)?;
        let kept = {
            let mut state = self.state();
            if state.agents.is_any_at_work_in(path) {
                state.is_wrong(format!("{path} was copied while an agent worked in it"));
            }
            state.rescue(run, path)
        };
        call.answer(kept).await.map_err(lost)
    }

    async fn commit(&self, order: &CommitOrder) -> Result<CommitSha, WorkspaceError> {
        let lost = |lost: Lost| lost.local("make a commit");
        let call = self.call("commit").await.map_err(lost)?;
        let trailer = order.message.lines().find_map(|line| line.strip_prefix("PatchRelay-Run: "));
        let commit = Committed {
            parent: order.parents.first().cloned(),
            merged: order.parents.get(1).cloned(),
            tree: order.tree.clone(),
            run: trailer.map(RunId::new),
        };
        let message = format!("{} at {}", order.message, order.at_millis);
        let id = self.state().forge.commit_tree(commit, &message);
        call.answer(id).await.map_err(lost)
    }

    async fn remote_branch(
        &self,
        _: &Project,
        branch: &BranchName,
    ) -> Result<Option<RemoteBranch>, WorkspaceError> {
        let lost = |lost: Lost| lost.remote("look at a branch of the remote");
        let call = self.call("remote_branch").await.map_err(lost)?;
        let found = {
            let state = self.state();
            state.forge.branches.get(branch).map(|head| RemoteBranch {
                tree: state.forge.commits[head].tree.clone(),
                head: head.clone(),
                run: state.forge.commits[head].run.clone(),
            })
        };
        call.answer(found).await.map_err(lost)
    }

    async fn push(&self, order: &PushOrder) -> Result<Pushed, WorkspaceError> {
        let lost = |lost: Lost| lost.remote("push a branch");
        let call = self.call("push").await.map_err(lost)?;
        let now = self.now();
        let pushed = {
            let mut state = self.state();
            let forge = &mut state.forge;
            let found = forge.branches.get(&order.branch).cloned();
            if found.as_ref() == Some(&order.commit) {
                Pushed::Accepted
            } else if found != order.expected_remote {
                Pushed::Moved { found }
            } else {
                let stands_on = forge.commits[&order.commit].parent.clone();
                if found.is_some() && found != stands_on {
                    return Err(Lost::Refused.remote("push what is no fast-forward"));
                }
                forge.move_branch(now, &order.branch, &order.commit);
                Pushed::Accepted
            }
        };
        call.answer(pushed).await.map_err(lost)
    }

    async fn remove(
        &self,
        _: &Project,
        _: &IssueId,
        run: &RunId,
        path: &str,
    ) -> Result<Removed, WorkspaceError> {
        let lost = |lost: Lost| lost.local("remove a worktree");
        let call = self.call("remove").await.map_err(lost)?;
        let removed = {
            let mut state = self.state();
            if state.agents.is_any_in(path) {
                state.is_wrong(format!("{path} was removed under an agent's feet"));
            }
            let rescue = state.rescue(run, path);
            match state.disk.worktrees.remove(path) {
                Some(_) => Removed::Gone { rescue },
                None => Removed::Absent,
            }
        };
        call.answer(removed).await.map_err(lost)
    }

    async fn free_space(&self) -> Result<u64, WorkspaceError> {
        let lost = |lost: Lost| lost.local("look for free space");
        let call = self.call("free_space").await.map_err(lost)?;
        let free = self.state().disk.free.unwrap_or(u64::MAX);
        call.answer(free).await.map_err(lost)
    }
}
