//! The rows about what a finished run is worth, and where it leaves its issue.

use super::*;

/// What the agent that publishes itself brought to an open pull request.
fn brought(evidence: &mut Evidence, has_advanced: bool) {
    evidence.remote.pull_request = Some(PrState::Open);
    evidence.remote.has_advanced = has_advanced;
}

const DONE: ReportOutcome = ReportOutcome::Done;
const NO_CHANGE: ReportOutcome = ReportOutcome::NoChangeNeeded;

pub(super) fn branch_advanced() -> Vec<Row> {
    vec![
        row(
            "3.13",
            "checked for ci and queue repairs of an open pull request with a failing head",
            Replaced("D19", "every run of every type is judged by what is really there"),
            || {
                RunType::ALL.into_iter().all(|run_type| {
                    continues(&judged(run_type, DONE, |_| {}))
                        && continues(&judged_agent(run_type, DONE, |_| {}))
                })
            },
        ),
        row(
            "3.13",
            "the pull request must be open",
            Replaced("N26", "or merged meanwhile; a closed one is not enough"),
            || {
                let by = |state| {
                    judged_agent(RunType::CiRepair, DONE, |evidence| {
                        evidence.remote.pull_request = Some(state);
                        evidence.remote.has_advanced = true;
                    })
                };
                by(PrState::Open) == Verified::AlreadyPublished
                    && by(PrState::Merged) == Verified::AlreadyPublished
                    && continues(&by(PrState::Closed))
            },
        ),
        row(
            "3.13",
            "the same head: an error",
            Replaced("S11", "goes on with an instruction, and is right if a rerun made it green"),
            || {
                let same = judged_agent(RunType::CiRepair, DONE, |it| brought(it, false));
                let rerun = judged_agent(RunType::CiRepair, DONE, |evidence| {
                    brought(evidence, false);
                    evidence.forge.gate = GateStatus::Green;
                });
                let last = judge(&by_agent(), RunType::CiRepair, DONE, 5, |it| brought(it, false));
                continues(&same)
                    && rerun == Verified::AlreadyPublished
                    && matches!(last, Verified::Settle(RunOutcome::Insufficient { .. }))
            },
        ),
        row("3.13", "another head is accepted", Holds, || {
            [RunType::CiRepair, RunType::QueueRepair, RunType::ReviewFix].into_iter().all(
                |run_type| {
                    judged_agent(run_type, DONE, |it| brought(it, true))
                        == Verified::AlreadyPublished
                },
            )
        }),
        row(
            "3.13",
            "a missing head or a failed look is accepted",
            Replaced("N19", "what cannot be seen is not believed"),
            || {
                let unseen = judged_agent(RunType::QueueRepair, DONE, |_| {});
                let last = judge(&by_agent(), RunType::ReviewFix, DONE, 5, |_| {});
                continues(&unseen)
                    && matches!(last, Verified::Settle(RunOutcome::Insufficient { .. }))
            },
        ),
        row(
            "3.13",
            "a conflict that was recorded without a head is never checked",
            Replaced("S10", "it is right if the forge shows no conflict any more"),
            || {
                let by = |is_conflicting| {
                    judged_agent(RunType::QueueRepair, DONE, |evidence| {
                        brought(evidence, false);
                        evidence.forge.is_conflicting = is_conflicting;
                    })
                };
                by(false) == Verified::AlreadyPublished && continues(&by(true))
            },
        ),
    ]
}

