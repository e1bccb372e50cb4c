//! What can happen in a story: the tracker, its people, the operator, the forge, and the runs between them.

use super::{
    transcript::{colour, outcome_name, quoted},
    *,
};

impl Story {
    // The tracker.

    pub(super) fn opens_session(&mut self, prompt: Option<&str>) -> &mut Self {
        let session = SessionId::new(format!("s{}", self.id()));
        let kind = ObservationKind::SessionOpened {
            session,
            prompt: prompt.map(str::to_owned),
            author: Some(member()),
            opened: None,
            comments: Vec::new(),
        };
        self.observe("a session opens", kind)
    }

    pub(super) fn ticket(&mut self, what: &str, edit: impl FnOnce(&mut Ticket)) -> &mut Self {
        edit(&mut self.ticket);
        let kind = ObservationKind::TicketRead {
            version: at(self.now + MINUTE),
            ticket: self.ticket.clone(),
        };
        self.observe(what, kind)
    }

    pub(super) fn delegated(&mut self) -> &mut Self {
        self.ticket("delegated", |ticket| ticket.delegated = true)
    }

    pub(super) fn undelegated(&mut self) -> &mut Self {
        self.ticket("undelegated", |ticket| ticket.delegated = false)
    }

    pub(super) fn heard(
        &mut self,
        who: &str,
        heard: Heard,
        author: Actor,
        text: &str,
    ) -> &mut Self {
        let source = format!("text-{}", self.id());
        let kind = ObservationKind::HumanInput {
            source,
            said: at(self.now + MINUTE),
            heard,
            author,
            text: text.to_owned(),
            is_edit: false,
        };
        self.observe(format!("{who}: {text}"), kind)
    }

    /// Somebody writes into the agent session.
    pub(super) fn says(&mut self, text: &str) -> &mut Self {
        self.heard("session", Heard::Session, member(), text)
    }

    /// Somebody comments below the ticket.
    pub(super) fn comments(&mut self, text: &str) -> &mut Self {
        self.heard("comment", Heard::TicketComment, member(), text)
    }

    pub(super) fn stops(&mut self) -> &mut Self {
        let source = format!("stop-{}", self.id());
        let said = at(self.now + MINUTE);
        self.observe(
            "stop",
            ObservationKind::StopRequested { source, said, by: member(), reason: None },
        )
    }

    // The operator.

    pub(super) fn retries(&mut self, run_type: Option<RunType>) -> &mut Self {
        let order = format!("order-{}", self.id());
        let said = at(self.now + MINUTE);
        let kind = ObservationKind::Retried { order, said, by: operator(), run_type, reason: None };
        self.observe("retry", kind)
    }

    pub(super) fn closes(&mut self, as_failed: bool) -> &mut Self {
        let order = format!("order-{}", self.id());
        let what = if as_failed { "closed here as failed" } else { "closed here" };
        let kind = ObservationKind::Closed { order, by: operator(), as_failed, reason: None };
        self.observe(what, kind)
    }

    pub(super) fn approves(&mut self, tree: &str) -> &mut Self {
        let order = format!("order-{}", self.id());
        let kind = ObservationKind::Approved {
            order,
            tree: TreeId::new(tree),
            by: operator(),
            reason: None,
        };
        self.observe(format!("{tree} is released"), kind)
    }

    // The forge.

    /// The forge shows the pull request, edited so.
    pub(super) fn pull_request(
        &mut self,
        what: &str,
        edit: impl FnOnce(&mut PullRequest),
    ) -> &mut Self {
        let pr = self.forge.get_or_insert_with(|| fixture::pull_request(1, PrState::Open));
        edit(pr);
        let kind = ObservationKind::PullRequestRead {
            version: at(self.now + MINUTE),
            pull_request: pr.clone(),
        };
        self.observe(what, kind)
    }

    /// Somebody else pushes the n-th head.
    pub(super) fn head(&mut self, n: u32) -> &mut Self {
        self.pull_request(&format!("head {n} is pushed"), |pr| pr.head = head(n))
    }

    pub(super) fn merged(&mut self) -> &mut Self {
        self.pull_request("merged", |pr| pr.state = PrState::Merged)
    }

    pub(super) fn closed(&mut self) -> &mut Self {
        self.pull_request("closed unmerged", |pr| pr.state = PrState::Closed)
    }

