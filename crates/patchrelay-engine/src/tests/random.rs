//! The simulation: many short stories with crashes, faults and humans at random places, which all have to end well.
//!
//! In a story calls to the outside fail before their effect or after it, or hang; the process dies at a step, or is dropped
//! wherever it just waits; agents fail, die and fall silent in every way; webhooks come twice, late and in any order;
//! humans take the ticket away, give it back, say more, and take that back. In a third of the stories nothing wakes the
//! engine before its time. Afterwards the world is healed, and what must be true then is asserted.
//!
//! Stories are told over a database, where one follows from its seed as far as the threads of the database let it, and in
//! memory, where it is the same each time. A seed that fails is printed;
//! `PATCHRELAY_SIM_SEED=17 cargo test -p patchrelay-engine every_story` tells it alone.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use patchrelay_domain::{Budgets, Heard, IssueId, ObservationKind, PrState, TrackerStateKind};
use patchrelay_ports::{Clock, Side, Source, Step};
use serde_json::Value;

use super::{
    people::member,
    sim::{Act, Chance, Death, Dice, Hang, Turn, World, issue, opened, pull_request_changed},
};

/// How many stories are told. Each takes some tens of milliseconds in memory, and some tenths of a second over a database.
const SEEDS: u64 = 200;
/// How many of them are told again.
const SEEDS_TOLD_AGAIN: u64 = 20;
/// The seed to tell alone.
const AGAIN: &str = "PATCHRELAY_SIM_SEED";

#[expect(
    clippy::disallowed_methods,
    reason = "a person who runs one test has no other way to tell it something"
)]
fn seed_to_tell_alone() -> Option<u64> {
    std::env::var(AGAIN).ok().map(|seed| seed.parse().expect("it is a seed"))
}

#[test]
fn every_story_over_a_database_ends_well() {
    tell_all(World::new);
}

#[test]
fn every_story_in_memory_ends_well() {
    tell_all(async || World::in_memory());
}

/// Otherwise a seed that failed once would tell nothing the next time.
#[test]
fn a_story_in_memory_is_the_same_each_time() {
    for seed in 0..SEEDS_TOLD_AGAIN {
        let [first, again] = [(); 2].map(|()| tell(seed, async || World::in_memory()));
        assert_eq!(first, again, "seed {seed}");
    }
}

fn tell_all(world: impl AsyncFn() -> World + Sync) {
    let (next, last) = seed_to_tell_alone().map_or((0, SEEDS), |seed| (seed, seed + 1));
    let next = AtomicU64::new(next);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if last <= seed {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| tell(seed, &world))).is_err() {
                        failed.lock().expect("nobody panics with it").push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics with it");
    assert!(failed.is_empty(), "these seeds fail: {failed:?}; one alone: {AGAIN}=n");
}

/// Tells a story, and gives what happened in it.
fn tell(seed: u64, world: impl AsyncFn() -> World) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("it starts");
    runtime.block_on(async { story(Dice(seed), world().await).await })
}

async fn story(mut dice: Dice, mut world: World) -> String {
    world.project().budgets = Budgets {
        implementation: 1_000,
        recovery: 1_000,
        recovery_backoff: Duration::from_secs(1),
        ..Budgets::default()
    };
    // Everything is quick in a story, so that many can be told.
    world.settings.reread_every = Duration::from_secs(10);
    world.settings.silence_timeout = Duration::from_secs(20);
    world.settings.lease_ttl = Duration::from_secs(12);
    world.settings.drain = Duration::from_secs(5);
    world.is_deaf = dice.below(3) == 0;
    let mut issues = vec![issue()];
    if dice.below(3) == 0 {
        issues.push(IssueId::new("acme", "ticket-2"));
    }
    for (issue, number) in issues.iter().zip(1..) {
        world.delegate(issue, &format!("APP-{number}"), &format!("session-{number}")).await;
    }
    let mut life = Life { sessions: issues.len(), ..Life::default() };
    for _ in 0..dice.below(5) {
        troubled_time(&mut world, &mut dice, &mut life).await;
    }

    {
        let mut state = world.sim.state();
        state.faults.heal();
        state.dies_at = None;
        state.agents.work.clear();
    }
    world.set_delegated(true);
    if life.was_stopped && world.is_known(&issue()).await {
        life.says(&world, "Please go on.").await;
    }
    life.mail.send_all(&world, &mut dice).await;
    world.start();
    world
        .until("everything is published", async || {
            world.sim.state().forge.pull_requests.len() == issues.len()
        })
        .await;
    world.until_quiet().await;
    assert_well(&world, &issues, &life).await;

    let now = world.sim.now();
    let open = world.sim.state().forge.open_pull_requests();
    life.mail.write(&world);
    for pr in &open {
        world.sim.state().forge.end(now, pr.number, PrState::Merged);
    }
    // What the webhooks say of the time before comes after the merge.
    life.mail.write(&world);
    life.mail.send_all(&world, &mut dice).await;
    world
        .until("everything is completed", async || {
            let state = world.sim.state();
            let completed =
                |issue| state.tickets.of(issue).state.kind == TrackerStateKind::Completed;
            issues.iter().all(completed)
        })
        .await;
    world.until_quiet().await;
    world.stop().await;
    assert_well(&world, &issues, &life).await;
    assert!(world.is_lease_free().await);
    world.story_to_the_millisecond().await
}

