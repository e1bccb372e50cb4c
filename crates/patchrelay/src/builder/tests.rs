//! Tests, with the real adapters: none of them asks anybody before it has to.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use patchrelay_codex::{CodexConfig, CodexRuntime};
use patchrelay_domain::Timestamp;
use patchrelay_engine::Settings;
use patchrelay_git::{GitConfig, GitWorkspaces, Identity};
use patchrelay_github::{GithubConfig, GithubForge, GithubWebhooks};
use patchrelay_linear::{
    Credential, LinearConfig, LinearTracker, LinearWebhookSettings, LinearWebhooks,
};
use patchrelay_ports::{Clock, Ids};
use patchrelay_store::SqlStore;
use tokio_util::sync::CancellationToken;

use super::{BuildError, Builder, PatchRelay};

const TIMEOUT: Duration = Duration::from_secs(1);

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn sortable(&self) -> String {
        self.0.fetch_add(1, Ordering::SeqCst).to_string()
    }

    fn random(&self) -> String {
        self.sortable()
    }
}

/// A builder with every required port, over a database in this directory.
async fn complete(directory: &Path) -> Builder {
    // Whichever test comes first.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    // Nobody listens there, and nobody is asked.
    let nowhere = "http://127.0.0.1:9";
    let linear = LinearConfig {
        api_url: nowhere.parse().unwrap(),
        credential: Credential::AppToken("token".into()),
        timeout: TIMEOUT,
    };
    let github =
        GithubConfig { api_url: nowhere.parse().unwrap(), token: "token".into(), timeout: TIMEOUT };
    let git = GitConfig {
        data_dir: directory.to_owned(),
        remotes: HashMap::new(),
        base_env: Vec::new(),
        identity: Identity { name: "bot".to_owned(), email: "bot@localhost".to_owned() },
        instance: "test".to_owned(),
        secrets: Arc::default(),
    };
    let codex = CodexConfig::new(vec!["codex".to_owned()], "test");
    let linear_webhooks =
        LinearWebhooks::new("secret".into(), LinearWebhookSettings::default()).unwrap();
    PatchRelay::builder()
        .store(Arc::new(SqlStore::sqlite(&directory.join("test.db")).await.unwrap()))
        .tracker(Arc::new(LinearTracker::new(&linear).unwrap()))
        .forge(Arc::new(GithubForge::new(github).unwrap()))
        .agent(Arc::new(CodexRuntime::new(codex)))
        .workspaces(Arc::new(GitWorkspaces::new(git).unwrap()))
        .clock(Arc::new(Stopped))
        .ids(Arc::new(Counted::default()))
        .webhooks(Arc::new(linear_webhooks))
        .webhooks(Arc::new(GithubWebhooks::new("secret".into())))
}

/// What a builder of everything but this says.
async fn without(take: impl FnOnce(&mut Builder)) -> Option<BuildError> {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = complete(directory.path()).await;
    take(&mut builder);
    builder.build().err()
}

async fn with(settings: Settings) -> Option<BuildError> {
    without(|builder| builder.settings = settings).await
}

#[tokio::test]
async fn a_complete_builder_builds_and_has_both_webhook_sources() {
    let directory = tempfile::tempdir().unwrap();
    let builder = complete(directory.path()).await;
    assert_eq!(builder.webhooks.len(), 2);
    builder.build().unwrap();
}

#[tokio::test]
async fn each_missing_port_is_named() {
    let missing = |name| Some(BuildError::MissingPort(name));
    assert_eq!(without(|b| b.store = None).await, missing("store"));
    assert_eq!(without(|b| b.tracker = None).await, missing("tracker"));
    assert_eq!(without(|b| b.forge = None).await, missing("forge"));
    assert_eq!(without(|b| b.agent = None).await, missing("agent"));
    assert_eq!(without(|b| b.workspaces = None).await, missing("workspaces"));
    assert_eq!(without(|b| b.clock = None).await, missing("clock"));
    assert_eq!(without(|b| b.ids = None).await, missing("ids"));
    let said = PatchRelay::builder().build().err().unwrap().to_string();
    assert_eq!(said, "no store was given to the builder");
}

#[tokio::test]
async fn a_probe_and_webhooks_may_be_left_out() {
    let nothing_more = |builder: &mut Builder| {
        builder.probe = None;
        builder.webhooks.clear();
    };
    assert_eq!(without(nothing_more).await, None);
}

#[tokio::test]
async fn numbers_with_which_nothing_could_work_are_refused() {
    let settings = Settings::default;
    let no_slots = Settings { max_concurrent_runs: 0, ..settings() };
    assert_eq!(with(no_slots).await, Some(BuildError::NoSlots));
    let lease = |millis| Settings { lease_ttl: Duration::from_millis(millis), ..settings() };
    assert_eq!(with(lease(0)).await, Some(BuildError::LeaseTooShort));
    assert_eq!(with(lease(999)).await, Some(BuildError::LeaseTooShort));
    assert_eq!(with(lease(1_000)).await, None);
    let zero = Duration::ZERO;
    let no_time = |name| Some(BuildError::NoTime(name));
    let reconcile = Settings { reconcile_every: zero, ..settings() };
    assert_eq!(with(reconcile).await, no_time("reconcile_every"));
    assert_eq!(with(Settings { turn_timeout: zero, ..settings() }).await, no_time("turn_timeout"));
    let silence = Settings { silence_timeout: zero, ..settings() };
    assert_eq!(with(silence).await, no_time("silence_timeout"));
    // Interrupting at once after a stop is a choice.
    assert_eq!(with(Settings { drain: zero, ..settings() }).await, None);
}

#[tokio::test]
async fn what_was_built_runs_until_it_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let relay = complete(directory.path()).await.build().unwrap();
    relay.nudge().delivery_stored();
    let stop = CancellationToken::new();
    let stopping = async {
        tokio::task::yield_now().await;
        stop.cancel();
    };
    let both = async { tokio::join!(relay.run_until(stop.clone()), stopping) };
    let (ran, ()) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    ran.unwrap();
}

/// The mocks of the ports stand where a whole adapter would be too much.
#[tokio::test]
async fn a_mock_can_stand_for_a_port() {
    let directory = tempfile::tempdir().unwrap();
    let mut ids = patchrelay_ports::MockIds::new();
    ids.expect_sortable().times(1).return_const("worker-1".to_owned());
    let mut tracker = patchrelay_ports::MockTracker::new();
    tracker.expect_read_ticket().never();
    let builder = complete(directory.path()).await;
    builder.ids(Arc::new(ids)).tracker(Arc::new(tracker)).build().unwrap();
}
