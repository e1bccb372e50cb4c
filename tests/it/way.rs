//! The way of one ticket through the built program.

use patchrelay_testkit::{
    Fault,
    agent::{ReportAnswer, Step},
};

use crate::world::{REPO, World, changes, small_change};

#[tokio::test(flavor = "multi_thread")]
async fn a_delegated_ticket_becomes_a_merged_pull_request() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let pull_request = world.pull_request(&ticket.key).await;
    assert_eq!(pull_request.head_branch, "app/APP-1-change-it");
    assert_eq!(pull_request.title, "APP-1: Change it");
    assert!(pull_request.body.contains("<!-- patchrelay issue="), "{}", pull_request.body);
    let open = world.issue(&ticket.key, |issue| issue["state"] == "pr_open").await;
    assert_eq!(open["pr"]["head_sha"], pull_request.head.as_str());
    world
        .until("the ticket is started", || world.linear.issue(&ticket.key).state == "In Progress")
        .await;

    world.github.merge(REPO, pull_request.number).await.unwrap();
    world.issue(&ticket.key, |issue| issue["state"] == "done").await;
    world
        .until("the ticket is completed", || world.linear.issue(&ticket.key).state == "Done")
        .await;
    assert_eq!(world.github.file(REPO, "main", "a.txt").await.unwrap().as_deref(), Some("two\n"));
    let ids: Vec<_> =
        world.linear.activities(&ticket.key).into_iter().map(|activity| activity.id).collect();
    assert!(
        ids.iter().all(|id| id.len() == 36 && &id[14..15] == "4"),
        "ids are chosen by us, UUID v4: {ids:?}"
    );
    world.stop().await;
}

/// The answer to the pull request is lost, and so is the one to an activity: nothing is done twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_not_a_second_try() {
    let mut world = World::new(&small_change()).await;
    world.github.faults().plan("open_pull_request", Fault::LoseAnswer, 1);
    world.linear.faults().plan("AgentActivityCreate", Fault::LoseAnswer, 2);
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.pull_request(&ticket.key).await;
    world.until("everything is said", || world.linear.activities(&ticket.key).len() == 3).await;
    world.stop().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
}

/// Both services fail for a while, in every way: it takes longer, and that is all.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_nothing_but_time() {
    let mut world = World::new(&small_change()).await;
    world.linear.faults().plan("IssueById", Fault::Before(500), 2);
    world.linear.faults().plan("AgentActivityCreate", Fault::CutBefore, 1);
    world.github.faults().plan("find_pull_request", Fault::Before(502), 2);
    world.github.faults().plan("open_pull_request", Fault::CutBefore, 1);
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.pull_request(&ticket.key).await;
    let issue = world.get(&format!("/api/issues/{}", ticket.key)).await;
    assert_eq!(issue["attempts"]["implementation"], 0);
    assert_eq!(issue["attempts"]["recovery"], 0);
    world.stop().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
}

/// Taking the ticket away stops the agent, although no webhook tells of it.
#[tokio::test(flavor = "multi_thread")]
async fn taking_the_ticket_away_stops_the_run() {
    let edit = Step::Write { path: "a.txt".to_owned(), content: "two\n".to_owned() };
    let mut world = World::new(&changes(vec![vec![edit, Step::Hang]])).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    world.linear.undelegate(&ticket.key);
    let issue = world.issue(&ticket.key, |issue| issue["state"] == "paused").await;
    assert!(issue["active_run"].is_null());
    world.stop().await;
    assert!(world.github.pull_requests(REPO).await.unwrap().is_empty());
}

/// A ticket that is cancelled while the agent works gets no pull request.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_for_a_cancelled_ticket() {
    let mut world = World::new(&small_change()).await;
    let gate = world.path("gate");
    let turn = vec![
        Step::Write { path: "a.txt".to_owned(), content: "two\n".to_owned() },
        Step::WaitFor(gate.clone()),
    ];
    world.follow(&changes(vec![turn]));
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    world.linear.move_issue(&ticket.key, "Canceled");
    std::fs::write(gate, "").unwrap();
    world.issue(&ticket.key, |issue| issue["state"] == "failed").await;
    world.stop().await;
    assert!(world.github.pull_requests(REPO).await.unwrap().is_empty());
}

/// A model that is overloaded costs nothing, and the ticket is worked on when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_model_costs_no_attempt() {
    let overloaded = vec![Step::Overload("at capacity".to_owned())];
    let mut script = changes(vec![overloaded]);
    let mut world = World::new(&script).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue =
        world.issue(&ticket.key, |issue| issue["latest_run"]["outcome"] == "unavailable").await;
    for counter in ["implementation", "recovery"] {
        assert_eq!(issue["attempts"][counter], 0, "{counter}");
    }
    script.turns = small_change().turns;
    world.follow(&script);
    world.pull_request(&ticket.key).await;
    world.stop().await;
}

/// Closing and replacing is bounded: after three closes a human is called.
#[tokio::test(flavor = "multi_thread")]
async fn closing_the_pull_request_again_and_again_ends_with_a_call_for_help() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    for number in 1..=3 {
        world
            .issue(&ticket.key, |issue| {
                issue["pr"]["number"] == number && issue["active_run"].is_null()
            })
            .await;
        world.github.close(REPO, number).await.unwrap();
    }
    world.issue(&ticket.key, |issue| issue["state"] == "escalated").await;
    world.stop().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 3);
}

/// A branch that somebody else made under our name is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_of_somebody_else_is_left_alone() {
    let mut world = World::new(&small_change()).await;
    world
        .github
        .push_commit(REPO, "app/APP-1-change-it", &[("b.txt", "theirs\n")], "Mine")
        .await
        .unwrap();
    let theirs = world.github.branch_head(REPO, "app/APP-1-change-it").await.unwrap();
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let pull_request = world.pull_request(&ticket.key).await;
    assert_eq!(pull_request.head_branch, "app/APP-1-change-it-2");
    world.stop().await;
    assert_eq!(world.github.branch_head(REPO, "app/APP-1-change-it").await.unwrap(), theirs);
}

/// A protected path is not published without a human's word, and the work is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_protected_path_is_asked_about() {
    let path = ".github/workflows/ci.yml".to_owned();
    let turn = vec![Step::Write { path, content: "on: push\n".to_owned() }];
    let mut world = World::new(&changes(vec![turn])).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| issue["state"] == "awaiting_input").await;
    world
        .until("a human is asked", || {
            world.linear.activities(&ticket.key).iter().any(|said| said.kind == "elicitation")
        })
        .await;
    world.stop().await;
    assert!(world.github.pull_requests(REPO).await.unwrap().is_empty());
}

/// An agent that finds nothing to do settles the ticket without a pull request.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_change_is_a_result() {
    let mut script = changes(vec![vec![Step::Say("Nothing to do.".to_owned())]]);
    if let Some(ReportAnswer::Report(report)) = script.reports.first_mut() {
        report.outcome = patchrelay_domain::ReportOutcome::NoChangeNeeded;
        report.summary = "It is there already.".to_owned();
    }
    let mut world = World::new(&script).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    world.issue(&ticket.key, |issue| issue["state"] == "done").await;
    world.stop().await;
    assert!(world.github.pull_requests(REPO).await.unwrap().is_empty());
}
