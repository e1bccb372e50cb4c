//! Deliveries: stored once, and kept until their meaning is derived or given up.

use patchrelay_domain::Timestamp;
use patchrelay_ports::{DeadDeliveries, Delivery, InboxRow, Received, Source, StoreError};
use sha2::{Digest, Sha256};

use super::{begin, bounded, failed, write};
use crate::{
    database::Database,
    query::query,
    record::{DeadRecord, InboxRecord, read_all},
    sql,
    transaction::Transaction,
};

/// One statement with two unique keys: whichever is there already, nothing is stored.
pub(super) async fn receive(
    database: &Database,
    delivery: &Delivery,
) -> Result<Received, StoreError> {
    let hash = Sha256::digest(&delivery.body);
    let received = delivery.received.millis();
    let statement = query(sql::RECEIVE)
        .bind(delivery.source.as_str())
        .bind(&delivery.delivery_id)
        .bind(&delivery.event)
        .bind(delivery.body.as_slice())
        .bind(hash.as_slice())
        .bind(received)
        .bind(received);
    let stored = write(database, "store a delivery", statement).await?;
    Ok(if stored == 0 { Received::Duplicate } else { Received::Accepted })
}

/// One list per source, each through the index, so that what waits for nobody is not even looked at.
pub(super) async fn due(
    database: &Database,
    now: Timestamp,
    sources: &[Source],
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    let failed = failed("read the inbox");
    let mut tx = Transaction::begin_reading(database).await.map_err(&failed)?;
    let mut lists = Vec::with_capacity(sources.len());
    for &source in sources {
        let of_source: Vec<InboxRecord> = query(sql::INBOX_DUE)
            .bind(source.as_str())
            .bind(now.millis())
            .bind(i64::from(limit))
            .fetch_all(&mut tx)
            .await
            .map_err(&failed)?;
        lists.push((source, of_source));
    }
    tx.commit().await.map_err(&failed)?;
    let mut rows = lists
        .into_iter()
        .flat_map(|(source, list)| list.into_iter().map(move |row| row.read(source)))
        .collect::<Result<Vec<InboxRow>, StoreError>>()?;
    // A source that is named twice gives its rows twice.
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

pub(super) async fn dead(database: &Database, limit: u32) -> Result<DeadDeliveries, StoreError> {
    let rows: Vec<DeadRecord> = query(sql::INBOX_DEAD)
        .bind(i64::from(limit))
        .read_all(database)
        .await
        .map_err(failed("read what was put aside of the inbox"))?;
    let count = rows.first().map_or(Ok(0), DeadRecord::count)?;
    Ok(DeadDeliveries { count, newest: read_all(rows)? })
}

pub(super) async fn done(
    database: &Database,
    rows: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    let failed = failed("end deliveries");
    let mut tx = begin(database, "end deliveries").await?;
    for row in rows {
        query(sql::INBOX_DONE)
            .bind(*row)
            .bind(now.millis())
            .execute(&mut tx)
            .await
            .map_err(&failed)?;
    }
    tx.commit().await.map_err(&failed)
}

pub(super) async fn put_off(
    database: &Database,
    row: i64,
    due: Option<Timestamp>,
    error: &str,
) -> Result<(), StoreError> {
    let statement =
        query(sql::INBOX_FAILED).bind(row).bind(due.map(Timestamp::millis)).bind(bounded(error));
    write(database, "put a delivery off", statement).await.map(drop)
}
