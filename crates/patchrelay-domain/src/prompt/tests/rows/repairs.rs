//! The rows about what has to be repaired.

use super::*;

pub(super) fn checks() -> Vec<Row> {
    vec![
        row("2.5", "the named check, job and step are the target", Holds, || {
            text(&ci_repair(), |_| {}).contains("are what you repair")
        }),
        row("2.5", "known fields, in their order", Holds, || {
            in_order(
                &prompt(&ci_repair(), |_| {}),
                &[
                    "| gate check: verify",
                    "| gate status: ",
                    "| settled at: ",
                    "| failing head: ",
                    "| failed check: test\n",
                    "| failed job: test (linux)",
                    "| failed step: cargo test",
                    "[check summary",
                ],
            )
        }),
        row("2.5", "a job with the check's name is not repeated", Holds, || {
            let same = Work::CiRepair(CiContext { failed_job: some("test"), ..ci() });
            !text(&same, |_| {}).contains("failed job")
        }),
        row("2.5", "other failed checks are context only", Holds, || {
            quoted(&prompt(&ci_repair(), |_| {}), Channel::OtherChecks) == ["- lint: 2 warnings"]
                && text(&ci_repair(), |_| {}).contains("are context, and not what you repair")
        }),
        row("2.5", "check URL", Holds, || {
            text(&ci_repair(), |_| {}).contains("| check url: https://github.test/check/1")
        }),
        row("2.5", "annotations", Holds, || {
            quoted(&prompt(&ci_repair(), |_| {}), Channel::Annotations)
                == ["- src/greeting.rs:12: assertion failed"]
        }),
        row(
            "2.5",
            "fetch first and restart from a moved tip",
            Replaced("D14: for the harness the publisher checks the branch"),
            || {
                by_agent(&ci_repair()).contains("First fetch the remote branch")
                    && !text(&ci_repair(), |_| {}).contains("fetch")
            },
        ),
        row(
            "2.5",
            "read the newest logs, fix the root cause",
            Replaced("N63: reproduce on the exact head, or report that it should run again"),
            || {
                by_agent(&ci_repair()).contains("Read the newest log")
                    && text(&ci_repair(), |_| {})
                        .contains("Reproduce the failure on this very head")
            },
        ),
        row(
            "2.5",
            "no workflow files, installation or unrelated tests",
            Replaced("N20: never"),
            || {
                text(&ci_repair(), |_| {})
                    .contains("unrelated tests are left alone; if the cause lies there, say so")
            },
        ),
        row(
            "2.5",
            "focused verification, then publish",
            Replaced("N63: narrow, and no waiting"),
            || {
                let text = text(&ci_repair(), |_| {});
                text.contains("narrowest tests") && text.contains("Do not wait for CI")
            },
        ),
        row("2.5", "no change of expectations unless the test is wrong", Holds, || {
            text(&ci_repair(), |_| {}).contains("only if the test itself is wrong")
        }),
        row("2.5", "missing values leave empty lines", Replaced("N62: they leave nothing"), || {
            let bare = text(&Work::bare(RunType::CiRepair), |_| {});
            !bare.contains("\n\n\n")
                && !bare.contains("gate check")
                && !bare.contains("annotations")
        }),
    ]
}

