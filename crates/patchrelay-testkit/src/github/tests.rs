use std::sync::Mutex;

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use patchrelay_process::Command;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::Fault;

const REPO: &str = "acme/app";
const SECRET: &str = "webhook-secret";

/// What the receiver of webhooks got: headers and body.
type Received = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

struct Stage {
    fake: FakeGithub,
    received: Received,
    directory: TempDir,
    _receiver: Listening,
}

async fn stage() -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let received = Received::default();
    let router = Router::new()
        .route(
            "/hook",
            post(async |State(received): State<Received>, headers: HeaderMap, body: Bytes| {
                received.lock().unwrap().push((headers, body.to_vec()));
                "taken"
            }),
        )
        .with_state(Arc::clone(&received));
    let receiver = listen(router, 0).await.unwrap();
    let webhook = WebhookTarget {
        url: format!("http://{}/hook", receiver.address),
        secret: SECRET.to_owned(),
    };
    let root = directory.path().join("remotes");
    let config = FakeGithubConfig { root, webhook, token: "token".to_owned(), port: 0 };
    let fake = FakeGithub::start(config).await.unwrap();
    fake.create_repository(REPO, &[("README.md", "hello\n"), ("src/lib.rs", "// code\n")])
        .await
        .unwrap();
    Stage { fake, received, directory, _receiver: receiver }
}

