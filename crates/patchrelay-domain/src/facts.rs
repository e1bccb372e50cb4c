//! Facts: everything known about one issue, as the fold of its observations.

mod spending;
mod tries;

use serde::{Deserialize, Serialize};

pub use self::{
    spending::{Spending, Spent},
    tries::{Attempts, RepairTrail},
};
use crate::{
    Actor, BranchName, Check, CommitSha, GateHit, IssueId, MergeState, PendingInput, PrNumber,
    PrState, ProjectId, PullRequest, Report, Review, ReviewVerdict, RunId, RunOutcome, RunType,
    SessionId, ThreadId, Ticket, Timestamp, TreeId, WakeReason,
};

/// The version of [`IssueFacts`] that this program writes. It reads all from the first on.
pub const FACTS_VERSION: u32 = 2;

/// Everything known about one issue. [`evolve`](crate::evolve) is the only function that changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueFacts {
    /// Which issue.
    pub issue: IssueId,
    /// The project it was routed to.
    pub project: ProjectId,
    /// When we first heard of it.
    pub first_seen: Timestamp,
    /// When these facts last changed.
    pub updated: Timestamp,

    /// The ticket, once it was read.
    pub ticket: Option<Versioned<Ticket>>,
    /// When the ticket was removed from the tracker, by the tracker's clock. A newer read of it says that it is back.
    #[serde(default)]
    pub removed: Option<Timestamp>,
    /// The newest agent session on it.
    pub session: Option<SessionId>,
    /// Every agent session that ever opened on it.
    pub sessions: Vec<SessionId>,
    /// How often delegation changed, as far as we were told. A run remembers the epoch it was started in.
    pub epoch: u32,

    /// What humans said and no run has taken up yet, in the order in which it was said.
    pub pending: Vec<PendingInput>,
    /// The number of the next pending input.
    pub next_input: u64,
    /// The newest order to stop.
    #[serde(default)]
    pub stop: Option<Stop>,
    /// When a human last gave us something to do, by its source's clock. An order to stop that is older is over.
    #[serde(default)]
    pub go: Timestamp,
    /// That a human closed the issue here.
    #[serde(default)]
    pub closed: Option<Closed>,
    /// The run type that an operator wants next.
    #[serde(default)]
    pub wanted: Option<RunType>,
    /// What we need to know from a human.
    pub question: Option<Question>,
    /// Why we gave up.
    pub escalated: Option<Escalation>,

    /// The branch its work is published as, once a run was started.
    pub branch: Option<BranchName>,
    /// How many branch names before this one were taken or are over.
    pub branch_generation: u32,
    /// Whether the branch and its pull request were made by somebody else and attached to the ticket, as of the last run.
    #[serde(default)]
    pub is_adopted: bool,
    /// The pull request, once there is one.
    pub pull_request: Option<Versioned<PullRequest>>,
    /// The pull request after whose end a human told us to try again: its closing counts no longer.
    #[serde(default)]
    pub forgiven: Option<PrNumber>,
    /// A pull request that is attached to the ticket and cannot be seen by us.
    #[serde(default)]
    pub missing_link: Option<PrNumber>,
    /// The reviews of the pull request that say yes or no, in the order in which they were submitted.
    #[serde(default)]
    pub reviews: Vec<Review>,
    /// The checks of the gate on the current head, ordered by name.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The merge queue's word on the current head.
    #[serde(default)]
    pub queue: Option<Check>,
    /// Whether the current head could be merged.
    #[serde(default)]
    pub merge: Option<Versioned<MergeState>>,
    /// The checks of the gate on the base branch, ordered by name.
    #[serde(default)]
    pub base_checks: Vec<Check>,

    /// The directory it is worked on in, once a run was started.
    pub worktree: Option<String>,
    /// The run that has the issue.
    pub slot: Option<Slot>,
    /// The run that had it last.
    pub latest_run: Option<LatestRun>,
    /// When runs were started lately, oldest first.
    #[serde(default)]
    pub starts: Vec<Timestamp>,
    /// A thread that an unfinished run left and the next one may resume.
    pub thread: Option<ThreadId>,
    /// The newest thread, whatever became of its run.
    #[serde(default)]
    pub newest_thread: Option<ThreadId>,
    /// How many threads there were.
    #[serde(default)]
    pub threads: u32,
    /// What was tried.
    pub attempts: Attempts,
    /// What it cost.
    #[serde(default)]
    pub spending: Spending,
    /// How many runs in a row found a service unavailable. They cost nothing, and the next ones wait longer.
    pub outages: u32,
    /// Before this, no run is started.
    pub backoff_until: Option<Timestamp>,
    /// A publication that waits for a human's word.
    #[serde(default)]
    pub held: Option<Held>,
    /// Failures in which a run found nothing to repair: they start no other run.
    #[serde(default)]
    pub handled: Vec<Handled>,
    /// The agent's reason why nothing has to change, when that was its verified result.
    pub no_change_needed: Option<String>,
}

