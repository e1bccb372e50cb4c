//! Time and chance.

use patchrelay_domain::Timestamp;

/// The wall clock.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Names that nobody else chooses.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Ids: Send + Sync {
    /// An id of ours that sorts by time (UUID v7), for runs and workers.
    fn sortable(&self) -> String;

    /// A random id (UUID v4): Linear takes no other version for entities whose id the client chooses.
    fn random(&self) -> String;
}
