//! The part of a run in which its commit goes to the forge (D27).

use std::time::Duration;

use patchrelay_domain::{
    CommitSha, Interruption, ObservationKind, PrState, Publication, PullRequest, RunOutcome,
    RunState, Steer, Versioned,
};
use patchrelay_ports::{CallError, OpenPullRequest, PushOrder, Pushed, Side, Step, WorkspaceError};
use tracing::{info, warn};

use super::{Halt, Progress, RunTask, ended_by_git};
use crate::{
    EngineError,
    error::chain,
    observe::{News, observe},
};

/// The first wait before publishing is tried again; doubled each time.
pub(super) const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest such wait.
pub(super) const LAST_RETRY: Duration = Duration::from_secs(60);

/// One try to publish.
enum Tried<T> {
    Done(T),
    /// A service gave no answer. What is stored lets anybody try again.
    Later {
        error: String,
        after: Option<Duration>,
    },
}

impl RunTask {
    /// Pushes the commit and opens the pull request, each exactly once, whatever an earlier try already did. An outage
    /// is waited out: the work is done and must not be done again.
    pub(super) async fn publish(
        &self,
        mut publication: Publication,
        progress: &mut Progress,
    ) -> Result<(Publication, Versioned<PullRequest>), Halt> {
        self.advance(&RunState::Publishing(publication.clone())).await?;
        let mut wait = FIRST_RETRY;
        loop {
            progress.commit = Some(publication.commit.clone());
            self.check_permission(progress).await?;
            let tried = match self.push(&mut publication).await? {
                Tried::Done(()) => self.pull_request(&publication).await?,
                Tried::Later { error, after } => Tried::Later { error, after },
            };
            match tried {
                Tried::Done(pull_request) => {
                    let state = RunState::Published {
                        publication: publication.clone(),
                        pull_request: pull_request.value.clone(),
                        version: pull_request.version,
                    };
                    self.advance(&state).await?;
                    return Ok((publication, pull_request));
                }
                Tried::Later { error, after } => {
                    warn!(run = %self.run, %error, "publishing waits");
                    tokio::select! {
                        biased;
                        // The stored state is all that the next start needs.
                        () = self.shutdown.cancelled() => return Err(Halt::Leave),
                        waited = self.pause(after.unwrap_or(wait)) => waited?,
                    }
                    wait = (wait * 2).min(LAST_RETRY);
                }
            }
        }
    }

    /// Continues what was left on a node that is gone. Its agent, its directory and its commits are there; what came to
    /// the forge before is published, and anything else has to be done again.
    pub(super) async fn go_on_from_afar(
        &self,
        state: RunState,
        progress: &mut Progress,
    ) -> Result<(Publication, Versioned<PullRequest>), Halt> {
        match state {
            RunState::Published { publication, pull_request, version } => {
                return Ok((publication, Versioned { version, value: pull_request }));
            }
            RunState::Publishing(publication) => {
                let branch = &publication.worktree.branch;
                let workspaces = &self.context.ports.workspaces;
                match self.lease.guard(workspaces.remote_branch(&self.project, branch)).await? {
                    Ok(Some(remote)) if remote.run.as_ref() == Some(&self.run) => {
                        let commit = remote.head;
                        info!(run = %self.run, %commit, "its push came through before its node was gone");
                        let publication = Publication { commit, ..publication };
                        return self.publish(publication, progress).await;
                    }
                    Ok(_) => {}
                    Err(error @ WorkspaceError::Remote { .. }) => {
                        warn!(run = %self.run, error = %chain(&error), "what was pushed cannot be seen; trying later");
                        self.pause(FIRST_RETRY).await?;
                        return Err(Halt::Leave);
                    }
                    Err(error) => return Err(Halt::with(ended_by_git(&error))),
                }
            }
            RunState::Preparing | RunState::Working { .. } | RunState::Reporting { .. } => {}
        }
        Err(Halt::with(RunOutcome::Interrupted { by: Interruption::Restart }))
    }

    /// Whether the facts, as they are now, still allow it. No webhook tells that a ticket was taken away, so it is read
    /// once more; while the tracker gives no answer, nothing is published.
    async fn check_permission(&self, progress: &Progress) -> Result<(), Halt> {
        let mut wait = FIRST_RETRY;
        loop {
            match self.read_and_steer(progress).await {
                // What humans said meanwhile waits for the next run: this one's agent is gone.
                Ok(Steer::Continue | Steer::Deliver(_)) => return Ok(()),
                Ok(Steer::Interrupt(by) | Steer::WithholdPublication(by)) => {
                    return Err(Halt::with(RunOutcome::Interrupted { by }));
                }
                Err(error) => {
                    warn!(run = %self.run, error = %chain(&error), "nothing is published before the ticket is read");
                    tokio::select! {
                        biased;
                        () = self.shutdown.cancelled() => return Err(Halt::Leave),
                        waited = self.pause(wait) => waited?,
                    }
                    wait = (wait * 2).min(LAST_RETRY);
                }
            }
        }
    }

