//! Dispatch: what is ready is looked at once more and claimed, and the run tasks have an owner.

use std::{collections::HashMap, sync::Arc, time::Duration};

use patchrelay_domain::{
    ActiveRuns, Hindrance, IssueId, Load, NextStep, ObservationKind, PATIENCE, Project, ProjectId,
    ReadyIssue, RunId, RunType, STARTS_PER_HOUR, SlotLimits, schedule,
};
use patchrelay_ports::{Guard, Lease, NewRun, RunRecord, Side, Step};
use tokio::{
    task::{Id, JoinSet},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, error_span, info, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    lease::KeptLease,
    look::{Freshness, look_again},
    nodes::at_home,
    observe::{Applied, News, apply_to, decide_again},
    run_task::{Entry, LeftRun, RunTask},
};

/// How many ready issues are looked at in one go; more than can be started.
const BATCH: u32 = 1_000;

/// How long a run may take to stop: ending an agent and keeping its edits takes a few seconds.
const INTERRUPT_PATIENCE: Duration = Duration::from_secs(30);

/// The tasks of this process's runs. Looking at an issue before its run takes the run's place.
struct Runs {
    tasks: JoinSet<()>,
    by_task: HashMap<Id, (IssueId, ProjectId, RunType)>,
    /// Asks every run to stop.
    interrupt: CancellationToken,
}

/// Runs until stopped, then drains.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut runs = Runs {
        tasks: JoinSet::new(),
        by_task: HashMap::new(),
        interrupt: CancellationToken::new(),
    };
    while !stop.is_cancelled() {
        let mut pause = context.settings.reconcile_every;
        match sweep(&context, &mut runs).await {
            Ok(next) => pause = pause.min(next),
            Err(error) => warn!(error = %chain(&error), "dispatching was cut short"),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(ended) = runs.tasks.join_next_with_id() => runs.ended(ended),
            () = context.woken.dispatch() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    runs.drain(context.settings.drain).await;
}

impl Runs {
    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                // Its lease expires, and then it is taken over like the run of a dead process.
                error!(%error, "a run task panicked");
                error.id()
            }
        };
        self.by_task.remove(&id);
    }

    fn active(&self) -> HashMap<ProjectId, ActiveRuns> {
        let mut active: HashMap<ProjectId, ActiveRuns> = HashMap::new();
        for (_, project, run_type) in self.by_task.values() {
            active.entry(project.clone()).or_default().add(*run_type);
        }
        active
    }

    fn has(&self, issue: &IssueId) -> bool {
        self.by_task.values().any(|(running, _, _)| running == issue)
    }

    fn start(&mut self, task: RunTask, entry: Entry) {
        let key = (task.issue.clone(), task.project.id.clone(), task.run_type);
        // At the level of errors, or the lines of a log that holds nothing else would not say whose they are.
        let span = error_span!("run", issue = %task.issue, run = %task.run, project = %task.project.id, run_type = task.run_type.as_str());
        let handle = self.tasks.spawn(task.run(entry).instrument(span));
        self.by_task.insert(handle.id(), key);
    }

    /// Looks at an issue before a run of it is started: webhooks get lost, and none tells that a ticket was taken away.
    fn look(&mut self, context: &Arc<Context>, ready: &ReadyIssue) {
        let key = (ready.issue.clone(), ready.project.clone(), ready.run_type);
        let (context, issue, interrupt) =
            (context.clone(), ready.issue.clone(), self.interrupt.clone());
        context.seen.about_to_read(&issue);
        let handle = self.tasks.spawn(async move {
            let looked = tokio::select! {
                biased;
                () = interrupt.cancelled() => return,
                looked = look_before_run(&context, &issue) => looked,
            };
            if let Err(error) = looked {
                warn!(%issue, error = %chain(&error), "no run is started before the issue is read");
            }
        });
        self.by_task.insert(handle.id(), key);
    }

    /// Lets the runs go on for a while, then asks them to stop. What cannot even stop is cut off, which is like a crash:
    /// the next start continues it.
    async fn drain(mut self, patience: Duration) {
        if self.tasks.is_empty() {
            return;
        }
        info!(runs = self.tasks.len(), "waiting for active runs");
        if timeout(patience, self.all_ended()).await.is_ok() {
            return;
        }
        self.interrupt.cancel();
        if timeout(INTERRUPT_PATIENCE, self.all_ended()).await.is_err() {
            warn!(runs = self.tasks.len(), "runs that did not stop are cut off");
            self.tasks.shutdown().await;
        }
    }

    async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Takes over what the dead left, starts what is ready, and tells how long nothing more is due.
