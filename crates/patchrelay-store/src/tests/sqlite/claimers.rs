//! One process has the file, and many tasks in it.

use std::{collections::BTreeSet, sync::Arc};

use super::Database;
use crate::tests::claimers::{Claimer, Log, all_are_done, check, make_ready};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_claimers_of_a_thousand_issues_never_overlap() {
    let database = Database::open().await;
    make_ready(&*database.store).await;
    let path = database.directory.path().join("claims.log");
    let log = Log::open(&path);
    Claimer::run_all((0..8).map(|number| Claimer {
        store: database.port(),
        name: format!("w{number}"),
        log: log.clone(),
        hangs_after: None,
    }))
    .await;
    assert_eq!(check(&path, &BTreeSet::new()), []);
    all_are_done(&*Arc::clone(&database.store)).await;
}
