//! What to do next. The one place that may start a run.

mod wanted;

use self::wanted::{Wanted, WantedRun, wanted};
use crate::{
    About, IssueFacts, NextStep, Policy, Question, RunOutcome, RunPlan, RunType, Settled, Ticket,
    Timestamp, TrackerStateKind, Wait, branch_name,
    evolve::{MAX_STARTS, STARTS_WINDOW, linked},
    prompt::{Publisher, ThreadChoice, ThreadHistory, choose_thread},
    worktree_name,
};

/// Decides the next step of an issue. Pure and total: the same facts at the same time give the same step.
///
/// The order is that of D7: who has the issue, whether it is over, what a human has to say first, and only then what is
/// to be done. What is given up or over stays so only as long as the facts that made it so: a push, a word, a new
/// delegation is looked at again without anybody having to clear anything (N57).
pub fn decide(policy: &Policy, now: Timestamp, facts: &IssueFacts) -> NextStep {
    // A run that has the issue ends by itself; what happens around it is folded meanwhile (N26).
    if let Some(slot) = &facts.slot {
        return wait(Wait::ActiveRun(slot.run_type));
    }
    if let Some(settled) = over(facts) {
        return NextStep::Settled(settled);
    }
    if !policy.is_configured {
        return wait(Wait::ProjectRemoved);
    }
    let Some(ticket) = facts.ticket.as_ref().map(|ticket| &ticket.value) else {
        return wait(Wait::TicketUnread);
    };
    if let Some(question) = facts.question.as_ref().filter(|_| !facts.is_answered()) {
        return put(question);
    }
    if facts.stopped().is_some() {
        return wait(Wait::Stopped);
    }
    if let Some(step) = overtaken(facts).or_else(|| attached(policy, facts)) {
        return step;
    }
    let wanted = match released(facts).unwrap_or_else(|| wanted(policy, facts)) {
        Wanted::Run(run) => run,
        Wanted::Nothing(_) if !ticket.delegated => return wait(Wait::Undelegated),
        Wanted::Nothing(reason) => return wait(reason),
    };
    let run_type = wanted.run_type;
    let is_helped = facts.is_helped();
    let exhausted = exhausted(policy, facts, run_type).filter(|_| !is_helped);
    // Giving up on one thing is no reason to leave another undone (S28), but starting all over is not another (S50).
    let is_over_again = !is_helped && facts.open_pull_request().is_none();
    if facts.escalated.is_some() && (exhausted.is_some() || is_over_again) {
        return wait(Wait::Escalated);
    }
    if !ticket.delegated {
        return wait(Wait::Undelegated);
    }
    if let Some(reason) = exhausted {
        return NextStep::Escalate { reason };
    }
    // A release asks no agent, so it costs nothing.
    let may_spend = facts.releasable().is_some()
        || facts.question.as_ref().is_some_and(|q| q.about == About::Spending);
    if let Some(question) = policy.limits.exceeded(now, &facts.spending).filter(|_| !may_spend) {
        return NextStep::Ask { question, about: About::Spending };
    }
    if let Some(until) = facts.backoff_until.filter(|until| now < *until && !is_helped) {
        return NextStep::Wait { reason: Wait::Backoff(run_type), until: Some(until) };
    }
    if let Some(until) = too_many_starts(facts).filter(|until| now < *until) {
        return NextStep::Wait { reason: Wait::Breaker(run_type), until: Some(until) };
    }
    NextStep::Run(plan(policy, facts, ticket, wanted))
}

fn wait(reason: Wait) -> NextStep {
    NextStep::Wait { reason, until: None }
}

/// Whether the issue is over, and how. Humans who say something afterwards want something (N43); what they said before
/// was about what is over.
fn over(facts: &IssueFacts) -> Option<Settled> {
    if let Some(closed) = &facts.closed {
        return Some(if closed.as_failed { Settled::ClosedFailed } else { Settled::ClosedDone });
    }
    if facts.is_removed() {
        return Some(Settled::Removed);
    }
    let (settled, ended) = ended(facts)?;
    let is_wanted_again = facts.is_delegated()
        && (facts.wanted == Some(RunType::Implementation)
            || facts.pending.iter().any(|input| ended < input.said));
    // What a run after the end asks, or has made, is not over with that end.
    let is_going_on = facts.latest_run.as_ref().is_some_and(|run| run.follows_end)
        && (facts.question.is_some() || facts.held.is_some());
    (!is_wanted_again && !is_going_on).then_some(settled)
}

