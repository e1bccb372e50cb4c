//! `patchrelay demo`: the whole loop on this machine.
//!
//! Linear and GitHub are fakes on loopback, the agent follows a script unless it is to be the operator's codex, and
//! everything else is what `serve` runs: the same configuration file, the same wiring, the same code. Only addresses and
//! secrets differ.

mod world;

use std::{path::Path, time::Duration};

use patchrelay::{
    CancellationToken,
    domain::{FeedKind, Timestamp},
    ports::{FeedFilter, IssueFilter, NoProbe, Store, StoredFeedEntry},
};
use patchrelay_testkit::agent::{Script, serve_stdio};

use self::world::World;
use crate::{
    cli::{DemoAgent, DemoOptions, LogChoice},
    config,
    environment::Environment,
    failure::Failure,
    output::Output,
    wire::{self, App, Parts},
};

/// How long the demo may take before it is called stuck.
fn patience(agent: DemoAgent) -> Duration {
    Duration::from_secs(match agent {
        // It needs a few seconds.
        DemoAgent::Scripted => 60,
        // A model thinks as long as it likes.
        DemoAgent::Codex => 30 * 60,
    })
}

/// How often the feed is looked at.
const LOOK: Duration = Duration::from_millis(40);
/// How many feed lines are read at once.
const PAGE: u32 = 100;

/// Runs the demo.
pub(crate) async fn run(
    options: &DemoOptions,
    environment: &Environment,
    output: &Output,
    log: LogChoice,
) -> Result<(), Failure> {
    if output.is_json() {
        return Err(Failure::new("the demo prints for people: leave --json out"));
    }
    if let Some(level) = log.level {
        tracing_subscriber::fmt()
            .with_env_filter(level)
            .with_writer(std::io::stderr)
            .with_ansi(log.color)
            .try_init()
            .map_err(|error| Failure::new(format!("failed to start the log: {error}")))?;
    }
    let place = Place::new(options.keep.as_deref())?;
    let patience = patience(options.agent);
    let show = show(place.path(), options.agent, environment, output);
    let result = tokio::time::timeout(patience, show).await;
    match result {
        Ok(shown) => shown?,
        Err(_) => {
            let kept = place.keep();
            return Err(Failure::new(format!(
                "the demo did not end within {} s; look into {}",
                patience.as_secs(),
                kept.display()
            )));
        }
    }
    match options.keep {
        Some(_) => output.line(&format!("\nEverything is left in {}", place.path().display())),
        None => {
            output.line("\nNothing is left of it. With --keep DIR you can look at what it made.")
        }
    }
}

/// Speaks the agent's protocol until standard input ends.
pub(crate) async fn scripted_agent(
    script: Option<&Path>,
    environment: &Environment,
) -> Result<(), Failure> {
    let script = match script {
        Some(file) => Script::read(file).map_err(|error| Failure::new(error.to_string()))?,
        None => Script::default(),
    };
    let Some(home) = environment.get("CODEX_HOME") else {
        return Err(Failure::new(
            "CODEX_HOME is not set: the scripted agent keeps its threads there",
        ));
    };
    serve_stdio(script, Path::new(home)).await?;
    Ok(())
}

async fn show(
    directory: &Path,
    agent: DemoAgent,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let world = World::start(directory, agent, environment).await?;
    output.line(match agent {
        DemoAgent::Scripted => {
            "PatchRelay demo: a ticket becomes a merged pull request, on this machine alone.\n"
        }
        DemoAgent::Codex => {
            "PatchRelay demo: a ticket becomes a merged pull request. Your codex does the work and asks its model; \
             everything else is on this machine alone.\n"
        }
    })?;
    output.line(&format!("  Linear (fake)   {}", world.linear.url()))?;
    output.line(&format!("  GitHub (fake)   {}", world.github.url()))?;

    let mut config = config::load(&world.config_path, &world.environment)?;
    let listener = wire::bind(&config).await?;
    config.server.port = listener.local_addr()?.port();
    let app = App::open(Parts {
        config: &config,
        config_path: &world.config_path,
        secrets: world.secrets.clone(),
        environment: &world.environment,
        probe: std::sync::Arc::new(NoProbe),
        listener,
    })
    .await?;
    let address = app.address();
    output.line(&format!("  PatchRelay      http://{address}\n"))?;
    world.send_webhooks_to(address);

    let store = app.store();
    let stop = CancellationToken::new();
    let running = app.run_until(stop.clone());
    let watching = async {
        let watched = watch(&world, store.as_ref(), output).await;
        stop.cancel();
        watched
    };
    let (ran, watched) = tokio::join!(running, watching);
    watched?;
    ran?;
    Ok(())
}

