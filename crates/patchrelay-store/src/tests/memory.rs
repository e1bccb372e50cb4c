//! The contract on the store in memory, so that whoever tests with it, or embeds it, gets what the databases give.

use std::{collections::BTreeSet, sync::Arc};

use patchrelay_ports::Store;
use patchrelay_testkit::MemoryStore;
use tempfile::TempDir;

use super::{
    claimers::{Claimer, Log, all_are_done, check, make_ready},
    contract::{self, for_every_case},
};

macro_rules! in_memory {
    ($($module:ident: $($case:ident),+;)+) => {$(
        mod $module {
            $(
                #[tokio::test]
                async fn $case() {
                    super::contract::$module::$case(super::Arc::new(super::MemoryStore::new())).await;
                }
            )+
        }
    )+};
}

for_every_case!(in_memory);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_claimers_of_a_thousand_issues_never_overlap() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    make_ready(&*store).await;
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("claims.log");
    let log = Log::open(&path);
    Claimer::run_all((0..8).map(|number| Claimer {
        store: Arc::clone(&store),
        name: format!("w{number}"),
        log: log.clone(),
        hangs_after: None,
    }))
    .await;
    assert_eq!(check(&path, &BTreeSet::new()), []);
    all_are_done(&*store).await;
}
