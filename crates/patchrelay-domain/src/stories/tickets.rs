//! The ticket: delegation, states, blockers, attached pull requests.

use std::time::Duration;

use super::{MINUTE, Story, attached};
use crate::{
    Blocker, BranchName,
    CheckStatus::{Failure, Success},
    Interruption, ObservationKind, Policy, PrNumber, PrState, PullRequest,
    ReportOutcome::NeedsInput,
    ReviewVerdict::{Approved, ChangesRequested},
    RunOutcome, Settled, Ticket,
    TrackerStateKind::{self, Canceled, Completed, Started},
    fixture::{self, at, state},
};

pub(super) const TOLD: &[super::Told] = told![
    s38_what_was_said_is_not_said_again,
    s40_undelegating_keeps_the_pull_request_and_redelegating_goes_on_from_it,
    s40_taking_the_ticket_away_ends_the_repair_under_way,
    s40_an_open_question_stays_open_over_a_pause,
    s40_what_is_paused_may_be_merged_all_the_same,
    s41_a_ticket_that_is_done_during_a_run_is_settled_after_it,
    s41_a_merge_during_a_run_is_settled_after_it,
    s41_what_was_said_before_the_end_starts_nothing_after_it,
    s41_what_was_said_before_a_merge_starts_nothing_after_it,
    s41_a_ticket_that_is_cancelled_before_its_start_is_over,
    s46_a_blocker_that_is_found_during_the_work_releases_the_run,
    s46_a_blocker_does_not_stop_what_has_a_pull_request,
    s47_a_foreign_blocker_that_is_over_releases_what_waits_for_it,
    s49_an_attached_pull_request_is_adopted_before_anything_is_implemented,
    s49_an_attached_pull_request_is_taken_as_it_is,
    s49_what_is_not_clear_is_asked,
    s52_a_blocker_that_is_found_at_the_start_comes_before_the_run,
    s52_a_launch_that_always_fails_ends_with_a_human,
    s53_a_delegated_ticket_that_nobody_told_of_is_started,
];

/// What is known already is not said again, however often it is read.
#[test]
fn s38_what_was_said_is_not_said_again() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts();
    let said = story.orders.len();
    story.ticket("our own move comes back", |ticket| ticket.state = state(Started));
    for _ in 0..3 {
        story.ticket("the ticket is read again", |_| ());
    }
    assert_eq!(story.orders.len(), said);
    story.is_interrupted(Interruption::Restart);
    story.ticket("OPS-7 blocks it", blocked_by(Started));
    story.ticket("the ticket is read again", |_| ());
    story.ticket("the title is edited", |ticket| ticket.title.push('!'));
    assert_eq!(story.orders.len(), said + 1);
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "our own move comes back => implementing, runs implementation",
        "the ticket is read again => implementing, runs implementation",
        "the ticket is read again => implementing, runs implementation",
        "the ticket is read again => implementing, runs implementation",
        "r1 ends: interrupted by Restart => implementing, next implementation, keeps edits, resumes thread of r1",
        "OPS-7 blocks it => [thought] delegated, waits for OPS-7",
        "the ticket is read again => delegated, waits for OPS-7",
        "the title is edited => delegated, waits for OPS-7",
    ]);
}

#[test]
fn s40_undelegating_keeps_the_pull_request_and_redelegating_goes_on_from_it() {
    let mut story = Story::opened();
    story
        .check("Tests", Success, 1)
        .review(Approved, 1)
        .undelegated()
        .check("Tests", Failure, 1)
        .passes(Duration::from_secs(3_600))
        .head(2)
        .check("Tests", Success, 2)
        .review(ChangesRequested, 2)
        .delegated()
        .starts();
    story.reads(&[
        "Tests is green on head 1 => pr_open, waits for #1 to be reviewed",
        "ada approves head 1 => awaiting_queue, waits for #1 to be merged",
        "undelegated => paused, waits for delegation",
        "Tests is red on head 1 => paused, waits for delegation",
        "3600 s pass => paused, waits for delegation",
        "head 2 is pushed => paused, waits for delegation",
        "Tests is green on head 2 => paused, waits for delegation",
        "ada requests changes to head 2 => paused, waits for delegation",
        "delegated => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
    ]);
}

