//! Nothing gets lost: every slot, input, question, held publication and count of every walk is accounted for.

use std::collections::HashSet;

use super::walk::Walk;
use crate::{
    About, Actor, Check, CheckStatus, Evolved, Heard, IssueFacts, NextStep, Observation,
    ObservationKind, PendingInput, Policy, Review, ReviewVerdict, RunOutcome, Standing, change,
    decide, evolve,
    fixture::{at, claim_of, head, member, observation, opened, said, settled},
};

/// In a debug build too: about twenty seconds.
const WALKS: u64 = 20_000;
const STEPS: usize = 20;

#[test]
fn every_walk_keeps_its_accounts() {
    let mut kinds = HashSet::new();
    let mut outcomes = HashSet::new();
    for seed in 0..WALKS {
        let mut walk = Walk::wild(seed);
        let mut books = Books::of(&walk);
        for _ in 0..STEPS {
            let step = walk.step();
            let mut before = step.before;
            for (observation, left) in
                step.change.observations.iter().zip((0..step.change.observations.len()).rev())
            {
                // The last one leaves what the change says; that the log folds to that is tested by itself.
                let evolved = || evolve(&walk.policy, &before, observation);
                let after = if left == 0 { walk.facts.clone() } else { folded(evolved()) };
                kinds.insert(observation.kind.name());
                if let ObservationKind::RunSettled { result, .. } = &observation.kind {
                    outcomes.insert(result.name());
                }
                if let Err(wrong) =
                    books.check(&Entry { before: &before, observation, after: &after })
                {
                    panic!("{}: {wrong}", walk.shown());
                }
                before = after;
            }
        }
    }
    assert_eq!(kinds.len(), 19, "{kinds:?}");
    assert_eq!(outcomes.len(), 10, "{outcomes:?}");
}

fn folded(evolved: Evolved) -> IssueFacts {
    match evolved {
        Evolved::Changed(facts) => *facts,
        Evolved::Unchanged => panic!("logged for nothing"),
    }
}

/// Which runs there were.
struct Books {
    claimed: HashSet<String>,
    settled: HashSet<String>,
}

struct Entry<'a> {
    before: &'a IssueFacts,
    observation: &'a Observation,
    after: &'a IssueFacts,
}

type Checked = Result<(), String>;

fn must(holds: bool, wrong: &str) -> Checked {
    if holds { Ok(()) } else { Err(wrong.to_owned()) }
}

impl Books {
    fn of(walk: &Walk) -> Self {
        let mut books = Self { claimed: HashSet::new(), settled: HashSet::new() };
        for observation in &walk.log {
            books.note(observation).unwrap();
        }
        books
    }

    fn note(&mut self, observation: &Observation) -> Checked {
        match &observation.kind {
            ObservationKind::RunClaimed { run, .. } => {
                must(self.claimed.insert(run.to_string()), "a run was claimed twice")
            }
            ObservationKind::RunSettled { run, .. } => {
                must(self.settled.insert(run.to_string()), "a run was settled twice")
            }
            _ => Ok(()),
        }
    }

    fn check(&mut self, entry: &Entry<'_>) -> Checked {
        self.note(entry.observation)?;
        self.slot(entry)?;
        inputs(entry)?;
        question(entry)?;
        held(entry)?;
        bounds(entry.after)?;
        counters(entry)
    }

    fn slot(&self, Entry { before, observation, after }: &Entry<'_>) -> Checked {
        let run = |facts: &IssueFacts| facts.slot.as_ref().map(|slot| slot.run.clone());
        let expected = match &observation.kind {
            ObservationKind::RunClaimed { run: claimed, .. } => {
                must(before.slot.is_none(), "a run was claimed while another had the issue")?;
                Some(claimed.clone())
            }
            ObservationKind::RunSettled { run: settled, .. } => {
                must(
                    run(before).as_ref() == Some(settled),
                    "another run than that in the slot was settled",
                )?;
                None
            }
            _ => run(before),
        };
        must(run(after) == expected, "the slot changed hands")?;
        let is_open = |run: &str| self.claimed.contains(run) && !self.settled.contains(run);
        must(expected.is_none_or(|run| is_open(run.as_str())), "a run that is over has the slot")?;
        must(after.slot.is_none() || after.worktree.is_some(), "a run has no worktree")?;
        let is_kept = before.worktree.is_none() || after.worktree.is_some();
        must(is_kept, "the worktree was forgotten")
    }
}

/// All inputs that wait, or that the run under way has taken up.
fn all_inputs(facts: &IssueFacts) -> impl Iterator<Item = &PendingInput> {
    facts.pending.iter().chain(facts.slot.iter().flat_map(|slot| &slot.inputs))
}

