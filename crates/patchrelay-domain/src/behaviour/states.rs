//! The rows about states, and about what they ask for.

use super::*;

pub(super) fn transitions() -> Vec<Row> {
    vec![
        row(
            "1.3",
            "the first rule that fits decides, and without one nothing changes",
            Replaced("D8", "a state is what fits first, derived from all facts"),
            || {
                let all =
                    more(refused(), [ask_for_changes(1), gate_is(CheckStatus::Failure, 1, 90)]);
                let no_queue = more(red(), [ask_for_changes(1), approve(1)]);
                shows(&all) == FactoryState::RepairingQueue
                    && shows(&no_queue) == FactoryState::RepairingCi
                    && shows(&criticised()) == FactoryState::ChangesRequested
                    && shows(&opened()) == FactoryState::PrOpen
            },
        ),
        row(
            "1.3",
            "1 merged, no run: done from any state",
            Replaced("D8", "but not where a human closed it as failed, or its ticket is gone"),
            || {
                [opened(), red(), given_up(), with(opened(), stop(600_000)), criticised()]
                    .into_iter()
                    .all(|facts| shows(&with(facts, merged())) == FactoryState::Done)
                    && [close_by_hand(true), removal(500)]
                        .into_iter()
                        .all(|end| shows(&more(opened(), [end, merged()])) == FactoryState::Failed)
            },
        ),
        row(
            "1.3",
            "2 closed, no run: failed from any state",
            Replaced("N56", "delegated work gets a pull request in its place, on another branch"),
            || {
                let plan = plan(&with(opened(), closed()));
                plan.run_type == RunType::Implementation
                    && plan.branch.as_str().ends_with("-2")
                    && shows(&more(opened(), [delegation(100, false), closed()]))
                        == FactoryState::Paused
                    && shows(&more(opened(), [close_by_hand(false), closed()]))
                        == FactoryState::Done
            },
        ),
        row(
            "1.3",
            "3 opened while implementing: pr_open, whatever runs",
            Replaced("D8", "the run is shown as long as it has the issue"),
            || {
                let facts = with(running(), pr_now(20, PrState::Open));
                shows(&facts) == FactoryState::Implementing
                    && shows(&end(facts, "r1", pushed(1))) == FactoryState::PrOpen
            },
        ),
        row(
            "1.3",
            "4 approved, not over, no run: awaiting_queue",
            Replaced("D8", "and the gate is green, and the base agrees"),
            || {
                shows(&with(opened(), approve(1))) == FactoryState::PrOpen
                    && shows(&ready()) == FactoryState::AwaitingQueue
                    && shows(&with(ready(), gate_is(CheckStatus::Pending, 1, 90)))
                        == FactoryState::PrOpen
                    && shows(&with(ready(), conflict(1, 90))) == FactoryState::RepairingQueue
            },
        ),
        row(
            "1.3",
            "5 changes requested, not over, no run: changes_requested",
            Replaced("N23", "if they are requested of the current head"),
            || {
                shows(&criticised()) == FactoryState::ChangesRequested
                    && shows(&with(criticised(), push(2))) == FactoryState::PrOpen
                    && shows(&more(opened(), [push(2), ask_for_changes(1)])) == FactoryState::PrOpen
            },
        ),
        row(
            "1.3",
            "6 check passed while repairing_queue: awaiting_queue",
            Replaced("S35", "only the queue's own check says so, or another head"),
            || {
                let by_gate = with(refused(), gate_is(CheckStatus::Success, 1, 95));
                let by_queue = with(refused(), queue_is(CheckStatus::Success, 1, 95));
                shows(&by_gate) == FactoryState::RepairingQueue
                    && shows(&by_queue) == FactoryState::AwaitingQueue
            },
        ),
        row(
            "1.3",
            "7 check passed while repairing_ci: awaiting_queue if approved, else pr_open",
            Holds,
            || {
                shows(&with(red(), green(1))) == FactoryState::PrOpen
                    && shows(&more(red(), [approve(1), green(1)])) == FactoryState::AwaitingQueue
            },
        ),
        row(
            "1.3",
            "8 check failed, not over, no run: repairing_ci",
            Replaced("N52", "only a check of the gate, and only once the gate is settled"),
            || {
                let other = check("lint", 1, 60, CheckStatus::Failure, head(1));
                let half = check("Tests", 2, 65, CheckStatus::Pending, head(1));
                shows(&red()) == FactoryState::RepairingCi
                    && is_no_news(&opened(), other)
                    && shows(&with(red(), half)) == FactoryState::PrOpen
                    && shows(&with(given_up(), gate_is(CheckStatus::Failure, 1, 95)))
                        == FactoryState::Escalated
            },
        ),
        row("1.3", "a comment of a reviewer is no transition", Holds, || {
            let comment = review("c", "reviewer-2", ReviewVerdict::Commented, head(1), 90);
            is_no_news(&opened(), comment.clone()) && is_no_news(&criticised(), comment)
        }),
        row(
            "1.3",
            "a push is no transition",
            Replaced("N53", "what was said of the head before it says nothing of the new one"),
            || {
                [red(), refused(), ready(), criticised(), conflicting()]
                    .into_iter()
                    .all(|facts| shows(&with(facts, push(2))) == FactoryState::PrOpen)
            },
        ),
        row("1.3", "a result of the queue's merge group is no transition", Holds, || {
            // Its commit is not the head of the pull request.
            [CheckStatus::Success, CheckStatus::Failure].into_iter().all(|status| {
                is_no_news(&ready(), gate_is(status, 9, 90))
                    && is_no_news(&ready(), queue_is(status, 9, 90))
            })
        }),
        row("1.3", "before the table: the queue's check failed: repairing_queue", Holds, || {
            let while_running = with(start(red(), "r2"), evicted_at(1));
            shows(&with(opened(), evicted_at(1))) == FactoryState::RepairingQueue
                && shows(&while_running) == FactoryState::RepairingCi
                && shows(&more(opened(), [merged(), evicted_at(1)])) == FactoryState::Done
        }),
        row("1.3", "note: a red check in awaiting_queue: repairing_ci", Holds, || {
            let facts = with(ready(), gate_is(CheckStatus::Failure, 1, 90));
            shows(&facts) == FactoryState::RepairingCi && wants(&facts) == Some(RunType::CiRepair)
        }),
        row("1.3", "note: a passed check while implementing does nothing", Holds, || {
            let facts = with(running(), pr_now(20, PrState::Open));
            is_no_news(&running(), green(1))
                && shows(&with(facts, green(1))) == FactoryState::Implementing
        }),
        row(
            "1.3",
            "note: merged or closed during a run is suppressed in the table",
            Replaced("N26", "it is recorded, and the run has the issue until it ends"),
            || {
                let facts = start(red(), "r2");
                let over = end(with(facts.clone(), merged()), "r2", nothing_to_repair());
                let replaced = end(
                    with(facts.clone(), closed()),
                    "r2",
                    interrupted(Interruption::PullRequestOver),
                );
                [merged(), closed()]
                    .into_iter()
                    .all(|end| shows(&with(facts.clone(), end)) == FactoryState::RepairingCi)
                    && shows(&over) == FactoryState::Done
                    && wants(&replaced) == Some(RunType::Implementation)
            },
        ),
        row(
            "1.3",
            "note: reviews count in every repair state, once no run is active",
            Replaced("S23", "they are kept during a run, and count when it is over"),
            || {
                let during = with(start(red(), "r2"), ask_for_changes(1));
                let approved = more(
                    start(criticised(), "r2"),
                    [
                        review("yes-2", "reviewer-1", ReviewVerdict::Approved, head(1), 500),
                        green(1),
                    ],
                );
                shows(&during) == FactoryState::RepairingCi
                    && wants(&more(during, [green(1), settled("r2", nothing_to_repair())]))
                        == Some(RunType::ReviewFix)
                    && shows(&end(approved, "r2", interrupted(Interruption::Superseded)))
                        == FactoryState::AwaitingQueue
            },
        ),
        row(
            "1.3",
            "note: a helper derives the graph of allowed transitions",
            Replaced("N1", "there are none: the same facts, in any order, show the same state"),
            || {
                let news = [approve(1), is_red(1), evicted_at(1), conflict(1, 60)];
                let state = shows(&more(opened(), news.clone()));
                (0..news.len()).all(|first| {
                    let mut turned = news.clone();
                    turned.rotate_left(first);
                    let forward = shows(&more(opened(), turned.clone()));
                    turned.reverse();
                    forward == state && shows(&more(opened(), turned)) == state
                })
            },
        ),
    ]
}

