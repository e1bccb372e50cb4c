//! A walk: what the shell may do with one issue, while the world moves on.

use std::collections::HashSet;

use super::{
    rng::Rng,
    world::{Shape, World, repo},
};
use crate::{
    Budgets, Change, CommitSha, GateHit, Interruption, IssueFacts, Limit, Limits, NextStep,
    Observation, ObservationKind, Policy, PrState, RunOutcome, RunPlan, RunProgress, RunType, Slot,
    Spent, Steer, ThreadId, TreeId, TurnId, change, charge, decide,
    fixture::{at, claim_of, empty, member, report, said, settled},
    steer_run,
};

/// One step of a walk.
pub(super) struct Step {
    pub(super) before: IssueFacts,
    pub(super) change: Change,
    /// The plan, if the step was a claim.
    pub(super) claimed: Option<RunPlan>,
}

pub(super) struct Walk {
    pub(super) seed: u64,
    pub(super) rng: Rng,
    pub(super) world: World,
    pub(super) policy: Policy,
    pub(super) now: i64,
    pub(super) facts: IssueFacts,
    pub(super) log: Vec<Observation>,
    /// The occurrences in the log, which the store does not take twice.
    known: HashSet<(&'static str, String)>,
    /// What webhooks told or tried to, for late and second deliveries.
    told: Vec<ObservationKind>,
    runs: u32,
    /// Whether runs end in ways that nobody who looks at the facts would let them end in.
    is_wild: bool,
    /// Whether runs leave nothing behind and are often lost.
    is_bare: bool,
}

const SECRET: &str = "fixtures/key.pem";

impl Walk {
    /// A walk from nothing, from a pull request of ours, or from one that somebody attached.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let limit = Limit { max_tokens: 500, max_turns: 0, max_minutes: 0 };
        let policy = match rng.below(4) {
            0 => Policy {
                limits: Limits {
                    run: limit,
                    issue: Limit { max_tokens: 900, ..limit },
                    day: limit,
                },
                ..policy()
            },
            1 => Policy {
                budgets: Budgets {
                    implementation: 1,
                    ci_repair: 1,
                    recovery: 2,
                    ..Budgets::default()
                },
                ..policy()
            },
            _ => policy(),
        };
        let mut walk = Self {
            seed,
            rng,
            world: World::new(Shape::ALL),
            policy,
            now: 1_000,
            facts: empty(),
            log: Vec::new(),
            known: HashSet::new(),
            told: Vec::new(),
            runs: 0,
            is_wild: false,
            is_bare: false,
        };
        match walk.rng.below(6) {
            0 | 1 => {}
            2 => {
                walk.world.attach();
                if walk.rng.one_in(2) {
                    let ticket = walk.world.ticket_read();
                    walk.apply(vec![ticket]);
                }
            }
            _ => walk.publish_first(),
        }
        walk
    }

    /// A walk in which runs may end in every way at any time.
    pub(super) fn wild(seed: u64) -> Self {
        Self { is_wild: seed.is_multiple_of(2), ..Self::new(seed) }
    }

    /// A walk in which runs are lost more often than not, and leave nothing behind.
    pub(super) fn bare(seed: u64) -> Self {
        Self { is_bare: true, ..Self::new(seed) }
    }

    /// The service is asked to stop again and again while the issue could go on.
    pub(super) fn hurry(&mut self) {
        for _ in 0..20 {
            self.now += 1_000;
            if let NextStep::Run(plan) = decide(&self.policy, at(self.now), &self.facts) {
                self.claim(plan);
            }
            if let Some(slot) = self.facts.slot.clone() {
                self.settle(&slot, RunOutcome::Interrupted { by: Interruption::Shutdown });
            }
        }
    }

    /// What comes of a run that has nothing any more.
    fn stray(&mut self) -> Step {
        let run = crate::RunId::new("stray");
        let result = RunOutcome::Failed { reason: "it was slow".to_owned() };
        let inputs = self.facts.pending.iter().map(|input| input.seq).collect();
        let kind = if self.rng.one_in(2) {
            settled("stray", result)
        } else {
            ObservationKind::InputDelivered { run, turn: TurnId::new("stray"), inputs }
        };
        self.apply(vec![kind])
    }

