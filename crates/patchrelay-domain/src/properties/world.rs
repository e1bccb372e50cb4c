//! A small world: one ticket, its people, one repository. It knows the truth, and says what its webhooks and a full read
//! of it would say.

mod events;

use super::rng::Rng;
use crate::{
    Actor, Blocker, BranchName, Check, CheckStatus, CommitSha, Heard, Interruption,
    LinkedPullRequest, MergeState, ObservationKind, PrNumber, PrState, PullRequest, RepoSlug,
    Review, ReviewVerdict, RunOutcome, SessionId, Slot, Standing, Ticket, TrackerStateKind,
    fixture::{at, member, state, ticket},
};

/// What may happen in a world.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Pull requests are closed without a merge.
    pub(super) closes: bool,
    /// And opened again.
    pub(super) reopens: bool,
    /// Tickets and pull requests come to an end, and tickets are removed and restored.
    pub(super) ends: bool,
    /// Delegation is taken and given.
    pub(super) flips: bool,
    /// What was said as an instruction is edited into something else.
    pub(super) turns: bool,
    /// How many agent sessions are opened at most.
    pub(super) sessions: usize,
}

impl Shape {
    pub(super) const ALL: Self =
        Self { closes: true, reopens: true, ends: true, flips: true, turns: true, sessions: 3 };
}

pub(super) struct World {
    pub(super) shape: Shape,
    /// The clock of all its sources.
    pub(super) clock: i64,
    ticket: (i64, Ticket),
    removed: Option<i64>,
    pub(super) pull_request: Option<(i64, PullRequest)>,
    /// The branches of all pull requests there were.
    branches: Vec<BranchName>,
    last_number: u64,
    last_id: u64,
    /// All heads there were, oldest first.
    heads: Vec<CommitSha>,
    bases: u32,
    checks: Vec<(CommitSha, Check)>,
    base_checks: Vec<Check>,
    reviews: Vec<Review>,
    conflicting: bool,
    is_review_required: bool,
    /// Comments and prompts as they read now.
    texts: Vec<Text>,
    stops: Vec<ObservationKind>,
    sessions: Vec<ObservationKind>,
    /// What follows from the last thing, and is told next.
    follows: Option<ObservationKind>,
}

#[derive(Clone)]
struct Text {
    source: String,
    said: i64,
    heard: Heard,
    text: &'static str,
    is_edit: bool,
}

impl Text {
    fn kind(&self) -> ObservationKind {
        ObservationKind::HumanInput {
            source: self.source.clone(),
            said: at(self.said),
            heard: self.heard,
            author: member(),
            text: self.text.to_owned(),
            is_edit: self.is_edit,
        }
    }
}

const WORK: [&str; 3] =
    ["please also fix the docs", "@patchrelay use the other table", "patchrelay, add a test"];
const OTHER: [&str; 4] = ["stop", "thanks!", "@patchrelay stop", "how is it going?"];
const CHECKS: [&str; 3] = ["Tests", "verify", "tests "];
const QUEUE: &str = "merge-steward/queue";

pub(super) fn repo() -> RepoSlug {
    "acme/app".parse().unwrap()
}

pub(super) fn sha(n: usize) -> CommitSha {
    CommitSha::new(format!("{n:040x}"))
}

