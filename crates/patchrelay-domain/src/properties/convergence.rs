//! Whatever subset of the webhooks came, in whatever order and however often: after one full read the facts are the same.

use std::collections::{BTreeSet, HashSet};

use super::{
    rng::Rng,
    walk::policy,
    world::{Shape, World},
};
use crate::{
    Check, CheckStatus, CommitSha, Evolved, IssueFacts, NextStep, Observation, ObservationKind,
    ReviewVerdict, RunOutcome, RunPlan, RunType, Timestamp, decide, evolve,
    fixture::{at, claim_of, empty, settled},
};

/// A history: what a fresh start knew, and what was told from then on, in order.
struct History {
    start: IssueFacts,
    world: World,
    told: Vec<ObservationKind>,
    /// The full read at each time, for those who look at all when they are told of one thing.
    reads: Vec<Vec<ObservationKind>>,
}

impl History {
    fn new(seed: u64, shape: Shape, rng: &mut Rng) -> Self {
        let mut world = World::new(shape);
        let mut start = empty();
        match seed % 3 {
            0 => {}
            1 => world.attach(),
            _ => start = published(&mut world),
        }
        let mut told = vec![world.ticket_read()];
        let mut reads = vec![world.read()];
        for _ in 0..4 + rng.below(16) {
            told.push(world.event(rng));
            reads.push(world.read());
        }
        Self { start, world, told, reads }
    }
}

/// Where our own run has published.
fn published(world: &mut World) -> IssueFacts {
    let mut side = Side::of(empty());
    side.tell(&world.ticket_read());
    let NextStep::Run(plan) = side.next() else { panic!("a delegated ticket starts a run") };
    side.tell(&claim_of(plan, "r1"));
    let slot = side.facts.slot.clone().unwrap();
    let outcome = world.publish(&slot, &side.facts.branch.clone().unwrap());
    assert!(matches!(outcome, RunOutcome::Published { .. }));
    side.tell(&settled("r1", outcome));
    side.facts
}

/// When everything is decided here: no wait depends on the time.
const LATER: i64 = 1_000_000_000;

type Run = (RunType, Option<CommitSha>, Option<String>);

/// Somebody who is told of a history.
struct Side {
    facts: IssueFacts,
    known: HashSet<(&'static str, String)>,
    now: i64,
    wanted: BTreeSet<Run>,
}

impl Side {
    fn of(facts: IssueFacts) -> Self {
        Self { facts, known: HashSet::new(), now: 100_000_000, wanted: BTreeSet::new() }
    }

    fn next(&self) -> NextStep {
        decide(&policy(), at(LATER), &self.facts)
    }

    /// Occurrences that are in the log already are dropped, as the store does.
    fn tell(&mut self, kind: &ObservationKind) {
        self.now += 1_000;
        let occurrence = kind.occurrence().map(|id| (kind.name(), id));
        if occurrence.as_ref().is_some_and(|occurrence| self.known.contains(occurrence)) {
            return;
        }
        let observation =
            Observation { at: at(self.now), correlation: "told".to_owned(), kind: kind.clone() };
        if let Evolved::Changed(facts) = evolve(&policy(), &self.facts, &observation) {
            self.facts = *facts;
            self.known.extend(occurrence);
        }
    }

    fn want(&mut self) {
        if let NextStep::Run(plan) = self.next() {
            self.wanted.insert((plan.run_type, plan.head, plan.signature));
        }
    }