    async fn read_and_steer(&self, progress: &Progress) -> Result<Steer, EngineError> {
        match self.context.ports.tracker.read_ticket(&self.issue).await {
            Ok(read) => {
                let news = News {
                    issue: self.issue.clone(),
                    project: self.project.id.clone(),
                    correlation: self.run.to_string(),
                    kinds: vec![ObservationKind::TicketRead {
                        version: read.version,
                        ticket: read.value,
                    }],
                    deliveries: Vec::new(),
                };
                observe(&self.context, news).await?;
            }
            Err(error) if error.is_retryable() => return Err(error.into()),
            // Hidden from us is not taken away: what is known of it counts.
            Err(error) => {
                warn!(run = %self.run, error = %chain(&error), "the ticket cannot be read");
            }
        }
        self.steer(progress).await
    }

    async fn push(&self, publication: &mut Publication) -> Result<Tried<()>, Halt> {
        let workspaces = &self.context.ports.workspaces;
        let order = PushOrder {
            project: self.project.clone(),
            commit: publication.commit.clone(),
            branch: publication.worktree.branch.clone(),
            expected_remote: publication.expected_remote.clone(),
        };
        self.reached(Step::Push, Side::Before);
        let pushed = self.lease.guard(workspaces.push(&order)).await?;
        self.reached(Step::Push, Side::After);
        match pushed {
            Ok(Pushed::Accepted) => {
                info!(run = %self.run, branch = %order.branch, commit = %order.commit, "pushed");
                Ok(Tried::Done(()))
            }
            Ok(Pushed::Moved { found }) => self.adopt(publication, found).await,
            Err(WorkspaceError::Refused { operation, reason }) => {
                Err(Halt::with(RunOutcome::NeedsInput {
                    question: format!(
                        "The work is ready, but the remote refused to {operation}: {reason}"
                    ),
                }))
            }
            Err(error @ WorkspaceError::Remote { .. }) => {
                Ok(Tried::Later { error: chain(&error), after: None })
            }
            Err(error) => Err(Halt::with(ended_by_git(&error))),
        }
    }

    /// The remote branch is not what was expected. A commit of this very run on it is an earlier try of ours.
    async fn adopt(
        &self,
        publication: &mut Publication,
        found: Option<CommitSha>,
    ) -> Result<Tried<()>, Halt> {
        let workspaces = &self.context.ports.workspaces;
        let branch = &publication.worktree.branch;
        match self.lease.guard(workspaces.remote_branch(&self.project, branch)).await? {
            Ok(Some(remote)) if remote.run.as_ref() == Some(&self.run) => {
                info!(run = %self.run, commit = %remote.head, "adopting our own earlier push");
                publication.commit = remote.head;
                self.advance(&RunState::Publishing(publication.clone())).await?;
                Ok(Tried::Done(()))
            }
            Ok(_) => {
                warn!(run = %self.run, %branch, ?found, "the branch on the remote belongs to somebody else");
                Err(Halt::with(RunOutcome::BranchTaken))
            }
            Err(error @ WorkspaceError::Remote { .. }) => {
                Ok(Tried::Later { error: chain(&error), after: None })
            }
            Err(error) => Err(Halt::with(ended_by_git(&error))),
        }
    }

    async fn pull_request(
        &self,
        publication: &Publication,
    ) -> Result<Tried<Versioned<PullRequest>>, Halt> {
        let forge = &self.context.ports.forge;
        let (repo, worktree) = (&self.project.repo, &publication.worktree);
        // Look before opening: an earlier try may have opened it and lost the answer.
        let found = match self
            .lease
            .guard(forge.find_pull_request(repo, &worktree.branch, &worktree.base_branch))
            .await?
        {
            Ok(found) => found,
            Err(error) => return later_or_ask(error),
        };
        match found {
            Some(open) if open.value.state == PrState::Open => {
                info!(run = %self.run, number = %open.value.number, "found our pull request by its branch");
                return Ok(Tried::Done(open));
            }
            // It carries exactly this commit and is already over, which only its end on the forge explains.
            Some(over) if over.value.head == publication.commit => return Ok(Tried::Done(over)),
            Some(over) => {
                info!(run = %self.run, number = %over.value.number, "the branch had a pull request that is over");
                return Err(Halt::with(RunOutcome::BranchTaken));
            }
            None => {}
        }
        let order = OpenPullRequest {
            repo: repo.clone(),
            head: worktree.branch.clone(),
            base: worktree.base_branch.clone(),
            title: publication.title.clone(),
            body: publication.body.clone(),
            draft: publication.draft,
        };
        self.reached(Step::OpenPullRequest, Side::Before);
        let opened = self.lease.guard(forge.open_pull_request(&order)).await?;
        self.reached(Step::OpenPullRequest, Side::After);
        match opened {
            Ok(opened) => {
                info!(run = %self.run, number = %opened.value.number, "opened the pull request");
                Ok(Tried::Done(opened))
            }
            Err(error) => later_or_ask(error),
        }
    }
}

fn later_or_ask<T>(error: CallError) -> Result<Tried<T>, Halt> {
    if error.is_retryable() {
        return Ok(Tried::Later { after: error.retry_after(), error: chain(&error) });
    }
    Err(Halt::with(RunOutcome::NeedsInput {
        question: format!(
            "The work is pushed, but the pull request could not be opened: {}",
            chain(&error)
        ),
    }))
}
