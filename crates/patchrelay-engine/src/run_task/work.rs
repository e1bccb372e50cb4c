//! The part of a run in which the agent works: from a worktree to a verified commit.

use std::time::Duration;

use patchrelay_domain::{
    BranchName, CommitSha, Evidence, ForgeNow, GateHit, Interruption, IssueFacts, Policy,
    Publication, Remote, Report, RunOutcome, RunPlan, Rung, Steer, Ticket, TreeId, TurnStatus,
    Verdict, Worktree, commit_message, prompt::Publisher, pull_request_text, refuse_release,
    verify,
};
use patchrelay_ports::{
    AgentLaunch, AgentSession, CommitOrder, Freshen, PrepareOrder, RemoteBranch, Side, Step,
    TreeState, WorkspaceError,
};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Halt, Progress, RunTask, ended_by_agent, ended_by_call, ended_by_git,
    publish::{FIRST_RETRY, LAST_RETRY},
    supervise::Cut,
    turns::working,
};
use crate::error::chain;

/// What the turns of one run stand on.
pub(super) struct Job<'a> {
    pub(super) plan: &'a RunPlan,
    pub(super) facts: &'a IssueFacts,
    pub(super) ticket: &'a Ticket,
    pub(super) worktree: &'a Worktree,
    /// The project's own base branch, which says what the project wants of an agent (D32).
    pub(super) trunk: &'a BranchName,
}

/// What an agent that publishes by itself brought to the forge.
#[derive(Default)]
struct Published {
    /// The tip of its branch.
    head: Option<CommitSha>,
    /// All of it, as it is judged.
    remote: Remote,
}

impl RunTask {
    /// Lets the agent work until there is something to publish.
    pub(super) async fn work(
        &self,
        plan: &RunPlan,
        facts: &IssueFacts,
        progress: &mut Progress,
    ) -> Result<Publication, Halt> {
        let ticket = facts.ticket.as_ref().map(|ticket| &ticket.value);
        let ticket = ticket.expect("`decide` plans no run before the ticket was read");
        let trunk = &self.trunk().await?;
        if let Some(tree) = &plan.release {
            let worktree = self.prepare(plan, trunk).await?;
            self.advance(&working(&worktree, progress, None)).await?;
            let job = Job { plan, facts, ticket, worktree: &worktree, trunk };
            return self.release(&job, tree).await;
        }
        let (worktree, session) = self.make_ready(plan, ticket, trunk, progress).await?;
        let job = Job { plan, facts, ticket, worktree: &worktree, trunk };
        let mut ready = Some(session);
        let mut instruction: Option<String> = None;
        loop {
            progress.working_since = Some(Instant::now());
            let mut session = match ready.take() {
                Some(session) => session,
                None => self.launch().await?,
            };
            let asked = self.turns(session.as_mut(), &job, progress, instruction.as_deref()).await;
            // The agent is gone before its tree is judged: nothing changes under the verdict.
            session.close().await;
            progress.stopped_working();
            let (turn, mut report) = match asked {
                Ok(asked) => asked,
                // The same run goes on, on its thread or on a new one; how is stored already.
                Err(Cut::Replaced) => {
                    instruction = progress.thread.is_some().then(|| Rung::GO_ON.to_owned());
                    continue;
                }
                // What was written so far is the product of the turn, however it ended (D26).
                Err(Cut::Halt(Halt::Outcome(outcome))) => {
                    self.rescue(&worktree.path).await?;
                    return Err(Halt::Outcome(outcome));
                }
                Err(Cut::Halt(Halt::Leave)) => return Err(Halt::Leave),
            };
            let tree = self.inspect(&worktree).await?;
            let mut evidence = self.evidence(&job, turn.status, &tree).await?;
            let published = self.published(&job, &tree, progress).await?;
            evidence.remote = published.remote;
            evidence.changes.found.extend(self.withhold_secrets(report.as_mut()));
            let policy = Policy::of(&self.project);
            match verify(&policy, report.as_ref(), &evidence, progress.continuations) {
                Verdict::Publish { .. } => {
                    let report = report.expect("`verify` publishes nothing without a report");
                    return self.publication(&job, &tree, &report, progress).await;
                }
                Verdict::Continue { instruction: more } => {
                    progress.continuations += 1;
                    info!(run = %self.run, continuations = progress.continuations, "continuing on the same thread");
                    instruction = Some(more);
                    self.advance(&working(&worktree, progress, None)).await?;
                }
                Verdict::NewThread => {
                    progress.continuations += 1;
                    info!(run = %self.run, continuations = progress.continuations, "continuing on a new thread");
                    progress.thread = None;
                    instruction = None;
                    self.advance(&working(&worktree, progress, None)).await?;
                }
                Verdict::Settle(outcome) => {
                    self.rescue(&worktree.path).await?;
                    return Err(Halt::with(outcome));
                }
                Verdict::AlreadyPublished => {
                    let report = report.expect("`verify` believes nothing without a report");
                    let commit = published.head.expect("what is published has a head");
                    let expected = Some(commit.clone());
                    return Ok(self.publication_of(&job, &tree, &report, commit, expected));
                }
            }
        }
    }

