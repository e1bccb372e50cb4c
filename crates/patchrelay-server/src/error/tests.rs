//! Tests.

use axum::{http::StatusCode, response::IntoResponse};
use patchrelay_ports::StoreError;

use super::ApiError;

async fn shown(error: ApiError) -> (StatusCode, String) {
    let response = error.into_response();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_store_error_shows_nothing_of_its_cause() {
    let unavailable = StoreError::Unavailable {
        operation: "list issues",
        source: "no such table: issues (code 1)".into(),
    };
    let (status, body) = shown(unavailable.into()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("store_unavailable") && !body.contains("table"), "{body}");

    let corrupt = StoreError::Corrupt {
        what: "facts",
        id: "acme/t1".to_owned(),
        source: "missing field `title` at line 1 column 7".into(),
    };
    let (status, body) = shown(corrupt.into()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.contains("store_corrupt") && body.contains("acme/t1"), "{body}");
    assert!(!body.contains("column"), "{body}");
}

#[tokio::test]
async fn projects_are_named_only_where_there_is_a_choice() {
    let ambiguous = ApiError::ambiguous("APP-1", vec!["app".to_owned(), "lib".to_owned()]);
    let (status, body) = shown(ambiguous).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body.contains("\"projects\":[\"app\",\"lib\"]"), "{body}");
    let (_, body) = shown(ApiError::not_found("not_found", "no")).await;
    assert_eq!(body, r#"{"error":{"code":"not_found","message":"no"}}"#);
}
