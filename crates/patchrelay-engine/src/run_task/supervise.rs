//! Waiting for the end of a turn, and what is done when nothing is heard of it.

use std::time::Duration;

use patchrelay_domain::{
    Glimpses, Interruption, IssueFacts, RunOutcome, RunState, Rung, SHOWN_EVERY, Sign, Steer,
    TurnId, TurnRecord, TurnStatus, Worktree, climb, describe_rung,
};
use patchrelay_ports::{AgentError, AgentEvent, AgentSession, RunTextKind};
use tokio::time::{Instant, MissedTickBehavior, sleep_until, timeout};
use tracing::{debug, warn};

use super::{Halt, Progress, RunTask, ended_by_agent, turns::working};
use crate::{error::chain, lease::LeaseLost, observe::show};

/// How long an interrupted turn may take to end. It takes milliseconds.
const INTERRUPT_GRACE: Duration = Duration::from_secs(30);
/// How long a turn is asked to stop that is ended in any case.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How a turn ended, and what the agent said last.
pub(super) struct Turn {
    pub(super) status: TurnStatus,
    pub(super) answer: String,
}

/// Why a turn is not waited for any more.
pub(super) enum Cut {
    /// The run stops.
    Halt(Halt),
    /// Its agent is to be ended, and another goes on: on the thread of the run, as it stands now, or on a new one if it has
    /// none any more.
    Replaced,
}

impl From<Halt> for Cut {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<LeaseLost> for Cut {
    fn from(lost: LeaseLost) -> Self {
        Self::Halt(lost.into())
    }
}

/// A turn that is waited for.
pub(super) struct Watched<'a> {
    pub(super) turn: &'a TurnId,
    pub(super) worktree: &'a Worktree,
    /// Whether it is the agent's work, and not its report on that.
    pub(super) is_work: bool,
    /// How the run is stored meanwhile.
    pub(super) state: &'a RunState,
    /// When it is too late.
    pub(super) end_by: Instant,
}

/// How long nothing was heard, and what is due because of that.
struct Silence {
    /// How long an agent may be silent.
    limit: Duration,
    heard: Instant,
    due: Instant,
    /// The last look at the processor time of its commands.
    look: Option<(Instant, Option<Duration>)>,
    /// Something that was seen and is acted upon as soon as nothing new is heard.
    sign: Option<Sign>,
    is_interrupted: bool,
}

impl Silence {
    fn new(limit: Duration) -> Self {
        let now = Instant::now();
        let due = now + limit / 2;
        Self { limit, heard: now, due, look: None, sign: None, is_interrupted: false }
    }

    /// Notes a look at the processor time, and tells what it says together with the one before it. Commands are looked
    /// at over half of the time that an agent may be silent, so that one which pauses now and then is not taken for idle.
    fn looked(&mut self, used: Option<Duration>) -> Option<Sign> {
        let now = Instant::now();
        self.due = now + self.limit / 2;
        let (then, before) = self.look.replace((now, used))?;
        let used = used.zip(before).map(|(used, before)| used.saturating_sub(before));
        Some(Sign::Silence { used, within: now - then })
    }

    /// Acts on this after a while, unless something is heard before.
    fn act_on(&mut self, sign: Sign, after: Duration) {
        self.sign = Some(sign);
        self.due = Instant::now() + after;
    }
}

/// What people are to see of a turn, and when.
struct Window {
    seen: Glimpses,
    due: Instant,
}

impl Window {
    fn new() -> Self {
        Self { seen: Glimpses::default(), due: Instant::now() + SHOWN_EVERY }
    }

    /// What is shown now. The next time is a while away.
    fn shown(&mut self) -> Glimpses {
        self.due = Instant::now() + SHOWN_EVERY;
        std::mem::take(&mut self.seen)
    }
}

impl RunTask {
    /// Waits for the end of a turn. Ends it early when the facts, the clock or the lease say so, and puts another in its
    /// place when the agent is silent and nothing gentler helps. What is done about a silence is stored before it is
    /// done.
    pub(super) async fn supervise(
        &self,
        session: &mut dyn AgentSession,
        watched: &Watched<'_>,
        progress: &mut Progress,
    ) -> Result<Turn, Cut> {
        let ended = self.wait_for_end(session, watched, progress).await;
        self.keep_said(progress).await;
        progress.spent.turns = progress.spent.turns.saturating_add(1);
        progress.telling.turn_ended();
        ended
    }

