//! The fold: facts and an observation give facts.

mod forge;
mod people;
mod runs;
mod tracker;

pub(crate) use self::{
    forge::linked,
    people::{Said, asks_how_it_stands},
    runs::{MAX_STARTS, STARTS_WINDOW},
};
use crate::{IssueFacts, Observation, ObservationKind, Policy, Timestamp, Versioned};

/// What an observation did to the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Evolved {
    /// These are the facts now; the observation belongs in the log.
    Changed(Box<IssueFacts>),
    /// It says nothing new: older than what is known, equal to it, about something that is over, or from somebody who has
    /// nothing to say here. It is not logged.
    Unchanged,
}

/// Folds one observation into the facts. Pure and total.
///
/// States are registers that only a newer version changes, and what humans and reviewers say is ordered by when they said
/// it. So any order of the same deliveries ends in the same facts, but for what counts deliveries: `epoch`, `seq`, receipt
/// times. What was tried and spent changes only by our own runs.
///
/// Two different values of one version are told apart by nothing, so the last of them stays until the next read. Whom to
/// trust is decided here: rebuilding facts from a log takes the policy under which it was written.
///
/// Occurrences count once, and the store knows which are in the log: only new ones may be passed in.
pub fn evolve(policy: &Policy, facts: &IssueFacts, observation: &Observation) -> Evolved {
    let mut new = facts.clone();
    let at = observation.at;
    let changed = match &observation.kind {
        ObservationKind::SessionOpened { session, prompt, author, opened, comments } => {
            let opened = tracker::Opened {
                session,
                prompt: prompt.as_deref(),
                author: author.as_ref(),
                opened: opened.unwrap_or(at),
                comments,
            };
            tracker::session_opened(policy, &mut new, at, &opened)
        }
        ObservationKind::TicketRead { version, ticket } => {
            tracker::read(&mut new, *version, ticket)
        }
        ObservationKind::TicketRemoved { version } => tracker::removed(&mut new, *version),

        ObservationKind::HumanInput { source, said, heard, author, text, is_edit } => {
            let (said, heard, is_edit) = (*said, *heard, *is_edit);
            let said = Said { source, said, heard, author, text, is_edit };
            people::said(policy, &mut new, at, &said)
        }
        ObservationKind::StopRequested { source, said, by, reason: _ } => {
            people::stop(policy, &mut new, source, *said, by)
        }
        ObservationKind::Retried { said, run_type, by, order: _, reason: _ } => {
            people::retry(policy, &mut new, *said, by, *run_type)
        }
        ObservationKind::Closed { by, as_failed, reason, order: _ } => {
            people::close(policy, &mut new, by, *as_failed, reason.as_deref())
        }
        ObservationKind::Approved { tree, by, order: _, reason: _ } => {
            people::approve(policy, &mut new, tree, by)
        }
        ObservationKind::WorktreeRemoved { path, rescue: _ } => {
            runs::worktree_removed(&mut new, path)
        }
        ObservationKind::Asked { question, about } => people::asked(&mut new, at, question, *about),
        ObservationKind::Escalated { reason } => people::escalated(&mut new, at, reason),

        ObservationKind::PullRequestRead { version, pull_request } => {
            forge::read_pull_request(policy, &mut new, *version, pull_request)
        }
        ObservationKind::PullRequestMissing { number, version: _ } => {
            forge::missing(policy, &mut new, *number)
        }
        ObservationKind::ReviewRead { number, review } => {
            forge::read_review(policy, &mut new, *number, review)
        }
        ObservationKind::CheckRead { head, check } => {
            forge::read_check(policy, &mut new, head, check)
        }
        ObservationKind::BaseCheckRead { commit, check } => {
            forge::read_base_check(policy, &mut new, commit, check)
        }
        ObservationKind::MergeStateRead { version, state } => {
            forge::read_merge_state(&mut new, *version, state)
        }

        ObservationKind::RunClaimed {
            run,
            run_type,
            epoch,
            branch,
            worktree,
            consumes,
            head,
            signature,
            wake,
            release,
            node,
        } => runs::claimed(
            policy,
            &mut new,
            at,
            &runs::Claim {
                run,
                run_type: *run_type,
                epoch: *epoch,
                branch,
                worktree,
                consumes,
                head: head.as_ref(),
                signature: signature.as_deref(),
                wake: *wake,
                is_release: release.is_some(),
                node: node.as_ref(),
            },
        ),
        ObservationKind::HomeMoved { from, to } => runs::moved(&mut new, from, to),
        ObservationKind::InputDelivered { run, inputs, turn: _ } => {
            runs::delivered(&mut new, run, inputs)
        }
        ObservationKind::RunSettled { run, result, charge, continuations, thread, spent } => {
            runs::settled(
                policy,
                &mut new,
                at,
                &runs::End {
                    run,
                    result,
                    charge: *charge,
                    continuations: *continuations,
                    thread: thread.as_ref(),
                    spent,
                },
            )
        }
    };
    if !changed {
        return Evolved::Unchanged;
    }
    new.updated = at;
    Evolved::Changed(Box::new(new))
}

/// Whether a state says nothing new: it is older than what is known, or the very same. An equal value of a newer version
/// counts, because without its version an older one that comes later would pass for news.
fn is_known<T: PartialEq>(known: &Versioned<T>, version: Timestamp, value: &T) -> bool {
    version < known.version || (version == known.version && known.value == *value)
}

#[cfg(test)]
mod tests;
