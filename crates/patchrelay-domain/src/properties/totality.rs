//! For whatever is reached there is exactly one next step, it is one that may be taken, and nothing waits for ever.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    endings::{Works, ending},
    walk::{Step, Walk},
};
use crate::{
    About, Change, CommitSha, Interruption, IssueFacts, NextStep, Observation, ObservationKind,
    Policy, RunOutcome, RunPlan, RunProgress, RunType, Steer, Timestamp, Wait, change, decide,
    fixture::at, steer_run, waiting_reason,
};

fn walks(seeds: std::ops::Range<u64>, mut look: impl FnMut(&mut Walk, &Step)) {
    for seed in seeds {
        let mut walk = Walk::new(seed);
        for nth in 0..25 {
            if nth == 15 && seed % 16 == 0 {
                walk.hurry();
            }
            let step = walk.step();
            look(&mut walk, &step);
        }
    }
}

/// The name of a wait, without what it is about.
fn name(wait: &Wait) -> String {
    let shown = format!("{wait:?}");
    match wait {
        Wait::PullRequest(_, wait) => format!("PullRequest {wait:?}"),
        _ => shown.split('(').next().unwrap().to_owned(),
    }
}

fn must(walk: &Walk, holds: bool, wrong: &str) {
    assert!(
        holds,
        "{}: {wrong}\n{:?}",
        walk.shown(),
        decide(&walk.policy, at(walk.now), &walk.facts)
    );
}

#[test]
fn a_run_is_only_next_where_it_may_start() {
    let mut seen = BTreeSet::new();
    walks(0..1_500, |walk, _| {
        let now = at(walk.now);
        let NextStep::Run(plan) = decide(&walk.policy, now, &walk.facts) else { return };
        seen.insert(plan.run_type);
        let facts = &walk.facts;
        must(walk, facts.slot.is_none(), "a run while another has the issue");
        must(walk, facts.is_delegated() && !facts.is_removed(), "a run of what is not delegated");
        must(walk, facts.closed.is_none() && facts.stopped().is_none(), "a run after a stop");
        let is_blocked = facts.open_pull_request().is_none()
            && facts.ticket.as_ref().is_some_and(|ticket| !ticket.value.blocked_by().is_empty());
        must(walk, !is_blocked || plan.run_type != RunType::Implementation, "a blocked run");
        let is_open = facts.question.is_some() && !facts.is_answered();
        must(walk, !is_open, "a run before the answer");
        must(walk, is_affordable(&walk.policy, now, facts, &plan), "a run over budget");
        let is_early = facts.backoff_until.is_some_and(|until| now < until);
        must(walk, !is_early || facts.is_helped(), "a run before its time");
        let hour = |start: &&Timestamp| now.since(**start).as_secs() < 60 * 60;
        must(walk, facts.starts.iter().filter(hour).count() < 20, "a run too many");
        must(walk, plan.head.as_ref() == facts.head(), "a run on another head");
    });
    assert_eq!(seen.len(), 5, "{seen:?}");
}

/// What humans said after it was given up, or as the answer to the question, opens the purse once.
fn is_affordable(policy: &Policy, now: Timestamp, facts: &IssueFacts, plan: &RunPlan) -> bool {
    let has_tries = facts.tried(plan.run_type) < policy.budgets.of(plan.run_type)
        && facts.attempts.recovery < policy.budgets.recovery;
    let limits = &policy.limits;
    let within = |limit: &crate::Limit, spent: crate::Spent| {
        (limit.max_tokens == 0 || spent.tokens < limit.max_tokens)
            && (limit.max_turns == 0 || spent.turns < limit.max_turns)
    };
    let has_money = within(&limits.issue, facts.spending.total)
        && within(&limits.day, facts.spending.on_day(now));
    let may_spend = facts.is_answered()
        && facts.question.as_ref().is_some_and(|question| question.about == About::Spending);
    (has_tries || facts.is_helped()) && (has_money || may_spend)
}

#[test]
fn what_comes_next_is_a_function_of_the_facts() {
    walks(0..600, |walk, step| {
        let now = at(walk.now);
        let next = decide(&walk.policy, now, &walk.facts);
        must(walk, next == decide(&walk.policy, now, &walk.facts), "two decisions");
        must(walk, next == step.change.next, "another step than that of the change");
        let is_told = matches!(next, NextStep::Settled(_)) == waiting_reason(&next).is_none();
        must(walk, is_told, "people are not told");
        must(walk, next.columns().run_type.is_some() == starts_sometime(&next), "the ready list");
    });
}

fn starts_sometime(next: &NextStep) -> bool {
    match next {
        NextStep::Run(_) => true,
        NextStep::Wait { reason: Wait::Backoff(_) | Wait::Breaker(_), until } => until.is_some(),
        _ => false,
    }
}

