use std::{collections::HashMap, sync::Arc};

use patchrelay_domain::{
    BranchName, CommitSha, IssueFacts, NextStep, PrNumber, PrState, ProjectId, PullRequest,
    ReadyIssue, RunId, RunType, Settled, Timestamp, Versioned, Wait,
};
use patchrelay_ports::{
    Census, Commit, Committed, FeedFilter, FeedPart, Guard, IssueFilter, Lease, NewRun,
    RunTextKind, SettledIssue, Store,
};

use crate::tests::fixtures::{
    BOTH, NOW, TTL, asked, back_off, change, claim, delivery, facts, issue, later, leased, line,
    move_ticket, opened, run_next, settle, stored, text, thought, with_run, worker,
};

type Shared = Arc<dyn Store>;

async fn next(store: &Shared, expected: u64, name: &str, next: NextStep, at: Timestamp) {
    stored(&**store, &Commit { next, at, ..change(expected, facts(name)) }).await;
}

async fn ready(store: &Shared, now: Timestamp) -> Vec<String> {
    store
        .ready(&worker("w1"), now, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|ready| ready.issue.ticket.to_string())
        .collect()
}

pub(in crate::tests) async fn ready_are_issues_whose_run_is_due(store: Shared) {
    next(&store, 0, "run", run_next(), later(1)).await;
    next(&store, 0, "back-off", back_off(later(60)), NOW).await;
    next(&store, 0, "wait", NextStep::Wait { reason: Wait::Undelegated, until: Some(NOW) }, NOW)
        .await;
    next(&store, 0, "settled", NextStep::Settled(Settled::Merged), NOW).await;
    assert_eq!(ready(&store, later(59)).await, ["run"]);
    assert_eq!(ready(&store, later(60)).await, ["run", "back-off"]);
    assert_eq!(store.ready(&worker("w1"), later(60), 1).await.unwrap().len(), 1);
    let expected = |name, since| ReadyIssue {
        issue: issue(name),
        project: ProjectId::new("app"),
        run_type: RunType::Implementation,
        priority: 0,
        since,
    };
    let all = store.ready(&worker("w1"), later(60), 100).await.unwrap();
    assert_eq!(all, [expected("run", later(1)), expected("back-off", later(60))]);
}

pub(in crate::tests) async fn a_leased_issue_is_not_ready(store: Shared) {
    next(&store, 0, "a", run_next(), NOW).await;
    let lease = leased(&*store, "a", "w1", NOW).await;
    assert_eq!(ready(&store, later(29)).await, [""; 0]);
    assert_eq!(ready(&store, later(30)).await, ["a"]);
    store.release(&lease).await.unwrap();
    assert_eq!(ready(&store, NOW).await, ["a"]);
}

pub(in crate::tests) async fn an_issue_keeps_its_place_among_the_ready(store: Shared) {
    next(&store, 0, "a", run_next(), NOW).await;
    next(&store, 0, "b", run_next(), later(1)).await;
    next(&store, 1, "a", run_next(), later(2)).await;
    assert_eq!(ready(&store, later(9)).await, ["a", "b"], "a comment does not send it to the end");
    next(&store, 2, "a", NextStep::Wait { reason: Wait::Undelegated, until: None }, later(3)).await;
    next(&store, 3, "a", run_next(), later(4)).await;
    assert_eq!(ready(&store, later(9)).await, ["b", "a"], "a pause does");
}

pub(in crate::tests) async fn the_next_due_time_is_the_earliest_of_a_wait(store: Shared) {
    assert_eq!(store.next_due(NOW).await.unwrap(), None);
    next(&store, 0, "run", run_next(), NOW).await;
    next(&store, 0, "for ever", NextStep::Wait { reason: Wait::Undelegated, until: None }, NOW)
        .await;
    assert_eq!(store.next_due(NOW).await.unwrap(), None);
    next(&store, 0, "later", back_off(later(9)), NOW).await;
    next(
        &store,
        0,
        "sooner",
        NextStep::Wait { reason: Wait::Undelegated, until: Some(later(5)) },
        NOW,
    )
    .await;
    assert_eq!(store.next_due(NOW).await.unwrap(), Some(later(5)));
    assert_eq!(
        store.next_due(later(5)).await.unwrap(),
        Some(later(9)),
        "what is due already is not awaited"
    );
}

