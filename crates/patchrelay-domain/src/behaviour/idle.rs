//! The rows about the passes over idle issues, which are decisions on facts here.

use super::{counters::lost, *};

pub(super) fn reconciler() -> Vec<Row> {
    vec![
        row(
            "6.3",
            "candidates: idle, with a pull request, not over and not given up",
            Replaced("N57", "every issue is decided on news: a push helps one that was given up"),
            || {
                let facts = with(given_up(), push(2));
                shows(&given_up()) == FactoryState::Escalated
                    && shows(&facts) == FactoryState::PrOpen
                    && shows(&more(facts, [ask_for_changes(2)])) == FactoryState::ChangesRequested
                    && wants(&more(lost(5), [push(2), is_red(2)])) == Some(RunType::CiRepair)
            },
        ),
        row(
            "6.3",
            "candidates: what was given up for one thing is no candidate for another",
            Replaced("S28", "it is, while the other's own budget is not spent"),
            || {
                let facts = with(given_up(), green(1));
                let again = with(facts.clone(), ask_for_changes(1));
                shows(&facts) == FactoryState::PrOpen
                    && wants(&again) == Some(RunType::ReviewFix)
                    && shows(&with(again, gate_is(CheckStatus::Failure, 1, 95)))
                        == FactoryState::Escalated
            },
        ),
        row("6.3", "1 merged: done, and what failed is cleared", Holds, || {
            let facts = with(refused(), merged());
            shows(&facts) == FactoryState::Done && facts.queue.is_none() && facts.checks.is_empty()
        }),
        row("6.3", "2 evicted or red: to the repair of it", Holds, || {
            wants(&refused()) == Some(RunType::QueueRepair)
                && wants(&red()) == Some(RunType::CiRepair)
        }),
        row(
            "6.3",
            "3 approved and not red: probe the forge",
            Replaced(
                "D1",
                "what a poll reads is an observation like a webhook's, and ends the wait",
            ),
            || {
                let wait = waits(&ready()).unwrap();
                ["pull_request_read", "check_read", "merge_state_read", "review_read"]
                    .iter()
                    .all(|kind| wait.ended_by().contains(kind))
                    && wants(&with(ready(), conflict(1, 90))) == Some(RunType::QueueRepair)
                    && shows(&with(ready(), merged())) == FactoryState::Done
            },
        ),
        row("6.3", "4 red: to the repair of it", Holds, || {
            shows(&with(ready(), gate_is(CheckStatus::Failure, 1, 90))) == FactoryState::RepairingCi
        }),
        row(
            "6.3",
            "5 otherwise: probe the forge",
            Replaced("D1", "whatever it reads is decided at once, also for one that only waits"),
            || {
                let wait = waits(&opened()).unwrap();
                wait.ended_by().contains(&"pull_request_read")
                    && wants(&with(opened(), conflict(1, 90))) == Some(RunType::BranchUpkeep)
                    && wants(&with(opened(), ask_for_changes(1))) == Some(RunType::ReviewFix)
            },
        ),
        row(
            "6.3",
            "delegated with dependencies: an event when none is left, each tick",
            Replaced("D6", "the read that shows the last one over makes the run ready, once"),
            || {
                let facts = with(delegated(), ticket_read(100, blocked_by(&["APP-2", "APP-3"])));
                let mut half = blocked_by(&["APP-2", "APP-3"]);
                half.blockers[0].state = TrackerStateKind::Completed;
                let half = with(facts, ticket_read(200, half));
                waits(&half) == Some(Wait::Blocked(vec!["APP-3".to_owned()]))
                    && wants(&with(half, ticket_read(300, ticket())))
                        == Some(RunType::Implementation)
            },
        ),
        row("6.3", "advancing to the same state does nothing", Holds, || {
            is_no_news(&ready(), green(1))
                && is_no_news(&ready(), approve(1))
                && is_no_news(&red(), is_red(1))
        }),
        row(
            "6.3",
            "advancing writes state, wake, feed and queue, one after the other",
            Replaced("D5", "one change has facts, log, feed, reports and next step"),
            || {
                let news = vec![observation(9_000, merged())];
                let change = change(&Policy::default(), at(9_000), &ready(), news);
                change.next == NextStep::Settled(Settled::Merged)
                    && change.observations.len() == 1
                    && change.feed.len() == 1
                    && change
                        .orders
                        .contains(&OutboxOrder::MoveTicket { to: TicketTarget::Completed })
                    && change.facts.is_merged()
            },
        ),
    ]
}