    /// Publishes the tree that a human released, and nothing else (D29). No agent is asked.
    async fn release(&self, job: &Job<'_>, released: &TreeId) -> Result<Publication, Halt> {
        let held = job.facts.held.as_ref().filter(|held| held.tree == *released);
        let held = held.expect("`decide` plans a release only of what is held");
        let tree = self.inspect(job.worktree).await?;
        if tree.tree != *released {
            self.rescue(&job.worktree.path).await?;
            return Err(Halt::with(RunOutcome::NeedsInput {
                question: format!(
                    "What you released is not what lies in the worktree any more: it was {released}, and is {}. \
                     Should I go on with it?",
                    tree.tree
                ),
            }));
        }
        let policy = Policy::of(&self.project);
        if let Some(outcome) = refuse_release(&policy, job.plan.run_type, &tree.changes) {
            self.rescue(&job.worktree.path).await?;
            return Err(Halt::with(outcome));
        }
        self.publication(job, &tree, &held.report, &Progress::default()).await
    }

    /// What is really there, next to what the forge says now.
    async fn evidence(
        &self,
        job: &Job<'_>,
        turn: TurnStatus,
        tree: &TreeState,
    ) -> Result<Evidence, Halt> {
        let Job { plan, worktree, .. } = job;
        let policy = Policy::of(&self.project);
        let forge = loop {
            match self.context.ports.store.load(&self.issue).await {
                Ok(stored) => {
                    break stored.map(|stored| ForgeNow::of(&policy, &stored.facts));
                }
                Err(error) => {
                    warn!(run = %self.run, error = %chain(&error), "a turn cannot be judged yet");
                    self.before_store_retry().await?;
                }
            }
        };
        Ok(Evidence {
            turn,
            at: self.context.now(),
            changes: tree.changes.clone(),
            has_merged_base: worktree.merge.is_some(),
            unmerged: tree.unmerged.clone(),
            needs_new_head: plan.needs_new_head,
            forge: forge.unwrap_or_default(),
            ..Evidence::clean(plan.run_type, tree.tree.clone())
        })
    }

    /// Takes our secrets out of what the agent says: all of it may come before other eyes.
    fn withhold_secrets(&self, report: Option<&mut Report>) -> Vec<GateHit> {
        let hits = report.map(|report| self.context.settings.secrets.withhold_from(report));
        let hits = hits.unwrap_or_default();
        if !hits.is_empty() {
            warn!(run = %self.run, ?hits, "the agent's report contains a secret");
        }
        hits
    }

    async fn trunk(&self) -> Result<BranchName, Halt> {
        if let Some(branch) = &self.project.base_branch {
            return Ok(branch.clone());
        }
        let asked = self.context.ports.forge.default_branch(&self.project.repo).await;
        asked.map_err(|error| Halt::with(ended_by_call(&error)))
    }