    fn publish_first(&mut self) {
        let ticket = self.world.ticket_read();
        self.apply(vec![ticket]);
        let NextStep::Run(plan) = decide(&self.policy, at(self.now), &self.facts) else {
            panic!("a delegated ticket starts a run")
        };
        self.claim(plan);
        let slot = self.facts.slot.clone().unwrap();
        let branch = self.facts.branch.clone().unwrap();
        let outcome = self.world.publish(&slot, &branch);
        self.settle(&slot, outcome);
    }

    pub(super) fn step(&mut self) -> Step {
        self.now += match self.rng.below(30) {
            0 => 24 * 60 * 60_000,
            1 => 70 * 60_000,
            2..=6 => 90_000,
            _ => 1_000,
        };
        self.world.clock = self.world.clock.max(self.now);
        let next = decide(&self.policy, at(self.now), &self.facts);
        if let NextStep::Run(plan) = next
            && self.rng.one_in(2)
        {
            return self.claim(plan);
        }
        if let Some(slot) = self.facts.slot.clone()
            && self.rng.one_in(3)
        {
            if !self.facts.pending.is_empty() && self.rng.one_in(3) {
                return self.deliver(&slot);
            }
            let outcome = self.outcome(&slot);
            return self.settle(&slot, outcome);
        }
        match self.rng.below(40) {
            0 => self.retry(),
            1 if self.rng.one_in(2) => self.close(),
            1 => self.stray(),
            2..=5 => self.approve(),
            6 | 7 => self.flood(),
            8..=10 => {
                let all = self.world.read();
                self.apply(all)
            }
            11..=18 => self.late(),
            _ => {
                let kind = self.world.event(&mut self.rng);
                self.told.push(kind.clone());
                // Some webhooks are late, and some never come.
                if self.rng.one_in(6) { self.apply(Vec::new()) } else { self.apply(vec![kind]) }
            }
        }
    }

    /// What was told once is told again, or for the first time.
    fn late(&mut self) -> Step {
        let kinds =
            if self.told.is_empty() { Vec::new() } else { vec![self.rng.pick(&self.told).clone()] };
        self.apply(kinds)
    }

    /// What the store does with what comes: occurrences that are in the log are dropped, and all is one change.
    pub(super) fn apply(&mut self, kinds: Vec<ObservationKind>) -> Step {
        let mut fresh = HashSet::new();
        let incoming: Vec<_> = kinds
            .into_iter()
            .filter(|kind| {
                kind.occurrence().is_none_or(|id| {
                    let key = (kind.name(), id);
                    !self.known.contains(&key) && fresh.insert(key)
                })
            })
            .map(|kind| Observation {
                at: at(self.now),
                correlation: format!("c{}", self.now),
                kind,
            })
            .collect();
        let change = change(&self.policy, at(self.now), &self.facts, incoming);
        let before = std::mem::replace(&mut self.facts, change.facts.clone());
        for observation in &change.observations {
            if let Some(id) = observation.kind.occurrence() {
                self.known.insert((observation.kind.name(), id));
            }
        }
        self.log.extend(change.observations.iter().cloned());
        Step { before, change, claimed: None }
    }

    fn claim(&mut self, plan: RunPlan) -> Step {
        self.runs += 1;
        let claim = claim_of(plan.clone(), &format!("r{}", self.runs));
        Step { claimed: Some(plan), ..self.apply(vec![claim]) }
    }

    fn deliver(&mut self, slot: &Slot) -> Step {
        let inputs = match steer_run(
            &self.policy,
            at(self.now),
            &self.facts,
            &RunProgress::new(slot.run.clone()),
        ) {
            Steer::Deliver(inputs) => inputs,
            Steer::Continue | Steer::Interrupt(_) | Steer::WithholdPublication(_) => Vec::new(),
        };
        let turn = TurnId::new(format!("turn-{}", self.now));
        self.apply(vec![ObservationKind::InputDelivered { run: slot.run.clone(), turn, inputs }])
    }