#[test]
fn s40_taking_the_ticket_away_ends_the_repair_under_way() {
    let mut story = Story::opened();
    story
        .review(ChangesRequested, 1)
        .starts()
        .undelegated()
        .asks()
        .delegated()
        .asks()
        .ends_as_steered()
        .starts();
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "undelegated => changes_requested, runs review_fix",
        "r2 is interrupted: Undelegated",
        "delegated => changes_requested, runs review_fix",
        "r2 is interrupted: Undelegated",
        "r2 ends: interrupted by Undelegated => [response] changes_requested, next review_fix, keeps edits, resumes thread of r2",
        "r3 starts => [action] changes_requested, runs review_fix",
    ]);
}

#[test]
fn s40_an_open_question_stays_open_over_a_pause() {
    let mut story = Story::new();
    story.opens_session(None).delegated().starts();
    story
        .reports(NeedsInput, |_, report| report.question = "Which language?".to_owned())
        .undelegated()
        .delegated()
        .says("use German")
        .starts();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 reports NeedsInput and is over: needs input",
        "r1 ends: needs input => [elicitation] awaiting_input, waits for an answer",
        "undelegated => awaiting_input, waits for an answer",
        "delegated => awaiting_input, waits for an answer",
        "session: use German => [thought] implementing, next implementation, keeps edits, resumes thread of r1, takes 1 inputs",
        "r2 starts => [action] implementing, runs implementation",
    ]);
}

#[test]
fn s40_what_is_paused_may_be_merged_all_the_same() {
    let mut story = Story::opened();
    story.undelegated().merged();
    story.reads(&[
        "undelegated => paused, waits for delegation",
        "merged => [response, ticket to completed] done, over: merged",
    ]);
}

/// Automation moves tickets while the agent works. The fact is recorded, and the run ends by itself.
#[test]
fn s41_a_ticket_that_is_done_during_a_run_is_settled_after_it() {
    let mut story = Story::new();
    story
        .opens_session(None)
        .delegated()
        .starts()
        .ticket("moved to done", |ticket| ticket.state = state(Completed))
        .passes(Duration::from_secs(60))
        .asks()
        .ends_as_steered();
    assert_eq!(story.next(), crate::NextStep::Settled(Settled::CompletedInTracker));
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "moved to done => implementing, runs implementation",
        "60 s pass => implementing, runs implementation",
        "r1 may end and publishes nothing: TicketOver",
        "r1 ends: interrupted by TicketOver => done, over: completed in the tracker",
    ]);
}

#[test]
fn s41_a_merge_during_a_run_is_settled_after_it() {
    let mut story = Story::opened();
    story.review(ChangesRequested, 1).starts().merged().asks().ends_as_steered();
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "merged => [response, ticket to completed] changes_requested, runs review_fix",
        "r2 may end and publishes nothing: PullRequestOver",
        "r2 ends: interrupted by PullRequestOver => done, over: merged",
    ]);
}

/// What the run had taken up was part of the work that is over, so it starts nothing anew.
#[test]
fn s41_what_was_said_before_the_end_starts_nothing_after_it() {
    let mut story = Story::new();
    story
        .opens_session(Some("use German"))
        .delegated()
        .starts()
        .ticket("moved to done", |ticket| ticket.state = state(Completed))
        .ends_as_steered();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation, takes 1 inputs",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "moved to done => implementing, runs implementation",
        "r1 ends: interrupted by TicketOver => [response] done, over: completed in the tracker",
    ]);
}

#[test]
fn s41_what_was_said_before_a_merge_starts_nothing_after_it() {
    let mut story = Story::new();
    story
        .opens_session(Some("use German"))
        .delegated()
        .starts()
        .pull_request("somebody opens a pull request of the branch", |pr| pr.state = PrState::Open)
        .merged()
        .ends_as_steered();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation, takes 1 inputs",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "somebody opens a pull request of the branch => implementing, runs implementation",
        "merged => [response, ticket to completed] implementing, runs implementation",
        "r1 ends: interrupted by PullRequestOver => [response] done, over: merged",
    ]);
}