pub(in crate::tests) async fn starts_are_counted_by_project(store: Shared) {
    assert!(store.starts_since(NOW).await.unwrap().is_empty());
    for (name, started) in [("a", 1), ("b", 2), ("c", 3)] {
        next(&store, 0, name, run_next(), NOW).await;
        let lease = leased(&*store, name, "w1", NOW).await;
        let id = RunId::new(name);
        let run = NewRun { id, run_type: RunType::Implementation, started: later(started) };
        let claim = Commit { guard: Guard::Claim { lease, run }, ..change(1, facts(name)) };
        assert!(matches!(store.commit(&claim).await.unwrap(), Committed::Stored(_)));
    }
    let app = |starts| HashMap::from([(ProjectId::new("app"), starts)]);
    assert_eq!(store.starts_since(NOW).await.unwrap(), app(3));
    assert_eq!(store.starts_since(later(1)).await.unwrap(), app(2), "later than this");
    assert!(store.starts_since(later(3)).await.unwrap().is_empty());
}

async fn list(store: &Shared, filter: IssueFilter) -> Vec<String> {
    store
        .list(&filter)
        .await
        .unwrap()
        .into_iter()
        .map(|stored| stored.facts.issue.ticket.to_string())
        .collect()
}

pub(in crate::tests) async fn issues_are_listed_newest_first_in_pages(store: Shared) {
    for (name, updated) in [("old", 1), ("same-a", 2), ("same-b", 2), ("new", 3)] {
        stored(&*store, &change(0, IssueFacts { updated: later(updated), ..facts(name) })).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .list(&IssueFilter { after: after.clone(), limit: 1, ..Default::default() })
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.facts.issue.clone());
        seen.extend(page.into_iter().map(|stored| stored.facts.issue.ticket.to_string()));
    }
    assert_eq!(seen, ["new", "same-b", "same-a", "old"]);
    assert_eq!(list(&store, IssueFilter { limit: 10, ..Default::default() }).await, seen);
}

pub(in crate::tests) async fn issues_are_filtered(store: Shared) {
    let filter = IssueFilter { limit: 10, ..Default::default() };
    stored(&*store, &change(0, facts("a"))).await;
    next(&store, 0, "b", NextStep::Settled(Settled::Merged), NOW).await;
    stored(&*store, &change(0, IssueFacts { project: ProjectId::new("web"), ..facts("c") })).await;
    assert_eq!(list(&store, filter.clone()).await, ["c", "b", "a"]);
    assert_eq!(list(&store, IssueFilter { open: true, ..filter.clone() }).await, ["c", "a"]);
    let project = Some(ProjectId::new("app"));
    assert_eq!(
        list(&store, IssueFilter { project: project.clone(), ..filter.clone() }).await,
        ["b", "a"]
    );
    // The key of a ticket that was not read yet is its id.
    assert_eq!(
        list(&store, IssueFilter { key: Some("c".to_owned()), ..filter.clone() }).await,
        ["c"]
    );
    assert_eq!(
        list(&store, IssueFilter { key: Some("c".to_owned()), project, ..filter.clone() }).await,
        [""; 0]
    );
    next(&store, 1, "b", run_next(), NOW).await;
    assert_eq!(
        list(&store, IssueFilter { open: true, ..filter }).await,
        ["c", "b", "a"],
        "what was over is open again"
    );
}

