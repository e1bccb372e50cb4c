//! The port: each operation from its order to its end.

use std::path::Path;

use async_trait::async_trait;
use patchrelay_domain::{BranchName, CommitSha, IssueId, Project, RunId, Worktree};
use patchrelay_ports::{
    CommitOrder, Freshen, PrepareOrder, PushOrder, Pushed, RemoteBranch, Removed, TreeState,
    WorkspaceError, Workspaces,
};
use patchrelay_process::ProcessError;
use tokio::{sync::OwnedMutexGuard, time::Instant};

use crate::{
    clone,
    config::{ConfigError, GitConfig},
    control,
    error::{GitError, local},
    evidence, freshen,
    git::Git,
    locks::{Held, Locks},
    names::{as_name, commit_arg, publish_ref},
    own,
    place::{Place, Repository},
    publish,
    record::{Record, Stand},
    refs::remove_locks,
    rescue, snapshot, space,
    worktree::{self, Found},
};

/// The longest difference that is shown in full, in bytes; of a longer one, the list of files.
const MAX_DIFF_BYTES: usize = 1024 * 1024;

/// Worktrees by the git command.
///
/// Operations on one worktree wait for each other. An operation whose future is dropped kills its git; repeating it
/// gives what it would have given. A repetition in a new process, after a crash, first kills what the old process left
/// running on the same worktree or clone.
pub struct GitWorkspaces {
    config: GitConfig,
    git: Git,
    locks: Locks,
}

