//! The way out of each wait: what should end it, as an observation that can be made.

use super::walk::Walk;
use crate::{
    Actor, Blocker, Check, CheckStatus, Heard, IssueFacts, MergeState, ObservationKind, PrState,
    PrWait, PullRequest, Review, ReviewVerdict, RunOutcome, SessionId, Standing, Ticket,
    TrackerStateKind, Wait,
    fixture::{at, member, pull_request, said, settled, ticket},
};

/// Whether what should end a wait does so in every state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Works {
    Always,
    /// Only in some states; the reason stands where it is said.
    Sometimes,
}

/// Observations of one kind that end a wait together.
pub(super) struct Ending {
    pub(super) kinds: Vec<ObservationKind>,
    pub(super) works: Works,
}

fn always(kinds: impl IntoIterator<Item = ObservationKind>) -> Ending {
    Ending { kinds: kinds.into_iter().collect(), works: Works::Always }
}

/// What ends this wait by an observation of this kind.
pub(super) fn ending(walk: &Walk, wait: &Wait, kind: &str) -> Ending {
    let end = Builder { facts: &walk.facts, now: walk.now };
    let sometimes = |kinds: Vec<ObservationKind>| Ending { kinds, works: Works::Sometimes };
    match (wait, kind) {
        (Wait::ActiveRun(_), "run_settled") => always([end.lost()]),
        (Wait::TicketUnread, "ticket_read") => always([end.ticket(1, ticket())]),
        (Wait::Undelegated, "ticket_read") => always([end.delegation(1, true)]),
        // Taking the ticket away does not start anything, but giving it back does.
        (Wait::Stopped | Wait::Escalated, "ticket_read") => {
            always([end.delegation(1, false), end.delegation(2, true)])
        }
        (Wait::Blocked(_), "ticket_read") => always([end.unblocked()]),
        // What is asked about attached pull requests is asked again: nothing is different.
        (Wait::Question, "retried") => sometimes(vec![end.retry()]),
        (_, "retried") => always([end.retry()]),
        (_, "human_input") => always([end.words()]),
        (_, "session_opened") => always([end.session()]),
        // Only a question about a publication that may be released is answered by a release.
        (Wait::Question, "approved") => sometimes(end.approval()),
        (Wait::LinkedPullRequest(number), "pull_request_read") => {
            always([end.read(PullRequest { number: *number, ..pull_request(1, PrState::Open) })])
        }
        (Wait::LinkedPullRequest(number), "pull_request_missing") => {
            let version = at(walk.now + 1);
            always([ObservationKind::PullRequestMissing { number: *number, version }])
        }
        // Without a pull request nobody can push to it.
        (Wait::Escalated, "pull_request_read") => sometimes(end.pushed()),
        (Wait::PullRequest(_, PrWait::Draft), "pull_request_read") => {
            always([end.read(PullRequest { is_draft: false, ..end.pull_request() })])
        }
        (Wait::PullRequest(..), "pull_request_read") => {
            let ended = Some(at(walk.now + 1));
            always([end.read(PullRequest { state: PrState::Merged, ended, ..end.pull_request() })])
        }
        (Wait::PullRequest(_, PrWait::Checks), "check_read") => {
            always(end.checks_end(CheckStatus::Pending, CheckStatus::Failure))
        }
        (Wait::PullRequest(_, PrWait::RedBase | PrWait::Rerun), "check_read") => {
            always(end.checks_end(CheckStatus::Failure, CheckStatus::Success))
        }
        (Wait::PullRequest(..), "check_read") => always([end.red_check()]),
        (Wait::PullRequest(_, PrWait::RedBase), "base_check_read") => always(end.base_is_green()),
        (Wait::PullRequest(..), "review_read") => always([end.refusal()]),
        (Wait::PullRequest(..), "merge_state_read") => always([end.conflict()]),
        _ => panic!("nothing is known of how {kind} ends {wait:?}"),
    }
}

struct Builder<'a> {
    facts: &'a IssueFacts,
    now: i64,
}

