use std::time::Duration;

use patchrelay_domain::{PrNumber, SessionId};
use patchrelay_testkit::{
    Fault, WebhookTarget,
    linear::{FakeIssue, FakeLinear, FakeLinearConfig, SignedDelivery},
};
use secrecy::SecretString;
use uuid::Uuid;

use super::*;

const TOKEN: &str = "app-token";

async fn fake() -> FakeLinear {
    let webhook =
        WebhookTarget { url: "http://127.0.0.1:9/nobody".to_owned(), secret: "secret".to_owned() };
    FakeLinear::start(FakeLinearConfig { webhook, token: TOKEN.to_owned(), port: 0 })
        .await
        .expect("a free port")
}

fn tracker_with(fake: &FakeLinear, token: &str) -> LinearTracker {
    let config = LinearConfig {
        api_url: fake.url().parse().unwrap(),
        credential: Credential::AppToken(SecretString::from(token)),
        timeout: Duration::from_secs(5),
    };
    LinearTracker::new(&config).unwrap()
}

fn tracker(fake: &FakeLinear) -> LinearTracker {
    tracker_with(fake, TOKEN)
}

fn id(fake: &FakeLinear, issue: &FakeIssue) -> IssueId {
    IssueId::new(fake.workspace(), &*issue.id)
}

fn session(delivery: &SignedDelivery) -> SessionId {
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    SessionId::new(body["agentSession"]["id"].as_str().unwrap())
}

fn thought(session: &SessionId, body: &str) -> CreateActivity {
    let content = ActivityContent::Thought { body: body.to_owned() };
    let id = Uuid::new_v4().to_string();
    CreateActivity { id, session: session.clone(), content, ephemeral: false }
}

/// Moves a ticket from where it is.
async fn move_to(
    fake: &FakeLinear,
    issue: &FakeIssue,
    to: TicketTarget,
) -> Result<Moved, CallError> {
    let tracker = tracker(fake);
    let issue = id(fake, issue);
    let from = tracker.read_ticket(&issue).await.unwrap().value.state;
    tracker.move_ticket(&MoveTicket { issue, from, to }).await
}

#[tokio::test]
async fn who_we_are_is_asked_until_it_is_known_and_then_no_more() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    fake.faults().plan("Viewer", Fault::Before(500), 1);
    assert!(matches!(tracker.identity().await, Err(CallError::Unanswered { .. })));
    let expected = TrackerIdentity {
        workspace: fake.workspace(),
        app_user: fake.app_user(),
        is_shared: false,
    };
    for _ in 0..3 {
        assert_eq!(tracker.identity().await.unwrap(), expected);
    }
    assert_eq!(fake.calls("Viewer"), 2);
}

#[tokio::test]
async fn a_ticket_is_read_as_it_is_now() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "Please add `--json`.");
    fake.label_issue(&issue.key, "cli");
    let before = tracker.read_ticket(&id(&fake, &issue)).await.unwrap();
    let ticket = &before.value;
    assert_eq!(
        (&*ticket.key, &*ticket.title, &*ticket.description),
        ("APP-1", "Add a flag", "Please add `--json`.")
    );
    assert_eq!(
        (&*ticket.team_key, &ticket.labels[..], ticket.priority),
        ("APP", &["cli".to_owned()][..], 0)
    );
    assert_eq!((&*ticket.state.name, ticket.state.kind), ("Todo", TrackerStateKind::Unstarted));
    assert!(!ticket.delegated && ticket.tracker_project.is_none());
    assert_eq!(ticket.team_name, "Application");

    fake.open_session(&issue.key);
    let after = tracker.read_ticket(&id(&fake, &issue)).await.unwrap();
    assert!(after.value.delegated && before.version < after.version);
    fake.undelegate(&issue.key);
    assert!(!tracker.read_ticket(&id(&fake, &issue)).await.unwrap().value.delegated);
}

#[tokio::test]
async fn a_ticket_of_another_workspace_does_not_exist() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let before = tracker.read_ticket(&id(&fake, &issue)).await.unwrap().value;
    let foreign = IssueId::new("other-workspace", &*issue.id);
    assert!(matches!(tracker.read_ticket(&foreign).await, Err(CallError::NotFound { .. })));
    let from = before.state;
    let order = MoveTicket { issue: foreign, from, to: TicketTarget::Started };
    assert!(matches!(tracker.move_ticket(&order).await, Err(CallError::NotFound { .. })));
    assert_eq!(fake.calls("IssueById") + fake.calls("IssueUpdate"), 1, "that of our own");
    let unknown = IssueId::new(fake.workspace(), Uuid::new_v4().to_string());
    let error = tracker.read_ticket(&unknown).await.unwrap_err();
    assert!(error.to_string().contains(unknown.ticket.as_str()), "{error}");
    assert!(matches!(error, CallError::NotFound { .. }));
}

