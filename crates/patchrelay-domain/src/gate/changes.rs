//! What is to be published, as far as the gate judges it.

use super::{GateHit, NewCommit};

/// What is at a changed path now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now {
    /// Nothing any more.
    Gone,
    /// A file.
    File {
        /// Its size in bytes.
        bytes: u64,
        /// Whether it is no text: it has a byte zero near its beginning, as git judges it.
        is_binary: bool,
        /// Whether it may be run.
        is_executable: bool,
    },
    /// A symbolic link.
    Link {
        /// What it says, wherever that leads.
        target: String,
    },
    /// A link to a commit of another repository.
    Submodule,
}

/// A path that differs from what the work stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Which, from the root of the repository.
    pub path: String,
    /// What is there now.
    pub now: Now,
    /// Its unified diff with renames recognized, binary files taken for text. `None` when it is too long to be judged.
    /// It is empty for a path that was renamed: the other one tells of it.
    pub patch: Option<String>,
}

/// A commit of which a change undoes all: each path that it changed is again what it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Which.
    pub commit: crate::CommitSha,
    /// The first line of its message.
    pub subject: String,
    /// Whether we or our agent made it.
    pub is_ours: bool,
}

/// What is to be published, told so that the gate can judge it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The paths in which the tree differs from the commit that the work stands on. Of a merge only those that differ
    /// from every parent: what the base brought is not the run's doing.
    pub files: Vec<ChangedFile>,
    /// The commits of the branch that its base does not have.
    pub commits: Vec<NewCommit>,
    /// The newest commits of the history that the change takes back.
    pub taken_back: Vec<TakenBack>,
    /// What the workspace found itself: [`GateHit::NestedRepository`], [`GateHit::ForeignLink`], what it could not
    /// stage, and what [`SecretPatterns::find`](crate::SecretPatterns::find) found in all that would leave the machine.
    pub found: Vec<GateHit>,
}

impl ChangeSet {
    /// A change of which only the paths are known. It is not judged by what is in them.
    pub fn of_paths<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        let file = |path: P| ChangedFile {
            path: path.into(),
            now: Now::File { bytes: 0, is_binary: false, is_executable: false },
            patch: Some(String::new()),
        };
        Self { files: paths.into_iter().map(file).collect(), ..Self::default() }
    }
}
