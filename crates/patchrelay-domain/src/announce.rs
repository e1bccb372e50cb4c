//! Which outward reports a change deserves.

use crate::{
    ActivityContent, Actor, BranchName, Interruption, IssueFacts, NextStep, Observation,
    ObservationKind, OutboxOrder, Policy, PrState, PullRequest, RunOutcome, RunType, SessionId,
    Ticket, TicketTarget, Timestamp, Wait, decide,
    evolve::{Said, asks_how_it_stands},
    factory_state, status_note,
    text::{capped, quoted, single_line},
    waiting_reason,
};

/// The reports that this observation deserves, in order. `before` and `after` are the facts around it.
pub fn announce(
    policy: &Policy,
    before: &IssueFacts,
    after: &IssueFacts,
    observation: &Observation,
) -> Vec<OutboxOrder> {
    let say = |content| activity(after, content);
    let respond = |body: &str| say(ActivityContent::Response { body: body.to_owned() });
    match &observation.kind {
        // It was acknowledged when it was heard of first.
        ObservationKind::SessionOpened { session, .. } if before.sessions.contains(session) => {
            Vec::new()
        }
        ObservationKind::SessionOpened { session, .. } => {
            session_opened(policy, after, session, observation.at)
        }
        ObservationKind::TicketRead { ticket, .. } => {
            ticket_read(policy, before, after, ticket, observation.at)
        }
        ObservationKind::HumanInput { source, said, heard, author, text, is_edit } => {
            let (said, heard, is_edit) = (*said, *heard, *is_edit);
            let said = Said { source, said, heard, author, text, is_edit };
            answer(policy, before, after, &said, observation.at)
        }
        ObservationKind::StopRequested { .. } if is_newly_stopped(before, after) => {
            respond(STOPPED)
        }
        ObservationKind::StopRequested { .. } => Vec::new(),
        ObservationKind::Retried { by, .. } => say(ActivityContent::Thought {
            body: format!(
                "{} ordered another try. What was spent and given up counts no longer.",
                by.shown()
            ),
        }),
        ObservationKind::Closed { by, as_failed, .. } => {
            let how = if *as_failed { "failed" } else { "done" };
            respond(&format!("{} closed this as {how}. I do nothing more here.", by.shown()))
        }
        ObservationKind::Approved { by, .. } => released(policy, after, by, observation.at),
        ObservationKind::PullRequestRead { pull_request, .. } => {
            pull_request_read(before, after, pull_request)
        }
        ObservationKind::RunClaimed { run_type, branch, .. } => {
            run_claimed(before, after, *run_type, branch)
        }
        ObservationKind::RunSettled { result, .. } => run_settled(before, after, result),
        ObservationKind::Asked { question, .. } => {
            say(ActivityContent::Elicitation { body: capped(question, MAX_SUMMARY) })
        }
        ObservationKind::Escalated { reason } => say(ActivityContent::Error {
            body: format!("I need a human here: {reason}.{}", last_failure(after)),
        }),
        // What follows from them is told when it is done: a run is started, a question is put, a merge is seen.
        ObservationKind::TicketRemoved { .. }
        | ObservationKind::PullRequestMissing { .. }
        | ObservationKind::ReviewRead { .. }
        | ObservationKind::CheckRead { .. }
        | ObservationKind::BaseCheckRead { .. }
        | ObservationKind::MergeStateRead { .. }
        | ObservationKind::HomeMoved { .. }
        | ObservationKind::InputDelivered { .. }
        | ObservationKind::WorktreeRemoved { .. } => Vec::new(),
    }
}

/// A first sign of life, and how things stand when they are known already (N47).
fn session_opened(
    policy: &Policy,
    after: &IssueFacts,
    session: &SessionId,
    now: Timestamp,
) -> Vec<OutboxOrder> {
    let body = acknowledgement(after);
    let mut orders = vec![OutboxOrder::Activity {
        session: session.clone(),
        content: ActivityContent::Thought { body },
        urgent: true,
        ephemeral: false,
    }];
    if after.ticket.is_none() || after.slot.is_some() {
        return orders;
    }
    let next = decide(policy, now, after);
    let question = after.question.as_ref().filter(|question| question.asked.is_some());
    let content = match (&next, question) {
        (NextStep::Run(_), _) => return orders,
        (NextStep::Wait { reason: Wait::Undelegated, .. }, _) => {
            ActivityContent::Elicitation { body: NOT_DELEGATED.to_owned() }
        }
        (NextStep::Wait { reason: Wait::Question, .. }, Some(question)) => {
            ActivityContent::Elicitation { body: capped(&question.text, MAX_SUMMARY) }
        }
        (
            NextStep::Wait { .. }
            | NextStep::Ask { .. }
            | NextStep::Escalate { .. }
            | NextStep::Settled(_),
            _,
        ) => ActivityContent::Thought { body: standing(&next, after) },
    };
    // An answer is waited for, however late; how things stand is worth knowing only while they do.
    let ephemeral = matches!(content, ActivityContent::Thought { .. });
    orders.push(OutboxOrder::Activity {
        session: session.clone(),
        content,
        urgent: false,
        ephemeral,
    });
    orders
}

