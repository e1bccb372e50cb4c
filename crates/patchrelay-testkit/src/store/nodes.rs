//! Nodes: which of them are there, and what one does for all.

use std::time::Duration;

use patchrelay_domain::{NodeId, Taking, Timestamp, taking};
use patchrelay_ports::{Beat, Pulse, Role, Worker};

use super::{Hold, State, is_free, issues::Issue};

/// A node as it was last heard of.
#[derive(Debug)]
pub(super) struct Node {
    /// The process that is this node now.
    worker: String,
    beat: Timestamp,
}

impl State {
    /// Whether an issue is at home with this worker, nowhere, or with a node that is gone.
    pub(super) fn may_take(&self, worker: &Worker, issue: &Issue, now: Timestamp) -> bool {
        let home = issue.stored.facts.home.as_ref();
        let silence = home.and_then(|home| self.silence(home, now));
        taking(home, &worker.node, silence, worker.gone_after) != Taking::NotOurs
    }

    pub(super) fn register(&mut self, worker: &Worker, now: Timestamp) {
        let node = Node { worker: worker.id.clone(), beat: now };
        let earlier = self.nodes.insert(worker.node.clone(), node);
        // Asked again after a lost answer, it is this very process.
        if let Some(earlier) = earlier.filter(|earlier| earlier.worker != worker.id) {
            for issue in self.issues.values_mut() {
                issue.lease.take_if(|hold| hold.holder == earlier.worker);
            }
            self.free_reports_of(&earlier.worker);
        }
    }

    pub(super) fn beat(&mut self, worker: &Worker, now: Timestamp) -> Beat {
        let new = Node { worker: worker.id.clone(), beat: now };
        let node = self.nodes.entry(worker.node.clone()).or_insert(new);
        if node.worker != worker.id {
            return Beat::Superseded;
        }
        node.beat = now;
        let is_there = |(name, node): (&NodeId, &Node)| {
            *name != worker.node && now.minus(worker.gone_after) < node.beat
        };
        if self.nodes.iter().any(is_there) { Beat::AmongOthers } else { Beat::Alone }
    }

    pub(super) fn bury(&mut self, worker: &Worker, now: Timestamp) -> usize {
        let gone: Vec<_> = self
            .nodes
            .extract_if(.., |name, node| {
                *name != worker.node && node.beat <= now.minus(worker.gone_after)
            })
            .collect();
        for (_, node) in &gone {
            self.free_reports_of(&node.worker);
        }
        gone.len()
    }

    /// A clock that was set back makes it no longer.
    pub(super) fn silence(&self, node: &NodeId, now: Timestamp) -> Option<Duration> {
        self.nodes.get(node).map(|node| now.since(node.beat))
    }

    pub(super) fn hold_role(
        &mut self,
        role: Role,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> bool {
        let is_ours = |hold: &Hold| hold.holder == worker.node.as_str();
        let held = self.roles.get(&role);
        if !is_free(held, now) && !held.is_some_and(is_ours) {
            return false;
        }
        let hold = Hold { holder: worker.node.to_string(), until: now.plus(ttl) };
        self.roles.insert(role, hold);
        true
    }

    pub(super) fn release_role(&mut self, role: Role, worker: &Worker) {
        if self.roles.get(&role).is_some_and(|hold| hold.holder == worker.node.as_str()) {
            self.roles.remove(&role);
        }
    }

    pub(super) fn pulse(&self) -> Pulse {
        Pulse { delivery: self.last.delivery, line: self.last.line }
    }
}