impl GitWorkspaces {
    /// Checks the configuration. Looks at no disk and at no remote.
    ///
    /// # Errors
    ///
    /// When a path is relative, a project's name is not fit for a directory, or an address is not fit for git.
    pub fn new(config: GitConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { git: Git::new(&config), config, locks: Locks::default() })
    }

    /// What changed from one commit to the other, for people: the difference, or the list of files when it is long.
    /// Both commits have to be in our clone.
    ///
    /// # Errors
    ///
    /// `Local` when a commit is not there, or when even the list is too long.
    pub async fn diff(
        &self,
        project: &Project,
        from: &CommitSha,
        to: &CommitSha,
    ) -> Result<String, WorkspaceError> {
        let failed = || format!("compare `{from}` with `{to}`");
        let clone = Repository::of(&self.config, project)?.clone;
        let (from, to) = (commit_arg(from)?, commit_arg(to)?);
        let diff = |form: &str| {
            let call = self.git.in_repository(&clone).max_stdout(MAX_DIFF_BYTES);
            call.args([
                "diff",
                "--no-color",
                "--no-ext-diff",
                "--no-textconv",
                form,
                from,
                to,
                "--",
            ])
            .bytes()
        };
        let shown = match diff("--patch").await {
            Err(GitError::Process { source: ProcessError::TooMuchOutput { .. }, .. }) => {
                diff("--stat=120").await
            }
            shown => shown,
        };
        shown.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(local(failed()))
    }

    /// Lets nobody else work on the worktree, a dead predecessor included.
    async fn hold(&self, place: &Place) -> Result<OwnedMutexGuard<Held>, WorkspaceError> {
        let held = self.locks.hold(&place.path).await;
        let failed = || format!("take over the worktree `{}`", place.path.display());
        patchrelay_process::reap(&self.git.marker_of(&place.path))
            .await
            .map_err(local(failed()))?;
        remove_locks(place.locks()).await.map_err(local(failed()))?;
        Ok(held)
    }

    /// Makes the clone usable for operations that need no worktree.
    async fn ensure_clone(&self, clone: &Path) -> Result<(), WorkspaceError> {
        if clone::is_usable(clone) {
            // Somebody may be fetching into it, which may take long and is no reason to wait.
            return clone::restore_config_of(clone).await;
        }
        let _held = self.locks.hold(clone).await;
        clone::ensure(&self.git, clone).await
    }

    /// Where work starts: on the pull request or our own published work, or else on the base branch. What an agent
    /// published by itself is known by its worktree, which is there.
    async fn start(
        &self,
        order: &PrepareOrder,
        place: &Place,
        found: &Found,
    ) -> Result<Stand, WorkspaceError> {
        let base = clone::fetched_tip(&self.git, &place.clone, &order.base_branch).await?;
        let base = base.ok_or_else(|| WorkspaceError::Refused {
            operation: format!("start from branch `{}`", order.base_branch),
            reason: "the remote has no such branch".to_owned(),
        })?;
        // What an agent writes about LFS does not make a file one of LFS's.
        self.refuse_large_file_storage(place, &base).await?;
        let tip = clone::fetched_tip(&self.git, &place.clone, &order.branch).await?;
        let Some(head) = tip else { return Ok(Stand { commit: base, merge: None }) };
        let is_of_agent = place.is_own_repository && matches!(found, Found::Whole(_));
        if !order.has_pull_request
            && !is_of_agent
            && publish::run_of(&self.git, &place.clone, &head).await?.is_none()
        {
            return Err(WorkspaceError::BranchTaken { branch: order.branch.clone() });
        }
        match order.freshen {
            Freshen::MergeBase if !place.is_own_repository => {
                freshen::onto_base(&self.git, &self.config.identity, place, &head, &base).await
            }
            Freshen::Nothing | Freshen::Carry | Freshen::MergeBase => {
                Ok(Stand { commit: head, merge: None })
            }
        }
    }

    /// Without its filter, which is a program, files of LFS would be published as what they are not.
    async fn refuse_large_file_storage(
        &self,
        place: &Place,
        start: &CommitSha,
    ) -> Result<(), WorkspaceError> {
        let failed = || format!("look for LFS in `{start}`");
        let call = self.git.in_repository(&place.clone).env("GIT_LITERAL_PATHSPECS", "0");
        let call = call.args([
            "grep",
            "--quiet",
            "--extended-regexp",
            "-e",
            "^[^#]*filter=lfs",
            commit_arg(start)?,
        ]);
        let output = call
            .args(["--", ":(glob)**/.gitattributes"])
            .output()
            .await
            .map_err(local(failed()))?;
        match output.status.code() {
            Some(1) => Ok(()),
            Some(0) => {
                Err(local("use the repository")("it keeps files in LFS, which is not supported"))
            }
            _ => Err(local(failed())(output.stderr)),
        }
    }

    /// Makes the worktree anew.
    async fn make(
        &self,
        order: &PrepareOrder,
        place: &Place,
        stand: &Stand,
    ) -> Result<(), WorkspaceError> {
        let repository = Repository::of(&self.config, &order.project)?;
        let own = own::Repository {
            branch: &order.branch,
            remote: repository.remote,
            identity: &self.config.identity,
        };
        worktree::make(&self.git, place, stand, &own).await
    }

    /// Makes an existing worktree ready, and tells where it stands and whether that is where it should.
    async fn renew(
        &self,
        order: &PrepareOrder,
        place: &Place,
        record: &Record,
        start: Stand,
    ) -> Result<(Stand, bool), WorkspaceError> {
        let found = record.stand();
        let snapshot = snapshot::take(&self.git, place, &found.commit).await?;
        let (git, identity) = (&self.git, &self.config.identity);
        let names = (&order.issue, &order.run);
        rescue::keep(git, identity, place, &found.commit, &snapshot, names).await?;
        let has_edits = snapshot.tree != snapshot.base_tree;
        // A merge that is under way goes on, unless its base is to be a newer one.
        let is_begun = (has_edits || order.freshen == Freshen::Nothing)
            && found.merge.as_ref().is_some_and(|merge| merge.head == start.commit);
        let has_moved = found.commit != start.commit && !is_begun;
        let is_usable = record.is_own_repository == place.is_own_repository
            && (!place.is_own_repository || own::is_there(place));
        if !order.keep_edits || (has_moved && !has_edits) || !is_usable {
            // Nothing is kept here, or there is nothing to keep and the start has moved, or somebody else publishes now,
            // or the repository is gone: moved aside before a crash, or removed by the agent.
            if record.is_own_repository {
                own::keep_commits(git, place, &order.run).await?;
            }
            self.make(order, place, &start).await?;
            return Ok((start, true));
        }
        worktree::restore_git_file(place).await?;
        if !has_moved {
            return Ok((found, true));
        }
        let head = start.merge.as_ref().map_or(&start.commit, |merge| &merge.head);
        if publish::tree_of(git, &place.clone, head).await? == snapshot.tree {
            // What it holds was published meanwhile, so nothing of it is an edit any more.
            if *head == start.commit {
                worktree::adopt(git, place, &start).await?;
            } else if !freshen::carry(git, identity, place, head, &start, &snapshot).await? {
                self.make(order, place, &start).await?;
            }
            return Ok((start, true));
        }
        if place.is_own_repository {
            // Whoever publishes fetches and merges.
            return Ok((found, true));
        }
        let is_carried = match order.freshen {
            Freshen::Nothing => return Ok((found, true)),
            Freshen::Carry | Freshen::MergeBase => {
                freshen::carry(git, identity, place, &found.commit, &start, &snapshot).await?
            }
        };
        Ok(if is_carried { (start, true) } else { (found, false) })
    }
}

