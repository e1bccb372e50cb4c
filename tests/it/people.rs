//! What people say in Linear, through the built program.

use std::collections::HashMap;

use patchrelay_testkit::{
    agent::{ReportAnswer, Script, Step},
    linear::{FakeIssue, Speaker},
};
use serde_json::Value;

use crate::world::{REPO, World, changes, small_change};

const WORDS: &str = "Please count to four, too.";

fn write(path: &str, content: &str) -> Step {
    Step::Write { path: path.to_owned(), content: content.to_owned() }
}

/// A script whose second turn writes another file.
fn two_changes() -> Script {
    changes(vec![vec![write("a.txt", "two\n")], vec![write("b.txt", "four\n")]])
}

/// A script whose first turn waits for the gate when it has written its file.
fn gated(world: &World) -> Script {
    let first = vec![write("a.txt", "two\n"), Step::WaitFor(world.path("gate"))];
    changes(vec![first, vec![write("b.txt", "four\n")]])
}

fn open_gate(world: &World) {
    std::fs::write(world.path("gate"), "").unwrap();
}

/// A service with a ticket that was delegated.
async fn delegated(script: &Script) -> (World, FakeIssue) {
    let mut world = World::new(script).await;
    world.serve().await;
    let ticket = delegate(&world).await;
    (world, ticket)
}

async fn delegate(world: &World) -> FakeIssue {
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    ticket
}

/// The same with a gated first turn that has begun.
async fn at_work() -> (World, FakeIssue) {
    let mut world = World::new(&small_change()).await;
    world.follow(&gated(&world));
    world.serve().await;
    let ticket = delegate(&world).await;
    world.issue(&ticket.key, |issue| !issue["active_run"]["turn_id"].is_null()).await;
    (world, ticket)
}

/// A ticket that waits for its turn behind another one, so that nobody takes up yet what is said about it.
async fn waiting() -> (World, FakeIssue) {
    let mut world = World::new(&small_change()).await;
    world.configure("max_concurrent_runs = 1\n");
    world.follow(&gated(&world));
    world.serve().await;
    let first = delegate(&world).await;
    world.issue(&first.key, |issue| !issue["active_run"].is_null()).await;
    let ticket = delegate(&world).await;
    world.issue(&ticket.key, |issue| issue["next"]["kind"] == "run").await;
    (world, ticket)
}

/// What the agent was told in its work turns, thread by thread: the prompt of each, and what was said while it ran.
fn told(world: &World) -> HashMap<String, Vec<String>> {
    let Ok(threads) = std::fs::read_dir(world.path("agent/scripted-threads")) else {
        return HashMap::new();
    };
    let of_thread = |file: std::fs::DirEntry| {
        let history: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
        let turns = history["turns"].as_array().unwrap().iter();
        let work = turns.filter(|turn| turn["is_report"] == false);
        let texts = work.flat_map(|turn| {
            let told = turn["told"].as_array().unwrap().iter().map(|told| &told[1]);
            std::iter::once(&turn["prompt"]).chain(told).collect::<Vec<_>>()
        });
        let prompts = texts.map(|text| text.as_str().unwrap().to_owned()).collect();
        (history["id"].as_str().unwrap().to_owned(), prompts)
    };
    threads
        .map(Result::unwrap)
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "json"))
        .map(of_thread)
        .collect()
}

/// How often the agent was told something.
fn times_told(world: &World, text: &str) -> usize {
    told(world).into_values().flatten().filter(|prompt| prompt.contains(text)).count()
}

/// Waits until the n-th run is over and nothing is left to do.
async fn settled_after(world: &World, key: &str, head: &str) -> Value {
    world
        .issue(key, |issue| {
            issue["active_run"].is_null()
                && issue["pending_events"].as_array().is_some_and(Vec::is_empty)
                && issue["pr"]["head_sha"].as_str().is_some_and(|now| now != head)
                && issue["next"]["kind"] == "wait"
        })
        .await
}

/// Waits until everything that was sent about a ticket was applied: what is sent later is answered later.
async fn caught_up(world: &World, key: &str) {
    let answers = || said(world, key, "response", "State: ");
    let before = answers();
    assert_eq!(world.linear.prompt(key, "how is it going?").prompt.send().await.status, 200);
    world.until("how it stands is told", || before < answers()).await;
}

fn said(world: &World, key: &str, kind: &str, text: &str) -> usize {
    let activities = world.linear.activities(key).into_iter();
    activities.filter(|said| said.kind == kind && said.text().contains(text)).count()
}

