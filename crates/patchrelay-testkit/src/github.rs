//! A GitHub of one's own: pull requests over the REST API, webhooks, and real bare git repositories.
//!
//! Its repositories are directories that git pushes to and fetches from; what a pull request shows of its head is read
//! from there each time. Humans are the methods of [`FakeGithub`]: they merge, close, and push. As GitHub does, it sends
//! each webhook once, in order, from the background: the receiver may learn of a pull request before the one who opened
//! it. A push is noticed when somebody next asks about its repository, since nobody tells a directory's owner.
//!
//! Operations that can be told to fail ([`FakeGithub::faults`]): `repository`, `find_pull_request`, `read_pull_request`,
//! `open_pull_request`, `update_pull_request`.

mod api;
mod bare;
mod hooks;
mod pull;
mod world;

use std::{path::PathBuf, sync::Arc};

use patchrelay_domain::RepoSlug;
use patchrelay_process::ProcessError;
use serde_json::Value;
use thiserror::Error;

use self::world::{MAINTAINER, Repositories, Repository, World, key};
pub use self::{
    bare::FakeCommit,
    hooks::FakeDelivery,
    pull::{FakePullRequest, FakePullState},
};
use crate::{
    DeliveryAnswer, Faults, WebhookTarget,
    server::{Listening, listen},
};

/// How a fake is set up.
#[derive(Clone, Debug)]
pub struct FakeGithubConfig {
    /// The directory for its repositories.
    pub root: PathBuf,
    /// Who gets its webhooks, until [`FakeGithub::set_webhook`] says otherwise.
    pub webhook: WebhookTarget,
    /// The token that it accepts.
    pub token: String,
    /// The loopback port; 0 for a free one.
    pub port: u16,
}