pub(super) fn failed_issues() -> Vec<Row> {
    vec![
        row(
            "6.4",
            "1 red without a recorded source: infer it",
            Replaced("N1", "the check that failed says what it is: nothing is inferred"),
            || {
                wants(&with(opened(), is_red(1))) == Some(RunType::CiRepair)
                    && wants(&with(opened(), evicted_at(1))) == Some(RunType::QueueRepair)
            },
        ),
        row(
            "6.4",
            "2 red while downstream owned: look whether it was evicted, and reclassify",
            Replaced("D7", "an eviction goes before a red gate, whichever came first"),
            || {
                let gate_red = gate_is(CheckStatus::Failure, 1, 90);
                let before = more(ready(), [gate_red.clone(), evicted_at(1)]);
                let after = more(ready(), [evicted_at(1), gate_red]);
                wants(&before) == Some(RunType::QueueRepair)
                    && plan(&before).signature == plan(&after).signature
            },
        ),
        row("6.4", "3 no intent and not awaiting the queue: stop", Holds, || {
            wants(&opened()).is_none()
        }),
        row(
            "6.4",
            "3 no intent and awaiting the queue: infer, and repair the checks by default",
            Replaced("D8", "without anything broken it goes on waiting for its merge"),
            || waits_for(&ready(), PrWait::Merge),
        ),
        row("6.4", "4 attempted already: the state of the intent, and no run", Holds, || {
            let facts = through(red(), "r2", nothing_to_repair());
            shows(&facts) == FactoryState::RepairingCi && wants(&facts).is_none()
        }),
        row("6.4", "4 not if the last run was interrupted", Holds, || {
            let facts = through(red(), "r2", interrupted(Interruption::Restart));
            plan(&facts).signature == plan(&red()).signature
        }),
        row(
            "6.4",
            "5 advance with run type and the whole failure as context",
            Replaced("D12", "with head and signature; texts are read for the run"),
            || {
                [red(), refused()].iter().all(|facts| {
                    let plan = plan(facts);
                    plan.head == Some(head(1)) && plan.signature.is_some()
                })
            },
        ),
        row("6.4", "infer: the queue's check failed on the head, evicted", Holds, || {
            wants(&refused()) == Some(RunType::QueueRepair) && is_no_news(&refused(), evicted_at(2))
        }),
        row("6.4", "infer: in conflict and downstream owned, evicted", Holds, || {
            wants(&with(ready(), conflict(1, 90))) == Some(RunType::QueueRepair)
        }),
        row(
            "6.4",
            "infer: in conflict otherwise, nothing",
            Replaced("S20", "branch_upkeep, because nobody can review it as it is"),
            || wants(&conflicting()) == Some(RunType::BranchUpkeep),
        ),
        row(
            "6.4",
            "infer: the probe failed, red checks if downstream owned",
            Replaced("D1", "while the forge does not say, what it said last holds"),
            || {
                let unsure = |version| ObservationKind::MergeStateRead {
                    version: at(version),
                    state: MergeState {
                        head: head(1),
                        base: crate::CommitSha::new("base-1"),
                        is_conflicting: None,
                        is_review_required: None,
                    },
                };
                waits_for(&with(ready(), unsure(90)), PrWait::Merge)
                    && wants(&with(conflicting(), unsure(90))) == Some(RunType::BranchUpkeep)
            },
        ),
        row(
            "6.4",
            "infer: otherwise red checks",
            Replaced("S71", "only where the gate itself is red"),
            || wants(&red()) == Some(RunType::CiRepair) && wants(&opened()).is_none(),
        ),
    ]
}