#[tokio::test]
async fn every_kind_of_activity_is_written() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let session = session(&fake.open_session(&issue.key));
    let body = || "text".to_owned();
    for content in [
        ActivityContent::Thought { body: body() },
        ActivityContent::Action { action: "Run".to_owned(), parameter: "cargo test".to_owned() },
        ActivityContent::Response { body: body() },
        ActivityContent::Elicitation { body: body() },
        ActivityContent::Error { body: body() },
    ] {
        tracker
            .create_activity(&CreateActivity { content, ..thought(&session, "") })
            .await
            .unwrap();
    }
    let written = fake.activities(&issue.key);
    let shown: Vec<String> =
        written.iter().map(|activity| format!("{}: {}", activity.kind, activity.text())).collect();
    assert_eq!(
        shown,
        [
            "thought: text",
            "action: Run cargo test",
            "response: text",
            "elicitation: text",
            "error: text"
        ]
    );
}

#[tokio::test]
async fn an_activity_whose_answer_is_lost_is_not_written_twice() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let order = thought(&session(&fake.open_session(&issue.key)), "Hm.");
    fake.faults().plan("AgentActivityCreate", Fault::LoseAnswer, 1);
    let lost = tracker.create_activity(&order).await.unwrap_err();
    assert!(lost.is_retryable(), "{lost}");
    assert_eq!(fake.activities(&issue.key).len(), 1);

    tracker.create_activity(&order).await.unwrap();
    tracker.create_activity(&order).await.unwrap();
    assert_eq!(fake.activities(&issue.key).len(), 1);
    assert_eq!(fake.calls("AgentActivityById"), 2, "the used id is believed only after reading");
}

#[tokio::test]
async fn a_used_id_is_no_refusal_while_nobody_can_tell_what_it_is() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let order = thought(&session(&fake.open_session(&issue.key)), "Hm.");
    tracker.create_activity(&order).await.unwrap();
    for fault in [Fault::Before(500), Fault::LoseAnswer] {
        fake.faults().plan("AgentActivityById", fault, 1);
        let unknown = tracker.create_activity(&order).await;
        assert!(matches!(unknown, Err(CallError::Unanswered { .. })), "{unknown:?}");
    }
    let elsewhere = CreateActivity { session: session(&fake.open_session(&issue.key)), ..order };
    let error = tracker.create_activity(&elsewhere).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Refused { reason, .. } if reason.contains("already exists")),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_activity_stays_refused() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let session = session(&fake.open_session(&issue.key));
    let not_v4 = CreateActivity {
        id: "01920000-0000-7000-8000-000000000000".to_owned(),
        ..thought(&session, "Hm.")
    };
    assert!(matches!(tracker.create_activity(&not_v4).await, Err(CallError::Refused { .. })));
    assert!(matches!(
        tracker.create_activity(&thought(&session, "")).await,
        Err(CallError::Refused { .. })
    ));
    let nowhere = thought(&SessionId::new("no-session"), "Hm.");
    assert!(matches!(tracker.create_activity(&nowhere).await, Err(CallError::NotFound { .. })));
    assert!(fake.activities(&issue.key).is_empty());
}

#[tokio::test]
async fn a_started_ticket_goes_to_the_first_started_state() {
    let fake = fake().await;
    for from in ["Backlog", "Todo"] {
        let issue = fake.create_issue("Add a flag", "");
        fake.move_issue(&issue.key, from);
        let moved = move_to(&fake, &issue, TicketTarget::Started).await.unwrap();
        assert_eq!(moved, Moved::Moved);
        assert_eq!(fake.issue(&issue.key).state, "In Progress", "from {from}");
    }
}

#[tokio::test]
async fn a_completed_ticket_goes_to_the_state_called_done() {
    let fake = fake().await;
    for from in ["Todo", "In Review"] {
        let issue = fake.create_issue("Add a flag", "");
        fake.move_issue(&issue.key, from);
        let moved = move_to(&fake, &issue, TicketTarget::Completed).await.unwrap();
        assert_eq!(moved, Moved::Moved);
        assert_eq!(fake.issue(&issue.key).state, "Done", "from {from}");
    }
}

#[tokio::test]
async fn a_ticket_is_moved_only_from_where_it_was_last_seen() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let seen = tracker.read_ticket(&id(&fake, &issue)).await.unwrap().value.state;
    for (state, to) in [
        ("Backlog", TicketTarget::Started),
        ("In Review", TicketTarget::Started),
        ("Released", TicketTarget::Completed),
    ] {
        fake.move_issue(&issue.key, state);
        let order = MoveTicket { issue: id(&fake, &issue), from: seen.clone(), to };
        assert_eq!(tracker.move_ticket(&order).await.unwrap(), Moved::Elsewhere);
        assert_eq!(fake.issue(&issue.key).state, state);
    }
    assert_eq!(fake.calls("IssueUpdate"), 0);
}

