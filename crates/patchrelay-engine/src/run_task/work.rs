//! The part of a run in which the agent works: from a worktree to a verified commit.

use patchrelay_domain::{
    CommitSha, Evidence, Interruption, IssueFacts, Policy, Publication, Report, RunOutcome,
    RunPlan, RunState, Steer, ThreadId, Ticket, TurnStatus, Verdict, Worktree, commit_message,
    parse_report, prompt, pull_request_text, report_schema, verify,
};
use patchrelay_ports::{
    AgentError, AgentEvent, AgentLaunch, AgentSession, CommitOrder, PrepareOrder, Side, Step,
    ThreadSpec, TreeState, TurnOrder, WorkspaceError,
};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    Halt, RunTask, ended_by_call, ended_by_git, inputs,
    publish::{FIRST_RETRY, LAST_RETRY},
};
use crate::error::chain;

/// How a turn ended, and what the agent said last.
struct Turn {
    status: TurnStatus,
    answer: String,
}

impl RunTask {
    /// Lets the agent work until there is something to publish.
    pub(super) async fn work(
        &self,
        plan: &RunPlan,
        facts: &IssueFacts,
        continuations: &mut u32,
    ) -> Result<Publication, Halt> {
        let ticket = facts.ticket.as_ref().map(|ticket| &ticket.value);
        let ticket = ticket.expect("`decide` plans no run before the ticket was read");
        let worktree = self.prepare(plan).await?;
        let mut state = RunState::Working {
            worktree: worktree.clone(),
            thread: None,
            turn: None,
            continuations: *continuations,
        };
        self.advance(&state).await?;

        let mut thread = plan.resume.clone();
        let mut instruction: Option<String> = None;
        loop {
            let mut session = self.launch(&worktree, thread.as_ref()).await?;
            let asked = self
                .turns(
                    session.as_mut(),
                    &mut state,
                    &worktree,
                    plan,
                    facts,
                    ticket,
                    &mut thread,
                    instruction.as_deref(),
                )
                .await;
            // The agent is gone before its tree is judged: nothing changes under the verdict.
            session.close().await;
            let (turn, report) = match asked {
                Ok(asked) => asked,
                // What was written so far is the product of the turn, however it ended (D26).
                Err(Halt::Outcome(outcome)) => {
                    self.rescue(&worktree.path).await?;
                    return Err(Halt::Outcome(outcome));
                }
                Err(Halt::Leave) => return Err(Halt::Leave),
            };
            let tree = self.inspect(&worktree, thread.as_ref()).await?;
            let policy = Policy::of(&self.project);
            let evidence = Evidence {
                turn: turn.status,
                changed: tree.changed.clone(),
                hits: tree.hits.clone(),
            };
            match verify(&policy, report.as_ref(), &evidence, *continuations) {
                Verdict::Publish => {
                    let report = report.expect("`verify` publishes nothing without a report");
                    return self
                        .publication(&worktree, &tree, &report, ticket, thread.as_ref())
                        .await;
                }
                Verdict::Continue { instruction: more } => {
                    *continuations += 1;
                    info!(run = %self.run, continuations = *continuations, "continuing on the same thread");
                    instruction = Some(more);
                    state = RunState::Working {
                        worktree: worktree.clone(),
                        thread: thread.clone(),
                        turn: None,
                        continuations: *continuations,
                    };
                    self.advance(&state).await?;
                }
                Verdict::Settle(mut outcome) => {
                    self.rescue(&worktree.path).await?;
                    if let RunOutcome::Failed { thread: resumable, .. }
                    | RunOutcome::Unavailable { thread: resumable, .. } = &mut outcome
                    {
                        resumable.clone_from(&thread);
                    }
                    return Err(Halt::with(outcome));
                }
            }
        }
    }

    async fn prepare(&self, plan: &RunPlan) -> Result<Worktree, Halt> {
        let base_branch = match &self.project.base_branch {
            Some(branch) => branch.clone(),
            None => match self.context.ports.forge.default_branch(&self.project.repo).await {
                Ok(branch) => branch,
                Err(error) => {
                    return Err(Halt::with(ended_by_call(&error, plan.resume.clone())));
                }
            },
        };
        let workspaces = &self.context.ports.workspaces;
        let order = PrepareOrder {
            issue: self.issue.clone(),
            run: self.run.clone(),
            project: self.project.clone(),
            path: workspaces.worktree_path(&self.project, &plan.worktree_name),
            branch: plan.branch.clone(),
            base_branch,
            keep_edits: plan.keep_edits,
        };
        let prepared = self.lease.guard(workspaces.prepare(&order)).await?;
        prepared.map_err(|error| Halt::with(ended_by_git(&error, plan.resume.clone())))
    }

