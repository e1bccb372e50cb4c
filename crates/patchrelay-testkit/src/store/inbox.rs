//! Deliveries: stored once, and kept until their meaning is derived or given up.

use patchrelay_domain::Timestamp;
use patchrelay_ports::{DeadDeliveries, DeadDelivery, Delivery, InboxRow, Received, Source};
use sha2::{Digest, Sha256};

use super::{State, rows};

/// A delivery as it is kept.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) delivery: Delivery,
    /// Tells a body from others when the body itself is forgotten.
    fingerprint: [u8; 32],
    attempts: u32,
    /// `None`: put aside as dead.
    pub(super) due: Option<Timestamp>,
    pub(super) done: Option<Timestamp>,
    error: Option<String>,
}

impl Delivered {
    pub(super) fn is_dead(&self) -> bool {
        self.done.is_none() && self.due.is_none()
    }
}

impl State {
    pub(super) fn receive(&mut self, delivery: &Delivery) -> Received {
        let fingerprint = Sha256::digest(&delivery.body).into();
        let is_stored = self.inbox.values().any(|row| {
            row.delivery.source == delivery.source
                && (row.delivery.delivery_id == delivery.delivery_id
                    || row.fingerprint == fingerprint)
        });
        if is_stored {
            return Received::Duplicate;
        }
        self.last.delivery += 1;
        let row = Delivered {
            delivery: delivery.clone(),
            fingerprint,
            attempts: 0,
            due: Some(delivery.received),
            done: None,
            error: None,
        };
        self.inbox.insert(self.last.delivery, row);
        Received::Accepted
    }

    pub(super) fn inbox_due(
        &self,
        now: Timestamp,
        sources: &[Source],
        limit: u32,
    ) -> Vec<InboxRow> {
        self.inbox
            .iter()
            .filter(|(_, row)| sources.contains(&row.delivery.source))
            .filter(|(_, row)| row.done.is_none() && row.due.is_some_and(|due| due <= now))
            .take(rows(limit))
            .map(|(id, row)| InboxRow {
                id: *id,
                delivery: row.delivery.clone(),
                attempts: row.attempts,
            })
            .collect()
    }

    pub(super) fn inbox_done(&mut self, rows: &[i64], now: Timestamp) {
        for row in rows {
            if let Some(row) = self.inbox.get_mut(row) {
                row.done.get_or_insert(now);
            }
        }
    }

    pub(super) fn inbox_failed(&mut self, row: i64, due: Option<Timestamp>, error: &str) {
        if let Some(row) = self.inbox.get_mut(&row).filter(|row| row.done.is_none()) {
            row.due = due;
            row.error = Some(error.to_owned());
            row.attempts += 1;
        }
    }

    pub(super) fn inbox_dead(&self, limit: u32) -> DeadDeliveries {
        let dead = || self.inbox.iter().rev().filter(|(_, row)| row.is_dead());
        let newest = dead().take(rows(limit)).map(|(id, row)| DeadDelivery {
            id: *id,
            source: row.delivery.source,
            delivery_id: row.delivery.delivery_id.clone(),
            event: row.delivery.event.clone(),
            received: row.delivery.received,
            attempts: row.attempts,
            error: row.error.clone(),
        });
        DeadDeliveries { count: dead().map(|_| 1).sum(), newest: newest.collect() }
    }
}
