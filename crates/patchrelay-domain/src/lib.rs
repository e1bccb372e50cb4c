//! What PatchRelay knows and how it decides: the part of the product that is only values and functions.
//!
//! Read it in this order: an [`Observation`] is something that happened; [`evolve`] folds it into the
//! [`IssueFacts`] of one issue; [`decide`] says the one thing to do next; [`steer_run`] says what becomes of a run
//! whose facts changed; [`verify`] says what a finished turn is worth; [`announce`] says which reports a change
//! deserves; [`schedule`] says which of many ready issues starts next. [`prompt`] builds what the agent is told.
//!
//! Nothing here does I/O, awaits, reads a clock or draws a random number: time and ids are arguments. That is what
//! makes a decision reproducible, and lets you test one alone:
//!
//! ```
//! use patchrelay_domain::{IssueFacts, IssueId, NextStep, Policy, ProjectId, Timestamp, Wait, decide};
//!
//! let issue = IssueId::new("acme", "0a4c0f3e-0000-4000-8000-000000000001");
//! let facts = IssueFacts::new(issue, ProjectId::new("app"), Timestamp::from_millis(0));
//! let next = decide(&Policy::default(), Timestamp::from_millis(1), &facts);
//! assert_eq!(next, NextStep::Wait { reason: Wait::TicketUnread, until: None });
//! ```

// A new variant is a list of compile errors to think about. Tests may say "anything else is wrong".
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

mod id;
mod time;

mod project;
mod pull_request;
mod ticket;

mod facts;
mod observation;
mod run;

mod announce;
mod change;
mod decide;
mod evolve;
mod schedule;
mod state;
mod steer;
mod verify;

mod branch;
mod feed;
mod gate;
pub mod prompt;
mod publication;
mod text;

#[cfg(test)]
mod fixture;

pub use crate::{
    announce::{ActivityContent, OutboxOrder, TicketTarget, announce},
    branch::{branch_name, worktree_name},
    change::{Change, change},
    decide::{NextColumns, NextStep, Policy, RunPlan, Settled, Wait, decide},
    evolve::{Evolved, evolve},
    facts::{
        Attempts, FACTS_VERSION, IssueFacts, LatestRun, PendingInput, Question, Slot, Versioned,
    },
    feed::{FeedEntry, FeedKind, FeedLevel, describe, describe_phase},
    gate::{GateHit, check_protected_path, protected_path_hits},
    id::{
        BranchName, CommitSha, IssueId, ParseIdError, PrNumber, ProjectId, RepoSlug, RunId,
        SessionId, ThreadId, TicketId, TreeId, TurnId, WorkspaceId,
    },
    observation::{Observation, ObservationKind},
    project::{Budgets, Project, Route, RouteHint, route},
    publication::{PublicationText, commit_message, pull_request_text, run_trailer},
    pull_request::{PrState, PullRequest},
    run::{
        Charge, Interruption, Publication, Report, ReportError, ReportOutcome, RunOutcome,
        RunState, RunType, TurnStatus, Worktree, charge, parse_report, report_schema,
    },
    schedule::{ReadyIssue, RunningCount, SlotLimits, schedule},
    state::{
        FactoryState, SessionState, factory_state, session_state, status_note, waiting_reason,
        way_out,
    },
    steer::{Steer, steer_run},
    ticket::{Ticket, TrackerState, TrackerStateKind},
    time::Timestamp,
    verify::{Evidence, Verdict, verify},
};