    /// Prepares the worktree and starts the agent meanwhile. Neither is of use without the other, and an agent whose run
    /// ends here is ended with it.
    async fn make_ready(
        &self,
        plan: &RunPlan,
        ticket: &Ticket,
        trunk: &BranchName,
        progress: &Progress,
    ) -> Result<(Worktree, Box<dyn AgentSession>), Halt> {
        let prepared = async {
            let worktree = self.prepare(plan, trunk).await?;
            self.run_hook(plan.run_type, ticket, &worktree, trunk, progress).await?;
            self.advance(&working(&worktree, progress, None)).await?;
            Ok(worktree)
        };
        match tokio::join!(prepared, self.launch()) {
            (Ok(worktree), Ok(session)) => Ok((worktree, session)),
            (Err(halt), Ok(session)) => {
                session.close().await;
                Err(halt)
            }
            (Err(halt), Err(_)) | (Ok(_), Err(halt)) => Err(halt),
        }
    }

    async fn prepare(&self, plan: &RunPlan, trunk: &BranchName) -> Result<Worktree, Halt> {
        let workspaces = &self.context.ports.workspaces;
        let order = PrepareOrder {
            issue: self.issue.clone(),
            run: self.run.clone(),
            project: self.project.clone(),
            path: workspaces.worktree_path(&self.project, &plan.worktree_name),
            branch: plan.branch.clone(),
            base_branch: plan.base_branch.as_ref().unwrap_or(trunk).clone(),
            has_pull_request: plan.head.is_some(),
            keep_edits: plan.keep_edits,
            freshen: match (&plan.release, plan.merge_base) {
                (Some(_), _) => Freshen::Nothing,
                (None, true) => Freshen::MergeBase,
                (None, false) => Freshen::Carry,
            },
        };
        self.reached(Step::Prepare, Side::Before);
        let prepared = self.lease.guard(workspaces.prepare(&order)).await?;
        self.reached(Step::Prepare, Side::After);
        prepared.map_err(|error| Halt::with(ended_by_git(&error)))
    }

    async fn launch(&self) -> Result<Box<dyn AgentSession>, Halt> {
        self.may_ask_model()?;
        let publishes = self.project.publisher == Publisher::Agent;
        let order = AgentLaunch {
            run: self.run.clone(),
            project: self.project.id.clone(),
            network: self.project.network || publishes,
            publishes,
        };
        let launched = self.lease.guard(self.context.ports.agent.launch(&order)).await?;
        launched.map_err(|error| Halt::with(ended_by_agent(&error)))
    }

    async fn inspect(&self, worktree: &Worktree) -> Result<TreeState, Halt> {
        self.reached(Step::Snapshot, Side::Before);
        let inspected = self
            .lease
            .guard(self.context.ports.workspaces.inspect(&self.project, worktree))
            .await?;
        self.reached(Step::Snapshot, Side::After);
        inspected.map_err(|error| Halt::with(ended_by_git(&error)))
    }

    /// Makes the commit, and everything that publishing it needs. An outage is waited out, as in publishing.
    async fn publication(
        &self,
        job: &Job<'_>,
        tree: &TreeState,
        report: &Report,
        progress: &Progress,
    ) -> Result<Publication, Halt> {
        let Job { plan, worktree, ticket, .. } = job;
        let workspaces = &self.context.ports.workspaces;
        self.reached(Step::Commit, Side::Before);
        let order = CommitOrder {
            issue: self.issue.clone(),
            run: self.run.clone(),
            project: self.project.clone(),
            tree: tree.tree.clone(),
            parents: worktree.parents(),
            message: commit_message(report, ticket, &self.run),
            at_millis: self.context.now().millis(),
        };
        let git = |error| Halt::with(ended_by_git(&error));
        let commit: CommitSha = self.lease.guard(workspaces.commit(&order)).await?.map_err(git)?;
        self.reached(Step::Commit, Side::After);
        let progress = &Progress { commit: Some(commit.clone()), ..progress.clone() };
        let remote = self.remote_branch(&worktree.branch, progress).await?;
        if let Some(remote) = remote.as_ref().filter(|remote| remote.run.is_none()) {
            // Not even when it stands where we do: somebody else made it, and goes on with it.
            if plan.head.is_none() {
                return Err(Halt::with(RunOutcome::BranchTaken));
            }
            // Others may push to a pull request, and what they pushed is what the work has to stand on.
            if worktree.parents().first() != Some(&remote.head) {
                return Err(Halt::with(RunOutcome::Interrupted { by: Interruption::HeadMoved }));
            }
        }
        Ok(self.publication_of(job, tree, report, commit, remote.map(|branch| branch.head)))
    }

