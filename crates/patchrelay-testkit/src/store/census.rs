//! How much of everything there is.

use std::collections::BTreeMap;

use patchrelay_domain::Timestamp;
use patchrelay_ports::Census;

use super::State;

impl State {
    pub(super) fn census(&self, now: Timestamp) -> Census {
        let mut issues: BTreeMap<_, u64> = BTreeMap::new();
        for issue in self.issues.values() {
            *issues.entry((issue.stored.facts.project.clone(), issue.state)).or_default() += 1;
        }
        let waiting = || self.inbox.values().filter(|row| row.done.is_none() && row.due.is_some());
        let reports = || self.outbox.values().filter(|report| report.done.is_none());
        Census {
            issues: issues
                .into_iter()
                .map(|((project, state), count)| (project, state.to_owned(), count))
                .collect(),
            ready: self.issues.values().filter(|issue| issue.is_ready(now)).map(|_| 1).sum(),
            active_runs: self.runs.values().filter(|run| run.ended.is_none()).map(|_| 1).sum(),
            newest_delivery: self.inbox.keys().next_back().copied().unwrap_or(0),
            inbox_waiting: waiting().map(|_| 1).sum(),
            inbox_oldest: waiting().map(|row| row.delivery.received).min(),
            inbox_dead: self.inbox.values().filter(|row| row.is_dead()).map(|_| 1).sum(),
            outbox_waiting: reports().map(|_| 1).sum(),
            outbox_due: reports().map(|report| report.due).min(),
        }
    }
}
