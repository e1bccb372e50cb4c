use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
};

use secrecy::SecretString;

use super::*;
use crate::operations::{Viewer, viewer};

/// What a client sent.
struct Request {
    head: String,
    body: serde_json::Value,
}

/// A server that gives one answer to one request, byte by byte as told, and then closes the connection.
fn canned(answer: impl Into<Vec<u8>>) -> (Url, Receiver<Request>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/graphql", listener.local_addr().unwrap()).parse().unwrap();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        sender.send(read_request(&stream)).unwrap();
        // The client may have stopped to listen, which is what some tests are about.
        stream.write_all(&answer).ok();
    });
    (url, requests)
}

fn read_request(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { head, body: serde_json::from_slice(&body).unwrap() }
}

fn http(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
        .into_bytes()
}

fn config(api_url: Url) -> LinearConfig {
    LinearConfig {
        api_url,
        credential: Credential::AppToken(SecretString::from("token-of-the-app")),
        timeout: Duration::from_secs(5),
    }
}

async fn send_to(url: Url) -> Result<viewer::ResponseData, Failure> {
    Transport::new(&config(url)).unwrap().send::<Viewer>(viewer::Variables {}).await
}

async fn failure(answer: impl Into<Vec<u8>>) -> Failure {
    send_to(canned(answer).0).await.expect_err("this is no result")
}

fn errors(message: &str, extensions: serde_json::Value) -> String {
    serde_json::json!({ "data": null, "errors": [{ "message": message, "extensions": extensions }] }).to_string()
}

/// The kind of a failure, and what it says.
async fn said(status: &str, body: &str) -> (&'static str, String) {
    match failure(http(status, &[], body)).await {
        Failure::Unanswered { source, .. } => ("unanswered", source.to_string()),
        Failure::Trouble(trouble) => ("trouble", trouble.0),
        Failure::Refused(reason) => ("refused", reason),
        Failure::NotFound => ("not found", String::new()),
        Failure::Unauthorized(reason) => ("unauthorized", reason),
    }
}

const DATA: &str = r#"{"data":{"viewer":{"id":"u"},"organization":{"id":"o"}}}"#;

#[tokio::test]
async fn a_result_is_read_and_the_request_carries_one_operation() {
    let (url, requests) = canned(http("200 OK", &[], DATA));
    let answer = send_to(url).await.unwrap();
    assert_eq!((&*answer.viewer.id, &*answer.organization.id), ("u", "o"));
    let request = requests.recv().unwrap();
    assert!(
        request.head.contains("authorization: Bearer token-of-the-app\r\n"),
        "{}",
        request.head
    );
    assert_eq!(request.body["operationName"], "Viewer");
    assert_eq!(request.body["query"].as_str().unwrap().matches("query ").count(), 1);
}

#[tokio::test]
async fn a_personal_key_is_sent_bare() {
    let (url, requests) = canned(http("200 OK", &[], DATA));
    let credential = Credential::PersonalKey(SecretString::from("lin_api_1"));
    let transport = Transport::new(&LinearConfig { credential, ..config(url) }).unwrap();
    transport.send::<Viewer>(viewer::Variables {}).await.unwrap();
    assert!(requests.recv().unwrap().head.contains("authorization: lin_api_1\r\n"));
}

#[tokio::test]
async fn empty_error_lists_and_additions_do_not_spoil_a_result() {
    for more in [r#","errors":null}"#, r#","errors":[]}"#, r#","extensions":{"cost":1}}"#] {
        let body = format!("{}{more}", DATA.strip_suffix('}').unwrap());
        assert!(send_to(canned(http("200 OK", &[], &body)).0).await.is_ok(), "{body}");
    }
}