/// A prompt after the pull request opened goes on in the same thread, and what it asks for comes to the same pull request.
#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_becomes_another_commit_of_the_same_pull_request() {
    let (mut world, ticket) = delegated(&two_changes()).await;
    let first = world.pull_request(&ticket.key).await;
    let prompt = world.linear.prompt(&ticket.key, WORDS);
    assert!(prompt.send().await);
    settled_after(&world, &ticket.key, &first.head).await;
    // Linear repeats itself, and tells of everything that we wrote.
    assert!(prompt.send().await);
    for echo in world.linear.echoes(&ticket.key) {
        assert_eq!(echo.send().await.status, 200);
    }
    caught_up(&world, &ticket.key).await;
    let issue = world.get(&format!("/api/issues/{}", ticket.key)).await;
    assert!(issue["active_run"].is_null() && issue["next"]["kind"] == "wait", "{issue:#}");
    world.stop().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
    for (file, content) in [("a.txt", "two\n"), ("b.txt", "four\n")] {
        let found = world.github.file(REPO, &first.head_branch, file).await.unwrap();
        assert_eq!(found.as_deref(), Some(content), "{file}");
    }
    let told = told(&world);
    assert_eq!(told.len(), 1, "one thread");
    let prompts = told.values().next().unwrap();
    assert_eq!(prompts.len(), 2);
    assert!(!prompts[0].contains(WORDS) && prompts[1].contains(WORDS), "{prompts:?}");
    assert_eq!(said(&world, &ticket.key, "response", "Updated pull request"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_agent_works_is_taken_up_once() {
    let (mut world, ticket) = at_work().await;
    let prompt = world.linear.prompt(&ticket.key, WORDS);
    // The comment comes first, and the prompt twice.
    assert_eq!(prompt.comment.send().await.status, 200);
    assert_eq!(prompt.prompt.send().await.status, 200);
    assert_eq!(prompt.prompt.send().await.status, 200);
    caught_up(&world, &ticket.key).await;
    open_gate(&world);
    world
        .issue(&ticket.key, |issue| {
            issue["active_run"].is_null()
                && issue["pr"]["number"].is_u64()
                && issue["pending_events"].as_array().is_some_and(Vec::is_empty)
                && issue["next"]["kind"] == "wait"
        })
        .await;
    world.stop().await;
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);
    assert_eq!(times_told(&world, WORDS), 1, "{:#?}", told(&world));
}

/// S76: nothing goes out any more, be it half done.
#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_the_run_and_holds_everything_back() {
    let (mut world, ticket) = at_work().await;
    assert_eq!(world.linear.stop(&ticket.key).send().await.status, 200);
    let issue = world.issue(&ticket.key, |issue| issue["active_run"].is_null()).await;
    assert_eq!(issue["state"], "awaiting_input");
    assert_eq!(issue["latest_run"]["outcome"], "interrupted");
    world.until("it says so", || said(&world, &ticket.key, "response", "Stopped") == 1).await;
    let branch = "app/APP-1-change-it";
    assert_eq!(world.github.branch_head(REPO, branch).await.unwrap(), None);
    assert!(world.github.pull_requests(REPO).await.unwrap().is_empty());

    // Saying what to do lifts it, and what was done is still there.
    world.follow(&two_changes());
    assert!(world.linear.prompt(&ticket.key, "Go on, please.").send().await);
    let pr = world.pull_request(&ticket.key).await;
    world.stop().await;
    assert_eq!(pr.head_branch, branch);
    let kept = world.github.file(REPO, branch, "a.txt").await.unwrap();
    assert_eq!(kept.as_deref(), Some("two\n"), "what was done is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_question_goes_on_in_the_same_thread() {
    let mut script = two_changes();
    script.turns[0] = vec![Step::Say("I do not know.".to_owned())];
    let mut asks = script.reports[0].clone();
    if let ReportAnswer::Report(report) = &mut asks {
        report.outcome = patchrelay_domain::ReportOutcome::NeedsInput;
        report.question = "To which number?".to_owned();
    }
    script.reports.insert(0, asks);
    let (mut world, ticket) = delegated(&script).await;
    world.issue(&ticket.key, |issue| issue["state"] == "awaiting_input").await;
    world
        .until("it asks", || said(&world, &ticket.key, "elicitation", "To which number?") == 1)
        .await;
    assert!(world.linear.prompt(&ticket.key, "To four.").send().await);
    let pr = world.pull_request(&ticket.key).await;
    world.stop().await;
    let four = world.github.file(REPO, &pr.head_branch, "b.txt").await.unwrap();
    assert_eq!(four.as_deref(), Some("four\n"));
    let told = told(&world);
    assert_eq!(told.len(), 1, "one thread");
    assert_eq!(times_told(&world, "To four."), 1);
    assert_eq!(said(&world, &ticket.key, "elicitation", "To which number?"), 1);
}

/// The delivery that opened the session comes after what was said in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_comes_before_its_session_counts() {
    let mut world = World::new(&small_change()).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    let opened = world.linear.open_session(&ticket.key);
    assert!(world.linear.prompt(&ticket.key, WORDS).send().await);
    world.pull_request(&ticket.key).await;
    assert_eq!(opened.send().await.status, 200);
    caught_up(&world, &ticket.key).await;
    world.stop().await;
    assert_eq!(times_told(&world, WORDS), 1);
    let received = said(&world, &ticket.key, "thought", "Received.");
    assert_eq!(received, 1, "{:#?}", world.linear.activities(&ticket.key));
}