#[test]
fn what_humans_are_told_is_told_once() {
    let mut told = BTreeSet::new();
    walks(0..1_500, |walk, step| {
        let ours = step.change.observations.last().map(|last| &last.kind);
        let expected = match ours {
            Some(ObservationKind::Asked { .. }) => Wait::Question,
            Some(ObservationKind::Escalated { .. }) => Wait::Escalated,
            _ => return,
        };
        told.insert(name(&expected));
        let next = NextStep::Wait { reason: expected, until: None };
        must(walk, decide(&walk.policy, at(walk.now), &walk.facts) == next, "told, and no wait");
        let asks = |kind: &ObservationKind| {
            matches!(kind, ObservationKind::Asked { .. } | ObservationKind::Escalated { .. })
        };
        let count = step.change.observations.iter().filter(|one| asks(&one.kind)).count();
        must(walk, count == 1, "told twice");
        for later in [0, 1, 60_000, 48 * 60 * 60_000] {
            let again = change(&walk.policy, at(walk.now + later), &walk.facts, Vec::new());
            must(walk, again.observations.is_empty(), "told again for nothing");
        }
    });
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn every_change_of_nothing_is_nothing() {
    walks(0..600, |walk, _| {
        let again = change(&walk.policy, at(walk.now), &walk.facts, Vec::new());
        let is_nothing = again.facts == walk.facts
            && again.observations.is_empty()
            && again.orders.is_empty()
            && again.feed.is_empty();
        must(walk, is_nothing, "nothing changed something");
    });
}

fn applied(walk: &Walk, kinds: Vec<ObservationKind>) -> Change {
    // By our clock it is later than all that was said.
    let now = at(walk.now + 2_000_000);
    let incoming = kinds
        .into_iter()
        .map(|kind| Observation { at: now, correlation: "way-out".to_owned(), kind })
        .collect();
    // What time alone ends is told apart from what an observation ends.
    change(&walk.policy, at(walk.now), &walk.facts, incoming)
}

#[test]
fn every_wait_has_a_way_out() {
    let mut tally: BTreeMap<(String, &str), (u32, u32)> = BTreeMap::new();
    walks(0..1_500, |walk, _| {
        let next = decide(&walk.policy, at(walk.now), &walk.facts);
        let NextStep::Wait { reason, until } = &next else { return };
        must(walk, waiting_reason(&next).is_some_and(|text| !text.trim().is_empty()), "no reason");
        if let Some(until) = until {
            must(walk, at(walk.now) < *until, "it waits for what is over");
            let then = decide(&walk.policy, *until, &walk.facts);
            must(walk, then != next, "time does not end it");
            let early = decide(&walk.policy, at(until.millis() - 1), &walk.facts);
            must(walk, early == next, "it ends before its time");
        }
        let mut works = until.is_some();
        for kind in reason.ended_by() {
            let ending = ending(walk, reason, kind);
            let after = applied(walk, ending.kinds);
            // Another question is another step.
            let ends = after.next != next || after.facts.question != walk.facts.question;
            must(
                walk,
                ends || ending.works == Works::Sometimes,
                &format!("{kind} does not end it"),
            );
            works |= ends;
            let count = tally.entry((name(reason), kind)).or_default();
            *count = (count.0 + 1, count.1 + u32::from(ends));
        }
        must(walk, works, "nothing ends it");
    });
    let reached: BTreeSet<_> = tally.keys().map(|(name, _)| name.as_str()).collect();
    // All but a removed project, which is below.
    assert_eq!(reached.len(), 17, "{reached:?}");
    let idle: Vec<_> = tally.iter().filter(|(_, (_, ended))| *ended == 0).collect();
    assert!(idle.is_empty(), "never ended anything: {idle:?}");
}

#[test]
fn configuring_its_project_again_ends_the_wait_for_it() {
    walks(0..300, |walk, _| {
        let removed = Policy { is_configured: false, ..walk.policy.clone() };
        let next = decide(&removed, at(walk.now), &walk.facts);
        let NextStep::Wait { reason: reason @ Wait::ProjectRemoved, .. } = &next else {
            must(walk, !matches!(next, NextStep::Run(_)), "a run of a removed project");
            return;
        };
        must(walk, reason.ended_by().is_empty(), "an observation cannot configure it");
        must(walk, decide(&walk.policy, at(walk.now), &walk.facts) != next, "it waits for ever");
    });
}

/// What a run is about, and the facts that it was started on, without what every start and end changes.
type Claim = (RunType, Option<CommitSha>, Option<String>, IssueFacts);

fn claim(plan: &RunPlan, facts: &IssueFacts) -> Claim {
    let mut facts = facts.clone();
    facts.slot = None;
    facts.updated = Timestamp::default();
    facts.starts.clear();
    if let Some(latest) = &mut facts.latest_run {
        latest.run = crate::RunId::new("");
        latest.ended = Timestamp::default();
    }
    (plan.run_type, plan.head.clone(), plan.signature.clone(), facts)
}

#[test]
fn the_same_is_not_started_twice_on_the_same_facts() {
    let mut claims = 0;
    for seed in 0..4_000 {
        let mut walk = if seed % 3 == 0 { Walk::bare(seed) } else { Walk::new(seed) };
        let mut last: Option<Claim> = None;
        for _ in 0..30 {
            let step = walk.step();
            let Some(plan) = step.claimed else { continue };
            claims += 1;
            let this = claim(&plan, &step.before);
            // That the service is asked to stop is news, if not of the issue.
            let is_shutdown = step.before.latest_run.as_ref().is_some_and(|run| {
                run.result == RunOutcome::Interrupted { by: Interruption::Shutdown }
            });
            must(&walk, is_shutdown || last.as_ref() != Some(&this), "started again for nothing");
            last = Some(this);
        }
    }
    assert!(3_000 < claims, "{claims}");
}

#[test]
fn no_run_is_stopped_by_the_facts_that_it_was_started_on() {
    walks(0..1_500, |walk, step| {
        if step.claimed.is_none() {
            return;
        }
        let run = walk.facts.slot.as_ref().unwrap().run.clone();
        let steer = steer_run(&walk.policy, at(walk.now), &walk.facts, &RunProgress::new(run));
        let goes_on = matches!(steer, Steer::Continue | Steer::Deliver(_));
        must(walk, goes_on, &format!("it is stopped at once: {steer:?}"));
    });
}
