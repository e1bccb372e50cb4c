//! Reports: in the order of their lane, each with one sender at a time.

use std::{cmp::Reverse, time::Duration};

use patchrelay_domain::{FeedEntry, IssueId, OutboxOrder, Timestamp};
use patchrelay_ports::{NewOrder, OrderId, OutboxRow, Urgency, Waits};

use super::{Hold, State, is_free, rows};

/// A report as it is kept.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) issue: IssueId,
    /// The version of the issue that it came with, and its place among those of the same version.
    place: (u64, u32),
    entity_id: String,
    order: OutboxOrder,
    target: String,
    /// Reports of one lane are sent one after the other.
    lane: String,
    attempts: u32,
    pub(super) due: Timestamp,
    hold: Option<Hold>,
    expires: Option<Timestamp>,
    pub(super) done: Option<Timestamp>,
}

impl Report {
    fn is_superseded_by(&self, newer: &Self) -> bool {
        newer.lane == self.lane
            && newer.done.is_none()
            && self.order.set_key().is_some()
            && newer.order.set_key() == self.order.set_key()
            && newer.place > self.place
    }

    /// An urgent report waits only for urgent ones before it, and the others wait for an urgent one that is due.
    fn waits_for(&self, other: &Self, now: Timestamp) -> bool {
        if other.lane != self.lane || other.done.is_some() {
            return false;
        }
        let is_before = other.place < self.place;
        match (other.order.is_urgent(), self.order.is_urgent()) {
            (true, true) | (false, false) => is_before,
            (true, false) => is_before || other.due <= now,
            (false, true) => false,
        }
    }
}

impl State {
    pub(super) fn insert_order(
        &mut self,
        issue: &IssueId,
        place: (u64, u32),
        new: &NewOrder,
        at: Timestamp,
    ) {
        self.last.report += 1;
        let report = Report {
            issue: issue.clone(),
            place,
            entity_id: new.entity_id.clone(),
            order: new.order.clone(),
            target: new.order.target(issue),
            lane: new.order.lane(issue),
            attempts: 0,
            due: at,
            hold: None,
            expires: new.expires,
            done: None,
        };
        self.outbox.insert(self.last.report, report);
    }

    pub(super) fn outbox_take(
        &mut self,
        taker: &str,
        now: Timestamp,
        ttl: Duration,
        urgency: Urgency,
        limit: u32,
    ) -> Vec<OutboxRow> {
        let mut due: Vec<_> = self
            .outbox
            .iter()
            .filter(|(_, report)| self.may_be_taken(report, urgency, now))
            .map(|(id, report)| (*id, report.order.is_urgent(), self.is_superseded(report)))
            .collect();
        due.sort_by_key(|(id, is_urgent, _)| (Reverse(*is_urgent), *id));
        due.truncate(rows(limit));
        let held_until = now.plus(ttl);
        let mut taken = Vec::with_capacity(due.len());
        for (id, _, is_superseded) in due {
            let Some(report) = self.outbox.get_mut(&id) else { continue };
            report.hold = Some(Hold { holder: taker.to_owned(), until: held_until });
            taken.push(OutboxRow {
                id: OrderId(id),
                issue: report.issue.clone(),
                entity_id: report.entity_id.clone(),
                order: report.order.clone(),
                attempts: report.attempts,
                expires: report.expires,
                is_superseded,
                taker: taker.to_owned(),
                held_until,
            });
        }
        taken
    }

    /// One that a newer one supersedes is only ended, so it waits for nothing but its turn.
    fn may_be_taken(&self, report: &Report, urgency: Urgency, now: Timestamp) -> bool {
        let is_wanted = match urgency {
            Urgency::Any => true,
            Urgency::Urgent => report.order.is_urgent(),
        };
        let is_paused = self.pauses.get(&report.target).is_some_and(|until| now < *until);
        report.done.is_none()
            && is_wanted
            && is_free(report.hold.as_ref(), now)
            && ((report.due <= now && !is_paused) || self.is_superseded(report))
            && !self.outbox.values().any(|other| report.waits_for(other, now))
    }

    fn is_superseded(&self, report: &Report) -> bool {
        self.outbox.values().any(|newer| report.is_superseded_by(newer))
    }

    /// A report ends once: whoever comes later changes nothing and gets no line in the feed.
    pub(super) fn outbox_done(&mut self, row: &OutboxRow, feed: &FeedEntry, now: Timestamp) {
        let report = self.outbox.get_mut(&row.id.0);
        if let Some(report) = report.filter(|report| report.done.is_none()) {
            report.done = Some(now);
            report.hold = None;
            self.append_feed(now, &row.issue, feed);
        }
    }

    /// A pause holds whoever has the report now: it is what the target said.
    pub(super) fn outbox_failed(&mut self, row: &OutboxRow, due: Timestamp, waits: Waits) {
        let Some(report) = self.outbox.get_mut(&row.id.0) else { return };
        let hold = Hold { holder: row.taker.clone(), until: row.held_until };
        if report.done.is_none() && report.hold.as_ref() == Some(&hold) {
            report.due = due;
            report.attempts += 1;
            report.hold = None;
        }
        if waits == Waits::Target {
            let until = self.pauses.entry(report.target.clone()).or_insert(due);
            *until = due.max(*until);
        }
    }

    pub(super) fn outbox_pending(&self) -> u64 {
        self.outbox.values().filter(|report| report.done.is_none()).map(|_| 1).sum()
    }

    /// Frees what a process that is gone was sending.
    pub(super) fn free_reports_of(&mut self, worker: &str) {
        for report in self.outbox.values_mut() {
            report.hold.take_if(|hold| hold.holder == worker);
        }
    }
}