/// A comment counts when it speaks to us, an edit of it takes its place, and people's talk is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn comments_count_when_they_speak_to_us() {
    let (mut world, ticket) = waiting().await;
    let send = async |delivery: patchrelay_testkit::linear::SignedDelivery| {
        assert_eq!(delivery.send().await.status, 200);
    };
    let by = |speaker, text: &str| world.linear.comment(&ticket.key, speaker, text);
    send(by(Speaker::Human, "Bob, does it count to five already?").1).await;
    for stranger in [Speaker::Stranger, Speaker::OtherApp, Speaker::App] {
        send(by(stranger, "@patchrelay please count to seven").1).await;
    }
    let (wrong, told_of_wrong) = by(Speaker::Colleague, "@patchrelay please count to three");
    send(told_of_wrong).await;
    send(world.linear.edit_comment(&wrong, "@patchrelay please count to four")).await;
    let (removed, told_of_removed) = by(Speaker::Human, "@patchrelay please count to nine");
    send(told_of_removed).await;
    send(world.linear.remove_comment(&removed)).await;
    caught_up(&world, &ticket.key).await;
    let explained = world.get(&format!("/api/issues/{}/explain", ticket.key)).await;
    let pending = explained["facts"]["pending"].as_array().unwrap();
    assert_eq!(pending.len(), 1, "{explained:#}");
    assert_eq!(pending[0]["text"], "@patchrelay please count to four");
    assert_eq!(pending[0]["author"], "Bob");
    world.stop().await;
}

/// What is said in a session stays something for us when it is edited.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_prompt_takes_the_place_of_what_it_was() {
    let (mut world, ticket) = waiting().await;
    let prompt = world.linear.prompt(&ticket.key, "Please count to three.");
    assert!(prompt.send().await);
    let edited = world.linear.edit_comment(&prompt.comment_id, "Please count to four.");
    assert_eq!(edited.send().await.status, 200);
    caught_up(&world, &ticket.key).await;
    let explained = world.get(&format!("/api/issues/{}/explain", ticket.key)).await;
    let pending = explained["facts"]["pending"].as_array().unwrap();
    let texts: Vec<_> = pending.iter().map(|input| input["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["Please count to four."]);
    world.stop().await;
}

/// A mention opens a session and is a comment, too: one input.
#[tokio::test(flavor = "multi_thread")]
async fn a_mention_is_one_input() {
    let (mut world, ticket) = waiting().await;
    let mention = world.linear.mention(&ticket.key, "@patchrelay please count to four");
    assert_eq!(mention.comment.send().await.status, 200);
    caught_up(&world, &ticket.key).await;
    assert_eq!(mention.prompt.send().await.status, 200);
    assert_eq!(
        mention.comment.clone().aged(std::time::Duration::from_secs(60)).send().await.status,
        200
    );
    caught_up(&world, &ticket.key).await;
    let explained = world.get(&format!("/api/issues/{}/explain", ticket.key)).await;
    assert_eq!(explained["facts"]["pending"].as_array().unwrap().len(), 1, "{explained:#}");
    world.stop().await;
}

/// How things stand is said without a run, while the agent works (S44).
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_how_it_stands_is_told_and_starts_nothing() {
    let (mut world, ticket) = at_work().await;
    assert!(world.linear.prompt(&ticket.key, "how is it going?").send().await);
    world
        .until("it is told", || said(&world, &ticket.key, "response", "State: implementing") == 1)
        .await;
    assert!(world.linear.prompt(&ticket.key, "nice work, thanks!").send().await);
    caught_up(&world, &ticket.key).await;
    let issue = world.get(&format!("/api/issues/{}", ticket.key)).await;
    assert!(issue["pending_events"].as_array().unwrap().is_empty(), "{issue:#}");
    open_gate(&world);
    world.pull_request(&ticket.key).await;
    world.stop().await;
}