    async fn launch(
        &self,
        worktree: &Worktree,
        thread: Option<&ThreadId>,
    ) -> Result<Box<dyn AgentSession>, Halt> {
        let order = AgentLaunch {
            run: self.run.clone(),
            directory: worktree.path.clone(),
            network: self.project.network,
        };
        let launched = self.lease.guard(self.context.ports.agent.launch(&order)).await?;
        launched.map_err(|error| failed(&error, thread))
    }

    /// The work turn and, when it completed, the report turn.
    #[expect(
        clippy::too_many_arguments,
        reason = "everything that a turn stands on; a struct of it would be used once"
    )]
    async fn turns(
        &self,
        session: &mut dyn AgentSession,
        state: &mut RunState,
        worktree: &Worktree,
        plan: &RunPlan,
        facts: &IssueFacts,
        ticket: &Ticket,
        thread: &mut Option<ThreadId>,
        instruction: Option<&str>,
    ) -> Result<(Turn, Option<Report>), Halt> {
        let wanted = thread.clone();
        let spec = wanted.clone().map_or(ThreadSpec::Fresh, ThreadSpec::Resume);
        let open = self
            .lease
            .guard(session.open_thread(spec))
            .await?
            .map_err(|error| failed(&error, wanted.as_ref()))?;
        let same_thread = wanted.as_ref() == Some(&open);
        *thread = Some(open.clone());
        let RunState::Working { thread: stored, continuations, .. } = state else {
            unreachable!("`work` hands over a working state")
        };
        let continuations = *continuations;
        *stored = Some(open.clone());
        self.advance(state).await?;

        let input = match instruction {
            Some(instruction) if same_thread => prompt::continuation(instruction),
            Some(_) | None => {
                let rescue = match plan.keep_edits && !same_thread {
                    true => self.rescue(&worktree.path).await?,
                    false => None,
                };
                let earlier = match (plan.keep_edits, same_thread) {
                    (_, true) => prompt::Earlier::SameThread,
                    (true, false) => prompt::Earlier::OtherThread { rescue: rescue.as_deref() },
                    (false, false) => prompt::Earlier::Nothing,
                };
                prompt::implementation(&prompt::PromptInput {
                    ticket,
                    branch: &worktree.branch,
                    base_branch: &worktree.base_branch,
                    inputs: inputs(facts),
                    network: self.project.network,
                    earlier,
                })
            }
        };
        self.context.ports.probe.reached(Step::Turn, Side::Before);
        // The run and the number of the turn: the same message, when it is looked for after a crash (D22).
        let order = TurnOrder {
            message_id: format!("{}-{continuations}", self.run),
            input,
            output_schema: None,
        };
        let turn = self
            .lease
            .guard(session.start_turn(&order))
            .await?
            .map_err(|error| failed(&error, thread.as_ref()))?;
        if let RunState::Working { turn: stored, .. } = state {
            *stored = Some(turn);
        }
        self.advance(state).await?;
        let turn = self.supervise(session, thread.as_ref()).await?;
        self.context.ports.probe.reached(Step::Turn, Side::After);
        if turn.status != TurnStatus::Completed {
            return Ok((turn, None));
        }
        self.advance(&RunState::Reporting {
            worktree: worktree.clone(),
            thread: open,
            continuations,
        })
        .await?;
        let report = self.report(session, continuations, thread.as_ref()).await?;
        Ok((turn, report))
    }

    /// Asks for the report, and once more when it cannot be read (D18).
    async fn report(
        &self,
        session: &mut dyn AgentSession,
        continuations: u32,
        thread: Option<&ThreadId>,
    ) -> Result<Option<Report>, Halt> {
        for (try_number, input) in [(1, prompt::report()), (2, prompt::report_again())] {
            let order = TurnOrder {
                message_id: format!("{}-{continuations}-report-{try_number}", self.run),
                input,
                output_schema: Some(report_schema().to_string()),
            };
            self.lease
                .guard(session.start_turn(&order))
                .await?
                .map_err(|error| failed(&error, thread))?;
            let turn = self.supervise(session, thread).await?;
            match parse_report(&turn.answer) {
                Ok(report) => return Ok(Some(report)),
                Err(error) => warn!(run = %self.run, try_number, %error, "no report"),
            }
        }
        Ok(None)
    }

    /// Waits for the end of a turn, and ends it early when the facts, the clock or the lease say so.
    async fn supervise(
        &self,
        session: &mut dyn AgentSession,
        thread: Option<&ThreadId>,
    ) -> Result<Turn, Halt> {
        enum Happened {
            Event(Result<AgentEvent, AgentError>),
            Changed,
            Shutdown,
            LeaseLost,
            Silence,
            TooLong,
        }
        let settings = &self.context.settings;
        let end_by = Instant::now() + settings.turn_timeout;
        let mut silent_until = Instant::now() + settings.silence_timeout;
        let mut changes = self.context.nudge.changes();
        // The facts may have changed since the run was claimed, while nobody here listened.
        changes.mark_changed();
        loop {
            let happened = tokio::select! {
                biased;
                () = self.lease.lost().cancelled() => Happened::LeaseLost,
                () = self.shutdown.cancelled() => Happened::Shutdown,
                event = session.next_event() => Happened::Event(event),
                Ok(()) = changes.changed() => Happened::Changed,
                () = tokio::time::sleep_until(end_by) => Happened::TooLong,
                () = tokio::time::sleep_until(silent_until) => Happened::Silence,
            };
            match happened {
                Happened::Event(Ok(AgentEvent::Progress { line })) => {
                    debug!(run = %self.run, %line, "agent");
                    silent_until = Instant::now() + settings.silence_timeout;
                }
                Happened::Event(Ok(AgentEvent::TurnEnded { status, answer })) => {
                    return Ok(Turn { status, answer });
                }
                Happened::Event(Err(error)) => return Err(failed(&error, thread)),
                Happened::Changed => match self.steer().await {
                    Ok(Steer::Continue | Steer::WithholdPublication(_)) => {}
                    Ok(Steer::Interrupt(by)) => {
                        return Err(self.stopped(session, by, thread).await);
                    }
                    // Asked again at the next change, and once more before anything is published.
                    Err(error) => {
                        warn!(run = %self.run, error = %chain(&error), "a run could not be steered");
                    }
                },
                Happened::Shutdown => {
                    return Err(self.stopped(session, Interruption::Shutdown, thread).await);
                }
                Happened::LeaseLost => return Err(Halt::Leave),
                Happened::Silence => return Err(stuck("it was silent for too long", thread)),
                Happened::TooLong => return Err(stuck("its turn took too long", thread)),
            }
        }
    }

    /// Interrupts the turn as well as it can be; closing the session ends it in any case.
    async fn stopped(
        &self,
        session: &mut dyn AgentSession,
        by: Interruption,
        thread: Option<&ThreadId>,
    ) -> Halt {
        if let Err(error) = session.interrupt().await {
            debug!(run = %self.run, error = %chain(&error), "the turn was not interrupted; its process is ended");
        }
        Halt::with(RunOutcome::Interrupted { by, thread: thread.cloned() })
    }

    async fn inspect(
        &self,
        worktree: &Worktree,
        thread: Option<&ThreadId>,
    ) -> Result<TreeState, Halt> {
        let inspected = self
            .lease
            .guard(self.context.ports.workspaces.inspect(&self.project, worktree))
            .await?;
        inspected.map_err(|error| Halt::with(ended_by_git(&error, thread.cloned())))
    }

    /// Makes the commit, and everything that publishing it needs. An outage is waited out, as in publishing.
    async fn publication(
        &self,
        worktree: &Worktree,
        tree: &TreeState,
        report: &Report,
        ticket: &Ticket,
        thread: Option<&ThreadId>,
    ) -> Result<Publication, Halt> {
        let workspaces = &self.context.ports.workspaces;
        self.context.ports.probe.reached(Step::Commit, Side::Before);
        let order = CommitOrder {
            issue: self.issue.clone(),
            run: self.run.clone(),
            project: self.project.clone(),
            tree: tree.tree.clone(),
            parent: worktree.base.clone(),
            message: commit_message(report, ticket, &self.run),
            at_millis: self.context.now().millis(),
        };
        let git = |error| Halt::with(ended_by_git(&error, thread.cloned()));
        let commit: CommitSha = self.lease.guard(workspaces.commit(&order)).await?.map_err(git)?;
        self.context.ports.probe.reached(Step::Commit, Side::After);
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
            let stopped = |by| RunOutcome::Interrupted { by, thread: thread.cloned() };
            if let Ok(Steer::Interrupt(by) | Steer::WithholdPublication(by)) = self.steer().await {
                return Err(Halt::with(stopped(by)));
            }
            tokio::select! {
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
            worktree: worktree.clone(),
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

fn stuck(what: &str, thread: Option<&ThreadId>) -> Halt {
    Halt::with(RunOutcome::Failed {
        reason: format!("the agent was ended: {what}"),
        thread: thread.cloned(),
    })
}

fn failed(error: &AgentError, thread: Option<&ThreadId>) -> Halt {
    Halt::with(RunOutcome::Failed { reason: chain(error), thread: thread.cloned() })
}
