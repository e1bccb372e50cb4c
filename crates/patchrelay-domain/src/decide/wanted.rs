//! What an issue needs next, before anybody asks whether it may have it.

use crate::{
    CheckStatus, CommitSha, GateStatus, InputKind, IssueFacts, Policy, PrWait, PullRequest,
    ReviewVerdict, RunOutcome, RunType, Wait, WakeReason, policy::gate_status,
};

/// What an issue needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A run.
    Run(WantedRun),
    /// Nothing of ours.
    Nothing(Wait),
}

/// A run that an issue needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WantedRun {
    pub(super) run_type: RunType,
    /// What exactly it repairs.
    pub(super) signature: Option<String>,
    pub(super) needs_new_head: bool,
    pub(super) merge_base: bool,
    pub(super) wake: Option<WakeReason>,
}

impl WantedRun {
    /// One that repairs nothing.
    pub(super) fn new(run_type: RunType, wake: Option<WakeReason>) -> Self {
        Self { run_type, signature: None, needs_new_head: false, merge_base: false, wake }
    }
}

pub(super) fn wanted(policy: &Policy, facts: &IssueFacts) -> Wanted {
    match facts.open_pull_request() {
        Some(pr) => of_pull_request(policy, facts, pr),
        None => blocked(facts, RunType::Implementation).unwrap_or_else(|| implementation(facts)),
    }
}

/// That a run of this type has to wait for other tickets, if it has.
pub(super) fn blocked(facts: &IssueFacts, run_type: RunType) -> Option<Wanted> {
    let keys = facts.blockers_of(run_type);
    (!keys.is_empty())
        .then(|| Wanted::Nothing(Wait::Blocked(keys.into_iter().map(str::to_owned).collect())))
}

fn implementation(facts: &IssueFacts) -> Wanted {
    let wake = wake_by_people(facts)
        .or_else(|| facts.latest_run.is_none().then_some(WakeReason::Delegated));
    Wanted::Run(WantedRun::new(RunType::Implementation, wake))
}

/// What woke us when it was a human: the answer to a question first, else what was said first.
fn wake_by_people(facts: &IssueFacts) -> Option<WakeReason> {
    if facts.is_answered() {
        return Some(WakeReason::DirectReply);
    }
    facts
        .pending
        .iter()
        .map(|input| input.kind)
        // An answer that a lost run gave back is still one.
        .min_by_key(|kind| *kind != InputKind::DirectReply)
        .map(WakeReason::from)
}

/// In the order of D7. A repair whose failure was looked at already makes place for the next.
fn of_pull_request(policy: &Policy, facts: &IssueFacts, pr: &PullRequest) -> Wanted {
    let by_people = !facts.pending.is_empty();
    if let Some(run_type) = facts.wanted {
        return by_order(facts, pr, run_type);
    }
    // Nobody wants a draft merged, so nothing in it is broken. One that was given to us is to be finished (N39).
    if pr.is_draft {
        return if by_people || (facts.has_adopted() && !has_published(facts)) {
            implementation(facts)
        } else {
            Wanted::Nothing(Wait::PullRequest(pr.number, PrWait::Draft))
        };
    }
    let repairs = [
        queue_repair(policy, facts, pr),
        ci_repair(policy, facts),
        branch_upkeep(facts, pr),
        review_fix(facts),
    ];
    let is_new = |repair: &Repair| {
        let mut looked = facts
            .handled
            .iter()
            .filter(|handled| handled.run_type == repair.run_type && handled.head == pr.head);
        looked.clone().count() < MAX_LOOKS
            && !looked.any(|handled| handled.signature == repair.signature)
    };
    match repairs.into_iter().flatten().find(is_new) {
        Some(repair) => Wanted::Run(WantedRun {
            run_type: repair.run_type,
            merge_base: merges_base(repair.run_type),
            needs_new_head: repair.needs_new_head,
            wake: Some(repair.wake),
            signature: Some(repair.signature),
        }),
        None if by_people => implementation(facts),
        None => Wanted::Nothing(Wait::PullRequest(pr.number, waits_for(policy, facts))),
    }
}

/// How often failures of one head are looked at in vain: a check that fails by chance may do so for ever.
const MAX_LOOKS: usize = 3;

/// The run type that an operator asked for. Without a failure it has nothing to name.
fn by_order(facts: &IssueFacts, pr: &PullRequest, run_type: RunType) -> Wanted {
    if run_type == RunType::Implementation {
        return implementation(facts);
    }
    Wanted::Run(WantedRun {
        run_type,
        signature: Some(format!("{}:ordered:{}", run_type.as_str(), pr.head)),
        needs_new_head: facts.is_evicted() && run_type == RunType::QueueRepair,
        merge_base: merges_base(run_type),
        wake: Some(wake_by_people(facts).unwrap_or(WakeReason::OperatorPrompt)),
    })
}