/// That held work was released, and what becomes of it.
fn released(policy: &Policy, after: &IssueFacts, by: &Actor, now: Timestamp) -> Vec<OutboxOrder> {
    let next = decide(policy, now, after);
    let body = match &next {
        // What is released goes before anything else, so this is its publication.
        NextStep::Run(_) => format!("{} released it. I publish exactly that.", by.shown()),
        NextStep::Wait { .. }
        | NextStep::Ask { .. }
        | NextStep::Escalate { .. }
        | NextStep::Settled(_) => {
            format!(
                "{} released it. It is not published now. {}",
                by.shown(),
                standing(&next, after)
            )
        }
    };
    activity(after, ActivityContent::Thought { body })
}

const STOPPED: &str =
    "Stopped. What was done so far is kept. Write what to do, or delegate again, and I go on.";
const NOT_DELEGATED: &str = "This ticket is not delegated to me. Delegate it, and I start.";

fn ticket_read(
    policy: &Policy,
    before: &IssueFacts,
    after: &IssueFacts,
    ticket: &Ticket,
    now: Timestamp,
) -> Vec<OutboxOrder> {
    // A session that somebody opened by a mention is answered, and is no order to work.
    if before.ticket.is_none() && !ticket.delegated {
        let body = NOT_DELEGATED.to_owned();
        return activity(after, ActivityContent::Elicitation { body });
    }
    // Told once for each set of blockers, so that nobody wonders why nothing happens (N47).
    match (blockers(policy, before, now), blockers(policy, after, now)) {
        (told, Some(keys)) if told.as_ref() != Some(&keys) => {
            let body = format!("I wait until these tickets are over: {}.", keys.join(", "));
            activity(after, ActivityContent::Thought { body: capped(&body, MAX_SUMMARY) })
        }
        _ => Vec::new(),
    }
}

fn blockers(policy: &Policy, facts: &IssueFacts, now: Timestamp) -> Option<Vec<String>> {
    match decide(policy, now, facts) {
        NextStep::Wait { reason: Wait::Blocked(keys), .. } => Some(keys),
        NextStep::Wait { .. }
        | NextStep::Run(_)
        | NextStep::Ask { .. }
        | NextStep::Escalate { .. }
        | NextStep::Settled(_) => None,
    }
}

/// Whether there is a newer order to stop than before. One that is heard of late may be older than those.
fn is_newly_stopped(before: &IssueFacts, after: &IssueFacts) -> bool {
    let newest = |facts: &IssueFacts| facts.stops.last().map(|stop| stop.said);
    newest(before) < newest(after)
}

/// What somebody who said something is told: that it is taken up, that it stops, or how things stand (N43).
fn answer(
    policy: &Policy,
    before: &IssueFacts,
    after: &IssueFacts,
    said: &Said<'_>,
    now: Timestamp,
) -> Vec<OutboxOrder> {
    let thought = |body: String| remark(after, body);
    let next = decide(policy, now, after);
    if is_newly_stopped(before, after) {
        return activity(after, ActivityContent::Response { body: STOPPED.to_owned() });
    }
    let was_released =
        |facts: &IssueFacts| facts.held.as_ref().is_some_and(|held| held.released_by.is_some());
    if was_released(after) && !was_released(before) {
        return released(policy, after, said.author, now);
    }
    if before.next_input == after.next_input {
        let takes_back = before.pending != after.pending || before.stops != after.stops;
        // People also edit what has nothing to do with us.
        if !takes_back && !asks_how_it_stands(before, said) {
            return Vec::new();
        }
        return activity(after, ActivityContent::Response { body: standing(&next, after) });
    }
    if !after.is_delegated() {
        let body = NOT_DELEGATED.to_owned();
        return activity(after, ActivityContent::Elicitation { body });
    }
    match next {
        NextStep::Run(_) => thought("Heard. I start on it.".to_owned()),
        NextStep::Wait { reason: Wait::ActiveRun(_), .. } => thought(
            "Heard. The agent is at work; it is told, or the next run takes it up.".to_owned(),
        ),
        NextStep::Wait { .. }
        | NextStep::Ask { .. }
        | NextStep::Escalate { .. }
        | NextStep::Settled(_) => thought(format!("Heard. {}", standing(&next, after))),
    }
}

