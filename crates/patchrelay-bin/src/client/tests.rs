//! Tests against a listener that answers what a test wants.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::Service;
use crate::{
    cli::{ListOptions, OneIssue},
    environment::Environment,
    failure::Failure,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
const ALL: ListOptions = ListOptions { active: false, failed: false, project: None };

fn one(key: &str, project: Option<&str>) -> OneIssue {
    OneIssue { key: key.to_owned(), project: project.map(str::to_owned) }
}

fn http(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn answer(status: u16, body: &Value) -> String {
    http(status, &body.to_string())
}

fn error(status: u16, code: &str, message: &str) -> String {
    answer(status, &json!({ "error": { "code": code, "message": message } }))
}

/// What came out of a call when these are the answers, and what was asked: the heads of the requests.
async fn ask<T>(
    answers: Vec<String>,
    token: Option<&str>,
    call: impl AsyncFnOnce(Service) -> T,
) -> (T, Vec<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let service = Service::at(listener.local_addr().unwrap(), token.map(Into::into)).unwrap();
    let mut asked = Vec::new();
    let answering = async {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            asked.push(String::from_utf8(head).unwrap());
            // The other side may have seen enough before all of it is written.
            if stream.write_all(answer.as_bytes()).await.is_ok() {
                drop(stream.shutdown().await);
            }
        }
        std::future::pending::<()>().await;
    };
    let came = tokio::select! {
        came = call(service) => came,
        () = answering => unreachable!("it never ends"),
        () = tokio::time::sleep(PATIENCE) => panic!("nothing came"),
    };
    (came, asked)
}

/// How `issue show APP-1` fails with this answer.
async fn failure(raw: String) -> Failure {
    let call = async |service: Service| service.issue(&one("APP-1", None)).await;
    ask(vec![raw], None, call).await.0.unwrap_err()
}

#[tokio::test]
async fn an_issue_is_asked_for_by_key_and_project() {
    let issue = json!({ "key": "APP-1", "title": "x" });
    let call = async |service: Service| service.issue(&one("APP-1", Some("a b&c"))).await;
    let (came, asked) = ask(vec![answer(200, &issue)], Some("t0ken"), call).await;
    assert_eq!(came.unwrap(), issue);
    assert!(
        asked[0].starts_with("GET /api/issues/APP-1?project=a+b%26c HTTP/1.1\r\n"),
        "{asked:?}"
    );
    assert!(asked[0].contains("authorization: Bearer t0ken\r\n"), "{asked:?}");

    let explained = json!({ "issue": issue });
    let call = async |service: Service| service.explain(&one("APP-1", None)).await;
    let (came, asked) = ask(vec![answer(200, &explained)], None, call).await;
    assert_eq!(came.unwrap(), explained);
    assert!(asked[0].starts_with("GET /api/issues/APP-1/explain HTTP/1.1\r\n"), "{asked:?}");
    assert!(!asked[0].contains("authorization"), "{asked:?}");
}

#[tokio::test]
async fn an_order_is_posted_as_json_and_its_refusal_is_a_conflict() {
    let ordered = json!({ "issue": { "key": "APP-1" } });
    let body = json!({ "by": "olga", "reason": null });
    let call =
        async |service: Service| service.order(&one("APP-1", Some("app")), "stop", &body).await;
    let (came, asked) = ask(vec![answer(200, &ordered)], Some("t0ken"), call).await;
    assert_eq!(came.unwrap(), ordered);
    let head = &asked[0];
    assert!(head.starts_with("POST /api/issues/APP-1/stop?project=app HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer t0ken\r\n"), "{head}");

    let refused = error(409, "stopped_already", "APP-1: it was stopped already");
    let call = async |service: Service| service.order(&one("APP-1", None), "stop", &body).await;
    let failure = ask(vec![refused], None, call).await.0.unwrap_err();
    assert_eq!(failure.exit_code(), ExitCode::from(4));
    assert_eq!(failure.message(), "the service answered 409: APP-1: it was stopped already");
    let call = async |service: Service| service.order(&one("APP-1", None), "stop", &body).await;
    let stranger = ask(vec![answer(200, &json!({}))], None, call).await.0.unwrap_err();
    assert_eq!(stranger.exit_code(), ExitCode::from(5));
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_names_each_issue_once() {
    let issue = |id: &str| json!({ "id": id });
    let page = |ids: &[&str], cursor: Option<&str>| {
        let issues: Vec<_> = ids.iter().map(|id| issue(id)).collect();
        answer(200, &json!({ "issues": issues, "cursor": cursor }))
    };
    let answers = vec![page(&["a/1", "a/2"], Some("a/2")), page(&["a/2", "a/3"], None)];
    let options = ListOptions { active: true, failed: true, project: Some("app".to_owned()) };
    let call = async |service: Service| service.list(&options).await;
    let (came, asked) = ask(answers, None, call).await;
    let came = came.unwrap();
    assert_eq!(
        came,
        json!({ "issues": [issue("a/1"), issue("a/2"), issue("a/3")], "cursor": null })
    );
    let query = "limit=200&active=1&failed=1&project=app";
    assert!(asked[0].starts_with(&format!("GET /api/issues?{query} HTTP")), "{asked:?}");
    assert!(
        asked[1].starts_with(&format!("GET /api/issues?{query}&cursor=a%2F2 HTTP")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_list_without_an_end_is_cut() {
    let page = answer(200, &json!({ "issues": [{ "id": "a/1" }], "cursor": "a/1" }));
    let call = async |service: Service| service.list(&ALL).await;
    let (came, asked) = ask(vec![page; 60], None, call).await;
    assert_eq!(came.unwrap()["cursor"], "a/1");
    assert_eq!(asked.len(), 50);
}

#[tokio::test]
async fn refusals_have_their_exit_codes() {
    for (status, code, exit) in [
        (404, "issue_not_found", 3),
        (409, "ambiguous_key", 4),
        (409, "something_runs", 4),
        (400, "invalid_query", 1),
        (401, "operator_auth_required", 1),
        (403, "loopback_only", 1),
        (500, "store_corrupt", 1),
        (503, "store_unavailable", 1),
    ] {
        let failure = failure(error(status, code, "because")).await;
        assert_eq!(failure.exit_code(), ExitCode::from(exit), "{status}: {}", failure.message());
    }
    let missing = failure(error(404, "issue_not_found", "no issue with the key `APP-1`")).await;
    assert_eq!(missing.message(), "the service answered 404: no issue with the key `APP-1`");
}

#[tokio::test]
async fn refusals_say_what_to_do_here() {
    let ambiguous = json!({ "error": {
        "code": "ambiguous_key", "message": "say which with `?project=`", "projects": ["app", "lib"],
    }});
    let failure_line = failure(answer(409, &ambiguous)).await;
    let expected = "several projects have that key: say which with --project (app, lib)";
    assert_eq!(failure_line.message(), expected);
    let closed = failure(error(401, "operator_auth_required", "send `Authorization`")).await;
    assert!(closed.message().contains("set PATCHRELAY_API_TOKEN"), "{}", closed.message());
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    // Bound and let go of: nobody listens there now.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let service = Service::at(address, None).unwrap();
    let failure = service.list(&ALL).await.unwrap_err();
    assert_eq!(failure.exit_code(), ExitCode::from(5));
    let expected =
        format!("no service answers at http://{address}: start it with `patchrelay serve`");
    assert!(failure.message().starts_with(&expected), "{}", failure.message());
    assert!(failure.message().contains("Connection refused"), "{}", failure.message());
}

#[tokio::test]
async fn somebody_else_is_not_taken_for_the_service() {
    let endless = json!({ "key": "APP-1", "title": "x".repeat(17 * 1024 * 1024) });
    for raw in [
        http(200, "<html>It works!</html>"),
        http(404, "<html>no</html>"),
        http(200, ""),
        http(200, "{\"key\":"),
        answer(200, &json!({ "hello": "world" })),
        answer(200, &json!([])),
        answer(404, &json!({ "error": "not found" })),
        answer(302, &json!({})),
        answer(200, &endless),
    ] {
        let failure = failure(raw).await;
        assert_eq!(failure.exit_code(), ExitCode::from(5), "{}", failure.message());
        assert!(failure.message().contains("is not PatchRelay"), "{}", failure.message());
    }
    let call = async |service: Service| service.list(&ALL).await;
    let (came, _) = ask(vec![answer(200, &json!({ "issues": 3 }))], None, call).await;
    assert!(came.unwrap_err().message().contains("is not PatchRelay"));
}

#[tokio::test]
async fn the_token_does_not_follow_a_redirection() {
    let moved =
        "HTTP/1.1 307 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let call = async |service: Service| service.issue(&one("APP-1", None)).await;
    let answers = vec![moved.to_owned(), answer(200, &json!({ "key": "APP-1" }))];
    let (came, asked) = ask(answers, Some("t0ken"), call).await;
    assert!(came.unwrap_err().message().contains("(with 307)"));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn what_is_no_key_is_not_asked_for() {
    let service = Service::at(SocketAddr::from(([127, 0, 0, 1], 9)), None).unwrap();
    for key in
        ["", ".", "..", "../health", "APP-1/explain", "APP-1?x", "APP 1", "APP-1#", "%2e", "Ü-1"]
    {
        let failure = service.issue(&one(key, None)).await.unwrap_err();
        assert_eq!(failure.exit_code(), ExitCode::from(3), "{key:?}");
        assert!(failure.message().contains("is no ticket key"), "{}", failure.message());
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_not_an_outage_and_not_shown() {
    let service =
        Service::at(SocketAddr::from(([127, 0, 0, 1], 9)), Some("s3\ncret".into())).unwrap();
    let failure = service.list(&ALL).await.unwrap_err();
    assert_eq!(failure.exit_code(), ExitCode::from(1));
    assert!(failure.message().contains("PATCHRELAY_API_TOKEN"), "{}", failure.message());
    assert!(!failure.message().contains("cret"), "{}", failure.message());
}

#[test]
fn the_service_is_where_the_configuration_says() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let base = |text: &str| {
        std::fs::write(file.path(), text).unwrap();
        Service::of(Some(file.path()), &Environment::default()).unwrap().base
    };
    assert_eq!(base(""), "http://127.0.0.1:8787");
    assert_eq!(base("[server]\nport = 1"), "http://127.0.0.1:1");
    assert_eq!(base("[server]\nbind = \"0.0.0.0\""), "http://127.0.0.1:8787");
    assert_eq!(base("[server]\nbind = \"::\""), "http://[::1]:8787");
    assert_eq!(base("[server]\nbind = \"192.0.2.7\""), "http://192.0.2.7:8787");
}