#[async_trait]
impl Workspaces for GitWorkspaces {
    fn worktree_path(&self, project: &Project, name: &str) -> String {
        // For a project that is not configured the path is below no root, and every operation on it says so.
        let root = self.config.remotes.get(&project.id).map(|remote| remote.worktree_root.clone());
        root.unwrap_or_default().join(as_name(name)).display().to_string()
    }

    async fn prepare(&self, order: &PrepareOrder) -> Result<Worktree, WorkspaceError> {
        let place = Place::of(&self.config, &order.project, &order.path)?;
        let repository = Repository::of(&self.config, &order.project)?;
        let _worktree = self.hold(&place).await?;
        let asked = Instant::now();
        let mut clone = self.locks.hold(&place.clone).await;
        let found = worktree::find(&place).await?;
        clone::refresh(&self.git, &repository, &mut clone, asked).await?;
        let start = self.start(order, &place, &found).await?;
        let (stand, is_fresh) = match found {
            Found::Whole(record) => self.renew(order, &place, &record, start).await?,
            Found::Nothing | Found::HalfMade(_) => {
                self.make(order, &place, &start).await?;
                (start, true)
            }
        };
        Ok(Worktree {
            path: order.path.clone(),
            branch: order.branch.clone(),
            base_branch: order.base_branch.clone(),
            base: stand.commit,
            merge: stand.merge,
            is_behind: !is_fresh,
        })
    }

    async fn control_file(
        &self,
        project: &Project,
        base_branch: &BranchName,
        name: &str,
    ) -> Result<Option<String>, WorkspaceError> {
        let repository = Repository::of(&self.config, project)?;
        self.ensure_clone(&repository.clone).await?;
        control::read(&self.git, &repository, base_branch, name).await
    }

    async fn prepare_hook(
        &self,
        project: &Project,
        base_branch: &BranchName,
    ) -> Result<Option<String>, WorkspaceError> {
        let repository = Repository::of(&self.config, project)?;
        self.ensure_clone(&repository.clone).await?;
        let place = self.config.data_dir.join("hooks").join(project.id.as_str());
        let _held = self.locks.hold(&place).await;
        let is_there = control::place_hook(&self.git, &repository, base_branch, &place).await?;
        Ok(is_there.then(|| place.display().to_string()))
    }

    async fn inspect(
        &self,
        project: &Project,
        worktree: &Worktree,
    ) -> Result<TreeState, WorkspaceError> {
        let place = Place::of(&self.config, project, &worktree.path)?;
        let _held = self.hold(&place).await?;
        match worktree::find(&place).await? {
            Found::Whole(_) => {}
            Found::Nothing | Found::HalfMade(_) => {
                return Err(local(format!("inspect `{}`", worktree.path))("the worktree is gone"));
            }
        }
        clone::restore_config_of(&place.clone).await?;
        let snapshot = snapshot::take(&self.git, &place, &worktree.base).await?;
        let (tree, is_clean) = (snapshot.tree.clone(), snapshot.tree == snapshot.base_tree);
        let git = &self.git;
        let unmerged = freshen::unmerged(git, &place, &tree, worktree.conflicts()).await?;
        let secrets = &self.config.secrets;
        let changes = evidence::gather(git, &place.clone, worktree, snapshot, secrets).await?;
        Ok(TreeState { tree, is_clean, unmerged, changes })
    }

