//! The life of one ticket through the built program, whatever the program dies of on the way, and what is left of it.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    time::Duration,
};

use patchrelay_domain::{Attempts, FeedKind, FeedLevel, ObservationKind, RunOutcome, Timestamp};
use patchrelay_ports::{FeedFilter, IssueFilter, Source, Store};
use patchrelay_testkit::{
    agent::Step,
    github::{FakePullRequest, FakePullState},
    linear::{FakeIssue, SignedDelivery},
};
use tokio::time::Instant;

use crate::world::{Database, PATIENCE, REPO, World, changes, git};

/// How the program dies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// By its own hand at a place, written as in `PATCHRELAY_CRASH_AT`. It lives on if it never comes there.
    At(String),
    /// Killed from outside so long after its start.
    After(Duration),
}

/// What the agent of a life does. Its second turn does not make the first file again, so that what it wrote in a turn
/// whose end was seen cannot be lost unnoticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The same in every turn.
    Repeated,
    /// Each file in one turn only.
    Once,
}

/// Everything at the end of a life that must not depend on how often the program died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    ticket: String,
    /// Kind and text of what people were told, in order.
    said: Vec<(String, String)>,
    /// What the session shows of the plan, and how many links it has.
    plan: Vec<(String, String)>,
    links: usize,
    /// Title, text, branch and state of each pull request.
    pull_requests: Vec<(String, String, String, &'static str)>,
    /// The subjects of the commits on each branch of the remote, newest first.
    branches: BTreeMap<String, Vec<String>>,
    /// How many commits of ours were merged.
    commits: usize,
    files: Vec<(String, Option<String>)>,
    /// The branches of our own clone; copies of edits are not among them.
    own_branches: Vec<String>,
    worktrees: Vec<String>,
    attempts: Attempts,
    published_runs: usize,
    asked_or_escalated: usize,
    open_runs: usize,
    unread_deliveries: usize,
    unsent_reports: u64,
    /// What the feed says of reports that were refused or came too late.
    lost_reports: Vec<String>,
    processes: Vec<String>,
}

impl Ending {
    /// What is not as in the other one, or nothing.
    pub(crate) fn difference(&self, expected: &Self) -> Option<String> {
        let (found, expected) = (format!("{self:#?}"), format!("{expected:#?}"));
        let pairs = found.lines().zip(expected.lines());
        let first = pairs.enumerate().find(|(_, (found, expected))| found != expected);
        (found != expected).then(|| format!("first different line: {first:?}\n{found}"))
    }
}

const FILES: [&str; 2] = ["a.txt", "first.txt"];

/// Lives a whole life, in which the program dies like this, one death after the other, and in the end does not. Tells
/// how often it died, too: it need not come to a place where it would.
pub(crate) async fn live(database: Database, work: Work, deaths: &[Death]) -> (Ending, usize) {
    let write = |path: &str| Step::Write { path: path.to_owned(), content: "two\n".to_owned() };
    let all = vec![write("first.txt"), write("a.txt"), Step::Say("done".to_owned())];
    let turns = match work {
        Work::Repeated => vec![all],
        Work::Once => vec![all, vec![Step::Say("It is done already.".to_owned())]],
    };
    let mut life = Life {
        world: World::on(database, &changes(turns)).await,
        deaths: deaths.iter().cloned().collect(),
        dies: None,
        died: 0,
    };
    life.start().await;
    let ticket = life.world.linear.create_issue("Change it", "Please.");
    life.work(&ticket).await;
    for _ in 0..MOST_STARTS {
        // Its last death may come after everything was told.
        let is_stopped = life.world.try_stop().await;
        life.died += usize::from(!is_stopped);
        if life.world.store().await.outbox_pending().await.unwrap() == 0 {
            break;
        }
        // What was told was not noted before that, so it is told again, and noted before a stop is over.
        let told = life.told();
        life.start().await;
        life.world.until("it is told again", || told < life.told()).await;
    }
    let ending = life.ending(&ticket).await;
    life.world.over().await;
    (ending, life.died)
}

/// How often the program is started again for what is still to be sent.
const MOST_STARTS: usize = 20;

struct Life {
    world: World,
    deaths: VecDeque<Death>,
    /// When it is killed from outside.
    dies: Option<Instant>,
    died: usize,
}

impl Life {
    /// Starts the program, which may die before it is up.
    async fn start(&mut self) {
        loop {
            let death = self.deaths.pop_front();
            self.dies = None;
            let place = match &death {
                Some(Death::At(place)) => Some(place.as_str()),
                Some(Death::After(time)) => {
                    self.dies = Some(Instant::now() + *time);
                    None
                }
                None => None,
            };
            if self.world.try_serve(place).await {
                return;
            }
            assert!(death.is_some(), "the service did not start, and nobody killed it");
            self.died += 1;
        }
    }

    /// Sees to it that the program runs.
    async fn revive(&mut self) {
        if self.dies.is_some_and(|dies| dies <= Instant::now()) {
            self.world.kill().await;
        } else if !self.world.has_crashed().await {
            return;
        }
        self.died += 1;
        self.start().await;
    }