pub(in crate::tests) async fn an_issue_is_found_by_its_pull_request(store: Shared) {
    let pull_request = PullRequest {
        number: PrNumber(7),
        url: "https://forge.test/acme/app/pull/7".to_owned(),
        state: PrState::Closed,
        is_draft: false,
        is_from_fork: false,
        ended: None,
        head_branch: BranchName::new("x/one"),
        head: CommitSha::new("0123456789012345678901234567890123456789"),
        base_branch: BranchName::new("main"),
        merge_commit: None,
    };
    let closed = IssueFacts {
        pull_request: Some(Versioned { version: NOW, value: pull_request }),
        branch: Some(BranchName::new("x/one-2")),
        ..facts("closed")
    };
    let working = IssueFacts {
        branch: Some(BranchName::new("x/two")),
        updated: later(1),
        ..facts("working")
    };
    stored(&*store, &change(0, closed)).await;
    stored(&*store, &change(0, working)).await;
    let find = async |project: &str, branch: &str, number| {
        let (project, branch) = (ProjectId::new(project), BranchName::new(branch));
        store.find_by_pull_request(&project, &branch, PrNumber(number)).await.unwrap()
    };
    assert_eq!(find("app", "x/two", 8).await, Some(issue("working")));
    assert_eq!(find("app", "x/one-2", 8).await, Some(issue("closed")));
    assert_eq!(find("app", "x/one", 7).await, Some(issue("closed")));
    assert_eq!(
        find("app", "x/two", 7).await,
        Some(issue("closed")),
        "the number says more than the branch"
    );
    assert_eq!(find("app", "x/three", 8).await, None);
    assert_eq!(find("web", "x/two", 7).await, None, "another project has its own numbers");
}

pub(in crate::tests) async fn the_log_is_its_newest_part_oldest_first(store: Shared) {
    stored(
        &*store,
        &Commit { observations: vec![opened("s1"), asked("one")], ..change(0, facts("a")) },
    )
    .await;
    stored(&*store, &change(1, facts("a"))).await;
    stored(&*store, &Commit { observations: vec![asked("two")], ..change(2, facts("a")) }).await;
    stored(&*store, &Commit { observations: vec![asked("other")], ..change(0, facts("b")) }).await;
    let log = store.observations(&issue("a"), 10).await.unwrap();
    let places: Vec<_> =
        log.iter().map(|entry| (entry.version, entry.position, entry.kind.as_str())).collect();
    assert_eq!(places, [(1, 0, "session_opened"), (1, 1, "asked"), (3, 0, "asked")]);
    assert_eq!(
        (log[0].at, &log[0].observation, &log[0].issue),
        (NOW, &Some(opened("s1")), &issue("a"))
    );
    assert_eq!(store.observations(&issue("a"), 2).await.unwrap(), log[1..]);
}

pub(in crate::tests) async fn the_feed_goes_on_after_a_cursor(store: Shared) {
    stored(&*store, &Commit { feed: vec![line("1"), line("2")], ..change(0, facts("a")) }).await;
    stored(&*store, &Commit { feed: vec![line("3")], at: later(1), ..change(0, facts("b")) }).await;
    let all = store.feed(&FeedFilter::after(0, 10)).await.unwrap();
    let texts: Vec<_> =
        all.iter().map(|entry| (entry.issue.ticket.as_str(), entry.entry.text.as_str())).collect();
    assert_eq!(texts, [("a", "1"), ("a", "2"), ("b", "3")]);
    assert_eq!((all[0].at, all[2].at), (NOW, later(1)));
    assert_eq!(store.feed(&FeedFilter::after(all[0].cursor, 10)).await.unwrap(), all[1..]);
    assert_eq!(store.feed(&FeedFilter::after(0, 2)).await.unwrap(), all[..2]);
    assert_eq!(store.feed(&FeedFilter::after(all[2].cursor, 10)).await.unwrap(), []);
}

pub(in crate::tests) async fn the_feed_of_one_issue_is_its_own(store: Shared) {
    stored(&*store, &Commit { feed: vec![line("1"), line("2")], ..change(0, facts("a")) }).await;
    stored(&*store, &Commit { feed: vec![line("3")], ..change(0, facts("b")) }).await;
    stored(&*store, &Commit { feed: vec![line("4")], ..change(1, facts("a")) }).await;
    let all = store.feed(&FeedFilter::after(0, 10)).await.unwrap();
    let of_a =
        |cursor, limit| FeedFilter { issue: Some(issue("a")), ..FeedFilter::after(cursor, limit) };
    let own = store.feed(&of_a(0, 10)).await.unwrap();
    assert_eq!(own, [all[0].clone(), all[1].clone(), all[3].clone()]);
    assert_eq!(store.feed(&of_a(all[1].cursor, 10)).await.unwrap(), all[3..]);
    assert_eq!(store.feed(&of_a(0, 2)).await.unwrap(), all[..2]);
    let nobody = FeedFilter { issue: Some(issue("c")), ..FeedFilter::after(0, 10) };
    assert_eq!(store.feed(&nobody).await.unwrap(), []);
}