/// What humans did in a story.
#[derive(Default)]
struct Life {
    sessions: usize,
    was_undelegated: bool,
    was_stopped: bool,
    /// How many texts there are.
    texts: usize,
    mail: Mail,
}

impl Life {
    /// Whether they did more than delegate and wait.
    fn has_interfered(&self) -> bool {
        self.was_undelegated || 0 < self.texts
    }

    /// Somebody writes something, or writes another thing in its place.
    async fn says(&mut self, world: &World, text: &str) {
        self.texts += 1;
        self.says_in(world, self.texts, text, false).await;
    }

    async fn says_in(&self, world: &World, number: usize, text: &str, is_edit: bool) {
        // Of what was said in the same instant nobody knows which was said first.
        world.pass(Duration::from_millis(1)).await;
        let said = ObservationKind::HumanInput {
            source: format!("text-{number}"),
            said: world.sim.now(),
            heard: Heard::Session,
            author: member(),
            text: text.to_owned(),
            is_edit,
        };
        world.observe(said).await;
    }
}

/// Webhooks of the forge that are under way.
#[derive(Default)]
struct Mail {
    letters: Vec<Value>,
    sent: usize,
}

impl Mail {
    /// The forge tells of all its pull requests as they are now.
    fn write(&mut self, world: &World) {
        let state = world.sim.state();
        let repo = &world.settings.projects[0].repo;
        self.letters
            .extend(state.forge.pull_requests.iter().map(|pr| pull_request_changed(repo, pr)));
    }

    /// One arrives, perhaps not for the last time.
    async fn send_one(&mut self, world: &World, dice: &mut Dice) {
        if self.letters.is_empty() {
            return;
        }
        let letter = dice.index(self.letters.len());
        let body = if dice.below(3) == 0 {
            self.letters[letter].clone()
        } else {
            self.letters.swap_remove(letter)
        };
        self.sent += 1;
        let id = format!("letter-{}", self.sent);
        world.deliver_from(Source::Github, &id, body.to_string().as_bytes()).await;
    }

    async fn send_all(&mut self, world: &World, dice: &mut Dice) {
        while !self.letters.is_empty() {
            self.send_one(world, dice).await;
        }
    }
}

/// An engine that runs for a while in a bad world, and how it ends.
async fn troubled_time(world: &mut World, dice: &mut Dice, life: &mut Life) {
    {
        let mut state = world.sim.state();
        state.faults.chance =
            Some(Chance { dice: Dice(dice.below(u64::MAX)), percent: dice.below(10) });
        for _ in 0..4 {
            state.agents.work.push_back(some_turn(dice));
        }
        state.dies_at = (dice.below(4) != 0).then(|| Death {
            step: Step::ALL[dice.index(Step::ALL.len())],
            side: if dice.below(2) == 0 { Side::Before } else { Side::After },
            after: u32::try_from(dice.below(3)).expect("it is small"),
            only_the_task: dice.below(4) == 0,
        });
    }
    world.start();
    for _ in 0..=dice.below(2) {
        some_time(world, Duration::from_secs(dice.below(40))).await;
        life.mail.write(world);
        life.mail.send_one(world, dice).await;
        let is_known = world.is_known(&issue()).await;
        match dice.below(10) {
            0 => {
                life.was_undelegated = true;
                world.set_delegated(false);
            }
            1 => world.set_delegated(true),
            2 => {
                life.sessions += 1;
                world.open(&issue(), "APP-1", &format!("session-more-{}", life.sessions)).await;
            }
            3 => {
                let again = opened(&issue(), "APP-1", "session-1");
                world.deliver(&format!("again-{}", dice.below(1_000)), &again).await;
            }
            4 if is_known => life.says(world, "Please write a test, too.").await,
            5 if is_known => {
                life.was_stopped = true;
                life.says(world, "stop").await;
            }
            6 if is_known && 0 < life.texts => {
                let texts = ["Never mind.", "stop", "Please write two tests."];
                let text = texts[dice.index(texts.len())];
                life.was_stopped |= text == "stop";
                life.says_in(world, 1 + dice.index(life.texts), text, true).await;
            }
            _ => {}
        }
    }
    some_time(world, Duration::from_secs(dice.below(15))).await;
    if !world.sim.state().is_dead && dice.below(3) == 0 {
        world.ask_to_stop();
        // A loop may have died, or dies now.
        drop(world.ended().await);
    } else {
        world.crash().await;
    }
}

