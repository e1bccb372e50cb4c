//! An agent that got hold of one of our secrets cannot let it out: not in a file, and not in what it says (D29).

use patchrelay_testkit::agent::{ReportAnswer, Script, Step};

use crate::world::{GITHUB_TOKEN, REPO, World, changes, git, small_change};

/// `x` and the token, in base64 as any encoder writes it.
const ENCODED: &str = "eGdpdGh1Yi10b2tlbg==";

/// Lets the agent do this and tells what people were asked. Nothing may come to the forge, and the secret nowhere.
async fn held_back(script: &Script, hit: &str) {
    let mut world = World::new(script).await;
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    let issue = world.issue(&ticket.key, |issue| issue["state"] == "awaiting_input").await;
    let said = || {
        let said = world.linear.activities(&ticket.key);
        said.iter().map(|said| format!("{}: {}\n", said.kind, said.content)).collect::<String>()
    };
    world.until("a human is asked", || said().contains("elicitation")).await;
    let (said, log) = (said(), world.log());
    world.stop().await;
    assert!(said.contains(hit), "{said}");
    for text in [said, issue.to_string(), log] {
        assert!(!text.contains(GITHUB_TOKEN) && !text.contains(ENCODED), "{text}");
    }
    assert!(world.github.pull_requests(REPO).await.unwrap().is_empty());
    let remote = world.github.remote_path(REPO).await.unwrap();
    assert_eq!(git(&remote, &["for-each-ref", "--format=%(refname)"]).await, "refs/heads/main\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_file_is_not_published() {
    let content = format!("Notes: {ENCODED}\n");
    let script = changes(vec![vec![Step::Write { path: "notes.txt".to_owned(), content }]]);
    held_back(&script, "the secret `GITHUB_TOKEN` stands in `notes.txt`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_what_the_agent_says_is_not_published() {
    let mut script = small_change();
    let Some(ReportAnswer::Report(report)) = script.reports.first_mut() else { panic!("a report") };
    report.pr_body = format!("Made with {GITHUB_TOKEN}.");
    report.summary = format!("Made with {ENCODED}.");
    held_back(&script, "the secret `GITHUB_TOKEN` stands in `the report's pr_body`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_the_agent_does_not_carry_a_secret() {
    let mut script = small_change();
    let Some(ReportAnswer::Report(report)) = script.reports.first_mut() else { panic!("a report") };
    report.outcome = patchrelay_domain::ReportOutcome::NeedsInput;
    report.question = format!("Is {GITHUB_TOKEN} the right one?");
    held_back(&script, "(withheld: it contains a secret)").await;
}
