//! The part of a run in which the agent works: from a worktree to a verified commit.

use patchrelay_domain::{
    BranchName, CommitSha, Evidence, ForgeNow, GateHit, Interruption, IssueFacts, PendingInput,
    Policy, Publication, Report, RunOutcome, RunPlan, RunState, Rung, Steer, Ticket, TreeId,
    TurnId, TurnStatus, Verdict, Worktree, commit_message, parse_report,
    prompt::{self, EarlierWork, WorkflowFile},
    pull_request_text, refuse_release, report_schema, verify,
};
use patchrelay_ports::{
    AgentLaunch, AgentSession, CommitOrder, Freshen, PrepareOrder, Side, Step, ThreadSpec,
    TreeState, TurnOrder, WorkspaceError,
};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Halt, Progress, RunTask, STORE_RETRY, ended_by_agent, ended_by_call, ended_by_git,
    publish::{FIRST_RETRY, LAST_RETRY},
    supervise::{Cut, Turn, Watched},
};
use crate::error::chain;

/// What the turns of one run stand on.
struct Job<'a> {
    plan: &'a RunPlan,
    facts: &'a IssueFacts,
    ticket: &'a Ticket,
    worktree: &'a Worktree,
}

/// What became of asking for the report.
enum Reported {
    Readable(Report),
    /// Both answers were something else.
    Unreadable,
    /// The turn did not come to its end, which says nothing of the report.
    Unfinished(Turn),
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
        let base_branch = self.base_branch().await?;
        if let Some(tree) = &plan.release {
            let worktree = self.prepare(plan, base_branch).await?;
            self.advance(&working(&worktree, progress, None)).await?;
            let job = Job { plan, facts, ticket, worktree: &worktree };
            return self.release(&job, tree).await;
        }
        let (worktree, session) = self.make_ready(plan, base_branch, progress).await?;
        let job = Job { plan, facts, ticket, worktree: &worktree };
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
                    unreachable!("`verify` says so only where the agent publishes")
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
                    self.pause(STORE_RETRY).await?;
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

