use std::time::Duration;

use patchrelay_domain::PrState;
use patchrelay_testkit::{
    Fault, WebhookTarget,
    github::{FakeGithub, FakeGithubConfig},
};
use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use crate::scripted::{Scripted, answer, repo};

const REPO: &str = "acme/app";
const TOKEN: &str = "s3cret-token";
const PATIENCE: Duration = Duration::from_secs(20);

struct Stage {
    fake: FakeGithub,
    forge: GithubForge,
    _directory: TempDir,
}

async fn stage() -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeGithub::start(FakeGithubConfig {
        root: directory.path().to_owned(),
        webhook: WebhookTarget { url: String::new(), secret: String::new() },
        token: TOKEN.to_owned(),
        port: 0,
    })
    .await
    .unwrap();
    fake.set_webhook(None);
    fake.create_repository(REPO, &[("README.md", "hello\n")]).await.unwrap();
    let forge = forge(&fake, TOKEN);
    Stage { fake, forge, _directory: directory }
}

fn forge(fake: &FakeGithub, token: &str) -> GithubForge {
    let config = GithubConfig {
        api_url: fake.url().parse().unwrap(),
        token: SecretString::from(token),
        timeout: PATIENCE,
    };
    GithubForge::new(config).unwrap()
}

fn order() -> OpenPullRequest {
    OpenPullRequest {
        repo: repo(),
        head: head(),
        base: main(),
        title: "APP-1: Do it".to_owned(),
        body: "What was done.".to_owned(),
        draft: true,
    }
}

fn head() -> BranchName {
    BranchName::new("patchrelay/APP-1-do-it")
}

fn main() -> BranchName {
    BranchName::new("main")
}

impl Stage {
    async fn push(&self) -> String {
        self.fake.push_commit(REPO, head().as_str(), &[("work.txt", "work")], "Work").await.unwrap()
    }

    async fn find(&self) -> Option<PullRequest> {
        self.forge
            .find_pull_request(&repo(), &head(), &main())
            .await
            .unwrap()
            .map(|found| found.value)
    }
}

#[tokio::test]
async fn the_default_branch_is_read() {
    let stage = stage().await;
    assert_eq!(stage.forge.default_branch(&repo()).await.unwrap(), main());
}

#[tokio::test]
async fn a_pull_request_is_opened_found_and_followed_to_its_merge() {
    let stage = stage().await;
    let pushed = stage.push().await;
    assert_eq!(stage.find().await, None);

    let opened = stage.forge.open_pull_request(&order()).await.unwrap();
    assert_eq!(opened.value.head.as_str(), pushed);
    assert_eq!((opened.value.state, opened.value.is_draft), (PrState::Open, true));
    assert_eq!(opened.value.url, format!("{}/acme/app/pull/1", stage.fake.url()));
    let there = stage.fake.pull_request(REPO, 1).await.unwrap();
    assert_eq!((there.title.as_str(), there.body.as_str()), ("APP-1: Do it", "What was done."));
    assert_eq!(stage.find().await.as_ref(), Some(&opened.value));
    assert_eq!(stage.forge.read_pull_request(&repo(), PrNumber(1)).await.unwrap(), opened);

    let merge = stage.fake.merge(REPO, 1).await.unwrap();
    let merged = stage.forge.read_pull_request(&repo(), PrNumber(1)).await.unwrap();
    assert_eq!(merged.value.state, PrState::Merged);
    assert_eq!(merged.value.merge_commit.as_ref().unwrap().as_str(), merge);
    assert!(opened.version < merged.version);
    assert_eq!(stage.find().await, Some(merged.value));
}

#[tokio::test]
async fn the_open_one_is_found_else_the_newest() {
    let stage = stage().await;
    stage.push().await;
    for number in 1..=2 {
        stage.forge.open_pull_request(&order()).await.unwrap();
        stage.fake.close(REPO, number).await.unwrap();
    }
    assert_eq!(stage.find().await.unwrap().number, PrNumber(2));
    stage.fake.reopen(REPO, 1).await.unwrap();
    assert_eq!(stage.find().await.unwrap().number, PrNumber(1));
    let other = BranchName::new("other");
    assert_eq!(stage.forge.find_pull_request(&repo(), &head(), &other).await.unwrap(), None);
}

#[tokio::test]
async fn a_pull_request_from_a_fork_is_never_found() {
    let stage = stage().await;
    stage.push().await;
    for fork in [Some("acme/app-fork"), Some("mallory/app"), None] {
        stage.fake.open_foreign_pull_request(REPO, fork, head().as_str()).await.unwrap();
    }
    assert_eq!(stage.find().await, None);
    let ours = stage.forge.open_pull_request(&order()).await.unwrap();
    stage.fake.close(REPO, ours.value.number.0).await.unwrap();
    stage
        .fake
        .open_foreign_pull_request(REPO, Some("acme/app-fork"), head().as_str())
        .await
        .unwrap();
    assert_eq!(stage.find().await.unwrap().number, ours.value.number);
}

#[tokio::test]
async fn the_list_is_read_over_all_its_pages() {
    let stage = stage().await;
    stage.push().await;
    let ours = stage.forge.open_pull_request(&order()).await.unwrap();
    for _ in 0..PAGE_SIZE + 3 {
        stage
            .fake
            .open_foreign_pull_request(REPO, Some("acme/app-fork"), head().as_str())
            .await
            .unwrap();
    }
    assert_eq!(stage.find().await, Some(ours.value));
}

