//! What we know of a worktree, kept where no agent can write.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use patchrelay_domain::{BaseMerge, CommitSha};
use patchrelay_ports::WorkspaceError;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::{error::local, place::Place};

/// The proof that a directory is a worktree of ours. Written before the directory is made, and again when it is whole;
/// so whatever is found without a record is somebody else's, and what is not whole was never given to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The commit that it stands on.
    pub base: CommitSha,
    /// The merge that this commit is, if we began one.
    #[serde(default)]
    pub merge: Option<BaseMerge>,
    /// Whether it is a repository of the agent's own.
    #[serde(default)]
    pub is_own_repository: bool,
    /// Whether it was made completely.
    pub is_whole: bool,
}

/// Where a worktree stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    /// The commit whose content its edits are compared with.
    pub commit: CommitSha,
    /// The merge that this commit is, if we began one.
    pub merge: Option<BaseMerge>,
}

impl Stand {
    /// The record of a worktree at this place that stands here.
    pub(crate) fn record(&self, place: &Place, is_whole: bool) -> Record {
        Record {
            base: self.commit.clone(),
            merge: self.merge.clone(),
            is_own_repository: place.is_own_repository,
            is_whole,
        }
    }
}

impl Record {
    /// Where the worktree stands.
    pub(crate) fn stand(&self) -> Stand {
        Stand { commit: self.base.clone(), merge: self.merge.clone() }
    }

    /// The record of this place, if there is one.
    pub(crate) async fn load(place: &Place) -> Result<Option<Self>, WorkspaceError> {
        let failed = || format!("read the record of worktree `{}`", place.path.display());
        match tokio::fs::read(&place.record).await {
            Ok(bytes) => Self::parse(&bytes).map(Some).map_err(local(failed())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(local(failed())(error)),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Writes the record so that it is there after a power failure: the old one or the new one, whole.
    pub(crate) async fn store(&self, place: &Place) -> Result<(), WorkspaceError> {
        let failed = || format!("write the record of worktree `{}`", place.path.display());
        let bytes = serde_json::to_vec(self).map_err(local(failed()))?;
        let path = place.record.clone();
        let written = spawn_blocking(move || replace(&path, &bytes)).await;
        written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))).map_err(local(failed()))
    }
}

/// Replaces a file at once and for good. The directory is made if it is missing.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    fs::create_dir_all(dir)?;
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(dir)?.sync_all()
}