impl IssueFacts {
    /// An issue of which nothing is known but that it exists.
    pub fn new(issue: IssueId, project: ProjectId, at: Timestamp) -> Self {
        Self {
            issue,
            project,
            first_seen: at,
            updated: at,
            ticket: None,
            removed: None,
            session: None,
            sessions: Vec::new(),
            epoch: 0,
            pending: Vec::new(),
            next_input: 0,
            stop: None,
            go: Timestamp::default(),
            closed: None,
            wanted: None,
            question: None,
            escalated: None,
            branch: None,
            branch_generation: 0,
            is_adopted: false,
            pull_request: None,
            forgiven: None,
            missing_link: None,
            reviews: Vec::new(),
            checks: Vec::new(),
            queue: None,
            merge: None,
            base_checks: Vec::new(),
            worktree: None,
            slot: None,
            latest_run: None,
            starts: Vec::new(),
            thread: None,
            newest_thread: None,
            threads: 0,
            attempts: Attempts::default(),
            spending: Spending::default(),
            outages: 0,
            backoff_until: None,
            held: None,
            handled: Vec::new(),
            no_change_needed: None,
        }
    }

    /// The key people use; the ticket's id until it was read.
    pub fn key(&self) -> &str {
        self.ticket.as_ref().map_or(self.issue.ticket.as_str(), |ticket| &ticket.value.key)
    }

