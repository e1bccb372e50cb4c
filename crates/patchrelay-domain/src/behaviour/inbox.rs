//! The rows about events that wait for a run.

use super::*;

fn opened_session(session: &str, prompt: &str) -> ObservationKind {
    ObservationKind::SessionOpened {
        session: SessionId::new(session),
        prompt: Some(prompt.to_owned()),
        author: Some(member()),
        opened: None,
        comments: Vec::new(),
    }
}

/// A delegated ticket, and what the human wrote when delegating.
pub(super) fn delegated_with_words() -> IssueFacts {
    after([opened_session("s1", "Begin with the tests."), ticket_read(10, ticket())])
}

pub(super) fn comment(source: &str, text: &str) -> ObservationKind {
    said(source, 500_000, Heard::TicketComment, text)
}

pub(super) fn by_operator() -> ObservationKind {
    said("operator-1", 500_000, Heard::Operator, "Use the smaller model.")
}

/// Our own words, as the tracker tells them back to us.
pub(super) fn own_words() -> ObservationKind {
    ObservationKind::HumanInput {
        source: "activity-1".to_owned(),
        said: at(500_000),
        heard: Heard::Session,
        author: crate::Actor { standing: crate::Standing::Ourselves, ..member() },
        text: "Please use the other greeting.".to_owned(),
        is_edit: false,
    }
}

fn pending(facts: &IssueFacts) -> Vec<(InputKind, &str)> {
    facts.pending.iter().map(|input| (input.kind, input.text.as_str())).collect()
}