/// Why the fake did not do what it was told.
#[derive(Debug, Error)]
pub enum FakeGithubError {
    /// It cannot listen.
    #[error("failed to listen on port {port} of the loopback interface")]
    Listen {
        /// Which port.
        port: u16,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A directory cannot be made.
    #[error("failed to make the directory {path}")]
    Directory {
        /// Which one.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// git did not run to its end.
    #[error("failed to run git")]
    Process(#[from] ProcessError),
    /// git ran and failed.
    #[error("git {command} failed: {reason}")]
    Git {
        /// Which command.
        command: &'static str,
        /// What it said.
        reason: String,
    },
    /// There is no such repository, or its name is not one.
    #[error("there is no repository {repo}")]
    NoRepository {
        /// Which one.
        repo: String,
    },
    /// There is no such pull request.
    #[error("there is no pull request #{number} in {repo}")]
    NoPullRequest {
        /// In which repository.
        repo: String,
        /// Which one.
        number: u64,
    },
    /// A pull request cannot be merged or changed like this.
    #[error("pull request #{number} of {repo} cannot be changed: {reason}")]
    NotMergeable {
        /// In which repository.
        repo: String,
        /// Which one.
        number: u64,
        /// Why.
        reason: String,
    },
}

/// The fake. It stops listening and sending when it is dropped; its directory stays.
#[derive(Debug)]
pub struct FakeGithub {
    world: Arc<World>,
    _listening: Listening,
}

impl FakeGithub {
    /// Starts listening on the loopback interface. Needs a tokio runtime.
    pub async fn start(config: FakeGithubConfig) -> Result<Self, FakeGithubError> {
        let port = config.port;
        let world = Arc::new(World::new(config.root, config.token, config.webhook));
        let listening = listen(api::router(Arc::clone(&world)), port)
            .await
            .map_err(|source| FakeGithubError::Listen { port, source })?;
        world.set_root(format!("http://{}", listening.address));
        Ok(Self { world, _listening: listening })
    }

    /// The root of its API, without a slash at the end.
    pub fn url(&self) -> String {
        self.world.root().to_owned()
    }

    /// The failures that it can be told of.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// Makes a repository with one commit of these files on the branch `main`, and tells where it is.
    pub async fn create_repository(
        &self,
        repo: &str,
        files: &[(&str, &str)],
    ) -> Result<PathBuf, FakeGithubError> {
        self.world.create_repository(slug(repo)?, files).await
    }

    /// The directory of a repository: a git remote.
    pub async fn remote_path(&self, repo: &str) -> Result<PathBuf, FakeGithubError> {
        self.with(repo, async |_, repository| Ok(repository.bare.path().to_owned())).await
    }

    /// The pull requests of a repository, oldest first, pushes taken into account.
    pub async fn pull_requests(&self, repo: &str) -> Result<Vec<FakePullRequest>, FakeGithubError> {
        self.with(repo, async |_, repository| Ok(repository.pulls.clone())).await
    }

    /// A pull request, pushes taken into account.
    pub async fn pull_request(
        &self,
        repo: &str,
        number: u64,
    ) -> Result<FakePullRequest, FakeGithubError> {
        self.with(repo, async |_, repository| {
            Ok(repository.pulls[position(repository, number)?].clone())
        })
        .await
    }

    /// Waits until the repository has a pull request, and gives the newest. Never ends by itself otherwise.
    pub async fn wait_for_pull_request(
        &self,
        repo: &str,
    ) -> Result<FakePullRequest, FakeGithubError> {
        let mut changes = self.world.changes();
        loop {
            changes.borrow_and_update();
            if let Some(newest) = self.pull_requests(repo).await?.pop() {
                return Ok(newest);
            }
            // The world lives as long as we do, so there may always be another change.
            let _ = changes.changed().await;
        }
    }

    /// The tip of a branch; `None` when there is no such branch.
    pub async fn branch_head(
        &self,
        repo: &str,
        branch: &str,
    ) -> Result<Option<String>, FakeGithubError> {
        self.with(repo, async |_, repository| repository.bare.tip(branch).await).await
    }

    /// The commits of a branch, newest first.
    pub async fn commits(
        &self,
        repo: &str,
        branch: &str,
    ) -> Result<Vec<FakeCommit>, FakeGithubError> {
        self.with(repo, async |_, repository| repository.bare.log(branch).await).await
    }

    /// The patch from one revision (a branch, a commit) to another.
    pub async fn diff(&self, repo: &str, from: &str, to: &str) -> Result<String, FakeGithubError> {
        self.with(repo, async |_, repository| repository.bare.diff(from, to).await).await
    }

    /// A file at the tip of a branch; `None` when either does not exist.
    pub async fn file(
        &self,
        repo: &str,
        branch: &str,
        path: &str,
    ) -> Result<Option<String>, FakeGithubError> {
        self.with(repo, async |_, repository| repository.bare.file(branch, path).await).await
    }

    /// Somebody merges a pull request with a merge commit, whose id is the answer. Its branch stays.
    pub async fn merge(&self, repo: &str, number: u64) -> Result<String, FakeGithubError> {
        self.with(repo, async |world, repository| {
            world.merge(repository, position(repository, number)?).await
        })
        .await
    }

    /// Somebody closes a pull request without merging it.
    pub async fn close(&self, repo: &str, number: u64) -> Result<(), FakeGithubError> {
        self.change(repo, number, world::PullChange { open: Some(false), ..Default::default() })
            .await
    }

    /// Somebody opens a closed pull request again.
    pub async fn reopen(&self, repo: &str, number: u64) -> Result<(), FakeGithubError> {
        self.change(repo, number, world::PullChange { open: Some(true), ..Default::default() })
            .await
    }

    /// Somebody else commits these files on a branch, which starts at the default branch if it does not exist, and
    /// pushes. The answer is the commit.
    pub async fn push_commit(
        &self,
        repo: &str,
        branch: &str,
        files: &[(&str, &str)],
        message: &str,
    ) -> Result<String, FakeGithubError> {
        self.with(repo, async |world, repository| {
            let start = repository.bare.tip(&repository.default_branch).await?;
            let commit = repository
                .bare
                .commit(branch, start.as_deref(), files, message, MAINTAINER)
                .await?;
            world.refresh(repository).await?;
            Ok(commit)
        })
        .await
    }

    /// A stranger opens a pull request from a branch of a repository that is not this one: a fork (which may have the
    /// same owner), or, with `None`, one that was deleted since.
    pub async fn open_foreign_pull_request(
        &self,
        repo: &str,
        head_repository: Option<&str>,
        branch: &str,
    ) -> Result<FakePullRequest, FakeGithubError> {
        self.with(repo, async |world, repository| {
            let base = repository.bare.tip(&repository.default_branch).await?.unwrap_or_default();
            let now = world::now();
            let pull = FakePullRequest {
                number: repository.next_number(),
                title: "From somewhere else".to_owned(),
                body: String::new(),
                draft: false,
                state: FakePullState::Open,
                head_repository: head_repository.map(str::to_owned),
                head_branch: branch.to_owned(),
                head: base.clone(),
                base_branch: repository.default_branch.clone(),
                base,
                created_at: now,
                updated_at: now,
            };
            let at = world.add(repository, pull);
            Ok(repository.pulls[at].clone())
        })
        .await
    }

    /// Replaces the receiver of webhooks; without one they are lost.
    pub fn set_webhook(&self, target: Option<WebhookTarget>) {
        self.world.hooks.set_target(target);
    }

    /// Puts any webhook at the end of the queue.
    pub fn deliver(&self, event: &str, payload: Value) {
        self.world.hooks.enqueue(event, payload);
    }

    /// Waits until every queued webhook was sent and answered.
    pub async fn deliveries_settled(&self) {
        self.world.hooks.settled().await;
    }

    /// The webhooks that were sent, redeliveries included, in order.
    pub fn deliveries(&self) -> Vec<FakeDelivery> {
        self.world.hooks.sent()
    }

    /// Sends a webhook again, with the same id and body; `None` when there is no such one.
    pub async fn redeliver(&self, id: &str) -> Option<DeliveryAnswer> {
        self.world.hooks.redeliver(id).await
    }

    /// Sends the last webhook again; `None` when none was sent.
    pub async fn redeliver_last(&self) -> Option<DeliveryAnswer> {
        let last = self.deliveries().pop()?;
        self.redeliver(&last.id).await
    }

    async fn change(
        &self,
        repo: &str,
        number: u64,
        change: world::PullChange,
    ) -> Result<(), FakeGithubError> {
        self.with(repo, async |world, repository| {
            let at = position(repository, number)?;
            world.change(repository, at, change).map_err(|invalid| FakeGithubError::NotMergeable {
                repo: repo.to_owned(),
                number,
                reason: invalid.to_string(),
            })
        })
        .await
    }

    /// Works on a repository as it is now, pushes included, while nobody else does.
    async fn with<T>(
        &self,
        repo: &str,
        work: impl AsyncFnOnce(&World, &mut Repository) -> Result<T, FakeGithubError>,
    ) -> Result<T, FakeGithubError> {
        let slug = slug(repo)?;
        let mut repositories: Repositories<'_> = self.world.lock().await;
        let repository = repositories.get_mut(&key(&slug)).ok_or_else(|| no_repository(repo))?;
        self.world.refresh(repository).await?;
        work(&self.world, repository).await
    }
}

fn slug(repo: &str) -> Result<RepoSlug, FakeGithubError> {
    repo.parse().map_err(|_| no_repository(repo))
}

fn no_repository(repo: &str) -> FakeGithubError {
    FakeGithubError::NoRepository { repo: repo.to_owned() }
}

fn position(repository: &Repository, number: u64) -> Result<usize, FakeGithubError> {
    let repo = || repository.slug.to_string();
    repository
        .position(number)
        .ok_or_else(|| FakeGithubError::NoPullRequest { repo: repo(), number })
}

#[cfg(test)]
mod tests;