    async fn wait_for_end(
        &self,
        session: &mut dyn AgentSession,
        watched: &Watched<'_>,
        progress: &mut Progress,
    ) -> Result<Turn, Cut> {
        enum Happened {
            Event(Result<AgentEvent, AgentError>),
            Changed,
            Shutdown,
            LeaseLost,
            Silence,
            TooLong,
            ToShow,
        }
        let mut window = Window::new();
        let mut silence = Silence::new(self.context.settings.silence_timeout);
        let mut changes = self.context.woken.changes();
        // The facts may have changed since the run was claimed, while nobody here listened, and who changes them later may be
        // another process, which cannot wake us. The first look is taken at once.
        let mut looks = tokio::time::interval(self.context.settings.reconcile_every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let happened = tokio::select! {
                biased;
                () = self.lease.lost().cancelled() => Happened::LeaseLost,
                () = self.shutdown.cancelled() => Happened::Shutdown,
                event = session.next_event() => Happened::Event(event),
                Ok(()) = changes.changed() => Happened::Changed,
                _ = looks.tick() => Happened::Changed,
                () = sleep_until(watched.end_by) => Happened::TooLong,
                () = sleep_until(window.due), if !(window.seen.is_empty() && progress.said.is_empty()) => {
                    Happened::ToShow
                }
                () = sleep_until(silence.due) => Happened::Silence,
            };
            if let Happened::Event(Ok(AgentEvent::Spent { tokens })) = happened {
                progress.spent.tokens = progress.spent.tokens.saturating_add(tokens);
            }
            match happened {
                // A turn that was interrupted is over, whatever it still says.
                Happened::Event(Ok(AgentEvent::Progress { .. })) if silence.is_interrupted => {}
                Happened::Event(Ok(AgentEvent::Progress { line })) => {
                    debug!(%line, "agent");
                    self.note(progress, RunTextKind::Event, &line);
                    progress.ladder.moved();
                    silence = Silence::new(silence.limit);
                }
                Happened::Event(Ok(AgentEvent::Seen(glimpse))) => window.seen.see(glimpse),
                Happened::ToShow => {
                    self.keep_said(progress).await;
                    self.show(&mut window).await;
                }
                Happened::Event(Ok(AgentEvent::Heard { message })) => {
                    self.heard_message(watched.turn, &message, &mut progress.telling).await?;
                }
                Happened::Event(Ok(AgentEvent::TurnEnded { status, answer })) => {
                    if let Some(sign @ Sign::Record(TurnRecord::Ended)) = silence.sign.take() {
                        self.rise(sign, session, watched, &mut silence, progress).await?;
                    }
                    if !silence.is_interrupted || was_done(&status) {
                        progress.ladder.moved();
                        self.heard(&status);
                        return Ok(Turn { status, answer });
                    }
                    self.rise(Sign::Interrupted, session, watched, &mut silence, progress).await?;
                }
                Happened::Event(Err(error)) => {
                    return Err(Halt::with(ended_by_agent(&error)).into());
                }
                Happened::Changed | Happened::Event(Ok(AgentEvent::Spent { .. })) => match self
                    .steer(progress)
                    .await
                {
                    Ok(Steer::Continue | Steer::WithholdPublication(_)) => {}
                    // Who only reports has nothing to do with it any more: the next run takes it up.
                    Ok(Steer::Deliver(inputs)) if watched.is_work && !silence.is_interrupted => {
                        self.deliver(session, watched.turn, &inputs, &mut progress.telling).await?;
                    }
                    Ok(Steer::Deliver(_)) => {}
                    Ok(Steer::Interrupt(by)) => return Err(self.stopped(session, by).await.into()),
                    // Asked again at the next change or look, and once more before anything is published.
                    Err(error) => {
                        warn!(run = %self.run, error = %chain(&error), "a run could not be steered");
                    }
                },
                Happened::Shutdown => {
                    return Err(self.stopped(session, Interruption::Shutdown).await.into());
                }
                Happened::LeaseLost => return Err(Halt::Leave.into()),
                Happened::TooLong => {
                    let reason = "the agent was ended: its turn took too long".to_owned();
                    return Err(Halt::with(RunOutcome::Failed { reason }).into());
                }
                Happened::Silence => {
                    let sign = match silence.sign.take() {
                        Some(sign) => {
                            silence.due = Instant::now() + silence.limit / 2;
                            Some(sign)
                        }
                        None => {
                            let used = self.unless_stopped(session.commands_cpu_time()).await?;
                            silence.looked(used)
                        }
                    };
                    if let Some(sign) = sign {
                        self.rise(sign, session, watched, &mut silence, progress).await?;
                    }
                }
            }
        }
    }

