//! The scenarios S01 to S76 as stories: what happens goes in, a transcript comes out, and nothing in between is faked.
//!
//! A line of a transcript reads `what happened => [what was said outward] state, next step`. It is `=> nothing new` when
//! no fact changed, so nothing was logged, decided anew or said.

/// The names of stories, with the stories themselves: one that was renamed or removed is an error here.
macro_rules! told {
    ($($story:ident),* $(,)?) => { &[$((stringify!($story), $story as fn())),*] };
}

mod agent;
mod checks;
mod people;
mod pull_requests;
mod queue;
mod reviews;
mod runs;
mod table;
mod tickets;
mod transcript;

use self::transcript::{colour, outcome_name, phrase, quoted, said};
use std::{collections::BTreeSet, time::Duration};

use crate::{
    Actor, Check, CheckStatus, CommitSha, Evidence, Evolved, ForgeNow, Heard, Interruption,
    IssueFacts, LinkedPullRequest, MergeState, NextStep, Observation, ObservationKind, OutboxOrder,
    Policy, PrNumber, PrState, PullRequest, Report, ReportOutcome, Review, ReviewVerdict, RunId,
    RunOutcome, RunPlan, RunProgress, RunType, SessionId, Spent, Standing, Steer, ThreadId, Ticket,
    TreeId, TurnId, Verdict, change, charge, decide, evolve, factory_state, fixture,
    fixture::{at, head, member},
    steer_run, verify,
};

