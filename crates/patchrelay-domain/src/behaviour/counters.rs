//! The rows about runs under way, and about what becomes of those that are lost.

use super::*;

/// A red gate whose repairs were lost so often in a row.
pub(super) fn lost(times: u32) -> IssueFacts {
    (0..times).fold(red(), |facts, n| through(facts, &format!("lost-{n}"), failed()))
}

pub(super) fn active_runs() -> Vec<Row> {
    vec![
        row(
            "3.17",
            "1 no issue or no lease: skip",
            Replaced("D4", "who settles a run that does not have the issue changes nothing"),
            || {
                is_no_news(&running(), settled("r9", pushed(1)))
                    && is_no_news(&opened(), settled("r1", failed()))
                    && steer(&running(), "r9") == Steer::Interrupt(Interruption::LeaseLost)
            },
        ),
        row(
            "3.17",
            "2 the issue is over or waits for input: released",
            Replaced("D5", "a stop, a close or a removal interrupts the run at once"),
            || {
                [
                    (stop(600_000), Interruption::Stopped),
                    (close_by_hand(false), Interruption::Closed),
                    (removal(500), Interruption::Removed),
                    (delegation(500, false), Interruption::Undelegated),
                ]
                .into_iter()
                .all(|(news, by)| {
                    let facts = with(running(), news);
                    steer(&facts, "r1") == Steer::Interrupt(by)
                        && !matches!(next(&end(facts, "r1", interrupted(by))), NextStep::Run(_))
                })
            },
        ),
        row(
            "3.17",
            "3 no thread yet: a zombie",
            Replaced("S01", "a launch may take its time, and only its lease says whether it lives"),
            || {
                running().thread.is_none()
                    && steer(&running(), "r1") == Steer::Continue
                    && waits(&running()) == Some(Wait::ActiveRun(RunType::Implementation))
            },
        ),
        row(
            "3.17",
            "4 the thread cannot be read: the same",
            Replaced("D16", "a run dies with its process, and the next one resumes the thread"),
            || {
                let end = settled_with_thread("r1", interrupted(Interruption::Restart), Some("t1"));
                let plan = plan(&with(running(), end));
                plan.resume == Some(crate::ThreadId::new("t1")) && plan.keep_edits
            },
        ),
        row(
            "3.17",
            "5 the ticket is over: released, done",
            Replaced("S41", "it is recorded; the turn ends by itself and nothing is published"),
            || {
                let facts = with(running(), in_tracker(500, TrackerStateKind::Completed));
                let with_pr =
                    with(start(red(), "r2"), in_tracker(500, TrackerStateKind::Completed));
                steer(&facts, "r1") == Steer::WithholdPublication(Interruption::TicketOver)
                    && waits(&facts) == Some(Wait::ActiveRun(RunType::Implementation))
                    && shows(&end(facts, "r1", interrupted(Interruption::TicketOver)))
                        == FactoryState::Done
                    && steer(&with_pr, "r2") == Steer::Continue
            },
        ),
        row(
            "3.17",
            "5 a state named for human need is not final",
            Replaced("N3", "what a state means is its type; its name decides nothing"),
            || {
                let named = |kind, name: &str| {
                    let state = crate::TrackerState { name: name.to_owned(), ..state(kind) };
                    let facts = with(running(), ticket_read(500, Ticket { state, ..ticket() }));
                    steer(&facts, "r1")
                };
                named(TrackerStateKind::Started, "Human Needed") == Steer::Continue
                    && named(TrackerStateKind::Started, "Done") == Steer::Continue
            },
        ),
        row(
            "3.17",
            "6 interrupted: the counter is given back",
            Replaced("D9", "nothing was charged: attempts are counted when work was judged"),
            || {
                [Interruption::Restart, Interruption::Shutdown, Interruption::LeaseLost]
                    .into_iter()
                    .all(|by| through(red(), "r2", interrupted(by)).tried(RunType::CiRepair) == 0)
                    && through(red(), "r2", insufficient()).tried(RunType::CiRepair) == 1
            },
        ),
        row("3.17", "6 interrupted: what was attempted is forgotten", Holds, || {
            [red(), refused()].into_iter().all(|facts| {
                let before = plan(&facts);
                let after = plan(&through(facts, "r2", interrupted(Interruption::Restart)));
                (before.run_type, before.signature) == (after.run_type, after.signature)
            })
        }),
        row(
            "3.17",
            "6 interrupted: the run failed, the state is the recoverable one",
            Holds,
            || {
                let facts = through(red(), "r2", interrupted(Interruption::Restart));
                shows(&facts) == FactoryState::RepairingCi
                    && facts
                        .latest_run
                        .is_some_and(|run| run.result == interrupted(Interruption::Restart))
            },
        ),
        row(
            "3.17",
            "6 interrupted: the worktree is reset",
            Replaced("D26", "edits are the product of a run: the next one goes on with them"),
            || {
                let restarted = |by| plan(&end(running(), "r1", interrupted(by))).keep_edits;
                restarted(Interruption::Restart)
                    && restarted(Interruption::Shutdown)
                    && restarted(Interruption::LeaseLost)
            },
        ),
        row(
            "3.17",
            "6 interrupted: review_fix and first implementations do not start again",
            Replaced("N17", "all of them do, with what they had taken up"),
            || {
                let told = start(with(criticised(), work()), "r2");
                let facts = end(told, "r2", interrupted(Interruption::Restart));
                wants(&end(running(), "r1", interrupted(Interruption::Restart)))
                    == Some(RunType::Implementation)
                    && wants(&facts) == Some(RunType::ReviewFix)
                    && plan(&facts).consumes == [0]
            },
        ),
        row(
            "3.17",
            "7 completed: settled as if it had been told",
            Replaced("S04", "settling a run twice is the same as once"),
            || {
                let facts = end(running(), "r1", pushed(1));
                facts.slot.is_none() && is_no_news(&facts, settled("r1", pushed(1)))
            },
        ),
        row("3.17", "8 a turn in progress goes on", Holds, || {
            // What happens around it is folded meanwhile.
            let facts = more(start(red(), "r2"), [ask_for_changes(1), evicted_at(1)]);
            steer(&facts, "r2") == Steer::Continue
                && waits(&facts) == Some(Wait::ActiveRun(RunType::CiRepair))
        }),
        row(
            "3.17",
            "8 a failed turn is never settled here",
            Replaced("W32", "it settles the run as lost, however it is found"),
            || {
                let failed = judged(RunType::CiRepair, ReportOutcome::Done, |evidence| {
                    evidence.turn = TurnStatus::Failed { reason: "overloaded".to_owned() };
                });
                let Verified::Settle(outcome @ RunOutcome::Failed { .. }) = failed else {
                    return false;
                };
                wants(&through(red(), "r2", outcome)) == Some(RunType::CiRepair)
            },
        ),
        row(
            "3.17",
            "then, in the same tick, the other passes",
            Replaced("D6", "there are no passes: each change decides what comes next"),
            || {
                let policy = Policy::default();
                let news = vec![observation(9_000, is_red(1))];
                let red = change(&policy, at(9_000), &opened(), news);
                let over = vec![observation(9_000, merged())];
                let merged = change(&policy, at(9_000), &opened(), over);
                matches!(red.next, NextStep::Run(plan) if plan.run_type == RunType::CiRepair)
                    && merged.next == NextStep::Settled(Settled::Merged)
            },
        ),
    ]
}

