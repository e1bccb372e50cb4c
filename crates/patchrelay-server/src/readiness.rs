//! Whether the program is ready: whether its database can be written to (D40).

use std::{sync::Arc, time::Duration};

use patchrelay_ports::Store;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tracing::warn;

/// How long one answer serves everybody who asks: asking costs a flush of the disk.
const FRESH: Duration = Duration::from_secs(5);
/// How long the database may take. Whoever asks for readiness has little patience itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Option<(Instant, bool)>>>);

impl Readiness {
    /// Whether the database can be written to, as seen within the last seconds.
    pub(crate) async fn database(&self, store: &dyn Store) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = *last
            && at.elapsed() < FRESH
        {
            return answer;
        }
        let answer = match timeout(PATIENCE, store.check_writable()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                warn!(%error, "the database cannot be written to");
                false
            }
            Err(_) => {
                warn!("the database did not answer in time");
                false
            }
        };
        *last = Some((Instant::now(), answer));
        answer
    }
}