    /// Lets people see what the agent does. That they do not see it for once delays nothing.
    async fn show(&self, window: &mut Window) {
        let seen = window.shown();
        if seen.is_empty() {
            return;
        }
        let secrets = &self.context.settings.secrets;
        let shown = |facts: &IssueFacts| seen.shown(facts, &self.run, secrets);
        if let Err(error) = show(&self.context, &self.issue, self.lease.lease(), shown).await {
            debug!(run = %self.run, error = %chain(&error), "what the agent does was not shown");
        }
    }

    /// What the end of a turn says to the other runs of this node.
    fn heard(&self, status: &TurnStatus) {
        if let Some(reason) = self.context.model().heard(self.context.now(), status) {
            warn!(run = %self.run, reason, "the agent's model answers nobody here; no agent is started for a while");
        }
    }

    /// Does the next thing about a silence.
    async fn rise(
        &self,
        sign: Sign,
        session: &mut dyn AgentSession,
        watched: &Watched<'_>,
        silence: &mut Silence,
        progress: &mut Progress,
    ) -> Result<(), Cut> {
        let rung = climb(&mut progress.ladder, sign);
        if rung == Rung::Fresh {
            progress.thread = None;
        }
        // Whoever continues after a crash must find the thread that goes on, and no other.
        let next = match rung {
            Rung::Resume | Rung::Fresh => &working(watched.worktree, progress, None),
            Rung::Wait | Rung::Ask | Rung::TakeEnd | Rung::Interrupt | Rung::GiveUp => {
                watched.state
            }
        };
        self.store(next, &describe_rung(rung, silence.heard.elapsed())).await?;
        match rung {
            Rung::Wait | Rung::TakeEnd => Ok(()),
            Rung::Ask => {
                let looked = self.unless_stopped(session.look_at_turn(watched.turn)).await?;
                silence.act_on(self.recorded(looked), Duration::ZERO);
                Ok(())
            }
            Rung::Interrupt => {
                silence.is_interrupted = true;
                let grace = match self.unless_stopped(session.interrupt()).await? {
                    Ok(()) => INTERRUPT_GRACE,
                    Err(error) => {
                        warn!(run = %self.run, error = %chain(&error), "a silent agent did not take an interrupt");
                        Duration::ZERO
                    }
                };
                silence.act_on(Sign::Interrupted, grace);
                Ok(())
            }
            Rung::Resume | Rung::Fresh => Err(Cut::Replaced),
            Rung::GiveUp => Err(Halt::with(progress.ladder.given_up()).into()),
        }
    }

    fn recorded(&self, looked: Result<TurnRecord, AgentError>) -> Sign {
        match looked {
            Ok(record) => Sign::Record(record),
            Err(error) => {
                warn!(run = %self.run, error = %chain(&error), "a silent agent did not tell how its turn stands");
                Sign::Unanswered
            }
        }
    }

    /// Waits for an agent that may not answer, unless the service stops or the lease is lost meanwhile.
    pub(super) async fn unless_stopped<T>(
        &self,
        answer: impl Future<Output = T>,
    ) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => {
                Err(Halt::with(RunOutcome::Interrupted { by: Interruption::Shutdown }))
            }
            answered = self.lease.guard(answer) => Ok(answered?),
        }
    }

    /// Interrupts the turn as well as it can be; closing the session ends it in any case.
    async fn stopped(&self, session: &mut dyn AgentSession, by: Interruption) -> Halt {
        match timeout(STOP_GRACE, session.interrupt()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                debug!(run = %self.run, error = %chain(&error), "the turn was not interrupted; its process is ended");
            }
            Err(_) => {
                debug!(run = %self.run, "the turn was not interrupted in time; its process is ended");
            }
        }
        Halt::with(RunOutcome::Interrupted { by })
    }
}

/// Whether a turn that was interrupted was over by itself before that, so that its end is what counts.
fn was_done(status: &TurnStatus) -> bool {
    match status {
        TurnStatus::Completed
        | TurnStatus::Unavailable { .. }
        | TurnStatus::Barred { .. }
        | TurnStatus::ThreadFull { .. }
        | TurnStatus::Refused { .. } => true,
        TurnStatus::Interrupted | TurnStatus::Failed { .. } => false,
    }
}
