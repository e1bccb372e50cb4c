//! A router over a database of its own.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, StatusCode, header},
};
use hmac::{Hmac, Mac};
use patchrelay_domain::{
    Actor, Budgets, Change, Charge, GivenOrder, Hindrance, IssueFacts, IssueId, Limits,
    Observation, ObservationKind, Policy, Project, ProjectId, RunId, RunOutcome, RunType,
    SessionId, Standing, Ticket, Timestamp, TrackerState, TrackerStateKind, carry_out, change,
    charge,
};
use patchrelay_github::GithubWebhooks;
use patchrelay_linear::{LinearWebhookSettings, LinearWebhooks};
use patchrelay_ports::{
    Clock, Commit, Committed, Guard, InboxRow, Lease, NewRun, NoProbe, OperatorOrder, OrderError,
    Orders, Source, Store, Stored, Tally, WorkDone, Worker,
};
use patchrelay_store::SqlStore;
use secrecy::SecretString;
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::{InFlight, Meter, Operators, Readiness, ServerState, Streams, router};

/// Now, for everybody: 2026-01-02T03:04:05Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);
pub(crate) const LINEAR_SECRET: &str = "linear-signing-secret";
pub(crate) const GITHUB_SECRET: &str = "github-signing-secret";
const LEASE: Duration = Duration::from_secs(30);

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Carries orders out as the engine does, and tells nobody of them.
struct Desk(Arc<SqlStore>);

#[async_trait]
impl Orders for Desk {
    async fn give(&self, issue: &IssueId, order: OperatorOrder) -> Result<IssueFacts, OrderError> {
        let Stored { facts, version } =
            self.0.load(issue).await?.ok_or(OrderError::UnknownIssue)?;
        let OperatorOrder { by, reason, order } = order;
        let by = Actor {
            id: format!("operator:{by}"),
            name: Some(by),
            email: None,
            standing: Standing::Operator,
        };
        let given = GivenOrder { id: format!("order-{version}"), by, reason, order };
        let policy = Policy::default();
        let kind = carry_out(&policy, NOW, &facts, &given).map_err(OrderError::Refused)?;
        let observation = Observation { at: NOW, correlation: given.id, kind };
        let Change { facts, observations, feed, next, .. } =
            change(&policy, NOW, &facts, vec![observation]);
        let commit = Commit {
            expected: version,
            facts: facts.clone(),
            next,
            observations,
            orders: Vec::new(),
            feed,
            deliveries: Vec::new(),
            guard: Guard::Version,
            at: NOW,
        };
        match self.0.commit(&commit).await? {
            Committed::Stored(_) => Ok(facts),
            Committed::Conflict | Committed::LeaseLost | Committed::AlreadySettled => {
                Err(OrderError::Contended)
            }
        }
    }
}

/// Has done something of everything.
struct Busy;

impl Tally for Busy {
    fn work_done(&self) -> WorkDone {
        WorkDone {
            runs: vec![(RunType::Implementation, "published", 3)],
            tokens: 1_234,
            reports: vec![("sent", 5), ("refused", 1)],
            conflicts: 2,
            store_retries: 1,
        }
    }
}