    async fn rescue(
        &self,
        project: &Project,
        issue: &IssueId,
        run: &RunId,
        path: &str,
    ) -> Result<Option<String>, WorkspaceError> {
        let place = Place::of(&self.config, project, path)?;
        let _held = self.hold(&place).await?;
        let base = match worktree::find(&place).await? {
            Found::Whole(record) => record.base,
            // No agent was ever in it.
            Found::Nothing | Found::HalfMade(_) => return Ok(None),
        };
        clone::restore_config_of(&place.clone).await?;
        let snapshot = snapshot::take(&self.git, &place, &base).await?;
        rescue::keep(&self.git, &self.config.identity, &place, &base, &snapshot, (issue, run)).await
    }

    async fn commit(&self, order: &CommitOrder) -> Result<CommitSha, WorkspaceError> {
        let clone = Repository::of(&self.config, &order.project)?.clone;
        clone::restore_config_of(&clone).await?;
        let pin = publish_ref(&order.issue, &order.run);
        let _pin = self.locks.hold(&clone.join(&pin)).await;
        publish::commit(&self.git, &self.config.identity, &clone, order, &pin).await
    }

    async fn remote_branch(
        &self,
        project: &Project,
        branch: &BranchName,
    ) -> Result<Option<RemoteBranch>, WorkspaceError> {
        let repository = Repository::of(&self.config, project)?;
        self.ensure_clone(&repository.clone).await?;
        publish::remote_branch(&self.git, &self.locks, &repository, branch).await
    }

    async fn push(&self, order: &PushOrder) -> Result<Pushed, WorkspaceError> {
        let repository = Repository::of(&self.config, &order.project)?;
        clone::restore_config_of(&repository.clone).await?;
        publish::push(&self.git, &repository, order).await
    }

    async fn remove(
        &self,
        project: &Project,
        issue: &IssueId,
        run: &RunId,
        path: &str,
    ) -> Result<Removed, WorkspaceError> {
        let place = Place::of(&self.config, project, path)?;
        let _worktree = self.hold(&place).await?;
        let _clone = self.locks.hold(&place.clone).await;
        let record = match worktree::find(&place).await? {
            Found::Nothing => {
                let was_ours = Record::load(&place).await?.is_some();
                worktree::forget(&place).await?;
                return Ok(if was_ours { Removed::Gone { rescue: None } } else { Removed::Absent });
            }
            // No agent was ever in it, or what was in it was kept before its removal began.
            Found::HalfMade(record) => {
                worktree::remove(&place, record).await?;
                return Ok(Removed::Gone { rescue: None });
            }
            Found::Whole(record) => record,
        };
        clone::restore_config_of(&place.clone).await?;
        let snapshot = snapshot::take(&self.git, &place, &record.base).await?;
        if let Some(hit) = snapshot.hits.first() {
            return Ok(Removed::Stays {
                reason: format!("it holds what git cannot keep: {hit:?}"),
            });
        }
        let names = (issue, run);
        let identity = &self.config.identity;
        let rescue =
            rescue::keep(&self.git, identity, &place, &record.base, &snapshot, names).await?;
        if record.is_own_repository {
            own::keep_commits(&self.git, &place, run).await?;
        }
        worktree::remove(&place, record).await?;
        Ok(Removed::Gone { rescue })
    }

    async fn free_space(&self) -> Result<u64, WorkspaceError> {
        let roots = self.config.remotes.values().map(|remote| &remote.worktree_root);
        let places: Vec<_> = roots.chain([&self.config.data_dir]).cloned().collect();
        let least = clone::blocking(move || {
            places.iter().try_fold(u64::MAX, |least, place| Ok(least.min(space::free_at(place)?)))
        });
        least.await.map_err(local("look for free space"))
    }
}