pub(super) fn recoveries() -> Vec<Row> {
    vec![
        row("3.18", "merged: done", Holds, || {
            shows(&with(lost(2), merged())) == FactoryState::Done
                && shows(&end(with(start(red(), "r2"), merged()), "r2", failed()))
                    == FactoryState::Done
        }),
        row(
            "3.18",
            "more than five: escalated",
            Replaced("D9", "the fifth lost run in a row is the last"),
            || {
                wants(&lost(4)) == Some(RunType::CiRepair)
                    && shows(&lost(5)) == FactoryState::Escalated
                    && note(&lost(5)).contains("5 runs were lost")
            },
        ),
        row(
            "3.18",
            "too soon after the last: not queued again",
            Replaced("S02", "it waits, knows until when, and then runs once"),
            || {
                let facts = lost(2);
                let due = facts.updated.plus(Policy::default().budgets.recovery_backoff);
                let just_before = at(due.millis() - 1);
                let waits = decide(&Policy::default(), just_before, &facts);
                let reason = Wait::Backoff(RunType::CiRepair);
                waits == NextStep::Wait { reason, until: Some(due) }
                    && matches!(decide(&Policy::default(), due, &facts), NextStep::Run(_))
                    && matches!(
                        decide(&Policy::default(), lost(1).updated, &lost(1)),
                        NextStep::Run(_)
                    )
            },
        ),
        row(
            "3.18",
            "else: another of the same type, without context",
            Replaced("S02", "with all that it had: what it repairs, its inputs, thread and edits"),
            || {
                let before = plan(&with(red(), work()));
                let facts = start(with(red(), work()), "r2");
                let facts = with(facts, settled_with_thread("r2", failed(), Some("t2")));
                let after = plan(&facts);
                (&before.run_type, &before.signature, &before.consumes)
                    == (&after.run_type, &after.signature, &after.consumes)
                    && after.resume == Some(crate::ThreadId::new("t2"))
                    && after.keep_edits
            },
        ),
        row(
            "3.18",
            "the next successful launch resets the counters",
            Replaced("D9", "a launch does not: progress does, which is a new head"),
            || {
                let facts = start(lost(2), "r9");
                facts.attempts.recovery == 2
                    && end(facts.clone(), "r9", insufficient()).attempts.recovery == 2
                    && end(facts, "r9", pushed(2)).attempts.recovery == 0
            },
        ),
        row(
            "3.18",
            "a relaunch costs budget each time",
            Replaced("D9", "a lost run costs no attempt"),
            || lost(4).tried(RunType::CiRepair) == 0 && lost(4).attempts.recovery == 4,
        ),
    ]
}
