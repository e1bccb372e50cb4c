//! The project's prepare hook: it runs in the worktree of each run in which an agent works, before the agent does (D32).

use patchrelay_domain::{
    AfterHook, BranchName, Interruption, RunOutcome, RunState, RunType, Steer, Ticket, Worktree,
    after_hook, describe_hook, hook_variables,
};
use patchrelay_ports::HookOrder;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::{Halt, Progress, RunTask, ended_by_agent, ended_by_git};
use crate::error::chain;

impl RunTask {
    /// Runs the hook, if the project has one, as often as its end asks for. Whoever takes the ticket away meanwhile is
    /// heard. Until it has done what it has to, the run is not further than it was: what a crash leaves is prepared anew.
    pub(super) async fn run_hook(
        &self,
        run_type: RunType,
        ticket: &Ticket,
        worktree: &Worktree,
        trunk: &BranchName,
        progress: &Progress,
    ) -> Result<(), Halt> {
        let workspaces = &self.context.ports.workspaces;
        let found = workspaces.prepare_hook(&self.project, trunk);
        let found = self.lease.guard(found).await?;
        let Some(program) = found.map_err(|error| Halt::with(ended_by_git(&error)))? else {
            return Ok(());
        };
        let order = HookOrder {
            run: self.run.clone(),
            program,
            directory: worktree.path.clone(),
            variables: hook_variables(ticket, run_type, worktree),
            is_trusted: self.project.trust_hook,
        };
        self.store(&RunState::Preparing, &describe_hook()).await?;
        let mut tries = 0;
        loop {
            let ended = tokio::select! {
                biased;
                by = self.stopped_meanwhile(progress) => {
                    // What left the hook's process group has not ended with it. Its agent ends with the run, too.
                    if let Err(error) = self.context.ports.agent.reap(&self.run).await {
                        warn!(run = %self.run, error = %chain(&error), "leftovers of a hook could not be ended");
                    }
                    return Err(Halt::with(RunOutcome::Interrupted { by }));
                }
                ended = self.lease.guard(self.context.ports.agent.run_hook(&order)) => ended?,
            };
            let end = ended.map_err(|error| Halt::with(ended_by_agent(&error)))?;
            tries += 1;
            match after_hook(&end, tries, &self.context.settings.secrets) {
                AfterHook::Begin => return Ok(()),
                AfterHook::TryAgain { after, line } => {
                    self.store(&RunState::Preparing, &line).await?;
                    self.pause(after).await?;
                }
                AfterHook::GiveUp(outcome) => return Err(Halt::with(outcome)),
            }
        }
    }

    /// Waits until the facts or the service want the run to stop, and tells why.
    async fn stopped_meanwhile(&self, progress: &Progress) -> Interruption {
        let mut changes = self.context.woken.changes();
        // Who changes the facts may be another process, which cannot wake us. The first look is taken at once.
        let mut looks = tokio::time::interval(self.context.settings.reconcile_every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Interruption::Shutdown,
                Ok(()) = changes.changed() => {}
                _ = looks.tick() => {}
            }
            match self.steer(progress).await {
                Ok(Steer::Interrupt(by)) => return by,
                Ok(Steer::Continue | Steer::Deliver(_) | Steer::WithholdPublication(_)) => {}
                Err(error) => {
                    warn!(run = %self.run, error = %chain(&error), "a run could not be steered");
                }
            }
        }
    }
}
