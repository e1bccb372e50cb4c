//! One run, from its claim to its end.
//!
//! The task walks through the states of [`RunState`] and stores each before the step that it names, so whoever takes
//! over after a crash knows what may have happened. It works under a lease that a keeper renews; when that is lost, it
//! stops at once and stores nothing more.

mod deliver;
mod hook;
mod publish;
mod said;
mod supervise;
mod turns;
mod work;

use std::{sync::Arc, time::Duration};

use patchrelay_domain::{
    CommitSha, FeedEntry, Interruption, IssueFacts, IssueId, Ladder, ObservationKind, Project,
    Publication, PullRequest, RunId, RunOutcome, RunPlan, RunProgress, RunState, RunType, Spent,
    Steer, ThreadId, Versioned, charge, describe_phase, steer_run,
};
use patchrelay_ports::{AgentError, CallError, Committed, Guard, Side, Step, WorkspaceError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::{deliver::Telling, said::Said};
use crate::{
    EngineError,
    context::Context,
    error::chain,
    lease::{KeptLease, LeaseLost},
    observe::{Applied, News, apply},
};

/// How long to wait before the store is tried again for something that a run cannot go on without.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long to wait before the leftovers of a dead owner are looked for again. Ending them takes seconds by itself.
const REAP_RETRY: Duration = Duration::from_secs(5);

/// Everything that a run task has.
pub(crate) struct RunTask {
    pub(crate) context: Arc<Context>,
    pub(crate) project: Project,
    pub(crate) issue: IssueId,
    pub(crate) run: RunId,
    pub(crate) run_type: RunType,
    pub(crate) lease: KeptLease,
    /// Asked to stop with the service.
    pub(crate) shutdown: CancellationToken,
}

/// How a run comes to its task.
pub(crate) enum Entry {
    /// Claimed just now.
    Claimed { run: RunId, plan: Box<RunPlan>, facts: Box<IssueFacts> },
    /// Its owner is gone.
    TakenOver { left: Box<LeftRun> },
}

/// A run as its owner left it.
pub(crate) struct LeftRun {
    pub(crate) run: RunId,
    pub(crate) state: RunState,
    /// The directory of the issue, if it is here.
    pub(crate) worktree: Option<String>,
    /// Whether its agent, its directory and its commits are on a node that is gone.
    pub(crate) is_elsewhere: bool,
}

impl Entry {
    pub(crate) fn run(&self) -> &RunId {
        match self {
            Self::Claimed { run, .. } => run,
            Self::TakenOver { left } => &left.run,
        }
    }
}

/// Why a run stops before its end.
enum Halt {
    /// It ends like this, and that is to be stored.
    Outcome(Box<RunOutcome>),
    /// It is not ours any more, or it must stay as it is for whoever continues it: nothing is stored.
    Leave,
}

impl Halt {
    fn with(outcome: RunOutcome) -> Self {
        Self::Outcome(Box::new(outcome))
    }
}

impl From<LeaseLost> for Halt {
    fn from(_: LeaseLost) -> Self {
        Self::Leave
    }
}

/// How far a run has come, and what it cost so far.
#[derive(Clone, Debug, Default)]
struct Progress {
    continuations: u32,
    /// How many turns were begun.
    turns: u32,
    /// The agent's thread, once there is one.
    thread: Option<ThreadId>,
    /// What it cost, without the process that is at work.
    spent: Spent,
    /// Since when a process is at work.
    working_since: Option<Instant>,
    /// The commit that is being published.
    commit: Option<CommitSha>,
    /// What became of telling its agent what humans said meanwhile.
    telling: Telling,
    /// What was said and is not stored yet.
    said: Said,
    /// What was tried about the silences of its agent.
    ladder: Ladder,
    /// When the work turn under way has to be over, together with whatever took its place.
    end_by: Option<Instant>,
}

impl Progress {
    /// What it cost until now.
    fn spent_so_far(&self) -> Spent {
        let millis = self
            .working_since
            .map_or(0, |since| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.spent.plus(&Spent { millis, ..Spent::default() })
    }

    /// The process that was at work is gone.
    fn stopped_working(&mut self) {
        self.spent = self.spent_so_far();
        self.working_since = None;
    }
}

impl RunTask {
    /// Carries the run to its end.
    pub(crate) async fn run(self, entry: Entry) {
        info!(issue = %self.issue, run = %self.run, project = %self.project.id, "run task started");
        let mut progress = Progress::default();
        let result = match entry {
            Entry::Claimed { plan, facts, run: _ } => {
                progress.thread.clone_from(&plan.resume);
                match self.work(&plan, &facts, &mut progress).await {
                    Ok(publication) => self.publish(publication, &mut progress).await,
                    Err(halt) => Err(halt),
                }
            }
            Entry::TakenOver { left } if left.is_elsewhere => {
                self.go_on_from_afar(left.state, &mut progress).await
            }
            Entry::TakenOver { left } => {
                self.take_over(left.state, left.worktree, &mut progress).await
            }
        };
        let outcome = match result {
            Ok((publication, pull_request)) => Some(RunOutcome::Published {
                commit: publication.commit,
                version: pull_request.version,
                pull_request: pull_request.value,
                summary: publication.summary,
            }),
            Err(Halt::Outcome(outcome)) => Some(*outcome),
            Err(Halt::Leave) => None,
        };
        match outcome {
            Some(outcome) => self.settle(outcome, progress).await,
            None => info!(issue = %self.issue, run = %self.run, "run left to whoever continues it"),
        }
        let context = self.context.clone();
        self.lease.release().await;
        context.nudge.slot_freed();
    }

    /// Continues what a dead owner left. What it was publishing is published; what it was working on is kept, and the
    /// run ends, so that the next one goes on from there.
    async fn take_over(
        &self,
        state: RunState,
        worktree: Option<String>,
        progress: &mut Progress,
    ) -> Result<(Publication, Versioned<PullRequest>), Halt> {
        // Whatever the dead owner's agent still does, it must not do it under our feet (D16).
        self.reached(Step::Reap, Side::Before);
        let reaped = self.context.ports.agent.reap(&self.run).await;
        self.reached(Step::Reap, Side::After);
        if let Err(error) = reaped {
            warn!(run = %self.run, error = %chain(&error), "leftovers of a run could not be ended; trying later");
            // Whoever tries next may be we ourselves, and at once.
            self.pause(REAP_RETRY).await?;
            return Err(Halt::Leave);
        }
        match state {
            RunState::Publishing(publication) => return self.publish(publication, progress).await,
            RunState::Published { publication, pull_request, version } => {
                return Ok((publication, Versioned { version, value: pull_request }));
            }
            RunState::Preparing => {}
            RunState::Working { thread, .. } => progress.thread = thread,
            RunState::Reporting { thread, .. } => progress.thread = Some(thread),
        }
        if let Some(path) = worktree {
            self.rescue(&path).await?;
        }
        Err(Halt::with(RunOutcome::Interrupted { by: Interruption::Restart }))
    }

    /// Keeps what lies in the worktree (D26).
    async fn rescue(&self, path: &str) -> Result<Option<String>, Halt> {
        let workspaces = &self.context.ports.workspaces;
        self.reached(Step::Rescue, Side::Before);
        let rescued = self
            .lease
            .guard(workspaces.rescue(&self.project, &self.issue, &self.run, path))
            .await?;
        self.reached(Step::Rescue, Side::After);
        match rescued {
            Ok(kept) => Ok(kept),
            Err(error) => {
                // The edits are still in the directory, and the next run keeps them there.
                warn!(run = %self.run, error = %chain(&error), "edits could not be copied to a rescue ref");
                Ok(None)
            }
        }
    }

    /// Tells a crash test where we are.
    fn reached(&self, step: Step, side: Side) {
        self.context.ports.probe.reached(step, side);
    }

    /// Stores how the run stands. After this, a crash continues from here.
    async fn advance(&self, state: &RunState) -> Result<(), Halt> {
        self.store(state, &describe_phase(state)).await
    }

    /// Stores how the run stands, and this line for people.
    async fn store(&self, state: &RunState, line: &FeedEntry) -> Result<(), Halt> {
        info!(issue = %self.issue, run = %self.run, phase = %line.event, "run advanced");
        loop {
            let store = &self.context.ports.store;
            let stored = store
                .advance(self.lease.lease(), &self.run, state, Some(line), self.context.now())
                .await;
            match stored {
                Ok(true) => {
                    self.context.nudge.run_moved();
                    return Ok(());
                }
                Ok(false) => return Err(Halt::Leave),
                Err(error) => {
                    warn!(run = %self.run, error = %chain(&error), "a run's state could not be stored; trying again");
                    self.before_store_retry().await?;
                }
            }
        }
    }

    /// Waits before something is tried again that the store did not do.
    async fn before_store_retry(&self) -> Result<(), Halt> {
        self.context.counts.store_retried();
        self.pause(STORE_RETRY).await
    }

    /// Waits, unless the lease is lost meanwhile.
    async fn pause(&self, time: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.lease.lost().cancelled() => Err(Halt::Leave),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// What the facts, as they are now, say of this run.
    async fn steer(&self, progress: &Progress) -> Result<Steer, EngineError> {
        let stored = self.context.ports.store.load(&self.issue).await?;
        let run = RunProgress {
            run: self.run.clone(),
            spent: progress.spent_so_far(),
            commit: progress.commit.clone(),
        };
        Ok(stored.map_or(Steer::Interrupt(Interruption::LeaseLost), |stored| {
            let policy = self.context.policy(&stored.facts);
            steer_run(&policy, self.context.now(), &stored.facts, &run)
        }))
    }

    /// Stores how the run ended. Idempotent: it applies only while the issue's slot is this run's.
    async fn settle(&self, outcome: RunOutcome, progress: Progress) {
        let spent = progress.spent.tokens;
        let news = News {
            issue: self.issue.clone(),
            project: self.project.id.clone(),
            correlation: self.run.to_string(),
            kinds: vec![ObservationKind::RunSettled {
                run: self.run.clone(),
                charge: charge(&outcome),
                result: outcome.clone(),
                continuations: progress.continuations,
                thread: progress.thread,
                spent: progress.spent,
            }],
            deliveries: Vec::new(),
        };
        loop {
            if self.lease.lost().is_cancelled() {
                return;
            }
            let guard = Guard::Settle {
                lease: self.lease.lease().clone(),
                run: self.run.clone(),
                outcome: outcome.clone(),
            };
            self.reached(Step::Settle, Side::Before);
            let result = apply(&self.context, &news, guard).await;
            self.reached(Step::Settle, Side::After);
            match result {
                Ok(Applied::Stored(_)) => {
                    info!(outcome = outcome.name(), "run settled");
                    self.context.counts.run_ended(self.run_type, &outcome, spent);
                    return;
                }
                Ok(Applied::GuardFailed(Committed::AlreadySettled)) => return,
                Ok(Applied::GuardFailed(why)) => {
                    warn!(run = %self.run, ?why, "a run's end was not stored: it is not ours any more");
                    return;
                }
                Err(error) if error.is_retryable() => {
                    warn!(run = %self.run, error = %chain(&error), "a run's end could not be stored; trying again");
                    if self.before_store_retry().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    error!(run = %self.run, error = %chain(&error), "a run's end cannot be stored");
                    return;
                }
            }
        }
    }
}

/// The outcome of a run that a git operation ended.
fn ended_by_git(error: &WorkspaceError) -> RunOutcome {
    let reason = chain(error);
    match error {
        WorkspaceError::Remote { .. } => RunOutcome::Unavailable { reason, until: None },
        WorkspaceError::BranchTaken { .. } => RunOutcome::BranchTaken,
        WorkspaceError::Refused { .. }
        | WorkspaceError::Local { .. }
        | WorkspaceError::Foreign { .. } => RunOutcome::Failed { reason },
    }
}

/// The outcome of a run that a call to the forge ended.
fn ended_by_call(error: &CallError) -> RunOutcome {
    let reason = chain(error);
    if error.is_retryable() {
        RunOutcome::Unavailable { reason, until: None }
    } else {
        RunOutcome::Failed { reason }
    }
}

/// The outcome of a run that could not go on with its agent.
fn ended_by_agent(error: &AgentError) -> RunOutcome {
    RunOutcome::Failed { reason: chain(error) }
}
