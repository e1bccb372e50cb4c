//! Which addresses ask who is there.

use axum::{body::Body, http::Request};

use patchrelay_ports::Store;

use super::world::{World, operators};

const OPERATOR_PATHS: [&str; 10] = [
    "/api/issues",
    "/api/issues/APP-1",
    "/api/issues/APP-1/explain",
    "/api/issues/APP-1/observations",
    "/api/issues/APP-1/runs",
    "/api/runs/run-1",
    "/api/inbox",
    "/api/feed",
    "/api/stream?issue=APP-1",
    "/metrics",
];
const ORDERS: [&str; 5] = ["retry", "stop", "close", "prompt", "approve"];

/// An order from another place than the command line.
fn order(name: &str) -> axum::http::request::Builder {
    Request::post(format!("/api/issues/APP-1/{name}")).header("content-type", "application/json")
}

#[tokio::test]
async fn no_order_is_taken_from_who_is_no_operator() {
    let mut world = World::new().await;
    let issue = super::world::issue("t1");
    let delegated = vec![super::world::opened("s1", None), super::world::read("APP-1")];
    world.observe(&issue, delegated).await;
    let before = world.store.load(&issue).await.unwrap();
    let body = || Body::from("{\"text\":\"Please.\"}");
    for name in ORDERS {
        let loopback = || order(name).header("host", "127.0.0.1:8787");
        for request in [
            loopback().header("origin", "https://evil.example"),
            loopback().header("origin", "null"),
            loopback().header("x-forwarded-for", "192.0.2.7"),
            order(name).header("host", "evil.example"),
        ] {
            let answer = world.send(request.body(body()).unwrap()).await;
            assert_eq!(answer.code(), (403, "loopback_only".to_owned()), "{name}");
        }
        let get = world.get(&format!("/api/issues/APP-1/{name}")).await;
        assert_eq!(get.code(), (405, "method_not_allowed".to_owned()), "{name}");
    }
    world.state.operators = operators(Some("operator-token"));
    for name in ORDERS {
        for authorization in ["", "Bearer ", "Bearer operator-tokeN", "Basic operator-token"] {
            let request =
                order(name).header("host", "127.0.0.1:8787").header("authorization", authorization);
            let answer = world.send(request.body(body()).unwrap()).await;
            assert_eq!(answer.code(), (401, "operator_auth_required".to_owned()), "{name}");
        }
    }
    assert_eq!(world.store.load(&issue).await.unwrap(), before, "nothing was changed");
    let right = order("stop").header("authorization", "Bearer operator-token");
    assert_eq!(world.send(right.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn operator_addresses_need_the_token() {
    let mut world = World::new().await;
    world.state.operators = operators(Some("operator-token"));
    let get = |path: &str, authorization: Option<&str>| {
        let request = Request::get(path).header("host", "relay.example.com");
        let request = match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        request.body(Body::empty()).unwrap()
    };
    for path in OPERATOR_PATHS {
        let without = world.send(get(path, None)).await;
        assert_eq!(without.code(), (401, "operator_auth_required".to_owned()), "{path}");
        assert!(!without.text.contains("operator-token"), "{}", without.text);
        let wrong = world.send(get(path, Some("Bearer operator-tokeN"))).await;
        assert_eq!(wrong.code().0, 401, "{path}");
        let right = world.send(get(path, Some("Bearer operator-token"))).await;
        assert!([200, 404].contains(&right.status.as_u16()), "{path}: {}", right.text);
    }
}

#[tokio::test]
async fn a_foreign_page_is_refused_at_every_operator_address() {
    let world = World::new().await;
    for path in OPERATOR_PATHS {
        let request = Request::get(path)
            .header("host", "127.0.0.1:8787")
            .header("origin", "https://evil.example");
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.code(), (403, "loopback_only".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_proxy_is_refused_at_every_operator_address_and_nowhere_else() {
    let world = World::new().await;
    let get = |path: &str| {
        let request = Request::get(path)
            .header("host", "127.0.0.1:8787")
            .header("x-forwarded-for", "192.0.2.7");
        request.body(Body::empty()).unwrap()
    };
    for path in OPERATOR_PATHS {
        let answer = world.send(get(path)).await;
        assert_eq!(answer.code(), (403, "loopback_only".to_owned()), "{path}");
        assert!(answer.text.contains("PATCHRELAY_API_TOKEN"), "{path}: {}", answer.text);
    }
    for path in ["/health", "/ready"] {
        assert_eq!(world.send(get(path)).await.status, 200, "{path}");
    }
}

/// Nobody has to prove anything to learn whether the service lives, and a webhook proves itself.
#[tokio::test]
async fn public_addresses_need_no_token() {
    let mut world = World::new().await;
    world.state.operators = operators(Some("operator-token"));
    for path in ["/health", "/ready"] {
        let request = Request::get(path).header("host", "relay.example.com");
        assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, 200, "{path}");
    }
    let request = Request::post("/webhooks/linear").header("host", "relay.example.com");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.code(), (400, "missing_header".to_owned()));
}