    fn settle(&mut self, slot: &Slot, result: RunOutcome) -> Step {
        let settled = if self.is_bare {
            settled(slot.run.as_str(), result)
        } else {
            ObservationKind::RunSettled {
                run: slot.run.clone(),
                charge: charge(&result),
                continuations: u32::from(self.rng.one_in(4)),
                thread: self
                    .rng
                    .one_in(2)
                    .then(|| ThreadId::new(format!("thread-{}", self.runs / 2))),
                spent: Spent {
                    tokens: if self.rng.one_in(2) { 0 } else { 200 },
                    turns: u32::from(self.rng.one_in(2)),
                    millis: 0,
                },
                result,
            }
        };
        let mut kinds = Vec::new();
        if let ObservationKind::RunSettled { result: RunOutcome::Interrupted { by }, .. } = &settled
            && matches!(by, Interruption::HeadMoved | Interruption::PullRequestOver)
        {
            // Who is refused by the forge has read why.
            kinds.extend(self.world.pull_request_read());
        }
        kinds.push(settled);
        if let Some(pushed) = self.world.pull_request_read() {
            self.told.push(pushed);
        }
        self.apply(kinds)
    }

    /// How the run under way ends.
    fn outcome(&mut self, slot: &Slot) -> RunOutcome {
        if self.is_wild && self.rng.one_in(3) {
            let outcomes = self.outcomes();
            return self.rng.pick(&outcomes).clone();
        }
        let tokens = *self.rng.pick(&[0, 200, 600]);
        let progress = RunProgress {
            spent: Spent { tokens, ..Spent::default() },
            ..RunProgress::new(slot.run.clone())
        };
        let lost = [
            RunOutcome::Failed { reason: "it crashed".to_owned() },
            RunOutcome::Interrupted { by: Interruption::Restart },
            RunOutcome::Interrupted { by: Interruption::LeaseLost },
            RunOutcome::Interrupted { by: Interruption::Shutdown },
            RunOutcome::Unavailable { reason: "no quota".to_owned(), until: None },
            RunOutcome::Unavailable {
                reason: "no quota".to_owned(),
                until: Some(at(self.now + 90_000)),
            },
        ];
        if self.rng.one_in(if self.is_bare { 1 } else { 5 }) {
            return self.rng.pick(&lost).clone();
        }
        match steer_run(&self.policy, at(self.now), &self.facts, &progress) {
            Steer::Interrupt(by) | Steer::WithholdPublication(by) => RunOutcome::Interrupted { by },
            Steer::Continue | Steer::Deliver(_) => self.judged(slot),
        }
    }

    /// What comes out of work that is judged.
    fn judged(&mut self, slot: &Slot) -> RunOutcome {
        let is_release = self.facts.held.as_ref().is_some_and(|held| held.released_by.is_some());
        match self.rng.below(9) {
            0 if !is_release => RunOutcome::NeedsInput { question: "Which table?".to_owned() },
            1 if !is_release => self.held(),
            2 if !is_release => RunOutcome::Insufficient { reason: "it is not done".to_owned() },
            3 | 4 if !is_release => {
                let reason = "it is fine as it is".to_owned();
                if slot.run_type == RunType::Implementation {
                    RunOutcome::NoChangeNeeded { reason }
                } else {
                    RunOutcome::NothingToRepair { reason }
                }
            }
            5 if slot.head.is_none() => RunOutcome::BranchTaken,
            _ => {
                let branch = self.facts.branch.clone();
                match branch
                    .or_else(|| self.facts.open_pull_request().map(|pr| pr.head_branch.clone()))
                {
                    Some(branch) => self.world.publish(slot, &branch),
                    None => RunOutcome::BranchTaken,
                }
            }
        }
    }

