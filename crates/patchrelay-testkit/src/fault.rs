//! Failures on order.

use std::{sync::Mutex, time::Duration};

use axum::{body::Body, http::StatusCode, response::Response};

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status, and nothing is done.
    Before(u16),
    /// The connection is cut, and nothing is done.
    CutBefore,
    /// It is done, and the connection is cut before the answer.
    LoseAnswer,
    /// It is done, this much later.
    Slow(Duration),
}

/// The failures that a fake was told of. Each applies to the next operations of its name.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<(String, Fault, u32)>>);

impl Faults {
    /// Lets the next `times` operations of this name fail like this.
    pub fn plan(&self, operation: &str, fault: Fault, times: u32) {
        self.lock().push((operation.to_owned(), fault, times));
    }

    /// Uses up and tells the fault that is planned for this operation, if one is.
    pub(crate) fn take(&self, operation: &str) -> Option<Fault> {
        let mut planned = self.lock();
        let at = planned.iter().position(|(name, _, times)| name == operation && 0 < *times)?;
        planned[at].2 -= 1;
        Some(planned[at].1)
    }

    /// Carries out an operation under the fault that is planned for it.
    pub(crate) async fn apply(
        &self,
        operation: &str,
        work: impl AsyncFnOnce() -> Response,
    ) -> Response {
        match self.take(operation) {
            None => work().await,
            Some(Fault::Before(status)) => {
                let mut response = Response::new(Body::from("planned failure"));
                *response.status_mut() =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response
            }
            Some(Fault::CutBefore) => cut(),
            Some(Fault::LoseAnswer) => {
                let answer = work().await;
                tracing::debug!(operation, status = %answer.status(), "answer lost on purpose");
                cut()
            }
            Some(Fault::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                work().await
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Fault, u32)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An answer whose body breaks before its announced length: the client sees the connection end.
fn cut() -> Response {
    let broken = futures_util::stream::once(async {
        Err::<axum::body::Bytes, _>(std::io::Error::other("cut on purpose"))
    });
    Response::builder()
        .header("content-length", "1000")
        .body(Body::from_stream(broken))
        .expect("a status and a header make a response")
}
