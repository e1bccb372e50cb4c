//! What PatchRelay knows and how it decides: the part of the product that is only values and functions.
//!
//! Read it in this order: an [`Observation`] is something that happened; [`evolve`] folds it into the
//! [`IssueFacts`] of one issue; [`decide`] says the one thing to do next; [`steer_run`] says what becomes of a run
//! whose facts changed, and [`climb`] what is done about one whose agent is silent; [`gate()`] says what in its work only a human may release, and [`verify`] what a finished turn is
//! worth; [`announce`] says which reports a change deserves; [`schedule`] says which of many ready issues starts next, and [`taking`] which
//! node may start it.
//! [`prompt`] builds what the agent is told, and [`factory_state`], [`waiting_reason`] and [`status_note`] what people are
//! shown. [`change`] is one step of all that, ready to be stored.
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
//!
//! Facts are never set by hand: they are what observations made of them. A trusted actor's words, for example, wait as an
//! input for the next run, and a stranger's are not even logged:
//!
//! ```
//! use patchrelay_domain::{
//!     Actor, Evolved, Heard, IssueFacts, IssueId, Observation, ObservationKind, Policy, ProjectId, Standing, Timestamp,
//!     evolve,
//! };
//!
//! let at = Timestamp::from_millis(1_000);
//! let facts = IssueFacts::new(IssueId::new("acme", "ticket-1"), ProjectId::new("app"), at);
//! let says = |standing| Observation {
//!     at,
//!     correlation: "delivery-1".to_owned(),
//!     kind: ObservationKind::HumanInput {
//!         source: "activity-1".to_owned(),
//!         said: at,
//!         heard: Heard::Session,
//!         author: Actor { id: "user-1".to_owned(), name: None, email: None, standing },
//!         text: "Please answer in German, too.".to_owned(),
//!         is_edit: false,
//!     },
//! };
//! let Evolved::Changed(heard) = evolve(&Policy::default(), &facts, &says(Standing::Member)) else { panic!() };
//! assert_eq!(heard.pending[0].text, "Please answer in German, too.");
//! assert_eq!(evolve(&Policy::default(), &facts, &says(Standing::Outsider)), Evolved::Unchanged);
//! ```

// A new variant is a list of compile errors to think about. Tests may say "anything else is wrong".
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

mod id;
mod time;

mod actor;
mod input;
mod intent;
mod project;
mod pull_request;
mod ticket;

mod facts;
mod observation;
mod order;
mod policy;
mod report;
mod run;

mod announce;
mod change;
mod decide;
mod delivery;
mod evolve;
mod hindrance;
mod hook;
mod intention;
mod ladder;
mod next;
mod node;
mod outbox;
mod pause;
mod retention;
mod schedule;
mod state;
mod steer;
mod verify;

mod branch;
mod feed;
mod gate;
mod glimpse;
pub mod prompt;
mod publication;
mod text;

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod injections;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod stories;

pub use crate::{
    actor::{Actor, Standing, TrustedActors, may_instruct, trust_of},
    announce::announce,
    branch::{branch_name, worktree_name},
    change::{Change, change},
    decide::decide,
    delivery::{DeliveryMode, delivery_mode},
    evolve::{Evolved, evolve},
    facts::{
        About, Attempts, Closed, Edit, Escalation, FACTS_VERSION, Handled, Held, IssueFacts,
        LatestRun, Question, RepairTrail, Slot, Spending, Spent, Stop, Versioned,
    },
    feed::{FeedEntry, FeedKind, FeedLevel, describe, describe_phase, describe_rung},
    gate::{
        ChangeSet, ChangedFile, GateCaps, GateHit, GatePolicy, NewCommit, Now, SecretPatterns,
        TakenBack, TooManySecrets, check_protected_path, gate, hits_in_words, is_releasable,
        protected_path_hits, size_hits,
    },
    glimpse::{Glimpse, Glimpses, SHOWN_EVERY},
    hindrance::{FREE_SPACE, Hindrance, waiting_reason_under},
    hook::{AfterHook, HookEnd, after_hook, describe_hook, hook_variables},
    id::{
        BranchName, CommitSha, IssueId, NodeId, ParseIdError, PrNumber, ProjectId, RepoSlug, RunId,
        SessionId, ThreadId, TicketId, TreeId, TurnId, WorkspaceId,
    },
    input::{InputKind, PendingInput, WakeReason},
    intent::{Heard, Intent, NAMES, intent},
    ladder::{Ladder, MAX_FRESH, MAX_RESUMES, Rung, Sign, TurnRecord, climb},
    next::{NextColumns, NextStep, PrWait, RunPlan, Settled, Wait},
    node::{Taking, beat_every, gone_after, taking},
    observation::{Observation, ObservationKind},
    order::{GivenOrder, Order, OrderRefusal, carry_out},
    outbox::{
        ActivityContent, Judgement, OutboxOrder, PlanStatus, PlanStep, Setback, TicketTarget,
        judge, setback,
    },
    pause::ModelPause,
    policy::{FRESH_FOR, GateStatus, Limit, Limits, Policy, gate_status, is_untold},
    project::{Budgets, Project, Route, RouteHint, route, route_unread},
    publication::{PublicationText, commit_message, pull_request_text, run_trailer},
    pull_request::{Check, CheckStatus, MergeState, PrState, PullRequest, Review, ReviewVerdict},
    report::{
        Report, ReportError, ReportOutcome, Resolution, Resolved, parse_report, report_schema,
    },
    retention::{Cuts, DELIVERY_IDS, Retention},
    run::{
        BaseMerge, Charge, Interruption, Publication, RunOutcome, RunState, RunStatus, RunType,
        TurnStatus, Worktree, charge,
    },
    schedule::{ActiveRuns, Load, PATIENCE, ReadyIssue, STARTS_PER_HOUR, SlotLimits, schedule},
    state::{
        FactoryState, SessionState, factory_state, session_state, status_note, waiting_reason,
        way_out,
    },
    steer::{RunProgress, Steer, steer_run},
    ticket::{Blocker, LinkedPullRequest, Ticket, TrackerState, TrackerStateKind},
    time::Timestamp,
    verify::{Evidence, ForgeNow, Remote, UnmergedPath, Verdict, refuse_release, verify},
};