fn session(facts: &IssueFacts) -> SessionState {
    session_state(facts, shows(facts))
}

pub(super) fn sessions() -> Vec<Row> {
    vec![
        row("1.4", "done reads done", Holds, || {
            session(&with(opened(), merged())) == SessionState::Done
        }),
        row("1.4", "failed and escalated read failed", Holds, || {
            session(&with(opened(), removal(500))) == SessionState::Failed
                && session(&given_up()) == SessionState::Failed
        }),
        row("1.4", "awaiting_input reads waiting_input", Holds, || {
            session(&asking()) == SessionState::WaitingInput
                && session(&with(opened(), stop(600_000))) == SessionState::WaitingInput
        }),
        row("1.4", "an active run reads running", Holds, || {
            session(&running()) == SessionState::Running
                && session(&start(red(), "r2")) == SessionState::Running
        }),
        row("1.4", "everything else reads idle", Holds, || {
            [delegated(), opened(), red(), ready(), with(opened(), delegation(100, false))]
                .iter()
                .all(|facts| session(facts) == SessionState::Idle)
        }),
        row(
            "1.4",
            "done outranks an active run",
            Replaced("N26", "an active run outranks the merge that happens around it"),
            || session(&with(running(), merged())) == SessionState::Running,
        ),
    ]
}

