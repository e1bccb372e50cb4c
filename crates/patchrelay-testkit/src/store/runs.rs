//! Runs: how they stand, and which of them nobody looks after any more.

use patchrelay_domain::{FeedEntry, IssueId, RunId, RunState, Timestamp};
use patchrelay_ports::{Lease, RunRecord, RunText, Worker};

use super::{State, is_free, rows};

impl State {
    pub(super) fn advance(
        &mut self,
        lease: &Lease,
        run: &RunId,
        state: &RunState,
        feed: Option<&FeedEntry>,
        now: Timestamp,
    ) -> bool {
        if !self.is_held(lease, now) {
            return false;
        }
        let is_open = |run: &&mut RunRecord| run.issue == lease.issue && run.ended.is_none();
        let Some(run) = self.runs.get_mut(run).filter(is_open) else { return false };
        run.state = state.clone();
        if let Some(entry) = feed {
            self.append_feed(now, &lease.issue, entry);
        }
        true
    }

    pub(super) fn keep_texts(
        &mut self,
        lease: &Lease,
        run: &RunId,
        texts: &[RunText],
        now: Timestamp,
    ) -> bool {
        let is_open = self.run_of(&lease.issue, run).is_some_and(|run| run.ended.is_none());
        if !is_open || !self.is_held(lease, now) {
            return false;
        }
        for text in texts {
            self.last.text += 1;
            self.texts.insert(self.last.text, (run.clone(), text.clone()));
        }
        true
    }

    pub(super) fn texts_of(&self, run: &RunId, limit: u32) -> Vec<RunText> {
        let own = self.texts.values().rev().filter(|(of, _)| of == run);
        let mut newest: Vec<_> = own.take(rows(limit)).map(|(_, text)| text.clone()).collect();
        newest.reverse();
        newest
    }

    pub(super) fn run(&self, run: &RunId) -> Option<RunRecord> {
        self.runs.get(run).cloned()
    }

    /// A run, if it is one of this issue.
    pub(super) fn run_of(&self, issue: &IssueId, run: &RunId) -> Option<&RunRecord> {
        self.runs.get(run).filter(|run| run.issue == *issue)
    }

    pub(super) fn runs_of(&self, issue: &IssueId) -> Vec<RunRecord> {
        self.oldest_first(|run| run.issue == *issue)
    }

    pub(super) fn orphaned_runs(&self, worker: &Worker, now: Timestamp) -> Vec<RunRecord> {
        let is_lost = |run: &RunRecord| {
            self.issue(&run.issue).is_some_and(|issue| {
                is_free(issue.lease.as_ref(), now) && self.may_take(worker, issue, now)
            })
        };
        self.oldest_first(|run| run.ended.is_none() && is_lost(run))
    }

    fn oldest_first(&self, is_meant: impl Fn(&RunRecord) -> bool) -> Vec<RunRecord> {
        let mut runs: Vec<_> = self.runs.values().filter(|run| is_meant(run)).cloned().collect();
        // Those that started together stay in the order of their ids.
        runs.sort_by_key(|run| run.started);
        runs
    }
}
