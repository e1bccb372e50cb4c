//! What stands for an agent and its directories where only services are tried: work that is done at once, and commits
//! that are made in the forge's own repository.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use patchrelay_domain::{
    BranchName, ChangeSet, CommitSha, HookEnd, IssueId, Project, ProjectId, RunId, ThreadId,
    Timestamp, TreeId, TurnId, TurnRecord, TurnStatus, Worktree,
};
use patchrelay_ports::{
    AgentError, AgentEvent, AgentLaunch, AgentRuntime, AgentSession, Clock, CommitOrder, HookOrder,
    Ids, Message, PrepareOrder, PushOrder, Pushed, RemoteBranch, Removed, ThreadSpec, Told,
    TreeState, TurnOrder, WorkspaceError, Workspaces,
};
use patchrelay_process::{Command, Output};
use tokio::time::Instant;
use uuid::Uuid;

use crate::world::{PATIENCE, path_variable};

/// An agent that is done before anybody asks, and reports so.
pub(crate) struct Quick;

struct Session {
    events: VecDeque<AgentEvent>,
    turns: u32,
}

const REPORT: &str = r#"{"outcome":"done","summary":"Changed what was asked for.","commit_subject":"Change it",
    "commit_body":"","pr_title":"Change it","pr_body":"","question":"","resolved":[]}"#;

#[async_trait]
impl AgentRuntime for Quick {
    async fn launch(&self, _: &AgentLaunch) -> Result<Box<dyn AgentSession>, AgentError> {
        Ok(Box::new(Session { events: VecDeque::new(), turns: 0 }))
    }

    async fn run_hook(&self, _: &HookOrder) -> Result<HookEnd, AgentError> {
        Ok(HookEnd::Done)
    }

    async fn reap(&self, _: &RunId) -> Result<(), AgentError> {
        Ok(())
    }
}

#[async_trait]
impl AgentSession for Session {
    async fn open_thread(&mut self, _: &str, spec: ThreadSpec) -> Result<ThreadId, AgentError> {
        Ok(match spec {
            ThreadSpec::Fresh => ThreadId::new(Uuid::new_v4().to_string()),
            ThreadSpec::Resume(thread) => thread,
        })
    }

    async fn start_turn(&mut self, order: &TurnOrder) -> Result<TurnId, AgentError> {
        let answer = if order.output_schema.is_some() { REPORT } else { "Done." };
        self.events.push_back(AgentEvent::TurnEnded {
            status: TurnStatus::Completed,
            answer: answer.to_owned(),
        });
        self.turns += 1;
        Ok(TurnId::new(format!("turn-{}", self.turns)))
    }

    async fn next_event(&mut self) -> Result<AgentEvent, AgentError> {
        match self.events.pop_front() {
            Some(event) => Ok(event),
            None => std::future::pending().await,
        }
    }

    async fn tell(&mut self, _: &Message) -> Result<Told, AgentError> {
        Ok(Told::NoTurn)
    }

    async fn told(&mut self, _: &[String]) -> Result<Vec<String>, AgentError> {
        Ok(Vec::new())
    }

    async fn interrupt(&mut self) -> Result<(), AgentError> {
        Ok(())
    }

    async fn look_at_turn(&mut self, _: &TurnId) -> Result<TurnRecord, AgentError> {
        Ok(TurnRecord::Ended)
    }

    async fn commands_cpu_time(&mut self) -> Option<Duration> {
        None
    }

    async fn close(self: Box<Self>) {}
}

/// Commits that are made where they are pushed to.
pub(crate) struct InTheRemote {
    /// The bare repository of each project, and the commit that its work stands on.
    pub(crate) remotes: HashMap<ProjectId, (PathBuf, CommitSha)>,
}

/// A branch that must not exist, in git's words.
const NOTHING: &str = "0000000000000000000000000000000000000000";

async fn run(directory: &Path, args: &[&str], stdin: String) -> Output {
    let git = Command::new("git", directory).args(args).env("PATH", path_variable());
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(stdin).run(PATIENCE).await.unwrap()
}

impl InTheRemote {
    fn of(&self, project: &Project) -> (&Path, &CommitSha) {
        let (path, base) = &self.remotes[&project.id];
        (path, base)
    }

    async fn tip(&self, project: &Project, branch: &BranchName) -> Option<RemoteBranch> {
        let format = "--format=%H%n%T%n%(trailers:key=PatchRelay-Run,valueonly)";
        let reference = format!("refs/heads/{branch}");
        let (remote, _) = self.of(project);
        let found = run(remote, &["log", "-1", format, &reference, "--"], String::new()).await;
        let text = String::from_utf8(found.stdout).unwrap();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let head = CommitSha::new(lines.next().filter(|_| found.status.success())?);
        let tree = TreeId::new(lines.next().unwrap());
        Some(RemoteBranch { head, tree, run: lines.next().map(RunId::new) })
    }
}

