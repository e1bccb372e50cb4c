//! The forge: branches that commits are pushed to, and pull requests of them.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, CommitSha, PrNumber, PrState, PullRequest, RepoSlug, RunId, Timestamp, TreeId,
    Versioned,
};
use patchrelay_ports::{CallError, Clock, Forge as ForgePort, OpenPullRequest};

use super::{Sim, digest, fault::Lost};

/// The files of a tree.
pub(super) type Files = BTreeMap<String, String>;

/// A commit, wherever it is.
#[derive(Clone, Debug)]
pub(in crate::tests) struct Committed {
    pub(in crate::tests) parent: Option<CommitSha>,
    /// What was merged into that.
    pub(in crate::tests) merged: Option<CommitSha>,
    pub(in crate::tests) tree: TreeId,
    pub(in crate::tests) run: Option<RunId>,
}

/// What the forge holds, with the objects of our own clone beside it.
pub(in crate::tests) struct Forge {
    pub(in crate::tests) commits: HashMap<CommitSha, Committed>,
    pub(in crate::tests) trees: HashMap<TreeId, Files>,
    pub(in crate::tests) branches: BTreeMap<BranchName, CommitSha>,
    pub(in crate::tests) pull_requests: Vec<Versioned<PullRequest>>,
}

impl Default for Forge {
    fn default() -> Self {
        let mut forge = Self {
            commits: HashMap::new(),
            trees: HashMap::new(),
            branches: BTreeMap::new(),
            pull_requests: Vec::new(),
        };
        let files = Files::from([("README".to_owned(), "An app.".to_owned())]);
        let first = forge.commit(files, None, None);
        forge.branches.insert(BranchName::new("main"), first);
        forge
    }
}

impl Forge {
    pub(super) fn tree(&mut self, files: Files) -> TreeId {
        let id = TreeId::new(digest(&files));
        self.trees.insert(id.clone(), files);
        id
    }

    pub(in crate::tests) fn commit(
        &mut self,
        files: Files,
        parent: Option<CommitSha>,
        run: Option<RunId>,
    ) -> CommitSha {
        let tree = self.tree(files);
        self.commit_tree(Committed { parent, merged: None, tree, run }, "")
    }

    pub(super) fn commit_tree(&mut self, commit: Committed, message: &str) -> CommitSha {
        let id = CommitSha::new(digest(&(&commit.parent, &commit.tree, message)));
        self.commits.insert(id.clone(), commit);
        id
    }

    /// A human pushes a commit of their own to this branch.
    pub(in crate::tests) fn human_pushes(&mut self, now: Timestamp, branch: &str) -> CommitSha {
        let branch = BranchName::new(branch);
        let parent = self.branches.get(&branch).or(self.branches.get(&BranchName::new("main")));
        let parent = parent.cloned();
        let mut files = parent.as_ref().map(|tip| self.files(tip)).unwrap_or_default();
        files.insert("by-hand".to_owned(), branch.to_string());
        let commit = self.commit(files, parent, None);
        self.move_branch(now, &branch, &commit);
        commit
    }

    /// Lets the branch, and what asks to merge it, stand on this commit.
    pub(super) fn move_branch(&mut self, now: Timestamp, branch: &BranchName, commit: &CommitSha) {
        self.branches.insert(branch.clone(), commit.clone());
        for pr in self.pull_requests.iter_mut().filter(|pr| pr.value.head_branch == *branch) {
            pr.version = now;
            pr.value.head = commit.clone();
        }
    }

    pub(in crate::tests) fn files(&self, commit: &CommitSha) -> Files {
        self.trees[&self.commits[commit].tree].clone()
    }

    /// The commit and what it stands on, newest first.
    pub(in crate::tests) fn history(&self, tip: &CommitSha) -> Vec<&Committed> {
        let mut next = Some(tip);
        std::iter::from_fn(|| {
            let commit = &self.commits[next?];
            next = commit.parent.as_ref();
            Some(commit)
        })
        .collect()
    }