fn inputs(Entry { before, observation, after }: &Entry<'_>) -> Checked {
    let seqs: Vec<_> = all_inputs(after).map(|input| input.seq).collect();
    let unique: HashSet<_> = seqs.iter().copied().collect();
    must(seqs.len() == unique.len(), "an input is there twice")?;
    let known = all_inputs(before).map(|input| input.seq).max();
    let is_new = |seq: &&u64| known.is_none_or(|known| known < **seq);
    must(
        seqs.iter().filter(is_new).all(|seq| before.next_input <= *seq),
        "a number is used again",
    )?;
    let mut lost: Vec<&PendingInput> =
        all_inputs(before).filter(|input| !unique.contains(&input.seq)).collect();
    match &observation.kind {
        ObservationKind::RunSettled { result, .. } => {
            let is_judged = match result {
                RunOutcome::Published { .. }
                | RunOutcome::NoChangeNeeded { .. }
                | RunOutcome::NothingToRepair { .. }
                | RunOutcome::NeedsInput { .. }
                | RunOutcome::Held { .. } => true,
                RunOutcome::Interrupted { .. }
                | RunOutcome::Unavailable { .. }
                | RunOutcome::Failed { .. }
                | RunOutcome::Insufficient { .. }
                | RunOutcome::BranchTaken => false,
            };
            let taken = &before.slot.as_ref().unwrap().inputs;
            // After a close nobody waits for it.
            lost.retain(|input| !((is_judged || before.closed.is_some()) && taken.contains(input)));
            // A newer wording takes the place of an older one, be it that which comes back.
            let is_edited = |input: &PendingInput| {
                let newer =
                    |other: &PendingInput| other.source == input.source && input.said <= other.said;
                !input.source.is_empty() && after.pending.iter().any(newer)
            };
            lost.retain(|input| !is_edited(input));
            // What its author took back does not come back.
            lost.retain(|input| !before.is_edited_since(&input.source, input.said));
            // What comes back may be more than can wait. Then the oldest of all are left out.
            let oldest = after.pending.first().map(|input| input.said);
            if !is_judged && after.pending.len() == 64 {
                lost.retain(|input| oldest < Some(input.said));
            }
        }
        ObservationKind::Closed { .. } => lost.retain(|input| !before.pending.contains(input)),
        ObservationKind::HumanInput { source, .. } => {
            lost.retain(|input| input.source != *source);
            drop_oldest(before, &mut lost);
        }
        ObservationKind::SessionOpened { .. } => drop_oldest(before, &mut lost),
        // The run keeps as many as can wait again; what it was told first it has heard.
        ObservationKind::InputDelivered { inputs, .. } => {
            let taken = &before.slot.as_ref().unwrap().inputs;
            let over = (taken.len() + inputs.len()).saturating_sub(64).min(taken.len());
            lost.retain(|input| !taken[..over].contains(input));
        }
        _ => {}
    }
    must(lost.is_empty(), &format!("inputs were lost: {lost:?}"))
}

/// When the list is full, the oldest makes place for a new one.
fn drop_oldest(before: &IssueFacts, lost: &mut Vec<&PendingInput>) {
    if before.pending.len() == 64 && lost.len() == 1 && before.pending.first() == Some(lost[0]) {
        lost.clear();
    }
}

fn question(Entry { before, observation, after }: &Entry<'_>) -> Checked {
    let Some(asked) = before.question.as_ref().filter(|question| question.asked.is_some()) else {
        return Ok(());
    };
    if after.question.as_ref() == Some(asked) {
        return Ok(());
    }
    let is_released = asked.about == About::Publication
        && after.held.as_ref().is_some_and(|held| held.released_by.is_some());
    must(
        match &observation.kind {
            ObservationKind::Retried { .. } | ObservationKind::Closed { .. } => true,
            ObservationKind::Approved { .. } => is_released,
            // The answer is taken up by the run, or leads to the next question.
            ObservationKind::RunClaimed { .. } | ObservationKind::Asked { .. } => {
                before.is_answered()
            }
            _ => false,
        },
        "a question was forgotten",
    )
}

fn held(Entry { before, observation, after }: &Entry<'_>) -> Checked {
    let Some(held) = &before.held else { return Ok(()) };
    match &after.held {
        Some(now) if now == held => return Ok(()),
        Some(now) if now.run == held.run && held.released_by.is_none() => {
            let is_approval = matches!(&observation.kind, ObservationKind::Approved { tree, .. } if *tree == held.tree);
            return must(
                is_approval && now.tree == held.tree,
                "a publication was released by nobody",
            );
        }
        Some(_) | None => {}
    }
    must(
        match &observation.kind {
            ObservationKind::Retried { .. } | ObservationKind::Closed { .. } => true,
            // Words instead of a release.
            ObservationKind::RunClaimed { release, .. } => release.is_none(),
            ObservationKind::RunSettled { result, .. } => {
                matches!(result, RunOutcome::Published { .. } | RunOutcome::Held { .. })
            }
            _ => false,
        },
        "a held publication was forgotten",
    )
}

