//! The agent runtime: what runs the coding agent in a worktree.

use std::time::Duration;

use async_trait::async_trait;
use patchrelay_domain::{
    Glimpse, HookEnd, ProjectId, RunId, ThreadId, TurnId, TurnRecord, TurnStatus,
};
use thiserror::Error;

use crate::Cause;

/// An order to start an agent process for one run. It needs no directory, so that the process starts while that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLaunch {
    /// The run. Its id is put into the environment of every process, so that leftovers can be found (D16).
    pub run: RunId,
    /// The run's project, which may want another agent than the others.
    pub project: ProjectId,
    /// Whether the agent's commands have a network (D23).
    pub network: bool,
    /// Whether the agent commits, pushes and opens the pull request itself: it may then write to the repository that it
    /// works in, and has a credential for the forge.
    pub publishes: bool,
}

/// An order to run a project's prepare hook before the agent of a run begins (D32).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookOrder {
    /// The run, for the mark of its processes.
    pub run: RunId,
    /// The program, outside of what any agent may write to.
    pub program: String,
    /// The worktree that it prepares, in which it is started.
    pub directory: String,
    /// What it is told beside the variables that every command of an agent gets.
    pub variables: Vec<(String, String)>,
    /// Whether it runs outside of the sandbox.
    pub is_trusted: bool,
}

/// Which thread to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThreadSpec {
    /// A new one.
    Fresh,
    /// This one, as far as it still exists; a new one otherwise. The answer tells which it is.
    Resume(ThreadId),
}

/// An order for one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnOrder {
    /// Our id of the message, by which it is recognised later (D22).
    pub message_id: String,
    /// What the agent is told.
    pub input: String,
    /// The JSON Schema that the answer has to fit, for a report turn (D18).
    pub output_schema: Option<String>,
}

/// A message for a turn that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Our id of it, by which it is recognised later (D22).
    pub id: String,
    /// What the agent is told.
    pub text: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The turn will read it when it comes to it, as [`AgentEvent::Heard`] tells then. What ends before has not heard it.
    Taken,
    /// No turn of ours runs that could take it. It was not told.
    NoTurn,
}

/// What a running turn says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentEvent {
    /// Something moved: a command, an edit, a message. In one line, for people and for the silence watch. That a turn
    /// was taken up is no such thing: one that hangs from its first moment was, too.
    Progress {
        /// What.
        line: String,
    },
    /// Something for people to see. The newest says all: older ones may be left out.
    Seen(Glimpse),
    /// The turn read a message of ours, which is in its thread from now on.
    Heard {
        /// Our id of it.
        message: String,
    },
    /// The turn used tokens, beside those that were told before. What an earlier process used is not in it.
    Spent {
        /// How many.
        tokens: u64,
    },
    /// The turn is over. Comes once for each turn, also when the runtime died (then as a failure).
    TurnEnded {
        /// How.
        status: TurnStatus,
        /// The agent's last message of this turn, possibly empty.
        answer: String,
    },
}

/// Why the agent runtime could not do something.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The process cannot be started, or does not speak the protocol.
    #[error("failed to start the agent: {reason}")]
    Launch {
        /// What was seen.
        reason: String,
        /// What went wrong underneath.
        #[source]
        source: Option<Cause>,
    },
    /// A request failed or was not answered in time.
    #[error("the agent did not carry out `{request}`: {reason}")]
    Request {
        /// Which request.
        request: &'static str,
        /// What it answered.
        reason: String,
    },
    /// The process is gone.
    #[error("the agent process ended: {reason}")]
    Gone {
        /// How.
        reason: String,
    },
    /// The runtime did not take over the permissions that were asked for, so it must not run (D20).
    #[error("the agent would run with other permissions than asked for: {reason}")]
    Permissions {
        /// What differs.
        reason: String,
    },
}

/// The agent runtime.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AgentRuntime: Send + Sync {
    /// Starts an agent process in its own process group, with an environment that holds no secret, and shakes hands.
    async fn launch(&self, order: &AgentLaunch) -> Result<Box<dyn AgentSession>, AgentError>;

    /// Runs a project's prepare hook to its end, at most ten minutes: confined like the commands of an agent, but with a
    /// network. Its environment is theirs, so it holds no secret. Nothing of it is left when this returns. Dropping the
    /// future ends it, but for what left its process group: that is for [`AgentRuntime::reap`].
    ///
    /// # Errors
    ///
    /// When there is nothing to confine it with and it is not trusted, or when it could not be started. That it fails is
    /// no error.
    async fn run_hook(&self, order: &HookOrder) -> Result<HookEnd, AgentError>;

    /// Ends every process that was started for this run by an earlier process of ours, and waits until none is left.
    /// Called before a worktree is used again.
    async fn reap(&self, run: &RunId) -> Result<(), AgentError>;
}

/// One agent process. Dropping it kills its process group; [`AgentSession::close`] also waits.
#[async_trait]
pub trait AgentSession: Send {
    /// Starts or resumes a thread in this directory, which is the only one that the agent may write to. It has to exist.
    async fn open_thread(
        &mut self,
        directory: &str,
        spec: ThreadSpec,
    ) -> Result<ThreadId, AgentError>;

    /// Starts a turn on the open thread. One at a time.
    async fn start_turn(&mut self, order: &TurnOrder) -> Result<TurnId, AgentError>;

    /// The next event of the turn. Cancel-safe: a dropped call loses no event.
    async fn next_event(&mut self) -> Result<AgentEvent, AgentError>;

    /// Tells the turn that runs something.
    ///
    /// # Errors
    ///
    /// When the process is gone, refuses, or does not answer in the time for a request. It may have taken the message all
    /// the same.
    async fn tell(&mut self, message: &Message) -> Result<Told, AgentError>;

    /// Which of these messages the open thread has already, by its own records.
    ///
    /// # Errors
    ///
    /// When the process is gone, refuses, or does not answer in the time for a request.
    async fn told(&mut self, ids: &[String]) -> Result<Vec<String>, AgentError>;

    /// Asks the turn to stop. Its end comes as an event.
    async fn interrupt(&mut self) -> Result<(), AgentError>;

    /// Reads in the agent's own records how this turn stands, in case the news of its end was lost. If it has ended and
    /// that was not heard, its end comes as an event, as if it had been heard. Dropping the call changes nothing.
    ///
    /// # Errors
    ///
    /// When the process is gone, refuses, or does not answer in the time for a request.
    async fn look_at_turn(&mut self, turn: &TurnId) -> Result<TurnRecord, AgentError>;

    /// How much processor time the commands of the agent have used so far, ended ones included. Only the difference of two
    /// answers says something. `None` where it cannot be told: the process is gone, or the system does not show it.
    async fn commands_cpu_time(&mut self) -> Option<Duration>;

    /// Ends the process group and waits until it is gone, commands of the agent included.
    async fn close(self: Box<Self>);
}
