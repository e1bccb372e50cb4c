//! `kill -9` at every step, and what a restart makes of it: the same as a life in which nothing happened.

use std::{
    collections::HashMap, fmt::Write as _, ops::Range, path::PathBuf, sync::Arc, time::Duration,
};

use patchrelay_ports::Step as Place;
use patchrelay_testkit::agent::Step;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    life::{Death, Work, live},
    world::{Database, REPO, World, changes, git},
};

/// How many lives are lived at once: each is mostly a small process that waits.
const AT_ONCE: usize = 4;

/// A life of the matrix: its name, what the agent does in it, and how the program dies.
struct Cell {
    name: String,
    work: Work,
    deaths: Vec<Death>,
    /// How many of the deaths there have to be: a place that is not come to proves nothing.
    certain: usize,
}

/// How often a step is passed in a life that nothing disturbs, where that is more than once.
const OFTEN: [(Place, u32); 4] = [
    // The delegation and the merge.
    (Place::Receive, 2),
    (Place::Intake, 2),
    // The session and the ticket; storing the merge is a step of its own.
    (Place::Observe, 2),
    // Acknowledgement, action, started, opened, merged, completed. Plans and the link come on top, and how many plans
    // are superseded is a matter of time.
    (Place::SendReport, 6),
];

/// Whether the end of the agent's turn was seen before this place, at the latest.
fn is_after_turn(place: Place) -> bool {
    let order = |wanted| Place::ALL.iter().position(|place| *place == wanted);
    // The first reports are sent while the agent works.
    order(Place::EndTurn) <= order(place) && place != Place::SendReport
}

/// Every place once, every place again while the first death is recovered from, and the steps of recovery itself.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for place in Place::ALL {
        for side in ["before", "after"] {
            let at = format!("{}:{side}", place.as_str());
            if matches!(place, Place::Reap | Place::Rescue) {
                for first in ["end_turn:before", "commit:after", "push:after"] {
                    // What is being published is published, and needs no copy.
                    if place == Place::Rescue && first == "push:after" {
                        continue;
                    }
                    let deaths = [first, &at].map(|at| Death::At(at.to_owned())).to_vec();
                    let (name, work) = (format!("{first}, {at}"), Work::Once);
                    cells.push(Cell { name, work, deaths, certain: 2 });
                }
                continue;
            }
            let work = if is_after_turn(place) { Work::Once } else { Work::Repeated };
            let times =
                OFTEN.iter().find(|(often, _)| *often == place).map_or(1, |(_, times)| *times);
            for time in 1..=times {
                let name = if time == 1 { at.clone() } else { format!("{at}:{time}") };
                let deaths = vec![Death::At(name.clone())];
                cells.push(Cell { name, work, deaths, certain: 1 });
            }
            let deaths = vec![Death::At(at.clone()), Death::At(at.clone())];
            // Recovery need not come to the same place again.
            cells.push(Cell { name: format!("{at}, again"), work, deaths, certain: 1 });
        }
    }
    cells
}

/// Lives all of these, some at once, and gives for each what was different from a life that nothing disturbs, or nothing.
async fn differences(database: Database, cells: Vec<Cell>) -> Vec<(String, Option<String>)> {
    let (expected, _) = live(database, Work::Once, &[]).await;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut lives = JoinSet::new();
    let mut order = HashMap::new();
    let mut results = Vec::new();
    for cell in cells {
        let room = room.clone();
        let life = lives.spawn(async move {
            let _one_of_few = room.acquire_owned().await.unwrap();
            let (ending, died) = live(database, cell.work, &cell.deaths).await;
            assert!(cell.certain <= died, "it died {died} times only");
            ending
        });
        order.insert(life.id(), results.len());
        results.push((cell.name, None));
    }
    while let Some(lived) = lives.join_next_with_id().await {
        let (id, difference) = match lived {
            Ok((id, ending)) => (id, ending.difference(&expected)),
            Err(panicked) => (panicked.id(), Some(panicked.to_string())),
        };
        results[order[&id]].1 = difference;
    }
    results
}

