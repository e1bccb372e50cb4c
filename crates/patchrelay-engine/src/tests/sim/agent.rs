//! The coding agent: processes, threads and scripted turns.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use patchrelay_domain::{Glimpse, HookEnd, RunId, ThreadId, TurnId, TurnRecord, TurnStatus};
use patchrelay_ports::{
    AgentError, AgentEvent, AgentLaunch, AgentRuntime, AgentSession, HookOrder, Message,
    ThreadSpec, Told, TurnOrder,
};
use serde_json::json;
use tokio::time::Instant;

use super::Sim;

/// What an agent does next in a turn.
#[derive(Clone, Debug)]
pub(in crate::tests) enum Act {
    /// It says something.
    Says,
    /// It lets people see that it runs this command.
    Runs(&'static str),
    /// It writes a file and says so. `{n}` in path and content is the number of the turn.
    Writes { path: &'static str, content: &'static str },
    /// It uses so many tokens.
    Spends(u64),
    /// It is done, with these last words.
    Ends(String),
    /// Its turn fails.
    Fails,
    /// Its model gives no answer, and says in how many seconds it does.
    Waits(Option<u64>),
    /// Its turn ends like this.
    EndsAs(TurnStatus),
    /// Its process ends.
    Dies,
}

/// A turn: what the agent does, each after a while. A turn that does not end goes on in silence.
#[derive(Clone, Debug, Default)]
pub(in crate::tests) struct Turn {
    pub(in crate::tests) acts: VecDeque<(Duration, Act)>,
    /// Whether it does all this again and again.
    pub(in crate::tests) repeats: bool,
    /// What helps when nothing more comes of it.
    pub(in crate::tests) hang: Hang,
    pub(in crate::tests) commands: Commands,
}

/// How a turn is stuck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::tests) enum Hang {
    /// The model does not answer. An interrupt ends the turn.
    #[default]
    Model,
    /// An interrupt is accepted, and the turn goes on.
    Stubborn,
    /// The process answers nothing at all.
    Deaf,
    /// The turn is over, with these last words, and the news of that were lost.
    Unheard(String),
    /// The thread does not know the turn.
    Forgotten,
}

/// What the commands of an agent do meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::tests) enum Commands {
    /// Nothing, but sleep.
    #[default]
    Idle,
    /// They use a processor for this long, from the beginning of the turn.
    Burn(Duration),
    /// The system does not show it.
    Unseen,
}

/// How long a request to an agent that does not answer takes to fail.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

impl Turn {
    pub(in crate::tests) fn of<const N: usize>(acts: [(u64, Act); N]) -> Self {
        let acts = acts.map(|(seconds, act)| (Duration::from_secs(seconds), act));
        Self { acts: acts.into(), ..Self::default() }
    }

    /// It writes one file, and hangs.
    pub(in crate::tests) fn stuck(hang: Hang) -> Self {
        let write = Act::Writes { path: "first", content: "one" };
        Self { hang, ..Self::of([(5, write)]) }
    }

    /// Twenty seconds of work on one file.
    pub(in crate::tests) fn work() -> Self {
        let write = Act::Writes { path: "src/lib.rs", content: "night {n}" };
        Self::of([(10, write), (10, Act::Ends("Done.".to_owned()))])
    }
}

/// A report with this outcome.
pub(in crate::tests) fn report(outcome: &str) -> Turn {
    let report = json!({
        "outcome": outcome, "summary": "Added a greeting.", "commit_subject": "Add a greeting",
        "commit_body": "", "pr_title": "Add a greeting", "pr_body": "", "question": "Which greeting?",
    });
    Turn::of([(1, Act::Ends(report.to_string()))])
}

/// A turn that was asked for.
#[derive(Clone, Debug)]
pub(in crate::tests) struct Asked {
    pub(in crate::tests) thread: ThreadId,
    pub(in crate::tests) input: String,
    pub(in crate::tests) is_report: bool,
    message_id: String,
}