    fn tell_all(&mut self, kinds: &[ObservationKind]) {
        for kind in kinds {
            self.tell(kind);
        }
        self.want();
    }
}

/// The facts, without what counts deliveries or says when they came.
fn normal(facts: &IssueFacts) -> IssueFacts {
    let mut facts = facts.clone();
    // When we heard of something is not what we heard.
    facts.updated = Timestamp::default();
    facts.first_seen = Timestamp::default();
    // How often delegation changed as far as we were told: who was told less counts less.
    facts.epoch = 0;
    // An edit takes another number each time that it comes, and one that never came took none.
    facts.next_input = 0;
    for input in &mut facts.pending {
        (input.at, input.seq) = (Timestamp::default(), 0);
    }
    // The numbers of the first inputs that are an answer or a help are numbers of inputs.
    if let Some(question) = &mut facts.question {
        question.since = 0;
    }
    if let Some(escalated) = &mut facts.escalated {
        escalated.since = 0;
    }
    // When it was asked for first that the answer was so. The forge gives it no version.
    if let Some(merge) = &mut facts.merge {
        merge.version = Timestamp::default();
    }
    facts.sessions.sort();
    facts
}

/// What differs, by field.
fn differences(told: &IssueFacts, heard: &IssueFacts) -> Vec<String> {
    let fields = |facts: &IssueFacts| match serde_json::to_value(normal(facts)).unwrap() {
        serde_json::Value::Object(fields) => fields,
        other => panic!("{other}"),
    };
    let (told, heard) = (fields(told), fields(heard));
    told.iter()
        .filter(|(name, value)| heard.get(*name) != Some(*value))
        .map(|(name, value)| format!("{name}: {value} but {}", heard[name]))
        .collect()
}

fn shown(kinds: &[ObservationKind]) -> String {
    let line = |kind: &ObservationKind| {
        format!("{kind:?}").replace(&format!("{:?}", crate::fixture::member()), "ada")
    };
    kinds.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Some of what was told, in some order, some of it twice.
fn distorted<T: Clone>(rng: &mut Rng, told: &[T]) -> Vec<T> {
    let loss = *rng.pick(&[2, 4, usize::MAX]);
    let mut kinds: Vec<_> = told.iter().filter(|_| !rng.one_in(loss)).cloned().collect();
    for _ in 0..rng.below(4) {
        if !kinds.is_empty() {
            let twice = rng.pick(&kinds).clone();
            kinds.push(twice);
        }
    }
    if !rng.one_in(4) {
        rng.shuffle(&mut kinds);
    }
    kinds
}

#[test]
fn every_delivery_ends_in_the_same_facts() {
    let mut wanted = BTreeSet::new();
    for seed in 0..12_000 {
        let mut rng = Rng::new(seed);
        let history = History::new(seed, Shape::ALL, &mut rng);
        let mut ordered = Side::of(history.start.clone());
        ordered.tell_all(&history.told);
        ordered.tell_all(&history.world.read());
        let heard = distorted(&mut rng, &history.told);
        let mut distorted = Side::of(history.start.clone());
        distorted.now += 77_000;
        distorted.tell_all(&heard);
        distorted.tell_all(&history.world.read_anyhow(&mut rng));
        let differences = differences(&ordered.facts, &distorted.facts);
        assert!(
            differences.is_empty(),
            "seed {seed}\ntold\n{}\nheard\n{}\n{}",
            shown(&history.told),
            shown(&heard),
            differences.join("\n")
        );
        // The numbers of inputs are all that may differ.
        let next = [&ordered, &distorted].map(|side| match side.next() {
            NextStep::Run(plan) => {
                NextStep::Run(RunPlan { epoch: 0, consumes: Vec::new(), ..plan })
            }
            other => other,
        });
        assert_eq!(next[0], next[1], "seed {seed}");
        if let NextStep::Run(plan) = &next[0] {
            wanted.insert(plan.run_type);
        }
    }
    assert_eq!(wanted.len(), 5, "{wanted:?}");
}

/// A run is started only on what was read just before, so what is told between two reads starts none.
#[test]
fn snapshots_in_any_order_never_want_what_the_ordered_ones_do_not() {
    for seed in 0..6_000 {
        let mut rng = Rng::new(seed);
        let history = History::new(seed, Shape::ALL, &mut rng);
        let mut ordered = Side::of(history.start.clone());
        for read in &history.reads {
            ordered.tell_all(read);
        }
        let mut other = Side::of(history.start.clone());
        for read in distorted(&mut rng, &history.reads) {
            other.tell_all(&read);
        }
        other.tell_all(&history.world.read_anyhow(&mut rng));
        let more: Vec<_> = other.wanted.difference(&ordered.wanted).collect();
        assert!(more.is_empty(), "seed {seed}\ntold\n{}\n{more:?}", shown(&history.told));
    }
}

/// What a history gives reason for, as a signature names it.
fn reasons(start: &IssueFacts, told: &[ObservationKind]) -> HashSet<String> {
    let mut reasons = HashSet::new();
    let is_red = |check: &Check| check.status == CheckStatus::Failure;
    let shown = |check: &Check| format!("{}@{}", check.id, check.version.millis());
    for kind in told {
        match kind {
            ObservationKind::CheckRead { head, check } if is_red(check) => {
                let what =
                    if check.name.contains("queue") { "queue_eviction" } else { "branch_ci" };
                reasons.insert(format!("{what}:{head}:{}", shown(check)));
            }
            ObservationKind::ReviewRead { review, .. }
                if review.verdict == ReviewVerdict::ChangesRequested =>
            {
                reasons.insert(format!("review:{}:{}", review.head, review.id));
            }
            ObservationKind::MergeStateRead { state, .. } if state.is_conflicting == Some(true) => {
                reasons.insert(format!("conflict:{}:{}", state.head, state.base));
            }
            ObservationKind::TicketRead { ticket, .. } if ticket.delegated => {
                reasons.insert("delegated".to_owned());
            }
            _ => {}
        }
    }
    if start.is_delegated() {
        reasons.insert("delegated".to_owned());
    }
    reasons
}

/// The parts of a signature, each as a signature of its own.
fn parts(signature: Option<&str>) -> Vec<String> {
    let Some(signature) = signature else { return vec!["delegated".to_owned()] };
    let (what, rest) = signature.split_once(':').unwrap();
    let (head, names) = rest.split_once(':').unwrap();
    names.split(',').map(|name| format!("{what}:{head}:{name}")).collect()
}

/// Who hears a part of the truth may want what the whole truth does not: a check may be red before another has begun. But
/// every run is for something that happened, on the newest head that was heard of.
#[test]
fn deliveries_in_any_order_want_nothing_that_was_never_true() {
    let mut wanted = BTreeSet::new();
    for seed in 0..6_000 {
        let mut rng = Rng::new(seed);
        let history = History::new(seed, Shape::ALL, &mut rng);
        let reasons = reasons(&history.start, &history.told);
        let mut newest =
            history.start.pull_request.as_ref().map(|pr| (pr.version, pr.value.head.clone()));
        let mut side = Side::of(history.start.clone());
        for kind in distorted(&mut rng, &history.told) {
            side.tell(&kind);
            if let ObservationKind::PullRequestRead { version, pull_request } = kind {
                newest = newest.max(Some((version, pull_request.head)));
            }
            let NextStep::Run(plan) = side.next() else { continue };
            wanted.insert(plan.run_type);
            let signature = plan.signature.as_deref();
            let is_true = parts(signature).iter().all(|part| reasons.contains(part));
            let shown = || shown(&history.told);
            assert!(is_true, "seed {seed}\n{}\n{signature:?}", shown());
            // One that is attached is nobody's before the ticket was read, so what was heard of it is not kept.
            let is_attached = seed % 3 == 1;
            let is_current = is_attached
                || plan.head.is_none()
                || plan.head.as_ref() == newest.as_ref().map(|(_, head)| head);
            assert!(is_current, "seed {seed}\n{}\n{:?}", shown(), plan.head);
        }
    }
    assert_eq!(wanted.len(), 5, "{wanted:?}");
}