/// A server state over a database in a directory of its own.
pub(crate) struct World {
    pub(crate) store: Arc<SqlStore>,
    pub(crate) state: ServerState,
    nudges: Arc<AtomicU32>,
    hindrance: watch::Sender<Option<Hindrance>>,
    changes: watch::Sender<u64>,
    _directory: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqlStore::sqlite(&directory.path().join("test.db")).await.unwrap());
        let nudges = Arc::new(AtomicU32::new(0));
        let counted = nudges.clone();
        let hindrance = watch::channel(None).0;
        let changes = watch::channel(0).0;
        let state = ServerState {
            store: store.clone(),
            orders: Arc::new(Desk(store.clone())),
            clock: Arc::new(FixedClock),
            webhooks: vec![
                Arc::new(
                    LinearWebhooks::new(LINEAR_SECRET.into(), LinearWebhookSettings::default())
                        .unwrap(),
                ),
                Arc::new(GithubWebhooks::new(GITHUB_SECRET.into())),
            ],
            projects: vec![project("app"), project("lib")],
            stored: Arc::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            }),
            operators: operators(None),
            max_body_bytes: usize::MAX,
            version: "1.2.3",
            readiness: Readiness::default(),
            intake: InFlight::default(),
            hindrance: hindrance.subscribe(),
            streams: Streams::new(changes.subscribe()),
            meter: Meter::default(),
            tally: Arc::new(Busy),
            probe: Arc::new(NoProbe),
        };
        Self { store, state, nudges, hindrance, changes, _directory: directory }
    }

    /// Lets something keep runs from being started, or nothing.
    pub(crate) fn set_hindrance(&self, hindrance: Option<Hindrance>) {
        self.hindrance.send_replace(hindrance);
    }

    /// Tells the live streams that there is something new.
    pub(crate) fn tell_streams(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Lets every later call of the store fail.
    pub(crate) async fn break_store(&self) {
        self.store.close().await.unwrap();
    }

    /// How often the engine was told of a stored delivery.
    pub(crate) fn nudges(&self) -> u32 {
        self.nudges.load(Ordering::SeqCst)
    }

    /// Everything that was stored of webhooks.
    pub(crate) async fn inbox(&self) -> Vec<InboxRow> {
        self.store
            .inbox_due(Timestamp::from_millis(i64::MAX), &[Source::Linear, Source::Github], 100)
            .await
            .unwrap()
    }

    /// Sends a request as a program of this machine would.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        Answer::of(router(self.state.clone()).oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::HOST, "127.0.0.1:8787");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Orders something, as the command line does.
    pub(crate) async fn order(&self, path: &str, body: &Value) -> Answer {
        self.post(path, Some("application/json"), body.to_string()).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::post(path).header(header::HOST, "127.0.0.1:8787");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Lets these happen to an issue, all at once.
    pub(crate) async fn observe(&self, issue: &IssueId, kinds: Vec<ObservationKind>) {
        self.observe_at(NOW, issue, kinds).await;
    }

    pub(crate) async fn observe_at(
        &self,
        at: Timestamp,
        issue: &IssueId,
        kinds: Vec<ObservationKind>,
    ) {
        self.change(at, issue, "app", kinds, Guard::Version).await;
    }

    /// The same in another project.
    pub(crate) async fn observe_in(
        &self,
        project: &str,
        issue: &IssueId,
        kinds: Vec<ObservationKind>,
    ) {
        self.change(NOW, issue, project, kinds, Guard::Version).await;
    }

    /// Starts a run.
    pub(crate) async fn claim(&self, issue: &IssueId, run: &str) -> Lease {
        let lease = self.store.acquire(issue, &worker(), NOW, LEASE).await.unwrap().unwrap();
        let facts = self.store.load(issue).await.unwrap().unwrap().facts;
        let consumes = facts.pending.iter().map(|input| input.seq).collect();
        let claimed = claimed(run, facts.epoch, consumes);
        let new = NewRun { id: RunId::new(run), run_type: RunType::Implementation, started: NOW };
        let guard = Guard::Claim { lease: lease.clone(), run: new };
        self.change(NOW, issue, "app", vec![claimed], guard).await;
        lease
    }

    /// Ends a run.
    pub(crate) async fn settle(&self, lease: &Lease, run: &str, outcome: RunOutcome) {
        let settled = ObservationKind::RunSettled {
            run: RunId::new(run),
            charge: charge(&outcome),
            result: outcome.clone(),
            continuations: 1,
            thread: None,
            spent: patchrelay_domain::Spent {
                tokens: 1_234,
                ..patchrelay_domain::Spent::default()
            },
        };
        let guard = Guard::Settle { lease: lease.clone(), run: RunId::new(run), outcome };
        self.change(NOW, &lease.issue, "app", vec![settled], guard).await;
        self.store.release(lease).await.unwrap();
    }

    async fn change(
        &self,
        at: Timestamp,
        issue: &IssueId,
        project: &str,
        kinds: Vec<ObservationKind>,
        guard: Guard,
    ) {
        let Stored { facts, version } = self.store.load(issue).await.unwrap().unwrap_or(Stored {
            facts: IssueFacts::new(issue.clone(), ProjectId::new(project), at),
            version: 0,
        });
        let expected = kinds.len();
        let observed = |kind| Observation { at, correlation: "delivery-1".to_owned(), kind };
        let incoming = kinds.into_iter().map(observed).collect();
        let Change { facts, observations, feed, next, .. } =
            change(&Policy::default(), at, &facts, incoming);
        assert!(expected <= observations.len(), "each of them changes something");
        let commit = Commit {
            expected: version,
            facts,
            next,
            observations,
            orders: Vec::new(),
            feed,
            deliveries: Vec::new(),
            guard,
            at,
        };
        assert_eq!(self.store.commit(&commit).await.unwrap(), Committed::Stored(version + 1));
    }
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Self { status, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The status with the code of an error, or with the status of a delivery.
    #[track_caller]
    pub(crate) fn code(&self) -> (u16, String) {
        let body = self.json();
        let code = body["error"]["code"].as_str().or_else(|| body["status"].as_str());
        (self.status.as_u16(), code.expect("an error has a code").to_owned())
    }
}

/// Who may look when the server listens on 127.0.0.1.
pub(crate) fn operators(token: Option<&str>) -> Operators {
    Operators::new(token.map(SecretString::from), IpAddr::from([127, 0, 0, 1])).unwrap()
}

fn project(id: &str) -> Project {
    Project {
        id: ProjectId::new(id),
        repo: format!("acme/{id}").parse().unwrap(),
        base_branch: None,
        branch_prefix: id.to_owned(),
        linear_teams: vec!["APP".to_owned()],
        linear_projects: Vec::new(),
        issue_key_prefixes: Vec::new(),
        labels: Vec::new(),
        trusted: patchrelay_domain::TrustedActors::default(),
        budgets: Budgets::default(),
        limits: Limits::default(),
        protected_paths: Vec::new(),
        publisher: patchrelay_domain::prompt::Publisher::Harness,
        draft: false,
        network: false,
        gate_checks: vec!["Tests".to_owned(), "verify".to_owned()],
        merge_queue_check: "merge-steward/queue".to_owned(),
        trust_hook: false,
        max_concurrent_runs: 4,
    }
}

pub(crate) fn issue(ticket: &str) -> IssueId {
    IssueId::new("acme", ticket)
}

pub(crate) fn opened(session: &str, prompt: Option<&str>) -> ObservationKind {
    ObservationKind::SessionOpened {
        session: SessionId::new(session),
        prompt: prompt.map(str::to_owned),
        author: Some(Actor {
            id: "user-1".to_owned(),
            name: None,
            email: None,
            standing: Standing::Member,
        }),
        opened: None,
        comments: Vec::new(),
    }
}

pub(crate) fn read(key: &str) -> ObservationKind {
    read_as(NOW, key, TrackerStateKind::Unstarted)
}

/// The ticket in this state since then.
pub(crate) fn read_as(version: Timestamp, key: &str, kind: TrackerStateKind) -> ObservationKind {
    let ticket = Ticket {
        key: key.to_owned(),
        title: "Wish a good night".to_owned(),
        description: "Please.".to_owned(),
        url: format!("https://linear.test/{key}"),
        team_key: "APP".to_owned(),
        team_id: "team-1".to_owned(),
        team_name: String::new(),
        tracker_project: None,
        tracker_project_id: None,
        labels: Vec::new(),
        priority: 0,
        state: TrackerState { id: "s1".to_owned(), name: format!("{kind:?}"), kind },
        delegated: true,
        ended: None,
        blockers: Vec::new(),
        linked: Vec::new(),
    };
    ObservationKind::TicketRead { version, ticket }
}

pub(crate) fn escalated() -> Vec<ObservationKind> {
    (1..=3).flat_map(|n| [claimed(&format!("gone-{n}"), 1, Vec::new()), insufficient(n)]).collect()
}

fn insufficient(n: u32) -> ObservationKind {
    ObservationKind::RunSettled {
        run: RunId::new(format!("gone-{n}")),
        charge: Charge::Attempt,
        result: RunOutcome::Insufficient { reason: "nothing came of it".to_owned() },
        continuations: 0,
        thread: None,
        spent: patchrelay_domain::Spent { tokens: 1_234, ..patchrelay_domain::Spent::default() },
    }
}

fn claimed(run: &str, epoch: u32, consumes: Vec<u64>) -> ObservationKind {
    ObservationKind::RunClaimed {
        run: RunId::new(run),
        run_type: RunType::Implementation,
        epoch,
        branch: patchrelay_domain::BranchName::new("app/APP-1-wish-a-good-night"),
        worktree: "/worktrees/APP-1".to_owned(),
        consumes,
        wake: None,
        head: None,
        signature: None,
        release: None,
        node: Some(patchrelay_domain::NodeId::new("here")),
    }
}

fn worker() -> Worker {
    Worker {
        id: "worker".to_owned(),
        node: patchrelay_domain::NodeId::new("here"),
        gone_after: LEASE * 4,
    }
}

/// The hexadecimal HMAC-SHA256 of a body, as both senders sign.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
