//! The rows about checks: what is kept of them, what they mean, and what they start.

use super::*;

fn status(status: &str, conclusion: Option<&str>) -> CheckStatus {
    CheckStatus::from_github(status, conclusion)
}

pub(super) fn snapshots() -> Vec<Row> {
    vec![
        row("5.5", "merged: no snapshot", Holds, || {
            let facts = with(refused(), merged());
            facts.checks.is_empty() && facts.queue.is_none() && facts.merge.is_none()
        }),
        row(
            "5.5",
            "pushed: of the new head, pending",
            Replaced("N53", "unknown until a check of the gate has reported on it"),
            || {
                let facts = with(red(), push(2));
                let reported = with(facts.clone(), gate_is(CheckStatus::Pending, 2, 21_000));
                gate(&facts) == GateStatus::Unknown && gate(&reported) == GateStatus::Pending
            },
        ),
        row("5.5", "only of a pull request that was open before", Holds, || {
            [merged(), closed()]
                .into_iter()
                .all(|over| is_no_news(&with(opened(), over), is_red(1)))
        }),
        row("5.5", "only of check runs", Holds, || {
            // A suite has the name of its app, which is no check of the gate.
            let suite = |status| check("GitHub Actions", 1, 90, status, head(1));
            is_no_news(&opened(), suite(CheckStatus::Failure))
                && is_no_news(&red(), suite(CheckStatus::Success))
        }),
        row("5.5", "not of the queue's check", Holds, || {
            gate(&with(opened(), evicted_at(1))) == GateStatus::Unknown
                && gate(&refused()) == GateStatus::Green
        }),
        row("5.5", "only of a gate check: the same name but for blanks and case", Holds, || {
            let named = |name| check(name, 1, 60, CheckStatus::Failure, head(1));
            gate(&with(opened(), named(" VERIFY "))) == GateStatus::Red
                && is_no_news(&opened(), named("verify-extra"))
                && is_no_news(&opened(), named("pre verify"))
        }),
        row("5.5", "not of another head", Holds, || {
            let moved = with(opened(), push(2));
            is_no_news(&moved, is_red(1)) && is_no_news(&moved, green(1))
        }),
        row(
            "5.5",
            "all checks of the head are fetched",
            Replaced("D1", "each check run says its own, and told twice it is no news"),
            || {
                let two = with(red(), check("Tests", 7, 65, CheckStatus::Success, head(1)));
                two.checks.len() == 2
                    && is_no_news(&two, is_red(1))
                    && is_no_news(&two, check("Tests", 7, 65, CheckStatus::Success, head(1)))
            },
        ),
        row("5.5", "queued, in progress, requested, waiting, pending: pending", Holds, || {
            ["queued", "in_progress", "requested", "waiting", "pending"]
                .into_iter()
                .all(|it| status(it, None) == CheckStatus::Pending)
        }),
        row("5.5", "success, neutral, skipped: success", Holds, || {
            ["success", "neutral", "skipped"]
                .into_iter()
                .all(|it| status("completed", Some(it)) == CheckStatus::Success)
        }),
        row("5.5", "every bad conclusion: failure", Holds, || {
            ["failure", "timed_out", "cancelled", "startup_failure", "action_required", "stale"]
                .into_iter()
                .all(|it| status("completed", Some(it)) == CheckStatus::Failure)
        }),
        row("5.5", "completed otherwise: failure; else pending", Holds, || {
            status("completed", None) == CheckStatus::Failure
                && status("completed", Some("new_word")) == CheckStatus::Failure
                && status("new_word", None) == CheckStatus::Pending
        }),
        row(
            "5.5",
            "the snapshot's gate is one check, the first that is found",
            Replaced(
                "N52",
                "all checks of the gate together: one that is not over settles nothing",
            ),
            || {
                let tests = |status| check("Tests", 7, 65, status, head(1));
                gate(&with(red(), tests(CheckStatus::Pending))) == GateStatus::Pending
                    && gate(&with(red(), tests(CheckStatus::Success))) == GateStatus::Red
                    && gate(&with(opened(), tests(CheckStatus::Success))) == GateStatus::Green
            },
        ),
        row(
            "5.5",
            "the snapshot lists all checks and the failed ones",
            Replaced("D12", "only those of the gate are kept; the others are read for a repair"),
            || {
                let lint = check("lint", 1, 90, CheckStatus::Failure, head(1));
                is_no_news(&red(), lint) && red().checks.len() == 1
            },
        ),
        row("5.5", "settled when the gate is not pending", Holds, || {
            let again = with(red(), gate_is(CheckStatus::Pending, 1, 90));
            wants(&red()) == Some(RunType::CiRepair)
                && wants(&again).is_none()
                && waits_for(&again, PrWait::Checks)
        }),
        row(
            "5.5",
            "no snapshot to be had: the gate is pending",
            Replaced("D1", "what could not be read is no observation: what is known stays"),
            || {
                wants(&opened()).is_none()
                    && gate(&opened()) == GateStatus::Unknown
                    && gate(&with(red(), no_conflict(1, 90))) == GateStatus::Red
            },
        ),
    ]
}

