//! Issues as they are read: one, many, by pull request, and those that could run.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use patchrelay_domain::{
    BranchName, IssueId, NextColumns, PrNumber, ProjectId, ReadyIssue, Timestamp,
};
use patchrelay_ports::{IssueFilter, SettledIssue, Stored, StoredObservation, Worker};

use super::{Hold, State, is_free, rows};

/// An issue with everything that is its own.
#[derive(Debug)]
pub(super) struct Issue {
    pub(super) stored: Stored,
    pub(super) next: NextColumns,
    /// The name of its factory state.
    pub(super) state: &'static str,
    /// Since when a run of this type could start; `None` when none can.
    pub(super) ready_since: Option<Timestamp>,
    pub(super) settled: Option<Timestamp>,
    pub(super) lease: Option<Hold>,
    /// Survives the release of the lease, so that no two leases of an issue ever have the same one.
    pub(super) token: i64,
    pub(super) log: Vec<StoredObservation>,
    /// The kinds and ids of the occurrences in the log.
    pub(super) occurrences: HashSet<(&'static str, String)>,
}

impl Issue {
    pub(super) fn new(
        stored: Stored,
        next: NextColumns,
        state: &'static str,
        ready_since: Option<Timestamp>,
        settled: Option<Timestamp>,
    ) -> Self {
        Self {
            stored,
            next,
            state,
            ready_since,
            settled,
            lease: None,
            token: 0,
            log: Vec::new(),
            occurrences: HashSet::new(),
        }
    }

    fn updated(&self) -> Timestamp {
        self.stored.facts.updated
    }

    /// Whether a run could be started for it now.
    pub(super) fn is_ready(&self, now: Timestamp) -> bool {
        self.ready(now).is_some()
    }

    fn ready(&self, now: Timestamp) -> Option<ReadyIssue> {
        let facts = &self.stored.facts;
        let (run_type, since) = (self.next.run_type?, self.ready_since?);
        let is_ready =
            self.next.due.is_some_and(|due| due <= now) && is_free(self.lease.as_ref(), now);
        is_ready.then(|| ReadyIssue {
            issue: facts.issue.clone(),
            project: facts.project.clone(),
            run_type,
            priority: facts.ticket.as_ref().map_or(0, |ticket| ticket.value.priority),
            since,
        })
    }
}

impl State {
    pub(super) fn issue(&self, id: &IssueId) -> Option<&Issue> {
        self.issues.get(&id.to_string())
    }

    pub(super) fn load(&self, id: &IssueId) -> Option<Stored> {
        self.issue(id).map(|issue| issue.stored.clone())
    }

    pub(super) fn list(&self, filter: &IssueFilter) -> Vec<Stored> {
        let after = match &filter.after {
            None => None,
            Some(after) => match self.issues.get_key_value(&after.to_string()) {
                // Nothing is known to come after an issue that is not there.
                None => return Vec::new(),
                Some((id, issue)) => Some((issue.updated(), id)),
            },
        };
        let mut found: Vec<_> = self
            .issues
            .iter()
            .filter(|(_, issue)| {
                let facts = &issue.stored.facts;
                filter.project.as_ref().is_none_or(|project| *project == facts.project)
                    && filter.key.as_ref().is_none_or(|key| key == facts.key())
                    && !(filter.open && issue.settled.is_some())
            })
            .map(|(id, issue)| ((issue.updated(), id), &issue.stored))
            .filter(|(place, _)| after.is_none_or(|after| *place < after))
            .collect();
        found.sort_by_key(|(place, _)| Reverse(*place));
        found.into_iter().take(rows(filter.limit)).map(|(_, stored)| stored.clone()).collect()
    }

    /// A pull request is known by its number before it is known by its branch: a branch name may be used again.
    pub(super) fn find_by_pull_request(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        number: PrNumber,
    ) -> Option<IssueId> {
        let has_number = |issue: &Issue| {
            let pull_request = issue.stored.facts.pull_request.as_ref();
            pull_request.is_some_and(|pull_request| pull_request.value.number == number)
        };
        self.issues
            .iter()
            .filter(|(_, issue)| issue.stored.facts.project == *project)
            .filter(|(_, issue)| {
                issue.stored.facts.branch.as_ref() == Some(branch) || has_number(issue)
            })
            .min_by_key(|(id, issue)| (!has_number(issue), Reverse(issue.updated()), *id))
            .map(|(_, issue)| issue.stored.facts.issue.clone())
    }

    pub(super) fn ready(&self, worker: &Worker, now: Timestamp, limit: u32) -> Vec<ReadyIssue> {
        let mut ready: Vec<_> = self
            .issues
            .iter()
            .filter(|(_, issue)| self.may_take(worker, issue, now))
            .filter_map(|(id, issue)| Some((id, issue.ready(now)?)))
            .collect();
        ready.sort_by_key(|(id, ready)| (ready.since, *id));
        ready.into_iter().take(rows(limit)).map(|(_, ready)| ready).collect()
    }

    pub(super) fn settled(
        &self,
        before: Timestamp,
        after: Option<&SettledIssue>,
        limit: u32,
    ) -> Vec<SettledIssue> {
        let after = after.map(|last| (last.since, last.issue.to_string()));
        let mut settled: Vec<_> = self
            .issues
            .iter()
            .filter_map(|(id, issue)| Some((issue.settled?, id, issue)))
            .filter(|(since, id, _)| {
                *since < before
                    && after.as_ref().is_none_or(|(last, last_id)| (last, last_id) < (since, *id))
            })
            .collect();
        settled.sort_by_key(|(since, id, _)| (*since, *id));
        settled
            .into_iter()
            .take(rows(limit))
            .map(|(since, _, issue)| SettledIssue {
                issue: issue.stored.facts.issue.clone(),
                since,
            })
            .collect()
    }

    pub(super) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let waiting = self.issues.values().filter(|issue| issue.next.kind == "wait");
        waiting.filter_map(|issue| issue.next.due).filter(|due| now < *due).min()
    }

    pub(super) fn starts_since(&self, since: Timestamp) -> HashMap<ProjectId, usize> {
        let mut starts = HashMap::new();
        for run in self.runs.values().filter(|run| since < run.started) {
            if let Some(issue) = self.issue(&run.issue) {
                *starts.entry(issue.stored.facts.project.clone()).or_insert(0) += 1;
            }
        }
        starts
    }
}