/// An open pull request that nobody has to approve.
fn unreviewed() -> IssueFacts {
    let state = |version, is_conflicting| ObservationKind::MergeStateRead {
        version: at(version),
        state: MergeState {
            head: head(1),
            base: crate::CommitSha::new("base-1"),
            is_conflicting: Some(is_conflicting),
            is_review_required: Some(false),
        },
    };
    let facts = more(opened(), [state(40, false), green(1)]);
    assert_eq!(shows(&facts), FactoryState::AwaitingQueue);
    with(facts, state(90, true))
}

pub(super) fn intents() -> Vec<Row> {
    vec![
        row("1.5", "0 nothing while a run is active", Holds, || {
            waits(&with(start(criticised(), "r2"), is_red(1)))
                == Some(Wait::ActiveRun(RunType::ReviewFix))
        }),
        row("1.5", "0 nothing without a pull request", Holds, || {
            [is_red(1), evicted_at(1), ask_for_changes(1), conflict(1, 60)]
                .into_iter()
                .all(|news| is_no_news(&delegated(), news))
        }),
        row("1.5", "0 nothing when the pull request is not open", Holds, || {
            let over = with(red(), merged());
            next(&over) == NextStep::Settled(Settled::Merged)
                && is_no_news(&over, is_red(1))
                && wants(&with(red(), closed())) == Some(RunType::Implementation)
        }),
        row(
            "1.5",
            "0 a pull request of unknown state passes for open",
            Replaced("D1", "its state is read with it, so one that was not read has no checks"),
            || {
                let linked =
                    LinkedPullRequest { repo: "acme/app".parse().unwrap(), number: PrNumber(1) };
                let facts = after([
                    session_opened(),
                    ticket_read(10, Ticket { linked: vec![linked], ..ticket() }),
                ]);
                is_no_news(&facts, is_red(1)) && is_no_news(&facts, evicted_at(1))
            },
        ),
        row("1.5", "1 evicted: queue_repair, incident, repairing_queue", Holds, || {
            let plan = plan(&refused());
            plan.run_type == RunType::QueueRepair
                && plan.wake == Some(WakeReason::MergeStewardIncident)
                && shows(&refused()) == FactoryState::RepairingQueue
        }),
        row("1.5", "1 in conflict and downstream owned: the same", Holds, || {
            let facts = with(ready(), conflict(1, 90));
            let plan = plan(&facts);
            plan.run_type == RunType::QueueRepair
                && plan.wake == Some(WakeReason::MergeStewardIncident)
                && shows(&facts) == FactoryState::RepairingQueue
        }),
        row(
            "1.5",
            "2 a check failed: ci_repair, settled_red_ci, repairing_ci",
            Replaced("S71", "once the gate is settled and red on the current head"),
            || {
                let plan = plan(&red());
                plan.run_type == RunType::CiRepair
                    && plan.wake == Some(WakeReason::SettledRedCi)
                    && shows(&red()) == FactoryState::RepairingCi
                    && is_no_news(&opened(), check("lint", 3, 60, CheckStatus::Failure, head(1)))
            },
        ),
        row(
            "1.5",
            "3 changes requested: review_fix, review_changes_requested, changes_requested",
            Replaced("N23", "of the current head"),
            || {
                let plan = plan(&criticised());
                plan.run_type == RunType::ReviewFix
                    && plan.wake == Some(WakeReason::ReviewChangesRequested)
                    && shows(&criticised()) == FactoryState::ChangesRequested
                    && waits_for(&with(criticised(), push(2)), PrWait::ReReview)
            },
        ),
        row("1.5", "4 otherwise nothing", Holds, || {
            waits_for(&opened(), PrWait::Review) && waits_for(&ready(), PrWait::Merge)
        }),
        row("1.5", "downstream owned: approved, or awaiting the queue", Holds, || {
            wants(&conflicting()) == Some(RunType::BranchUpkeep)
                && wants(&with(conflicting(), approve(1))) == Some(RunType::QueueRepair)
                && wants(&unreviewed()) == Some(RunType::QueueRepair)
        }),
    ]
}