impl World {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            clock: 1_000,
            ticket: (10, ticket()),
            removed: None,
            pull_request: None,
            branches: Vec::new(),
            last_number: 0,
            last_id: 100,
            heads: Vec::new(),
            bases: 1,
            checks: Vec::new(),
            base_checks: Vec::new(),
            reviews: Vec::new(),
            conflicting: false,
            is_review_required: true,
            texts: Vec::new(),
            stops: Vec::new(),
            sessions: Vec::new(),
            follows: None,
        }
    }

    /// Somebody's pull request, attached to the ticket before we hear of it.
    pub(super) fn attach(&mut self) {
        let pull_request = self.open(BranchName::new("ada/started"));
        self.ticket.1.linked.push(LinkedPullRequest { repo: repo(), number: pull_request.number });
    }

    pub(super) fn ticket_read(&self) -> ObservationKind {
        ObservationKind::TicketRead { version: at(self.ticket.0), ticket: self.ticket.1.clone() }
    }

    pub(super) fn pull_request_read(&self) -> Option<ObservationKind> {
        let (version, pull_request) = self.pull_request.clone()?;
        Some(ObservationKind::PullRequestRead { version: at(version), pull_request })
    }

    /// All that a full read shows: every state at its newest version, in the order in which it is asked for, and every
    /// occurrence that still exists. Of a removed ticket it is what was there last.
    pub(super) fn read(&self) -> Vec<ObservationKind> {
        let mut kinds = vec![self.ticket_read()];
        kinds.extend(
            self.removed.map(|version| ObservationKind::TicketRemoved { version: at(version) }),
        );
        kinds.extend(self.sessions.iter().cloned());
        kinds.extend(self.texts.iter().map(Text::kind));
        kinds.extend(self.stops.iter().cloned());
        kinds.extend(self.base_checks.iter().map(|check| ObservationKind::BaseCheckRead {
            commit: crate::CommitSha::new("base-tip"),
            check: check.clone(),
        }));
        kinds.extend(self.pull_request_read());
        if let Some((_, pr)) = &self.pull_request {
            kinds.extend(self.reviews.iter().map(|review| read_review(pr.number, review)));
            kinds.extend(self.checks.iter().filter(|(head, _)| *head == pr.head).map(read_check));
            kinds.push(ObservationKind::MergeStateRead {
                version: at(self.clock),
                state: self.merge_state(Some(self.conflicting)),
            });
        }
        kinds
    }

    /// The same, with everything but the ticket and the pull request in any order.
    pub(super) fn read_anyhow(&self, rng: &mut Rng) -> Vec<ObservationKind> {
        let mut kinds = self.read();
        let is_pull_request =
            |kind: &ObservationKind| matches!(kind, ObservationKind::PullRequestRead { .. });
        let before = kinds.iter().position(is_pull_request).unwrap_or(kinds.len() - 1);
        rng.shuffle(&mut kinds[1..before.max(1)]);
        rng.shuffle(&mut kinds[before + 1..]);
        kinds
    }

    fn merge_state(&self, is_conflicting: Option<bool>) -> MergeState {
        MergeState {
            head: self.head().unwrap_or_else(|| sha(0)),
            base: CommitSha::new(format!("base-{}", self.bases)),
            is_conflicting,
            is_review_required: Some(self.is_review_required),
        }
    }

    fn head(&self) -> Option<CommitSha> {
        self.pull_request.as_ref().map(|(_, pr)| pr.head.clone())
    }

    fn is_open(&self) -> bool {
        self.pull_request.as_ref().is_some_and(|(_, pr)| pr.state == PrState::Open)
    }

    /// Something happens, and a webhook tells of it.
    pub(super) fn event(&mut self, rng: &mut Rng) -> ObservationKind {
        self.clock += 1_000;
        loop {
            if let Some(kind) = self.follows.take().or_else(|| self.try_event(rng)) {
                return kind;
            }
        }
    }

    fn id(&mut self, what: &str) -> String {
        self.last_id += 1;
        format!("{what}-{}", self.last_id)
    }

    fn open(&mut self, branch: BranchName) -> PullRequest {
        self.last_number += 1;
        let head = sha(self.heads.len() + 1);
        self.heads.push(head.clone());
        self.branches.push(branch.clone());
        self.reviews.clear();
        self.conflicting = false;
        let pull_request = PullRequest {
            number: PrNumber(self.last_number),
            url: format!("https://github.test/acme/app/pull/{}", self.last_number),
            state: PrState::Open,
            is_draft: false,
            is_from_fork: false,
            head_branch: branch,
            head,
            base_branch: BranchName::new("main"),
            merge_commit: None,
            ended: None,
        };
        self.pull_request = Some((self.clock, pull_request.clone()));
        pull_request
    }

    /// A run publishes on its branch: only on top of what it knows, and never with force.
    pub(super) fn publish(&mut self, slot: &Slot, branch: &BranchName) -> RunOutcome {
        self.clock += 1_000;
        let interrupted = |by| RunOutcome::Interrupted { by };
        let pull_request = match &mut self.pull_request {
            Some((version, pr)) if pr.state == PrState::Open && pr.head_branch == *branch => {
                if slot.head.as_ref() != Some(&pr.head) {
                    return interrupted(Interruption::HeadMoved);
                }
                let head = sha(self.heads.len() + 1);
                self.heads.push(head.clone());
                (*version, pr.head) = (self.clock, head);
                self.conflicting = false;
                pr.clone()
            }
            Some(_) | None if slot.head.is_some() => {
                return interrupted(Interruption::PullRequestOver);
            }
            Some(_) | None if self.branches.contains(branch) => return RunOutcome::BranchTaken,
            Some(_) | None => self.open(branch.clone()),
        };
        RunOutcome::Published {
            commit: pull_request.head.clone(),
            pull_request,
            version: at(self.clock),
            summary: "Did it.".to_owned(),
        }
    }

    /// A head that is not the current one.
    pub(super) fn other_head(&self, rng: &mut Rng, current: &CommitSha) -> CommitSha {
        let others: Vec<_> = self.heads.iter().filter(|head| *head != current).collect();
        if others.is_empty() { sha(7_777) } else { (*rng.pick(&others)).clone() }
    }
}

fn read_check((head, check): &(CommitSha, Check)) -> ObservationKind {
    ObservationKind::CheckRead { head: head.clone(), check: check.clone() }
}

fn read_review(number: PrNumber, review: &Review) -> ObservationKind {
    ObservationKind::ReviewRead { number, review: review.clone() }
}
