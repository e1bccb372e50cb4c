//! A small world: one ticket, its people, one repository. It knows the truth, and says what its webhooks and a full read
//! of it would say.

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
}

#[derive(Clone)]
struct Text {
    source: String,
    said: i64,
    heard: Heard,
    text: &'static str,
}

impl Text {
    fn kind(&self) -> ObservationKind {
        ObservationKind::HumanInput {
            source: self.source.clone(),
            said: at(self.said),
            heard: self.heard,
            author: member(),
            text: self.text.to_owned(),
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
            if let Some(kind) = self.try_event(rng) {
                return kind;
            }
        }
    }

    fn try_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        match rng.below(24) {
            0..=2 => self.ticket_event(rng),
            3..=5 => self.say(rng),
            6 => self.say_stop(),
            7 => self.open_session(rng),
            8..=10 => self.pull_request_event(rng),
            11..=14 => self.check_event(rng),
            15 => self.queue_event(rng),
            16..=18 => self.review_event(rng),
            19 => self.dismissal(rng),
            20 => self.base_event(rng),
            _ => self.merge_event(rng),
        }
    }

    fn ticket_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        let clock = self.clock;
        let is_over = self.ticket.1.state.kind.is_final();
        let ticket = &mut self.ticket.1;
        match rng.below(6) {
            0 | 1 if self.shape.flips => ticket.delegated = !ticket.delegated,
            2 if ticket.blockers.is_empty() => {
                let blocker = |key: &str, kind| Blocker { key: key.to_owned(), state: kind };
                ticket.blockers = vec![
                    blocker("APP-9", TrackerStateKind::Started),
                    blocker("APP-8", TrackerStateKind::Canceled),
                ];
            }
            2 => ticket.blockers.clear(),
            3 => ticket.priority = (ticket.priority + 1) % 5,
            4 if self.shape.ends => {
                let kind = match (is_over, rng.below(2)) {
                    (true, _) => TrackerStateKind::Started,
                    (false, 0) => TrackerStateKind::Completed,
                    (false, _) => TrackerStateKind::Canceled,
                };
                ticket.state = state(kind);
                ticket.ended = (!is_over).then_some(at(clock));
            }
            5 if self.shape.ends && rng.one_in(4) => {
                if self.removed.take().is_none() {
                    self.removed = Some(clock);
                    return Some(ObservationKind::TicketRemoved { version: at(clock) });
                }
            }
            _ => return None,
        }
        // Whatever is seen of it is there again.
        self.removed = None;
        self.ticket.0 = clock;
        Some(self.ticket_read())
    }

    fn say(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        let is_edit = !self.texts.is_empty() && rng.one_in(3);
        let clock = self.clock;
        if is_edit {
            let turns = self.shape.turns;
            let text = rng.below(self.texts.len());
            let text = &mut self.texts[text];
            let texts: &[&'static str] = match (turns, WORK.contains(&text.text)) {
                (true, _) if rng.one_in(2) => &OTHER,
                (true, _) => &WORK,
                // What names us is an instruction wherever it is said.
                (false, true) => &WORK[1..],
                (false, false) => return None,
            };
            text.text = *rng.pick(texts);
            text.said = clock;
            return Some(text.kind());
        }
        let text = if rng.one_in(3) { *rng.pick(&OTHER) } else { *rng.pick(&WORK) };
        let heard = *rng.pick(&[
            Heard::Session,
            Heard::Session,
            Heard::TicketComment,
            Heard::ForgeComment,
            Heard::Operator,
        ]);
        let source = self.id("text");
        self.texts.push(Text { source, said: clock, heard, text });
        self.texts.last().map(Text::kind)
    }

    fn say_stop(&mut self) -> Option<ObservationKind> {
        let source = self.id("stop");
        let kind = ObservationKind::StopRequested { source, said: at(self.clock), by: member() };
        self.stops.push(kind.clone());
        Some(kind)
    }

    fn open_session(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        if self.shape.sessions <= self.sessions.len() {
            return None;
        }
        let kind = ObservationKind::SessionOpened {
            session: SessionId::new(self.id("session")),
            prompt: rng.one_in(2).then(|| WORK[0].to_owned()),
            author: Some(member().id),
            opened: Some(at(self.clock)),
        };
        self.sessions.push(kind.clone());
        Some(kind)
    }

    fn pull_request_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        let clock = self.clock;
        let shape = self.shape;
        let what = rng.below(10);
        let pushed = if rng.one_in(4) && !self.heads.is_empty() {
            rng.pick(&self.heads).clone()
        } else {
            sha(self.heads.len() + 1)
        };
        let (version, pr) = self.pull_request.as_mut()?;
        match (what, pr.state) {
            (0..=5, PrState::Open) => {
                pr.head = pushed.clone();
                self.heads.push(pushed);
                self.conflicting = false;
            }
            (6, PrState::Open) => pr.is_draft = !pr.is_draft,
            (7, PrState::Open) if shape.ends => {
                pr.state = PrState::Merged;
                pr.merge_commit = Some(sha(9_999));
                pr.ended = Some(at(clock));
            }
            (8, PrState::Open) if shape.closes => {
                pr.state = PrState::Closed;
                pr.ended = Some(at(clock));
            }
            (9, PrState::Closed) if shape.reopens => {
                pr.state = PrState::Open;
                pr.ended = None;
            }
            _ => return None,
        }
        *version = clock;
        self.pull_request_read()
    }

    fn check_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        let head = self.head().filter(|_| self.is_open())?;
        let name = *rng.pick(&CHECKS);
        let status = *rng.pick(&[CheckStatus::Failure, CheckStatus::Success, CheckStatus::Pending]);
        self.put_check(head, name, status)
    }

    fn queue_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        let head = self.head().filter(|_| self.is_open())?;
        let status = *rng.pick(&[
            CheckStatus::Failure,
            CheckStatus::Failure,
            CheckStatus::Success,
            CheckStatus::Pending,
        ]);
        self.put_check(head, QUEUE, status)
    }

    /// A check ends as the run that began, or is run again.
    fn put_check(
        &mut self,
        head: CommitSha,
        name: &str,
        status: CheckStatus,
    ) -> Option<ObservationKind> {
        let pending = self.checks.iter_mut().find(|(of, check)| {
            *of == head && check.name == name && check.status == CheckStatus::Pending
        });
        match pending {
            Some(_) if status == CheckStatus::Pending => None,
            Some(pending) => {
                pending.1.status = status;
                pending.1.version = at(self.clock);
                Some(read_check(pending))
            }
            None => {
                self.last_id += 1;
                let (id, version) = (self.last_id, at(self.clock));
                self.checks.push((head, Check { id, name: name.to_owned(), status, version }));
                self.checks.last().map(read_check)
            }
        }
    }

    fn review_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        let number =
            self.pull_request.as_ref().filter(|(_, pr)| pr.state == PrState::Open)?.1.number;
        let reviewer = *rng.pick(&["reviewer-1", "reviewer-2"]);
        // Who has an older head open in the browser reviews that one.
        let head = if rng.one_in(5) { Some(rng.pick(&self.heads).clone()) } else { self.head() };
        let verdict = *rng.pick(&[
            ReviewVerdict::ChangesRequested,
            ReviewVerdict::ChangesRequested,
            ReviewVerdict::Approved,
            ReviewVerdict::Approved,
            ReviewVerdict::Commented,
        ]);
        let id = self.id("review");
        self.reviews.push(Review {
            id,
            reviewer: Actor { id: reviewer.to_owned(), standing: Standing::Writer, ..member() },
            verdict,
            head: head?,
            submitted: at(self.clock),
        });
        self.reviews.last().map(|review| read_review(number, review))
    }

    fn dismissal(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        let number = self.pull_request.as_ref()?.1.number;
        if self.reviews.is_empty() {
            return None;
        }
        let review = rng.below(self.reviews.len());
        let review = &mut self.reviews[review];
        match review.verdict {
            ReviewVerdict::Approved | ReviewVerdict::ChangesRequested => {
                review.verdict = ReviewVerdict::Dismissed;
                Some(read_review(number, review))
            }
            ReviewVerdict::Commented | ReviewVerdict::Dismissed => None,
        }
    }

    fn base_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        if rng.one_in(8) {
            // The forge hides what is there.
            let (number, version) = (self.pull_request.as_ref()?.1.number, at(self.clock));
            return Some(ObservationKind::PullRequestMissing { number, version });
        }
        self.last_id += 1;
        let check = Check {
            id: self.last_id,
            name: rng.pick(&CHECKS).to_string(),
            status: *rng.pick(&[CheckStatus::Failure, CheckStatus::Success]),
            version: at(self.clock),
        };
        self.base_checks.push(check.clone());
        Some(ObservationKind::BaseCheckRead { commit: crate::CommitSha::new("base-tip"), check })
    }

    /// The base moves on, or somebody asks how they get on.
    fn merge_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        if !self.is_open() {
            return None;
        }
        if rng.one_in(2) {
            self.bases += 1;
            self.conflicting = rng.one_in(2);
        }
        if rng.one_in(8) {
            self.is_review_required = !self.is_review_required;
        }
        // The forge is sometimes still finding out.
        let answer = (!rng.one_in(4)).then_some(self.conflicting);
        Some(ObservationKind::MergeStateRead {
            version: at(self.clock),
            state: self.merge_state(answer),
        })
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