/// An agent process.
struct Process {
    run: RunId,
    /// Where its thread works, once it has one.
    directory: Option<String>,
    is_at_work: bool,
}

/// The agents of this machine.
#[derive(Default)]
pub(in crate::tests) struct Agents {
    processes: BTreeMap<u64, Process>,
    /// The work turns to come; then [`Turn::work`].
    pub(in crate::tests) work: VecDeque<Turn>,
    /// The report turns to come; then a report that the work is done.
    pub(in crate::tests) reports: VecDeque<Turn>,
    threads: HashMap<ThreadId, RunId>,
    /// How many threads were lost.
    forgotten: usize,
    /// Every turn that was asked for.
    pub(in crate::tests) turns: Vec<Asked>,
    /// Every message that a thread has read: its id and text.
    pub(in crate::tests) heard: Vec<(ThreadId, Message)>,
    /// Whether turns take messages and do not come to read them.
    pub(in crate::tests) reads_nothing: bool,
    /// How often a process was started.
    pub(in crate::tests) launches: u64,
    /// How the hooks to come end, each after a minute; then they do what they have to. `None`: they go on for ever.
    pub(in crate::tests) hook_ends: VecDeque<Option<HookEnd>>,
    /// Every hook that was run.
    pub(in crate::tests) hooks: Vec<HookOrder>,
    /// Whose leftovers were ended.
    pub(in crate::tests) reaped: Vec<RunId>,
    /// How often a turn was asked to stop.
    pub(in crate::tests) interrupts: u64,
    /// How many processes were ended in the middle of a turn.
    pub(in crate::tests) killed: u64,
    /// Whether our process is dying, and its agents outlive it.
    pub(in crate::tests) outlive_us: bool,
}

impl Agents {
    pub(super) fn is_any_in(&self, directory: &str) -> bool {
        self.processes.values().any(|process| process.directory.as_deref() == Some(directory))
    }

    pub(super) fn is_any_at_work_in(&self, directory: &str) -> bool {
        self.processes.values().any(|p| p.directory.as_deref() == Some(directory) && p.is_at_work)
    }

    /// How many processes are alive.
    pub(in crate::tests) fn alive(&self) -> usize {
        self.processes.len()
    }

    /// Somebody removes the files that threads are kept in.
    pub(in crate::tests) fn forget_threads(&mut self) {
        self.forgotten += self.threads.len();
        self.threads.clear();
    }

    /// The work turns that were asked for.
    pub(in crate::tests) fn work_turns(&self) -> Vec<Asked> {
        self.turns.iter().filter(|turn| !turn.is_report).cloned().collect()
    }
}

/// The runtime. It hands itself to its sessions.
pub(super) struct Runtime {
    pub(super) sim: Arc<Sim>,
}

#[async_trait]
impl AgentRuntime for Runtime {
    async fn launch(&self, order: &AgentLaunch) -> Result<Box<dyn AgentSession>, AgentError> {
        let lost = |lost: super::fault::Lost| lost.agent("launch");
        let call = self.sim.call("launch").await.map_err(lost)?;
        let session = {
            let mut state = self.sim.state();
            state.agents.launches += 1;
            let id = state.agents.launches;
            let process = Process { run: order.run.clone(), directory: None, is_at_work: false };
            state.agents.processes.insert(id, process);
            Session {
                id,
                sim: Arc::downgrade(&self.sim),
                thread: None,
                turn: None,
                end: None,
                heard: VecDeque::new(),
            }
        };
        Ok(Box::new(call.answer(session).await.map_err(lost)?))
    }

    async fn run_hook(&self, order: &HookOrder) -> Result<HookEnd, AgentError> {
        let lost = |lost: super::fault::Lost| lost.agent("run_hook");
        let call = self.sim.call("run_hook").await.map_err(lost)?;
        let end = {
            let mut state = self.sim.state();
            if !state.disk.worktrees.contains_key(&order.directory) {
                state.is_wrong("a hook runs before there is a worktree".to_owned());
            }
            if state.agents.is_any_at_work_in(&order.directory) {
                state.is_wrong("a hook runs while an agent works".to_owned());
            }
            state.agents.hooks.push(order.clone());
            state.agents.hook_ends.pop_front().unwrap_or(Some(HookEnd::Done))
        };
        let Some(end) = end else { return std::future::pending().await };
        tokio::time::sleep(Duration::from_secs(60)).await;
        call.answer(end).await.map_err(lost)
    }

