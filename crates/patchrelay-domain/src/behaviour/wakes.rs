//! The rows about the wakes that are made of what waits, and of facts.

use super::{
    inbox::{by_operator, comment, delegated_with_words, own_words},
    *,
};

/// Words that come when all is over ask for something new (N43).
fn said_later() -> ObservationKind {
    said("late", 950_000, Heard::Session, "Please use the other greeting.")
}

/// Two people said something, and a third thing is said on the pull request.
fn three_inputs(facts: IssueFacts) -> IssueFacts {
    more(
        facts,
        [
            said("a", 500_000, Heard::Session, "Please use the other greeting."),
            said("b", 510_000, Heard::ForgeComment, "@patchrelay please add a test"),
            by_operator(),
        ],
    )
}

pub(super) fn plans() -> Vec<Row> {
    vec![
        row(
            "1.12",
            "1 no pending events, no plan",
            Replaced("D3", "facts alone make a plan; without anything broken there is none"),
            || {
                red().pending.is_empty()
                    && wants(&red()) == Some(RunType::CiRepair)
                    && wants(&opened()).is_none()
            },
        ),
        row(
            "1.12",
            "2 an event that ends the work, no plan at all",
            Replaced(
                "D7",
                "stopped, taken away, removed or merged; a closed one is replaced, and later words count",
            ),
            || {
                [stop(600_000), delegation(100, false), removal(200), merged()]
                    .into_iter()
                    .all(|end| wants(&with(red(), end)).is_none())
                    && wants(&with(with(opened(), work()), stop(600_000))).is_none()
                    && wants(&with(red(), closed())) == Some(RunType::Implementation)
                    && wants(&more(red(), [merged(), said_later()]))
                        == Some(RunType::Implementation)
            },
        ),
        row("1.12", "3 incident: always queue_repair", Holds, || {
            let facts = three_inputs(more(
                refused(),
                [ask_for_changes(1), gate_is(CheckStatus::Failure, 1, 90), conflict(1, 90)],
            ));
            let plan = plan(&facts);
            (plan.run_type, plan.wake)
                == (RunType::QueueRepair, Some(WakeReason::MergeStewardIncident))
        }),
        row("1.12", "3 red checks: ci_repair, unless queue_repair", Holds, || {
            let facts = three_inputs(with(criticised(), is_red(1)));
            wants(&facts) == Some(RunType::CiRepair)
                && plan(&facts).wake == Some(WakeReason::SettledRedCi)
                && wants(&with(facts, evicted_at(1))) == Some(RunType::QueueRepair)
        }),
        row(
            "1.12",
            "3 requested changes: review_fix, unless queue_repair or ci_repair",
            Replaced("D7", "or branch_upkeep"),
            || {
                wants(&three_inputs(criticised())) == Some(RunType::ReviewFix)
                    && wants(&with(criticised(), conflict(1, 60))) == Some(RunType::BranchUpkeep)
                    && wants(&with(criticised(), is_red(1))) == Some(RunType::CiRepair)
            },
        ),
        row(
            "1.12",
            "3 delegated: implementation, with prompt and context",
            Replaced("D7", "the same run, and what was written with it is why it starts"),
            || {
                let (bare, told) = (plan(&delegated()), plan(&delegated_with_words()));
                (bare.run_type, bare.wake) == (RunType::Implementation, Some(WakeReason::Delegated))
                    && (told.run_type, told.wake)
                        == (RunType::Implementation, Some(WakeReason::FollowupPrompt))
                    && told.consumes == [0]
            },
        ),
        row(
            "1.12",
            "3 a direct reply: review_fix if changes are requested, else implementation; resumes",
            Replaced("D7", "the same run and thread; beside a repair the repair is the reason"),
            || {
                let answered = plan(&with(asking(), word("a", "The short one.")));
                let on_review = with(
                    with(opened_with_thread(), ask_for_changes(1)),
                    ObservationKind::Asked {
                        question: "Both?".to_owned(),
                        about: crate::About::Work,
                    },
                );
                let repair = plan(&with(on_review, word("b", "Only the first.")));
                (answered.run_type, answered.wake)
                    == (RunType::Implementation, Some(WakeReason::DirectReply))
                    && answered.resume == Some(crate::ThreadId::new("t1"))
                    && repair.run_type == RunType::ReviewFix
                    && repair.consumes == [0]
                    && repair.resume == Some(crate::ThreadId::new("t1"))
            },
        ),
        row(
            "1.12",
            "3 a follow-up of any kind: the same default, its type, resumes",
            Holds,
            || {
                [
                    (work(), WakeReason::FollowupPrompt),
                    (comment("c", "@patchrelay please add a test"), WakeReason::FollowupComment),
                    (by_operator(), WakeReason::OperatorPrompt),
                ]
                .into_iter()
                .all(|(input, wake)| {
                    let plan = plan(&with(opened_with_thread(), input.clone()));
                    (plan.run_type, plan.wake) == (RunType::Implementation, Some(wake))
                        && plan.resume == Some(crate::ThreadId::new("t1"))
                        && wants(&with(criticised(), input)) == Some(RunType::ReviewFix)
                })
            },
        ),
        row(
            "1.12",
            "3 others are ignored, but consumed with the rest",
            Replaced("N44", "our own words are never kept, so there is nothing to consume"),
            || {
                let facts = with(with(opened(), own_words()), work());
                plan(&facts).consumes == [0] && facts.pending.len() == 1
            },
        ),
        row("1.12", "4 no run type, no plan", Holds, || {
            let facts = with(opened(), own_words());
            waits_for(&facts, PrWait::Review)
        }),
        row(
            "1.12",
            "4 follow-ups and their number are in the context",
            Replaced("D7", "all of them join whichever run is chosen, in the order of being said"),
            || {
                let by_seq = |facts: IssueFacts| {
                    let mut consumes = plan(&facts).consumes;
                    consumes.sort_unstable();
                    consumes
                };
                let order: Vec<_> =
                    three_inputs(red()).pending.iter().map(|input| input.said).collect();
                by_seq(three_inputs(red())) == [0, 1, 2]
                    && by_seq(three_inputs(opened())) == [0, 1, 2]
                    && order.is_sorted()
            },
        ),
        row(
            "1.12",
            "consequence: queue before ci before review before the rest, first come",
            Replaced("D7", "with branch_upkeep between ci and review"),
            || {
                let rest = with(opened(), work());
                let steps = [
                    (ask_for_changes(1), RunType::ReviewFix),
                    (conflict(1, 60), RunType::BranchUpkeep),
                    (is_red(1), RunType::CiRepair),
                    (evicted_at(1), RunType::QueueRepair),
                ];
                let mut facts = rest.clone();
                wants(&rest) == Some(RunType::Implementation)
                    && steps.into_iter().all(|(news, run_type)| {
                        facts = with(facts.clone(), news);
                        wants(&facts) == Some(run_type)
                    })
            },
        ),
        row(
            "1.12",
            "consequence: a stronger event overrides, and the weaker one's context stays",
            Replaced("D7", "a run is about one repair; what is left over gets the next one"),
            || {
                let facts = with(criticised(), is_red(1));
                let signature = plan(&facts).signature.unwrap();
                signature.starts_with("branch_ci:")
                    && !signature.contains("no-1")
                    && wants(&through(with(facts, green(1)), "r2", insufficient()))
                        == Some(RunType::ReviewFix)
            },
        ),
        row(
            "1.12",
            "consequence: a follow-up makes a reactive run continue the thread",
            Holds,
            || {
                let red = with(opened_with_thread(), is_red(1));
                plan(&red).resume.is_none()
                    && plan(&with(red, work())).resume == Some(crate::ThreadId::new("t1"))
            },
        ),
        row(
            "1.12",
            "consequence: merging is shallow",
            Replaced("D3", "nothing is merged: each input stays whole, with its own author"),
            || {
                let facts = three_inputs(red());
                facts.pending.len() == 3
                    && facts.pending.iter().any(|input| input.text.contains("greeting"))
                    && facts.pending.iter().any(|input| input.text.contains("a test"))
                    && facts.pending.iter().any(|input| input.text.contains("model"))
            },
        ),
    ]
}