/// Published history is updated only where the base is the point (D30).
fn merges_base(run_type: RunType) -> bool {
    match run_type {
        RunType::CiRepair | RunType::QueueRepair | RunType::BranchUpkeep => true,
        RunType::Implementation | RunType::ReviewFix => false,
    }
}

fn has_published(facts: &IssueFacts) -> bool {
    facts.latest_run.as_ref().is_some_and(|run| matches!(run.result, RunOutcome::Published { .. }))
}

/// Something that is broken.
struct Repair {
    run_type: RunType,
    signature: String,
    needs_new_head: bool,
    wake: WakeReason,
}

impl Repair {
    fn new(run_type: RunType, signature: String, wake: WakeReason) -> Self {
        Self { run_type, signature, needs_new_head: false, wake }
    }
}

/// The queue refused it, or will, because nothing else keeps it from being merged and it contradicts its base. A later
/// refusal of the same head is another one (N54, S10). A head that was refused without a conflict is not taken again (S32).
fn queue_repair(policy: &Policy, facts: &IssueFacts, pr: &PullRequest) -> Option<Repair> {
    let wake = WakeReason::MergeStewardIncident;
    let conflicting = facts.is_conflicting();
    match &facts.queue {
        Some(queue) if queue.status == CheckStatus::Failure => Some(Repair {
            needs_new_head: !conflicting,
            ..Repair::new(
                RunType::QueueRepair,
                format!("queue_eviction:{}:{}@{}", pr.head, queue.id, queue.version.millis()),
                wake,
            )
        }),
        Some(_) | None if conflicting && is_downstream(policy, facts) => {
            Some(Repair::new(RunType::QueueRepair, conflict(facts, &pr.head), wake))
        }
        Some(_) | None => None,
    }
}

/// Whether the pull request was handed on: nothing of ours, of its reviewers or of its checks is missing (D8).
fn is_downstream(policy: &Policy, facts: &IssueFacts) -> bool {
    facts.is_approved()
        || (facts.is_review_required() == Some(false)
            && gate_status(policy, facts) == GateStatus::Green)
}

/// The gate is over and red, and the base is not red by the same checks: that would not be ours to repair.
fn ci_repair(policy: &Policy, facts: &IssueFacts) -> Option<Repair> {
    if gate_status(policy, facts) != GateStatus::Red || is_red_by_base(facts) {
        return None;
    }
    let red: Vec<_> =
        red_checks(facts).map(|check| format!("{}@{}", check.id, check.version.millis())).collect();
    Some(Repair::new(
        RunType::CiRepair,
        format!("branch_ci:{}:{}", facts.head()?, red.join(",")),
        WakeReason::SettledRedCi,
    ))
}

fn red_checks(facts: &IssueFacts) -> impl Iterator<Item = &crate::Check> {
    facts.checks.iter().filter(|check| check.status == CheckStatus::Failure)
}

/// Whether every red check of the head is red on the base too.
pub(super) fn is_red_by_base(facts: &IssueFacts) -> bool {
    let mut red = red_checks(facts).peekable();
    red.peek().is_some()
        && red.all(|check| {
            facts
                .base_checks
                .iter()
                .any(|base| base.is_named(&check.name) && base.status == CheckStatus::Failure)
        })
}

/// The base contradicts it, so nobody can review or merge it as it is (S20).
fn branch_upkeep(facts: &IssueFacts, pr: &PullRequest) -> Option<Repair> {
    facts.is_conflicting().then(|| {
        Repair::new(RunType::BranchUpkeep, conflict(facts, &pr.head), WakeReason::BranchUpkeep)
    })
}

/// The same head and the same base contradict each other in one way.
fn conflict(facts: &IssueFacts, head: &CommitSha) -> String {
    let base = facts.merge.as_ref().map_or("", |merge| merge.value.base.as_str());
    format!("conflict:{head}:{base}")
}

/// A reviewer asks for changes to this very head (N23).
fn review_fix(facts: &IssueFacts) -> Option<Repair> {
    let reviews: Vec<_> = facts
        .reviews_of_head(ReviewVerdict::ChangesRequested)
        .map(|review| review.id.as_str())
        .collect();
    if reviews.is_empty() {
        return None;
    }
    Some(Repair::new(
        RunType::ReviewFix,
        format!("review:{}:{}", facts.head()?, reviews.join(",")),
        WakeReason::ReviewChangesRequested,
    ))
}

/// What an open pull request, in which nothing of ours is to be done, waits for.
fn waits_for(policy: &Policy, facts: &IssueFacts) -> PrWait {
    match gate_status(policy, facts) {
        GateStatus::Red if is_red_by_base(facts) => PrWait::RedBase,
        GateStatus::Red => PrWait::Rerun,
        GateStatus::Pending => PrWait::Checks,
        GateStatus::Green | GateStatus::Unknown if facts.has_any_request_for_changes() => {
            PrWait::ReReview
        }
        GateStatus::Green if is_downstream(policy, facts) => PrWait::Merge,
        GateStatus::Green | GateStatus::Unknown => PrWait::Review,
    }
}

#[cfg(test)]
mod tests;