    /// From the delegation to the end of everything, with a human who merges.
    async fn work(&mut self, ticket: &FakeIssue) {
        let deadline = Instant::now() + 2 * PATIENCE;
        let mut look = tokio::time::interval(Duration::from_millis(30));
        let delivery = self.world.linear.open_session(&ticket.key);
        let mut is_received = self.send(&ticket.key, &delivery).await;
        let mut is_merged = false;
        while !self.is_over(ticket) {
            look.tick().await;
            if deadline < Instant::now() {
                panic!(
                    "it does not come to its end: {:#?}",
                    self.world.linear.activities(&ticket.key)
                );
            }
            self.revive().await;
            // Whoever got no answer sends it again.
            if !is_received {
                is_received = self.send(&ticket.key, &delivery).await;
            }
            if !is_merged && 3 <= self.world.linear.activities(&ticket.key).len() {
                let open = self.world.github.pull_requests(REPO).await.unwrap();
                self.world.github.merge(REPO, open[0].number).await.unwrap();
                is_merged = true;
            }
        }
    }

    async fn send(&self, key: &str, delivery: &SignedDelivery) -> bool {
        let mut again = self.world.linear.delivery(key);
        again.body.clone_from(&delivery.body);
        again.headers.clone_from(&delivery.headers);
        again.send().await.status == 200
    }

    /// How often Linear was asked for what a report needs.
    fn told(&self) -> usize {
        let calls = |operation| self.world.linear.calls(operation);
        calls("AgentActivityCreate") + calls("AgentSessionUpdate") + calls("IssueById")
    }

    fn is_over(&self, ticket: &FakeIssue) -> bool {
        let linear = &self.world.linear;
        let plan = linear.plan(&ticket.key);
        linear.issue(&ticket.key).state == "Done"
            && 4 <= linear.activities(&ticket.key).len()
            && !plan.is_empty()
            && plan.iter().all(|(_, status)| status == "completed")
    }

    async fn ending(&self, ticket: &FakeIssue) -> Ending {
        let World { linear, github, .. } = &self.world;
        let remote = github.remote_path(REPO).await.unwrap();
        let mut branches = BTreeMap::new();
        for branch in
            lines(&git(&remote, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]).await)
        {
            let subjects = git(&remote, &["log", "--topo-order", "--format=%s", &branch]).await;
            branches.insert(branch, lines(&subjects));
        }
        let commits = github.commits(REPO, "main").await.unwrap();
        let mut files = Vec::new();
        for path in FILES {
            files.push((path.to_owned(), github.file(REPO, "main", path).await.unwrap()));
        }
        let pulls = github.pull_requests(REPO).await.unwrap();
        let shown = |text: &str| without_ids(text).replace(&self.world.github.url(), "FORGE");
        let clone = self.world.path("data/patchrelay/repos/app");
        let own = git(&clone, &["for-each-ref", "--format=%(refname)", "refs/heads"]).await;
        let store = self.world.store().await;
        let feed = store.feed(&FeedFilter::after(0, 10_000)).await.unwrap();
        let far = Timestamp::from_millis(i64::MAX);
        let filter = IssueFilter { limit: 10, ..IssueFilter::default() };
        let issues = store.list(&filter).await.unwrap();
        assert_eq!(issues.len(), 1, "one issue");
        let worktree = issues[0].facts.worktree.clone().unwrap();
        let worktree = worktree.rsplit_once('/').unwrap().1.to_owned();
        let log = store.observations(&issues[0].facts.issue, 1_000).await.unwrap();
        let runs = store.runs_of(&issues[0].facts.issue).await.unwrap();
        let count = |is: fn(&ObservationKind) -> bool| {
            log.iter()
                .filter(|entry| entry.observation.as_ref().is_some_and(|o| is(&o.kind)))
                .count()
        };
        Ending {
            ticket: linear.issue(&ticket.key).state,
            said: linear
                .activities(&ticket.key)
                .iter()
                .map(|activity| (activity.kind.clone(), shown(&activity.text())))
                .collect(),
            plan: linear.plan(&ticket.key),
            links: linear.links(&ticket.key).len(),
            pull_requests: pulls
                .into_iter()
                .map(|pull| {
                    let state = state(&pull);
                    (pull.title, shown(&pull.body), pull.head_branch, state)
                })
                .collect(),
            branches,
            commits: commits.iter().filter(|c| c.message.contains("PatchRelay-Run: ")).count(),
            files,
            own_branches: lines(&own),
            worktrees: names(&self.world.path("data/patchrelay/worktrees/app"))
                .iter()
                .map(|name| name.replace(&worktree, "WORKTREE"))
                .collect(),
            attempts: issues[0].facts.attempts.clone(),
            published_runs: count(|kind| {
                matches!(
                    kind,
                    ObservationKind::RunSettled { result: RunOutcome::Published { .. }, .. }
                )
            }),
            asked_or_escalated: count(|kind| {
                matches!(kind, ObservationKind::Asked { .. } | ObservationKind::Escalated { .. })
            }),
            open_runs: runs.iter().filter(|run| run.outcome.is_none()).count(),
            unread_deliveries: store
                .inbox_due(far, &[Source::Linear, Source::Github], 10)
                .await
                .unwrap()
                .len(),
            unsent_reports: store.outbox_pending().await.unwrap(),
            lost_reports: feed
                .into_iter()
                .filter(|line| {
                    line.entry.kind == FeedKind::Report && line.entry.level != FeedLevel::Info
                })
                .map(|line| shown(&line.entry.text))
                .collect(),
            processes: self.world.processes(),
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The names of commits and runs are new in each life.
fn without_ids(text: &str) -> String {
    let is_id = |word: &&str| {
        10 <= word.len()
            && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
            && word.chars().any(|c| c.is_ascii_digit())
    };
    let mut shown = text.to_owned();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(is_id);
    for word in words {
        shown = shown.replace(word, "ID");
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
