//! The simulated world.
//!
//! Each port is a model: it has state, keeps the port's contract, outlives the engine as the real thing would, and can
//! be told to fail before its work, after it, or to keep its caller waiting. What must never happen is noted where it
//! would happen, and makes the test fail at its end.

mod agent;
mod fault;
mod forge;
mod store;
mod tracker;
mod workspaces;
mod world;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use patchrelay_domain::Timestamp;
use patchrelay_ports::{Clock, Ids, Probe, Side, Step};
use tokio::{sync::watch, time::Instant};

use self::fault::Faults;
pub(super) use self::{
    agent::{Act, Agents, Commands, Hang, Turn, report},
    fault::{Chance, Dice, Fault, Gate},
    forge::Forge,
    tracker::{Deliveries, Tickets, opened, pull_request_changed},
    workspaces::Disk,
    world::{World, at_once, issue},
};

/// The file of the base branch that is a project's prepare hook.
pub(super) const HOOK: &str = ".patchrelay/hooks/prepare-worktree";

/// Everything outside the engine and the store.
pub(super) struct Sim {
    state: Mutex<State>,
    /// Tells that something may have changed.
    changed: watch::Sender<u64>,
    /// When the world began, on tokio's clock.
    began: Instant,
    /// How far the wall clock was set forward, in milliseconds.
    clock_offset: AtomicU64,
}

/// What the world is made of.
#[derive(Default)]
pub(super) struct State {
    pub(super) faults: Faults,
    pub(super) tickets: Tickets,
    pub(super) forge: Forge,
    pub(super) disk: Disk,
    pub(super) agents: Agents,
    /// When each operation was called, as time since the world began.
    pub(super) calls: HashMap<&'static str, Vec<Duration>>,
    /// What must never happen, and did.
    pub(super) wrong: Vec<String>,
    /// Where the process dies next.
    pub(super) dies_at: Option<Death>,
    /// The process died at its place.
    pub(super) is_dead: bool,
    ids: u64,
}

/// A place where the process dies, or only the task that comes there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Death {
    pub(super) step: Step,
    pub(super) side: Side,
    /// How often the place is passed before.
    pub(super) after: u32,
    /// Whether only the task dies, as by a bug.
    pub(super) only_the_task: bool,
}

/// The wall clock when the world begins.
const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

impl Sim {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: watch::channel(0).0,
            began: Instant::now(),
            clock_offset: AtomicU64::new(0),
        })
    }

    /// The world, to look at it or to change it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody sets the wall clock forward.
    pub(super) fn set_clock_forward(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).expect("a test sets it forward by less");
        self.clock_offset.fetch_add(millis, Ordering::Relaxed);
    }

    /// Lets whoever waits look again.
    pub(super) fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// When this operation was called.
    pub(super) fn calls(&self, operation: &str) -> Vec<Duration> {
        self.state().calls.get(operation).cloned().unwrap_or_default()
    }

    /// How long the world has existed.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// The next call of this operation waits at a gate.
    pub(super) fn hold(&self, operation: &'static str) -> Gate {
        let gate = Gate::default();
        self.state().faults.next(operation, Fault::Held(gate.clone()));
        gate
    }

    /// The process dies here.
    pub(super) fn dies_at(&self, step: Step, side: Side) {
        self.dies_at_time(step, side, 0);
    }

    /// The process dies here, after this place was passed so often.
    pub(super) fn dies_at_time(&self, step: Step, side: Side, after: u32) {
        self.state().dies_at = Some(Death { step, side, after, only_the_task: false });
    }
}

impl State {
    /// Notes something that must never happen.
    pub(super) fn is_wrong(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }
}

impl Clock for Sim {
    fn now(&self) -> Timestamp {
        let offset = Duration::from_millis(self.clock_offset.load(Ordering::Relaxed));
        BEGIN.plus(self.began.elapsed() + offset)
    }
}

impl Ids for Sim {
    fn sortable(&self) -> String {
        let mut state = self.state();
        state.ids += 1;
        format!("id-{:04}", state.ids)
    }

    fn random(&self) -> String {
        let mut state = self.state();
        state.ids += 1;
        format!("entity-{:04}", state.ids)
    }
}

impl Probe for Sim {
    fn reached(&self, step: Step, side: Side) {
        let mut state = self.state();
        let Some(death) = state.dies_at.as_mut().filter(|d| (d.step, d.side) == (step, side))
        else {
            return;
        };
        if 0 < death.after {
            death.after -= 1;
            return;
        }
        state.is_dead = !death.only_the_task;
        state.dies_at = None;
        drop(state);
        self.tell();
        // The task ends right here, without the message of a panic.
        std::panic::resume_unwind(Box::new("died at a step"));
    }
}

/// A name in 40 hexadecimal digits, like git's: the same for the same content.
fn digest(content: &impl std::hash::Hash) -> String {
    use std::hash::Hasher;
    let half = |salt: u64| {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(salt);
        content.hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}00000000", half(1), half(2))
}
