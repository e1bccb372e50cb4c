//! Answers that say no, whoever says it.

use axum::{body::Body, http::Request};

use super::world::{World, issue, opened, read};

#[tokio::test]
async fn an_unknown_address_is_not_found() {
    let world = World::new().await;
    for path in ["/", "/api", "/api/issues/APP-1/secrets", "/webhooks", "/webhooks/linear/x"] {
        assert_eq!(world.get(path).await.code(), (404, "not_found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn another_method_is_told_so() {
    let world = World::new().await;
    for path in ["/webhooks/linear", "/webhooks/github"] {
        assert_eq!(world.get(path).await.code(), (405, "method_not_allowed".to_owned()), "{path}");
    }
    let post =
        Request::post("/api/issues").header("host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(world.send(post).await.code(), (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_told_so() {
    let world = World::new().await;
    for (query, code) in [
        ("limit=many", "invalid_query"),
        ("limit=-1", "invalid_query"),
        ("project=a&project=b", "invalid_query"),
        ("cursor=nonsense", "invalid_cursor"),
        ("cursor=", "invalid_cursor"),
        ("cursor=acme/never-stored", "invalid_cursor"),
    ] {
        let answer = world.get(&format!("/api/issues?{query}")).await;
        assert_eq!(answer.code(), (400, code.to_owned()), "{query}");
    }
    assert_eq!(world.get("/api/issues/%FF").await.code(), (400, "invalid_path".to_owned()));
}

/// What the database says is for the log.
#[tokio::test]
async fn no_answer_tells_what_the_database_said() {
    let world = World::new().await;
    world.observe(&issue("t1"), vec![opened("s1", None), read("APP-1")]).await;
    world.break_store().await;
    for path in [
        "/api/issues",
        "/api/issues?failed=1",
        "/api/issues?cursor=acme/t1",
        "/api/issues/APP-1",
        "/api/issues/APP-1/explain",
        "/ready",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        let text = answer.text.to_ascii_lowercase();
        for word in ["sql", "pool", "select", "closed", "test.db"] {
            assert!(!text.contains(word), "{path}: {text}");
        }
    }
    let answer = world.get("/api/issues").await;
    assert_eq!(answer.code(), (503, "store_unavailable".to_owned()));
}
