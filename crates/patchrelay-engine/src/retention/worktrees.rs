//! The directories of issues that are over (D26).

use std::sync::Arc;

use patchrelay_domain::{IssueFacts, IssueId, ObservationKind, Project, RunId, decide};
use patchrelay_ports::{Removed, SettledIssue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    EngineError,
    context::Context,
    error::chain,
    lease::KeptLease,
    observe::{News, observe},
};

/// How many issues are listed at once.
const PAGE: u32 = 100;

/// How far the settled issues were looked at, by this process. Forgetting it costs one more look at each.
#[derive(Debug, Default)]
pub(super) struct Worktrees {
    last: Option<SettledIssue>,
    /// Those that have to be looked at again.
    again: Vec<IssueId>,
}

/// A directory that may go.
struct Removable {
    project: Project,
    /// The run that is named as the one that left what is in it.
    run: RunId,
    path: String,
}

impl Worktrees {
    /// Removes the directories that nobody needs any more.
    pub(super) async fn sweep(
        &mut self,
        context: &Arc<Context>,
        stop: &CancellationToken,
    ) -> Result<(), EngineError> {
        for issue in std::mem::take(&mut self.again) {
            self.look_at(context, issue, stop).await;
        }
        let before = context.now().minus(context.settings.retention.worktrees);
        while !stop.is_cancelled() {
            let page = context.ports.store.settled(before, self.last.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            self.last = Some(last.clone());
            for settled in page {
                self.look_at(context, settled.issue, stop).await;
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, context: &Arc<Context>, issue: IssueId, stop: &CancellationToken) {
        let removed = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            removed = remove(context, &issue) => removed,
        };
        if let Err(error) = removed {
            warn!(%issue, error = %chain(&error), "a worktree could not be removed now");
            self.again.push(issue);
        }
    }
}

/// Removes the directory of an issue under its lease, so that no run begins to use it meanwhile.
async fn remove(context: &Arc<Context>, issue: &IssueId) -> Result<(), EngineError> {
    if removable(context, issue).await?.is_none() {
        return Ok(());
    }
    let (acquired, ttl) = (Instant::now(), context.settings.lease_ttl);
    let store = &context.ports.store;
    let Some(lease) = store.acquire(issue, &context.worker, context.now(), ttl).await? else {
        return Err(EngineError::Contended { issue: issue.clone() });
    };
    let lease = KeptLease::keep(context.clone(), lease, acquired);
    let removed = remove_under(context, issue, &lease).await;
    lease.release().await;
    removed
}

async fn remove_under(
    context: &Arc<Context>,
    issue: &IssueId,
    lease: &KeptLease,
) -> Result<(), EngineError> {
    // It may have begun to be needed before the lease was ours.
    let Some(Removable { project, run, path }) = removable(context, issue).await? else {
        return Ok(());
    };
    let removing = context.ports.workspaces.remove(&project, issue, &run, &path);
    let Ok(removed) = lease.guard(removing).await else {
        return Err(EngineError::Contended { issue: issue.clone() });
    };
    match removed? {
        Removed::Gone { rescue } => {
            let news = News {
                issue: issue.clone(),
                project: project.id,
                correlation: run.to_string(),
                kinds: vec![ObservationKind::WorktreeRemoved { path, rescue }],
                deliveries: Vec::new(),
            };
            observe(context, news).await?;
        }
        // It is another machine's, or a human was faster.
        Removed::Absent => {}
        Removed::Stays { reason } => info!(%issue, path, reason, "a worktree stays"),
    }
    Ok(())
}

async fn removable(context: &Context, issue: &IssueId) -> Result<Option<Removable>, EngineError> {
    let Some(stored) = context.ports.store.load(issue).await? else { return Ok(None) };
    let facts = stored.facts;
    let Some(project) = context.project(&facts.project) else { return Ok(None) };
    let now = context.now();
    let next = decide(&context.policy(&facts), now, &facts);
    let node = &context.worker.node;
    if !context.settings.retention.lets_go_of_worktree(now, node, &facts, &next) {
        return Ok(None);
    }
    let IssueFacts { worktree, latest_run, .. } = facts;
    let removable = worktree.zip(latest_run).map(|(path, latest)| Removable {
        project: project.clone(),
        run: latest.run,
        path,
    });
    Ok(removable)
}
