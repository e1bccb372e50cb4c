use std::time::Duration;

use patchrelay_domain::SessionId;
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
    CreateActivity { id: Uuid::new_v4().to_string(), session: session.clone(), content }
}

async fn move_to(fake: &FakeLinear, issue: &FakeIssue, to: TicketTarget) -> Result<(), CallError> {
    tracker(fake).move_ticket(&MoveTicket { issue: id(fake, issue), to }).await
}

#[tokio::test]
async fn who_we_are_is_asked_until_it_is_known_and_then_no_more() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    fake.faults().plan("Viewer", Fault::Before(500), 1);
    assert!(matches!(tracker.identity().await, Err(CallError::Unanswered { .. })));
    let expected = TrackerIdentity { workspace: fake.workspace(), app_user: fake.app_user() };
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
    let foreign = IssueId::new("other-workspace", &*issue.id);
    assert!(matches!(tracker.read_ticket(&foreign).await, Err(CallError::NotFound { .. })));
    let order = MoveTicket { issue: foreign, to: TicketTarget::Started };
    assert!(matches!(tracker.move_ticket(&order).await, Err(CallError::NotFound { .. })));
    assert_eq!(fake.calls("IssueById") + fake.calls("IssueUpdate"), 0);
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
async fn a_used_id_is_an_error_while_nobody_can_tell_what_it_is() {
    let fake = fake().await;
    let tracker = tracker(&fake);
    let issue = fake.create_issue("Add a flag", "");
    let order = thought(&session(&fake.open_session(&issue.key)), "Hm.");
    tracker.create_activity(&order).await.unwrap();
    fake.faults().plan("AgentActivityById", Fault::Before(500), 1);
    assert!(matches!(tracker.create_activity(&order).await, Err(CallError::Refused { .. })));
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
        move_to(&fake, &issue, TicketTarget::Started).await.unwrap();
        assert_eq!(fake.issue(&issue.key).state, "In Progress", "from {from}");
    }
}

#[tokio::test]
async fn a_completed_ticket_goes_to_the_state_called_done() {
    let fake = fake().await;
    for from in ["Todo", "In Review"] {
        let issue = fake.create_issue("Add a flag", "");
        fake.move_issue(&issue.key, from);
        move_to(&fake, &issue, TicketTarget::Completed).await.unwrap();
        assert_eq!(fake.issue(&issue.key).state, "Done", "from {from}");
    }
}

#[tokio::test]
async fn a_ticket_that_a_human_moved_on_is_left_there() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    for (state, to) in [
        ("In Review", TicketTarget::Started),
        ("Done", TicketTarget::Started),
        ("Canceled", TicketTarget::Started),
        ("Released", TicketTarget::Completed),
        ("Canceled", TicketTarget::Completed),
    ] {
        fake.move_issue(&issue.key, state);
        move_to(&fake, &issue, to).await.unwrap();
        assert_eq!(fake.issue(&issue.key).state, state);
    }
    assert_eq!(fake.calls("IssueUpdate"), 0);
}

#[tokio::test]
async fn a_move_whose_answer_is_lost_can_be_repeated() {
    let fake = fake().await;
    let issue = fake.create_issue("Add a flag", "");
    fake.faults().plan("IssueUpdate", Fault::LoseAnswer, 1);
    assert!(move_to(&fake, &issue, TicketTarget::Started).await.unwrap_err().is_retryable());
    move_to(&fake, &issue, TicketTarget::Started).await.unwrap();
    assert_eq!(
        (fake.issue(&issue.key).state, fake.calls("IssueUpdate")),
        ("In Progress".to_owned(), 1)
    );
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
    let human = TrackerIdentity { workspace: fake.workspace(), app_user: fake.human() };
    assert!(!tracker.ticket(first, &human).delegated);
    tracker.credential = Credential::PersonalKey(SecretString::from("lin_api_1"));
    assert!(tracker.ticket(second, &human).delegated);
}

#[test]
fn a_priority_without_a_meaning_is_none() {
    let read = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0, 2.5, f64::NAN].map(priority);
    assert_eq!(read, [0, 1, 2, 3, 4, 0, 0, 0, 0]);
}