#[tokio::test]
async fn a_move_whose_answer_is_lost_is_not_made_twice() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let tracker = tracker(&fake);
    let from = tracker.read_ticket(&id(&fake, &issue)).await.unwrap().value.state;
    let order = MoveTicket { issue: id(&fake, &issue), from, to: TicketTarget::Started };
    fake.faults().plan("IssueUpdate", Fault::LoseAnswer, 1);
    assert!(tracker.move_ticket(&order).await.unwrap_err().is_retryable());
    assert_eq!(tracker.move_ticket(&order).await.unwrap(), Moved::Elsewhere);
    assert_eq!(
        (fake.issue(&issue.key).state, fake.calls("IssueUpdate")),
        ("In Progress".to_owned(), 1)
    );
}

fn steps(first: PlanStatus) -> Vec<PlanStep> {
    let step = |content: &str, status| PlanStep { content: content.to_owned(), status };
    vec![step("Implement", first), step("Verify", PlanStatus::Pending)]
}

#[tokio::test]
async fn a_plan_and_a_link_replace_what_was_there_and_nothing_else() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let session = session(&fake.open_session(&issue.key));
    let link = |number, url: &str| SetLink {
        session: session.clone(),
        number: PrNumber(number),
        url: url.to_owned(),
    };
    tracker.set_link(&link(1, "https://github.test/1")).await.unwrap();
    for (status, shown) in [
        (PlanStatus::InProgress, "inProgress"),
        (PlanStatus::Completed, "completed"),
        (PlanStatus::Canceled, "canceled"),
    ] {
        let order = SetPlan { session: session.clone(), steps: steps(status) };
        tracker.set_plan(&order).await.unwrap();
        let plan = fake.plan(&issue.key);
        assert_eq!(plan[0], ("Implement".to_owned(), shown.to_owned()));
        assert_eq!((plan.len(), &*plan[1].1), (2, "pending"));
    }
    let links = || fake.links(&issue.key);
    let label = |number| format!("Pull request #{number}");
    assert_eq!(links(), [(label(1), "https://github.test/1".to_owned())], "a plan changes no link");
    tracker.set_link(&link(2, "https://github.test/2")).await.unwrap();
    assert_eq!(links(), [(label(2), "https://github.test/2".to_owned())]);
    assert_eq!(fake.plan(&issue.key).len(), 2, "and a link no plan");
}