#[async_trait]
impl Workspaces for InTheRemote {
    fn worktree_path(&self, _: &Project, name: &str) -> String {
        format!("/worktrees/{name}")
    }

    async fn prepare(&self, order: &PrepareOrder) -> Result<Worktree, WorkspaceError> {
        let base = match self.tip(&order.project, &order.branch).await {
            Some(published) => published.head,
            None => self.of(&order.project).1.clone(),
        };
        Ok(Worktree {
            path: order.path.clone(),
            branch: order.branch.clone(),
            base_branch: order.base_branch.clone(),
            base,
            merge: None,
            is_behind: false,
        })
    }

    async fn control_file(
        &self,
        _: &Project,
        _: &BranchName,
        _: &str,
    ) -> Result<Option<String>, WorkspaceError> {
        Ok(None)
    }

    async fn prepare_hook(
        &self,
        _: &Project,
        _: &BranchName,
    ) -> Result<Option<String>, WorkspaceError> {
        Ok(None)
    }

    async fn inspect(&self, _: &Project, worktree: &Worktree) -> Result<TreeState, WorkspaceError> {
        Ok(TreeState {
            tree: TreeId::new(worktree.path.clone()),
            is_clean: false,
            unmerged: Vec::new(),
            changes: ChangeSet::of_paths(["work.txt"]),
        })
    }

    async fn rescue(
        &self,
        _: &Project,
        _: &IssueId,
        _: &RunId,
        _: &str,
    ) -> Result<Option<String>, WorkspaceError> {
        Ok(None)
    }

    async fn commit(&self, order: &CommitOrder) -> Result<CommitSha, WorkspaceError> {
        let stream = format!(
            "feature done\ncommit refs/patchrelay/runs/{run}\nmark :1\ncommitter PatchRelay <bot@relay.test> {time} +0000\n\
             data {length}\n{message}\nfrom {parent}\nM 100644 inline work-{run}.txt\ndata 5\ndone!\n\nget-mark :1\ndone\n",
            run = order.run,
            time = order.at_millis / 1_000,
            length = order.message.len(),
            message = order.message,
            parent = order.parents[0],
        );
        let (remote, _) = self.of(&order.project);
        let made = run(remote, &["fast-import", "--quiet", "--force"], stream).await;
        assert!(made.status.success(), "{}", made.stderr);
        Ok(CommitSha::new(String::from_utf8(made.stdout).unwrap().trim()))
    }

    async fn remote_branch(
        &self,
        project: &Project,
        branch: &BranchName,
    ) -> Result<Option<RemoteBranch>, WorkspaceError> {
        Ok(self.tip(project, branch).await)
    }

    async fn push(&self, order: &PushOrder) -> Result<Pushed, WorkspaceError> {
        let reference = format!("refs/heads/{}", order.branch);
        let expected = order.expected_remote.as_ref().map_or(NOTHING, |expected| expected.as_str());
        let update = ["update-ref", &reference, order.commit.as_str(), expected];
        let (remote, _) = self.of(&order.project);
        if run(remote, &update, String::new()).await.status.success() {
            return Ok(Pushed::Accepted);
        }
        let found = self.tip(&order.project, &order.branch).await.map(|found| found.head);
        Ok(match found {
            Some(found) if found == order.commit => Pushed::Accepted,
            found => Pushed::Moved { found },
        })
    }

    async fn remove(
        &self,
        _: &Project,
        _: &IssueId,
        _: &RunId,
        _: &str,
    ) -> Result<Removed, WorkspaceError> {
        Ok(Removed::Absent)
    }

    async fn free_space(&self) -> Result<u64, WorkspaceError> {
        Ok(u64::MAX)
    }
}

/// A clock that goes eight times as fast as the machine's, so that whoever waits for it waits an eighth.
pub(crate) struct Fast {
    began: Instant,
    at: Timestamp,
}

impl Fast {
    /// One that shows the machine's time now.
    #[expect(clippy::disallowed_methods, reason = "the services' clock is the machine's, too")]
    pub(crate) fn new() -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = i64::try_from(since_epoch.unwrap().as_millis()).unwrap();
        Self { began: Instant::now(), at: Timestamp::from_millis(millis) }
    }
}

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        self.at.plus(self.began.elapsed() * 8)
    }
}

/// Random names.
pub(crate) struct Names;

impl Ids for Names {
    fn sortable(&self) -> String {
        Uuid::now_v7().to_string()
    }

    fn random(&self) -> String {
        Uuid::new_v4().to_string()
    }
}