pub(super) fn provenance() -> Vec<Row> {
    vec![
        row(
            "5.6",
            "a failed check is an eviction if it is the queue's, else the branch's",
            Holds,
            || {
                wants(&with(opened(), evicted_at(1))) == Some(RunType::QueueRepair)
                    && wants(&red()) == Some(RunType::CiRepair)
            },
        ),
        row("5.6", "the branch's counts only when settled, of exactly this head", Holds, || {
            let half = check("Tests", 7, 65, CheckStatus::Pending, head(1));
            wants(&with(red(), half)).is_none() && wants(&with(red(), push(2))).is_none()
        }),
        row(
            "5.6",
            "stored: source, head, signature, check, context, time",
            Replaced("N1", "the check itself; what it means is derived from it"),
            || {
                let known = Check {
                    id: 60,
                    name: "verify".to_owned(),
                    status: CheckStatus::Failure,
                    version: at(60),
                };
                red().checks == [known] && red().queue.is_none()
            },
        ),
        row(
            "5.6",
            "a failure of the branch clears the incident",
            Replaced("S35", "the queue's word stands until the queue takes it back"),
            || {
                let facts = with(refused(), gate_is(CheckStatus::Failure, 1, 90));
                facts.queue.is_some() && wants(&facts) == Some(RunType::QueueRepair)
            },
        ),
        row(
            "5.6",
            "the primary failure is the first failed check that is not the gate",
            Replaced("D12", "a repair is about the red checks of the gate, all of them"),
            || {
                let two = with(red(), check("Tests", 7, 65, CheckStatus::Failure, head(1)));
                let one = with(red(), check("Tests", 7, 65, CheckStatus::Success, head(1)));
                plan(&two).signature == Some(format!("branch_ci:{}:7@65,60@60", head(1)))
                    && plan(&one).signature == Some(format!("branch_ci:{}:60@60", head(1)))
            },
        ),
        row(
            "5.6",
            "job, step and annotations are fetched and stored",
            Replaced("D12", "no texts in the facts: another output of the check is no news"),
            || is_no_news(&red(), is_red(1)) && note(&red()) == "verify failed",
        ),
        row("5.6", "without them, the event alone is the context", Holds, || {
            plan(&red()).wake == Some(WakeReason::SettledRedCi)
        }),
        row(
            "5.6",
            "the summary is the best annotation, else an output, else the step",
            Replaced("D12", "shown is the name of each red check"),
            || {
                let two = with(red(), check("Tests", 7, 65, CheckStatus::Failure, head(1)));
                note(&two) == "Tests, verify failed"
            },
        ),
        row(
            "5.6",
            "annotations are scored by their words",
            Replaced("D12", "no word of a check decides: only its name, whole, and its status"),
            || {
                let loud = |name| check(name, 7, 65, CheckStatus::Failure, head(1));
                is_no_news(&red(), loud("AssertionError: verify failed"))
                    && is_no_news(&opened(), loud("error, exception, failed"))
                    && !is_no_news(&opened(), loud("verify"))
            },
        ),
        row(
            "5.6",
            "signature of the branch: head, job or check, step",
            Replaced("N54", "head, and run and time of each red check"),
            || {
                let rerun = with(red(), gate_is(CheckStatus::Failure, 1, 90));
                plan(&rerun).signature == Some(format!("branch_ci:{}:90@90", head(1)))
            },
        ),
        row(
            "5.6",
            "signature of an eviction: head and check",
            Replaced("N54", "and its run and time, so that a later one is another one"),
            || {
                let later = with(refused(), queue_is(CheckStatus::Failure, 1, 120));
                plan(&later).signature == Some(format!("queue_eviction:{}:120@120", head(1)))
                    && plan(&refused()).signature != plan(&later).signature
            },
        ),
        row(
            "5.6",
            "signature of a conflict: the pull request's number",
            Replaced("W30", "head and base, so a base that moves on is another conflict"),
            || {
                let moved = with(conflicting(), merge_state(90, head(1), "base-2", true));
                plan(&conflicting()).signature == Some(format!("conflict:{}:base-1", head(1)))
                    && plan(&moved).signature == Some(format!("conflict:{}:base-2", head(1)))
            },
        ),
        row(
            "5.6",
            "signature of queue health: the head",
            Replaced("N54", "there is none of its own: a conflict is a conflict, whoever finds it"),
            || {
                let facts = with(ready(), conflict(1, 90));
                plan(&facts).signature == Some(format!("conflict:{}:base-1", head(1)))
            },
        ),
        row(
            "5.6",
            "signature of the implicit wake: the head",
            Replaced("W65b", "nothing is red but by a settled check that can be named"),
            || wants(&opened()).is_none() && wants(&with(opened(), push(2))).is_none(),
        ),
        row("5.6", "cleared: when merged", Holds, || {
            let facts = with(more(red(), [evicted_at(1), conflict(1, 60)]), merged());
            facts.checks.is_empty() && facts.queue.is_none() && facts.merge.is_none()
        }),
        row("5.6", "cleared: by a push, also during a run", Holds, || {
            let facts = with(start(refused(), "r2"), push(2));
            facts.queue.is_none()
                && facts.checks.is_empty()
                && shows(&end(facts, "r2", interrupted(Interruption::HeadMoved)))
                    == FactoryState::PrOpen
        }),
        row(
            "5.6",
            "cleared: by any passed suite",
            Replaced("W71", "a suite clears nothing"),
            || {
                let suite = check("GitHub Actions", 1, 99, CheckStatus::Success, head(1));
                is_no_news(&refused(), suite.clone()) && is_no_news(&red(), suite)
            },
        ),
        row(
            "5.6",
            "cleared: by the queue's check or a gate check on the failure's head",
            Holds,
            || {
                wants(&with(red(), green(1))).is_none()
                    && wants(&with(refused(), queue_is(CheckStatus::Success, 1, 90))).is_none()
            },
        ),
        row("5.6", "not cleared by a late check", Holds, || {
            let moved = more(red(), [push(2), gate_is(CheckStatus::Failure, 2, 21_000)]);
            is_no_news(&moved, green(1))
                && is_no_news(&moved, gate_is(CheckStatus::Success, 2, 20_000))
                && is_no_news(&red(), gate_is(CheckStatus::Success, 1, 50))
        }),
    ]
}