impl Builder<'_> {
    /// A time after all that was ever said or read.
    fn soon(&self, nth: i64) -> i64 {
        self.now + 1_000_000 + nth
    }

    fn lost(&self) -> ObservationKind {
        let slot = self.facts.slot.as_ref().unwrap();
        let reason = "it crashed".to_owned();
        settled(slot.run.as_str(), RunOutcome::Failed { reason })
    }

    fn ticket(&self, nth: i64, ticket: Ticket) -> ObservationKind {
        ObservationKind::TicketRead { version: at(self.soon(nth)), ticket }
    }

    fn known_ticket(&self) -> Ticket {
        self.facts.ticket.as_ref().unwrap().value.clone()
    }

    fn delegation(&self, nth: i64, delegated: bool) -> ObservationKind {
        self.ticket(nth, Ticket { delegated, ..self.known_ticket() })
    }

    fn unblocked(&self) -> ObservationKind {
        let mut ticket = self.known_ticket();
        for Blocker { state, key: _ } in &mut ticket.blockers {
            *state = TrackerStateKind::Completed;
        }
        self.ticket(1, ticket)
    }

    fn retry(&self) -> ObservationKind {
        ObservationKind::Retried {
            order: "way-out".to_owned(),
            said: at(self.soon(0)),
            by: member(),
            run_type: None,
            reason: None,
        }
    }

    fn words(&self) -> ObservationKind {
        said("way-out", self.soon(0), Heard::Session, "please go on with the other table")
    }

    /// One that was opened with a word. Without one it is no answer and no help.
    fn session(&self) -> ObservationKind {
        ObservationKind::SessionOpened {
            session: SessionId::new("way-out"),
            prompt: Some("please go on".to_owned()),
            author: Some(member()),
            opened: Some(at(self.soon(0))),
            comments: Vec::new(),
        }
    }

    fn approval(&self) -> Vec<ObservationKind> {
        let approved = self.facts.held.as_ref().map(|held| ObservationKind::Approved {
            order: "way-out".to_owned(),
            tree: held.tree.clone(),
            by: member(),
            reason: None,
        });
        approved.into_iter().collect()
    }

    fn pull_request(&self) -> PullRequest {
        self.facts.open_pull_request().unwrap().clone()
    }

    fn read(&self, pull_request: PullRequest) -> ObservationKind {
        ObservationKind::PullRequestRead { version: at(self.soon(0)), pull_request }
    }

    fn pushed(&self) -> Vec<ObservationKind> {
        let head = super::world::sha(8_888);
        let pushed =
            self.facts.open_pull_request().map(|pr| self.read(PullRequest { head, ..pr.clone() }));
        pushed.into_iter().collect()
    }

    fn check(&self, nth: i64, name: &str, status: CheckStatus) -> Check {
        let id = 1_000_000 + u64::try_from(nth).unwrap();
        Check { id, name: name.to_owned(), status, version: at(self.soon(nth)) }
    }

    /// All checks of the gate that stand so are run again, and end so.
    fn checks_end(&self, from: CheckStatus, to: CheckStatus) -> Vec<ObservationKind> {
        let ends = self.facts.checks.iter().filter(|check| check.status == from).zip(1..);
        ends.map(|(check, nth)| ObservationKind::CheckRead {
            head: self.pull_request().head,
            check: self.check(nth, &check.name, to),
        })
        .collect()
    }

    fn red_check(&self) -> ObservationKind {
        let check = self.check(1, "Tests", CheckStatus::Failure);
        ObservationKind::CheckRead { head: self.pull_request().head, check }
    }

    fn base_is_green(&self) -> Vec<ObservationKind> {
        let checks = self.facts.base_checks.iter().zip(1..);
        checks
            .map(|(check, nth)| ObservationKind::BaseCheckRead {
                commit: crate::CommitSha::new("base-tip"),
                check: self.check(nth, &check.name, CheckStatus::Success),
            })
            .collect()
    }

    fn refusal(&self) -> ObservationKind {
        let pr = self.pull_request();
        ObservationKind::ReviewRead {
            number: pr.number,
            review: Review {
                id: "way-out".to_owned(),
                reviewer: Actor { standing: Standing::Writer, ..member() },
                verdict: ReviewVerdict::ChangesRequested,
                head: pr.head,
                submitted: at(self.soon(0)),
            },
        }
    }

    fn conflict(&self) -> ObservationKind {
        ObservationKind::MergeStateRead {
            version: at(self.soon(0)),
            state: MergeState {
                head: self.pull_request().head,
                base: crate::CommitSha::new("way-out"),
                is_conflicting: Some(true),
                is_review_required: None,
            },
        }
    }
}