    /// Whether the ticket is delegated to us, as far as known.
    pub fn is_delegated(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| ticket.value.delegated)
    }

    /// Whether the ticket was removed and is not back.
    pub fn is_removed(&self) -> bool {
        self.removed
            .is_some_and(|at| self.ticket.as_ref().is_none_or(|ticket| ticket.version <= at))
    }

    /// The order to stop that holds, if one does.
    pub fn stopped(&self) -> Option<&Stop> {
        self.stop.as_ref().filter(|stop| self.go <= stop.said)
    }

    /// The pull request, if it is open and one that we can work on.
    pub fn open_pull_request(&self) -> Option<&PullRequest> {
        let pr = &self.pull_request.as_ref()?.value;
        (pr.state == PrState::Open && !pr.is_from_fork).then_some(pr)
    }

    /// The keys of the tickets that a run of this type has to wait for. Once a pull request is open, others may already
    /// build on it, and nothing holds it back (N28).
    pub(crate) fn blockers_of(&self, run_type: RunType) -> Vec<&str> {
        if run_type.is_repair() || self.open_pull_request().is_some() {
            return Vec::new();
        }
        self.ticket.as_ref().map(|ticket| ticket.value.blocked_by()).unwrap_or_default()
    }

    /// Whether the ticket is completed or cancelled in the tracker.
    pub(crate) fn is_ticket_over(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| ticket.value.state.kind.is_final())
    }

    /// Whether the pull request was made by somebody else and given to us.
    pub(crate) fn has_adopted(&self) -> bool {
        self.is_adopted || (self.branch.is_none() && self.open_pull_request().is_some())
    }

    /// Whether the pull request of the branch is over: work that starts again goes to a new one (D27, S50).
    pub(crate) fn is_branch_spent(&self) -> bool {
        self.pull_request.as_ref().map(|pr| &pr.value).is_some_and(|pr| {
            pr.state != PrState::Open
                && !pr.is_from_fork
                && Some(&pr.head_branch) == self.branch.as_ref()
        })
    }

    /// Whether the pull request was closed and counts as work that was not enough: a human found it so, and without that,
    /// closing and replacing could go on for ever. The run that starts over adds it to the attempts.
    pub(crate) fn is_closing_counted(&self) -> bool {
        let number = self.pull_request.as_ref().map(|pr| pr.value.number);
        self.is_branch_spent() && !self.is_merged() && self.forgiven != number
    }

    /// Whether the newest pull request was merged.
    pub fn is_merged(&self) -> bool {
        self.pull_request.as_ref().is_some_and(|pr| pr.value.state == PrState::Merged)
    }

    /// The tip of the open pull request.
    pub fn head(&self) -> Option<&CommitSha> {
        self.open_pull_request().map(|pr| &pr.head)
    }

    /// Whether a review with this verdict stands against the current head. One of another head is history (N23).
    pub(crate) fn has_review(&self, verdict: ReviewVerdict) -> bool {
        self.reviews_of_head(verdict).next().is_some()
    }

    /// The reviews of the current head that have this verdict and still stand: a later word of the same reviewer takes an
    /// earlier one back, whatever head it is about, unless it says the same.
    pub(crate) fn reviews_of_head(&self, verdict: ReviewVerdict) -> impl Iterator<Item = &Review> {
        let head = self.head();
        self.standing_reviews()
            .filter(move |review| review.verdict == verdict && Some(&review.head) == head)
    }

    /// The reviews that still stand, newest first.
    fn standing_reviews(&self) -> impl Iterator<Item = &Review> {
        let mut last_words: Vec<(&str, ReviewVerdict)> = Vec::new();
        self.reviews.iter().rev().filter(move |review| {
            let reviewer = review.reviewer.id.as_str();
            match last_words.iter_mut().find(|(known, _)| *known == reviewer) {
                Some((_, last_word)) if *last_word == review.verdict => true,
                // What stood before it was taken back does not stand again.
                Some((_, last_word)) => {
                    *last_word = ReviewVerdict::Commented;
                    false
                }
                None => {
                    last_words.push((reviewer, review.verdict));
                    true
                }
            }
        })
    }

    /// Whether somebody's last word on the pull request is a request for changes, be it to an older head.
    pub(crate) fn has_any_request_for_changes(&self) -> bool {
        self.standing_reviews().any(|review| review.verdict == ReviewVerdict::ChangesRequested)
    }

    /// Whether the current head is approved, and nobody asks for changes to it.
    pub fn is_approved(&self) -> bool {
        self.has_review(ReviewVerdict::Approved)
            && !self.has_review(ReviewVerdict::ChangesRequested)
    }

    /// The review that counts now: a request for changes before an approval, of the current head before an older one.
    pub fn decisive_review(&self) -> Option<&Review> {
        use ReviewVerdict::{Approved, ChangesRequested};
        let newest = |verdict| self.reviews_of_head(verdict).max_by_key(|review| review.submitted);
        newest(ChangesRequested).or_else(|| newest(Approved)).or_else(|| {
            self.reviews
                .iter()
                .filter(|review| review.verdict == ChangesRequested)
                .max_by_key(|review| review.submitted)
        })
    }

    /// Whether the base branch contradicts the current head.
    pub fn is_conflicting(&self) -> bool {
        self.merge.as_ref().is_some_and(|merge| merge.value.is_conflicting == Some(true))
    }

    /// Whether the base branch asks for an approval, if the forge said.
    pub(crate) fn is_review_required(&self) -> Option<bool> {
        self.merge.as_ref().and_then(|merge| merge.value.is_review_required)
    }

    /// The base that a repair of this type works with, where it is about the base.
    pub(crate) fn base_of(&self, run_type: RunType) -> Option<CommitSha> {
        match run_type {
            RunType::BranchUpkeep => self.merge.as_ref().map(|merge| merge.value.base.clone()),
            RunType::Implementation
            | RunType::ReviewFix
            | RunType::CiRepair
            | RunType::QueueRepair => None,
        }
    }

    /// How many runs of this type in a row were not enough, where the issue stands now.
    pub fn tried(&self, run_type: RunType) -> u32 {
        match (run_type, self.head()) {
            (RunType::Implementation, _) => {
                self.attempts.implementation + u32::from(self.is_closing_counted())
            }
            (_, None) => 0,
            (_, Some(head)) => {
                self.attempts.repairs_on(run_type, head, self.base_of(run_type).as_ref())
            }
        }
    }

    /// Whether humans said something after this number of inputs that no run has taken up.
    pub(crate) fn has_input_since(&self, seq: u64) -> bool {
        self.pending.iter().any(|input| seq <= input.seq)
    }

    /// Whether something happened that makes an escalation worth another look: a human spoke, or somebody else pushed.
    pub fn is_helped(&self) -> bool {
        self.escalated.as_ref().is_some_and(|known| {
            let has_moved =
                known.head.is_some() && self.head().is_some() && known.head.as_ref() != self.head();
            has_moved || self.has_input_since(known.since)
        })
    }

    /// Whether what we asked was answered. The next run takes the answer up.
    pub fn is_answered(&self) -> bool {
        self.question
            .as_ref()
            .is_some_and(|asked| asked.asked.is_some() && self.has_input_since(asked.since))
    }
}

