//! Who may work on a clone or a worktree now. git has locks of its own, but a call that meets one fails instead of
//! waiting, and several of our operations take more than one call.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::OwnedMutexGuard, time::Instant};

type Waiters = Arc<tokio::sync::Mutex<Held>>;

/// What those who wait for one path tell each other.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// When the last fetch that succeeded began. Whoever was waiting then need not fetch again.
    pub(crate) fetch_began: Option<Instant>,
}

/// One lock for each path that somebody works on.
#[derive(Default)]
pub(crate) struct Locks(Mutex<HashMap<PathBuf, Waiters>>);

impl Locks {
    /// Waits until nobody else works on this path. Whoever takes both a worktree and its clone takes the worktree first.
    pub(crate) async fn hold(&self, path: &Path) -> OwnedMutexGuard<Held> {
        let lock = {
            // The map is whole between any two calls, so a panic elsewhere does not make it unusable.
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| 1 < Arc::strong_count(lock));
            Arc::clone(locks.entry(path.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
