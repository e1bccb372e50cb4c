//! What our own runs did.

use std::{cmp::Ordering, time::Duration};

use super::{forge, people};
use crate::{
    About, BranchName, Charge, CheckStatus, CommitSha, GateStatus, InputKind, Interruption,
    IssueFacts, LatestRun, NodeId, PendingInput, Policy, PrState, PullRequest, Question, RunId,
    RunOutcome, RunType, Slot, Spending, Spent, ThreadId, Timestamp, WakeReason,
    facts::{Handled, Held, RepairTrail},
    gate::question as gate_question,
    policy::gate_status,
    prompt::next_generation,
};

/// A run that was started.
pub(super) struct Claim<'a> {
    pub(super) run: &'a RunId,
    pub(super) run_type: RunType,
    pub(super) epoch: u32,
    pub(super) branch: &'a BranchName,
    pub(super) worktree: &'a str,
    pub(super) consumes: &'a [u64],
    pub(super) head: Option<&'a CommitSha>,
    pub(super) signature: Option<&'a str>,
    pub(super) wake: Option<WakeReason>,
    pub(super) is_release: bool,
    pub(super) node: Option<&'a NodeId>,
}

pub(super) fn claimed(
    policy: &Policy,
    facts: &mut IssueFacts,
    at: Timestamp,
    claim: &Claim<'_>,
) -> bool {
    // An issue has one directory, so it never has two runs (the store's guards see to it; this is for the fold).
    if facts.slot.is_some() {
        return false;
    }
    forget_what_is_repaired(policy, facts);
    if facts.is_helped() {
        people::begin_again(facts);
    }
    facts.escalated = None;
    let answered = if facts.is_answered() { facts.question.take() } else { None };
    if answered.as_ref().is_some_and(|question| question.about == About::Spending) {
        facts.spending = Spending::default();
    }
    if !claim.is_release {
        // Words instead of a release: the work goes on, and what was held is not what comes out of it.
        facts.held = None;
    }
    let (mut inputs, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut facts.pending)
        .into_iter()
        .partition(|input| claim.consumes.contains(&input.seq));
    for input in &mut inputs {
        if answered.as_ref().is_some_and(|question| question.since <= input.seq) {
            input.kind = InputKind::DirectReply;
        }
    }
    facts.pending = pending;
    take_up(facts, &inputs);
    facts.slot = Some(Slot {
        run: claim.run.clone(),
        run_type: claim.run_type,
        epoch: claim.epoch,
        since: at,
        head: claim.head.cloned(),
        base: facts.base_of(claim.run_type),
        signature: claim.signature.map(str::to_owned),
        wake: claim.wake,
        is_ordered: facts.wanted == Some(claim.run_type),
        follows_end: facts.is_merged() || facts.is_ticket_over(),
        inputs,
    });
    take_branch(facts, claim.branch);
    facts.home = claim.node.cloned();
    facts.worktree = Some(claim.worktree.to_owned());
    facts.backoff_until = None;
    facts.wanted = None;
    facts.no_change_needed = None;
    let head = facts.head().cloned();
    facts.handled.retain(|handled| Some(&handled.head) == head.as_ref());
    facts.starts.retain(|start| at.since(*start) < STARTS_WINDOW);
    facts.starts.push(at);
    if MAX_STARTS < facts.starts.len() {
        facts.starts.remove(0);
    }
    true
}

/// Another node goes on. What lies in the directory and in the files of the thread is out of its reach, so it begins with
/// what was pushed; a run that has the issue is left where its agent was.
pub(super) fn moved(facts: &mut IssueFacts, from: &NodeId, to: &NodeId) -> bool {
    if facts.home.as_ref() != Some(from) || from == to {
        return false;
    }
    facts.home = Some(to.clone());
    facts.worktree = None;
    facts.thread = None;
    facts.newest_thread = None;
    true
}