#[tokio::test]
async fn linears_words_decide_and_not_the_status() {
    let ext = |kind: &str| serde_json::json!({ "type": kind, "userError": true });
    for (kind, expected) in [
        ("authentication error", "unauthorized"),
        ("forbidden", "unauthorized"),
        ("invalid input", "refused"),
        ("user error", "refused"),
        ("graphql error", "refused"),
        ("feature not accessible", "refused"),
        ("usage limit exceeded", "refused"),
        ("internal error", "trouble"),
        ("lock timeout", "trouble"),
        ("network error", "trouble"),
        ("ratelimited", "unanswered"),
    ] {
        for status in ["200 OK", "400 Bad Request"] {
            assert_eq!(
                said(status, &errors("Words", ext(kind))).await.0,
                expected,
                "{kind} with {status}"
            );
        }
    }
    assert_eq!(
        said("200 OK", &errors("Entity not found: Issue", ext("invalid input"))).await.0,
        "not found"
    );
    let code = |code: &str| serde_json::json!({ "code": code });
    assert_eq!(
        said("400 Bad Request", &errors("Cannot query", code("GRAPHQL_VALIDATION_FAILED"))).await.0,
        "refused"
    );
    assert_eq!(said("200 OK", &errors("No", code("AUTHENTICATION_ERROR"))).await.0, "unauthorized");
}

#[tokio::test]
async fn an_error_that_says_nothing_of_itself_goes_by_the_status() {
    for (status, expected) in [
        ("200 OK", "trouble"),
        ("400 Bad Request", "refused"),
        ("401 Unauthorized", "unauthorized"),
        ("403 Forbidden", "unauthorized"),
        ("429 Too Many Requests", "unanswered"),
        ("500 Internal Server Error", "trouble"),
    ] {
        for extensions in [
            serde_json::json!(null),
            serde_json::json!({ "type": 7, "code": ["x"], "userError": "?" }),
        ] {
            assert_eq!(said(status, &errors("Words", extensions)).await.0, expected, "{status}");
        }
    }
    let user_error = errors("Words", serde_json::json!({ "userError": true, "type": "a new one" }));
    assert_eq!(said("200 OK", &user_error).await.0, "refused");
}

#[tokio::test]
async fn what_is_not_linears_form_is_no_answer() {
    for status in
        ["200 OK", "404 Not Found", "400 Bad Request", "502 Bad Gateway", "204 No Content"]
    {
        for body in ["<html>", "", "[]", "{}", r#"{"data":null}"#] {
            if status.starts_with("204") && !body.is_empty() {
                continue;
            }
            assert_eq!(said(status, body).await.0, "unanswered", "{status} {body}");
        }
    }
    assert_eq!(said("401 Unauthorized", "<html>").await.0, "unauthorized");
    let (kind, text) =
        said("200 OK", r#"{"data":{"viewer":{"id":7},"organization":{"id":"o"}}}"#).await;
    assert_eq!(kind, "unanswered");
    assert!(text.contains("`Viewer`") && text.contains("viewer.id"), "{text}");
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let body = errors("Rate limit exceeded", serde_json::json!({ "code": "RATELIMITED" }));
    let date = "date: Tue, 24 Nov 2026 10:00:00 GMT";
    let at = |seconds: i64| (1_795_514_400 + seconds) * 1_000;
    let requests = |left: i64, seconds| {
        [
            format!("x-ratelimit-requests-remaining: {left}"),
            format!("x-ratelimit-requests-reset: {}", at(seconds)),
        ]
    };
    let complexity = |left: i64, seconds| {
        [
            format!("x-ratelimit-complexity-remaining: {left}"),
            format!("x-ratelimit-complexity-reset: {}", at(seconds)),
        ]
    };
    for (headers, expected) in [
        (vec![], None),
        (requests(0, 30).to_vec(), Some(30)),
        ([requests(0, 30), complexity(9, 5)].concat(), Some(30)),
        ([requests(0, 30), complexity(0, 90)].concat(), Some(90)),
        ([requests(7, 30), complexity(9, 5)].concat(), Some(5)),
        (requests(0, -30).to_vec(), Some(0)),
        (requests(0, 1_000_000).to_vec(), Some(3_600)),
        ([requests(0, 30).to_vec(), vec!["retry-after: 7".to_owned()]].concat(), Some(7)),
        (vec!["retry-after: soon".to_owned()], None),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).chain([date]).collect();
        for status in ["400 Bad Request", "429 Too Many Requests"] {
            let Failure::Unanswered { retry_after, .. } =
                failure(http(status, &headers, &body)).await
            else {
                panic!()
            };
            assert_eq!(retry_after, expected.map(Duration::from_secs), "{headers:?}");
        }
    }
    let plain = failure(http("429 Too Many Requests", &["retry-after: 7"], "slow down")).await;
    assert!(
        matches!(plain, Failure::Unanswered { retry_after: Some(wait), .. } if wait == Duration::from_secs(7))
    );
}

