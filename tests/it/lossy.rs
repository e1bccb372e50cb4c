//! Services that do what they are told and lose their answers, thirty of a hundred: what people see at the end is what
//! they see when no answer is lost.
//!
//! One relay in this process lives many tickets at once. Linear and GitHub are fakes that speak the real protocols over
//! sockets, with the real adapters, the real receiver of webhooks and SQLite between them. The agent and the worktrees
//! are the smallest that do the work: they are not what is tried here.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use patchrelay::{CancellationToken, EngineError, PatchRelay, Settings};
use patchrelay_domain::{
    Budgets, CommitSha, FeedKind, FeedLevel, IssueId, Limits, Project, ProjectId, RunOutcome,
};
use patchrelay_github::{GithubConfig, GithubForge, GithubWebhooks};
use patchrelay_linear::{
    Credential, LinearConfig, LinearTracker, LinearWebhookSettings, LinearWebhooks,
};
use patchrelay_ports::{Clock, FeedFilter, NoProbe, Store, WebhookSource};
use patchrelay_server::{InFlight, Meter, Operators, Readiness, ServerState, Streams};
use patchrelay_store::SqlStore;
use patchrelay_testkit::{
    WebhookTarget,
    github::{FakeGithub, FakeGithubConfig, FakePullRequest, FakePullState},
    linear::{FakeIssue, FakeLinear, FakeLinearConfig},
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::{
    quick::{Fast, InTheRemote, Names, Quick},
    world::{crypto_provider, directory},
};

/// How many of a hundred answers are lost.
const LOST: u64 = 30;
/// How many tickets one project gets: fewer than the runs that it may start in an hour.
const PER_PROJECT: usize = 25;
/// How many tickets are under way at once.
const AT_ONCE: usize = 150;
/// How often a life is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a webhook is sent, with the first time, before that is taken for a defect of the receiver.
const DELIVERIES: u32 = 4;
/// Longer than any life takes, also one whose answers are lost many times in a row.
const PATIENCE: Duration = Duration::from_secs(600);

/// A relay and everything around it.
struct Town {
    linear: FakeLinear,
    github: FakeGithub,
    store: Arc<SqlStore>,
    stop: CancellationToken,
    work: JoinSet<Result<(), EngineError>>,
    _directory: TempDir,
}

/// What is seen of a ticket at the end of its life, without numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    ticket: String,
    /// Kind and text of what people were told, in order.
    told: Vec<(String, String)>,
    plan: Vec<(String, String)>,
    links: Vec<(String, String)>,
    comments: usize,
    /// Title, text and state of each pull request from its branch.
    pull_requests: Vec<(String, String, &'static str)>,
}

fn repo(project: usize) -> String {
    format!("acme/app-{project}")
}

fn label(project: usize) -> String {
    format!("app-{project}")
}

impl Town {
    /// A relay for so many tickets. With a seed, answers are lost from the beginning.
    async fn new(lives: usize, seed: Option<u64>) -> Self {
        crypto_provider();
        let directory = directory();
        let nowhere = |secret: &str| WebhookTarget {
            url: "http://127.0.0.1:1/".to_owned(),
            secret: secret.to_owned(),
        };
        let linear = FakeLinear::start(FakeLinearConfig {
            webhook: nowhere("linear-secret"),
            token: "linear-token".to_owned(),
            port: 0,
        })
        .await
        .unwrap();
        let github = FakeGithub::start(FakeGithubConfig {
            root: directory.path().join("github"),
            webhook: nowhere("github-secret"),
            token: "github-token".to_owned(),
            port: 0,
        })
        .await
        .unwrap();
        let mut remotes = HashMap::new();
        let mut projects = Vec::new();
        for number in 0..lives.div_ceil(PER_PROJECT) {
            let path =
                github.create_repository(&repo(number), &[("README.md", "# App\n")]).await.unwrap();
            let base = github.branch_head(&repo(number), "main").await.unwrap().unwrap();
            let project = project(number);
            remotes.insert(project.id.clone(), (path, CommitSha::new(base)));
            projects.push(project);
        }
        if let Some(seed) = seed {
            linear.faults().lose_answers(LOST, seed);
            github.faults().lose_answers(LOST, seed + 1);
        }
        let store = Arc::new(SqlStore::sqlite(&directory.path().join("store.db")).await.unwrap());
        let webhooks: Vec<Arc<dyn WebhookSource>> = vec![
            Arc::new(
                LinearWebhooks::new("linear-secret".into(), LinearWebhookSettings::default())
                    .unwrap(),
            ),
            Arc::new(GithubWebhooks::new("github-secret".into())),
        ];
        let clock: Arc<dyn Clock> = Arc::new(Fast::new());
        let relay = webhooks
            .iter()
            .fold(PatchRelay::builder(), |builder, source| builder.webhooks(source.clone()))
            .store(store.clone())
            .tracker(Arc::new(tracker(&linear)))
            .forge(Arc::new(forge(&github)))
            .agent(Arc::new(Quick))
            .workspaces(Arc::new(InTheRemote { remotes }))
            .clock(clock.clone())
            .ids(Arc::new(Names))
            .settings(Settings {
                projects: projects.clone(),
                max_concurrent_runs: 32,
                // Nobody dies here, and leases are renewed by a clock that is not the store's.
                lease_ttl: Duration::from_secs(3_600),
                ..Settings::default()
            })
            .build()
            .unwrap();
        let (nudge, hindrance) = (relay.nudge(), relay.hindrance());
        let (streams, tally) = (Streams::new(relay.changes()), relay.tally());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = ServerState {
            store: store.clone(),
            orders: relay.orders(),
            clock,
            webhooks,
            projects,
            stored: Arc::new(move || nudge.delivery_stored()),
            operators: Operators::new(None, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap(),
            max_body_bytes: 1024 * 1024,
            version: "lossy",
            readiness: Readiness::default(),
            intake: InFlight::default(),
            hindrance,
            streams,
            meter: Meter::default(),
            tally,
            probe: Arc::new(NoProbe),
        };
        let target = |source: &str| WebhookTarget {
            url: format!("http://{address}/webhooks/{source}"),
            secret: format!("{source}-secret"),
        };
        linear.send_webhooks_to(target("linear"));
        github.set_webhook(Some(target("github")));
        let stop = CancellationToken::new();
        let mut work = JoinSet::new();
        work.spawn(relay.run_until(stop.clone()));
        let until = stop.clone();
        work.spawn(async move {
            patchrelay_server::serve(listener, state, until).await.unwrap();
            Ok(())
        });
        Self { linear, github, store, stop, work, _directory: directory }
    }

    /// Lives one ticket, from its delegation to its end, with a human who merges.
    async fn live(&self, number: usize) -> (usize, FakeIssue) {
        let project = number / PER_PROJECT;
        let ticket = self.linear.create_issue("Change it", "Please.");
        self.linear.label_issue(&ticket.key, &label(project));
        let delivery = self.linear.open_session(&ticket.key);
        // A busy machine may be late with its answer. Linear sends again what nobody answered, the same each time.
        let mut tries = 1;
        while delivery.send().await.status != 200 {
            tries += 1;
            assert!(tries <= DELIVERIES, "{} is delivered", ticket.key);
        }
        let issue = IssueId::new(self.linear.workspace(), &*ticket.id);
        let mut look = interval(LOOK);
        let deadline = Instant::now() + PATIENCE;
        let mut is_merged = false;
        loop {
            look.tick().await;
            let stored = self.store.load(&issue).await.unwrap();
            if deadline < Instant::now() {
                panic!("{} does not come to its end: {stored:#?}", ticket.key);
            }
            let Some(facts) = stored.map(|stored| stored.facts) else { continue };
            let is_published = facts.slot.is_none()
                && facts
                    .latest_run
                    .as_ref()
                    .is_some_and(|run| matches!(run.result, RunOutcome::Published { .. }));
            let Some(pr) = facts.pull_request.as_ref().filter(|_| is_published) else { continue };
            if !is_merged {
                self.github.merge(&repo(project), pr.value.number.0).await.unwrap();
                is_merged = true;
            }
            let told = self.linear.activities(&ticket.key);
            let is_over = told.last().is_some_and(|last| last.text().ends_with("was merged."))
                && self.linear.issue(&ticket.key).state == "Done";
            if is_over {
                return (project, ticket);
            }
        }
    }

    async fn seen(&self, project: usize, ticket: &FakeIssue) -> Seen {
        let linear = &self.linear;
        let branch = format!("patchrelay/{}-", ticket.key);
        let pulls = self.github.pull_requests(&repo(project)).await.unwrap();
        let shown = |text: &str| without_numbers(text);
        let pairs = |pairs: Vec<(String, String)>| {
            pairs.iter().map(|(a, b)| (shown(a), shown(b))).collect::<Vec<_>>()
        };
        Seen {
            ticket: linear.issue(&ticket.key).state,
            told: linear
                .activities(&ticket.key)
                .iter()
                .map(|told| (told.kind.clone(), shown(&told.text())))
                .collect(),
            plan: linear.plan(&ticket.key),
            links: pairs(linear.links(&ticket.key)),
            comments: linear.comments(&ticket.key).len(),
            pull_requests: pulls
                .iter()
                .filter(|pull| pull.head_branch.starts_with(&branch))
                .map(|pull| (shown(&pull.title), shown(&pull.body), state(pull)))
                .collect(),
        }
    }

    /// Lives so many tickets, many at once, waits until nothing is left to be told, and gives what was seen of each.
    async fn live_all(lives: usize, seed: Option<u64>) -> Vec<Seen> {
        let town = Arc::new(Self::new(lives, seed).await);
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut living = JoinSet::new();
        for number in 0..lives {
            let (town, room) = (town.clone(), room.clone());
            living.spawn(async move {
                let _one_of_many = room.acquire_owned().await.unwrap();
                town.live(number).await
            });
        }
        let tickets = living.join_all().await;
        let mut look = interval(LOOK);
        let all_told = async {
            while town.store.outbox_pending().await.unwrap() != 0 {
                look.tick().await;
            }
        };
        timeout(PATIENCE, all_told).await.expect("everything is told in the end");
        let mut seen = Vec::new();
        for (project, ticket) in &tickets {
            seen.push(town.seen(*project, ticket).await);
        }
        let mut town = Arc::into_inner(town).expect("all lives are over");
        town.assert_nothing_left(lives).await;
        seen
    }

    /// No report was refused or came too late, and what was pushed is one commit for each ticket.
    async fn assert_nothing_left(&mut self, lives: usize) {
        let feed = self.store.feed(&FeedFilter::after(0, u32::MAX)).await.unwrap();
        let is_lost =
            |kind: FeedKind, level: FeedLevel| kind == FeedKind::Report && level != FeedLevel::Info;
        let lost: Vec<_> = feed
            .iter()
            .filter(|line| is_lost(line.entry.kind, line.entry.level))
            .map(|line| &line.entry.text)
            .collect();
        assert!(lost.is_empty(), "{lost:#?}");
        let mut commits = 0;
        for project in 0..lives.div_ceil(PER_PROJECT) {
            let merged = self.github.commits(&repo(project), "main").await.unwrap();
            commits += merged.iter().filter(|c| c.message.contains("PatchRelay-Run: ")).count();
        }
        assert_eq!(commits, lives, "one commit for each ticket");
        self.stop.cancel();
        while let Some(ended) = self.work.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

fn tracker(linear: &FakeLinear) -> LinearTracker {
    LinearTracker::new(&LinearConfig {
        api_url: linear.url().parse().unwrap(),
        credential: Credential::AppToken("linear-token".into()),
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}

fn forge(github: &FakeGithub) -> GithubForge {
    GithubForge::new(GithubConfig {
        api_url: github.url().parse().unwrap(),
        token: "github-token".into(),
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}

/// A project whose tickets have a label.
fn project(number: usize) -> Project {
    Project {
        id: ProjectId::new(label(number)),
        repo: repo(number).parse().unwrap(),
        base_branch: Some(patchrelay_domain::BranchName::new("main")),
        branch_prefix: "patchrelay".to_owned(),
        linear_teams: Vec::new(),
        linear_projects: Vec::new(),
        issue_key_prefixes: vec!["APP".to_owned()],
        labels: vec![label(number)],
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
        max_concurrent_runs: 8,
    }
}

/// The same for every ticket: what has a digit in it is the name of something.
fn without_numbers(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut shown = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        let is_name = word.chars().any(|c| c.is_ascii_digit());
        shown.push_str(if is_name { "N" } else { &word });
        word.clear();
        shown.push(c);
    }
    shown
}

fn state(pull: &FakePullRequest) -> &'static str {
    match pull.state {
        FakePullState::Open => "open",
        FakePullState::Closed { .. } => "closed",
        FakePullState::Merged { .. } => "merged",
    }
}

/// Lives so many lives with lost answers, and expects each to look like one without.
async fn assert_alike(lives: usize, seed: u64) {
    let undisturbed = Town::live_all(1, None).await.remove(0);
    assert_eq!(undisturbed.ticket, "Done");
    assert_eq!((undisturbed.told.len(), undisturbed.pull_requests.len()), (4, 1));
    let seen = Town::live_all(lives, Some(seed)).await;
    assert_eq!(seen.len(), lives);
    let others: Vec<_> = seen.iter().filter(|seen| **seen != undisturbed).collect();
    assert!(
        others.is_empty(),
        "{} of {lives} are not as they should be: {undisturbed:#?}\nfor example {:#?}",
        others.len(),
        others[0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lives_with_lost_answers_look_like_one_without() {
    assert_alike(50, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs minutes"]
async fn a_thousand_lives_with_lost_answers_look_like_one_without() {
    assert_alike(1_000, 7).await;
}