pub(super) fn peeks() -> Vec<Row> {
    vec![
        row("1.13", "a plan takes up all that waits", Holds, || {
            let facts = start(three_inputs(red()), "r2");
            facts.pending.is_empty() && facts.slot.is_some_and(|slot| slot.inputs.len() == 3)
        }),
        row("1.13", "an implicit wake takes up nothing and resumes nothing", Holds, || {
            [is_red(1), evicted_at(1), ask_for_changes(1), conflict(1, 60)].into_iter().all(
                |news| {
                    let plan = plan(&with(opened_with_thread(), news));
                    plan.consumes.is_empty() && plan.resume.is_none()
                },
            )
        }),
        row(
            "1.13",
            "implicit ci_repair: the stored context",
            Replaced("D12", "head and red checks of the gate, by reference"),
            || {
                let two = with(red(), check("Tests", 7, 65, CheckStatus::Failure, head(1)));
                let plan = plan(&two);
                plan.head == Some(head(1))
                    && plan.signature == Some(format!("branch_ci:{}:7@65,60@60", head(1)))
            },
        ),
        row(
            "1.13",
            "implicit ci_repair: signature stored, else made of the head alone",
            Replaced("W65b", "never of the head alone: a settled gate is what makes it"),
            || {
                let pending = with(opened(), gate_is(CheckStatus::Pending, 1, 60));
                wants(&pending).is_none()
                    && wants(&opened()).is_none()
                    && plan(&red()).signature.is_some_and(|signature| signature.ends_with("60@60"))
            },
        ),
        row(
            "1.13",
            "implicit ci_repair: needs a signature and an open pull request",
            Holds,
            || {
                let draft = PullRequest { is_draft: true, ..pr_at(1) };
                wants(&with(red(), merged())).is_none()
                    && wants(&with(red(), pull_request_read(100, draft))).is_none()
                    && plan(&red()).signature.is_some()
            },
        ),
        row(
            "1.13",
            "implicit ci_repair: not when signature and head were attempted last",
            Replaced("N54", "not where a run found nothing in it; a later failure is another one"),
            || {
                let handled = through(red(), "r2", nothing_to_repair());
                waits_for(&handled, PrWait::Rerun)
                    && wants(&with(handled.clone(), gate_is(CheckStatus::Failure, 1, 90)))
                        == Some(RunType::CiRepair)
                    && wants(&through(red(), "r2", insufficient())) == Some(RunType::CiRepair)
            },
        ),
        row(
            "1.13",
            "implicit queue_repair: the stored incident over the failure",
            Replaced("D12", "the queue's check by reference, and the head it refused"),
            || {
                let plan = plan(&refused());
                plan.head == Some(head(1))
                    && plan.signature.is_some_and(|signature| signature.ends_with("80@80"))
            },
        ),
        row(
            "1.13",
            "implicit queue_repair: needs a stored signature that was not attempted",
            Replaced("S10", "the same refusal is not handled twice, a later one of this head is"),
            a_refusal_is_handled_once_and_a_later_one_again,
        ),
        row(
            "1.13",
            "review_fix is never implicit",
            Replaced("W59", "requested changes that a poll finds start the same run"),
            || criticised().pending.is_empty() && wants(&criticised()) == Some(RunType::ReviewFix),
        ),
        row(
            "1.13",
            "events that end the work suppress the plan, but not the implicit wake",
            Replaced("D7", "they suppress every run"),
            || {
                [red(), refused(), criticised()].into_iter().all(|facts| {
                    wants(&with(facts.clone(), stop(600_000))).is_none()
                        && wants(&with(facts, delegation(100, false))).is_none()
                })
            },
        ),
    ]
}