#[test]
fn s41_a_ticket_that_is_cancelled_before_its_start_is_over() {
    let mut story = Story::new();
    story.opens_session(Some("use German")).delegated();
    let ended = at(story.now + MINUTE);
    story
        .ticket("cancelled", |ticket| {
            ticket.state = state(Canceled);
            ticket.ended = Some(ended);
        })
        .passes(Duration::from_secs(60))
        .says("do it after all")
        .ticket("the title is edited", |ticket| ticket.title.push('!'))
        .starts()
        .asks();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation, takes 1 inputs",
        "cancelled => failed, over: canceled in the tracker",
        "60 s pass => failed, over: canceled in the tracker",
        "session: do it after all => [thought] implementing, next implementation, takes 2 inputs",
        "the title is edited => implementing, next implementation, takes 2 inputs",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 goes on",
    ]);
}

fn blocked_by(kind: TrackerStateKind) -> impl FnOnce(&mut Ticket) {
    move |ticket| ticket.blockers = vec![Blocker { key: "OPS-7".to_owned(), state: kind }]
}

/// The run is released and waits; what is said of it later says nothing.
#[test]
fn s46_a_blocker_that_is_found_during_the_work_releases_the_run() {
    let mut story = Story::new();
    story
        .opens_session(None)
        .delegated()
        .starts()
        .ticket("OPS-7 blocks it", blocked_by(Started))
        .asks()
        .ends_as_steered()
        .observe_again("r1 is said to have published", fixture::settled("r1", fixture::published()))
        .passes(Duration::from_secs(3_600))
        .ticket("OPS-7 is done", blocked_by(Completed))
        .starts();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "OPS-7 blocks it => implementing, runs implementation",
        "r1 is interrupted: Blocked",
        "r1 ends: interrupted by Blocked => [response] delegated, waits for OPS-7",
        "r1 is said to have published => nothing new",
        "3600 s pass => delegated, waits for OPS-7",
        "OPS-7 is done => implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => [action] implementing, runs implementation",
    ]);
}

/// Others may already build on a pull request, so nothing is taken back then.
#[test]
fn s46_a_blocker_does_not_stop_what_has_a_pull_request() {
    let mut story = Story::opened();
    story
        .review(ChangesRequested, 1)
        .ticket("OPS-7 blocks it", blocked_by(Started))
        .starts()
        .asks();
    story.reads(&[
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "OPS-7 blocks it => changes_requested, next review_fix",
        "r2 starts => [action] changes_requested, runs review_fix",
        "r2 goes on",
    ]);
}

/// Only the snapshot of the blocker counts: it need not be ours.
#[test]
fn s47_a_foreign_blocker_that_is_over_releases_what_waits_for_it() {
    for over in [Completed, Canceled] {
        let mut story = Story::new();
        story
            .opens_session(None)
            .ticket("delegated, blocked by OPS-7", |ticket| {
                ticket.delegated = true;
                blocked_by(Started)(ticket);
            })
            .passes(Duration::from_secs(3_600))
            .ticket("OPS-7 is over", blocked_by(over));
        story.reads(&[
            "a session opens => [thought] delegated, waits for the ticket",
            "delegated, blocked by OPS-7 => [thought] delegated, waits for OPS-7",
            "3600 s pass => delegated, waits for OPS-7",
            "OPS-7 is over => implementing, next implementation",
        ]);
    }
}

fn with_repository() -> Story {
    let policy = Policy { repo: Some("acme/app".parse().unwrap()), ..Policy::default() };
    Story::with(policy)
}

fn linked(numbers: &[u64]) -> Story {
    let mut story = with_repository();
    story.opens_session(None);
    let links = numbers.iter().map(|number| attached(*number)).collect();
    story.ticket("delegated, with attachments", |ticket| {
        ticket.delegated = true;
        ticket.linked = links;
    });
    story
}

/// Pull request 7, which somebody else opened.
fn seven(pr: &mut PullRequest) {
    pr.number = PrNumber(7);
    pr.head_branch = BranchName::new("ada/greeting");
}

#[test]
fn s49_an_attached_pull_request_is_adopted_before_anything_is_implemented() {
    let mut story = linked(&[7]);
    story.pull_request("#7 is read", seven).review(ChangesRequested, 1).starts();
    assert_eq!(story.facts.branch, Some(BranchName::new("ada/greeting")));
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated, with attachments => delegated, waits to read #7",
        "#7 is read => pr_open, waits for #7 to be reviewed",
        "ada requests changes to head 1 => changes_requested, next review_fix",
        "r1 starts => [action, ticket to started] changes_requested, runs review_fix",
    ]);
}

