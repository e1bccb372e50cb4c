//! The log of each issue, and the feed that people follow.

use patchrelay_domain::{FeedEntry, IssueId, Observation, ObservationKind, Timestamp};
use patchrelay_ports::{FeedFilter, FeedPart, StoredFeedEntry, StoredObservation};

use super::{State, commit::occurrence, rows};

impl State {
    pub(super) fn known_occurrences(&self, id: &IssueId, kinds: &[ObservationKind]) -> Vec<bool> {
        let issue = self.issue(id);
        let is_known = |kind| match (issue, occurrence(kind)) {
            (Some(issue), Some(occurrence)) => issue.occurrences.contains(&occurrence),
            (None, _) | (_, None) => false,
        };
        kinds.iter().map(is_known).collect()
    }

    pub(super) fn observations(&self, id: &IssueId, limit: u32) -> Vec<StoredObservation> {
        let log = self.issue(id).map_or(&[][..], |issue| &issue.log);
        log[log.len().saturating_sub(rows(limit))..].to_vec()
    }

    /// Appends to the log of an issue that is stored.
    pub(super) fn append_observations(
        &mut self,
        id: &IssueId,
        version: u64,
        observations: &[Observation],
    ) {
        let Some(issue) = self.issues.get_mut(&id.to_string()) else { return };
        for (position, observation) in (0..).zip(observations) {
            issue.occurrences.extend(occurrence(&observation.kind));
            issue.log.push(StoredObservation {
                issue: id.clone(),
                version,
                position,
                at: observation.at,
                kind: observation.kind.name().to_owned(),
                observation: Some(observation.clone()),
            });
        }
    }

    pub(super) fn feed(&self, filter: &FeedFilter) -> Vec<StoredFeedEntry> {
        let is_meant = |line: &&StoredFeedEntry| {
            filter.issue.as_ref().is_none_or(|issue| *issue == line.issue)
        };
        let lines = self.feed.values().filter(is_meant);
        match filter.part {
            FeedPart::After(cursor) => lines
                .filter(|line| cursor < line.cursor)
                .take(rows(filter.limit))
                .cloned()
                .collect(),
            FeedPart::Newest => {
                let mut newest: Vec<_> = lines.rev().take(rows(filter.limit)).cloned().collect();
                newest.reverse();
                newest
            }
        }
    }

    pub(super) fn append_feed(&mut self, at: Timestamp, issue: &IssueId, entry: &FeedEntry) {
        self.last.line += 1;
        let cursor = self.last.line;
        let line = StoredFeedEntry { cursor, at, issue: issue.clone(), entry: entry.clone() };
        self.feed.insert(cursor, line);
    }
}