pub(super) fn publications() -> Vec<Row> {
    vec![
        row(
            "3.14",
            "work without a pull request is told by phrases in ticket and prompt",
            Replaced(
                "N18",
                "the agent reports that nothing has to change, and the tree says so too",
            ),
            || {
                matches!(
                    judged(RunType::Implementation, NO_CHANGE, |_| {}),
                    Verified::Settle(RunOutcome::NoChangeNeeded { .. })
                ) && continues(&judged(RunType::Implementation, DONE, |_| {}))
            },
        ),
        row(
            "3.14",
            "without: a pull request on the issue is an error",
            Replaced(
                "D19",
                "nothing to change in it is a result, and the pull request goes on waiting",
            ),
            || {
                let reason = "it is fine as it is".to_owned();
                let facts = with(opened(), work());
                let facts = through(facts, "r2", RunOutcome::NoChangeNeeded { reason });
                waits_for(&facts, PrWait::Review)
            },
        ),
        row(
            "3.14",
            "without: a dirty worktree is an error",
            Replaced("D19", "edits against the word of the agent: a human is asked"),
            || asks(&judged(RunType::Implementation, NO_CHANGE, edit)),
        ),
        row(
            "3.14",
            "without: local commits are an error",
            Replaced("D19", "they are edits: a human is asked"),
            || {
                asks(&judged_agent(RunType::Implementation, NO_CHANGE, |evidence| {
                    evidence.remote.has_unpublished = true;
                }))
            },
        ),
        row("3.14", "without: else it is done", Holds, || {
            let reason = "it works already".to_owned();
            shows(&end(running(), "r1", RunOutcome::NoChangeNeeded { reason }))
                == FactoryState::Done
        }),
        row(
            "3.14",
            "with: a known pull request that is not closed is enough",
            Replaced("D19", "what lies in the tree is published, whatever is known"),
            || {
                let by = |state| {
                    judged_agent(RunType::Implementation, DONE, |evidence| {
                        evidence.remote.pull_request = Some(state);
                    })
                };
                judged(RunType::Implementation, DONE, edit)
                    == Verified::Publish { allow_empty: false }
                    && by(PrState::Open) == Verified::AlreadyPublished
                    && by(PrState::Merged) == Verified::AlreadyPublished
            },
        ),
        row(
            "3.14",
            "with: the first pull request of the branch is adopted, whatever its state",
            Replaced("W15", "not a closed one, and none of a fork or of another branch"),
            || {
                let closed = judged_agent(RunType::Implementation, DONE, |evidence| {
                    evidence.remote.pull_request = Some(PrState::Closed);
                });
                let fork = PullRequest { is_from_fork: true, ..pr_at(1) };
                let other =
                    PullRequest { head_branch: BranchName::new("patchrelay/APP-7-x"), ..pr_at(1) };
                continues(&closed)
                    && is_no_news(&running(), pull_request_read(20, fork))
                    && is_no_news(&running(), pull_request_read(20, other))
            },
        ),
        row(
            "3.14",
            "with: none, and uncommitted changes: an error that counts them",
            Replaced("S26", "they are the work: we publish them, or the agent goes on with them"),
            || {
                judged(RunType::Implementation, DONE, edit)
                    == Verified::Publish { allow_empty: false }
                    && continues(&judged_agent(RunType::Implementation, DONE, |evidence| {
                        evidence.remote.has_unpublished = true;
                    }))
                    && plan(&end(running(), "r1", insufficient())).keep_edits
            },
        ),
        row(
            "3.14",
            "with: none, and local commits: an error that counts them",
            Replaced("D19", "the agent goes on and pushes them, and at last a human is asked"),
            || {
                let unpublished = |continuations| {
                    judge(&by_agent(), RunType::Implementation, DONE, continuations, |evidence| {
                        brought(evidence, true);
                        evidence.remote.has_unpublished = true;
                    })
                };
                continues(&unpublished(0)) && asks(&unpublished(5))
            },
        ),
        row(
            "3.14",
            "with: none, and a clean tree: an error",
            Replaced("D19", "the agent goes on, and at last a human is asked"),
            || {
                let clean = |continuations| {
                    judge(&Policy::default(), RunType::Implementation, DONE, continuations, |_| {})
                };
                continues(&clean(0)) && asks(&clean(5))
            },
        ),
        row(
            "3.14",
            "what git cannot tell is ignored",
            Replaced("D9", "a look that fails loses the run, which costs no attempt, and goes on"),
            || {
                let facts = end(running(), "r1", failed());
                let plan = plan(&facts);
                (facts.attempts.implementation, facts.attempts.recovery) == (0, 1)
                    && plan.run_type == RunType::Implementation
                    && plan.keep_edits
            },
        ),
    ]
}

fn edit(evidence: &mut Evidence) {
    evidence.changes = crate::ChangeSet::of_paths(["src/lib.rs"]);
}

pub(super) fn follow_ups() -> Vec<Row> {
    vec![
        row(
            "3.15",
            "after a ci or queue repair state, head and decision are read and stored",
            Replaced("D2", "the run's own end says what was pushed, and to which pull request"),
            || {
                [red(), refused()].into_iter().all(|facts| {
                    let facts = through(facts, "r2", pushed(2));
                    facts.head() == Some(&head(2)) && facts.checks.is_empty()
                })
            },
        ),
        row(
            "3.15",
            "a new head: checks pending, all that was recorded of failures cleared",
            Holds,
            || {
                [red(), refused()].into_iter().all(|facts| {
                    let facts = through(facts, "r2", pushed(2));
                    gate(&facts) == GateStatus::Unknown
                        && facts.queue.is_none()
                        && facts.merge.is_none()
                        && facts.handled.is_empty()
                        && waits_for(&facts, PrWait::Review)
                })
            },
        ),
        row(
            "3.15",
            "what cannot be read is ignored",
            Replaced("D1", "a late read of the old head does not bring it back"),
            || {
                let facts = through(red(), "r2", pushed(2));
                is_no_news(&facts, push(1)) && is_no_news(&facts, is_red(1))
            },
        ),
        row(
            "3.15",
            "after a review_fix: still requested, so the forge is asked again",
            Replaced("N23", "what was requested was of the head before: it waits for a review"),
            || waits_for(&through(criticised(), "r2", pushed(2)), PrWait::ReReview),
        ),
        row(
            "3.15",
            "after a review_fix: in conflict, so a follow-up brings it up to date",
            Holds,
            || {
                let facts = with(through(criticised(), "r2", pushed(2)), conflict(2, 25_000));
                let plan = plan(&facts);
                (plan.run_type, plan.wake)
                    == (RunType::BranchUpkeep, Some(WakeReason::BranchUpkeep))
                    && plan.merge_base
                    && shows(&facts) == FactoryState::ChangesRequested
            },
        ),
        row(
            "3.15",
            "bringing it up to date has no budget",
            Replaced("W29", "three in a row on the same base, then a human is called"),
            || {
                let facts = (2..5).fold(conflicting(), |facts, n| {
                    let facts = through(facts, &format!("upkeep-{n}"), pushed(n));
                    with(facts, conflict(n, i64::from(n) * 10_000 + 5_000))
                });
                shows(&facts) == FactoryState::Escalated
                    && note(&facts).contains("3 branch upkeep runs")
            },
        ),
    ]
}

