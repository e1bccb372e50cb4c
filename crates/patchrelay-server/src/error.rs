//! Answers that say no: `{"error":{"code","message"}}`.

use axum::{
    Json,
    extract::rejection::{PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use patchrelay_ports::StoreError;

/// An answer that says no.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    projects: Vec<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), projects: Vec::new() }
    }

    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// What scripts go by.
    pub(crate) fn status_and_code(&self) -> (StatusCode, &'static str) {
        (self.status, self.code)
    }

    /// A key that nobody knows.
    pub(crate) fn unknown_issue(key: &str) -> Self {
        Self::not_found("issue_not_found", format!("no issue with the key `{key}` is known"))
    }

    /// A key that several projects know.
    pub(crate) fn ambiguous(key: &str, projects: Vec<String>) -> Self {
        let message = format!("`{key}` exists in several projects; say which with `?project=`");
        Self { projects, ..Self::new(StatusCode::CONFLICT, "ambiguous_key", message) }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        // The cause may quote the database; it goes to the log and not to whoever asks.
        tracing::warn!(error = %error, cause = ?std::error::Error::source(&error).map(ToString::to_string), "a request met a store error");
        match error {
            StoreError::Unavailable { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the database did not answer; try again",
            ),
            StoreError::Corrupt { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_corrupt", error.to_string())
            }
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_path", rejection.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = serde_json::json!({ "code": self.code, "message": self.message });
        if !self.projects.is_empty() {
            error["projects"] = self.projects.into();
        }
        let mut response =
            (self.status, Json(serde_json::json!({ "error": error }))).into_response();
        // The rest of the body is not read, so nothing can follow it.
        if matches!(self.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests;