/// A story, by name.
type Told = (&'static str, fn());

/// One issue and the world around it. Each step takes a minute.
struct Story {
    policy: Policy,
    facts: IssueFacts,
    now: i64,
    log: Vec<Observation>,
    /// What the store knows of occurrences: they count once.
    seen: BTreeSet<(&'static str, String)>,
    lines: Vec<String>,
    orders: Vec<OutboxOrder>,
    /// The ticket as the tracker has it.
    ticket: Ticket,
    /// The pull request as the forge has it.
    forge: Option<PullRequest>,
    /// How many things had to get an id.
    ids: u64,
    plan: Option<RunPlan>,
    runs: u32,
    continuations: u32,
}

const MINUTE: i64 = 60_000;
/// What a merge state says of the base, unless a story moves it.
const BASE: &str = "base-1";

impl Story {
    fn new() -> Self {
        Self::with(Policy::default())
    }

    fn with(policy: Policy) -> Self {
        Self {
            policy,
            facts: fixture::empty(),
            now: 0,
            log: Vec::new(),
            seen: BTreeSet::new(),
            lines: Vec::new(),
            orders: Vec::new(),
            ticket: Ticket { delegated: false, ..fixture::ticket() },
            forge: None,
            ids: 0,
            plan: None,
            runs: 0,
            continuations: 0,
        }
    }

    /// A session was opened, the ticket is ours, the first run has published head 1 as pull request 1. Not told.
    fn opened() -> Self {
        Self::opened_with(Policy::default())
    }

    fn opened_with(policy: Policy) -> Self {
        let mut story = Self::with(policy);
        story.opens_session(None).delegated().starts().publishes(1);
        story.and_then()
    }

    /// Forgets what was told so far: the transcript begins here.
    fn and_then(mut self) -> Self {
        self.lines.clear();
        self.orders.clear();
        self
    }

    /// Compares the whole transcript.
    #[track_caller]
    fn reads(&self, expected: &[&str]) {
        assert!(
            self.lines == expected,
            "the story reads:\n{}\nand not:\n{}",
            quoted(&self.lines),
            quoted(expected)
        );
    }

    // What happens.

    fn observe(&mut self, what: impl Into<String>, kind: ObservationKind) -> &mut Self {
        self.observe_all(what, vec![kind])
    }

    fn observe_all(&mut self, what: impl Into<String>, kinds: Vec<ObservationKind>) -> &mut Self {
        self.now += MINUTE;
        self.fold(what.into(), kinds)
    }

    fn fold(&mut self, what: String, kinds: Vec<ObservationKind>) -> &mut Self {
        let is_pass = kinds.is_empty();
        let mut incoming = Vec::new();
        for kind in kinds {
            let is_logged =
                kind.occurrence().is_some_and(|id| self.seen.contains(&(kind.name(), id)));
            if !is_logged {
                let correlation = format!("c{}", self.now);
                incoming.push(Observation { at: at(self.now), correlation, kind });
            }
        }
        let change = change(&self.policy, at(self.now), &self.facts, incoming);
        let is_news = !change.observations.is_empty();
        for observation in &change.observations {
            let kind = &observation.kind;
            self.seen.extend(kind.occurrence().map(|id| (kind.name(), id)));
        }
        self.log.extend(change.observations);
        self.facts = change.facts;
        let said: Vec<_> = change.orders.iter().map(said).collect();
        self.orders.extend(change.orders);
        let said = if said.is_empty() { String::new() } else { format!("[{}] ", said.join(", ")) };
        let line = if is_news || is_pass {
            format!("{what} => {said}{}", self.standing())
        } else {
            format!("{what} => nothing new")
        };
        self.lines.push(line);
        self
    }

    /// The same, also of what the store knows to have happened: nobody relies on the store alone.
    fn observe_again(&mut self, what: &str, kind: ObservationKind) -> &mut Self {
        if let Some(id) = kind.occurrence() {
            self.seen.remove(&(kind.name(), id));
        }
        self.observe(what, kind)
    }

    fn next(&self) -> NextStep {
        decide(&self.policy, at(self.now), &self.facts)
    }

    fn standing(&self) -> String {
        let next = self.next();
        format!("{}, {}", factory_state(&next).as_str(), phrase(&next, at(self.now)))
    }

    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Nothing happens but that the issue is decided again, as every pass over all issues does.
    fn passes(&mut self, time: Duration) -> &mut Self {
        self.now += i64::try_from(time.as_millis()).unwrap();
        self.fold(format!("{} s pass", time.as_secs()), Vec::new())
    }

    // The tracker.

    fn opens_session(&mut self, prompt: Option<&str>) -> &mut Self {
        let session = SessionId::new(format!("s{}", self.id()));
        let kind = ObservationKind::SessionOpened {
            session,
            prompt: prompt.map(str::to_owned),
            author: Some(member().id),
            opened: None,
        };
        self.observe("a session opens", kind)
    }

    fn ticket(&mut self, what: &str, edit: impl FnOnce(&mut Ticket)) -> &mut Self {
        edit(&mut self.ticket);
        let kind = ObservationKind::TicketRead {
            version: at(self.now + MINUTE),
            ticket: self.ticket.clone(),
        };
        self.observe(what, kind)
    }

    fn delegated(&mut self) -> &mut Self {
        self.ticket("delegated", |ticket| ticket.delegated = true)
    }

    fn undelegated(&mut self) -> &mut Self {
        self.ticket("undelegated", |ticket| ticket.delegated = false)
    }

    fn heard(&mut self, who: &str, heard: Heard, author: Actor, text: &str) -> &mut Self {
        let source = format!("text-{}", self.id());
        let kind = ObservationKind::HumanInput {
            source,
            said: at(self.now + MINUTE),
            heard,
            author,
            text: text.to_owned(),
        };
        self.observe(format!("{who}: {text}"), kind)
    }

    /// Somebody writes into the agent session.
    fn says(&mut self, text: &str) -> &mut Self {
        self.heard("session", Heard::Session, member(), text)
    }

    /// Somebody comments below the ticket.
    fn comments(&mut self, text: &str) -> &mut Self {
        self.heard("comment", Heard::TicketComment, member(), text)
    }

    fn stops(&mut self) -> &mut Self {
        let source = format!("stop-{}", self.id());
        let said = at(self.now + MINUTE);
        self.observe("stop", ObservationKind::StopRequested { source, said, by: member() })
    }

    // The operator.

    fn retries(&mut self, run_type: Option<RunType>) -> &mut Self {
        let order = format!("order-{}", self.id());
        let said = at(self.now + MINUTE);
        let kind = ObservationKind::Retried { order, said, by: operator(), run_type };
        self.observe("retry", kind)
    }

    fn closes(&mut self, as_failed: bool) -> &mut Self {
        let order = format!("order-{}", self.id());
        let what = if as_failed { "closed here as failed" } else { "closed here" };
        let kind = ObservationKind::Closed { order, by: operator(), as_failed, reason: None };
        self.observe(what, kind)
    }

    fn approves(&mut self, tree: &str) -> &mut Self {
        let order = format!("order-{}", self.id());
        let kind = ObservationKind::Approved { order, tree: TreeId::new(tree), by: operator() };
        self.observe(format!("{tree} is released"), kind)
    }

    // The forge.

    /// The forge shows the pull request, edited so.
    fn pull_request(&mut self, what: &str, edit: impl FnOnce(&mut PullRequest)) -> &mut Self {
        let pr = self.forge.get_or_insert_with(|| fixture::pull_request(1, PrState::Open));
        edit(pr);
        let kind = ObservationKind::PullRequestRead {
            version: at(self.now + MINUTE),
            pull_request: pr.clone(),
        };
        self.observe(what, kind)
    }

    /// Somebody else pushes the n-th head.
    fn head(&mut self, n: u32) -> &mut Self {
        self.pull_request(&format!("head {n} is pushed"), |pr| pr.head = head(n))
    }

    fn merged(&mut self) -> &mut Self {
        self.pull_request("merged", |pr| pr.state = PrState::Merged)
    }

    fn closed(&mut self) -> &mut Self {
        self.pull_request("closed unmerged", |pr| pr.state = PrState::Closed)
    }

    fn review(&mut self, verdict: ReviewVerdict, n: u32) -> &mut Self {
        let id = format!("review-{}", self.id());
        self.review_by("ada", &id, verdict, n)
    }

    fn review_by(&mut self, who: &str, id: &str, verdict: ReviewVerdict, n: u32) -> &mut Self {
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

    fn check(&mut self, name: &str, status: CheckStatus, n: u32) -> &mut Self {
        let check = self.new_check(name, status);
        let what = format!("{name} is {} on head {n}", colour(status));
        self.observe(what, ObservationKind::CheckRead { head: head(n), check })
    }

    fn queue_check(&mut self, status: CheckStatus, n: u32) -> &mut Self {
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

    fn new_check(&mut self, name: &str, status: CheckStatus) -> Check {
        Check { id: self.id(), name: name.to_owned(), status, version: at(self.now + MINUTE) }
    }

    fn merge_state(&mut self, n: u32, base: &str, is_conflicting: bool) -> &mut Self {
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

    fn run(&self) -> RunId {
        self.facts.slot.as_ref().expect("a run has the issue").run.clone()
    }

    /// Starts the run that is wanted, as the engine does; there must be one.
    #[track_caller]
    fn starts(&mut self) -> &mut Self {
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
    fn is_told(&mut self) -> &mut Self {
        let Steer::Deliver(inputs) = self.steered() else {
            panic!("there is nothing to tell, after\n{}", quoted(&self.lines))
        };
        let (run, turn) = (self.run(), TurnId::new(format!("turn-{}", self.id())));
        let what = format!("{run} is told");
        self.observe(what, ObservationKind::InputDelivered { run, turn, inputs })
    }

    fn steered(&self) -> Steer {
        let run = self.run();
        steer_run(&self.policy, at(self.now), &self.facts, &RunProgress::new(run))
    }

    /// What becomes of the run now.
    fn asks(&mut self) -> &mut Self {
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
    fn ends(&mut self, outcome: RunOutcome) -> &mut Self {
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

    fn is_interrupted(&mut self, by: Interruption) -> &mut Self {
        self.ends(RunOutcome::Interrupted { by })
    }

    /// What `steer_run` says is done: the run ends without a publication.
    #[track_caller]
    fn ends_as_steered(&mut self) -> &mut Self {
        match self.steered() {
            Steer::Interrupt(by) | Steer::WithholdPublication(by) => self.is_interrupted(by),
            other => panic!("the run goes on: {other:?}, after\n{}", quoted(&self.lines)),
        }
    }

    /// The run publishes the n-th head, if it may.
    #[track_caller]
    fn publishes(&mut self, n: u32) -> &mut Self {
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
    fn published(&self) -> RunOutcome {
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
    fn reports(
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
            Verdict::Settle(outcome) => format!("is over: {}", outcome_name(outcome)),
        };
        self.lines.push(format!("{} reports {outcome:?} and {judged}", self.run()));
        match verdict {
            Verdict::Publish { .. } => self,
            Verdict::AlreadyPublished => self.ends(self.published()),
            Verdict::Continue { .. } => {
                self.continuations += 1;
                self
            }
            Verdict::Settle(outcome) => self.ends(outcome),
        }
    }

    /// The process is gone, and another one knows what is stored: the same facts, whether read or folded from the log.
    fn restarts(&mut self) -> &mut Self {
        let new = IssueFacts::new(
            self.facts.issue.clone(),
            self.facts.project.clone(),
            self.facts.first_seen,
        );
        let folded = self.log.iter().fold(new, |facts, observation| {
            match evolve(&self.policy, &facts, observation) {
                Evolved::Changed(facts) => *facts,
                Evolved::Unchanged => panic!("the log has what says nothing: {observation:?}"),
            }
        });
        let row = serde_json::to_string(&self.facts).unwrap();
        let read: IssueFacts = serde_json::from_str(&row).unwrap();
        assert_eq!(folded, read);
        self.facts = read;
        let line = format!("restart => {}", self.standing());
        self.lines.push(line);
        self
    }

    /// The bodies of what was said outward, since the story begins.
    fn bodies(&self) -> Vec<String> {
        self.orders.iter().map(|order| serde_json::to_string(order).unwrap()).collect()
    }
}

fn operator() -> Actor {
    Actor { id: "operator".to_owned(), standing: Standing::Operator, ..member() }
}

fn failed() -> RunOutcome {
    fixture::failed()
}

/// Pull request `number` of the project's repository, as an attachment of the ticket.
fn attached(number: u64) -> LinkedPullRequest {
    LinkedPullRequest { repo: "acme/app".parse().unwrap(), number: PrNumber(number) }
}