async fn sweep(context: &Arc<Context>, runs: &mut Runs) -> Result<Duration, EngineError> {
    while let Some(ended) = runs.tasks.try_join_next_with_id() {
        runs.ended(ended);
    }
    let store = &context.ports.store;
    for orphan in store.orphaned_runs(&context.worker, context.now()).await? {
        if !runs.has(&orphan.issue)
            && let Err(error) = take_over(context, runs, orphan).await
        {
            warn!(error = %chain(&error), "a run could not be taken over now");
        }
    }

    let settings = &context.settings;
    let limits = SlotLimits {
        total: settings.max_concurrent_runs,
        per_project: settings
            .projects
            .iter()
            .map(|p| (p.id.clone(), p.max_concurrent_runs))
            .collect(),
        starts_per_hour: STARTS_PER_HOUR,
    };
    let hindrance = hindrance(context).await;
    let mut pause = match hindrance {
        Some(Hindrance::ModelBars { until }) => until.since(context.now()),
        Some(Hindrance::LittleSpace { .. }) | None => Duration::MAX,
    };
    let mut ready = store.ready(&context.worker, context.now(), BATCH).await?;
    ready.retain(|issue| match context.seen.freshness(&issue.issue) {
        Freshness::Unreadable { until } => {
            pause = pause.min(until.duration_since(Instant::now()));
            false
        }
        Freshness::Fresh | Freshness::Stale => {
            context.project(&issue.project).is_some() && !runs.has(&issue.issue)
        }
    });
    let load = Load {
        active: runs.active(),
        started_last_hour: store.starts_since(context.now().minus(PATIENCE)).await?,
        hindrance,
    };
    for issue in schedule(&limits, &load, context.now(), &ready) {
        if context.seen.freshness(&issue) == Freshness::Fresh {
            if let Err(error) = claim(context, runs, &issue).await {
                warn!(%issue, error = %chain(&error), "a run could not be started now");
            }
        } else if let Some(ready) = ready.iter().find(|ready| ready.issue == issue) {
            runs.look(context, ready);
        }
    }
    let due = store.next_due(context.now()).await?;
    Ok(due.map_or(pause, |due| due.since(context.now()).min(pause)))
}

/// What keeps every run from being started now, told to whoever watches.
async fn hindrance(context: &Context) -> Option<Hindrance> {
    let found = match context.ports.workspaces.free_space().await {
        Ok(free) => Hindrance::of_space(free, context.settings.min_free_bytes),
        Err(error) => {
            warn!(error = %chain(&error), "the free disk space is not known");
            None
        }
    };
    let bars = || context.model().until(context.now()).map(|until| Hindrance::ModelBars { until });
    let found = found.or_else(bars);
    let is_news = context.hindrance.send_if_modified(|known| {
        let is_news = known.is_some() != found.is_some();
        *known = found;
        is_news
    });
    match found {
        Some(found) if is_news => warn!("no run is started: {}", found.describe()),
        None if is_news => info!("runs are started again"),
        Some(_) | None => {}
    }
    found
}

async fn look_before_run(context: &Context, issue: &IssueId) -> Result<(), EngineError> {
    let Some(stored) = context.ports.store.load(issue).await? else { return Ok(()) };
    let Some(project) = context.project(&stored.facts.project) else { return Ok(()) };
    look_again(context, project, &stored.facts, &context.worker.id).await
}

/// Starts the run that `decide` wants on the facts as they are now.
async fn claim(
    context: &Arc<Context>,
    runs: &mut Runs,
    issue: &IssueId,
) -> Result<(), EngineError> {
    let store = &context.ports.store;
    let acquired = Instant::now();
    let Some(lease) =
        store.acquire(issue, &context.worker, context.now(), context.settings.lease_ttl).await?
    else {
        return Ok(());
    };
    match claim_under(context, issue, &lease).await {
        Ok(Some((project, run_type, entry))) => {
            let run = entry.run().clone();
            let task = task(context, runs, project, issue, (run, run_type), (lease, acquired));
            runs.start(task, entry);
            Ok(())
        }
        Ok(None) => Ok(store.release(&lease).await?),
        Err(error) => {
            store.release(&lease).await?;
            Err(error)
        }
    }
}

