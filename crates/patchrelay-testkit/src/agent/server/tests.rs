use std::time::Duration;

use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::Server;
use crate::agent::{Script, Step, protocol::Out};

/// A message that takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of a server.
struct Client {
    inbox: mpsc::Sender<Vec<u8>>,
    out: mpsc::UnboundedReceiver<Vec<u8>>,
    task: JoinHandle<std::io::Result<()>>,
    home: tempfile::TempDir,
    next_id: u64,
}

impl Client {
    fn new(script: Script) -> Self {
        Self::at(tempfile::tempdir().unwrap(), script)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the client of a test waits for it or drops it with the runtime"
    )]
    fn at(home: tempfile::TempDir, script: Script) -> Self {
        let (inbox, lines) = mpsc::channel(8);
        let (sender, out) = mpsc::unbounded_channel();
        let task = tokio::spawn(Server::new(script, home.path(), Out::new(sender)).run(lines));
        Self { inbox, out, task, home, next_id: 1 }
    }

    async fn send(&self, line: &str) {
        self.inbox.send(line.as_bytes().to_vec()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = timeout(PATIENCE, self.out.recv()).await.expect("a message comes");
        serde_json::from_slice(&line.expect("the server runs")).expect("it is a message")
    }

    /// The answer, with the news before it dropped.
    async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "id": id, "method": method, "params": params }).to_string()).await;
        loop {
            let message = self.next().await;
            if message["method"].is_null() && message["id"] == id {
                return message;
            }
        }
    }

    async fn initialized(mut self) -> Self {
        let hello = json!({ "clientInfo": { "name": "test" }, "capabilities": { "experimentalApi": true } });
        assert!(self.request("initialize", hello).await["result"]["userAgent"].is_string());
        self
    }

    async fn thread(&mut self) -> String {
        let answer = self.request("thread/start", json!({ "cwd": self.home.path() })).await;
        answer["result"]["thread"]["id"].as_str().unwrap().to_owned()
    }

    async fn turn(&mut self, thread: &str) -> String {
        let input = json!([{ "type": "text", "text": "go" }]);
        let params =
            json!({ "threadId": thread, "input": input, "clientUserMessageId": "message-1" });
        self.request("turn/start", params).await["result"]["turn"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The methods of the news up to this one.
    async fn news_until(&mut self, last: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|method| method != last) {
            seen.push(self.next().await["method"].as_str().unwrap_or("an answer").to_owned());
        }
        seen
    }
}

fn script(steps: Vec<Step>) -> Script {
    Script { turns: vec![steps], ..Script::default() }
}

/// Checks that the request is refused with a text that contains this.
async fn check_refused(client: &mut Client, method: &str, params: Value, text: &str) {
    let answer = client.request(method, params).await;
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(answer["error"]["code"] == -32600 && message.contains(text), "{method}: {answer}");
}

#[tokio::test]
async fn it_refuses_what_the_real_one_refuses() {
    let mut client = Client::new(Script::default());
    check_refused(&mut client, "thread/start", json!({ "cwd": "/" }), "Not initialized").await;
    check_refused(&mut client, "turn/start", json!({ "threadId": "x" }), "Not initialized").await;
    check_refused(&mut client, "initialize", json!({}), "missing field `clientInfo`").await;
    let mut client = client.initialized().await;
    let client = &mut client;
    check_refused(client, "initialize", json!({}), "Already initialized").await;
    check_refused(
        client,
        "thread/strat",
        json!({}),
        "unknown variant `thread/strat`, expected one of `initialize`",
    )
    .await;
    check_refused(client, "turn/start", json!({}), "missing field `threadId`").await;
    let id = "01a20f8f-1b40-7d00-a58c-4d1890daea9d";
    check_refused(
        client,
        "turn/start",
        json!({ "threadId": id }),
        &format!("thread not found: {id}"),
    )
    .await;
    let gone = format!("no rollout found for thread id {id}");
    check_refused(client, "thread/resume", json!({ "threadId": id, "cwd": "/" }), &gone).await;
    check_refused(
        client,
        "thread/resume",
        json!({ "threadId": "../x", "cwd": "/" }),
        "invalid session id",
    )
    .await;
    check_refused(
        client,
        "thread/turns/list",
        json!({ "threadId": id }),
        &format!("thread not loaded: {id}"),
    )
    .await;
    let both = json!({ "cwd": "/", "sandbox": "workspace-write", "permissions": "p" });
    check_refused(client, "thread/start", both, "cannot be combined").await;
    check_refused(
        client,
        "thread/start",
        json!({ "cwd": "/", "permissions": "p" }),
        "undefined profile `p`",
    )
    .await;
    let thread = client.thread().await;
    let interrupt = json!({ "threadId": thread, "turnId": "t" });
    check_refused(client, "turn/interrupt", interrupt, "no active turn to interrupt").await;
}