fn bounds(facts: &IssueFacts) -> Checked {
    let taken = facts.slot.as_ref().map_or(0, |slot| slot.inputs.len());
    for (what, count, most) in [
        ("pending inputs", facts.pending.len(), 64),
        ("inputs of one run", taken, 64),
        ("edits", facts.edits.len(), 64),
        ("orders to stop", facts.stops.len(), 64),
        ("starts", facts.starts.len(), 20),
        ("reviews", facts.reviews.len(), 100),
        ("checks", facts.checks.len(), 200),
        ("checks of the base", facts.base_checks.len(), 200),
        ("failures that were looked at", facts.handled.len(), 4),
        ("trails", facts.attempts.repairs.len(), 4),
    ] {
        must(count <= most, &format!("{count} {what}, at most {most}"))?;
    }
    Ok(())
}

fn counters(Entry { before, observation, after }: &Entry<'_>) -> Checked {
    for (what, was, is) in [
        ("input number", before.next_input, after.next_input),
        ("epoch", before.epoch.into(), after.epoch.into()),
        ("branch generation", before.branch_generation.into(), after.branch_generation.into()),
        ("threads", before.threads.into(), after.threads.into()),
        (
            "continuations",
            before.attempts.continuations.into(),
            after.attempts.continuations.into(),
        ),
    ] {
        must(was <= is, &format!("{what} fell from {was} to {is}"))?;
    }
    let is_again = match &observation.kind {
        ObservationKind::Retried { .. } => true,
        ObservationKind::TicketRead { .. } => !before.is_delegated() && after.is_delegated(),
        ObservationKind::RunClaimed { .. } => before.is_helped(),
        _ => false,
    };
    let is_published = matches!(
        &observation.kind,
        ObservationKind::RunSettled { result: RunOutcome::Published { .. }, .. }
    );
    let is_settled = matches!(&observation.kind, ObservationKind::RunSettled { .. });
    let is_claim = matches!(&observation.kind, ObservationKind::RunClaimed { .. });
    let (was, is) = (&before.attempts, &after.attempts);
    must(was.implementation <= is.implementation || is_again, "implementations fell")?;
    must(was.recovery <= is.recovery || is_again || is_published, "recoveries fell")?;
    must(before.outages <= after.outages || is_again || is_settled, "outages fell")?;
    for trail in &was.repairs {
        // A trail ends where the forge shows its end, and with somebody else's head.
        let falls = is.latest(trail.run_type) < trail.count;
        let slot_head = before.slot.as_ref().and_then(|slot| slot.head.as_ref());
        let is_elsewhere = slot_head != Some(&trail.head) || trail.base.is_some();
        let progress = is_claim || (is_settled && is_elsewhere);
        must(!falls || is_again || progress, &format!("tries of {:?} fell", trail.run_type))?;
    }
    let spent = |facts: &IssueFacts| facts.spending.total.tokens;
    let is_answer = is_claim && before.is_answered();
    let retried = matches!(&observation.kind, ObservationKind::Retried { .. });
    must(spent(before) <= spent(after) || retried || is_answer, "spending fell")
}

/// What no walk of twenty steps reaches.
#[test]
fn what_comes_in_masses_is_bounded() {
    let names: Vec<_> = (0..300).map(|n| format!("gate {n}")).collect();
    let policy = Policy { gate_checks: names.clone(), ..Policy::default() };
    let mut facts = opened();
    let number = facts.open_pull_request().unwrap().number;
    for (n, name) in (0..).zip(&names) {
        let id = u64::try_from(n).unwrap();
        let check = Check { id, name: name.clone(), status: CheckStatus::Failure, version: at(n) };
        let reviewer = Actor { standing: Standing::Writer, id: name.clone(), ..member() };
        let review = Review {
            id: name.clone(),
            reviewer,
            verdict: ReviewVerdict::ChangesRequested,
            head: head(1),
            submitted: at(n),
        };
        let kinds = [
            ObservationKind::CheckRead { head: head(1), check: check.clone() },
            ObservationKind::BaseCheckRead { commit: crate::CommitSha::new("base-tip"), check },
            ObservationKind::ReviewRead { number, review },
            said(name, n, Heard::Operator, "and this"),
        ];
        let kinds = kinds.into_iter().map(|kind| observation(10_000 + n, kind)).collect();
        facts = change(&policy, at(10_000 + n), &facts, kinds).facts;
        bounds(&facts).unwrap();
    }
    let counts =
        [facts.checks.len(), facts.base_checks.len(), facts.reviews.len(), facts.pending.len()];
    assert_eq!(counts, [200, 200, 100, 64], "the bounds are reached");
    for n in 0..60 {
        let now = 20_000 + n;
        let run = format!("again-{n}");
        let NextStep::Run(plan) = decide(&policy, at(now), &facts) else { continue };
        let lost = settled(&run, RunOutcome::Interrupted { by: crate::Interruption::Shutdown });
        let kinds = [claim_of(plan, &run), lost].map(|kind| observation(now, kind));
        facts = change(&policy, at(now), &facts, kinds.into()).facts;
        bounds(&facts).unwrap();
    }
    assert_eq!(facts.starts.len(), 20, "the bound is reached");
}