#[tokio::test]
async fn a_session_that_is_gone_refuses_everything() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let session = session(&fake.open_session(&issue.key));
    fake.delete_sessions(&issue.key);
    let plan = SetPlan { session: session.clone(), steps: steps(PlanStatus::Pending) };
    let link = SetLink { session: session.clone(), number: PrNumber(1), url: String::new() };
    for refused in [
        tracker.create_activity(&thought(&session, "Hm.")).await,
        tracker.set_plan(&plan).await,
        tracker.set_link(&link).await,
    ] {
        assert!(matches!(refused, Err(CallError::NotFound { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_ticket_gets_one_comment_which_is_changed_and_not_repeated() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let comment = |body: &str| WriteComment { issue: id(&fake, &issue), body: body.to_owned() };
    for operation in ["CommentCreate", "CommentUpdate"] {
        let body = format!("as of {operation}");
        fake.faults().plan(operation, Fault::LoseAnswer, 1);
        let lost = tracker(&fake).write_comment(&comment(&body)).await.unwrap_err();
        assert!(lost.is_retryable(), "{lost}");
        // Another process finds the same comment.
        for _ in 0..2 {
            tracker(&fake).write_comment(&comment(&body)).await.unwrap();
        }
        assert_eq!(fake.calls(operation), 1);
        let comments = fake.comments(&issue.key);
        assert_eq!((comments.len(), &comments[0].body), (1, &body));
    }
    let other = fake.create_issue("Add another", "");
    let order = WriteComment { issue: id(&fake, &other), body: "Hm.".to_owned() };
    tracker(&fake).write_comment(&order).await.unwrap();
    assert_eq!(fake.comments(&other.key).len(), 1, "each ticket has its own");
    let foreign = IssueId::new("other-workspace", &*issue.id);
    let order = WriteComment { issue: foreign, body: "Hm.".to_owned() };
    let refused = tracker(&fake).write_comment(&order).await;
    assert!(matches!(refused, Err(CallError::NotFound { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_activity_may_go_away_with_the_next_one() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let session = session(&fake.open_session(&issue.key));
    for ephemeral in [true, false] {
        let order = CreateActivity { ephemeral, ..thought(&session, "Hm.") };
        tracker(&fake).create_activity(&order).await.unwrap();
    }
    let kept: Vec<_> = fake.activities(&issue.key).iter().map(|found| found.ephemeral).collect();
    assert_eq!(kept, [true, false]);
}

#[tokio::test]
async fn a_team_without_a_fitting_state_is_a_refusal() {
    let states = |names: &[(&str, &str, f64)],
                  has_next_page|
     -> team_workflow::TeamWorkflowTeamStates {
        let node = |(name, kind, position): &(&str, &str, f64)| json!({ "id": name, "name": name, "type": kind, "position": position });
        let nodes: Vec<_> = names.iter().map(node).collect();
        serde_json::from_value(
            json!({ "nodes": nodes, "pageInfo": { "hasNextPage": has_next_page } }),
        )
        .unwrap()
    };
    let of = |names: &[(&str, &str, f64)], to| fitting_state(states(names, false), to);
    let strange =
        [("Doing", "a new type", 1.0), ("Shipped", "completed", 3.0), ("Closed", "completed", 2.0)];
    let Err(Failure::Refused(reason)) = of(&strange, TicketTarget::Started) else { panic!() };
    assert!(reason.contains("`started`"), "{reason}");
    assert_eq!(of(&strange, TicketTarget::Completed).unwrap(), "Closed");
    let named = [("Closed", "completed", 1.0), (" completed ", "completed", 9.0)];
    assert_eq!(of(&named, TicketTarget::Completed).unwrap(), " completed ");
    assert!(matches!(
        fitting_state(states(&named, true), TicketTarget::Completed),
        Err(Failure::Refused(_))
    ));
}

#[tokio::test]
async fn every_failure_of_the_service_has_its_meaning() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    let stranger = tracker_with(&fake, "stolen").read_ticket(&id(&fake, &issue)).await.unwrap_err();
    assert!(matches!(stranger, CallError::Unauthorized { .. }), "{stranger}");

    let tracker = tracker(&fake);
    for fault in [Fault::Before(503), Fault::CutBefore, Fault::LoseAnswer] {
        fake.faults().plan("IssueById", fault, 1);
        let error = tracker.read_ticket(&id(&fake, &issue)).await.unwrap_err();
        assert!(
            matches!(error, CallError::Unanswered { retry_after: None, .. }),
            "{fault:?}: {error}"
        );
    }
    fake.faults().plan("IssueById", Fault::Before(429), 1);
    let wait = tracker.read_ticket(&id(&fake, &issue)).await.unwrap_err().retry_after().unwrap();
    assert!((Duration::from_secs(25)..=Duration::from_secs(35)).contains(&wait), "{wait:?}");
    tracker.read_ticket(&id(&fake, &issue)).await.unwrap();
}

#[tokio::test]
async fn with_a_personal_key_the_assignee_counts() {
    let fake = fake().await;
    let mut tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let found = || async { tracker.read(&id(&fake, &issue)).await.unwrap() };
    let (first, second) = (found().await, found().await);
    let human =
        TrackerIdentity { workspace: fake.workspace(), app_user: fake.human(), is_shared: true };
    assert!(!tracker.ticket(first, &human).delegated);
    tracker.credential = Credential::PersonalKey(SecretString::from("lin_api_1"));
    assert!(tracker.ticket(second, &human).delegated);
}

#[test]
fn a_priority_without_a_meaning_is_none() {
    let read = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0, 2.5, f64::NAN].map(priority);
    assert_eq!(read, [0, 1, 2, 3, 4, 0, 0, 0, 0]);
}

#[tokio::test]
async fn what_is_delegated_and_not_over_is_listed_over_all_pages() {
    let fake = fake().await;
    let delegated = |count: usize| -> Vec<FakeIssue> {
        let tickets = (0..count).map(|_| fake.create_issue("One of many", ""));
        tickets.inspect(|ticket| drop(fake.open_session(&ticket.key))).collect()
    };
    let mut tickets = delegated(103);
    fake.undelegate(&tickets[1].key);
    fake.move_issue(&tickets[2].key, "Done");
    tickets.drain(1..3);
    fake.create_issue("Nobody's", "");
    let listed = tracker(&fake).delegated_tickets().await.unwrap();
    let mut ids: Vec<_> = listed.iter().map(|ticket| ticket.value.clone()).collect();
    let mut expected: Vec<_> = tickets.iter().map(|ticket| id(&fake, ticket)).collect();
    assert!(listed.is_sorted_by_key(|ticket| std::cmp::Reverse(ticket.version)));
    ids.sort();
    expected.sort();
    assert_eq!((ids, fake.calls("OpenIssues")), (expected, 2));
    let read = tracker(&fake).read_ticket(&listed[0].value).await.unwrap();
    assert_eq!(read.version, listed[0].version);
}
