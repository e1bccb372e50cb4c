//! What a prompt says of the pull request, from the facts. Texts of reviews and checks are not among the facts (D12):
//! whoever starts the run reads them from the forge and writes them over these values.

use super::{
    CiContext, FailedCheck, Freshness, PullRequestFacts, QueueContext, ReviewContext,
    UpkeepContext, Work,
};
use crate::{
    Check, CheckStatus, GateStatus, IssueFacts, Policy, ReviewVerdict, RunPlan, RunType,
    gate_status, trust_of,
};

impl PullRequestFacts {
    /// What is known of the open pull request.
    pub fn of(policy: &Policy, facts: &IssueFacts) -> Option<Self> {
        let pr = facts.open_pull_request()?;
        let checks = match gate_status(policy, facts) {
            GateStatus::Unknown => None,
            GateStatus::Pending => Some("running"),
            GateStatus::Green => Some("passed"),
            GateStatus::Red => Some("failed"),
        };
        let review = if facts.has_review(ReviewVerdict::ChangesRequested) {
            Some("changes requested")
        } else if facts.is_approved() {
            Some("approved")
        } else if facts.has_any_request_for_changes() {
            Some("changes requested to an older head")
        } else {
            None
        };
        let mergeable = match facts.merge.as_ref().and_then(|merge| merge.value.is_conflicting) {
            None => None,
            Some(true) => Some("conflicts with the base branch"),
            Some(false) => Some("no conflicts"),
        };
        Some(Self {
            number: pr.number,
            url: Some(pr.url.clone()),
            head: Some(pr.head.clone()),
            review: review.map(str::to_owned),
            checks: checks.map(str::to_owned),
            mergeable: mergeable.map(str::to_owned),
            freshness: Freshness::Stale,
        })
    }
}

impl Work {
    /// What is known of what a planned run is for.
    pub fn of(policy: &Policy, facts: &IssueFacts, plan: &RunPlan) -> Self {
        match plan.run_type {
            RunType::Implementation => Self::Implementation,
            RunType::ReviewFix => Self::ReviewFix(review(policy, facts)),
            RunType::CiRepair => Self::CiRepair(ci(policy, facts)),
            RunType::QueueRepair => Self::QueueRepair(queue(facts, plan)),
            RunType::BranchUpkeep => Self::BranchUpkeep(UpkeepContext {
                merge_state: facts.is_conflicting().then(|| "conflicting".to_owned()),
                conflicts: Vec::new(),
            }),
        }
    }
}

fn review(policy: &Policy, facts: &IssueFacts) -> ReviewContext {
    let newest = facts.reviews_of_head(ReviewVerdict::ChangesRequested).next();
    newest.map_or_else(ReviewContext::default, |review| ReviewContext {
        reviewer: Some(review.reviewer.shown().to_owned()),
        trust: trust_of(&policy.trusted, &review.reviewer),
        review_id: Some(review.id.clone()),
        reviewed_head: Some(review.head.clone()),
        // Its text is not here.
        degraded: true,
        ..ReviewContext::default()
    })
}

fn ci(policy: &Policy, facts: &IssueFacts) -> CiContext {
    let is_red = |check: &&Check| check.status == CheckStatus::Failure;
    let mut red = facts.checks.iter().filter(is_red);
    let first = red.next();
    CiContext {
        gate_check: first.map(|check| check.name.clone()),
        gate_status: (gate_status(policy, facts) == GateStatus::Red).then(|| "failed".to_owned()),
        failing_head: facts.head().cloned(),
        failed_check: first.map(|check| check.name.clone()),
        other_failed: red
            .map(|check| FailedCheck { name: check.name.clone(), ..FailedCheck::default() })
            .collect(),
        ..CiContext::default()
    }
}

fn queue(facts: &IssueFacts, plan: &RunPlan) -> QueueContext {
    let refused = facts.queue.as_ref().filter(|queue| queue.status == CheckStatus::Failure);
    let reason = match (refused, facts.is_conflicting()) {
        (_, true) => Some("conflict"),
        (Some(_), false) => Some("queue_eviction"),
        (None, false) => None,
    };
    QueueContext {
        failure_reason: reason.map(str::to_owned),
        check_name: refused.map(|queue| queue.name.clone()),
        pr_head: facts.head().cloned(),
        base_sha: facts.merge.as_ref().map(|merge| merge.value.base.clone()),
        requires_fresh_head: plan.needs_new_head,
        ..QueueContext::default()
    }
}

#[cfg(test)]
mod tests;