    async fn base_branch(&self) -> Result<BranchName, Halt> {
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
        base_branch: BranchName,
        progress: &Progress,
    ) -> Result<(Worktree, Box<dyn AgentSession>), Halt> {
        let prepared = async {
            let worktree = self.prepare(plan, base_branch).await?;
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

    async fn prepare(&self, plan: &RunPlan, base_branch: BranchName) -> Result<Worktree, Halt> {
        let workspaces = &self.context.ports.workspaces;
        let order = PrepareOrder {
            issue: self.issue.clone(),
            run: self.run.clone(),
            project: self.project.clone(),
            path: workspaces.worktree_path(&self.project, &plan.worktree_name),
            branch: plan.branch.clone(),
            base_branch,
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
        let order = AgentLaunch { run: self.run.clone(), network: self.project.network };
        let launched = self.lease.guard(self.context.ports.agent.launch(&order)).await?;
        launched.map_err(|error| Halt::with(ended_by_agent(&error)))
    }

    /// The work turn and, when it completed, the report turn.
    async fn turns(
        &self,
        session: &mut dyn AgentSession,
        job: &Job<'_>,
        progress: &mut Progress,
        instruction: Option<&str>,
    ) -> Result<(Turn, Option<Report>), Cut> {
        let wanted = progress.thread.clone();
        let spec = wanted.clone().map_or(ThreadSpec::Fresh, ThreadSpec::Resume);
        self.reached(Step::OpenThread, Side::Before);
        let open = self.lease.guard(session.open_thread(&job.worktree.path, spec)).await?;
        let open = open.map_err(|error| Halt::with(ended_by_agent(&error)))?;
        self.reached(Step::OpenThread, Side::After);
        let same_thread = wanted.as_ref() == Some(&open);
        progress.thread = Some(open.clone());
        self.advance(&working(job.worktree, progress, None)).await?;

        let input = match instruction {
            Some(instruction) if same_thread => prompt::continuation(instruction),
            Some(_) | None => self.prompt(session, job, same_thread, progress).await?,
        };
        // The run and the number of the turn: the same message, when it is looked for after a crash (D22).
        let order = TurnOrder {
            message_id: format!("{}-{}", self.run, progress.turns),
            input,
            output_schema: None,
        };
        self.reached(Step::StartTurn, Side::Before);
        let turn = self.start_turn(session, &order, progress).await?;
        self.reached(Step::StartTurn, Side::After);
        let state = working(job.worktree, progress, Some(turn.clone()));
        self.advance(&state).await?;
        let limit = self.context.settings.turn_timeout;
        let end_by = *progress.end_by.get_or_insert_with(|| Instant::now() + limit);
        let watched =
            Watched { turn: &turn, worktree: job.worktree, is_work: true, state: &state, end_by };
        let turn = self.supervise(session, &watched, progress).await?;
        progress.end_by = None;
        self.reached(Step::EndTurn, Side::Before);
        if turn.status != TurnStatus::Completed {
            return Ok((turn, None));
        }
        let state = RunState::Reporting {
            worktree: job.worktree.clone(),
            thread: open,
            continuations: progress.continuations,
        };
        self.advance(&state).await?;
        self.reached(Step::EndTurn, Side::After);
        self.reached(Step::Report, Side::Before);
        let reported = self.report(session, job, &state, progress).await?;
        self.reached(Step::Report, Side::After);
        match reported {
            Reported::Readable(report) => Ok((turn, Some(report))),
            Reported::Unreadable => Ok((turn, None)),
            Reported::Unfinished(turn) => Ok((turn, None)),
        }
    }

    async fn start_turn(
        &self,
        session: &mut dyn AgentSession,
        order: &TurnOrder,
        progress: &mut Progress,
    ) -> Result<TurnId, Halt> {
        self.may_ask_model()?;
        self.may_begin(progress).await?;
        let turn = self.lease.guard(session.start_turn(order)).await?;
        let turn = turn.map_err(|error| Halt::with(ended_by_agent(&error)))?;
        progress.turns += 1;
        Ok(turn)
    }

    /// Whether the model answers anybody here. Another run may have found out that it does not since this one was claimed.
    fn may_ask_model(&self) -> Result<(), Halt> {
        self.context.model().until(self.context.now()).map_or(Ok(()), |until| {
            let reason = "the agent's model answers nobody here".to_owned();
            Err(Halt::with(RunOutcome::Unavailable { reason, until: Some(until) }))
        })
    }

    /// Whether another turn may begin. One that began may come to its end, but no other follows once all is spent.
    async fn may_begin(&self, progress: &Progress) -> Result<(), Halt> {
        match self.steer(progress).await {
            Ok(Steer::Interrupt(by)) => Err(Halt::with(RunOutcome::Interrupted { by })),
            Ok(Steer::Continue | Steer::Deliver(_) | Steer::WithholdPublication(_)) => Ok(()),
            // It is asked again as soon as the turn runs.
            Err(error) => {
                warn!(run = %self.run, error = %chain(&error), "a run could not be steered");
                Ok(())
            }
        }
    }

    /// What the agent is told at the beginning of a run.
    async fn prompt(
        &self,
        session: &mut dyn AgentSession,
        job: &Job<'_>,
        same_thread: bool,
        progress: &Progress,
    ) -> Result<String, Halt> {
        let Job { plan, facts, ticket, worktree } = job;
        // An earlier turn of this run may have left some, on a thread that is given up or gone.
        let has_edits = plan.keep_edits || 0 < progress.turns;
        let earlier = match (has_edits, same_thread) {
            (_, true) => EarlierWork::SameThread { dirty: Vec::new() },
            (true, false) => EarlierWork::OtherThread {
                rescue: self.rescue(&worktree.path).await?,
                dirty: Vec::new(),
            },
            (false, false) => EarlierWork::Nothing,
        };
        let policy = Policy::of(&self.project);
        let said = self.taken_up(facts, progress.turns == 0).await?;
        let all = said.len();
        let said = if same_thread { self.unheard(session, said).await? } else { said };
        // What the thread has read already wakes it no more.
        let wake = plan.wake.filter(|_| all == 0 || !said.is_empty());
        let inputs: Vec<_> = said.iter().map(prompt::Input::from).collect();
        let pull_request = prompt::PullRequestFacts::of(&policy, facts);
        let workflow = self.workflow(job).await?;
        let request = prompt::Request {
            work: &prompt::Work::of(&policy, facts, plan).with_conflicts(worktree.conflicts()),
            publisher: policy.publisher,
            pull_request: pull_request.as_ref(),
            inputs: &inputs,
            earlier: &earlier,
            is_behind: worktree.is_behind,
            wake,
            workflow: workflow.as_ref(),
            network: self.project.network,
            ..prompt::Request::new(*ticket, &worktree.branch, &worktree.base_branch)
        };
        Ok(prompt::build(&request).to_string())
    }

    /// How the project wants this kind of work to be done, as its base branch says it (D32).
    async fn workflow(&self, job: &Job<'_>) -> Result<Option<WorkflowFile>, Halt> {
        let name = prompt::workflow_file_name(job.plan.run_type);
        let workspaces = &self.context.ports.workspaces;
        let read = workspaces.control_file(&self.project, &job.worktree.base_branch, name);
        match self.lease.guard(read).await? {
            Ok(text) => Ok(text.map(|text| WorkflowFile { name: name.to_owned(), text })),
            Err(error) => Err(Halt::with(ended_by_git(&error))),
        }
    }

    /// Asks for the report, and once more when it cannot be read (D18).
    async fn report(
        &self,
        session: &mut dyn AgentSession,
        job: &Job<'_>,
        state: &RunState,
        progress: &mut Progress,
    ) -> Result<Reported, Cut> {
        let work = prompt::Work::bare(job.plan.run_type).with_conflicts(job.worktree.conflicts());
        let tries = [(1, prompt::report(&work)), (2, prompt::report_again(&work))];
        for (try_number, input) in tries {
            let order = TurnOrder {
                message_id: format!("{}-{}-report-{try_number}", self.run, progress.turns),
                input,
                output_schema: Some(report_schema().to_string()),
            };
            let turn = self.start_turn(session, &order, progress).await?;
            let end_by = Instant::now() + self.context.settings.turn_timeout;
            let watched =
                Watched { turn: &turn, worktree: job.worktree, is_work: false, state, end_by };
            let turn = self.supervise(session, &watched, progress).await?;
            // A model that gave no answer has not reported badly, and must not pay for that.
            if turn.status != TurnStatus::Completed {
                return Ok(Reported::Unfinished(turn));
            }
            match parse_report(&turn.answer) {
                Ok(report) => return Ok(Reported::Readable(report)),
                Err(error) => warn!(run = %self.run, try_number, %error, "no report"),
            }
        }
        Ok(Reported::Unreadable)
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
        let Job { worktree, ticket, .. } = job;
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
        let mut wait = FIRST_RETRY;
        let remote = loop {
            let asked = workspaces.remote_branch(&self.project, &worktree.branch);
            match self.lease.guard(asked).await? {
                // Not even when it stands where we do: somebody else made it, and goes on with it.
                Ok(Some(remote)) if remote.run.is_none() => {
                    return Err(Halt::with(RunOutcome::BranchTaken));
                }
                Ok(remote) => break remote,
                Err(error @ WorkspaceError::Remote { .. }) => {
                    warn!(run = %self.run, error = %chain(&error), "publishing waits");
                }
                Err(error) => return Err(git(error)),
            }
            let stopped = |by| RunOutcome::Interrupted { by };
            if let Ok(Steer::Interrupt(by) | Steer::WithholdPublication(by)) =
                self.steer(progress).await
            {
                return Err(Halt::with(stopped(by)));
            }
            tokio::select! {
                biased;
                // The commit is not stored as being published, so the next run has to come to it again.
                () = self.shutdown.cancelled() => {
                    return Err(Halt::with(stopped(Interruption::Shutdown)));
                }
                waited = self.pause(wait) => waited?,
            }
            wait = (wait * 2).min(LAST_RETRY);
        };
        let text = pull_request_text(report, ticket, &self.issue, &self.run);
        Ok(Publication {
            worktree: (*worktree).clone(),
            tree: tree.tree.clone(),
            commit,
            expected_remote: remote.map(|branch| branch.head),
            title: text.title,
            body: text.body,
            draft: self.project.draft,
            summary: report.summary.clone(),
        })
    }
}

/// How a run in which the agent works is stored.
pub(super) fn working(worktree: &Worktree, progress: &Progress, turn: Option<TurnId>) -> RunState {
    RunState::Working {
        worktree: worktree.clone(),
        thread: progress.thread.clone(),
        turn,
        continuations: progress.continuations,
    }
}