pub(super) fn events() -> Vec<Row> {
    vec![
        row(
            "1.11",
            "fourteen types of events",
            Replaced("D3", "only what humans say waits; everything else is a fact"),
            || {
                let facts = more(
                    opened(),
                    [
                        ask_for_changes(1),
                        is_red(1),
                        evicted_at(1),
                        stop(600_000),
                        delegation(100, false),
                        removal(200),
                        merged(),
                    ],
                );
                facts.pending.is_empty()
                    && pending(&with(opened(), work())).len() == 1
                    && pending(&with(opened(), by_operator())).len() == 1
            },
        ),
        row(
            "1.11",
            "an event has id, type, payload, key and times",
            Replaced("D3", "an input has its number, kind, text, author, and when it was said"),
            || {
                let late = said("b", 400_000, Heard::Session, "Please add a test first.");
                let facts = more(opened(), [work(), late]);
                let inputs = &facts.pending;
                // In the order in which it was said, whatever came first.
                inputs.iter().map(|input| (input.seq, input.said)).collect::<Vec<_>>()
                    == [(1, at(400_000)), (0, at(500_000))]
                    && inputs.iter().all(|input| input.author.as_deref() == Some("Ada"))
            },
        ),
        row(
            "1.11",
            "consumed by a run, or cleared without one",
            Replaced("D3", "taken up by a claim or delivered to a run, or dropped when closed"),
            || {
                let waiting = with(opened(), work());
                let claimed = start(waiting.clone(), "r2");
                let delivered = with(
                    with(running(), work()),
                    ObservationKind::InputDelivered {
                        run: RunId::new("r1"),
                        turn: crate::TurnId::new("turn-2"),
                        inputs: vec![0],
                    },
                );
                let is_taken = |facts: &IssueFacts| {
                    facts.pending.is_empty()
                        && facts.slot.as_ref().is_some_and(|slot| slot.inputs.len() == 1)
                };
                is_taken(&claimed)
                    && is_taken(&delivered)
                    && with(waiting, close_by_hand(false)).pending.is_empty()
            },
        ),
        row(
            "1.11",
            "a key gives the newest waiting event instead of another one",
            Replaced(
                "D1",
                "a source's id counts once; an edit takes the place, the same words do not",
            ),
            || {
                let go_on = |source: &str| said(source, 500_000, Heard::Session, "continue");
                let twice = more(opened(), [go_on("a"), go_on("b")]);
                let edited = said("a", 510_000, Heard::Session, "Please continue with the docs.");
                twice.pending.len() == 2
                    && is_no_news(&twice, go_on("a"))
                    && pending(&with(with(opened(), go_on("a")), edited))
                        == [(InputKind::FollowupPrompt, "Please continue with the docs.")]
            },
        ),
        row(
            "1.11",
            "once an event is processed, its key may be used again",
            Replaced(
                "D1",
                "an id counts once for ever; an edit of what was taken up is heard again",
            ),
            || {
                let first = said("a", 500_000, Heard::Session, "Please use the other greeting.");
                let edit = said("a", 510_000, Heard::Session, "Please use the third greeting.");
                let facts = with(start(with(opened(), first.clone()), "r2"), edit.clone());
                first.occurrence() != edit.occurrence()
                    && pending(&facts)
                        == [(InputKind::FollowupPrompt, "Please use the third greeting.")]
                    && steer(&facts, "r2") == Steer::Deliver(vec![1])
            },
        ),
        row(
            "1.11",
            "payload: delegated carries the prompt",
            Replaced("D3", "what was written when delegating is an input like any other"),
            || {
                pending(&delegated_with_words())
                    == [(InputKind::FollowupPrompt, "Begin with the tests.")]
                    && plan(&delegated_with_words()).consumes == [0]
            },
        ),
        row("1.11", "payload: replies and prompts carry text and author", Holds, || {
            let facts = start(with(asking(), word("a", "The short one.")), "r2");
            let slot = facts.slot.unwrap();
            let input = &slot.inputs[0];
            (input.kind, input.text.as_str(), input.author.as_deref())
                == (InputKind::DirectReply, "The short one.", Some("Ada"))
                && pending(&with(opened(), work()))
                    == [(InputKind::FollowupPrompt, "Please use the other greeting.")]
        }),
        row(
            "1.11",
            "payload: a comment carries text and author",
            Replaced("N42", "if it speaks to us; other comments are nobody's order"),
            || {
                let ours = comment("c1", "@patchrelay please add a test");
                let facts = with(opened(), ours);
                facts.pending.len() == 1
                    && facts.pending[0].kind == InputKind::FollowupComment
                    && facts.pending[0].author.as_deref() == Some("Ada")
                    && is_no_news(&opened(), comment("c2", "nice work"))
                    && is_no_news(&opened(), comment("c3", "I would rather split this"))
            },
        ),
        row("1.11", "payload: our own comment is inert", Holds, || {
            is_no_news(&opened(), own_words()) && is_no_news(&running(), own_words())
        }),
        row("1.11", "payload: the operator's prompt carries text and source", Holds, || {
            let facts = with(opened(), by_operator());
            pending(&facts) == [(InputKind::OperatorPrompt, "Use the smaller model.")]
                && facts.pending[0].source == "operator-1"
        }),
        row(
            "1.11",
            "payload: a review carries its text and comments",
            Replaced("N22", "who, what and of which head; the text is read right before the run"),
            || {
                let plan = plan(&criticised());
                plan.consumes.is_empty()
                    && plan.head == Some(head(1))
                    && plan.signature == Some(format!("review:{}:no-1", head(1)))
            },
        ),
        row(
            "1.11",
            "payload: red checks carry context, class and snapshot",
            Replaced("D12", "the red checks of the gate by id; their texts are read for the run"),
            || {
                let plan = plan(&red());
                plan.consumes.is_empty()
                    && plan.signature == Some(format!("branch_ci:{}:60@60", head(1)))
            },
        ),
        row(
            "1.11",
            "payload: an incident carries the queue's context",
            Replaced("D12", "the queue's check by id; its text is read for the run"),
            || {
                let plan = plan(&refused());
                plan.consumes.is_empty()
                    && plan.signature == Some(format!("queue_eviction:{}:80@80", head(1)))
            },
        ),
        row("1.11", "payload: what ends the work carries nothing", Holds, || {
            [stop(600_000), delegation(100, false), removal(200), merged(), closed()]
                .into_iter()
                .all(|end| {
                    let facts = with(opened(), end);
                    facts.pending.is_empty() && facts.next_input == 0
                })
        }),
    ]
}

