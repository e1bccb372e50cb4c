//! What people say, from deliveries as Linear sends them.

use patchrelay_domain::{Actor, IssueId, Standing, Timestamp};
use patchrelay_ports::{Comment, Prompt, PromptOrder, Signal, SignalKind};
use patchrelay_testkit::{
    WebhookTarget,
    linear::{FakeIssue, FakeLinear, FakeLinearConfig, SignedDelivery, Speaker},
};
use serde_json::{Value, json};

use super::EventType;
use crate::tracker::comment_id;

/// A ticket with a session.
struct World {
    fake: FakeLinear,
    issue: FakeIssue,
}

impl World {
    async fn new() -> Self {
        let webhook = WebhookTarget {
            url: "http://127.0.0.1:9/nobody".to_owned(),
            secret: "secret".to_owned(),
        };
        let config = FakeLinearConfig { webhook, token: "token".to_owned(), port: 0 };
        let fake = FakeLinear::start(config).await.unwrap();
        let issue = fake.create_issue("Add a flag", "");
        fake.open_session(&issue.key);
        Self { fake, issue }
    }

    fn id(&self) -> IssueId {
        IssueId::new(self.fake.workspace(), &*self.issue.id)
    }

    fn ada(&self) -> Actor {
        Actor {
            id: self.fake.human(),
            name: Some("Ada".to_owned()),
            email: Some("ada@linear.test".to_owned()),
            standing: Standing::Member,
        }
    }
}

