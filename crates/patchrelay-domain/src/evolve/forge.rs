//! What the forge says. Everything here is about a head, and only what is about the current one counts.

use std::cmp::Ordering;

use super::is_known;
use crate::{
    Check, CheckStatus, CommitSha, IssueFacts, MergeState, Policy, PrNumber, PrState, PullRequest,
    Review, ReviewVerdict, RunOutcome, Timestamp, Versioned, may_instruct,
};

/// The most reviews that are kept. The oldest say least about the current head.
pub(super) const MAX_REVIEWS: usize = 100;
/// The most checks that are kept (D12).
const MAX_CHECKS: usize = 200;

pub(super) fn read_pull_request(
    policy: &Policy,
    facts: &mut IssueFacts,
    version: Timestamp,
    read: &PullRequest,
) -> bool {
    let is_of_our_branch = facts.branch.as_ref() == Some(&read.head_branch)
        && !read.is_from_fork
        && !(facts.pull_request.is_none() && was_called_off(facts));
    let is_linked = facts.branch.is_none() && linked(policy, facts).contains(&read.number);
    let known = facts.pull_request.as_ref().filter(|known| !known.value.is_from_fork);
    match known.map(|known| (read.number.cmp(&known.value.number), known)) {
        // Merged is for ever: nothing that arrives later can make it open again (S74).
        Some((Ordering::Equal, known)) => {
            if known.value.state == PrState::Merged || is_known(known, version, read) {
                return false;
            }
        }
        // One that takes the place of another has a higher number.
        Some((Ordering::Less, _)) => return false,
        // We never opened it, and it is not even our branch (W10).
        Some((Ordering::Greater, _)) | None if !is_of_our_branch && !is_linked => return false,
        Some((Ordering::Greater, _)) | None => {}
    }
    if facts.missing_link == Some(read.number) {
        facts.missing_link = None;
    }
    replace_pull_request(facts, version, read);
    true
}

/// Takes up what the forge shows of the pull request now.
pub(super) fn replace_pull_request(facts: &mut IssueFacts, version: Timestamp, now: &PullRequest) {
    let known = facts.pull_request.as_ref().map(|known| &known.value);
    let is_another = known.is_some_and(|known| known.number != now.number);
    let before = facts.open_pull_request().map(|pr| (pr.number, pr.head.clone()));
    facts.pull_request = Some(Versioned { version, value: now.clone() });
    // Reviews of one that is over for good, or of another one, say nothing.
    if is_another || now.state == PrState::Merged {
        facts.reviews.clear();
    }
    forget_signals(facts, before.as_ref());
}

/// Whether the last run was called off. A pull request that its agent opens all the same is not what anybody wants (N25,
/// S46).
fn was_called_off(facts: &IssueFacts) -> bool {
    facts.slot.is_none()
        && facts.latest_run.as_ref().is_some_and(|run| match &run.result {
            RunOutcome::Interrupted { .. } => !run.result.is_lost(),
            RunOutcome::Published { .. }
            | RunOutcome::NoChangeNeeded { .. }
            | RunOutcome::NothingToRepair { .. }
            | RunOutcome::NeedsInput { .. }
            | RunOutcome::Held { .. }
            | RunOutcome::Unavailable { .. }
            | RunOutcome::Failed { .. }
            | RunOutcome::Insufficient { .. }
            | RunOutcome::BranchTaken => false,
        })
}

