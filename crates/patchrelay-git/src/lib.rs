//! The `Workspaces` port over the git command: clones, worktrees, snapshots, commits, pushes.
//!
//! Layout below the data directory:
//! - `repos/<project>`: a bare clone of our own. Its configuration is written by us before every use, it has no hooks,
//!   and no agent can write to it.
//! - `worktrees/<project>/<name>.json`: what we know of a worktree (`Record`). It lies outside of the
//!   worktree and says whose a directory is.
//! - `hooks/<project>`: the prepare hook, as the base branch had it when it was last run.
//!
//! A checkout of the operator's is read once, for the first fetch, and never written to ([`Checkout`]).
//!
//! The rule that everything here serves (D25): **no call to git ever looks for a repository in a directory that an
//! agent wrote to.** Repository, worktree and index are named on each call, and configuration comes from nowhere but
//! the command line and our own clone. What an agent leaves behind is data: it is walked by us, without following
//! links, and staged path by path.

mod checkout;
mod clone;
mod config;
mod control;
mod error;
mod evidence;
mod freshen;
mod git;
mod locks;
mod names;
mod own;
mod place;
mod publish;
mod raw;
mod record;
mod refs;
mod rescue;
mod snapshot;
mod space;
mod version;
mod walk;
mod workspaces;
mod worktree;

#[cfg(test)]
mod tests;

pub use crate::{
    checkout::{Checkout, CheckoutError, CheckoutOrder, find_checkout},
    config::{ConfigError, GitConfig, Identity, RemoteConfig, TokenSource},
    version::{OLDEST_GIT, git_version},
    workspaces::GitWorkspaces,
};
