//! A remote with some history, a project, and an adapter that knows both.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use patchrelay_domain::{
    BranchName, Budgets, CommitSha, GateHit, GatePolicy, IssueId, Limits, Project, ProjectId,
    RunId, RunType, SecretPatterns, TreeId, Worktree,
};
use patchrelay_ports::{
    CommitOrder, Freshen, PrepareOrder, PushOrder, Pushed, TreeState, WorkspaceError, Workspaces,
};
use patchrelay_process::Command;
use tempfile::TempDir;

use crate::{GitConfig, GitWorkspaces, Identity, RemoteConfig};

/// Longer than anything takes here on a busy machine.
const PLENTY: Duration = Duration::from_secs(120);

/// What the world's adapter must not let out.
pub(crate) const SECRETS: [(&str, &str); 2] =
    [("FORGE_TOKEN", "ghp_0123456789abcdef~?>"), ("API_KEY", "correct horse battery staple")];

pub(crate) struct World {
    pub dir: TempDir,
    pub workspaces: GitWorkspaces,
    pub project: Project,
}

impl World {
    /// A remote whose branch `trunk` has `README` and `src/lib.rs`.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let url = dir.path().join("remote.git").display().to_string();
        let world = Self { workspaces: workspaces(dir.path(), &url), dir, project: project("app") };
        git(world.dir.path(), &["init", "--bare", "--template=", "-b", "trunk", "remote.git"])
            .await;
        git(world.dir.path(), &["init", "--template=", "-b", "trunk", "human"]).await;
        fs::create_dir(world.human().join("src")).expect("made");
        fs::write(world.human().join("README"), "An app.\n").expect("written");
        fs::write(world.human().join("src/lib.rs"), "fn one() {}\n").expect("written");
        world.human_pushes("trunk", "start").await;
        world
    }

    /// The same disk as a new process finds it.
    pub(crate) fn restarted(self) -> Self {
        let url = self.remote().display().to_string();
        Self { workspaces: workspaces(self.dir.path(), &url), ..self }
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.dir.path().join("remote.git")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn clone(&self) -> PathBuf {
        self.data().join("repos/app")
    }

    /// A human's checkout of the remote.
    pub(crate) fn human(&self) -> PathBuf {
        self.dir.path().join("human")
    }

    /// Commits everything in the human's checkout and pushes it to the branch.
    pub(crate) async fn human_pushes(&self, branch: &str, message: &str) -> CommitSha {
        git(&self.human(), &["add", "--all"]).await;
        git(&self.human(), &["commit", "--allow-empty", "-m", message]).await;
        git(
            &self.human(),
            &["push", "--force", "../remote.git", &format!("HEAD:refs/heads/{branch}")],
        )
        .await;
        CommitSha::new(git(&self.human(), &["rev-parse", "HEAD"]).await)
    }

    /// The tip of a branch of the remote.
    pub(crate) async fn tip(&self, branch: &str) -> CommitSha {
        CommitSha::new(git(&self.remote(), &["rev-parse", &format!("refs/heads/{branch}")]).await)
    }

    /// What a commit of the remote holds.
    pub(crate) async fn tree(&self, commit: &CommitSha) -> TreeId {
        TreeId::new(git(&self.remote(), &["rev-parse", &format!("{commit}^{{tree}}")]).await)
    }

    /// What a commit or ref of our clone has at a path.
    pub(crate) async fn content(&self, commit: &str, path: &str) -> String {
        git(&self.clone(), &["show", &format!("{commit}:{path}")]).await
    }

    /// The paths that a commit, tree or ref of our clone has.
    pub(crate) async fn paths(&self, commit: &str) -> Vec<String> {
        git(&self.clone(), &["ls-tree", "-r", "--name-only", commit])
            .await
            .lines()
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn worktree(&self) -> PathBuf {
        PathBuf::from(self.workspaces.worktree_path(&self.project, "APP-1"))
    }

    pub(crate) fn order(&self, run: &str) -> PrepareOrder {
        PrepareOrder {
            issue: issue(),
            run: RunId::new(run),
            project: self.project.clone(),
            path: self.worktree().display().to_string(),
            branch: BranchName::new("bot/APP-1"),
            base_branch: BranchName::new("trunk"),
            has_pull_request: false,
            keep_edits: true,
            freshen: Freshen::Carry,
        }
    }

    pub(crate) async fn prepare(&self, run: &str) -> Worktree {
        self.workspaces.prepare(&self.order(run)).await.expect("it is made ready")
    }

    pub(crate) async fn inspect(&self, worktree: &Worktree) -> TreeState {
        self.workspaces.inspect(&self.project, worktree).await.expect("it can be looked at")
    }

    pub(crate) fn commit_order(
        &self,
        worktree: &Worktree,
        tree: &TreeId,
        run: &str,
    ) -> CommitOrder {
        CommitOrder {
            issue: issue(),
            run: RunId::new(run),
            project: self.project.clone(),
            tree: tree.clone(),
            parents: worktree.parents(),
            message: format!(
                "APP-1: Work\n\nBody.\n\n{}\n",
                patchrelay_domain::run_trailer(&RunId::new(run))
            ),
            at_millis: 1_700_000_000_123,
        }
    }

    /// Commits what the worktree holds.
    pub(crate) async fn commit(&self, worktree: &Worktree, run: &str) -> CommitSha {
        let state = self.inspect(worktree).await;
        let order = self.commit_order(worktree, &state.tree, run);
        self.workspaces.commit(&order).await.expect("it is committed")
    }

    pub(crate) async fn push(
        &self,
        commit: &CommitSha,
        branch: &str,
        expected: Option<&CommitSha>,
    ) -> Result<Pushed, WorkspaceError> {
        let order = PushOrder {
            project: self.project.clone(),
            commit: commit.clone(),
            branch: BranchName::new(branch),
            expected_remote: expected.cloned(),
        };
        self.workspaces.push(&order).await
    }

    /// Publishes what the worktree holds as the work of this run.
    pub(crate) async fn publish(
        &self,
        worktree: &Worktree,
        run: &str,
        expected: Option<&CommitSha>,
    ) -> CommitSha {
        let commit = self.commit(worktree, run).await;
        let pushed =
            self.push(&commit, worktree.branch.as_str(), expected).await.expect("it is pushed");
        assert_eq!(pushed, Pushed::Accepted);
        commit
    }

    pub(crate) async fn rescue(&self, run: &str) -> Option<String> {
        let path = self.worktree().display().to_string();
        let rescued =
            self.workspaces.rescue(&self.project, &issue(), &RunId::new(run), &path).await;
        rescued.expect("it can be looked at")
    }

    /// Writes a file of the worktree, as an agent would.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.worktree().join(path);
        fs::create_dir_all(path.parent().expect("it is below the worktree")).expect("made");
        fs::write(path, content).expect("written");
    }
}