/// How things stand, from what is known here: no model is asked.
fn standing(next: &NextStep, facts: &IssueFacts) -> String {
    let mut text = match waiting_reason(next) {
        Some(reason) => format!("State: {}; {reason}.", factory_state(next).as_str()),
        None => format!("State: {}.", factory_state(next).as_str()),
    };
    if let Some(pr) = facts.pull_request.as_ref().map(|pr| &pr.value) {
        text.push_str(&format!(" Pull request [{}]({}).", pr.number, pr.url));
    }
    if let Some(note) = status_note(facts, next) {
        text.push_str(&format!("\n\n{}", quoted(&note, MAX_SUMMARY)));
    }
    text
}

fn pull_request_read(
    before: &IssueFacts,
    after: &IssueFacts,
    pull_request: &PullRequest,
) -> Vec<OutboxOrder> {
    let state_before = before
        .pull_request
        .as_ref()
        .filter(|pr| pr.value.number == pull_request.number)
        .map(|pr| pr.value.state);
    if state_before == Some(pull_request.state) {
        return Vec::new();
    }
    match pull_request.state {
        // Whoever has the issue says so in the end. Otherwise nobody is left to say it.
        PrState::Open if state_before.is_none() && after.slot.is_none() => opened(after),
        PrState::Open => Vec::new(),
        PrState::Merged => merged(after, pull_request),
        PrState::Closed => activity(
            after,
            ActivityContent::Thought {
                body: format!(
                    "Pull request [{}]({}) was closed without a merge.",
                    pull_request.number, pull_request.url
                ),
            },
        ),
    }
}

fn run_claimed(
    before: &IssueFacts,
    after: &IssueFacts,
    run_type: RunType,
    branch: &BranchName,
) -> Vec<OutboxOrder> {
    // A run that follows a lost one is the same work to people; they were told when it began.
    if before.latest_run.as_ref().is_some_and(|run| run.result.is_lost()) {
        return Vec::new();
    }
    let content = ActivityContent::Action {
        action: doing(run_type).to_owned(),
        parameter: format!("on branch `{branch}`"),
    };
    let mut orders = activity(after, content);
    if before.latest_run.is_none() {
        orders.push(OutboxOrder::MoveTicket { to: TicketTarget::Started });
    }
    orders
}

fn run_settled(before: &IssueFacts, after: &IssueFacts, result: &RunOutcome) -> Vec<OutboxOrder> {
    let respond = |body: String| activity(after, ActivityContent::Response { body });
    let is_update = before.slot.as_ref().is_some_and(|slot| slot.head.is_some());
    let is_told = is_update || matches!(result, RunOutcome::Published { .. });
    // A run that ended between opening its pull request and saying so leaves that to be said.
    let mut orders = if is_told { Vec::new() } else { opened(after) };
    orders.extend(match result {
        RunOutcome::Published { pull_request, summary, .. } => {
            let mut orders = respond(format!(
                "{} pull request [{}]({}).\n\n{}",
                if is_update { "Updated" } else { "Opened" },
                pull_request.number,
                pull_request.url,
                quoted(summary, MAX_SUMMARY)
            ));
            // It may have been merged before its publisher came to say so.
            let was_known = before.pull_request.as_ref().is_some_and(|known| {
                known.value.number == pull_request.number && known.value.state == PrState::Merged
            });
            if pull_request.state == PrState::Merged && !was_known {
                orders.extend(merged(after, pull_request));
            }
            orders
        }
        RunOutcome::NoChangeNeeded { reason } => {
            respond(format!("Nothing has to change.\n\n{}", quoted(reason, MAX_SUMMARY)))
        }
        RunOutcome::NothingToRepair { reason } => respond(format!(
            "I found nothing to repair. If a check failed by chance, run it again.\n\n{}",
            quoted(reason, MAX_SUMMARY)
        )),
        RunOutcome::Interrupted { by } => match by {
            Interruption::Undelegated => respond(
                "Stopped, because the ticket is no longer delegated to me. What was done so far is kept."
                    .to_owned(),
            ),
            Interruption::Blocked => respond(
                "Stopped, because other tickets have to be over first. What was done so far is kept."
                    .to_owned(),
            ),
            // What it had taken up is older than the end, so no other run takes it up.
            Interruption::PullRequestOver | Interruption::TicketOver => {
                let taken_up = before.slot.as_ref().map_or(0, |slot| slot.inputs.len());
                too_late(taken_up).map(respond).unwrap_or_default()
            }
            // A lost run is followed by another; the others were told when they were ordered, or are when a question is
            // put.
            Interruption::Restart
            | Interruption::Shutdown
            | Interruption::LeaseLost
            | Interruption::Stopped
            | Interruption::Closed
            | Interruption::Removed
            | Interruption::Spending
            | Interruption::Superseded
            | Interruption::HeadMoved => Vec::new(),
        },
        // A lost run is followed by another; a question or an escalation is announced when it is put.
        RunOutcome::NeedsInput { .. }
        | RunOutcome::Held { .. }
        | RunOutcome::Unavailable { .. }
        | RunOutcome::Failed { .. }
        | RunOutcome::Insufficient { .. }
        | RunOutcome::BranchTaken => Vec::new(),
    });
    orders
}

