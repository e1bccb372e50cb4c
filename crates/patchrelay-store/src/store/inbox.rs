//! Deliveries: stored once, and kept until their meaning is derived or given up.

use patchrelay_domain::Timestamp;
use patchrelay_ports::{Delivery, InboxRow, Received, StoreError};
use sha2::{Digest, Sha256};
use sqlx::SqlitePool;

use super::{begin, bounded, failed};
use crate::{
    record::{InboxRecord, read_all},
    sql,
};

/// One statement with two unique keys: whichever is there already, nothing is stored.
pub(super) async fn receive(
    writer: &SqlitePool,
    delivery: &Delivery,
) -> Result<Received, StoreError> {
    let hash = Sha256::digest(&delivery.body);
    let received = delivery.received.millis();
    let stored = sqlx::query(sql::RECEIVE)
        .bind(delivery.source.as_str())
        .bind(&delivery.delivery_id)
        .bind(&delivery.event)
        .bind(&delivery.body)
        .bind(hash.as_slice())
        .bind(received)
        .bind(received)
        .execute(writer)
        .await
        .map_err(failed("store a delivery"))?;
    Ok(if stored.rows_affected() == 0 { Received::Duplicate } else { Received::Accepted })
}

pub(super) async fn due(
    reader: &SqlitePool,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    let rows: Vec<InboxRecord> = sqlx::query_as(sql::INBOX_DUE)
        .bind(now.millis())
        .bind(i64::from(limit))
        .fetch_all(reader)
        .await
        .map_err(failed("read the inbox"))?;
    read_all(rows)
}

pub(super) async fn done(
    writer: &SqlitePool,
    rows: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    let failed = failed("end deliveries");
    let mut tx = begin(writer, "end deliveries").await?;
    for row in rows {
        sqlx::query(sql::INBOX_DONE)
            .bind(row)
            .bind(now.millis())
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
    }
    tx.commit().await.map_err(&failed)
}

pub(super) async fn put_off(
    writer: &SqlitePool,
    row: i64,
    due: Option<Timestamp>,
    error: &str,
) -> Result<(), StoreError> {
    sqlx::query(sql::INBOX_FAILED)
        .bind(row)
        .bind(due.map(Timestamp::millis))
        .bind(bounded(error))
        .execute(writer)
        .await
        .map(drop)
        .map_err(failed("put a delivery off"))
}
