//! What happens in the small world, one thing at a time.

use super::*;

impl World {
    pub(super) fn try_event(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
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
            0 | 1 if self.shape.flips => {
                ticket.delegated = !ticket.delegated;
                if ticket.delegated {
                    self.follows = Some(self.new_session(None));
                }
            }
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
            text.is_edit = true;
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
        self.texts.push(Text { source, said: clock, heard, text, is_edit: false });
        self.texts.last().map(Text::kind)
    }

    fn say_stop(&mut self) -> Option<ObservationKind> {
        let source = self.id("stop");
        let kind = ObservationKind::StopRequested {
            source,
            said: at(self.clock),
            by: member(),
            reason: None,
        };
        self.stops.push(kind.clone());
        Some(kind)
    }

    fn open_session(&mut self, rng: &mut Rng) -> Option<ObservationKind> {
        if self.shape.sessions <= self.sessions.len() {
            return None;
        }
        let prompt = rng.one_in(2).then(|| WORK[0].to_owned());
        Some(self.new_session(prompt))
    }

    /// Delegating opens one, and so does a mention.
    fn new_session(&mut self, prompt: Option<String>) -> ObservationKind {
        let kind = ObservationKind::SessionOpened {
            session: SessionId::new(self.id("session")),
            prompt,
            author: Some(member()),
            opened: Some(at(self.clock)),
            comments: Vec::new(),
        };
        self.sessions.push(kind.clone());
        kind
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
}
