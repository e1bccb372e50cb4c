//! Nodes: which of them are there, and what one does for all.

use std::time::Duration;

use patchrelay_domain::{NodeId, Timestamp};
use patchrelay_ports::{Beat, Pulse, Role, StoreError, Worker};

use super::{begin, failed, millis, write};
use crate::{database::Database, query::query, sql};

pub(super) async fn register(
    database: &Database,
    worker: &Worker,
    now: Timestamp,
) -> Result<(), StoreError> {
    const OPERATION: &str = "register a node";
    let failed = failed(OPERATION);
    let mut tx = begin(database, OPERATION).await?;
    let earlier: Option<(String,)> = query(sql::NODE_WORKER)
        .bind(worker.node.as_str())
        .fetch_optional(&mut tx)
        .await
        .map_err(&failed)?;
    // Asked again after a lost answer, it is this very process.
    if let Some((earlier,)) = earlier.filter(|(earlier,)| *earlier != worker.id) {
        for statement in [sql::VOID_LEASES_OF, sql::VOID_OUTBOX_LEASES_OF] {
            query(statement).bind(&earlier).execute(&mut tx).await.map_err(&failed)?;
        }
    }
    query(sql::REGISTER_NODE)
        .bind(worker.node.as_str())
        .bind(&worker.id)
        .bind(now.millis())
        .execute(&mut tx)
        .await
        .map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

pub(super) async fn beat(
    database: &Database,
    worker: &Worker,
    now: Timestamp,
) -> Result<Beat, StoreError> {
    const OPERATION: &str = "say that a node is there";
    let failed = failed(OPERATION);
    let mut tx = begin(database, OPERATION).await?;
    let heard = query(sql::BEAT)
        .bind(worker.node.as_str())
        .bind(&worker.id)
        .bind(now.millis())
        .execute(&mut tx)
        .await
        .map_err(&failed)?;
    let has_others = query(sql::OTHER_NODES)
        .bind(worker.node.as_str())
        .bind(now.millis())
        .bind(millis(worker.gone_after))
        .exists(&mut tx)
        .await
        .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(match (heard, has_others) {
        (0, _) => Beat::Superseded,
        (_, true) => Beat::AmongOthers,
        (_, false) => Beat::Alone,
    })
}

/// Not together with a beat: two nodes that each wait for the other's row would never end.
pub(super) async fn bury(
    database: &Database,
    worker: &Worker,
    now: Timestamp,
) -> Result<usize, StoreError> {
    const OPERATION: &str = "forget nodes that are gone";
    let failed = failed(OPERATION);
    let mut tx = begin(database, OPERATION).await?;
    let gone: Vec<(String,)> = query(sql::REMOVE_GONE_NODES)
        .bind(worker.node.as_str())
        .bind(now.millis())
        .bind(millis(worker.gone_after))
        .fetch_all(&mut tx)
        .await
        .map_err(&failed)?;
    for (worker,) in &gone {
        query(sql::VOID_OUTBOX_LEASES_OF).bind(worker).execute(&mut tx).await.map_err(&failed)?;
    }
    tx.commit().await.map_err(&failed)?;
    Ok(gone.len())
}

pub(super) async fn silence(
    database: &Database,
    node: &NodeId,
    now: Timestamp,
) -> Result<Option<Duration>, StoreError> {
    let row: Option<(i64,)> = query(sql::SILENCE)
        .bind(node.as_str())
        .bind(now.millis())
        .read_optional(database)
        .await
        .map_err(failed("read when a node was heard of"))?;
    // A clock that was set back makes it no longer.
    Ok(row.map(|(silent,)| Duration::from_millis(u64::try_from(silent).unwrap_or(0))))
}

pub(super) async fn hold_role(
    database: &Database,
    role: Role,
    worker: &Worker,
    now: Timestamp,
    ttl: Duration,
) -> Result<bool, StoreError> {
    let statement = query(sql::HOLD_ROLE)
        .bind(role.as_str())
        .bind(worker.node.as_str())
        .bind(now.millis())
        .bind(millis(ttl));
    write(database, "take a role", statement).await.map(|held| held == 1)
}

pub(super) async fn release_role(
    database: &Database,
    role: Role,
    worker: &Worker,
) -> Result<(), StoreError> {
    let statement = query(sql::RELEASE_ROLE).bind(role.as_str()).bind(worker.node.as_str());
    write(database, "give a role back", statement).await.map(drop)
}

pub(super) async fn pulse(database: &Database) -> Result<Pulse, StoreError> {
    let (delivery, line): (i64, i64) =
        query(sql::PULSE).read_one(database).await.map_err(failed("read what is new"))?;
    Ok(Pulse { delivery, line })
}
