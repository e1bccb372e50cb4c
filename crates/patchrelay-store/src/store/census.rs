//! How much of everything there is.

use patchrelay_domain::{ProjectId, Timestamp};
use patchrelay_ports::{Census, StoreError};

use super::failed;
use crate::{database::Database, query::query, record::number, sql, transaction::Transaction};

/// The numbers of the statement, in its order.
type Numbers = (i64, i64, i64, i64, Option<i64>, i64, i64, Option<i64>);

pub(super) async fn census(database: &Database, now: Timestamp) -> Result<Census, StoreError> {
    let failed = failed("count everything");
    let mut tx = Transaction::begin_reading(database).await.map_err(&failed)?;
    let states: Vec<(String, String, i64)> =
        query(sql::ISSUES_BY_STATE).fetch_all(&mut tx).await.map_err(&failed)?;
    let numbers: Option<Numbers> =
        query(sql::CENSUS).bind(now.millis()).fetch_optional(&mut tx).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    let Some((ready, active, newest, waiting, oldest, dead, reports, due)) = numbers else {
        return Err(failed(sqlx::Error::RowNotFound));
    };
    let count = |what, value| number("count of", what, value);
    Ok(Census {
        issues: states
            .into_iter()
            .map(|(project, state, issues)| {
                let issues = count("issues", issues)?;
                Ok((ProjectId::new(project), state, issues))
            })
            .collect::<Result<_, StoreError>>()?,
        ready: count("ready issues", ready)?,
        active_runs: count("active runs", active)?,
        newest_delivery: newest,
        inbox_waiting: count("deliveries", waiting)?,
        inbox_oldest: oldest.map(Timestamp::from_millis),
        inbox_dead: count("dead deliveries", dead)?,
        outbox_waiting: count("reports", reports)?,
        outbox_due: due.map(Timestamp::from_millis),
    })
}
