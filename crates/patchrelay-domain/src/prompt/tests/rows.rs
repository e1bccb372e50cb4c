//! Every row of the reference's account of prompts (behaviour 2.3-2.8, 2.10, 2.11), with what became of it.

mod repairs;

use super::*;

/// What became of a row.
#[derive(Debug)]
enum Verdict {
    Holds,
    /// By what, and how it is now.
    Replaced(&'static str),
}
use Verdict::{Holds, Replaced};

struct Row {
    section: &'static str,
    row: &'static str,
    verdict: Verdict,
    /// Whether it is as the verdict says.
    is_so: fn() -> bool,
}

/// How many rows each section has.
const SECTIONS: [(&str, usize); 9] = [
    ("2.3", 9),
    ("2.4", 13),
    ("2.5", 12),
    ("2.6", 11),
    ("2.7", 7),
    ("2.8", 3),
    ("2.9", 4),
    ("2.10", 3),
    ("2.11", 3),
];

fn row(section: &'static str, row: &'static str, verdict: Verdict, is_so: fn() -> bool) -> Row {
    Row { section, row, verdict, is_so }
}

/// The prompt of this work with everything known, changed by the function.
fn prompt(work: &Work, change: impl Fn(&mut Request<'_>)) -> Prompt {
    let (world, session, facts) = (World::new(), session(), pull_request(Freshness::Fresh));
    let inputs = [input(InputKind::FollowupComment, "In German, too.")];
    let first = work.run_type() == RunType::Implementation;
    let mut request = Request {
        work,
        session: &session,
        inputs: if first { &[] } else { &inputs },
        wake: first.then_some(WakeReason::Delegated),
        pull_request: (!first).then_some(&facts),
        ..world.first()
    };
    change(&mut request);
    build(&request)
}

fn with_workflow(file: &WorkflowFile) -> Prompt {
    build(&Request { workflow: Some(file), ..World::new().first() })
}

fn first() -> Prompt {
    prompt(&Work::Implementation, |_| {})
}

fn text(work: &Work, change: impl Fn(&mut Request<'_>)) -> String {
    prompt(work, change).to_string()
}

/// The texts of the blocks on this channel.
fn quoted(prompt: &Prompt, channel: Channel) -> Vec<String> {
    prompt.blocks().filter(|block| block.channel() == channel).map(Block::text).collect()
}

fn by_agent(work: &Work) -> String {
    text(work, |request| request.publisher = Publisher::Agent)
}

/// Whether each of the texts is there, in this order.
fn in_order(prompt: &Prompt, texts: &[&str]) -> bool {
    let whole = prompt.to_string();
    let mut rest = whole.as_str();
    texts.iter().all(|text| match rest.split_once(text) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn review_fix() -> Work {
    Work::ReviewFix(review())
}

fn ci_repair() -> Work {
    Work::CiRepair(ci())
}

fn queue_repair() -> Work {
    Work::QueueRepair(queue())
}

fn initial() -> Vec<Row> {
    vec![
        row("2.3", "1 header: always", Holds, || {
            in_order(&first(), &["APP-1", "app/APP-1-x", "# Task", "| Wish a good night"])
        }),
        row(
            "2.3",
            "2 objective: title, then the description",
            Replaced("S69: with every heading"),
            || {
                quoted(&first(), Channel::TicketDescription)
                    == ["Please.\n\n## Done when\n\n- it works"]
                    && in_order(&first(), &["[ticket title", "[ticket description"])
            },
        ),
        row("2.3", "3 session context", Holds, || {
            quoted(&first(), Channel::Session) == ["<issue>APP-1</issue>"]
        }),
        row("2.3", "4 latest human instruction", Holds, || {
            quoted(&first(), Channel::Instruction) == ["Begin with the tests."]
        }),
        row("2.3", "5 operator prompt", Holds, || {
            quoted(&first(), Channel::Operator) == ["Mind the budget."]
        }),
        row("2.3", "6 human follow-up comment", Holds, || {
            quoted(&first(), Channel::Comment) == ["In German, too."]
                && in_order(
                    &first(),
                    &["[tracker session", "[latest instruction", "[operator prompt", "[comment on"],
                )
        }),
        row("2.3", "7 section of the run type: not in an initial prompt", Holds, || {
            first().section(SectionKind::Repair).is_none()
        }),
        row(
            "2.3",
            "8 workflow file, else a line that sends the agent to the tracker",
            Replaced(
                "D32 and D20: quoted from the base branch; without one, what the repository says",
            ),
            || {
                let without = text(&Work::Implementation, |request| request.workflow = None);
                quoted(&first(), Channel::Workflow) == ["Run `make check`."]
                    && without.contains("what the repository itself says")
                    && !without.contains("MCP")
            },
        ),
        row("2.3", "9 delivery contract: always, last", Holds, || {
            first().sections().last().is_some_and(|section| section.kind == SectionKind::Rules)
        }),
    ]
}

fn follow_up() -> Vec<Row> {
    vec![
        row("2.4", "1 header: always", Holds, || {
            in_order(&prompt(&ci_repair(), |_| {}), &["APP-1", "app/APP-1-x", "#7"])
        }),
        row("2.4", "2 follow-up turn: why, and what must be done", Holds, || {
            in_order(
                &prompt(&ci_repair(), |_| {}),
                &["# Why this turn", "Why: ", "\nNow: ", "# Task"],
            )
        }),
        row("2.4", "3 context sections as in the initial prompt", Holds, || {
            in_order(&prompt(&ci_repair(), |_| {}), &["[tracker session", "[comment on the ticket"])
        }),
        row("2.4", "4 what changed: type, author, text of each follow-up", Holds, || {
            text(&ci_repair(), |_| {})
                .contains("[follow-up comment by \"user-1\"; trusted member]\n| In German, too.")
                && text(&ci_repair(), |request| request.inputs = &[])
                    .find("since the last turn")
                    .is_none()
        }),
        row(
            "2.4",
            "5 freshness: fresh if said or for upkeep, else verify on the forge",
            Replaced("D14: only the agent that publishes itself verifies; for others we do"),
            || {
                let stale = pull_request(Freshness::Stale);
                let aged = |work: &Work, publisher| {
                    let (world, stale) = (World::new(), &stale);
                    let pull_request = Some(stale);
                    build(&Request { work, publisher, pull_request, ..world.first() }).to_string()
                };
                let upkeep = Work::BranchUpkeep(upkeep());
                aged(&ci_repair(), Publisher::Agent).contains("may be stale. Before you change")
                    && aged(&ci_repair(), Publisher::Harness).contains("PatchRelay reads head")
                    && aged(&upkeep, Publisher::Agent).contains("were read from the forge for this")
                    && text(&ci_repair(), |_| {}).contains("were read from the forge for this turn")
            },
        ),
        row(
            "2.4",
            "6 facts that are known, in their order",
            Replaced("N62: check, reviewer and summary are in the current context, once"),
            || {
                quoted(&prompt(&ci_repair(), |_| {}), Channel::PullRequest)
                    == [format!(
                        "pull request: #7\nurl: https://github.test/acme/app/pull/7\nrelevant head: {}\nreview: \
                         changes_requested\nchecks: failure\nmerge state against trunk: dirty",
                        sha("1")
                    )]
            },
        ),
        row("2.4", "7 section of the run type", Holds, || {
            works()
                .iter()
                .skip(1)
                .all(|work| prompt(work, |_| {}).section(SectionKind::Repair).is_some())
        }),
        row("2.4", "8 workflow file, no fallback for repairs", Holds, || {
            prompt(&ci_repair(), |request| request.workflow = None)
                .section(SectionKind::Workflow)
                .is_none()
        }),
        row("2.4", "9 delivery contract: always", Holds, || {
            text(&ci_repair(), |_| {}).contains("# Rules")
        }),
        row(
            "2.4",
            "title and description are not repeated",
            Replaced("N62: the objective is in every prompt, so no thread is without it"),
            || !quoted(&prompt(&ci_repair(), |_| {}), Channel::TicketDescription).is_empty(),
        ),
        row("2.4", "why, by wake reason", Holds, || {
            let why = |work: &Work, wake| text(work, |request| request.wake = wake);
            let none = "this turn continues the repair of the checks";
            [
                (Some(WakeReason::DirectReply), "answered your question"),
                (Some(WakeReason::FollowupPrompt), "wrote to the agent session"),
                (Some(WakeReason::FollowupComment), "a human commented"),
                (Some(WakeReason::OperatorPrompt), "operator of PatchRelay gave guidance"),
                (Some(WakeReason::ReviewChangesRequested), "reviewer requested changes"),
                (Some(WakeReason::SettledRedCi), "gate is red"),
                (Some(WakeReason::MergeStewardIncident), "queue removed"),
                (Some(WakeReason::BranchUpkeep), "cannot be merged"),
                (Some(WakeReason::Delegated), none),
                (None, none),
            ]
            .into_iter()
            .all(|(wake, said)| why(&ci_repair(), wake).contains(said))
        }),
        row("2.4", "required action: an answer first, then upkeep, then the type", Holds, || {
            let answered = |work: &Work| {
                text(work, |request| request.wake = Some(WakeReason::DirectReply))
                    .contains("Now: apply the answer and go on")
            };
            let now = |work: &Work, said: &str| text(work, |_| {}).contains(said);
            works().iter().all(answered)
                && now(&review_fix(), "Now: address every point")
                && now(&ci_repair(), "Now: repair the check")
                && now(&queue_repair(), "Now: make the pull request fit")
                && now(&Work::BranchUpkeep(upkeep()), "Now: bring the branch up to date")
        }),
        row("2.4", "facts exist for repairs, or with a pull request", Holds, || {
            let bare = |work: &Work| prompt(work, |request| request.pull_request = None);
            bare(&Work::bare(RunType::CiRepair)).section(SectionKind::Facts).is_some()
                && first().section(SectionKind::Facts).is_none()
        }),
    ]
}

fn delivery() -> Vec<Row> {
    vec![
        row(
            "2.8",
            "implementation without a pull request: planning only",
            Replaced("N63 and D19: nothing to change is a reported end of any implementation"),
            || first().to_string().contains("asks for an answer or a plan, leave the directory"),
        ),
        row(
            "2.8",
            "implementation: publish before finishing",
            Replaced("D27: for the harness we publish; for the agent it holds"),
            || {
                let by_agent = by_agent(&Work::Implementation);
                by_agent.contains("open or update its pull request against `trunk`")
                    && by_agent.contains("Work that already lies in the directory")
                    && by_agent.contains("Never stop with work that is only local")
                    && first().to_string().contains("PatchRelay commits what lies in the directory")
            },
        ),
        row(
            "2.8",
            "others: same branch, no new pull request, nothing local",
            Replaced("D27: for the harness we publish; for the agent it holds"),
            || {
                works().iter().skip(1).all(|work| {
                    by_agent(work).contains("push `app/APP-1-x`, the branch of the existing")
                        && by_agent(work).contains("Open no other pull request")
                        && text(work, |_| {}).contains("Git is read-only for you")
                })
            },
        ),
        row(
            "2.9",
            "looked up in the repository's path",
            Replaced("D32: whoever builds the prompt gives it, as the base branch has it"),
            || {
                let file =
                    WorkflowFile { name: "OTHER.md".to_owned(), text: "By hand.".to_owned() };
                with_workflow(&file).to_string().contains("| By hand.")
            },
        ),
        row("2.9", "which file for which type", Holds, || {
            let name = workflow_file_name;
            [RunType::Implementation, RunType::CiRepair, RunType::QueueRepair]
                .iter()
                .all(|run_type| name(*run_type) == "IMPLEMENTATION_WORKFLOW.md")
                && name(RunType::ReviewFix) == "REVIEW_WORKFLOW.md"
                && name(RunType::BranchUpkeep) == "REVIEW_WORKFLOW.md"
        }),
        row(
            "2.9",
            "whole, trimmed, word for word",
            Replaced("D32 and D36: whole, trimmed at its end, in a block that it cannot leave"),
            || {
                let text = "\n\n# Rules\n\nRun `make check`.\n\n".to_owned();
                let file = WorkflowFile { name: "IMPLEMENTATION_WORKFLOW.md".to_owned(), text };
                quoted(&with_workflow(&file), Channel::Workflow) == [file.text.trim_end()]
            },
        ),
        row("2.9", "missing: a line for implementations, nothing for repairs", Holds, || {
            let without = |work: &Work| prompt(work, |request| request.workflow = None);
            let section = |work: &Work| without(work).section(SectionKind::Workflow).is_some();
            section(&Work::Implementation) && works().iter().skip(1).all(|work| !section(work))
        }),
        row(
            "2.10",
            "phrases that rule out a pull request",
            Replaced("D19 and W37: no phrase changes the contract; the report says what came out"),
            || phrase_changes_nothing("Do not open a PR."),
        ),
        row("2.10", "phrases that forbid changes", Replaced("D19 and W37: as above"), || {
            phrase_changes_nothing("No repository changes.")
        }),
        row(
            "2.10",
            "phrases that ask for planning only",
            Replaced("D19 and W37: as above"),
            || phrase_changes_nothing("This is a planning-only issue."),
        ),
    ]
}

/// Whether our own words are the same with this description.
fn phrase_changes_nothing(phrase: &'static str) -> bool {
    let task = Task { key: "APP-1", title: "Wish a good night", description: phrase };
    let change = |request: &mut Request<'_>| request.task = task;
    ours(&prompt(&Work::Implementation, change)) == ours(&first())
}

fn threads() -> Vec<Row> {
    fn choice(generation: u32, follow_ups: usize, resume: bool) -> &'static str {
        let thread = ThreadId::new("t1");
        let thread = Some(&thread);
        match choose_thread(&ThreadHistory { thread, generation, follow_ups, resume }) {
            ThreadChoice::Fresh => "fresh",
            ThreadChoice::Compacted { .. } => "compacted",
            ThreadChoice::Resumed(_) => "resumed",
        }
    }
    vec![
        row("2.11", "compaction from generation 4 and 4 follow-ups on", Holds, || {
            [choice(4, 4, true), choice(3, 4, true), choice(4, 3, true)]
                == ["compacted", "resumed", "resumed"]
        }),
        row("2.11", "reuse only without compaction and if the wake resumes", Holds, || {
            [choice(1, 0, true), choice(1, 0, false)] == ["resumed", "fresh"]
        }),
        row("2.11", "the generation counts changes of the thread", Holds, || {
            let (one, two) = (ThreadId::new("t1"), ThreadId::new("t2"));
            next_generation(0, None, &one) == 1
                && next_generation(1, Some(&one), &one) == 1
                && next_generation(1, Some(&one), &two) == 2
        }),
    ]
}

#[test]
fn every_row_of_the_reference_has_its_verdict() {
    let rows: Vec<_> = [
        initial(),
        follow_up(),
        repairs::checks(),
        repairs::reviews(),
        repairs::queues(),
        delivery(),
        threads(),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (section, expected) in SECTIONS {
        let count = rows.iter().filter(|row| row.section == section).count();
        assert_eq!(count, expected, "rows of {section}");
    }
    let wrong: Vec<_> = rows
        .iter()
        .filter(|row| !(row.is_so)())
        .map(|row| format!("{} {}: {:?}", row.section, row.row, row.verdict))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for row in &rows {
        if let Replaced(by) = row.verdict {
            let source = by.chars().next();
            assert!(source.is_some_and(|source| "NWSD".contains(source)), "{by}");
        }
    }
}