/// That there is a pull request from our branch.
fn opened(facts: &IssueFacts) -> Vec<OutboxOrder> {
    let ours =
        facts.open_pull_request().filter(|pr| facts.branch.as_ref() == Some(&pr.head_branch));
    let body = |pr: &PullRequest| format!("Opened pull request [{}]({}).", pr.number, pr.url);
    ours.map(|pr| activity(facts, ActivityContent::Response { body: body(pr) })).unwrap_or_default()
}

/// What the last run died of, for whoever is called for help.
fn last_failure(facts: &IssueFacts) -> String {
    match facts.latest_run.as_ref().map(|run| &run.result) {
        Some(RunOutcome::Failed { reason } | RunOutcome::Insufficient { reason }) => {
            format!(" The last one: {}.", single_line(reason, 500))
        }
        Some(
            RunOutcome::Published { .. }
            | RunOutcome::NoChangeNeeded { .. }
            | RunOutcome::NothingToRepair { .. }
            | RunOutcome::NeedsInput { .. }
            | RunOutcome::Held { .. }
            | RunOutcome::Interrupted { .. }
            | RunOutcome::Unavailable { .. }
            | RunOutcome::BranchTaken,
        )
        | None => String::new(),
    }
}

/// What is said to people whose words nobody acts on any more, so many of them.
fn too_late(messages: usize) -> Option<String> {
    match messages {
        0 => None,
        1 => Some("One message came too late for it; say it again if it still matters.".to_owned()),
        several => Some(format!(
            "{several} messages came too late for it; say them again if they still matter."
        )),
    }
}

/// What a merge deserves. Whoever said something that no run has taken up is not left to believe that it was.
fn merged(facts: &IssueFacts, pull_request: &PullRequest) -> Vec<OutboxOrder> {
    let mut body =
        format!("Pull request [{}]({}) was merged.", pull_request.number, pull_request.url);
    if let Some(late) = too_late(facts.pending.len()) {
        body.push(' ');
        body.push_str(&late);
    }
    activity(facts, ActivityContent::Response { body })
        .into_iter()
        .chain([OutboxOrder::MoveTicket { to: TicketTarget::Completed }])
        .collect()
}

/// The longest text of the agent that is repeated in the tracker, in characters.
const MAX_SUMMARY: usize = 3_000;

fn activity(facts: &IssueFacts, content: ActivityContent) -> Vec<OutboxOrder> {
    in_session(facts, content, false)
}

/// Something that is true now, and that nobody needs to read later.
fn remark(facts: &IssueFacts, body: String) -> Vec<OutboxOrder> {
    in_session(facts, ActivityContent::Thought { body }, true)
}

fn in_session(facts: &IssueFacts, content: ActivityContent, ephemeral: bool) -> Vec<OutboxOrder> {
    let order = |session: &SessionId| OutboxOrder::Activity {
        session: session.clone(),
        content: content.clone(),
        urgent: false,
        ephemeral,
    };
    facts.session.iter().map(order).collect()
}

fn acknowledgement(facts: &IssueFacts) -> String {
    match &facts.slot {
        Some(_) => "I am already working on this.".to_owned(),
        None => "Received. I am reading the ticket.".to_owned(),
    }
}

fn doing(run_type: RunType) -> &'static str {
    match run_type {
        RunType::Implementation => "Implementing the ticket",
        RunType::ReviewFix => "Addressing the review",
        RunType::CiRepair => "Repairing the failed checks",
        RunType::QueueRepair => "Repairing what the merge queue refused",
        RunType::BranchUpkeep => "Bringing the branch up to date",
    }
}

#[cfg(test)]
mod tests;