    /// The runs whose commits are on this branch, newest first.
    pub(in crate::tests) fn runs_on(&self, branch: &BranchName) -> Vec<RunId> {
        let tip = self.branches.get(branch);
        let history = tip.map(|tip| self.history(tip)).unwrap_or_default();
        history.into_iter().filter_map(|commit| commit.run.clone()).collect()
    }

    pub(in crate::tests) fn open_pull_requests(&self) -> Vec<PullRequest> {
        self.pull_requests
            .iter()
            .map(|pr| pr.value.clone())
            .filter(|pr| pr.state == PrState::Open)
            .collect()
    }

    /// Somebody merges or closes a pull request.
    pub(in crate::tests) fn end(&mut self, now: Timestamp, number: PrNumber, state: PrState) {
        let found = self.pull_requests.iter_mut().find(|pr| pr.value.number == number);
        let pr = found.expect("there is such a pull request");
        pr.version = now;
        pr.value.state = state;
        if state == PrState::Merged {
            pr.value.merge_commit = Some(pr.value.head.clone());
        }
    }

    fn find(&self, head: &BranchName, base: &BranchName) -> Option<&Versioned<PullRequest>> {
        let mut fitting: Vec<_> = self
            .pull_requests
            .iter()
            .filter(|pr| pr.value.head_branch == *head && pr.value.base_branch == *base)
            .collect();
        fitting.sort_by_key(|pr| (pr.value.state == PrState::Open, pr.value.number));
        fitting.pop()
    }
}

#[async_trait]
impl ForgePort for Sim {
    async fn default_branch(&self, _: &RepoSlug) -> Result<BranchName, CallError> {
        let lost = |lost: Lost| lost.call("read a repository");
        let call = self.call("default_branch").await.map_err(lost)?;
        call.answer(BranchName::new("main")).await.map_err(lost)
    }

    async fn find_pull_request(
        &self,
        _: &RepoSlug,
        head: &BranchName,
        base: &BranchName,
    ) -> Result<Option<Versioned<PullRequest>>, CallError> {
        let lost = |lost: Lost| lost.call("find a pull request");
        let call = self.call("find_pull_request").await.map_err(lost)?;
        let found = self.state().forge.find(head, base).cloned();
        call.answer(found).await.map_err(lost)
    }

    async fn open_pull_request(
        &self,
        order: &OpenPullRequest,
    ) -> Result<Versioned<PullRequest>, CallError> {
        let lost = |lost: Lost| lost.call("open a pull request");
        let call = self.call("open_pull_request").await.map_err(lost)?;
        let now = self.now();
        let opened = {
            let mut state = self.state();
            let forge = &mut state.forge;
            let Some(head) = forge.branches.get(&order.head).cloned() else {
                return Err(Lost::Refused.call("open a pull request of a branch that is not there"));
            };
            if forge
                .find(&order.head, &order.base)
                .is_some_and(|pr| pr.value.state == PrState::Open)
            {
                state.is_wrong(format!("a second pull request of {} was asked for", order.head));
                return Err(Lost::Refused.call("open a second pull request"));
            }
            let number = PrNumber(forge.pull_requests.len() as u64 + 1);
            let opened = PullRequest {
                number,
                url: format!("https://forge.test/{}/pull/{}", order.repo, number.0),
                state: PrState::Open,
                is_draft: order.draft,
                is_from_fork: false,
                ended: None,
                head_branch: order.head.clone(),
                head,
                base_branch: order.base.clone(),
                merge_commit: None,
            };
            let opened = Versioned { version: now, value: opened };
            forge.pull_requests.push(opened.clone());
            opened
        };
        call.answer(opened).await.map_err(lost)
    }

    async fn read_pull_request(
        &self,
        _: &RepoSlug,
        number: PrNumber,
    ) -> Result<Versioned<PullRequest>, CallError> {
        let lost = |lost: Lost| lost.call("read a pull request");
        let call = self.call("read_pull_request").await.map_err(lost)?;
        let found =
            self.state().forge.pull_requests.iter().find(|pr| pr.value.number == number).cloned();
        let found = found
            .ok_or_else(|| CallError::NotFound { operation: "read a pull request".to_owned() })?;
        call.answer(found).await.map_err(lost)
    }
}