#[tokio::test]
async fn a_list_without_end_is_an_error_and_not_an_absence() {
    let stage = stage().await;
    for _ in 0..PAGE_SIZE * MAX_PAGES {
        stage
            .fake
            .open_foreign_pull_request(REPO, Some("acme/app-fork"), head().as_str())
            .await
            .unwrap();
    }
    let error = stage.forge.find_pull_request(&repo(), &head(), &main()).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pull_request_whose_answer_was_lost_is_found_afterwards() {
    let stage = stage().await;
    stage.push().await;
    stage.fake.faults().plan("open_pull_request", Fault::LoseAnswer, 1);
    let error = stage.forge.open_pull_request(&order()).await.unwrap_err();
    assert!(matches!(error, CallError::Unanswered { .. }), "{error:?}");
    assert_eq!(stage.fake.pull_requests(REPO).await.unwrap().len(), 1);
    assert_eq!(stage.find().await.unwrap().number, PrNumber(1));
}

#[tokio::test]
async fn a_failed_opening_is_never_repeated() {
    let opening = |server: &Scripted| {
        let forge = server.forge(PATIENCE);
        async move { forge.open_pull_request(&order()).await.unwrap_err() }
    };
    for bytes in [answer(502, "", "bad gateway"), answer(503, "retry-after: 1\r\n", ""), Vec::new()]
    {
        // The second answer is there for a second request, which must not come.
        let server = Scripted::start(vec![bytes, answer(201, "", "{}")]).await;
        let error = opening(&server).await;
        assert!(matches!(error, CallError::Unanswered { .. }), "{error:?}");
        assert_eq!(server.requests().len(), 1);
        assert!(server.requests()[0].starts_with("post /repos/acme/app/pulls "));
    }
}

#[tokio::test]
async fn an_impossible_pull_request_is_refused_in_githubs_words() {
    let stage = stage().await;
    stage.push().await;
    stage.forge.open_pull_request(&order()).await.unwrap();
    let error = stage.forge.open_pull_request(&order()).await.unwrap_err();
    let CallError::Refused { operation, reason } = &error else { panic!("{error:?}") };
    assert_eq!(operation, "open a pull request from `patchrelay/APP-1-do-it` in acme/app");
    assert!(
        reason.contains("A pull request already exists for acme:patchrelay/APP-1-do-it."),
        "{reason}"
    );
}

#[tokio::test]
async fn every_refusal_has_its_class_and_hides_the_token() {
    let stage = stage().await;
    let unknown: RepoSlug = "acme/other".parse().unwrap();
    let missing = stage.forge.default_branch(&unknown).await.unwrap_err();
    assert!(matches!(missing, CallError::NotFound { .. }), "{missing:?}");
    let missing = stage.forge.read_pull_request(&repo(), PrNumber(9)).await.unwrap_err();
    assert!(matches!(missing, CallError::NotFound { .. }), "{missing:?}");

    let stranger = forge(&stage.fake, "wr0ng-token");
    let refused = stranger.default_branch(&repo()).await.unwrap_err();
    assert!(
        matches!(&refused, CallError::Unauthorized { reason, .. } if reason == "Bad credentials"),
        "{refused:?}"
    );
    assert!(!format!("{refused:?} {refused} {stranger:?}").contains("wr0ng"));

    for fault in [Fault::Before(500), Fault::Before(502), Fault::CutBefore, Fault::LoseAnswer] {
        stage.fake.faults().plan("repository", fault, 1);
        let error = stage.forge.default_branch(&repo()).await.unwrap_err();
        assert!(matches!(error, CallError::Unanswered { .. }), "{fault:?}: {error:?}");
    }
    assert!(stage.forge.default_branch(&repo()).await.is_ok());
}

#[tokio::test]
async fn a_limit_tells_how_long_to_wait() {
    let words = r#"{"message":"You have exceeded a secondary rate limit"}"#;
    for (bytes, seconds) in [
        (answer(403, "retry-after: 90\r\n", words), 90),
        (answer(403, "", words), 60),
        (answer(429, "", ""), 60),
    ] {
        let server = Scripted::start(vec![bytes]).await;
        let error = server.forge(PATIENCE).default_branch(&repo()).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{error:?}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_read_follows_a_rename_and_a_write_says_that_there_was_one() {
    let server = Scripted::start(vec![
        answer(301, "location: /repositories/1\r\n", r#"{"message":"Moved Permanently"}"#),
        answer(200, "", r#"{"default_branch":"main"}"#),
        answer(307, "location: /repositories/1/pulls\r\n", r#"{"message":"Temporary Redirect"}"#),
    ])
    .await;
    let forge = server.forge(PATIENCE);
    assert_eq!(forge.default_branch(&repo()).await.unwrap(), main());
    let error = forge.open_pull_request(&order()).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Refused { reason, .. } if reason.contains("has moved")),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_redirect_to_another_host_does_not_take_the_token_along() {
    let other = Scripted::start(vec![answer(200, "", r#"{"default_branch":"main"}"#)]).await;
    let location = format!("location: {}elsewhere\r\n", other.url);
    let server = Scripted::start(vec![answer(301, &location, "")]).await;
    server.forge(PATIENCE).default_branch(&repo()).await.unwrap();
    assert!(server.requests()[0].contains(TOKEN));
    assert!(other.requests()[0].starts_with("get /elsewhere"));
    assert!(!other.requests()[0].contains("authorization"), "{}", other.requests()[0]);
}