/// Takes the branch of a run. What a pull request's end means for it is worked out only now, so that a pull request that is
/// reopened before anybody acted on its end leaves no trace.
fn take_branch(facts: &mut IssueFacts, branch: &BranchName) {
    if facts.is_branch_spent() {
        facts.attempts.implementation += u32::from(facts.is_closing_counted());
        facts.branch_generation += 1;
        facts.is_adopted = false;
    }
    if facts.branch.is_none() {
        facts.is_adopted = facts.open_pull_request().is_some();
    }
    facts.branch = Some(branch.clone());
}

/// For how long a start counts as a late one.
pub(crate) const STARTS_WINDOW: Duration = Duration::from_secs(60 * 60);
/// The most starts within that time before the breaker holds the issue back (D38). What nothing else bounds, such as an
/// agent whose every launch is interrupted from outside, is bounded here.
pub(crate) const MAX_STARTS: usize = 20;

/// Repairs count in a row. What the last ones repaired is repaired when the forge says so at the time of a run of ours.
fn forget_what_is_repaired(policy: &Policy, facts: &mut IssueFacts) {
    if gate_status(policy, facts) == GateStatus::Green {
        facts.attempts.forget_trail(RunType::CiRepair);
    }
    if facts.queue.as_ref().is_some_and(|queue| queue.status == CheckStatus::Success) {
        facts.attempts.forget_trail(RunType::QueueRepair);
    }
    if facts.is_approved() {
        facts.attempts.forget_trail(RunType::ReviewFix);
    }
}

/// What a run has taken up has got us going, whatever its author makes of it later.
fn take_up(facts: &mut IssueFacts, inputs: &[PendingInput]) {
    facts.go = inputs.iter().map(|input| input.said).fold(facts.go, Timestamp::max);
}

/// What humans said was given to the run under way. It stays with it, and comes back if the run is lost.
pub(super) fn delivered(facts: &mut IssueFacts, run: &RunId, inputs: &[u64]) -> bool {
    let Some(slot) = facts.slot.as_mut().filter(|slot| slot.run == *run) else { return false };
    let (taken, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut facts.pending)
        .into_iter()
        .partition(|input| inputs.contains(&input.seq));
    facts.pending = pending;
    let any = !taken.is_empty();
    slot.inputs.extend(taken.iter().cloned());
    // The agent has heard the oldest; the newest are what a next run would have to be told.
    let too_many = slot.inputs.len().saturating_sub(people::MAX_PENDING);
    slot.inputs.drain(..too_many);
    take_up(facts, &taken);
    any
}

/// How a run ended.
pub(super) struct End<'a> {
    pub(super) run: &'a RunId,
    pub(super) result: &'a RunOutcome,
    pub(super) charge: Charge,
    pub(super) continuations: u32,
    pub(super) thread: Option<&'a ThreadId>,
    pub(super) spent: &'a Spent,
}

pub(super) fn settled(
    policy: &Policy,
    facts: &mut IssueFacts,
    at: Timestamp,
    end: &End<'_>,
) -> bool {
    let Some(slot) = facts.slot.take_if(|slot| slot.run == *end.run) else { return false };
    facts.latest_run = Some(LatestRun {
        run: end.run.clone(),
        run_type: slot.run_type,
        ended: at,
        result: end.result.clone(),
        head: slot.head.clone(),
        follows_end: slot.follows_end,
    });
    facts.attempts.continuations += end.continuations;
    facts.spending.add(at, end.spent);
    if let Some(thread) = end.thread {
        facts.threads = next_generation(facts.threads, facts.newest_thread.as_ref(), thread);
        facts.newest_thread = Some(thread.clone());
    }
    facts.thread = None;
    facts.outages = match end.result {
        RunOutcome::Unavailable { .. } => facts.outages + 1,
        RunOutcome::Published { .. }
        | RunOutcome::NoChangeNeeded { .. }
        | RunOutcome::NothingToRepair { .. }
        | RunOutcome::NeedsInput { .. }
        | RunOutcome::Held { .. }
        | RunOutcome::Interrupted { .. }
        | RunOutcome::Failed { .. }
        | RunOutcome::Insufficient { .. }
        | RunOutcome::BranchTaken => 0,
    };
    match end.charge {
        Charge::Nothing => {}
        Charge::Attempt => charge_attempt(facts, &slot),
        Charge::Recovery => {
            facts.backoff_until = recovery_due(policy, at, facts.attempts.recovery);
            facts.attempts.recovery += 1;
        }
    }
    conclude(policy, facts, at, slot, end);
    true
}

