//! What can go wrong with a call.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use patchrelay_ports::{AgentError, CallError, StoreError, WorkspaceError};
use tokio_util::sync::CancellationToken;

use super::Sim;

/// How long a service takes to get a call, and again to answer it.
const LATENCY: Duration = Duration::from_millis(5);
/// How long an adapter waits for an answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// What happens to one call.
#[derive(Clone, Debug)]
pub(in crate::tests) enum Fault {
    /// It is not carried out, and nobody answers.
    Unanswered,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It is not carried out, and nobody answers until the adapter gives up.
    Hangs,
    /// The service understands and says no.
    Refused,
    /// The service asks to come back later.
    Limited(Duration),
    /// It waits at the gate, and goes on as usual when that opens.
    Held(Gate),
    /// The code that is called has a bug.
    Panics,
}

/// A place where a call waits until the test lets it go on.
#[derive(Clone, Debug, Default)]
pub(in crate::tests) struct Gate {
    arrived: CancellationToken,
    open: CancellationToken,
}

impl Gate {
    /// Waits until somebody stands at it.
    pub(in crate::tests) async fn arrived(&self) {
        self.arrived.cancelled().await;
    }

    pub(in crate::tests) fn open(&self) {
        self.open.cancel();
    }
}

/// What will go wrong.
#[derive(Default)]
pub(in crate::tests) struct Faults {
    next: HashMap<&'static str, VecDeque<Fault>>,
    lasting: HashMap<&'static str, Fault>,
    /// Chooses faults by chance.
    pub(in crate::tests) chance: Option<Chance>,
}

/// Faults by chance, the same for the same seed.
pub(in crate::tests) struct Chance {
    pub(in crate::tests) dice: Dice,
    /// How many of a hundred calls to services fail. The store, which is called more often, fails a third as often.
    pub(in crate::tests) percent: u64,
}

/// A source of numbers (splitmix64).
pub(in crate::tests) struct Dice(pub(in crate::tests) u64);

impl Dice {
    /// A number below `bound`.
    pub(in crate::tests) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// The place of one of so many.
    pub(in crate::tests) fn index(&mut self, length: usize) -> usize {
        let below = self.below(u64::try_from(length).expect("it is a length"));
        usize::try_from(below).expect("it is below a length")
    }
}

impl Faults {
    /// The next call of this operation that has no fault yet gets this one.
    pub(in crate::tests) fn next(&mut self, operation: &'static str, fault: Fault) {
        self.next.entry(operation).or_default().push_back(fault);
    }

    /// Every call of these gets this one, until `heal`.
    pub(in crate::tests) fn last(&mut self, operations: &[&'static str], fault: Fault) {
        self.lasting.extend(operations.iter().map(|operation| (*operation, fault.clone())));
    }

    /// Nothing goes wrong any more.
    pub(in crate::tests) fn heal(&mut self) {
        *self = Self::default();
    }

    fn of(&mut self, operation: &'static str) -> Option<Fault> {
        let planned = self
            .next
            .get_mut(operation)
            .and_then(VecDeque::pop_front)
            .or_else(|| self.lasting.get(operation).cloned());
        planned.or_else(|| {
            let chance = self.chance.as_mut()?;
            let is_store = operation.starts_with("store.");
            let percent = if is_store { chance.percent / 3 } else { chance.percent };
            if percent <= chance.dice.below(100) {
                return None;
            }
            Some(match chance.dice.below(if is_store { 2 } else { 3 }) {
                0 => Fault::Unanswered,
                1 => Fault::AnswerLost,
                _ => Fault::Hangs,
            })
        })
    }
}

/// A call that came through. Its answer may still be lost.
pub(super) struct Call<'a> {
    sim: &'a Sim,
    latency: Duration,
    loses_answer: bool,
}

/// Why a call has no result.
pub(super) enum Lost {
    Unanswered,
    Refused,
    Limited(Duration),
}

impl Sim {
    /// The way of a call to a service, up to where it is carried out.
    pub(super) async fn call(&self, operation: &'static str) -> Result<Call<'_>, Lost> {
        self.call_within(operation, LATENCY).await
    }

    /// The same without a network in between.
    pub(super) async fn call_within(
        &self,
        operation: &'static str,
        latency: Duration,
    ) -> Result<Call<'_>, Lost> {
        let fault = {
            let mut state = self.state();
            state.calls.entry(operation).or_default().push(self.age());
            state.faults.of(operation)
        };
        self.tell();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut call = Call { sim: self, latency, loses_answer: false };
        match fault {
            None => {}
            Some(Fault::Unanswered) => return Err(Lost::Unanswered),
            Some(Fault::AnswerLost) => call.loses_answer = true,
            Some(Fault::Hangs) => {
                tokio::time::sleep(DEADLINE).await;
                return Err(Lost::Unanswered);
            }
            Some(Fault::Refused) => return Err(Lost::Refused),
            Some(Fault::Limited(wait)) => return Err(Lost::Limited(wait)),
            Some(Fault::Held(gate)) => {
                gate.arrived.cancel();
                gate.open.cancelled().await;
            }
            Some(Fault::Panics) => std::panic::resume_unwind(Box::new("a bug in a port")),
        }
        Ok(call)
    }
}

impl Call<'_> {
    /// The way back of what was carried out.
    pub(super) async fn answer<T>(self, value: T) -> Result<T, Lost> {
        self.sim.tell();
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        if self.loses_answer { Err(Lost::Unanswered) } else { Ok(value) }
    }
}

impl Lost {
    pub(super) fn call(self, operation: &str) -> CallError {
        let operation = operation.to_owned();
        match self {
            Self::Unanswered => CallError::Unanswered {
                operation,
                retry_after: None,
                source: "the line is dead".into(),
            },
            Self::Refused => CallError::Refused { operation, reason: "no".to_owned() },
            Self::Limited(wait) => CallError::Unanswered {
                operation,
                retry_after: Some(wait),
                source: "too many requests".into(),
            },
        }
    }

    pub(super) fn remote(self, operation: &str) -> WorkspaceError {
        let operation = operation.to_owned();
        match self {
            Self::Unanswered | Self::Limited(_) => {
                WorkspaceError::Remote { operation, source: "the line is dead".into() }
            }
            Self::Refused => WorkspaceError::Refused { operation, reason: "no".to_owned() },
        }
    }

    pub(super) fn local(self, operation: &str) -> WorkspaceError {
        WorkspaceError::Local { operation: operation.to_owned(), source: "the disk is full".into() }
    }

    pub(super) fn agent(self, request: &'static str) -> AgentError {
        AgentError::Request { request, reason: "no answer".to_owned() }
    }

    pub(super) fn store(self, operation: &'static str) -> StoreError {
        StoreError::Unavailable { operation, source: "the disk does not answer".into() }
    }
}