pub(super) fn reasons_to_wake() -> Vec<Row> {
    vec![
        row(
            "1.6",
            "the column of a pending run type maps to a reason",
            Replaced("N1", "there is no column: the reason comes with the plan, from the facts"),
            || {
                [
                    (delegated(), RunType::Implementation, WakeReason::Delegated),
                    (criticised(), RunType::ReviewFix, WakeReason::ReviewChangesRequested),
                    (red(), RunType::CiRepair, WakeReason::SettledRedCi),
                    (refused(), RunType::QueueRepair, WakeReason::MergeStewardIncident),
                    (conflicting(), RunType::BranchUpkeep, WakeReason::BranchUpkeep),
                ]
                .into_iter()
                .all(|(facts, run_type, wake)| {
                    let plan = plan(&facts);
                    (plan.run_type, plan.wake) == (run_type, Some(wake))
                })
            },
        ),
        row(
            "1.6",
            "awaiting_input: waiting_for_human_reply",
            Replaced("D6", "it waits for the answer to a question that is put once"),
            || waits(&asking()) == Some(Wait::Question) && is_asked_once(),
        ),
        row("1.6", "else the reactive intent's reason", Holds, || {
            let facts = with(criticised(), is_red(1));
            plan(&facts).wake == Some(WakeReason::SettledRedCi)
                && plan(&with(facts, evicted_at(1))).wake == Some(WakeReason::MergeStewardIncident)
        }),
        row(
            "1.6",
            "else the stored reason is kept",
            Replaced("N1", "none is stored: work that merely goes on has no reason"),
            || plan(&end(running(), "r1", failed())).wake.is_none(),
        ),
    ]
}

fn is_asked_once() -> bool {
    let end = settled("r1", RunOutcome::NeedsInput { question: "Which?".to_owned() });
    let policy = Policy::default();
    let change = change(&policy, at(9_000), &running(), vec![observation(9_000, end)]);
    let asked = |observations: &[Observation]| {
        observations
            .iter()
            .filter(|observation| matches!(observation.kind, ObservationKind::Asked { .. }))
            .count()
    };
    let again = crate::change(&policy, at(10_000), &change.facts, Vec::new());
    asked(&change.observations) == 1 && asked(&again.observations) == 0
}

pub(super) fn readiness() -> Vec<Row> {
    vec![
        row("1.7", "an active run: not ready", Holds, || {
            wants(&running()).is_none() && wants(&with(start(red(), "r2"), work())).is_none()
        }),
        row(
            "1.7",
            "blockers that are not over: not ready",
            Replaced("N8", "only as long as there is no open pull request"),
            || {
                let blocked = ticket_read(100, blocked_by(&["APP-2"]));
                wants(&with(delegated(), blocked.clone())).is_none()
                    && wants(&with(red(), blocked)) == Some(RunType::CiRepair)
            },
        ),
        row("1.7", "session done, failed or waiting_input: not ready", Holds, || {
            [
                with(red(), merged()),
                with(red(), close_by_hand(true)),
                given_up(),
                asking(),
                with(red(), stop(600_000)),
            ]
            .iter()
            .all(|facts| wants(facts).is_none())
        }),
        row("1.7", "a pending wake: ready", Holds, || wants(&with(opened(), work())).is_some()),
        row(
            "1.7",
            "no pending run in the column: not ready",
            Replaced("N1", "there is no column: being delegated is enough"),
            || wants(&delegated()) == Some(RunType::Implementation),
        ),
        row("1.7", "no reactive intent: not ready", Holds, || {
            wants(&opened()).is_none() && wants(&ready()).is_none()
        }),
        row(
            "1.7",
            "a state that waits or is over: not ready",
            Replaced("N2", "a state is only shown: what is broken there is repaired at once"),
            || {
                shows(&ready()) == FactoryState::AwaitingQueue
                    && wants(&with(ready(), evicted_at(1))) == Some(RunType::QueueRepair)
                    && wants(&more(given_up(), [push(2), is_red(2)])) == Some(RunType::CiRepair)
            },
        ),
        row("1.7", "else ready", Holds, || {
            [delegated(), red(), criticised(), conflicting(), refused()]
                .iter()
                .all(|facts| wants(facts).is_some())
        }),
        row(
            "1.7",
            "the list at startup is another one, and looser",
            Replaced("D6", "one list, made of what was decided: what is given up is not in it"),
            || {
                let is_listed = |facts: &IssueFacts| next(facts).columns().run_type.is_some();
                [delegated(), red(), criticised(), with(opened(), work())].iter().all(is_listed)
                    && [
                        given_up(),
                        asking(),
                        running(),
                        opened(),
                        with(red(), stop(600_000)),
                        with(red(), merged()),
                    ]
                    .iter()
                    .all(|facts| !is_listed(facts))
            },
        ),
    ]
}