/// A value with the version that its source gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The source's own time of the change.
    pub version: Timestamp,
    /// The value.
    pub value: T,
}

/// The order to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When it was given, by its source's clock.
    pub said: Timestamp,
    /// Who gave it, for people to read.
    pub by: String,
}

/// That a human closed an issue here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Who, for people to read.
    pub by: String,
    /// Whether as failed.
    pub as_failed: bool,
    /// Why, if they said.
    pub reason: Option<String>,
}

/// What we need to know from a human.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What.
    pub text: String,
    /// What it is about.
    #[serde(default)]
    pub about: About,
    /// When it was put to them; `None` until then.
    pub asked: Option<Timestamp>,
    /// The number of the first input that can be an answer.
    #[serde(default)]
    pub since: u64,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The work itself.
    #[default]
    Work,
    /// A publication that is held.
    Publication,
    /// What was spent.
    Spending,
    /// The pull requests that are attached to the ticket.
    LinkedPullRequests,
}

/// Why we gave up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredEscalation")]
pub struct Escalation {
    /// Why.
    pub reason: String,
    /// The head on which we did. Somebody else's push is help.
    pub head: Option<CommitSha>,
    /// The number of the first input that can be help.
    pub since: u64,
}

/// The first version kept the reason only.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredEscalation {
    Reason(String),
    Whole { reason: String, head: Option<CommitSha>, since: u64 },
}

impl From<StoredEscalation> for Escalation {
    fn from(stored: StoredEscalation) -> Self {
        match stored {
            StoredEscalation::Reason(reason) => Self { reason, head: None, since: 0 },
            StoredEscalation::Whole { reason, head, since } => Self { reason, head, since },
        }
    }
}

/// A publication that waits for a human's word (D29).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The run that made it.
    pub run: RunId,
    /// What that was for.
    pub run_type: RunType,
    /// The tree that would be published. An approval releases exactly this one.
    pub tree: TreeId,
    /// Why it is held.
    pub hits: Vec<GateHit>,
    /// The agent's report, for the texts of the publication.
    pub report: Report,
    /// Who released it.
    pub released_by: Option<Actor>,
}

/// A failure in which a run found nothing to repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// What the run was for.
    pub run_type: RunType,
    /// The head it looked at.
    pub head: CommitSha,
    /// The failure.
    pub signature: String,
}

/// The run that has the issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Which.
    pub run: RunId,
    /// What for.
    pub run_type: RunType,
    /// The authority it was started under.
    pub epoch: u32,
    /// Since when.
    pub since: Timestamp,
    /// The head of the pull request that it was started on.
    #[serde(default)]
    pub head: Option<CommitSha>,
    /// What exactly it repairs.
    #[serde(default)]
    pub signature: Option<String>,
    /// What woke us.
    #[serde(default)]
    pub wake: Option<WakeReason>,
    /// Whether the ticket or its pull request was over already: then it is about what was said afterwards.
    #[serde(default)]
    pub follows_end: bool,
    /// The inputs it took up. They go back to the waiting ones when it is lost.
    pub inputs: Vec<PendingInput>,
}

/// The run that had the issue last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestRun {
    /// Which.
    pub run: RunId,
    /// What for.
    pub run_type: RunType,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub result: RunOutcome,
}