impl Stage {
    async fn request(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, HeaderMap, Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client
            .request(method, format!("{}{path}", self.fake.url()))
            .header("authorization", "Bearer token");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.request(reqwest::Method::GET, path, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn open(&self, head: &str) -> (u16, Value) {
        let body =
            json!({ "title": format!("Do {head}"), "head": head, "base": "main", "body": "Text" });
        let (status, _, body) =
            self.request(reqwest::Method::POST, "/repos/acme/app/pulls", Some(body)).await;
        (status, body)
    }

    async fn opened(&self, head: &str) -> u64 {
        self.fake.push_commit(REPO, head, &[(&format!("{head}.txt"), head)], "Work").await.unwrap();
        let (status, body) = self.open(head).await;
        assert_eq!(status, 201, "{body}");
        body["number"].as_u64().unwrap()
    }

    /// Action, merged and head of each webhook so far.
    async fn told(&self) -> Vec<(String, bool, String)> {
        self.fake.deliveries_settled().await;
        let received = self.received.lock().unwrap();
        received
            .iter()
            .map(|(_, body)| {
                let body: Value = serde_json::from_slice(body).unwrap();
                let pull = &body["pull_request"];
                (
                    body["action"].as_str().unwrap().to_owned(),
                    pull["merged"].as_bool().unwrap(),
                    pull["head"]["sha"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    }

    /// git as another machine's user runs it.
    async fn git(&self, directory: &std::path::Path, args: &[&str]) -> String {
        #[expect(clippy::disallowed_methods, reason = "the test finds git as its user does")]
        let path = std::env::var_os("PATH").unwrap();
        let command = Command::new("git", directory).args(args).env("PATH", path).envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_AUTHOR_NAME", "Bot"),
            ("GIT_AUTHOR_EMAIL", "bot@example.com"),
            ("GIT_COMMITTER_NAME", "Bot"),
            ("GIT_COMMITTER_EMAIL", "bot@example.com"),
        ]);
        let output = command.run(std::time::Duration::from_secs(30)).await.unwrap();
        assert!(output.status.success(), "git {args:?}: {}", output.stderr);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

#[tokio::test]
async fn a_repository_is_a_remote_that_git_clones_and_pushes_to() {
    let stage = stage().await;
    let remote = stage.fake.remote_path(REPO).await.unwrap();
    let clone = stage.directory.path().join("clone");
    stage
        .git(
            stage.directory.path(),
            &["clone", "-q", remote.to_str().unwrap(), clone.to_str().unwrap()],
        )
        .await;
    assert_eq!(std::fs::read_to_string(clone.join("src/lib.rs")).unwrap(), "// code\n");

    stage.git(&clone, &["checkout", "-q", "-b", "patchrelay/APP-1"]).await;
    std::fs::write(clone.join("new.txt"), "new\n").unwrap();
    stage.git(&clone, &["add", "new.txt"]).await;
    stage.git(&clone, &["commit", "-q", "-m", "Add new\n\nPatchRelay-Run: r1"]).await;
    stage.git(&clone, &["push", "-q", "origin", "patchrelay/APP-1"]).await;

    let head = stage.git(&clone, &["rev-parse", "HEAD"]).await;
    assert_eq!(stage.fake.branch_head(REPO, "patchrelay/APP-1").await.unwrap(), Some(head.clone()));
    let commits = stage.fake.commits(REPO, "patchrelay/APP-1").await.unwrap();
    assert_eq!(commits.len(), 2);
    assert_eq!(commits[0].sha, head);
    assert_eq!(commits[0].message, "Add new\n\nPatchRelay-Run: r1");
    assert_eq!(commits[0].author, "Bot <bot@example.com>");
    assert_eq!(commits[0].parents, [commits[1].sha.clone()]);
    assert_eq!(
        stage.fake.file(REPO, "patchrelay/APP-1", "new.txt").await.unwrap().as_deref(),
        Some("new\n")
    );
    assert_eq!(stage.fake.file(REPO, "main", "new.txt").await.unwrap(), None);
    assert!(stage.fake.diff(REPO, "main", "patchrelay/APP-1").await.unwrap().contains("+new"));
}

#[tokio::test]
async fn a_pull_request_looks_like_githubs() {
    let stage = stage().await;
    let number = stage.opened("feature").await;
    let head = stage.fake.branch_head(REPO, "feature").await.unwrap().unwrap();
    let pull = stage.get(&format!("/repos/acme/app/pulls/{number}")).await;
    assert_eq!(pull["html_url"], format!("{}/acme/app/pull/1", stage.fake.url()));
    assert_eq!(pull["state"], "open");
    assert_eq!(pull["merged"], false);
    assert_eq!(pull["mergeable_state"], "clean");
    assert_eq!(pull["head"]["sha"], head);
    assert_eq!(pull["head"]["label"], "acme:feature");
    assert_eq!(pull["head"]["repo"]["full_name"], "acme/app");
    assert_eq!(pull["base"]["repo"]["default_branch"], "main");
    assert!(pull["updated_at"].as_str().unwrap().ends_with('Z'));
    let listed = stage.get("/repos/acme/app/pulls").await;
    assert_eq!(listed[0]["number"], number);
    assert_eq!(listed[0].get("merged"), None);
    assert_eq!(stage.get("/repos/ACME/App").await["default_branch"], "main");
}

#[tokio::test]
async fn an_impossible_pull_request_is_refused_in_githubs_words() {
    let stage = stage().await;
    let path = "/repos/acme/app/pulls";
    let post = async |body| stage.request(reqwest::Method::POST, path, Some(body)).await;

    let (status, _, body) = post(json!({ "head": "main" })).await;
    assert_eq!(status, 422);
    assert_eq!(body["message"], "Validation Failed");
    assert_eq!(body["status"], "422");
    assert_eq!(
        body["errors"][0],
        json!({ "resource": "PullRequest", "field": "title", "code": "missing_field" })
    );

    let errors = |(status, body): (u16, Value)| {
        assert_eq!(status, 422);
        body["errors"][0].clone()
    };
    assert_eq!(errors(stage.open("nowhere").await)["field"], "head");
    assert_eq!(errors(stage.open("mallory:main").await)["field"], "head");
    assert_eq!(errors(stage.open("main").await)["message"], "No commits between main and main");
    let number = stage.opened("feature").await;
    assert_eq!(
        errors(stage.open("acme:feature").await)["message"],
        "A pull request already exists for acme:feature."
    );

    stage.fake.close(REPO, number).await.unwrap();
    assert_eq!(stage.open("feature").await.0, 201);
}

#[tokio::test]
async fn a_stranger_and_a_wrong_address_are_refused() {
    let stage = stage().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/repos/acme/app", stage.fake.url());
    let answer = client.get(&url).header("authorization", "Bearer other").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Value>().await.unwrap()["message"], "Bad credentials");
    for path in
        ["/repos/acme/other", "/repos/acme/app/pulls/9", "/repos/acme/app/pulls/x", "/anything"]
    {
        let (status, _, body) = stage.request(reqwest::Method::GET, path, None).await;
        assert_eq!((status, body["message"].as_str()), (404, Some("Not Found")), "{path}");
    }
    let (_, headers, _) = stage.request(reqwest::Method::GET, "/repos/acme/app", None).await;
    assert_eq!(headers["x-ratelimit-limit"], "5000");
    assert!(
        headers.contains_key("x-ratelimit-remaining") && headers.contains_key("x-ratelimit-reset")
    );
}

#[tokio::test]
async fn a_list_is_filtered_and_comes_in_pages() {
    let stage = stage().await;
    for name in ["one", "two", "three"] {
        stage.opened(name).await;
    }
    stage.fake.close(REPO, 1).await.unwrap();
    let numbers = async |query: &str| -> Vec<u64> {
        let listed = stage.get(&format!("/repos/acme/app/pulls?{query}")).await;
        listed.as_array().unwrap().iter().map(|pull| pull["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers("").await, [3, 2]);
    assert_eq!(numbers("state=closed").await, [1]);
    assert_eq!(numbers("state=all&per_page=2").await, [3, 2]);
    assert_eq!(numbers("state=all&per_page=2&page=2").await, [1]);
    assert_eq!(numbers("state=all&direction=asc").await, [1, 2, 3]);
    assert_eq!(numbers("head=acme:two").await, [2]);
    assert_eq!(numbers("head=other:two").await, [0; 0]);
    assert_eq!(numbers("base=other").await, [0; 0]);
}

#[tokio::test]
async fn a_push_moves_the_head_and_is_told() {
    let stage = stage().await;
    let number = stage.opened("feature").await;
    let before = stage.fake.pull_request(REPO, number).await.unwrap();
    let pushed =
        stage.fake.push_commit(REPO, "feature", &[("more.txt", "more")], "More").await.unwrap();
    let after = stage.fake.pull_request(REPO, number).await.unwrap();
    assert_eq!(after.head, pushed);
    assert!(before.updated_at < after.updated_at);
    assert_eq!(
        stage.told().await,
        [("opened".to_owned(), false, before.head), ("synchronize".to_owned(), false, pushed)]
    );
}

#[tokio::test]
async fn a_branch_that_is_deleted_closes_its_pull_request() {
    let stage = stage().await;
    let number = stage.opened("feature").await;
    let remote = stage.fake.remote_path(REPO).await.unwrap();
    stage.git(&remote, &["update-ref", "-d", "refs/heads/feature"]).await;
    assert!(!stage.fake.pull_request(REPO, number).await.unwrap().is_open());
    assert_eq!(stage.told().await.last().unwrap().0, "closed");
}

#[tokio::test]
async fn a_merge_is_real_and_final() {
    let stage = stage().await;
    let number = stage.opened("feature").await;
    let merge = stage.fake.merge(REPO, number).await.unwrap();
    assert_eq!(stage.fake.branch_head(REPO, "main").await.unwrap(), Some(merge.clone()));
    assert_eq!(
        stage.fake.file(REPO, "main", "feature.txt").await.unwrap().as_deref(),
        Some("feature")
    );
    let commits = stage.fake.commits(REPO, "main").await.unwrap();
    assert_eq!(commits[0].parents.len(), 2);
    let pull = stage.get(&format!("/repos/acme/app/pulls/{number}")).await;
    assert_eq!((&pull["state"], &pull["merged"]), (&json!("closed"), &json!(true)));
    assert_eq!(pull["merge_commit_sha"], merge);

    // What happens to the branch afterwards is no longer its business.
    stage.fake.push_commit(REPO, "feature", &[("late.txt", "late")], "Late").await.unwrap();
    assert_ne!(stage.fake.pull_request(REPO, number).await.unwrap().head, merge);
    assert!(stage.fake.merge(REPO, number).await.is_err());
    assert!(stage.fake.reopen(REPO, number).await.is_err());
    let told: Vec<_> =
        stage.told().await.into_iter().map(|(action, merged, _)| (action, merged)).collect();
    assert_eq!(told, [("opened".to_owned(), false), ("closed".to_owned(), true)]);
}

#[tokio::test]
async fn a_conflict_is_not_merged() {
    let stage = stage().await;
    let number = stage.opened("feature").await;
    stage.fake.push_commit(REPO, "main", &[("feature.txt", "other")], "Conflict").await.unwrap();
    let before = stage.fake.branch_head(REPO, "main").await.unwrap();
    let error = stage.fake.merge(REPO, number).await.unwrap_err();
    assert!(error.to_string().contains("conflicts"), "{error}");
    assert_eq!(stage.fake.branch_head(REPO, "main").await.unwrap(), before);
    assert_eq!(stage.get("/repos/acme/app/pulls/1").await["mergeable_state"], "dirty");
}

#[tokio::test]
async fn a_change_is_told_and_moves_the_time() {
    let stage = stage().await;
    let number = stage.opened("feature").await;
    let patch = json!({ "title": "Better", "state": "closed" });
    let (status, _, body) =
        stage.request(reqwest::Method::PATCH, "/repos/acme/app/pulls/1", Some(patch)).await;
    assert_eq!((status, &body["title"], &body["state"]), (200, &json!("Better"), &json!("closed")));
    stage.fake.reopen(REPO, number).await.unwrap();
    let pull = stage.fake.pull_request(REPO, number).await.unwrap();
    assert!(pull.created_at + 2 <= pull.updated_at);
    let actions: Vec<_> = stage.told().await.into_iter().map(|(action, ..)| action).collect();
    assert_eq!(actions, ["opened", "edited", "closed", "reopened"]);
}

#[tokio::test]
async fn a_webhook_is_signed_and_can_be_sent_again() {
    let stage = stage().await;
    stage.opened("feature").await;
    stage.fake.deliveries_settled().await;
    let answer = stage.fake.redeliver_last().await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "taken"));

    let received = stage.received.lock().unwrap();
    let [(first, body), (again, same_body)] = received.as_slice() else {
        panic!("{} webhooks", received.len())
    };
    assert_eq!(first["x-github-event"], "pull_request");
    assert_eq!(first["x-github-delivery"], again["x-github-delivery"]);
    assert_eq!(body, same_body);
    let target = WebhookTarget { url: String::new(), secret: SECRET.to_owned() };
    assert_eq!(first["x-hub-signature-256"], format!("sha256={}", target.sign(body)));
}

#[tokio::test]
async fn a_pull_request_whose_answer_is_lost_is_there() {
    let stage = stage().await;
    stage.fake.push_commit(REPO, "feature", &[("a", "b")], "Work").await.unwrap();
    stage.fake.faults().plan("open_pull_request", Fault::LoseAnswer, 1);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client
        .post(format!("{}/repos/acme/app/pulls", stage.fake.url()))
        .header("authorization", "Bearer token")
        .json(&json!({ "title": "T", "head": "feature", "base": "main" }))
        .send()
        .await;
    let read = match answer {
        Ok(answer) => answer.bytes().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(read.is_err());
    assert_eq!(stage.fake.pull_requests(REPO).await.unwrap().len(), 1);
}

#[tokio::test]
async fn waiting_for_a_pull_request_ends_when_it_is_opened() {
    let stage = stage().await;
    let (found, number) =
        tokio::join!(stage.fake.wait_for_pull_request(REPO), stage.opened("feature"));
    assert_eq!(found.unwrap().number, number);
}

#[tokio::test]
async fn webhooks_without_a_receiver_get_lost() {
    let stage = stage().await;
    stage.fake.set_webhook(None);
    stage.opened("feature").await;
    assert_eq!(stage.told().await, []);
}