fn conclude(policy: &Policy, facts: &mut IssueFacts, at: Timestamp, slot: Slot, end: &End<'_>) {
    if slot.is_ordered && leaves_order(end.result, slot.follows_end) {
        facts.wanted = facts.wanted.or(Some(slot.run_type));
    }
    match end.result {
        RunOutcome::Published { commit, pull_request, version, .. } => {
            published(facts, &slot, commit, pull_request, *version);
        }
        // Of a pull request that is open, it says nothing about the ticket as a whole.
        RunOutcome::NoChangeNeeded { reason } if slot.head.is_none() => {
            facts.no_change_needed = Some(reason.clone());
        }
        RunOutcome::NoChangeNeeded { .. } => {}
        RunOutcome::NothingToRepair { .. } => {
            // A check that fails by chance costs no attempt. What was looked at starts no other run, and how often a head is
            // looked at has a bound of its own.
            if let (Some(head), Some(signature)) = (slot.head, slot.signature) {
                facts.handled.push(Handled { run_type: slot.run_type, head, signature });
            }
        }
        RunOutcome::NeedsInput { question } => ask(facts, question.clone(), About::Work),
        RunOutcome::Held { tree, hits, report } => {
            facts.held = Some(Held {
                run: slot.run,
                run_type: slot.run_type,
                head: slot.head,
                tree: tree.clone(),
                hits: hits.clone(),
                report: (**report).clone(),
                released_by: None,
            });
            ask(facts, gate_question(hits), About::Publication);
        }
        RunOutcome::Interrupted { by } => {
            facts.thread = end.thread.cloned();
            return_inputs(facts, slot);
            if *by == Interruption::Spending {
                let question = policy.limits.question(at, &facts.spending, end.spent);
                ask(facts, question, About::Spending);
            }
        }
        RunOutcome::Failed { .. } => {
            facts.thread = end.thread.cloned();
            return_inputs(facts, slot);
        }
        RunOutcome::Unavailable { until, .. } => {
            facts.thread = end.thread.cloned();
            let backoff = at.plus(backoff(policy, facts.outages - 1).min(MAX_OUTAGE_BACKOFF));
            let believed = until.map(|until| until.min(at.plus(MAX_BELIEVED)));
            facts.backoff_until = Some(believed.map_or(backoff, |until| until.max(backoff)));
            return_inputs(facts, slot);
        }
        RunOutcome::Insufficient { .. } => return_inputs(facts, slot),
        RunOutcome::BranchTaken => {
            // The branch of an open pull request is its branch, whoever else pushes to it.
            if facts.open_pull_request().is_none() {
                facts.branch = None;
                facts.branch_generation += 1;
            }
            return_inputs(facts, slot);
        }
    }
}

/// Whether the order of an operator that a run carried out is still to be carried out.
fn leaves_order(result: &RunOutcome, follows_end: bool) -> bool {
    match result {
        // What is over is done again only because of the order, which its first try must not end.
        RunOutcome::Insufficient { .. } => follows_end,
        RunOutcome::Interrupted { by } => match by {
            Interruption::Restart
            | Interruption::Shutdown
            | Interruption::LeaseLost
            | Interruption::Undelegated
            | Interruption::Blocked
            | Interruption::Spending
            | Interruption::HeadMoved => true,
            Interruption::Stopped
            | Interruption::Closed
            | Interruption::Removed
            | Interruption::PullRequestOver
            | Interruption::TicketOver
            | Interruption::Superseded => false,
        },
        RunOutcome::Unavailable { .. } | RunOutcome::Failed { .. } | RunOutcome::BranchTaken => {
            true
        }
        RunOutcome::Published { .. }
        | RunOutcome::NoChangeNeeded { .. }
        | RunOutcome::NothingToRepair { .. }
        | RunOutcome::NeedsInput { .. }
        | RunOutcome::Held { .. } => false,
    }
}