pub(in crate::tests) async fn the_newest_lines_of_the_feed_come_oldest_first(store: Shared) {
    stored(&*store, &Commit { feed: vec![line("1"), line("2")], ..change(0, facts("a")) }).await;
    stored(&*store, &Commit { feed: vec![line("3")], ..change(0, facts("b")) }).await;
    let all = store.feed(&FeedFilter::after(0, 10)).await.unwrap();
    let newest = async |of: Option<&str>, limit| {
        let filter = FeedFilter { issue: of.map(issue), part: FeedPart::Newest, limit };
        store.feed(&filter).await.unwrap()
    };
    assert_eq!(newest(None, 2).await, all[1..]);
    assert_eq!(newest(None, 10).await, all);
    assert_eq!(newest(Some("a"), 1).await, all[1..2]);
}

/// Eight tasks write lines, some in long changes and some in short ones, while somebody reads on from the last line
/// that was seen.
pub(in crate::tests) async fn whoever_follows_the_feed_misses_no_line(store: Shared) {
    const TASKS: usize = 8;
    const CHANGES: u64 = 20;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let name = format!("issue-{task}");
            for version in 0..CHANGES {
                let change =
                    Commit { feed: vec![line("1"); task + 1], ..change(version, facts(&name)) };
                stored(&*store, &change).await;
            }
        });
    }
    let (mut cursor, mut seen) = (0, 0);
    while !tasks.is_empty() {
        let lines = store.feed(&FeedFilter::after(cursor, 1_000)).await.unwrap();
        seen += lines.len();
        cursor = lines.last().map_or(cursor, |line| line.cursor);
        while let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
        }
    }
    seen += store.feed(&FeedFilter::after(cursor, 1_000)).await.unwrap().len();
    assert_eq!(seen, store.feed(&FeedFilter::after(0, 10_000)).await.unwrap().len());
}

pub(in crate::tests) async fn runs_of_an_issue_are_listed_oldest_first(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r2").await;
    with_run(&*store, "b", "w1", "r3").await;
    stored(&*store, &settle(2, "a", &lease, "r2")).await;
    let mut second = claim(3, "a", &lease, "r1");
    if let patchrelay_ports::Guard::Claim { run: NewRun { started, .. }, .. } = &mut second.guard {
        *started = NOW.plus(TTL);
    }
    stored(&*store, &second).await;
    let runs = store.runs_of(&issue("a")).await.unwrap();
    let ids: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["r2", "r1"]);
}

pub(in crate::tests) async fn what_was_said_in_a_run_is_kept_in_its_order(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    let run = RunId::new("r1");
    let said = [
        text(RunTextKind::Prompt, "Do it.\n\0"),
        text(RunTextKind::Event, "it runs `true`"),
        text(RunTextKind::Report, "{}"),
    ];
    assert!(store.keep_texts(&lease, &run, &said[..1], NOW).await.unwrap());
    assert!(store.keep_texts(&lease, &run, &said[1..], NOW).await.unwrap());
    let kept = store.texts_of(&run, 10).await.unwrap();
    assert_eq!(kept[1..], said[1..]);
    assert!(kept[0].text.starts_with("Do it.\n"), "{kept:?}");
    assert_eq!(store.texts_of(&run, 2).await.unwrap(), said[1..], "the last ones");
    assert_eq!(store.texts_of(&RunId::new("r2"), 10).await.unwrap(), []);
}

pub(in crate::tests) async fn only_whoever_has_the_run_adds_to_what_was_said_in_it(store: Shared) {
    let lease = with_run(&*store, "a", "w1", "r1").await;
    let run = RunId::new("r1");
    let said = [text(RunTextKind::Event, "hm")];
    let other = Lease { token: lease.token + 1, ..lease.clone() };
    assert!(!store.keep_texts(&other, &run, &said, NOW).await.unwrap());
    assert!(!store.keep_texts(&lease, &RunId::new("r2"), &said, NOW).await.unwrap());
    stored(&*store, &settle(2, "a", &lease, "r1")).await;
    assert!(!store.keep_texts(&lease, &run, &said, NOW).await.unwrap(), "it is settled");
    assert_eq!(store.texts_of(&run, 10).await.unwrap(), []);
}