/// The numbers of the attached pull requests that lie in the project's own repository.
pub(crate) fn linked(policy: &Policy, facts: &IssueFacts) -> Vec<PrNumber> {
    let Some((repo, ticket)) = policy.repo.as_ref().zip(facts.ticket.as_ref()) else {
        return Vec::new();
    };
    let mut numbers: Vec<_> = ticket
        .value
        .linked
        .iter()
        .filter(|linked| linked.repo.is_same_repository(repo))
        .map(|linked| linked.number)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// What checks and merges said of another head, or of a pull request that is over, says nothing of this one. All of it is
/// read again with a new head. Reviews are occurrences and are not told twice, so they stay.
fn forget_signals(facts: &mut IssueFacts, before: Option<&(PrNumber, CommitSha)>) {
    let now = facts.open_pull_request().map(|pr| (pr.number, pr.head.clone()));
    if now.as_ref() == before {
        return;
    }
    facts.checks.clear();
    facts.queue = None;
    facts.merge = None;
}

/// Sets the head that our own push made. What was known of the one before says nothing of it.
pub(super) fn set_head(facts: &mut IssueFacts, head: &CommitSha, version: Timestamp) {
    let before = facts.open_pull_request().map(|pr| (pr.number, pr.head.clone()));
    let Some(known) = &mut facts.pull_request else { return };
    known.value.head = head.clone();
    known.version = known.version.max(version);
    forget_signals(facts, before.as_ref());
}

/// Only of an attached one does it matter that it cannot be seen. Ours is not gone because it is hidden from us.
pub(super) fn missing(policy: &Policy, facts: &mut IssueFacts, number: PrNumber) -> bool {
    let matters = facts.pull_request.is_none()
        && facts.branch.is_none()
        && facts.missing_link != Some(number)
        && linked(policy, facts).contains(&number);
    if matters {
        facts.missing_link = Some(number);
    }
    matters
}

pub(super) fn read_review(
    policy: &Policy,
    facts: &mut IssueFacts,
    number: PrNumber,
    review: &Review,
) -> bool {
    // A late review of a merged pull request does not make it open again (S74, W16); a closed one may be reopened.
    let is_about_ours = facts
        .pull_request
        .as_ref()
        .is_some_and(|pr| pr.value.number == number && pr.value.state != PrState::Merged);
    if !is_about_ours || !may_instruct(&policy.trusted, &review.reviewer) {
        return false;
    }
    let is_verdict = match review.verdict {
        ReviewVerdict::Approved | ReviewVerdict::ChangesRequested | ReviewVerdict::Dismissed => {
            true
        }
        ReviewVerdict::Commented => false,
    };
    if !is_verdict {
        return false;
    }
    let known = facts.reviews.iter().position(|known| known.id == review.id);
    if known.is_some_and(|place| facts.reviews[place].verdict == ReviewVerdict::Dismissed) {
        return false;
    }
    match known {
        Some(place) if facts.reviews[place] == *review => return false,
        Some(place) => facts.reviews[place] = review.clone(),
        None => {
            let order = |review: &Review| (review.submitted, review.id.clone());
            let place = facts.reviews.partition_point(|known| order(known) <= order(review));
            facts.reviews.insert(place, review.clone());
        }
    }
    if MAX_REVIEWS < facts.reviews.len() {
        facts.reviews.remove(0);
    }
    true
}

pub(super) fn read_check(
    policy: &Policy,
    facts: &mut IssueFacts,
    head: &CommitSha,
    check: &Check,
) -> bool {
    // Late results of an older head are history, and those of a head that we do not know yet are read with it (S73).
    if facts.head() != Some(head) {
        return false;
    }
    if policy.is_queue_check(&check.name) {
        // A refusal stands until the queue takes the same head, whatever it tries meanwhile (N53, S35).
        if check.status == CheckStatus::Pending {
            return false;
        }
        let is_news = facts.queue.as_ref().is_none_or(|known| check.is_newer_than(known));
        if is_news {
            facts.queue = Some(check.clone());
        }
        return is_news;
    }
    policy.is_gate_check(&check.name) && put(&mut facts.checks, check)
}

pub(super) fn read_base_check(
    policy: &Policy,
    facts: &mut IssueFacts,
    commit: &CommitSha,
    check: &Check,
) -> bool {
    if !policy.is_gate_check(&check.name) {
        return false;
    }
    if facts.base_tip.as_ref() != Some(commit) {
        // What the commits before it came to says nothing of the newest one.
        if facts.base_checks.iter().any(|known| check.version <= known.version) {
            return false;
        }
        facts.base_checks.clear();
        facts.base_tip = Some(commit.clone());
    }
    put(&mut facts.base_checks, check)
}

/// Puts a check among those that are ordered by name, if it is news.
fn put(checks: &mut Vec<Check>, check: &Check) -> bool {
    let name = |check: &Check| check.name.trim().to_ascii_lowercase();
    match checks.binary_search_by_key(&name(check), name) {
        Ok(place) if !check.is_newer_than(&checks[place]) => return false,
        Ok(place) => checks[place] = check.clone(),
        Err(place) if checks.len() < MAX_CHECKS => checks.insert(place, check.clone()),
        Err(_) => return false,
    }
    true
}

pub(super) fn read_merge_state(
    facts: &mut IssueFacts,
    version: Timestamp,
    state: &MergeState,
) -> bool {
    if facts.head() != Some(&state.head) {
        return false;
    }
    let mut state = state.clone();
    if let Some(known) = &facts.merge {
        // While the forge is still finding out, what it said last holds, unless that was of another base.
        if known.value.base == state.base {
            state.is_conflicting = state.is_conflicting.or(known.value.is_conflicting);
        }
        state.is_review_required = state.is_review_required.or(known.value.is_review_required);
        // Its version is the time at which somebody asked, so the same answer is no news, however new the question (D1).
        if version < known.version || known.value == state {
            return false;
        }
    }
    facts.merge = Some(Versioned { version, value: state });
    true
}
