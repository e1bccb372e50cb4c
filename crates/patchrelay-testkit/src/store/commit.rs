//! The one change of an issue: all of it is judged before any of it is stored.

use std::collections::{HashSet, btree_map::Entry};

use patchrelay_domain::{NextStep, ObservationKind, RunId, RunState, factory_state};
use patchrelay_ports::{Commit, Committed, Guard, Lease, RunRecord, StoreError, Stored};

use super::{State, issues::Issue};

impl State {
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<Committed, StoreError> {
        if let Some(refusal) = self.refusal(commit)? {
            return Ok(refusal);
        }
        let version = commit.expected + 1;
        let issue = &commit.facts.issue;
        self.store_facts(commit, version);
        self.change_run(commit);
        self.append_observations(issue, version, &commit.observations);
        for (position, new) in (0..).zip(&commit.orders) {
            self.insert_order(issue, (version, position), new, commit.at);
        }
        for entry in &commit.feed {
            self.append_feed(commit.at, issue, entry);
        }
        self.inbox_done(&commit.deliveries, commit.at);
        Ok(Committed::Stored(version))
    }

    /// What is in the way of a change, the compare-and-set first.
    fn refusal(&self, commit: &Commit) -> Result<Option<Committed>, StoreError> {
        let id = &commit.facts.issue;
        let issue = self.issue(id);
        if issue.map_or(0, |issue| issue.stored.version) != commit.expected {
            return Ok(Some(Committed::Conflict));
        }
        let is_ours = |lease: &Lease| lease.issue == *id && self.is_held(lease, commit.at);
        let refusal = match &commit.guard {
            Guard::Version => None,
            Guard::Held { lease } | Guard::Claim { lease, .. } if !is_ours(lease) => {
                Some(Committed::LeaseLost)
            }
            Guard::Held { .. } => None,
            Guard::Claim { run, .. } => {
                // An issue with an open run has no room for another, whatever its facts say.
                let is_open = |other: &RunRecord| other.issue == *id && other.ended.is_none();
                let is_taken = self.runs.contains_key(&run.id) || self.runs.values().any(is_open);
                is_taken.then_some(Committed::Conflict)
            }
            Guard::Settle { lease, .. } if lease.issue != *id => Some(Committed::LeaseLost),
            // That it is settled already is the better answer for somebody who also lost the lease.
            Guard::Settle { lease, run, .. } => match self.run_of(id, run) {
                None => return Err(no_such_run(commit, run)),
                Some(run) if run.ended.is_some() => Some(Committed::AlreadySettled),
                Some(_) if !is_ours(lease) => Some(Committed::LeaseLost),
                Some(_) => None,
            },
        };
        if refusal.is_some() {
            return Ok(refusal);
        }
        let mut new = HashSet::new();
        let mut occurrences =
            commit.observations.iter().filter_map(|observation| occurrence(&observation.kind));
        let is_repeated = occurrences.any(|occurrence| {
            issue.is_some_and(|issue| issue.occurrences.contains(&occurrence))
                || !new.insert(occurrence)
        });
        Ok(is_repeated.then_some(Committed::Conflict))
    }

    /// An issue keeps its place among the ready ones, and the time of its end, until they are something else.
    fn store_facts(&mut self, commit: &Commit, version: u64) {
        let at = commit.at;
        let stored = Stored { facts: commit.facts.clone(), version };
        let (next, state) = (commit.next.columns(), factory_state(&commit.next).as_str());
        let ready_since = next.run_type.map(|_| next.due.map_or(at, |due| due.max(at)));
        let settled = matches!(commit.next, NextStep::Settled(_)).then_some(at);
        match self.issues.entry(commit.facts.issue.to_string()) {
            Entry::Vacant(place) => {
                place.insert(Issue::new(stored, next, state, ready_since, settled));
            }
            Entry::Occupied(mut place) => {
                let issue = place.get_mut();
                if issue.next.run_type != next.run_type {
                    issue.ready_since = ready_since;
                }
                issue.settled = settled.map(|now| issue.settled.unwrap_or(now));
                issue.next = next;
                issue.state = state;
                issue.stored = stored;
            }
        }
    }

    fn change_run(&mut self, commit: &Commit) {
        match &commit.guard {
            Guard::Version | Guard::Held { .. } => {}
            Guard::Claim { run, .. } => {
                let record = RunRecord {
                    id: run.id.clone(),
                    issue: commit.facts.issue.clone(),
                    run_type: run.run_type,
                    state: RunState::Preparing,
                    outcome: None,
                    started: run.started,
                    ended: None,
                };
                self.runs.insert(run.id.clone(), record);
            }
            Guard::Settle { run, outcome, .. } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.outcome = Some(outcome.clone());
                    run.ended = Some(commit.at);
                }
            }
        }
    }
}

/// What makes an occurrence of an issue the same as another one.
pub(super) fn occurrence(kind: &ObservationKind) -> Option<(&'static str, String)> {
    kind.occurrence().map(|occurrence| (kind.name(), occurrence))
}

fn no_such_run(commit: &Commit, run: &RunId) -> StoreError {
    let issue = &commit.facts.issue;
    StoreError::Corrupt {
        what: "run",
        id: run.to_string(),
        source: format!("issue `{issue}` has no such run to settle").into(),
    }
}