async fn claim_under(
    context: &Arc<Context>,
    issue: &IssueId,
    lease: &Lease,
) -> Result<Option<(Project, RunType, Entry)>, EngineError> {
    let Some(stored) = at_home(context, lease).await? else { return Ok(None) };
    let Some(project) = context.project(&stored.facts.project).cloned() else { return Ok(None) };
    let policy = patchrelay_domain::Policy::of(&project);
    let NextStep::Run(plan) = patchrelay_domain::decide(&policy, context.now(), &stored.facts)
    else {
        // The ready list was behind the facts. Storing what comes next takes the issue off it.
        decide_again(context, &stored.facts).await?;
        return Ok(None);
    };
    let run = RunId::new(context.ports.ids.sortable());
    let path = context.ports.workspaces.worktree_path(&project, &plan.worktree_name);
    let news = News {
        issue: issue.clone(),
        project: project.id.clone(),
        correlation: run.to_string(),
        kinds: vec![ObservationKind::RunClaimed {
            run: run.clone(),
            run_type: plan.run_type,
            epoch: plan.epoch,
            branch: plan.branch.clone(),
            worktree: path,
            consumes: plan.consumes.clone(),
            wake: plan.wake,
            head: plan.head.clone(),
            signature: plan.signature.clone(),
            release: plan.release.clone(),
            node: Some(context.worker.node.clone()),
        }],
        deliveries: Vec::new(),
    };
    let new_run = NewRun { id: run.clone(), run_type: plan.run_type, started: context.now() };
    let guard = Guard::Claim { lease: lease.clone(), run: new_run };
    context.ports.probe.reached(Step::Claim, Side::Before);
    // On exactly the facts that the plan was made from: a plan for other facts may be wrong.
    let applied = Box::pin(apply_to(context, &news, guard, Some(stored))).await?;
    context.ports.probe.reached(Step::Claim, Side::After);
    match applied {
        Applied::Stored(change) => Ok(Some((
            project,
            plan.run_type,
            Entry::Claimed { run, plan: Box::new(plan), facts: Box::new(change.facts) },
        ))),
        Applied::GuardFailed(why) => {
            info!(%issue, ?why, "a claim did not hold");
            // Whoever changed the issue meanwhile need not have changed what comes next.
            context.nudge.slot_freed();
            Ok(None)
        }
    }
}

/// Takes over a run whose owner is gone.
async fn take_over(
    context: &Arc<Context>,
    runs: &mut Runs,
    orphan: RunRecord,
) -> Result<(), EngineError> {
    let store = &context.ports.store;
    let Some(stored) = store.load(&orphan.issue).await? else { return Ok(()) };
    let Some(project) = context.project(&stored.facts.project).cloned() else { return Ok(()) };
    let ttl = context.settings.lease_ttl;
    let acquired = Instant::now();
    let Some(lease) = store.acquire(&orphan.issue, &context.worker, context.now(), ttl).await?
    else {
        return Ok(());
    };
    let left = match left_run(context, &lease, &orphan.id).await {
        Ok(Some(left)) => left,
        Ok(None) => return Ok(store.release(&lease).await?),
        Err(error) => {
            store.release(&lease).await?;
            return Err(error);
        }
    };
    info!(issue = %orphan.issue, run = %orphan.id, token = lease.token, "taking over a run whose owner is gone");
    let run = (orphan.id, orphan.run_type);
    let task = task(context, runs, project, &orphan.issue, run, (lease, acquired));
    runs.start(task, Entry::TakenOver { left: Box::new(left) });
    Ok(())
}

/// A run whose owner is gone, as it stands now that nobody else can change it: another node may have been faster.
async fn left_run(
    context: &Context,
    lease: &Lease,
    run: &RunId,
) -> Result<Option<LeftRun>, EngineError> {
    let Some(stored) = at_home(context, lease).await? else { return Ok(None) };
    let run = context.ports.store.run(run).await?.filter(|run| run.outcome.is_none());
    Ok(run.map(|run| LeftRun {
        run: run.id,
        state: run.state,
        is_elsewhere: stored.facts.is_run_left_behind(),
        worktree: stored.facts.worktree,
    }))
}

fn task(
    context: &Arc<Context>,
    runs: &Runs,
    project: Project,
    issue: &IssueId,
    (run, run_type): (RunId, RunType),
    (lease, acquired): (Lease, Instant),
) -> RunTask {
    RunTask {
        context: context.clone(),
        project,
        issue: issue.clone(),
        run,
        run_type,
        lease: KeptLease::keep(context.clone(), lease, acquired),
        shutdown: runs.interrupt.clone(),
    }
}