/// Lets time pass, unless the process dies.
async fn some_time(world: &World, time: Duration) {
    let end = world.sim.age() + time;
    let over = tokio::time::timeout(
        time,
        world.until("it is dead", async || world.sim.state().is_dead || end <= world.sim.age()),
    );
    drop(over.await);
}

fn some_turn(dice: &mut Dice) -> Turn {
    let paths = ["work-{n}-a", "work-{n}-b", "work-{n}-c"];
    let mut turn = Turn::default();
    for path in paths.iter().take(usize::try_from(dice.below(4)).expect("it is small")) {
        let write = Act::Writes { path, content: "of turn {n}" };
        turn.acts.push_back((Duration::from_secs(1 + dice.below(10)), write));
    }
    let end = match dice.below(12) {
        0 => Act::Fails,
        1 => Act::Dies,
        // It says nothing more.
        2 => {
            turn.hang = match dice.below(5) {
                0 => Hang::Model,
                1 => Hang::Stubborn,
                2 => Hang::Deaf,
                3 => Hang::Unheard("Done.".to_owned()),
                _ => Hang::Forgotten,
            };
            return turn;
        }
        _ => Act::Ends("Done.".to_owned()),
    };
    turn.acts.push_back((Duration::from_secs(1 + dice.below(5)), end));
    turn
}

/// Everything that has to be true at the end, whatever happened before.
async fn assert_well(world: &World, issues: &[IssueId], life: &Life) {
    world.assert_nothing_wrong().await;
    let story = world.story().await;
    let mut runs = Vec::new();
    for issue in issues {
        runs.extend(world.runs_of(issue).await);
    }
    assert!(runs.iter().all(|run| run.ended.is_some()), "a run is open\n{story}");
    let state = world.sim.state();
    assert_eq!(state.agents.alive(), 0, "an agent is left\n{story}");

    assert_eq!(state.forge.pull_requests.len(), issues.len(), "{story}");
    for pr in &state.forge.pull_requests {
        let on_it = state.forge.runs_on(&pr.value.head_branch);
        let mut once = on_it.clone();
        once.sort();
        once.dedup();
        assert_eq!(on_it.len(), once.len(), "a run has two commits: {on_it:?}\n{story}");
        assert!(!on_it.is_empty(), "{story}");
        // A run that was stopped between its push and its pull request leaves its commit to another, and whoever asks for
        // more gets more.
        assert!(life.has_interfered() || on_it.len() == 1, "{on_it:?}\n{story}");
    }

    let mut ids: Vec<_> = state.tickets.activities.iter().map(|(id, _, _)| id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), state.tickets.activities.len(), "an activity is there twice\n{story}");
    // One on a ticket that is known already is told how it stands, too.
    let acknowledged = state.tickets.count("thought: Received.")
        + state.tickets.count("thought: I am already working");
    assert_eq!(acknowledged, life.sessions, "{story}");
    // Work that goes on after a loss is the same work to people; after a word of theirs it begins anew.
    let begun = state.tickets.count("action:");
    assert!(
        issues.len() <= begun && (life.has_interfered() || begun == issues.len()),
        "{begun}\n{story}"
    );
    assert_eq!(state.tickets.count("response: Opened"), issues.len(), "{story}");

    let places: Vec<_> = state
        .disk
        .worktrees
        .values()
        .map(|directory| directory.files.clone())
        .chain(state.disk.rescued.iter().map(|(_, files)| files.clone()))
        .chain(state.forge.branches.values().map(|tip| state.forge.files(tip)))
        .collect();
    for (path, content) in state.disk.written.iter().filter(|(path, _)| path.starts_with("work-")) {
        let is_kept = places.iter().any(|files| files.get(path) == Some(content));
        assert!(is_kept, "{path} is lost\n{story}");
    }
}