    /// What the agent brought to the forge by itself, where it is the one who publishes.
    async fn published(
        &self,
        job: &Job<'_>,
        tree: &TreeState,
        progress: &Progress,
    ) -> Result<Published, Halt> {
        if self.project.publisher == Publisher::Harness {
            return Ok(Published::default());
        }
        let Worktree { branch, base_branch, .. } = job.worktree;
        let Some(found) = self.remote_branch(branch, progress).await? else {
            let remote = Remote { has_unpublished: !tree.is_clean, ..Remote::default() };
            return Ok(Published { head: None, remote });
        };
        let forge = &self.context.ports.forge;
        let mut wait = FIRST_RETRY;
        let pull_request = loop {
            let asked = forge.find_pull_request(&self.project.repo, branch, base_branch);
            match self.lease.guard(asked).await? {
                Ok(pull_request) => break pull_request.map(|read| read.value.state),
                Err(error) if error.is_retryable() => {
                    self.outlast(progress, &error, &mut wait).await?;
                }
                Err(error) => return Err(Halt::with(ended_by_call(&error))),
            }
        };
        let remote = Remote {
            pull_request,
            has_advanced: job.plan.head.as_ref() != Some(&found.head),
            has_unpublished: tree.tree != found.tree,
        };
        Ok(Published { head: Some(found.head), remote })
    }

    /// The branch on the remote. An outage is waited out, as in publishing.
    async fn remote_branch(
        &self,
        branch: &BranchName,
        progress: &Progress,
    ) -> Result<Option<RemoteBranch>, Halt> {
        let workspaces = &self.context.ports.workspaces;
        let mut wait = FIRST_RETRY;
        loop {
            let asked = workspaces.remote_branch(&self.project, branch);
            match self.lease.guard(asked).await? {
                Ok(remote) => return Ok(remote),
                Err(error @ WorkspaceError::Remote { .. }) => {
                    self.outlast(progress, &error, &mut wait).await?;
                }
                Err(error) => return Err(Halt::with(ended_by_git(&error))),
            }
        }
    }

    /// Waits before the next try, longer each time, as long as the facts want the work.
    async fn outlast(
        &self,
        progress: &Progress,
        error: &(dyn std::error::Error + Sync),
        wait: &mut Duration,
    ) -> Result<(), Halt> {
        warn!(run = %self.run, error = %chain(error), "publishing waits");
        let stopped = |by| Halt::with(RunOutcome::Interrupted { by });
        if let Ok(Steer::Interrupt(by) | Steer::WithholdPublication(by)) =
            self.steer(progress).await
        {
            return Err(stopped(by));
        }
        tokio::select! {
            biased;
            // The commit is not stored as being published, so the next run has to come to it again.
            () = self.shutdown.cancelled() => return Err(stopped(Interruption::Shutdown)),
            waited = self.pause(*wait) => waited?,
        }
        *wait = (*wait * 2).min(LAST_RETRY);
        Ok(())
    }

    /// Everything that publishing this commit needs.
    fn publication_of(
        &self,
        job: &Job<'_>,
        tree: &TreeState,
        report: &Report,
        commit: CommitSha,
        expected_remote: Option<CommitSha>,
    ) -> Publication {
        let text = pull_request_text(report, job.ticket, &self.issue, &self.run);
        Publication {
            worktree: job.worktree.clone(),
            tree: tree.tree.clone(),
            commit,
            expected_remote,
            title: text.title,
            body: text.body,
            draft: self.project.draft,
            summary: report.summary.clone(),
        }
    }
}
