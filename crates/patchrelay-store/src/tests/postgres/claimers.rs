//! Processes that share a database, one of which is killed.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
};

use patchrelay_domain::{RunId, RunState};
use patchrelay_ports::{Committed, Store};
use secrecy::SecretString;
use sqlx::Executor as _;
use tempfile::TempDir;

use super::{Schema, in_schema, pool};
use crate::{
    SqlStore,
    tests::{
        claimers::{Claimer, Log, all_are_done, check, make_ready},
        fixtures::{NOW, claim, settle, worker},
    },
};

/// What a process is told to be a claimer of: a URL.
const URL: &str = "PATCHRELAY_TEST_CLAIM";

/// Where it logs.
const LOG: &str = "PATCHRELAY_TEST_CLAIM_LOG";

/// What its claimers are called, and by that how they behave.
const NAME: &str = "PATCHRELAY_TEST_CLAIM_NAME";

const TEST: &str =
    "tests::postgres::claimers::eight_claimers_in_two_processes_never_overlap_when_one_is_killed";

/// The process that is killed has one claimer that hangs after this many issues, and tells so.
const HANGS_AFTER: usize = 40;
const KILLED: &str = "killed";
const IS_HANGING: &str = "hanging with an issue";

/// This test in a process of its own, which is ended with it.
struct Process(Child);

impl Process {
    #[expect(clippy::disallowed_methods, reason = "it is this test itself, with its environment")]
    fn start(schema: &Schema, log: &Path, name: &str) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args([TEST, "--exact", "--ignored", "--nocapture"])
            .envs([(URL, schema.url()), (LOG, log.display().to_string()), (NAME, name.to_owned())])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits until it prints a line that contains this.
    fn wait_for(&mut self, text: &str) {
        let printed = BufReader::new(self.0.stdout.take().unwrap());
        let found = printed.lines().any(|line| line.unwrap().contains(text));
        assert!(found, "it ended before it printed: {text}");
    }

    fn wait(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of one that is over, nothing is left to be killed.
        self.0.kill().and_then(|()| self.0.wait()).map(drop).unwrap_or_default();
    }
}

#[expect(clippy::disallowed_methods, reason = "the test that started this process says so")]
fn told(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn is_hanging() {
    println!("{IS_HANGING}");
}

/// Four claimers, as one process.
async fn be_claimers(url: String) {
    let log = Log::open(&PathBuf::from(told(LOG).unwrap()));
    let process = told(NAME).unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqlStore::postgres(&SecretString::from(url)).await.unwrap());
    Claimer::run_all((0..4).map(|number| Claimer {
        store: Arc::clone(&store),
        name: format!("{process}-{number}"),
        log: log.clone(),
        hangs_after:
            (process == KILLED && number == 0).then_some((HANGS_AFTER, is_hanging as fn())),
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn eight_claimers_in_two_processes_never_overlap_when_one_is_killed() {
    match told(URL) {
        Some(url) => be_claimers(url).await,
        None => in_schema(kill_one_of_two).await,
    }
}

async fn kill_one_of_two(schema: Schema) {
    let store = Arc::new(schema.open().await);
    make_ready(&*store).await;
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("claims.log");
    let mut killed = Process::start(&schema, &path, KILLED);
    let mut other = Process::start(&schema, &path, "other");
    killed.wait_for(IS_HANGING);
    killed.0.kill().unwrap();
    assert!(!killed.wait().success());
    assert!(other.wait().success(), "the other one goes on until nothing is ready any more");

    let reclaimer = Claimer {
        store: Arc::clone(&store) as Arc<dyn Store>,
        name: "reclaimer".to_owned(),
        log: Log::open(&path),
        hangs_after: None,
    };
    reclaimer.take_over().await;
    let held = store.orphaned_runs(&worker("reclaimer"), NOW).await.unwrap();
    assert_eq!(held, [], "what the killed one had is its own until its lease expires");
    let gone: BTreeSet<_> = (0..4).map(|number| format!("{KILLED}-{number}")).collect();

    pool(&store)
        .execute(
            "ALTER FUNCTION store_now(BIGINT) RENAME TO earlier;
             CREATE FUNCTION store_now(bound BIGINT) RETURNS BIGINT LANGUAGE sql VOLATILE
                 AS 'SELECT earlier(bound) + 30000'",
        )
        .await
        .unwrap();
    // A store that has not prepared its statements with the clock as it was.
    let store = Arc::new(schema.open().await);
    let reclaimer = Claimer { store: Arc::clone(&store) as Arc<dyn Store>, ..reclaimer };
    reclaimer.take_over().await;
    Claimer::run_all([reclaimer]).await;

    let lost = check(&path, &gone);
    assert!(!lost.is_empty(), "it was killed while it held an issue");
    for lease in lost {
        let name = lease.issue.ticket.to_string();
        let run = RunId::new(format!("run-of-{name}"));
        assert!(!store.advance(&lease, &run, &RunState::Preparing, None, NOW).await.unwrap());
        assert_eq!(
            store.commit(&claim(3, &name, &lease, "another")).await.unwrap(),
            Committed::LeaseLost
        );
        assert_eq!(
            store.commit(&settle(3, &name, &lease, run.as_str())).await.unwrap(),
            Committed::AlreadySettled
        );
    }
    all_are_done(&*store).await;
}
