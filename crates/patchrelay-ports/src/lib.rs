//! What the engine needs of the world: traits, their plain data and their errors. Nothing here runs.
//!
//! A port speaks the words of the domain; the types of a wire, a database or a command line stop in the adapter that
//! implements it. Every call that leaves the process has a deadline inside its adapter and answers with an error that
//! says whether trying again can help. Dropping a call's future is not undoing it: treat it as "unknown".

mod agent;
mod clock;
mod error;
mod forge;
mod orders;
mod probe;
mod store;
mod tally;
mod tracker;
mod webhook;
mod workspace;

pub use crate::{
    agent::{
        AgentError, AgentEvent, AgentLaunch, AgentRuntime, AgentSession, HookOrder, Message,
        ThreadSpec, Told, TurnOrder,
    },
    clock::{Clock, Ids},
    error::{CallError, Cause},
    forge::{Forge, OpenPullRequest},
    orders::{OperatorOrder, OrderError, Orders},
    probe::{NoProbe, Probe, Side, Step},
    store::{
        Beat, Census, Commit, Committed, DeadDeliveries, DeadDelivery, Delivery, Expired,
        FeedFilter, FeedPart, Guard, InboxRow, IssueFilter, Lease, NewOrder, NewRun, OrderId,
        OutboxRow, Pulse, Received, Role, RunRecord, RunText, RunTextKind, SettledIssue, Source,
        Store, StoreError, Stored, StoredFeedEntry, StoredObservation, Urgency, Waits, Worker,
    },
    tally::{Tally, WorkDone},
    tracker::{
        CreateActivity, MoveTicket, Moved, SetLink, SetPlan, Tracker, TrackerIdentity, WriteComment,
    },
    webhook::{
        Admission, Comment, Genuine, Headers, NormalizeError, OpenSession, Prompt, PromptOrder,
        Refusal, Signal, SignalKind, WebhookSource,
    },
    workspace::{
        CommitOrder, Freshen, MAX_CONTROL_FILE, PrepareOrder, PushOrder, Pushed, RemoteBranch,
        Removed, TreeState, WorkspaceError, Workspaces,
    },
};

/// Mocks, for embedders who test their own code against single calls. For whole stories there are the fakes of
/// `patchrelay-testkit`, and the real store.
#[cfg(feature = "mock")]
pub use crate::{
    agent::MockAgentRuntime,
    clock::{MockClock, MockIds},
    forge::MockForge,
    probe::MockProbe,
    tracker::MockTracker,
    workspace::MockWorkspaces,
};
