//! The rows about the lines that people read.

use super::*;

pub(super) fn waiting_reasons() -> Vec<Row> {
    vec![
        row("1.8", "1 an active run: its type, with blanks", Holds, || {
            reason(&start(red(), "r2")) == "running ci repair"
                && reason(&running()) == "running implementation"
        }),
        row(
            "1.8",
            "2 a run of unknown type: actively working",
            Replaced("D2", "a run is claimed with its type, so the type is always named"),
            || {
                [
                    (criticised(), "running review fix"),
                    (refused(), "running queue repair"),
                    (conflicting(), "running branch upkeep"),
                ]
                .into_iter()
                .all(|(facts, text)| reason(&start(facts, "r2")) == text)
            },
        ),
        row("1.8", "3 blocked by these keys", Holds, || {
            let facts = with(delegated(), ticket_read(100, blocked_by(&["APP-2", "APP-3"])));
            reason(&facts) == "blocked by APP-2, APP-3"
        }),
        row("1.8", "4a awaiting_input: waiting for input", Holds, || {
            reason(&asking()) == "waiting for a human's answer"
                && reason(&with(opened(), stop(600_000))) == "stopped by a human"
        }),
        row("1.8", "4b changes_requested: to handle the review", Holds, || {
            reason(&criticised()) == "ready to run review fix"
        }),
        row(
            "1.8",
            "4c repairing_ci: to repair the named check",
            Replaced("N3", "ready to run the repair; the note names the check"),
            || reason(&red()) == "ready to run ci repair" && note(&red()) == "verify failed",
        ),
        row("1.8", "4d repairing_queue: to repair an incident", Holds, || {
            reason(&refused()) == "ready to run queue repair"
        }),
        row("1.8", "4e awaiting_queue: for what comes downstream", Holds, || {
            reason(&ready()) == "waiting for the merge of pull request #1"
        }),
        row(
            "1.8",
            "4f done: work complete",
            Replaced("N3", "what is over waits for nothing; the note says how it ended"),
            || {
                let facts = with(opened(), merged());
                waiting_reason(&next(&facts)).is_none()
                    && note(&facts) == "pull request #1 was merged"
            },
        ),
        row(
            "1.8",
            "4g failed and escalated: for intervention",
            Replaced(
                "D8",
                "only an escalation waits for help: a failure is a human's own decision",
            ),
            || {
                reason(&given_up()) == "waiting for a human's help"
                    && waiting_reason(&next(&with(opened(), close_by_hand(true)))).is_none()
            },
        ),
        row(
            "1.8",
            "5 a check failed: its name",
            Replaced(
                "N52",
                "only one of the gate; where it is not to be repaired, it has to run again",
            ),
            || {
                let left = through(red(), "r2", nothing_to_repair());
                reason(&left).contains("failed checks of pull request #1 to be run again")
                    && note(&left) == "verify failed"
            },
        ),
        row(
            "1.8",
            "6 changes requested and green: for another review",
            Replaced("N23", "if they were requested of an older head"),
            || {
                let moved = more(criticised(), [push(2), green(2)]);
                reason(&moved) == "waiting for another review of pull request #1"
                    && reason(&with(criticised(), green(1))) == "ready to run review fix"
            },
        ),
        row("1.8", "7 changes requested, not green: to handle the review", Holds, || {
            let pending = with(criticised(), gate_is(CheckStatus::Pending, 1, 60));
            reason(&pending) == "ready to run review fix"
        }),
        row(
            "1.8",
            "8 approved: for what comes downstream",
            Replaced("D8", "if it is green too; before, for its checks"),
            || {
                let facts = more(opened(), [approve(1), gate_is(CheckStatus::Pending, 1, 60)]);
                reason(&facts) == "waiting for the checks of pull request #1"
                    && reason(&with(facts, green(1))) == "waiting for the merge of pull request #1"
            },
        ),
        row("1.8", "9 a pull request: for an external review", Holds, || {
            reason(&opened()) == "waiting for review and merge of pull request #1"
        }),
        row(
            "1.8",
            "10 a pending run type: ready to run it",
            Replaced("N1", "there is no column: the run that was decided is named"),
            || reason(&delegated()) == "ready to run implementation",
        ),
        row(
            "1.8",
            "11 else none",
            Replaced("N3", "whatever is not over waits for something, and is told"),
            || {
                [
                    delegated(),
                    running(),
                    opened(),
                    red(),
                    ready(),
                    given_up(),
                    asking(),
                    with(opened(), delegation(100, false)),
                    crate::fixture::empty(),
                ]
                .iter()
                .all(|facts| waiting_reason(&next(facts)).is_some())
            },
        ),
        row(
            "1.8",
            "blockers outrank every state, even done",
            Replaced("N8", "they matter before there is a pull request, and not when it is over"),
            || {
                let blocked = ticket_read(100, blocked_by(&["APP-2"]));
                shows(&more(opened(), [merged(), blocked.clone()])) == FactoryState::Done
                    && reason(&with(red(), blocked)) == "ready to run ci repair"
            },
        ),
        row("1.8", "rows 5 to 10 only where the state itself says nothing", Holds, || {
            let with_red = |facts| with(facts, gate_is(CheckStatus::Failure, 1, 95));
            reason(&with_red(given_up())) == "waiting for a human's help"
                && reason(&with(with_red(opened()), stop(600_000))) == "stopped by a human"
        }),
    ]
}