    async fn reap(&self, run: &RunId) -> Result<(), AgentError> {
        let lost = |lost: super::fault::Lost| lost.agent("reap");
        let call = self.sim.call("reap").await.map_err(lost)?;
        {
            let mut state = self.sim.state();
            state.agents.reaped.push(run.clone());
            state.agents.processes.retain(|_, process| process.run != *run);
        }
        call.answer(()).await.map_err(lost)
    }
}

/// A connection to a process, which ends with it unless we are dying.
struct Session {
    id: u64,
    sim: Weak<Sim>,
    thread: Option<ThreadId>,
    turn: Option<Running>,
    /// The end of the turn, as long as nobody has heard it.
    end: Option<AgentEvent>,
    /// The messages that the turn has read, as long as nobody has heard that.
    heard: VecDeque<AgentEvent>,
}

struct Running {
    turn: Turn,
    number: usize,
    since: Instant,
    began: Instant,
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(sim) = self.sim.upgrade() else { return };
        let mut state = sim.state();
        if !state.agents.outlive_us {
            state.agents.processes.remove(&self.id);
        }
    }
}

impl Session {
    fn sim(&self) -> Result<Arc<Sim>, AgentError> {
        let gone = || AgentError::Gone { reason: "its world is over".to_owned() };
        let sim = self.sim.upgrade().ok_or_else(gone)?;
        if sim.state().agents.processes.contains_key(&self.id) {
            Ok(sim)
        } else {
            Err(AgentError::Gone { reason: "it is dead".to_owned() })
        }
    }

    /// Carries out one act of a turn.
    fn act(&mut self, sim: &Sim, act: Act) -> AgentEvent {
        let mut state = sim.state();
        let number = self.turn.as_ref().map_or(0, |turn| turn.number);
        let ended = match act {
            Act::Says => return AgentEvent::Progress { line: "hm".to_owned() },
            Act::Runs(command) => {
                let (action, object) = ("Running", command.to_owned());
                return AgentEvent::Seen(Glimpse::Doing { action, object });
            }
            Act::Spends(tokens) => return AgentEvent::Spent { tokens },
            Act::Writes { path, content } => {
                let number = number.to_string();
                let (path, content) =
                    (path.replace("{n}", &number), content.replace("{n}", &number));
                let directory = state.agents.processes[&self.id].directory.clone();
                let directory = directory.expect("its thread has one");
                state.disk.written.push((path.clone(), content.clone()));
                match state.disk.worktrees.get_mut(&directory) {
                    Some(directory) => drop(directory.files.insert(path.clone(), content)),
                    None => state.is_wrong(format!("{directory} is gone under its agent")),
                }
                return AgentEvent::Progress { line: format!("wrote {path}") };
            }
            Act::Ends(answer) => (TurnStatus::Completed, answer),
            Act::Fails => (TurnStatus::Failed { reason: "overloaded".to_owned() }, String::new()),
            Act::Waits(seconds) => {
                let reason = "at capacity".to_owned();
                let retry_after = seconds.map(Duration::from_secs);
                (TurnStatus::Unavailable { reason, retry_after }, String::new())
            }
            Act::EndsAs(status) => (status, String::new()),
            Act::Dies => {
                state.agents.processes.remove(&self.id);
                (TurnStatus::Failed { reason: "the process ended".to_owned() }, String::new())
            }
        };
        drop(state);
        self.over(sim);
        AgentEvent::TurnEnded { status: ended.0, answer: ended.1 }
    }

