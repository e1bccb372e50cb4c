//! Forgetting what is over, a bounded piece at a time, so that nobody waits long for the connection that writes.

use patchrelay_domain::Timestamp;
use patchrelay_ports::{Expired, StoreError};

use super::write;
use crate::{database::Database, query::query, sql};

pub(super) async fn forget(
    database: &Database,
    what: Expired,
    before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let (operation, statement) = match what {
        Expired::Payloads => ("forget what deliveries say", sql::FORGET_PAYLOADS),
        Expired::Deliveries => ("forget deliveries", sql::FORGET_DELIVERIES),
        Expired::Reports => ("forget reports", sql::FORGET_REPORTS),
        Expired::Feed => ("forget lines of the feed", sql::FORGET_FEED),
        Expired::RunTexts => ("forget what was said in runs", sql::FORGET_RUN_TEXTS),
    };
    let statement = query(statement).bind(before.millis()).bind(i64::from(limit));
    write(database, operation, statement).await
}
