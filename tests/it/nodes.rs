//! Two nodes on one PostgreSQL database: they share the work, and when one dies or freezes in the middle of it, the other
//! goes on (D13, D14, D15).

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use patchrelay_testkit::{agent::Step, github::FakePullRequest, linear::FakeIssue};
use serde_json::Value;
use tokio::time::timeout;

use crate::world::{Database, REPO, Service, World, changes, git, small_change};

/// How long everything takes at most, the time included after which a node counts as gone.
const LONG: Duration = Duration::from_secs(120);

/// The first node, which begins with everything.
const FIRST: &str = "first";
/// The one that goes on.
const OTHER: &str = "other";

/// A world on PostgreSQL whose leases are short.
async fn world(work: Vec<Vec<Step>>) -> World {
    let world = World::on(Database::Postgres, &changes(work)).await;
    let config = world.path("patchrelay.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("[scheduler]\n", "[scheduler]\nlease_seconds = 3\n");
    std::fs::write(config, text).unwrap();
    world
}

fn two(path: &str) -> Step {
    Step::Write { path: path.to_owned(), content: "two\n".to_owned() }
}

/// Waits until this is so.
async fn until<T>(what: &str, nodes: &[&Service], look: impl AsyncFn() -> Option<T>) -> T {
    let seen = timeout(LONG, async {
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        loop {
            pause.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    });
    let Ok(seen) = seen.await else {
        let said: Vec<_> = nodes.iter().map(|node| node.said()).collect();
        panic!("never: {what}\n{}", said.join("\n---\n"));
    };
    seen
}

/// Waits until what a node says of an issue is like this.
async fn issue(node: &Service, key: &str, like: impl Fn(&Value) -> bool) -> Value {
    until("the issue is so", &[node], async || {
        let issue = node.get(&format!("/api/issues/{key}")).await;
        like(&issue).then_some(issue)
    })
    .await
}

async fn home(node: &Service, key: &str) -> Option<String> {
    let explained = node.get(&format!("/api/issues/{key}/explain")).await;
    explained["facts"]["home_node"].as_str().map(str::to_owned)
}

/// What `issue explain` says of what happened.
async fn told(node: &Service, key: &str) -> Vec<(String, String)> {
    let explained = node.get(&format!("/api/issues/{key}/explain")).await;
    let observations = explained["observations"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    observations.map(|seen| (text(&seen["kind"]), text(&seen["text"]))).collect()
}

/// A ticket that is delegated while only the first node is there.
async fn delegated(world: &World, first: &Service) -> FakeIssue {
    world.send_webhooks_to(first);
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    ticket
}

/// Waits until the other node has taken the work over and published it, and until people were told.
async fn published(world: &World, nodes: &[&Service], key: &str) -> FakePullRequest {
    let node = nodes[0];
    issue(node, key, |issue| issue["pr"]["number"].is_u64() && issue["active_run"].is_null()).await;
    until("everything is said", nodes, async || {
        // Acknowledgement, start, pull request.
        (3 <= world.linear.activities(key).len()).then_some(())
    })
    .await;
    world.github.wait_for_pull_request(REPO).await.unwrap()
}

/// Nothing was lost and nothing done twice, whatever two nodes believed at a time.
async fn assert_done_once(world: &World, node: &Service, ticket: &FakeIssue, runs: usize) {
    let pulls = world.github.pull_requests(REPO).await.unwrap();
    assert_eq!(pulls.len(), 1, "{pulls:?}");
    let branch = &pulls[0].head_branch;
    let remote = world.github.remote_path(REPO).await.unwrap();
    let names = git(&remote, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]).await;
    assert_eq!(names.lines().count(), 2, "main and one branch: {names}");
    let ours = git(&remote, &["log", "--format=%s", &format!("main..{branch}")]).await;
    assert_eq!(ours.lines().count(), 1, "{ours}");
    assert_eq!(world.github.file(REPO, branch, "a.txt").await.unwrap().as_deref(), Some("two\n"));
    let said = world.linear.activities(&ticket.key);
    let mut texts: Vec<_> =
        said.iter().map(|activity| (activity.kind.clone(), activity.text())).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    texts.dedup();
    assert_eq!(texts.len(), 3, "{texts:?}");
    let told = told(node, &ticket.key).await;
    let count = |kind: &str| told.iter().filter(|(known, _)| known == kind).count();
    assert_eq!((count("run_claimed"), count("run_settled")), (runs, runs), "{told:#?}");
    assert_eq!((count("asked"), count("escalated")), (0, 0), "{told:#?}");
    assert_eq!(told.iter().filter(|(_, text)| text.contains("published")).count(), 1, "{told:#?}");
}

/// Who is asked says what became of it.
async fn assert_told_of_move(node: &Service, key: &str, from: &str) {
    let told = told(node, key).await;
    let moves: Vec<_> = told.iter().filter(|(kind, _)| kind == "home_moved").collect();
    assert_eq!(moves.len(), 1, "{told:#?}");
    let to = home(node, key).await.unwrap();
    assert_ne!(to, from);
    for part in [
        format!("node {from} is gone"),
        format!("goes on at node {to}"),
        format!("edits that were not pushed stay at {from}"),
    ] {
        assert!(moves[0].1.contains(&part), "{part}: {moves:?}");
    }
}

/// A human merges, and the node that is there completes the ticket.
async fn merge(world: &World, nodes: &[&Service], ticket: &FakeIssue, number: u64) {
    world.send_webhooks_to(nodes[0]);
    world.github.merge(REPO, number).await.unwrap();
    until("the ticket is completed", nodes, async || {
        let is_done = world.linear.issue(&ticket.key).state == "Done"
            && world.linear.activities(&ticket.key).len() == 4;
        is_done.then_some(())
    })
    .await;
}

/// The agents of a node that are still there.
fn agents(world: &World, node: &str) -> usize {
    let place = world.path(node).display().to_string();
    let is_agent = |command: &&String| command.contains("scripted-agent");
    world.processes_with(&place).iter().filter(is_agent).count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn two_nodes_share_the_work() {
    let world = world(Vec::new()).await;
    let gate = world.path("gate");
    world.follow(&changes(vec![vec![two("a.txt"), Step::WaitFor(gate.clone())]]));
    let config = world.path("patchrelay.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("[scheduler]\n", "[scheduler]\nmax_concurrent_runs = 1\n");
    std::fs::write(config, text).unwrap();
    let (first, other) = (world.node(FIRST, None).await, world.node(OTHER, None).await);
    let mut tickets = Vec::new();
    for node in [&first, &other] {
        // Whichever node hears of it, the one that reads deliveries gets to know of it.
        tickets.push(delegated(&world, node).await);
    }
    let mut homes = Vec::new();
    for ticket in &tickets {
        issue(&first, &ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
        homes.push(home(&other, &ticket.key).await.unwrap());
    }
    assert_ne!(homes[0], homes[1], "each has room for one");
    assert_eq!((agents(&world, FIRST), agents(&world, OTHER)), (1, 1));
    std::fs::write(gate, "").unwrap();
    for ticket in &tickets {
        issue(&other, &ticket.key, |issue| issue["state"] == "pr_open").await;
        until("everything is said", &[&first, &other], async || {
            (world.linear.activities(&ticket.key).len() == 3).then_some(())
        })
        .await;
    }
    first.stopped().await;
    other.stopped().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 2);
    for ticket in &tickets {
        assert_eq!(world.linear.activities(&ticket.key).len(), 3);
    }
    world.over().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_node_that_dies_in_the_middle_of_a_run_is_replaced_by_another() {
    let world = world(vec![vec![two("lost.txt"), Step::Hang]]).await;
    let first = world.node(FIRST, None).await;
    let ticket = delegated(&world, &first).await;
    issue(&first, &ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let from = home(&first, &ticket.key).await.unwrap();
    world.follow(&small_change());
    let other = world.node(OTHER, None).await;
    world.send_webhooks_to(&other);
    first.killed().await;
    let pull = published(&world, &[&other], &ticket.key).await;
    assert_done_once(&world, &other, &ticket, 2).await;
    assert_told_of_move(&other, &ticket.key, &from).await;
    let lost = world.github.file(REPO, &pull.head_branch, "lost.txt").await.unwrap();
    assert_eq!(lost, None, "what was not pushed is not there");
    merge(&world, &[&other], &ticket, pull.number).await;
    other.stopped().await;
    world.over().await;
}

/// A node that is home again in time keeps its work and the edits that only it has.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_node_that_is_back_soon_goes_on_itself() {
    let world = world(vec![vec![two("kept.txt"), Step::Hang], vec![two("a.txt")]]).await;
    let first = world.node(FIRST, None).await;
    let ticket = delegated(&world, &first).await;
    issue(&first, &ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let other = world.node(OTHER, None).await;
    let from = home(&first, &ticket.key).await.unwrap();
    first.killed().await;
    let first = world.node(FIRST, None).await;
    world.send_webhooks_to(&first);
    let pull = published(&world, &[&other, &first], &ticket.key).await;
    assert_done_once(&world, &other, &ticket, 2).await;
    assert_eq!(home(&other, &ticket.key).await, Some(from));
    let kept = world.github.file(REPO, &pull.head_branch, "kept.txt").await.unwrap();
    assert_eq!(kept.as_deref(), Some("two\n"));
    first.stopped().await;
    other.stopped().await;
    world.over().await;
}

/// The first node freezes at a place, the other goes on, and then the first one wakes up and believes that nothing
/// happened. In the end there were so many runs.
async fn frozen_at(place: &str, runs: usize) {
    let world = world(vec![vec![two("a.txt")]]).await;
    let first = world.node(FIRST, Some((patchrelay_tests::FREEZE_AT, place))).await;
    let ticket = delegated(&world, &first).await;
    until("it is frozen", &[], async || first.is_frozen().then_some(())).await;
    let other = world.node(OTHER, None).await;
    world.send_webhooks_to(&other);
    let pull = published(&world, &[&other], &ticket.key).await;
    let explained = told(&other, &ticket.key).await;
    let from = explained.iter().find(|(kind, _)| kind == "home_moved").expect("it moved");
    let from = from.1.split(' ').nth(1).unwrap().to_owned();

    first.signal(Signal::SIGCONT);
    until("its agent is gone", &[&first, &other], async || {
        (agents(&world, FIRST) == 0).then_some(())
    })
    .await;
    until("it has left the run", &[&first, &other], async || {
        first.said().contains("run left to whoever continues it").then_some(())
    })
    .await;
    // It is alive and well, and knows what the other did.
    issue(&first, &ticket.key, |issue| issue["state"] == "pr_open").await;
    assert_done_once(&world, &first, &ticket, runs).await;
    assert_told_of_move(&first, &ticket.key, &from).await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap()[0].head, pull.head);
    merge(&world, &[&first, &other], &ticket, pull.number).await;
    first.stopped().await;
    other.stopped().await;
    world.over().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn late_writes_of_a_node_that_froze_in_the_middle_of_a_run_are_refused() {
    frozen_at("end_turn:before", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_node_that_froze_before_its_push_does_not_push_any_more() {
    frozen_at("push:before", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_node_that_froze_before_its_pull_request_does_not_open_another() {
    // What it pushed is published.
    frozen_at("open_pull_request:before", 1).await;
}

/// A push that is under way when its node freezes comes to the remote late, and the remote refuses it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn a_push_that_arrives_late_is_refused() {
    let world = world(vec![vec![two("a.txt")]]).await;
    let remote = world.github.remote_path(REPO).await.unwrap();
    let gate = Gate::before_first_push(&remote);
    let first = world.node(FIRST, None).await;
    let ticket = delegated(&world, &first).await;
    until("the push is at the remote", &[&first], async || gate.is_reached().then_some(())).await;
    let from = home(&first, &ticket.key).await.unwrap();
    first.signal(Signal::SIGSTOP);
    let other = world.node(OTHER, None).await;
    world.send_webhooks_to(&other);
    let pull = published(&world, &[&other], &ticket.key).await;
    let branch = format!("refs/heads/{}", pull.head_branch);
    let before = git(&remote, &["rev-parse", &branch]).await;

    gate.open();
    until("the late push is over", &[&other], async || gate.is_passed().then_some(())).await;
    first.signal(Signal::SIGCONT);
    until("it has left the run", &[&first, &other], async || {
        first.said().contains("run left to whoever continues it").then_some(())
    })
    .await;
    assert_eq!(git(&remote, &["rev-parse", &branch]).await, before, "it changed nothing");
    assert_done_once(&world, &first, &ticket, 2).await;
    assert_told_of_move(&first, &ticket.key, &from).await;
    first.stopped().await;
    other.stopped().await;
    world.over().await;
}

/// A hook of the remote that lets the first push wait before any ref is changed.
struct Gate {
    place: PathBuf,
}

impl Gate {
    fn before_first_push(remote: &Path) -> Self {
        let place = remote.join("gate");
        let hook = remote.join("hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        let script = format!(
            "#!/bin/sh\ncat >/dev/null\nmkdir {0} 2>/dev/null || exit 0\n\
             while [ ! -e {0}/open ]; do sleep 0.1; done\ntouch {0}/passed\n",
            place.display()
        );
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { place }
    }

    fn is_reached(&self) -> bool {
        self.place.exists()
    }

    fn open(&self) {
        std::fs::write(self.place.join("open"), "").unwrap();
    }

    fn is_passed(&self) -> bool {
        self.place.join("passed").exists()
    }
}