pub(super) fn dependencies() -> Vec<Row> {
    vec![
        row(
            "1.14",
            "resolved: the state's type is completed, or its name is done",
            Replaced(
                "W64",
                "by type alone, whatever it is called: completed, cancelled, duplicate",
            ),
            || {
                use TrackerStateKind::{Completed, Other, Started, Triage, Unstarted};
                !is_blocked_by(Completed)
                    && [Other, Started, Triage, Unstarted].into_iter().all(is_blocked_by)
            },
        ),
        row(
            "1.14",
            "a blocker's state comes from its own row, else from the snapshot",
            Replaced("N51", "it is read with the ticket that waits, whoever tracks the blocker"),
            || {
                let over = ticket_read(200, blocked(&["EXT-9"], TrackerStateKind::Completed));
                let facts = with(delegated(), ticket_read(100, blocked_by(&["EXT-9"])));
                wants(&facts).is_none()
                    && wants(&with(facts, over)) == Some(RunType::Implementation)
            },
        ),
        row(
            "1.14",
            "a cancelled blocker is never resolved",
            Replaced("W64", "what will never be done blocks nothing"),
            || {
                !is_blocked_by(TrackerStateKind::Canceled)
                    && !is_blocked_by(TrackerStateKind::Duplicate)
            },
        ),
        row("1.14", "blocked by: the keys of those that are not over, ordered", Holds, || {
            let mut ticket = blocked_by(&["APP-9", "APP-3"]);
            ticket.blockers.extend(blocked(&["APP-1"], TrackerStateKind::Completed).blockers);
            ticket.blocked_by() == ["APP-3", "APP-9"]
        }),
    ]
}

fn is_blocked_by(kind: TrackerStateKind) -> bool {
    let facts = with(delegated(), ticket_read(100, blocked(&["APP-2"], kind)));
    matches!(waits(&facts), Some(Wait::Blocked(_)))
}