    /// The turn is over.
    fn over(&mut self, sim: &Sim) {
        self.turn = None;
        if let Some(process) = sim.state().agents.processes.get_mut(&self.id) {
            process.is_at_work = false;
        }
    }

    /// How the turn is stuck, once nothing more comes of it.
    fn hang(&self) -> Option<Hang> {
        let turn = &self.turn.as_ref()?.turn;
        turn.acts.is_empty().then(|| turn.hang.clone())
    }

    /// A request to an agent that may be deaf.
    async fn is_heard(&self, request: &'static str) -> Result<(), AgentError> {
        if self.hang() == Some(Hang::Deaf) {
            tokio::time::sleep(REQUEST_LIMIT).await;
            return Err(AgentError::Request { request, reason: "no answer".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl AgentSession for Session {
    async fn open_thread(
        &mut self,
        directory: &str,
        spec: ThreadSpec,
    ) -> Result<ThreadId, AgentError> {
        let sim = self.sim()?;
        let lost = |lost: super::fault::Lost| lost.agent("thread/start");
        let call = sim.call("open_thread").await.map_err(lost)?;
        let thread = {
            let mut state = sim.state();
            if state.agents.is_any_in(directory) {
                state.is_wrong(format!("two agents in {directory}"));
            }
            if !state.disk.worktrees.contains_key(directory) {
                state.is_wrong(format!("a thread begins in {directory}, which is not there"));
            }
            let agents = &mut state.agents;
            if let Some(process) = agents.processes.get_mut(&self.id) {
                process.directory = Some(directory.to_owned());
            }
            match spec {
                ThreadSpec::Resume(thread) if agents.threads.contains_key(&thread) => thread,
                ThreadSpec::Resume(_) | ThreadSpec::Fresh => {
                    let number = agents.forgotten + agents.threads.len() + 1;
                    let thread = ThreadId::new(format!("thread-{number}"));
                    let run = agents.processes[&self.id].run.clone();
                    agents.threads.insert(thread.clone(), run);
                    thread
                }
            }
        };
        self.thread = Some(thread.clone());
        call.answer(thread).await.map_err(lost)
    }

    async fn start_turn(&mut self, order: &TurnOrder) -> Result<TurnId, AgentError> {
        let sim = self.sim()?;
        let lost = |lost: super::fault::Lost| lost.agent("turn/start");
        let call = sim.call("start_turn").await.map_err(lost)?;
        let number = {
            let mut state = sim.state();
            let thread = self.thread.clone().expect("a thread is opened before a turn");
            if state.agents.turns.iter().any(|turn| turn.message_id == order.message_id) {
                state.is_wrong(format!("message {} was sent twice", order.message_id));
            }
            let agents = &mut state.agents;
            let process = agents.processes.get_mut(&self.id).expect("it is alive");
            process.is_at_work = true;
            let is_report = order.output_schema.is_some();
            agents.turns.push(Asked {
                thread,
                input: order.input.clone(),
                is_report,
                message_id: order.message_id.clone(),
            });
            let number = agents.turns.len();
            let turn = match is_report {
                true => agents.reports.pop_front().unwrap_or_else(|| report("done")),
                false => agents.work.pop_front().unwrap_or_else(Turn::work),
            };
            let now = Instant::now();
            self.turn = Some(Running { turn, number, since: now, began: now });
            number
        };
        call.answer(TurnId::new(format!("turn-{number}"))).await.map_err(lost)
    }

    async fn next_event(&mut self) -> Result<AgentEvent, AgentError> {
        let sim = self.sim()?;
        if let Some(event) = self.heard.pop_front().or_else(|| self.end.take()) {
            return Ok(event);
        }
        let Some(running) = &mut self.turn else { return std::future::pending().await };
        let Some((after, _)) = running.turn.acts.front() else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(running.since + *after).await;
        // Nothing waits from here on, so that a dropped call loses no event.
        running.since = Instant::now();
        let (after, act) = running.turn.acts.pop_front().expect("there is one");
        if running.turn.repeats {
            running.turn.acts.push_back((after, act.clone()));
        }
        // It may have been ended meanwhile.
        self.sim()?;
        let event = self.act(&sim, act);
        sim.tell();
        Ok(event)
    }

    async fn tell(&mut self, message: &Message) -> Result<Told, AgentError> {
        let sim = self.sim()?;
        let lost = |lost: super::fault::Lost| lost.agent("turn/steer");
        let call = sim.call("tell").await.map_err(lost)?;
        self.is_heard("turn/steer").await?;
        let told = if self.turn.is_some() { Told::Taken } else { Told::NoTurn };
        if told == Told::Taken && !sim.state().agents.reads_nothing {
            let mut state = sim.state();
            let told = (self.thread.clone().expect("it has a turn"), message.clone());
            if state.agents.heard.contains(&told) {
                state.is_wrong(format!("message {} was told twice", message.id));
            }
            state.agents.heard.push(told);
            self.heard.push_back(AgentEvent::Heard { message: message.id.clone() });
        }
        call.answer(told).await.map_err(lost)
    }

    async fn told(&mut self, ids: &[String]) -> Result<Vec<String>, AgentError> {
        let sim = self.sim()?;
        let lost = |lost: super::fault::Lost| lost.agent("thread/items/list");
        let call = sim.call("told").await.map_err(lost)?;
        let known = {
            let state = sim.state();
            let of_thread =
                state.agents.heard.iter().filter(|(of, _)| Some(of) == self.thread.as_ref());
            of_thread.map(|(_, message)| message.id.clone()).filter(|id| ids.contains(id)).collect()
        };
        call.answer(known).await.map_err(lost)
    }

    async fn interrupt(&mut self) -> Result<(), AgentError> {
        let sim = self.sim()?;
        let lost = |lost: super::fault::Lost| lost.agent("turn/interrupt");
        let call = sim.call("interrupt").await.map_err(lost)?;
        self.is_heard("turn/interrupt").await?;
        sim.state().agents.interrupts += 1;
        let stops = self.hang().is_none_or(|hang| hang == Hang::Model);
        if self.turn.is_some() && stops {
            self.over(&sim);
            let (status, answer) = (TurnStatus::Interrupted, String::new());
            self.end = Some(AgentEvent::TurnEnded { status, answer });
        }
        call.answer(()).await.map_err(lost)
    }

    async fn look_at_turn(&mut self, turn: &TurnId) -> Result<TurnRecord, AgentError> {
        let sim = self.sim()?;
        let lost = |lost: super::fault::Lost| lost.agent("thread/turns/list");
        let call = sim.call("look_at_turn").await.map_err(lost)?;
        self.is_heard("thread/turns/list").await?;
        let number = self.turn.as_ref().map(|running| format!("turn-{}", running.number));
        let record = match self.hang() {
            _ if number.as_deref() != Some(turn.as_str()) => TurnRecord::Unknown,
            Some(Hang::Forgotten) => TurnRecord::Unknown,
            Some(Hang::Unheard(answer)) => {
                self.over(&sim);
                let status = TurnStatus::Completed;
                self.end = Some(AgentEvent::TurnEnded { status, answer });
                TurnRecord::Ended
            }
            Some(Hang::Model | Hang::Stubborn | Hang::Deaf) | None => TurnRecord::InProgress,
        };
        call.answer(record).await.map_err(lost)
    }

    async fn commands_cpu_time(&mut self) -> Option<Duration> {
        let running = self.turn.as_ref()?;
        match running.turn.commands {
            Commands::Idle => Some(Duration::ZERO),
            Commands::Burn(time) => Some(running.began.elapsed().min(time)),
            Commands::Unseen => None,
        }
    }

    async fn close(self: Box<Self>) {
        if let Some(sim) = self.sim.upgrade() {
            {
                let agents = &mut sim.state().agents;
                let ended = agents.processes.remove(&self.id);
                agents.killed += u64::from(ended.is_some_and(|process| process.is_at_work));
            }
            sim.tell();
        }
    }
}