    pub(super) fn review(&mut self, verdict: ReviewVerdict, n: u32) -> &mut Self {
        let id = format!("review-{}", self.id());
        self.review_by("ada", &id, verdict, n)
    }

    pub(super) fn review_by(
        &mut self,
        who: &str,
        id: &str,
        verdict: ReviewVerdict,
        n: u32,
    ) -> &mut Self {
        let kind = ObservationKind::ReviewRead {
            number: self.forge.as_ref().map_or(PrNumber(1), |pr| pr.number),
            review: Review {
                id: id.to_owned(),
                reviewer: Actor { id: who.to_owned(), standing: Standing::Writer, ..member() },
                verdict,
                head: head(n),
                submitted: at(self.now + MINUTE),
            },
        };
        let what = match verdict {
            ReviewVerdict::Approved => "approves",
            ReviewVerdict::ChangesRequested => "requests changes to",
            ReviewVerdict::Commented => "comments on",
            ReviewVerdict::Dismissed => "takes back the review of",
        };
        self.observe(format!("{who} {what} head {n}"), kind)
    }

    pub(super) fn check(&mut self, name: &str, status: CheckStatus, n: u32) -> &mut Self {
        let check = self.new_check(name, status);
        let what = format!("{name} is {} on head {n}", colour(status));
        self.observe(what, ObservationKind::CheckRead { head: head(n), check })
    }

    pub(super) fn queue_check(&mut self, status: CheckStatus, n: u32) -> &mut Self {
        let name = self.policy.merge_queue_check.clone();
        let check = self.new_check(&name, status);
        let what = match status {
            CheckStatus::Pending => "is trying",
            CheckStatus::Success => "takes",
            CheckStatus::Failure => "evicts",
        };
        let kind = ObservationKind::CheckRead { head: head(n), check };
        self.observe(format!("the queue {what} head {n}"), kind)
    }

    pub(super) fn new_check(&mut self, name: &str, status: CheckStatus) -> Check {
        Check { id: self.id(), name: name.to_owned(), status, version: at(self.now + MINUTE) }
    }

    pub(super) fn merge_state(&mut self, n: u32, base: &str, is_conflicting: bool) -> &mut Self {
        let kind = ObservationKind::MergeStateRead {
            version: at(self.now + MINUTE),
            state: MergeState {
                head: head(n),
                base: CommitSha::new(base),
                is_conflicting: Some(is_conflicting),
                is_review_required: Some(true),
            },
        };
        let what = if is_conflicting { "contradicts" } else { "agrees with" };
        self.observe(format!("{base} {what} head {n}"), kind)
    }

    // Runs.

    pub(super) fn run(&self) -> RunId {
        self.facts.slot.as_ref().expect("a run has the issue").run.clone()
    }

    /// Starts the run that is wanted, as the engine does; there must be one.
    #[track_caller]
    pub(super) fn starts(&mut self) -> &mut Self {
        let plan = match self.next() {
            NextStep::Run(plan) => plan,
            other => panic!("no run is wanted: {other:?}, after\n{}", quoted(&self.lines)),
        };
        self.runs += 1;
        self.continuations = 0;
        self.plan = Some(plan.clone());
        let run = format!("r{}", self.runs);
        let what = format!("{run} starts");
        self.observe(what, fixture::claim_of(plan, &run))
    }

    /// The run was told what humans said meanwhile.
    #[track_caller]
    pub(super) fn is_told(&mut self) -> &mut Self {
        let Steer::Deliver(inputs) = self.steered() else {
            panic!("there is nothing to tell, after\n{}", quoted(&self.lines))
        };
        let (run, turn) = (self.run(), TurnId::new(format!("turn-{}", self.id())));
        let what = format!("{run} is told");
        self.observe(what, ObservationKind::InputDelivered { run, turn, inputs })
    }

    pub(super) fn steered(&self) -> Steer {
        let run = self.run();
        steer_run(&self.policy, at(self.now), &self.facts, &RunProgress::new(run))
    }

    /// What becomes of the run now.
    pub(super) fn asks(&mut self) -> &mut Self {
        let answer = match self.steered() {
            Steer::Continue => "goes on".to_owned(),
            Steer::Deliver(inputs) => format!("is to be told {} inputs", inputs.len()),
            Steer::Interrupt(by) => format!("is interrupted: {by:?}"),
            Steer::WithholdPublication(by) => format!("may end and publishes nothing: {by:?}"),
        };
        let line = format!("{} {answer}", self.run());
        self.lines.push(line);
        self
    }

