//! What is asked of the facts. Nothing here is stored: each answer follows from what is.

use std::time::Duration;

use crate::{
    CheckStatus, CommitSha, Heard, Held, InputKind, IssueFacts, PrState, PullRequest, Question,
    Review, ReviewVerdict, RunType, Stop, Timestamp,
};

/// The forge tells times in whole seconds. A session that opened in the middle of one must not pass for a word about what
/// ended at its end.
const FORGE_TICK: Duration = Duration::from_secs(1);

impl IssueFacts {
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
        self.removed.is_some()
    }

    /// Whether the run that has the issue was left on a node that is gone: its directory is not at the new home.
    pub fn is_run_left_behind(&self) -> bool {
        self.slot.is_some() && self.worktree.is_none()
    }

    /// The order to stop that holds, if one does: nobody has given us anything to do since.
    pub fn stopped(&self) -> Option<&Stop> {
        self.stops.last().filter(|stop| self.last_go() <= stop.said)
    }

    /// When a human last gave us something to do, by its source's clock.
    pub(crate) fn last_go(&self) -> Timestamp {
        self.pending.iter().map(|input| input.said).fold(self.go, Timestamp::max)
    }

    /// Whether a text read otherwise later on.
    pub(crate) fn is_edited_since(&self, source: &str, said: Timestamp) -> bool {
        self.edits.iter().any(|edit| edit.source == source && said < edit.said)
    }

    /// Whether an agent session grew out of this comment.
    pub(crate) fn is_in_session(&self, comment: &str) -> bool {
        self.threads_of_sessions.iter().any(|thread| thread == comment)
    }

    /// Whether a comment waits, or the run under way has taken it up.
    pub(crate) fn has_comment(&self, source: &str) -> bool {
        let taken_up = self.slot.iter().flat_map(|slot| &slot.inputs);
        let mut comments = self
            .pending
            .iter()
            .chain(taken_up)
            .filter(|input| input.kind == InputKind::FollowupComment);
        comments.any(|input| input.source == source)
    }

    /// As what a comment on the ticket, below this other one if it is an answer, was heard. What people say in a session
    /// is a comment as well, and the tracker tells of both; as a comment it says something new only when it is edited.
    pub fn heard_of_comment(
        &self,
        id: &str,
        parent: Option<&str>,
        surely_in_session: bool,
        is_edit: bool,
    ) -> Option<Heard> {
        let is_in_session = surely_in_session
            || [Some(id), parent].into_iter().flatten().any(|comment| self.is_in_session(comment));
        match (is_in_session, is_edit) {
            (true, true) => Some(Heard::Session),
            (true, false) => None,
            (false, _) => Some(Heard::TicketComment),
        }
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

    /// What a human released and can be published as it is.
    pub(crate) fn releasable(&self) -> Option<&Held> {
        self.held
            .as_ref()
            .filter(|held| held.released_by.is_some() && held.head.as_ref() == self.head())
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
    /// closing and replacing could go on for ever. Where somebody asked for work after it was closed, it does not. The run
    /// that starts over adds it to the attempts.
    pub(crate) fn is_closing_counted(&self) -> bool {
        let is_asked_again = self.surely_after_end().is_some_and(|after| after <= self.last_go());
        self.is_branch_spent() && !self.is_merged() && !is_asked_again
    }

    /// When the pull request was merged or closed, by the forge's clock.
    pub(crate) fn pull_request_end(&self) -> Option<Timestamp> {
        let pr = self.pull_request.as_ref().filter(|pr| pr.value.state != PrState::Open)?;
        Some(pr.value.ended.unwrap_or(pr.version))
    }

    /// The first instant that is after the end of the pull request, however much of its second is hidden from us.
    pub(crate) fn surely_after_end(&self) -> Option<Timestamp> {
        self.pull_request_end().map(|end| end.plus(FORGE_TICK))
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
        let newest = |verdict| self.reviews_of_head(verdict).next();
        newest(ChangesRequested)
            .or_else(|| newest(Approved))
            .or_else(|| self.standing_reviews().find(|review| review.verdict == ChangesRequested))
    }

    /// Whether the base branch contradicts the current head.
    pub fn is_conflicting(&self) -> bool {
        self.merge.as_ref().is_some_and(|merge| merge.value.is_conflicting == Some(true))
    }

    /// Whether the base branch asks for an approval, if the forge said.
    pub(crate) fn is_review_required(&self) -> Option<bool> {
        self.merge.as_ref().and_then(|merge| merge.value.is_review_required)
    }

    /// Whether the merge queue refused the current head.
    pub(crate) fn is_evicted(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.status == CheckStatus::Failure)
    }

    /// The base that a repair of this type works with, where it is about the base: a base that moved on is a new cause.
    pub(crate) fn base_of(&self, run_type: RunType) -> Option<CommitSha> {
        let is_about_base = match run_type {
            RunType::BranchUpkeep => true,
            RunType::QueueRepair => !self.is_evicted(),
            RunType::Implementation | RunType::ReviewFix | RunType::CiRepair => false,
        };
        self.merge.as_ref().filter(|_| is_about_base).map(|merge| merge.value.base.clone())
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

    /// Whether humans said something after this number of inputs and after this time that no run has taken up.
    fn has_input_since(&self, seq: u64, at: Timestamp) -> bool {
        self.pending.iter().any(|input| seq <= input.seq && is_after(at, input.said))
    }

    /// Whether something happened that makes an escalation worth another look: a human spoke, or somebody else pushed.
    pub fn is_helped(&self) -> bool {
        self.escalated.as_ref().is_some_and(|known| {
            let has_moved =
                known.head.is_some() && self.head().is_some() && known.head.as_ref() != self.head();
            has_moved || self.has_input_since(known.since, known.at)
        })
    }

    /// Whether what we asked was answered. The next run takes the answer up.
    pub fn is_answered(&self) -> bool {
        self.question.as_ref().is_some_and(|question| {
            question.asked.is_some_and(|asked| self.has_input_since(question.since, asked))
        })
    }
}

impl Question {
    /// Whether something that was said then can be an answer.
    pub(crate) fn can_be_answered_at(&self, said: Timestamp) -> bool {
        self.asked.is_some_and(|asked| is_after(asked, said))
    }
}

/// How far the clock of whoever said something may be behind ours.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Whether something was said after this time of ours. Their clock is not ours, so in doubt it was.
fn is_after(ours: Timestamp, said: Timestamp) -> bool {
    ours.minus(CLOCK_SKEW) <= said
}