fn body_of(delivery: &SignedDelivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

fn read(body: &Value) -> Result<Vec<Signal>, String> {
    EventType::named(body["type"].as_str().unwrap()).unwrap().read(body.to_string().as_bytes())
}

/// What it says, which is not nothing.
fn signal(body: &Value) -> SignalKind {
    read(body).unwrap().remove(0).kind
}

fn prompt(body: &Value) -> Prompt {
    match signal(body) {
        SignalKind::Prompted { prompt, .. } => prompt,
        other => panic!("{other:?}"),
    }
}

fn comment(body: &Value) -> Comment {
    match signal(body) {
        SignalKind::Commented { comment, .. } => comment,
        other => panic!("{other:?}"),
    }
}

fn time(text: &Value) -> Timestamp {
    super::readable(text.as_str().map(str::to_owned)).unwrap()
}

/// A body with one thing changed.
fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[tokio::test]
async fn a_prompt_tells_who_said_what_when_and_where() {
    let world = World::new().await;
    let said = world.fake.prompt(&world.issue.key, "Please add a test.");
    let body = body_of(&said.prompt);
    let SignalKind::Prompted { issue, hint, session, prompt } = signal(&body) else { panic!() };
    assert_eq!((issue, hint.key.as_deref()), (world.id(), Some("APP-1")));
    assert_eq!(session.id.as_str(), body["agentSession"]["id"]);
    let expected = Prompt {
        source: said.comment_id,
        said: time(&body["agentActivity"]["createdAt"]),
        author: world.ada(),
        order: PromptOrder::Text("Please add a test.".to_owned()),
    };
    assert_eq!(prompt, expected);
}

#[tokio::test]
async fn a_prompt_that_is_no_comment_is_known_by_its_own_id() {
    let world = World::new().await;
    let body = body_of(&world.fake.prompt(&world.issue.key, "Please add a test.").prompt);
    for nothing in [Value::Null, json!(" ")] {
        let body = with(&body, "/agentActivity/sourceCommentId", nothing);
        assert_eq!(prompt(&body).source, body["agentActivity"]["id"]);
    }
}

#[tokio::test]
async fn the_sign_to_stop_is_an_order_whatever_the_text_says() {
    let world = World::new().await;
    let body = body_of(&world.fake.stop(&world.issue.key));
    for text in [json!("stop"), json!(""), json!("Please add a test."), Value::Null] {
        let said = prompt(&with(&body, "/agentActivity/content/body", text));
        assert_eq!(said.order, PromptOrder::Stop);
        assert_eq!(
            (said.source.as_str(), said.author),
            (body["agentActivity"]["id"].as_str().unwrap(), world.ada())
        );
    }
    let other = with(&body, "/agentActivity/signal", json!("continue"));
    assert_eq!(prompt(&other).order, PromptOrder::Text("stop".to_owned()));
}

#[tokio::test]
async fn what_no_human_wrote_into_a_session_says_nothing() {
    let world = World::new().await;
    let body = body_of(&world.fake.prompt(&world.issue.key, "Please add a test.").prompt);
    for kind in ["thought", "action", "response", "elicitation", "error", "a new one"] {
        let body = with(&body, "/agentActivity/content/type", json!(kind));
        assert_eq!(read(&body).unwrap(), [], "{kind}");
    }
    assert_eq!(read(&with(&body, "/agentActivity/content/body", json!("  \n"))).unwrap(), []);
    let own = with(&body, "/agentActivity/userId", json!(world.fake.app_user()));
    let own = with(&own, "/agentActivity/user/id", json!(world.fake.app_user()));
    assert_eq!(prompt(&own).author.standing, Standing::Ourselves);
}

#[tokio::test]
async fn a_comment_tells_who_said_what_when_and_where() {
    let world = World::new().await;
    let (id, told) = world.fake.comment(&world.issue.key, Speaker::Human, "@patchrelay add a test");
    let body = body_of(&told);
    let SignalKind::Commented { issue, comment } = signal(&body) else { panic!() };
    let expected = Comment {
        id,
        parent: None,
        in_session: false,
        said: time(&body["data"]["createdAt"]),
        author: world.ada(),
        text: "@patchrelay add a test".to_owned(),
        is_edit: false,
    };
    assert_eq!((issue, comment), (world.id(), expected));
}

#[tokio::test]
async fn a_comment_below_a_session_of_ours_is_known_by_its_thread() {
    let world = World::new().await;
    let said = world.fake.prompt(&world.issue.key, "Please add a test.");
    let told = comment(&body_of(&said.comment));
    assert_eq!((told.id, told.in_session, told.parent.is_some()), (said.comment_id, true, true));
    let body = body_of(&said.comment);
    let elsewhere = comment(&with(&body, "/data/parent/body", json!("What do you think?")));
    assert!(!elsewhere.in_session);
    assert_eq!(elsewhere.parent.as_deref(), body["data"]["parentId"].as_str());
    let marker = json!("This thread is for an agent session with patchrelay.");
    assert_eq!(read(&with(&body, "/data/body", marker)).unwrap(), [], "Linear itself wrote that");
}

#[tokio::test]
async fn an_edit_has_the_time_of_the_edit_and_a_removal_takes_everything_back() {
    let world = World::new().await;
    let (id, first) =
        world.fake.comment(&world.issue.key, Speaker::Human, "@patchrelay add a test");
    let edited = body_of(&world.fake.edit_comment(&id, "@patchrelay add two tests"));
    let told = comment(&edited);
    assert_eq!(
        (told.id.as_str(), told.text.as_str(), told.is_edit),
        (&*id, "@patchrelay add two tests", true)
    );
    assert_eq!(told.said, time(&edited["data"]["editedAt"]));
    assert!(comment(&body_of(&first)).said < told.said);

    let removed = comment(&body_of(&world.fake.remove_comment(&id)));
    assert_eq!((removed.id.as_str(), removed.text.as_str(), removed.is_edit), (&*id, "", true));
    assert!(told.said < removed.said);

    // A thread was resolved, somebody reacted.
    let other = with(
        &edited,
        "/updatedFrom",
        json!({ "resolvedAt": null, "updatedAt": "2026-01-02T03:04:05.000Z" }),
    );
    assert_eq!(read(&other).unwrap(), []);
    let silent = with(&edited, "/updatedFrom", Value::Null);
    assert!(comment(&silent).is_edit, "nobody says what was changed, so it may be the text");
}

#[tokio::test]
async fn each_speaker_has_the_standing_that_linear_vouches_for() {
    let world = World::new().await;
    let standing = |by| {
        let author = comment(&body_of(&world.fake.comment(&world.issue.key, by, "Hm.").1)).author;
        assert!(!author.id.is_empty());
        (author.standing, author.email)
    };
    let email = |name: &str| Some(format!("{name}@linear.test"));
    assert_eq!(standing(Speaker::Human), (Standing::Member, email("ada")));
    assert_eq!(standing(Speaker::Colleague), (Standing::Member, email("bob")));
    assert_eq!(standing(Speaker::Stranger), (Standing::Outsider, None), "not Linear's word");
    assert_eq!(standing(Speaker::OtherApp).0, Standing::Program);

    let body = body_of(&world.fake.comment(&world.issue.key, Speaker::Human, "Hm.").1);
    let bot = json!({ "id": "bot-1", "type": "slack" });
    for bot in [json!(bot.to_string()), bot, json!("not JSON"), json!(7)] {
        let author = comment(&with(&body, "/data/botActor", bot)).author;
        assert_eq!((author.standing, author.email), (Standing::Program, None));
    }
    let mut nobody = with(&body, "/data/user", Value::Null);
    nobody["data"]["userId"] = Value::Null;
    let author = comment(&nobody).author;
    assert_eq!((author.standing, author.id.as_str()), (Standing::Outsider, ""));
}

/// An id of one and the e-mail of another do not make a third who is trusted.
#[tokio::test]
async fn a_name_and_an_email_count_for_the_id_that_they_came_with() {
    let world = World::new().await;
    let body = body_of(&world.fake.comment(&world.issue.key, Speaker::Human, "Hm.").1);
    let author = comment(&with(&body, "/data/userId", json!("eve"))).author;
    assert_eq!((author.id.as_str(), author.name, author.email), ("eve", None, None));
}

#[tokio::test]
async fn whoever_changes_the_words_of_another_has_said_them() {
    let world = World::new().await;
    let (id, _) = world.fake.comment(&world.issue.key, Speaker::Human, "Hm.");
    let edited = body_of(&world.fake.edit_comment(&id, "@patchrelay add a test"));
    assert_eq!(comment(&edited).author, world.ada());
    let integration = json!({ "id": "i-1", "type": "integration", "service": "slack" });
    let author = comment(&with(&edited, "/actor", integration)).author;
    assert_eq!((author.id.as_str(), author.standing), ("i-1", Standing::Program));
    let bob = json!({ "id": "bob", "type": "user", "name": "Bob", "email": "bob@linear.test" });
    let author = comment(&with(&edited, "/actor", bob)).author;
    assert_eq!((author.id.as_str(), author.standing), ("bob", Standing::Member));
}

#[tokio::test]
async fn our_own_comment_is_known_by_its_id() {
    let world = World::new().await;
    let body = body_of(&world.fake.comment(&world.issue.key, Speaker::Human, "Hm.").1);
    let own = with(&body, "/data/id", json!(comment_id(&world.id())));
    assert_eq!(comment(&own).author.standing, Standing::Ourselves);
}

#[tokio::test]
async fn a_comment_on_something_else_than_a_ticket_says_nothing() {
    let world = World::new().await;
    let mut body = body_of(&world.fake.comment(&world.issue.key, Speaker::Human, "Hm.").1);
    assert_eq!(read(&with(&body, "/action", json!("a new one"))).unwrap(), []);
    body["data"]["issue"] = Value::Null;
    assert!(matches!(signal(&body), SignalKind::Commented { .. }), "the id is enough");
    body["data"]["issueId"] = Value::Null;
    assert_eq!(read(&body).unwrap(), []);
}

#[tokio::test]
async fn a_missing_or_wrong_field_is_named() {
    let world = World::new().await;
    let prompt = body_of(&world.fake.prompt(&world.issue.key, "Please.").prompt);
    let (id, told) = world.fake.comment(&world.issue.key, Speaker::Human, "Hm.");
    let (told, edited) = (body_of(&told), body_of(&world.fake.edit_comment(&id, "Oh.")));
    for (body, pointer, value, named) in [
        (&prompt, "/action", Value::Null, "`action`"),
        (&prompt, "/organizationId", Value::Null, "`organizationId`"),
        (&prompt, "/agentSession", Value::Null, "`agentSession`"),
        (&prompt, "/agentActivity", Value::Null, "`agentActivity`"),
        (&prompt, "/agentActivity", json!([]), "agentActivity"),
        (&prompt, "/agentActivity/id", Value::Null, "`agentActivity.id`"),
        (&prompt, "/agentActivity/id", json!(7), "agentActivity.id"),
        (&prompt, "/agentActivity/content", Value::Null, "`agentActivity.content`"),
        (&prompt, "/agentActivity/content/type", Value::Null, "`agentActivity.content.type`"),
        (&prompt, "/agentActivity/content/body", json!({}), "agentActivity.content.body"),
        (&prompt, "/agentActivity/createdAt", Value::Null, "`agentActivity.createdAt`"),
        (&prompt, "/agentActivity/createdAt", json!("yesterday"), "`agentActivity.createdAt`"),
        (&told, "/data", Value::Null, "`data`"),
        (&told, "/data/id", json!(""), "`data.id`"),
        (&told, "/data/issue/id", json!("a/b"), "`data.issueId`"),
        (&told, "/data/body", Value::Null, "`data.body`"),
        (&told, "/data/createdAt", json!("soon"), "`data.createdAt`"),
        (&told, "/data/user", json!("ada"), "data.user"),
        (&edited, "/data/editedAt", json!("then"), "`data.editedAt`"),
        (&edited, "/updatedFrom", json!([]), "updatedFrom"),
    ] {
        let error = read(&with(body, pointer, value)).unwrap_err();
        assert!(error.contains(named), "{pointer}: {error}");
    }
    let mut nobody = with(&prompt, "/agentActivity/user", Value::Null);
    nobody["agentActivity"]["userId"] = Value::Null;
    assert!(read(&nobody).unwrap_err().contains("`agentActivity.userId`"));
    let exchanged = EventType::Comment.read(prompt.to_string().as_bytes()).unwrap_err();
    assert!(exchanged.contains("`type` is not Comment"), "{exchanged}");
}

#[tokio::test]
async fn the_longest_text_that_fits_into_a_delivery_is_read() {
    let world = World::new().await;
    let text = "ä".repeat(500_000);
    let body = body_of(&world.fake.prompt(&world.issue.key, &text).prompt);
    assert_eq!(prompt(&body).order, PromptOrder::Text(text));
}
