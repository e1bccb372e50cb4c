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
pub struct Faults(Mutex<Planned>);

#[derive(Debug, Default)]
struct Planned {
    ordered: Vec<(String, Fault, u32)>,
    chance: Option<Chance>,
}

/// Answers that are lost by chance, the same for the same seed and order of operations (splitmix64).
#[derive(Debug)]
struct Chance {
    state: u64,
    percent: u64,
}

impl Chance {
    fn strikes(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 100 < self.percent
    }
}

impl Faults {
    /// Lets the next `times` operations of this name fail like this.
    pub fn plan(&self, operation: &str, fault: Fault, times: u32) {
        self.lock().ordered.push((operation.to_owned(), fault, times));
    }

    /// From now on, of all operations for which nothing else is planned, about so many in a hundred are done and their
    /// answer is lost.
    pub fn lose_answers(&self, percent: u64, seed: u64) {
        self.lock().chance = Some(Chance { state: seed, percent });
    }

    /// Uses up and tells the fault that is planned for this operation, if one is.
    pub(crate) fn take(&self, operation: &str) -> Option<Fault> {
        let mut planned = self.lock();
        let is_next =
            |(name, _, times): &&mut (String, Fault, u32)| name == operation && 0 < *times;
        if let Some((_, fault, times)) = planned.ordered.iter_mut().find(is_next) {
            *times -= 1;
            return Some(*fault);
        }
        planned.chance.as_mut()?.strikes().then_some(Fault::LoseAnswer)
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Planned> {
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