pub(super) fn reviews() -> Vec<Row> {
    vec![
        row("2.6", "intro, reviewer, body", Replaced("W12: quoted, headings and all"), || {
            in_order(
                &prompt(&review_fix(), |_| {}),
                &["| reviewer: ada", "[review text by \"ada\"", "| ## Also"],
            )
        }),
        row("2.6", "1 the structured review is the checklist", Holds, || {
            text(&review_fix(), |_| {}).contains("is your checklist")
        }),
        row(
            "2.6",
            "2 look at the difference to origin/main",
            Replaced("W47: to the base branch"),
            || {
                let text = text(&review_fix(), |_| {});
                text.contains("difference to `origin/trunk` first") && !text.contains("origin/main")
            },
        ),
        row("2.6", "3 per point: fix, or note why it is resolved", Holds, || {
            text(&review_fix(), |_| {}).contains("or note in a sentence why it is settled")
        }),
        row(
            "2.6",
            "4 incomplete context: read the threads on the forge",
            Replaced("D20 and N22: the harness agent reports it; a degraded read is said"),
            || {
                let degraded = Work::ReviewFix(ReviewContext { degraded: true, ..review() });
                by_agent(&review_fix()).contains("read the review threads")
                    && text(&review_fix(), |_| {}).contains("say in your report what was missing")
                    && text(&degraded, |_| {}).contains("points may be missing here")
                    && !text(&review_fix(), |_| {}).contains("points may be missing here")
            },
        ),
        row(
            "2.6",
            "5 verify and publish",
            Replaced("N63: narrow, and sweep the transitions"),
            || {
                let text = text(&review_fix(), |_| {});
                text.contains("every place that creates, changes, fails or frees it")
                    && text.contains("narrowest tests")
            },
        ),
        row(
            "2.6",
            "6 request a re-review",
            Replaced("N23 and S19: a new head is what counts"),
            || {
                [text(&review_fix(), |_| {}), by_agent(&review_fix())].iter().all(|text| {
                    text.contains("settled by a new head only") && !text.contains("re-review")
                })
            },
        ),
        row("2.6", "structured context: id, commit, URL, count", Holds, || {
            in_order(
                &prompt(&review_fix(), |_| {}),
                &["| review id: 9001", "| reviewed head: 1111", "| url: ", "| inline comments: 2"],
            )
        }),
        row("2.6", "it appears only if something of it is known", Holds, || {
            let bare = ReviewContext { reviewer: some("ada"), ..ReviewContext::default() };
            let none = ReviewContext { review_id: some("9"), ..ReviewContext::default() };
            !text(&Work::ReviewFix(bare), |_| {}).contains("inline comments")
                && text(&Work::ReviewFix(none), |_| {}).contains("No inline comments were captured")
        }),
        row("2.6", "per comment path:line (side) or general, body, URL", Holds, || {
            quoted(&prompt(&review_fix(), |_| {}), Channel::ReviewComment)
                == [
                    "place: src/greeting.rs:12 (RIGHT)\nurl: https://github.test/c/1\n\nSay please.",
                    "place: general\n\nIn general, kinder.",
                ]
        }),
        row("2.6", "blank comments are skipped", Holds, || {
            review().comments.len() == 3
                && quoted(&prompt(&review_fix(), |_| {}), Channel::ReviewComment).len() == 2
        }),
    ]
}

pub(super) fn queues() -> Vec<Row> {
    vec![
        row("2.7", "incident: known fields", Holds, || {
            in_order(
                &prompt(&queue_repair(), |_| {}),
                &[
                    "| incident: Removed",
                    "| incident id: inc-1",
                    "| incident url: ",
                    "| failure class: conflict",
                    "| base head tried: 3333",
                    "| head tried: 4444",
                    "| position in the queue: 2",
                    "| base branch: trunk",
                    "| branch tried: queue/7",
                    "| The branch conflicts.",
                ],
            )
        }),
        row("2.7", "conflicting files, failed checks, retry history", Holds, || {
            in_order(
                &prompt(&queue_repair(), |_| {}),
                &[
                    "| - src/greeting.rs",
                    "| - test (failure) https://github.test/check/3",
                    "| - 2026-01-01T00:00:00Z: conflict on base 3333",
                ],
            )
        }),
        row("2.7", "branches alone are no incident", Holds, || {
            let branches = QueueContext {
                base_branch: some("trunk"),
                branch: some("queue/7"),
                ..QueueContext::default()
            };
            quoted(&prompt(&Work::QueueRepair(branches), |_| {}), Channel::Incident).is_empty()
        }),
        row("2.7", "rejected by the queue, with the reason", Holds, || {
            in_order(&prompt(&queue_repair(), |_| {}), &["# Refused", "| reason: queue_eviction"])
        }),
        row(
            "2.7",
            "fetch and rebase onto the newest main",
            Replaced(
                "D14, D30 and W47: the base is merged, by us for the harness; no history is rewritten",
            ),
            || {
                let by_agent = by_agent(&queue_repair());
                by_agent.contains("merge the newest `origin/trunk` into the branch")
                    && !by_agent.contains("rebase")
                    && text(&queue_repair(), |_| {}).contains("PatchRelay has begun to merge")
            },
        ),
        row("2.7", "a contradiction in meaning: explain and stop", Holds, || {
            text(&queue_repair(), |_| {})
                .contains("do not choose: stop, and say what contradicts what")
        }),
        row(
            "2.7",
            "nothing is said of the head",
            Replaced("S32: a fresh head, if it takes one"),
            || {
                let fresh =
                    Work::QueueRepair(QueueContext { requires_fresh_head: true, ..queue() });
                by_agent(&fresh).contains("with an empty commit if no file has to change")
                    && text(&fresh, |_| {}).contains("publishes the same content as a new head")
                    && !text(&queue_repair(), |_| {}).contains("does not take this head again")
            },
        ),
    ]
}