fn ask(facts: &mut IssueFacts, text: String, about: About) {
    facts.question = Some(Question { text, about, asked: None, since: facts.next_input });
}

fn published(
    facts: &mut IssueFacts,
    slot: &Slot,
    commit: &CommitSha,
    pull_request: &PullRequest,
    version: Timestamp,
) {
    facts.attempts.recovery = 0;
    facts.held = None;
    facts.escalated = None;
    carry_trails(facts, slot, commit);
    // A fork is not what we published, whatever its number.
    let known = facts.pull_request.as_ref().filter(|known| !known.value.is_from_fork);
    match known.map(|known| (pull_request.number.cmp(&known.value.number), &known.value)) {
        Some((Ordering::Equal, known)) => {
            // What a webhook told meanwhile about this pull request may be newer than what the publisher read.
            let stood_still = slot.head.as_ref() == Some(&known.head);
            if known.state == PrState::Open && stood_still {
                forge::set_head(facts, commit, version);
            }
        }
        Some((Ordering::Less, _)) => {}
        Some((Ordering::Greater, _)) | None => {
            forge::replace_pull_request(facts, version, pull_request);
        }
    }
}

/// Our own commit on top of a head is no new beginning: what was tried on the head goes on to the commit. Whether a
/// repair helped is not known yet, so it counts until its head needs no other.
fn carry_trails(facts: &mut IssueFacts, slot: &Slot, commit: &CommitSha) {
    let Some(head) = &slot.head else { return };
    if slot.run_type.is_repair() {
        charge_attempt(facts, slot);
    }
    for trail in &mut facts.attempts.repairs {
        if trail.head == *head {
            trail.head = commit.clone();
        }
    }
}

/// One more that did not help, as far as is known.
fn charge_attempt(facts: &mut IssueFacts, slot: &Slot) {
    match (&slot.head, slot.run_type.is_repair()) {
        (Some(head), true) => {
            let base = slot.base.clone();
            let count = facts.attempts.repairs_on(slot.run_type, head, base.as_ref()) + 1;
            let trail = RepairTrail { run_type: slot.run_type, head: head.clone(), base, count };
            facts.attempts.set_trail(trail);
        }
        (Some(_) | None, _) => facts.attempts.implementation += 1,
    }
}

/// What a lost run had taken up waits again. After a close nobody waits for it any more (S62).
fn return_inputs(facts: &mut IssueFacts, slot: Slot) {
    if facts.closed.is_some() {
        return;
    }
    for input in slot.inputs {
        people::put_input(facts, input);
    }
}

/// The longest wait for a service that does not answer: when it is back, work goes on soon.
const MAX_OUTAGE_BACKOFF: Duration = Duration::from_secs(600);
/// How far away a time may be at which a service says that it answers again.
const MAX_BELIEVED: Duration = Duration::from_secs(24 * 60 * 60);

/// When a lost run may be followed by another: the first at once, the next ones ever later.
fn recovery_due(policy: &Policy, at: Timestamp, earlier: u32) -> Option<Timestamp> {
    Some(at.plus(backoff(policy, earlier.checked_sub(1)?)))
}

fn backoff(policy: &Policy, doublings: u32) -> Duration {
    policy.budgets.recovery_backoff.saturating_mul(1 << doublings.min(16))
}

/// The directory is gone, unless a run has begun to use it since.
pub(super) fn worktree_removed(facts: &mut IssueFacts, path: &str) -> bool {
    let is_ours = facts.slot.is_none() && facts.worktree.as_deref() == Some(path);
    if is_ours {
        facts.worktree = None;
    }
    is_ours
}