    fn held(&mut self) -> RunOutcome {
        let path = SECRET.to_owned();
        let hit = if self.rng.one_in(4) {
            GateHit::NestedRepository { path }
        } else {
            GateHit::ProtectedPath { path }
        };
        RunOutcome::Held {
            tree: TreeId::new(format!("tree-{}", self.runs)),
            hits: vec![hit],
            report: Box::new(report(crate::ReportOutcome::Done)),
        }
    }

    fn outcomes(&mut self) -> Vec<RunOutcome> {
        use Interruption::{
            Blocked, Closed, HeadMoved, LeaseLost, PullRequestOver, Removed, Restart, Shutdown,
            Spending, Stopped, Superseded, TicketOver, Undelegated,
        };
        let reason = || "because".to_owned();
        let mut outcomes = vec![
            RunOutcome::NoChangeNeeded { reason: reason() },
            RunOutcome::NothingToRepair { reason: reason() },
            RunOutcome::NeedsInput { question: reason() },
            RunOutcome::Unavailable { reason: reason(), until: None },
            RunOutcome::Failed { reason: reason() },
            RunOutcome::Insufficient { reason: reason() },
            RunOutcome::BranchTaken,
            self.held(),
        ];
        let by = [
            Restart,
            Shutdown,
            LeaseLost,
            Undelegated,
            Stopped,
            Closed,
            Removed,
            Blocked,
            Spending,
            PullRequestOver,
            TicketOver,
            Superseded,
            HeadMoved,
        ];
        outcomes.extend(by.map(|by| RunOutcome::Interrupted { by }));
        outcomes
    }

    fn order(&self) -> String {
        format!("order-{}", self.now)
    }

    fn retry(&mut self) -> Step {
        let run_type = self.rng.one_in(3).then(|| *self.rng.pick(&RunType::ALL));
        let (order, said) = (self.order(), at(self.now));
        self.apply(vec![ObservationKind::Retried {
            order,
            said,
            by: member(),
            run_type,
            reason: None,
        }])
    }

    fn close(&mut self) -> Step {
        let as_failed = self.rng.one_in(2);
        let order = self.order();
        self.apply(vec![ObservationKind::Closed { order, by: member(), as_failed, reason: None }])
    }

    fn approve(&mut self) -> Step {
        let Some(held) = &self.facts.held else { return self.apply(Vec::new()) };
        let (tree, order) = (held.tree.clone(), self.order());
        self.apply(vec![ObservationKind::Approved { order, tree, by: member(), reason: None }])
    }

    /// Somebody writes very much at once.
    fn flood(&mut self) -> Step {
        if !self.rng.one_in(4) {
            return self.apply(Vec::new());
        }
        let kinds = (0..40)
            .map(|n| {
                said(
                    &format!("flood-{}-{n}", self.now),
                    self.now + n,
                    crate::Heard::Operator,
                    "and this",
                )
            })
            .collect();
        self.apply(kinds)
    }

    /// How it came to where it is.
    pub(super) fn shown(&self) -> String {
        let is_first = |source: &str| !source.starts_with("flood") || source.ends_with("-0");
        let log: Vec<_> = self
            .log
            .iter()
            .filter(|observation| match &observation.kind {
                ObservationKind::HumanInput { source, .. } => is_first(source),
                _ => true,
            })
            .map(|observation| {
                let kind =
                    format!("{:?}", observation.kind).replace(&format!("{:?}", member()), "ada");
                format!("{} {kind}", observation.at.millis())
            })
            .collect();
        format!("seed {}:\n{}\n", self.seed, log.join("\n"))
    }

    /// A head that is not the current one, if a pull request is open.
    pub(super) fn old_head(&mut self) -> Option<CommitSha> {
        let pr = self.facts.open_pull_request().filter(|pr| pr.state == PrState::Open)?;
        Some(self.world.other_head(&mut self.rng, &pr.head))
    }
}

pub(super) fn policy() -> Policy {
    Policy { repo: Some(repo()), ..Policy::default() }
}