pub(super) fn reactions() -> Vec<Row> {
    vec![
        row("5.7", "nothing while a run is active", Holds, || {
            let facts = more(start(red(), "r2"), [evicted_at(1), ask_for_changes(1)]);
            waits(&facts) == Some(Wait::ActiveRun(RunType::CiRepair))
        }),
        row("5.7", "nothing when the issue is over or given up", Holds, || {
            let again = gate_is(CheckStatus::Failure, 1, 95);
            waits(&with(given_up(), again.clone())) == Some(Wait::Escalated)
                && shows(&more(red(), [close_by_hand(false), again])) == FactoryState::Done
        }),
        row(
            "5.7",
            "nothing for a pull request that is not ours, but a line in the feed",
            Replaced("W14", "nothing of it is even kept"),
            || {
                let other = PullRequest {
                    head_branch: BranchName::new("somebody/else"),
                    ..pull_request(7, PrState::Open)
                };
                is_no_news(&opened(), pull_request_read(900, other.clone()))
                    && is_no_news(&delegated(), pull_request_read(900, other))
            },
        ),
        row(
            "5.7",
            "ours: by the author's login",
            Replaced("N39", "by our branch, or because it is attached to the ticket"),
            || {
                let attached =
                    crate::Policy { repo: Some("acme/app".parse().unwrap()), ..Policy::default() };
                let linked =
                    LinkedPullRequest { repo: "acme/app".parse().unwrap(), number: PrNumber(7) };
                let theirs = PullRequest {
                    head_branch: BranchName::new("somebody/else"),
                    ..pull_request(7, PrState::Open)
                };
                let facts = after([
                    session_opened(),
                    ticket_read(10, Ticket { linked: vec![linked], ..ticket() }),
                ]);
                let news = vec![observation(9_000, pull_request_read(900, theirs))];
                let adopted = change(&attached, at(9_000), &facts, news).facts;
                adopted.has_adopted()
                    && adopted.open_pull_request().is_some_and(|pr| pr.number == PrNumber(7))
                    && with(running(), pr_now(20, PrState::Open)).open_pull_request().is_some()
            },
        ),
        row(
            "5.7",
            "ours: the set of logins comes from the environment or the app",
            Replaced("D27", "from nowhere: a branch of ours in our repository is enough"),
            || {
                let fork = PullRequest { is_from_fork: true, ..pr_at(1) };
                with(running(), pr_now(20, PrState::Open)).open_pull_request().is_some()
                    && is_no_news(&running(), pull_request_read(20, fork))
            },
        ),
        row(
            "5.7",
            "ours: by its stored number, if the author is not known",
            Replaced("N40", "a known number is ours whoever wrote it; an older one is history"),
            || {
                let renamed = PullRequest { head_branch: BranchName::new("renamed"), ..pr_at(2) };
                let facts = with(opened(), pull_request_read(900, renamed));
                let second = PullRequest { number: PrNumber(2), ..pr_at(3) };
                let facts_of_two = with(facts.clone(), pull_request_read(910, second));
                facts.head() == Some(&head(2))
                    && facts_of_two.head() == Some(&head(3))
                    && is_no_news(&facts_of_two, pull_request_read(920, pr_at(2)))
            },
        ),
        row("5.7", "evicted: a queue repair starts", Holds, || {
            let news = vec![observation(9_000, evicted_at(1))];
            let change = change(&Policy::default(), at(9_000), &ready(), news);
            matches!(change.next, NextStep::Run(plan) if plan.run_type == RunType::QueueRepair)
        }),
        row("5.7", "a failing check: its line in the feed", Holds, || {
            let news = vec![observation(9_000, is_red(1))];
            let feed = change(&Policy::default(), at(9_000), &opened(), news).feed;
            feed.len() == 1 && feed[0].text.contains("check verify failed on 1111111111")
        }),
        row("5.7", "not settled: wait", Holds, || {
            let half = more(red(), [check("Tests", 7, 65, CheckStatus::Pending, head(1))]);
            waits_for(&half, PrWait::Checks)
        }),
        row("5.7", "settled red: a ci repair starts", Holds, || {
            let half = more(red(), [check("Tests", 7, 65, CheckStatus::Pending, head(1))]);
            let over = with(half, check("Tests", 7, 75, CheckStatus::Success, head(1)));
            wants(&over) == Some(RunType::CiRepair)
        }),
        row(
            "5.7",
            "changes requested: fetch the comments, then a review_fix starts",
            Replaced("N22", "the run starts by the verdict; the comments are read for its prompt"),
            || {
                let news = vec![observation(9_000, ask_for_changes(1))];
                let change = change(&Policy::default(), at(9_000), &opened(), news);
                matches!(change.next, NextStep::Run(plan) if plan.run_type == RunType::ReviewFix)
                    && change.facts.pending.is_empty()
            },
        ),
        row(
            "5.7",
            "a duplicate is a wake or an attempt of the same signature and head",
            Replaced("W68", "an observation that says nothing new; the first one always counts"),
            || {
                is_no_news(&red(), is_red(1))
                    && wants(&with(opened(), is_red(1))) == Some(RunType::CiRepair)
                    && wants(&with(ready(), evicted_at(1))) == Some(RunType::QueueRepair)
            },
        ),
        row(
            "5.7",
            "in effect any failing check of a tracked branch starts a run",
            Replaced("S71", "as was intended: our pull request, a settled gate, an issue at work"),
            || {
                let lint = check("lint", 3, 60, CheckStatus::Failure, head(1));
                let half = more(red(), [check("Tests", 7, 65, CheckStatus::Pending, head(1))]);
                is_no_news(&opened(), lint)
                    && wants(&half).is_none()
                    && wants(&with(given_up(), gate_is(CheckStatus::Failure, 1, 95))).is_none()
                    && wants(&red()) == Some(RunType::CiRepair)
            },
        ),
        row(
            "5.7",
            "checks have a class: review, gate or code",
            Replaced("N52", "a check is the gate's, the queue's, or does not matter"),
            || {
                let named = |name| check(name, 1, 60, CheckStatus::Failure, head(1));
                !is_no_news(&opened(), named("Tests"))
                    && !is_no_news(&opened(), named("merge-steward/queue"))
                    && is_no_news(&opened(), named("review-quill/verdict"))
                    && is_no_news(&opened(), named("build"))
            },
        ),
        row(
            "5.7",
            "enqueued unless any event waits, be it inert",
            Replaced("S14", "what is decided is in the ready list, whatever waits beside it"),
            || {
                let waiting = with(opened(), work());
                next(&with(waiting.clone(), is_red(1))).columns().run_type
                    == Some(RunType::CiRepair)
                    && next(&waiting).columns().kind == "run"
            },
        ),
    ]
}
