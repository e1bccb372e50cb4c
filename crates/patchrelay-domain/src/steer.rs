//! What becomes of a run when facts change under it.

use crate::{
    CommitSha, GateStatus, Interruption, IssueFacts, Policy, PrState, PullRequest, ReviewVerdict,
    RunId, Slot, Spent, Timestamp, WakeReason, policy::gate_status, prompt::Publisher,
};

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunProgress {
    /// Which.
    pub run: RunId,
    /// What it cost so far.
    pub spent: Spent,
    /// The commit that it is publishing, once there is one.
    pub commit: Option<CommitSha>,
}

impl RunProgress {
    /// A run of which nothing more is known.
    pub fn new(run: RunId) -> Self {
        Self { run, spent: Spent::default(), commit: None }
    }
}

/// What becomes of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Steer {
    /// It goes on.
    Continue,
    /// Its agent is told what humans said meanwhile: the pending inputs of these numbers. If that cannot be done they
    /// stay, and the next run takes them up (W36).
    Deliver(Vec<u64>),
    /// It is stopped, and nothing of it is published.
    Interrupt(Interruption),
    /// Its turn may end by itself, and nothing of it is published.
    WithholdPublication(Interruption),
}

/// Says what becomes of this run under these facts. Asked after each change while the run has the issue, and once
/// more right before it publishes.
pub fn steer_run(policy: &Policy, now: Timestamp, facts: &IssueFacts, run: &RunProgress) -> Steer {
    let Some(slot) = facts.slot.as_ref().filter(|slot| slot.run == run.run) else {
        return Steer::Interrupt(Interruption::LeaseLost);
    };
    if let Some(by) = forbidden(facts, slot) {
        return Steer::Interrupt(by);
    }
    // What is to be published is paid for already, and publishing it costs nothing.
    let may_spend = run.commit.is_some();
    if !may_spend && policy.limits.reached(now, &facts.spending, &run.spent).is_some() {
        return Steer::Interrupt(Interruption::Spending);
    }
    if let Some(by) = pointless(policy, facts, slot, run.commit.as_ref()) {
        return Steer::WithholdPublication(by);
    }
    if facts.pending.is_empty() {
        return Steer::Continue;
    }
    Steer::Deliver(facts.pending.iter().map(|input| input.seq).collect())
}

/// Why the run may not go on at all.
fn forbidden(facts: &IssueFacts, slot: &Slot) -> Option<Interruption> {
    if facts.closed.is_some() {
        return Some(Interruption::Closed);
    }
    if facts.is_removed() {
        return Some(Interruption::Removed);
    }
    if facts.stopped().is_some() {
        return Some(Interruption::Stopped);
    }
    // Undelegation is authoritative, and so is a newer delegation: it gets a run of its own (N11, N27).
    if !facts.is_delegated() || facts.epoch != slot.epoch {
        return Some(Interruption::Undelegated);
    }
    let is_blocked = !facts.blockers_of(slot.run_type).is_empty();
    is_blocked.then_some(Interruption::Blocked)
}

/// Why nothing that the run makes is wanted any more. The turn may end by itself: somebody's automation may have moved
/// the ticket, and what the agent made is kept (S41).
fn pointless(
    policy: &Policy,
    facts: &IssueFacts,
    slot: &Slot,
    commit: Option<&CommitSha>,
) -> Option<Interruption> {
    // Work that starts over has a branch of its own, and the pull request before it says nothing of that.
    let pr = facts
        .pull_request
        .as_ref()
        .map(|pr| &pr.value)
        .filter(|pr| Some(&pr.head_branch) == facts.branch.as_ref());
    match pr {
        Some(pr) if pr.state == PrState::Merged => Some(Interruption::PullRequestOver),
        Some(pr) if pr.state == PrState::Open => {
            // Its own push moves the head too, and so does an agent that publishes; `verify` looks at what that brought.
            let is_ours = commit == Some(&pr.head) || policy.publisher == Publisher::Agent;
            if !is_ours && slot.head.as_ref().is_some_and(|head| *head != pr.head) {
                return Some(Interruption::HeadMoved);
            }
            is_superseded(policy, facts, slot, pr).then_some(Interruption::Superseded)
        }
        // What it was to repair is gone with its pull request.
        Some(_) if slot.run_type.is_repair() => Some(Interruption::PullRequestOver),
        Some(_) | None => {
            (facts.is_ticket_over() && !slot.follows_end).then_some(Interruption::TicketOver)
        }
    }
}

/// Whether what the run repairs was settled without it, on the very head that it was started on: an approval must not be
/// invalidated by a commit that nobody needs (N24, S31), and a gate that a rerun made green is not broken (S11).
fn is_superseded(policy: &Policy, facts: &IssueFacts, slot: &Slot, pr: &PullRequest) -> bool {
    if slot.head.as_ref() != Some(&pr.head) || !slot.inputs.is_empty() {
        return false;
    }
    // One that an operator ordered is wanted whether or not something is broken.
    match slot.wake {
        Some(WakeReason::ReviewChangesRequested) => {
            !facts.has_review(ReviewVerdict::ChangesRequested)
        }
        Some(WakeReason::MergeStewardIncident | WakeReason::BranchUpkeep) => {
            !facts.is_evicted() && !facts.is_conflicting()
        }
        Some(WakeReason::SettledRedCi) => gate_status(policy, facts) == GateStatus::Green,
        Some(
            WakeReason::Delegated
            | WakeReason::DirectReply
            | WakeReason::FollowupPrompt
            | WakeReason::FollowupComment
            | WakeReason::OperatorPrompt,
        )
        | None => false,
    }
}

#[cfg(test)]
mod tests;