    /// The run ends so.
    pub(super) fn ends(&mut self, outcome: RunOutcome) -> &mut Self {
        let run = self.run();
        let what = format!("{run} ends: {}", outcome_name(&outcome));
        let thread = self.plan.as_ref().and_then(|plan| plan.resume.clone());
        let thread = thread.unwrap_or_else(|| ThreadId::new(format!("thread of {run}")));
        let kind = ObservationKind::RunSettled {
            run,
            charge: charge(&outcome),
            result: outcome,
            continuations: self.continuations,
            thread: Some(thread),
            spent: Spent::default(),
        };
        self.observe(what, kind)
    }

    pub(super) fn is_interrupted(&mut self, by: Interruption) -> &mut Self {
        self.ends(RunOutcome::Interrupted { by })
    }

    /// What `steer_run` says is done: the run ends without a publication.
    #[track_caller]
    pub(super) fn ends_as_steered(&mut self) -> &mut Self {
        match self.steered() {
            Steer::Interrupt(by) | Steer::WithholdPublication(by) => self.is_interrupted(by),
            other => panic!("the run goes on: {other:?}, after\n{}", quoted(&self.lines)),
        }
    }

    /// The run publishes the n-th head, if it may.
    #[track_caller]
    pub(super) fn publishes(&mut self, n: u32) -> &mut Self {
        let steered = self.steered();
        assert!(
            matches!(steered, Steer::Continue | Steer::Deliver(_)),
            "it may not publish: {steered:?}, after\n{}",
            quoted(&self.lines)
        );
        let branch = self.facts.branch.clone().expect("a run has a branch");
        let known = self.forge.take();
        let number = known.as_ref().map_or(0, |pr| pr.number.0) + 1;
        let mut pr = known
            .filter(|pr| pr.state == PrState::Open)
            .unwrap_or_else(|| fixture::pull_request(number, PrState::Open));
        pr.head = head(n);
        pr.head_branch = branch;
        pr.is_draft |= self.policy.draft;
        self.forge = Some(pr);
        self.ends(self.published())
    }

    /// What the forge has now, as the result of a run.
    pub(super) fn published(&self) -> RunOutcome {
        let pull_request = self.forge.clone().expect("there is a pull request");
        RunOutcome::Published {
            commit: pull_request.head.clone(),
            pull_request,
            version: at(self.now + MINUTE),
            summary: "Added the greeting.".to_owned(),
        }
    }

    /// The turn is over and the agent reports this; what is really there is edited into the evidence of a clean tree.
    /// The run is continued or ends, as it deserves. A tree that deserves it is published by the next step of the story.
    pub(super) fn reports(
        &mut self,
        outcome: ReportOutcome,
        edit: impl FnOnce(&mut Evidence, &mut Report),
    ) -> &mut Self {
        let run_type = self.facts.slot.as_ref().expect("a run has the issue").run_type;
        let mut evidence = Evidence {
            needs_new_head: self.plan.as_ref().is_some_and(|plan| plan.needs_new_head),
            forge: ForgeNow::of(&self.policy, &self.facts),
            ..Evidence::clean(run_type, TreeId::new("tree-1"))
        };
        evidence.remote.pull_request = self.forge.as_ref().map(|pr| pr.state);
        let mut report = fixture::report(outcome);
        edit(&mut evidence, &mut report);
        let verdict = verify(&self.policy, Some(&report), &evidence, self.continuations);
        let judged = match &verdict {
            Verdict::Publish { allow_empty: false } => "publishes".to_owned(),
            Verdict::Publish { allow_empty: true } => "publishes, be it empty".to_owned(),
            Verdict::AlreadyPublished => "is published".to_owned(),
            Verdict::Continue { .. } => "goes on".to_owned(),
            Verdict::NewThread => "goes on, on a new thread".to_owned(),
            Verdict::Settle(outcome) => format!("is over: {}", outcome_name(outcome)),
        };
        self.lines.push(format!("{} reports {outcome:?} and {judged}", self.run()));
        match verdict {
            Verdict::Publish { .. } => self,
            Verdict::AlreadyPublished => self.ends(self.published()),
            Verdict::Continue { .. } | Verdict::NewThread => {
                self.continuations += 1;
                self
            }
            Verdict::Settle(outcome) => self.ends(outcome),
        }
    }
}
