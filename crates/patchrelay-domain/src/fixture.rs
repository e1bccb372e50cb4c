//! Values that tests start from.

use crate::{
    Actor, BranchName, Check, CheckStatus, CommitSha, Heard, IssueFacts, IssueId, MergeState,
    NextStep, NodeId, Observation, ObservationKind, Policy, PrNumber, PrState, ProjectId,
    PullRequest, Report, ReportOutcome, Review, ReviewVerdict, RunId, RunOutcome, RunPlan,
    SessionId, Spent, Standing, ThreadId, Ticket, Timestamp, TrackerState, TrackerStateKind, Wait,
    change, charge, decide,
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
        team_name: String::new(),
        tracker_project: None,
        tracker_project_id: None,
        labels: Vec::new(),
        priority: 0,
        state: state(TrackerStateKind::Unstarted),
        ended: None,
        delegated: true,
        blockers: Vec::new(),
        linked: Vec::new(),
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
        is_from_fork: false,
        head_branch: BranchName::new("patchrelay/APP-1-wish-a-good-night"),
        head: head(1),
        base_branch: BranchName::new("main"),
        merge_commit: None,
        ended: None,
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
        resolved: Vec::new(),
    }
}

pub(crate) fn session_opened() -> ObservationKind {
    ObservationKind::SessionOpened {
        session: SessionId::new("s1"),
        prompt: None,
        author: None,
        opened: Some(at(5)),
        comments: Vec::new(),
    }
}

pub(crate) fn ticket_read(version: i64, ticket: Ticket) -> ObservationKind {
    ObservationKind::TicketRead { version: at(version), ticket }
}

pub(crate) fn pull_request_read(version: i64, pull_request: PullRequest) -> ObservationKind {
    ObservationKind::PullRequestRead { version: at(version), pull_request }
}

/// The claim of the run that is wanted now, or of an implementation if none is.
pub(crate) fn claimed(facts: &IssueFacts, run: &str) -> ObservationKind {
    match decide(&Policy::default(), at(i64::MAX), facts) {
        NextStep::Run(plan) => claim_of(plan, run),
        other => panic!("no run is wanted: {other:?}"),
    }
}

pub(crate) fn claim_of(plan: RunPlan, run: &str) -> ObservationKind {
    ObservationKind::RunClaimed {
        run: RunId::new(run),
        run_type: plan.run_type,
        epoch: plan.epoch,
        branch: plan.branch,
        worktree: "/worktrees/APP-1".to_owned(),
        consumes: plan.consumes,
        wake: plan.wake,
        head: plan.head,
        signature: plan.signature,
        release: plan.release,
        node: None,
    }
}

/// A node is gone, and another one goes on.
pub(crate) fn moved(from: &str, to: &str) -> ObservationKind {
    ObservationKind::HomeMoved { from: NodeId::new(from), to: NodeId::new(to) }
}

pub(crate) fn settled(run: &str, result: RunOutcome) -> ObservationKind {
    settled_with_thread(run, result, None)
}

pub(crate) fn settled_with_thread(
    run: &str,
    result: RunOutcome,
    thread: Option<&str>,
) -> ObservationKind {
    ObservationKind::RunSettled {
        run: RunId::new(run),
        charge: charge(&result),
        result,
        continuations: 0,
        thread: thread.map(ThreadId::new),
        spent: Spent::default(),
    }
}

pub(crate) fn published() -> RunOutcome {
    RunOutcome::Published {
        commit: head(1),
        pull_request: pull_request(1, PrState::Open),
        version: at(0),
        summary: "Added the greeting.".to_owned(),
    }
}

/// The n-th head of a branch.
pub(crate) fn head(n: u32) -> CommitSha {
    CommitSha::new(format!("{n}").repeat(40)[..40].to_owned())
}

pub(crate) fn failed() -> RunOutcome {
    RunOutcome::Failed { reason: "the agent went away".to_owned() }
}

/// A member of the workspace who may also write to the repository.
pub(crate) fn member() -> Actor {
    Actor {
        id: "user-1".to_owned(),
        name: Some("Ada".to_owned()),
        email: None,
        standing: Standing::Member,
    }
}

pub(crate) fn said(source: &str, said: i64, heard: Heard, text: &str) -> ObservationKind {
    ObservationKind::HumanInput {
        source: source.to_owned(),
        said: at(said),
        heard,
        author: member(),
        text: text.to_owned(),
        is_edit: false,
    }
}

/// The same text as it reads since then.
pub(crate) fn edited(source: &str, at: i64, heard: Heard, text: &str) -> ObservationKind {
    match said(source, at, heard, text) {
        ObservationKind::HumanInput { source, said, heard, author, text, is_edit: _ } => {
            ObservationKind::HumanInput { source, said, heard, author, text, is_edit: true }
        }
        other => other,
    }
}

pub(crate) fn review(
    id: &str,
    reviewer: &str,
    verdict: ReviewVerdict,
    head: CommitSha,
    submitted: i64,
) -> ObservationKind {
    ObservationKind::ReviewRead {
        number: PrNumber(1),
        review: Review {
            id: id.to_owned(),
            reviewer: Actor { id: reviewer.to_owned(), standing: Standing::Writer, ..member() },
            verdict,
            head,
            submitted: at(submitted),
        },
    }
}

pub(crate) fn check(
    name: &str,
    id: u64,
    version: i64,
    status: CheckStatus,
    head: CommitSha,
) -> ObservationKind {
    ObservationKind::CheckRead {
        head,
        check: Check { id, name: name.to_owned(), status, version: at(version) },
    }
}

pub(crate) fn merge_state(
    version: i64,
    head: CommitSha,
    base: &str,
    is_conflicting: bool,
) -> ObservationKind {
    ObservationKind::MergeStateRead {
        version: at(version),
        state: MergeState {
            head,
            base: CommitSha::new(base),
            is_conflicting: Some(is_conflicting),
            is_review_required: Some(true),
        },
    }
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

/// A pull request that was published and waits.
pub(crate) fn opened() -> IssueFacts {
    then(running(), 4_000, [settled("r1", published())])
}

/// What is next, long after everything.
pub(crate) fn next(facts: &IssueFacts) -> NextStep {
    decide(&Policy::default(), at(1_000_000_000), facts)
}

/// What is waited for then.
pub(crate) fn waits(facts: &IssueFacts) -> Wait {
    match next(facts) {
        NextStep::Wait { reason, .. } => reason,
        other => panic!("does not wait: {other:?}"),
    }
}