/// How the world ended it, and when, by the clock of whoever did.
fn ended(facts: &IssueFacts) -> Option<(Settled, Timestamp)> {
    if let Some(end) = facts.pull_request_end().filter(|_| facts.is_merged()) {
        return Some((Settled::Merged, end));
    }
    if facts.open_pull_request().is_some() {
        return None;
    }
    if facts.no_change_needed.is_some() {
        // What is pending now was not there when that was found.
        return Some((Settled::NoChangeNeeded, Timestamp::default()));
    }
    let ticket = facts.ticket.as_ref()?;
    let settled = match ticket.value.state.kind {
        TrackerStateKind::Completed => Settled::CompletedInTracker,
        TrackerStateKind::Canceled | TrackerStateKind::Duplicate => Settled::CanceledInTracker,
        TrackerStateKind::Triage
        | TrackerStateKind::Backlog
        | TrackerStateKind::Unstarted
        | TrackerStateKind::Started
        | TrackerStateKind::Other => return None,
    };
    Some((settled, ticket.value.ended.unwrap_or(ticket.version)))
}

fn put(question: &Question) -> NextStep {
    if question.asked.is_some() {
        return wait(Wait::Question);
    }
    NextStep::Ask { question: question.text.clone(), about: question.about }
}

/// A tree that a human released, but that stands on a head which others have pushed over meanwhile: publishing it would take
/// their work back.
fn overtaken(facts: &IssueFacts) -> Option<NextStep> {
    let held = facts.held.as_ref().filter(|held| held.released_by.is_some())?;
    let is_overtaken = held.head.as_ref() != facts.head() && !facts.is_answered();
    is_overtaken.then(|| NextStep::Ask {
        question: "The pull request changed after this work was held, so I do not publish it as it is. Should I do it \
                   again on top of the change? Answer yes or no."
            .to_owned(),
        about: About::Publication,
    })
}

/// A publication that a human released goes out before anything else is done.
fn released(facts: &IssueFacts) -> Option<Wanted> {
    let held = facts.releasable()?;
    if let Some(blocked) = wanted::blocked(facts, held.run_type) {
        return Some(blocked);
    }
    Some(Wanted::Run(WantedRun::new(held.run_type, None)))
}

/// What is to be found out about pull requests that are attached to the ticket, before any work begins (N39, S49).
fn attached(policy: &Policy, facts: &IssueFacts) -> Option<NextStep> {
    if facts.branch.is_some() || facts.latest_run.is_some() || !facts.is_delegated() {
        return None;
    }
    // Whoever answers may say anything; what they say goes to the agent.
    let ask = |question: String| {
        (!facts.is_answered())
            .then_some(NextStep::Ask { question, about: About::LinkedPullRequests })
    };
    match linked(policy, facts).as_slice() {
        [] => None,
        [number] => match &facts.pull_request {
            Some(pr) if pr.value.number == *number && pr.value.is_from_fork => ask(format!(
                "Pull request {number} is attached to this ticket and comes from another repository, where I cannot push. \
                 Should I start over on a branch of my own? Answer yes or no."
            )),
            Some(_) => None,
            None if facts.missing_link == Some(*number) => ask(format!(
                "Pull request {number} is attached to this ticket, and I cannot see it. Should I start over on a branch \
                 of my own? Answer yes or no."
            )),
            None => Some(wait(Wait::LinkedPullRequest(*number))),
        },
        [first, .., last] => ask(format!(
            "Several pull requests are attached to this ticket, from {first} to {last}. Which one should I go on with? \
             Leave only that one attached and answer here, or tell me to start over."
        )),
    }
}