#[tokio::test]
async fn what_is_no_message_gets_no_answer() {
    let client = Client::new(Script::default());
    for line in
        ["", "hello", "[]", "{}", "{\"method\":\"initialized\"}", "{\"id\":7,\"result\":{}}"]
    {
        client.send(line).await;
    }
    let mut client = client.initialized().await;
    assert!(client.out.try_recv().is_err());
}

#[tokio::test]
async fn news_come_in_the_order_of_the_real_one() {
    let mut client = Client::new(script(vec![Step::Say("hi".to_owned())])).initialized().await;
    let thread = client.thread().await;
    client.turn(&thread).await;
    assert_eq!(
        client.news_until("turn/completed").await,
        [
            "thread/status/changed",
            "turn/started",
            "item/started",
            "item/completed",
            "item/started",
            "item/completed",
            "thread/tokenUsage/updated",
            "thread/status/changed",
            "turn/completed",
        ]
    );
}

#[tokio::test]
async fn a_turn_start_during_a_turn_is_a_message_to_it() {
    let mut client = Client::new(script(vec![Step::Hang])).initialized().await;
    let thread = client.thread().await;
    let turn = client.turn(&thread).await;
    assert_eq!(client.turn(&thread).await, turn);
}

#[tokio::test]
async fn an_interrupt_is_answered_before_the_end_of_the_turn() {
    let mut client = Client::new(script(vec![Step::Hang])).initialized().await;
    let thread = client.thread().await;
    let turn = client.turn(&thread).await;
    client.news_until("turn/started").await;
    let other = json!({ "threadId": thread, "turnId": "other" });
    check_refused(&mut client, "turn/interrupt", other, "expected active turn id other but found")
        .await;
    let answer =
        client.request("turn/interrupt", json!({ "threadId": thread, "turnId": turn })).await;
    assert_eq!(answer["result"], json!({}));
    let last = loop {
        let news = client.next().await;
        if news["method"] == "turn/completed" {
            break news;
        }
    };
    assert_eq!(last["params"]["turn"]["status"], "interrupted");
}

#[tokio::test]
async fn another_process_sees_the_turns_and_that_the_last_one_did_not_end() {
    let turns = vec![vec![Step::Say("first".to_owned())], vec![Step::Crash]];
    let script = Script { turns, ..Script::default() };
    let mut client = Client::new(script.clone()).initialized().await;
    let thread = client.thread().await;
    client.turn(&thread).await;
    client.news_until("turn/completed").await;
    client.turn(&thread).await;
    let Client { task, home, .. } = client;
    assert!(timeout(PATIENCE, task).await.unwrap().unwrap().is_err(), "it crashed");

    let mut client = Client::at(home, script).initialized().await;
    let listed = client.request("thread/turns/list", json!({ "threadId": thread })).await;
    let turns = listed["result"]["data"].as_array().unwrap();
    let statuses: Vec<_> = turns.iter().map(|turn| turn["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["interrupted", "completed"]);
    assert_eq!(turns[0]["items"][0]["clientId"], "message-1");
    let cwd = client.home.path().to_owned();
    let resumed = client.request("thread/resume", json!({ "threadId": thread, "cwd": cwd })).await;
    assert_eq!(
        resumed["result"]["sandbox"]["type"], "readOnly",
        "without the permissions they are not taken over"
    );
}

#[tokio::test]
async fn a_thread_without_a_turn_dies_with_its_process() {
    let mut client = Client::new(Script::default()).initialized().await;
    let thread = client.thread().await;
    let Client { inbox, task, home, .. } = client;
    drop(inbox);
    timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
    let mut client = Client::at(home, Script::default()).initialized().await;
    let params = json!({ "threadId": thread, "cwd": "/" });
    check_refused(&mut client, "thread/resume", params, "no rollout found").await;
}

#[tokio::test]
async fn a_rule_chooses_the_turns_by_the_first_prompt() {
    let script: Script = serde_json::from_value(json!({
        "rules": [{ "when": "APP-2", "turns": [[{ "say": "two" }]], "reports": ["no JSON"] }],
        "turns": [[{ "write": { "path": "a", "content": "b" } }, "hang"]],
    }))
    .unwrap();
    assert_eq!(script.steps("ticket APP-2", 5), Some(vec![Step::Say("two".to_owned())]));
    assert_eq!(script.steps("ticket APP-1", 0).unwrap()[1], Step::Hang);
    assert_eq!(script.report("ticket APP-2", 0).unwrap().text(), "no JSON");
    assert!(script.report("ticket APP-1", 0).is_none());
    assert!(serde_json::from_value::<Script>(json!({ "turn": [] })).is_err(), "a typo is an error");
}