pub(super) fn states_after() -> Vec<Row> {
    vec![
        row("3.16", "a follow-up exists: changes_requested", Holds, || {
            shows(&with(through(criticised(), "r2", pushed(2)), conflict(2, 25_000)))
                == FactoryState::ChangesRequested
        }),
        row(
            "3.16",
            "work without a pull request: done",
            Replaced("N18", "if the agent says that nothing has to change, and nothing did"),
            || {
                let reason = "it works already".to_owned();
                shows(&end(running(), "r1", RunOutcome::NoChangeNeeded { reason }))
                    == FactoryState::Done
                    && shows(&end(running(), "r1", insufficient())) == FactoryState::Implementing
            },
        ),
        row("3.16", "merged: done", Holds, || {
            shows(&end(with(start(red(), "r2"), merged()), "r2", pushed(2))) == FactoryState::Done
        }),
        row(
            "3.16",
            "approved: awaiting_queue",
            Replaced("D8", "an approval is of its head: a run that pushed needs another one"),
            || {
                let facts = through(with(red(), approve(1)), "r2", pushed(2));
                let again = review("yes-2", "reviewer-1", ReviewVerdict::Approved, head(2), 500);
                shows(&facts) == FactoryState::PrOpen
                    && shows(&more(facts, [again, green(2)])) == FactoryState::AwaitingQueue
            },
        ),
        row("3.16", "otherwise pr_open", Holds, || {
            shows(&opened()) == FactoryState::PrOpen
                && shows(&through(red(), "r2", pushed(2))) == FactoryState::PrOpen
        }),
        row(
            "3.16",
            "no pull request: unchanged",
            Replaced("D8", "it is what comes next: another try, and at last a human"),
            || {
                let once = end(running(), "r1", insufficient());
                let thrice = (2..4).fold(once.clone(), |facts, n| {
                    through(facts, &format!("r{n}"), insufficient())
                });
                shows(&once) == FactoryState::Implementing
                    && shows(&thrice) == FactoryState::Escalated
            },
        ),
        row(
            "3.16",
            "recoverable: no pull request, as in the table",
            Replaced("S08", "interrupted work without one is started again by itself"),
            || {
                let facts = end(running(), "r1", interrupted(Interruption::Restart));
                shows(&facts) == FactoryState::Implementing
                    && wants(&facts) == Some(RunType::Implementation)
            },
        ),
        row("3.16", "recoverable: merged, done", Holds, || {
            let facts = with(start(red(), "r2"), merged());
            shows(&end(facts, "r2", interrupted(Interruption::Restart))) == FactoryState::Done
        }),
        row("3.16", "recoverable: open, the intent's state", Holds, || {
            [
                (red(), FactoryState::RepairingCi),
                (refused(), FactoryState::RepairingQueue),
                (criticised(), FactoryState::ChangesRequested),
            ]
            .into_iter()
            .all(|(facts, state)| {
                shows(&through(facts, "r2", interrupted(Interruption::Restart))) == state
            })
        }),
        row("3.16", "recoverable: open and approved, awaiting_queue", Holds, || {
            let facts = more(start(red(), "r2"), [approve(1), green(1)]);
            shows(&end(facts, "r2", interrupted(Interruption::Superseded)))
                == FactoryState::AwaitingQueue
        }),
        row("3.16", "recoverable: open, else pr_open", Holds, || {
            let facts = with(start(red(), "r2"), green(1));
            shows(&end(facts, "r2", interrupted(Interruption::Superseded))) == FactoryState::PrOpen
        }),
        row(
            "3.16",
            "recoverable: any other state of the pull request, as in the table",
            Replaced("N56", "a closed one is replaced by new work"),
            || {
                let facts = with(start(red(), "r2"), closed());
                let facts = end(facts, "r2", interrupted(Interruption::PullRequestOver));
                wants(&facts) == Some(RunType::Implementation) && !plan(&facts).keep_edits
            },
        ),
        row(
            "3.16",
            "consequence: a review_fix ends in pr_open although changes are still requested",
            Replaced("N23", "of the head before; and a run that pushed nothing does not end there"),
            || {
                let asked = judged(RunType::ReviewFix, NO_CHANGE, |_| {});
                shows(&through(criticised(), "r2", pushed(2))) == FactoryState::PrOpen
                    && asks(&asked)
                    && shows(&through(criticised(), "r2", insufficient()))
                        == FactoryState::ChangesRequested
            },
        ),
    ]
}
