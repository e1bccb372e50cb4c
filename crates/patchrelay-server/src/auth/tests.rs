//! Tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName, StatusCode};
use secrecy::SecretString;

use super::{OpenBind, Operators, is_loopback_host, permit};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    headers
}

fn with_token(token: &str) -> Operators {
    Operators::new(Some(SecretString::from(token)), ELSEWHERE).unwrap()
}

fn passes(operators: &Operators, peer: Option<IpAddr>, pairs: &[(&'static str, &str)]) -> bool {
    permit(operators, &headers(pairs), peer).is_ok()
}

#[test]
fn the_token_opens_from_anywhere() {
    let operators = with_token("s3cret");
    let right = [("authorization", "Bearer s3cret"), ("host", "relay.example.com")];
    assert!(passes(&operators, Some(ELSEWHERE), &right));
    assert!(passes(&operators, None, &right));
    assert!(passes(&operators, None, &[("authorization", "bearer s3cret")]));
    assert!(passes(&operators, None, &[("authorization", "Bearer  s3cret")]));
    // With a token, the page that a browser has open does not matter: it does not know the token.
    let paged = [("authorization", "Bearer s3cret"), ("origin", "https://ui.example.com")];
    assert!(passes(&operators, None, &paged));
}

#[test]
fn nothing_but_the_token_opens() {
    let operators = with_token("s3cret");
    for wrong in [
        "",
        "s3cret",
        "Bearer",
        "Bearer ",
        "Bearer s3cre",
        "Bearer s3cret!",
        "Bearer S3CRET",
        "Basic s3cret",
        "Bearers3cret",
        "Token s3cret",
    ] {
        assert!(!passes(&operators, Some(HERE), &[("authorization", wrong)]), "{wrong:?}");
    }
    assert!(!passes(&operators, Some(HERE), &[("host", "localhost")]));
    let twice = [("authorization", "Bearer s3cret"), ("authorization", "Bearer other")];
    assert!(!passes(&operators, Some(HERE), &twice));
}

#[test]
fn the_refusal_does_not_show_the_token() {
    let operators = with_token("s3cret");
    let error = permit(&operators, &headers(&[]), None).unwrap_err();
    assert!(!format!("{error:?}").contains("s3cret"));
    assert!(!format!("{operators:?}").contains("s3cret"));
}

#[test]
fn without_a_token_only_programs_of_this_machine_pass() {
    let operators = Operators::new(None, HERE).unwrap();
    let host = [("host", "127.0.0.1:8787")];
    assert!(passes(&operators, Some(HERE), &host));
    assert!(passes(&operators, Some(IpAddr::V6(Ipv6Addr::LOCALHOST)), &[("host", "[::1]:8787")]));
    assert!(!passes(&operators, Some(ELSEWHERE), &host));
    assert!(!passes(&operators, None, &host));
}

/// A page of evil.example whose name was pointed at 127.0.0.1 still sends its name.
#[test]
fn without_a_token_the_host_is_a_loopback_one() {
    for host in [
        "localhost",
        "LOCALHOST:8787",
        "localhost:8787",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.8.9.10:8787",
        "[::1]",
        "[::1]:8787",
    ] {
        assert!(is_loopback_host(host), "{host}");
    }
    for host in [
        "",
        ":8787",
        "evil.example",
        "evil.example:8787",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:8787",
        "evil.example:127.0.0.1",
        "user@localhost",
        "localhost@evil.example",
        "localhost:8787:evil.example",
        "localhost:port",
        "localhost:",
        "[::1]evil.example",
        "[::1].evil.example:8787",
        "[::1]:",
        "::1",
        "[127.0.0.1]",
        "[localhost]",
        "[::1",
        "[2001:db8::1]:8787",
        "192.0.2.7:8787",
        "0.0.0.0:8787",
        "2130706433",
    ] {
        assert!(!is_loopback_host(host), "{host}");
        let operators = Operators::new(None, HERE).unwrap();
        assert!(!passes(&operators, Some(HERE), &[("host", host)]), "{host}");
    }
}

#[test]
fn without_a_token_the_host_comes_once() {
    let operators = Operators::new(None, HERE).unwrap();
    assert!(!passes(&operators, Some(HERE), &[]));
    let twice = [("host", "localhost"), ("host", "evil.example")];
    assert!(!passes(&operators, Some(HERE), &twice));
}

#[test]
fn without_a_token_a_page_of_another_origin_is_refused() {
    let operators = Operators::new(None, HERE).unwrap();
    let from = |host: &str, origin: &str| {
        passes(&operators, Some(HERE), &[("host", host), ("origin", origin)])
    };
    assert!(from("127.0.0.1:8787", "http://127.0.0.1:8787"));
    assert!(from("[::1]:8787", "http://[::1]:8787"));
    for origin in [
        "https://evil.example",
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:9999",
        "https://127.0.0.1:8787",
        "http://localhost:8787",
        "http://127.0.0.1:8787/",
        "127.0.0.1:8787",
    ] {
        assert!(!from("127.0.0.1:8787", origin), "{origin:?}");
    }
    let both = [
        ("host", "127.0.0.1:8787"),
        ("origin", "http://127.0.0.1:8787"),
        ("origin", "https://evil.example"),
    ];
    assert!(!passes(&operators, Some(HERE), &both));
}

/// nginx sends our own address as the host.
#[test]
fn without_a_token_nobody_passes_through_a_proxy() {
    let operators = Operators::new(None, HERE).unwrap();
    for (name, value) in [
        ("forwarded", "for=192.0.2.7"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-for", ""),
        ("x-forwarded-host", "relay.example.com"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-anything", "1"),
        ("x-real-ip", "192.0.2.7"),
        ("via", "1.1 proxy"),
    ] {
        let proxied = [("host", "127.0.0.1:8787"), (name, value)];
        let error = permit(&operators, &headers(&proxied), Some(HERE)).unwrap_err();
        let error = format!("{error:?}");
        assert!(error.contains("loopback_only"), "{name}: {error}");
        assert!(error.contains("PATCHRELAY_API_TOKEN"), "{name}: {error}");

        let token = [("authorization", "Bearer s3cret"), (name, value)];
        assert!(passes(&with_token("s3cret"), Some(HERE), &token), "{name}");
    }
    // These come from the program itself.
    let own = [("host", "127.0.0.1:8787"), ("x-request-id", "1"), ("user-agent", "via")];
    assert!(passes(&operators, Some(HERE), &own));
}

#[test]
fn an_open_bind_without_a_token_is_refused() {
    for bind in ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1"] {
        let bind: IpAddr = bind.parse().unwrap();
        let refused = Operators::new(None, bind).unwrap_err();
        assert_eq!(refused, OpenBind(bind));
        assert!(refused.to_string().contains("PATCHRELAY_API_TOKEN"), "{refused}");
        assert!(Operators::new(Some("token".into()), bind).is_ok());
        // Everybody has the empty token.
        assert_eq!(Operators::new(Some("".into()), bind).unwrap_err(), OpenBind(bind));
    }
    for bind in ["127.0.0.1", "127.1.2.3", "::1"] {
        assert!(Operators::new(None, bind.parse().unwrap()).is_ok());
    }
}

#[test]
fn an_empty_token_opens_nothing() {
    let operators = Operators::new(Some("".into()), HERE).unwrap();
    assert!(!passes(&operators, Some(ELSEWHERE), &[("authorization", "Bearer ")]));
    let error = permit(&operators, &headers(&[]), Some(ELSEWHERE)).unwrap_err();
    assert!(format!("{error:?}").contains(StatusCode::FORBIDDEN.as_str()), "{error:?}");
}
