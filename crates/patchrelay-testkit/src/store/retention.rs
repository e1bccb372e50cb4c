//! Forgetting what is over, the oldest first.

use patchrelay_domain::Timestamp;
use patchrelay_ports::Expired;

use super::{State, rows};

impl State {
    pub(super) fn forget(&mut self, what: Expired, before: Timestamp, limit: u32) -> u64 {
        let mut over = self.over(what);
        over.retain(|(since, _)| *since < before);
        over.sort_unstable();
        over.truncate(rows(limit));
        for (_, id) in &over {
            match what {
                Expired::Payloads => {
                    if let Some(row) = self.inbox.get_mut(id) {
                        row.delivery.body = Vec::new();
                    }
                }
                Expired::Deliveries => drop(self.inbox.remove(id)),
                Expired::Reports => drop(self.outbox.remove(id)),
                Expired::Feed => drop(self.feed.remove(id)),
                Expired::RunTexts => drop(self.texts.remove(id)),
            }
        }
        over.iter().map(|_| 1).sum()
    }

    /// What is over, by since when.
    fn over(&self, what: Expired) -> Vec<(Timestamp, i64)> {
        match what {
            Expired::Payloads => {
                let said = self.inbox.iter().filter(|(_, row)| !row.delivery.body.is_empty());
                said.filter_map(|(id, row)| Some((row.done?, *id))).collect()
            }
            Expired::Deliveries => {
                let over =
                    self.inbox.iter().filter(|(_, row)| row.done.is_some() || row.due.is_none());
                over.map(|(id, row)| (row.delivery.received, *id)).collect()
            }
            Expired::Reports => {
                let of_settled = self.outbox.iter().filter(|(_, report)| {
                    self.issue(&report.issue).is_some_and(|issue| issue.settled.is_some())
                });
                of_settled.filter_map(|(id, report)| Some((report.done?, *id))).collect()
            }
            Expired::Feed => self.feed.iter().map(|(cursor, line)| (line.at, *cursor)).collect(),
            Expired::RunTexts => self.texts.iter().map(|(id, (_, text))| (text.at, *id)).collect(),
        }
    }
}