pub(super) fn status_notes() -> Vec<Row> {
    vec![
        row(
            "1.9",
            "1 blockers are the note, which then equals the reason and is dropped",
            Holds,
            || {
                let facts = with(delegated(), ticket_read(100, blocked_by(&["APP-2"])));
                reason(&facts) == "blocked by APP-2" && note(&facts).is_empty()
            },
        ),
        row("1.9", "2 a stop has a note, and how to resume", Holds, || {
            let facts = with(opened(), stop(600_000));
            note(&facts) == "stopped by Ada"
                && way_out(&next(&facts)).contains("delegating the ticket again")
        }),
        row(
            "1.9",
            "2 undelegation has a note, and how to resume",
            Replaced("N3", "it is the reason itself, and the way out says how to resume"),
            || {
                let facts = with(opened(), delegation(100, false));
                reason(&facts).contains("not delegated")
                    && way_out(&next(&facts)) == "Delegating the ticket to PatchRelay."
            },
        ),
        row("1.9", "2 a removed ticket has a note", Holds, || {
            note(&with(opened(), removal(500))) == "the ticket was removed from the tracker"
        }),
        row("1.9", "2 a closed pull request has a note", Holds, || {
            note(&with(opened(), closed())).contains("closed")
        }),
        row("1.9", "2 a merged pull request has a note", Holds, || {
            note(&with(opened(), merged())) == "pull request #1 was merged"
        }),
        row(
            "1.9",
            "3 run note: the last message of the agent, else the reason of a failure",
            Replaced("D18", "the summary of its report, else the outcome's reason; no messages"),
            || {
                note(&with(running(), settled("r1", pushed(1)))) == "Made head 1."
                    && note(&end(running(), "r1", failed())) == "the agent went away"
            },
        ),
        row(
            "1.9",
            "4 awaiting_input: run note, event note, summary",
            Replaced("D6", "the question that was put, be it of a run or not; a stop before it"),
            || {
                note(&asking()) == "Which greeting?"
                    && note(&with(asking(), stop(600_000))) == "stopped by Ada"
            },
        ),
        row(
            "1.9",
            "4 failed and escalated: event note, failure, run note",
            Replaced("D6", "the reason that was given when it was given up or closed"),
            || {
                note(&given_up()) == "3 ci repair runs in a row were not enough"
                    && note(&with(red(), close_by_hand(true))) == "closed by Ada: not worth it"
            },
        ),
        row("1.9", "4 repairing_ci and repairing_queue: the failure first", Holds, || {
            note(&red()) == "verify failed"
                && note(&refused()) == "the merge queue refused the pull request"
                && note(&through(red(), "r2", failed())) == "verify failed"
        }),
        row("1.9", "4 any other: what the last run said", Holds, || {
            note(&opened()) == "Added the greeting."
                && note(&ready()) == "Added the greeting."
                && note(&with(given_up(), green(1))) == "nothing was repaired"
        }),
        row("1.9", "5 blank candidates are skipped, the others trimmed", Holds, || {
            let summary = |summary: &str| {
                let RunOutcome::Published { commit, pull_request, version, .. } = pushed(1) else {
                    unreachable!()
                };
                let summary = summary.to_owned();
                RunOutcome::Published { commit, pull_request, version, summary }
            };
            note(&end(running(), "r1", summary("  "))).is_empty()
                && note(&end(running(), "r1", summary(" Done. \n"))) == "Done."
        }),
        row("1.9", "5 a note that equals the reason is dropped", Holds, || {
            [
                delegated(),
                running(),
                asking(),
                opened(),
                red(),
                refused(),
                conflicting(),
                criticised(),
                given_up(),
                with(opened(), stop(600_000)),
                with(opened(), removal(500)),
                with(opened(), merged()),
            ]
            .iter()
            .all(|facts| Some(note(facts)) != waiting_reason(&next(facts)))
        }),
        row(
            "1.9",
            "the event that is shown as the latest is the oldest",
            Replaced("W77", "the newest order counts, and one that is over is not shown"),
            || {
                let facts = more(opened(), [stop_by(600_000, "Ada"), stop_by(610_000, "Bob")]);
                note(&facts) == "stopped by Bob"
                    && note(&more(facts, [delegation(700_000, false), delegation(710_000, true)]))
                        == "Added the greeting."
            },
        ),
    ]
}

pub(super) fn summaries() -> Vec<Row> {
    vec![
        row(
            "1.10",
            "a summary that was given wins",
            Replaced("D18", "the report's summary is what a publication is told by"),
            || note(&through(red(), "r2", pushed(2))) == "Made head 2.",
        ),
        row("1.10", "else the latest run's note", Holds, || {
            let reason = "nothing is wrong here".to_owned();
            note(&end(running(), "r1", RunOutcome::NoChangeNeeded { reason }))
                == "nothing is wrong here"
                && note(&end(running(), "r1", insufficient())) == "nothing was repaired"
        }),
        row(
            "1.10",
            "a bare failure in pr_open, awaiting_queue or done does not hide the last good run",
            Replaced("D8", "a lost run is followed by another, so none of these states shows one"),
            || {
                let lost = through(red(), "r2", failed());
                let over = end(with(start(red(), "r2"), merged()), "r2", failed());
                shows(&lost) == FactoryState::RepairingCi
                    && note(&over) == "pull request #1 was merged"
            },
        ),
        row("1.10", "without news the text stays", Holds, || {
            let renamed = Ticket { title: "Another title".to_owned(), ..ticket() };
            note(&more(opened(), [ticket_read(100, renamed), approve(1)])) == "Added the greeting."
        }),
    ]
}