#[tokio::test]
async fn a_rate_limit_among_other_errors_counts() {
    let body =
        r#"{"errors":[{"message":"A"},{"message":"B","extensions":{"type":"ratelimited"}}]}"#;
    assert_eq!(said("400 Bad Request", body).await.0, "unanswered");
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_the_end() {
    let endless =
        |length: usize| http("200 OK", &[], &format!("{DATA}{}", " ".repeat(length - DATA.len())));
    assert!(send_to(canned(endless(MAX_ANSWER_BYTES)).0).await.is_ok());
    let Failure::Unanswered { source, .. } = failure(endless(MAX_ANSWER_BYTES + 1)).await else {
        panic!()
    };
    assert!(source.to_string().contains("more than"), "{source}");
}

#[tokio::test]
async fn a_lost_answer_is_no_answer() {
    let half = http("200 OK", &[], DATA).split_last_chunk::<9>().unwrap().0.to_vec();
    assert!(matches!(failure(half).await, Failure::Unanswered { retry_after: None, .. }));
    assert!(matches!(failure("").await, Failure::Unanswered { .. }));
    let nobody = "http://127.0.0.1:1/graphql".parse().unwrap();
    assert!(matches!(send_to(nobody).await, Err(Failure::Unanswered { .. })));
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/graphql", listener.local_addr().unwrap()).parse().unwrap();
    let transport =
        Transport::new(&LinearConfig { timeout: Duration::from_millis(50), ..config(url) })
            .unwrap();
    let Err(Failure::Unanswered { source, .. }) =
        transport.send::<Viewer>(viewer::Variables {}).await
    else {
        panic!()
    };
    assert!(
        source.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout),
        "{source}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, requests) = canned(http("200 OK", &[], DATA));
    let location = format!("location: {elsewhere}");
    assert!(matches!(
        failure(http("307 Temporary Redirect", &[&location], "")).await,
        Failure::Unanswered { .. }
    ));
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn foreign_words_are_bounded_and_on_one_line() {
    let long = format!("a\nb\u{1b}[31m{}", "ü".repeat(10_000));
    let (_, reason) =
        said("200 OK", &errors(&long, serde_json::json!({ "userError": true }))).await;
    assert!(reason.starts_with("a b [31mü") && reason.ends_with('…'), "{reason}");
    assert_eq!(reason.chars().count(), MAX_REASON_CHARS + 1);
    let presentable =
        serde_json::json!({ "userError": true, "userPresentableMessage": "Could not." });
    assert_eq!(said("200 OK", &errors("Words", presentable)).await.1, "Words: Could not.");
}

#[test]
fn a_credential_that_cannot_be_sent_is_refused_and_none_is_shown() {
    let url: Url = "http://127.0.0.1:1/".parse().unwrap();
    for text in ["", "two\nlines"] {
        for credential in [Credential::AppToken(text.into()), Credential::PersonalKey(text.into())]
        {
            let refused = Transport::new(&LinearConfig { credential, ..config(url.clone()) });
            assert!(matches!(refused, Err(SetupError::BadCredential)));
        }
    }
    assert!(!format!("{:?}", config(url)).contains("token-of-the-app"));
}