/// Plays the humans, and prints what happens.
async fn watch(world: &World, store: &dyn Store, output: &Output) -> Result<(), Failure> {
    let ticket = world.write_ticket();
    output.line(&format!(
        "A human writes {}: \"{}\", and delegates it to PatchRelay.\n",
        ticket.key, ticket.title
    ))?;
    let answer = world.linear.delegate(&ticket.key).await;
    if answer.status != 200 {
        return Err(Failure::new(format!(
            "the webhook was answered {}: {}",
            answer.status, answer.body
        )));
    }
    let mut feed = Feed { cursor: 0, begin: None, output };
    let mut merged = None;
    loop {
        feed.print(store).await?;
        match &merged {
            None => {
                if let Some(number) = published(store).await? {
                    output.line("\nA human likes the pull request and merges it.\n")?;
                    merged = Some(world.merge(number).await?);
                }
            }
            Some(merged) => {
                if is_over(store).await? {
                    feed.print(store).await?;
                    return world.summary(merged, &ticket, output).await;
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The number of the open pull request, once the run that made it has ended.
async fn published(store: &dyn Store) -> Result<Option<u64>, Failure> {
    let issues = list(store, true).await?;
    let Some(facts) = issues.first() else { return Ok(None) };
    let open = facts.pull_request.as_ref().map(|pr| pr.value.number.0);
    Ok(open.filter(|_| facts.slot.is_none()))
}

/// Whether the issue is settled and everything is said.
async fn is_over(store: &dyn Store) -> Result<bool, Failure> {
    let pending = store.outbox_pending().await.map_err(|error| Failure::new(error.to_string()))?;
    Ok(list(store, true).await?.is_empty() && pending == 0)
}

async fn list(
    store: &dyn Store,
    open: bool,
) -> Result<Vec<patchrelay::domain::IssueFacts>, Failure> {
    let filter = IssueFilter { open, limit: 10, ..IssueFilter::default() };
    let stored = store.list(&filter).await.map_err(|error| Failure::new(error.to_string()))?;
    Ok(stored.into_iter().map(|stored| stored.facts).collect())
}

/// The operator feed, as far as it was printed.
struct Feed<'a> {
    cursor: i64,
    begin: Option<Timestamp>,
    output: &'a Output,
}

impl Feed<'_> {
    async fn print(&mut self, store: &dyn Store) -> Result<(), Failure> {
        loop {
            let lines = store
                .feed(&FeedFilter::after(self.cursor, PAGE))
                .await
                .map_err(|error| Failure::new(error.to_string()))?;
            let Some(last) = lines.last() else { return Ok(()) };
            self.cursor = last.cursor;
            for line in &lines {
                let begin = *self.begin.get_or_insert(line.at);
                self.output.line(&feed_line(line, begin))?;
            }
        }
    }
}

/// A line of the feed, with the time since the first one. Observations have a bullet: they are what is known for ever.
fn feed_line(line: &StoredFeedEntry, begin: Timestamp) -> String {
    let mark = match line.entry.kind {
        FeedKind::Observation => "*",
        FeedKind::Run => "-",
        FeedKind::Report => ">",
    };
    format!("  {:>7.3} s  {mark} {}", line.at.since(begin).as_secs_f64(), line.entry.text)
}

/// Where the demo's things lie.
enum Place {
    Temporary(tempfile::TempDir),
    Kept(std::path::PathBuf),
}

impl Place {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        let Some(directory) = keep else {
            return Ok(Self::Temporary(
                tempfile::Builder::new().prefix("patchrelay-demo-").tempdir()?,
            ));
        };
        let failed = |error: std::io::Error| {
            Failure::new(format!("failed to use {}: {error}", directory.display()))
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let directory = directory.canonicalize().map_err(failed)?;
        if directory.read_dir().map_err(failed)?.next().is_some() {
            return Err(Failure::new(format!(
                "{} is not empty: name another directory",
                directory.display()
            )));
        }
        Ok(Self::Kept(directory))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(path) => path,
        }
    }

    fn keep(self) -> std::path::PathBuf {
        match self {
            Self::Temporary(directory) => directory.keep(),
            Self::Kept(path) => path,
        }
    }
}

#[cfg(test)]
mod tests;
