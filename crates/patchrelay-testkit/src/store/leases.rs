//! Leases: who may work on an issue. The token is the issue's and only grows, whoever holds it.

use std::time::Duration;

use patchrelay_domain::{IssueId, Timestamp};
use patchrelay_ports::{Lease, Worker};

use super::{Hold, State, is_free, issues::Issue};

impl Issue {
    /// Whether a lease is the one that the issue has, be it expired.
    fn has(&self, lease: &Lease) -> bool {
        self.token == lease.token
            && self.lease.as_ref().is_some_and(|hold| hold.holder == lease.owner)
    }
}

impl State {
    pub(super) fn acquire(
        &mut self,
        id: &IssueId,
        worker: &Worker,
        now: Timestamp,
        ttl: Duration,
    ) -> Option<Lease> {
        let issue = self.issue(id)?;
        if !is_free(issue.lease.as_ref(), now) || !self.may_take(worker, issue, now) {
            return None;
        }
        let issue = self.issues.get_mut(&id.to_string())?;
        let expires = now.plus(ttl);
        issue.token += 1;
        issue.lease = Some(Hold { holder: worker.id.clone(), until: expires });
        Some(Lease { issue: id.clone(), owner: worker.id.clone(), token: issue.token, expires })
    }

    /// An expired lease is not renewed, even if nobody took it: its holder may have been seen as gone.
    pub(super) fn renew(
        &mut self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Option<Timestamp> {
        if !self.is_held(lease, now) {
            return None;
        }
        let hold = self.issues.get_mut(&lease.issue.to_string())?.lease.as_mut()?;
        hold.until = now.plus(ttl);
        Some(hold.until)
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        let issue = self.issues.get_mut(&lease.issue.to_string());
        if let Some(issue) = issue.filter(|issue| issue.has(lease)) {
            issue.lease = None;
        }
    }

    /// Whether a lease is still its holder's.
    pub(super) fn is_held(&self, lease: &Lease, now: Timestamp) -> bool {
        self.issue(&lease.issue)
            .is_some_and(|issue| issue.has(lease) && !is_free(issue.lease.as_ref(), now))
    }
}
