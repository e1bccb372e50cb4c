//! Values that tests start from.

use crate::{
    BranchName, CommitSha, IssueFacts, IssueId, Observation, ObservationKind, Policy, PrNumber,
    PrState, ProjectId, PullRequest, Report, ReportOutcome, RunId, RunOutcome, RunType, SessionId,
    Ticket, Timestamp, TrackerState, TrackerStateKind, change, charge,
};

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn issue() -> IssueId {
    IssueId::new("acme", "0a4c0f3e-1111-4000-8000-000000000001")
}

pub(crate) fn empty() -> IssueFacts {
    IssueFacts::new(issue(), ProjectId::new("app"), at(0))
}

pub(crate) fn ticket() -> Ticket {
    Ticket {
        key: "APP-1".to_owned(),
        title: "Wish a good night".to_owned(),
        description: "Please.".to_owned(),
        url: "https://linear.test/APP-1".to_owned(),
        team_key: "APP".to_owned(),
        team_id: "team-1".to_owned(),
        tracker_project: None,
        labels: Vec::new(),
        priority: 0,
        state: state(TrackerStateKind::Unstarted),
        delegated: true,
    }
}

pub(crate) fn state(kind: TrackerStateKind) -> TrackerState {
    TrackerState { id: format!("{kind:?}"), name: format!("{kind:?}"), kind }
}

pub(crate) fn pull_request(number: u64, state: PrState) -> PullRequest {
    PullRequest {
        number: PrNumber(number),
        url: format!("https://github.test/acme/app/pull/{number}"),
        state,
        is_draft: false,
        head_branch: BranchName::new("patchrelay/APP-1-wish-a-good-night"),
        head: CommitSha::new("1111111111111111111111111111111111111111"),
        base_branch: BranchName::new("main"),
        merge_commit: None,
    }
}

pub(crate) fn report(outcome: ReportOutcome) -> Report {
    Report {
        outcome,
        summary: "Added the greeting.".to_owned(),
        commit_subject: "Add a greeting".to_owned(),
        commit_body: String::new(),
        pr_title: "Add a greeting".to_owned(),
        pr_body: String::new(),
        question: String::new(),
    }
}

pub(crate) fn session_opened() -> ObservationKind {
    ObservationKind::SessionOpened { session: SessionId::new("s1"), prompt: None, author: None }
}

pub(crate) fn ticket_read(version: i64, ticket: Ticket) -> ObservationKind {
    ObservationKind::TicketRead { version: at(version), ticket }
}

pub(crate) fn pull_request_read(version: i64, pull_request: PullRequest) -> ObservationKind {
    ObservationKind::PullRequestRead { version: at(version), pull_request }
}

pub(crate) fn claimed(facts: &IssueFacts, run: &str) -> ObservationKind {
    ObservationKind::RunClaimed {
        run: RunId::new(run),
        run_type: RunType::Implementation,
        epoch: facts.epoch,
        branch: BranchName::new("patchrelay/APP-1-wish-a-good-night"),
        worktree: "/worktrees/APP-1".to_owned(),
        consumes: facts.pending.iter().map(|input| input.seq).collect(),
    }
}

pub(crate) fn settled(run: &str, result: RunOutcome) -> ObservationKind {
    ObservationKind::RunSettled {
        run: RunId::new(run),
        charge: charge(&result),
        result,
        continuations: 0,
    }
}

pub(crate) fn published() -> RunOutcome {
    RunOutcome::Published {
        commit: CommitSha::new("1111111111111111111111111111111111111111"),
        pull_request: pull_request(1, PrState::Open),
        summary: "Added the greeting.".to_owned(),
    }
}

pub(crate) fn failed() -> RunOutcome {
    RunOutcome::Failed { reason: "the agent went away".to_owned(), thread: None }
}

pub(crate) fn observation(millis: i64, kind: ObservationKind) -> Observation {
    Observation { at: at(millis), correlation: format!("c{millis}"), kind }
}

/// The facts after these happened, one second apart.
pub(crate) fn after(kinds: impl IntoIterator<Item = ObservationKind>) -> IssueFacts {
    then(empty(), 1_000, kinds)
}

/// The facts after these happened too, one second apart from `millis` on.
pub(crate) fn then(
    facts: IssueFacts,
    millis: i64,
    kinds: impl IntoIterator<Item = ObservationKind>,
) -> IssueFacts {
    kinds.into_iter().zip(0..).fold(facts, |facts, (kind, index)| {
        let millis = millis + index * 1_000;
        change(&Policy::default(), at(millis), &facts, vec![observation(millis, kind)]).facts
    })
}

/// A delegated ticket that was read.
pub(crate) fn delegated() -> IssueFacts {
    after([session_opened(), ticket_read(10, ticket())])
}

/// A delegated ticket with a run under way.
pub(crate) fn running() -> IssueFacts {
    let facts = delegated();
    let claim = claimed(&facts, "r1");
    then(facts, 3_000, [claim])
}