pub(super) fn keys() -> Vec<Row> {
    vec![
        row(
            "1.11",
            "key: delegation, by issue",
            Replaced("D1", "a version of the ticket: the same one twice is one delegation"),
            || delegated().epoch == 1 && is_no_news(&delegated(), ticket_read(10, ticket())),
        ),
        row(
            "1.11",
            "key: stop, by issue",
            Replaced("D1", "when it was said: the newest counts, and the same one is no news"),
            || {
                let facts = with(opened(), stop(600_000));
                let newest = |kind| with(facts.clone(), kind).stopped().map(|stop| stop.said);
                is_no_news(&facts, stop(600_000))
                    && newest(stop(590_000)) == Some(at(600_000))
                    && newest(stop(610_000)) == Some(at(610_000))
            },
        ),
        row(
            "1.11",
            "key: undelegation, by issue",
            Replaced("D1", "versions: taken away, given back, taken away all come through"),
            || {
                let facts = more(
                    delegated(),
                    [delegation(100, false), delegation(200, true), delegation(300, false)],
                );
                facts.epoch == 4
                    && waits(&facts) == Some(Wait::Undelegated)
                    && is_no_news(&facts, delegation(200, true))
            },
        ),
        row(
            "1.11",
            "key: removal, by issue",
            Replaced("D1", "the time of it: once, and a newer read says that it is back"),
            || {
                let gone = with(delegated(), removal(100));
                next(&gone) == NextStep::Settled(Settled::Removed)
                    && is_no_news(&gone, removal(100))
                    && wants(&with(gone, ticket_read(200, ticket())))
                        == Some(RunType::Implementation)
            },
        ),
        row(
            "1.11",
            "key: closed or merged, by number and head",
            Replaced(
                "D1",
                "versions of the pull request: closing, reopening, closing come through",
            ),
            || {
                let twice = more(
                    opened(),
                    [
                        pr_now(500_000, PrState::Closed),
                        pr_now(600_000, PrState::Open),
                        pr_now(700_000, PrState::Closed),
                    ],
                );
                // Closing counts when work starts over, so reopening takes it back.
                twice.tried(RunType::Implementation) == 1
                    && with(opened(), pr_now(500_000, PrState::Closed))
                        .tried(RunType::Implementation)
                        == 1
                    && is_no_news(&twice, pr_now(700_000, PrState::Closed))
                    && is_no_news(&twice, pr_now(600_000, PrState::Open))
                    && is_no_news(&with(opened(), merged()), pr_now(950_000, PrState::Open))
            },
        ),
        row(
            "1.11",
            "key: a review, by head and reviewer",
            Replaced("D1", "the review's id: told twice it is one, and each reviewer has a word"),
            || {
                let second =
                    review("no-b", "reviewer-2", ReviewVerdict::ChangesRequested, head(1), 60);
                let facts = with(criticised(), second.clone());
                is_no_news(&facts, ask_for_changes(1))
                    && is_no_news(&facts, second)
                    && plan(&facts).signature.is_some_and(|signature| {
                        signature.contains("no-1") && signature.contains("no-b")
                    })
            },
        ),
        row(
            "1.11",
            "key: red checks and evictions, by signature",
            Replaced("N54", "by the check's run and time: a later failure is another one"),
            || {
                let again = with(red(), gate_is(CheckStatus::Failure, 1, 90));
                is_no_news(&red(), is_red(1))
                    && is_no_news(&refused(), evicted_at(1))
                    && plan(&again).signature != plan(&red()).signature
            },
        ),
        row(
            "1.11",
            "key: the orchestrator's wakes, by scope",
            Replaced("D4", "no wakes are stored: a claim decides again, and empties the place"),
            || {
                [delegated(), red(), criticised()].into_iter().all(|facts| {
                    let before = plan(&facts);
                    before == plan(&facts) && wants(&start(facts, "r9")).is_none()
                })
            },
        ),
        row(
            "1.11",
            "key: the idle reconciler's, down to `unknown`",
            Replaced("N54", "every repair names its head, so nothing unknown is in a key"),
            || {
                [red(), refused(), conflicting(), criticised()].iter().all(|facts| {
                    let signature = plan(facts).signature.unwrap();
                    signature.contains(head(1).as_str()) && !signature.contains("unknown")
                })
            },
        ),
        row(
            "1.11",
            "key: queue health, by signature",
            Replaced("N55", "found by a poll or told, it is the same refusal of the same head"),
            || {
                let plan = plan(&refused());
                is_no_news(&refused(), evicted_at(1))
                    && plan.needs_new_head
                    && plan.signature.is_some_and(|it| it.starts_with("queue_eviction:"))
            },
        ),
        row(
            "1.11",
            "key: an operator's retry, by scope",
            Replaced("D1", "the order's id, and the next run is of the type that was ordered"),
            || {
                let order = retry("order-1", Some(RunType::QueueRepair));
                order.occurrence().as_deref() == Some("order-1")
                    && wants(&with(given_up(), order)) == Some(RunType::QueueRepair)
                    && wants(&with(given_up(), retry("order-2", None))) == Some(RunType::CiRepair)
            },
        ),
        row(
            "1.11",
            "key: comments and prompts have none",
            Replaced("D1", "the source's id and the time of the edit, never the text"),
            || {
                let said_at = |source: &str, millis| said(source, millis, Heard::Session, "go on");
                said_at("a", 1).occurrence() != said_at("a", 2).occurrence()
                    && said_at("a", 1).occurrence() != said_at("b", 1).occurrence()
                    && said_at("a", 1).occurrence()
                        == said("a", 1, Heard::Session, "go on, please").occurrence()
            },
        ),
    ]
}