/// What the gate says of it, in a run of this type.
pub(crate) fn judged(state: &TreeState, run_type: RunType) -> Vec<GateHit> {
    patchrelay_domain::gate(&GatePolicy::default(), run_type, &state.changes)
}

/// What the gate says of it as new work.
pub(crate) fn hits(state: &TreeState) -> Vec<GateHit> {
    judged(state, RunType::Implementation)
}

/// The paths that are changed.
pub(crate) fn changed(state: &TreeState) -> Vec<&str> {
    state.changes.files.iter().map(|file| file.path.as_str()).collect()
}

pub(crate) fn issue() -> IssueId {
    IssueId::new("workspace", "ticket-1")
}

pub(crate) fn workspaces(dir: &Path, url: &str) -> GitWorkspaces {
    GitWorkspaces::new(config(
        dir,
        RemoteConfig {
            url: url.to_owned(),
            token: None,
            worktree_root: dir.join("trees"),
            checkout: None,
        },
    ))
    .expect("a usable configuration")
}

pub(crate) fn config(dir: &Path, remote: RemoteConfig) -> GitConfig {
    GitConfig {
        data_dir: dir.join("data"),
        remotes: HashMap::from([(ProjectId::new("app"), remote)]),
        base_env: vec![
            ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("HOME".to_owned(), dir.display().to_string()),
            ("GIT_DIR".to_owned(), "/nowhere".to_owned()),
        ],
        identity: Identity { name: "Relay".to_owned(), email: "relay@example.com".to_owned() },
        secrets: Arc::new(SecretPatterns::new(SECRETS).expect("patterns")),
        instance: format!("test-{}", std::process::id()),
    }
}

pub(crate) fn project(id: &str) -> Project {
    Project {
        id: ProjectId::new(id),
        repo: "acme/app".parse().expect("a slug"),
        base_branch: None,
        branch_prefix: "bot".to_owned(),
        linear_teams: vec![],
        linear_projects: vec![],
        issue_key_prefixes: vec!["APP".to_owned()],
        labels: vec![],
        trusted: patchrelay_domain::TrustedActors::default(),
        budgets: Budgets::default(),
        limits: Limits::default(),
        protected_paths: vec![],
        publisher: patchrelay_domain::prompt::Publisher::Harness,
        draft: false,
        network: false,
        gate_checks: vec!["Tests".to_owned(), "verify".to_owned()],
        merge_queue_check: "merge-steward/queue".to_owned(),
        trust_hook: false,
        max_concurrent_runs: 1,
    }
}

/// Runs a human's git and tells what it said.
pub(crate) async fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git", dir)
        .args(args)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Human")
        .env("GIT_AUTHOR_EMAIL", "human@example.com")
        .env("GIT_COMMITTER_NAME", "Human")
        .env("GIT_COMMITTER_EMAIL", "human@example.com")
        .run(PLENTY)
        .await
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", output.stderr);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