pub(super) fn probes() -> Vec<Row> {
    vec![
        row(
            "6.5",
            "a probe writes what it read each time, and so looks like news",
            Replaced("D1", "a state equal to the facts is not appended, and touches nothing"),
            || {
                let known = with(ready(), no_conflict(1, 60));
                is_no_news(&known, no_conflict(1, 60)) && is_no_news(&known, no_conflict(1, 90))
            },
        ),
        row("6.5", "merged: done", Holds, || {
            shows(&with(ready(), merged())) == FactoryState::Done
                && shows(&with(criticised(), merged())) == FactoryState::Done
        }),
        row("6.5", "closed: a fresh implementation, what failed is cleared", Holds, || {
            let facts = with(refused(), closed());
            let plan = plan(&facts);
            plan.run_type == RunType::Implementation
                && plan.signature.is_none()
                && plan.head.is_none()
                && facts.queue.is_none()
        }),
        row(
            "6.5",
            "in conflict and downstream owned: queue_repair, however often",
            Replaced("W30", "three in a row on the same base, then a human is called"),
            || {
                let facts = (2..5).fold(with(ready(), conflict(1, 90)), |facts, n| {
                    let version = i64::from(n) * 10_000 + 5_000;
                    let facts = through(facts, &format!("queue-{n}"), pushed(n));
                    let again = review(
                        &format!("yes-{n}"),
                        "reviewer-1",
                        ReviewVerdict::Approved,
                        head(n),
                        version,
                    );
                    more(facts, [again, conflict(n, version)])
                });
                shows(&facts) == FactoryState::Escalated
            },
        ),
        row(
            "6.5",
            "approved: awaiting_queue",
            Replaced("D8", "if it is green, and the base agrees"),
            || {
                waits_for(&with(ready(), no_conflict(1, 90)), PrWait::Merge)
                    && shows(&with(opened(), approve(1))) == FactoryState::PrOpen
            },
        ),
        row(
            "6.5",
            "in conflict, not the queue's: left in review",
            Replaced("S20", "it is brought up to date"),
            || {
                let after_review = more(criticised(), [push(2), conflict(2, 25_000)]);
                shows(&conflicting()) == FactoryState::ChangesRequested
                    && plan(&conflicting()).merge_base
                    && wants(&after_review) == Some(RunType::BranchUpkeep)
            },
        ),
        row(
            "6.5",
            "a red gate that a probe finds is handled in the next tick",
            Replaced("D6", "at once: the change that folds it decides"),
            || {
                let news = vec![observation(9_000, is_red(1))];
                let change = change(&Policy::default(), at(9_000), &opened(), news);
                change.next.columns().run_type == Some(RunType::CiRepair)
            },
        ),
        row(
            "6.5",
            "requested changes that a probe finds are not handled",
            Replaced("W59", "like those that a webhook tells"),
            || {
                let news = vec![observation(9_000, ask_for_changes(1))];
                let change = change(&Policy::default(), at(9_000), &ready(), news);
                change.next.columns().run_type == Some(RunType::ReviewFix)
            },
        ),
        row(
            "6.5",
            "a probe fails and it is approved: awaiting_queue",
            Replaced("D1", "nothing was observed, and ours is not gone because it is hidden"),
            || {
                let missing = |number| ObservationKind::PullRequestMissing {
                    number: PrNumber(number),
                    version: at(90_000),
                };
                is_no_news(&ready(), missing(1)) && is_no_news(&opened(), missing(1))
            },
        ),
    ]
}

pub(super) fn queue_health() -> Vec<Row> {
    vec![
        row(
            "6.6",
            "candidates: awaiting the queue, and untouched for two minutes",
            Replaced("W58", "what is read is decided at that moment, however fresh the facts are"),
            || {
                let facts = with(ready(), evicted_at(1));
                matches!(
                    decide(&Policy::default(), facts.updated, &facts),
                    NextStep::Run(plan) if plan.run_type == RunType::QueueRepair
                )
            },
        ),
        row("6.6", "merged: done", Holds, || {
            next(&with(ready(), merged())) == NextStep::Settled(Settled::Merged)
        }),
        row("6.6", "not open: nothing", Replaced("N56", "a closed one is replaced"), || {
            wants(&with(ready(), closed())) == Some(RunType::Implementation)
        }),
        row("6.6", "in conflict: queue_repair", Holds, || {
            let plan = plan(&with(ready(), conflict(1, 90)));
            plan.run_type == RunType::QueueRepair && plan.merge_base && !plan.needs_new_head
        }),
        row(
            "6.6",
            "clean, and the queue's check failed on the head: queue_repair",
            Replaced("N55", "which has to make a new head, even with the same content"),
            || {
                let plan = plan(&with(refused(), no_conflict(1, 90)));
                let no_edit = judged(RunType::QueueRepair, ReportOutcome::NoChangeNeeded, |it| {
                    it.needs_new_head = true;
                });
                plan.run_type == RunType::QueueRepair
                    && plan.needs_new_head
                    && no_edit == Verified::Publish { allow_empty: true }
            },
        ),
        row(
            "6.6",
            "attempted for this head already: nothing",
            Replaced("S10", "unless it was refused once more, later"),
            a_refusal_is_handled_once_and_a_later_one_again,
        ),
        row(
            "6.6",
            "else stored as attempted before it starts, in state repairing_queue",
            Replaced("D9", "an attempt counts when it was judged; the state is shown meanwhile"),
            || {
                let started = start(refused(), "r2");
                shows(&refused()) == FactoryState::RepairingQueue
                    && shows(&started) == FactoryState::RepairingQueue
                    && started.tried(RunType::QueueRepair) == 0
                    && end(started, "r2", insufficient()).tried(RunType::QueueRepair) == 1
            },
        ),
        row(
            "6.6",
            "a failed probe: a line in the feed, not too often",
            Replaced("D1", "a probe that failed is no observation, so it has no line"),
            || {
                let policy = Policy::default();
                let change = change(&policy, at(9_000), &ready(), Vec::new());
                change.feed.is_empty() && change.next == next(&ready())
            },
        ),
    ]
}