/// Why nothing of this type may be tried again, if that is so.
fn exhausted(policy: &Policy, facts: &IssueFacts, run_type: RunType) -> Option<String> {
    let (budgets, tried) = (&policy.budgets, facts.tried(run_type));
    if budgets.of(run_type) <= tried {
        let name = run_type.as_str().replace('_', " ");
        return Some(format!("{tried} {name} runs in a row were not enough"));
    }
    if budgets.recovery <= facts.attempts.recovery {
        return Some(format!(
            "{} runs were lost before their work could be judged, since the last that published",
            facts.attempts.recovery
        ));
    }
    None
}

/// Until when no run is started because there were too many lately.
fn too_many_starts(facts: &IssueFacts) -> Option<Timestamp> {
    let first = facts.starts.len().checked_sub(MAX_STARTS)?;
    facts.starts.get(first).map(|start| start.plus(STARTS_WINDOW))
}

fn plan(policy: &Policy, facts: &IssueFacts, ticket: &Ticket, wanted: WantedRun) -> RunPlan {
    let WantedRun { run_type, signature, needs_new_head, merge_base, wake } = wanted;
    let pull_request = facts.open_pull_request();
    let release = facts.releasable();
    let branch = pull_request
        .map(|pr| pr.head_branch.clone())
        .or_else(|| facts.branch.clone().filter(|_| !facts.is_branch_spent()))
        .unwrap_or_else(|| {
            let generation = facts.branch_generation + u32::from(facts.is_branch_spent());
            branch_name(&policy.branch_prefix, &ticket.key, &ticket.title, generation)
        });
    let consumes = match release {
        // No agent is asked, so nobody would hear it.
        Some(_) => Vec::new(),
        None => facts.pending.iter().map(|input| input.seq).collect(),
    };
    let (resume, parent) = thread(facts, run_type);
    RunPlan {
        run_type,
        wake,
        epoch: facts.epoch,
        branch,
        worktree_name: worktree_name(&facts.issue, &ticket.key),
        head: pull_request.map(|pr| pr.head.clone()),
        base_branch: pull_request.map(|pr| pr.base_branch.clone()),
        signature,
        resume,
        parent,
        keep_edits: facts.worktree.is_some() && has_edits_of_this_head(facts),
        // An agent that publishes by itself merges by itself.
        merge_base: merge_base && policy.publisher == Publisher::Harness,
        needs_new_head,
        release: release.map(|held| held.tree.clone()),
        consumes,
    }
}

/// The thread to resume, and the one that a new one takes the place of. What humans say goes on where we were; so does a
/// run of the same type that was lost. A review, a red gate or an incident gets a fresh one (behaviour 2.11).
fn thread(
    facts: &IssueFacts,
    run_type: RunType,
) -> (Option<crate::ThreadId>, Option<crate::ThreadId>) {
    let unfinished = facts
        .thread
        .as_ref()
        .filter(|_| facts.latest_run.as_ref().is_some_and(|run| run.run_type == run_type));
    let history = ThreadHistory {
        thread: unfinished.or(facts.newest_thread.as_ref()),
        generation: facts.threads,
        follow_ups: facts.pending.len(),
        resume: unfinished.is_some() || !facts.pending.is_empty(),
    };
    match choose_thread(&history) {
        ThreadChoice::Fresh => (None, None),
        ThreadChoice::Compacted { parent } => (None, Some(parent.clone())),
        ThreadChoice::Resumed(thread) => (Some(thread.clone()), None),
    }
}

/// Whether what lies in the directory is unfinished work on the head that the next run gets. What the last run published is
/// on the forge; what it did for something that is over, or on top of what is not the head any more, is in its rescue ref
/// (D26). Work that starts over starts from the base.
fn has_edits_of_this_head(facts: &IssueFacts) -> bool {
    use crate::Interruption::{PullRequestOver, Superseded};
    facts.latest_run.as_ref().is_none_or(|run| {
        let is_finished = matches!(
            run.result,
            RunOutcome::Published { .. }
                | RunOutcome::NothingToRepair { .. }
                | RunOutcome::Interrupted { by: Superseded | PullRequestOver }
        );
        !is_finished && run.head.as_ref() == facts.head()
    })
}

#[cfg(test)]
mod tests;
