use std::backtrace::Backtrace;

use patchrelay_ports::Forge;

use super::*;
use crate::{
    GithubForge,
    scripted::{Scripted, answer, repo},
};

const PATIENCE: Duration = Duration::from_secs(20);

fn config(url: &str, token: &str) -> GithubConfig {
    GithubConfig {
        api_url: url.parse().unwrap(),
        token: SecretString::from(token),
        timeout: PATIENCE,
    }
}

#[tokio::test]
async fn an_unusable_setup_is_refused_before_any_request() {
    for url in [
        "ftp://api.github.com",
        "https://user:pass@api.github.com",
        "https://api.github.com/?q",
        "data:x",
    ] {
        let error = Client::new(&config(url, "token")).unwrap_err();
        assert!(matches!(error, GithubSetupError::Url { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("pass"), "{error}");
    }
    for token in ["", "token\n", "to\u{e9}\u{0}ken"] {
        let error = Client::new(&config("https://api.github.com", token)).unwrap_err();
        assert!(matches!(error, GithubSetupError::Token), "{token:?}: {error}");
    }
}

#[tokio::test]
async fn an_address_is_built_from_our_root_and_encoded() {
    let url = |root: &str, query: &[(&str, &str)]| {
        let client = Client::new(&config(root, "token")).unwrap();
        client.repository_url(&repo(), &["pulls"], query).to_string()
    };
    assert_eq!(url("https://api.github.com", &[]), "https://api.github.com/repos/acme/app/pulls");
    assert_eq!(
        url("https://ghe.example.com/api/v3/", &[]),
        "https://ghe.example.com/api/v3/repos/acme/app/pulls"
    );
    assert_eq!(
        url("https://api.github.com", &[("head", "acme:a/b&c=d#e")]),
        "https://api.github.com/repos/acme/app/pulls?head=acme%3Aa%2Fb%26c%3Dd%23e"
    );
}

#[tokio::test]
async fn requests_go_below_the_path_of_the_root_and_carry_the_token() {
    let mut server = Scripted::start(vec![answer(200, "", r#"{"default_branch":"trunk"}"#)]).await;
    // A root whose path is a prefix of what follows it is where joining naively goes wrong.
    server.url.set_path("/repos");
    assert_eq!(server.forge(PATIENCE).default_branch(&repo()).await.unwrap().as_str(), "trunk");
    let request = &server.requests()[0];
    assert!(request.starts_with("get /repos/repos/acme/app http/1.1"), "{request}");
    assert_eq!(request.matches("authorization: bearer s3cret-token").count(), 1, "{request}");
    assert!(request.contains("accept: application/vnd.github+json"), "{request}");
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_deadline() {
    let server = Scripted::start(Vec::new()).await;
    let error = server.forge(Duration::from_millis(150)).default_branch(&repo()).await.unwrap_err();
    assert!(matches!(error, CallError::Unanswered { retry_after: None, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let mut half = answer(200, "", r#"{"default_branch":"main"}"#);
    half.truncate(half.len() - 3);
    let server = Scripted::start(vec![half]).await;
    let error = server.forge(PATIENCE).default_branch(&repo()).await.unwrap_err();
    assert!(matches!(error, CallError::Unanswered { .. }), "{error:?}");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_no_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error =
        GithubForge::new(config(&url, "token")).unwrap().default_branch(&repo()).await.unwrap_err();
    let CallError::Unanswered { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("onnect"), "{source}");
    assert!(!source.to_string().contains("Found at"), "{source}");
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let endless = "x".repeat(MAX_ANSWER_BYTES + 1);
    let server = Scripted::start(vec![answer(200, "", &endless)]).await;
    let error = server.forge(PATIENCE).default_branch(&repo()).await.unwrap_err();
    let CallError::Unanswered { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("limit"), "{source}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_no_answer_and_says_where() {
    let server = Scripted::start(vec![answer(200, "", r#"{"name":"app"}"#)]).await;
    let error = server.forge(PATIENCE).default_branch(&repo()).await.unwrap_err();
    let CallError::Unanswered { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("default_branch"), "{source}");
}

#[test]
fn octocrabs_own_words_are_left_out() {
    let words = std::io::Error::other("connection reset");
    let inner = octocrab::Error::Other { source: Box::new(words), backtrace: Backtrace::capture() };
    let outer =
        octocrab::Error::Service { source: Box::new(inner), backtrace: Backtrace::capture() };
    assert_eq!(Transport::of(&outer).to_string(), "connection reset");
    let silent = octocrab::Error::Installation { backtrace: Backtrace::capture() };
    assert_eq!(Transport::of(&silent).to_string(), "the request could not be sent");
}