pub(in crate::tests) async fn everything_is_counted(store: Shared) {
    assert_eq!(store.census(NOW).await.unwrap(), Census::default());
    for (name, at) in [("d1", 0), ("d2", 1), ("d3", 2)] {
        let delivery = delivery(name, name.as_bytes());
        let delivery = patchrelay_ports::Delivery { received: later(at), ..delivery };
        let _ = store.receive(&delivery).await.unwrap();
    }
    let rows = store.inbox_due(later(9), &BOTH, 10).await.unwrap();
    store.inbox_done(&[rows[0].id], NOW).await.unwrap();
    store.inbox_failed(rows[1].id, None, "never").await.unwrap();
    next(&store, 0, "ready", run_next(), NOW).await;
    next(&store, 0, "later", back_off(later(60)), NOW).await;
    next(&store, 0, "over", NextStep::Settled(Settled::Merged), NOW).await;
    let web = IssueFacts { project: ProjectId::new("web"), ..facts("web") };
    let orders = vec![thought("1"), move_ticket("2")];
    stored(&*store, &Commit { orders, at: later(3), ..change(0, web) }).await;
    with_run(&*store, "busy", "w1", "r1").await;
    let lease = with_run(&*store, "idle", "w1", "r2").await;
    stored(&*store, &settle(2, "idle", &lease, "r2")).await;
    let census = store.census(later(5)).await.unwrap();
    let of = |project: &str| -> Vec<(&str, u64)> {
        let own = census.issues.iter().filter(|(found, _, _)| found.as_str() == project);
        own.map(|(_, state, count)| (state.as_str(), *count)).collect()
    };
    assert_eq!(of("app").iter().map(|(_, count)| count).sum::<u64>(), 5);
    assert!(of("app").contains(&("done", 1)), "{census:?}");
    assert_eq!(of("web").iter().map(|(_, count)| count).sum::<u64>(), 1);
    assert_eq!((census.ready, census.active_runs), (1, 1));
    assert_eq!(census.newest_delivery, rows[2].id);
    assert_eq!((census.inbox_waiting, census.inbox_dead), (1, 1));
    assert_eq!(census.inbox_oldest, Some(later(2)));
    assert_eq!((census.outbox_waiting, census.outbox_due), (2, Some(later(3))));
}

pub(in crate::tests) async fn settled_issues_are_listed_in_the_order_of_their_ends(store: Shared) {
    let over = || NextStep::Settled(Settled::Merged);
    for (name, seconds) in [("late", 3), ("b", 2), ("a", 2), ("early", 1), ("again", 1)] {
        next(&store, 0, name, over(), later(seconds)).await;
    }
    next(&store, 0, "open", run_next(), NOW).await;
    next(&store, 1, "again", run_next(), later(5)).await;
    let settled = async |before, after: Option<&SettledIssue>, limit| {
        store.settled(later(before), after, limit).await.unwrap()
    };
    let names = |found: &[SettledIssue]| -> Vec<String> {
        found.iter().map(|found| found.issue.ticket.to_string()).collect()
    };
    assert_eq!(names(&settled(3, None, 10).await), ["early", "a", "b"]);
    let page = settled(4, None, 2).await;
    assert_eq!(names(&page), ["early", "a"]);
    assert_eq!(page[1].since, later(2));
    assert_eq!(names(&settled(4, page.last(), 10).await), ["b", "late"]);
    next(&store, 2, "again", over(), later(6)).await;
    assert_eq!(names(&settled(10, page.last(), 10).await), ["b", "late", "again"]);
}

pub(in crate::tests) async fn an_issue_that_changes_after_its_end_ended_when_it_did(store: Shared) {
    let over = || NextStep::Settled(Settled::Merged);
    next(&store, 0, "a", over(), later(1)).await;
    next(&store, 1, "a", over(), later(2)).await;
    let settled = store.settled(later(9), None, 10).await.unwrap();
    assert_eq!(settled, [SettledIssue { issue: issue("a"), since: later(1) }]);
}
