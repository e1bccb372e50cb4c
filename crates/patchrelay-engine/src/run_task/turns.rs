//! The turns of a run: what the agent is told, and what it reports.

use patchrelay_domain::{
    Policy, Report, RunOutcome, RunState, Steer, TurnId, TurnStatus, Worktree, parse_report,
    prompt::{self, EarlierWork, WorkflowFile},
    report_schema,
};
use patchrelay_ports::{AgentSession, RunTextKind, Side, Step, ThreadSpec, TurnOrder};
use tokio::time::Instant;
use tracing::warn;

use super::{
    Halt, Progress, RunTask, ended_by_agent, ended_by_git,
    supervise::{Cut, Turn, Watched},
    work::Job,
};
use crate::error::chain;

/// What became of asking for the report.
enum Reported {
    Readable(Report),
    /// Both answers were something else.
    Unreadable,
    /// The turn did not come to its end, which says nothing of the report.
    Unfinished(Turn),
}

impl RunTask {
    /// The work turn and, when it completed, the report turn.
    pub(super) async fn turns(
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
        self.note(progress, RunTextKind::Prompt, &order.input);
        Ok(turn)
    }

    /// Whether the model answers anybody here. Another run may have found out that it does not since this one was claimed.
    pub(super) fn may_ask_model(&self) -> Result<(), Halt> {
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
        let Job { plan, facts, ticket, worktree, .. } = job;
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
        let read = workspaces.control_file(&self.project, job.trunk, name);
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
            self.note(progress, RunTextKind::Report, &turn.answer);
            self.keep_said(progress).await;
            match parse_report(&turn.answer) {
                Ok(report) => return Ok(Reported::Readable(report)),
                Err(error) => warn!(run = %self.run, try_number, %error, "no report"),
            }
        }
        Ok(Reported::Unreadable)
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
