//! Where things are: a worktree, its record, its clone.

use std::path::{Path, PathBuf};

use patchrelay_domain::{Project, prompt::Publisher};
use patchrelay_ports::WorkspaceError;

use crate::{
    config::{GitConfig, RemoteConfig},
    error::local,
    names::is_file_name,
    refs::lock_of,
};

/// Where one worktree is, and what belongs to it elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The directory itself, as it was ordered.
    pub path: PathBuf,
    /// The directory that it is made in.
    pub root: PathBuf,
    /// Its name there.
    pub name: String,
    /// The clone that it belongs to.
    pub clone: PathBuf,
    /// What we know of it.
    pub record: PathBuf,
    /// An index of ours while a snapshot is taken.
    pub index: PathBuf,
    /// Whether it is a repository of its own, because the agent publishes from it. What git reads there was written by
    /// an agent, so no call of ours does after it was made: the clone holds all that we look at.
    pub is_own_repository: bool,
}

impl Place {
    /// The place of this path, which has to be a plain name directly below the project's worktree root. Looks at no
    /// disk: what is there now is another question.
    pub(crate) fn of(
        config: &GitConfig,
        project: &Project,
        path: &str,
    ) -> Result<Self, WorkspaceError> {
        let Repository { clone, records, remote } = Repository::of(config, project)?;
        let foreign = |reason: &str| WorkspaceError::Foreign {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let inside = Path::new(path)
            .strip_prefix(&remote.worktree_root)
            .map_err(|_| foreign("it is not below the project's worktree root"))?;
        let name = inside.to_str().filter(|name| is_file_name(name));
        let name = name
            .ok_or_else(|| foreign("it is not a plain name below the project's worktree root"))?;
        Ok(Self {
            path: remote.worktree_root.join(name),
            root: remote.worktree_root.clone(),
            name: name.to_owned(),
            clone,
            record: records.join(format!("{name}.json")),
            index: records.join(format!("{name}.index")),
            is_own_repository: project.publisher == Publisher::Agent,
        })
    }

    /// What git knows of the worktree: its head and the index that the agent sees. In the clone, out of the agent's reach.
    pub(crate) fn admin(&self) -> PathBuf {
        self.clone.join("worktrees").join(&self.name)
    }

    /// The locks that git may hold on what belongs to the worktree alone.
    pub(crate) fn locks(&self) -> Vec<PathBuf> {
        let admin = self.admin();
        [&admin.join("HEAD"), &admin.join("index"), &self.index].map(|path| lock_of(path)).to_vec()
    }
}

/// A project's repository: our clone of it, and where it comes from.
pub(crate) struct Repository<'a> {
    /// Our clone.
    pub clone: PathBuf,
    /// The records of its worktrees.
    pub records: PathBuf,
    /// The remote.
    pub remote: &'a RemoteConfig,
}

impl<'a> Repository<'a> {
    /// The repository of this project, if one is configured.
    pub(crate) fn of(config: &'a GitConfig, project: &Project) -> Result<Self, WorkspaceError> {
        let remote = config.remotes.get(&project.id).ok_or_else(|| {
            local(format!("find the repository of project `{}`", project.id))(
                "no repository is configured for it",
            )
        })?;
        let dir = |kind: &str| config.data_dir.join(kind).join(project.id.as_str());
        Ok(Self { clone: dir("repos"), records: dir("worktrees"), remote })
    }
}