#[test]
fn s49_an_attached_pull_request_is_taken_as_it_is() {
    let read = |edit: fn(&mut PullRequest)| {
        let mut story = linked(&[7]);
        story.pull_request("#7 is read", |pr| {
            seven(pr);
            edit(pr);
        });
        story.lines.pop().unwrap()
    };
    let found = [
        read(|pr| pr.state = PrState::Merged),
        read(|pr| pr.state = PrState::Closed),
        read(|pr| pr.is_from_fork = true),
        read(|pr| pr.is_draft = true),
    ];
    assert_eq!(
        found,
        [
            "#7 is read => [response, ticket to completed] done, over: merged",
            "#7 is read => [thought] implementing, next implementation",
            "#7 is read => [elicitation] awaiting_input, waits for an answer",
            "#7 is read => implementing, next implementation",
        ]
    );
}

#[test]
fn s49_what_is_not_clear_is_asked() {
    linked(&[7, 8]).reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated, with attachments => [elicitation] awaiting_input, waits for an answer",
    ]);
    let mut story = linked(&[7]);
    let missing = ObservationKind::PullRequestMissing { number: PrNumber(7), version: at(1) };
    story.observe("#7 cannot be seen", missing).says("start over").starts();
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated, with attachments => delegated, waits to read #7",
        "#7 cannot be seen => [elicitation] awaiting_input, waits for an answer",
        "session: start over => [thought] implementing, next implementation, takes 1 inputs",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
    ]);
}

/// The blockers are read right before the start; an answer that does not come keeps the wish.
#[test]
fn s52_a_blocker_that_is_found_at_the_start_comes_before_the_run() {
    let mut story = Story::new();
    story
        .opens_session(Some("use German"))
        .delegated()
        .ticket("OPS-7 blocks it", blocked_by(Started))
        .ticket("OPS-7 is done", blocked_by(Completed))
        .starts()
        .ends(RunOutcome::Unavailable { reason: "no answer".to_owned(), until: None })
        .passes(Duration::from_secs(15))
        .starts();
    assert_eq!(story.facts.attempts, crate::Attempts::default());
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation, takes 1 inputs",
        "OPS-7 blocks it => [thought] delegated, waits for OPS-7",
        "OPS-7 is done => implementing, next implementation, takes 1 inputs",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 ends: unavailable => implementing, waits 15 s for implementation",
        "15 s pass => implementing, next implementation, keeps edits, resumes thread of r1, takes 1 inputs",
        "r2 starts => implementing, runs implementation",
    ]);
}

/// A hook that fails always: the launches are bounded, and the last word is said to a human.
#[test]
fn s52_a_launch_that_always_fails_ends_with_a_human() {
    let mut story = Story::new();
    story.opens_session(None).delegated();
    for _ in 0..5 {
        story.passes(Duration::from_secs(600)).starts().ends(super::failed());
    }
    assert_eq!(story.facts.attempts.implementation, 0);
    story.reads(&[
        "a session opens => [thought] delegated, waits for the ticket",
        "delegated => implementing, next implementation",
        "600 s pass => implementing, next implementation",
        "r1 starts => [action, ticket to started] implementing, runs implementation",
        "r1 ends: failed => implementing, next implementation, keeps edits, resumes thread of r1",
        "600 s pass => implementing, next implementation, keeps edits, resumes thread of r1",
        "r2 starts => implementing, runs implementation",
        "r2 ends: failed => implementing, waits 15 s for implementation",
        "600 s pass => implementing, next implementation, keeps edits, resumes thread of r1",
        "r3 starts => implementing, runs implementation",
        "r3 ends: failed => implementing, waits 30 s for implementation",
        "600 s pass => implementing, next implementation, keeps edits, resumes thread of r1",
        "r4 starts => implementing, runs implementation",
        "r4 ends: failed => implementing, waits 60 s for implementation",
        "600 s pass => implementing, next implementation, keeps edits, resumes thread of r1",
        "r5 starts => implementing, runs implementation",
        "r5 ends: failed => [error] escalated, waits for help",
    ]);
}

/// Delegated while we were away: that it is read is enough.
#[test]
fn s53_a_delegated_ticket_that_nobody_told_of_is_started() {
    let mut story = Story::new();
    story.delegated();
    story.reads(&["delegated => implementing, next implementation"]);
}