/// Shows the results as a table, keeps it beside the build, and expects every one to be good.
#[expect(clippy::print_stdout, reason = "the table is what whoever runs it by hand wants to see")]
fn assert_all_well(title: &str, results: &[(String, Option<String>)]) {
    let mut table = format!("| {title} | |\n|---|---|\n");
    for (name, difference) in results {
        let shown = difference.as_deref().map_or("ok".to_owned(), |d| d.replace('\n', " "));
        writeln!(table, "| {name} | {shown} |").unwrap();
    }
    let file = format!("{}.md", title.replace(' ', "-"));
    std::fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file), &table).unwrap();
    println!("{table}");
    let failed: Vec<_> = results.iter().filter(|(_, difference)| difference.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_changes_nothing() {
    assert_all_well("killed at", &differences(Database::Sqlite, cells()).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn on_postgres_a_kill_at_any_step_changes_nothing() {
    assert_all_well("on PostgreSQL killed at", &differences(Database::Postgres, cells()).await);
}

/// Lives that end one to three times, at times that follow from the seed.
fn random_cells(seeds: Range<u64>) -> Vec<Cell> {
    let mut cells = Vec::new();
    for seed in seeds {
        let mut dice = seed;
        let mut below = |bound: u64| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % bound
        };
        let deaths: Vec<_> = (0..=below(3)).map(|_| below(1_500)).collect();
        let name = format!("seed {seed}: after {deaths:?} ms");
        let deaths = deaths.into_iter().map(|ms| Death::After(Duration::from_millis(ms))).collect();
        cells.push(Cell { name, work: Work::Repeated, deaths, certain: 0 });
    }
    cells
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_time_changes_nothing() {
    assert_all_well("killed by chance", &differences(Database::Sqlite, random_cells(0..20)).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn on_postgres_a_kill_at_any_time_changes_nothing() {
    let results = differences(Database::Postgres, random_cells(0..20)).await;
    assert_all_well("on PostgreSQL killed by chance", &results);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs minutes"]
async fn two_hundred_kills_change_nothing() {
    let results = differences(Database::Sqlite, random_cells(20..220)).await;
    assert_all_well("killed 200 times", &results);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs minutes and PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn with_postgres_two_hundred_kills_change_nothing() {
    let results = differences(Database::Postgres, random_cells(20..220)).await;
    assert_all_well("on PostgreSQL killed 200 times", &results);
}

/// S65 and D26: what the agent had edited when the power went is part of the pull request.
#[tokio::test(flavor = "multi_thread")]
async fn edits_in_the_worktree_survive_a_kill() {
    let write = |path: &str| Step::Write { path: path.to_owned(), content: "kept\n".to_owned() };
    let script = changes(vec![vec![write("before.txt"), Step::Hang], vec![write("after.txt")]]);
    let mut world = World::new(&script).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue = world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    let worktree = std::path::PathBuf::from(issue["worktree_path"].as_str().unwrap());
    world.until("the agent has edited a file", || worktree.join("before.txt").exists()).await;
    world.kill().await;

    world.serve().await;
    let pull_request = world.pull_request(&ticket.key).await;
    for path in ["before.txt", "after.txt"] {
        let content = world.github.file(REPO, &pull_request.head_branch, path).await.unwrap();
        assert_eq!(content.as_deref(), Some("kept\n"), "{path}");
    }
    world.stop().await;
    let clone = world.path("data/patchrelay/repos/app");
    let rescued =
        git(&clone, &["for-each-ref", "--format=%(refname)", "refs/patchrelay/rescue"]).await;
    assert!(
        rescued.lines().count() >= 1,
        "a copy was kept before anything else touched the directory"
    );
    for name in rescued.lines() {
        let files = git(&clone, &["ls-tree", "--name-only", name]).await;
        assert!(files.lines().any(|file| file == "before.txt"), "{name}: {files}");
    }
}
